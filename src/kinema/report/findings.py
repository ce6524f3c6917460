"""Words and tables of a session: banner, headline, score, satellites, residuals, settings, what was odd."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kinema.analysis.judgement import Score, Stats
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Residuals, Solution
from kinema.report.blocks.base import Block
from kinema.report.blocks.tables import Cell, Pairs, Row, Table
from kinema.report.blocks.text import Banner, Figure, Notes, Summary
from kinema.report.satellites import STATES, Sight, reasons_present, satellite_rows, signal_rows
from kinema.report.trajectory import Motion
from kinema.report.words import duration, length, metres, percent
from kinema.version import __version__

STATUS_NAMES = {
    FixStatus.NONE: "no position", FixStatus.DEAD_RECKONED: "dead-reckoned", FixStatus.SINGLE: "single",
    FixStatus.DIFFERENTIAL: "differential", FixStatus.FLOAT: "float", FixStatus.FIXED: "fixed", FixStatus.PPP: "PPP",
    FixStatus.SBAS: "SBAS",
}  # fmt: skip


def banners(solution: Solution, recording: Recording | None) -> list[Block]:
    """What nobody may miss: that the data are simulated."""
    if solution.provenance.simulated or (recording is not None and recording.simulated):
        seed = solution.provenance.seed
        detail = "Sensors and truth come from a simulator, not from the world." + (
            f" Seed {seed}." if seed is not None else ""
        )
        return [Banner("SIMULATED DATA", detail)]
    return []


def headline(motion: Motion, score: Score | None, sight: Sight | None) -> Summary:
    """The few numbers that a person wants first."""
    solution = motion.solution
    figures = [
        _span_figure(motion),
        Figure("Distance", *metres(motion.distance_m), detail=_speeds(motion)),
        _available_figure(motion, score),
    ]
    if motion.has_uncertainty:
        middle, most = np.nanmedian(motion.radius_95_m), np.nanquantile(motion.radius_95_m, 0.95)
        figures.append(
            Figure("Stated accuracy, 95 %", *metres(float(middle)), detail=f"median; worst 5 % above {length(most)}")
        )
    if score is not None and score.horizontal is not None:
        h = score.horizontal
        detail = f"95 % {length(h.p95)}, max {length(h.max)}"
        figures.append(Figure("Horizontal error, RMS", *metres(h.rms), detail=detail))
    if score is not None and score.uncertainty is not None:
        figures.append(_honesty_figure(score.uncertainty.inside_ellipse))
    counts = solution.n_sats[solution.n_sats > 0].astype(float)
    if len(counts):
        low, middle, high = np.percentile(counts, (5, 50, 95))
        what = "Ranges at an epoch" if solution.provenance.mode == "ranges" else "Satellites used"
        figures.append(Figure(what, f"{middle:.0f}", detail=f"90 % of epochs: {low:.0f} to {high:.0f}"))
    return Summary(figures)


def _span_figure(motion: Motion) -> Figure:
    span = float(motion.t_s[-1] - motion.t_s[0])
    epochs = f"{len(motion.t_s):,} epochs".replace(",", "\u202f")
    rate = f" at {1 / motion.interval_s:.3g} Hz" if motion.interval_s > 0 and motion.interval_s <= 1 else ""
    slow = f" every {motion.interval_s:.3g} s" if motion.interval_s > 1 else ""
    return Figure("Duration", duration(span), detail=epochs + rate + slow)


def _speeds(motion: Motion) -> str:
    speed = motion.speed_mps[np.isfinite(motion.speed_mps)]
    return f"up to {np.quantile(speed, 0.999) * 3.6:.1f} km/h" if len(speed) else ""


def _available_figure(motion: Motion, score: Score | None) -> Figure:
    solution = motion.solution
    expected = len(solution)
    if motion.interval_s > 0:
        expected = max(expected, round((motion.t_s[-1] - motion.t_s[0]) / motion.interval_s) + 1)
    share = float(solution.valid.sum()) / expected
    if score is not None and np.isfinite(score.availability):
        share = score.availability
    values, counts = np.unique(solution.status[solution.valid], return_counts=True)
    top = np.argsort(counts)[::-1][:3]
    names = [f"{STATUS_NAMES[FixStatus(int(values[k]))]} {percent(counts[k] / counts.sum())} %" for k in top]
    return Figure("Epochs with a position", percent(share), "%", ", ".join(names))


def _honesty_figure(inside: float) -> Figure:
    tone = "good" if inside >= 0.9 else "fair" if inside >= 0.75 else "poor"
    return Figure("Inside the stated 95 %", percent(inside), "%", "of horizontal errors", tone)


def score_blocks(score: Score) -> list[Block]:
    """Errors, shares, fix status and honesty against the truth."""
    parts = (("Horizontal", score.horizontal), ("Vertical", score.vertical), ("3D", score.spatial),
             ("Along track", score.along), ("Across track", score.across))  # fmt: skip
    rows: list[Row] = [[name, *_stats_cells(one)] for name, one in parts if one is not None]
    blocks: list[Block] = [Table("Errors", ("Direction", "RMS", "Mean", "50 %", "95 %", "Max"), rows)]
    shares: list[Row] = [
        [f"{w.limit_m:g} m", _share(w.epochs), _share(w.expected_epochs), _share(w.distance), _share(w.epochs_3d)]
        for w in score.within
    ]
    headings = ("Within", "of epochs", "of expected", "of distance", "3D, epochs")
    blocks.append(Table("Shares of horizontal errors", headings, shares))
    if score.by_status:
        blocks.append(_status_table(score.by_status))
    blocks.append(
        Pairs("Judged as", {**_honesty(score), **{k.replace("_", " "): v for k, v in score.assumptions.items()}})
    )
    lines = [*score.notes, *score.advice]
    if lines:
        blocks.append(Notes("About this judgement", lines))
    return blocks


def _stats_cells(one: Stats) -> list[Cell]:
    return [Cell(length(v), v) for v in (one.rms, one.mean, one.p50, one.p95, one.max)]


def _share(value: float) -> Cell:
    return Cell(f"{percent(value)} %", value, share=value) if np.isfinite(value) else Cell("–")


def _status_table(by_status: Mapping[str, Mapping[str, Any]]) -> Table:
    headings = ("Status", "Epochs", "Share", "H RMS", "H 95 %", "H max", "V RMS", "V 95 %")
    rows: list[Row] = [
        [
            status,
            Cell(str(one["epochs"]), one["epochs"]),
            _share(one["share"]),
            *(_length(one.get("horizontal"), name) for name in ("rms", "p95", "max")),
            *(_length(one.get("vertical"), name) for name in ("rms", "p95")),
        ]
        for status, one in by_status.items()
    ]
    return Table("By status", headings, rows)


def _length(stats: Mapping[str, float] | None, name: str) -> Cell:
    return Cell(length(stats[name]), stats[name]) if stats else Cell("–")


def _honesty(score: Score) -> dict[str, object]:
    one = score.uncertainty
    if one is None:
        return {}
    return {
        "inside the stated 95 % ellipse": f"{percent(one.inside_ellipse)} %",
        "inside the stated 95 % ellipsoid": f"{percent(one.inside_ellipsoid)} %",
        "NEES, horizontal (expected 2)": one.nees_2d,
        "NEES, 3D (expected 3)": one.nees_3d,
        "error over stated σ, horizontal (expected 1)": one.ratio_horizontal,
        "error over stated σ, vertical (expected 1)": one.ratio_vertical,
    }


def satellite_table(residuals: Residuals, sight: Sight) -> Table:
    """What was used and left out, by satellite and reason."""
    rows = satellite_rows(residuals, sight)
    reasons = reasons_present(rows)
    headings = (
        "Satellite",
        "System",
        "Epochs",
        "Measurements",
        "Counted",
        *(STATES[k] for k in reasons),
        "C/N0",
        "Elevation",
    )
    body: list[Row] = [
        [
            row.name,
            row.system,
            Cell(str(row.epochs), row.epochs),
            Cell(str(row.measurements), row.measurements),
            _share(row.share_used),
            *(Cell(str(row.reasons.get(k, 0) or "–"), row.reasons.get(k, 0)) for k in reasons),
            _number(row.cn0_dbhz, 1),
            Cell(f"{row.elevation_deg[0]:.0f}–{row.elevation_deg[1]:.0f}°", row.elevation_deg[1])
            if np.isfinite(row.elevation_deg[1])
            else Cell("–"),
        ]
        for row in rows
    ]
    return Table("By satellite and reason", headings, body)


def residual_table(residuals: Residuals) -> Table:
    """Residual statistics per kind, system and signal."""
    headings = ("Kind", "System", "Signal", "Used", "Left out", "Mean", "RMS", "Robust σ", "95 %", "RMS / stated σ")
    body: list[Row] = [
        [
            row.kind,
            row.system,
            row.signal,
            Cell(str(row.used), row.used),
            Cell(str(row.left_out), row.left_out),
            *(_residual(v, row.unit) for v in (row.mean, row.rms, row.robust, row.p95)),
            _number(row.normalised, 2),
        ]
        for row in signal_rows(residuals)
    ]
    return Table("Residuals by signal", headings, body, "Of measurements that counted, after the solution.")


def _residual(value: float, unit: str) -> Cell:
    if unit == "m" and np.isfinite(value):
        return Cell(length(value), value)
    return _number(value, 3, unit)


def _number(value: float, decimals: int, unit: str = "") -> Cell:
    if not np.isfinite(value):
        return Cell("–")
    text = f"{value:.{decimals}f}".replace("-", "\u2212")
    return Cell(f"{text} {unit}".strip(), value)


def provenance_blocks(solution: Solution, notes: Sequence[str]) -> list[Block]:
    """Sources, program, settings, versions, notes."""
    made = solution.provenance
    about = {
        "sources": ", ".join(made.sources) or "–",
        "program": made.program or "–",
        "mode": made.mode or "–",
        "method": made.method or "–",
        "datum": made.datum,
        "point": made.point,
        "seed": "–" if made.seed is None else made.seed,
        "simulated": made.simulated,
        "heights": "ellipsoidal",
        "page made by": f"Kinema {__version__}, Python {platform.python_version()}, NumPy {np.__version__}",
    }
    blocks: list[Block] = [Pairs("Origin", about)]
    if made.settings:
        blocks.append(Pairs("Settings", dict(made.settings)))
    lines = [*made.notes, *notes]
    if lines:
        blocks.append(Notes("Notes", lines))
    return blocks


def issue_blocks(recording: Recording) -> list[Block]:
    """What was read, and everything that was odd in it."""
    rows: list[Row] = []
    for role, stream in recording.streams.items():
        t_ns = getattr(stream, "t_ns", np.zeros(0, dtype=np.int64))
        count = len(t_ns) or len(getattr(stream, "sat", ()))
        step = float(np.median(np.diff(t_ns))) * 1e-9 if len(t_ns) > 1 else float("nan")
        rate = _number(1 / step if step > 0 else np.nan, 2, "Hz")
        rows.append([role, type(stream).__name__, Cell(str(count), count), rate])
    blocks: list[Block] = [Table("What was read", ("Stream", "Kind", "Rows", "Rate"), rows)]
    if recording.issues:
        found: list[Row] = [
            [issue.kind, Cell(str(issue.count), issue.count), issue.where, issue.source, issue.detail]
            for issue in recording.issues
        ]
        blocks.append(Table("What was odd in it", ("What", "Count", "First at", "Source", "Detail"), found))
    return blocks
