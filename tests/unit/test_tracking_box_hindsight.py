"""Trackers of boxes: who hides whom, modest detectors, appearance, the camera's motion, cuts and worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinema.core.tracks import BoxTracks, Detections
from kinema.kernels.box_motion import BoxMotion
from kinema.tracking.box_camera import camera_path
from kinema.tracking.offline import track_offline
from kinema.tracking.online import track_online
from kinema.tracking.sightings import Sightings, sightings

Row = tuple[int, float, float, float]
"""Frame, centre x, bottom y, height."""


def seen(rows: list[Row], score: float | np.ndarray = 0.98, rate: float = 25.0) -> Detections:
    v = np.array(sorted(rows, key=lambda row: row[0]), dtype=float).reshape(-1, 4)
    m, width = len(v), 0.4 * v[:, 3]
    box = np.column_stack((v[:, 1] - width / 2, v[:, 2] - v[:, 3], width, v[:, 3]))
    absent, frame = np.full(m, -1), v[:, 0].astype(np.int64)
    scores = np.broadcast_to(np.asarray(score, dtype=float), (m,)).copy()
    return Detections(frame, box, scores, absent, absent, np.zeros((m, 0)), int(frame.max()), rate, (1920, 1080))


def behind(hidden: int) -> list[Row]:
    """One walks past, and is not seen in `hidden` frames in the middle; a nearer one stands there."""
    walk = [(k, 400 + 2.0 * k, 600.0, 100.0) for k in range(1, 141) if abs(k - 70) > hidden / 2]
    return walk + [(k, 540.0, 660.0, 300.0) for k in range(1, 141)]


def of_walker(tracks: BoxTracks) -> BoxTracks:
    small = tracks.box_px[:, 3] < 200
    return BoxTracks(*(getattr(tracks, n)[small] for n in ("frame", "track", "box_px", "score", "label")), 140)


def test_online_a_hidden_walker_is_reported_for_half_a_second() -> None:
    walker = of_walker(track_online(seen(behind(10))))
    assert len(np.unique(walker.track)) == 1
    assert set(range(10, 141)) <= set(walker.frame.tolist())
    centre = walker.box_px[:, 0] + walker.box_px[:, 2] / 2
    assert np.abs(centre - (400 + 2.0 * walker.frame)).max() < 10.0


def test_offline_a_long_gap_is_filled_only_where_someone_stood_in_front() -> None:
    rows = behind(32)
    hidden = of_walker(track_offline(seen(rows)))
    open_ground = of_walker(track_offline(seen([row for row in rows if row[3] < 200])))
    assert len(np.unique(hidden.track)) == len(np.unique(open_ground.track)) == 1
    assert 70 in hidden.frame
    assert 70 not in open_ground.frame


def test_offline_a_track_goes_on_behind_the_one_who_hides_it() -> None:
    rows = [row for row in behind(0) if row[3] > 200 or row[0] < 62]
    walker = of_walker(track_offline(seen(rows)))
    assert walker.frame.max() > 65
    assert walker.frame.max() <= 61 + 13


@pytest.mark.parametrize("score", [0.35, 0.6, 0.98])
def test_a_detector_that_is_modest_is_believed_all_the_same(score: float) -> None:
    rows = [(k, 200 + 3.0 * k, 600.0, 100.0) for k in range(1, 101)]
    for track in (track_online, track_offline):
        found = track(seen(rows, score))
        assert len(np.unique(found.track)) == 1
        assert len(found.frame) > 70


def turned_back(look: float) -> Detections:
    """Two come together, are hidden by each other for 8 frames and go back where they came from; vectors of two kinds
    with noise, in which `look` is what tells them apart."""
    rng = np.random.default_rng(3)
    rows: list[Row] = []
    for k in range(1, 121):
        way = 3.0 * abs(k - 60)
        rows += [(k, 500 - way, 600.0, 100.0)]
        if abs(k - 60) > 4:
            rows += [(k, 508 + way, 605.0, 100.0)]
    made = seen(rows)
    who = (made.box_px[:, 0] + made.box_px[:, 2] / 2 > 504).astype(int)
    vector = (np.eye(8)[:2] * look + 1.0)[who] + rng.normal(0, 0.2, (len(who), 8))
    return replace(made, appearance=vector / np.linalg.norm(vector, axis=1)[:, None])


def names(tracks: BoxTracks) -> list[set[int]]:
    """Identities of the left one and of the right one long before and long after they met."""
    right = tracks.box_px[:, 0] + tracks.box_px[:, 2] / 2 > 504
    at = np.isin(tracks.frame, (40, 80))
    return [set(tracks.track[at & (right == side)].tolist()) for side in (False, True)]


def test_appearance_tells_who_turned_back() -> None:
    """Motion alone takes them for having passed each other; vectors say otherwise."""
    made = turned_back(3.0)
    left, right = names(track_online(made))
    assert len(left) == len(right) == 1
    assert left != right
    plain = names(track_online(replace(made, appearance=np.zeros((len(made.frame), 0)))))
    assert max(map(len, plain)) == 2


def test_appearance_may_be_missing_here_and_there() -> None:
    """Every third detection before they meet has no vector, and lengths do not matter."""
    made = turned_back(3.0)
    vector = made.appearance * 7.0
    vector[: int((made.frame < 50).sum()) : 3] = 0.0
    left, right = names(track_online(replace(made, appearance=vector)))
    assert len(left) == len(right) == 1
    assert left != right


def test_vectors_that_say_nothing_change_nothing() -> None:
    made = turned_back(0.0)
    plain = replace(made, appearance=np.zeros((len(made.frame), 0)))
    assert np.array_equal(track_online(made).track, track_online(plain).track)


def panned(pan: np.ndarray) -> Sightings:
    """Ten people walking both ways before a camera that is displaced by `pan` (121, 2) at frames 0 to 120."""
    rows = [
        (k, 300 + 120.0 * i + (1.5 if i % 2 else -1.5) * k + pan[k, 0], 500 + 40.0 * (i % 3) + pan[k, 1], 100.0)
        for k in range(1, 121) for i in range(10)
    ]  # fmt: skip
    return sightings(seen(rows), BoxMotion())


def test_the_cameras_shake_is_found_from_the_boxes() -> None:
    rng = np.random.default_rng(1)
    pan = np.cumsum(np.cumsum(rng.normal(0, 1.5, (121, 2)), axis=0) * 0.5, axis=0)
    pan -= np.linspace(0, 1, 121)[:, None] * pan[-1]
    path = camera_path(panned(pan), 120, 25.0)[1:121]
    found, true = np.diff(path, axis=0), np.diff(pan[1:], axis=0)
    assert np.abs(found - true).max() < 1.6  # they walk at 1.5 pixels per frame


def test_a_camera_that_stands_is_left_alone() -> None:
    assert not camera_path(panned(np.zeros((121, 2))), 120, 25.0).any()


def test_offline_what_comes_back_elsewhere_is_another() -> None:
    """One goes out of sight to the right; a third of a second later another comes from there, walking left."""
    rows = [(k, 300 + 4.0 * k, 600.0, 100.0) for k in range(1, 51)]
    rows += [(k, 500 - 4.0 * (k - 58) + 44.0, 600.0, 100.0) for k in range(58, 110)]
    tracks = track_offline(seen(rows))
    first, last = tracks.track[tracks.frame == 20], tracks.track[tracks.frame == 100]
    assert first.tolist() != last.tolist()


def test_offline_a_track_of_weak_and_rare_detections_is_dropped() -> None:
    good = [(k, 300 + 2.0 * k, 600.0, 100.0) for k in range(1, 101)]
    weak = [(k, 1200.0, 500.0, 100.0) for k in range(10, 50, 4)]
    made = seen(good + weak)
    score = np.where(made.box_px[:, 0] > 1000, 0.85, 0.999)
    assert len(np.unique(track_offline(replace(made, score=score)).track)) == 1
    assert len(np.unique(track_offline(replace(made, score=np.full(len(score), 0.9999))).track)) == 2
