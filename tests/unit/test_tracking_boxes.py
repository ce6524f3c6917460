"""The trackers of boxes: crossings, occlusion, missing frames, and input that no detector should give but some do."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from kinema.core.tracks import BoxTracks, Detections
from kinema.errors import DataError
from kinema.tracking.offline import track_offline
from kinema.tracking.online import BoxTracker, track_online

Tracker = Callable[[Detections], BoxTracks]
BOTH = pytest.mark.parametrize("track", [track_online, track_offline])


def detections(rows: list[tuple[int, float, float]], rate: float = 25.0, score: float = 0.98) -> Detections:
    """Boxes of 40 × 100 from (frame, left, top)."""
    rows = sorted(rows, key=lambda row: row[0])
    frame = np.array([row[0] for row in rows], dtype=np.int64)
    box = np.array([(left, top, 40.0, 100.0) for _, left, top in rows]).reshape(-1, 4)
    m = len(rows)
    absent = np.full(m, -1)
    return Detections(
        frame, box, np.full(m, score), absent, absent, np.zeros((m, 0)), int(frame.max(initial=0)), rate, (1920, 1080)
    )


def identity_at(tracks: BoxTracks, frame: int, left: float) -> int:
    """Who is nearest to `left` in a frame."""
    here = np.flatnonzero(tracks.frame == frame)
    return int(tracks.track[here[np.argmin(np.abs(tracks.box_px[here, 0] - left))]])


@BOTH
def test_two_who_pass_each_other_keep_their_identities(track: Tracker) -> None:
    rows = [(k, 100 + 8.0 * k, 300.0) for k in range(1, 101)] + [(k, 900 - 8.0 * k, 330.0) for k in range(1, 101)]
    tracks = track(detections(rows))
    assert identity_at(tracks, 10, 180) == identity_at(tracks, 95, 860)
    assert identity_at(tracks, 10, 820) == identity_at(tracks, 95, 140)
    assert len(np.unique(tracks.track)) == 2


@BOTH
def test_hidden_for_a_second_and_known_again(track: Tracker) -> None:
    rows = [(k, 100 + 6.0 * k, 300.0) for k in range(1, 121) if not 60 <= k < 85]
    assert len(np.unique(track(detections(rows)).track)) == 1


def test_the_offline_tracker_fills_the_gap_and_says_how_unsure_it_is() -> None:
    rows = [(k, 100 + 6.0 * k, 300.0) for k in range(1, 121) if not 60 <= k < 80]
    tracks = track_offline(detections(rows))
    at = np.argsort(tracks.frame)
    assert np.array_equal(tracks.frame[at], np.arange(1, 121))
    assert np.abs(tracks.box_px[at, 0] - (100 + 6.0 * np.arange(1, 121))).max() < 3.0
    assert tracks.var_px2[at[68], 0] > 4 * tracks.var_px2[at[30], 0]
    assert (tracks.score[at[60:78]] == 0).all()


def test_frames_that_are_missing_count_as_time() -> None:
    """At 6 px per frame and every tenth frame only, the boxes do not overlap without the time that has passed."""
    tracker = BoxTracker(25.0, (1920, 1080))
    seen = []
    for k in [*range(1, 40), *range(49, 109, 10)]:
        box = np.array([[100 + 6.0 * k, 300.0, 40.0, 100.0]])
        seen.append(int(tracker.step(k, box, np.array([0.98])).track[0]))
    assert set(seen) == {0}


def test_frames_must_come_in_order() -> None:
    tracker = BoxTracker()
    tracker.step(5, np.empty((0, 4)), np.empty(0))
    with pytest.raises(DataError, match="one after 5"):
        tracker.step(5, np.empty((0, 4)), np.empty(0))


def test_identities_belong_to_the_instance() -> None:
    for _ in range(2):
        answer = BoxTracker().step(1, np.array([[0.0, 0.0, 40.0, 100.0]]), np.array([0.99]))
        assert answer.track.tolist() == [0]


@BOTH
def test_boxes_without_area_are_left_out(track: Tracker) -> None:
    good = detections([(k, 100 + 6.0 * k, 300.0) for k in range(1, 30)])
    odd = np.array([[500.0, 300.0, 0.0, 100.0], [700.0, 300.0, -40.0, 100.0]])
    box = np.concatenate((good.box_px, np.tile(odd, (29, 1))))
    frame = np.concatenate((good.frame, np.repeat(np.arange(1, 30), 2)))
    order = np.argsort(frame, kind="stable")
    m = len(frame)
    absent = np.full(m, -1)
    mixed = Detections(frame[order], box[order], np.full(m, 0.98), absent, absent, np.zeros((m, 0)), 29, 25.0)
    tracks = track(mixed)
    assert len(np.unique(tracks.track)) == 1
    assert (tracks.box_px[:, 2:] > 0).all()


def test_values_that_are_no_numbers_are_refused_with_their_place() -> None:
    with pytest.raises(DataError, match=r"box_px.*nan at index \[1, 0\]"):
        detections([(1, 0.0, 0.0), (2, float("nan"), 0.0)])


def test_duplicate_boxes_share_no_identity() -> None:
    rows = [(k, 100 + 6.0 * k, 300.0) for k in range(1, 30) for _ in range(2)]
    track_online(detections(rows)).refuse_twins("tracks")


@BOTH
def test_no_detections_at_all(track: Tracker) -> None:
    assert len(track(detections([])).frame) == 0


@BOTH
def test_an_unknown_frame_rate_is_taken_for_that_of_video(track: Tracker) -> None:
    rows = [(k, 100 + 6.0 * k, 300.0) for k in range(1, 40)]
    unknown, video = track(detections(rows, float("nan"))), track(detections(rows, 25.0))
    assert np.array_equal(unknown.box_px, video.box_px)


@pytest.mark.parametrize("spread", [5000.0, 30.0])
def test_ten_thousand_boxes_in_a_frame_need_no_table_of_all_pairs(spread: float) -> None:
    """Spread out, or all lying over each other: a table of pairs would take 800 MB."""
    rng = np.random.default_rng(0)
    n = 10_000 if spread > 1000 else 3000
    box = np.column_stack((rng.uniform(0, spread, (n, 2)), np.full((n, 2), 20.0)))
    tracker = BoxTracker()
    tracker.step(1, box[:2], np.full(2, 0.98))
    tracemalloc.start()
    for frame in (2, 3):
        answer = tracker.step(frame, box, np.full(n, 0.98))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(np.unique(answer.track)) == n
    assert peak < 60e6
