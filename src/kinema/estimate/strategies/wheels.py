"""Fixes, or raw observations that give them, carried on by wheels where there is no IMU."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate.options import SolveOptions
from kinema.estimate.prepared_params import PreparedParams as Params

RANK = 6
MODES: tuple[str, ...] = ("inertial",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """Wheels or odometry, no IMU, and positions on the Earth or what gives them."""
    streams = recording.streams
    raw = "gnss" in streams and bool({"ephemerides", "orbits"} & set(streams))
    return "imu" not in streams and bool({"wheels", "odometry"} & set(streams)) and ("fixes" in streams or raw)


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.planar_fixes.solve_with_wheels."""
    from kinema.estimate.planar_fixes import solve_with_wheels

    try:
        params = Params(**dict(options.params.get("wheels", {})))
    except TypeError as error:
        raise ConfigError(f"settings of [wheels]: {error}") from None
    return solve_with_wheels(recording, options, params)
