"""The page of one session: which blocks it has, in which order, for what a solution brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kinema.analysis.judgement import Score
from kinema.core.arrays import F64
from kinema.core.event import Event
from kinema.core.recording import Recording
from kinema.core.solution import Channel, Solution
from kinema.core.time import iso_utc, unix_ns_from_gps_ns
from kinema.report.blocks.base import Axis, Block, Span, Track
from kinema.report.blocks.charts import Category, Cloud, Corridor, Groups, Line, Plot, Strip
from kinema.report.blocks.map import Colouring, Ellipses, Map
from kinema.report.blocks.sky import Sky
from kinema.report.columns import Columns
from kinema.report.findings import (
    banners,
    headline,
    issue_blocks,
    provenance_blocks,
    residual_table,
    satellite_table,
    score_blocks,
)
from kinema.report.page import Page, Section
from kinema.report.satellites import STATES, Sight, add_groups, add_kinds, in_view, sight_of, thinned
from kinema.report.trajectory import Motion, motion_of, velocity_sigma_mps

KMH = 3.6
STATUSES = (
    Category(5, "Fixed", "--s5"),
    Category(6, "PPP", "--s6"),
    Category(4, "Float", "--s4"),
    Category(3, "Differential", "--s3"),
    Category(7, "SBAS", "--s7"),
    Category(2, "Single", "--s2"),
    Category(1, "Dead-reckoned", "--s1"),
    Category(0, "No position", "--s0"),
)


@dataclass
class _Draft:
    """What the parts of the page gather as they are made."""

    motion: Motion
    columns: Columns = field(default_factory=Columns)
    tracks: list[Track] = field(default_factory=list)
    colourings: list[Colouring] = field(default_factory=list)
    plots: list[Block] = field(default_factory=list)
    aside: list[Block] = field(default_factory=list)
    tables: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    readout: list[str] = field(default_factory=list)


def session_page(
    solution: Solution,
    *,
    truth: Solution | None,
    score: Score | None,
    recording: Recording | None,
    laps: Sequence[Event],
    title: str | None,
) -> Page:
    """The page; see `kinema.report.document.report` for the arguments."""
    motion = motion_of(solution)
    draft = _Draft(motion)
    sight = sight_of(solution.residuals) if solution.residuals is not None else None
    _track(draft)
    _errors(draft, score)
    _motion_plots(draft, sight)
    _uncertainty(draft)
    _satellites(draft, sight)
    _channels(draft)
    if truth is not None and int(truth.valid.sum()) > 1:
        _truth(draft, truth)
    _map(draft)
    name = title or (recording.name if recording else "") or _name(solution)
    start = unix_ns_from_gps_ns(motion.t0_ns) / 1e9
    seconds = Axis("time", "Time", "time", "s", None if motion.t0_ns < 10**9 * 86400 else start)
    return Page(
        title=name,
        subtitle=_subtitle(solution),
        lead=[*banners(solution, recording), headline(motion, score, sight)],
        navigator=Strip("Status", "status", STATUSES),
        columns=draft.columns,
        tracks=draft.tracks,
        axes=[seconds, Axis("distance", "Distance", "length", "m")],
        spans=[*_outages(motion), *_laps(motion, laps)],
        readout=draft.readout,
        sections=[
            Section("", draft.plots, "split", draft.aside),
            *_tables(draft, solution, score, recording, sight),
        ],
    )


def _name(solution: Solution) -> str:
    sources = solution.provenance.sources
    return sources[0].replace("\\", "/").rstrip("/").rpartition("/")[2] if sources else "Trajectory"


def _subtitle(solution: Solution) -> str:
    what = " ".join(part for part in (solution.provenance.mode, solution.provenance.method) if part)
    first, last = iso_utc(int(solution.t_ns[0]), 0), iso_utc(int(solution.t_ns[-1]), 0)
    last = last[11:] if last[:10] == first[:10] else last
    span = f"{first[:10]} {first[11:-1]} – {last.replace('T', ' ')[:-1]} UTC"
    return " · ".join(part for part in (span, what, solution.provenance.datum) if part)


def _track(draft: _Draft) -> None:
    motion, columns = draft.motion, draft.columns
    quantum = motion.length_quantum_m
    columns.add("t", motion.t_s, unit="s", label="Time", quantum=1e-4)
    columns.add("east", motion.p_n_m[:, 1], unit="m", label="East", quantum=quantum)
    columns.add("north", motion.p_n_m[:, 0], unit="m", label="North", quantum=quantum)
    columns.add("speed", motion.speed_mps * KMH, unit="km/h", label="Speed", quantum=0.01 * quantum / 0.001)
    columns.add("height", motion.height_m, unit="m", label="Height", quantum=quantum)
    columns.add("status", motion.solution.status, label="Status", quantum=1.0)
    columns.derive_distance("distance", "t", "speed", "east", "north", 1 / KMH)
    x = {"time": "t", "distance": "distance"}
    draft.tracks.append(Track("solution", "Solution", x, "east", "north", "--c1", motion.gap_s))
    draft.readout += ["speed", "height"]
    draft.colourings.append(_ramp("speed", "Speed", "km/h", motion.speed_mps * KMH))
    draft.colourings.append(Colouring("status", "Status", categories=_present(motion.solution)))


def _present(solution: Solution) -> list[Category]:
    have = set(np.unique(solution.status).tolist())
    return [category for category in STATUSES if category.value in have]


def _ramp(column: str, label: str, unit: str, values: F64, diverging: bool = False) -> Colouring:
    """A colouring over the central 98 % of the values."""
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, (0.01, 0.99)) if len(finite) else (0.0, 1.0)
    if diverging:
        high = max(abs(float(low)), abs(float(high)))
        low = -high
    if not high > low:
        low, high = float(low) - 0.5, float(high) + 0.5
    return Colouring(column, label, unit, _round(float(low)), _round(float(high)), diverging)


def _round(value: float) -> float:
    return float(f"{value:.3g}")


def robust_range(*values: F64) -> tuple[float, float] | None:
    """Bounds of a plot where single values are far outside the rest; None where all may be shown."""
    finite = np.concatenate([v[np.isfinite(v)] for v in values])
    if len(finite) < 20:
        return None
    low, high = np.quantile(finite, (0.005, 0.995))
    span = float(high - low)
    least, most = float(finite.min()), float(finite.max())
    if most - least <= 3 * span or span == 0:
        return None
    return max(least, float(low) - 0.6 * span), min(most, float(high) + 0.6 * span)


def _errors(draft: _Draft, score: Score | None) -> None:
    """Errors against truth with their stated 95 % bounds; first, for they are what one looks for."""
    if score is None or len(score.error_n_m) != len(draft.motion.t_s):
        return
    columns, error = draft.columns, score.error_n_m
    horizontal = np.hypot(error[:, 0], error[:, 1])
    columns.add("error.h", horizontal, unit="m", label="Horizontal error")
    draft.readout.append("error.h")
    known = draft.motion.has_uncertainty
    if known:
        columns.add("radius95", draft.motion.radius_95_m, unit="m", label="Stated 95 %")
    bound = [Line("radius95", "stated 95 %", colour="--c2", dash=True)] if known else []
    draft.plots.append(
        Plot(
            "Horizontal error",
            "m",
            [Line("error.h", "error", colour="--c5"), *bound],
            (),
            robust_range(horizontal),
            True,
        )
    )
    draft.colourings.insert(0, _ramp("error.h", "Horizontal error", "m", horizontal))
    for axis, name, colour, sign in ((1, "East", "--c1", 1.0), (0, "North", "--c3", 1.0), (2, "Up", "--c4", -1.0)):
        column = columns.add(f"error.{name}", sign * error[:, axis], unit="m", label=f"{name} error")
        bands = []
        if known:
            columns.add(f"sigma.{name}", draft.motion.sigma_n_m[:, axis], unit="m", label=f"σ {name}")
            bands = [Corridor(f"sigma.{name}", "stated 95 %", colour=colour)]
        low_high = robust_range(error[:, axis] * sign)
        draft.plots.append(
            Plot(f"{name} error", "m", [Line(column, "error", colour=colour)], bands, low_high, True, 110)
        )


def _motion_plots(draft: _Draft, sight: Sight | None) -> None:
    motion, columns = draft.motion, draft.columns
    bands = []
    if np.isfinite(motion.solution.cov_v_e).any() and motion.has_velocity:
        columns.add("sigma.speed", velocity_sigma_mps(motion.solution) * KMH, unit="km/h", label="σ speed")
        bands = [Corridor("sigma.speed", "± 95 %", "speed")]
    speed = motion.speed_mps * KMH
    label = "speed" if motion.has_velocity else "from positions"
    draft.plots.append(Plot("Speed", "km/h", [Line("speed", label)], bands, robust_range(speed), True))
    bands = []
    if motion.has_uncertainty:
        if "sigma.Up" not in columns:
            columns.add("sigma.Up", motion.sigma_n_m[:, 2], unit="m", label="σ up")
        bands = [Corridor("sigma.Up", "± 95 %", "height", colour="--c3")]
    draft.plots.append(
        Plot("Height", "m", [Line("height", "height", colour="--c3")], bands, robust_range(motion.height_m), False, 120)
    )
    _attitude(draft)
    seen, used = in_view(sight, len(motion.t_s)) if sight is not None else (None, None)
    counts = motion.solution.n_sats.astype(float)
    used = counts if counts.any() or used is None else used
    if used.any():
        columns.add("sats.used", used, label="Satellites used", quantum=1.0)
        lines = [Line("sats.used", "used", colour="--c1", style="step")]
        if seen is not None:
            columns.add("sats.seen", seen, label="Satellites seen", quantum=1.0)
            lines.insert(0, Line("sats.seen", "seen", colour="--s0", style="step"))
        draft.plots.append(Plot("Satellites", "", lines, (), None, True, 110))
        draft.colourings.append(_ramp("sats.used", "Satellites used", "", used))
    draft.colourings.append(_ramp("height", "Height", "m", motion.height_m))


def _attitude(draft: _Draft) -> None:
    if not np.isfinite(draft.motion.solution.q_nb_wxyz).any():
        return
    degrees = np.degrees(draft.motion.attitude_rad)
    for k, name in enumerate(("roll", "pitch", "heading")):
        draft.columns.add(name, degrees[:, k], unit="°", label=name.capitalize(), quantum=0.01)
    draft.plots.append(
        Plot("Heading", "°", [Line("heading", "heading", colour="--c6", style="dots")], (), None, False, 110)
    )
    lines = [Line("roll", "roll", colour="--c2"), Line("pitch", "pitch", colour="--c4")]
    draft.plots.append(Plot("Roll and pitch", "°", lines, (), None, True, 110))


def _uncertainty(draft: _Draft) -> None:
    motion, columns = draft.motion, draft.columns
    if not motion.has_uncertainty:
        return
    if "radius95" not in columns:
        columns.add("radius95", motion.radius_95_m, unit="m", label="Stated 95 %")
    for name, axis in (("East", 1), ("North", 0), ("Up", 2)):
        if f"sigma.{name}" not in columns:
            columns.add(f"sigma.{name}", motion.sigma_n_m[:, axis], unit="m", label=f"σ {name}")
    columns.add("correlation", motion.correlation_en, quantum=0.005)
    lines = [
        Line("radius95", "horizontal 95 %", colour="--c2"),
        Line("sigma.Up", "σ up", colour="--c4"),
        Line("sigma.East", "σ east", colour="--c1"),
        Line("sigma.North", "σ north", colour="--c3"),
    ]
    limits = robust_range(motion.radius_95_m)
    draft.plots.append(Plot("Stated uncertainty", "m", lines, (), limits, True, 130))
    draft.colourings.append(_ramp("radius95", "Uncertainty, 95 %", "m", motion.radius_95_m))
    draft.readout.append("radius95")


def _satellites(draft: _Draft, sight: Sight | None) -> None:
    residuals = draft.motion.solution.residuals
    if residuals is None or sight is None or not len(residuals.epoch):
        return
    columns = draft.columns
    keep, every = thinned(sight.epoch)
    groups = add_groups(columns, "sky.", sight.epoch[keep], sight.sat[keep])
    columns.add("sky.azimuth", np.degrees(sight.azimuth_rad[keep]), unit="°", quantum=0.1)
    columns.add("sky.elevation", np.degrees(sight.elevation_rad[keep]), unit="°", quantum=0.1)
    columns.add("sky.cn0", sight.cn0_dbhz[keep], unit="dB-Hz", quantum=0.25)
    columns.add("sky.state", sight.state[keep], quantum=1.0)
    if np.isfinite(sight.cn0_dbhz).any():
        draft.plots.append(Cloud("C/N0", "dB-Hz", groups, "sky.cn0", "line", height_px=160))
    if np.isfinite(sight.elevation_rad).any():
        draft.aside.append(_sky(groups))
    kinds, every_row = add_kinds(columns, residuals)
    for one in kinds:
        limits = (-one.limit, one.limit)
        draft.plots.append(
            Cloud(f"{one.kind.capitalize()} residuals", one.unit, one.groups, one.column, "dots", one.state, STATES,
                  limits, True, 140)
        )  # fmt: skip
    if max(every, every_row) > 1:
        draft.notes.append(
            f"Satellites are drawn at every {every}. epoch and residuals at every {every_row}.; "
            "the tables use all of them."
        )


def _sky(groups: Groups) -> Sky:
    return Sky("Sky", groups, "sky.azimuth", "sky.elevation", "sky.cn0", "sky.state", STATES)


_SHOWN_UNITS = {"rad": ("°", 180 / np.pi), "rad/s": ("°/s", 180 / np.pi)}
_COLOURS = ("--c1", "--c2", "--c3", "--c4", "--c5", "--c6")


def _channels(draft: _Draft) -> None:
    """Extra channels, those of one unit in one plot of at most six lines."""
    by_unit: dict[str, list[tuple[str, Channel]]] = {}
    for name, channel in draft.motion.solution.channels.items():
        if np.isfinite(channel.value).any():
            by_unit.setdefault(channel.unit, []).append((name, channel))
    for unit, members in by_unit.items():
        shown, factor = _SHOWN_UNITS.get(unit, ("" if unit == "1" else unit, 1.0))
        for k in range(0, len(members), len(_COLOURS)):
            part, lines = members[k : k + len(_COLOURS)], []
            for (name, channel), colour in zip(part, _COLOURS, strict=False):
                label = channel.label or name
                draft.columns.add(f"channel.{name}", channel.value * factor, unit=shown, label=label)
                lines.append(Line(f"channel.{name}", label, colour=colour))
                draft.colourings.append(_ramp(f"channel.{name}", label, shown, channel.value * factor))
            limits = robust_range(*(channel.value * factor for _, channel in part))
            title = lines[0].label if len(lines) == 1 else f"Channels in {shown}" if shown else "Channels"
            draft.plots.append(Plot(title, shown, lines, (), limits, False, 130))


def _truth(draft: _Draft, truth: Solution) -> None:
    from kinema.analysis.matching import same_week

    t_ns, note = same_week(truth.t_ns, draft.motion.t0_ns)
    if note:
        draft.notes.append(note)
    solution = draft.motion.solution
    near = (t_ns >= solution.t_ns[0]) & (t_ns <= solution.t_ns[-1])
    if near.sum() < 2:
        return
    kept = truth.select(near)
    other = Motion(kept, draft.motion.origin_e_m, draft.motion.t0_ns)
    quantum = other.length_quantum_m
    seconds = (t_ns[near] - draft.motion.t0_ns) * 1e-9
    draft.columns.add("truth.t", seconds, unit="s", quantum=1e-4)
    draft.columns.add("truth.east", other.p_n_m[:, 1], unit="m", quantum=quantum)
    draft.columns.add("truth.north", other.p_n_m[:, 0], unit="m", quantum=quantum)
    gap = 2.5 * float(np.median(np.diff(seconds)))
    draft.tracks.append(Track("truth", "Truth", {"time": "truth.t"}, "truth.east", "truth.north", "--ink", gap))


def _map(draft: _Draft) -> None:
    from kinema.core.frames import geodetic_from_ecef

    motion = draft.motion
    lat, lon, height = geodetic_from_ecef(motion.origin_e_m)
    origin = None if motion.local else (float(lat), float(lon), float(height))
    ellipses = Ellipses("sigma.East", "sigma.North", "correlation") if motion.has_uncertainty else None
    names = [track.name for track in draft.tracks]
    draft.aside.insert(0, Map("Map", names, draft.colourings, origin, ellipses))


def _outages(motion: Motion) -> list[Span]:
    return [Span(start, stop, "no position", "outage") for start, stop in motion.outages]


def _laps(motion: Motion, laps: Sequence[Event]) -> list[Span]:
    spans = []
    for k, lap in enumerate(laps, start=1):
        label = f"{lap.kind} {getattr(lap, 'number', k)}"
        spans.append(Span((lap.t0_ns - motion.t0_ns) * 1e-9, (lap.t1_ns - motion.t0_ns) * 1e-9, label, "lap"))
    return spans


def _tables(
    draft: _Draft, solution: Solution, score: Score | None, recording: Recording | None, sight: Sight | None
) -> list[Section]:
    sections = []
    if score is not None:
        sections.append(Section("Against the truth", score_blocks(score), "grid"))
    if solution.residuals is not None and sight is not None and len(solution.residuals.epoch):
        blocks = [satellite_table(solution.residuals, sight), residual_table(solution.residuals)]
        sections.append(Section("What was used, and what was left out", blocks, "grid"))
    made = provenance_blocks(solution, draft.notes)
    if recording is not None:
        made = [*issue_blocks(recording), *made]
    sections.append(Section("How it was made", made, "grid"))
    return sections
