"""Files of boxes: MOTChallenge and KITTI tracking, as they are and as they are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.core.tracks import BoxTracks, Detections
from kinema.errors import ConfigError, FormatError
from kinema.formats.motchallenge import write_tracks
from kinema.formats.reading import read

KITTI = "0 3 Car 0 0 -1.5 10 20 50 80 1.5 1.6 4.0 1 2 3 0.1\n0 -1 DontCare -1 -1 -10 0 0 9 9 -1 -1 -1 -1 -1 -1 -1\n"


def _file(folder: Path, text: str, name: str = "det.txt") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_detections_are_sorted_and_told_of_by_the_sequence(tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nname=A\nframeRate=30\nseqLength=9\nimWidth=640\nimHeight=480\n")
    path = _file(tmp_path, "2,-1,5,6,7,8,0.9,-1,-1,-1\n1,-1,1,2,3,4,0.8,-1,-1,-1\n")
    seen = read(path).need("detections", Detections)
    assert seen.frame.tolist() == [1, 2]
    assert seen.box_px[1].tolist() == [5, 6, 7, 8]
    assert (seen.n_frames, seen.frame_rate_hz, seen.image_size_px) == (9, 30.0, (640, 480))


def test_a_bad_box_is_told_or_counted(tmp_path: Path) -> None:
    path = _file(tmp_path, "1,-1,1,2,3,4,0.8,-1,-1,-1\n0,-1,1,2,3,4,0.8,-1,-1,-1\n")
    with pytest.raises(FormatError, match="line 2"):
        read(path)
    recording = read(path, on_bad="skip")
    assert len(recording.need("detections", Detections).frame) == 1
    assert recording.issues[0].count == 1


def test_tracks_come_back_as_they_were_written(tmp_path: Path) -> None:
    box = np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    tracks = BoxTracks(np.array([2, 1]), np.array([0, 4]), box, np.array([0.5, 1.0]), np.array([-1, -1]), 2)
    write_tracks(tracks, tmp_path / "out.txt")
    again = read(tmp_path / "out.txt").need("tracks", BoxTracks)
    assert again.frame.tolist() == [1, 2]
    assert again.track.tolist() == [5, 1]
    assert again.box_px.tolist() == box[::-1].tolist()
    with pytest.raises(ConfigError, match="MOTChallenge text"):
        write_tracks(tracks, tmp_path / "out.mp4")


def test_kitti_tracks_and_detections(tmp_path: Path) -> None:
    tracks = read(_file(tmp_path, KITTI, "0001.txt")).need("tracks", BoxTracks)
    assert (tracks.frame.tolist(), tracks.track.tolist(), tracks.label.tolist()) == ([1], [3], [2])
    assert tracks.box_px.tolist() == [[10, 20, 40, 60]]
    seen = read(_file(tmp_path, KITTI.replace("0 3 Car", "0 -1 Car"), "0002.txt")).need("detections", Detections)
    assert len(seen.frame) == 1


def test_a_damaged_kitti_row_is_told_or_counted(tmp_path: Path) -> None:
    path = _file(tmp_path, KITTI * 4 + "5 3 Car 0 0 -1.5 nonsense\n", "0001.txt")
    with pytest.raises(FormatError, match="line 9"):
        read(path)
    assert read(path, on_bad="skip").issues[0].count == 1
