"""Sensor files of many makers read alike: one motion in every format, units and clocks told, wrong ones refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import AnchorRanges, Imu, Series
from kinema.core.time import NS, WEEK_NS, gps_ns_from_unix_ns
from kinema.errors import ConfigError, FormatError
from kinema.formats.completing import check_overlap
from ubx_bytes import frame

N = 400
UNIX_NS = 1_719_216_030_000_000_000 + 10_000_000 * np.arange(N)
T_NS = gps_ns_from_unix_ns(UNIX_NS)
TOW_S = (T_NS % WEEK_NS) * 1e-9
_PHASE = np.linspace(0, 6, N)
FORCE = np.stack([0.3 * np.sin(_PHASE), 0.2 * np.cos(_PHASE), -9.8 + 0.1 * np.sin(3 * _PHASE)], axis=1)
RATE = np.stack([0.02 * np.cos(_PHASE), 0.01 * np.sin(_PHASE), 0.3 * np.sin(_PHASE)], axis=1)


def table(path: Path, header: str, *columns: np.ndarray, fmt: str = "%.12g") -> Path:
    """A CSV of columns; the first is written exactly."""
    first = columns[0].reshape(-1)
    exact = "%d" if np.issubdtype(first.dtype, np.integer) else "%.6f"
    rows = np.column_stack(columns[1:])
    lines = [",".join([exact % t, *(fmt % v for v in row)]) for t, row in zip(first, rows, strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def imu_of(recording: Recording) -> Imu:
    return recording.need("imu", Imu)


def told(recording: Recording) -> str:
    return "\n".join(str(issue) for issue in recording.issues)


@pytest.mark.parametrize(("header", "time", "force", "rate"), [
    ("timestamp_ns,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps", UNIX_NS, 1.0, 1.0),
    (("#timestamp [ns],a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],"
     "w_RS_S_z [rad s^-1]"), UNIX_NS, 1.0, 1.0),
    (("Time (us),Acceleration x (g),Acceleration y (g),Acceleration z (g),Gyroscope x (°/s),Gyroscope y (°/s),"
     "Gyroscope z (°/s)"), UNIX_NS // 1000, 1 / 9.80665, np.degrees(1)),
    (("%time,field.linear_acceleration.x,field.linear_acceleration.y,field.linear_acceleration.z,"
     "field.angular_velocity.x,field.angular_velocity.y,field.angular_velocity.z"), UNIX_NS, 1.0, 1.0),
    ("utc_ms,accX_mg,accY_mg,accZ_mg,gyroX_mdps,gyroY_mdps,gyroZ_mdps", UNIX_NS // 10**6, 1e3 / 9.80665,
     np.degrees(1e3)),
], ids=["plain", "euroc", "phyphox", "ros", "milli"])  # fmt: skip
def test_one_motion_in_many_headers(header: str, time: np.ndarray, force: float, rate: float, tmp_path: Path) -> None:
    """Names, units and clocks of five makers give the same samples at the same GPS times."""
    imu = imu_of(kinema.read(table(tmp_path / "imu.csv", header, time, FORCE * force, RATE * rate)))
    assert np.abs(imu.t_ns - T_NS).max() <= 1000  # float64 holds nanoseconds since 1970 to a quarter microsecond
    np.testing.assert_allclose(imu.f_ib_s_mps2, FORCE, atol=1e-8)
    np.testing.assert_allclose(imu.w_ib_s_radps, RATE, atol=1e-8)


def test_dates_as_text(tmp_path: Path) -> None:
    rows = [f"2024-06-24T08:00:{k // 10:02d}.{k % 10}00000Z,0,0,9.8,0,0,{k}e-3" for k in range(50)]
    (tmp_path / "imu.csv").write_text("\n".join(["time,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps", *rows]))
    imu = imu_of(kinema.read(tmp_path / "imu.csv"))
    assert imu.t_ns[0] == gps_ns_from_unix_ns(1_719_216_000 * NS)
    assert (np.diff(imu.t_ns) == 100_000_000).all()


@pytest.mark.parametrize("order", ["rate first", "force first"])
@pytest.mark.parametrize("increments", [True, False])
def test_seven_columns(order: str, increments: bool, tmp_path: Path) -> None:
    """Gravity tells which triple is which and whether they are increments; the week comes from the fixes beside it."""
    factor = 0.01 if increments else 1.0
    triples = [RATE * factor, FORCE * factor]
    columns = np.column_stack([TOW_S, *(triples if order == "rate first" else triples[::-1])])
    np.savetxt(tmp_path / "imu.txt", columns, fmt="%.6f" + " %.15e" * 6)
    table(tmp_path / "fixes.csv", "timestamp_ns,lat_deg,lon_deg,height_m,vn_mps,ve_mps,vd_mps", UNIX_NS[::10],
          np.tile([31.0, 121.0, 5.0, 1, 0, 0], (N // 10, 1)))  # fmt: skip
    alone = imu_of(kinema.read(tmp_path / "imu.txt"))
    both = kinema.read(tmp_path / "imu.txt", tmp_path / "fixes.csv")
    assert alone.t_ns[0] < WEEK_NS
    assert "week found" in told(both)
    shift = 5_000_000 if increments else 0  # an increment belongs to the middle of its interval
    assert np.abs(imu_of(both).t_ns - (T_NS - shift)).max() <= 2000
    np.testing.assert_allclose(imu_of(both).f_ib_s_mps2, FORCE, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(imu_of(both).w_ib_s_radps, RATE, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("columns", [7, 10])
def test_fixes_and_imu_without_names(columns: int, tmp_path: Path) -> None:
    """KF-GINS's two text files, told apart by what is in them, in one unnamed week; the week of a dated file wins."""
    np.savetxt(tmp_path / "imu.txt", np.column_stack([TOW_S, RATE * 0.01, FORCE * 0.01]), fmt="%.6f" + " %.15e" * 6)
    place = np.column_stack([30.5 + 1e-7 * np.arange(N), np.full(N, 114.25), np.full(N, 20.0), np.full((N, 3), 0.02)])
    rows = np.column_stack([TOW_S, place, np.tile([1.0, 0.0, 0.0], (N, 1))])[::20, :columns]
    np.savetxt(tmp_path / "gnss.txt", rows, fmt="%.9f")
    recording = kinema.read(tmp_path / "gnss.txt", tmp_path / "imu.txt")
    fixes = recording.need("fixes", Solution)
    assert len(fixes) == N // 20
    assert (fixes.status == FixStatus.FIXED).all()
    assert np.isfinite(fixes.v_e_mps).all() == (columns == 10)
    check_overlap(recording)
    assert abs(int(fixes.t_ns[0]) - int(imu_of(recording).t_ns[0])) < 10_000_000


def test_seven_columns_without_gravity_are_refused(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.txt", np.column_stack([TOW_S, RATE, FORCE - [0, 0, -9.8]]))
    with pytest.raises(FormatError):
        kinema.read(tmp_path / "a.txt")


def test_increments_with_names(tmp_path: Path) -> None:
    header = "timestamp_us,dvel_x_mps,dvel_y_mps,dvel_z_mps,dang_x_rad,dang_y_rad,dang_z_rad"
    recording = kinema.read(table(tmp_path / "imu.csv", header, UNIX_NS // 1000, FORCE * 0.01, RATE * 0.01))
    np.testing.assert_allclose(imu_of(recording).f_ib_s_mps2, FORCE, atol=1e-6)
    assert "increments of velocity and angle over 10 ms" in told(recording)


@pytest.mark.parametrize(("names", "factor", "what"), [
    ("ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps", 1 / 9.80665, "the values fit g"),
    ("ax_g,ay_g,az_g,gx_radps,gy_radps,gz_radps", 1.0, "the values fit mps2"),
    ("ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps", 0.001, "is gravity taken out"),
])  # fmt: skip
def test_wrong_units_are_refused_with_the_evidence(names: str, factor: float, what: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=what):
        kinema.read(table(tmp_path / "imu.csv", "t_s," + names, TOW_S, FORCE * factor, RATE))


def test_degrees_called_radians_are_refused(tmp_path: Path) -> None:
    fast = np.full((N, 3), 40.0)
    with pytest.raises(FormatError, match="no mover turns so"):
        kinema.read(table(tmp_path / "imu.csv", "t_s,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps",
                          TOW_S, FORCE, fast))  # fmt: skip


def test_gravity_tells_how_the_sensor_stands(tmp_path: Path) -> None:
    side = FORCE[:, [0, 2, 1]] * [1, -1, 1]
    recording = kinema.read(table(tmp_path / "imu.csv", "t_s,ax,ay,az,gx_radps,gy_radps,gz_radps", TOW_S, side, RATE))
    assert "on its side: its +y axis points up" in told(recording)


def test_ios_counts_accelerations_the_other_way_round(tmp_path: Path) -> None:
    header = "motionTimestamp_sinceReboot(s)," + ",".join(f"accelerometerAcceleration{a}(G)" for a in "XYZ")
    header += "," + ",".join(f"gyroRotation{a}(rad/s)" for a in "XYZ")
    recording = kinema.read(table(tmp_path / "log.csv", header, TOW_S, -FORCE / 9.80665, RATE))
    np.testing.assert_allclose(imu_of(recording).f_ib_s_mps2, FORCE, atol=1e-8)
    assert "sign turned" in told(recording)


@pytest.mark.parametrize("place", ["flat", "struct", "list"])
def test_parquet_of_others(place: str, tmp_path: Path) -> None:
    """Plain columns, structs of x, y, z and lists of three, times as timestamps: exact."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def triple(name: str, value: np.ndarray) -> dict[str, pa.Array]:
        if place == "flat":
            return {f"{name}_{axis}": pa.array(value[:, k]) for k, axis in enumerate("xyz")}
        if place == "struct":
            return {name: pa.StructArray.from_arrays([pa.array(value[:, k]) for k in range(3)], ["x", "y", "z"])}
        return {name: pa.FixedSizeListArray.from_arrays(pa.array(value.reshape(-1)), 3)}

    stamps = pa.array(UNIX_NS).cast(pa.timestamp("ns", tz="UTC"))
    columns = {"timestamp": stamps, **triple("accel", FORCE), **triple("gyro", RATE), "note": ["x"] * N}
    pq.write_table(pa.table(columns), tmp_path / "imu.parquet")
    imu = imu_of(kinema.read(tmp_path / "imu.parquet"))
    np.testing.assert_array_equal(imu.t_ns, T_NS)
    np.testing.assert_array_equal(imu.f_ib_s_mps2, FORCE)


def test_sparse_parquet_and_a_garbled_row(tmp_path: Path) -> None:
    """Rows of wheels between those of the IMU are none of it; a sample half there is told, or counted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    force, speed = FORCE.copy(), np.full(N, np.nan)
    force[::4], rate = np.nan, RATE.copy()
    rate[::4] = np.nan
    speed[::4] = 36.0
    names = dict(zip(("ax_mps2", "ay_mps2", "az_mps2"), force.T, strict=True))
    names |= dict(zip(("gx_radps", "gy_radps", "gz_radps"), rate.T, strict=True))
    pq.write_table(pa.table({"t_ns": UNIX_NS, **names, "wheel_speed_kmh": speed}), tmp_path / "a.parquet")
    recording = kinema.read(tmp_path / "a.parquet")
    assert len(imu_of(recording).t_ns) == N * 3 // 4
    assert recording.streams["wheels"].value[0, 0] == pytest.approx(10.0)
    names["gx_radps"][9] = np.nan
    pq.write_table(pa.table({"t_ns": UNIX_NS, **names}), tmp_path / "b.parquet")
    with pytest.raises(FormatError, match="row 10"):
        kinema.read(tmp_path / "b.parquet")
    assert "impossible value" in told(kinema.read(tmp_path / "b.parquet", on_bad="skip"))


@pytest.mark.parametrize(("header", "value", "speed"), [
    ("t_s,wheel_speed_mps", [5.0], 5.0), ("t_s,vehicle_speed_kmh", [18.0], 5.0),
    ("t_s,fl_kmh,fr_kmh,rl_kmh,rr_kmh", [18.0] * 4, 5.0),
    ("timestamp,WheelSpeed_RL (mph),WheelSpeed_RR (mph)", [10.0] * 2, 4.4704),
])  # fmt: skip
def test_wheels(header: str, value: list[float], speed: float, tmp_path: Path) -> None:
    recording = kinema.read(table(tmp_path / "w.csv", header, TOW_S, np.tile(value, (N, 1))))
    wheels = recording.need("wheels", Series)
    assert wheels.unit == "m/s"
    np.testing.assert_allclose(wheels.value, speed)


@pytest.mark.parametrize("unit", ["ticks", "radps"])
def test_scale_of_wheels_from_the_fixes_or_from_the_folder(unit: str, tmp_path: Path) -> None:
    """Counters that run over and turning wheels become speeds by the fixes beside them, or by what kinema.toml says."""
    speed, scale = np.linspace(3, 20, N), 0.02 if unit == "ticks" else 0.3
    turning = np.cumsum(speed * 0.01) / scale % 65536 if unit == "ticks" else speed / scale
    table(tmp_path / "wheels.csv", f"timestamp_ns,rl_{unit},rr_{unit}", UNIX_NS, np.column_stack([turning] * 2))
    table(tmp_path / "fixes.csv", "timestamp_ns,lat_deg,lon_deg,height_m,vn_mps,ve_mps,vd_mps", UNIX_NS[::10],
          np.column_stack([np.tile([31.0, 121, 5], (N // 10, 1)), speed[::10], np.zeros((N // 10, 2))]))  # fmt: skip
    found = kinema.read(tmp_path)
    wheels = found.need("wheels", Series)
    assert wheels.unit == "m/s"
    assert "wheel scale found" in told(found)
    np.testing.assert_allclose(wheels.value[-50:, 0], speed[-50:], rtol=0.02)
    key = "metres_per_tick" if unit == "ticks" else "radius_m"
    (tmp_path / "kinema.toml").write_text(f"[wheels]\n{key} = {scale}\n")
    np.testing.assert_allclose(kinema.read(tmp_path).need("wheels", Series).value[-50:, 0], speed[-50:], rtol=0.02)


def test_wheels_without_a_unit_need_one(tmp_path: Path) -> None:
    table(tmp_path / "w.csv", "t_s,wheel_speed_fl,wheel_speed_fr", TOW_S, np.full((N, 2), 36.0))
    with pytest.raises(FormatError, match="name no unit"):
        kinema.read(tmp_path / "w.csv")
    (tmp_path / "kinema.toml").write_text('[units]\nwheels = "km/h"\n')
    np.testing.assert_allclose(kinema.read(tmp_path).need("wheels", Series).value, 10.0)


def test_ranges_with_anchors_in_the_rows_or_in_the_folder(tmp_path: Path) -> None:
    anchor, distance = np.arange(N) % 3 + 7, 5 + np.arange(N) * 0.01
    place = np.array([[0.0, 0, 2], [10, 0, 2], [0, 10, 2]])[np.arange(N) % 3]
    table(tmp_path / "r.csv", "t_s,anchor_id,range_m,anchor_x_m,anchor_y_m,anchor_z_m", TOW_S, anchor, distance, place)
    ranges = kinema.read(tmp_path / "r.csv").need("ranges", AnchorRanges)
    assert ranges.anchor_names == ("7", "8", "9")
    np.testing.assert_array_equal(ranges.anchor_p_m, [[0, 0, 2], [10, 0, 2], [0, 10, 2]])
    table(tmp_path / "r.csv", "t_s,anchor_id,range_m", TOW_S, anchor, distance)
    (tmp_path / "kinema.toml").write_text("[anchors]\n7 = [0, 0, 2]\n8 = [10, 0, 2]\n9 = [0, 10]\n")
    np.testing.assert_array_equal(kinema.read(tmp_path).need("ranges", AnchorRanges).anchor_p_m[2], [0, 10, 0])
    (tmp_path / "kinema.toml").write_text("[anchors]\n7 = [0, 0, 2]\n")
    with pytest.raises(ConfigError, match="anchor 8"):
        kinema.read(tmp_path)


@pytest.mark.parametrize("platform", ["android", "ios"])
def test_phone_app_of_several_files(platform: str, tmp_path: Path) -> None:
    """Acceleration, gravity and rates in files of their own make one IMU; iOS counts accelerations the other way."""
    sign = -1.0 if platform == "ios" else 1.0
    gravity = np.tile([0.0, 0.0, -9.8], (N, 1))
    head = "time,seconds_elapsed,z,y,x"
    for name, value in (("Accelerometer", sign * (FORCE - gravity)), ("Gravity", sign * gravity), ("Gyroscope", RATE)):
        table(tmp_path / f"{name}.csv", head, UNIX_NS, np.arange(N) * 0.01, value[:, ::-1])
    (tmp_path / "Metadata.csv").write_text(f"version,platform,standardisation\n3,{platform},false\n")
    recording = kinema.read(tmp_path)
    np.testing.assert_allclose(imu_of(recording).f_ib_s_mps2, FORCE, atol=1e-9)
    np.testing.assert_allclose(imu_of(recording).w_ib_s_radps, RATE, atol=1e-9)


def esf_log(raw: bool, unit_ns: float) -> bytes:
    """A minute of epochs at 1 Hz with samples at 50 Hz behind them, and ticks at 10 Hz."""
    log = b""
    for second in range(60):
        log += frame(0x0215, struct.pack("<dHbBBB2x", 1000.0 + second, 2300, 18, 0, 1, 1))
        for k in range(50):
            t = second + k / 50
            tag = round((77.0 + t) * 1e9 / unit_ns)
            words = [(14, 4096), (13, -2048), (5, round(4096 * np.sin(t))), (16, 102), (17, -51), (18, 10_042)]
            data = [kind << 24 | value & 0xFFFFFF for kind, value in words]
            if raw:
                log += frame(0x1003, bytes(4) + b"".join(struct.pack("<II", word, tag) for word in data))
            else:
                log += frame(0x1002, struct.pack("<IHH", tag, len(data) << 11, 0) + struct.pack("<6I", *data))
            if k % 5 == 0:
                ticks = struct.pack("<II", 8 << 24 | round(100 * t), 9 << 24 | round(100 * t))
                log += frame(0x1002, struct.pack("<IHH", round((77 + t) * 1e3), 2 << 11, 0) + ticks)
    return log


@pytest.mark.parametrize(("raw", "unit_ns"), [(False, 1e6), (True, 39_062.5), (True, 1e6)])
def test_ublox_inertial_messages(raw: bool, unit_ns: float, tmp_path: Path) -> None:
    """Rates, forces and ticks of a receiver's own sensors, on GPS time to within an epoch whatever its tags count."""
    (tmp_path / "log.ubx").write_bytes(esf_log(raw, unit_ns))
    recording = kinema.read(tmp_path / "log.ubx")
    imu = imu_of(recording)
    assert len(imu.t_ns) == 3000
    np.testing.assert_allclose(imu.f_ib_s_mps2[10], [102 / 1024, -51 / 1024, 10_042 / 1024])
    np.testing.assert_allclose(imu.w_ib_s_radps[10, :2], np.radians([1.0, -0.5]))
    late_s = (imu.t_ns - 2300 * WEEK_NS) * 1e-9 - (1000 + np.arange(3000) / 50)
    assert np.ptp(late_s) < 2e-3
    assert abs(late_s.mean()) < 0.1
    wheels = recording.need("wheels", Series)
    assert (wheels.unit, wheels.columns) == ("ticks", ("rear_left", "rear_right"))


def test_times_that_do_not_meet_are_told() -> None:
    imu = Imu(np.arange(200) * 10_000_000, FORCE[:200], RATE[:200])
    fixes = Series(T_NS, np.zeros(N), "1")
    with pytest.raises(ConfigError, match=r"do not overlap.*counts from its own start"):
        check_overlap(Recording({"imu": imu, "fixes": fixes}))


@pytest.mark.parametrize(("text", "what"), [
    ('[mounts.imu]\naxes = "forward-left-down"\n', "right-handed"), ('[mounts.imu]\naxes = "up"\n', "where x, y and z"),
    ('[mounts.imu]\nrpy_deg = [0, 0]\n', "three numbers"), ('[mounts.imu]\ntime_offset_s = "soon"\n', "estimate"),
    ("[wheels]\nradius_m = -1\n", "above 0"), ('[units]\nrates = "g"\n', "rates"),
    ("[anchors]\n7 = 5\n", "three numbers"),
    ('[legged]\nurdf = "no.urdf"\n', "no file"),
])  # fmt: skip
def test_folder_settings_that_cannot_be(text: str, what: str, tmp_path: Path) -> None:
    table(tmp_path / "w.csv", "t_s,wheel_speed_mps", TOW_S, np.ones(N))
    (tmp_path / "kinema.toml").write_text(text)
    with pytest.raises(ConfigError, match=what):
        kinema.read(tmp_path)


@pytest.mark.parametrize(("axes", "up_in_sensor"), [
    ("forward-right-down", [0, 0, -1]), ("forward-left-up", [0, 0, 1]), ("right-forward-up", [0, 0, 1]),
    ("up-right-forward", [1, 0, 0]), ("forward-right-up", None),
    ("down-left-forward", [-1, 0, 0]), ("back-right-up", [0, 0, 1]),
])  # fmt: skip
def test_axes_by_their_names(axes: str, up_in_sensor: list[float] | None, tmp_path: Path) -> None:
    """The rotation that the words say takes the body's up to where the sensor has it; left-handed words are refused."""
    from scipy.spatial.transform import Rotation

    table(tmp_path / "w.csv", "t_s,wheel_speed_mps", TOW_S, np.ones(N))
    (tmp_path / "kinema.toml").write_text(f'[mounts.imu]\naxes = "{axes}"\nlever_arm_b_m = "estimate"\n')
    if up_in_sensor is None:
        with pytest.raises(ConfigError, match="right-handed"):
            kinema.read(tmp_path)
        return
    mount = kinema.read(tmp_path).mounts["imu"]
    assert mount.p_b_m is None
    assert mount.rpy_bs_rad is not None
    c_bs = Rotation.from_euler("ZYX", mount.rpy_bs_rad[::-1]).as_matrix()
    np.testing.assert_allclose(c_bs.T @ [0, 0, -1], up_in_sensor, atol=1e-12)


def test_a_stated_time_offset_is_added_once(tmp_path: Path) -> None:
    header = "timestamp_ns,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps"
    table(tmp_path / "imu.csv", header, UNIX_NS, FORCE, RATE)
    (tmp_path / "kinema.toml").write_text("[mounts.imu]\ntime_offset_s = 0.25\n")
    recording = kinema.read(tmp_path)
    assert np.abs(imu_of(recording).t_ns - T_NS - 250_000_000).max() < 1000
    assert recording.mounts["imu"].time_offset_s == 0.0


@pytest.mark.parametrize("header", [
    "Record,Time,Latitude,Longitude,Altitude,Speed,GForceX,GForceY,GForceZ,Lap,GyroX,GyroY,GyroZ",
    "time,lat,lon,speed_kmh,wheel_speed_fl_kmh,wheel_speed_fr_kmh",
    "Time (s),Latitude (deg),Longitude (deg),AccX (g),AccY (g),AccZ (g),GyroX (deg/s),GyroY (deg/s),GyroZ (deg/s)",
])  # fmt: skip
def test_loggers_tables_keep_their_places(header: str, tmp_path: Path) -> None:
    """A table with places that also has a sensor's columns is a logger's: its fixes are not lost."""
    names = header.split(",")
    rows = []
    for k in range(30):
        known = {"lat": 31.1 + 1e-5 * k, "lon": 121.1, "time": 1_719_216_030 + 0.1 * k}
        values = (next((v for w, v in known.items() if one.lower().startswith(w)), 0.5 + k) for one in names)
        rows.append(",".join(f"{v:.6f}" for v in values))
    (tmp_path / "log.csv").write_text("\n".join([header, *rows]))
    assert "fixes" in kinema.read(tmp_path / "log.csv").streams
