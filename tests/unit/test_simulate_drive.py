"""The simulator: exact motion, repeatable drives, blockage, ambiguities that are whole, files that read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.frames import geodetic_from_ecef, ned_from_ecef
from kinema.core.satellites import frequency_hz, sat_system
from kinema.core.streams import GnssObservations
from kinema.errors import ConfigError
from kinema.simulate.circuits import COURSES, circuit
from kinema.simulate.drive import SimulatedDrive, simulate
from kinema.simulate.environment import BLOCKED, CLEAR, REFLECTED
from kinema.simulate.orbits import C_MPS
from kinema.simulate.receiver import IDEAL, ReceiverOptions
from kinema.simulate.sky import NO_ERRORS
from kinema.simulate.vehicle import EARTH_RATE_RADPS, Limits, drive_around, normal_gravity_mps2

T0 = 1_434_000_000 * 10**9


@pytest.fixture(scope="module")
def monaco() -> SimulatedDrive:
    return simulate("monaco", seed=3, base_km=5.0, rate_hz=2.0)


@pytest.mark.parametrize("name", COURSES)
def test_courses_are_smooth_closed_lines(name: str) -> None:
    one = circuit(name, 1)
    steps = np.linalg.norm(np.roll(one.p_e_m, -1, axis=0) - one.p_e_m, axis=1)
    assert 0.9 < steps.min() <= steps.max() < 1.1
    assert one.length_m == pytest.approx(steps.sum(), rel=1e-6)


def test_monaco_has_its_length_and_its_tunnel() -> None:
    one = circuit("monaco", 1)
    assert one.length_m == pytest.approx(3337, rel=0.01)
    assert 300 < one.tunnel.sum() < 700
    lat, lon, _ = geodetic_from_ecef(one.p_e_m)
    assert np.degrees(lat).min() > 43.73
    assert np.degrees(lon).max() < 7.44


def test_inertial_truth_is_the_derivative_of_the_motion() -> None:
    """Velocity, acceleration and rate against differences of position, velocity and attitude; f by its definition."""
    motion = drive_around(circuit("grid", 1), t0_ns=T0, laps=0.4)
    h = 2_000_000
    t = motion.times(7.0)[7:-7]
    arm = (1.2, -0.3, -1.4)
    here, ahead, behind = (motion.sample(t + shift, arm) for shift in (0, h, -h))
    dt = 2 * h * 1e-9
    assert np.abs((ahead.p_e_m - behind.p_e_m) / dt - here.v_e_mps).max() < 2e-5
    assert np.abs((ahead.v_e_mps - behind.v_e_mps) / dt - here.a_e_mps2).max() < 1e-4
    turn = np.einsum("nji,njk->nik", here.C_eb, (ahead.C_eb - behind.C_eb) / dt)
    earth = np.array([0, 0, EARTH_RATE_RADPS])
    w_eb = here.w_ib_b_radps - np.einsum("nji,j->ni", here.C_eb, earth)
    assert np.abs(turn[:, [2, 0, 1], [1, 2, 0]] - w_eb).max() < 1e-5
    coriolis = 2 * np.cross(earth, here.v_e_mps)
    f_e = np.einsum("nij,nj->ni", here.C_eb, here.f_ib_b_mps2)
    gravity = here.a_e_mps2 + coriolis - f_e
    lat, _, height = geodetic_from_ecef(here.p_e_m)
    assert np.linalg.norm(gravity, axis=1) == pytest.approx(normal_gravity_mps2(lat, height), abs=1e-9)


def test_an_imu_at_rest_reads_gravity_and_the_earths_turn() -> None:
    motion = drive_around(circuit("open", 1), t0_ns=T0, laps=0.2)
    still = motion.sample(motion.t0_ns + np.array([1_000_000_000]))
    assert np.linalg.norm(still.f_ib_b_mps2) == pytest.approx(9.807, abs=0.01)
    assert np.linalg.norm(still.w_ib_b_radps) == pytest.approx(EARTH_RATE_RADPS, rel=1e-6)
    assert normal_gravity_mps2(np.radians(np.array([45.0])), np.zeros(1))[0] == pytest.approx(9.80620, abs=2e-5)


def test_the_driver_keeps_to_the_limits() -> None:
    limits = Limits(speed_mps=20.0, lateral_mps2=3.0, accelerate_mps2=2.0, brake_mps2=3.0)
    motion = drive_around(circuit("monaco", 1), t0_ns=T0, limits=limits, stops=((500.0, 10.0),))
    m = motion.sample(motion.times(10.0))
    speed = np.linalg.norm(m.v_e_mps, axis=1)
    assert speed.max() < 20.2
    assert np.linalg.norm(m.a_e_mps2, axis=1).max() < 4.5
    assert (speed[100:-100] < 0.02).sum() >= 80
    assert speed[[0, -1]].max() < 1e-3


def test_the_same_seed_is_the_same_drive_and_another_is_not() -> None:
    one, two, other = (simulate("open", seed, duration_s=20.0) for seed in (4, 4, 5))
    a, b, c = (drive.recording.need("gnss", GnssObservations) for drive in (one, two, other))
    assert np.array_equal(a.code_m, b.code_m, equal_nan=True)
    assert np.array_equal(a.phase_cyc, b.phase_cyc, equal_nan=True)
    assert a.t_ns[0] != c.t_ns[0]
    assert one.recording.simulated
    assert one.truth.provenance.simulated
    assert one.truth.provenance.seed == 4


def test_no_satellite_in_the_tunnel_and_few_between_houses(monaco: SimulatedDrive) -> None:
    gnss = monaco.recording.need("gnss", GnssObservations)
    way = monaco.motion.sample(gnss.t_ns).way_m
    k = np.floor(way / monaco.course.length_m * len(monaco.course.p_e_m)).astype(int) % len(monaco.course.p_e_m)
    count = np.diff(gnss.row_start)
    assert count[monaco.course.tunnel[k]].max() == 0
    walls = (monaco.course.wall_height_m[k] > 0).all(axis=1) & ~monaco.course.tunnel[k]
    free = (monaco.course.wall_height_m[k] == 0).all(axis=1) & ~monaco.course.tunnel[k]
    assert np.median(count[free]) > np.median(count[walls]) + 4
    assert {CLEAR, REFLECTED} <= set(monaco.known.kind.tolist())
    assert BLOCKED not in monaco.known.kind
    late = monaco.known.delay_m[monaco.known.kind == REFLECTED]
    assert 0 < late.min() < late.max() < 60


def test_a_perfect_receiver_under_a_perfect_sky_measures_the_range() -> None:
    """Code, phase and Doppler fit each other without noise: phase is code plus whole cycles, Doppler its derivative."""
    drive = simulate("open", 2, duration_s=15.0, receiver=IDEAL, errors=NO_ERRORS, systems="GREC")
    gnss = drive.recording.need("gnss", GnssObservations)
    for sat in np.unique(gnss.sat).tolist():
        rows = np.flatnonzero(gnss.sat == sat)
        hz = frequency_hz(sat_system(sat), gnss.signals[sat_system(sat)][0], gnss.glonass_channel.get(sat, 0))
        wave = C_MPS / hz
        whole = drive.known.ambiguity_cyc[rows, 0]
        assert np.abs(whole - np.round(whole)).max() == 0
        if len(rows) < 60:
            continue
        # Code minus phase is twice the ionosphere and the group delay: constant over seconds.
        spread = np.ptp(gnss.code_m[rows, 0] - (gnss.phase_cyc[rows, 0] - whole) * wave)
        assert spread < 0.15, sat
        change = np.diff(gnss.phase_cyc[rows, 0])
        rate = -(gnss.doppler_hz[rows[:-1], 0] + gnss.doppler_hz[rows[1:], 0]) / 2 * 0.2
        assert np.abs(change - rate).max() * wave < 0.01, sat


def test_base_and_rover_share_the_errors_of_the_sky(monaco: SimulatedDrive) -> None:
    """Five kilometres apart, single differences of two satellites keep metres of common errors away."""
    base = monaco.recording.need("base", GnssObservations)
    away = ned_from_ecef(np.array(base.antenna.approx_p_e_m), monaco.motion.origin_e_m)
    assert np.hypot(*away[:2]) == pytest.approx(5000, rel=1e-3)
    assert (np.diff(base.row_start) > 20).all()
    assert np.array_equal(base.t_ns, monaco.recording.need("gnss", GnssObservations).t_ns)


def test_millisecond_jumps_keep_the_clock_small() -> None:
    receiver = ReceiverOptions(ms_jumps=True, clock_offset_s=4.9e-4, clock_drift_sps=2e-6)
    drive = simulate("open", 2, duration_s=20.0, receiver=receiver)
    clock = drive.known.clock_s
    assert np.abs(clock).max() <= 5.01e-4
    assert np.abs(np.diff(clock)).max() == pytest.approx(1e-3, rel=0.01)


def test_files_read_back_as_they_were(monaco: SimulatedDrive, tmp_path: Path) -> None:
    folder = monaco.save(tmp_path / "drive")
    back = kinema.read(folder)
    assert set(back.streams) == {"gnss", "base", "ephemerides", "truth"}
    wrote, read = monaco.recording.need("gnss", GnssObservations), back.need("gnss", GnssObservations)
    seen = np.diff(wrote.row_start) > 0
    assert np.array_equal(read.t_ns[np.diff(read.row_start) > 0], wrote.t_ns[seen])
    assert np.array_equal(read.sat, wrote.sat)
    for name in ("code_m", "phase_cyc", "lli"):
        assert np.array_equal(getattr(read, name), getattr(wrote, name), equal_nan=True), name
    assert back.mounts["gnss"].p_b_m == monaco.recording.mounts["gnss"].p_b_m
    assert np.abs(back.streams["truth"].p_e_m - monaco.truth.p_e_m).max() < 2e-4
    ephemerides = back.streams["ephemerides"]
    assert len(ephemerides.sat) == len(monaco.recording.streams["ephemerides"].sat)


def test_orbits_agree_with_the_estimators_own() -> None:
    """Two implementations written apart: positions to a millimetre (the time's rounding), clocks to a micrometre."""
    from kinema.estimate.satellite_states import row_codes, row_epochs, satellite_states
    from kinema.simulate.orbits import gps_seconds

    drive = simulate("suzuka", 6, duration_s=30.0, rate_hz=1.0, systems="GRECJ")
    gnss = drive.recording.need("gnss", GnssObservations)
    states = satellite_states(gnss, drive.recording.streams["ephemerides"])
    sent = gps_seconds(gnss.t_ns[row_epochs(gnss)]) - row_codes(gnss) / C_MPS
    assert (states.reason == 0).all()
    assert {sat_system(int(sat)) for sat in gnss.sat} == set("GRECJ")
    for sat in np.unique(gnss.sat).tolist():
        rows, orbit = np.flatnonzero(gnss.sat == sat), drive.sky.orbits[sat]
        clock = orbit.state(sent[rows])[2]
        p, _, clock, _ = orbit.state(sent[rows] - clock)
        assert np.abs(p - states.p_e_m[rows]).max() < 2e-3
        assert np.abs(C_MPS * clock - states.clock_m[rows]).max() < 1e-6


@pytest.mark.parametrize(
    ("course", "wrong"),
    [("nowhere", {}), ("open", {"laps": 0.0}), ("open", {"rate_hz": 1e4}), ("open", {"systems": "X"}),
     ("open", {"frequencies": 4})],
)  # fmt: skip
def test_wrong_wishes_are_refused(course: str, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        simulate(course, 1, **wrong)  # type: ignore[arg-type]
