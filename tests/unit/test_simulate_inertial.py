"""Simulated IMUs and wheels: what was put in can be found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.streams import Imu, Series
from kinema.errors import ConfigError
from kinema.simulate.circuits import circuit
from kinema.simulate.inertial import GRADES, Grade, imu_of, wheels_of
from kinema.simulate.ride import Ride
from kinema.simulate.vehicle import Limits, Motion, drive_around

NOTHING = Grade(0, 0, 0, 0, 0, 0, 1.0, 0, 0)


@pytest.fixture(scope="module")
def motion() -> Motion:
    return drive_around(circuit("open", 1), t0_ns=10**18, laps=0.5)


def test_an_ideal_imu_reads_the_motion(motion: Motion) -> None:
    imu, _ = imu_of(motion, grade=NOTHING, point_b_m=(1.0, 0.2, -0.3))
    truth = motion.sample(imu.t_ns, (1.0, 0.2, -0.3))
    assert np.abs(imu.f_ib_s_mps2 - truth.f_ib_b_mps2).max() < 1e-12
    assert np.abs(imu.w_ib_s_radps - truth.w_ib_b_radps).max() < 1e-12


def test_an_imu_on_its_head_reads_gravity_the_other_way(motion: Motion) -> None:
    imu, _ = imu_of(motion, grade=NOTHING, rpy_bs_rad=(np.pi, 0.0, 0.0))
    assert imu.f_ib_s_mps2[100, 2] == pytest.approx(9.8, abs=0.05)


@pytest.mark.parametrize("name", GRADES)
def test_noise_and_bias_of_a_grade_come_out_of_the_samples(motion: Motion, name: str) -> None:
    grade = GRADES[name]
    imu, known = imu_of(motion, grade=name, seed=4)
    truth = motion.sample(imu.t_ns)
    left = imu.w_ib_s_radps - truth.w_ib_b_radps @ known.gyro_matrix.T - known.gyro_bias_radps
    assert left.std() == pytest.approx(grade.gyro_noise_radps_rthz * 10, rel=0.05)
    left = imu.f_ib_s_mps2 - truth.f_ib_b_mps2 @ known.accel_matrix.T - known.accel_bias_mps2
    assert left.std() == pytest.approx(grade.accel_noise_mps2_rthz * 10, rel=0.05)


def test_wheels_count_the_way(motion: Motion) -> None:
    wheels, scale = wheels_of(motion, seed=2, scale=1.01)
    travelled = motion.sample(wheels.t_ns[-1:]).way_m[0]
    assert scale == 1.01
    assert wheels.value.sum() / 50.0 == pytest.approx(travelled * 1.01, abs=0.05)


def test_a_drive_carries_them_where_they_sit(tmp_path: Path) -> None:
    drive = kinema.simulate("open", 1, duration_s=15.0, rate_hz=1.0, imu="tactical", wheels=True)
    recording = drive.recording
    assert len(recording.need("imu", Imu).t_ns) == 1501
    assert recording.need("wheels", Series).unit == "m/s"
    assert recording.mounts["imu"].p_b_m != recording.mounts["gnss"].p_b_m
    back = kinema.read(drive.save(tmp_path))
    read, made = back.need("imu", Imu), recording.need("imu", Imu)
    assert np.array_equal(read.t_ns, made.t_ns)
    assert np.abs(read.f_ib_s_mps2 - made.f_ib_s_mps2).max() < 1e-6
    assert back.mounts["imu"].p_b_m == recording.mounts["imu"].p_b_m
    with pytest.raises(ConfigError, match="grade"):
        kinema.simulate("open", 1, duration_s=15.0, imu="marvellous")


def test_a_car_rides_as_real_ones_do() -> None:
    """Sizes of eight real drives (design/simulator.md): slip and squat at the rear axle, rolling, vibration."""
    town = Limits(16.0, 3.0, 2.0, 2.5)
    motion = drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=1, duration_s=150.0, limits=town, ride=Ride(seed=1))
    truth = motion.sample(motion.times(100.0))
    v_b = np.einsum("nji,nj->ni", truth.C_eb, truth.v_e_mps)
    fast = v_b[:, 0] > 5.0
    turn = truth.w_ib_b_radps[:, 2]
    slip = v_b[:, 1] + 0.0035 * turn * v_b[:, 0] ** 2
    assert 0.01 < slip[fast].std() < 0.05
    assert 0.02 < v_b[fast, 2].std() < 0.12
    rolling = np.rad2deg(truth.w_ib_b_radps[fast, :2].std(axis=0))
    assert (rolling > 0.4).all()
    assert (rolling < 3.0).all()
    imu, _ = imu_of(motion, grade="consumer", seed=1)
    quick = np.diff(imu.f_ib_s_mps2, axis=0)[fast[1:]].std(axis=0) / np.sqrt(2)
    assert (quick > 0.05).all()
    assert (quick < 1.0).all()
    still = v_b[:, 0] < 0.01
    assert np.abs(v_b[still]).max() < 0.01
