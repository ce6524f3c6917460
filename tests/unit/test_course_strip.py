"""Curvilinear coordinates: exact both ways, one-to-one within the widths, and no jump at hairpins and bridges."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.course import Course, Plane
from kinema.course.strip import Strip
from kinema.errors import DataError


def _course(line: np.ndarray, half: float = 5.0, closed: bool = True) -> Course:
    return Course("made up", Plane(0.0, 0.0), line, np.full(len(line), half), np.full(len(line), half), closed)


def _hairpin() -> np.ndarray:
    """Two straights 14 m apart, joined by bends of 7 m radius: neighbours all along."""
    a = np.linspace(-np.pi / 2, np.pi / 2, 15)
    right = np.column_stack([300 + 7 * np.cos(a), 7 * np.sin(a)])
    left = np.column_stack([-7 * np.cos(a), -7 * np.sin(a)])
    there, back = np.linspace(3, 297, 60), np.linspace(297, 3, 60)
    parts = [np.column_stack([there, -np.full(60, 7.0)]), right, np.column_stack([back, np.full(60, 7.0)]), left]
    return np.vstack(parts)


def _eight(n: int = 400) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack([200 * np.sin(t), 120 * np.sin(2 * t)])


def _round_trip(strip: Strip, n: int, near: bool) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    s = rng.uniform(0, strip.length_m, n)
    left, right = strip.widths(s)
    d = rng.uniform(-right, left)
    ne = strip.to_ne(s, d)
    s2, d2 = strip.to_sd(ne, s if near else None)
    apart = np.abs((s2 - s + strip.length_m / 2) % strip.length_m - strip.length_m / 2)
    return float(np.hypot(*(strip.to_ne(s2, d2) - ne).T).max()), float(max(apart.max(), np.abs(d2 - d).max()))


def test_hairpin_neighbours_keep_their_own_stations() -> None:
    there, back = _round_trip(Strip.of(_course(_hairpin(), 6.5)), 20_000, near=False)
    assert there < 1e-6
    assert back < 1e-3


def test_bridge_is_told_by_the_station_nearby() -> None:
    there, back = _round_trip(Strip.of(_course(_eight())), 20_000, near=True)
    assert there < 1e-6
    assert back < 1e-3


def test_driving_over_and_under_a_bridge_never_jumps() -> None:
    strip = Strip.of(_course(_eight()))
    rng = np.random.default_rng(1)
    s = np.arange(0, 3 * strip.length_m, 4.0)
    ne = strip.to_ne(s, 2.0 * np.sin(s / 70)) + rng.normal(0, 0.5, (len(s), 2))
    way = strip.unwrapped(strip.follow(ne)[0])
    assert np.abs(way - way[0] - s).max() < 6.0


def test_offset_is_positive_to_the_left() -> None:
    strip = Strip.of(_course(np.array([[0.0, 0.0], [50.0, 0.0], [100.0, 0.0]]), closed=False))
    _, d = strip.to_sd(np.array([[50.0, -3.0]]))
    assert d[0] == pytest.approx(3.0, abs=1e-9)  # west of a line that runs north


def test_too_narrow_bends_are_cut_so_that_nothing_folds() -> None:
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    strip = Strip.of(_course(np.column_stack([20 * np.cos(t), 20 * np.sin(t)]), 30.0))
    assert _round_trip(strip, 5_000, near=True)[1] < 1e-3
    assert min(strip.left.min(), strip.right.min()) < 20.0


def test_curvature_of_a_circle() -> None:
    t = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    strip = Strip.of(_course(np.column_stack([100 * np.cos(t), 100 * np.sin(t)])))  # north to east: a right turn
    np.testing.assert_allclose(strip.curvature(np.arange(0, 600.0, 10)), -0.01, rtol=1e-3)


def test_points_that_are_none_are_refused() -> None:
    strip = Strip.of(_course(_eight()))
    with pytest.raises(DataError, match="finite north and east"):
        strip.to_sd(np.array([[np.nan, 0.0]]))


@pytest.mark.data
def test_all_race_tracks_round_trip_and_do_not_jump(data_dir) -> None:  # type: ignore[no-untyped-def]
    from kinema.course.files import read_course

    files = sorted((data_dir / "courses" / "tum").glob("*.csv"))
    assert len(files) > 20
    for path in files:
        strip = Strip.of(read_course(path))
        there, back = _round_trip(strip, 20_000, near=path.stem == "Suzuka")
        assert there < 1e-3, path.stem
        assert back < 1e-3, path.stem
