"""Legged: joint angles, IMU and foot forces of a robot whose URDF is known."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate.legged_params import LeggedParams as Params
from kinema.estimate.options import SolveOptions

RANK = 31
MODES: tuple[str, ...] = ("inertial",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """Joints, an IMU and forces under the feet."""
    return {"joints", "imu", "foot_forces"} <= set(recording.streams)


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.legged_solution.solve_legged."""
    from kinema.estimate.legged_solution import solve_legged

    try:
        params = Params(**{**recording.settings.get("legged", {}), **options.params.get("legged", {})})
    except TypeError as error:
        raise ConfigError(f"settings of [legged]: {error}") from None
    return solve_legged(recording, options, params)
