"""MCAP logs of robots: messages of ROS 2 in either byte order, of ROS 1, JSON and protobuf; chunks; damage told."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import Imu, Series
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError

MAGIC = b"\x89MCAP0\r\n"
T0 = 1_719_216_030_123_456_789
N = 50
FORCE = np.stack([np.linspace(-1, 1, N), np.full(N, 0.2), np.full(N, 9.8)], axis=1)
RATE = np.stack([np.full(N, 0.01), np.linspace(-0.3, 0.3, N), np.full(N, -0.02)], axis=1)


def record(kind: int, content: bytes) -> bytes:
    return struct.pack("<BQ", kind, len(content)) + content


def text(words: str | bytes) -> bytes:
    raw = words if isinstance(words, bytes) else words.encode()
    return struct.pack("<I", len(raw)) + raw


def schema(ident: int, name: str, encoding: str = "ros2msg", data: bytes = b"") -> bytes:
    return record(3, struct.pack("<H", ident) + text(name) + text(encoding) + text(data))


def channel(ident: int, schema_ident: int, topic: str, encoding: str) -> bytes:
    return record(4, struct.pack("<HH", ident, schema_ident) + text(topic) + text(encoding) + struct.pack("<I", 0))


def message(ident: int, ns: int, data: bytes) -> bytes:
    return record(5, struct.pack("<HIQQ", ident, 0, ns, ns) + data)


def chunk(inner: bytes, compression: str = "", *, crc: bool = True) -> bytes:
    import pyarrow as pa

    body = pa.compress(inner, codec=compression, asbytes=True) if compression else inner
    check = zlib.crc32(inner) if crc else 0
    head = struct.pack("<QQQI", 0, 1 << 62, len(inner), check) + text(compression)
    return record(6, head + struct.pack("<Q", len(body)) + body)


def log(*parts: bytes) -> bytes:
    return MAGIC + record(1, text("") + text("")) + b"".join(parts) + record(15, bytes(4)) + MAGIC


class Cdr:
    """Numbers and texts in plain CDR, aligned behind the encapsulation."""

    def __init__(self, order: str = "<") -> None:
        self.order, self.out = order, b""

    def put(self, kind: str, *values: float) -> Cdr:
        size = struct.calcsize("<" + kind)
        self.out += bytes(-len(self.out) % size)
        self.out += struct.pack(f"{self.order}{len(values)}{kind}", *values)
        return self

    def text(self, words: str) -> Cdr:
        self.put("I", len(words) + 1)
        self.out += words.encode() + b"\0"
        return self

    def stamp(self, ns: int, frame: str) -> Cdr:
        return self.put("I", ns // 10**9, ns % 10**9).text(frame)

    def done(self) -> bytes:
        return (b"\0\1\0\0" if self.order == "<" else b"\0\0\0\0") + self.out


def imu2(k: int, order: str = "<") -> bytes:
    frame = "imu" if k % 2 else "imu_link"  # texts of other lengths move what is behind them
    body = Cdr(order).stamp(T0 + k * 10_000_000, frame).put("d", *[0.0] * 13)
    return body.put("d", *RATE[k]).put("d", *[0.0] * 9).put("d", *FORCE[k]).put("d", *[0.0] * 9).done()


def read(tmp_path: Path, data: bytes, on_bad: str = "raise") -> Recording:
    path = tmp_path / "robot.mcap"
    path.write_bytes(data)
    return kinema.read(path, on_bad=on_bad)  # type: ignore[arg-type]


def check_imu(recording: Recording) -> None:
    imu = recording.need("imu", Imu)
    np.testing.assert_array_equal(imu.t_ns, gps_ns_from_unix_ns(T0 + np.arange(N) * 10_000_000))
    np.testing.assert_allclose(imu.f_ib_s_mps2, FORCE)
    np.testing.assert_allclose(imu.w_ib_s_radps, RATE)


@pytest.mark.parametrize("compression", ["", "lz4", "zstd"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_imu_of_ros2(compression: str, order: str, tmp_path: Path) -> None:
    inner = schema(1, "sensor_msgs/msg/Imu") + channel(0, 1, "/imu", "cdr")
    inner += b"".join(message(0, T0, imu2(k, order)) for k in range(N))
    check_imu(read(tmp_path, log(chunk(inner, compression))))


def test_imu_of_ros1_without_alignment(tmp_path: Path) -> None:
    def body(k: int) -> bytes:
        ns = T0 + k * 10_000_000
        head = struct.pack("<III", k, ns // 10**9, ns % 10**9) + text("odd")
        return head + struct.pack("<37d", *[0.0] * 13, *RATE[k], *[0.0] * 9, *FORCE[k], *[0.0] * 9)

    parts = schema(1, "sensor_msgs/Imu", "ros1msg") + channel(0, 1, "/imu", "ros1")
    check_imu(read(tmp_path, log(parts, *(message(0, T0, body(k)) for k in range(N)))))


def test_imu_in_json(tmp_path: Path) -> None:
    def body(k: int) -> bytes:
        ns = T0 + k * 10_000_000
        axes = {"linear_acceleration": FORCE[k], "angular_velocity": RATE[k]}
        row = {name: dict(zip("xyz", value.tolist(), strict=True)) for name, value in axes.items()}
        return json.dumps({"header": {"stamp": {"sec": ns // 10**9, "nanosec": ns % 10**9}}, **row}).encode()

    check_imu(read(tmp_path, log(channel(0, 0, "/imu", "json"), *(message(0, T0, body(k)) for k in range(N)))))


def field(number: int, value: bytes | int) -> bytes:
    """A protobuf field: a varint, or bytes with their length."""

    def varint(n: int) -> bytes:
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    return (
        varint(number << 3) + varint(value)
        if isinstance(value, int)
        else (varint(number << 3 | 2) + varint(len(value)) + value)
    )


def double(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


def test_imu_in_protobuf(tmp_path: Path) -> None:
    """The schema comes as descriptors; fields may be nested, and zeros are left out by the writer."""

    def described(name: str, *fields: bytes) -> bytes:
        return field(4, field(1, name.encode()) + b"".join(field(2, one) for one in fields))

    def of(name: str, number: int, kind: int, other: str = "") -> bytes:
        return (
            field(1, name.encode()) + field(3, number) + field(5, kind) + (field(6, other.encode()) if other else b"")
        )

    file = field(2, b"robot") + described("Vector", *(of(axis, k + 1, 1) for k, axis in enumerate("xyz")))
    file += described("Stamp", of("seconds", 1, 3), of("nanos", 2, 5))
    file += described("Imu", of("timestamp", 1, 11, ".robot.Stamp"), of("linear_acceleration", 2, 11, ".robot.Vector"),
                      of("angular_velocity", 3, 11, ".robot.Vector"))  # fmt: skip

    def body(k: int) -> bytes:
        ns = T0 + k * 10_000_000
        stamp = field(1, ns // 10**9) + field(2, ns % 10**9)
        triples = [b"".join(double(j + 1, v) for j, v in enumerate(row.tolist())) for row in (FORCE[k], RATE[k])]
        return field(1, stamp) + field(2, triples[0]) + field(3, triples[1]) + field(9, b"unknown")

    parts = schema(7, "robot.Imu", "protobuf", field(1, file)) + channel(0, 7, "/imu", "protobuf")
    check_imu(read(tmp_path, log(parts, *(message(0, T0, body(k)) for k in range(N)))))


def fix(k: int, status: int = 0, lat: float = 31.2) -> bytes:
    body = Cdr().stamp(T0 + k * 100_000_000, "gps").put("b", status).put("H", 1).put("d", lat, 121.4, 5.0)
    return body.put("d", 1.0, 0, 0, 0, 4.0, 0, 0, 0, 9.0).put("B", 2).done()


def twist(k: int, *velocity: float) -> bytes:
    return Cdr().stamp(T0 + k * 100_000_000, "x").put("d", *velocity, 0.0, 0.0, 0.0).done()


def test_fixes_with_their_covariance_and_the_velocity_beside_them(tmp_path: Path) -> None:
    """NavSatFix states east, north, up; a receiver's twist gives the velocity of the fix at its time."""
    from kinema.core.frames import cov_n_from_e, vectors_n_from_e

    parts = schema(1, "sensor_msgs/msg/NavSatFix") + channel(0, 1, "/gps/fix", "cdr")
    parts += schema(2, "geometry_msgs/msg/TwistStamped") + channel(1, 2, "/gps/fix_velocity", "cdr")
    parts += b"".join(message(0, T0, fix(k, (-1, 0, 1, 2)[k])) + message(1, T0, twist(k, 3.0, 4.0, 0.5))
                      for k in range(4))  # fmt: skip
    fixes = read(tmp_path, log(parts)).need("fixes", Solution)
    assert fixes.status.tolist() == [FixStatus.NONE, FixStatus.SINGLE, FixStatus.SBAS, FixStatus.DIFFERENTIAL]
    np.testing.assert_allclose(cov_n_from_e(fixes.cov_p_e_m2, fixes.p_e_m)[2], np.diag([4.0, 1.0, 9.0]), atol=1e-9)
    np.testing.assert_allclose(vectors_n_from_e(fixes.v_e_mps, fixes.p_e_m)[2], [4.0, 3.0, -0.5], atol=1e-9)


def test_wheels_and_not_what_a_filter_says(tmp_path: Path) -> None:
    parts = schema(2, "geometry_msgs/msg/TwistStamped") + channel(0, 2, "/odometry/filtered", "cdr")
    parts += channel(1, 2, "/wheel/twist", "cdr")
    parts += b"".join(
        message(0, T0, twist(k, 99.0, 0.0, 0.0)) + message(1, T0, twist(k, 0.1 * k, 0.0, 0.0)) for k in range(5)
    )
    recording = read(tmp_path, log(parts))
    np.testing.assert_allclose(recording.need("wheels", Series).value[:, 0], 0.1 * np.arange(5))
    assert "/wheel/twist" in " ".join(str(issue) for issue in recording.issues)


def test_damage_is_told_and_skipped(tmp_path: Path) -> None:
    """A chunk whose CRC is wrong, a garbled message; and a log whose writer was killed is read as far as it goes."""
    head = schema(1, "sensor_msgs/msg/Imu") + channel(0, 1, "/imu", "cdr")
    half = [b"".join(message(0, T0, imu2(k)) for k in part) for part in (range(25), range(25, N))]
    wrong = bytearray(chunk(half[1]))
    wrong[-20] ^= 1
    data = log(head, chunk(half[0]), bytes(wrong))
    with pytest.raises(FormatError, match=r"wrong CRC.*--on-bad skip"):
        read(tmp_path, data)
    recording = read(tmp_path, data, "skip")
    assert len(recording.need("imu", Imu).t_ns) == 25
    assert any(issue.kind == "damaged chunk" for issue in recording.issues)
    garbled = log(head, chunk(half[0]), message(0, T0, b"\0\1\0\0cut"))
    with pytest.raises(FormatError, match="garbled"):
        read(tmp_path, garbled)
    assert len(read(tmp_path, garbled, "skip").need("imu", Imu).t_ns) == 25
    killed = log(head, chunk(half[0]), chunk(half[1]))[:-400]
    recording = read(tmp_path, killed)
    assert len(recording.need("imu", Imu).t_ns) == 25
    assert any("cut off" in issue.kind for issue in recording.issues)


@pytest.mark.parametrize("stated", [1 << 40, 1 << 62])
def test_a_chunk_that_states_too_much_takes_no_memory(stated: int, tmp_path: Path) -> None:
    body = struct.pack("<QQQI", 0, 0, stated, 0) + text("zstd") + struct.pack("<Q", 4) + b"abcd"
    with pytest.raises(FormatError):
        read(tmp_path, log(record(6, body)))


def test_a_log_without_sensors_says_what_it_holds(tmp_path: Path) -> None:
    data = log(schema(1, "sensor_msgs/msg/Image") + channel(0, 1, "/camera", "cdr"), message(0, T0, b"pixels"))
    with pytest.raises(FormatError, match=r"/camera \(sensor_msgs/msg/Image\)"):
        read(tmp_path, data)


def test_stamps_that_cannot_be(tmp_path: Path) -> None:
    """Seconds beyond any calendar: the log's time counts."""
    row = {"latitude": 31.2, "longitude": 121.4, "timestamp": {"sec": 9_999_999_999, "nsec": 0}}
    parts = [message(0, T0 + k, json.dumps(row).encode()) for k in range(3)]
    fixes = read(tmp_path, log(channel(0, 0, "/fix", "json"), *parts)).need("fixes", Solution)
    assert fixes.t_ns.tolist() == [gps_ns_from_unix_ns(T0 + k) for k in range(3)]
