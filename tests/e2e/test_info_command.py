"""`kinema info`: one screen for a person, JSON for a program, one line and exit code 2 for what it cannot read."""

from __future__ import annotations

import json

import numpy as np
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


def test_sensors_are_looked_at_together(tmp_path, capsys):
    """Which way is up, a dead axis, a clock two seconds off, wheels in km/h: all told before anything is solved."""
    rng, t = np.random.default_rng(3), np.arange(0, 120, 0.01)
    rate = 0.25 * np.sin(0.35 * t) * (t > 10)
    heading, speed = np.cumsum(rate) * 0.01, 10.0 * np.clip((t - 5) / 5, 0, 1)
    east, north = np.cumsum(speed * np.sin(heading)) * 0.01, np.cumsum(speed * np.cos(heading)) * 0.01
    imu = np.column_stack([t - 2.0 + 345_600, rng.normal(0, 0.05, len(t)), 0 * t, 9.81 + rng.normal(0, 0.05, len(t)),
                           rng.normal(0, 0.002, (len(t), 2)), -rate + rng.normal(0, 0.002, len(t))])  # fmt: skip
    names = "tow_s,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps"
    np.savetxt(tmp_path / "imu.csv", imu, fmt="%.6f", delimiter=",", header=names, comments="")
    k = slice(None, None, 25)
    lat, lon = 31 + north[k] / 110_850, 121 + east[k] / 95_500
    fixes = np.column_stack([0 * t[k] + 2300, t[k] + 345_600, lat, lon, 0 * lat, speed[k] * np.cos(heading[k]),
                             speed[k] * np.sin(heading[k]), 0 * lat])  # fmt: skip
    names = "gps_week,gps_tow_s,lat_deg,lon_deg,height_m,vn_mps,ve_mps,vd_mps"
    np.savetxt(tmp_path / "fixes.csv", fixes, fmt="%.9f", delimiter=",", header=names, comments="")
    wheels = np.column_stack([t[k] + 345_600, speed[k] * 3.6])
    np.savetxt(tmp_path / "w.csv", wheels, fmt="%.4f", delimiter=",", header="tow_s,wheel_speed_mps", comments="")
    assert main(["info", str(tmp_path)]) == 0
    screen = capsys.readouterr().out
    assert "+z points up" in screen
    assert "turns agree to 0.9" in screen or "turns agree to 1.0" in screen
    assert "accelerometer y" in screen
    assert main(["info", "--json", str(tmp_path)]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["agreement"]["imu and fixes"]["offset_s"] == pytest.approx(2.0, abs=0.1)
    assert told["agreement"]["wheels and fixes"]["times"] == pytest.approx(3.6, rel=0.02)
    assert {"dead axis", "week found"} <= {issue["kind"] for issue in told["issues"]}


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
