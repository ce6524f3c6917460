"""Logs as the field brings them: ROS bags, Inertial Explorer, KITTI, PX4, Xsens, routes of comma2k19."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Imu
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError
from samples import bag, db3, imr

T0_NS = int(gps_ns_from_unix_ns(1_719_216_030_000_000_000))


def told(recording: Recording) -> str:
    return " | ".join(str(issue) for issue in recording.issues)


def check_robot(recording: Recording) -> None:
    imu, fixes = recording.need("imu", Imu), recording.need("fixes", Solution)
    assert imu.t_ns[0] == T0_NS
    assert np.diff(imu.t_ns).tolist() == [10_000_000] * 23
    np.testing.assert_array_equal(imu.f_ib_s_mps2[5], [0.1, 0.2, 9.8])
    np.testing.assert_array_equal(imu.w_ib_s_radps[5], [0.01, 0.02, 0.03])
    assert len(fixes) == 3
    assert np.sqrt(np.trace(fixes.cov_p_e_m2[0])) == pytest.approx(np.sqrt(6.0))


@pytest.mark.parametrize("compression", ["none", "bz2", "lz4"])
def test_bag_of_ros1(compression: str, tmp_path: Path) -> None:
    (tmp_path / "robot.bag").write_bytes(bag(compression))
    check_robot(kinema.read(tmp_path / "robot.bag"))


def test_bag_of_ros1_that_was_not_closed(tmp_path: Path) -> None:
    """The chunk that was being written is lost, and told."""
    whole = bag()
    head = struct.unpack_from("<I", whole, 13)[0]
    chunk = whole[13 + 8 + head + struct.unpack_from("<I", whole, 17 + head)[0] :]
    (tmp_path / "robot.bag").write_bytes(whole + chunk[: len(chunk) // 2])
    recording = kinema.read(tmp_path / "robot.bag")
    check_robot(recording)
    assert "cut off" in told(recording)


def test_bag_of_ros2(tmp_path: Path) -> None:
    check_robot(kinema.read(db3(tmp_path / "robot_0.db3")))


def test_databases_that_are_no_bags(tmp_path: Path) -> None:
    import sqlite3

    base = sqlite3.connect(tmp_path / "a.db3")
    base.execute("CREATE TABLE people(name TEXT)")
    # A view that never ends must not be asked.
    base.execute("CREATE VIEW messages AS WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k FROM n) SELECT k FROM n")
    base.commit()
    base.close()
    with pytest.raises(FormatError, match="without the tables of a ROS 2 bag"):
        kinema.read(tmp_path / "a.db3")


@pytest.mark.parametrize("increments", [False, True])
def test_inertial_explorers_file(increments: bool, tmp_path: Path) -> None:
    (tmp_path / "drive.imr").write_bytes(imr(increments=increments))
    recording = kinema.read(tmp_path / "drive.imr")
    imu = recording.need("imu", Imu)
    np.testing.assert_allclose(imu.f_ib_s_mps2[3], [0.1, 0.2, 9.8], atol=2e-4)
    np.testing.assert_allclose(imu.w_ib_s_radps[3], np.radians([0.1, 0.2, -0.3]), atol=2e-6)
    assert "ADIS16488" in told(recording)


def kitti(folder: Path, count: int = 30) -> Path:
    """A drive that goes north at 10 m/s and stands level."""
    data = folder / "oxts" / "data"
    data.mkdir(parents=True)
    lines = []
    for k in range(count):
        row = np.zeros(30)
        row[:3] = 49.0 + 1e-5 * k, 8.4, 112.0
        row[6], row[13], row[19], row[23], row[24] = 10.0, 9.81, 0.05, 0.06, 0.02
        (data / f"{k:010d}.txt").write_text(" ".join(f"{v:.9f}" for v in row))
        lines.append(f"2011-09-26 13:02:{25 + 0.1 * k:012.9f}")
    (folder / "oxts" / "timestamps.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_a_drive_of_kitti(tmp_path: Path) -> None:
    """Axes are known: forward, left, up; the velocity points north."""
    recording = kinema.read(kitti(tmp_path))
    imu, fixes = recording.need("imu", Imu), recording.need("fixes", Solution)
    assert len(imu.t_ns) == len(fixes) == 30
    np.testing.assert_allclose(np.diff(imu.t_ns), 1e8, atol=10)
    np.testing.assert_allclose(imu.f_ib_s_mps2[0], [0, 0, 9.81])
    assert recording.mounts["imu"].rpy_bs_rad == (np.pi, 0.0, 0.0)
    along = np.diff(fixes.p_e_m, axis=0)
    assert (np.einsum("ij,ij->i", along, fixes.v_e_mps[1:]) > 0.999 * 10 * np.linalg.norm(along, axis=1)).all()
    (tmp_path / "oxts" / "data" / "0000000004.txt").write_text("1 2 3")
    with pytest.raises(FormatError, match="0000000004"):
        kinema.read(tmp_path)


@pytest.mark.parametrize(("header", "time", "rate"), [
    (("timestamp,gyro_rad[0],gyro_rad[1],gyro_rad[2],gyro_integral_dt,accelerometer_timestamp_relative,"
     "accelerometer_m_s2[0],accelerometer_m_s2[1],accelerometer_m_s2[2]"), 4000, 250.0),
    ("PacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z,FreeAcc_X,FreeAcc_Y,FreeAcc_Z", 100, 100.0),
    ("TimeUS,AccX,AccY,AccZ,GyrX,GyrY,GyrZ", 2500, 400.0),
    (("#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],a_RS_S_x [m s^-2],"
     "a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]"), 5_000_000, 200.0),
])  # fmt: skip
def test_tables_of_autopilots_and_sensors(header: str, time: int, rate: float, tmp_path: Path) -> None:
    """PX4, Xsens, ArduPilot, EuRoC: times count in their own units from the start, axes are found by their names."""
    known = {"counter": 7.0, "free": 0.01, "integral": 4000.0, "relative": 0.0}
    rows = []
    for k in range(300):
        cells = []
        for name in header.split(","):
            word = next((w for w in known if w in name.lower()), "")
            up = re.search(r"(?i)z( \[|$)|\[2\]$", name) is not None
            if word:
                cells.append(known[word])
            elif "time" in name.lower():
                cells.append(500 * time + k * time)
            elif re.match(r"acc|a_rs", name.lower()):
                cells.append(9.81 if up else 0.1)
            else:
                cells.append(0.02)
        rows.append(",".join(f"{cell:.10g}" for cell in cells))
    (tmp_path / "imu.csv").write_text("\n".join([header, *rows]) + "\n")
    imu = kinema.read(tmp_path / "imu.csv").need("imu", Imu)
    np.testing.assert_allclose(imu.f_ib_s_mps2[0], [0.1, 0.1, 9.81])
    np.testing.assert_allclose(imu.w_ib_s_radps[0], 0.02)
    assert 1e9 / np.median(np.diff(imu.t_ns)) == pytest.approx(rate)
