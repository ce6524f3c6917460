"""Figures and tables of a lap session: headline, what to say first, laps and sectors, corners, grip, lines."""

from __future__ import annotations

import numpy as np

from kinema.analysis.classification import clock_text
from kinema.analysis.corners import CornerDelta, advice, offsets_of_laps
from kinema.analysis.laps import Session
from kinema.report.blocks.drawing import GG, Cloudlet, Histogram
from kinema.report.blocks.tables import Cell, Table
from kinema.report.blocks.text import Figure, Notes, Summary
from kinema.report.laps_plots import Drawn, G


def summary(session: Session) -> Summary:
    """The best lap and what could be had."""
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
        if key in s and len(session.timed) > 1:
            figures.append(Figure(label, clock_text(s[key]), "", detail))
    if s.get("spread_s") is not None:
        figures.append(Figure("Spread", f"{s['spread_s']:.3f}", "s", "standard deviation of the timed laps"))
    return Summary(figures)


def coach(session: Session, drawn: list[Drawn], compared: tuple[CornerDelta, ...]) -> list[Notes]:
    """Where most is lost, in one sentence; nothing without a second lap."""
    if not compared:
        return []
    lines = [f"{drawn[1].label} against {drawn[0].label}: {advice(compared)}"]
    more = sorted((c for c in compared if c.lost_s > 2 * c.sigma_s), key=lambda c: -c.lost_s)[1:3]
    lines += [f"Then {c.lost_s:.2f} ± {1.96 * c.sigma_s:.2f} s in turn {c.corner.number}: {c.reason}." for c in more]
    return [Notes("Say this first", lines)]


def lap_table(session: Session) -> Table:
    """Every lap with its sectors, each with its ±."""
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


def corner_table(compared: tuple[CornerDelta, ...]) -> Table:
    """Corner by corner, what was lost and why."""
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


def grip(drawn: list[Drawn]) -> GG:
    """The g-g diagram of the first laps."""
    return GG(
        "Grip used: across and along",
        [Cloudlet(o.label, o.trace.across_mps2 / G, o.trace.along_mps2 / G, o.colour) for o in drawn[:3]],
    )


def line_spread(session: Session, drawn: list[Drawn]) -> Histogram:
    """How far the laps' lines lie from each other."""
    traces = [o.trace for o in drawn]
    _, offsets = offsets_of_laps(traces, 4.0)
    spread = offsets - np.median(offsets, axis=0) if len(traces) > 2 else offsets
    reach = max(float(np.ceil(np.quantile(np.abs(spread), 0.99))), 1.0)
    counts, edges = np.histogram(np.clip(spread, -reach, reach), bins=40, range=(-reach, reach))
    what = "from the median line of these laps" if len(traces) > 2 else "from the middle of the course"
    return Histogram("Lines", "m, left positive", edges, counts.astype(np.float64), f"offset {what}")
