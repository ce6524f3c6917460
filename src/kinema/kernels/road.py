"""The height of a road that is met again: what a pass remembers of it, and the row that says that it is the same.

A spot remembers where the road was, how it climbed, and how surely: its height has an error e_s of variance b. What is
known now has the error e of variance a. Both share what has not been put right since: e is e_s and what the pass
drifted since, so that their covariance is b, and e_s = (b / a) e + η with η of variance b (1 − b / a). So the
innovation, height of the spot − height now, is the row (1 − b / a) of the height, of noise b (1 − b / a) + r, r of the
road itself. After it the variance is b at least: what is met again never tells more than was known before (the aim of
covariance intersection, Julier and Uhlmann 1997).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from kinema.kernels.inertial import D_ROAD, X_P, X_V, N, P, fold, inject
from kinema.kernels.jit import kernel

A = Any
"""Scalars and arrays as Numba infers them; docstrings give shapes."""

CELL_M = 5.0
REACH = 2
"""Cells to each side that are looked at."""
DECKS = 4
"""Heights that are told apart in one cell."""
LOOK_M = 5.0
"""Between looks, and between the spots that are kept."""
USE_M = 10.0
"""Between rows: what the road itself is off by lasts for some metres."""
SAME_DECK_M = 1.2
LEAST_SHARE = 0.3
SPOT_P, SPOT_VAR, SPOT_VAR_H, SPOT_WAY, SPOT_SLOPE, SPOT_EAST, SPOT_NORTH, SPOT_SIZE = 0, 3, 4, 5, 6, 7, 8, 9
H_UP, H_COV, HERE_SIZE = 9, 12, 21
"""What is seen here is a spot, and behind it the unit upwards and the covariance of the place (3, 3)."""
QUEUE = 20
"""Looks that wait to be kept: a spot is kept only 100 m later, so that a filter which goes back a little finds the
memory as it was."""
N_WAY, N_LOOK, N_USED, N_COUNT = range(4)
R_SIGMA, R_FAR_M, R_AWAY_M, R_LEAN, R_DECK_M, R_SLOPE, R_MAX_H_M, R_KEEP_M, R_SIZE = range(9)
F_HIGHER, F_SHARE, F_LENT, F_ROAD, F_WAY, F_SIZE = range(6)
"""Of a spot that was found: how much higher the road is by it, 1 − b / a, the row's noise that the spot lends and that
of the road itself, the way at which it was kept."""


class Road(NamedTuple):
    """What a pass is told, or remembers, of the road's height.

    at (K,): row of `given` of each node or −1; given (n, 5): the unit upwards u, what u · place is, and its variance.
    Memory: frame (4, 3): origin, east, north, up there, all in e; cell (M,): number of the place that a slot remembers,
    −1 none; spot (M, DECKS, SPOT_SIZE). A memory of no length remembers nothing. now (1 + QUEUE, HERE_SIZE): first way
    driven, way at the last look and at the last row, number of looks; then the last looks. par (R_SIZE,).
    """

    at: A
    given: A
    frame: A
    cell: A
    spot: A
    now: A
    par: A


@kernel
def road_update(
    x: A, p: A, dx: A, road: A, k: A, total: A, gravity: A, told: A, tape: A, at: A, y: A, h: A, turn: A, here: A
) -> A:
    """The row of node k, of what is given or remembered; returns the next place of the tape.

    total: seconds since the node before; here (HERE_SIZE,) is scratch.
    """
    if k < len(road.at) and road.at[k] >= 0:
        z = road.given[road.at[k]]
        y[0] = z[3] - z[0] * x[X_P] - z[1] * x[X_P + 1] - z[2] * x[X_P + 2]
        return _fold_row(x, p, dx, y, h, z[:3], 1.0, z[4], told, tape, at, turn)
    if len(road.cell) == 0:
        return at
    now, par = road.now[0], road.par
    now[N_WAY] += total * math.sqrt(x[X_V] ** 2 + x[X_V + 1] ** 2 + x[X_V + 2] ** 2)
    if now[N_WAY] - now[N_LOOK] < LOOK_M:
        return at
    now[N_LOOK] = now[N_WAY]
    look_here(x, p, gravity, road, here)
    if here[SPOT_VAR] > par[R_SIGMA] ** 2 and now[N_WAY] - now[N_USED] >= USE_M:
        found = np.empty(F_SIZE)
        if find_spot(road, here, found):
            now[N_USED] = now[N_WAY]
            y[0], r = found[F_HIGHER], found[F_LENT] + found[F_ROAD]
            at = _fold_row(x, p, dx, y, h, here[H_UP : H_UP + 3], found[F_SHARE], r, told, tape, at, turn)
            look_here(x, p, gravity, road, here)
    oldest = road.now[1 + int(now[N_COUNT]) % QUEUE]
    if oldest[SPOT_VAR] > 0.0:
        keep_spot(road, oldest)
    oldest[:] = here
    now[N_COUNT] += 1.0
    return at


@kernel
def _fold_row(x: A, p: A, dx: A, y: A, h: A, up: A, share: A, r: A, told: A, tape: A, at: A, turn: A) -> A:
    """Fold the row share · up of the place with innovation y[0] and variance r; tells the innovation in sigmas."""
    for j in range(N):
        h[0, j] = 0.0
    for i in range(3):
        h[0, P + i] = share * up[i]
    at = fold(p, dx, y, h, 0, 1, r, tape, at)
    told[D_ROAD] = tape[at - 1, 2 * N] / math.sqrt(tape[at - 1, 2 * N + 1])
    inject(x, dx, turn)
    return at


@kernel
def look_here(x: A, p: A, gravity: A, road: A, here: A) -> None:
    """The spot that the state makes, the unit upwards and the covariance of the place: here (HERE_SIZE,)."""
    size = math.sqrt(gravity[0] ** 2 + gravity[1] ** 2 + gravity[2] ** 2)
    for i in range(3):
        here[SPOT_P + i] = x[X_P + i]
        here[H_UP + i] = -gravity[i] / size
        for j in range(3):
            here[H_COV + 3 * i + j] = p[P + i, P + j]
    here[SPOT_WAY] = road.now[0, N_WAY]
    face(here, x[X_V : X_V + 3], road.frame)


@kernel
def face(here: A, v: A, frame: A) -> None:
    """Fill in where the way leads that goes with velocity v (3,), and how sure the place is."""
    up = here[H_UP : H_UP + 3]
    climb = east = north = trace = var = 0.0
    for i in range(3):
        climb += up[i] * v[i]
        east += frame[1, i] * v[i]
        north += frame[2, i] * v[i]
        trace += here[H_COV + 4 * i]
        for j in range(3):
            var += up[i] * here[H_COV + 3 * i + j] * up[j]
    level = max(math.sqrt(east * east + north * north), 1e-3)
    here[SPOT_SLOPE], here[SPOT_EAST], here[SPOT_NORTH] = climb / level, east / level, north / level
    here[SPOT_VAR], here[SPOT_VAR_H] = var, max(trace - var, 0.0)


@kernel
def _cell_of(road: A, p: A, out: A) -> None:
    """Column and row of the cell of a point."""
    for axis in range(2):
        t = 0.0
        for i in range(3):
            t += road.frame[1 + axis, i] * (p[i] - road.frame[0, i])
        out[axis] = math.floor(t / CELL_M)


@kernel
def _number(column: A, row: A) -> A:
    """The number of a cell: different for all within 2,000 km."""
    return (int(column) + 524_288) * 1_048_576 + int(row) + 524_288


@kernel
def _slot(road: A, number: A) -> A:
    """Where the memory would keep a cell."""
    return number % len(road.cell)


@kernel
def find_spot(road: A, here: A, found: A) -> A:
    """The best spot about `here` that is the same road, into found (F_SIZE,); returns whether there is one.

    Where another deck cannot be told from this one by three sigmas, there is none.
    """
    par, at = road.par, np.empty(2)
    if here[SPOT_VAR_H] > par[R_MAX_H_M] ** 2:
        return False
    _cell_of(road, here, at)
    best = 0.0
    for column in range(-REACH, REACH + 1):
        for row in range(-REACH, REACH + 1):
            number = _number(at[0] + column, at[1] + row)
            slot = _slot(road, number)
            if road.cell[slot] != number:
                continue
            for d in range(DECKS):
                spot = road.spot[slot, d]
                if spot[SPOT_VAR] <= 0.0 or abs(here[SPOT_WAY] - spot[SPOT_WAY]) < par[R_AWAY_M]:
                    continue
                higher, r = compare(road, here, spot)
                if r <= 0.0:
                    continue
                a, b = here[SPOT_VAR], spot[SPOT_VAR]
                share = 1.0 - b / a
                if share < LEAST_SHARE:
                    continue
                s = a - b + r
                sigma = math.sqrt(s)
                if abs(higher) > min(3.0 * sigma, par[R_DECK_M] - 3.0 * sigma):
                    continue
                if (a - b) ** 2 / s > best:
                    best = (a - b) ** 2 / s
                    found[F_HIGHER], found[F_SHARE], found[F_LENT] = higher, share, b * share
                    found[F_ROAD], found[F_WAY] = r, spot[SPOT_WAY]
    return best > 0.0


@kernel
def compare(road: A, here: A, spot: A) -> tuple[float, float]:
    """How much higher the road is by a spot than here, and the variance that is the road's own; 0: another road.

    Along the way of a spot its slope is known. Roads lean to the side, and bend where the place is not sure, by R_LEAN.
    Ways that go alike must climb alike; others must cross right here.
    """
    par = road.par
    east = north = up = 0.0
    for i in range(3):
        off = here[SPOT_P + i] - spot[SPOT_P + i]
        east += road.frame[1, i] * off
        north += road.frame[2, i] * off
        up += here[H_UP + i] * off
    along = spot[SPOT_EAST] * east + spot[SPOT_NORTH] * north
    across2 = max(east * east + north * north - along * along, 0.0)
    same = spot[SPOT_EAST] * here[SPOT_EAST] + spot[SPOT_NORTH] * here[SPOT_NORTH]
    alike, slope = abs(same) > 0.9, spot[SPOT_SLOPE]
    far = par[R_FAR_M] if alike else 0.4 * par[R_FAR_M]
    if east * east + north * north > far * far:
        return 0.0, 0.0
    if alike and abs(here[SPOT_SLOPE] * (1.0 if same > 0.0 else -1.0) - slope) > par[R_SLOPE]:
        return 0.0, 0.0
    lean, unsure = par[R_LEAN] ** 2, 0.5 * (here[SPOT_VAR_H] + spot[SPOT_VAR_H])
    r = par[R_SIGMA] ** 2 + lean * across2 + (lean + slope * slope) * unsure
    return slope * along - up, r


@kernel
def keep_spot(road: A, here: A) -> None:
    """Remember `here` if it is sure, unless the same place is remembered as surely.

    What a slot held of another place is forgotten, and of one place the height that was kept first.
    """
    if here[SPOT_VAR] > road.par[R_KEEP_M] ** 2 or here[SPOT_VAR_H] > road.par[R_MAX_H_M] ** 2:
        return
    at = np.empty(2)
    _cell_of(road, here, at)
    number = _number(at[0], at[1])
    slot = _slot(road, number)
    if road.cell[slot] != number:
        road.cell[slot] = number
        road.spot[slot] = 0.0
    free = 0
    for d in range(DECKS):
        spot = road.spot[slot, d]
        if spot[SPOT_VAR] <= 0.0:
            free = d
            break
        off = 0.0
        for i in range(3):
            off += here[H_UP + i] * (spot[SPOT_P + i] - here[SPOT_P + i])
        if abs(off) < SAME_DECK_M:
            if here[SPOT_VAR] > 0.8 * spot[SPOT_VAR]:
                return
            free = d
            break
        if spot[SPOT_WAY] < road.spot[slot, free, SPOT_WAY]:
            free = d
    for i in range(SPOT_SIZE):
        road.spot[slot, free, i] = here[i]


@kernel
def meet_again(road: A, here: A, v: A, found: A) -> None:
    """Where the way of a whole pass meets itself: of each place the surest visit is kept first.

    here (m, HERE_SIZE) with place, way, unit upwards and covariance, v (m, 3); found (m, F_SIZE), its share 0 where
    nothing is met.
    """
    for k in range(len(here)):
        face(here[k], v[k], road.frame)
        keep_spot(road, here[k])
    used = -1e9
    for k in range(len(here)):
        found[k, F_SHARE] = 0.0
        if here[k, SPOT_VAR] < road.par[R_SIGMA] ** 2 or here[k, SPOT_WAY] - used < USE_M:
            continue
        if find_spot(road, here[k], found[k]):
            used = here[k, SPOT_WAY]
