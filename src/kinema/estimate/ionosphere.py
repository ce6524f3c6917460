"""The ionosphere over one receiver, from its own two frequencies.

Codes on two frequencies see the slant delay with the receiver's bias and much noise, carriers see its change almost
without noise. So each unbroken arc of carriers is levelled onto its codes; a layer (vertical correction to the
broadcast model and its two gradients, in time) and one receiver bias per pair of signals are fitted to all arcs; and
each satellite's delay is the layer's, drawn towards its own arc as far as that one is better known. A satellite on one
frequency gets the layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, Bool

CORRELATION_S = 60.0
"""Codes' multipath stays itself for about this long: what levelling an arc gains."""
LEVEL_FLOOR_M = 0.2
SHARED_NOISE = 1.35
"""The code that the delay is taken off made the delay too: the sum of both is this much worse than if it had not."""
NODE_S = 900.0
MAX_NODES = 48
IRREGULAR_M = 0.15
"""Slant delay's departure from the smooth layer, at the zenith."""
EARTH_M, SHELL_M = 6.371e6, 4.5e5
BIAS_PRIOR_M = 30.0
GRADIENT_PRIOR_M = 1.5
"""Prior of the gradients, per 1000 km."""
DRIFT_M = 0.7
"""Change of the layer's correction within an hour."""


@dataclass(frozen=True)
class IonosphereEstimate:
    """Per row (m,): slant_m on L1 and its sigma_m; pair (m,) index of the signal pair, −1 for a single frequency;
    bias_m (pairs,): the receiver's (second − first code) in metres of delay on L1."""

    slant_m: F64
    sigma_m: F64
    pair: I64
    bias_m: F64


def shell_mapping(elevation_rad: F64) -> F64:
    """Slant over vertical delay of a thin shell at 450 km."""
    ratio = EARTH_M / (EARTH_M + SHELL_M) * np.cos(elevation_rad)
    return np.asarray(1.0 / np.sqrt(1.0 - ratio * ratio))


def pierce_offsets(azimuth_rad: F64, elevation_rad: F64) -> tuple[F64, F64]:
    """North and east of the pierce point from the receiver, in 1000 km."""
    psi = np.pi / 2 - elevation_rad - np.arcsin(EARTH_M / (EARTH_M + SHELL_M) * np.cos(elevation_rad))
    along = psi * EARTH_M * 1e-6
    return along * np.cos(azimuth_rad), along * np.sin(azimuth_rad)


def model_sigma(model_m: F64, elevation_rad: F64) -> F64:
    """Uncertainty of the broadcast model's slant delay: half of it, and 0.3 m at the zenith."""
    return np.asarray(np.hypot(0.4 * model_m, 0.3 * shell_mapping(elevation_rad)))


def estimate(
    t_s: F64, sat_pair: I64, code_m: F64, phase_m: F64, iono: F64, shape: F64, arc: I64, model_m: F64,
    azimuth_rad: F64, elevation_rad: F64, usable: Bool,
) -> IonosphereEstimate:  # fmt: skip
    """Slant delays of all rows. t_s, sat_pair (pair of signals, −1: one), shape (relative noise), arc, model_m (L1),
    azimuth, elevation, usable are (m,); code_m, phase_m, iono (m, 2) by signal."""
    slant, sigma = model_m.copy(), model_sigma(model_m, elevation_rad)
    gap = iono[:, 1] - iono[:, 0]
    with np.errstate(invalid="ignore"):
        measured = (code_m[:, 1] - code_m[:, 0]) / gap
        carrier = (phase_m[:, 0] - phase_m[:, 1]) / gap
    dual = usable & np.isfinite(measured) & (sat_pair >= 0)
    pairs, pair_of = np.unique(sat_pair[dual], return_inverse=True)
    none = IonosphereEstimate(slant, sigma, np.full(len(t_s), -1, dtype=np.int64), np.zeros(len(pairs)))
    if dual.sum() < 30:
        return none
    rows = np.flatnonzero(dual)
    f = shell_mapping(elevation_rad[rows])
    shifted = np.where(np.isfinite(carrier[rows]), carrier[rows], model_m[rows])
    level, level_var, of_arc = _level(t_s[rows], measured[rows], shifted, shape[rows], arc[rows], pair_of)
    levelled = shifted + level[of_arc]
    north, east = pierce_offsets(azimuth_rad, elevation_rad)
    span = max(float(t_s[-1] - t_s[0]), 1.0)
    step = max(NODE_S, span / MAX_NODES)
    nodes = int(np.ceil(span / step)) + 1
    layer, bias = _fit_layer(
        (t_s[rows] - t_s[0]) / step, nodes, step, f, north[rows], east[rows],
        levelled - model_m[rows], level_var[of_arc], of_arc, pair_of, len(pairs), model_m[rows] / f,
    )  # fmt: skip
    all_f = shell_mapping(elevation_rad)
    at = np.clip((t_s - t_s[0]) / step, 0, nodes - 1)
    v0, vn, ve = (np.interp(at, np.arange(nodes), layer[:, k]) for k in range(3))
    slant = model_m + all_f * (v0 + vn * north + ve * east)
    var = (2 * IRREGULAR_M * all_f) ** 2
    share = var[rows] / (var[rows] + level_var[of_arc])
    slant[rows] += share * (levelled - bias[pair_of] - slant[rows])
    var[rows] *= 1 - share
    pair = np.full(len(t_s), -1, dtype=np.int64)
    pair[rows] = pair_of
    return IonosphereEstimate(slant, np.sqrt(var) * np.where(pair >= 0, SHARED_NOISE, 1.0), pair, bias)


def _level(t_s: F64, measured: F64, carrier: F64, shape: F64, arc: I64, pair: I64) -> tuple[F64, F64, I64]:
    """Offset of each arc's carrier onto its codes, its variance, and the arc (0 …) of each row."""
    _, of_arc = np.unique(arc, return_inverse=True)
    difference = measured - carrier
    weight = 1 / (shape * shape)
    robust = np.ones(len(weight))
    level = np.zeros(of_arc.max() + 1)
    spread = np.ones(pair.max() + 1)
    for _ in range(4):
        w = weight * robust
        level = np.bincount(of_arc, w * difference) / np.bincount(of_arc, w)
        off = (difference - level[of_arc]) / shape
        for k in range(len(spread)):
            mine = off[pair == k]
            spread[k] = max(1.4826 * float(np.median(np.abs(mine))), 0.02) if len(mine) else 1.0
        u = off / spread[pair]
        robust = 5.0 / (4.0 + u * u)
    count = np.bincount(of_arc)
    first = np.full(len(level), np.inf)
    last = np.full(len(level), -np.inf)
    np.minimum.at(first, of_arc, t_s)
    np.maximum.at(last, of_arc, t_s)
    independent = np.minimum(count, 1 + (last - first) / CORRELATION_S)
    one = np.bincount(of_arc, (spread[pair] * shape) ** 2) / count
    return level, one / independent + (LEVEL_FLOOR_M * np.minimum(1.0, 5 * spread[pair[0]])) ** 2, of_arc


def _fit_layer(
    at: F64, nodes: int, step_s: float, f: F64, north: F64, east: F64, excess: F64, variance: F64,
    arc: I64, pair: I64, pairs: int, vertical: F64,
) -> tuple[F64, F64]:  # fmt: skip
    """Correction of the layer at each node (nodes, 3) and the receiver's bias of each pair (pairs,)."""
    node = np.clip(np.round(at).astype(np.int64), 0, nodes - 1)
    _, group = np.unique(arc * nodes + node, return_inverse=True)
    count = np.bincount(group)

    def mean(x: F64 | I64) -> F64:
        return np.asarray(np.bincount(group, x) / count)

    fm = mean(f)
    design: F64 = np.zeros((len(count), 3 * nodes + pairs))
    column = 3 * np.round(mean(node)).astype(np.int64)
    at_row = np.arange(len(count))
    design[at_row, column], design[at_row, column + 1] = fm, mean(f * north)
    design[at_row, column + 2] = mean(f * east)
    design[at_row, 3 * nodes + np.round(mean(pair)).astype(np.int64)] = 1.0
    y, var = mean(excess), mean(variance) + (2 * IRREGULAR_M * fm) ** 2
    prior = np.zeros((3 * nodes + pairs, 3 * nodes + pairs))
    mean_vertical = 0.4 * float(np.median(vertical)) + 0.5
    sigma = np.array([mean_vertical, GRADIENT_PRIOR_M, GRADIENT_PRIOR_M])
    for k in range(nodes):
        prior[range(3 * k, 3 * k + 3), range(3 * k, 3 * k + 3)] += 1 / (sigma**2 * nodes)
    change = 1 / (np.array([DRIFT_M, DRIFT_M, DRIFT_M]) ** 2 * step_s / 3600.0)
    for k in range(1, nodes):
        for j in range(3):
            a, b = 3 * k + j, 3 * k + j - 3
            prior[a, a] += change[j]
            prior[b, b] += change[j]
            prior[a, b] -= change[j]
            prior[b, a] -= change[j]
    prior[range(3 * nodes, 3 * nodes + pairs), range(3 * nodes, 3 * nodes + pairs)] += 1 / BIAS_PRIOR_M**2
    robust: F64 = np.ones(len(y))
    solution: F64 = np.zeros(3 * nodes + pairs)
    for _ in range(3):
        weighted = design * (robust / var)[:, None]
        solution = np.asarray(np.linalg.solve(design.T @ weighted + prior, weighted.T @ y), dtype=np.float64)
        u2 = (y - design @ solution) ** 2 / var
        robust = 5.0 / (4.0 + u2)
    return solution[: 3 * nodes].reshape(nodes, 3), solution[3 * nodes :]
