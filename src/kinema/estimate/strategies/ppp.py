"""PPP: code and carrier of one receiver on precise orbits and clocks."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.estimate.options import SolveOptions

RANK = 20
MODES: tuple[str, ...] = ("ppp",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """Observations and SP3 orbits; without being asked for, clocks too."""
    streams = recording.streams
    return "gnss" in streams and "orbits" in streams and ("clocks" in streams or options.mode == "ppp")


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.ppp_solution.solve_ppp."""
    from kinema.estimate.ppp_params import ppp_params
    from kinema.estimate.ppp_solution import solve_ppp

    return solve_ppp(recording, options, ppp_params(options.params.get("ppp", {})))
