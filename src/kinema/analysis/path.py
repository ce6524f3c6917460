"""A trajectory on a plane, cleaned of teleports, smoothed, its noise told apart into jitter and slow error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinema.core.arrays import F64, I64, Bool
from kinema.core.course import Plane
from kinema.core.frames import cov_n_from_e, geodetic_from_ecef
from kinema.core.recording import Issue
from kinema.core.solution import FixStatus, Solution
from kinema.core.time import iso_gps
from kinema.errors import DataError

FASTEST_MPS = 150.0
LONGEST_GAP_S = 3.0
"""Longer holes are not bridged."""
DEFAULT_SIGMA_M = {
    FixStatus.FIXED: 0.02,
    FixStatus.FLOAT: 0.3,
    FixStatus.PPP: 0.1,
    FixStatus.DIFFERENTIAL: 0.8,
    FixStatus.SBAS: 1.0,
}
"""Horizontal standard uncertainty per axis where a trajectory states none; 1.5 m for all other kinds of fixes."""
JITTER_FLOOR_M = 0.001
AGILITY_WINDOW_S = 3.0
FAITHFUL_SHARE = 0.4
"""Jitter below this share of the stated uncertainty is left in the positions that lines are timed by."""


@dataclass(frozen=True)
class Path:
    """n epochs: t_ns; t_s from the first; ne_m, v_mps, a_mps2 (n, 2) north and east, smoothed; jitter_m2 (n,) what
    the smoothing leaves of the white noise per axis; slow_m2 (n, 2, 2) covariance of the error that neighbours share;
    fresh (n,) where a piece begins after a hole; raw_ne_m as it came. `row` (n,) into the solution it came from.

    timing_ne_m is what lines are timed by: the smoothed positions where the jitter is a good part of the uncertainty,
    else the positions as the device gave them, whose jitter of a fraction of their uncertainty would not be made any
    truer by smoothing, but the times would leave those of the device. jitter_m2 belongs to it.
    """

    plane: Plane
    t_ns: I64
    ne_m: F64
    v_mps: F64
    a_mps2: F64
    jitter_m2: F64
    slow_m2: F64
    fresh: Bool
    raw_ne_m: F64
    row: I64
    white_m: float
    issues: tuple[Issue, ...] = ()
    height_m: F64 = field(default_factory=lambda: np.zeros(0))
    timing_ne_m: F64 = field(default_factory=lambda: np.zeros((0, 2)))
    device_speed_mps: F64 | None = None
    """Speed over ground by the device's Doppler (n,), where it tells one that fits the positions."""

    @property
    def t_s(self) -> F64:
        """Seconds since the first epoch."""
        return np.asarray((self.t_ns - self.t_ns[0]) * 1e-9)

    @property
    def speed_mps(self) -> F64:
        """Speed over ground (n,)."""
        return np.hypot(self.v_mps[:, 0], self.v_mps[:, 1])

    @property
    def distance_m(self) -> F64:
        """Way driven since the first epoch (n,); what happened in a hole is not counted."""
        step = np.hypot(*np.diff(self.ne_m, axis=0).T)
        return np.concatenate([[0.0], np.cumsum(np.where(self.fresh[1:], 0.0, step))])


def path_of(solution: Solution, plane: Plane | None = None) -> Path:
    """The path of a solution's epochs that have a position, on `plane` or on one about its middle.

    Raises DataError where fewer than 4 epochs have a position.
    """
    row = np.flatnonzero(solution.valid)
    if len(row) < 4:
        raise DataError("trajectory", "at least 4 positions", str(len(row)))
    lat, lon, h = geodetic_from_ecef(solution.p_e_m[row])
    if plane is None:
        plane = Plane(float(np.median(lat)), float(np.median(lon)), float(np.median(h)))
    ne = plane.ne_from_geodetic(lat, lon)
    keep, issues = _without_teleports(solution.t_ns[row], ne)
    row, ne = row[keep], ne[keep]
    t_ns = solution.t_ns[row]
    stated = _stated(solution, row)
    t_s = (t_ns - t_ns[0]) * 1e-9
    step = np.diff(t_s)
    usual = float(np.median(step))
    fresh = np.concatenate([[True], step > max(LONGEST_GAP_S, 3.5 * usual)])
    holes = int(fresh.sum()) - 1
    if holes:
        where = f"GPS {iso_gps(int(t_ns[np.flatnonzero(fresh)[1]]))}"
        issues = (*issues, Issue("hole in the trajectory", holes, where, "", f"the longest {step.max():.1f} s"))
    x, p, white = _smoothed(t_s, ne, fresh)
    trace = 0.5 * (stated[:, 0, 0] + stated[:, 1, 1])
    # What a file states is the whole error; the part seen as jitter is taken out of the part that neighbours share.
    share = np.clip(1 - 1.1 * white**2 / trace, 0.0, 1.0)
    smooth = white > FAITHFUL_SHARE * float(np.sqrt(np.median(trace)))
    return Path(
        plane,
        t_ns,
        np.ascontiguousarray(x[:, :, 0]),
        np.ascontiguousarray(x[:, :, 1]),
        np.ascontiguousarray(x[:, :, 2]),
        np.maximum(p[:, 0], 0.0) if smooth else np.full(len(ne), white**2),
        stated * share[:, None, None],
        fresh,
        ne,
        row,
        white,
        issues,
        h[keep],
        np.ascontiguousarray(x[:, :, 0]) if smooth else ne,
        _device_speed(solution, row, np.hypot(x[:, 0, 1], x[:, 1, 1])),
    )


def _device_speed(solution: Solution, row: I64, driven_mps: F64) -> F64 | None:
    """The device's own speed, where nearly all epochs have one and it agrees with the positions."""
    if "speed" in solution.channels:
        speed = solution.channels["speed"].value[row]
    else:
        speed = np.linalg.norm(solution.v_e_mps[row], axis=1)
    ok = np.isfinite(speed)
    if ok.mean() < 0.95 or float(np.median(np.abs(speed[ok] - driven_mps[ok]))) > 1.0:
        return None
    at = np.arange(len(speed))
    return np.interp(at, at[ok], speed[ok])


def _without_teleports(t_ns: I64, ne: F64) -> tuple[Bool, tuple[Issue, ...]]:
    """Epochs to keep: short stretches that could only be reached faster than FASTEST_MPS are left out."""
    keep = np.ones(len(ne), dtype=np.bool_)
    for _ in range(8):
        index = np.flatnonzero(keep)
        way = np.hypot(*np.diff(ne[index], axis=0).T)
        dt = np.diff(t_ns[index]) * 1e-9
        cut = np.flatnonzero((way > FASTEST_MPS * dt) & (way > 20.0)) + 1
        if not len(cut):
            break
        bounds = np.concatenate([[0], cut, [len(index)]])
        sizes = np.diff(bounds)
        if len(sizes) < 2 or sizes.min() > 0.1 * len(index):
            break
        if len(cut) > 0.2 * len(index) + 4:
            got = f"{len(cut)} leaps faster than {FASTEST_MPS:.0f} m/s among {len(index)} positions"
            raise DataError("trajectory", "the way of one mover", got)
        shortest = int(np.argmin(sizes))
        short = [k for k in np.flatnonzero(sizes <= max(2, 0.02 * len(index))) if not _shorter_beside(sizes, int(k))]
        for k in [int(s) for s in short] or [shortest]:
            keep[index[bounds[k] : bounds[k + 1]]] = False
    dropped = int((~keep).sum())
    if not dropped:
        return keep, ()
    where = f"GPS {iso_gps(int(t_ns[np.argmin(keep)]))}"
    return keep, (Issue("teleport", dropped, where, "", f"faster than {FASTEST_MPS:.0f} m/s, left out"),)


def _shorter_beside(sizes: NDArray[np.integer[Any]], k: int) -> bool:
    """Whether a stretch has a shorter neighbour, which is then the one to go first."""
    return bool((k > 0 and sizes[k - 1] < sizes[k]) or (k + 1 < len(sizes) and sizes[k + 1] < sizes[k]))


def _stated(solution: Solution, row: I64) -> F64:
    """Horizontal covariances (n, 2, 2) that the solution states, or those that its kind of fix has by default."""
    cov = cov_n_from_e(solution.cov_p_e_m2[row], solution.p_e_m[row])[:, :2, :2]
    default = np.full(256, 1.5)
    for status, usual in DEFAULT_SIGMA_M.items():
        default[int(status)] = usual
    sigma = default[solution.status[row]]
    if "hdop" in solution.channels:
        hdop = solution.channels["hdop"].value[row]
        sigma = sigma * np.where(np.isfinite(hdop) & (hdop > 0), np.clip(hdop, 0.5, 50.0), 1.0)
    unknown = ~np.isfinite(cov).all(axis=(1, 2)) | (cov[:, 0, 0] <= 0)
    cov[unknown] = (sigma**2)[unknown, None, None] * np.eye(2)
    return np.ascontiguousarray(cov)


def _smoothed(t_s: F64, ne: F64, fresh: Bool) -> tuple[F64, F64, float]:
    """States (n, 2, 3), their covariances (n, 6), and the standard deviation of the white noise in the positions.

    Noise and agility are those that make the data likeliest: for a ratio of jerk density to noise variance the
    variance follows from the innovations, and the ratio is found by search on a sample of the outing. A first pass
    tells where the mover is agile and where calm, which the second one heeds: one density for all would call the
    straights less sure than they are.
    """
    from kinema.kernels.smoothing import filter_path, smooth_path

    t_s, fresh = np.ascontiguousarray(t_s), np.ascontiguousarray(fresh)
    z = np.ascontiguousarray(ne)
    x, p = np.empty((len(t_s), 2, 3)), np.empty((len(t_s), 6))
    agility = np.ones(len(t_s))
    part = _lively(t_s, ne)
    for again in (True, True, False):
        variance, ratio = _likeliest(t_s[part], z[part], fresh[part], agility[part])
        filter_path(t_s, z, fresh, variance, agility, ratio * variance, x, p)
        smooth_path(t_s, fresh, agility, ratio * variance, x, p)
        if again:
            agility = _agility(t_s, x[:, :, 2])
    return x, p, float(np.sqrt(variance))


def _likeliest(t_s: F64, ne: F64, fresh: Bool, agility: F64) -> tuple[float, float]:
    """The variance of the noise and the ratio of jerk density to it that make a stretch likeliest."""
    from kinema.kernels.smoothing import filter_path

    x, p = np.empty((len(t_s), 2, 3)), np.empty((len(t_s), 6))
    z = np.ascontiguousarray(ne - ne[0])

    def cost(log_ratio: float) -> tuple[float, float]:
        chi2, log_s, count = filter_path(t_s, z, fresh, 1.0, agility, 10.0**log_ratio, x, p)
        if count < 4:
            return 0.0, JITTER_FLOOR_M**2
        variance = max(chi2 / count, 1e-12)
        return log_s / count + np.log(variance), variance

    grid = np.arange(-2.0, 9.1, 1.0)
    best = grid[int(np.argmin([cost(g)[0] for g in grid]))]
    for width in (0.5, 0.25, 0.12):
        best = min((best - width, best, best + width), key=lambda g: cost(g)[0])
    return max(cost(best)[1], JITTER_FLOOR_M**2), float(10.0**best)


def _agility(t_s: F64, a_mps2: F64) -> F64:
    """Where the acceleration changes much and where little: the square of the jerk over AGILITY_WINDOW_S, against its
    mean."""
    dt = np.maximum(np.diff(t_s), 1e-3)
    jerk2 = np.concatenate([[0.0], (np.diff(a_mps2, axis=0) ** 2).sum(axis=1) / dt**2])
    total = np.concatenate([[0.0], np.cumsum(jerk2)])
    a = np.searchsorted(t_s, t_s - 0.5 * AGILITY_WINDOW_S)
    b = np.searchsorted(t_s, t_s + 0.5 * AGILITY_WINDOW_S, side="right")
    local = (total[b] - total[a]) / (b - a)
    mean = float(local.mean())
    if not mean > 0:
        return np.ones(len(t_s))
    return np.ascontiguousarray(np.clip(local / mean, 0.003, 20.0))


def _lively(t_s: F64, ne: F64) -> slice:
    """A stretch of at most 20,000 epochs with the most way in it."""
    n, most = len(t_s), 20_000
    if n <= most:
        return slice(0, n)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ne, axis=0).T))])
    start = np.arange(0, n - most, most // 4)
    k = int(start[np.argmax(way[start + most] - way[start])])
    return slice(k, k + most)
