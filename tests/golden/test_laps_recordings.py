"""Real recordings: the laps that their own timers found, with the line given and with no setting at all."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.analysis.laps import Session, laps
from kinema.formats.reading import read

pytestmark = pytest.mark.data


def _session(data_dir, name: str, start: str | None = None) -> Session:  # type: ignore[no-untyped-def]
    return laps(read(data_dir / name, on_bad="skip"), start=start)


def _times(session: Session) -> np.ndarray:
    return np.array([lap.time_s for lap in session.timed])


def test_tianma_full_lap_between_two_parts(data_dir) -> None:  # type: ignore[no-untyped-def]
    session = _session(data_dir, "laps-tianma/session_20251231_111318_tianma_lap9_v3.csv.gz")
    assert [lap.kind for lap in session.laps] == ["incomplete", "timed", "incomplete"]
    assert session.timed[0].time_s == pytest.approx(76.329, abs=0.005)
    assert {"rpm", "throttle", "speed"} <= set(session.recording.streams)  # type: ignore[union-attr]


def test_sonoma_with_no_setting(data_dir) -> None:  # type: ignore[no-untyped-def]
    naive = [128.089, 126.340, 127.834, 126.391, 127.907, 130.573, 126.795]
    session = _session(data_dir, "laps-sonoma/sonoma.log.gz")
    np.testing.assert_allclose(_times(session), naive, atol=0.02)
    assert session.laps[-1].kind == "in"


def test_sonoma_with_the_line_that_the_figures_were_made_with(data_dir) -> None:  # type: ignore[no-untyped-def]
    naive = [128.089, 126.340, 127.834, 126.391, 127.907, 130.573, 126.795]
    session = _session(data_dir, "laps-sonoma/sonoma.log.gz")
    from dataclasses import replace

    plane, ends = session.path.plane, session.gate.on(session.path.plane)
    middle, along = ends.mean(axis=0), (ends[1] - ends[0]) / 30.0
    ahead = np.array([along[1], -along[0]])
    turn = np.radians(5.0)
    across = np.cos(turn) * along + np.sin(turn) * ahead
    best = np.inf
    for way in (across, np.cos(turn) * along - np.sin(turn) * ahead):
        lat, lon = plane.geodetic_from_ne(middle - 2.0 * ahead + np.outer([-20, 20], way))
        gate = replace(session.gate, left_rad=(lat[0], lon[0]), right_rad=(lat[1], lon[1]))
        best = min(best, np.abs(_times(laps(session.recording, start=gate)) - naive).max())  # type: ignore[arg-type]
    assert best < 0.005


def test_kart_laps_are_the_device_s(data_dir) -> None:  # type: ignore[no-untyped-def]
    session = _session(data_dir, "laps-kart-13/okc-tillotson-data.dovex.gz")
    device = session.recording.streams["device_lap_times"].value  # type: ignore[union-attr]
    np.testing.assert_allclose(_times(session), device, atol=0.005)
    kinds = [lap.kind for lap in session.laps]
    assert (kinds[0], kinds[-1]) == ("out", "in")


def test_loop_time_lies_within_the_stated_uncertainty(data_dir) -> None:  # type: ignore[no-untyped-def]
    line = "28.41270817,-81.37973266,28.41273039,-81.37957049"
    session = _session(data_dir, "laps-kart-orlando/two-laps.nmea", line)
    lap = session.timed[1]
    assert lap.time_s == pytest.approx(68.748, abs=0.01)  # another GPS timer
    assert abs(lap.time_s - 68.807) < 1.96 * lap.evidence["other_timer_sigma_s"]  # the magnetic loop
    free = _session(data_dir, "laps-kart-orlando/two-laps.nmea")
    np.testing.assert_allclose(_times(free), _times(session), atol=0.02)


def test_vbo_with_its_own_line(data_dir) -> None:  # type: ignore[no-untyped-def]
    session = _session(data_dir, "laps-formats/racebox-lignano.vbo")
    assert session.gate_source.startswith("stored in the file")
    assert session.best is not None
    assert session.best.time_s == pytest.approx(65.726, abs=0.005)
    assert any(lap.kind == "pit" for lap in session.laps)


def test_running_session_has_its_structure(data_dir) -> None:  # type: ignore[no-untyped-def]
    from kinema.analysis.runner import run_of

    run = run_of(read(data_dir / "run-track-session" / "track_session.gpx"))
    assert run.structure == "16 × 200 m"
    distances = np.array([e.distance_m for e in run.efforts])
    assert distances.std(ddof=1) < 2.0
    assert run.oval is not None
    assert all(abs(x - 400) < 1.0 for x in run.lap_distances_m)
    assert 140 < np.mean([e.heart_rate for e in run.efforts[1:]]) < 160
