"""What the names and units of loggers' columns mean: roles, and factors to SI."""

from __future__ import annotations

import re
from csv import Error as CsvError
from csv import reader as csv_reader
from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64

_SI: dict[str, tuple[float, float, str]] = {
    "km/h": (1 / 3.6, 0, "m/s"),
    "kmh": (1 / 3.6, 0, "m/s"),
    "kph": (1 / 3.6, 0, "m/s"),
    "mph": (0.44704, 0, "m/s"),
    "mps": (1, 0, "m/s"),
    "m/s": (1, 0, "m/s"),
    "kn": (1852 / 3600, 0, "m/s"),
    "kt": (1852 / 3600, 0, "m/s"),
    "knots": (1852 / 3600, 0, "m/s"),
    "kts": (1852 / 3600, 0, "m/s"),
    "ft/s": (0.3048, 0, "m/s"),
    "g": (9.80665, 0, "m/s2"),
    "m/s2": (1, 0, "m/s2"),
    "m/s^2": (1, 0, "m/s2"),
    "m/s/s": (1, 0, "m/s2"),
    "deg": (np.pi / 180, 0, "rad"),
    "degrees": (np.pi / 180, 0, "rad"),
    "°": (np.pi / 180, 0, "rad"),
    "rad": (1, 0, "rad"),
    "deg/s": (np.pi / 180, 0, "rad/s"),
    "deg/sec": (np.pi / 180, 0, "rad/s"),
    "°/s": (np.pi / 180, 0, "rad/s"),
    "rad/s": (1, 0, "rad/s"),
    "f": (5 / 9, 459.67 * 5 / 9, "K"),
    "°f": (5 / 9, 459.67 * 5 / 9, "K"),
    "c": (1, 273.15, "K"),
    ".c": (1, 273.15, "K"),
    "°c": (1, 273.15, "K"),
    "k": (1, 0, "K"),
    "ft": (0.3048, 0, "m"),
    "feet": (0.3048, 0, "m"),
    "m": (1, 0, "m"),
    "km": (1e3, 0, "m"),
    "mi": (1609.344, 0, "m"),
    "miles": (1609.344, 0, "m"),
    "mm": (1e-3, 0, "m"),
    "cm": (1e-2, 0, "m"),
    "rpm": (1, 0, "1/min"),
    "bpm": (1, 0, "1/min"),
    "1/min": (1, 0, "1/min"),
    "%": (0.01, 0, "1"),
    "bar": (1e5, 0, "Pa"),
    "psi": (6894.757, 0, "Pa"),
    "kpa": (1e3, 0, "Pa"),
    "mbar": (100, 0, "Pa"),
    "pa": (1, 0, "Pa"),
    "v": (1, 0, "V"),
    "volts": (1, 0, "V"),
    "mv": (1e-3, 0, "V"),
    "a": (1, 0, "A"),
    "w": (1, 0, "W"),
    "s": (1, 0, "s"),
    "sec": (1, 0, "s"),
    "ms": (1e-3, 0, "s"),
    "min": (60, 0, "s"),
    "hz": (1, 0, "Hz"),
    "nm": (1, 0, "N m"),
    "n": (1, 0, "N"),
    "l": (1e-3, 0, "m3"),
}

ROLES: dict[str, tuple[str, ...]] = {
    "time": (
        "time",
        "timestamp",
        "utc",
        "utctime",
        "unixtime",
        "interval",
        "elapsed",
        "elapsedtime",
        "gpstime",
        "datetime",
    ),
    "lat": ("lat", "latitude", "gpslatitude", "gpslat", "positionlat"),
    "lon": ("lon", "lng", "long", "longitude", "gpslongitude", "gpslon", "gpslong", "positionlong"),
    "height": ("altitude", "height", "alt", "ele", "elevation", "gpsaltitude", "gpsheight"),
    "speed": ("speed", "velocity", "gpsspeed", "vehiclespeed", "groundspeed", "corrspeed"),
    "heading": ("heading", "bearing", "course", "gpsheading", "cog", "track", "direction"),
    "accuracy": ("hacc", "accuracy", "gpsposaccuracy", "horizontalaccuracy", "posaccuracy", "gpsaccuracy", "hdopm"),
    "hdop": ("hdop", "gpsdop", "coordinateprecision", "dop", "gpshdop"),
    "satellites": ("sats", "satellites", "gpssats", "gpsnsat", "nsats", "lockedsatellites", "nsat", "numsv"),
    "rpm": ("rpm", "enginerpm", "enginespeed"),
    "throttle": ("throttle", "tps", "throttlepos", "throttleposition", "throttlepedal", "pps", "acceleratorpos"),
    "brake": ("brake", "brakepressure", "brk", "brakepos", "brakepress", "brakepressurefront"),
    "steering": ("steering", "steer", "steeringangle", "steerangle"),
    "gear": ("gear",),
    "heart_rate": ("hr", "heartrate", "heartratebpm"),
    "cadence": ("cad", "cadence", "runcadence"),
    "power": ("power", "watts"),
    "longitudinal_acceleration": (
        "longitudinalacc",
        "longacc",
        "gpslonacc",
        "inlineacc",
        "longitudinalacceleration",
        "gforcelong",
    ),
    "lateral_acceleration": ("lateralacc", "latacc", "gpslatacc", "lateralacceleration", "gforcelat"),
    "yaw_rate": ("yaw", "yawrate", "zrotationgyroscope", "gyroz", "gpsgyro"),
    "lap": ("lap", "lapnumber", "lapcount", "currentlap"),
}

_USUAL = {"rpm": "rpm", "heart_rate": "bpm", "cadence": "rpm", "power": "w"}
"""Units of columns that name none."""

_ROLE_OF = {name: role for role, names in ROLES.items() for name in names}

_UNIT_TAIL = re.compile(
    r"(?:[\s_]*[\[(]([^\])]*)[\])]|_(mph|kmh|kph|mps|m|deg|rad|ms|s|kn|ft|bpm|rpm|pct))\s*$", re.IGNORECASE
)


@dataclass(frozen=True)
class Column:
    """A column of a logger's table: values (n,), NaN where the row leaves it empty; `unit` as the file writes it."""

    name: str
    unit: str
    values: F64
    source: str = ""

    @property
    def role(self) -> str:
        """The role that its name tells, or the name in snake case."""
        return role_of(self.name) or re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_") or "column"

    def si(self) -> tuple[F64, str]:
        """Values in SI and the SI unit ("1" where the unit is not known)."""
        return to_si(self.values, self.unit or _USUAL.get(self.role, ""))


def to_si(values: F64, unit: str) -> tuple[F64, str]:
    """Values in SI, and the SI unit; as they are, with the unit as written, where it is not known."""
    known = _SI.get(unit.strip().lower())
    if known is None:
        return values, unit.strip() or "1"
    factor, offset, si = known
    with np.errstate(over="ignore"):
        return values * factor + offset, si


def whole(values: F64, factor: float) -> I64:
    """Values × factor, rounded to whole numbers; what is not finite becomes 0, what is too large the largest."""
    reach = 4e18 / factor
    return np.round(np.clip(np.nan_to_num(values, nan=0.0), -reach, reach) * factor).astype(np.int64)


def cells_of(line: str, delimiter: str = ",") -> list[str]:
    """The cells of one line, quotes taken off; the line as one cell where it cannot be cut (a cell without end)."""
    try:
        return next(csv_reader([line.replace("\r", "").strip("\n")], delimiter=delimiter), [])
    except CsvError:
        return [line]


def split_unit(name: str) -> tuple[str, str]:
    """A column's name without the unit it carries ("Speed (km/h)", "speed_mph", "altitude [m]"), and the unit."""
    name = name.strip().strip('"')
    match = _UNIT_TAIL.search(name)
    if not match or match.start() == 0:
        return name, ""
    unit = (match[1] if match[1] is not None else match[2]).strip()
    return name[: match.start()].strip(), "%" if unit == "pct" else unit


def role_of(name: str) -> str:
    """What a column of this name holds (a key of ROLES), or empty."""
    return _ROLE_OF.get(re.sub(r"[^a-z0-9]", "", name.lower()), "")
