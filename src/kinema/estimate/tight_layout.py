"""How the rows of a tight filter are laid out: epochs, events, places of extra states, how often an error repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.kernels import tight as kt

REFLECTION_WAY_M, REFLECTION_S = 20.0, (2.0, 60.0)
PHASE_REPEATS_S = 1.0
"""Errors of phases are taken to last so long: multipath."""


@dataclass(frozen=True)
class TightRows:
    """What kernels.tight_pass takes: rows, sorted by epoch and kind, and epochs; t_s (E,) GPS seconds since the origin;
    size: number of extra states; sat (R,) of each row; arc (R,) number of its carrier arc, −1 none."""

    t_s: F64
    rows: kt.Rows
    epochs: kt.Epochs
    size: int
    sat: I64
    arc: I64


@dataclass(frozen=True)
class Speeds:
    """How fast the antenna went: speed_mps (k,) at t_s (k,) seconds since the origin."""

    t_s: F64
    speed_mps: F64

    def at(self, t_s: F64) -> F64:
        """Speeds at times, those between by interpolation."""
        return np.interp(t_s, self.t_s, self.speed_mps) if len(self.t_s) else np.full(len(t_s), 10.0)


def lasting_s(speed_mps: F64) -> F64:
    """How long a reflection stays the same: for some metres of the way, or a minute at rest."""
    return np.asarray(np.clip(REFLECTION_WAY_M / np.maximum(speed_mps, 1e-3), *REFLECTION_S))


def code_again(lasting: F64, epoch: I64, sat: I64, t_s: F64) -> F64:
    """How many times the error of a code counts (m,), at epochs (−1: not used) of times t_s, after others of its
    satellite.

    Of an error whose correlation falls to 1/e within `lasting` seconds (m,), n samples a step apart tell as much as
    1 + (n − 1) tanh(step / 2 lasting) independent ones: the first in full, those that follow it that much less.
    """
    out = np.ones(len(epoch))
    used = np.flatnonzero(epoch >= 0)
    order = used[np.argsort(sat[used], kind="stable")]
    apart = t_s[epoch[order[1:]]] - t_s[epoch[order[:-1]]]
    follows = (sat[order[1:]] == sat[order[:-1]]) & (apart < 2.0 * lasting[order[1:]])
    late = order[1:][follows]
    out[late] = 1.0 / np.tanh(np.maximum(apart[follows], 1e-3) / (2.0 * lasting[late]))
    return out


def thinned(t_s: F64, least_s: float) -> I64:
    """Epochs that are at least so long after the one kept before."""
    keep: list[int] = []
    last = -np.inf
    for k, t in enumerate(t_s.tolist()):
        if t - last >= least_s:
            keep.append(k)
            last = t
    return np.array(keep, dtype=np.int64)


def lifetimes(key: I64, epoch: I64) -> tuple[I64, I64, I64]:
    """For each different key (k,): the key, its first and its last epoch."""
    keys, inverse = np.unique(key, return_inverse=True)
    first, last = np.full(len(keys), np.iinfo(np.int64).max), np.full(len(keys), -1)
    np.minimum.at(first, inverse, epoch)
    np.maximum.at(last, inverse, epoch)
    return keys, first, last


def give_places(first: I64, last: I64, begin: int) -> tuple[I64, int]:
    """A place for each lifetime, none shared by two that overlap, from `begin` on; and the number of places."""
    place = np.empty(len(first), dtype=np.int64)
    free_after: list[int] = []
    for k in np.argsort(first, kind="stable").tolist():
        q = next((i for i, end in enumerate(free_after) if end < first[k]), len(free_after))
        if q == len(free_after):
            free_after.append(-1)
        free_after[q] = int(last[k])
        place[k] = begin + q
    return place, begin + len(free_after)


def event(sigma: float, *, walk: float = 0.0, tau: float = 0.0, value: float = 0.0, look: bool = False) -> F64:
    """An extra state that begins: its parameters as kernels.tight.E_* order them."""
    par = np.zeros(kt.E_SIZE)
    par[kt.E_VAR], par[kt.E_WALK], par[kt.E_TAU], par[kt.E_SPREAD] = sigma**2, walk, tau, sigma**2
    par[kt.E_VALUE], par[kt.E_LOOK] = value, float(look)
    return par


def sorted_rows(order: I64, kind: I64, value: F64, var: F64, again: F64, unit: F64, at: I64, by: F64) -> kt.Rows:
    """Rows in their order, as the kernels take them."""
    parts = (kind, value, var, again, unit, at, by)
    return kt.Rows(*(np.ascontiguousarray(part[order]) for part in parts))


def epochs_of(t_s: F64, p0: F64, epoch: I64, events: list[tuple[int, int, F64]], n: int) -> kt.Epochs:
    """Epochs with their rows and events; events of one epoch stay in the order in which they were given."""
    when = np.array([e[0] for e in events], dtype=np.int64)
    order = np.argsort(when, kind="stable")
    par = np.array([events[k][2] for k in order]).reshape(-1, kt.E_SIZE)
    state = np.array([events[k][1] for k in order], dtype=np.int64)
    return kt.Epochs(
        np.ascontiguousarray(t_s), np.ascontiguousarray(p0), np.searchsorted(np.sort(epoch), np.arange(n + 1)),
        np.searchsorted(when[order], np.arange(n + 1)), state, np.ascontiguousarray(par),
    )  # fmt: skip
