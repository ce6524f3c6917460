"""The trajectory of a wheeled mover from prepared ranges, its wheels and its yaw rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.satellites import SYSTEMS
from kinema.core.streams import PreparedRanges, Series
from kinema.errors import EstimationError
from kinema.sensors import odometry_planar, pseudorange

CLOCK = 7
WIDEN = (8.0, 5.0, 3.0, 2.0, 1.5, 1.2, 1.0)
HEADING_STARTS = 12
GAUSSIAN = 50.0
"""So many degrees of freedom are nearly a normal distribution."""
START_S = 120.0
"""The odometry's path over this long is still straight enough to be laid on the ranges as it is."""


@dataclass(frozen=True)
class Params:
    """Settings, each with its unit in its name; sigmas are one standard deviation."""

    range_sigma_m: float = 4.0
    """First guess for a strong signal at the zenith; then learnt from the codes that are too short."""
    nu_early: float = 6.0
    nu_late: float = 1.5
    """Degrees of freedom of the Student-t of ranges that are too long: reflections only lengthen."""
    correlation_s: float = 20.0
    """Multipath stays itself for about this long."""
    systematic_m: float = 3.0
    """Of a satellite's range over the whole recording: what is left of orbit, clock and atmosphere."""
    least_sigma_m: float = 0.5
    reflection_turns: int = 20
    """Turns of expectation–maximisation that sort direct ranges from reflected ones."""
    speed_sigma: float = 0.02
    """Of the wheels, as a share of the speed, per √s."""
    slip_mps: float = 0.05
    height_m_per_sqrt_s: float = 0.15
    rate_sigma_radps: float = 0.004
    rate_bias_sigma_radps: float = 0.01
    rate_bias_drift_radps: float = 2e-5
    scale_sigma: float = 0.03
    scale_drift: float = 1e-4
    clock_m_per_sqrt_s: float = 1.0
    drift_mps_per_sqrt_s: float = 0.05
    passes: int = 40


@dataclass(frozen=True)
class PlanarTrack:
    """p_e_m (n, 3), cov_e (n, 3, 3), v_e_mps (n, 3), heading_rad, clock_m, drift_mps (n,); resid, sigma (m,) and the
    probability `share` (m,) that the range is direct."""

    p_e_m: F64
    cov_e: F64
    v_e_mps: F64
    heading_rad: F64
    heading_sigma_rad: F64
    clock_m: F64
    drift_mps: F64
    resid: F64
    share: F64
    sigma: F64


def solve_planar(ranges: PreparedRanges, odometry: Series | None, params: Params) -> PlanarTrack:
    """Batch estimate. Raises EstimationError where the ranges do not position the mover, DataError for odometry that
    lacks a forward speed and a yaw rate."""
    from kinema.kernels.smoother_pass import smooth_covariances

    problem = _Problem(ranges, odometry, params)
    runs = [run for start in problem.starts() if (run := problem.converged(start)) is not None]
    if not runs:
        raise EstimationError("the ranges and the odometry do not fit together; no start converged")
    run = min(runs, key=lambda one: one.cost)
    run = problem.without_reflections(run)
    n = len(run.x)
    cov = np.empty((n, 8, 8))
    smooth_covariances(run.d, run.cross, cov)
    heading, pace = run.x[:, 3], problem.step.speed_mps * run.x[:, 4]
    v_n = np.stack([pace * np.cos(heading), pace * np.sin(heading), np.zeros(n)], axis=1)
    turn = problem.turn
    return PlanarTrack(
        run.x[:, :3] @ turn + problem.origin, turn.T @ cov[:, :3, :3] @ turn, v_n @ turn, heading,
        np.sqrt(cov[:, 3, 3]), run.x[:, CLOCK], run.x[:, 6], run.resid, problem.share, problem.sigma,
    )  # fmt: skip


def cut_ranges(ranges: PreparedRanges, epochs: Bool, measured: Bool, systems: str) -> PreparedRanges:
    """The picked epochs (n,); of those not `measured` (picked,), and of other systems, no ranges stay."""
    epoch = np.repeat(np.arange(len(ranges.t_ns)), np.diff(ranges.row_start))
    letters = np.array([letter in systems for letter in SYSTEMS])
    measured_all = epochs.copy()
    measured_all[np.flatnonzero(epochs)] = measured
    rows = measured_all[epoch] & letters[ranges.sat // 100]
    count = np.bincount(epoch[rows], minlength=len(ranges.t_ns))[epochs]
    return PreparedRanges(
        ranges.t_ns[epochs], np.concatenate([[0], np.cumsum(count)]), ranges.sat[rows], ranges.range_m[rows],
        ranges.sigma_m[rows], ranges.sat_p_e_m[rows], ranges.elevation_rad[rows], ranges.cn0_dbhz[rows],
    )  # fmt: skip


@dataclass
class _Run:
    """A converged start: states, factors, residuals and cost."""

    x: F64
    d: F64
    cross: F64
    resid: F64
    weight: F64
    cost: float


class _Problem:
    """The ranges in a local frame with the odometry's steps between their epochs."""

    def __init__(self, ranges: PreparedRanges, odometry: Series | None, params: Params) -> None:
        self.params, self.ranges = params, ranges
        self.t_s = (ranges.t_ns - ranges.t_ns[0]) * 1e-9
        self.epoch = np.repeat(np.arange(len(self.t_s)), np.diff(ranges.row_start))
        self.step = odometry_planar.steps(ranges.t_ns, odometry)
        systems, system = np.unique(ranges.sat // 100, return_inverse=True)
        self.system, self.n_systems = system.astype(np.int64), len(systems)
        self.shape = pseudorange.elevation_shape(ranges.elevation_rad)
        self.systematic, self.share = np.zeros(len(ranges.sat)), np.ones(len(ranges.sat))
        usable = np.isfinite(ranges.range_m) & np.isfinite(ranges.sat_p_e_m).all(axis=1)
        self.sigma = np.where(
            usable, params.range_sigma_m * self.shape * pseudorange.strength_shape(ranges.cn0_dbhz), 0.0
        )
        if usable.sum() < 4 + self.n_systems:
            raise EstimationError(f"only {int(usable.sum())} usable ranges; a position needs four")
        self.origin = self._somewhere(usable)
        lat, lon, _ = geodetic_from_ecef(self.origin)
        self.turn = c_ne(lat, lon)
        self.sat_n = np.ascontiguousarray((ranges.sat_p_e_m - self.origin) @ self.turn.T)

    def _somewhere(self, usable: Bool) -> F64:
        """A point near the trajectory: plain least squares over the first minute as if it stood still."""
        rows = np.flatnonzero(usable & (self.t_s[self.epoch] <= START_S))
        sat, measured = self.ranges.sat_p_e_m[rows], self.ranges.range_m[rows]
        x = np.zeros(3 + self.n_systems + 1)
        t = self.t_s[self.epoch[rows]]
        for _ in range(12):
            away = sat - x[:3]
            rho = np.linalg.norm(away, axis=1)
            design = np.zeros((len(rows), len(x)))
            design[:, :3] = -away / rho[:, None]
            design[np.arange(len(rows)), 3 + self.system[rows]] = 1.0
            design[:, -1] = t
            r = measured - rho - x[3 + self.system[rows]] - x[-1] * t
            x += np.linalg.lstsq(design, r, rcond=None)[0]
        if not 6.2e6 < np.linalg.norm(x[:3]) < 9e6:
            raise EstimationError("the ranges do not meet near the Earth; are they pseudoranges in metres?")
        return x[:3]

    def starts(self) -> list[F64]:
        """First guesses of all states (n, 7 + systems): the odometry's path laid on the ranges of the first minutes,
        robustly, from headings all around; the cheaper half of them."""
        path, heading = odometry_planar.dead_reckon(self.t_s, self.step)
        rows = np.flatnonzero((self.sigma > 0) & (self.t_s[self.epoch] <= START_S))
        found = []
        for first in np.arange(HEADING_STARTS) * 2 * np.pi / HEADING_STARTS:
            fit, cost = self._lay(path, float(first), rows)
            found.append((cost, fit))
        found.sort(key=lambda one: one[0])
        out: list[F64] = []
        for _, fit in found[:HEADING_STARTS]:
            if all(abs((fit[3] - other[0, 3] + np.pi) % (2 * np.pi) - np.pi) > 0.1 for other in out):
                out.append(self._states(path, heading, fit))
            if len(out) == 3:
                break
        return out

    def _lay(self, path: F64, first: float, rows: I64) -> tuple[F64, float]:
        """Place (3), heading, clocks and drift (4 + systems + 1,) that lay the path on the ranges; and the cost."""
        fit = np.zeros(5 + self.n_systems)
        fit[3] = first
        epoch, system, sigma = self.epoch[rows], self.system[rows], self.sigma[rows]
        t, sat, measured = self.t_s[epoch], self.sat_n[rows], self.ranges.range_m[rows]
        cost = np.inf
        for turn in range(20):
            c, s = np.cos(fit[3]), np.sin(fit[3])
            here = np.stack([c * path[:, 0] - s * path[:, 1], s * path[:, 0] + c * path[:, 1], 0 * path[:, 0]], axis=1)
            away = sat - here[epoch] - fit[:3]
            rho = np.linalg.norm(away, axis=1)
            r = measured - rho - fit[4 + system] - fit[-1] * t
            if turn == 0:
                for k in range(self.n_systems):
                    if (system == k).any():
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
        return fit, cost

    def _states(self, path: F64, heading: F64, fit: F64) -> F64:
        n = len(self.t_s)
        x = np.zeros((n, CLOCK + self.n_systems))
        c, s = np.cos(fit[3]), np.sin(fit[3])
        x[:, 0] = fit[0] + c * path[:, 0] - s * path[:, 1]
        x[:, 1] = fit[1] + s * path[:, 0] + c * path[:, 1]
        x[:, 2] = fit[2]
        x[:, 3] = heading + fit[3]
        x[:, 4], x[:, 6] = 1.0, fit[-1]
        away = self.sat_n - x[self.epoch, :3]
        r = self.ranges.range_m - np.linalg.norm(away, axis=1) - fit[4 + self.system]
        order = np.lexsort((r, self.epoch))
        count = np.diff(self.ranges.row_start)
        middle = self.ranges.row_start[:-1] + count // 2
        common = np.interp(self.t_s, self.t_s[count > 0], r[order[middle[count > 0]]])
        x[:, CLOCK:] = fit[4 : 4 + self.n_systems] + common[:, None]
        return x

    def converged(
        self, start: F64, widening: tuple[float, ...] = WIDEN, *, robust: bool = True, passes: int | None = None
    ) -> _Run | None:
        """Gauss–Newton from a start, the sigmas narrowing to what they are; None where it fails."""
        from kinema.kernels.planar import planar_pass

        params = self.params
        x = start.copy()
        n, s = x.shape
        m = len(self.sigma)
        dt_s = np.diff(self.t_s, prepend=self.t_s[0])
        run = _Run(x, np.zeros((n, s, s)), np.zeros((n, s, s)), np.zeros(m), np.zeros(m), np.inf)
        b = np.zeros((n, s))
        noise = odometry_planar.step_noise(dt_s, self.step, params, self.n_systems)
        prior = np.array([
            1e4, 1e4, 1e4, 10.0, params.scale_sigma, params.rate_bias_sigma_radps, 1e4, *([1e5] * self.n_systems)
        ])  # fmt: skip
        mean = x[0].copy()
        mean[4], mean[5] = 1.0, 0.0
        typical = float(np.median(dt_s[1:])) if n > 1 else 1.0
        repeats = min(1 + 2 * params.correlation_s / max(typical, 1e-3), n)
        with np.errstate(divide="ignore", invalid="ignore"):
            information = 1.0 / (repeats + n * (self.systematic / self.sigma) ** 2)
        nu_early, nu_late = (params.nu_early, params.nu_late) if robust else (GAUSSIAN, GAUSSIAN)
        for k in range(passes or params.passes):
            widen = widening[min(k // 2, len(widening) - 1)]
            run.cost, worst = planar_pass(
                dt_s, self.step.speed_mps, self.step.rate_radps, self.ranges.row_start, self.system, self.sat_n,
                self.ranges.range_m, self.sigma, noise, mean, prior, nu_early, nu_late, widen,
                information, x, run.resid, run.weight, run.d, run.cross, b,
            )  # fmt: skip
            if worst < 0 or not np.isfinite(x).all():
                return None
            if k >= 2 * len(widening) and worst < 0.01:
                break
        return run

    def without_reflections(self, run: _Run) -> _Run:
        """Sort direct from reflected ranges by their strength and residual, and solve with the direct ones' weights."""
        model = pseudorange.ReflectionModel.first_guess(self.ranges.cn0_dbhz)
        used = self.sigma > 0
        shape = np.sqrt(self.shape)
        scale = self.params.range_sigma_m
        for _ in range(self.params.reflection_turns):
            direct = scale * shape
            share = model.probability_direct(run.resid, direct)
            model.learn(run.resid, used, share)
            scaled = share * (run.resid / shape) ** 2
            scale = max(float(np.sqrt(scaled[used].sum() / share[used].sum())), self.params.least_sigma_m)
            self.sigma = np.where(used, direct / np.sqrt(np.maximum(share, 1e-4)), 0.0)
            self.share = share
            self.systematic = np.where(share > 0.5, self.params.systematic_m, 0.0)
            after = self.converged(run.x, (1.0,), robust=False, passes=3)
            if after is None:
                break
            run = after
        return run
