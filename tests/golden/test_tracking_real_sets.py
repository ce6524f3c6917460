"""The trackers on three public kinds of detections, one default setting, against the best of thirteen peers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kinema.analysis.identity import IdentityScore, score_identities
from kinema.core.tracks import BoxTracks, Detections
from kinema.formats.reading import read
from kinema.tracking.offline import track_offline
from kinema.tracking.online import track_online

pytestmark = pytest.mark.data
PEERS = {"mot15s": (0.404, 0.539, 0.491), "mot17lift": (0.532, 0.617, 0.596), "kitti2d": (0.712, 0.852, 0.717)}
"""HOTA, IDF1, MOTA: each the best of any peer on that set."""
SLACK = 0.005


def judged(data_dir: Path, kind: str, track: Callable[[Detections], BoxTracks]) -> IdentityScore:
    """The score over all sequences of a kind."""
    pairs = {}
    for folder in sorted((data_dir / "mot" / kind).iterdir()):
        seen = read(folder / "det" / "det.txt").need("detections", Detections)
        pairs[folder.name] = (track(seen), read(folder / "gt" / "gt.txt").need("tracks", BoxTracks))
    return score_identities(pairs, pedestrians=kind == "mot17lift")["all"]


@pytest.mark.parametrize("kind", PEERS)
def test_online_no_worse_than_the_best_peer(data_dir: Path, kind: str) -> None:
    score = judged(data_dir, kind, track_online)
    for found, best in zip((score.hota, score.idf1, score.mota), PEERS[kind], strict=True):
        assert found > best - SLACK


@pytest.mark.parametrize(("kind", "hota", "idf1"), [("mot15s", 0.42, 0.57), ("mot17lift", 0.555, 0.66)])
def test_online_ahead_of_every_peer_where_identities_are_hard(
    data_dir: Path, kind: str, hota: float, idf1: float
) -> None:
    score = judged(data_dir, kind, track_online)
    assert score.hota > hota
    assert score.idf1 > idf1


@pytest.mark.parametrize(("kind", "gain"), [("mot15s", 0.055), ("mot17lift", 0.035), ("kitti2d", 0.018)])
def test_hindsight_adds_to_the_best_online_peer(data_dir: Path, kind: str, gain: float) -> None:
    assert judged(data_dir, kind, track_offline).hota > PEERS[kind][0] + gain
