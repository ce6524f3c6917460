"""The commands about laps, from files to JSON and pages, as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kinema.cli import main
from kinema.formats import motec_csv
from laps_world import world


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("laps") / "drive.csv"
    motec_csv.FORMAT.write(world(laps=4, seed=3, size_m=150, top_mps=30).solution(10, 0.05, 1), path)  # type: ignore[misc]
    return path


def _start() -> str:
    gate = world(laps=4, seed=3, size_m=150, top_mps=30).gate
    return ",".join(f"{v:.9f}" for v in np.degrees([*gate.left_rad, *gate.right_rad]))


def _json(capsys, *words: str) -> dict:  # type: ignore[no-untyped-def,type-arg]
    assert main([*words]) == 0
    found: dict = json.loads(capsys.readouterr().out)  # type: ignore[type-arg]
    return found


def test_laps_as_json(file: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    found = _json(capsys, "laps", str(file), "--start", _start(), "--json")
    timed = [lap for lap in found["laps"] if lap["kind"] == "timed"]
    truth = np.diff(world(laps=4, seed=3, size_m=150, top_mps=30).crossing_s)
    np.testing.assert_allclose([lap["time_s"] for lap in timed], truth, atol=0.02)
    for lap in timed:
        assert lap["end_ns"] - lap["start_ns"] == pytest.approx(lap["time_s"] * 1e9, abs=1e3)
        assert lap["time_sigma_s"] > 0
        assert len(lap["sectors"]) == 3


def test_delta_course_and_line(file: Path, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    found = _json(capsys, "delta", str(file), "--lap", "1", "--start", _start(), "--json")
    assert found["delta_s"][-1] == pytest.approx(found["total_s"], abs=2e-3)
    assert found["corners"]
    course = tmp_path / "c.toml"
    assert main(["course", "learn", str(file), "--start", _start(), "-o", str(course)]) == 0
    capsys.readouterr()
    shown = _json(capsys, "course", "show", str(course), "--json")
    assert shown["length_m"] == pytest.approx(1253, abs=5)
    assert shown["gates"][0]["kind"] == "start"
    line = _json(capsys, "course", "line", str(course), "--kind", "curvature", "--json")
    assert line["lap_s"] < line["centre_lap_s"]


def test_the_page_is_one_small_file(file: Path, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    page = tmp_path / "laps.html"
    assert main(["laps", str(file), "--start", _start(), "--report", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert "Say this first" in text
    assert "https://" not in text.split("<footer")[0].replace("http://www.w3.org/2000/svg", "")


def test_a_run_tells_its_lane_and_efforts(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    from kinema.core.course import Plane
    from kinema.core.frames import ecef_from_geodetic
    from kinema.core.solution import Solution
    from kinema.course.oval import Oval
    from kinema.course.strip import Strip
    from kinema.formats import fit_

    plane = Plane(0.84, 0.2, 0.0)
    strip = Strip.of(Oval(plane, (0.0, 0.0), 0.5).course("track"), 1.0)
    t = np.arange(601.0)
    lat, lon = plane.geodetic_from_ne(strip.to_ne(4.0 * t, np.zeros(601)))
    t_ns = 1_300_000_000_000_000_000 + np.round(t * 1e9).astype(np.int64)
    fit_.FORMAT.write(Solution(t_ns, ecef_from_geodetic(lat, lon, np.zeros(601))), tmp_path / "run.fit")  # type: ignore[misc]
    page = tmp_path / "run.html"
    found = _json(capsys, "laps", str(tmp_path / "run.fit"), "--json", "--report", str(page))
    assert found["run"]["track"]["lane"] == 1
    assert found["run"]["distance_m"] == pytest.approx(2400, rel=0.005)
    assert all(lap["distance_m"] == pytest.approx(400, abs=4) for lap in found["laps"] if lap["kind"] == "timed")
    assert "Heart-rate" not in page.read_text(encoding="utf-8")


def test_a_race_is_classified(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    rows = [
        "NUMBER;LAP_NUMBER;LAP_TIME;ELAPSED",
        "7;1;1:00.0;1:00.0",
        "8;1;59.5;59.5",
        "8;2;1:02.0;2:01.5",
        "7;2;1:01.0;2:01.0",
    ]
    (tmp_path / "race.csv").write_text("\n".join(rows))
    found = _json(capsys, "classify", str(tmp_path / "race.csv"), "--penalty", "7=2", "--json")
    assert [(r["number"], r["gap_first"]) for r in found["classification"]] == [("8", "-"), ("7", "+1.500")]


def test_faults_are_one_line_each(file: Path, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "empty.csv").write_text("")
    for words in (
        ["laps", str(tmp_path / "none.csv")],
        ["laps", str(tmp_path / "empty.csv")],
        ["laps", str(file), "--start", "1,2,3"],
        ["laps", str(file), "--course", "atlantis"],
        ["delta", str(file), "--lap", "99", "--start", _start()],
        ["classify", str(tmp_path / "empty.csv")],
        ["course", "show", str(tmp_path / "none.toml")],
    ):
        assert main(words) == 2
        told = capsys.readouterr().err.strip()
        assert told.startswith("kinema: ")
        assert "\n" not in told
