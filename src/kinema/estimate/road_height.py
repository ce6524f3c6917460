"""The height of a road that is met again: memory of a causal pass, rows for a smoother; model in kernels.road."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.errors import ConfigError
from kinema.kernels import road as kr

if TYPE_CHECKING:
    from kinema.estimate.inertial import Pass
    from kinema.estimate.inertial_params import InertialParams

SLOTS = 32_749
"""Cells that are remembered, a prime number of them: some 80 km of roads, 9 MB when full."""
FAR_M, AWAY_M = 10.0, 100.0
"""Farther to the side it is another road; sooner than after this way it is the same visit."""
LEAN = 0.03
"""How roads lean to the side."""
DECK_M = 2.4
"""Least height from one deck to the next."""
SLOPE = 0.06
"""Ways that go alike climb alike, but for this."""
MAX_H_M, KEEP_M = 10.0, 0.5
"""With a place less sure than this nothing is met; a height less sure is not worth keeping."""


def _empty(slots: int, par: F64, origin_e_m: F64 | None = None) -> kr.Road:
    frame = np.zeros((4, 3))
    if origin_e_m is not None:
        lat, lon, _ = geodetic_from_ecef(origin_e_m)
        north, east, down = c_ne(lat, lon)
        frame[:] = origin_e_m, east, north, -down
    return kr.Road(
        np.empty(0, dtype=np.int64), np.empty((0, 5)), frame, np.full(slots, -1, dtype=np.int64),
        np.zeros((slots, kr.DECKS, kr.SPOT_SIZE)), np.zeros((1 + kr.QUEUE, kr.HERE_SIZE)), par,
    )  # fmt: skip


NO_ROAD = _empty(0, np.zeros(kr.R_SIZE))
"""Nothing is told, nothing is remembered."""


def memory(origin_e_m: F64, params: InertialParams, *, coarse: bool) -> kr.Road:
    """An empty memory about a place (3,), for a causal pass; NO_ROAD where the settings want none.

    coarse: heights come from code, whose errors wander by metres between two visits: nothing is to be had of them.
    Raises ConfigError for settings that are none.
    """
    if not isinstance(params.road_height, bool) or not params.road_sigma_m > 0.0:
        raise ConfigError("settings of [inertial]: road_height is true or false, road_sigma_m metres above 0")
    if coarse or not (params.road_height and params.constrain):
        return NO_ROAD
    par = np.zeros(kr.R_SIZE)
    par[kr.R_SIGMA], par[kr.R_FAR_M], par[kr.R_AWAY_M], par[kr.R_LEAN] = params.road_sigma_m, FAR_M, AWAY_M, LEAN
    par[kr.R_DECK_M], par[kr.R_SLOPE], par[kr.R_MAX_H_M], par[kr.R_KEEP_M] = DECK_M, SLOPE, MAX_H_M, KEEP_M
    return _empty(SLOTS, par, origin_e_m)


def met_again(done: Pass, params: InertialParams, *, coarse: bool) -> kr.Road | None:
    """Rows of height for a second smoothing, from a smoothed pass; None where none would help.

    Of each place the surest visit lends its height to the others. Heights that come from one visit share its error: the
    rows of one stretch count together as one for it.
    """
    p = done.x[:, 0:3]
    road = memory(p[len(p) // 2], params, coarse=coarse)
    if not len(road.cell):
        return None
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(p, axis=0), axis=1))])
    at = np.flatnonzero(np.diff(np.floor(way / kr.LOOK_M), prepend=-1.0) > 0)
    here = np.zeros((len(at), kr.HERE_SIZE))
    lat, lon, _ = geodetic_from_ecef(p[at])
    here[:, : kr.SPOT_P + 3], here[:, kr.SPOT_WAY] = p[at], way[at]
    here[:, kr.H_UP : kr.H_UP + 3] = -c_ne(lat, lon)[:, 2]
    here[:, kr.H_COV :] = done.cov[at, :3, :3].reshape(len(at), 9)
    found = np.zeros((len(at), kr.F_SIZE))
    kr.meet_again(road, here, np.ascontiguousarray(done.x[at, 3:6]), found)
    used = np.flatnonzero(found[:, kr.F_SHARE] > 0.0)
    return None if not len(used) else _rows(here[used], found[used], at[used], len(p))


def _rows(here: F64, found: F64, node: I64, n_nodes: int) -> kr.Road:
    """Rows that put the smoothed places as high as the other visits have them."""
    share = found[:, kr.F_SHARE]
    apart = np.maximum(np.abs(np.diff(here[:, kr.SPOT_WAY])), np.abs(np.diff(found[:, kr.F_WAY]))) > AWAY_M
    stretch = np.concatenate([[0], np.cumsum(apart)])
    times = np.bincount(stretch)[stretch]
    up = here[:, kr.H_UP : kr.H_UP + 3]
    value = (up * here[:, :3]).sum(axis=1) + found[:, kr.F_HIGHER] / share
    var = (times * found[:, kr.F_LENT] + found[:, kr.F_ROAD]) / share**2
    where = np.full(n_nodes, -1, dtype=np.int64)
    where[node] = np.arange(len(node))
    return NO_ROAD._replace(at=where, given=np.column_stack([up, value, var]))
