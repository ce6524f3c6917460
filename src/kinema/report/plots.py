"""The linked plots of a session: errors, motion, uncertainty, satellites, extra channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from kinema.analysis.judgement import Score
from kinema.core.arrays import F64, I64
from kinema.core.solution import Channel
from kinema.report.blocks.charts import Cloud, Corridor, Groups, Line, Plot
from kinema.report.blocks.sky import Sky
from kinema.report.draft import Draft, ramp, robust_range, wide
from kinema.report.satellites import STATES, Sight, add_groups, add_kinds, in_view, thinned
from kinema.report.trajectory import velocity_sigma_mps

KMH = 3.6

_SHOWN_UNITS = {"rad": ("°", 180 / np.pi), "rad/s": ("°/s", 180 / np.pi)}
_TITLES = {
    "ratio": "Ambiguity ratio",
    "success_rate": "Ambiguity success rate",
    "fixed_ambiguities": "Fixed ambiguities",
    "age_s": "Age of corrections",
    "hpl_m": "Horizontal protection level",
}
_COLOURS = ("--c1", "--c2", "--c3", "--c4", "--c5", "--c6")


def errors(draft: Draft, score: Score | None) -> None:
    """Errors against truth with their stated 95 % bounds; first, for they are what one looks for."""
    if score is None:
        return
    columns, error = draft.columns, errors_at(score, draft.motion.solution.t_ns)
    horizontal = np.hypot(error[:, 0], error[:, 1])
    columns.add("error.h", horizontal, unit="m", label="Horizontal error")
    draft.readout.append("error.h")
    known = draft.motion.has_uncertainty
    if known:
        columns.add("radius95", draft.motion.radius_95_m, unit="m", label="Stated 95 %")
    bound = [Line("radius95", "stated 95 %", colour="--c2", dash=True)] if known else []
    lines = [Line("error.h", "error", colour="--c5"), *bound]
    limits, log = robust_range(horizontal), wide(horizontal)
    draft.plots.append(Plot("Horizontal error", "m", lines, (), limits, True, log=log))
    draft.colourings.insert(0, ramp("error.h", "Horizontal error", "m", horizontal))
    for axis, name, colour, sign in ((1, "East", "--c1", 1.0), (0, "North", "--c3", 1.0), (2, "Up", "--c4", -1.0)):
        column = columns.add(f"error.{name}", sign * error[:, axis], unit="m", label=f"{name} error")
        bands = []
        if known:
            columns.add(f"sigma.{name}", draft.motion.sigma_n_m[:, axis], unit="m", label=f"σ {name}")
            bands = [Corridor(f"sigma.{name}", "stated 95 %", colour=colour)]
        low_high = robust_range(error[:, axis] * sign)
        draft.plots.append(
            Plot(f"{name} error", "m", [Line(column, "error", colour=colour)], bands, low_high, True, 112)
        )


def errors_at(score: Score, t_ns: I64) -> F64:
    """Errors north, east, down at the times t_ns (n, 3); NaN where the score did not judge."""
    error = np.full((len(t_ns), 3), np.nan)
    at = np.minimum(np.searchsorted(t_ns, score.t_ns), len(t_ns) - 1)
    same = t_ns[at] == score.t_ns
    error[at[same]] = score.error_n_m[same]
    return error


def motion_plots(draft: Draft) -> None:
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
    draft.colourings.append(ramp("height", "Height", "m", motion.height_m))


def _attitude(draft: Draft) -> None:
    motion, columns = draft.motion, draft.columns
    if not np.isfinite(motion.solution.q_nb_wxyz).any():
        return
    degrees = np.degrees(motion.attitude_rad)
    # No line through the whole plot where the heading passes north.
    wrapped = np.abs(np.diff(degrees[:, 2], prepend=degrees[:1, 2])) > 180
    degrees[wrapped, 2] = np.nan
    known = bool(np.isfinite(motion.solution.cov_att_n_rad2).any())
    bands = {}
    for k, name in enumerate(("roll", "pitch", "heading")):
        columns.add(name, degrees[:, k], unit="°", label=name.capitalize(), quantum=0.01)
        if known:
            columns.add(f"sigma.{name}", np.degrees(motion.attitude_sigma_rad[:, k]), unit="°", label=f"σ {name}")
            bands[name] = Corridor(f"sigma.{name}", "± 95 %", name, colour={"roll": "--c2"}.get(name, "--c4"))
    heading = [replace(bands["heading"], colour="--c6")] if known else []
    draft.plots.append(Plot("Heading", "°", [Line("heading", "heading", colour="--c6")], heading, None, False, 110))
    lines = [Line("roll", "roll", colour="--c2"), Line("pitch", "pitch", colour="--c4")]
    draft.plots.append(
        Plot("Roll and pitch", "°", lines, [b for n, b in bands.items() if n != "heading"], None, True, 110)
    )


def uncertainty(draft: Draft) -> None:
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
    draft.plots.append(Plot("Stated uncertainty", "m", lines, (), limits, True, 130, log=wide(motion.radius_95_m)))
    draft.colourings.append(ramp("radius95", "Uncertainty, 95 %", "m", motion.radius_95_m))
    draft.readout.append("radius95")


def satellites(draft: Draft, sight: Sight | None) -> None:
    _counts(draft, sight)
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
        draft.sky_plots.append(Cloud("C/N0", "dB-Hz", groups, "sky.cn0", "line", height_px=160))
    if np.isfinite(sight.elevation_rad).any():
        draft.sky.append(_sky(groups))
    kinds, every_row = add_kinds(columns, residuals)
    for one in kinds:
        limits = (-one.limit, one.limit)
        draft.sky_plots.append(
            Cloud(f"{one.kind.capitalize()} residuals", one.unit, one.groups, one.column, "dots", one.state, STATES,
                  limits, True, 140)
        )  # fmt: skip
    if max(every, every_row) > 1:
        draft.notes.append(
            f"Satellites are drawn at every {every}. epoch and residuals at every {every_row}.; "
            "the tables use all of them."
        )


def _named(draft: Draft, name: str, channel: Channel) -> None:
    """A plot of a channel that is known by name."""
    title, unit = _TITLES[name], "" if channel.unit == "1" else channel.unit
    draft.columns.add(f"channel.{name}", channel.value, unit=unit, label=title)
    colour, style = ("--c1", "step") if name == "fixed_ambiguities" else ("--c4", "line")
    line = Line(f"channel.{name}", channel.label or title.lower(), colour=colour, style=style)
    limits, log = robust_range(channel.value), wide(channel.value)
    draft.plots.append(Plot(title, unit, [line], (), limits, not log, 110, log=log))
    draft.colourings.append(ramp(f"channel.{name}", title, unit, channel.value))


def _counts(draft: Draft, sight: Sight | None) -> None:
    """How many satellites were seen and used."""
    motion, columns = draft.motion, draft.columns
    if motion.solution.provenance.mode == "ranges":
        return
    seen, used = in_view(sight, len(motion.t_s)) if sight is not None else (None, None)
    counts = motion.solution.n_sats.astype(float)
    used = counts if counts.any() or used is None else used
    if used.any():
        columns.add("sats.used", used, label="Satellites used", quantum=1.0)
        lines = [Line("sats.used", "used", colour="--c1", style="step")]
        if seen is not None:
            columns.add("sats.seen", seen, label="Satellites seen", quantum=1.0)
            lines.insert(0, Line("sats.seen", "seen", colour="--s0", style="step"))
        draft.sky_plots.append(Plot("Satellites", "", lines, (), None, True, 110))
        draft.colourings.append(ramp("sats.used", "Satellites used", "", used))


def _sky(groups: Groups) -> Sky:
    return Sky("Sky", groups, "sky.azimuth", "sky.elevation", "sky.cn0", "sky.state", STATES)


def channels(draft: Draft, own: Callable[[str, Mapping[str, Channel]], bool]) -> None:
    """Extra channels but those that have a section of their `own`: those of ambiguities and corrections each by itself,
    for their sizes differ; of the others those of one unit in one plot of at most six lines."""
    by_unit: dict[str, list[tuple[str, Channel]]] = {}
    present = draft.motion.solution.channels
    for name, channel in present.items():
        if own(name, present) or not np.isfinite(channel.value).any() or not np.nan_to_num(channel.value).any():
            continue
        if name in _TITLES:
            _named(draft, name, channel)
        else:
            by_unit.setdefault(channel.unit, []).append((name, channel))
    for unit, members in by_unit.items():
        shown, factor = _SHOWN_UNITS.get(unit, ("" if unit == "1" else unit, 1.0))
        for k in range(0, len(members), len(_COLOURS)):
            part, lines = members[k : k + len(_COLOURS)], []
            for (name, channel), colour in zip(part, _COLOURS, strict=False):
                label = channel.label or name
                label = label[:1].upper() + label[1:] if len(part) == 1 else label
                draft.columns.add(f"channel.{name}", channel.value * factor, unit=shown, label=label)
                lines.append(Line(f"channel.{name}", label, colour=colour))
                draft.colourings.append(ramp(f"channel.{name}", label, shown, channel.value * factor))
            limits = robust_range(*(channel.value * factor for _, channel in part))
            title = lines[0].label if len(lines) == 1 else f"Channels in {shown}" if shown else "Channels"
            draft.plots.append(Plot(title, shown, lines, (), limits, False, 130))
