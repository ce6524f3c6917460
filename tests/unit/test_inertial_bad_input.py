"""Sensors as they really are: wrong units, axes, clocks, gaps, stops; found, told, survived where data allow."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kinema.core.recording import Recording
from kinema.core.streams import Imu, Series
from kinema.errors import ConfigError, DataError, EstimationError, FormatError
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read
from kinema.sensors.wheel import stuck
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import Motion, drive_around

ANTENNA = (0.6, 0.0, -1.4)


@cache
def drive() -> Motion:
    return drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=3, duration_s=90.0, wait_s=8.0)


def recording(**changes: object) -> Recording:
    return inertial_recording(drive(), seed=5, **changes)[0]  # type: ignore[arg-type]


def with_imu(rec: Recording, imu: Imu) -> Recording:
    return replace(rec, streams={**rec.streams, "imu": imu})


def rms_m(rec: Recording, method: str = "smooth", **options: object) -> float:
    solution = solve(rec, SolveOptions(method=method, **options))  # type: ignore[arg-type]
    half = solution.select(slice(len(solution) // 2, None))
    error = half.p_e_m - drive().sample(half.t_ns, ANTENNA).p_e_m
    return float(np.sqrt((error**2).sum(axis=1).mean()))


def test_degrees_per_second_as_radians_are_refused_with_the_evidence() -> None:
    rec = recording()
    imu = rec.streams["imu"]
    with pytest.raises(DataError, match="degrees as radians"):
        solve(with_imu(rec, replace(imu, w_ib_s_radps=imu.w_ib_s_radps * 57.3)))


def test_a_mirrored_axis_is_refused() -> None:
    """A left-handed sensor turns the wrong way."""
    rec = recording()
    imu = rec.streams["imu"]
    with pytest.raises(DataError, match="mirrored"):
        solve(with_imu(rec, replace(imu, w_ib_s_radps=imu.w_ib_s_radps * [1.0, 1.0, -1.0])))


def test_fixes_a_leap_second_late_are_put_right() -> None:
    """18 s between the clocks: found by the turning, and told."""
    rec = recording()
    imu = rec.streams["imu"]
    late = with_imu(rec, replace(imu, t_ns=imu.t_ns + 18 * 10**9))
    solution = solve(late, SolveOptions(method="smooth"))
    assert any("IMU clock: -18" in note or "IMU clock: -17" in note for note in solution.provenance.notes)
    error = solution.p_e_m - drive().sample(solution.t_ns, ANTENNA).p_e_m
    assert np.sqrt((error**2).sum(axis=1).mean()) < 0.1


def test_gaps_are_told_and_survived() -> None:
    """Two seconds of IMU missing while GNSS is there."""
    rec = recording()
    imu = rec.streams["imu"]
    t = (imu.t_ns - imu.t_ns[0]) * 1e-9
    keep = (t < 50) | (t > 52)
    torn = with_imu(rec, Imu(imu.t_ns[keep], imu.f_ib_s_mps2[keep], imu.w_ib_s_radps[keep]))
    solution = solve(torn, SolveOptions(method="smooth"))
    assert any("gap" in note for note in solution.provenance.notes)
    assert rms_m(torn) < 0.3


def test_a_saturated_gyro_is_told_and_survived() -> None:
    """An axis that stops at 0.35 rad/s in every hairpin."""
    rec = recording()
    imu = rec.streams["imu"]
    stop = 0.8 * np.abs(imu.w_ib_s_radps[:, 2]).max()
    cut = with_imu(rec, replace(imu, w_ib_s_radps=np.clip(imu.w_ib_s_radps, -stop, stop)))
    assert rms_m(cut) < 0.3


def test_a_frozen_wheel_does_no_harm() -> None:
    """A wheel that says 12 m/s throughout is left out; with fixes taken away its lie would otherwise lead."""
    rec = recording(wheels=True)
    wheels = rec.streams["wheels"]
    frozen = replace(rec, streams={**rec.streams, "wheels": replace(wheels, value=np.full(len(wheels.t_ns), 12.0))})
    assert rms_m(frozen) < 0.1


def test_a_steady_speed_in_coarse_ticks_is_not_stuck() -> None:
    """16 m/s for a minute by 2 cm ticks at 50 Hz, sixteen each time. Fine steps that repeat are stuck."""
    t = np.arange(6000) * 0.02
    true = np.clip(0.4 * t, 0.0, 16.0)
    ticks = np.diff(np.floor(np.cumsum(true) + 1e-6), prepend=0.0)
    assert not stuck(t, ticks).any()
    assert stuck(t, true)[-3000:].all()


def test_a_wheel_scaled_wrong_is_calibrated() -> None:
    """5 % long: found, and an outage of 15 s stays within 2 % of the way."""
    rec = recording(wheels=True)
    wheels: Series = rec.streams["wheels"]
    rec = replace(rec, streams={**rec.streams, "wheels": replace(wheels, value=wheels.value * 1.05)})
    t0 = drive().t0_ns
    solution = solve(rec, SolveOptions(method="filter", masks=(("gnss", t0 + 70 * 10**9, t0 + 85 * 10**9),)))
    truth = drive().sample(solution.t_ns, ANTENNA)
    k = int(np.searchsorted(solution.t_ns, t0 + 84_900_000_000))
    driven = truth.way_m[k] - truth.way_m[np.searchsorted(solution.t_ns, t0 + 70 * 10**9)]
    assert np.linalg.norm(solution.p_e_m[k] - truth.p_e_m[k]) < 0.02 * driven


def test_no_common_time_is_said() -> None:
    rec = recording()
    imu = rec.streams["imu"]
    with pytest.raises((EstimationError, ConfigError), match=r"time in common|clocks"):
        solve(with_imu(rec, replace(imu, t_ns=imu.t_ns + 3600 * 10**9)))


def test_a_recording_that_stands_cannot_be_aligned() -> None:
    rec = recording()
    t_ns = rec.streams["fixes"].t_ns
    still = rec.streams["fixes"].select(t_ns < t_ns[0] + 6 * 10**9)
    with pytest.raises(EstimationError, match="heading"):
        solve(replace(rec, streams={**rec.streams, "fixes": still}))


def test_units_are_told_by_names_or_by_gravity(tmp_path: Path) -> None:
    """g and degrees by the columns' names; without a unit gravity tells it; a wrong unit is refused."""
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.arange(300) * 0.01, rng.normal([0, 0, 1], 0.01, (300, 3)), rng.normal(0, 0.1, (300, 3))])

    def write(header: str) -> Path:
        path = tmp_path / f"{abs(hash(header))}.csv"
        np.savetxt(path, rows, delimiter=",", header=header, comments="")
        return path

    named = read(write("t_s,acc_x_g,acc_y_g,acc_z_g,gyro_x_degps,gyro_y_degps,gyro_z_degps")).streams["imu"]
    assert np.median(named.f_ib_s_mps2[:, 2]) == pytest.approx(9.8, abs=0.05)
    assert np.std(named.w_ib_s_radps) == pytest.approx(np.deg2rad(0.1), rel=0.1)
    bare = read(write("time,ax,ay,az,gx,gy,gz"))
    assert np.median(bare.streams["imu"].f_ib_s_mps2[:, 2]) == pytest.approx(9.8, abs=0.05)
    assert any(issue.kind == "unit found" for issue in bare.issues)
    with pytest.raises(FormatError, match="correct the unit"):
        read(write("t_s,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps"))


def test_repeated_and_backward_times(tmp_path: Path) -> None:
    """A repeated time is dropped and counted; a step back is refused, or skipped and counted."""
    t = np.arange(300) * 0.01
    t[100], t[200] = t[99], t[150]
    rows = np.column_stack([t, np.tile([0, 0, 9.8], (300, 1)), np.zeros((300, 3))])
    path = tmp_path / "imu.csv"
    np.savetxt(path, rows, delimiter=",", header="t_s,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps", comments="")
    with pytest.raises(FormatError, match=r"line|back|order|time"):
        read(path)
    rec = read(path, on_bad="skip")
    assert (np.diff(rec.streams["imu"].t_ns) > 0).all()
    assert rec.issues


def test_wheels_as_a_table(tmp_path: Path) -> None:
    """Two rear wheels in km/h, known by their columns' names."""
    rows = np.column_stack([np.arange(300) * 0.02, np.full((300, 2), 36.0)])
    path = tmp_path / "wheels.csv"
    np.savetxt(path, rows, delimiter=",", header="t_s,rear_left_kmh,rear_right_kmh", comments="")
    wheels: Series = read(path).streams["wheels"]
    assert wheels.columns == ("rear_left", "rear_right")
    np.testing.assert_allclose(wheels.value, 10.0)
