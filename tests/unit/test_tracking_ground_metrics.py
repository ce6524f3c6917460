"""Judging movers on the ground by hand-worked tables."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.analysis.ground_score import score_ground
from kinema.core.course import Plane
from kinema.core.tracks import GroundTracks
from kinema.errors import DataError

PLANE = Plane(0.8, 0.2)


def tracks(rows: list[tuple[float, int, float, float]], sigma: float = 0.1, tag: int = -1) -> GroundTracks:
    """Of (seconds, track, north, east)."""
    v = np.array(sorted(rows, key=lambda row: (row[1], row[0]))).reshape(-1, 4)
    n = len(v)
    cov = np.tile(np.eye(2) * sigma**2, (n, 1, 1))
    return GroundTracks(np.round(v[:, 0] * 1e9).astype(np.int64), v[:, 1].astype(np.int64), v[:, 2:], cov,
                        np.zeros((n, 2)), cov, np.ones(n, bool), np.where(v[:, 1] > 0, tag, -1), PLANE)  # fmt: skip


TRUE = [(k, 1, 10.0 * k, 0.0) for k in range(4)]


def test_gospa_and_its_parts() -> None:
    """One mover 0.5 m off at three of four times, missed at one, and one false track at one; cut 2 m: half of it
    squared is 2 m²."""
    found = tracks([(k, 1, 10.0 * k + 0.5, 0.0) for k in (0, 1, 2)] + [(1, 2, -50.0, 0.0)])
    score = score_ground(found, tracks(TRUE))
    each = [0.5, np.sqrt(0.25 + 2.0), 0.5, np.sqrt(2.0)]
    assert score.gospa_m == pytest.approx(np.mean(each))
    assert score.gospa_localisation_m == pytest.approx(np.sqrt(3 * 0.25 / 4))
    assert score.gospa_missed_m == pytest.approx(np.sqrt(2.0 / 4))
    assert score.gospa_false_m == pytest.approx(np.sqrt(2.0 / 4))
    assert (score.identity.tp, score.identity.fn, score.identity.fp) == (3, 1, 1)
    assert score.rms_m == pytest.approx(0.5)


def test_a_pair_beyond_the_cut_is_missed_and_false() -> None:
    score = score_ground(tracks([(0, 1, 0.0, 3.0)]), tracks(TRUE[:1]))
    assert score.gospa_m == pytest.approx(2.0)
    assert score.identity.fn == score.identity.fp == 1


def test_the_assignment_is_the_best_one_of_all() -> None:
    """Nearest first would pair 0 with 1 (1 m) and leave 10 m; exact: 0.9 with 0, 1.9 with 1."""
    truth = tracks([(0, 1, 0.0, 0.0), (0, 2, 1.0, 0.0)])
    found = tracks([(0, 1, 0.9, 0.0), (0, 2, 1.9, 0.0)])
    score = score_ground(found, truth)
    assert score.gospa_m == pytest.approx(np.sqrt(0.81 + 0.81))


def test_an_exchange_of_identities_is_counted() -> None:
    truth = tracks([(k, i, 10.0 * k, 20.0 * i) for k in range(4) for i in (1, 2)])
    found = tracks([(k, i if k < 2 else 3 - i, 10.0 * k, 20.0 * i) for k in range(4) for i in (1, 2)])
    score = score_ground(found, truth)
    assert score.identity.switches == 2
    assert score.identity.idf1 == pytest.approx(0.5)
    assert score.identity.mota == pytest.approx(1 - 2 / 8)


def test_tracks_are_taken_between_their_rows() -> None:
    """Tracks at other times than the truth's, on another plane; holes are not bridged."""
    found = tracks([(0.4, 1, 4.0, 0.0), (1.2, 1, 12.0, 0.0), (2.1, 1, 21.0, 0.0), (5.0, 1, 50.0, 0.0)])
    score = score_ground(found, tracks([*TRUE, (4.0, 1, 40.0, 0.0)]))
    assert (score.identity.tp, score.identity.fn) == (2, 3)
    assert score.rms_m < 1e-9


def test_nees_and_names() -> None:
    found = tracks([(k, 1, 10.0 * k + 0.1, 0.1) for k in range(4)], sigma=0.1, tag=7)
    truth = tracks(TRUE, sigma=1e-6, tag=7)
    score = score_ground(found, truth)
    assert score.nees == pytest.approx(2.0, rel=1e-6)
    assert score.inside == 1.0
    assert score.named_right == 1.0
    assert "GOSPA" in str(score)


def test_tracks_on_another_clock_are_refused() -> None:
    with pytest.raises(DataError, match="another clock"):
        score_ground(tracks([(100.0, 1, 0, 0)]), tracks(TRUE))
