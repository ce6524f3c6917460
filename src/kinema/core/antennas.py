"""Phase centres of antennas, of satellites and receivers: mean offsets and what varies with direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from kinema.core.arrays import F64, gate
from kinema.errors import DataError

ALWAYS_NS = (-(1 << 62), 1 << 62)


@dataclass(frozen=True)
class AntennaModel:
    """One calibrated antenna: by frequency code ("G01", "E05": system and band) an offset and a pattern.

    offset_m (3,): of a satellite along body x, y, z from its centre of mass, of a receiver's antenna north, east, up
    from its reference point. pattern_m (azimuths or 1, zeniths) is added to the geometric distance to the mean phase
    centre, at angles azimuth_deg (clockwise from north; one value where the pattern has no azimuths) and zenith_deg
    (of a satellite: from nadir). `valid_ns` is the GPS time that it holds for, both ends within.
    """

    name: str
    offset_m: Mapping[str, F64]
    pattern_m: Mapping[str, F64]
    zenith_deg: F64
    azimuth_deg: F64
    valid_ns: tuple[int, int] = ALWAYS_NS
    serial: str = ""

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("zenith_deg", "azimuth_deg"):
            angles = gate(f"AntennaModel.{name}", getattr(self, name), np.float64, (None,), finite=True)
            if not len(angles) or (np.diff(angles) <= 0).any():
                raise DataError(f"AntennaModel.{name}", "increasing angles", f"{len(angles)} that are not")
            put(self, name, angles)
        if self.offset_m.keys() != self.pattern_m.keys():
            raise DataError("AntennaModel.pattern_m", ", ".join(self.offset_m), ", ".join(self.pattern_m))
        shapes: dict[str, tuple[int, ...]] = {
            "offset_m": (3,),
            "pattern_m": (len(self.azimuth_deg), len(self.zenith_deg)),
        }
        for name, shape in shapes.items():
            values = {
                code: gate(f"AntennaModel.{name}", value, np.float64, shape, finite=True)
                for code, value in getattr(self, name).items()
            }
            put(self, name, MappingProxyType(values))


@dataclass(frozen=True)
class Antennas:
    """Models by satellite identifier (core.satellites), several over time, and of receivers' antennas."""

    satellites: Mapping[int, tuple[AntennaModel, ...]]
    receivers: tuple[AntennaModel, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "satellites", MappingProxyType(dict(self.satellites)))

    def satellite(self, sat: int, t_ns: int) -> AntennaModel | None:
        """The model of a satellite at a GPS time, or None."""
        models = self.satellites.get(sat, ())
        return next((one for one in models if one.valid_ns[0] <= t_ns <= one.valid_ns[1]), None)

    def receiver(self, name: str) -> AntennaModel | None:
        """The model of a type with its radome ("ASH701945E_M    SCIS", however many blanks; none means NONE)."""
        return self._by_type.get(antenna_key(name))

    @cached_property
    def _by_type(self) -> dict[tuple[str, str], AntennaModel]:
        """Mean calibrations of a type go before those of single pieces."""
        ordered = sorted(self.receivers, key=lambda one: not one.serial)
        return {antenna_key(one.name): one for one in ordered}


def antenna_key(name: str) -> tuple[str, str]:
    """Type and radome of an antenna as IGS names it: the type in 16 columns, then the radome."""
    words = name.upper().split()
    if len(words) > 1 and len(words[-1]) == 4:
        return " ".join(words[:-1]), words[-1]
    return " ".join(words), "NONE"
