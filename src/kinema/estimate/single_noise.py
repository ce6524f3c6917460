"""How noisy, how late and how lasting the errors of a block's measurements are, learnt from its residuals."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.estimate.single_params import Params
from kinema.estimate.single_rows import CARRIER, CODE, DOPPLER, Rows
from kinema.sensors import pseudorange

SLOW_S = 900.0
BLOCK_S = 30.0
LEAST_S = 2.0
"""Errors are taken to last for at least a second."""
SLOW_PRIOR = 4.0
FEW = 4.0
"""So many satellites' residuals may by chance look twice as quiet as they are."""
SAMPLE = 4_000
"""So many residuals are enough to learn a scale from."""
MOST_LESS_DOPPLER = 30.0
SCALE_PRIOR = 20.0
"""How many residuals the first guess of a signal's noise counts for."""


def inflation(rows: Rows, noise_m: F64, slow_m: F64, resid: F64, sigma: F64, params: Params) -> F64:
    """How much less a code and a Doppler tell than if their errors were new at each epoch (m, 2).

    Noise and multipath count as often as the residuals show (see `repeats`); slow errors of orbits and atmosphere last
    for systematic_correlation_s; none counts more often than there are epochs.
    """
    n = len(rows.t_s) if rows.linked else 1
    step = float(np.median(rows.dt_s[1:])) if n > 1 else 1.0
    repeats_slow = min(1 + 2 * params.systematic_correlation_s / step, n)
    total = noise_m**2 + slow_m**2
    factor = np.ones((len(noise_m), 2))
    for kind, longest_s in ((CODE, params.code_correlation_s), (DOPPLER, params.doppler_correlation_s)):
        most = min(1 + 2 * longest_s / step, n)
        factor[:, kind] = min(max(repeats(rows, resid, sigma, kind), 1 + LEAST_S / step), most) if most > 1 else 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        code = (noise_m**2 * factor[:, CODE] + slow_m**2 * repeats_slow) / total
    factor[:, CODE] = np.where(np.isfinite(code), code, 1.0)
    return factor


def repeats(rows: Rows, resid: F64, sigma: F64, kind: int) -> float:
    """How many times an error of a kind counts, learnt from its residuals: the variance of their means over blocks,
    satellite by satellite, against what new errors at each epoch would leave of it."""
    used = np.flatnonzero(sigma[:, kind] > 0)
    if len(used) < 30:
        return 1.0
    t_s = rows.t_s[rows.epoch[used]]
    step = float(np.median(rows.dt_s[1:]))
    block_s = min(max(BLOCK_S, 10 * step), max(rows.t_s[-1] / 4, step))
    u = np.clip(resid[used, kind] / sigma[used, kind], -3, 3)
    sat = rows.observations.sat[used].astype(np.int64)
    arc = _pieces(sat, t_s, SLOW_S)
    u = u - (np.bincount(arc, u) / np.maximum(np.bincount(arc), 1))[arc]
    piece = _pieces(sat, t_s, block_s)
    count = np.bincount(piece)
    long = count >= max(0.5 * count.max(), 1)
    blocks = float(np.mean((np.bincount(piece, u)[long]) ** 2 / count[long]))
    return blocks / max(float(np.mean(u * u)), 1e-12)


def _pieces(sat: I64, t_s: F64, length_s: float) -> I64:
    """A number for each satellite and stretch of time; not all numbers occur."""
    stretch = (t_s / length_s).astype(np.int64)
    return sat * (int(stretch.max(initial=0)) + 1) + stretch


def slow_part(rows: Rows, resid: F64, share: F64) -> F64:
    """Slow errors of the codes (m,): as assumed, scaled by what the residuals of each satellite keep over SLOW_S,
    system by system."""
    out = rows.systematic_m.copy()
    used = np.flatnonzero((rows.sigma[:, CODE] > 0) & (share > 0.5))
    if not len(used):
        return out
    piece = _pieces(rows.observations.sat[used].astype(np.int64), rows.t_s[rows.epoch[used]], SLOW_S)
    count = np.bincount(piece)
    seen = np.flatnonzero(count)
    system = np.zeros(len(count), dtype=np.int64)
    system[piece] = rows.system[used]
    count, system = count[seen], system[seen]
    mean = np.bincount(piece, resid[used, CODE])[seen] / count
    assumed = np.sqrt(np.bincount(piece, rows.systematic_m[used] ** 2)[seen] / count)
    long = count >= 0.5 * np.median(count)
    freedom = max(1 - (4.0 + len(rows.systems)) / max(len(used) / len(rows.t_s), 5.0), 0.3)
    square = np.minimum((mean / assumed) ** 2 / freedom, 16.0)
    every = float(np.mean(square[long]))
    for k in range(len(rows.systems)):
        mine = long & (system == k)
        found = (float(square[mine].sum()) + SLOW_PRIOR * every) / (mine.sum() + SLOW_PRIOR)
        trust = long.sum() / (long.sum() + SLOW_PRIOR)
        found *= 1.2 * (1 + FEW / max(int(mine.sum()), 1))
        out[rows.system == k] *= np.clip(np.sqrt(found) ** trust, 0.05, 4.0)
    return out


def spread_noise(rows: Rows, resid: F64, slow_m: F64) -> F64:
    """Noise (m,) of codes, reflections and all: the spread of the residuals by strength and by group of signals."""
    used = rows.sigma[:, CODE] > 0
    shape = pseudorange.elevation_shape(rows.elevation_rad)
    spread = pseudorange.spread_by_strength(resid[:, CODE], used, shape, rows.signals.cn0_dbhz[:, 0])
    noise = np.sqrt(np.maximum((spread * shape) ** 2 - slow_m**2, (0.15 * spread * shape) ** 2))
    return _by_group(rows, resid, noise, slow_m, used.astype(np.float64))


def direct_noise(rows: Rows, resid: F64, slow_m: F64, share: F64) -> F64:
    """Noise (m,) of direct codes: the assumed shape, scaled by each group's residuals, each counted by its share."""
    return _by_group(rows, resid, rows.noise_m, slow_m, share)


def _by_group(rows: Rows, resid: F64, noise_m: F64, slow_m: F64, share: F64) -> F64:
    """Noise scaled group by group so that half of the residuals lie within 0.67 sigma."""
    out = noise_m.copy()
    sample = np.flatnonzero(rows.sigma[:, CODE] > 0)
    sample = sample[:: max(1, len(sample) // SAMPLE)]
    group_of = rows.group[sample]
    for group in range(2 * len(rows.systems)):
        mine = sample[group_of == group]
        slow, counted = slow_m[mine], share[mine]
        if counted.sum() < 5:
            continue
        u = np.abs(resid[mine, CODE]) / np.hypot(noise_m[mine], slow)
        order = np.argsort(u)
        middle = int(np.searchsorted(np.cumsum(counted[order]), 0.5 * counted.sum()))
        total = (1.4826 * u[order[min(middle, len(u) - 1)]]) ** 2 * (noise_m[mine] ** 2 + slow**2)
        want = float(np.sqrt(np.median(np.maximum(total - slow**2, 0.02 * total))))
        trust = counted.sum() / (counted.sum() + SCALE_PRIOR)
        every = rows.group == group
        out[every] = noise_m[every] * np.clip((want / float(np.median(noise_m[mine]))) ** trust, 0.05, 30.0)
    return out


def rescale(rows: Rows, resid: F64, sigma: F64, noise_m: F64, slow_m: F64, share: F64) -> None:
    """Write new sigmas: the codes' from their noise, Doppler's by strength, carrier changes' by one scale, each from
    its residuals; Dopplers whose codes are less likely direct count less."""
    less = 1 / np.sqrt(np.maximum(share, 1e-4))
    used = rows.sigma[:, CODE] > 0
    sigma[used, CODE] = np.hypot(noise_m, slow_m)[used]
    mine = rows.sigma[:, DOPPLER] > 0
    if mine.sum() > 50:
        shape = np.where(mine, rows.sigma[:, DOPPLER], 1.0)
        spread = pseudorange.spread_by_strength(resid[:, DOPPLER], mine, shape, rows.signals.cn0_dbhz[:, 0])
        wider = np.clip(spread, 0.3, 50.0) * np.minimum(less, MOST_LESS_DOPPLER)
        sigma[mine, DOPPLER] = (rows.sigma[:, DOPPLER] * wider)[mine]
    mine = rows.sigma[:, CARRIER] > 0
    if mine.sum() > 50:
        some = np.flatnonzero(mine)[:: max(1, int(mine.sum()) // SAMPLE)]
        scale = 1.4826 * float(np.median(np.abs(resid[some, CARRIER]) / rows.sigma[some, CARRIER]))
        sigma[mine, CARRIER] = rows.sigma[mine, CARRIER] * np.clip(scale, 0.3, 5.0)
