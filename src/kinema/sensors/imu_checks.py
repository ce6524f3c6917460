"""What is wrong with an inertial stream before it is used: units, dead axes, times in bursts, a reading that froze."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.core.recording import Issue
from kinema.core.time import iso_gps
from kinema.errors import DataError

_FROZEN_S = 0.5
_FROZEN_WHOLE_S = 10.0
_FROZEN_SAMPLES = 10
_GRAVITY_MPS2 = (6.0, 14.0)
_UNITS = (("g", 1 / 9.80665), ("mg", 1000 / 9.80665), ("cm/s²", 100.0), ("mm/s²", 1000.0))


def check_gravity(f_mps2: F64, span_s: float) -> None:
    """Refuse specific forces (n, 3) whose usual size is not about gravity, or that never change. Raises DataError."""
    if span_s > _FROZEN_WHOLE_S and not np.ptp(f_mps2, axis=0).any():
        raise DataError("imu", "a specific force that changes", "the same three numbers throughout")
    size = float(np.median(np.linalg.norm(f_mps2, axis=1)))
    if _GRAVITY_MPS2[0] < size < _GRAVITY_MPS2[1]:
        return
    for unit, factor in _UNITS:
        if _GRAVITY_MPS2[0] < size / factor < _GRAVITY_MPS2[1]:
            raise DataError(
                "imu", "a specific force of about 9.8 m/s²", f"{size:.4g}: it reads as {unit}; give the unit"
            )  # fmt: skip
    raise DataError("imu", "a specific force of about 9.8 m/s² (gravity)", f"{size:.4g}")


def dead_axes(f_mps2: F64, w_radps: F64, first_ns: int) -> list[Issue]:
    """Axes that never change, told."""
    dead = [f"accelerometer {a}" for a, size in zip("xyz", np.ptp(f_mps2, axis=0), strict=True) if size == 0.0]
    dead += [f"gyro {a}" for a, size in zip("xyz", np.ptp(w_radps, axis=0), strict=True) if size == 0.0]
    return [Issue("dead axis", len(dead), iso_gps(first_ns), "imu", ", ".join(dead))] if dead else []


def frozen(t_s: F64, values: F64) -> Bool:
    """Samples (n,) that repeat all of the one before, in runs of half a second and ten samples at least."""
    same = np.concatenate([[False], (np.diff(values, axis=0) == 0.0).all(axis=1)])
    if not same.any():
        return same
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    out = np.zeros(len(same), dtype=np.bool_)
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first >= _FROZEN_SAMPLES and t_s[last - 1] - t_s[first] >= _FROZEN_S:
            # the first of a row of zeros is no sample either
            out[first - int(not values[first].any()) : last] = True
    return out


def spread_bursts(t_s: F64) -> tuple[F64, int]:
    """Times of samples that were stamped when a packet of them came, evenly spread over it; samples per packet (0:
    they did not come in packets)."""
    step = np.diff(t_s)
    if len(step) < 10:
        return t_s, 0
    # gaps of hours are no packets: all but the longest steps count
    mean = float(np.sort(step)[: max(1, int(0.999 * len(step)))].mean())
    if len(step) < 10 or float(np.median(step)) > 0.2 * mean:
        return t_s, 0
    last = np.concatenate([np.flatnonzero(step > 0.5 * mean), [len(t_s) - 1]])
    size = round(float(np.median(np.diff(last)))) if len(last) > 1 else 0
    if size < 2:
        return t_s, 0
    k = np.arange(len(t_s), dtype=np.float64)
    inner = np.interp(k, last.astype(np.float64), t_s[last])
    early = k < last[0]
    inner[early] = t_s[last[0]] - (last[0] - k[early]) * mean
    return inner, size
