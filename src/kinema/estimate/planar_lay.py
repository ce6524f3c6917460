"""Where to begin with pseudoranges: a place near the way, the speed that ranges alone tell, and the odometry's path
laid on the ranges of the first minutes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.satellites import SPEED_OF_LIGHT_MPS
from kinema.core.streams import PreparedRanges
from kinema.errors import EstimationError
from kinema.sensors import pseudorange

HEADINGS = 12
PAIR_S = 5.0
"""Two ranges of a satellite this far apart tell a speed to some tenths."""
CLOCK_STEP_M = 1e-3 * SPEED_OF_LIGHT_MPS


@dataclass(frozen=True)
class Sky:
    """Pseudoranges in a local frame, north, east, down at `origin` (ECEF) with C_ne `turn`.

    t_s (n,) epochs; epoch, system, sat, range_m, cn0_dbhz (m,), sat_n (m, 3), shape (m,) of sigma by elevation; sigma
    (m,) a first guess of it, 0: unusable; clock_steps: how many were taken out.
    """

    t_s: F64
    epoch: I64
    system: I64
    range_m: F64
    sigma: F64
    shape: F64
    sat_n: F64
    sat: I64
    cn0_dbhz: F64
    origin: F64
    turn: F64
    clock_steps: int

    @property
    def n_systems(self) -> int:
        return int(self.system.max()) + 1 if len(self.system) else 1

    def until(self, epochs: int) -> Sky:
        """The first so many epochs."""
        m = int(np.searchsorted(self.epoch, epochs))
        rows = ("epoch", "system", "range_m", "sigma", "shape", "sat_n", "sat", "cn0_dbhz")
        return replace(self, t_s=self.t_s[:epochs], **{name: getattr(self, name)[:m] for name in rows})


def sky_of(ranges: PreparedRanges, range_sigma_m: float, seconds: float) -> Sky:
    """The ranges about a place near the first `seconds` of the way. Raises EstimationError where they meet nowhere."""
    t_s = (ranges.t_ns - ranges.t_ns[0]) * 1e-9
    epoch = np.repeat(np.arange(len(t_s)), np.diff(ranges.row_start))
    _, system = np.unique(ranges.sat // 100, return_inverse=True)
    elevation = np.where(np.isfinite(ranges.elevation_rad), ranges.elevation_rad, 0.5)
    shape = np.sqrt(pseudorange.elevation_shape(elevation))
    orbit = np.linalg.norm(ranges.sat_p_e_m, axis=1)
    usable = np.isfinite(ranges.range_m) & (orbit > 1.5e7) & (orbit < 6e7) & (np.abs(ranges.range_m) < 1e9)
    sigma = np.where(usable, range_sigma_m * shape**2 * pseudorange.strength_shape(ranges.cn0_dbhz), 0.0)
    if usable.sum() < 4 + len(np.unique(system)):
        raise EstimationError(f"only {int(usable.sum())} usable ranges; a position needs four")
    range_m, steps = _without_clock_steps(ranges, epoch, usable)
    first = usable & (t_s[epoch] <= t_s[epoch[usable]].min() + seconds)
    origin = _somewhere(ranges.sat_p_e_m[first], range_m[first], system[first], t_s[epoch[first]])
    lat, lon, _ = geodetic_from_ecef(origin)
    turn = c_ne(lat, lon)
    sat_n = np.where(usable[:, None], ranges.sat_p_e_m - origin, 1e7) @ turn.T
    return Sky(
        t_s, epoch, system.astype(np.int64), np.where(usable, range_m, 0.0), sigma, shape,
        np.ascontiguousarray(sat_n), ranges.sat.astype(np.int64),
        np.array(ranges.cn0_dbhz), origin, turn, steps,
    )  # fmt: skip


def _without_clock_steps(ranges: PreparedRanges, epoch: I64, usable: Bool) -> tuple[F64, int]:
    """Ranges with the receiver clock's millisecond steps taken out, and how many there were."""
    order = np.lexsort((epoch, ranges.sat))
    order = order[usable[order]]
    same = np.diff(ranges.sat[order]) == 0
    later, sooner = order[1:][same], order[:-1][same]
    near = epoch[later] - epoch[sooner] == 1
    change = ranges.range_m[later[near]] - ranges.range_m[sooner[near]]
    at = epoch[later[near]]
    steps = np.zeros(len(ranges.t_ns))
    for k in np.unique(at[np.abs(change) > 0.5 * CLOCK_STEP_M]):
        steps[k] = round(float(np.median(change[at == k])) / CLOCK_STEP_M)
    return ranges.range_m - CLOCK_STEP_M * np.cumsum(steps)[epoch], int((steps != 0).sum())


def _somewhere(sat: F64, measured: F64, system: I64, t: F64) -> F64:
    """A point near the trajectory: plain least squares as if it stood still."""
    clocks = int(system.max()) + 1
    x = np.zeros(3 + clocks + 1)
    for _ in range(12):
        away = sat - x[:3]
        rho = np.linalg.norm(away, axis=1)
        design = np.zeros((len(sat), len(x)))
        design[:, :3] = -away / rho[:, None]
        design[np.arange(len(sat)), 3 + system] = 1.0
        design[:, -1] = t
        r = measured - rho - x[3 + system] - x[-1] * t
        x += np.linalg.lstsq(design, r, rcond=None)[0]
    if not 6.2e6 < np.linalg.norm(x[:3]) < 9e6:
        raise EstimationError("the ranges do not meet near the Earth; are they pseudoranges in metres?")
    return x[:3]


def speed_by_ranges(sky: Sky, every_s: float = 2.5) -> tuple[F64, F64]:
    """Times (k,) of the middle and horizontal speeds (k,) that pairs of ranges PAIR_S apart tell, robustly.

    Good to some tenths of a m/s in the open, to a few m/s among buildings: it checks wheels, it does not replace them.
    """
    away = sky.sat_n
    rho = np.linalg.norm(away, axis=1)
    left, unit = sky.range_m - rho, away / rho[:, None]
    times, speeds = [], []
    starts = np.searchsorted(sky.t_s, np.arange(0.0, sky.t_s[-1] - PAIR_S, every_s))
    first = np.searchsorted(sky.epoch, np.arange(len(sky.t_s) + 1))
    for k in np.unique(starts):
        j = int(np.searchsorted(sky.t_s, sky.t_s[k] + PAIR_S))
        if j >= len(sky.t_s) or sky.t_s[j] - sky.t_s[k] > 1.5 * PAIR_S:
            continue
        a, b = np.arange(first[k], first[k + 1]), np.arange(first[j], first[j + 1])
        _, ia, ib = np.intersect1d(sky.sat[a], sky.sat[b], return_indices=True)
        a, b = a[ia], b[ib]
        use = (sky.sigma[a] > 0) & (sky.sigma[b] > 0)
        a, b = a[use], b[use]
        if len(a) < 6:
            continue
        dt = sky.t_s[j] - sky.t_s[k]
        speeds.append(_speed((left[b] - left[a]) / dt, -unit[a], 1.0 / np.maximum(sky.sigma[a], sky.sigma[b])))
        times.append(sky.t_s[k] + 0.5 * dt)
    return np.array(times), np.array(speeds)


def _speed(change: F64, direction: F64, strength: F64) -> float:
    design = np.column_stack([direction, np.ones(len(change))])
    x = np.array([0.0, 0.0, 0.0, float(np.median(change))])
    level = np.diag([1e-6, 1e-6, 1.0, 1e-6]) * float(strength.max())
    for _ in range(15):
        r = change - design @ x
        weight = strength / (1.0 + r * r)
        x = x + np.linalg.solve(
            design.T @ (design * weight[:, None]) + level, design.T @ (weight * r) - level @ [0.0, 0.0, x[2], 0.0]
        )  # fmt: skip
    return float(np.hypot(x[0], x[1]))


@dataclass(frozen=True)
class Laid:
    """A path laid on the ranges: place (3,), heading, clock of each system, clock drift; its cost."""

    place: F64
    heading: float
    clocks: F64
    drift: float
    cost: float


def lay(sky: Sky, path: F64, seconds: float) -> list[Laid]:
    """The ways in which a path (n, 2), forward and to the right of a heading zero, lies on the ranges of the first
    `seconds`, from headings all around: those that differ, the cheapest first, three at most."""
    begin = sky.t_s[0]
    rows = np.flatnonzero((sky.sigma > 0) & (sky.t_s[sky.epoch] <= begin + seconds))
    rows = rows[:: max(1, len(rows) // 6000)]
    around = (2 * np.pi * k / HEADINGS for k in range(HEADINGS))
    found = sorted((_lay_from(sky, path, rows, heading) for heading in around), key=lambda one: one.cost)
    out: list[Laid] = []
    for one in found:
        if all(abs((one.heading - other.heading + np.pi) % (2 * np.pi) - np.pi) > 0.1 for other in out):
            out.append(one)
    return out[:3]


def _lay_from(sky: Sky, path: F64, rows: I64, heading: float) -> Laid:
    clocks = sky.n_systems
    fit = np.zeros(5 + clocks)
    fit[3] = heading
    epoch, system, sigma = sky.epoch[rows], sky.system[rows], sky.sigma[rows]
    t, sat, measured = sky.t_s[epoch], sky.sat_n[rows], sky.range_m[rows]
    cost = np.inf
    for turn in range(20):
        c, s = np.cos(fit[3]), np.sin(fit[3])
        here = np.stack([c * path[:, 0] - s * path[:, 1], s * path[:, 0] + c * path[:, 1], 0 * path[:, 0]], axis=1)
        away = sat - here[epoch] - fit[:3]
        rho = np.linalg.norm(away, axis=1)
        r = measured - rho - fit[4 + system] - fit[-1] * t
        if turn == 0:
            for k in np.unique(system):
                fit[4 + k] = np.median(r[system == k])
            continue
        u = r / (4 * sigma)
        weight = 4.0 / (3.0 + u * u) / (sigma * sigma)
        cost = float(np.log1p(u * u / 3.0).sum())
        design = np.zeros((len(rows), len(fit)))
        design[:, :3] = -away / rho[:, None]
        design[:, 3] = -design[:, 0] * here[epoch, 1] + design[:, 1] * here[epoch, 0]
        design[np.arange(len(rows)), 4 + system] = 1.0
        design[:, -1] = t
        normal = design.T @ (design * weight[:, None])
        normal[np.diag_indices(len(fit))] += 1e-9
        fit += np.linalg.solve(normal, design.T @ (weight * r))
    return Laid(fit[:3], float(fit[3]), fit[4:-1], float(fit[-1]), cost)


def common_clock(sky: Sky, place_n: F64, laid: Laid) -> F64:
    """Clock (n,) of the first system at places (n, 3): the ranges' median at each epoch, straight between."""
    away = sky.sat_n - place_n[sky.epoch]
    r = sky.range_m - np.linalg.norm(away, axis=1) - laid.clocks[sky.system]
    use = np.flatnonzero(sky.sigma > 0)
    order = use[np.lexsort((r[use], sky.epoch[use]))]
    count = np.bincount(sky.epoch[use], minlength=len(sky.t_s))
    some = count > 0
    middle = (np.cumsum(count) - count + count // 2)[some]
    return np.asarray(laid.clocks[0] + np.interp(sky.t_s, sky.t_s[some], r[order[middle]]))
