"""Tightly coupled: IMU with raw observations, and wheels where there are some."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate.inertial_params import InertialParams
from kinema.estimate.options import SolveOptions
from kinema.estimate.tight_params import TightParams as Params

RANK = 4
MODES: tuple[str, ...] = ("inertial",)


def applies(recording: Recording, options: SolveOptions) -> bool:
    """An IMU and raw observations with orbits, no fixes given, and not [tight] coupling = "loose"."""
    streams = recording.streams
    raw = "gnss" in streams and bool({"ephemerides", "orbits"} & set(streams))
    return "imu" in streams and raw and "fixes" not in streams and _settings(recording, options).coupling == "tight"


def _settings(recording: Recording, options: SolveOptions) -> Params:
    try:
        params = Params(**{**recording.settings.get("tight", {}), **options.params.get("tight", {})})
    except TypeError as error:
        raise ConfigError(f"settings of [tight]: {error}") from None
    if params.coupling not in ("tight", "loose"):
        raise ConfigError(f'settings of [tight]: coupling \'{params.coupling}\'; it is "tight" or "loose"')
    return params


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """See estimate.tight_solution.solve_tight."""
    from kinema.estimate.tight_solution import solve_tight

    try:
        params = InertialParams(**{**recording.settings.get("inertial", {}), **options.params.get("inertial", {})})
    except TypeError as error:
        raise ConfigError(f"settings of [inertial]: {error}") from None
    return solve_tight(recording, options, params, _settings(recording, options))
