"""Wheel speeds as measurements: one speed of the rear axle's centre, and what is wrong with the wheels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.core.recording import Issue
from kinema.core.streams import Series, used_mask
from kinema.core.time import iso_gps
from kinema.errors import DataError

STUCK_S = 5.0
FINE_MPS = 0.03
"""A speed told in finer steps than that never stays the same for STUCK_S by itself; one in coarser steps may."""
FALLEN_MPS2 = 25.0
"""No vehicle brakes harder."""
_REAR = ("rl", "rr", "rear_left", "rear_right", "left_rear", "right_rear")


@dataclass(frozen=True)
class WheelHabits:
    """What a longer look at wheels told: which of those that count are alive (k,), and for how long a speed must stay
    the same to the last digit to be stuck."""

    good: Bool
    stuck_s: float


def wheel_habits(stream: Series) -> WheelHabits:
    """What a stretch of wheels tells of all of them."""
    wheels = _rear(stream, np.ones(len(stream.t_ns), dtype=np.bool_))
    good = np.asarray(alive(wheels.T), dtype=np.bool_)
    return WheelHabits(good, _stuck_after(wheels[:, good].mean(axis=1) if good.any() else np.zeros(0)))


def wheel_speed(
    stream: Any, masks: tuple[tuple[int, int], ...], t0_ns: int, habits: WheelHabits | None = None
) -> tuple[F64, F64] | None:
    """Seconds since t0_ns (m,) and the speed (m,) in m/s of the rear axle's centre; None without wheels.

    Of four wheels the rear two count: they do not steer. One that stands still while the others turn, or that says
    the same number throughout, is left out. habits: what is known of the stream of which this is a piece. Raises
    DataError for a unit that is no speed.
    """
    if stream is None:
        return None
    if not isinstance(stream, Series):
        raise DataError("stream 'wheels'", "Series", type(stream).__name__)
    if stream.unit != "m/s":
        raise DataError("wheels", "a speed in m/s", f"unit '{stream.unit}'")
    keep = used_mask(stream.t_ns, masks)
    wheels = _rear(stream, keep)
    good = alive(wheels.T) if habits is None else habits.good
    if not good.any() and habits is None:
        # better the wheels that steer than none
        wheels = stream.value[keep].reshape(len(wheels), -1)
        good = alive(wheels.T)
    if not good.any():
        return None
    wheels = wheels[:, good]
    speed = wheels.mean(axis=1)
    if wheels.shape[1] > 1:
        spread = np.abs(wheels - np.median(wheels, axis=1, keepdims=True)).max(axis=1)
        speed = np.where(spread > 1.0 + 0.1 * np.abs(speed), np.nan, speed)
    t = (stream.t_ns[keep] - t0_ns).astype(np.float64) * 1e-9
    still = stuck(t, speed, None if habits is None else habits.stuck_s)
    return t, np.where(still | fallen(t, speed), np.nan, speed)


def _rear(stream: Series, keep: Bool) -> F64:
    """The wheels (n, k) that count."""
    value = stream.value[keep]
    wheels = value.reshape(len(value), -1)
    if stream.columns:
        rear = [k for k, name in enumerate(stream.columns) if name.lower() in _REAR]
        return wheels[:, rear] if rear else wheels
    return wheels[:, 2:] if wheels.shape[1] == 4 else wheels


def _stuck_after(speed: F64) -> float:
    """Seconds for which a speed (m,) must stay the same to be stuck, by its finest steps."""
    steps = np.abs(np.diff(speed))
    steps = steps[steps > 1e-9]
    return STUCK_S * max(1.0, float(np.quantile(steps, 0.1)) / FINE_MPS) if len(steps) else STUCK_S


def stuck(t_s: F64, speed: F64, least_s: float | None = None) -> Bool:
    """Where a speed (m,) other than zero is the same to the last digit for STUCK_S and ten samples (m,).

    Of coarse steps (ticks counted for 20 ms, whole km/h) it must be so for as many times longer as they are coarser.
    """
    least_s = _stuck_after(speed) if least_s is None else least_s
    same = np.concatenate([[False], (np.diff(speed) == 0.0) & (np.abs(speed[1:]) > 0.1)])
    out = np.zeros(len(speed), dtype=np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first >= 10 and t_s[last - 1] - t_s[first] >= least_s:
            out[first:last] = True
    return out


def fallen(t_s: F64, speed: F64) -> Bool:
    """Where a speed (m,) is zero that falls to it, or rises from it, faster than FALLEN_MPS2: no vehicle stops so, but
    sensors, messages and locked wheels do (m,)."""
    zero = np.abs(speed) < 0.05
    out = np.zeros(len(speed), dtype=np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], zero.astype(np.int8), [0]])))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        for k, inner in ((first - 1, first), (last, last - 1)):
            if 0 <= k < len(speed) and abs(speed[k]) > FALLEN_MPS2 * max(abs(t_s[inner] - t_s[k]), 0.1):
                out[first:last] = True
    return out


def wheel_issues(stream: Any, speed: F64 | None, t_s: F64 | None) -> list[Issue]:
    """What of a wheel stream was left out, told; speed (m,) at t_s: what wheel_speed gave, None where it gave none."""
    if not isinstance(stream, Series) or not len(stream.t_ns):
        return []
    where = iso_gps(int(stream.t_ns[0]))
    if speed is None or t_s is None:
        return [Issue("left out", 1, where, "wheels", "their speed never changes")]
    out = []
    living = alive(stream.value.reshape(len(stream.value), -1).T)
    dead = int(len(living) - living.sum())
    if dead:
        out.append(Issue("dead wheel", dead, where, "wheels", "unlike the others it does not change; left out"))
    lost = int((~np.isfinite(speed)).sum())
    if lost:
        share = f"{100 * lost / len(speed):.1f} % of the speeds stood still, disagreed or were none; left out"
        out.append(Issue("not usable", lost, where, "wheels", share))
    return out


def alive(wheels: F64) -> F64:
    """Which wheels (k, m) change as the others do: True (k,). A single wheel that never changes is not alive."""
    spread = np.nanstd(wheels, axis=1) if wheels.size else np.zeros(len(wheels))
    return np.asarray(spread > 0.05 * max(float(spread.max(initial=0.0)), 1e-6))
