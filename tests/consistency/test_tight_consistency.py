"""Tight against loose coupling, and stated uncertainty against truth, on simulated drives with few satellites."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.simulate.drive import ANTENNA_B_M, SimulatedDrive, simulate
from kinema.simulate.few_satellites import few_satellites
from kinema.simulate.vehicle import Limits

F64 = NDArray[np.float64]
THREE, NONE = (45.0, 65.0, 3), (80.0, 90.0, 0)
WINDOWS = (THREE, NONE)


@cache
def drive(course: str, seed: int, base_km: float | None, grade: str = "consumer", seconds: float = 105.0) -> Any:
    """A drive and its recording with the sky taken away in the windows."""
    made = simulate(
        course, seed, laps=10, duration_s=seconds, rate_hz=2, imu=grade, base_km=base_km, systems="GE",
        limits=Limits(speed_mps=15.0),
    )  # fmt: skip
    gnss = few_satellites(made.recording.streams["gnss"], WINDOWS, seed)
    return made, replace(made.recording, streams={**made.recording.streams, "gnss": gnss})


def run(recording: Recording, method: str, coupling: str = "tight") -> Solution:
    options = SolveOptions(method=method, params={"tight": {"coupling": coupling}})  # type: ignore[arg-type]
    return solve(recording, options)


def errors(solution: Solution, made: SimulatedDrive) -> tuple[F64, F64, F64]:
    """Seconds, errors north, east, down (n, 3) and NEES (n,) of the position."""
    truth = made.motion.sample(solution.t_ns, ANTENNA_B_M)
    lat, lon, _ = geodetic_from_ecef(truth.p_e_m)
    error = solution.p_e_m - truth.p_e_m
    nees = np.einsum("ni,nij,nj->n", error, np.linalg.inv(solution.cov_p_e_m2), error)
    t = (solution.t_ns - made.truth.t_ns[0]) * 1e-9
    return t, np.einsum("nij,nj->ni", c_ne(lat, lon), error), nees


def drift(t: F64, error: F64, window: tuple[float, float, int]) -> float:
    """How far the horizontal error moved over a window."""
    a, b = np.argmin(np.abs(t - window[0])), np.argmin(np.abs(t - window[1] + 0.1))
    return float(np.hypot(*(error[b] - error[a])[:2]))


def test_three_satellites_hold_a_tight_solution() -> None:
    """20 s with three satellites, causal: the tight drift is less than half the loose one, and under half a metre."""
    drifts = []
    for seed in range(2):
        made, recording = drive("open", seed, None)
        drifts.append([
            drift(*errors(run(recording, "filter", coupling), made)[:2], THREE) for coupling in ("loose", "tight")
        ])  # fmt: skip
    loose, tight = np.mean(drifts, axis=0)
    assert tight < 0.5 * loose
    assert tight < 0.5


@pytest.mark.parametrize("method", ["filter", "smooth"])
def test_tight_is_as_sure_as_it_is_right(method: str) -> None:
    """Alone and with a base: NEES of three degrees of freedom neither far above nor far below, NIS below its band's
    upper end."""
    nees, nis = [], []
    for seed, base in ((0, None), (1, None), (2, 1.0)):
        made, recording = drive("open", seed, base)
        solution = run(recording, method)
        t, _, n = errors(solution, made)
        nees.append(float(n[t > 30].mean()))
        nis.append([np.nanmean(solution.channels[f"nis_{kind}"].value) for kind in ("code", "doppler", "phase")])
    assert 0.05 < np.mean(nees) < 5.0
    assert np.max(nis) < 1.5


def test_integers_come_back_at_once_after_a_gap() -> None:
    """Half a minute of three satellites, then ten seconds of none: fixed again within 1.5 s, and never wrongly."""
    made, recording = drive("grid", 2, 1.0)
    solution = run(recording, "filter")
    t, error, _ = errors(solution, made)
    fixed = solution.status == FixStatus.FIXED
    h = np.hypot(error[:, 0], error[:, 1])
    for window in WINDOWS:
        assert t[np.argmax(fixed & (t >= window[1]))] < window[1] + 2.6
    assert h[fixed].max() < 0.1


def test_smoothed_between_integers_is_centimetres() -> None:
    """What lies between two fixed stretches: 5 cm in the middle of twenty seconds of three satellites."""
    made, recording = drive("grid", 2, 1.0)
    t, error, _ = errors(run(recording, "smooth"), made)
    h = np.hypot(error[:, 0], error[:, 1])
    inside = (t > THREE[0]) & (t < THREE[1])
    assert np.median(h[inside]) < 0.1


def test_without_motion_the_satellites_answer() -> None:
    """A car that never moves cannot be aligned: single positions, and a note that says why."""
    made, recording = drive("open", 0, None)
    until = int(made.truth.t_ns[0] + 9e9)
    solution = solve(recording, SolveOptions(method="filter", to_ns=until))
    assert solution.provenance.mode == "single"
    assert any("the IMU is not used" in note for note in solution.provenance.notes)


def test_where_the_imu_ends_the_satellites_go_on() -> None:
    """The IMU stops at 70 s: the rest is there, single, and told."""
    made, recording = drive("open", 1, None)
    imu = recording.streams["imu"]
    keep = imu.t_ns < made.truth.t_ns[0] + 70e9
    short = replace(imu, t_ns=imu.t_ns[keep], f_ib_s_mps2=imu.f_ib_s_mps2[keep], w_ib_s_radps=imu.w_ib_s_radps[keep])
    solution = run(replace(recording, streams={**recording.streams, "imu": short}), "smooth")
    t = (solution.t_ns - made.truth.t_ns[0]) * 1e-9
    assert t.max() > 100
    assert np.isfinite(solution.q_nb_wxyz[t < 69]).all()
    assert np.isnan(solution.q_nb_wxyz[t > 71]).all()
    assert any("without IMU" in note for note in solution.provenance.notes)


def test_wheels_are_as_rough_as_stated() -> None:
    """Ticks at 50 Hz are means over 20 ms, 10 ms late: the lag is found and taken out, the innovations are of one
    sigma, between epochs as at them."""
    made = simulate("monaco", 1, laps=3, duration_s=100.0, imu="consumer", wheels=True)
    solution = run(made.recording, "filter")
    nis = solution.channels["innovation_wheels"].value ** 2
    assert 0.7 < np.nanmean(nis[solution.t_ns > made.truth.t_ns[0] + 30 * 10**9]) < 1.3
    lag = next(note for note in solution.provenance.notes if note.startswith("wheel speeds come"))
    assert 7 <= float(lag.split()[3]) <= 13


def test_smoothed_covariances_stay_positive_through_a_minute_without_satellites() -> None:
    """Between integers, where rounding would show: position, velocity and attitude."""
    made = simulate(
        "open", 2, laps=10, duration_s=130.0, rate_hz=1, imu="consumer", base_km=1.0, systems="GE",
        limits=Limits(speed_mps=15.0),
    )  # fmt: skip
    gnss = few_satellites(made.recording.streams["gnss"], ((45.0, 105.0, 0),), 2)
    solution = run(replace(made.recording, streams={**made.recording.streams, "gnss": gnss}), "smooth")
    for cov in (solution.cov_p_e_m2, solution.cov_v_e, solution.cov_att_n_rad2):
        least = np.linalg.eigvalsh(cov)[:, 0]
        assert (least > 1e-4 * np.median(least)).all()


@pytest.mark.slow
@pytest.mark.parametrize("course", ["open", "grid"])
@pytest.mark.parametrize("base", [None, 1.0])
@pytest.mark.parametrize("method", ["filter", "smooth"])
def test_many_seeds(course: str, base: float | None, method: str) -> None:
    """Twenty seeds: median NEES of their means within its band on the safe side, no wrong fixes beyond one in a
    thousand."""
    nees, wrong = [], []
    for seed in range(20):
        made, recording = drive(course, seed, base)
        solution = run(recording, method)
        t, error, n = errors(solution, made)
        nees.append(float(n[t > 30].mean()))
        fixed = (solution.status == FixStatus.FIXED) & (t > 30)
        wrong.append(float((np.hypot(error[:, 0], error[:, 1])[fixed] > 0.1).mean()) if fixed.any() else 0.0)
    assert 0.1 < np.median(nees) < 5.0
    assert np.mean(wrong) < 1e-3
