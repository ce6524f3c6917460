"""The page of a lap session: the best lap and up to five others over each other, gains, corners, sectors, lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kinema.analysis.corners import corner_deltas, corners_of
from kinema.analysis.deltas import STEP_M, delta_of, trace_of
from kinema.analysis.laps import Session
from kinema.core.event import Lap
from kinema.core.time import iso_utc
from kinema.errors import DataError
from kinema.report.blocks.base import Axis, Track
from kinema.report.blocks.map import Colouring, Map
from kinema.report.blocks.text import Notes
from kinema.report.columns import Columns
from kinema.report.laps_plots import Drawn, G, channel_plots, delta_plot, motion_plots
from kinema.report.laps_tables import coach, corner_table, grip, lap_table, line_spread, summary
from kinema.report.page import Page, Section

OVERLAYS = 6


def laps_page(session: Session, numbers: Sequence[int] = (), title: str | None = None) -> Page:
    """The page of a session. `numbers`: up to six laps to lay over each other, the first leads; by default the best and
    the next best. Raises DataError where no lap can be drawn."""
    chosen = [session.lap(n) for n in numbers] or sorted(session.timed, key=lambda lap: lap.time_s)
    drawn = _traces(session, chosen)
    if not drawn:
        raise DataError("session", "at least one whole lap to draw", "none")
    columns = Columns()
    tracks = [_track(columns, one) for one in drawn]
    plots = [*delta_plot(columns, drawn), *motion_plots(columns, drawn), *channel_plots(columns, session, drawn)]
    corners = corners_of(session)
    compared = corner_deltas(delta_of(drawn[1].trace, drawn[0].trace), corners) if len(drawn) > 1 else ()
    start = session.path.t_ns[0]
    count = f"{len(session.timed)} timed lap{'' if len(session.timed) == 1 else 's'}"
    return Page(
        title=title or session.mover or "Session",
        subtitle=f"{iso_utc(int(start), 0)[:16].replace('T', ' ')} UTC · {count} · start line: {session.gate_source}",
        lead=[summary(session), *coach(session, drawn, compared)],
        columns=columns,
        tracks=tracks,
        axes=[Axis("distance", "Distance", "length", "m"), Axis("time", "Time", "time", "s")],
        readout=[f"{drawn[0].key}.speed"],
        sections=[
            Section("", plots, "split", [_map(session, columns, drawn)]),
            Section("Laps and sectors", [lap_table(session)]),
            *(
                [Section(f"Corners: {drawn[1].label} against {drawn[0].label}", [corner_table(compared)])]
                if compared
                else []
            ),
            Section("Grip and lines", [grip(drawn), line_spread(session, drawn)], "grid"),
            *_notes(session),
        ],
    )


def _traces(session: Session, laps: Sequence[Lap]) -> list[Drawn]:
    drawn: list[Drawn] = []
    for lap in laps:
        if len(drawn) == OVERLAYS:
            break
        try:
            trace = trace_of(session, lap)
        except DataError:
            continue
        drawn.append(Drawn(trace, f"lap{lap.number}", f"--c{len(drawn) + 1}"))
    return drawn


def _track(columns: Columns, one: Drawn) -> Track:
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


def _map(session: Session, columns: Columns, drawn: list[Drawn]) -> Map:
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


def _notes(session: Session) -> list[Section]:
    issues = [*(session.recording.issues if session.recording else ()), *session.issues]
    return [Section("What was odd", [Notes("On reading and timing", [str(i) for i in issues])])] if issues else []
