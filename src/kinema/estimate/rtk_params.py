"""Settings of RTK, filter and batch alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import radians
from typing import Any

from kinema.errors import ConfigError


@dataclass(frozen=True)
class RtkParams:
    """Sigmas are of one receiver at zenith and 45 dB-Hz; the model makes differences and low elevations worse."""

    elevation_mask_rad: float = radians(10.0)
    cn0_mask_dbhz: float = 25.0
    max_age_s: float = 30.0
    ageing_mps: float = 0.002
    """How fast the base's data lose their worth."""
    code_sigma_m: float = 0.35
    lasting_factor: float = 1.5
    """How much larger a code's sigma counts because its errors last longer than an epoch; not in instantaneous mode."""
    young_factor: float = 3.0
    """The same for a satellite whose carrier arcs have only just begun."""
    phase_sigma_m: float = 0.003
    doppler_sigma_mps: float = 0.05
    accel_psd_m2ps3: float = 10.0
    """White acceleration of the mover, per axis."""
    arc_gap_s: float = 5.0
    geometry_free_step_m: float = 0.05
    time_difference_step_m: float = 0.05
    fix_elevation_rad: float = radians(12.0)
    success_rate: float = 0.999
    ratio: float = 2.0
    confirm_epochs: int = 3
    """Epochs that must agree before integers are held."""
    floor_m: float = 0.004
    """What multipath and antennas do to a single-differenced ambiguity for as long as its arc lasts."""
    ionosphere_ppm: float = 0.7
    """Sigma of a satellite's own differential ionosphere at zenith per length beyond `ionosphere_from_m`."""
    shared_ionosphere_ppm: float = 1.8
    """The same of what all satellites share."""
    zenith_ppm: float = 0.5
    """Sigma of the difference of the zenith wet delays per length of the baseline."""
    ionosphere_from_m: float = 3000.0
    """Shorter baselines carry no ionosphere states: multipath, constant for minutes, would fill them."""


def rtk_params(given: Mapping[str, Any]) -> RtkParams:
    """The settings, changed by `given` (SolveOptions.params["rtk"]). Raises ConfigError for unknown names."""
    known = {field.name for field in fields(RtkParams)}
    for name in given:
        if name not in known:
            raise ConfigError(f"rtk has no setting '{name}'; it has {', '.join(sorted(known))}")
    return RtkParams(**given)
