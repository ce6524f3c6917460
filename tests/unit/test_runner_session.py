"""Running: distance on a track, efforts, splits, zones, pseudonyms, privacy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from kinema.analysis.privacy import leaderboard, pseudonym, without_private
from kinema.analysis.runner import looks_like_running, run_of
from kinema.core.course import Plane
from kinema.core.frames import ecef_from_geodetic, geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Series
from kinema.core.zone import Zone
from kinema.course.oval import Oval, lane_length_m
from kinema.course.strip import Strip

PLANE = Plane(np.radians(48.0), np.radians(11.0), 500.0)
OVAL = Oval(PLANE, (5.0, -8.0), 0.7)


def _watch(way_m: np.ndarray, t_s: np.ndarray, seed: int, sigma_m: float = 2.0, tau_s: float = 15.0) -> Solution:
    """A watch at 1 Hz on lane 1, errors with a correlation time."""
    course = OVAL.course("track")
    strip = Strip.of(course, 1.0)
    ne = strip.to_ne(way_m / 400.0 * strip.length_m, np.zeros(len(way_m)))
    a = np.exp(-1 / tau_s)
    white = np.random.default_rng(seed).normal(size=(len(t_s), 2)) * sigma_m
    noise = lfilter([np.sqrt(1 - a * a)], [1, -a], white, axis=0, zi=white[:1] * a)[0]
    lat, lon = PLANE.geodetic_from_ne(ne + noise)
    t_ns = 1_300_000_000_000_000_000 + np.round(t_s * 1e9).astype(np.int64)
    return Solution(t_ns, ecef_from_geodetic(lat, lon, np.full(len(t_s), 500.0)))


@pytest.mark.parametrize("seed", range(4))
def test_distance_of_a_watch_on_the_track_is_right(seed: int) -> None:
    t = np.arange(0, 1201.0)
    run = run_of(_watch(4.0 * t, t, seed))
    assert run.lane == 1
    assert run.distance_m == pytest.approx(4800.0, rel=0.005)
    assert all(abs(x - 400.0) < 1.0 for x in run.lap_distances_m)
    raw = np.hypot(*np.diff(run.path.raw_ne_m, axis=0).T).sum()
    assert abs(run.distance_m - 4800) < abs(raw - 4800)


def test_intervals_are_found_with_rests_and_heart_rate() -> None:
    way, t = [0.0], [0.0]
    for _ in range(6):
        for speed, seconds in ((5.0, 60), (0.0, 45)):
            for _ in range(seconds):
                way.append(way[-1] + speed)
                t.append(t[-1] + 1)
    solution = _watch(np.array(way), np.array(t), 1, sigma_m=1.0)
    heart = Series(solution.t_ns, np.where(np.diff(way, prepend=0) > 0, 180.0, 120.0), "1/min")
    run = run_of(Recording({"fixes": solution, "heart_rate": heart}), greatest_heart_rate=200.0)
    assert run.structure == "6 × 300 m"
    assert [round(e.rest_after_s) for e in run.efforts[:-1]] == pytest.approx([45] * 5, abs=4)
    assert np.std([e.distance_m for e in run.efforts]) < 2.0
    assert run.zones_s[4] == pytest.approx(360, abs=10)
    assert looks_like_running(run.path)


def test_lane_eight_is_longer() -> None:
    assert lane_length_m(8) - lane_length_m(1) == pytest.approx(53.03, abs=0.01)


def test_boards_have_pseudonyms_and_ties() -> None:
    board = leaderboard({"Anna": (60.0, 0.05), "Ben": (60.05, 0.05), "Cem": (61.0, 0.05)}, "salt")
    assert [row["tie_with_previous"] for row in board] == [False, True, False]
    assert not any(name in str(board) for name in ("Anna", "Ben", "Cem"))
    assert pseudonym("Anna", "salt") == board[0]["name"]
    assert pseudonym("Anna", "salt") != pseudonym("Anna", "pepper")


def test_private_zones_leave_nothing_near_and_do_not_point_at_their_centre() -> None:
    t = np.arange(0, 600.0)
    lat, lon = PLANE.geodetic_from_ne(np.column_stack([4 * t - 1200, np.zeros(600)]))
    solution = Solution(np.arange(600, dtype=np.int64) * 10**9, ecef_from_geodetic(lat, lon, np.zeros(600)))
    home = Zone.circle("home", PLANE.lat_rad, PLANE.lon_rad, 200.0, "private")
    cut = without_private(solution, [home])
    lat, lon, _ = geodetic_from_ecef(cut.p_e_m)
    assert not home.contains(lat, lon).any()
    north = PLANE.ne_from_geodetic(lat, lon)[:, 0]
    before, after = north[north < 0].max(), north[north > 0].min()
    assert abs(before + after) > 20.0  # the middle of the hole is not the home
    assert without_private(solution, []) is solution
