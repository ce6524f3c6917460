"""Ranges: odometry and ranges to known anchors, in the anchors' own plane."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate.options import SolveOptions
from kinema.estimate.range_params import RangeParams as Params

RANK = 30
MODES: tuple[str, ...] = ("inertial",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """Ranges with anchors, and odometry."""
    return {"ranges", "odometry"} <= set(recording.streams)


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.planar_ranges.solve_ranges."""
    from kinema.estimate.planar_ranges import solve_ranges

    try:
        params = Params(**options.params.get("ranges", {}))
    except TypeError as error:
        raise ConfigError(f"settings of [ranges]: {error}") from None
    return solve_ranges(recording, options, params)
