"""One IMU table, written as loggers, spreadsheets and broken cards write it: read the same, or refused in one line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.recording import Recording
from kinema.core.streams import Imu
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import FormatError, KinemaError

N = 600
HEAD = "gps_week,gps_tow_s,acc_x_g,acc_y_g,acc_z_g,gyro_x_degps,gyro_y_degps,gyro_z_degps"
_RNG = np.random.default_rng(4)
TOW = 243_261.85 + 0.01 * np.arange(N)
FORCE = np.round(_RNG.normal((0.1, 0.0, 1.0), 0.02, (N, 3)), 4)
RATE = np.round(_RNG.normal(0, 2, (N, 3)), 4)
ROWS = [f"2374,{t:.4f}," + ",".join(f"{v:.4f}" for v in (*f, *w)) for t, f, w in zip(TOW, FORCE, RATE, strict=True)]
TEXT = "\n".join([HEAD, *ROWS]) + "\n"
UNIX_US = [str(np.datetime64(1_751_000_000_000_000 + 10_000 * k, "us")) for k in range(N)]
BODY = [row.split(",", 2)[2] for row in ROWS]
NAMES = HEAD.split(",", 2)[2]


def read(tmp_path: Path, data: str | bytes, name: str = "imu.csv", **how: object) -> Recording:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return kinema.read(path, **how)  # type: ignore[arg-type]


def told(recording: Recording) -> str:
    return " | ".join(str(issue) for issue in recording.issues)


def table(head: str, rows: list[str]) -> str:
    return "\n".join([head, *rows]) + "\n"


SAME: dict[str, tuple[str | bytes, str]] = {
    "as it should be": (TEXT, ""),
    "semicolons": (TEXT.replace(",", ";"), ""),
    "semicolons and decimal commas": (TEXT.replace(",", ";").replace(".", ","), ""),
    "tabs": (TEXT.replace(",", "\t"), ""),
    "blanks": (TEXT.replace(",", "  "), ""),
    "a blank behind each comma": (TEXT.replace(",", ", "), ""),
    "quotes": ("\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in TEXT.splitlines()), ""),
    "mark of Windows": ("\ufeff" + TEXT, ""),
    "CRLF": (TEXT.replace("\n", "\r\n"), ""),
    "CR": (TEXT.replace("\n", "\r"), ""),
    "comments above": ("# logger 1.0\n% car 7\n" + TEXT, ""),
    "a preamble above": ("Logger X v1.0\nDate,2025-07-08\n\n" + TEXT, ""),
    "units below the names": (TEXT.replace("\n", "\n-,s,g,g,g,deg/s,deg/s,deg/s\n", 1), ""),
    "units only below the names": (
        table("week,tow,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n-,s,g,g,g,deg/s,deg/s,deg/s", ROWS), "",
    ),
    "other columns, words among them": (table(HEAD + ",temp,note", [row + ",25.3,ok" for row in ROWS]), ""),
    "other columns, mostly empty": (table("note," + HEAD, ["," + row for row in ROWS]), ""),
    "Windows' letters": (table(
        "week;tow;Acc X [m/s²];Acc Y [m/s²];Acc Z [m/s²];Gyro X [°/s];Gyro Y [°/s];Gyro Z [°/s]",
        [";".join([*r.split(",")[:2], *(f"{float(v) * 9.80665:.9f}" for v in r.split(",")[2:5]), *r.split(",")[5:]])
         for r in ROWS]).encode("cp1252"), ""),
    "gzip under another name": (gzip.compress(TEXT.encode()), ""),
    "last line cut": (TEXT[:-30], "last line cut"),
    "zeros behind the end": (TEXT.encode() + bytes(5000), "zero bytes at the end × 5000"),
    "names again in the middle": (table(HEAD, [*ROWS[:300], HEAD, *ROWS[300:]]), "names repeated"),
    "backwards": (table(HEAD, ROWS[::-1]), "turned round"),
    "blocks in another order": (table(HEAD, [*ROWS[:100], *ROWS[300:], *ROWS[100:300]]), "blocks sorted by time"),
    "every row twice": (table(HEAD, [row for row in ROWS for _ in range(2)]), "duplicate epoch × 600"),
    "a row of other sensors between": (
        table(HEAD + ",rpm", [line for row in ROWS for line in (row + ",", row.rsplit(",", 6)[0] + ",,,,,,,3000")]), "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", SAME)
def test_the_same_table(how: str, tmp_path: Path) -> None:
    data, issue = SAME[how]
    recording = read(tmp_path, data)
    imu = recording.need("imu", Imu)
    n = len(imu.t_ns)
    assert n >= N - 1
    np.testing.assert_allclose(imu.f_ib_s_mps2, FORCE[:n] * 9.80665)
    np.testing.assert_allclose(imu.w_ib_s_radps, np.radians(RATE[:n]))
    assert np.abs(np.diff(imu.t_ns) - 10_000_000).max() < 1000
    assert issue in told(recording)


@pytest.mark.parametrize("form", ["{0}Z", "{0}+02:00", "{1} {2}", "{1},{2}", "{3} {2}", "{0}"])
def test_dates(form: str, tmp_path: Path) -> None:
    """ISO 8601 with offsets, date and time of day in one column or two: UTC to the microsecond."""
    stamps = [form.format(s, *s.split("T"), s.split("T")[0].replace("-", "/")) for s in UNIX_US]
    head = ("date,time," if "," in form else "when_utc," if form == "{0}" else "time,") + NAMES
    imu = read(tmp_path, table(head, [f"{s},{b}" for s, b in zip(stamps, BODY, strict=True)])).need("imu", Imu)
    start = int(gps_ns_from_unix_ns(1_751_000_000_000_000_000)) - (7_200_000_000_000 if "+02" in form else 0)
    np.testing.assert_array_equal(imu.t_ns, start + 10_000_000 * np.arange(N))


@pytest.mark.parametrize(("name", "unit_ns", "offset"), [
    ("t_s", 10**9, 0), ("time_ms", 10**6, 5000), ("timestamp", 1000, 333 * 10**6), ("timestamp", 1, 333 * 10**9),
    ("t", 10**6, 40_000), ("tow_ms", 10**6, 243_261_850),
])  # fmt: skip
def test_times_since_some_start(name: str, unit_ns: int, offset: int, tmp_path: Path) -> None:
    """The unit by the name, or by what rate the samples then have: 100 Hz each time."""
    rows = [f"{offset + k * 10_000_000 // unit_ns if unit_ns < 10**9 else k / 100},{b}" for k, b in enumerate(BODY)]
    imu = read(tmp_path, table(f"{name},{NAMES}", rows)).need("imu", Imu)
    np.testing.assert_array_equal(np.diff(imu.t_ns), 10_000_000)


@pytest.mark.parametrize("coarse_s", [1.0, 0.1])
def test_stamps_that_many_samples_share(coarse_s: float, tmp_path: Path) -> None:
    """Whole seconds for a hundred samples: spread, not thrown away."""
    rows = [f"2374,{np.floor(t / coarse_s + 1e-6) * coarse_s:.4f},{b}" for t, b in zip(TOW, BODY, strict=True)]
    recording = read(tmp_path, table(HEAD, rows))
    imu = recording.need("imu", Imu)
    assert len(imu.t_ns) == N
    assert np.abs(np.diff(imu.t_ns) - 10_000_000).max() < 1_000_000
    assert "samples share each stamp" in told(recording)


def stamped(change: dict[int, float], step: tuple[int, float] = (N, 0.0)) -> str:
    t = TOW.copy()
    t[step[0] :] += step[1]
    for k, shift in change.items():
        t[k] += shift
    return table(HEAD, [f"2374,{one:.4f},{b}" for one, b in zip(t, BODY, strict=True)])


@pytest.mark.parametrize(("data", "what", "left", "told_then"), [
    (stamped({300: -0.5}), r"epoch 301 lies -0\.49 s from its neighbours", N - 1, "stray time"),
    (stamped({300: 5000.0}), "time steps back", N - 1, "stray time"),
    (stamped({}, (300, -2.0)), r"steps back by 1\.99 s; was the clock set there", N, "set back by 2 s"),
    (table(HEAD, [*ROWS[:300], *ROWS[200:]]), "was the clock set there", N, "told twice"),
])  # fmt: skip
def test_times_that_step_back(data: str, what: str, left: int, told_then: str, tmp_path: Path) -> None:
    """Refused with size and place; with on_bad="skip" as little as possible is lost, and told."""
    with pytest.raises(FormatError, match=what):
        read(tmp_path, data)
    recording = read(tmp_path, data, on_bad="skip")
    imu = recording.need("imu", Imu)
    assert len(imu.t_ns) == left
    assert np.diff(imu.t_ns).max() < 30_000_000
    assert told_then in told(recording)


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "names only": (HEAD + "\n", "no line of numbers"),
    "no names": (table(ROWS[0], ROWS[1:]), "8 columns of numbers without names"),
    "names nobody knows": (table("w,s,lin_x,lin_y,lin_z,rot_x,rot_y,rot_z", ROWS), "its columns are w, s, lin_x"),
    "an empty cell": (TEXT.replace(ROWS[4], ROWS[4].rsplit(",", 1)[0] + ","), "line 6.*impossible value"),
    "a word in a cell": (TEXT.replace(ROWS[4], ROWS[4].rsplit(",", 1)[0] + ",ERR"), "line 6: garbled line"),
    "infinity": (TEXT.replace(ROWS[4], ROWS[4].rsplit(",", 1)[0] + ",inf"), "line 6: garbled line"),
    "garbage between": (TEXT.encode()[:9000] + bytes(range(128, 256)) + TEXT.encode()[9000:], "line 1.* garbled line"),
    "zeros between": (TEXT.encode()[:9000] + bytes(4096) + TEXT.encode()[9000:], "line 1.* garbled line"),
    "binary": (bytes(range(256)) * 40, "binary data"),
    "a web page": ("<html><body>404</body></html>", "it is a web page"),
    "a pointer": ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
    "UTF-16": (TEXT.encode("utf-16"), "save it as UTF-8"),
    "gzip cut off": (gzip.compress(TEXT.encode())[:5000], "cut or damaged after"),
    "raw counts": (table(HEAD.replace("_g,", ",").replace("_degps", ""), [
        f"2374,{t:.4f}," + ",".join(f"{round(v)}" for v in (*f * 16384, *w * 131))
        for t, f, w in zip(TOW, FORCE, RATE, strict=True)]), "neither m/s², g nor mg"),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSED)
def test_refused_in_one_line(how: str, tmp_path: Path) -> None:
    data, what = REFUSED[how]
    with pytest.raises(KinemaError, match=what) as error:
        read(tmp_path, data)
    assert "imu.csv" in str(error.value)
    assert str(error.value).isprintable()


def test_names_nobody_knows_are_explained_by_the_folder(tmp_path: Path) -> None:
    """[columns] of kinema.toml says what they mean; what it does not name stays as it is."""
    names = dict(zip(["w", "s", "lin_x", "lin_y", "lin_z", "rot_x", "rot_y", "rot_z"], HEAD.split(","), strict=True))
    (tmp_path / "imu.csv").write_text(table(",".join(names), ROWS))
    said = "\n".join(f'{old} = "{new}"' for old, new in names.items())
    (tmp_path / "kinema.toml").write_text(f"[columns]\n{said}\n")
    imu = kinema.read(tmp_path).need("imu", Imu)
    np.testing.assert_allclose(imu.f_ib_s_mps2, FORCE * 9.80665)
    (tmp_path / "kinema.toml").write_text("[columns]\nlin_x = 3\n")
    with pytest.raises(KinemaError, match="a name that is known"):
        kinema.read(tmp_path)


@pytest.mark.slow
def test_ten_million_rows_take_little_more_than_their_samples(tmp_path: Path) -> None:
    """Memory stays within a few times the samples' own 560 MB."""
    import resource
    import subprocess
    import sys

    path = tmp_path / "long.csv"
    block = "".join("{t:.2f}," + body + "\n" for body in BODY)
    with path.open("w") as file:
        file.write("t_s," + NAMES + "\n")
        for k in range(10_000_000 // N):
            lines = block.split("\n")[:-1]
            file.write("".join(one.format(t=(k * N + i) / 100) + "\n" for i, one in enumerate(lines)))
    code = f"import kinema; print(len(kinema.read({str(path)!r}).streams['imu'].t_ns))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) == 10_000_000 // N * N
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 4_000_000
