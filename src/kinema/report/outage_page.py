"""The page of the outage lab: how far a trajectory drifts while a sensor is away, by length of the outage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinema.analysis.outage import OutageReport
from kinema.core.arrays import F64
from kinema.core.frames import geodetic_from_ecef, ned_from_ecef
from kinema.core.solution import Solution
from kinema.core.time import WEEK_NS, iso_gps, iso_utc, unix_ns_from_gps_ns
from kinema.errors import DataError
from kinema.report.blocks.base import Axis, Block, Span, Track
from kinema.report.blocks.chart import Chart, Series
from kinema.report.blocks.charts import Line, Plot
from kinema.report.blocks.map import Colouring, Map
from kinema.report.blocks.tables import Cell, Row, Table
from kinema.report.blocks.text import Banner, Figure, Notes, Summary
from kinema.report.columns import Columns
from kinema.report.document import Report
from kinema.report.draft import ramp, robust_range
from kinema.report.page import Page, Section
from kinema.report.trajectory import Motion, motion_of
from kinema.report.words import length, metres

COLOURS = ("--c1", "--c5", "--c3", "--c4", "--c2", "--c6")
THIN = 40
"""Windows of a length that are drawn one by one."""
GRID = 120
GUIDES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""Per cent of the distance driven that lines may show."""


@dataclass(frozen=True)
class Drift:
    """A run: what the judge found of its windows; its horizontal error and stated 95 % at the reference's epochs."""

    report: OutageReport
    error_m: F64
    stated_m: F64
    colour: str

    @property
    def name(self) -> str:
        """Its length as a person says it."""
        return f"{self.report.length_s:g} s"


def outage_report(
    runs: Sequence[tuple[OutageReport, Solution]], reference: Solution, *, sensor: str = "gnss", title: str = "Outages"
) -> Report:
    """A self-contained page of runs with outages, one run per length, each with the solution made without its windows.

    `reference` is what they are judged by. Raises DataError where there is no run or no position to judge by.
    """
    return Report(outage_page(runs, reference, sensor=sensor, title=title))


def outage_page(runs: Sequence[tuple[OutageReport, Solution]], reference: Solution, *, sensor: str, title: str) -> Page:
    """The page: see `outage_report`."""
    kept = reference.select(reference.valid)
    if not runs or len(kept) < 2:
        raise DataError("outages", "runs, and a reference with positions", f"{len(runs)} and {len(kept)} positions")
    runs = sorted(runs, key=lambda run: run[0].length_s)
    motion = motion_of(kept)
    drifts = [_drift(report, solution, motion, colour)
              for (report, solution), colour in zip(runs, COLOURS * len(runs), strict=False)]  # fmt: skip
    columns = Columns()
    plots, colourings = _plots(columns, motion, drifts)
    made = runs[-1][1].provenance
    charts: list[Block] = [_by_length(drifts), _by_distance(drifts), *(_growth(motion, one) for one in drifts)]
    start = unix_ns_from_gps_ns(motion.t0_ns) / 1e9 if motion.t0_ns >= WEEK_NS else None
    lead: list[Block] = [_summary(drifts, made.method)]
    if made.simulated:
        lead.insert(0, Banner("SIMULATED DATA", "Sensors and truth come from a simulator, not from the world."))
    return Page(
        title=title,
        subtitle=_subtitle(motion, made.method, sensor),
        lead=lead,
        columns=columns,
        tracks=[Track("drive", "Drive", {"time": "t"}, "east", "north", "--c1", motion.gap_s)],
        axes=[Axis("time", "Time", "time", "s", start)],
        spans=_spans(motion, drifts),
        readout=["speed"],
        sections=[
            Section("How far it drifts", charts, "grid"),
            Section("Along the drive", plots, "split", [_map(motion, colourings)]),
            Section("Every window", [_table(one) for one in drifts], "grid"),
            *([Section("How it was made", [Notes("Notes", made.notes)])] if made.notes else []),
        ],
    )


def _subtitle(motion: Motion, method: str, sensor: str) -> str:
    what = {"gnss": "satellites", "wheels": "wheels", "ranges": "ranges"}.get(sensor, sensor)
    when = iso_utc(motion.t0_ns, 0)[:16].replace("T", " ") + " UTC" if motion.t0_ns >= WEEK_NS else ""
    how = "causal" if method == "filter" else "in hindsight"
    return " · ".join(part for part in (when, f"{what} taken away", f"{method}, {how}") if part)


def _drift(report: OutageReport, solution: Solution, motion: Motion, colour: str) -> Drift:
    """Horizontal error of a run at the reference's epochs, NaN outside of it."""
    at = (motion.solution.t_ns - solution.t_ns[0]) * 1e-9
    own = (solution.t_ns - solution.t_ns[0]) * 1e-9
    other = Motion(solution, motion.origin_e_m, motion.t0_ns)
    place = ned_from_ecef(solution.p_e_m, motion.origin_e_m)[:, :2]
    inside = (at >= 0) & (at <= own[-1])
    apart = [np.interp(at, own, place[:, k]) - motion.p_n_m[:, k] for k in range(2)]
    error = np.where(inside, np.hypot(*apart), np.nan)
    stated = np.where(inside, np.interp(at, own, other.radius_95_m), np.nan)
    return Drift(report, error, stated, colour)


def _plots(columns: Columns, motion: Motion, drifts: Sequence[Drift]) -> tuple[list[Block], list[Colouring]]:
    quantum = motion.length_quantum_m
    columns.add("t", motion.t_s, unit="s", label="Time", quantum=1e-4)
    columns.add("east", motion.p_n_m[:, 1], unit="m", label="East", quantum=quantum)
    columns.add("north", motion.p_n_m[:, 0], unit="m", label="North", quantum=quantum)
    columns.add("speed", motion.speed_mps * 3.6, unit="km/h", label="Speed", quantum=0.05)
    plots: list[Block] = []
    colourings = []
    for k, one in enumerate(drifts):
        columns.add(f"error{k}", one.error_m, unit="m", label=f"Error, {one.name} outages")
        columns.add(f"stated{k}", one.stated_m, unit="m", label="Stated 95 %")
        lines = [Line(f"error{k}", "error", "drive", one.colour),
                 Line(f"stated{k}", "stated 95 %", "drive", "--muted", dash=True)]  # fmt: skip
        limits = robust_range(one.error_m)
        plots.append(Plot(f"Horizontal error with outages of {one.name}", "m", lines, (), limits, True, 150))
        colourings.append(ramp(f"error{k}", f"Error, {one.name} outages", "m", one.error_m))
    plots.append(Plot("Speed", "km/h", [Line("speed", "speed", "drive")], (), None, True, 110))
    colourings.append(ramp("speed", "Speed", "km/h", motion.speed_mps * 3.6, linear=True))
    return plots, colourings[::-1][1:] + colourings[-1:]


def _map(motion: Motion, colourings: list[Colouring]) -> Map:
    lat, lon, height = geodetic_from_ecef(motion.origin_e_m)
    return Map("Map", ["drive"], colourings, None if motion.local else (float(lat), float(lon), float(height)))


def _spans(motion: Motion, drifts: Sequence[Drift]) -> list[Span]:
    """The windows of the longest outages: those of shorter ones begin at the same moments."""
    longest = drifts[-1].report
    return [Span((o.from_ns - motion.t0_ns) * 1e-9, (o.to_ns - motion.t0_ns) * 1e-9, drifts[-1].name, "bridged")
            for o in longest.outages]  # fmt: skip


def _summary(drifts: Sequence[Drift], method: str) -> Summary:
    figures = []
    for one in drifts:
        r = one.report
        detail = f"95 % {length(r.end_p95_m)}; {r.percent_overall:.2f} % of distance; {len(r.outages)} windows; "
        detail += f"height {length(r.end_up_median_m)}"
        figures.append(Figure(f"End error after {one.name}, median", *metres(r.end_median_m), detail=detail))
    inside = np.concatenate([_inside(one) for one in drifts])
    if len(inside):
        share = 100 * float(inside.mean())
        tone = "good" if share >= 90 else "fair" if share >= 75 else "poor"
        figures.append(Figure("Inside the stated 95 %", f"{share:.0f}", "%", "of errors at the ends of windows", tone))
    return Summary(figures)


def _inside(one: Drift) -> F64:
    """Whether the error at the end of each window is within 95 % (a Rayleigh-like two-dimensional error: 2.45 σ of an
    axis, 1.73 times the horizontal sigma)."""
    sigmas = np.array([o.end_sigmas for o in one.report.outages])
    return np.asarray(sigmas[np.isfinite(sigmas)] < 1.731, dtype=np.float64)


def _by_length(drifts: Sequence[Drift]) -> Chart:
    series = []
    for one in drifts:
        ends = np.array([o.end_m for o in one.report.outages])
        series.append(Series("", np.full(len(ends), one.report.length_s), ends, one.colour))
    lengths = np.array([one.report.length_s for one in drifts])
    for name, style, pick in (("median", "line", "end_median_m"), ("95 %", "dash", "end_p95_m")):
        values = np.array([getattr(one.report, pick) for one in drifts])
        series.append(Series(name, lengths, values, "--ink", style))  # type: ignore[arg-type]
    note = "Each dot is the horizontal error at the end of a window."
    title = "Drift by length of the outage"
    return Chart(title, "seconds without", "metres", series, len(drifts) > 1, True, note, lengths.tolist())


def _by_distance(drifts: Sequence[Drift]) -> Chart:
    series = []
    most = 1.0
    for one in drifts:
        driven, ends = (np.array([getattr(o, name) for o in one.report.outages]) for name in ("driven_m", "end_m"))
        most = max(most, float(driven.max(initial=1.0)))
        series.append(Series(one.name, np.maximum(driven, 0.1), ends, one.colour))
    overall = float(np.median([one.report.percent_overall for one in drifts]))
    above = next((k for k, one in enumerate(GUIDES) if one > overall), len(GUIDES) - 1)
    for percent in GUIDES[max(above - 1, 0) : above + 1]:
        reach = np.array([0.0, most])
        series.append(Series(f"{percent:g} % of distance", reach, reach * percent / 100, "--muted", "dash"))
    return Chart("Drift by distance driven", "metres driven in the window", "metres", series)


def _growth(motion: Motion, one: Drift) -> Chart:
    """Error since the begin of each window, their median and 95 %, and the median of what was stated."""
    grid = np.linspace(0.0, one.report.length_s, GRID)
    curves, stated, series = [], [], []
    for k, o in enumerate(one.report.outages):
        since = motion.t_s - (o.from_ns - motion.t0_ns) * 1e-9
        rows = np.flatnonzero((since >= -1.0) & (since < one.report.length_s) & np.isfinite(one.error_m))
        if len(rows) < 2:
            continue
        curve = np.interp(grid, since[rows], one.error_m[rows])
        curve[grid > since[rows[-1]]] = np.nan
        curves.append(curve)
        stated.append(np.interp(grid, since[rows], one.stated_m[rows]))
        if k < THIN:
            series.append(Series("", grid, curve, one.colour, "thin"))
    if curves:
        table = np.array(curves)
        seen = np.isfinite(table).all(axis=0)
        middle, high = (np.full(GRID, np.nan) for _ in range(2))
        middle[seen], high[seen] = np.nanmedian(table[:, seen], axis=0), np.nanquantile(table[:, seen], 0.95, axis=0)
        series += [
            Series("median", grid, middle, one.colour, "line"),
            Series("95 %", grid, high, one.colour, "dash"),
            Series("stated 95 %, median", grid[seen], np.median(stated, axis=0)[seen], "--ink", "dash"),
        ]
    return Chart(f"Growth within {one.name}", "seconds since the outage began", "metres", series)


def _table(one: Drift) -> Table:
    rows: list[Row] = []
    for o in one.report.outages:
        percent = o.end_percent
        rows.append([
            iso_gps(o.from_ns, 1)[11:], Cell(length(o.driven_m), o.driven_m), Cell(length(o.end_m), o.end_m),
            Cell(f"{percent:.2f} %" if np.isfinite(percent) else "–", percent if np.isfinite(percent) else None),
            Cell(length(o.worst_m), o.worst_m), Cell(f"{o.end_sigmas:.1f} σ", o.end_sigmas),
            Cell(f"{o.end_up_m:+.2f} m", o.end_up_m),
        ])  # fmt: skip
    headings = ("From, GPS", "Driven", "Error at the end", "of distance", "Largest", "over stated σ", "Height, end")
    return Table(f"Outages of {one.name}", headings, rows)
