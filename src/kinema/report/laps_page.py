"""The page of a lap session: the best lap and up to five others over each other, gains, corners, sectors, lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinema.analysis.classification import clock_text
from kinema.analysis.corners import CornerDelta, advice, corner_deltas, corners_of, offsets_of_laps
from kinema.analysis.deltas import STEP_M, Trace, delta_of, trace_of
from kinema.analysis.laps import Session
from kinema.core.arrays import F64
from kinema.core.event import Lap
from kinema.core.streams import Series
from kinema.core.time import iso_utc
from kinema.errors import DataError
from kinema.report.blocks.base import Axis, Track
from kinema.report.blocks.charts import Corridor, Line, Plot
from kinema.report.blocks.drawing import GG, Cloudlet, Histogram
from kinema.report.blocks.map import Colouring, Map
from kinema.report.blocks.tables import Cell, Table
from kinema.report.blocks.text import Figure, Notes, Summary
from kinema.report.columns import Columns
from kinema.report.page import Page, Section

OVERLAYS, CHANNELS = 6, 12
G = 9.80665
SHOWN_UNITS = {
    "m/s": (3.6, "km/h"),
    "rad": (180 / np.pi, "°"),
    "rad/s": (180 / np.pi, "°/s"),
    "1/min": (1.0, "/min"),
    "Pa": (1e-5, "bar"),
    "m/s2": (1 / G, "g"),
}
FIRST_CHANNELS = ("throttle", "brake", "rpm", "gear", "steering", "heart_rate", "cadence", "power", "yaw_rate")


@dataclass(frozen=True)
class _Drawn:
    """A lap on the page: its trace and the prefix of its columns."""

    trace: Trace
    key: str
    colour: str

    @property
    def label(self) -> str:
        """What the legend calls it."""
        return f"Lap {self.trace.lap.number} {clock_text(self.trace.lap.time_s)}"


def laps_page(session: Session, numbers: Sequence[int] = (), title: str | None = None) -> Page:
    """The page of a session. `numbers`: up to six laps to lay over each other, the first leads; by default the best and
    the next best. Raises DataError where no lap can be drawn."""
    chosen = [session.lap(n) for n in numbers] or sorted(session.timed, key=lambda lap: lap.time_s)
    drawn = _traces(session, chosen)
    if not drawn:
        raise DataError("session", "at least one whole lap to draw", "none")
    columns = Columns()
    tracks = [_track(columns, one) for one in drawn]
    plots = [*_delta_plot(columns, drawn), *_motion_plots(columns, drawn), *_channel_plots(columns, session, drawn)]
    corners = corners_of(session)
    compared = corner_deltas(delta_of(drawn[1].trace, drawn[0].trace), corners) if len(drawn) > 1 else ()
    start = session.path.t_ns[0]
    return Page(
        title=title or session.mover or "Session",
        subtitle=f"{iso_utc(int(start), 0)[:16].replace('T', ' ')} UTC · {len(session.timed)} timed laps"
        f" · start line: {session.gate_source}",
        lead=[_summary(session), *_coach(session, drawn, compared)],
        columns=columns,
        tracks=tracks,
        axes=[Axis("distance", "Distance", "length", "m"), Axis("time", "Time", "time", "s")],
        readout=[f"{drawn[0].key}.speed"],
        sections=[
            Section("", plots, "split", [_map(session, columns, drawn)]),
            Section("Laps and sectors", [_lap_table(session)]),
            *(
                [Section(f"Corners: {drawn[1].label} against {drawn[0].label}", [_corner_table(compared)])]
                if compared
                else []
            ),
            Section("Grip and lines", [_gg(drawn), _lines(session, drawn)], "grid"),
            *_notes(session),
        ],
    )


def _traces(session: Session, laps: Sequence[Lap]) -> list[_Drawn]:
    drawn: list[_Drawn] = []
    for lap in laps:
        if len(drawn) == OVERLAYS:
            break
        try:
            trace = trace_of(session, lap)
        except DataError:
            continue
        drawn.append(_Drawn(trace, f"lap{lap.number}", f"--c{len(drawn) + 1}"))
    return drawn


def _track(columns: Columns, one: _Drawn) -> Track:
    trace, key = one.trace, one.key
    columns.add(f"{key}.s", trace.s_m, unit="m", label="Distance", quantum=0.01)
    columns.add(f"{key}.t", trace.t_s, unit="s", label="Time", quantum=1e-4)
    columns.add(f"{key}.e", trace.ne_m[:, 1], unit="m", quantum=0.01)
    columns.add(f"{key}.n", trace.ne_m[:, 0], unit="m", quantum=0.01)
    columns.add(f"{key}.speed", trace.speed_mps * 3.6, unit="km/h", label="Speed", quantum=0.02)
    columns.add(f"{key}.along", trace.along_mps2 / G, unit="g", quantum=0.002)
    columns.add(f"{key}.across", trace.across_mps2 / G, unit="g", quantum=0.002)
    columns.add(f"{key}.d", trace.d_m, unit="m", quantum=0.01)
    return Track(key, one.label, {"distance": f"{key}.s", "time": f"{key}.t"}, f"{key}.e", f"{key}.n", one.colour)


def _delta_plot(columns: Columns, drawn: list[_Drawn]) -> list[Plot]:
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


def _motion_plots(columns: Columns, drawn: list[_Drawn]) -> list[Plot]:
    kinds = (
        ("speed", "Speed", "km/h", 200),
        ("along", "Along", "g", 120),
        ("across", "Across, left positive", "g", 120),
        ("d", "Line, left of the middle", "m", 120),
    )
    return [
        Plot(
            name,
            unit,
            [Line(f"{o.key}.{column}", o.label, o.key, o.colour) for o in drawn],
            height_px=height,
            zero=unit != "km/h",
        )
        for column, name, unit, height in kinds
    ]


def _channel_plots(columns: Columns, session: Session, drawn: list[_Drawn]) -> list[Plot]:
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
        if float(np.ptp(series.value)) == 0:
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
            Plot(title, unit, [Line(f"{o.key}.{name}", o.label, o.key, o.colour) for o in drawn], height_px=110)
        )
    return plots


def _on_trace(series: Series, trace: Trace) -> F64:
    t = (series.t_ns - trace.lap.t0_ns) * 1e-9
    return np.interp(trace.t_s, t, series.value, left=np.nan, right=np.nan)


def _map(session: Session, columns: Columns, drawn: list[_Drawn]) -> Map:
    lead = drawn[0]
    colourings = []
    if len(drawn) > 1:
        delta = delta_of(drawn[1].trace, lead.trace)
        window = max(int(50 / STEP_M), 1)
        gain = np.convolve(np.gradient(delta.delta_s, delta.s_m), np.ones(window) / window, mode="same") * 100
        columns.add(f"{lead.key}.gain", gain, unit="s/100 m", label="Gain", quantum=5e-4)
        reach = max(float(np.quantile(np.abs(gain), 0.98)), 0.005)
        colourings.append(
            Colouring(
                f"{lead.key}.gain", f"Gain on lap {drawn[1].trace.lap.number}", "s/100 m", -reach, reach, diverging=True
            )
        )
    speed = lead.trace.speed_mps * 3.6
    colourings.append(Colouring(f"{lead.key}.speed", "Speed", "km/h", float(speed.min()), float(speed.max())))
    plane = session.path.plane
    return Map("Map", [o.key for o in drawn], colourings, (plane.lat_rad, plane.lon_rad, plane.h_m))


def _summary(session: Session) -> Summary:
    s = session.statistics
    figures = []
    best = session.best
    if best is not None:
        figures.append(
            Figure(
                "Best lap",
                clock_text(best.time_s),
                "",
                f"± {1.96 * best.time_sigma_s:.3f} s, lap {best.number}",
                "good",
            )
        )
    for key, label, detail in (
        ("rolling_best_s", "Rolling best", "a whole lap begun anywhere"),
        ("theoretical_best_s", "Theoretical best", "best sectors, joined or not"),
        ("ideal_s", "Ideal lap", "best sectors whose speeds join"),
        ("median_s", "Median", "of the timed laps"),
    ):
        if key in s:
            figures.append(Figure(label, clock_text(s[key]), "", detail))
    if s.get("spread_s") is not None:
        figures.append(Figure("Spread", f"{s['spread_s']:.3f}", "s", "standard deviation of the timed laps"))
    return Summary(figures)


def _coach(session: Session, drawn: list[_Drawn], compared: tuple[CornerDelta, ...]) -> list[Notes]:
    if not compared:
        return []
    lines = [f"{drawn[1].label} against {drawn[0].label}: {advice(compared)}"]
    more = sorted((c for c in compared if c.lost_s > 2 * c.sigma_s), key=lambda c: -c.lost_s)[1:3]
    lines += [f"Then {c.lost_s:.2f} ± {1.96 * c.sigma_s:.2f} s in turn {c.corner.number}: {c.reason}." for c in more]
    return [Notes("Say this first", lines)]


def _lap_table(session: Session) -> Table:
    names = [s.name for s in next((lap.sectors for lap in session.laps if lap.sectors), ())]
    best = session.best
    slowest = max((lap.time_s for lap in session.timed), default=0.0)
    rows = []
    for lap in session.laps:
        gap = lap.time_s - best.time_s if best is not None and lap.kind == "timed" else None
        share = (
            gap / (slowest - best.time_s) if gap is not None and best is not None and slowest > best.time_s else None
        )
        row: list[str | Cell] = [
            str(lap.number),
            lap.kind,
            Cell(clock_text(lap.time_s), lap.time_s, _pm(lap.time_sigma_s)),
            Cell(f"{gap:+.3f}", gap, share=share) if gap is not None else "",
            Cell(f"{lap.distance_m:.0f}", lap.distance_m),
        ]
        for k in range(len(names)):
            sector = lap.sectors[k] if k < len(lap.sectors) else None
            known = sector is not None and sector.time_s == sector.time_s
            row.append(
                Cell(clock_text(sector.time_s), sector.time_s, _pm(sector.time_sigma_s))
                if sector is not None and known
                else ""
            )
        rows.append(row)
    return Table("Laps", ["Lap", "Kind", "Time", "To best", "m", *names], rows, "± is 95 %")


def _pm(sigma_s: float) -> str:
    return f"{1.96 * sigma_s:.3f}" if sigma_s == sigma_s else ""


def _corner_table(compared: tuple[CornerDelta, ...]) -> Table:
    rows = [_corner_row(c) for c in compared]
    heads = [
        "Turn",
        "Lost s",
        "Entry km/h",
        "Least km/h",
        "Exit km/h",
        "Braking at m",
        "Line at apex m",
        "Lateral g",
        "Why",
    ]
    return Table("Corner by corner", heads, rows, "lap / reference; ± is 95 %")


def _corner_row(c: CornerDelta) -> list[str | Cell]:
    a, b = c.a, c.b
    return [
        f"{c.corner.number} {'left' if c.corner.left else 'right'}",
        Cell(f"{c.lost_s:+.3f}", c.lost_s, _pm(c.sigma_s)),
        Cell(f"{a.entry_mps * 3.6:.1f} / {b.entry_mps * 3.6:.1f}", a.entry_mps),
        Cell(f"{a.least_mps * 3.6:.1f} / {b.least_mps * 3.6:.1f}", a.least_mps),
        Cell(f"{a.exit_mps * 3.6:.1f} / {b.exit_mps * 3.6:.1f}", a.exit_mps),
        _metres(a.braking_m, b.braking_m),
        Cell(f"{a.offset_m:+.1f} / {b.offset_m:+.1f}", a.offset_m),
        Cell(f"{a.lateral_g:.2f} / {b.lateral_g:.2f}", a.lateral_g),
        c.reason,
    ]


def _metres(a: float, b: float) -> str | Cell:
    return Cell(f"{a:.0f} / {b:.0f}", a) if a == a and b == b else "–"


def _gg(drawn: list[_Drawn]) -> GG:
    return GG(
        "Grip used: across and along",
        [Cloudlet(o.label, o.trace.across_mps2 / G, o.trace.along_mps2 / G, o.colour) for o in drawn[:3]],
    )


def _lines(session: Session, drawn: list[_Drawn]) -> Histogram:
    traces = [o.trace for o in drawn]
    _, offsets = offsets_of_laps(traces, 4.0)
    spread = offsets - np.median(offsets, axis=0) if len(traces) > 2 else offsets
    reach = max(float(np.ceil(np.quantile(np.abs(spread), 0.99))), 1.0)
    counts, edges = np.histogram(np.clip(spread, -reach, reach), bins=40, range=(-reach, reach))
    what = "from the median line of these laps" if len(traces) > 2 else "from the middle of the course"
    return Histogram("Lines", "m, left positive", edges, counts.astype(np.float64), f"offset {what}")


def _notes(session: Session) -> list[Section]:
    issues = [*(session.recording.issues if session.recording else ()), *session.issues]
    return [Section("What was odd", [Notes("On reading and timing", [str(i) for i in issues])])] if issues else []
