"""Judging with the truth files as real sources write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinema.cli import main

pytestmark = pytest.mark.data


def judged(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["score", *arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_simulators_trajectory_is_its_own_truth(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Spirent's CSV: 1.9 km of rose figure, every tenth of a second, 0 everywhere."""
    path = str(data_dir / "sim-spirent-rtk" / "Rover-dynamic_PVA_Spirent.csv")
    told = judged(capsys, path, path)
    assert told["judged"] == told["expected_epochs"] == 6002
    assert told["spatial"]["max"] == 0.0  # type: ignore[index]
    assert 2000 < told["distance_m"] < 3200  # type: ignore[operator]


def test_a_table_with_holes_and_no_week(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """335 of 360 epochs have truth; nothing is made up in the holes, and 1.4 km of way are counted."""
    path = str(data_dir / "car-rtk-japan-2021-265" / "pseudo_truth.csv")
    told = judged(capsys, path, path)
    assert told["expected_epochs"] == told["judged"] == 335
    assert 1200 < told["distance_m"] < 1500  # type: ignore[operator]


def test_stations_point_in_a_file(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The two antennas of this set stand 1.0 m apart."""
    folder = data_dir / "static-rtk-1m"
    told = judged(capsys, str(folder / "rover_position.txt"), str(folder / "base_position.txt"))
    assert told["assumptions"]["truth"] == "one fixed point"  # type: ignore[index]
    assert told["spatial"]["max"] == pytest.approx(0.99, abs=0.05)  # type: ignore[index]
