"""Faults of single inertial samples and axes: spikes, stops, an axis that repeats itself while the others move."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, Bool

AXES = tuple(f"{sensor} {axis}" for sensor in ("gyro", "accelerometer") for axis in "xyz")
"""The six axes, in the order of noise densities."""
_SPIKE_SAMPLES = 3
_SPIKE_FLOORS = (20.0, 2.0)
"""m/s² and rad/s beyond what the axis does otherwise: less may be a hole in the road."""
_SPIKE_TIMES = 12.0
_STUCK_S, _STUCK_SAMPLES, _STUCK_SHARE = 1.0, 30, 0.1
_STOP_SAMPLES, _STOP_TIMES, _STOP_FAR = 10, 5.0, 3.0


def spikes(f_mps2: F64, w_radps: F64) -> Bool:
    """Samples (n,) of which an axis lies, for at most three of them, far from both neighbours and from all that it
    ever does: a bit that fell over, not a motion."""
    out = np.zeros(len(f_mps2), dtype=np.bool_)
    for values, floor in ((f_mps2, _SPIKE_FLOORS[0]), (w_radps, _SPIKE_FLOORS[1])):
        for axis in np.ascontiguousarray(values.T):
            if np.ptp(axis) < floor:
                continue
            off = np.abs(axis - np.median(axis))
            if off.max() < floor:
                continue
            far = off > floor + _SPIKE_TIMES * float(np.quantile(off, 0.98))
            if not far.any():
                continue
            edges = np.flatnonzero(np.diff(np.concatenate([[0], far.astype(np.int8), [0]])))
            for first, last in zip(edges[::2], edges[1::2], strict=True):
                if last - first <= _SPIKE_SAMPLES:
                    out[first:last] = True
    return out


def stuck_axes(t_s: F64, values: F64) -> Bool:
    """Where each of the axes (n, 6) repeats itself to the last digit for a second or more while two others move as
    they usually do, or never changes at all (n, 6)."""
    step = np.diff(values, axis=0)
    usual = (step**2).mean(axis=0)
    out = np.zeros(values.shape, dtype=np.bool_)
    still = np.ascontiguousarray((step == 0.0).T)
    for k in range(values.shape[1]):
        same = np.concatenate([[False], still[k]])
        if same[1:].all():
            out[:, k] = True
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
        runs = edges.reshape(-1, 2)
        for first, last in runs[np.diff(runs, axis=1)[:, 0] >= _STUCK_SAMPLES]:
            inside = (step[first - 1 : last - 1] ** 2).mean(axis=0)
            moving = (inside > _STUCK_SHARE * usual) & (usual > 0.0)
            if t_s[last - 1] - t_s[first - 1] >= _STUCK_S and moving.sum() >= 2:
                out[first:last, k] = True
    return out


def at_stop(values: F64) -> Bool:
    """Where each axis (n, k) stays at exactly its extreme for three samples or more, and many more of its samples lie
    at that extreme than at the values beside it: what a sensor clips piles up there (n, k)."""
    out = np.zeros(values.shape, dtype=np.bool_)
    for k, axis in enumerate(np.ascontiguousarray(values.T)):
        low, high = float(axis.min()), float(axis.max())
        # medians cost time: most axes have too few samples at either end to need them
        near = 2e-9 * (high - low)
        if max(int((axis >= high - near).sum()), int((axis <= low + near).sum())) < _STOP_SAMPLES:
            continue
        middle = float(np.median(axis))
        spread = float(np.median(np.abs(axis - middle)))
        for side in (axis - middle, middle - axis):
            top = float(side.max())
            at = side >= top - 1e-9 * abs(top)
            count = int(at.sum())
            if count < _STOP_SAMPLES or top < _STOP_FAR * spread or count == len(side):
                continue
            step = top - float(side[~at].max())
            beside = int((side >= top - 10.5 * step).sum()) - count
            if count < _STOP_TIMES * max(beside / 10.0, 1.0):
                continue
            inner = at[1:-1] & at[:-2] & at[2:]
            for shift in (slice(1, -1), slice(None, -2), slice(2, None)):
                out[shift, k] |= inner
    return out
