"""Dead reckoning by wheels and turn rate (or without) with absolute rows: ranges, pseudoranges or fixes.

One core for all of them: steps, rows, a filter about its own way, and Gauss–Newton over the whole recording. The state
is that of kernels.planar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.errors import EstimationError
from kinema.kernels import planar as kp
from kinema.kernels.planar_pass import KEPT, filter_pass, smooth_pass

MOST_BYTES = 3e9
"""Room for the rows that the smoother keeps; longer recordings are refused rather than swapped."""


@dataclass(frozen=True)
class Steps:
    """Motion: t_s (K,) ends of the steps; distance (m), turn (rad), dt (s) (K,) of each, the first one standing.

    noise (K, n + 1) variances per step: along, across and vertical in places X, Y, Z, the other states', and one of
    x and y that has no direction. decay (K, biases) by which the biases forget.
    """

    t_s: F64
    distance: F64
    turn: F64
    dt: F64
    noise: F64
    decay: F64

    def cut(self, first: int, stop: int) -> Steps:
        """Steps first … stop − 1."""
        k = slice(first, stop)
        return Steps(self.t_s[k], self.distance[k], self.turn[k], self.dt[k], self.noise[k], self.decay[k])


@dataclass(frozen=True)
class Rows:
    """Absolute rows by time: first (K + 1,) rows of each step; kind, target (m, 3), group, sort, value as of
    kernels.planar.row_of; variance (m,), not positive where a row is left out; mixture (m, 5) as of
    kernels.planar_pass.filter_pass."""

    first: I64
    kind: I64
    target: F64
    group: I64
    sort: I64
    value: F64
    variance: F64
    mixture: F64

    @property
    def step(self) -> I64:
        """The step of each row (m,)."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def weighed(self, variance: F64) -> Rows:
        """The same rows, weighed otherwise."""
        return replace(self, variance=variance)

    def cut(self, first: int, stop: int) -> Rows:
        """Rows of the steps first … stop − 1."""
        a, b = int(self.first[first]), int(self.first[stop])
        names = ("kind", "target", "group", "sort", "value", "variance", "mixture")
        return replace(
            self, first=self.first[first : stop + 1] - a, **{name: getattr(self, name)[a:b] for name in names}
        )


@dataclass(frozen=True)
class Way:
    """States x (K, n), covariance of x, y, z, ψ (K, 4, 4), innovation of each row and its variance (m,) and share of
    being direct (m,) from the forward pass; the last state with its covariance and the last shares (biases,); lost (K,)
    where the filter took itself for lost."""

    x: F64
    cov: F64
    innovation: F64
    spread: F64
    share: F64
    x_end: F64
    p_end: F64
    memory: F64
    lost: I64


def run(steps: Steps, rows: Rows, x0: F64, p0: F64, *, smooth: bool, about: F64 | None = None, covariance: bool = True,
        curvature: float = 0.0, memory: F64 | None = None, open_m: float = 0.0) -> Way:  # fmt: skip
    """One pass from x0 (n,), p0 (n, n): about its own way, or about a given one `about` (K, n), smoothed or not.

    open_m: see filter_pass.

    Raises EstimationError where it would need more than MOST_BYTES, or fails in its numbers.
    """
    k, m, n = len(steps.t_s), len(rows.value), len(x0)
    if 8.0 * (m * (2 * n + 4) + k * n * (KEPT + 6)) > MOST_BYTES:
        raise EstimationError(f"{m} rows and {k} steps do not fit into memory; cut the recording with --from and --to")
    x, p = x0.copy(), p0.copy()
    ref = np.empty((k, n)) if about is None else np.array(about)
    start, x_out, p_out = np.empty((k, n)), np.empty((k, n)), np.empty((k, KEPT, n))
    f_out, q_out = np.empty((k, kp.F_SIZE)), np.empty((k, n + 1))
    tape, tape_start = np.empty((m, 2 * n + 2)), np.zeros(k + 1, np.int64)
    innovation, spread, share, lost = np.empty(m), np.empty(m), np.empty(m), np.zeros(k, np.int64)
    memory = np.full(n - kp.BIAS, -1.0) if memory is None else memory.copy()
    filter_pass(
        x, p, about is None, curvature, steps.distance, steps.turn, steps.dt, steps.noise, steps.decay,
        rows.first, rows.kind, rows.target, rows.group, rows.sort, rows.value, rows.variance, rows.mixture, memory,
        open_m, ref, start, x_out, p_out, f_out, q_out, tape, tape_start, innovation, spread, share, lost,
    )  # fmt: skip
    if not np.isfinite(x_out).all():
        raise EstimationError("the filter's numbers failed: the odometry and the rows do not fit together")
    if not smooth:
        kept = [kp.X, kp.Y, kp.Z, kp.PSI]
        return Way(x_out, np.ascontiguousarray(p_out[:, :, kept]), innovation, spread, share, x, p, memory, lost)
    x_s, cov, lam = np.empty((k, n)), np.zeros((k, KEPT, KEPT)), np.empty((k, n))
    smooth_pass(
        x0, p0, covariance, ref, steps.decay, f_out, q_out, p_out, tape, tape_start, start, lam, x_s, cov
    )  # fmt: skip
    return Way(x_s, cov, innovation, spread, share, x, p, memory, lost)


def predicted(x: F64, rows: Rows) -> F64:
    """What each row (m,) reads along the states x (K, n)."""
    at = x[rows.step]
    away = at[:, : kp.Z + 1] - rows.target
    read = (1 + at[:, kp.STRETCH]) * np.sqrt((away**2).sum(axis=1) + 1e-6) + at[:, kp.CLOCK]
    along = (at[:, : kp.Z + 1] * rows.target).sum(axis=1)
    read = np.where(rows.kind == kp.AXIS, along, read)
    if (rows.kind > kp.AXIS).any():
        v = at[:, kp.VX : kp.VZ + 1]
        length = np.maximum(np.hypot(v[:, 0], v[:, 1]), kp.LEAST_MPS)
        read = np.where(rows.kind == kp.SPEED, (1 - at[:, kp.SCALE]) * length, read)
        read = np.where(rows.kind == kp.ALONG, (v * rows.target).sum(axis=1), read)
    pick = np.arange(len(rows.value))
    for index in (rows.group, rows.sort):
        read = read + np.where(index >= 0, at[pick, kp.BIAS + np.maximum(index, 0)], 0.0)
    return np.asarray(read)
