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
    heights = sorted(abs(o["end_up_m"]) for o in report["outages"])
    assert report["end_up_median_m"] == pytest.approx((heights[1] + heights[2]) / 2)
    assert 0.0 < report["end_up_p95_m"] < 3.0


def test_long_outages_leave_as_much_between(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """15 s every 45 s as asked; 60 s do not fit, so they are 120 s apart, which is told."""
    folder = data_dir / "car-mems-imu-rtk"
    files = ["--fixes", str(folder / "gnss_rtk.pos"), "--imu", str(folder / "imu.csv.gz")]
    assert main(["outage", *files, "--every", "45", "--length", "15,60", "--start", "243298.5", "-q"]) == 0
    out = capsys.readouterr().out
    assert "outages of 60 s are 120 s apart" in out
    assert "outages of 15 s are" not in out
    starts = [line.split()[1] for line in out.splitlines() if "  60 s " in line and " after " in line]
    assert starts == ["19:34:58.5", "19:36:58.5", "19:38:58.5", "19:40:58.5"]


def test_outages_of_no_length_are_refused(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data_dir / "car-mems-imu-rtk"
    words = ["outage", str(folder / "gnss_rtk.pos"), str(folder / "imu.csv.gz"), "--length", "0", "-q"]
    assert main(words) == 2
    assert "seconds above zero" in capsys.readouterr().err


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


def test_what_is_not_there_cannot_be_taken_away(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ranges and odometry alone: no satellites to lose, but ranges."""
    recording = str(data_dir / "uwb-plaza" / "Plaza1_.mat")
    assert main(["outage", recording, "-q"]) == 2
    assert "no gnss in the recording that could be taken away; --sensor ranges could be" in capsys.readouterr().err
