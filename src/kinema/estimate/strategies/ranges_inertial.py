"""Ranges to known anchors with an IMU on the same body, without wheels, in the anchors' own frame."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate.inertial_params import InertialParams
from kinema.estimate.options import SolveOptions
from kinema.estimate.range_params import RangeParams as Params

RANK = 29
MODES: tuple[str, ...] = ("inertial",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """Ranges to anchors and an IMU, no wheels, and nothing that places the mover on the Earth."""
    streams = set(recording.streams)
    return {"ranges", "imu"} <= streams and not {"fixes", "gnss", "prepared", "odometry", "wheels"} & streams


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.ranges_inertial.solve_ranges_inertial."""
    from kinema.estimate.ranges_inertial import solve_ranges_inertial

    try:
        params = Params(**options.params.get("ranges", {}))
        inertial = InertialParams(**{**recording.settings.get("inertial", {}), **options.params.get("inertial", {})})
    except TypeError as error:
        raise ConfigError(f"settings of [ranges] or [inertial]: {error}") from None
    return solve_ranges_inertial(recording, options, params, inertial)
