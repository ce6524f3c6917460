"""Judging identities: hand-worked tables, and parity with the reference evaluator where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.analysis.identity import ALPHAS, IdentityScore, score_identities
from kinema.core.tracks import BoxTracks
from kinema.errors import DataError


def _boxes(rows: list[tuple[int, int, float]], n_frames: int = 4, label: int = 1, mark: float = 1.0) -> BoxTracks:
    """Boxes of 10 × 10 from (frame, identity, left)."""
    frame, track, left = (np.array(part) for part in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 3
    box = np.column_stack((left, np.zeros(len(left)), np.full((len(left), 2), 10.0)))
    m = len(left)
    return BoxTracks(frame, track, box, np.full(m, mark), np.full(m, label), n_frames)


def _score(tracks: BoxTracks, truth: BoxTracks, **options: bool) -> IdentityScore:
    return score_identities({"a": (tracks, truth)}, **options)["all"]


ONE = [(k, 1, 0.0) for k in (1, 2, 3, 4)]


def test_perfect_tracks() -> None:
    score = _score(_boxes(ONE), _boxes(ONE))
    assert (score.hota, score.mota, score.idf1) == (1.0, 1.0, 1.0)
    assert (score.switches, score.fragmentations, score.mostly_tracked) == (0, 0, 1)


def test_a_switch_in_the_middle() -> None:
    """Two identities of two frames each for one mover of four: DetA 1; each match has association 2 / (4 + 2 − 2)."""
    score = _score(_boxes([(1, 1, 0.0), (2, 1, 0.0), (3, 2, 0.0), (4, 2, 0.0)]), _boxes(ONE))
    assert score.det_a == pytest.approx(1.0)
    assert score.ass_a == pytest.approx(0.5)
    assert score.hota == pytest.approx(np.sqrt(0.5))
    assert score.switches == 1
    assert score.mota == pytest.approx(1 - 1 / 4)
    assert score.idf1 == pytest.approx(2 * 2 / (4 + 4))


def test_a_gap_and_a_false_track() -> None:
    """Seen in frames 1, 2 and 4 of four, with one false box: TP 3, FN 1, FP 1, one fragmentation."""
    score = _score(_boxes([(1, 1, 0.0), (2, 1, 0.0), (4, 1, 0.0), (3, 7, 500.0)]), _boxes(ONE))
    assert (score.tp, score.fn, score.fp, score.fragmentations, score.switches) == (3, 1, 1, 1, 0)
    assert score.mota == pytest.approx(1 - 2 / 4)
    assert score.idf1 == pytest.approx(2 * 3 / (4 + 4))
    assert score.det_a == pytest.approx(3 / 5)
    assert score.ass_a == pytest.approx(3 / 4)


def test_localisation_decides_up_to_which_overlap_it_counts() -> None:
    """Shifted by 2.5 of 10: the overlap is 0.6, so thresholds from 0.05 up to 0.6 see a match."""
    score = _score(_boxes([(k, 1, 2.5) for k in (1, 2, 3, 4)]), _boxes(ONE))
    assert score.hota == pytest.approx((ALPHAS <= 0.6 + 1e-12).mean())
    assert score.motp == pytest.approx(0.6)


def test_nothing_found_and_nothing_there() -> None:
    none = _boxes([])
    lost = _score(none, _boxes(ONE))
    assert (lost.hota, lost.mota, lost.idf1, lost.fn, lost.mostly_lost) == (0.0, 0.0, 0.0, 4, 1)
    ghost = _score(_boxes(ONE), none)
    assert (ghost.hota, ghost.fp) == (0.0, 4)


def test_sequences_add_up_by_counts() -> None:
    both = score_identities({"a": (_boxes(ONE), _boxes(ONE)), "b": (_boxes([]), _boxes(ONE))})
    assert both["all"].mota == pytest.approx(0.5)
    assert both["all"].det_a == pytest.approx(0.5)


def test_pedestrian_rules_forgive_boxes_on_distractors() -> None:
    mirror = _boxes([(1, 9, 300.0)], label=12)
    truth = BoxTracks(*(np.concatenate((getattr(a, n), getattr(b, n))) for a, b in [(_boxes(ONE), mirror)]
                        for n in ("frame", "track", "box_px", "score", "label")), n_frames=4)  # fmt: skip
    tracks = _boxes([*ONE, (1, 5, 300.0)])
    assert _score(tracks, truth, pedestrians=True).fp == 0
    assert _score(tracks, truth).tp == 5


def test_an_identity_twice_in_a_frame_is_refused() -> None:
    with pytest.raises(DataError, match="identity 1 twice in frame 2"):
        _score(_boxes([(2, 1, 0.0), (2, 1, 50.0)]), _boxes(ONE))


def test_equal_to_the_reference_evaluator() -> None:
    """HOTA, CLEAR and identity metrics of random tracks, to all digits."""
    trackeval = pytest.importorskip("trackeval")
    rng = np.random.default_rng(3)
    n_frames, data = 30, {"gt_ids": [], "tracker_ids": [], "similarity_scores": []}
    truth_rows, track_rows = [], []
    for k in range(1, n_frames + 1):
        gt = np.sort(rng.choice(6, rng.integers(0, 6), replace=False))
        tr = np.sort(rng.choice(8, rng.integers(0, 7), replace=False))
        truth_rows += [(k, int(i), 12.0 * i + rng.normal()) for i in gt]
        track_rows += [(k, int(i), 11.0 * (i % 6) + rng.normal()) for i in tr]
    truth, tracks = _boxes(truth_rows, n_frames), _boxes(track_rows, n_frames)
    g_names, g_id = np.unique(truth.track, return_inverse=True)
    t_names, t_id = np.unique(tracks.track, return_inverse=True)
    for k in range(1, n_frames + 1):
        g, t = truth.frame == k, tracks.frame == k
        a, b = truth.box_px[g, 0][:, None], tracks.box_px[t, 0][None]
        both = np.maximum(np.minimum(a, b) + 10 - np.maximum(a, b), 0) * 10
        data["gt_ids"].append(g_id[g])
        data["tracker_ids"].append(t_id[t])
        data["similarity_scores"].append(both / (200 - both))
    data |= {"num_gt_ids": len(g_names), "num_tracker_ids": len(t_names), "num_timesteps": n_frames,
             "num_gt_dets": len(g_id), "num_tracker_dets": len(t_id)}  # fmt: skip
    mine = _score(tracks, truth)
    hota = trackeval.metrics.HOTA().eval_sequence(data)
    clear = trackeval.metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    identity = trackeval.metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    assert mine.hota == pytest.approx(hota["HOTA"].mean(), abs=1e-12)
    assert mine.ass_a == pytest.approx(hota["AssA"].mean(), abs=1e-12)
    assert mine.mota == pytest.approx(clear["MOTA"], abs=1e-12)
    assert (mine.switches, mine.fragmentations) == (clear["IDSW"], clear["Frag"])
    assert mine.idf1 == pytest.approx(identity["IDF1"], abs=1e-12)
