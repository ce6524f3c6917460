"""From columns of numbers to streams: units by name or by what the values must be, increments to rates, and where
gravity points. What was found or guessed is told as an issue; what cannot be is refused with the evidence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.recording import Issue
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.streams import AnchorRanges, Imu, Series
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.sensor_clock import some
from kinema.formats.sensor_names import (
    FIX_TRIPLES,
    FORCE_UNITS,
    G_MPS2,
    RATE_UNITS,
    SPEED_UNITS,
    TICK_UNITS,
    WHEEL_RATE_UNITS,
    Layout,
    Triple,
)
from kinema.formats.trajectory import ecef_from_degrees, sound_places

MOST = 1e8
"""No height, velocity, sigma or inertial sample is larger, whatever its unit."""
FASTEST_RADPS = 150.0
"""No gyroscope of a mover measures more (8,600 °/s)."""
FASTEST_WHEELS_MPS = 140.0
"""No vehicle on wheels that uses this is faster (500 km/h)."""
_LEAST_G, _MOST_G = 8.5, 11.0
_GUESSES = (("mps2", 1.0), ("g", G_MPS2), ("mg", G_MPS2 * 1e-3))


def in_unit(values: F64, factor: float) -> F64:
    """Values times a factor; the same array where it is 1."""
    return values if factor == 1.0 else values * factor


def imu_of(source: Source, t_ns: I64, force: F64, rate: F64, layout: Layout) -> tuple[Imu, list[Issue]]:
    """Inertial samples in SI. Increments are divided by the time since the row before and put at its middle.

    Raises FormatError where the specific force is not that of gravity, or a rate is beyond any gyroscope.
    """
    issues: list[Issue] = []
    if layout.force.increments or layout.rate.increments:
        t_ns, force, rate, told = _from_increments(source, t_ns, force, rate, layout)
        issues += told
    f, told = scaled_force(source, force, Triple(unit="mps2") if layout.force.increments else layout.force)
    w, told_rate = scaled_rate(source, rate, Triple(unit="radps") if layout.rate.increments else layout.rate)
    return Imu(t_ns, f, w), [*issues, *told, *told_rate, gravity_issue_of(f, source.name)]


def _from_increments(
    source: Source, t_ns: I64, force: F64, rate: F64, layout: Layout
) -> tuple[I64, F64, F64, list[Issue]]:
    if len(t_ns) < 2:
        raise FormatError(source.path, "a single row of increments", "", "there is no interval to divide them by")
    step_ns = np.diff(t_ns)
    typical = int(np.median(step_ns))
    step_ns = np.concatenate([[typical], step_ns])
    # Behind a gap the increment is that of the usual interval: the samples between are lost.
    step_ns = np.where(step_ns > 3 * typical, typical, step_ns)
    dt = step_ns * 1e-9
    both = layout.force.increments and layout.rate.increments
    if layout.force.increments:
        force = force / dt[:, None]
    if layout.rate.increments:
        rate = rate * RATE_UNITS.get(f"{layout.rate.unit or 'rad'}ps", 1.0) / dt[:, None]
    what = "increments of velocity and angle" if both else "increments"
    detail = f"{what} over {typical * 1e-6:.4g} ms, divided by it"
    return t_ns - step_ns // 2 * both, force, rate, [Issue("increments", 1, "", source.name, detail)]


def scaled_force(source: Source, values: F64, triple: Triple) -> tuple[F64, list[Issue]]:
    """Specific force in m/s², by the unit of the columns' names or, where it says none, by its median: gravity."""
    size = float(np.median(np.sqrt((some(values) ** 2).sum(axis=1)))) if len(values) else np.nan
    unit = triple.unit
    values = -values if triple.reversed else values
    issues = [Issue("sign turned", 1, "", source.name, "iOS counts accelerations the other way round")]
    issues = issues if triple.reversed else []
    if unit and unit not in FORCE_UNITS:
        known = ", ".join(FORCE_UNITS)
        raise FormatError(source.path, f"unit '{unit}' of the force is not known", "line 1", f"use {known}")
    if unit:
        typical = size * FORCE_UNITS[unit]
        if not _LEAST_G < typical < _MOST_G:
            raise FormatError(
                source.path, f"specific force has a median of {typical:.3g} m/s² by its unit '{unit}'", "",
                _no_gravity(size),
            )  # fmt: skip
        return in_unit(values, FORCE_UNITS[unit]), issues
    for name, factor in _GUESSES:
        if _LEAST_G < size * factor < _MOST_G:
            found = Issue("unit found", 1, "", source.name, f"specific force in {name}: its median is {size:.4g}")
            return in_unit(values, factor), [*issues, found]
    raise FormatError(source.path, f"specific force has a median of {size:.3g}: neither m/s², g nor mg", "",
                      _no_gravity(size))  # fmt: skip


def _no_gravity(size: float) -> str:
    fits = next((name for name, factor in _GUESSES if _LEAST_G < size * factor < _MOST_G), "")
    if fits:
        return f"at rest it must be 9.8: the values fit {fits}; correct the unit in the column's name"
    if size < 0.5:
        return "at rest it must be 9.8: is gravity taken out of it? give the accelerometer's own samples"
    return "at rest it must be 9.8: correct the unit in the column's name"


def scaled_rate(source: Source, values: F64, triple: Triple) -> tuple[F64, list[Issue]]:
    """Rates in rad/s, by the unit of the columns' names or, where it says none, by their size."""
    size = np.sqrt((some(values) ** 2).sum(axis=1))
    unit = triple.unit
    if unit and unit not in RATE_UNITS:
        known = ", ".join(RATE_UNITS)
        raise FormatError(source.path, f"unit '{unit}' of the rate is not known", "line 1", f"use {known}")
    issues = []
    if not unit:
        unit = "degps" if len(size) and float(np.quantile(size, 0.999)) > 6.0 else "radps"
        detail = f"rate taken as {unit} by its size; a solution checks it against the course"
        issues.append(Issue("unit found", 1, "", source.name, detail))
    scaled = in_unit(values, RATE_UNITS[unit])
    middle = float(np.median(size)) * RATE_UNITS[unit] if len(size) else 0.0
    if middle > FASTEST_RADPS / 10:
        what = f"rate has a median of {middle:.3g} rad/s by its unit '{unit}'"
        fits = "the values fit degps: " if unit in ("radps", "rad_s", "rads") else ""
        raise FormatError(source.path, what, "", f"no mover turns so: {fits}correct the unit in the column's name")
    return scaled, issues


def gravity_issue_of(force_mps2: F64, source: str = "") -> Issue:
    """Where gravity points in the sensor's axes, by the median specific force: told, for mountings are found by it."""
    if not len(force_mps2):
        return Issue("axes", 1, "", source, "no sample")
    middle = np.median(some(force_mps2), axis=0)
    k = int(np.argmax(np.abs(middle)))
    axis, share = "xyz"[k], abs(float(middle[k])) / max(float(np.linalg.norm(middle)), 1e-9)
    up = f"{'+' if middle[k] > 0 else '−'}{axis}"
    lean = float(np.degrees(np.arccos(min(share, 1.0))))
    words = {"+z": "z points up", "−z": "z points down (forward-right-down, or a mounting like it)"}
    what = words.get(up, f"the sensor stands on its side: its {up} axis points up")
    lean_words = f", leaning by {lean:.0f}°" if lean > 3 else ""
    return Issue("axes", 1, "", source, f"at rest it reads {middle[k]:+.2f} m/s² on {axis}: {what}{lean_words}")


def wheels_of(source: Source, t_ns: I64, layout: Layout, columns: Mapping[int, F64]) -> Series:
    """Wheel speeds in m/s; of counters the counts ("ticks"), of turning wheels rad/s: they wait for a scale.

    Raises FormatError where their unit is not known, or makes them faster than anything on wheels.
    """
    unit = next(iter(layout.wheels.values())).unit
    known = (*SPEED_UNITS, *TICK_UNITS, *WHEEL_RATE_UNITS)
    if unit not in known:
        said = f"unit '{unit}' of the wheels is not known" if unit else "the wheels' columns name no unit"
        remedy = "write it behind their names (wheel_fl_kmh), or state units.wheels in a kinema.toml: mps, kmh, ticks …"
        raise FormatError(source.path, said, "line 1", remedy)
    value = np.stack([columns[one.column] * one.factor for one in layout.wheels.values()], axis=1)
    si = "ticks" if unit in TICK_UNITS else "rad/s" if unit in WHEEL_RATE_UNITS else "m/s"
    fastest = float(np.quantile(np.abs(value), 0.99)) if value.size else 0.0
    if si == "m/s" and fastest > FASTEST_WHEELS_MPS:
        what = f"wheels turn at {fastest:.0f} m/s by their unit '{unit}'"
        raise FormatError(source.path, what, "", "no vehicle is so fast: correct the unit in the columns' names")
    return Series(t_ns, value, si, tuple(layout.wheels))


def ranges_of(source: Source, t_ns: I64, layout: Layout, columns: Mapping[int, F64]) -> AnchorRanges:
    """Ranges with their anchors, whose places are NaN where the rows do not say them (kinema.toml may)."""
    where = layout.ranges
    number = np.round(columns[where["anchor"]]).astype(np.int64)
    names, first, index = np.unique(number, return_index=True, return_inverse=True)
    if len(names) > 10_000:
        raise FormatError(source.path, f"{len(names)} anchors", "", "is that the column of anchors?")
    place = np.full((len(names), 3), np.nan)
    if {"x", "y"} <= set(where):
        for k, axis in enumerate("xyz"):
            place[:, k] = columns[where[axis]][first] if axis in where else 0.0
    unit = layout.names[where["range"]].rpartition("_")[2]
    factor = {"cm": 0.01, "mm": 0.001}.get(unit, 1.0)
    return AnchorRanges(
        t_ns,
        index.reshape(-1).astype(np.int32),
        factor * columns[where["range"]],
        place,
        tuple(str(k) for k in names.tolist()),
    )


def odometry_of(t_ns: I64, layout: Layout, columns: Mapping[int, F64]) -> Series:
    """Distance and turn since the row before, "m, rad"; from speed and yaw rate by the trapezoid rule."""
    if layout.steps:
        (a, metre), (b, radian) = layout.steps
        value = np.stack([columns[a] * metre, columns[b] * radian], axis=1)
    else:
        assert layout.odometry is not None
        (a, metre), (b, radian) = layout.odometry
        rates = np.stack([columns[a] * metre, columns[b] * radian], axis=1)
        dt = np.diff(t_ns)[:, None] * 1e-9
        value = np.vstack([np.zeros((1, 2)), 0.5 * (rates[1:] + rates[:-1]) * dt])
    return Series(t_ns, value, "m, rad", ("distance", "turn"))


def fixes_of(
    source: Source, options: ReadOptions, t_ns: I64, known: Mapping[str, int], columns: Mapping[int, F64]
) -> tuple[Solution, list[Issue]]:
    """Positions with their stated sigmas and velocities north, east, down. Raises FormatError."""
    v = {name: columns[known[name]] for triple in FIX_TRIPLES for name in triple if name in known}
    lat, lon, h = (columns[known[name]] for name in ("lat_deg", "lon_deg", "height_m"))
    good, issues = sound_places(source, options, lat, lon)
    nowhere = (lat == 0.0) & (lon == 0.0)
    if nowhere.any() and not nowhere.all():
        what = "latitude and longitude 0: no fix; left out"
        issues.append(Issue("no place", int(nowhere.sum()), f"point {int(np.argmax(nowhere)) + 1}", source.name, what))
        good = good & ~nowhere
    if not good.all():
        t_ns, lat, lon, h = t_ns[good], lat[good], lon[good], h[good]
        v = {name: value[good] for name, value in v.items()}
    p_e_m = ecef_from_degrees(lat, lon, h)
    lat_rad, lon_rad, _ = geodetic_from_ecef(p_e_m)
    c_en = np.swapaxes(c_ne(lat_rad, lon_rad), -1, -2)
    has = [set(triple) <= set(v) for triple in FIX_TRIPLES]

    def turned(triple: tuple[str, ...]) -> F64:
        sd2 = np.stack([v[name] for name in triple], axis=1) ** 2
        return np.asarray((c_en * sd2[:, None, :]) @ np.swapaxes(c_en, -1, -2))

    nan3 = np.full((len(t_ns), 3, 3), np.nan)
    v_e = np.full((len(t_ns), 3), np.nan)
    if has[1]:
        v_e = np.einsum("nij,nj->ni", c_en, np.stack([v[name] for name in FIX_TRIPLES[1]], axis=1))
        _check_velocities(source, t_ns, p_e_m, v_e)
    solution = Solution(
        t_ns, p_e_m, turned(FIX_TRIPLES[0]) if has[0] else nan3, v_e, turned(FIX_TRIPLES[2]) if has[2] else nan3,
        status=np.full(len(t_ns), FixStatus.SINGLE, np.uint8), provenance=Provenance(sources=(source.name,)),
    )  # fmt: skip
    return solution, issues


def _check_velocities(source: Source, t_ns: I64, p_e_m: F64, v_e_mps: F64) -> None:
    """Raise FormatError where velocities have nothing to do with how the places move."""
    dt = np.diff(t_ns)[:, None] * 1e-9
    with np.errstate(invalid="ignore"):
        moved, told = np.diff(p_e_m, axis=0) / dt, 0.5 * (v_e_mps[1:] + v_e_mps[:-1])
        use = (dt[:, 0] < 2.0) & (np.linalg.norm(told, axis=1) > 3.0) & np.isfinite(moved).all(axis=1)
    if use.sum() < 20:
        return
    size = np.linalg.norm(told[use], axis=1)
    off = float(np.median(np.linalg.norm(moved[use] - told[use], axis=1) / size))
    ratio = float(np.median(np.linalg.norm(moved[use], axis=1) / size))
    if off > 0.7 and ratio > 0.3:
        what = f"its velocities are not those of its places, which move {ratio:.2f} times as fast"
        remedy = "are latitude and longitude, or north and east, swapped, or a unit wrong?"
        raise FormatError(source.path, what, "", remedy)
