"""When a path crosses a line across the way: by the smoothed motion between epochs, with the time's uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.analysis.path import Path
from kinema.core.arrays import F64, I64


@dataclass(frozen=True)
class Crossings:
    """k crossings in order of time: t_ns; sigma_s standard uncertainty; forward (+1) or back (−1); v_mps speed across
    the gate; along_m where on the gate from its left end; row index of the epoch before."""

    t_ns: I64
    sigma_s: F64
    sign: I64
    v_mps: F64
    along_m: F64
    row: I64

    def __len__(self) -> int:
        return len(self.t_ns)

    def pick(self, keep: np.ndarray) -> Crossings:
        """The crossings of a mask or of indices."""
        return Crossings(*(getattr(self, f)[keep] for f in ("t_ns", "sigma_s", "sign", "v_mps", "along_m", "row")))


def crossings_of(path: Path, ends_ne_m: F64, reach_m: float = 0.0) -> Crossings:
    """Crossings of the gate from its left to its right end (2, 2), which may be missed by `reach_m` at either end.

    Forward is the way on which the left end lies to the left.
    """
    a, b = ends_ne_m
    size = float(np.hypot(*(b - a)))
    along_unit = (b - a) / size
    # Left to right is a quarter turn clockwise of forward; in (north, east) that is forward = (g_e, −g_n).
    ahead = np.array([along_unit[1], -along_unit[0]])
    offset = path.timing_ne_m - a
    f = offset @ ahead
    side = f >= 0
    row = np.flatnonzero((side[1:] != side[:-1]) & ~path.fresh[1:])
    share = f[row] / (f[row] - f[row + 1])
    along = offset[row] @ along_unit
    along += share * (offset[row + 1] @ along_unit - along)
    near = (along >= -reach_m) & (along <= size + reach_m)
    row, share, along = row[near], share[near], along[near]
    return _refined(path, a, ahead, row, share, along)


def _refined(path: Path, a: F64, ahead: F64, row: I64, share: F64, along: F64) -> Crossings:
    """Times by the quintic through position, velocity and acceleration at both epochs, carried over to the positions
    that lines are timed by with a straight line between its ends."""
    dt = np.asarray((path.t_ns[row + 1] - path.t_ns[row]) * 1e-9, dtype=np.float64)
    coefficients = quintic(
        (path.ne_m[row] - a) @ ahead, path.v_mps[row] @ ahead, path.a_mps2[row] @ ahead,
        (path.ne_m[row + 1] - a) @ ahead, path.v_mps[row + 1] @ ahead, path.a_mps2[row + 1] @ ahead, dt,
    )  # fmt: skip
    apart = [(path.timing_ne_m[row + k] - path.ne_m[row + k]) @ ahead for k in (0, 1)]
    coefficients[0] = coefficients[0] + apart[0]
    coefficients[1] = coefficients[1] + apart[1] - apart[0]
    low, high = np.zeros(len(row)), np.ones(len(row))
    sign = np.where(coefficients[0] < 0, 1, -1)
    for _ in range(40):
        low, high = _narrowed(coefficients, sign, low, high)
    u = 0.5 * (low + high)
    v = _slope(coefficients, u) / np.where(dt > 0, dt, 1.0)
    mean = (path.v_mps[row] @ ahead) * (1 - u) + (path.v_mps[row + 1] @ ahead) * u
    v = np.where(np.abs(v) > 0.2 * np.abs(mean), v, mean)
    jitter = path.jitter_m2[row] * (1 - u) + path.jitter_m2[row + 1] * u
    slow = np.einsum("i,kij,j->k", ahead, path.slow_m2[row], ahead)
    sigma = np.sqrt(jitter + slow) / np.maximum(np.abs(v), 1e-3)
    t_ns = path.t_ns[row] + np.round(u * dt * 1e9).astype(np.int64)
    return Crossings(t_ns, sigma, sign.astype(np.int64), np.abs(v), along, row)


def quintic(p0: F64, v0: F64, a0: F64, p1: F64, v1: F64, a1: F64, dt: F64) -> list[F64]:
    """Coefficients, lowest first, in u from 0 to 1 of the quintic with these values at both ends of dt seconds."""
    v0, v1, a0, a1 = v0 * dt, v1 * dt, a0 * dt * dt, a1 * dt * dt
    d = p1 - p0
    return [
        p0, v0, 0.5 * a0, 10 * d - 6 * v0 - 4 * v1 - 1.5 * a0 + 0.5 * a1,
        -15 * d + 8 * v0 + 7 * v1 + 1.5 * a0 - a1, 6 * d - 3 * v0 - 3 * v1 - 0.5 * a0 + 0.5 * a1,
    ]  # fmt: skip


def polynomial(coefficients: list[F64], u: F64) -> F64:
    """Value at u by Horner's rule."""
    value = np.zeros_like(u)
    for c in reversed(coefficients):
        value = value * u + c
    return value


def _slope(coefficients: list[F64], u: F64) -> F64:
    return polynomial([k * c for k, c in enumerate(coefficients)][1:], u)


def _narrowed(coefficients: list[F64], sign: F64, low: F64, high: F64) -> tuple[F64, F64]:
    mid = 0.5 * (low + high)
    before = polynomial(coefficients, mid) * sign < 0
    return np.where(before, mid, low), np.where(before, high, mid)
