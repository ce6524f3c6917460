"""PPP: forward filter, backward filter, and their sum (Fraser & Potter 1969) at every epoch, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from kinema.core.arrays import F64, I64, U8
from kinema.core.progress import Progress, silent
from kinema.core.satellites import SYSTEMS
from kinema.estimate.ppp_params import PppParams
from kinema.estimate.ppp_table import PppTable

SATS = 100 * len(SYSTEMS)
SHARED = 64
"""Ambiguities that arcs with known integers share, beside those of single satellites."""
KEYS = SATS + SHARED
STATES = 90
HEAD = 6
SEGMENT = 200
START_VAR = (1e4, 1e4, 1e4, 0.25, 1e-6, 1e-6)


@dataclass
class PppState:
    """What the filter carries (see kernels.ppp)."""

    x: F64 = field(default_factory=lambda: np.zeros(STATES))
    p: F64 = field(default_factory=lambda: np.diag([*START_VAR, *([0.0] * (STATES - HEAD))]))
    n: int = HEAD
    keys: I64 = field(default_factory=lambda: np.zeros((STATES, 2), dtype=np.int64))
    index: I64 = field(default_factory=lambda: np.full((KEYS, 1), -1, dtype=np.int64))
    seen: F64 = field(default_factory=lambda: np.zeros(STATES))
    lock: I64 = field(default_factory=lambda: np.zeros(STATES, dtype=np.int64))
    prior: F64 = field(default_factory=lambda: np.zeros(STATES))
    arc_of: I64 = field(default_factory=lambda: np.full((KEYS, 1), -1, dtype=np.int64))

    def copy(self) -> PppState:
        """An independent copy."""
        arrays = ("x", "p", "keys", "index", "seen", "lock", "prior", "arc_of")
        return PppState(n=self.n, **{name: getattr(self, name).copy() for name in arrays})

    def marginal(self) -> tuple[F64, F64, I64]:
        """State, covariance and arc of each ambiguity (−1 for the head)."""
        n = self.n
        arc = np.full(n, -1, dtype=np.int64)
        arc[HEAD:] = self.arc_of[self.keys[HEAD:n, 0], 0]
        return self.x[:n].copy(), self.p[:n, :n].copy(), arc


class PppFilter:
    """One pass over a table in either direction; `step(k)` takes epoch k."""

    def __init__(self, table: PppTable, params: PppParams, static: bool) -> None:
        self.table, self.static = table, static
        m = len(table.sat)
        self.settings = np.array([
            0.0 if static else 1e4, params.zenith_walk_m2ps, params.gradient_walk_m2ps, params.ambiguity_drift_m2ps,
            params.arc_gap_s, 3.0, 8.0, 6.0, SATS,
        ])  # fmt: skip
        self.state = PppState()
        self.last: int | None = None
        self.now = 0.0
        self.group = table.sat // 100
        self.residual = np.full((2, m), np.nan)
        self.flag: U8 = np.zeros((2, m), dtype=np.uint8)

    def gap_s(self, k: int) -> float:
        """Seconds from the last epoch to epoch k, whichever comes first in time."""
        if self.last is None:
            return 0.0
        return abs(float(self.table.t_ns[k] - self.table.t_ns[self.last])) * 1e-9

    def step(self, k: int) -> None:
        """Take in epoch k."""
        from kinema.kernels.ppp import Rows, ppp_epoch
        from kinema.kernels.sequential import States

        t, s = self.table, self.state
        dt = self.gap_s(k)
        self.now += dt
        s.n = ppp_epoch(
            States(s.x, s.p, s.keys, s.index, s.seen, s.lock, s.prior, s.arc_of), s.n,
            Rows(t.key, self.group, t.unit, t.mapping, t.code, t.phase, t.code_var, t.phase_var, t.arc),
            int(t.row_start[k]), int(t.row_start[k + 1]), len(SYSTEMS), self.now, dt, self.settings, self.residual,
            self.flag,
        )  # fmt: skip
        self.last = k

    def foreseen(self, k: int) -> tuple[F64, F64, I64]:
        """Marginal at epoch k before its observations."""
        from kinema.kernels.ppp import ppp_predict

        x, p, arc = self.state.marginal()
        ppp_predict(x, p, len(x), self.gap_s(k), self.settings)
        return x, p, arc


@dataclass(frozen=True)
class PppOutput:
    """Offset from x0 (n, 3), covariance, zenith wet delay correction and its sigma, number of phases, per epoch."""

    dx_m: F64
    cov: F64
    zenith_m: F64
    zenith_sigma_m: F64
    residual: F64
    flag: U8


Look = Callable[[int, F64, F64, I64], tuple[F64, F64]]
"""Given an epoch, its state, covariance and the states' arcs, the state and covariance to report."""


def as_it_is(_k: int, x: F64, p: F64, _arc: I64) -> tuple[F64, F64]:
    """The default look: nothing is done."""
    return x, p


def run_ppp(
    table: PppTable, params: PppParams, *, static: bool, smooth: bool, look: Look = as_it_is,
    progress: Progress = silent,
) -> PppOutput:  # fmt: skip
    """Filter, or filter both ways and add. Only every SEGMENT-th forward state is kept; segments are run again.

    `look` sees every epoch once, forwards or (smooth) backwards in time.
    """
    n = len(table.t_ns)
    dx, cov = np.full((n, 3), np.nan), np.full((n, 3, 3), np.nan)
    zenith, sigma = np.full(n, np.nan), np.full(n, np.nan)

    def keep(k: int, x: F64, p: F64, arc: I64) -> None:
        x, p = look(k, x, p, arc)
        dx[k], cov[k] = x[:3], p[:3, :3]
        zenith[k], sigma[k] = x[3], np.sqrt(max(p[3, 3], 0.0))

    ahead = PppFilter(table, params, static)
    marks: list[tuple[PppState, int | None, float]] = []
    for k in range(n):
        if smooth and k % SEGMENT == 0:
            marks.append((ahead.state.copy(), ahead.last, ahead.now))
            progress("PPP forward", 0.5 * k / n)
        ahead.step(k)
        if not smooth:
            keep(k, *ahead.state.marginal())
    out = PppOutput(dx, cov, zenith, sigma, ahead.residual.copy(), ahead.flag.copy())
    if not smooth:
        return out
    back = PppFilter(table, params, static)
    for number in range(len(marks) - 1, -1, -1):
        progress("PPP backward", 1.0 - 0.5 * number / len(marks))
        first, last = number * SEGMENT, min((number + 1) * SEGMENT, n)
        ahead.state, ahead.last, ahead.now = marks[number]
        kept = []
        for k in range(first, last):
            ahead.step(k)
            kept.append(ahead.state.marginal())
        for k in range(last - 1, first - 1, -1):
            x, p, arc = kept[k - first]
            if back.last is not None:
                x, p = _sum(x, p, arc, *back.foreseen(k), static)
            keep(k, x, p, arc)
            back.step(k)
    return out


def _sum(x: F64, p: F64, arc: I64, x_b: F64, p_b: F64, arc_b: I64, static: bool) -> tuple[F64, F64]:
    """Forward state with what the backward pass knows of the same quantities."""
    theirs_of = {int(a): j for j, a in enumerate(arc_b) if a >= 0}
    head = [0, 1, 2, 3, 4, 5] if static else [3, 4, 5]
    pairs = [(i, theirs_of[int(a)]) for i, a in enumerate(arc) if a >= 0 and int(a) in theirs_of]
    mine = np.array(head + [i for i, _ in pairs])
    theirs = np.array(head + [j for _, j in pairs])
    ph = p[:, mine]
    gain = np.linalg.solve(ph[mine] + p_b[np.ix_(theirs, theirs)], ph.T)
    x2 = x + (x_b[theirs] - x[mine]) @ gain
    p2 = p - ph @ gain
    return x2, 0.5 * (p2 + p2.T)
