"""The commands of this area as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinema.cli import main


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    args = ["simulate", "--course", "grid", "--seed", "2", "--duration", "40", "--rate", "1", "-o", str(folder)]
    assert main(args) == 0
    return folder


def test_simulate_writes_a_folder_that_everything_reads(town: Path) -> None:
    names = {path.name for path in town.iterdir()}
    assert names == {"rover.obs", "drive.nav", "truth.pos", "kinema.toml"}
    assert "SIMULATED" in (town / "rover.obs").read_text()[:1000]


def test_score_of_the_truth_against_itself_as_json(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = str(town / "truth.pos")
    assert main(["score", truth, truth, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["availability"] == 1.0
    assert told["horizontal"]["max"] < 1e-6
    assert told["assumptions"]["time_offset_s"] == 0.0


def test_score_takes_a_point_in_both_spellings(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = str(town / "truth.pos")
    for point in ("50.11,8.68,150", "4051980,618530,4870180"):
        assert main(["score", truth, point, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["assumptions"]["truth"] == "one fixed point"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["truth.pos", "1,2"], "three numbers"),
        (["truth.pos", "1,2,90000"], "neither latitude"),
        (["truth.pos", "nowhere.pos"], "no such file"),
        (["truth.pos", "truth.pos", "--lever-arm", "a,b,c"], "three numbers"),
        (["truth.pos", "truth.pos", "--from", "604799"], "no epoch"),
        (["rover.obs", "truth.pos"], "a trajectory"),
    ],
)
def test_score_says_what_is_wrong(
    town: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(town)
    assert main(["score", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]


@pytest.mark.parametrize("wrong", [["--seed", "-1"], ["--speed", "9999"], ["--course", "moon"], ["--rate", "0"]])
def test_simulate_refuses_nonsense(wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "-o", str(tmp_path / "out"), *wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_demo_ends_with_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--course", "grid", "--laps", "0.3", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["simulated"]
    assert told["score"]["horizontal"]["p50"] < 5.0
    assert Path(told["report"]).stat().st_size > 10_000
    for path in told["written"]:
        assert Path(path).stat().st_size > 1000


def test_demo_takes_a_recording(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(town), "--out", str(tmp_path / "demo"), "-q"]) == 0
    printed = capsys.readouterr().out
    assert "report.html" in printed
    assert "honesty" in printed


def test_demo_of_nothing_readable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(tmp_path / "nothing"), "--out", str(tmp_path / "out")]) == 2
    assert "no such file" in capsys.readouterr().err
