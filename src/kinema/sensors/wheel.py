"""Wheel speeds as measurements: one speed of the rear axle's centre, and what is wrong with the wheels."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.core.streams import Series, used_mask
from kinema.errors import DataError

_REAR = ("rl", "rr", "rear_left", "rear_right", "left_rear", "right_rear")


def wheel_speed(stream: Any, masks: tuple[tuple[int, int], ...], t0_ns: int) -> tuple[F64, F64] | None:
    """Seconds since t0_ns (m,) and the speed (m,) in m/s of the rear axle's centre; None without wheels.

    Of four wheels the rear two count: they do not steer. One that stands still while the others turn, or that says
    the same number throughout, is left out. Raises DataError for a unit that is no speed.
    """
    if stream is None:
        return None
    if not isinstance(stream, Series):
        raise DataError("stream 'wheels'", "Series", type(stream).__name__)
    if stream.unit != "m/s":
        raise DataError("wheels", "a speed in m/s", f"unit '{stream.unit}'")
    keep = used_mask(stream.t_ns, masks)
    value = stream.value[keep]
    wheels = value.reshape(len(value), -1)
    if stream.columns:
        rear = [k for k, name in enumerate(stream.columns) if name.lower() in _REAR]
        wheels = wheels[:, rear] if rear else wheels
    elif wheels.shape[1] == 4:
        wheels = wheels[:, 2:]
    good = alive(wheels.T)
    if not good.any():
        return None
    wheels = wheels[:, good]
    speed = wheels.mean(axis=1)
    if wheels.shape[1] > 1:
        spread = np.abs(wheels - np.median(wheels, axis=1, keepdims=True)).max(axis=1)
        speed = np.where(spread > 1.0 + 0.1 * np.abs(speed), np.nan, speed)
    return (stream.t_ns[keep] - t0_ns).astype(np.float64) * 1e-9, speed


def alive(wheels: F64) -> F64:
    """Which wheels (k, m) change as the others do: True (k,). A single wheel that never changes is not alive."""
    spread = np.nanstd(wheels, axis=1) if wheels.size else np.zeros(len(wheels))
    return np.asarray(spread > 0.05 * max(float(spread.max(initial=0.0)), 1e-6))
