"""The noise of ranges and odometry that makes a recording's own innovations likeliest, and which ranges are wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.errors import EstimationError
from kinema.estimate.planar import Rows, Steps, Way, run
from kinema.estimate.planar_ranges import RangeProblem
from kinema.kernels import planar as kp
from kinema.kernels.two_states import two_states

NEVER = 1e-6
LOST_ROWS = 16
LEAST_SHARE = 1e-4
SWEEPS = 3
PRIOR = 2.0
FACTORS = (0.5, 2.0)
FINE = (0.75, 1.33)
OPEN_M = 5.0
"""So far off the filter takes itself to be where nothing fits any more."""
LONGEST_S = 900.0
"""Noise is learnt from so much of a recording at most."""


@dataclass(frozen=True)
class Noise:
    """Factors on the first guesses of the position's, the turn's, the ranges' and the slow bias's sigmas."""

    position: float = 1.0
    turn: float = 1.0
    range_: float = 1.0
    slow: float = 1.0


def with_noise(problem: RangeProblem, noise: Noise) -> tuple[Steps, Rows]:
    """Steps and rows with these noises; the rows with their mixture for the filter."""
    params, anchors = problem.params, len(problem.anchors)
    own = problem.steps.noise.copy()
    own[:, [kp.X, kp.Y, kp.VX, kp.VY, kp.VZ]] *= noise.position**2
    own[:, kp.PSI] *= noise.turn**2
    own[:, kp.BIAS + anchors : problem.n] *= noise.slow**2
    fresh = np.full(len(problem.anchor), (noise.range_ * params.range_sigma_m) ** 2)
    _, _, stay = problem.chains()
    mixture = np.column_stack([fresh, np.full(len(fresh), params.late_m), np.full(len(fresh), params.direct),
                               np.ones(len(fresh)), stay])  # fmt: skip
    return replace(problem.steps, noise=own), replace(problem.rows, variance=fresh, mixture=mixture)


def filtered(problem: RangeProblem, noise: Noise, x0: F64, p0: F64, *, smooth: bool = False) -> Way:
    """The filter about its own way, wrong ranges weighed down as it meets them."""
    steps, rows = with_noise(problem, noise)
    return run(steps, rows, x0, _wide(problem, noise, p0), smooth=smooth, open_m=OPEN_M)


def _wide(problem: RangeProblem, noise: Noise, p0: F64) -> F64:
    p, anchors = p0.copy(), len(problem.anchors)
    slow = kp.BIAS + anchors + np.arange(anchors)
    p[slow, slow] *= noise.slow**2
    return p


def cost(problem: RangeProblem, noise: Noise, x0: F64, p0: F64, skip: int) -> float:
    """Minus the log-likelihood of the innovations after the first `skip`, some of which may be wrong."""
    try:
        way = filtered(problem, noise, x0, p0)
    except EstimationError:
        return np.inf
    params = problem.params
    variance = way.spread + (noise.range_ * params.range_sigma_m) ** 2
    density = params.direct * np.exp(-0.5 * way.innovation**2 / variance) / np.sqrt(2 * np.pi * variance)
    late = np.where(way.innovation > 0, np.exp(-np.maximum(way.innovation, 0.0) / params.late_m) / params.late_m, 0.0)
    density = density + (1 - params.direct) * late + 1e-4
    return float(-np.log(density[skip:]).sum()) + doubt_of(noise)


def doubt_of(noise: Noise) -> float:
    """Minus the logarithm of what is believed of the factors before any range is seen: a few quiet minutes are no proof
    of odometry that never slips."""
    strength = np.array([PRIOR, PRIOR, 0.25 * PRIOR, 0.25 * PRIOR])
    doublings = np.log2([noise.position, noise.turn, noise.range_, noise.slow])
    return float((strength * np.where(doublings < 0, 3.0, 0.5) * doublings**2).sum())


def learnt(problem: RangeProblem, x0: F64, p0: F64, begin: Noise) -> Noise:
    """The likeliest noise, each factor by turns doubled or halved, then finer, as long as that gains."""
    if not problem.params.learn:
        return begin
    stop = int(np.searchsorted(problem.steps.t_s, LONGEST_S))
    part = problem.until(stop) if stop < len(problem.steps.t_s) else problem
    skip = min(len(part.anchor) // 5, 50)
    best, least = begin, cost(part, begin, x0, p0, skip)
    names = ("range_", "position", "slow", "turn") if not problem.free else ("range_", "position", "slow")
    for sweep in range(SWEEPS):
        for name in names:
            for factor in FACTORS if sweep < SWEEPS - 1 else FINE:
                while True:
                    trial = replace(best, **{name: getattr(best, name) * factor})
                    if not 0.02 < getattr(trial, name) < 50.0:
                        break
                    found = cost(part, trial, x0, p0, skip)
                    if not found < least - 0.1:
                        break
                    best, least = trial, found
    return best


def where_lost(problem: RangeProblem, lost: I64) -> RangeProblem:
    """The problem with nothing known of the motion where the filter took itself for lost, and LOST_ROWS rows before."""
    steps, params = problem.steps, problem.params
    at = np.flatnonzero(lost)
    if not len(at):
        return problem
    noise, dark = steps.noise.copy(), np.zeros(len(steps.dt), np.bool_)
    row = np.maximum(problem.rows.first[at] - LOST_ROWS, 0)
    for first, stop in zip(problem.rows.step[row], at + 1, strict=True):
        dark[first:stop] = True
    noise[dark, problem.n] = params.unknown_speed_mps**2 * steps.dt[dark]
    if not problem.free:
        noise[dark, kp.PSI] = params.unknown_turn_radps**2 * steps.dt[dark]
    return replace(problem, steps=replace(steps, noise=noise))


def direct_share(problem: RangeProblem, resid: F64, sigma: float) -> F64:
    """Probability (m,) that each range is direct, from residuals about a smoothed way."""
    params = problem.params
    direct = np.exp(-0.5 * (resid / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)) + NEVER
    late = np.where(resid > -sigma, np.exp(-np.maximum(resid, 0.0) / params.late_m) / params.late_m, 0.0) + NEVER
    order, first, stay = problem.chains()
    forward, share = np.empty(len(resid)), np.empty(len(resid))
    two_states(order, first, direct / late, np.full(len(resid), params.direct), stay, forward, share)
    return np.asarray(np.maximum(share * (1 - NEVER / direct), LEAST_SHARE))
