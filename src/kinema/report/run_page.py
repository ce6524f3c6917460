"""The page of a run: where, how fast, at what heart rate, effort by effort and split by split."""

from __future__ import annotations

import numpy as np

from kinema.analysis.classification import clock_text
from kinema.analysis.runner import Run
from kinema.core.arrays import F64
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Series
from kinema.core.time import iso_utc, unix_ns_from_gps_ns
from kinema.errors import DataError
from kinema.report.blocks.base import Axis, Span, Track
from kinema.report.blocks.charts import Line, Plot
from kinema.report.blocks.map import Colouring, Map
from kinema.report.blocks.tables import Cell, Row, Table
from kinema.report.blocks.text import Figure, Notes, Summary
from kinema.report.columns import Columns
from kinema.report.document import Report
from kinema.report.page import Page, Section

SLOWEST_PACE_S = 900.0
"""Seconds per kilometre beyond which a pace is drawn as standing."""


def run_report(run: Run, recording: Recording | None = None, title: str = "Run") -> Report:
    """A self-contained page of a run. Raises DataError where it has no way."""
    return Report(run_page(run, recording, title))


def run_page(run: Run, recording: Recording | None, title: str) -> Page:
    """The page: see `run_report`."""
    path = run.path
    if len(path.t_ns) < 8 or path.speed_mps.max() * SLOWEST_PACE_S < 2000:
        raise DataError("run", "at least 8 positions of a mover that runs", f"{len(path.t_ns)} positions")
    columns = Columns()
    speed = path.speed_mps
    pace: F64 = np.where(speed > 1000 / SLOWEST_PACE_S, 1000 / np.maximum(speed, 0.1) / 60, np.nan)
    columns.add("t", path.t_s, unit="s", quantum=1e-3)
    columns.add("s", np.maximum.accumulate(run.way_m), unit="m", quantum=0.05)
    columns.add("e", path.ne_m[:, 1], unit="m", quantum=0.02)
    columns.add("n", path.ne_m[:, 0], unit="m", quantum=0.02)
    columns.add("speed", speed * 3.6, unit="km/h", quantum=0.02)
    columns.add("pace", pace, unit="min/km", label="Pace", quantum=0.005)
    usual = (float(np.nanquantile(pace, 0.005)) * 0.95, float(np.nanquantile(pace, 0.95)) * 1.1)
    plots = [Plot("Pace", "min/km", [Line("pace", "Pace", "run")], robust=usual, height_px=200, flip=True)]
    for name, label in (("heart_rate", "Heart rate"), ("cadence", "Cadence"), ("power", "Power")):
        value = _channel(run, recording, name)
        if value is not None:
            columns.add(name, value, unit="/min" if name != "power" else "W", label=label, quantum=0.5)
            plots.append(
                Plot(label, "/min" if name != "power" else "W", [Line(name, label, "run", "--c2")], height_px=130)
            )
    gap = max(4.0, 4 * float(np.median(np.diff(path.t_s))))
    start = unix_ns_from_gps_ns(int(path.t_ns[0])) / 1e9
    where = f"on a 400 m track, lane {run.lane}" if run.oval is not None else ""
    return Page(
        title=title,
        subtitle=" · ".join(
            w for w in (iso_utc(int(path.t_ns[0]), 0)[:16].replace("T", " ") + " UTC", where, run.structure) if w
        ),
        lead=[_summary(run)],
        columns=columns,
        tracks=[Track("run", "Run", {"time": "t", "distance": "s"}, "e", "n", "--c1", gap)],
        axes=[Axis("time", "Time", "time", "s", start), Axis("distance", "Distance", "length", "m")],
        spans=[Span(*_seconds(run, e.t0_ns, e.t1_ns), f"{e.number}", "effort") for e in run.efforts[:60]],
        readout=["pace"],
        sections=[
            Section("", [*plots, _efforts(run)], "split", [_map(run, speed)]),
            Section("Splits", [_splits(run), *([_zones(run)] if run.zones_s else [])], "grid"),
            *_notes(run, recording),
        ],
    )


def _seconds(run: Run, t0_ns: int, t1_ns: int) -> tuple[float, float]:
    origin = int(run.path.t_ns[0])
    return (t0_ns - origin) * 1e-9, (t1_ns - origin) * 1e-9


def _channel(run: Run, recording: Recording | None, name: str) -> F64 | None:
    """A channel at the run's epochs."""
    if recording is None:
        return None
    stream = recording.streams.get(name)
    if isinstance(stream, Series) and len(stream.t_ns) > 1:
        t = (run.path.t_ns - stream.t_ns[0]) * 1e-9
        return np.asarray(np.interp(t, (stream.t_ns - stream.t_ns[0]) * 1e-9, stream.value), dtype=np.float64)
    fixes = recording.streams.get("fixes")
    if isinstance(fixes, Solution) and name in fixes.channels:
        value: F64 = np.array(fixes.channels[name].value[run.path.row], dtype=np.float64)
        return value if np.isfinite(value).any() else None
    return None


def _summary(run: Run) -> Summary:
    moving = sum(e.time_s for e in run.efforts)
    metres = sum(e.distance_m for e in run.efforts)
    figures = [
        Figure("Distance", f"{run.distance_m / 1000:.2f}", "km", f"± {1.96 * run.distance_sigma_m:.0f} m"),
        Figure("Running", clock_text(round(moving)).split(".")[0], "", f"{len(run.efforts)} efforts"),
    ]
    if metres > 0:
        figures.append(Figure("Pace", clock_text(round(moving / metres * 1000)).split(".")[0], "/km", "while running"))
        best = min(run.efforts, key=lambda e: e.pace_s_per_km)
        pace = clock_text(round(best.pace_s_per_km)).split(".")[0]
        figures.append(Figure("Fastest effort", _tenths(best.time_s), "", f"number {best.number}, {pace} /km", "good"))
    return Summary(figures)


def _tenths(seconds: float) -> str:
    """A time to a tenth: watches tell no more of where an effort began."""
    return clock_text(round(seconds, 1))[:-2]


def _map(run: Run, speed: F64) -> Map:
    low, high = (float(q) * 3.6 for q in np.quantile(speed, (0.05, 0.98)))
    plane = run.path.plane
    return Map(
        "Map",
        ["run"],
        [Colouring("speed", "Speed", "km/h", low, max(high, low + 1))],
        (plane.lat_rad, plane.lon_rad, plane.h_m),
    )


def _efforts(run: Run) -> Table:
    rows: list[Row] = []
    quickest = min((e.pace_s_per_km for e in run.efforts), default=1.0)
    slowest = max((e.pace_s_per_km for e in run.efforts), default=1.0)
    for e in run.efforts:
        share = (e.pace_s_per_km - quickest) / (slowest - quickest) if slowest > quickest else None
        rows.append(
            [
                str(e.number),
                Cell(f"{e.distance_m:.0f}", e.distance_m, f"{1.96 * e.sigma_m:.0f}"),
                Cell(f"{e.measured_m:.1f}", e.measured_m),
                Cell(_tenths(e.time_s), e.time_s),
                Cell(clock_text(round(e.pace_s_per_km)).split(".")[0], e.pace_s_per_km, share=share),
                Cell(f"{e.heart_rate:.0f}", e.heart_rate) if e.heart_rate == e.heart_rate else "",
                Cell(f"{e.rest_after_s:.0f}", e.rest_after_s),
            ]
        )
    heads = ["Effort", "m", "Measured m", "Time", "Pace /km", "Heart /min", "Rest s"]
    return Table("Efforts", heads, rows, "± is 95 %; m heeds the set distance, measured m does not")


def _splits(run: Run) -> Table:
    rows: list[Row] = [
        [
            f"{s['to_m']:.0f} m",
            Cell(_tenths(s["time_s"]), s["time_s"]),
            Cell(_tenths(s["elapsed_s"]), s["elapsed_s"]),
        ]
        for s in run.splits[:120]
    ]
    return Table("Splits", ["To", "Running", "With rests"], rows)


def _zones(run: Run) -> Table:
    total = max(sum(run.zones_s), 1.0)
    rows: list[Row] = [
        [f"Zone {k + 1}", Cell(clock_text(round(z)).split(".")[0], z, share=z / total)]
        for k, z in enumerate(run.zones_s)
    ]
    return Table("Time in zones", ["Zone", "Time"], rows, "50, 60, 70, 80, 90 % of the greatest rate")


def _notes(run: Run, recording: Recording | None) -> list[Section]:
    lines = [str(i) for i in (*(recording.issues if recording else ()), *run.path.issues)]
    return [Section("What was odd", [Notes("On reading", lines)])] if lines else []
