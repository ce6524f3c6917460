"""RTK: carrier phase against a base, causal (method "filter") or the whole recording at once ("batch", "smooth")."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.estimate.options import SolveOptions

RANK = 10
MODES: tuple[str, ...] = ("rtk",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """A rover, a base, and orbits of some kind."""
    streams = recording.streams
    return "gnss" in streams and "base" in streams and ("ephemerides" in streams or "orbits" in streams)


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.rtk_solution.solve_rtk."""
    from kinema.estimate.rtk_params import rtk_params
    from kinema.estimate.rtk_solution import solve_rtk

    return solve_rtk(recording, options, rtk_params(options.params.get("rtk", {})))
