"""The trajectory of a block of rows: smoothed over all of it, or causally, with noise learnt from the residuals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.errors import EstimationError
from kinema.estimate import ionosphere
from kinema.estimate.single_params import Params
from kinema.estimate.single_rows import CARRIER, CODE, DOPPLER, Rows
from kinema.sensors import pseudorange

WIDEN = (4.0, 2.0, 1.4, 1.0)
"""Sigmas are taken wider in the first passes: a graduated start that a gross fault does not capture."""
GAUSSIAN = 50.0
SLOW_S = 900.0
BLOCK_S = 30.0
LEAST_S = 2.0
"""Errors are taken to last for at least a second."""
SLOW_PRIOR = 4.0
FEW = 4.0
"""So many satellites' residuals may by chance look twice as quiet as they are."""
FILTER_TURNS = 6
UNLINKED = 1e8
"""Power densities that tie an epoch's motion and clock to nothing."""
LEARN_AT = (2, 3)
SAMPLE = 4_000
"""So many residuals are enough to learn a scale from."""
WINDOW_S = 120.0
MOST_LESS_DOPPLER = 30.0
SCALE_PRIOR = 20.0
"""How many residuals the first guess of a signal's noise counts for."""


@dataclass(frozen=True)
class Track:
    """Estimates per epoch: p_e_m (n, 3), v_e_mps (n, 3), clock_m, drift_mps (n,), cov (n, 8, 8) of position, clock,
    velocity and drift in this order; resid, sigma and weight (share of 1 / sigma² that was counted; of codes the
    probability that they are direct) (m, 3) by CODE, DOPPLER, CARRIER."""

    p_e_m: F64
    v_e_mps: F64
    clock_m: F64
    drift_mps: F64
    cov: F64
    resid: F64
    weight: F64
    sigma: F64
    bias_m: F64


def tune_of(params: Params, widen: float, widen_motion: float) -> F64:
    """Degrees of freedom and widening of a pass, as kernels.smoother reads them."""
    return np.array([
        params.nu_code, params.nu_code_late, params.nu_doppler, params.nu_carrier, widen, widen_motion, widen_motion
    ])  # fmt: skip


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


def solve_rows(rows: Rows, params: Params, *, causal: bool = False, instantaneous: bool = False) -> Track:
    """Smooth (or filter) a block; `instantaneous` leaves out all that links epochs but the systems' biases.

    Raises EstimationError where the equations have no solution.
    """
    from kinema.kernels.smoother_pass import filter_pass, smooth_covariances, smooth_pass

    n, m, s = len(rows.t_s), len(rows.epoch), 8 + len(rows.systems)
    x = _first_states(rows, s)
    resid, weight = np.zeros((m, 3)), np.zeros((m, 3))
    d, cross, b = np.zeros((n, s, s)), np.zeros((n, s, s)), np.zeros((n, s))
    up = rows.p0_e_m / np.linalg.norm(rows.p0_e_m, axis=1, keepdims=True)
    process, prior = _process_and_prior(params, s)
    if instantaneous:
        rows = replace(rows, sigma=rows.sigma * (1.0, 1.0, 0.0), prev=np.full(m, -1, dtype=np.int64), linked=False)
        process[:4] = UNLINKED
    z, sigma, noise = rows.z.copy(), rows.sigma.copy(), rows.noise_m.copy()
    factor = np.ones((m, 2))

    def one_pass(tune: F64) -> float:
        worst = smooth_pass(
            rows.dt_s, rows.observations.row_start, rows.system, rows.prev, rows.unit, rows.wet, z, sigma, factor,
            rows.p0_e_m, up, process, prior, tune, x, resid, weight, d, cross, b,
        )  # fmt: skip
        if worst < 0:
            raise EstimationError("the smoother's equations are singular; too few satellites are left")
        return float(worst)

    slow = rows.systematic_m
    for k in range(params.passes):
        widen = WIDEN[min(k, len(WIDEN) - 1)]
        worst = one_pass(tune_of(params, widen, max(1.0, widen)))
        if k in LEARN_AT:
            noise = spread_noise(rows, resid, slow)
            rescale(rows, resid, sigma, noise, slow, np.ones(m))
            factor = inflation(rows, noise, slow, resid, sigma, params)
        if k > 3 and worst < 0.1:
            break
    share, tune = np.where(rows.sigma[:, CODE] > 0, 1.0, 0.0), tune_of(params, 1.0, 1.0)
    if params.reflection_turns:
        model = pseudorange.ReflectionModel.first_guess(rows.signals.cn0_dbhz[:, 0])
        tune[0] = tune[1] = GAUSSIAN
        used = rows.sigma[:, CODE] > 0
        share = np.where(used, model.direct[model.step], 0.0)
        for _ in range(params.reflection_turns):
            noise = direct_noise(rows, resid, slow, share)
            direct = np.where(used, np.hypot(noise, slow), 1.0)
            share = model.probability_direct(resid[:, CODE], direct)
            model.learn(resid[:, CODE], used, share)
            slow = slow_part(rows, resid, share)
            rescale(rows, resid, sigma, noise, slow, np.where(used, share, 1.0))
            counted, late = model.as_gaussian(np.hypot(noise, slow), share)
            sigma[used, CODE], z[:, CODE] = counted[used], rows.z[:, CODE] - late
            factor = inflation(rows, noise, slow, resid, sigma, params)
            moved = one_pass(tune)
            resid[:, CODE] += np.where(used, late, 0.0)
            if moved < 0.02:
                break
    cov = np.empty((n, 8, 8))
    if causal:
        x[1:] = 0.0
        bad = filter_pass(
            rows.dt_s, rows.observations.row_start, rows.system, rows.prev, rows.unit, rows.wet, z, sigma, factor,
            rows.p0_e_m, up, process, prior, tune, FILTER_TURNS, x, resid, weight, cov,
        )  # fmt: skip
        if bad >= 0:
            raise EstimationError("the filter's equations are singular", int(rows.observations.t_ns[bad]))
    else:
        smooth_covariances(d, cross, cov)
    if rows.linked:
        cov[:, :3, :3] += slow_covariance(rows, slow, share, params)
    cov[:, :3, :3] += common_ionosphere(rows, np.hypot(noise, slow), share)
    weight[:, CODE] *= share
    sigma[:, CODE] = np.where(rows.sigma[:, CODE] > 0, np.hypot(noise, slow), 0.0)
    return Track(rows.p0_e_m + x[:, :3], x[:, 4:7], x[:, 3] + rows.jump_m, x[:, 7], cov, resid, weight, sigma, x[:, 9:])


def _first_states(rows: Rows, s: int) -> F64:
    """States (n, s) to begin with: the clocks and biases of the single epochs, nothing else."""
    x = np.zeros((len(rows.t_s), s))
    known = np.isfinite(rows.clock0_m)
    x[:, 3] = np.interp(rows.t_s, rows.t_s[known], rows.clock0_m[known])
    if len(x) > 1:
        x[:, 7] = np.gradient(x[:, 3], rows.t_s)
    x[:, 9:] = rows.bias_m[1:]
    return x


def _process_and_prior(params: Params, s: int) -> tuple[F64, F64]:
    """Power densities of the process, and sigmas of the first epoch's s states, as kernels.smoother reads them."""
    process = np.array([
        params.acceleration_mps2**2, params.vertical_acceleration_mps2**2, params.clock_noise_mps**2,
        params.clock_drift_noise_mps2**2, params.bias_drift_m_per_sqrt_s**2,
        params.zenith_drift_m_per_sqrt_s**2,
    ])  # fmt: skip
    prior = np.array([1e5, 1e5, 1e5, 1e9, 1e4, 1e4, 1e4, 1e5, params.troposphere_sigma_m, *([1e5] * (s - 9))])
    return process, prior


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
