"""CLEAR MOT and identity values equal py-motmetrics' on real sequences, by its own rules."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from kinema.analysis.identity import score_identities
from kinema.core.tracks import BoxTracks, Detections
from kinema.formats.motchallenge import write_tracks
from kinema.formats.reading import read
from kinema.tracking.online import track_online

PEER = Path(__file__).resolve().parents[2] / "bench" / "peer_motmetrics.py"


@pytest.mark.data
@pytest.mark.parametrize("kind", ["mot15s", "kitti2d"])
def test_every_value_equals_py_motmetrics(kind: str, data_dir: Path, tmp_path: Path) -> None:
    python = os.environ.get("KINEMA_MOTMETRICS_PYTHON", "")
    if not python:
        pytest.skip("NO PEER: KINEMA_MOTMETRICS_PYTHON names no Python with motmetrics (see bench/peer_motmetrics.py)")
    pairs, files = {}, []
    for folder in sorted((data_dir / "mot" / kind).iterdir()):
        seen = read(folder / "det" / "det.txt").need("detections", Detections)
        path = tmp_path / f"{folder.name}.txt"
        write_tracks(track_online(seen), path)
        truth = folder / "gt" / "gt.txt"
        files += [str(truth), str(path)]
        pairs[str(path)] = read(path).need("tracks", BoxTracks), read(truth).need("tracks", BoxTracks)
    told = subprocess.run([python, str(PEER), *files], capture_output=True, text=True, check=True, timeout=280)
    values = json.loads(told.stdout)["values"]
    scores = score_identities(pairs, rules="motmetrics")
    for name, score in scores.items():
        peer = values["OVERALL" if name == "all" else name]
        assert score.mota == pytest.approx(peer["mota"], abs=1e-12), name
        assert score.idf1 == pytest.approx(peer["idf1"], abs=1e-12), name
        counted = (score.switches, score.fragmentations, score.mostly_tracked, score.mostly_lost, score.fn, score.fp)
        assert counted == tuple(peer[k] for k in ("num_switches", "num_fragmentations", "mostly_tracked", "mostly_lost",
                                                  "num_misses", "num_false_positives")), name  # fmt: skip
