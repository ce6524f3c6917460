"""`kinema outage` and `kinema solve` with an IMU, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinema.cli import main

pytestmark = pytest.mark.data


def test_outage_tells_the_same_windows_each_time(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs, the same JSON; each window with its drift in metres and in per cent of the way."""
    folder = data_dir / "car-mems-imu-rtk"
    words = [
        "outage", "--fixes", str(folder / "gnss_rtk.pos"), "--imu", str(folder / "imu.csv.gz"),
        "--every", "120", "--length", "15", "--start", "243400", "--json", "-q",
    ]  # fmt: skip
    said = []
    for _ in range(2):
        assert main(words) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1]
    report = said[0]["lengths"][0]
    assert report["length_s"] == 15.0
    assert len(report["outages"]) == 4
    assert all(o["driven_m"] > 0 for o in report["outages"])


def test_outages_that_leave_nothing_between_are_refused(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data_dir / "car-mems-imu-rtk"
    words = [
        "outage",
        str(folder / "gnss_rtk.pos"),
        str(folder / "imu.csv.gz"),
        "--every",
        "10",
        "--length",
        "15",
        "-q",
    ]
    assert main(words) == 2
    assert "leave nothing between" in capsys.readouterr().err


def test_solve_with_an_imu_masks_and_writes(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A masked stretch is dead reckoned in the file that is written."""
    folder = data_dir / "car-mems-imu-rtk"
    out = tmp_path / "drive.pos"
    words = [
        "solve", "--fixes", str(folder / "gnss_rtk.pos"), "--imu", str(folder / "imu.csv.gz"),
        "--mask", "gnss:243343.5-243358.5", "--method", "smooth", "-o", str(out), "-q",
    ]  # fmt: skip
    assert main(words) == 0
    assert "mounting of the IMU found" in capsys.readouterr().out
    rows = [line.split() for line in out.read_text().splitlines() if line and not line.startswith("%")]
    assert len(rows) > 10_000
    assert {row[5] for row in rows} >= {"1", "7"}
