"""Prepared ranges (free of atmosphere and satellite clock), with wheels and yaw rate where there are some."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate.options import SolveOptions
from kinema.estimate.prepared_params import PreparedParams as Params

RANK = 82
MODES: tuple[str, ...] = ("single",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """Prepared ranges; whoever has raw observations too is better off with those."""
    return "prepared" in recording.streams


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.prepared_solution.solve_prepared."""
    from kinema.estimate.prepared_solution import solve_prepared

    try:
        params = Params(**dict(options.params.get("prepared", {})))
    except TypeError as error:
        raise ConfigError(f"settings of [prepared]: {error}") from None
    return solve_prepared(recording, options, params)
