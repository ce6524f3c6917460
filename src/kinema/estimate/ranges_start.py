"""Where a body by ranges to anchors begins: places and headings tried all over, the best refined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import EstimationError
from kinema.estimate.planar_ranges import RangeProblem
from kinema.kernels import planar as kp

STILL_S = 3.0
"""Without odometry a mover is taken to stay where it is for so long."""
LEAST, MOST_ROWS = 8, 150
GRID_M, GRID_PARTS = 4.0, 50
HEADINGS = 36
FAR_M = 5.0
ALIKE = 1.2
STRETCH_SIGMA, SCALE_SIGMA = 0.1, 0.1


@dataclass(frozen=True)
class Begin:
    """x, y, z, ψ, range stretch and odometry scale (6,), their covariance, the last step that was used, and whether the
    odometry turns the other way round."""

    state: F64
    cov: F64
    last: int
    mirrored: bool


@dataclass(frozen=True)
class _Rows:
    path: F64
    """Where the odometry has been at each row (m, 2), from the origin along x."""
    anchor: F64
    value: F64
    sigma: float
    free: bool
    deep: bool


def find_start(problem: RangeProblem) -> Begin:
    """The start pose. Raises EstimationError where the ranges are too few, or two places far apart fit alike."""
    steps = problem.steps
    if problem.free:
        last = int(np.searchsorted(steps.t_s, STILL_S))
        while last < len(steps.t_s) and problem.rows.first[last] < LEAST:
            last += 1
    else:
        far = np.cumsum(np.abs(steps.distance))
        last = int(np.searchsorted(far, min(problem.params.start_m, 0.9 * far[-1]))) + 1
        while last < len(steps.t_s) and problem.rows.first[last] < 2 * LEAST:
            last += 1
    last = min(last, len(steps.t_s))
    m = int(problem.rows.first[last])
    if m < LEAST:
        raise EstimationError("too few ranges in the first metres of motion to find the start")
    pick = np.unique(np.linspace(0, m - 1, min(m, MOST_ROWS)).astype(int))
    best: list[tuple[float, F64, F64, bool]] = []
    for mirrored in (False, True):
        path = dead_reckoned(problem, last, -1.0 if mirrored else 1.0)[problem.rows.step[pick]]
        rows = _Rows(
            path, problem.rows.target[pick], problem.rows.value[pick], max(problem.params.range_sigma_m, 0.05),
            problem.free, problem.deep,
        )  # fmt: skip
        found = [_refined(state, rows) for state in _tried(rows)]
        best += [(cost, state, cov, mirrored) for state, cost, cov in found]
        if problem.free:
            break
    best.sort(key=lambda one: one[0])
    cost, state, cov, mirrored = best[0]
    straight = [one for one in best if not one[3]]
    if mirrored and straight and straight[0][0] < ALIKE * cost:
        cost, state, cov, mirrored = straight[0]
    for other_cost, other, _, sense in best:
        if sense == mirrored and np.hypot(*(other - state)[:2]) > FAR_M and other_cost < ALIKE * cost:
            raise EstimationError("the start could be in two places: give a recording with more motion or more anchors")
    return Begin(state, cov, last, mirrored)


def dead_reckoned(problem: RangeProblem, last: int, sense: float = 1.0) -> F64:
    """Path (last, 2) by odometry from the origin heading along x."""
    turn, way = sense * problem.steps.turn[:last], problem.steps.distance[:last]
    course = np.cumsum(turn) - 0.5 * turn
    return np.stack([np.cumsum(way * np.cos(course)), np.cumsum(way * np.sin(course))], axis=1)


def _tried(rows: _Rows) -> list[F64]:
    """The best of a grid of places and headings, by a truncated absolute misfit."""
    low, high = rows.anchor[:, :2].min(axis=0), rows.anchor[:, :2].max(axis=0)
    reach = float(np.quantile(rows.value, 0.9)) + float(np.abs(rows.path).max(initial=0.0))
    step = max(GRID_M, float((high - low).max() + 2 * reach) / GRID_PARTS) if not rows.free else 0.0
    step = step or max(float((high - low).max() + 2 * reach) / (2 * GRID_PARTS), 0.1)
    grid = [np.arange(low[k] - reach, high[k] + reach + step, step) for k in range(2)]
    cap = 1.5 * step
    heights = np.unique(rows.anchor[:, 2]).mean() + np.array([0.0, -2.0, 2.0]) if rows.deep and rows.free else [0.0]
    found = []
    for psi in np.arange(1 if rows.free else HEADINGS) * 2 * np.pi / HEADINGS:
        c, s = np.cos(psi), np.sin(psi)
        px, py = c * rows.path[:, 0] - s * rows.path[:, 1], s * rows.path[:, 0] + c * rows.path[:, 1]
        dx = grid[0][:, None, None] + px - rows.anchor[:, 0]
        dy = grid[1][None, :, None] + py - rows.anchor[:, 1]
        for z in heights:
            away = np.sqrt(dx * dx + dy * dy + (z - rows.anchor[:, 2]) ** 2)
            miss = np.minimum(np.abs(away - rows.value), cap).mean(axis=2)
            for k in np.argsort(miss, axis=None)[: 40 if rows.free else 1]:
                i, j = np.unravel_index(int(k), miss.shape)
                found.append((float(miss[i, j]), np.array([grid[0][i], grid[1][j], z, psi, 0.0, 0.0])))
    found.sort(key=lambda one: one[0])
    return [state for _, state in found[:8]]


def _refined(state: F64, rows: _Rows) -> tuple[F64, float, F64]:
    """Robust Gauss–Newton: state, cost and covariance."""
    weak = [0.0, 0.0, 0.0 if rows.free and rows.deep else 1.0, 1.0 if rows.free else 0.0]
    prior = np.diag([*weak, 1 / STRETCH_SIGMA**2, 1e6 if rows.free else 1 / SCALE_SIGMA**2]) + 1e-9 * np.eye(6)
    mean = np.array([0.0, 0.0, state[2] if not (rows.free and rows.deep) else 0.0, state[3], 0.0, 0.0])
    if not rows.deep:
        prior[2, 2] = 1e6
    cov, cost, spread = np.eye(6), np.inf, max(rows.sigma, 0.3)
    for _ in range(40):
        c, s = np.cos(state[3]), np.sin(state[3])
        px, py = c * rows.path[:, 0] - s * rows.path[:, 1], s * rows.path[:, 0] + c * rows.path[:, 1]
        k, stretch = 1 + state[5], 1 + state[4]
        d = np.stack([state[0] + k * px, state[1] + k * py, np.full(len(px), state[2])], axis=1) - rows.anchor
        rho = np.sqrt((d * d).sum(axis=1) + 1e-6)
        u = d / rho[:, None]
        along = u[:, 0] * px + u[:, 1] * py
        jac = np.column_stack([stretch * u, stretch * k * (u[:, 1] * px - u[:, 0] * py), rho, stretch * along])
        left = (rows.value - stretch * rho) / spread
        weight = 1.0 / (1.0 + (left / 2.0) ** 2)
        normal = jac.T @ (weight[:, None] * jac) / spread**2 + prior
        move = np.linalg.solve(normal, jac.T @ (weight * left) / spread - prior @ (state - mean))
        size = float(np.hypot(move[0], move[1]))
        state = state + move * min(1.0, 5.0 / max(size, 1e-9))
        cost = float(np.log1p((left / 2.0) ** 2).sum())
        cov = np.linalg.inv(normal)
        if np.abs(move).max() < 1e-4:
            break
    return state, cost, cov


def _at_most(cov: F64, k: int, sigma: float) -> None:
    """Shrink state k to `sigma`, its correlations kept: cut alone, the covariance would no longer be one."""
    factor = min(1.0, sigma / float(np.sqrt(cov[k, k])))
    cov[k] *= factor
    cov[:, k] *= factor


def first_state(problem: RangeProblem, begin: Begin) -> tuple[F64, F64]:
    """State (n,) and covariance (n, n) to begin with: wide about the start, which knows the same ranges."""
    p, n, anchors = problem.params, problem.n, len(problem.anchors)
    x, cov = np.zeros(n), np.zeros((n, n))
    index = np.array([kp.X, kp.Y, kp.Z, kp.PSI, kp.STRETCH, kp.SCALE])
    x[index] = begin.state
    used = [k for k in range(6) if problem.deep or k != 2]
    used = [k for k in used if not (problem.free and k in (3, 5))]
    at = index[used]
    cov[np.ix_(at, at)] = 16.0 * begin.cov[np.ix_(used, used)]
    cov[kp.X, kp.X] += 1.0
    cov[kp.Y, kp.Y] += 1.0
    cov[kp.STRETCH, kp.STRETCH] = max(cov[kp.STRETCH, kp.STRETCH], p.range_scale_sigma**2)
    if problem.free:
        cov[[kp.VX, kp.VY], [kp.VX, kp.VY]] = 9.0
        cov[kp.VZ, kp.VZ] = 1.0 if problem.deep else 0.0
    else:
        cov[kp.PSI, kp.PSI] += 0.03
        cov[kp.SCALE, kp.SCALE] = max(cov[kp.SCALE, kp.SCALE], p.odometry_scale_sigma**2)
        _at_most(cov, kp.SCALE, SCALE_SIGMA)
        cov[kp.RATE, kp.RATE], cov[kp.CRAB, kp.CRAB] = p.turn_bias_sigma_radps**2, p.crab_sigma_rad**2
        if problem.deep:
            cov[kp.Z, kp.Z] += 1e-4
            _at_most(cov, kp.Z, p.height_sigma_m)
    bias = kp.BIAS + np.arange(anchors)
    cov[bias, bias] = p.range_bias_sigma_m**2
    cov[bias + anchors, bias + anchors] = p.slow_sigma_m**2
    return x, cov
