"""The page of a scene with many movers: plan, identities, heat map, laps and travels of everyone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kinema.analysis.classification import clock_text
from kinema.analysis.movers import Travel
from kinema.analysis.occupancy import Flow, Heat
from kinema.core.arrays import F64
from kinema.report.blocks.base import Axis, Block, Track
from kinema.report.blocks.charts import Line, Plot
from kinema.report.blocks.drawing import Histogram
from kinema.report.blocks.scene import HeatMap, Identities, LiveTable, Plan, Scrubber
from kinema.report.blocks.tables import Cell, Pairs, Row, Table
from kinema.report.blocks.text import Banner, Figure, Notes, Summary
from kinema.report.columns import Columns
from kinema.report.page import Page, Section
from kinema.report.scene import Movers
from kinema.report.scene_laps import Board
from kinema.report.scene_reads import KINDS, READ, Mark
from kinema.version import __version__

SPEEDS = (0.25, 0.5, 1, 2, 5, 10, 30, 60)
HELP = (
    "<p><b>Space</b> plays, <kbd>←</kbd> <kbd>→</kbd> step from scan to scan (<kbd>Shift</kbd>: 10), <kbd>,</kbd> "
    "<kbd>.</kbd> play slower and faster; drag the strip to go anywhere.</p><p><b>Point</b> at a mover, its row or its "
    "bar to see it everywhere; <b>click</b> picks it, <kbd>Esc</kbd> lets it go, <kbd>↑</kbd> <kbd>↓</kbd> pick the "
    "next.</p><p><kbd>N</kbd> names, <kbd>U</kbd> uncertainties, <kbd>T</kbd> trails, <kbd>F</kbd> follow the one that "
    "is picked.</p><p><b>Plan</b>: wheel or pinch zooms, dragging pans. <b>Identities</b>: drag to zoom in time, "
    "<kbd>0</kbd> shows all.</p>"
)


@dataclass
class Parts:
    """All that goes into the page."""

    movers: Movers
    ground: dict[str, Any]
    title: str
    marks: list[Mark] = field(default_factory=list)
    travels: list[Travel] = field(default_factory=list)
    """In the order of the movers; none in an image."""
    board: Board | None = None
    heat: Heat | None = None
    flows: list[Flow] = field(default_factory=list)
    inside: list[tuple[str, F64]] = field(default_factory=list)
    sources: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    subtitle: str = ""
    pseudonyms: bool = True


def scene_page(parts: Parts) -> Page:
    """The page of a scene."""
    movers, columns = parts.movers, Columns()
    times = np.unique(movers.t_s)
    columns.add("t", times, unit="s", quantum=1e-4)
    _add_rows(columns, parts, times)
    plan: list[Block] = [Plan("Plan" if movers.unit == "m" else "Image", _aspect(parts))]
    side: list[Block] = [Identities("Identities")]
    if parts.board is not None:
        plan += side
        side = [LiveTable("board", "Laps", "As it stood at the cursor; ± is 95 %", 860)]
    more = [*_where(columns, parts), *_flows(columns, parts)]
    about = _travel_note(parts)
    return Page(
        title=parts.title,
        subtitle=parts.subtitle,
        lead=[*_banner(movers), _summary(parts, times)],
        navigator=Scrubber(),
        columns=columns,
        tracks=[Track("scene", "Scene", {"time": "t"})],
        axes=[Axis("time", "Time", "time", "s")],
        speeds=SPEEDS,
        scene=_shared(parts, times),
        help=HELP,
        sections=[
            Section("", side, "split scene", plan),
            *_about_everyone(parts, LiveTable("everyone", "Movers", about, 520), more),
            Section("How this was made", _made(parts), "grid"),
        ],
    )


def _about_everyone(parts: Parts, table: LiveTable, more: list[Block]) -> list[Section]:
    """The table with what goes beside it: in an image it is narrow."""
    if parts.movers.unit == "px":
        return [Section("Everyone", [table, *more], "grid")]
    return [Section("Everyone", [table]), *([Section("Where and how fast", more, "grid")] if more else [])]


def _add_rows(columns: Columns, parts: Parts, times: F64) -> None:
    """Columns of all movers' rows, one mover after the other."""
    movers = parts.movers
    fine = 0.02 if movers.unit == "m" else 0.2
    columns.add("m.i", np.searchsorted(times, movers.t_s).astype(np.float64), quantum=1.0)
    columns.add("m.x", movers.x, quantum=fine)
    columns.add("m.y", movers.y, quantum=fine)
    columns.add("m.seen", movers.seen.astype(np.float64), quantum=1.0)
    if movers.speed_mps is not None:
        columns.add("m.speed", movers.speed_mps * 3.6, unit="km/h", quantum=0.2)
    if movers.sigma is not None:
        for k, (name, quantum) in enumerate((("m.sx", 0.01), ("m.sy", 0.01), ("m.rho", 0.05))):
            columns.add(name, movers.sigma[:, k], quantum=quantum)
    if movers.size is not None:
        columns.add("m.w", movers.size[:, 0], quantum=0.5)
        columns.add("m.h", movers.size[:, 1], quantum=0.5)
    if parts.board is not None:
        columns.add("m.way", parts.board.way_m, unit="m", quantum=0.1)
    if parts.heat is not None:
        heat = parts.heat
        columns.add("heat.column", heat.column.astype(np.float64), quantum=1.0)
        columns.add("heat.row", heat.row.astype(np.float64), quantum=1.0)
        columns.add("heat.seconds", heat.seconds, unit="s", quantum=1.0)
        columns.add("heat.movers", heat.movers.astype(np.float64), quantum=1.0)


def _shared(parts: Parts, times: F64) -> dict[str, Any]:
    """What the page's `scene` holds: see `assets/scene.js`."""
    movers, heat = parts.movers, parts.heat
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.1
    return {
        "names": list(movers.names),
        "start": [int(k) for k in movers.start],
        "tagged": [int(tag >= 0) for tag in movers.tag],
        "unit": movers.unit,
        "gap": round(max(1.0, 5 * step), 3),
        "open": round(_opening(movers, times), 3),
        "ground": parts.ground,
        "kinds": list(KINDS),
        "marks": [[m.mover, round(m.t_s, 2), m.kind, m.other] for m in parts.marks],
        "board": parts.board.spec(movers) if parts.board else None,
        "travels": [_travel(travel) for travel in parts.travels],
        "heat": {"x": heat.x0, "y": heat.y0, "cell": heat.cell, "k": heat.k} if heat else None,
    }


def _travel(travel: Travel) -> list[float | None]:
    """Metres ± 95 %, km/h on average, at most and ± 95 %; None where not known."""
    values = (travel.distance_m, 1.96 * travel.distance_sigma_m, travel.mean_mps * 3.6, travel.top_mps * 3.6,
              1.96 * travel.top_sigma_mps * 3.6)  # fmt: skip
    return [round(v, 2) if np.isfinite(v) else None for v in values]


def _counts(movers: Movers, times: F64) -> F64:
    """How many movers had begun and not ended, at each time."""
    first, last = movers.t_s[movers.start[:-1]], movers.t_s[movers.start[1:] - 1]
    return np.asarray(np.searchsorted(np.sort(first), times, side="right") - np.searchsorted(np.sort(last), times),
                      dtype=np.float64)  # fmt: skip


def _opening(movers: Movers, times: F64) -> float:
    """The time to show first: a good while after most of the movers are there."""
    count = _counts(movers, times)
    full = np.flatnonzero(count >= 0.8 * count.max())
    first, last = float(times[full[0]]), float(times[full[-1]])
    return first + 0.35 * (last - first)


def _aspect(parts: Parts) -> float:
    """Width over height of the ground, or of where the movers were."""
    ground, movers = parts.ground, parts.movers
    if ground["image"][0]:
        return float(ground["image"][0] / ground["image"][1])
    edge = np.array([v for line in ground["surface"] for v in line]).reshape(-1, 2)
    xy = edge if len(edge) else np.column_stack([movers.x, movers.y])
    low, high = np.quantile(xy, (0.002, 0.998), axis=0)
    wide, high_m = np.maximum(high - low, 1.0)
    return float(wide / high_m)


def _banner(movers: Movers) -> list[Block]:
    return [Banner("SIMULATED DATA", "These movers were made by a program, not observed.")] if movers.simulated else []


def _summary(parts: Parts, times: F64) -> Summary:
    movers = parts.movers
    span = float(times[-1] - times[0])
    most = int(_counts(movers, times).max())
    figures = [
        Figure("Movers", str(len(movers.names)), "", f"at most {most} at once"),
        Figure("Time", clock_text(round(span)).split(".")[0], "" if span >= 60 else "s", f"{len(times)} scans"),
        Figure("Detected", f"{100 * float(movers.seen.mean()):.1f}", "%", "of all positions; the others are filled in"),
    ]
    if parts.travels:
        metres = sum(t.distance_m for t in parts.travels)
        sigma = float(np.sqrt(sum(t.distance_sigma_m**2 for t in parts.travels)))
        about = f"± {1.96 * sigma:.0f} m, all together" if np.isfinite(sigma) else "all together"
        figures.append(Figure("Distance", f"{metres / 1000:.2f}", "km", about))
    if parts.board is not None:
        best = [lap for lap in parts.board.best if lap is not None]
        lap = min(best, key=lambda one: one.time_s)
        number = sum(len(mine) for mine in parts.board.laps)
        figures.append(Figure("Laps", str(number), "", f"of {parts.board.lap_m:.0f} m"))
        detail = f"± {1.96 * lap.time_sigma_s:.3f} s, {movers.names[parts.board.best.index(lap)]}"
        figures.append(Figure("Best lap", clock_text(lap.time_s), "", detail, "good"))
    wrong = sum(mark.kind != READ for mark in parts.marks)
    if parts.marks:
        reads = sum(mark.kind == READ for mark in parts.marks)
        found = f"{wrong or 'no'} confusion{'' if wrong == 1 else 's'} found"
        figures.append(Figure("Tags read", str(reads), "", found, "fair" if wrong else ""))
    return Summary(figures)


def _where(columns: Columns, parts: Parts) -> list[Block]:
    movers, heat = parts.movers, parts.heat
    blocks: list[Block] = []
    if heat is not None:
        size = f"{heat.cell:g} m" if movers.unit == "m" else f"{heat.cell:g} px"
        note = f"Cells of {size}. Cells with fewer than {heat.k} different movers are not shown"
        blocks.append(HeatMap("Time spent", f"{note}: {heat.hidden} of {heat.hidden + len(heat.row)}.",
                              _aspect(parts)))  # fmt: skip
    if movers.speed_mps is not None:
        known = movers.seen & np.isfinite(movers.speed_mps)
        speed = movers.speed_mps[known] * 3.6
        high = max(float(np.ceil(1.1 * np.quantile(speed, 0.99))), 1.0) if len(speed) else 1.0
        weight = np.minimum(np.diff(movers.t_s, append=movers.t_s[-1]).clip(0), 1.0)[known]
        seconds, edges = np.histogram(np.minimum(speed, high), bins=48, range=(0.0, high), weights=weight)
        blocks.append(Histogram("Speeds", "km/h", edges, seconds, "time spent at each speed, all movers together"))
    return blocks


def _flows(columns: Columns, parts: Parts) -> list[Block]:
    blocks: list[Block] = []
    if parts.inside:
        lines = []
        for k, (name, count) in enumerate(parts.inside):
            columns.add(f"zone{k}", count, label=name, quantum=1.0)
            lines.append(Line(f"zone{k}", name, "scene", f"--c{k % 6 + 1}", "step"))
        blocks.append(Plot("Movers in each zone", "", lines, zero=True, height_px=170))
    if parts.flows:
        rows: list[Row] = [[f.name, *(_few(v) for v in (f.movers, f.forward, f.back)), _known(f.most), _known(f.stay_s)]
                           for f in parts.flows]  # fmt: skip
        heads = ["Line or zone", "Movers", "Forward / in", "Back / out", "Most at once", "Median stay s"]
        blocks.append(Table("Flows", heads, rows, "Counts of fewer than five different movers are not told."))
    return blocks


def _few(count: int) -> Cell:
    return Cell("few", 0) if count < 0 else Cell(str(count), count)


def _known(value: float) -> str | Cell:
    return Cell(f"{value:.0f}", value) if value == value else ""


def _travel_note(parts: Parts) -> str:
    if not parts.travels:
        return "Filled: part of the rows that no detection stands behind."
    return "± is 95 %; top speeds are means over a second in which it was seen; filled: rows without a detection."


def _made(parts: Parts) -> list[Block]:
    movers = parts.movers
    made = {
        **({"from": list(parts.sources)} if parts.sources else {}),
        "made by": f"Kinema {__version__}",
        "positions": len(movers.t_s),
        **({"lap times by": "crossings of the start line, smoothed"} if parts.board else {}),
        **parts.settings,
    }
    names = (
        "Pseudonyms, drawn afresh for each page; the page holds no tag, number or name of a mover."
        if parts.pseudonyms
        else "The movers' own names and numbers are shown, as was asked for."
    )
    return [Pairs("Made from", made), Notes("Names and notes", [names, *parts.notes])]
