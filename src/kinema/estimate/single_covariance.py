"""What errors that do not average out add to the covariance of a position."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64
from kinema.estimate import ionosphere
from kinema.estimate.single_params import Params
from kinema.estimate.single_rows import CODE, Rows

WINDOW_S = 120.0


def slow_covariance(rows: Rows, slow_m: F64, share: F64, params: Params) -> F64:
    """What slow errors of orbits, clocks and atmosphere do to a position (n, 3, 3), ECEF, beside what `inflation` has
    counted: they do not average out along a recording much longer than they last.

    The information of a single epoch, each system with its own clock and the codes as uncertain as their slow errors,
    averaged over the neighbouring WINDOW_S.
    """
    n, s = len(rows.t_s), len(rows.systems)
    lasting = 2 * params.systematic_correlation_s
    beyond = float(np.clip(1 - lasting / max(rows.t_s[-1], 1.0), 0.0, 1.0))
    used = np.flatnonzero((rows.sigma[:, CODE] > 0) & (slow_m > 0))
    cell = rows.epoch[used] * s + rows.system[used]
    w, unit = share[used] / slow_m[used] ** 2, rows.unit[used]
    total = np.bincount(cell, w, n * s)
    first = np.stack([np.bincount(cell, w * unit[:, a], n * s) for a in range(3)], axis=1)
    second = np.empty((n * s, 3, 3))
    for a in range(3):
        for b in range(a + 1):
            second[:, a, b] = second[:, b, a] = np.bincount(cell, w * unit[:, a] * unit[:, b], n * s)
    second -= first[:, :, None] * first[:, None, :] / np.maximum(total, 1e-12)[:, None, None]
    summed = np.concatenate([np.zeros((1, 3, 3)), np.cumsum(second.reshape(n, s, 3, 3).sum(axis=1), axis=0)])
    low = np.searchsorted(rows.t_s, rows.t_s - WINDOW_S)
    high = np.searchsorted(rows.t_s, rows.t_s + WINDOW_S, side="right")
    mean = (summed[high] - summed[low]) / (high - low)[:, None, None]
    return np.asarray(beyond * np.linalg.inv(mean + np.eye(3) * 1e-5))


def common_ionosphere(rows: Rows, sigma_m: F64, share: F64) -> F64:
    """What errors of the broadcast ionosphere that all satellites have in common do to a position (n, 3, 3), ECEF.

    On one frequency the model errs by a whole layer: its height above all, and its slopes to north and east. Each
    moves the position as its pattern over the sky tells; none of it averages out between satellites. Zero where most
    codes have a second frequency to measure the delay.
    """
    n, s = len(rows.t_s), len(rows.systems)
    used = np.flatnonzero((rows.sigma[:, CODE] > 0) & (share > 0) & (rows.group >= 0))
    alone = rows.group[used] % 2 == 0
    if not len(used) or alone.mean() < 0.5:
        return np.zeros((n, 3, 3))
    mapping = ionosphere.shell_mapping(rows.elevation_rad[used])
    north, east = ionosphere.pierce_offsets(rows.azimuth_rad[used], rows.elevation_rad[used])
    layer_m = float(np.median(rows.systematic_m[used] / mapping))
    patterns = np.stack([layer_m + 0 * north, ionosphere.GRADIENT_PRIOR_M * north, ionosphere.GRADIENT_PRIOR_M * east])
    patterns *= mapping * alone
    cell = rows.epoch[used] * s + rows.system[used]
    w = share[used] / sigma_m[used] ** 2
    total = np.maximum(np.bincount(cell, w, n * s), 1e-12)

    def centred(values: F64) -> F64:
        return np.asarray(values - (np.bincount(cell, w * values, n * s) / total)[cell])

    unit = np.stack([centred(rows.unit[used, a]) for a in range(3)], axis=1)
    errors = np.stack([centred(pattern) for pattern in patterns], axis=1)
    epoch = rows.epoch[used]
    normal, right = np.empty((n, 3, 3)), np.empty((n, 3, 3))
    for a in range(3):
        for b in range(3):
            normal[:, a, b] = np.bincount(epoch, w * unit[:, a] * unit[:, b], n)
            right[:, a, b] = np.bincount(epoch, w * unit[:, a] * errors[:, b], n)
    moved = np.linalg.solve(normal + np.eye(3) * 1e-3, right)
    return np.asarray(moved @ np.swapaxes(moved, 1, 2))
