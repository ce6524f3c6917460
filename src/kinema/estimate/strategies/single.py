"""Single point: code, Doppler and carrier changes of one receiver, smoothed over the whole recording."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate.options import SolveOptions
from kinema.estimate.single_params import Params

RANK = 80
MODES: tuple[str, ...] = ("single",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """Observations, and orbits of some kind."""
    return "gnss" in recording.streams and ("ephemerides" in recording.streams or "orbits" in recording.streams)


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.single_solution.solve_single."""
    from kinema.estimate.single_solution import solve_single

    try:
        params = Params(**dict(options.params.get("single", {})))
    except TypeError as error:
        raise ConfigError(f"settings of [single]: {error}") from None
    return solve_single(recording, options, params)
