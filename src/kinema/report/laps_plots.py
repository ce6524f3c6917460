"""The linked plots of laps that lie over each other: time lost, motion, the logger's own channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kinema.analysis.classification import clock_text
from kinema.analysis.deltas import Trace, delta_of
from kinema.analysis.laps import Session
from kinema.core.arrays import F64
from kinema.core.streams import Series
from kinema.report.blocks.charts import Corridor, Line, Plot
from kinema.report.columns import Columns
from kinema.report.draft import robust_range

CHANNELS = 12
G = 9.80665
SHOWN_UNITS = {
    "m/s": (3.6, "km/h"),
    "rad": (180 / np.pi, "°"),
    "rad/s": (180 / np.pi, "°/s"),
    "1/min": (1.0, "/min"),
    "Pa": (1e-5, "bar"),
    "m/s2": (1 / G, "g"),
}
OF_THE_LOGGER = ("precision", "accuracy", "update_rate", "fix_type", "fragment", "gpsqual", "laptime", "predtime")
"""Words of channels that tell of the logger and not of the drive."""
FIRST_CHANNELS = ("throttle", "brake", "rpm", "gear", "steering", "heart_rate", "cadence", "power", "yaw_rate")


@dataclass(frozen=True)
class Drawn:
    """A lap on the page: its trace and the prefix of its columns."""

    trace: Trace
    key: str
    colour: str

    @property
    def label(self) -> str:
        """What the legend calls it."""
        return f"{self.short} {clock_text(self.trace.lap.time_s)}"

    @property
    def short(self) -> str:
        """The same where its time stands elsewhere."""
        return f"Lap {self.trace.lap.number}"


def delta_plot(columns: Columns, drawn: list[Drawn]) -> list[Plot]:
    """Time lost against the leader; the corridor is the 95 % of the first of the others."""
    lines: list[Line] = []
    corridors: list[Corridor] = []
    for one in drawn[1:]:
        delta = delta_of(one.trace, drawn[0].trace)
        columns.add(f"{one.key}.delta", delta.delta_s, unit="s", quantum=5e-4)
        lines.append(Line(f"{one.key}.delta", one.label, one.key, one.colour))
        if not corridors:
            columns.add(f"{one.key}.delta.sigma", delta.sigma_s, unit="s", quantum=5e-4)
            corridors.append(Corridor(f"{one.key}.delta.sigma", "95 %", f"{one.key}.delta", 1.96, one.key, one.colour))
    return (
        [Plot(f"Time lost against lap {drawn[0].trace.lap.number}", "s", lines, corridors, zero=True, height_px=170)]
        if lines
        else []
    )


def motion_plots(columns: Columns, drawn: list[Drawn]) -> list[Plot]:
    """Speed, forces and the line driven."""
    kinds: tuple[tuple[str, str, str, int, Callable[[Trace], F64]], ...] = (
        ("speed", "Speed", "km/h", 200, lambda trace: trace.speed_mps * 3.6),
        ("along", "Along", "g", 120, lambda trace: trace.along_mps2 / G),
        ("across", "Across, left positive", "g", 120, lambda trace: trace.across_mps2 / G),
        ("d", "Line, left of the middle", "m", 120, lambda trace: trace.d_m),
    )
    if len(drawn) == 1:
        kinds = kinds[:3]  # the middle of the course would be the lap itself
    return [
        Plot(
            name,
            unit,
            [Line(f"{o.key}.{column}", o.short, o.key, o.colour) for o in drawn],
            robust=robust_range(*(values(o.trace) for o in drawn)),
            height_px=height,
            zero=unit != "km/h",
        )
        for column, name, unit, height, values in kinds
    ]


def channel_plots(columns: Columns, session: Session, drawn: list[Drawn]) -> list[Plot]:
    """The logger's own channels, those that drivers look at first."""
    streams = session.recording.streams if session.recording else {}
    names = [
        n
        for n, s in streams.items()
        if isinstance(s, Series) and s.value.ndim == 1 and n not in ("speed", "device_lap_times")
    ]
    names.sort(key=lambda n: FIRST_CHANNELS.index(n) if n in FIRST_CHANNELS else len(FIRST_CHANNELS))
    plots: list[Plot] = []
    for name in names:
        if len(plots) == CHANNELS:
            break
        series = streams[name]
        if not _worth_a_plot(name, series):
            continue
        factor, unit = SHOWN_UNITS.get(series.unit, (1.0, "" if series.unit == "1" else series.unit))
        if series.unit == "K":
            factor, unit = 1.0, "K"
        if name in ("throttle", "brake") and series.unit == "1":
            factor, unit = 100.0, "%"
        for one in drawn:
            columns.add(f"{one.key}.{name}", _on_trace(series, one.trace) * factor, unit=unit)
        title = name.replace("_", " ").capitalize()
        plots.append(
            Plot(title, unit, [Line(f"{o.key}.{name}", o.short, o.key, o.colour) for o in drawn], height_px=110)
        )
    return plots


def _worth_a_plot(name: str, series: Series) -> bool:
    """Whether a channel changes, is no counter or odometer, and tells of the drive."""
    step = np.diff(series.value[np.isfinite(series.value)])
    grows = bool((step >= 0).all()) and len(step) > 100
    return bool(step.any()) and not grows and not any(word in name for word in OF_THE_LOGGER)


def _on_trace(series: Series, trace: Trace) -> F64:
    t = (series.t_ns - trace.lap.t0_ns) * 1e-9
    return np.interp(trace.t_s, t, series.value, left=np.nan, right=np.nan)
