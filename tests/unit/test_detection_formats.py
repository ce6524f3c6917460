"""Detections of every kind of file as streams: frames, sizes, identities, tags, times, and what is told of bad ones."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from kinema.core.course import Plane
from kinema.core.tracks import BoxTracks, Detections, GroundDetections, GroundTracks, TagReads
from kinema.errors import FormatError
from kinema.formats.ground_tables_write import write_detections, write_reads, write_tracks
from kinema.formats.reading import read, sniff


def saved(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def boxes_of(path: Path, on_bad: str = "raise") -> Detections:
    return read(path, on_bad=on_bad).need("detections", Detections)  # type: ignore[arg-type]


SINK = "x_min,y_min,x_max,y_max,class_id,confidence,tracker_id,frame_index\n"


def test_supervision_csv_in_any_order_of_frames(tmp_path: Path) -> None:
    rows = "10,20,30,60,0,0.9,,2\n11,21,31,61,1,0.8,,0\n11,21,31,61,1,0.8,,0\n12,22,12,60,1,0.7,,1\n"
    path = saved(tmp_path, "out.csv", SINK + rows)
    recording = read(path)
    seen = recording.need("detections", Detections)
    assert seen.frame.tolist() == [1, 3], "frames from 0 count from 1, sorted"
    assert seen.box_px.tolist() == [[11, 21, 20, 40], [10, 20, 20, 40]]
    assert seen.score.tolist() == [0.8, 0.9]
    assert sorted(issue.kind for issue in recording.issues) == ["box twice in a frame", "box without area"]
    assert "tracks" not in recording.streams


def test_a_negative_size_is_told_or_counted(tmp_path: Path) -> None:
    path = saved(tmp_path, "out.csv", SINK + "10,20,30,60,0,0.9,7,1\n30,20,10,60,0,0.9,8,1\n")
    with pytest.raises(FormatError, match=r"line 3.*negative size"):
        read(path)
    recording = read(path, on_bad="skip")
    assert recording.need("tracks", BoxTracks).track.tolist() == [7]
    assert recording.issues[0].count == 1


def test_boxes_without_frames_are_refused_in_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path, "out.csv", "x_min,y_min,x_max,y_max,confidence\n1,2,3,4,0.5\n")
    with pytest.raises(FormatError, match=r"no column of frames or times.*frame_index"):
        read(path)


def test_frame_rate_is_taken_from_times(tmp_path: Path) -> None:
    rows = "".join(f"{k},2024-06-24T08:20:{k / 25:06.3f}Z,{k},5,10,20\n" for k in range(1, 40) if k != 7)
    seen = boxes_of(saved(tmp_path, "b.csv", "frame,utc,left,top,width,height\n" + rows))
    assert seen.frame_rate_hz == pytest.approx(25.0, rel=1e-6)
    assert (seen.n_frames, len(seen.frame)) == (39, 38)
    assert (np.diff(seen.t_ns)[:5] == 40_000_000).all()


def test_several_cameras_and_appearance_in_one_table(tmp_path: Path) -> None:
    head = "camera,frame,left,top,width,height,appearance_0,appearance_1\n"
    path = saved(tmp_path, "b.csv", head + "north,1,0,0,5,9,3,4\nsouth,1,1,1,5,9,0,2\nnorth,2,0,0,5,9,1,0\n")
    recording = read(path)
    north = recording.need("detections north", Detections)
    assert (north.camera, len(north.frame)) == ("north", 2)
    assert north.appearance[0].tolist() == [0.6, 0.8], "unit vectors"


def test_ultralytics_csv_and_json(tmp_path: Path) -> None:
    text = "frame,name,class,confidence,box\n1,person,0,0.9,\"{'x1': 1.5, 'y1': 2.0, 'x2': 11.5, 'y2': 22.0}\"\n"
    assert boxes_of(saved(tmp_path, "to.csv", text)).box_px.tolist() == [[1.5, 2, 10, 20]]
    one = {"name": "person", "class": 0, "confidence": 0.9, "track_id": 4,
           "box": {"x1": 1.5, "y1": 2.0, "x2": 11.5, "y2": 22.0}}  # fmt: skip
    recording = read(saved(tmp_path, "to.json", json.dumps([[one], [], [one]])))
    assert recording.need("detections", Detections).frame.tolist() == [1, 3], "a list for each frame"
    assert recording.need("tracks", BoxTracks).track.tolist() == [4, 4]


def test_supervision_json_with_texts_for_numbers(tmp_path: Path) -> None:
    row = {"x_min": 1.0, "y_min": 2.0, "x_max": 4.0, "y_max": 8.0, "class_id": "", "confidence": "", "tracker_id": "",
           "frame_number": "7"}  # fmt: skip
    seen = boxes_of(saved(tmp_path, "sink.json", json.dumps([row, {**row, "frame_number": "5"}])))
    assert (seen.frame.tolist(), seen.score.tolist()) == ([5, 7], [1.0, 1.0])


def test_coco_results_with_and_without_images(tmp_path: Path) -> None:
    found = [{"image_id": k, "category_id": 1, "bbox": [k, 2, 3, 4], "score": 0.5} for k in (42, 40)]
    path = saved(tmp_path, "results.json", json.dumps(found))
    assert sniff(path).name == "coco"
    assert boxes_of(path).frame.tolist() == [40, 42]
    images = [{"id": 42 - k, "file_name": f"v/00000{k}.jpg", "width": 640, "height": 480} for k in (0, 2, 3)]
    seen = boxes_of(saved(tmp_path, "all.json", json.dumps({"images": images, "annotations": found})))
    assert (seen.frame.tolist(), seen.n_frames, seen.image_size_px) == ([1, 2], 3, (640, 480))
    assert seen.box_px[0, 0] == 42, "frames in the order of the files' names"
    with pytest.raises(FormatError, match="record 2"):
        read(saved(tmp_path, "bad.json", json.dumps([*found[:1], {**found[1], "bbox": [1, 2]}])))


def _png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x02\0\0\0"


def test_a_folder_of_labels_is_one_sequence(tmp_path: Path) -> None:
    for k in (3, 4, 7):
        saved(tmp_path, f"run/labels/clip_{k}.txt", f"0 0.5 0.5 0.1 0.2 0.8 {k % 2}\n")
    recording = read(tmp_path / "run")
    seen = recording.need("detections", Detections)
    assert seen.frame.tolist() == [3, 4, 7]
    assert [issue.kind for issue in recording.issues] == ["image size unknown"]
    assert recording.need("tracks", BoxTracks).track.tolist() == [1, 0, 1]
    saved(tmp_path, "run/images/clip_3.png", _png(200, 100))
    seen = boxes_of(tmp_path / "run" / "labels" / "clip_3.txt")
    assert (seen.image_size_px, seen.box_px[0].tolist()) == ((200, 100), [90.0, 40.0, 20.0, 20.0])
    saved(tmp_path, "run/labels/clip_4.txt", "0 0.5 0.5 nan 0.2 0.8 1\n")
    with pytest.raises(FormatError, match=r"clip_4.txt: line 1"):
        read(tmp_path / "run")


def test_a_jpeg_tells_its_size(tmp_path: Path) -> None:
    from kinema.formats.image_size import size_of

    head = b"\xff\xd8\xff\xe0\x00\x04ab" + b"\xff\xc0" + struct.pack(">HBHH", 17, 8, 48, 64) + b"\0" * 20
    assert size_of(saved(tmp_path, "a.jpg", head)) == (64, 48)
    assert size_of(saved(tmp_path, "b.jpg", head[:9])) is None


def test_points_on_the_ground_by_place_and_by_range(tmp_path: Path) -> None:
    path = saved(tmp_path, "g.csv", "t_s,lat,lon,sigma_m,tag\n1.0,48.0,11.0,0.3,\n0.5,48.0001,11.0,0.3,B7\n")
    seen = read(path).need("ground detections", GroundDetections)
    assert (np.diff(seen.t_ns) == 500_000_000).all(), "in order of time"
    assert np.hypot(*np.diff(seen.p_ne_m, axis=0)[0]) == pytest.approx(11.12, abs=0.05)
    assert [seen.tag_names.get(int(k), "") for k in seen.tag] == ["B7", ""]
    path = saved(tmp_path, "r.csv", "time,range_m,bearing_deg,sigma_range_m,sigma_bearing_deg\n1,100,90,0.5,1\n")
    seen = read(path).need("ground detections", GroundDetections)
    assert np.allclose(seen.p_ne_m, [[0, 100]])
    assert np.sqrt(np.diagonal(seen.cov_ne_m2[0])).tolist() == pytest.approx([np.radians(1) * 100, 0.5])


def test_places_of_unknown_uncertainty_are_told(tmp_path: Path) -> None:
    recording = read(saved(tmp_path, "g.csv", "frame,x_m,y_m,id\n1,0,0,5\n2,0,1,5\n"))
    assert "uncertainty" in recording.issues[0].kind
    assert recording.settings["time_is_frame"]
    tracks = recording.need("ground tracks", GroundTracks)
    assert np.allclose(tracks.p_ne_m, [[0, 0], [1, 0]]), "y is north"


def test_tag_reads_in_any_order(tmp_path: Path) -> None:
    text = "chip,gate,read time\nA12,finish,2024-06-24T08:20:01.5Z\nB7,start,2024-06-24T08:20:00Z\n"
    reads = read(saved(tmp_path, "tags.csv", text)).need("tag reads", TagReads)
    assert [reads.tag_names[int(k)] for k in reads.tag] == ["B7", "A12"]
    assert [reads.places[int(k)] for k in reads.place] == ["start", "finish"]
    assert np.diff(reads.t_ns).tolist() == [1_500_000_000]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_ground_tables_come_back_as_they_were(tmp_path: Path, ending: str) -> None:
    plane = Plane(0.8377580409572781, 0.2, 12.0)
    rng = np.random.default_rng(0)
    t_ns = 1_400_000_000_000_000_123 + np.arange(6) * 100_000_000
    cov = np.tile([[0.04, 0.01], [0.01, 0.09]], (6, 1, 1))
    tag = np.array([1, 1, 1, 0, 0, 0])
    tracks = GroundTracks(t_ns, np.repeat([0, 4], 3), rng.normal(0, 50, (6, 2)), cov, rng.normal(0, 5, (6, 2)), cov,
                          np.arange(6) != 2, tag, plane, True, {0: "Ann", 1: "Bo, the second"})  # fmt: skip
    write_tracks(tracks, tmp_path / f"t{ending}")
    again = read(tmp_path / f"t{ending}").need("ground tracks", GroundTracks)
    assert again.t_ns.tolist() == t_ns.tolist()
    assert (again.names(), again.simulated, again.seen.tolist()) == (tracks.names(), True, tracks.seen.tolist())
    assert np.allclose(again.p_ne_m, tracks.p_ne_m, atol=6e-5)
    assert np.allclose(again.cov_ne_m2, cov, atol=1e-5)
    assert np.allclose(again.v_ne_mps, tracks.v_ne_mps, atol=1e-6)
    assert (again.plane.lat_rad, again.plane.h_m) == (pytest.approx(plane.lat_rad, abs=1e-14), 12.0)
    seen = GroundDetections(t_ns, tracks.p_ne_m, cov, plane, np.where(tag, 3, -1))
    write_detections(seen, tmp_path / f"d{ending}")
    assert read(tmp_path / f"d{ending}").need("ground detections", GroundDetections).tag.tolist() == seen.tag.tolist()
    reads = TagReads(t_ns, tag, np.zeros(6, np.int64), ("start",), np.full(6, 0.02))
    write_reads(reads, tmp_path / f"r{ending}")
    assert read(tmp_path / f"r{ending}").need("tag reads", TagReads).t_ns.tolist() == t_ns.tolist()


def test_ten_thousand_boxes_in_a_frame_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = "".join(f"{x:.1f},{y:.1f},{x + 9:.1f},{y + 20:.1f},0,0.5,,1\n" for x, y in rng.uniform(0, 4000, (10_000, 2)))
    assert len(boxes_of(saved(tmp_path, "many.csv", SINK + rows)).frame) > 9_990


def _log(messages: list[tuple[int, int, object]], topics: list[str]) -> bytes:
    """An MCAP log of JSON messages (topic, POSIX ns, value)."""

    def record(kind: int, content: bytes) -> bytes:
        return struct.pack("<BQ", kind, len(content)) + content

    def text(words: str) -> bytes:
        return struct.pack("<I", len(words)) + words.encode()

    parts = b"".join(
        record(4, struct.pack("<HH", k, 0) + text(topic) + text("json") + struct.pack("<I", 0))
        for k, topic in enumerate(topics)
    )
    for k, ns, value in messages:
        parts += record(5, struct.pack("<HIQQ", k, 0, ns, ns) + json.dumps(value).encode())
    return b"\x89MCAP0\r\n" + record(1, text("") * 2) + parts + record(15, bytes(4)) + b"\x89MCAP0\r\n"


def test_detections_in_mcap(tmp_path: Path) -> None:
    """Two cameras, one of them in the words of vision_msgs, an image without anything, and tags."""
    t0 = 1_719_216_030_000_000_000
    box = {"box": {"x1": 1.0, "y1": 2.0, "x2": 4.0, "y2": 8.0}, "confidence": 0.7, "class": 0}
    ros = {"bbox": {"center": {"position": {"x": 10.0, "y": 20.0}}, "size_x": 4.0, "size_y": 8.0},
           "results": [{"hypothesis": {"class_id": "car", "score": 0.6}}]}  # fmt: skip
    messages: list[tuple[int, int, object]] = []
    for k in range(4):
        messages.append((0, t0 + 40_000_000 * k, {"detections": [box] if k != 1 else []}))
        messages.append((1, t0 + 40_000_000 * k, {"detections": [ros]}))
    messages.append((2, t0, {"tag_reads": [{"tag": "A7", "place": "start"}]}))
    path = saved(tmp_path, "log.mcap", _log(messages, ["/north/detections", "/south/detections", "/loop"]))
    recording = read(path)
    north, south = (recording.need(role, Detections) for role in ("detections", "detections south"))
    assert (north.camera, north.frame.tolist(), south.camera) == ("north", [1, 3, 4], "south")
    assert north.frame_rate_hz == pytest.approx(25.0)
    assert south.box_px[0].tolist() == [8, 16, 4, 8]
    assert south.score[0] == 0.6
    assert len(recording.need("tag reads", TagReads).tag) == 1
