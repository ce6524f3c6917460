"""What the columns of a sensor table are, by their names: times, inertial triples, wheels, steering, ranges, units.

Names are compared in lower case with underscores between their words, whatever a program puts there: "accX (m/s²)",
"w_RS_S_x [rad s^-1]", "/imu/data/linear_acceleration/x" and "field.angular_velocity.z" are all known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kinema.core.time import NS

G_MPS2 = 9.80665
FORCE_UNITS = {"mps2": 1.0, "m_s2": 1.0, "ms2": 1.0, "g": G_MPS2, "mg": G_MPS2 * 1e-3}
RATE_UNITS = {
    "radps": 1.0, "rad_s": 1.0, "rads": 1.0, "degps": np.pi / 180, "deg_s": np.pi / 180, "dps": np.pi / 180,
    "mdps": np.pi / 180e3, "degph": np.pi / 648e3,
}  # fmt: skip
SPEED_UNITS = {"mps": 1.0, "m_s": 1.0, "ms": 1.0, "kmh": 1 / 3.6, "kph": 1 / 3.6, "km_h": 1 / 3.6, "kmph": 1 / 3.6,
               "mph": 0.44704}  # fmt: skip
ANGLE_UNITS = {"rad": 1.0, "deg": np.pi / 180}
TICK_UNITS = ("ticks", "tick", "counts", "count", "pulses")
WHEEL_RATE_UNITS = ("radps", "rad_s", "rpm")
_COUNTED = {"rad": "radps", "m_s2": "mps2"}
_TIME_UNITS = {"s": NS, "sec": NS, "seconds": NS, "ms": 10**6, "us": 1000, "ns": 1}

_FORCE = ("specific_force|linear_acceleration|accelerometer_acceleration|acceleration|accelerometer|accel|acc|a_rs_s"
          "|a|f")  # fmt: skip
_RATE = "angular_velocity|angular_rate|rotation_rate|gyro_rotation|gyroscope|gyro|gyr|w_rs_s|omega|rate|g|w"
_FORCE_STEP = "delta_velocity|delta_vel|delta_v|dvel|dv|vel_inc|velocity_increment"
_RATE_STEP = "delta_theta|delta_angle|delta_ang|dtheta|dang|dth|ang_inc|angle_increment"
_IOS = "accelerometer_acceleration_"
"""Columns of CoreMotion's raw accelerometer: −1 g upwards at rest."""
_NOT_SENSED = {"user", "gravity", "reference", "ref", "true", "truth", "bias", "std", "sigma", "cov", "covariance",
               "var", "mean", "offset", "pos", "position", "vel", "orientation", "free"}  # fmt: skip
_WHEEL_PLACES = {
    "fl": "front_left", "lf": "front_left", "fr": "front_right", "rf": "front_right", "rl": "rear_left",
    "lr": "rear_left", "bl": "rear_left", "rr": "rear_right", "br": "rear_right",
}  # fmt: skip
_PLACE = r"(?:front|rear|left|right)_(?:left|right|front|rear)|fl|fr|rl|rr|lf|rf|lr|bl|br"
_WHEEL = re.compile(
    rf"(?:vehicle_|car_)?(?:wheels?|ws|odo|odometer|wheel_speeds?|vehicle_speed)?_?(?:speed_|velocity_)?"
    rf"({_PLACE})?_?(?:speed|velocity|odo)?(?:_({'|'.join((*SPEED_UNITS, *TICK_UNITS, *WHEEL_RATE_UNITS))}))?"
)
_WHEEL_WORD = re.compile(r"wheel|\bws_|odo|vehicle_speed")


class Triple(NamedTuple):
    """The x, y, z columns of a quantity, the unit in their names ("" where there is none), whether they are increments
    over the time since the row before, and whether they count the other way round, as iOS does."""

    columns: tuple[int, ...] = ()
    unit: str = ""
    increments: bool = False
    reversed: bool = False


class Wheel(NamedTuple):
    """A wheel's column, its unit and the factor to SI; a unit of TICK_UNITS counts since some start."""

    column: int
    unit: str
    factor: float


@dataclass(frozen=True)
class Layout:
    """Which column of a table is what. An empty tuple or mapping: there is none."""

    names: tuple[str, ...]
    time: tuple[int, ...]
    time_unit_ns: int
    time_said: bool
    """Whether the name of the time says its unit; else it may be told by the rate."""
    force: Triple
    rate: Triple
    wheels: dict[str, Wheel]
    steering: tuple[int, float] | None
    ranges: dict[str, int]
    odometry: tuple[tuple[int, float], tuple[int, float]] | None
    steps: tuple[tuple[int, float], tuple[int, float]] | None
    fixes: dict[str, int]

    @property
    def roles(self) -> tuple[str, ...]:
        """What a table of these columns holds."""
        if not self.time:
            return ()
        inertial = "imu" if self.force.columns and self.rate.columns else ""
        if not inertial and self.force.columns:
            inertial = "accelerometer"
        if not inertial and self.rate.columns:
            inertial = "gyroscope"
        found = {
            inertial: bool(inertial), "wheels": bool(self.wheels), "steering": self.steering is not None,
            "ranges": bool(self.ranges), "odometry": bool(self.odometry or self.steps), "fixes": bool(self.fixes),
        }  # fmt: skip
        return tuple(role for role, has in found.items() if has)


def tidy(name: str) -> str:
    """A column's name in lower case, words and unit joined by underscores."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip().strip("\"'"))
    text = re.sub(r"\bs\s*\^?-1|\bsec\b", "s^-1" if "^-1" in text else "s", text)
    text = text.lower().replace("²", "2").replace("^2", "2").replace("°", "deg").replace("µ", "u")
    text = re.sub(r"\s*\*?\s*s\s*\^?-2", "/s2", text)
    text = re.sub(r"\s*\*?\s*s\s*\^-1", "/s", text)
    text = re.sub(r"\s*/\s*s(?![a-z])", "ps", text)
    text = re.sub(r"/h(?![a-z])", "h", text)
    text = re.sub(r"[^a-z0-9]+", "_", text).strip("_").removeprefix("field_")
    # PX4 counts its axes: gyro_rad[0], accelerometer_m_s2[2]
    counted = re.fullmatch(r"(.*)_(rad|m_s2)_([012])", text)
    return f"{counted[1]}_{'xyz'[int(counted[3])]}_{_COUNTED[counted[2]]}" if counted else text


def layout_of(names: Sequence[str], units: Mapping[str, str] | None = None) -> Layout:
    """The layout of a table by its columns' names as they stand in the file; `units` are those of "force", "rate" and
    "wheels" where a name has none."""
    known = tuple(tidy(name) for name in names)
    time, unit, unit_said = _time(known)
    said = units or {}
    force, rate = _triple(known, _FORCE, _FORCE_STEP), _triple(known, _RATE, _RATE_STEP)
    force, rate = (one if one.unit else one._replace(unit=tidy(said.get(role, "")))
                   for one, role in ((force, "force"), (rate, "rate")))  # fmt: skip
    steering = _one(known, r"(?:.*_)?steer(?:ing)?(?:_wheel)?(?:_angle)?", ANGLE_UNITS)
    speeds = _pair(known, r"(?:forward_)?(?:speed|velocity)", SPEED_UNITS, r"yaw_rate|turn_rate", RATE_UNITS)
    steps = _pair(known, r"(?:delta_)?distance|step", {"m": 1.0}, r"(?:delta_)?(?:heading|turn|yaw)", ANGLE_UNITS)
    wheels = _wheels(known, tidy(said.get("wheels", "")))
    return Layout(
        known, time, unit, unit_said, force, rate, wheels, steering, _ranges(known), speeds, steps, _fixes(known)
    )


def _triple(names: tuple[str, ...], stem: str, steps: str) -> Triple:
    """The first three columns x, y, z of one stem and prefix; rates before increments."""
    for words, increments in ((stem, False), (steps, True)):
        pattern = re.compile(rf"(.*?)(?:^|(?<=_))(?:{words})_?([xyz])(?:_s|_b)?(?:_([a-z0-9_]+))?")
        found: dict[tuple[str, str], dict[str, int]] = {}
        for k, name in enumerate(names):
            match = pattern.fullmatch(name)
            if match and not _NOT_SENSED & set(match[1].split("_")):
                found.setdefault((match[1], match[3] or ""), {}).setdefault(match[2], k)
        for (_, unit), axes in found.items():
            if len(axes) == 3:
                columns = tuple(axes[axis] for axis in "xyz")
                return Triple(columns, unit, increments, names[columns[0]].startswith(_IOS))
    return Triple()


def _time(names: tuple[str, ...]) -> tuple[tuple[int, ...], int, bool]:
    """The columns of time, the nanoseconds of its unit, and whether the name says that."""
    weeks = [k for k, name in enumerate(names) if name in ("gps_week", "week", "gpsweek", "wn")]
    tows = [k for k, name in enumerate(names)
            if re.fullmatch(r"(?:gps_?)?(?:tow|sow|seconds_of_week)(?:_m?s)?", name)]  # fmt: skip
    of_week = 10**6 if tows and names[tows[0]].endswith("_ms") else NS
    if weeks and tows:
        return (weeks[0], tows[0]), of_week, True
    words = "t|ts|time|timestamp|stamp|unix|utc|gps_time|t_gps|epoch|logging_time"
    pattern = rf"(?:.*header_)?(?:{words})(?:_since_?1970|_epoch|_utc)?(?:_(s|sec|seconds|ms|us|ns))?"
    for k, name in enumerate(names):
        match = re.fullmatch(pattern, name)
        if match:
            return (k,), _TIME_UNITS[match[1] or "s"], match[1] is not None
    if "sample_time_fine" in names:
        # Xsens: ticks of 0.1 ms
        return (names.index("sample_time_fine"),), 10**5, True
    for k, name in enumerate(names):
        match = re.fullmatch(r"(?:seconds?_elapsed|elapsed|(?:.*_)?timestamp_since_?reboot)(?:_(s|ms|us|ns))?", name)
        if match:
            return (k,), _TIME_UNITS[match[1] or "s"], True
    return ((tows[0],), of_week, True) if tows else ((), NS, False)


def _wheels(names: tuple[str, ...], said: str) -> dict[str, Wheel]:
    """Columns of wheels by "front_left" … "rear_right", or "wheel" for one that names no place; without a unit in the
    name or `said` they are of unit ""."""
    found: dict[str, Wheel] = {}
    for k, name in enumerate(names):
        match = _WHEEL.fullmatch(name)
        if not match or not (_WHEEL_WORD.search(name) or (match[1] and match[2])):
            continue
        place = (match[1] or "").replace("left_front", "front_left").replace("right_front", "front_right")
        place = place.replace("left_rear", "rear_left").replace("right_rear", "rear_right")
        place = _WHEEL_PLACES.get(place, place) or "wheel"
        unit = match[2] or said
        factor = SPEED_UNITS.get(unit, {"rpm": 2 * np.pi / 60}.get(unit, 1.0))
        found.setdefault(place, Wheel(k, unit, factor))
    kinds = {_wheel_kind(one.unit) for one in found.values()}
    return found if len(kinds) == 1 else {}


def _wheel_kind(unit: str) -> str:
    return "ticks" if unit in TICK_UNITS else "turning" if unit in WHEEL_RATE_UNITS else "speed"


def _one(names: tuple[str, ...], pattern: str, units: dict[str, float]) -> tuple[int, float] | None:
    """The first column of a name with one of the units behind it, and the factor to SI."""
    for k, name in enumerate(names):
        match = re.fullmatch(rf"(?:{pattern})_({'|'.join(units)})", name)
        if match:
            return k, units[match[1]]
    return None


def _pair(
    names: tuple[str, ...], first: str, units: dict[str, float], second: str, more: dict[str, float]
) -> tuple[tuple[int, float], tuple[int, float]] | None:
    a, b = _one(names, first, units), _one(names, second, more)
    return (a, b) if a is not None and b is not None else None


def _ranges(names: tuple[str, ...]) -> dict[str, int]:
    """ "anchor" and "range", with "x", "y", "z" of the anchor where they stand in the row; else nothing."""
    words = {
        "anchor": r"anchor(?:_?id)?|beacon(?:_?id)?|responder(?:_?id)?",
        "range": r"range(?:_(?:mm|cm|m))?|distance_(?:mm|cm|m)",
        "x": r"(?:anchor|beacon)_x(?:_m)?", "y": r"(?:anchor|beacon)_y(?:_m)?", "z": r"(?:anchor|beacon)_z(?:_m)?",
    }  # fmt: skip
    found = {}
    for role, pattern in words.items():
        place = next((k for k, name in enumerate(names) if re.fullmatch(pattern, name)), None)
        if place is not None:
            found[role] = place
    return found if {"anchor", "range"} <= set(found) else {}


FIX_TRIPLES = (("pos_std_n_m", "pos_std_e_m", "pos_std_d_m"), ("vn_mps", "ve_mps", "vd_mps"),
               ("vel_std_n_mps", "vel_std_e_mps", "vel_std_d_mps"))  # fmt: skip


def _fixes(names: tuple[str, ...]) -> dict[str, int]:
    known = {name: k for k, name in enumerate(names)}
    if not {"lat_deg", "lon_deg", "height_m"} <= set(known):
        return {}
    return known if any(set(triple) <= set(known) for triple in FIX_TRIPLES[:2]) else {}
