"""What becomes of odd outings: every piece named, or one clear line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinema.analysis.laps import laps
from kinema.core.course import Course
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError, DataError
from laps_world import T0_NS, World, world


@pytest.fixture(scope="module")
def made() -> World:
    return world(laps=5, seed=3, size_m=150, top_mps=30)


@pytest.fixture(scope="module")
def drive(made: World) -> Solution:
    return made.solution(10, 0.05, 1)


def _times(solution: Solution, made: World) -> np.ndarray:
    return np.array([lap.time_s for lap in laps(solution, start=made.gate).timed])


def test_laps_and_pieces_with_a_given_line(made: World, drive: Solution) -> None:
    session = laps(drive, start=made.gate)
    assert [lap.kind for lap in session.laps] == ["incomplete", *["timed"] * 5, "incomplete"]
    np.testing.assert_allclose([lap.time_s for lap in session.timed], np.diff(made.crossing_s), atol=0.01)
    for lap in session.timed:
        assert sum(s.time_s for s in lap.sectors) == pytest.approx(lap.time_s, abs=1e-6)
    s = session.statistics
    assert s["rolling_best_s"] <= s["best_s"] + 1e-3
    assert s["theoretical_best_s"] <= s["ideal_s"] + 1e-9 <= s["best_s"] + 1e-6


def test_without_a_line_the_same_laps_are_found(made: World, drive: Solution) -> None:
    session = laps(drive)
    assert len(session.timed) in (4, 5)
    assert session.gate_source.startswith("found by repetition")
    assert abs(np.mean([lap.time_s for lap in session.timed]) - np.diff(made.crossing_s).mean()) < 0.6


def test_a_course_driven_backwards_has_its_laps(made: World, drive: Solution) -> None:
    back = replace(drive, p_e_m=drive.p_e_m[::-1].copy())
    np.testing.assert_allclose(_times(back, made)[::-1], np.diff(made.crossing_s), atol=0.03)


def test_teleports_are_left_out_and_told(made: World, drive: Solution) -> None:
    p = drive.p_e_m.copy()
    p[100] += 50_000.0
    p[300:303] += 900.0
    session = laps(replace(drive, p_e_m=p), start=made.gate)
    assert next(i for i in session.issues if i.kind == "teleport").count == 4
    np.testing.assert_allclose([lap.time_s for lap in session.timed], np.diff(made.crossing_s), atol=0.01)


def test_a_hole_over_the_line_glues_two_laps_and_says_so(made: World, drive: Solution) -> None:
    t = (drive.t_ns - T0_NS) * 1e-9
    keep = np.abs(t - made.crossing_s[2]) > 3.0
    session = laps(drive.select(keep), start=made.gate)
    kinds = [lap.kind for lap in session.laps]
    assert kinds.count("timed") == 3
    assert kinds.count("incomplete") == 3  # both ends, and the glued one


def test_two_laps_in_one_are_invalid(made: World, drive: Solution) -> None:
    """The line is passed beside its end once: the lap counts double and is named."""
    t = (drive.t_ns - T0_NS) * 1e-9
    from kinema.core.frames import ecef_from_geodetic, geodetic_from_ecef

    lat, lon, h = geodetic_from_ecef(drive.p_e_m)
    bump = np.exp(-(((t - made.crossing_s[2]) / 2.0) ** 2)) * 45.0
    ends = np.array([made.gate.left_rad, made.gate.right_rad])
    across = (ends[0] - ends[1]) / 40.0
    moved = replace(drive, p_e_m=ecef_from_geodetic(lat + bump * across[0], lon + bump * across[1], h))
    session = laps(moved, start=made.gate)
    glued = next(lap for lap in session.laps if lap.kind == "invalid")
    assert "2 laps in one" in glued.evidence["why"]


def test_a_line_that_is_never_crossed_is_one_clear_line(drive: Solution) -> None:
    with pytest.raises(ConfigError, match=r"never crossed: the path comes within .* km"):
        laps(drive, start="48.0,11.0,48.001,11.0")
    with pytest.raises(ConfigError, match="is not LAT,LON,LAT,LON"):
        laps(drive, start="48.0,eleven")


def test_what_has_no_laps_says_so(drive: Solution) -> None:
    with pytest.raises(ConfigError, match="no laps in it"):
        laps(drive.select(slice(0, 200)))
    with pytest.raises(DataError, match="at least 4 positions"):
        laps(drive.select(slice(0, 2)))
    with pytest.raises(DataError, match="positions of a device"):
        laps(Recording({}))


def test_one_hertz_laps_are_right(made: World) -> None:
    np.testing.assert_allclose(_times(made.solution(1, 0.02, 5), made), np.diff(made.crossing_s), atol=0.05)


def test_a_lap_across_midnight_and_the_leap_second(made: World, drive: Solution) -> None:
    from kinema.core.time import gps_ns_from_unix_ns

    midnight = gps_ns_from_unix_ns(1_483_228_800_000_000_000)  # 2017-01-01, after 23:59:60
    shifted = replace(drive, t_ns=drive.t_ns - drive.t_ns[0] + midnight - 150_000_000_000)
    np.testing.assert_allclose(_times(shifted, made), np.diff(made.crossing_s), atol=0.01)
    session = laps(shifted, start=made.gate)
    assert session.timed[2].to_json()["start_utc"][:4] in ("2016", "2017")


def test_a_pit_stop_makes_a_pit_lap(made: World, drive: Solution) -> None:
    t = drive.t_ns.copy()
    k = int(np.searchsorted((t - T0_NS) * 1e-9, made.crossing_s[1] + 20.0))
    stand = np.arange(1, 301) * 100_000_000
    rng = np.random.default_rng(0)
    p = np.concatenate([drive.p_e_m[:k], drive.p_e_m[k - 1] + rng.normal(0, 0.02, (300, 3)), drive.p_e_m[k:]])
    session = laps(Solution(np.concatenate([t[:k], t[k - 1] + stand, t[k:] + 30_000_000_000]), p), start=made.gate)
    kinds = [lap.kind for lap in session.laps]
    assert kinds == ["incomplete", "timed", "pit", "timed", "timed", "timed", "incomplete"]


def test_a_route_is_timed_from_its_start_to_its_finish(made: World, drive: Solution) -> None:
    from kinema.analysis.laps import route_of

    once = drive.select(slice(0, 400))  # two thirds of a lap
    route = route_of(once, "up the hill")
    assert not route.closed
    again = replace(once, t_ns=once.t_ns + 3_600_000_000_000)
    both = Solution(np.concatenate([once.t_ns, again.t_ns]), np.concatenate([once.p_e_m, again.p_e_m]))
    session = laps(both, route)
    assert len(session.timed) == 2
    assert session.timed[0].time_s == pytest.approx(session.timed[1].time_s, abs=1e-3)
    assert 30 < session.timed[0].time_s < 40
    assert session.timed[0].place == "start to finish"


def test_a_learned_course_serves_another_outing(made: World, drive: Solution, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from kinema.course.files import read_course, write_course

    course = laps(drive, start=made.gate).course
    assert course is not None
    write_course(course, tmp_path / "c.toml")
    again = laps(made.solution(25, 0.05, 9), read_course(tmp_path / "c.toml"))
    np.testing.assert_allclose([lap.time_s for lap in again.timed], np.diff(made.crossing_s), atol=0.01)
    assert len(again.timed[0].sectors) == 3
    elsewhere = Course("x", course.plane, course.line_ne_m + 5000.0, course.width_left_m, course.width_right_m)
    assert all(lap.kind != "timed" for lap in laps(drive, elsewhere, made.gate).laps)
