"""Every reader against damaged and hostile input: a Recording or one clear line, in bounded time and memory.

Formats are discovered: a new one is tested as soon as `samples.py` can make a small good file of it.
"""

from __future__ import annotations

import io
import random
import re
import resource
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.recording import Recording
from kinema.errors import FormatError, KinemaError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.reading import discover, sniff
from samples import WITHOUT_SAMPLE, Sample, samples

READERS = {one.name: one for one in discover() if one.read is not None}
SAMPLED = sorted(READERS.keys() & samples().keys())
BINARY = {"fit", "icub_mat", "imr", "mcap", "parquet", "plaza_mat", "ros1_bag", "ros2_db3", "ubx"}
TEXT = [name for name in SAMPLED if name not in BINARY]
TABLES = (
    "aim_csv", "csv", "detections-csv", "dovex", "fixes_text", "imu_text", "latlonh", "logger_csv", "motchallenge",
    "motec_csv", "pos", "racecapture", "racechrono", "sensor_csv", "sensor_logger", "spirent", "timing_csv",
    "vbo",
)  # fmt: skip
WRONG_NUMBERS = ("nan", "inf", "1e999", "-0", "99999999999999999999", "-1e18", "1e300", "", "²", "9" * 400)
NUMBER = re.compile(rb"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
SLOW_S = 20
MEMORY_BYTES = 1 << 30


@pytest.fixture(autouse=True)
def bounded_time() -> Iterator[None]:
    """A read that takes longer than SLOW_S fails."""

    def stop(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"more than {SLOW_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def outcome(one: Format, source: Source, what: str) -> dict[str, Recording | KinemaError]:
    """What both modes make of it; anything but a Recording or a KinemaError of one line fails."""
    found: dict[str, Recording | KinemaError] = {}
    assert one.read is not None
    for mode in ("raise", "skip"):
        signal.alarm(SLOW_S)
        try:
            found[mode] = one.read(source, ReadOptions(on_bad=mode))  # type: ignore[arg-type]
        except KinemaError as error:
            found[mode] = error
        except Exception as error:
            raise AssertionError(f"{one.name}, {what}, {mode}: {type(error).__name__}: {error}") from error
        finally:
            signal.alarm(0)
        assert isinstance(found[mode], Recording | KinemaError)
        line = str(found[mode]) if isinstance(found[mode], KinemaError) else ""
        assert line.isprintable(), f"{what}: {line!r}"
        assert len(line) < 1000, f"{what}: a message without end"
    return found


def spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, the first and the last among them."""
    return sorted(set(np.linspace(0, count - 1, min(count, most)).astype(int).tolist())) if count else []


def test_every_format_has_a_sample() -> None:
    """Who adds a format adds a small good file of it."""
    assert READERS.keys() - samples().keys() == WITHOUT_SAMPLE


@pytest.mark.parametrize("name", SAMPLED)
def test_good_sample(name: str) -> None:
    """The undamaged file is read, else the tests below would prove nothing."""
    found = outcome(READERS[name], samples()[name].source(), "good")
    for recording in found.values():
        assert isinstance(recording, Recording), recording
        assert recording.streams


@pytest.mark.parametrize("name", SAMPLED)
def test_cut_off(name: str) -> None:
    """A download or a log that ended early, at any byte."""
    sample = samples()[name]
    for at in spread(len(sample.data), 40)[1:]:
        outcome(READERS[name], sample.source(sample.data[:at]), f"cut at {at}")


def test_parquet_with_columns_of_another_kind(tmp_path: Path) -> None:
    """Each column of our own table replaced by texts, and by plain numbers: told, not stumbled over."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "other.parquet"
    table = pq.read_table(io.BytesIO(samples()["parquet"].data))
    for k, field in enumerate(table.schema):
        for values in (["x"] * len(table), [float("nan")] * len(table), [1e300] * len(table)):
            column = pa.array(values)
            pq.write_table(table.set_column(k, pa.field(field.name, column.type), column), path)
            source = Source(path, memoryview(path.read_bytes()))
            outcome(READERS["parquet"], source, f"{field.name} {values[0]}")


@cache
def heads(data: bytes) -> dict[str, bytes]:
    """The first bytes of those, of the good file and of none."""
    return {what: one[:8192] for what, one in {**odd(data), "empty": b"", "good": data}.items()}


def odd(data: bytes) -> dict[str, bytes]:
    """What people and programs do to a file."""
    rng, half, line = random.Random(1), len(data) // 2, data.find(b"\n") + 1
    rows = data.splitlines(keepends=True)
    return {
        "one byte": data[:1],
        "a zero byte": b"\0",
        "random bytes behind the head": data[:half] + rng.randbytes(4000),
        "random bytes behind the first line": data[:line] + rng.randbytes(4000),
        "zeros behind the head": data[:half] + b"\0" * 20_000,
        "zeros within": data[:half] + b"\0\0\0" + data[half:],
        "line without end": data + b"1" * 10_000_000,
        "line without end first": b"1," * 2_000_000 + data,
        "line without end behind the first": data[:line] + b"x" * 5_000_000,
        "blank lines": data[:half] + b"\n" * 200_000 + data[half:],
        "opening brackets": data[:half] + b"<" * 100_000 + b"{[" * 50_000,
        "opening quote": data[:half] + b'"' + data[half:],
        "many quotes": data[:line] + b'"' * 9999 + data[line:],
        "no UTF-8": data[:half] + b"\xff\xfe\x80 caf\xe9 \xb0C" + data[half:],
        "UTF-16": data.decode("utf-8", "replace").encode("utf-16"),
        "BOM": b"\xef\xbb\xbf" + data,
        "CRLF": data.replace(b"\r", b"").replace(b"\n", b"\r\n"),
        "CR": data.replace(b"\r", b"").replace(b"\n", b"\r"),
        "decimal commas": re.sub(rb"(\d)\.(\d)", rb"\1,\2", data),
        "semicolons": re.sub(rb"(\d)\.(\d)", rb"\1,\2", data.replace(b",", b";")),
        "header alone": b"".join(row for row in rows if not re.search(rb"\d", row)),
        "rows alone": b"".join(rows[len(rows) // 2 :]),
        "rows backwards": b"".join(rows[::-1]),
        "every row twice": b"".join(row * 2 for row in rows),
        "file twice": data * 2,
        "last row over and over": data + rows[-1] * 300,
    }


@pytest.mark.parametrize("name", SAMPLED)
def test_odd_files(name: str) -> None:
    sample = samples()[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for what, data in odd(sample.data).items():
        outcome(READERS[name], sample.source(data), what)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MEMORY_BYTES, f"{name} took {grown >> 20} MiB for files of 10 MB"


@pytest.mark.parametrize("name", TEXT)
def test_wrong_numbers(name: str) -> None:
    """Numbers of the head and of rows in the middle and at the end, each replaced by ones that cannot be."""
    sample = samples()[name]
    places = list(NUMBER.finditer(sample.data))
    row = sample.data.rstrip().rfind(b"\n", 0, len(sample.data) * 3 // 4)
    middle = [k for k, place in enumerate(places) if row < place.start() < row + 120][:10]
    for wrong in WRONG_NUMBERS:
        for k in {*spread(len(places), 8), *middle}:
            a, b = places[k].span()
            data = sample.data[:a] + wrong.encode() + sample.data[b:]
            outcome(READERS[name], sample.source(data), f"'{wrong[:25]}' for {places[k][0].decode()} at byte {a}")


@pytest.mark.parametrize("name", SAMPLED)
def test_random_damage(name: str) -> None:
    """Bytes changed, lost and doubled, the same on every run."""
    sample, rng = samples()[name], random.Random(7)
    for k in range(60):
        data = bytearray(sample.data)
        for _ in range(rng.choice((1, 2, 5))):
            at, how = rng.randrange(len(data)), rng.randrange(4)
            if how == 0:
                data[at] = rng.randrange(256)
            elif how == 1:
                data[at : at + rng.randrange(1, 100)] = b""
            elif how == 2:
                data[at:at] = data[at : at + rng.randrange(1, 400)]
            else:
                data[at : at + 4] = rng.randbytes(4)
            if not data:
                data += b"\n"
        outcome(READERS[name], sample.source(bytes(data)), f"damage {k}")


@pytest.mark.parametrize("name", TABLES)
def test_a_garbled_row_is_told_and_counted(name: str) -> None:
    """Strict: refused, with the line and what to do. With "skip": every other row is there, the loss is counted."""
    sample, one = samples()[name], READERS[name]
    rows = sample.data.splitlines(keepends=True)
    at = len(rows) - 3
    data = b"".join([*rows[:at], b"?" + rows[at][1 : len(rows[at]) // 2] + b"garbled\n", *rows[at + 1 :]])
    found = outcome(one, sample.source(data), "garbled row")
    assert isinstance(found["raise"], FormatError), f"read in silence: {found['raise']}"
    assert f"line {at + 1}" in str(found["raise"]), found["raise"]
    assert "skip" in str(found["raise"])
    assert isinstance(found["skip"], Recording), found["skip"]
    counted = [issue for issue in found["skip"].issues if "garbled" in issue.kind]
    assert sum(issue.count for issue in counted) == 1
    assert f"line {at + 1}" in counted[0].where


@pytest.mark.parametrize(("name", "latitude"), [
    ("gpx", rb'(lat=")(-33\.4\d+)'),
    ("kml", rb"(<gx:coord>-70\.\d+ )(-33\.4\d+)"),
    ("geojson", rb"(\[-70\.\d+,)(-33\.4\d+)"),
    ("csv", rb"(\.000Z,)(-33\.4\d+)"),
    ("pos", rb"(\.000  )(-33\.4\d+)"),
    ("latlonh", rb"(\.0,)(35\.3)"),
    ("sensor_csv", rb"(\n\d\.\d,)(31\.1)"),
])  # fmt: skip
def test_an_impossible_place_is_told_and_counted(name: str, latitude: bytes) -> None:
    """Strict: refused. With "skip": that point is left out and counted, all others are there."""
    sample = samples()[name]
    if name == "sensor_csv":
        rows = "".join(f"{k / 10:.1f},31.1,121.1,5.0,1.0,0.0,0.0\n" for k in range(12))
        sample = Sample("fixes.csv", ("t_s,lat_deg,lon_deg,height_m,vn_mps,ve_mps,vd_mps\n" + rows).encode())
    third = list(re.finditer(latitude, sample.data))[2]
    data = sample.data[: third.start(2)] + b"95.0" + sample.data[third.end(2) :]
    good = outcome(READERS[name], sample.source(), "good")["skip"]
    found = outcome(READERS[name], sample.source(data), "impossible place")
    assert isinstance(found["raise"], FormatError), "read in silence"
    assert isinstance(found["skip"], Recording), found["skip"]
    assert isinstance(good, Recording)
    (role,) = good.streams
    assert len(found["skip"].streams[role].t_ns) == len(good.streams[role].t_ns) - 1
    assert sum(issue.count for issue in found["skip"].issues if "place" in issue.kind) == 1


def test_text_in_a_column_of_numbers_is_told_and_counted() -> None:
    rows = "".join(f"2024-06-24T08:20:{k:02d}Z,31.1,121.1,{'five' if k == 4 else '5.0'}\n" for k in range(12))
    for header, cell in (("utc,lat,lon,h", "garbled number"), ("utc,lat,lon,h", "no time")):
        text = rows if cell == "garbled number" else rows.replace("2024-06-24T08:20:07Z", "soon").replace("five", "5.0")
        found = outcome(READERS["csv"], Sample("a.csv", f"{header}\n{text}".encode()).source(), cell)
        assert isinstance(found["raise"], FormatError), cell
        assert isinstance(found["skip"], Recording), found["skip"]
        assert len(found["skip"].streams["fixes"]) == (12 if cell == "garbled number" else 11)
        assert sum(issue.count for issue in found["skip"].issues if cell in issue.kind) == 1


@pytest.mark.parametrize("name", [*TABLES, "gpx", "kml", "geojson", "nmea", "tcx"])
@pytest.mark.parametrize("how", ["CRLF", "BOM"])
def test_windows_files_read_alike(name: str, how: str, tmp_path: Path) -> None:
    """Line ends of Windows and a byte order mark change nothing, neither in what it is nor in what is in it."""
    sample = samples()[name]
    found = []
    for data in (sample.data, odd(sample.data)[how]):
        path = tmp_path / sample.name
        path.write_bytes(data)
        assert sniff(path).name == name
        found.append(kinema.read(path))
    good, other = found
    assert other.streams.keys() == good.streams.keys()
    for role, stream in good.streams.items():
        if hasattr(stream, "t_ns"):
            np.testing.assert_array_equal(other.streams[role].t_ns, stream.t_ns)


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sniff_never_raises(name: str) -> None:
    """Neither on damaged files of its own kind nor on those of others."""
    for sample in samples().values():
        for what, head in heads(sample.data).items():
            sure = READERS[name].sniff(head, sample.name)
            assert 0 <= sure <= 1, f"{what}: {sure}"


@pytest.mark.parametrize("owner", SAMPLED)
def test_no_thief(owner: str) -> None:
    """Nobody is surer of a file than its own format, whatever the file is called."""
    sample = samples()[owner]
    for called in (sample.name, "file", "DATA.CSV", "log.txt"):
        sure = {name: one.sniff(sample.data[:8192], called) for name, one in READERS.items()}
        others = {name: score for name, score in sure.items() if name != owner and score >= sure[owner]}
        assert not others or (called != sample.name and sure[owner] < 0.5), f"{called}: {others}, {owner} {sure[owner]}"


def test_no_thief_of_plain_truth() -> None:
    """Tables of truth look like any CSV of positions: a guess must not beat who knows them."""
    truth = b"GPS TOW (s), Latitude (deg), Longitude (deg), Ellipsoid Height (m)\n283800.00, 35.66, 139.79, 43.4\n" * 3
    sure = {name: one.sniff(truth, "pseudo_truth.csv") for name, one in READERS.items()}
    assert max(sure, key=lambda name: sure[name]) != "logger_csv"


@pytest.mark.parametrize("make", [
    pytest.param(lambda data: b"", id="empty"), pytest.param(lambda data: b"\0", id="a zero byte"),
    pytest.param(lambda data: b"\n" * 5000, id="blank"),
    pytest.param(lambda data: data.decode("utf-8", "replace").encode("utf-16"), id="UTF-16"),
])  # fmt: skip
@pytest.mark.parametrize("name", SAMPLED)
def test_through_the_front_door(name: str, make: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """`kinema.read` of a file with nothing to read in it says so in one line with the file's name."""
    path = tmp_path / samples()[name].name
    path.write_bytes(make(samples()[name].data))
    if name == "geojson" and path.read_bytes().startswith(b"\xff\xfe"):
        # JSON may be UTF-16 by its own standard.
        assert kinema.read(path).streams
        return
    with pytest.raises(FormatError) as told:
        kinema.read(path)
    assert path.name in str(told.value)
    assert str(told.value).isprintable()


def segment(folder: Path) -> Path:
    """A comma2k19 segment of half a second; the file that stands for it."""
    rng, n = np.random.default_rng(1), 50
    t = 100.0 + np.arange(n) * 0.01
    live = np.column_stack([np.full(n, 37.0), np.full(n, -122.0), np.full(n, 10.0), 1.53e12 + 10.0 * np.arange(n),
                            np.full(n, 20.0), np.full(n, 45.0)])  # fmt: skip
    arrays = {
        "IMU/accelerometer": rng.normal(0, 1, (n, 3)), "IMU/gyro_uncalibrated": rng.normal(0, 1, (n, 3)),
        "IMU/gyro_bias": np.zeros((n, 3)), "CAN/wheel_speed": np.full((n, 4), 10.0),
        "CAN/steering_angle": np.zeros(n), "GNSS/live_gnss_ublox": live,
    }  # fmt: skip
    for name, value in arrays.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.save(folder / name / "t.npy", t)
        np.save(folder / name / "value.npy", value)
    pose = folder / "global_pose"
    pose.mkdir(exist_ok=True)
    np.save(pose / "frame_gps_times.npy", np.column_stack([np.full(n, 2007.0), t]))
    np.save(pose / "frame_positions.npy", rng.normal((-2.7e6, -4.2e6, 3.9e6), 1.0, (n, 3)))
    np.save(pose / "frame_velocities.npy", rng.normal(0, 1, (n, 3)))
    for path in folder.rglob("*.npy"):
        path.rename(path.with_suffix(""))
    return folder / "IMU" / "accelerometer" / "t"


def test_damaged_arrays_of_a_segment(tmp_path: Path) -> None:
    """A folder of NumPy arrays: each one cut, damaged, of another shape, with values that cannot be."""
    one, stands = READERS["comma2k19"], segment(tmp_path)
    good = outcome(one, Source(stands, memoryview(b"")), "good")["raise"]
    assert isinstance(good, Recording), good
    assert good.streams.keys() == {"imu", "wheels", "steering", "fixes", "truth"}
    rng = random.Random(5)
    for name in ("IMU/accelerometer/t", "IMU/accelerometer/value", "GNSS/live_gnss_ublox/value",
                 "CAN/wheel_speed/value", "global_pose/frame_gps_times"):  # fmt: skip
        path = tmp_path / name
        data = path.read_bytes()
        value = np.load(path)
        damaged = [data[:cut] for cut in (0, 1, 60, 130, len(data) - 1)]
        damaged += [data[:at] + rng.randbytes(6) + data[at + 6 :] for at in (*range(0, 130, 13), 200)]
        damaged.append(data.replace(b"(50", b"(50000000000"))
        for wrong in (value[:0], value[None], np.full_like(value, np.nan), np.full_like(value, 1e300), np.array(["x"])):
            file = io.BytesIO()
            np.save(file, wrong)
            damaged.append(file.getvalue())
        for k, content in enumerate(damaged):
            path.write_bytes(content)
            outcome(one, Source(stands, memoryview(b"")), f"{name}, damage {k}")
        path.write_bytes(data)
    value = np.load(tmp_path / "CAN" / "wheel_speed" / "value")
    value[7] = np.nan
    with (tmp_path / "CAN" / "wheel_speed" / "value").open("wb") as file:
        np.save(file, value)
    found = outcome(one, Source(stands, memoryview(b"")), "one value")
    assert "row 8" in str(found["raise"])
    assert isinstance(found["skip"], Recording)
    assert [issue.count for issue in found["skip"].issues if issue.kind == "impossible value"] == [1]


def test_closed_formats_refuse_garbage() -> None:
    """AiM's binary logs, which a library reads, and NumPy arrays that belong to no segment."""
    rng = random.Random(3)
    for name, head in (("aim_xrk", b"<hCNF"), ("comma2k19", b"\x93NUMPY\x01\x00")):
        for size in (0, 1, 100, 5000):
            found = outcome(READERS[name], Sample("t.xrk", head + rng.randbytes(size)).source(), f"{size} bytes")
            assert all(isinstance(one, KinemaError) for one in found.values())
