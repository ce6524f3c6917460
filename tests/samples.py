"""A small good file of every format, made by our writers or by hand: for tests of damaged input and for the fuzzer."""

from __future__ import annotations

import io
import struct
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from antex_text import small as small_antex
from kinema.formats.base import Source
from kinema.formats.reading import discover
from rinex_text import OBS3, epoch3, gps, header
from trajectories import solution
from ubx_bytes import frame

HAND_MADE: dict[str, tuple[str, str]] = {
    "aim_csv": ("outing.csv", (
        '"Format","AiM CSV File"\n"Session","Somewhere"\n"Vehicle","Car"\n"Racer","Driver"\n"Date","24/06/2024"\n'
        '"Time","10:20:30"\n"Beacon Markers","1.5","2.5","3.5"\n\n'
        '"Time","GPS Speed","GPS Latitude","GPS Longitude","GPS Altitude","GPS PosAccuracy"\n'
        '"s","km/h","deg","deg","m","mm"\n\n'
        + "".join(f'"{k / 10:.3f}","100.0","31.{10000 + k}","121.{10000 + k}","12.0","800"\n' for k in range(12))
    )),
    "antex": ("igs.atx", small_antex()),
    "coco": ("results.json", "[" + ",".join(
        f'{{"image_id": {k // 2}, "category_id": 1, "bbox": [{100 + 40 * (k % 2) + k}.5, 50, 20, 40], "score": 0.9}}'
        for k in range(12)) + "]"),
    "detections-json": ("sink.json", "[" + ",".join(
        f'{{"x_min": {100 + k}.5, "y_min": 50.0, "x_max": 120.0, "y_max": 90.0, "class_id": 0, "confidence": 0.9, '
        f'"tracker_id": "", "frame_index": "{k // 2}"}}' for k in range(12)) + "]"),
    "plaza_text": ("Plaza7_TD.txt", "".join(
        f"{1000 + 0.5 * k:.16e}\t2.0\t{k % 4}.0\t{30 + 0.1 * k:.16e}\n" for k in range(24))),
    "yolo-labels": ("video_1.txt", "".join(f"0 0.{50 + k} 0.5 0.1 0.2 0.9\n" for k in range(12))),
    "detections-csv": ("boxes.csv", (
        "x_min,y_min,x_max,y_max,class_id,confidence,tracker_id,frame_index\n"
        + "".join(f"{100 + k}.5,50.0,120.0,90.0,0,0.9,{k % 2},{k // 2}\n" for k in range(12))
    )),
    "dovex": ("run.dovex", (
        "datetime,driver,course,short_name\n2024-06-24,Someone,Somewhere,SW\nlaps_ms\n61234,60999\n"
        "timestamp,sats,hdop,lat,lng,speed_mph,altitude_m,heading_deg,h_acc_m,rpm,accel_x\n"
        + "".join(f"{1719216030000 + 40 * k},14,0.8,31.{10000 + k},121.1,62.1,12.0,90.0,0.8,5000,0.1\n"
                  for k in range(12))
    )),
    "kitti-tracking": ("0001.txt", "".join(
        f"{k} 1 Car 0 0 -1.57 {100 + k}.5 50.0 180.0 90.0 1.5 1.6 3.9 2.0 1.5 20.0 -1.6\n" for k in range(8)
    )),
    "latlonh": ("truth.csv", "# sow,lat,lon,h\n" + "".join(f"{282610 + k}.0,35.3,139.5,47.5\n" for k in range(6))),
    "librsf": ("track.txt", (
        "odom3 0 5.8 0 0 0 0 -0.005 0.0025 0.0009 0.0009 4e-06 4e-06 4e-06\n"
        "point3 0 3785108 899901 5037234\npoint3 1 3785109 899901 5037234\n"
    )),
    "logger_csv": ("phone.csv", (
        "Time (s),Latitude (deg),Longitude (deg),Speed (km/h),Lap\n"
        + "".join(f"{1719216030 + k / 10:.1f},31.{10000 + k},121.1,100.0,{1 + k // 4}\n" for k in range(12))
    )),
    "motchallenge": ("det.txt", "".join(f"{k},-1,{100 + k}.5,50.0,20.0,40.0,0.9,-1,-1,-1\n" for k in range(1, 8))),
    "racecapture": ("rc.log", (
        '"Interval"|"ms"|0|0|1,"Utc"|"ms"|0|0|1,"Latitude"|"Degrees"|-180.0|180.0|10,'
        '"Longitude"|"Degrees"|-180.0|180.0|10,"Speed"|"mph"|0.0|150.0|10,"LapCount"|""|0|0|10\n'
        + "".join(f"{100 * k},{1719216030000 + 100 * k},31.{10000 + k},121.1,62.1,{k // 4}\n" for k in range(12))
    )),
    "racechrono": ("session.csv", (
        "This file is created using RaceChrono Pro v9.1.3 ( http://racechrono.com/ ).\nFormat,3\n"
        'Session title,"Test"\nTrack name,"Somewhere, far"\nDriver name,\nNote,\n\n'
        "timestamp,fragment_id,lap_number,elapsed_time,altitude,latitude,longitude,speed,rpm\n"
        "unix time,,,s,m,deg,deg,m/s,rpm\n,,,,100: gps,100: gps,100: gps,100: gps,200: obd\n"
        + "".join(f"{1767150797.4 + k / 25:.3f},0,{1 + k // 4},{10 + k / 25:.5f},5,31.{10000 + k},121.0,30,3500\n"
                  for k in range(12))
    )),
    "rinex-clk": ("gbm.clk", (
        header("3.00", "CLOCK DATA", "M")
        + "".join(f"AS G01  2024  3  5  0 {k:2d}  0.000000  2   -0.884707516318E-03\n" for k in range(4))
    )),
    "rinex-nav": ("brdc.nav", (
        header("3.04", "N: GNSS NAV DATA", "M: MIXED", ("    18", "LEAP SECONDS"))
        + "G07 2024 03 05 10 00 00" + "".join(f"{1e-4 * k:19.12E}" for k in range(3)) + "\n"
        + ("    " + "".join(f"{0.5:19.12E}" for k in range(4)) + "\n") * 7
    )),
    "rinex-obs": ("rover.obs", OBS3 + "".join(epoch3(float(k), [gps(), gps("G06")]) for k in range(4))),
    "sensor_csv": ("imu.csv", (
        "t_s,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps\n"
        + "".join(f"{k / 100:.2f},0.1,0.2,-9.8,0.001,0.002,0.003\n" for k in range(12))
    )),
    "sensor_logger": ("Gyroscope.csv", (
        "time,seconds_elapsed,z,y,x\n"
        + "".join(f"{1719216030000000000 + 10000000 * k},{k / 100:.2f},0.01,0.02,0.03\n" for k in range(12))
    )),
    "fixes_text": ("gnss.txt", "".join(
        f"{456300 + k}.000 30.44478{k:02d}369 114.47186{k:02d}247 20.899 0.016 0.018 0.031\n" for k in range(12)
    )),
    "imu_text": ("imu.txt", "".join(
        f"{456300 + k / 100:.3f} 1.1e-4 -2.2e-5 3.3e-6 1.0e-3 2.0e-3 -0.0981\n" for k in range(12)
    )),
    "sinex-bias": ("cod.bia", (
        "%=BIA 1.00 COD 2024:066:00000 COD 2024:065:00000 2024:066:00000 A 00000004\n+BIAS/SOLUTION\n"
        "*BIAS SVN_ PRN STATION__ OBS1 OBS2 BIAS_START____ BIAS_END______ UNIT __ESTIMATED_VALUE____ _STD_DEV___\n"
        + "".join(
            f" OSB  G063 G01           {name}       2024:065:00000 2024:066:00000 ns   {1.5 * k:20.4f}      0.0100\n"
            for k, name in enumerate(("C1W", "C2W", "L1W", "L2W"), 1))
        + "-BIAS/SOLUTION\n%=ENDBIA\n"
    )),
    "sp3": ("igs.sp3", (
        "#dP2024  3  5  0  0  0.00000000       1 ORBIT IGS20 FIT  TST\n%c M  cc GPS ccc\n"
        "*  2024  3  5  0  0  0.00000000\nPG01  10000.000000  10001.000000  10002.000000      1.000000\nEOF\n"
    )),
    "spirent": ("truth.csv", (
        "GpsWeek,GpsToW [s],Pos ECEF X [m],Pos ECEF Y [m],Pos ECEF Z [m]\n"
        + "".join(f"2244,{k},4157161,671329,4774767\n" for k in range(1, 6))
    )),
    "tcx": ("run.tcx", (
        '<?xml version="1.0"?>\n<TrainingCenterDatabase><Activities><Activity Sport="Running">\n'
        '<Lap StartTime="2024-06-24T08:20:00Z"><TotalTimeSeconds>5.0</TotalTimeSeconds><Track>\n'
        + "".join(
            f"<Trackpoint><Time>2024-06-24T08:20:{k:02d}Z</Time><Position><LatitudeDegrees>31.{10000 + k}"
            "</LatitudeDegrees><LongitudeDegrees>121.1</LongitudeDegrees></Position><AltitudeMeters>5.0"
            "</AltitudeMeters><HeartRateBpm><Value>150</Value></HeartRateBpm></Trackpoint>\n" for k in range(6))
        + "</Track></Lap></Activity></Activities></TrainingCenterDatabase>\n"
    )),
    "timing_csv": ("laps.csv", (
        "NUMBER; DRIVER_NUMBER; LAP_NUMBER; LAP_TIME; S1; S2; ELAPSED; HOUR; TOP_SPEED; CLASS\n"
        + "".join(f"7;1;{k};1:52.073;30.1;40.2;{2 * k}:46.198;16:0{k}:44.198;301.5;LMP1\n" for k in range(1, 7))
    )),
    "vbo": ("lap.vbo", (
        "File created on 31/12/2023 @ 23:59\n\n[header]\nsatellites\ntime\nlatitude\nlongitude\nvelocity kmh\n\n"
        "[laptiming]\nStart 1862.000000 -7260.000000 1862.010000 -7260.010000 ¬ Start / Finish\n\n"
        "[column names]\nsats time lat long velocity heading height\n\n[data]\n"
        + "".join(f"012 1020{30 + k:02d}.000 +1862.{1000 + k:06d} -7260.000000 100.0 090.0 +12.0\n" for k in range(12))
    ).encode("utf-8").decode("latin-1")),
}  # fmt: skip
WITHOUT_SAMPLE = {"aim_xrk", "anchors", "comma2k19", "kitti_oxts"}
"""A maker's closed binary format, a table without a stream, and folders of files: their tests bring their own."""


@dataclass(frozen=True)
class Sample:
    """A good file: the name it would have, and its bytes."""

    name: str
    data: bytes

    def source(self, data: bytes | None = None, folder: Path = Path()) -> Source:
        """The file, or other bytes in its place, as opened."""
        return Source(folder / self.name, memoryview(self.data if data is None else data))


def _ubx() -> bytes:
    """Navigation epochs of a receiver (UBX-NAV-PVT), and samples of its IMU between them (ESF-MEAS)."""
    log = b""
    for k in range(4):
        pvt = struct.pack(
            "<IHBBBBBBIiBBBBiiiiIIiiiiiIIHHIi", 172_800_000 + 100 * k, 2024, 3, 5, 0, 0, k, 7, 20, 0, 3, 1, 0, 14,
            1_211_000_000, 311_000_000, 12_000, 8_000, 800, 900, 10, 20, 30, 40, 900_000, 100, 1000, 120, 0, 0, 0,
        )  # fmt: skip
        log += frame(0x0107, pvt.ljust(92, b"\0")[:92])
        for j in range(2):
            words = [(14, 40), (13, -20), (5, 7), (16, 12), (17, -30), (18, 10_040), (10, 50 * k + 25 * j)]
            data = b"".join(struct.pack("<I", kind << 24 | value & 0xFFFFFF) for kind, value in words)
            log += frame(0x1002, struct.pack("<IHH", 5000 + 100 * k + 50 * j, len(words) << 11, 0) + data)
    return log


def _mcap() -> bytes:
    """A robot's log: an IMU in ROS 2's encoding in one chunk, satellite fixes in JSON behind it."""
    import zlib

    def record(kind: int, content: bytes) -> bytes:
        return struct.pack("<BQ", kind, len(content)) + content

    def text(words: str) -> bytes:
        return struct.pack("<I", len(words)) + words.encode()

    chunk = record(3, struct.pack("<H", 1) + text("sensor_msgs/msg/Imu") + text("ros2msg") + struct.pack("<I", 0))
    chunk += record(4, struct.pack("<HH", 0, 1) + text("/imu/data") + text("cdr") + struct.pack("<I", 0))
    fixes = record(4, struct.pack("<HH", 1, 0) + text("/fix") + text("json") + struct.pack("<I", 0))
    for k in range(8):
        ns = 1_719_216_030_000_000_000 + 10_000_000 * k
        stamp = struct.pack("<iI", ns // 10**9, ns % 10**9) + text("imu\0").ljust(8, b"\0")
        numbers = [0.0, 0, 0, 1] + [0.0] * 9 + [0.01, 0.02, 0.03] + [0.0] * 9 + [0.1, 0.2, 9.8] + [0.0] * 9
        head = struct.pack("<HIQQ", 0, k, ns, ns)
        chunk += record(5, head + b"\0\1\0\0" + stamp + struct.pack("<37d", *numbers))
        fix = f'{{"timestamp": {{"sec": {ns // 10**9}, "nsec": {ns % 10**9}}}, "latitude": 31.2, "longitude": 121.4}}'
        fixes += record(5, struct.pack("<HIQQ", 1, k, ns, ns) + fix.encode())
    body = struct.pack("<QQQI", 0, 1 << 62, len(chunk), zlib.crc32(chunk)) + text("") + struct.pack("<Q", len(chunk))
    magic = b"\x89MCAP0\r\n"
    return magic + record(1, text("") + text("")) + record(6, body + chunk) + fixes + record(15, bytes(4)) + magic


ROS_TYPES = {"/imu/data": "sensor_msgs/Imu", "/fix": "sensor_msgs/NavSatFix"}


def ros_messages(*, ros1: bool) -> list[tuple[str, int, bytes]]:
    """Topic, time and bytes of messages of an IMU at 100 Hz and satellite fixes at 10 Hz."""
    found = []
    for k in range(24):
        ns = 1_719_216_030_000_000_000 + 10_000_000 * k
        frame = b"imu" if ros1 else b"imu\0"
        stamp = struct.pack("<iII", ns // 10**9, ns % 10**9, len(frame)) + frame
        start = struct.pack("<I", k) + stamp if ros1 else b"\0\1\0\0" + stamp
        numbers = [0.0, 0, 0, 1] + [0.0] * 9 + [0.01, 0.02, 0.03] + [0.0] * 9 + [0.1, 0.2, 9.8] + [0.0] * 9
        found.append(("/imu/data", ns, start + struct.pack("<37d", *numbers)))
        if k % 10 == 0:
            place = struct.pack("<3d", 31.2, 121.4, 5.0) + struct.pack("<9d", 1, 0, 0, 0, 1, 0, 0, 0, 4) + b"\2"
            status = struct.pack("<bH", 0, 1) if ros1 else struct.pack("<bxH", 0, 1) + bytes(4)
            found.append(("/fix", ns, start + status + place))
    return found


def db3(path: Path) -> Path:
    """A ROS 2 bag as SQLite."""
    import sqlite3

    base = sqlite3.connect(path)
    base.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT)")
    base.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB)")
    for k, (topic, kind) in enumerate(ROS_TYPES.items()):
        base.execute("INSERT INTO topics VALUES(?, ?, ?, 'cdr')", (k, topic, kind.replace("/", "/msg/")))
    rows = [(list(ROS_TYPES).index(topic), ns, data) for topic, ns, data in ros_messages(ros1=False)]
    base.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES(?, ?, ?)", rows)
    base.commit()
    base.close()
    return path


def bag(compression: str = "none") -> bytes:
    """A ROS 1 bag of one chunk."""
    import bz2

    def record(content: bytes, **fields: bytes) -> bytes:
        head = b"".join(struct.pack("<I", len(k) + 1 + len(v)) + k.encode() + b"=" + v for k, v in fields.items())
        return struct.pack("<I", len(head)) + head + struct.pack("<I", len(content)) + content

    inner = b""
    for k, (topic, kind) in enumerate(ROS_TYPES.items()):
        about = b"".join(
            struct.pack("<I", len(one)) + one for one in (b"topic=" + topic.encode(), b"type=" + kind.encode())
        )
        inner += record(about, op=b"\x07", conn=struct.pack("<I", k), topic=topic.encode())
    for topic, ns, data in ros_messages(ros1=True):
        stamp = struct.pack("<II", ns // 10**9, ns % 10**9)
        inner += record(data, op=b"\x02", conn=struct.pack("<I", list(ROS_TYPES).index(topic)), time=stamp)
    packed = inner
    if compression == "bz2":
        packed = bz2.compress(inner)
    elif compression == "lz4":
        import pyarrow as pa

        packed = pa.Codec("lz4").compress(inner, asbytes=True)
    size = struct.pack("<I", len(inner))
    head = record(b" " * 64, op=b"\x03", index_pos=bytes(8), conn_count=bytes(4), chunk_count=bytes(4))
    return b"#ROSBAG V2.0\n" + head + record(packed, op=b"\x05", compression=compression.encode(), size=size)


def imr(*, increments: bool = False) -> bytes:
    """Inertial Explorer's IMU file: twelve samples, or more, of a sensor at rest."""
    rate, gyro, accel = 100.0, 1e-6, 1e-6
    each = rate if increments else 1.0
    head = b"$IMURAW\0" + struct.pack("<bdiidddiid32s", 0, 8.8, increments, increments, rate, gyro, accel, 2, 0, 0.0,
                                      b"ADIS16488")  # fmt: skip
    counts = [round(v / each / s) for v, s in ((0.1, gyro), (0.2, gyro), (-0.3, gyro), (0.1, accel), (0.2, accel),
                                               (9.8, accel))]  # fmt: skip
    rows = (struct.pack("<d6i", 456_300 + k / rate, *counts) for k in range(24))
    return head.ljust(512, b"\0") + b"".join(rows)


def _plaza() -> bytes:
    from scipy.io import savemat

    t = np.arange(6) * 0.1
    tables = {
        "DR": np.column_stack([t, np.full(6, 0.1), np.zeros(6)]),
        "TD": np.column_stack([t, np.zeros(6), np.full(6, 3.0), np.full(6, 12.5)]),
        "TL": np.array([[3.0, 10.0, 7.0], [4.0, -10.0, 7.0]]),
        "GT": np.column_stack([t, t, t, np.zeros(6)]),
    }
    file = io.BytesIO()
    savemat(file, tables)
    return file.getvalue()


def _icub() -> bytes:
    import h5py

    n = 5
    names = ["left_knee", "right_knee"]
    text = "".join(names).encode("utf-16-le")
    text += b"\0" * (-len(text) % 8)
    words = np.concatenate(
        [np.array([1, 2, len(names), 1, *map(len, names)], np.uint64), np.frombuffer(text, np.uint64)]
    )
    words = np.concatenate([words, np.zeros(max(0, 24 - len(words)), np.uint64)])
    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=512) as h5:
        h5["estimatorJointsTime"] = 1.6e9 + np.arange(n)[None] * 0.01
        h5["imuAcc"], h5["imuOmega"] = np.tile([[0.0], [0.0], [9.8]], n), np.zeros((3, n))
        h5["lfForceZ"], h5["rfForceZ"] = np.ones((1, n)), np.ones((1, n))
        h5["estimatorJointsPos"] = np.zeros((len(names), n))
        h5["linkBasePos"], h5["linkBaseRot"] = np.zeros((3, n)), np.zeros((3, n))
        h5["strings"] = words
        h5.create_dataset("#subsystem#/MCOS", data=np.array([h5["strings"].ref], dtype=h5py.ref_dtype))
    data = bytearray(file.getvalue())
    data[:512] = b"MATLAB 7.3 MAT-file".ljust(512)
    return bytes(data)


@cache
def samples() -> dict[str, Sample]:
    """By the name of the format."""
    made = {name: Sample(file, text.encode("latin-1" if name == "vbo" else "utf-8"))
            for name, (file, text) in HAND_MADE.items()}  # fmt: skip
    made["ubx"] = Sample("log.ubx", _ubx())
    made["mcap"] = Sample("robot.mcap", _mcap())
    made["ros1_bag"] = Sample("robot.bag", bag())
    made["imr"] = Sample("drive.imr", imr())
    made["plaza_mat"] = Sample("Plaza1.mat", _plaza())
    made["icub_mat"] = Sample("walk.mat", _icub())
    with tempfile.TemporaryDirectory() as folder:
        made["ros2_db3"] = Sample("robot_0.db3", db3(Path(folder) / "robot_0.db3").read_bytes())
        for one in discover():
            if one.write is not None and one.name not in made:
                path = Path(folder) / f"made{one.extensions[0]}"
                one.write(solution(8, step_ns=1_000_000_000), path)
                made[one.name] = Sample(path.name, path.read_bytes())
    return dict(sorted(made.items()))
