"""Inertial: IMU with fixes, or with raw observations that give fixes, and wheels where there are some."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate.inertial_params import InertialParams as Params
from kinema.estimate.options import SolveOptions

RANK = 5
MODES: tuple[str, ...] = ("inertial",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """An IMU, and positions or what gives them."""
    streams = recording.streams
    raw = "gnss" in streams and bool({"ephemerides", "orbits"} & set(streams))
    return "imu" in streams and ("fixes" in streams or raw)


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.inertial_pieces.solve_pieces."""
    from kinema.estimate.inertial_pieces import solve_pieces

    try:
        params = Params(**{**recording.settings.get("inertial", {}), **options.params.get("inertial", {})})
    except TypeError as error:
        raise ConfigError(f"settings of [inertial]: {error}") from None
    return solve_pieces(recording, options, params)
