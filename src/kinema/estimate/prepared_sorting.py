"""Which pseudoranges are direct, and the way by these: all at once, or by a filter that only knows the past."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import EstimationError
from kinema.estimate.planar import Way, predicted, run
from kinema.estimate.planar_prepared import CURVATURE, Problem, first_guess
from kinema.kernels import planar as kp
from kinema.kernels.two_states import two_states
from kinema.sensors.pseudorange import ReflectionModel, strength_step

WIDEN = (8.0, 5.0, 3.0, 2.0, 1.5, 1.2, 1.0)
PASSES = 30
GROWTH = 1.5
BETWEEN = 6
"""Turns of sorting while a solution grows."""
SETTLED_M = 0.02
DENSITY_NEVER = 1e-6
LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class Sorted:
    """A way with the reflections sorted out: share (m,) of being direct, fresh variance (m,), the model and its scale,
    the base share, and the start that it was solved from."""

    way: Way
    share: F64
    fresh: F64
    model: ReflectionModel
    scale: float
    base: float
    x0: F64
    p0: F64


def robust(problem: Problem, about: F64, x0: F64, p0: F64) -> tuple[F64, float]:
    """Gauss–Newton under Student-t errors, the sigmas narrowing to what they are: states and cost."""
    params, sigma = problem.params, problem.sky.sigma
    usable = sigma > 0
    known = np.where(usable, sigma, 1.0)
    cost = np.inf
    for k in range(PASSES):
        widen = WIDEN[min(k // 2, len(WIDEN) - 1)]
        r = problem.rows.value - predicted(about, problem.rows)
        u = r / (known * widen)
        nu = np.where(r > 0, params.nu_late, params.nu_early)
        cost = float((0.5 * (nu + 1) * np.log1p(u * u / nu) / problem.repeats)[usable].sum())
        variance = np.where(usable, known**2 * problem.repeats * (nu + u * u) / (nu + 1), 0.0)
        way = run(problem.steps, problem.rows.weighed(variance), x0, p0, smooth=True, about=about,
                  covariance=False, curvature=CURVATURE)  # fmt: skip
        move = float(np.abs(way.x - about)[:, : kp.Z + 1].max())
        about = way.x
        if k >= 2 * len(WIDEN) and move < 0.05:
            break
    return about, cost


def sort_reflections(problem: Problem, about: F64, x0: F64, p0: F64, model: ReflectionModel | None = None,
                     scale: float | None = None, turns: int | None = None) -> Sorted:  # fmt: skip
    """Expectation–maximisation from states `about`: which ranges are direct, how they spread, and the way by these."""
    params, usable = problem.params, problem.sky.sigma > 0
    model = model or ReflectionModel.first_guess(problem.sky.cn0_dbhz)
    scale = scale or params.range_sigma_m
    turns = turns or params.turns
    for turn in range(turns):
        r = problem.rows.value - predicted(about, problem.rows)
        share, base = posterior(problem, model, r, scale * problem.sky.shape)
        model.learn(r, usable, share)
        scaled = share * (r / problem.sky.shape) ** 2
        scale = max(float(np.sqrt(scaled[usable].sum() / share[usable].sum())), params.least_sigma_m)
        fresh = (scale * problem.sky.shape) ** 2
        variance = np.where(usable, fresh * problem.repeats / np.maximum(share, LEAST_SHARE), 0.0)
        last = turn == turns - 1
        way = run(problem.steps, problem.rows.weighed(variance), x0, p0, smooth=True, about=about, covariance=last,
                  curvature=CURVATURE)  # fmt: skip
        if not last and turn > 3 and float(np.abs(way.x - about)[:, : kp.Z + 1].max()) < SETTLED_M:
            way = run(problem.steps, problem.rows.weighed(variance), x0, p0, smooth=True, about=way.x,
                      curvature=CURVATURE)  # fmt: skip
            break
        about = way.x
    return Sorted(way, share, fresh, model, scale, base, x0, p0)


def posterior(problem: Problem, model: ReflectionModel, resid: F64, sigma: F64) -> tuple[F64, float]:
    """Probability (m,) that each range is direct, given those before and after it of its satellite; and its base."""
    prior = model.direct[model.step]
    base = float(np.clip(prior.mean(), 0.02, 0.98))
    late = model.late_m[model.step]
    u = resid / sigma
    direct = np.exp(-0.5 * u * u) / (sigma * np.sqrt(2 * np.pi)) + DENSITY_NEVER
    reflected = np.where(u > -1, np.exp(-np.maximum(resid, 0.0) / late) / late, 0.0) + DENSITY_NEVER
    ratio = direct / reflected * odds_of(prior, base)
    forward, share = np.empty(len(resid)), np.empty(len(resid))
    two_states(problem.order, problem.first, ratio, np.full(len(resid), base), problem.stay, forward, share)
    return np.asarray(share * (1.0 - DENSITY_NEVER / direct)), base


def odds_of(prior: F64, base: float) -> F64:
    """What a range's strength alone says for its being direct, against the base."""
    return np.asarray(prior / (1 - prior) * (1 - base) / base)


def solve_batch(problem: Problem) -> Sorted:
    """The whole recording. A long one is begun with its first part, which then grows: over a long time the odometry's
    own path is too bent to begin with. Raises EstimationError where no start converges."""
    total = len(problem.t_ns)
    stop = int(np.searchsorted(problem.steps.t_s, max(1.2 * problem.lay_s, 150.0), side="right"))
    if stop >= 0.7 * total:
        return _from_starts(problem)
    batch = _from_starts(problem.until(stop))
    parts = [batch.way]
    while stop < total:
        ahead = min(2 * stop, total)
        parts.append(_onwards(problem, batch, stop, ahead))
        part, about = problem.until(ahead), np.concatenate([way.x for way in parts])
        model = _model_of(batch, part)
        batch = sort_reflections(part, about, batch.x0, batch.p0, model, batch.scale,
                                 turns=problem.params.turns if ahead == total else BETWEEN)  # fmt: skip
        parts, stop = [batch.way], ahead
    return batch


def _from_starts(problem: Problem) -> Sorted:
    """From all starts, the best of them."""
    best: tuple[float, F64, F64, F64] | None = None
    for about, x0, p0, _ in first_guess(problem):
        try:
            states, cost = robust(problem, about, x0, p0)
        except EstimationError:
            continue
        if best is None or cost < best[0]:
            best = (cost, states, x0, p0)
    if best is None:
        raise EstimationError("the ranges and the odometry do not fit together; no start converged")
    return sort_reflections(problem, *best[1:])


def solve_filter(problem: Problem) -> tuple[Way, int]:
    """Causal from the step that is returned beside the way; before it, the way is that of the start, smoothed.

    The start is a batch of the first seconds, GROWTH times as many until it knows where it is. At GROWTH times that,
    and again …, all that is past is solved anew, and the filter goes on from there with what it has learnt.
    """
    params, total = problem.params, len(problem.t_ns)
    seconds, stop = params.first_s, 0
    batch: Sorted | None = None
    while (batch is None or not _is_known(batch.way, problem)) and stop < total:
        stop = max(int(np.searchsorted(problem.steps.t_s, seconds, side="right")), 2)
        stop = total if stop >= total - 1 else stop
        try:
            batch = solve_batch(problem.until(stop))
        except EstimationError:
            if stop >= total:
                raise
        seconds *= GROWTH
    assert batch is not None
    began, parts = stop, [_as_way(problem.until(stop), batch)]
    while stop < total:
        ahead = min(max(int(np.searchsorted(problem.steps.t_s, seconds, side="right")), stop + 1), total)
        parts.append(_onwards(problem, batch, stop, ahead))
        stop, seconds = ahead, seconds * GROWTH
        if stop < total:
            part, about = problem.until(stop), np.concatenate([way.x for way in parts])
            model = _model_of(batch, part)
            batch = sort_reflections(part, about, batch.x0, batch.p0, model, batch.scale, turns=BETWEEN)
    names = ("x", "cov", "innovation", "spread", "share")
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return replace(parts[-1], **whole), began


def _as_way(problem: Problem, batch: Sorted) -> Way:
    """A batch with its residuals and their fresh variances in the places of innovations."""
    resid = problem.rows.value - predicted(batch.way.x, problem.rows)
    return replace(batch.way, innovation=resid, spread=batch.fresh, share=batch.share)


def _is_known(way: Way, problem: Problem) -> bool:
    horizontal = float(np.sqrt(way.cov[-1, 0, 0] + way.cov[-1, 1, 1]))
    heading = float(np.sqrt(way.cov[-1, 3, 3])) if not problem.free else 0.0
    return horizontal < problem.params.known_m and heading < problem.params.known_rad


def _model_of(batch: Sorted, problem: Problem) -> ReflectionModel:
    """What a batch has learnt, for the ranges of a longer part."""
    return replace(batch.model, step=strength_step(problem.sky.cn0_dbhz))


def _onwards(problem: Problem, batch: Sorted, first: int, stop: int) -> Way:
    """The filter over the steps first … stop − 1, from the end of a batch of those before."""
    rows = problem.rows.cut(first, stop)
    a = int(problem.rows.first[first])
    pick = slice(a, a + len(rows.value))
    step = strength_step(problem.sky.cn0_dbhz[pick])
    fresh = (batch.scale * problem.sky.shape[pick]) ** 2
    usable = problem.sky.sigma[pick] > 0
    mixture = np.column_stack([
        fresh, batch.model.late_m[step], np.full(len(step), batch.base), odds_of(batch.model.direct[step], batch.base),
        problem.stay[pick],
    ])  # fmt: skip
    memory = np.full(problem.n - kp.BIAS, -1.0)
    memory[problem.rows.sort[:a]] = batch.share
    rows = replace(rows, variance=np.where(usable, fresh * problem.repeats[pick], 0.0), mixture=mixture)
    way = run(
        problem.steps.cut(first, stop), rows, batch.way.x_end, batch.way.p_end, smooth=False, curvature=CURVATURE,
        memory=memory,
    )  # fmt: skip
    return replace(way, spread=way.spread + fresh)
