"""Settings of PPP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import radians
from typing import Any

from kinema.errors import ConfigError


@dataclass(frozen=True)
class PppParams:
    """Sigmas are ionosphere-free, at zenith."""

    elevation_mask_rad: float = radians(8.0)
    code_sigma_m: float = 1.0
    phase_sigma_m: float = 0.006
    zenith_walk_m2ps: float = 3e-9
    gradient_walk_m2ps: float = 5e-11
    ambiguity_drift_m2ps: float = 0.0
    arc_gap_s: float = 120.0
    geometry_free_step_m: float = 0.08
    wide_lane_step_cyc: float = 2.5
    glonass_code_factor: float = 5.0
    fix: bool = True
    """Resolve integers where the products allow it."""


def ppp_params(given: Mapping[str, Any]) -> PppParams:
    """The settings, changed by `given`. Raises ConfigError for unknown names."""
    known = {field.name for field in fields(PppParams)}
    for name in given:
        if name not in known:
            raise ConfigError(f"ppp has no setting '{name}'; it has {', '.join(sorted(known))}")
    return PppParams(**given)
