"""Time offset between inertial clock and fixes, and the scale and sign of the rate, from turning alone.

The vertical rate of the sensor and the course's rate by the fixes are the same thing on two clocks: the lag at which
they agree best is the offset, and the slope between them then tells degrees from radians and a mirrored axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.errors import DataError
from kinema.sensors.fix import HAS_VELOCITY, FixRows
from kinema.sensors.imu_signal import ImuSignal

_GRID_S = 0.05
REACH_S = 25.0
FAR_S = 40.0
"""As far as TAI is from UTC."""
_MIN_SPEED_MPS = 1.5
_MIN_TURN_RAD = 0.7
_BIAS_RADPS = 0.02
_NEAR_S = 2.5
_FOUND = 0.75
_SURE, _CLEARLY = 0.85, 0.1
"""An offset of many seconds is believed where turning agrees so well, and that much better than at a small one: with
few turns some agree by chance."""


@dataclass(frozen=True)
class TimeOffset:
    """t_gps = t_imu + td_s + drift · t_imu, with sigmas; correlation at the best lag; slope of IMU rate over course
    rate (1 where units and signs are right). Not `found`: too little turning, and the numbers are the first guess."""

    td_s: float = 0.0
    sigma_s: float = 0.3
    drift: float = 0.0
    drift_sigma: float = 3e-4
    correlation: float = 0.0
    slope: float = 1.0
    found: bool = False


def fix_velocities_n(fixes: FixRows) -> tuple[F64, F64]:
    """Times (m,) and horizontal velocity (m, 2) north, east: measured, or from neighbouring positions."""
    known = (fixes.has & HAS_VELOCITY).astype(bool)
    if known.mean() > 0.4:
        c = c_ne(*geodetic_from_ecef(fixes.rows[known, 0:3])[:2])
        return fixes.t_s[known], np.einsum("nij,nj->ni", c, fixes.rows[known, 12:15])[:, :2]
    p = fixes.rows[:, 0:3]
    dt = np.diff(fixes.t_s)
    near = dt < 2.5
    v_e = np.diff(p, axis=0)[near] / dt[near, None]
    c = c_ne(*geodetic_from_ecef(p[1:][near])[:2])
    return (0.5 * (fixes.t_s[1:] + fixes.t_s[:-1]))[near], np.einsum("nij,nj->ni", c, v_e)[:, :2]


def course_rates(fixes: FixRows) -> tuple[F64, F64, F64, F64]:
    """Intervals in which the course turned: begin, end (m,), turn in rad (clockwise positive) and its sigma.

    Only between fixes at most 1.5 s apart, both moving; reversing turns the course by half a circle and is left out.
    """
    t, v = fix_velocities_n(fixes)
    speed = np.hypot(v[:, 0], v[:, 1])
    course = np.arctan2(v[:, 1], v[:, 0])
    turn = np.angle(np.exp(1j * np.diff(course)))
    good = (speed[1:] > _MIN_SPEED_MPS) & (speed[:-1] > _MIN_SPEED_MPS) & (np.diff(t) < 1.5) & (np.abs(turn) < 1.2)
    noise = 0.1 / np.maximum(np.minimum(speed[1:], speed[:-1]), 0.1)
    return t[:-1][good], t[1:][good], turn[good], noise[good]


def up_rate(signal: ImuSignal) -> tuple[F64, F64]:
    """Running integral of the rate about the vertical, clockwise positive, at the sample times.

    The vertical is the mean specific force of the ten seconds around: good to a few degrees on a vehicle.
    """
    n = max(1, round(10.0 / signal.step_s))
    cum = np.concatenate([np.zeros((1, 3)), np.cumsum(signal.f_mps2, axis=0)])
    k = np.arange(len(signal.t_s))
    first, last = np.maximum(k - n // 2, 0), np.minimum(k + n // 2 + 1, len(k))
    up = cum[last] - cum[first]
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
    w = -np.einsum("ij,ij->i", signal.w_radps, up)
    w = np.where(signal.gap, 0.0, w)
    rest = w[signal.gyro_level <= np.quantile(signal.gyro_level, 0.1)]
    level = float(np.median(rest)) if len(rest) else 0.0
    if abs(level) < 3.0 * _BIAS_RADPS:  # a steady bend is as quiet as rest
        w = w - level
    turned = np.concatenate([[0.0], np.cumsum(0.5 * (w[1:] + w[:-1]) * np.diff(signal.t_s))])
    return signal.t_s, turned


def find_time_offset(signal: ImuSignal, fixes: FixRows, reach_s: float = FAR_S) -> TimeOffset:
    """Offset and drift of the IMU's clock against the fixes' by their turning."""
    begin, end, turn, noise = course_rates(fixes)
    total = float(np.abs(turn[np.abs(turn) > 2 * noise]).sum()) if len(turn) else 0.0
    if len(turn) < 8 or total < _MIN_TURN_RAD:
        return TimeOffset()
    t, turned = up_rate(signal)
    weight = 1.0 / (noise**2 + 0.02**2)
    near = np.arange(-_NEAR_S, _NEAR_S + _GRID_S / 2, _GRID_S)
    best, score = _search(t, turned, begin, end, turn, weight, near)
    if abs(score) < _SURE and reach_s > _NEAR_S:
        far = np.arange(-reach_s, reach_s + _GRID_S / 2, _GRID_S)
        there, better = _search(t, turned, begin, end, turn, weight, far)
        if abs(better) > max(_SURE, abs(score) + _CLEARLY):
            best, score = there, better
    fine, score = _search(t, turned, begin, end, turn, weight, best + np.arange(-0.1, 0.1001, 0.005))
    weight = np.where((begin - fine >= t[0]) & (end - fine <= t[-1]), weight, 0.0)
    imu_turn = np.interp(end - fine, t, turned) - np.interp(begin - fine, t, turned)
    imu_turn = _unbiased(imu_turn, turn, end - begin, weight)
    # the gyro is the quieter of the two: the course is fitted to it
    common = float((weight * imu_turn * turn).sum())
    slope = float((weight * imu_turn * imu_turn).sum() / common) if common else 1.0
    if abs(score) < _FOUND:
        return TimeOffset(correlation=score, slope=slope)
    drift, sigma, drift_sigma = _drift(t, turned, begin, end, turn, weight, fine, slope)
    middle = 0.5 * (begin[0] + end[-1])
    return TimeOffset(fine - drift * middle, sigma, drift, drift_sigma, score, slope, True)


def wide_offset(signal: ImuSignal, fixes: FixRows) -> tuple[float, float, float]:
    """The offset (s) between two clocks that have nothing to do with each other: lag (t_gps − t_imu) of the largest
    correlation of both rates of turning over all lags at which a third of them meets, that correlation, and the
    largest more than five seconds from it. By Fourier transform, on a grid of a tenth of a second."""
    step = 2 * _GRID_S
    begin, end, turn, _ = course_rates(fixes)
    if len(turn) < 8 or float(np.abs(turn).sum()) < _MIN_TURN_RAD:
        return 0.0, 0.0, 0.0
    t, turned = up_rate(signal)
    grid = np.arange(t[0], t[-1], step)
    a = np.diff(np.interp(grid, t, turned)) / step
    first = float(begin[0])
    course = np.arange(first, end[-1], step)
    which = np.clip(np.searchsorted(begin, course, side="right") - 1, 0, len(begin) - 1)
    known = course < end[which]
    b = np.where(known, turn[which] / (end - begin)[which], 0.0)
    size = 1 << int(np.ceil(np.log2(len(a) + len(b))))

    def correlated(x: F64, y: F64) -> F64:
        return np.asarray(np.fft.irfft(np.fft.rfft(y, size) * np.conj(np.fft.rfft(x, size)), size))

    one, there = np.ones(len(a)), known.astype(np.float64)
    meet = correlated(one, there)
    power = np.maximum(correlated(a**2, there), 0.0) * np.maximum(correlated(one, b**2), 0.0)
    share = np.maximum(meet, 0.0) / max(float(there.sum()), 1.0)
    enough = (share > 0.3) & (power > 1e-3 * power.max())
    score = np.where(enough, correlated(a, b) / np.sqrt(np.maximum(power, 1e-30)) * np.sqrt(share), 0.0)
    k = int(np.argmax(np.abs(score)))
    apart = np.abs((np.arange(size) - k + size // 2) % size - size // 2) * step
    lag = (k if k < len(b) else k - size) * step + first - float(grid[0])
    return lag, float(score[k]), float(np.abs(score[apart > 2 * _NEAR_S]).max(initial=0.0))


def _search(t: F64, turned: F64, begin: F64, end: F64, turn: F64, weight: F64, lags: F64) -> tuple[float, float]:
    """The lag (t_gps − t_imu) of the largest absolute correlation, refined by a parabola, and the correlation."""
    scores = np.zeros(len(lags))
    for k, lag in enumerate(lags):
        a = np.interp(end - lag, t, turned) - np.interp(begin - lag, t, turned)
        inside = (begin - lag >= t[0]) & (end - lag <= t[-1])
        w = weight * inside
        a = _unbiased(a, turn, end - begin, w)
        norm = (w * a * a).sum() * (w * turn * turn).sum()
        share = inside.mean() if np.abs(turn[inside]).sum() > _MIN_TURN_RAD else 0.0
        scores[k] = (w * a * turn).sum() / np.sqrt(norm) * np.sqrt(share) if norm > 0 and share > 0.3 else 0.0
    k = int(np.argmax(np.abs(scores)))
    lag = float(lags[k])
    if 0 < k < len(lags) - 1:
        a, b, c = np.abs(scores[k - 1 : k + 2])
        bend = a - 2 * b + c
        if bend < 0:
            lag += float(0.5 * (a - c) / bend * (lags[1] - lags[0]))
    return lag, float(scores[k])


def _unbiased(a: F64, turn: F64, span_s: F64, weight: F64) -> F64:
    """Turns (m,) of the gyro less what a steady bias adds to them, which is fitted beside the course's turns.

    What is quiet need not be at rest: a car that starts in a long bend is as quiet as one that stands.
    """
    wt = weight * turn
    tt, ts, ss = float((wt * turn).sum()), float((wt * span_s).sum()), float((weight * span_s * span_s).sum())
    ta, sa = float((wt * a).sum()), float((weight * span_s * a).sum())
    # in little of a bend a bias would do for much of the turning: it is no larger than gyros' biases are
    ss += 1.0 / _BIAS_RADPS**2
    det = tt * ss - ts * ts
    # a steady circle alone tells nothing of the bias
    return a if det <= 0.01 * tt * ss else a - (tt * sa - ts * ta) / det * span_s


def _drift(
    t: F64, turned: F64, begin: F64, end: F64, turn: F64, weight: F64, td: float, slope: float
) -> tuple[float, float, float]:
    """Drift about the middle, sigma of the offset and of the drift, by one weighted linear fit of what is left.

    The turn within an interval grows with the lag by the difference of the rates at its ends.
    """
    h = 0.02
    a = np.interp(end - td, t, turned) - np.interp(begin - td, t, turned)
    later = np.interp(end - td - h, t, turned) - np.interp(begin - td - h, t, turned)
    earlier = np.interp(end - td + h, t, turned) - np.interp(begin - td + h, t, turned)
    per_lag = (later - earlier) / (2 * h) / slope
    middle = 0.5 * (begin[0] + end[-1])
    tau = 0.5 * (begin + end) - middle
    rows = np.stack([per_lag, per_lag * tau, np.ones_like(tau) * (end - begin)], axis=1)
    left = turn - a / slope
    w = weight.copy()
    prior = np.diag([1 / 0.3**2, 1 / 1e-3**2, 1 / 0.05**2])
    solution = np.zeros(3)
    for _ in range(3):
        normal = rows.T @ (w[:, None] * rows) + prior
        solution = np.linalg.solve(normal, rows.T @ (w * left))
        error = left - rows @ solution
        scale = 1.5 * np.median(np.abs(error) * np.sqrt(weight)) + 1e-9
        w = weight * np.minimum(1.0, 2.0 * scale / (np.abs(error) * np.sqrt(weight) + 1e-12))
    cov = np.linalg.inv(normal) * max(1.0, float((w * error**2).mean()))
    return float(solution[1]), float(np.sqrt(cov[0, 0])), float(np.sqrt(cov[1, 1]))


def check_rate(offset: TimeOffset, source: str = "imu") -> None:
    """Refuse units or axes that the course contradicts. Raises DataError with the evidence."""
    if not offset.found or abs(offset.correlation) < 0.8:
        return
    if offset.slope < 0:
        raise DataError(
            source, "rate and specific force of one right-handed frame",
            f"turns to the wrong side (correlation with the course {offset.correlation:.2f}): an axis is mirrored",
        )  # fmt: skip
    for factor, what in ((180 / np.pi, "degrees as radians"), (np.pi / 180, "radians as degrees")):
        if 0.6 < offset.slope / factor < 1.6:
            raise DataError(
                source, "a rate that turns as the course does",
                f"{offset.slope:.3g} times its turning: the gyro's unit reads {what}",
            )  # fmt: skip
    if not 0.7 < offset.slope < 1.4:
        raise DataError(source, "a rate that turns as the course does", f"{offset.slope:.3g} times its turning")
