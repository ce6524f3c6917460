"""What an inertial solution tells of its sensors: calibration over time and at its end, innovations, outages.

A solution carries a calibration state as a channel NAME and its standard deviation as NAME_sigma, innovations over
their sigma as innovation_NAME, and normalised innovations squared as nis_NAME (estimate/inertial_channels.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinema.analysis.judgement import Score
from kinema.core.arrays import F64
from kinema.core.solution import Channel
from kinema.report.blocks.base import Block
from kinema.report.blocks.charts import Corridor, Line, Plot
from kinema.report.blocks.tables import Cell, Row, Table
from kinema.report.draft import Draft, robust_range
from kinema.report.page import Section
from kinema.report.plots import errors_at
from kinema.report.words import duration, length

SIGMA = "_sigma"
COLOURS = ("--c1", "--c3", "--c5")
CHI2_95 = {1: 3.841, 2: 5.991, 3: 7.815}
"""95 % of a chi-square variable with so many degrees of freedom is below."""
STILL = 0.05
"""A state that moves by less than this share of its sigma, as most do in hindsight, is told but not drawn."""
FINE_RADPS = np.radians(0.02)
"""Rates below are told in degrees per hour."""


@dataclass(frozen=True)
class Family:
    """Calibration states that are drawn in one plot: title, its short form, shown unit and factor to it, channels with
    their labels. `centred` draws them from their last value: angles far apart would flatten each other."""

    title: str
    short: str
    unit: str
    factor: float
    members: tuple[tuple[str, str], ...]
    centred: bool = False

    def present(self, channels: Mapping[str, Channel]) -> list[tuple[str, str]]:
        """The members that the solution has."""
        return [one for one in self.members if one[0] in channels and np.isfinite(channels[one[0]].value).any()]


_XYZ, _TURNS = ("x", "y", "z"), ("roll", "pitch", "yaw")
FAMILIES = (
    Family("Gyroscope bias", "Gyro bias", "°/s", 180 / np.pi, tuple((f"gyro_bias_{a}", a) for a in _XYZ)),
    Family("Accelerometer bias", "Accel bias", "mg", 1e3 / 9.80665, tuple((f"accel_bias_{a}", a) for a in _XYZ)),
    Family(
        "Mounting of the IMU",
        "Mounting",
        "°",
        180 / np.pi,
        tuple((f"mounting_{a}", a) for a in ("roll", "pitch", "yaw")),
        True,
    ),
    Family("Antenna from the IMU", "Antenna", "m", 1.0, tuple((f"lever_{a}", a) for a in ("forward", "right", "down"))),
    Family("Time offset of the IMU", "Time offset", "ms", 1e3, (("time_offset", "to GPS time"),)),
    Family("Wheel scale", "Wheel scale", "%", 100.0, (("wheel_scale", "scale"),)),
    Family("Gyroscope scale", "Gyro scale", "%", 100.0, tuple((f"gyro_scale_{a}", a) for a in _XYZ)),
    Family("Gyroscope, error per turning", "Gyro, of turning", "%", 100.0, tuple((f"gyro_turn_{a}", a) for a in _XYZ)),
    Family("Rear axle ahead of the IMU", "Rear axle", "m", 1.0, (("axle", "axle"),)),
    Family("Slip of the rear tyres", "Tyre slip", "°/(m/s²)", 180 / np.pi, (("tyre_slip", "slip"),)),
)
SENSORS = {
    "nis_position": "Fixes, position", "nis_velocity": "Fixes, velocity", "nis_range": "Ranges",
    "innovation_sideways": "No slip sideways", "innovation_vertical": "No lift off the road",
    "innovation_wheels": "Wheels", "innovation_road": "Road met again",
    "nis_code": "Code", "nis_doppler": "Doppler", "nis_phase": "Carrier phase",
}  # fmt: skip


def is_own(name: str, channels: Mapping[str, Channel]) -> bool:
    """Whether a channel is shown here rather than among the others: innovations, and states that have a sigma."""
    state = name.removesuffix(SIGMA)
    return name.startswith(("nis_", "innovation_")) or (state in channels and state + SIGMA in channels)


def families_of(channels: Mapping[str, Channel]) -> list[Family]:
    """The families that a solution has, and one for each state with a sigma that is in none of them."""
    found = [family for family in FAMILIES if family.present(channels)]
    known = {member for family in FAMILIES for member, _ in family.members}
    for name, channel in channels.items():
        if name + SIGMA in channels and name not in known and np.isfinite(channel.value).any():
            title = name.replace("_", " ").capitalize()
            unit, factor = ("°", 180 / np.pi) if channel.unit == "rad" else (channel.unit, 1.0)
            found.append(Family(title, title, unit, factor, ((name, channel.label or title),)))
    return found


def inertial_sections(draft: Draft, score: Score | None) -> list[Section]:
    """Sections of outages, innovations and calibration; none for a solution without such channels."""
    channels = draft.motion.solution.channels
    sections = []
    outages = outage_table(draft, score)
    if outages:
        sections.append(Section("Through the outages", [outages]))
    told = [name for name in channels if name.startswith(("nis_", "innovation_"))]
    if told:
        table, *plots = _innovations(draft, told)
        sections.append(Section("What each sensor said against the trajectory", plots, "split", [table]))
    found = calibration_table(channels)
    if found is not None:
        drawn: list[Block] = [plot for one in families_of(channels) if (plot := _plot(draft, one)) is not None]
        title = "What was found of the sensors"
        sections.append(Section(title, drawn, "split", [found]) if drawn else Section(title, [found]))
    return sections


def _scaled(family: Family, channels: Mapping[str, Channel]) -> tuple[float, str]:
    """Factor and unit; small rates per hour."""
    values = [np.nanmax(np.abs(channels[name].value)) for name, _ in family.present(channels)]
    if family.unit == "°/s" and values and max(values) < FINE_RADPS:
        return family.factor * 3600, "°/h"
    return family.factor, family.unit


def _plot(draft: Draft, family: Family) -> Plot | None:
    """Lines with their 95 % corridors; none where nothing of it changes over time."""
    channels, columns = draft.motion.solution.channels, draft.columns
    factor, unit = _scaled(family, channels)
    lines, bands, spread = [], [], []
    for (name, label), colour in zip(family.present(channels), COLOURS, strict=False):
        value, sigma = channels[name].value * factor, channels.get(name + SIGMA)
        moves = float(np.nanmax(value) - np.nanmin(value))
        width = sigma.value * factor if sigma is not None else np.zeros(len(value))
        narrows = float(np.nanmax(width) - np.nanmin(width))
        widest = float(np.nanmax(width))
        if moves <= STILL * widest and narrows <= STILL * widest:
            continue
        shown = value - last_of(value) if family.centred else value
        columns.add(f"channel.{name}", shown, unit=unit, label=f"{family.title}, {label}")
        lines.append(Line(f"channel.{name}", label, colour=colour))
        spread.append(shown)
        if sigma is not None:
            columns.add(f"channel.{name}{SIGMA}", width, unit=unit, label=f"σ {label}")
            bands.append(Corridor(f"channel.{name}{SIGMA}", "± 95 %", f"channel.{name}", colour=colour))
    if not lines:
        return None
    title = f"{family.title}, from its last value" if family.centred else family.title
    return Plot(title, unit, lines, bands, robust_range(*spread), family.centred, 140)


def last_of(value: F64) -> float:
    """The last number of a column."""
    finite = value[np.isfinite(value)]
    return float(finite[-1]) if len(finite) else float("nan")


def calibration_table(channels: Mapping[str, Channel]) -> Table | None:
    """Each calibration state at the end with its ± of 95 %, and how far it went on the way."""
    rows: list[Row] = []
    for family in families_of(channels):
        factor, unit = _scaled(family, channels)
        present = dict(family.present(channels))
        cells = [_found(channels, name, factor) if name in present else Cell("–") for name, _ in family.members]
        rows.append([f"{family.short}, {unit}", *cells, *[Cell("")] * (3 - len(cells))])
    if not rows:
        return None
    note = "At the end; ± is 95 %. Mounting turns the sensor to forward, right, down; antenna from the IMU."
    headings = ("", "x, roll, fwd", "y, pitch, right", "z, yaw, down")
    return Table("Calibration", headings, rows, note)


def _found(channels: Mapping[str, Channel], name: str, factor: float) -> Cell:
    """The last value of a state and its ± of 95 %."""
    last, sigma = last_of(channels[name].value * factor), channels.get(name + SIGMA)
    known = 1.96 * last_of(sigma.value * factor) if sigma is not None else float("nan")
    digits = _digits(known if known > 0 else max(abs(last), 1e-9))
    text = f"{last:+.{digits}f}".replace("-", "\u2212")
    return Cell(text, last, f"{known:.{digits}f}" if known > 0 else "")


def _digits(scale: float) -> int:
    """Decimals that show two digits of a scale."""
    return int(np.clip(1 - np.floor(np.log10(scale)), 0, 6)) if np.isfinite(scale) and scale > 0 else 3


def _innovations(draft: Draft, names: Sequence[str]) -> list[Block]:
    """A table of all sensors, innovations over their sigma, normalised innovations squared."""
    channels, columns = draft.motion.solution.channels, draft.columns
    n = len(draft.motion.t_s)
    blocks: list[Block] = [innovation_table({name: channels[name] for name in names})]
    for prefix, title, log in (
        ("innovation_", "Innovations over their sigma", False),
        ("nis_", "Innovations squared", True),
    ):
        members = [name for name in names if name.startswith(prefix)]
        if not members:
            continue
        lines = []
        for name, colour in zip(members, ("--c1", "--c5", "--c3", "--c4"), strict=False):
            columns.add(f"channel.{name}", channels[name].value, label=name_of(name))
            lines.append(Line(f"channel.{name}", name_of(name), colour=colour, style="dots"))
        for bound in _bounds([channels[name] for name in members], log):
            column = f"bound.{prefix}{bound:g}"
            columns.add(column, np.full(n, bound), label="95 %")
            lines.append(Line(column, "95 %" if bound > 0 else "−95 %", colour="--ink", dash=True))
        limits = robust_range(*(channels[name].value for name in members))
        if limits and not log:
            limits = (min(limits[0], -2.2), max(limits[1], 2.2))
        words = "normalised" if log else "σ"
        blocks.append(Plot(title, words, lines, (), limits, not log, 170, log=log))
    return blocks


def _bounds(members: Sequence[Channel], squared: bool) -> list[float]:
    """Where 95 % of the values should be within."""
    if not squared:
        return [-1.96, 1.96]
    whole = [one for one in members if "mean of" not in one.label]
    freedoms = {freedom for one in whole if (freedom := _freedom(one)) in CHI2_95}
    return [CHI2_95[one] for one in sorted(freedoms)]


def _freedom(channel: Channel) -> int:
    """Degrees of freedom that a channel's label names; 1 of a mean over rows, 0 where nothing is said."""
    if "mean of" in channel.label:
        return 1
    found = re.search(r"(\d) degrees? of freedom", channel.label)
    return int(found[1]) if found else 0


def name_of(name: str) -> str:
    """What a person calls the measurements of a channel of innovations."""
    words = name.partition("_")[2].replace("_", " ")
    return SENSORS.get(name, words[:1].upper() + words[1:])


def innovation_table(channels: Mapping[str, Channel]) -> Table:
    """Per sensor: how often it was heard, its mean squared innovation over the expected, how many lie beyond 95 %."""
    rows: list[Row] = []
    for name, channel in channels.items():
        value = channel.value[np.isfinite(channel.value)]
        if not len(value):
            continue
        squared = name.startswith("nis_")
        freedom = _freedom(channel) if squared else 1
        nis = value if squared else value**2
        row: list[str | Cell] = [name_of(name), Cell(str(len(value)), len(value))]
        if freedom:
            ratio = float(nis.mean()) / freedom
            beyond = float((nis > CHI2_95[freedom]).mean())
            # The mean over many rows has no such tail.
            tail = Cell("–") if "mean of" in channel.label else Cell(f"{100 * beyond:.1f} %", beyond)
            row += [Cell(f"{ratio:.2f}", ratio), tail]
        else:
            row += [Cell("–"), Cell("–")]
        rows.append([*row, Cell(f"{np.sqrt(nis.max()):.1f} σ", float(nis.max()))])
    note = (
        "Mean over expected: 1 where the stated noise is right, below where it is stated too large. Beyond 95 %: 5 %."
    )
    headings = ("Sensor", "Measured", "Mean over expected", "Beyond 95 %", "Largest")
    return Table("Innovations", headings, rows, note)


def outage_spans(draft: Draft) -> Iterator[tuple[float, float]]:
    """Stretches of dead reckoning of at least a second (s, s)."""
    yield from (span for span in draft.motion.bridged if span[1] - span[0] >= 1.0)


def outage_table(draft: Draft, score: Score | None) -> Table | None:
    """Each stretch without satellites: when, how long, how far, what was stated at its worst, and the error."""
    motion = draft.motion
    spans = sorted(outage_spans(draft), key=lambda span: span[0] - span[1])[:60]
    if not spans or not motion.has_uncertainty:
        return None
    error = np.hypot(*errors_at(score, motion.solution.t_ns)[:, :2].T) if score is not None else None
    rows: list[Row] = []
    for start, stop in sorted(spans):
        k = np.flatnonzero((motion.t_s >= start) & (motion.t_s <= stop))
        steps = np.hypot(*np.diff(motion.p_n_m[k, :2], axis=0).T)
        driven = float(np.nansum(np.where(steps < 1e4, steps, 0.0)))
        worst = float(np.nanmax(motion.radius_95_m[k], initial=0.0))
        share = 100 * worst / driven if driven > 1 else float("nan")
        row: list[str | Cell] = [
            Cell(duration(start), start), Cell(f"{stop - start:.1f} s", stop - start), Cell(length(driven), driven),
            Cell(length(worst), worst), Cell(f"{share:.2f} %" if np.isfinite(share) else "–", share),
        ]  # fmt: skip
        if error is not None:
            most = float(np.nanmax(error[k], initial=0.0))
            row.append(Cell(length(most), most))
        rows.append(row)
    headings = ["From", "Length", "Driven", "Stated 95 %, worst", "of distance"]
    headings += ["Error, worst"] if error is not None else []
    return Table("Dead-reckoned stretches", headings, rows, "From: since the begin of the recording.")
