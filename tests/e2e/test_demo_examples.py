"""Every example runs as it stands."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

import kinema

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: str) -> None:
    before = sys.argv
    sys.argv = [name, *arguments]
    try:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    finally:
        sys.argv = before


def test_simulate_solve_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("simulate_solve_score.py", str(tmp_path))
    assert "horizontal" in capsys.readouterr().out
    assert (tmp_path / "drive.html").exists()


def test_read_solve_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = kinema.simulate("open", 1, duration_s=20.0, rate_hz=1.0).save(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    run("read_solve_report.py", str(folder / "rover.obs"), str(folder / "drive.nav"))
    assert (tmp_path / "drive.gpx").exists()
    assert (tmp_path / "drive.html").exists()


def test_ideal_imu_and_base_and_rover(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("ideal_imu.py")
    run("base_and_rover.py", str(tmp_path / "town"))
    assert "came off a wall" in capsys.readouterr().out
    assert (tmp_path / "town" / "base.obs").exists()
