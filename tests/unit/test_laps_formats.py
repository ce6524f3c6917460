"""Loggers' files: each maker's traps, written small. Units become SI, impossible values are left out and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.core.frames import geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import Channel, Solution
from kinema.core.time import gps_ns_from_unix_ns, iso_utc
from kinema.errors import FormatError
from kinema.formats.reading import read, sniff
from laps_world import world


def _written(tmp_path: Path, name: str, text: str, on_bad: str = "raise") -> Recording:
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1" if name.endswith("vbo") else "utf-8"))
    return read(path, on_bad=on_bad)  # type: ignore[arg-type]


def _fixes(recording: Recording) -> Solution:
    return recording.need("fixes", Solution)


def _degrees(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    lat, lon, _ = geodetic_from_ecef(_fixes(recording).p_e_m)
    return np.degrees(lat), np.degrees(lon)


CHRONO3 = """This file is created using RaceChrono Pro v9.1.3 ( http://racechrono.com/ ).
Format,3
Session title,"Test"
Track name,"Somewhere, far"
Driver name,
Created,31/12/2025,02:54
Note,

timestamp,fragment_id,lap_number,elapsed_time,altitude,latitude,longitude,speed,speed,rpm
unix time,,,s,m,deg,deg,m/s,m/s,rpm
,,,,100: gps,100: gps,100: gps,100: gps,200: obd,200: obd
1767150797.440,0,1,10.00000,5,31.0,121.0,30,29,3500
1767150797.461,0,2,10.02049,5,31.00001,121.00001,30,,
1767150797.480,0,2,10.04000,5,31.00002,121.00002,30,29,3600
1767150797.520,0,3,10.08000,5,31.00003,121.00003,30,29,3700
"""


def test_racechrono_3_repeats_names_and_adds_rows(tmp_path: Path) -> None:
    rec = _written(tmp_path, "s.csv", CHRONO3)
    assert {"speed", "speed_obd", "rpm"} <= set(rec.streams)
    assert len(_fixes(rec)) == 4
    lap = rec.streams["device_laps"][0]
    assert (lap.number, lap.time_s) == (2, pytest.approx(0.05951))
    assert rec.settings["track"] == "Somewhere, far"


def test_racechrono_2_has_units_in_its_names(tmp_path: Path) -> None:
    text = (
        "This file is created using RaceChrono v7 ( http://racechrono.com/ ).\nFormat,2\n\n"
        "Time (s),Lap #,Latitude (deg) *gps,Longitude (deg) *gps,Speed (km/h) *gps,RPM (rpm) *obd\n"
        "1767150797.4,1,31.0,121.0,108,3500\n1767150797.5,1,31.00003,121.0,108,3600\n"
    )
    rec = _written(tmp_path, "s.csv", text)
    assert _fixes(rec).channels["speed"].value[0] == pytest.approx(30.0)
    assert rec.streams["rpm"].unit == "1/min"


VBO = """File created on 31/12/2023 @ 23:59

[header]
time

[laptiming]
Start {gate} ¬ Start / Finish

[column names]
sats time lat long velocity heading height

[data]
008 235959.90 +2880.00000 -00660.00000 100.0 090.0 +100.0
008 000000.00 +2880.00000 -00660.00300 100.0 090.0 +100.0
008 000000.10 +2880.00000 -00660.00600 100.0 090.0 +100.0
"""


@pytest.mark.parametrize("gate", ["+2880.001 -660.003 +2879.999 -660.003", "-660.003 +2880.001 -660.003 +2879.999"])
def test_vbo_minutes_west_positive_midnight_and_either_gate_order(tmp_path: Path, gate: str) -> None:
    rec = _written(tmp_path, "s.vbo", VBO.format(gate=gate))
    lat, lon = _degrees(rec)
    assert (lat[0], lon[0]) == (pytest.approx(48.0), pytest.approx(11.0))
    assert iso_utc(int(_fixes(rec).t_ns[0]), 1) == "2023-12-31T23:59:59.9Z"
    assert (np.diff(_fixes(rec).t_ns) == 100_000_000).all()
    assert np.degrees(rec.streams["gates"][0].left_rad[0]) == pytest.approx(2880.001 / 60)
    assert np.degrees(np.arctan2(*_heading(rec)[::-1])) == pytest.approx(90.0, abs=1e-6)


def _heading(rec: Recording) -> np.ndarray:
    from kinema.core.frames import vectors_n_from_e

    v = vectors_n_from_e(_fixes(rec).v_e_mps, _fixes(rec).p_e_m)[0]
    return v[:2]


def test_racecapture_is_sparse_and_repeats_positions(tmp_path: Path) -> None:
    parts = (("Interval", "ms"), ("Utc", "ms"), ("AccelX", "G"), ("Latitude", "Degrees"), ("Longitude", "Degrees"))
    parts += (("Speed", "MPH"), ("LapCount", ""))
    head = ",".join(f'"{name}"|"{unit}"|0|0|10' for name, unit in parts) + "\n"
    rows = "100,1429743738020,0.5,,,,\n120,1429743738040,,38.0,-122.0,60,0\n220,1429743738140,,38.0,-122.0,60,0\n"
    rows += "320,1429743738240,,38.00005,-122.0,60,1\n"
    rec = _written(tmp_path, "s.log", head + rows)
    fixes = _fixes(rec)
    assert len(fixes) == 2
    assert any(i.kind == "repeated position" for i in rec.issues)
    assert fixes.channels["speed"].value[0] == pytest.approx(60 * 0.44704)
    assert int(fixes.t_ns[0]) == gps_ns_from_unix_ns(1429743738040_000_000)
    assert rec.streams["accelx"].value[0] == pytest.approx(0.5 * 9.80665)


def test_aim_has_beacons_and_local_time(tmp_path: Path) -> None:
    text = (
        'Format,AiM CSV File\nSession,X\nDate,"Sunday, December 15, 2024"\nTime,1:34 PM\n'
        "Beacon Markers,1.5,3.0,4.6,5\n\n"
        "Time,GPS Speed,GPS Latitude,GPS Longitude,GPS PosAccuracy,RPM\ns,km/h,deg,deg,mm,rpm\n\n"
        "0,36,45.5,10.0,1630,6000\n0.05,36,45.50001,10.0,1630,6100\n0.1,36,45.50002,10.0,1630,6200\n"
    )
    rec = _written(tmp_path, "s.csv", text)
    assert [round(lap.time_s, 3) for lap in rec.streams["device_laps"]] == [1.5, 1.6]
    assert any(i.kind == "local time without a zone" for i in rec.issues)
    assert np.sqrt(_fixes(rec).cov_p_e_m2[0].trace()) == pytest.approx(1.63 * np.sqrt(6), rel=1e-6)
    assert iso_utc(int(_fixes(rec).t_ns[0]), 0) == "2024-12-15T13:34:00Z"


def test_dovex_has_lap_times_before_its_table(tmp_path: Path) -> None:
    text = "datetime,driver,course,short_name,best_lap_ms,optimal_ms\n"
    text += "2026-04-04 16:29:30,N N,Normal,OKC,55604,55433\nlaps_ms\n58648,57320\n"
    text = text.ljust(400) + "\ntimestamp,sats,hdop,lat,lng,speed_mph,altitude_m,heading_deg,h_acc_m,rpm,accel_x\n"
    for t, lat in (("1775319260240", 28.41), ("1775319260280", 28.41001)):
        text += f"{t},7,2.9,{lat},-81.37,10,34,243.9,0.35,759,-0.2\n"
    rec = _written(tmp_path, "s.dovex", text)
    np.testing.assert_allclose(rec.streams["device_lap_times"].value, [58.648, 57.320])
    assert _fixes(rec).channels["speed"].value[0] == pytest.approx(4.4704)


def test_tcx_has_heart_rate_and_laps(tmp_path: Path) -> None:
    point = (
        "<Trackpoint><Time>2024-05-01T10:00:0{k}{zone}</Time><Position><LatitudeDegrees>48.0000{k}</LatitudeDegrees>"
        "<LongitudeDegrees>11.0</LongitudeDegrees></Position><HeartRateBpm><Value>15{k}</Value></HeartRateBpm></Trackpoint>"
    )
    text = (
        '<TrainingCenterDatabase><Lap StartTime="2024-05-01T10:00:00Z"><TotalTimeSeconds>3.5</TotalTimeSeconds><Track>'
    )
    text += "".join(point.format(k=k, zone="Z") for k in range(4)) + "</Track></Lap></TrainingCenterDatabase>"
    rec = _written(tmp_path, "s.tcx", text)
    assert rec.streams["heart_rate"].value.tolist() == [150, 151, 152, 153]
    assert rec.streams["device_laps"][0].time_s == 3.5
    with pytest.raises(FormatError, match="without a readable time"):
        _written(tmp_path, "t.tcx", text.replace("10:00:02Z", "soon"))


@pytest.mark.parametrize(
    ("head", "row", "speed"),
    [
        ("Time;Latitude;Longitude;Speed (km/h)", "1714557600,{t};48,0000{t};11,0;36,0", 10.0),
        ("timestamp,lat,lng,speed_mph", "17145576000{t}0,48.0000{t},11.0,22.369363", 10.0),
        (
            "time,latitude,longitude,altitude (ft),speed [kn]",
            "2024-05-01T10:00:00.{t},48.0000{t},11.0,100,19.438445",
            10.0,
        ),
        ("Time,Lat,Lon,Speed (mph)", "10:00:00.{t},48.0000{t},11.0,22.369363", 10.0),
        ("Time,Lat,Lon,Speed (mph)", "01/05/2024 10:00:00.{t},48.0000{t},11.0,22.369363", 10.0),
    ],
)
def test_any_logger_csv_by_its_names_and_units(tmp_path: Path, head: str, row: str, speed: float) -> None:
    rec = _written(tmp_path, "s.csv", "\n".join([head, *(row.format(t=t) for t in range(1, 6))]) + "\n")
    fixes = _fixes(rec)
    assert len(fixes) == 5
    np.testing.assert_allclose(fixes.channels["speed"].value, speed, rtol=1e-6)
    assert any(i.kind == "columns read as" for i in rec.issues)
    assert np.allclose(np.diff(fixes.t_ns), np.diff(fixes.t_ns)[0])
    if "ft" in head:
        assert geodetic_from_ecef(fixes.p_e_m)[2][0] == pytest.approx(30.48, abs=1e-6)


def test_impossible_values_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = ["1714557600.1,0,0,10", "1714557600.2,95,11,10", "1714557600.3,48.0,11,10", "1714557600.4,48.00001,11,999"]
    rec = _written(tmp_path, "s.csv", "\n".join(["time,lat,lon,speed (m/s)", *rows]) + "\n")
    assert len(_fixes(rec)) == 2
    assert {"no fix yet (0, 0)", "impossible position", "impossible speed"} <= {i.kind for i in rec.issues}


def test_a_garbled_row_is_told_or_counted(tmp_path: Path) -> None:
    text = CHRONO3.replace("31.00002,121.00002", "xx,121.00002")
    with pytest.raises(FormatError, match="line 14"):
        _written(tmp_path, "s.csv", text)
    rec = _written(tmp_path, "s.csv", text, "skip")
    assert next(i for i in rec.issues if i.kind == "garbled line").count == 1


@pytest.mark.parametrize("name", ["out.fit", "out.vbo", "out_motec.csv"])
def test_what_is_written_can_be_read(tmp_path: Path, name: str) -> None:
    from kinema.formats import fit_, motec_csv, vbo

    solution = world(laps=1, size_m=100, top_mps=20).solution(1 if name.endswith("fit") else 10, 0.001, 0)
    speed = np.full(len(solution), 12.5)
    solution = solution.with_channels(speed=Channel(speed, "m/s"), rpm=Channel(speed * 100, "1/min"))
    path = tmp_path / name
    {"out.fit": fit_, "out.vbo": vbo, "out_motec.csv": motec_csv}[name].FORMAT.write(solution, path)  # type: ignore[misc]
    assert sniff(path).name == {"out.fit": "fit", "out.vbo": "vbo", "out_motec.csv": "motec_csv"}[name]
    back = _fixes(read(path))
    n = min(len(back), len(solution))
    assert n >= len(solution) - 1
    assert np.linalg.norm(back.p_e_m[:n] - solution.p_e_m[:n], axis=1).max() < 0.25
    assert back.channels["speed"].value[5] == pytest.approx(12.5, abs=0.01)


def test_cut_fit_is_told_or_used(tmp_path: Path) -> None:
    from kinema.formats import fit_

    solution = world(laps=1, size_m=100, top_mps=20).solution(1, 0.001, 0)
    fit_.FORMAT.write(solution, tmp_path / "a.fit")  # type: ignore[misc]
    data = (tmp_path / "a.fit").read_bytes()
    (tmp_path / "b.fit").write_bytes(data[: len(data) // 2])
    with pytest.raises(FormatError, match="file ends early"):
        read(tmp_path / "b.fit")
    assert len(_fixes(read(tmp_path / "b.fit", on_bad="skip"))) > 5


@pytest.mark.data
def test_every_sport_file_reads(data_dir) -> None:  # type: ignore[no-untyped-def]
    files = [p for p in sorted((data_dir / "sport-files").glob("*.fit")) if p.stat().st_size < 300_000]
    assert len(files) > 2
    for path in files:
        rec = read(path, on_bad="skip")
        assert len(_fixes(rec)) > 10
        assert "heart_rate" in rec.streams


def test_xrk_through_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader's own work, on tables of the shape that libxrk documents."""
    import sys
    from types import ModuleType, SimpleNamespace

    import pyarrow as pa

    def channel(name: str, values: list[float], units: str) -> pa.Table:
        field = pa.field(name, pa.float64(), metadata={b"units": units.encode()})
        schema = pa.schema([pa.field("timecodes", pa.int64()), field])
        return pa.table([pa.array([0, 40, 80]), pa.array(values)], schema=schema)

    tables = {
        "GPS Latitude": channel("GPS Latitude", [35.0, 35.00001, 35.00002], "deg"),
        "GPS Longitude": channel("GPS Longitude", [138.0, 138.0, 138.0], "deg"),
        "GPS Speed": channel("GPS Speed", [10.0, 11.0, 12.0], "m/s"),
        "RPM": channel("RPM", [5000.0, 5100.0, 5200.0], "rpm"),
    }
    rows = pa.table({"num": [0, 1, 2], "start_time": [0, 20, 60], "end_time": [20, 60, 80]})
    log = SimpleNamespace(channels=tables, laps=rows, metadata={"Log Date": "05/12/2024", "Log Time": "10:00:00"})
    module = ModuleType("libxrk")
    module.aim_xrk = lambda _data: log  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "libxrk", module)
    (tmp_path / "a.xrk").write_bytes(b"<hCNF" + b"\0" * 100)
    rec = read(tmp_path / "a.xrk")
    assert rec.streams["rpm"].unit == "1/min"
    assert [lap.time_s for lap in rec.streams["device_laps"]] == [pytest.approx(0.04)]
    assert iso_utc(int(_fixes(rec).t_ns[0]), 0) == "2024-12-05T10:00:00Z"
