"""Inertial navigation fed piece by piece: the same as offline, whatever comes late or not at all, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import kinema
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import Imu, Series
from kinema.estimate.inertial_live import LiveInertial
from kinema.estimate.live_state import LiveState
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import Motion, drive_around

ANTENNA = (0.6, 0.0, -1.4)


@cache
def drive() -> Motion:
    stops = ((400.0, 8.0),)
    return drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=1, duration_s=100.0, stops=stops, wait_s=6.0)


@cache
def recording(grade: str = "consumer") -> Recording:
    """A clock that drifts, so that the calibration changes on the way, and wheels."""
    out, _ = inertial_recording(
        drive(), grade=grade, seed=3, rpy_bs_rad=(0.1, -0.1, 0.7), late_s=0.03, drift=4e-4, wheels=True
    )
    return out


@cache
def offline() -> Solution:
    solution: Solution = kinema.solve(recording(), method="filter")
    return solution


def fed(live: LiveInertial, stream: Iterable[dict[str, Any]]) -> list[LiveState]:
    """What `last()` was whenever it moved."""
    out = []
    for piece in stream:
        if live.feed(**piece):
            last = live.last()
            assert last is not None
            out.append(last)
    return out


def assert_same(one: LiveState, solution: Solution) -> None:
    """The offline epoch of that time, to a tenth of a millimetre and a thousandth of the covariance."""
    k = int(np.argmin(np.abs(solution.t_ns - one.t_ns)))
    assert abs(int(solution.t_ns[k]) - one.t_ns) < 1000
    np.testing.assert_allclose(one.p_e_m, solution.p_e_m[k], rtol=0, atol=1e-4)
    np.testing.assert_allclose(one.v_e_mps, solution.v_e_mps[k], rtol=0, atol=1e-4)
    np.testing.assert_allclose(one.q_nb_wxyz, solution.q_nb_wxyz[k], rtol=0, atol=1e-6)
    for name in ("cov_p_e_m2", "cov_v_e", "cov_att_n_rad2"):
        stated = getattr(solution, name)[k]
        np.testing.assert_allclose(getattr(one, name), stated, rtol=0, atol=1e-3 * np.trace(stated))


@pytest.mark.parametrize("every_s", [0.03, 0.5])
def test_live_is_offline(every_s: float) -> None:
    """Every node that live ends on is the offline filter's: position, velocity, attitude, covariances."""
    live = LiveInertial()
    said = fed(live, kinema.pieces(recording(), every_s))
    assert len(said) > 100
    for one in said[::7]:
        assert_same(one, offline())
    assert (live.too_late, live.restarts, live.refused) == (0, 0, 0)


def test_what_comes_late_and_shuffled_counts_as_if_in_time() -> None:
    """Fixes 2 s late, in the wrong order, some twice, wheels 0.3 s late: once all is there it is offline's state."""
    pieces = list(kinema.pieces(recording(), 0.1, {"fixes": 2.0, "wheels": 0.3}))
    for k in range(0, len(pieces) - 12, 12):
        a, b = pieces[k], pieces[k + 10]
        a["fixes"], b["fixes"] = b["fixes"], a["fixes"]
        pieces[k + 11]["fixes"] = b["fixes"] if len(b["fixes"]) else pieces[k + 11]["fixes"]
    live = LiveInertial()
    fed(live, pieces)
    last = live.last()
    assert last is not None
    assert_same(last, offline())
    assert live.too_late == 0


def test_what_is_too_late_is_left_out_and_counted() -> None:
    live = LiveInertial(late_s=1.0)
    fed(live, kinema.pieces(recording(), 0.1, {"fixes": 2.0}))
    assert live.too_late > 100


def test_now_is_at_the_newest_sample_and_its_covariance_holds() -> None:
    """Steering: at each sample, half a second after the last fix at worst, within centimetres, NEES about 3."""
    live, nees, errors = LiveInertial(), [], []
    for piece in kinema.pieces(recording(), 0.02, {"fixes": 0.25}):
        live.feed(**piece)
        now = live.now()
        if now is None or not len(piece["imu"].t_ns):
            continue
        assert live._mark is not None
        newest = live._mark.calibration.gps_time((piece["imu"].t_ns[-1:] - live._t0_ns) * 1e-9)[0]
        assert abs((now.t_ns - live._t0_ns) * 1e-9 - newest) < 1e-4
        assert now.predicted_s < 0.16
        error = now.p_e_m - drive().sample(np.array([now.t_ns]), ANTENNA).p_e_m[0]
        nees.append(error @ np.linalg.solve(now.cov_p_e_m2, error))
        errors.append(np.linalg.norm(error))
    assert len(nees) > 2000
    assert np.mean(nees) < 6.0
    assert np.quantile(errors[500:], 0.95) < 0.08


def test_the_lag_takes_a_third_of_the_error_and_its_covariance_holds() -> None:
    """Two seconds: the point of then is nearly the fixed-interval smoother's."""
    live = LiveInertial(lag_s=2.0)
    errors: dict[str, list[float]] = {"causal": [], "lag": []}
    nees = []
    for k, piece in enumerate(kinema.pieces(recording(), 0.1)):
        live.feed(**piece)
        smoothed, last = (live.smoothed(), live.last()) if k % 5 == 0 else (None, None)
        if smoothed is None or last is None:
            continue
        assert last.t_ns - smoothed.t_ns == pytest.approx(2e9, abs=0.1e9)
        for name, one in (("causal", last), ("lag", smoothed)):
            error = one.p_e_m - drive().sample(np.array([one.t_ns]), ANTENNA).p_e_m[0]
            errors[name].append(float(error @ error))
        nees.append(error @ np.linalg.solve(smoothed.cov_p_e_m2, error))
    rms = {name: float(np.sqrt(np.mean(values[20:]))) for name, values in errors.items()}
    assert rms["lag"] < 0.67 * rms["causal"]
    assert np.mean(nees[20:]) < 6.0
    whole = kinema.solve(recording(), method="smooth")
    truth = drive().sample(whole.t_ns, ANTENNA).p_e_m
    assert rms["lag"] < 1.5 * np.sqrt(((whole.p_e_m - truth) ** 2).sum(axis=1).mean())


def cut(stream: Recording, gap_s: tuple[float, float], freeze: bool = False) -> Recording:
    """Without the inertial samples of an interval, or with the first of them repeated throughout."""
    imu: Imu = stream.streams["imu"]
    t = (imu.t_ns - imu.t_ns[0]) * 1e-9
    inside = (t > gap_s[0]) & (t < gap_s[1])
    f, w = imu.f_ib_s_mps2.copy(), imu.w_ib_s_radps.copy()
    if freeze:
        first = int(np.argmax(inside))
        f[inside], w[inside] = f[first], w[first]
        inside[:] = False
    keep = ~inside
    return replace(stream, streams={**stream.streams, "imu": Imu(imu.t_ns[keep], f[keep], w[keep])})


@pytest.mark.parametrize("freeze", [False, True])
def test_a_gap_and_a_frozen_sensor_are_what_they_are_offline(freeze: bool) -> None:
    """Three seconds without samples, or with one that repeats itself, which is known only half a second later."""
    damaged = cut(recording(), (70.0, 73.0), freeze)
    live = LiveInertial()
    fed(live, kinema.pieces(damaged, 0.05))
    last = live.last()
    assert last is not None
    assert_same(last, kinema.solve(damaged, method="filter"))
    assert live.restarts == 0


def moved(stream: Recording, by_s: float) -> Recording:
    """The same later."""
    by = round(by_s * 1e9)
    imu, fixes, wheels = (stream.streams[role] for role in ("imu", "fixes", "wheels"))
    streams = {
        "imu": Imu(imu.t_ns + by, imu.f_ib_s_mps2, imu.w_ib_s_radps), "fixes": replace(fixes, t_ns=fixes.t_ns + by),
        "wheels": Series(wheels.t_ns + by, wheels.value, wheels.unit),
    }  # fmt: skip
    return replace(stream, streams=streams)


@pytest.mark.parametrize("by_s", [600.0, -3600.0])
def test_after_minutes_of_silence_or_a_clock_set_back_it_begins_anew(by_s: float) -> None:
    """Ten minutes in a garage without power, a clock set back by an hour: aligned again as the first time."""
    live = LiveInertial()
    fed(live, kinema.pieces(recording(), 0.1))
    again = moved(recording(), by_s)
    said = fed(live, kinema.pieces(again, 0.1))
    assert live.restarts == 1
    assert len(said) > 300
    truth = drive().sample(np.array([said[-1].t_ns - round(by_s * 1e9)]), ANTENNA).p_e_m[0]
    assert np.linalg.norm(said[-1].p_e_m - truth) < 0.1


def test_one_damaged_time_is_not_a_new_clock() -> None:
    """A sample a day ahead between two good ones is left out."""
    imu: Imu = recording().streams["imu"]
    live = LiveInertial()
    for k, piece in enumerate(kinema.pieces(recording(), 0.1)):
        if k == 600:
            live.feed(imu=Imu(piece["imu"].t_ns[:1] + 86_400 * 10**9, imu.f_ib_s_mps2[:1], imu.w_ib_s_radps[:1]))
        live.feed(**piece)
    last = live.last()
    assert last is not None
    assert_same(last, offline())
    assert live.restarts == 0
    assert live.refused == 1


def test_without_fixes_it_goes_on_dead_reckoned() -> None:
    """Twenty seconds without a fix: the status says so, the covariance grows and holds the error."""
    stream = recording()
    fixes: Solution = stream.streams["fixes"]
    end = int(fixes.t_ns[-1]) - 20 * 10**9
    live = LiveInertial()
    fed(live, kinema.pieces(replace(stream, streams={**stream.streams, "fixes": fixes.select(fixes.t_ns < end)}), 0.1))
    last = live.last()
    assert last is not None
    assert last.status == FixStatus.DEAD_RECKONED
    error = last.p_e_m - drive().sample(np.array([last.t_ns]), ANTENNA).p_e_m[0]
    sigma = float(np.sqrt(np.trace(last.cov_p_e_m2)))
    assert 0.1 < sigma < 20.0
    assert np.linalg.norm(error) < 3.5 * sigma


def test_memory_is_bounded() -> None:
    """However long it runs, the samples of the last seconds are kept; ten minutes of them before it has moved."""
    live = LiveInertial()
    fed(live, kinema.pieces(recording(), 0.1))
    assert len(live._imu) < 1000
    assert len(live._marks) < 30
    waits = LiveInertial()
    imu: Imu = recording().streams["imu"]
    fix = recording().streams["fixes"].select(slice(0, 1))
    f: NDArray[np.float64] = np.tile(imu.f_ib_s_mps2[:100], (60, 1))
    w: NDArray[np.float64] = np.tile(imu.w_ib_s_radps[:100], (60, 1))
    for minute in range(13):
        t_ns = imu.t_ns[0] + (minute * 6000 + np.arange(6000)) * 10**7
        waits.feed(imu=Imu(t_ns, f, w), fixes=replace(fix, t_ns=t_ns[-1:]))
    assert waits.last() is None
    assert len(waits._imu) < 62_000
