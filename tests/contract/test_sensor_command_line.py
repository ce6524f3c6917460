"""`kinema solve`, `outage` and `info` with sensor files as people mistype and mishandle them: one line each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.cli import main

WEEK, TOW = 2300, 345_600.0


def imu_file(path: Path, seconds: float = 20.0, tow: float = TOW) -> Path:
    t = np.arange(0, seconds, 0.01)
    rows = np.column_stack([np.full(len(t), WEEK), tow + t, 0 * t, 0 * t, 0 * t - 9.8, 0 * t, 0 * t, 0 * t])
    names = "gps_week,gps_tow_s,acc_x_mps2,acc_y_mps2,acc_z_mps2,gyro_x_radps,gyro_y_radps,gyro_z_radps"
    np.savetxt(path, rows, fmt="%.4f", delimiter=",", header=names, comments="")
    return path


def fix_file(path: Path, seconds: float = 20.0, tow: float = TOW) -> Path:
    t = np.arange(0, seconds, 0.25)
    rows = np.column_stack([np.full(len(t), WEEK), tow + t, 31 + 1e-6 * t, 0 * t + 121, 0 * t, 0 * t, 0 * t, 0 * t])
    names = "gps_week,gps_tow_s,lat_deg,lon_deg,height_m,vn_mps,ve_mps,vd_mps"
    np.savetxt(path, rows, fmt="%.7f", delimiter=",", header=names, comments="")
    return path


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """The one line of a refusal."""
    assert main([str(word) for word in words]) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1, told.err
    assert "Traceback" not in told.err
    return told.err


@pytest.mark.parametrize(("change", "what"), [
    (["--imu", "FIXES"], "no 'imu' stream"),
    (["--wheels", "IMU"], "no 'wheels' stream"),
    (["--ranges", "IMU"], "no 'ranges' stream"),
    (["--imu", "nowhere.csv"], "no such file"),
    (["--mask", "gps:345605-345610"], "there is no such stream"),
    (["--mask", "gnss:1-2"], "lies outside"),
    (["--mask", "gnss:345610-345605"], "ends before it starts"),
    (["--mask", "gnss"], "is not SENSOR:FROM-TO"),
    (["--from", "yesterday"], "neither GPS seconds of week"),
    (["--urdf", "no.urdf"], "there is no such file"),
    (["--config", "no.toml"], "No such file"),
    (["-o", "/no/such/folder/x.pos"], "does not exist"),
])  # fmt: skip
def test_wrong_words(change: list[str], what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"IMU": imu_file(tmp_path / "imu.csv"), "FIXES": fix_file(tmp_path / "fixes.csv")}
    words = ["solve", "-q", "--fixes", files["FIXES"], "--imu", files["IMU"]]
    assert what in refused(capsys, *words, *(files.get(word, word) for word in change))


def test_streams_of_different_days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A clock that counts from its own start is told from another day; a car at rest does not show when it was."""
    fixes = fix_file(tmp_path / "fixes.csv", tow=TOW + 86_400)
    told = refused(capsys, "solve", "-q", "--fixes", fixes, "--imu", imu_file(tmp_path / "imu.csv"))
    assert "do not overlap in time" in told
    lines = [
        "t_s,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps",
        *(f"{k / 100},0,0.01,{9.8 + 0.01 * (k % 7)},0,0,{0.001 * (k % 3)}" for k in range(500)),
    ]
    (tmp_path / "imu.csv").write_text("\n".join(lines))
    told = refused(capsys, "solve", "-q", "--fixes", fixes, "--imu", tmp_path / "imu.csv")
    assert "clock began with its logger" in told
    assert "mounts.imu.time_offset_s" in told


def test_wheels_that_count_without_a_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["gps_week,gps_tow_s,rl_ticks,rr_ticks", *(f"{WEEK},{TOW + k / 10},{k},{k}" for k in range(200))]
    (tmp_path / "wheels.csv").write_text("\n".join(lines))
    told = refused(capsys, "solve", "-q", "--fixes", fix_file(tmp_path / "fixes.csv"), "--imu",
                   imu_file(tmp_path / "imu.csv"), "--wheels", tmp_path / "wheels.csv")  # fmt: skip
    assert "wheels.metres_per_tick" in told


@pytest.mark.parametrize("damage", ["cut in the header", "empty", "binary", "text", "wrong unit"])
@pytest.mark.parametrize("command", ["solve", "outage"])
def test_broken_sensor_files(damage: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imu = imu_file(tmp_path / "imu.csv")
    data = imu.read_bytes()
    imu.write_bytes({
        "cut in the header": data[:37], "empty": b"", "binary": bytes(range(256)) * 50,
        "text": data.replace(b"345601.5000", b"soon"), "wrong unit": data.replace(b"mps2", b"g"),
    }[damage])  # fmt: skip
    words = [command, "-q", "--fixes", fix_file(tmp_path / "fixes.csv"), "--imu", imu]
    assert "imu.csv" in refused(capsys, *words)


def test_info_of_a_folder_of_sensors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imu_file(tmp_path / "imu.csv")
    fix_file(tmp_path / "fixes.csv")
    assert main(["info", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "9.80 m/s²" in told
    assert "fixes" in told


def test_one_table_for_fixes_and_imu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A logger's table with places and inertial columns gives both, when both are asked of it."""
    from argparse import Namespace

    from kinema.cli.commands.solve import gather
    from kinema.core.progress import silent

    t = 1_719_216_030 + np.arange(500) * 0.01
    rows = np.column_stack([t, 31 + 1e-7 * np.arange(500), np.full(500, 121.0), np.zeros((500, 2)), np.full(500, 9.8),
                            np.zeros((500, 3))])  # fmt: skip
    names = "time,latitude,longitude,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps"
    np.savetxt(tmp_path / "log.csv", rows, fmt="%.7f", delimiter=",", header=names, comments="")
    log = str(tmp_path / "log.csv")
    args = Namespace(files=[], base=None, fixes=log, imu=log, wheels=None, ranges=None, on_bad="raise")
    recording = gather(args, silent)
    assert {"fixes", "imu"} <= set(recording.streams)
    np.testing.assert_array_equal(recording.streams["imu"].f_ib_s_mps2[0], [0.0, 0.0, 9.8])
    assert abs(int(recording.streams["imu"].t_ns[0]) - int(recording.streams["fixes"].t_ns[0])) < 1_000_000
