"""Scenes of many movers from the command line: made, tracked, judged, timed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinema.cli import main
from kinema.core.tracks import GroundTracks
from kinema.formats.reading import read
from kinema.simulate.meeting import athletics


def told(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*args, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_meeting_from_detections_and_tags_to_the_lap_board(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "meeting", str(tmp_path / "movers.parquet")
    assert main(["simulate", "meeting", "--seed", "5", "--movers", "6", "--laps", "5", "-o", str(folder)]) == 0
    course = str(folder / "course.toml")
    summary = told(
        capsys, "track", str(folder / "detections.csv"), "--course", course, "--tags", str(folder / "tags.csv"),
        "--offline", "-o", out,
    )  # fmt: skip
    assert (summary["tracks"], summary["named"], summary["simulated"]) == (6, 6, True)
    score = told(capsys, "score", out, str(folder / "truth.csv"))
    assert score["named_right"] > 0.99
    assert score["gospa_m"] < 0.6
    assert 1.5 < score["nees"] < 2.7
    board = told(capsys, "laps", out, "--course", course)["movers"]
    meeting = athletics(5, 6, 5)
    for mover, true in enumerate(meeting.lap_ns, start=1):
        laps = [lap for lap in board[str(mover)]["laps"] if lap["kind"] == "timed"]
        assert len(laps) == 5
        for lap, (t0, t1) in zip(laps, pairwise(true), strict=True):
            assert abs(lap["time_s"] - (t1 - t0) * 1e-9) < 4 * lap["time_sigma_s"]


def test_three_cameras_see_one_meeting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Boxes in distorted images, marks read with an error, rates of 12.5, 10 and 8 Hz, clocks off as told: one track
    for each mover, all of them together better than any camera alone, and the uncertainty stated holds."""
    folder, out = tmp_path / "m", str(tmp_path / "movers.csv")
    make = ["simulate", "meeting", "--cameras", "3", "--seed", "2", "--movers", "5", "--laps", "1", "-o", str(folder)]
    assert main(make) == 0
    common = ["--cameras", str(folder / "cameras.toml"), "--course", str(folder / "course.toml"), "--offline"]
    scores = {}
    for names in (["west"], ["west", "east", "north"]):
        files = [str(folder / f"{name}.csv") for name in names]
        summary = told(capsys, "track", *files, *common, "--tags", str(folder / "tags.csv"), "-o", out)
        scores[len(names)] = told(capsys, "score", out, str(folder / "truth.csv"))
        if len(names) == 3:
            assert summary["tracks"] == 5
            assert set(summary["sensors"]) == {"west", "east", "north", "tags at start"}
    assert scores[3]["identity"]["idf1"] > 0.97
    assert scores[3]["rms_m"] < 0.12
    assert 1.3 < scores[3]["nees"] < 2.6
    assert scores[3]["gospa_m"] < 0.5 * scores[1]["gospa_m"], "no camera sees the whole ground"
    tracks = read(out).need("ground tracks", GroundTracks)
    assert tracks.simulated
    assert sorted(tracks.names().values()) == ["1", "2", "3", "4", "5"]


def test_a_race_start_is_made_and_tracked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = tmp_path / "start", str(tmp_path / "cars.csv")
    assert main(["simulate", "race-start", "--movers", "12", "--course", "monaco", "-o", str(folder)]) == 0
    told(
        capsys, "track", str(folder / "detections.csv"), "--course", str(folder / "course.toml"), "--motion", "cars",
        "--tags", str(folder / "tags.csv"), "--offline", "-o", out,
    )  # fmt: skip
    score = told(capsys, "score", out, str(folder / "truth.csv"), "--within", "2")
    assert score["identity"]["idf1"] > 0.9
    assert score["named_right"] > 0.9


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    assert main(list(args)) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


def test_what_is_missing_is_asked_for_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boxes = tmp_path / "north.csv"
    boxes.write_text("frame,x_min,y_min,x_max,y_max,confidence\n1,1,2,30,40,0.9\n")
    points = tmp_path / "points.csv"
    points.write_text("frame,x_m,y_m,sigma_m,tag\n1,1,2,0.2,7\n2,1,2,0.2,\n")
    site = tmp_path / "site.toml"
    entry = '[[camera]]\nname = "north"\nsize_px = [640, 480]\nmarks_ne_m = [[0,400,0,0],[600,400,0,9],[0,200,30,-9]]\n'
    assert "--rate" in refused(capsys, "track", str(points))
    assert "--cameras" in refused(capsys, "track", str(boxes), str(boxes))
    site.write_text(entry)
    assert "at least 4" in refused(capsys, "track", str(boxes), "--cameras", str(site))
    site.write_text(entry.replace("-9]]", "-9],[600,200,30,22]]"))
    assert "frame rate unknown" in refused(capsys, "track", str(boxes), "--cameras", str(site))
    site.write_text(
        entry.replace("north", "south").replace("-9]]", "-9],[600,200,30,22]]") + "[[camera]]\nname = 'x'\n"
    )
    assert "size_px" in refused(capsys, "track", str(boxes), "--cameras", str(site))
    site.write_text(entry + "colour = 3\n")
    assert "no 'colour'" in refused(capsys, "track", str(boxes), "--cameras", str(site))
    tags = tmp_path / "tags.csv"
    tags.write_text("tag,place,t_s\n7,finish,1\n")
    assert "place 'finish'" in refused(capsys, "track", str(points), "--rate", "10", "--tags", str(tags))
    assert "above 0" in refused(capsys, "track", str(points), "--rate", "-1")


def test_a_radar_is_placed_by_the_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    t = np.arange(60) / 10
    rows = "".join(f"{k:.1f},{30 + 4 * k:.3f},0.0,0.3,0.2,mast\n" for k in t)
    (tmp_path / "radar.csv").write_text("t_s,range_m,bearing_deg,sigma_range_m,sigma_bearing_deg,radar\n" + rows)
    site = '[site]\nlat_deg = 48.0\nlon_deg = 11.0\n[[radar]]\nname = "mast"\nplace_ne_m = [5, -20]\nheading_deg = 90\n'
    (tmp_path / "site.toml").write_text(site)
    out = str(tmp_path / "out.csv")
    told(capsys, "track", str(tmp_path / "radar.csv"), "--cameras", str(tmp_path / "site.toml"), "--offline", "-o", out)
    tracks = read(out).need("ground tracks", GroundTracks)
    assert np.allclose(tracks.p_ne_m[[0, -1]], [[5, 10], [5, 33.6]], atol=0.4), "bearing 0 looks east"
    assert np.allclose(tracks.v_ne_mps[30], [0, 4], atol=0.2)
