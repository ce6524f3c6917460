"""`kinema info`: one screen for a person, JSON for a program, one line and exit code 2 for what it cannot read."""

from __future__ import annotations

import json

import pytest

from kinema.cli import main
from rinex_text import OBS3, epoch3, gps


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "rover.obs"
    sats = [gps(), gps("G06", lli="1"), "S23 " + "38000000.000".rjust(13)]
    path.write_text(OBS3 + "".join(epoch3(float(s), sats) for s in (0, 1, 2, 3, 9)))
    return path


def test_the_screen_tells_span_rate_signals_gaps_and_issues(made, capsys):
    assert main(["info", str(made)]) == 0
    screen = capsys.readouterr().out
    for word in ("RINEX observations", "5 epochs", "1 Hz", "GPS", "1C", "1 gaps", "skipped SBAS × 5", "SITE"):
        assert word in screen
    assert max(len(line) for line in screen.splitlines()) <= 100


def test_json_holds_the_same(made, capsys):
    assert main(["info", str(made), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    (stream,) = told["streams"]
    assert stream["role"] == "gnss"
    assert stream["rate_hz"] == 1.0
    assert stream["longest_gap_s"] == 6.0
    assert stream["systems"][0]["signals"][0]["slips"] == 5
    assert {issue["kind"] for issue in told["issues"]} >= {"skipped SBAS", "gap"}


def test_what_cannot_be_read_is_one_line_and_exit_code_2(tmp_path, capsys):
    path = tmp_path / "notes.txt"
    path.write_text("nothing of use\n")
    assert main(["info", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"kinema: {path}: no known format")
    assert said.count("\n") == 1


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        "static-rtk-1m/base.nav",
        "car-rtk-japan-2021-265/SEPT265G.21O",
        "ppp-esbc-24h/GRG0MGXFIN_20201770000_01D_15M_ORB.SP3.gz",
        "receiver-ubx/F9T-L2-5min.ubx.gz",
        "laps-formats/racebox-lignano.vbo",
        "car-mems-imu-rtk/gnss_rtk.pos",
    ],
)
def test_info_of_real_files(data_dir, name, capsys):
    assert main(["info", str(data_dir / name)]) == 0
    screen = capsys.readouterr().out
    assert max(len(line) for line in screen.splitlines()) <= 100
    assert main(["info", "--json", str(data_dir / name)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["streams"]
