"""Sensor logs read beside the peers, one core, in one run: `python bench/bench_sensors.py`.

Needs `pip install -e .[bench]`. The files are made here: an MCAP log of ROS 2 IMU messages (zstd chunks, with satellite
fixes between them), a u-blox log of ESF-MEAS, and the same IMU as CSV, Parquet and seven-column text. Each peer does
what a user of it would: decode every message and keep times, rates and forces. Best of the repeats.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np

import kinema
from ubx_bytes import frame

N = 60_000
REPEATS = 3
T0 = 1_719_216_030_000_000_000
HEADER = """std_msgs/Header header
{}
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
IMU = HEADER.format("""geometry_msgs/Quaternion orientation
float64[9] orientation_covariance
geometry_msgs/Vector3 angular_velocity
float64[9] angular_velocity_covariance
geometry_msgs/Vector3 linear_acceleration
float64[9] linear_acceleration_covariance
================================================================================
MSG: geometry_msgs/Quaternion
float64 x
float64 y
float64 z
float64 w
================================================================================
MSG: geometry_msgs/Vector3
float64 x
float64 y
float64 z""")
FIX = HEADER.format("""sensor_msgs/NavSatStatus status
float64 latitude
float64 longitude
float64 altitude
float64[9] position_covariance
uint8 position_covariance_type
================================================================================
MSG: sensor_msgs/NavSatStatus
int8 status
uint16 service""")


def samples() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times (ns since 1970), forces and rates of a drive that shakes."""
    rng = np.random.default_rng(1)
    t = T0 + 10_000_000 * np.arange(N)
    return t, rng.normal((0.0, 0.0, 9.81), 0.1, (N, 3)), rng.normal(0, 0.02, (N, 3))


def make_mcap(path: Path) -> None:
    from mcap.writer import CompressionType
    from mcap_ros2.writer import Writer

    t, force, rate = samples()
    with path.open("wb") as file:
        writer = Writer(file, compression=CompressionType.ZSTD)
        imu, fix = writer.register_msgdef("sensor_msgs/msg/Imu", IMU), writer.register_msgdef(
            "sensor_msgs/msg/NavSatFix", FIX)  # fmt: skip
        for k, ns in enumerate(t.tolist()):
            header = {"stamp": {"sec": ns // 10**9, "nanosec": ns % 10**9}, "frame_id": "imu"}
            writer.write_message("/imu", imu, {
                "header": header, "orientation": {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0},
                "orientation_covariance": [0.0] * 9, "angular_velocity": dict(zip("xyz", rate[k], strict=True)),
                "angular_velocity_covariance": [0.0] * 9, "linear_acceleration_covariance": [0.0] * 9,
                "linear_acceleration": dict(zip("xyz", force[k], strict=True)),
            }, ns, ns)  # fmt: skip
            if k % 20 == 0:
                writer.write_message("/fix", fix, {
                    "header": header, "status": {"status": 0, "service": 1}, "latitude": 31.2, "longitude": 121.4,
                    "altitude": 5.0, "position_covariance": [1.0, 0, 0, 0, 1.0, 0, 0, 0, 4.0],
                    "position_covariance_type": 2,
                }, ns, ns)  # fmt: skip
        writer.finish()


def make_ubx(path: Path) -> None:
    """ESF-MEAS with six words each, 50 a second, and RXM-RAWX that states the time."""
    out = []
    for k in range(N // 4):
        if k % 50 == 0:
            out.append(frame(0x0215, struct.pack("<dHbBBB2x", 1000.0 + k / 50, 2300, 18, 0, 1, 1)))
        words = [kind << 24 | (value & 0xFFFFFF) for kind, value in
                 ((14, k % 90), (13, -7), (5, 12), (16, 3), (17, -4), (18, 10_045))]  # fmt: skip
        out.append(frame(0x1002, struct.pack("<IHH", 77_000 + 20 * k, 6 << 11, 0) + struct.pack("<6I", *words)))
    path.write_bytes(b"".join(out))


def make_tables(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    t, force, rate = samples()
    names = ["timestamp_ns", "ax_mps2", "ay_mps2", "az_mps2", "gx_radps", "gy_radps", "gz_radps"]
    lines = [f"{ns},{','.join(f'{v:.9f}' for v in (*f, *w))}" for ns, f, w in
             zip(t.tolist(), force.tolist(), rate.tolist(), strict=True)]  # fmt: skip
    (folder / "imu.csv").write_text("\n".join([",".join(names), *lines]) + "\n")
    tow = 345_600 + 0.01 * np.arange(N)
    np.savetxt(folder / "imu.txt", np.column_stack([tow, 0.01 * rate, 0.01 * force]), fmt="%.6f" + " %.12e" * 6)
    columns = [t, *force.T, *rate.T]
    pq.write_table(pa.table(dict(zip(names, columns, strict=True))), folder / "imu.parquet")


def best(run: Callable[[], int]) -> tuple[float, int]:
    """Shortest time of some runs, and what the run counts."""
    times, count = [], 0
    for _ in range(REPEATS):
        start = time.perf_counter()
        count = run()
        times.append(time.perf_counter() - start)
    return min(times), count


def ours(path: Path) -> int:
    return len(kinema.read(path).streams["imu"].t_ns)


def with_mcap(path: Path) -> int:
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory

    rows = []
    with path.open("rb") as file:
        for _, channel, _, m in make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages():
            if channel.topic == "/imu":
                w, f = m.angular_velocity, m.linear_acceleration
                stamp = m.header.stamp
                rows.append((stamp.sec * 10**9 + stamp.nanosec, w.x, w.y, w.z, f.x, f.y, f.z))
    return len(np.array(rows))


def with_pyubx2(path: Path) -> int:
    from pyubx2 import UBXReader

    rows = []
    with path.open("rb") as file:
        for _, message in UBXReader(file):
            if message.identity == "ESF-MEAS":
                rows.append([message.timeTag, *(getattr(message, f"dataField_0{k}") for k in range(1, 7))])
    return len(np.array(rows))


def with_pandas(path: Path) -> int:
    import pandas as pd

    return len(pd.read_csv(path).to_numpy())


def with_numpy(path: Path) -> int:
    return len(np.loadtxt(path))


def with_pandas_parquet(path: Path) -> int:
    import pandas as pd

    return len(pd.read_parquet(path).to_numpy())


def main() -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_tables(folder)
        make_ubx(folder / "esf.ubx")
        make_mcap(folder / "robot.mcap")
        print(f"{'file':12s} {'samples':>8s} {'Kinema, /s':>12s} {'peer, /s':>12s} {'ratio':>7s}  peer")
        for file, peer, who in (
            ("robot.mcap", with_mcap, "mcap + mcap-ros2-support"), ("esf.ubx", with_pyubx2, "pyubx2"),
            ("imu.csv", with_pandas, "pandas.read_csv"), ("imu.txt", with_numpy, "numpy.loadtxt"),
            ("imu.parquet", with_pandas_parquet, "pandas.read_parquet"),
        ):  # fmt: skip
            path = folder / file
            ours(path)
            mine, n = best(lambda path=path: ours(path))
            theirs, m = best(lambda path=path, peer=peer: peer(path))
            assert n == m, (file, n, m)
            print(f"{file:12s} {n:8d} {n / mine:12,.0f} {m / theirs:12,.0f} {theirs / mine:7.1f}  {who}")


if __name__ == "__main__":
    main()
