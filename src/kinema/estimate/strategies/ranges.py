"""Ranges to known anchors, with odometry or without, in the anchors' own frame."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate.options import SolveOptions
from kinema.estimate.range_params import RangeParams as Params

RANK = 30
MODES: tuple[str, ...] = ("inertial",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """Ranges to anchors, where nothing places the mover on the Earth."""
    return "ranges" in recording.streams and not {"fixes", "gnss", "prepared"} & set(recording.streams)


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.ranges_solution.solve_ranges."""
    from kinema.estimate.ranges_solution import solve_ranges

    try:
        params = Params(**options.params.get("ranges", {}))
    except TypeError as error:
        raise ConfigError(f"settings of [ranges]: {error}") from None
    return solve_ranges(recording, options, params)
