"""Whether stated uncertainties are true: NEES, NIS, coverage, and the bands that many runs must stay in.

For one consistent estimate of k components, NEES = eᵀP⁻¹e is chi-square with k degrees of freedom; its mean over
independent samples, times their number n, is chi-square with n·k (Bar-Shalom, Li, Kirubarajan 2001, 5.4).

Epochs of one run are not independent: multipath, ionosphere and a smoother tie them together for seconds to minutes.
So a run counts as its effective number of samples, from the autocorrelation of its NEES (Geyer 1992, initial positive
sequence). What stays constant for longer than a run (orbits, ionosphere) no autocorrelation within it can show: the
spread of the runs' means, which *are* independent, each with its own seed, bounds the number from above. A run is worth
at least one sample, so an estimator cannot widen its band by scattering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinema.analysis.matching import truth_at
from kinema.core.arrays import F64
from kinema.core.frames import cov_n_from_e, vectors_n_from_e
from kinema.core.solution import Solution
from kinema.errors import DataError

CHI2_95 = {1: 3.841, 2: 5.991, 3: 7.815}
"""95 % points of chi-square with 1 to 3 degrees of freedom."""


def nees_of(error: F64, cov: F64) -> F64:
    """eᵀ P⁻¹ e of errors (n, k) and covariances (n, k, k); NaN where P is not positive definite (or not known)."""
    out = np.full(len(error), np.nan)
    known = np.isfinite(cov).all(axis=(1, 2)) & np.isfinite(error).all(axis=1)
    if known.any():
        values = np.linalg.eigvalsh(cov[known])
        good = values[:, 0] > 1e-12 * np.maximum(values[:, -1], 1e-12)
        rows = np.flatnonzero(known)[good]
        out[rows] = np.einsum("ni,ni->n", error[rows], np.linalg.solve(cov[rows], error[rows, :, None])[:, :, 0])
    return out


def chi2_band(dof: float, samples: float, confidence: float = 0.95) -> tuple[float, float]:
    """The band that the mean of `samples` independent chi-square(`dof`) values lies in with this confidence."""
    from scipy.stats import chi2

    tail = (1 - confidence) / 2
    total = dof * samples
    return float(chi2.ppf(tail, total) / samples), float(chi2.ppf(1 - tail, total) / samples)


def effective_samples(values: F64) -> float:
    """How many independent samples a correlated series (n,) is worth, 1 to n (Geyer's initial positive sequence)."""
    x = np.asarray(values, dtype=np.float64)
    x = x[np.isfinite(x)]
    n = len(x)
    if n < 4 or np.ptp(x) == 0:
        return float(min(n, 1))
    x = x - x.mean()
    spectrum = np.fft.rfft(x, 2 * n)
    rho = np.fft.irfft(spectrum * np.conj(spectrum))[:n]
    rho /= rho[0]
    pairs = rho[1 : n - 1 : 2] + rho[2:n:2] if n % 2 else rho[1 : n - 1 : 2] + rho[2 : n - 1 : 2]
    stop = int(np.argmax(pairs < 0)) if (pairs < 0).any() else len(pairs)
    return float(np.clip(n / (1 + 2 * pairs[:stop].sum()), 1.0, n))


@dataclass(frozen=True)
class Run:
    """One run's NEES: dof (2 horizontal, 3 spatial), mean, effective samples, share inside the stated 95 % region."""

    dof: int
    epochs: int
    mean: float
    effective: float
    inside_95: float


@dataclass(frozen=True)
class Consistency:
    """Many runs together.

    `mean` over runs; `band`: where it must lie for a consistent estimator, chi-square with as many samples as all
    runs are effectively worth (`effective`); `standard_error` of the mean from the spread of the runs; `inside_95` the
    mean share inside the stated 95 % region; `runs_in_own_band` the share of runs whose mean lies in its own band.
    """

    dof: int
    runs: int
    mean: float
    band: tuple[float, float]
    standard_error: float
    effective: float
    inside_95: float
    runs_in_own_band: float

    @property
    def consistent(self) -> bool:
        """Whether the mean NEES lies in its band."""
        return self.band[0] <= self.mean <= self.band[1]

    @property
    def verdict(self) -> str:
        """In band, optimistic (errors larger than stated) or cautious, with the factor on the standard deviation."""
        factor = float(np.sqrt(self.mean / self.dof))
        if self.consistent:
            return "in band"
        return f"{'optimistic' if self.mean > self.dof else 'cautious'}: errors are {factor:.2f} of what is stated"


def position_nees(solution: Solution, truth: Solution, horizontal: bool = True) -> F64:
    """NEES of position per epoch (n,), NaN where truth or covariance is missing; 2 dof, or 3 if not `horizontal`."""
    at = truth_at(truth, solution.t_ns)
    cov = solution.cov_p_e_m2 + np.nan_to_num(at.cov_e_m2)
    return _nees_n(solution.p_e_m - at.p_e_m, cov, at.p_e_m, horizontal)


def velocity_nees(solution: Solution, truth: Solution, horizontal: bool = True) -> F64:
    """NEES of velocity per epoch (n,), like `position_nees`."""
    at = truth_at(truth, solution.t_ns)
    return _nees_n(solution.v_e_mps - at.v_e_mps, solution.cov_v_e, at.p_e_m, horizontal)


def _nees_n(error_e: F64, cov_e: F64, p_e_m: F64, horizontal: bool) -> F64:
    k = 2 if horizontal else 3
    out = np.full(len(error_e), np.nan)
    there = np.isfinite(error_e).all(axis=1) & np.isfinite(p_e_m).all(axis=1)
    error_n = vectors_n_from_e(error_e[there], p_e_m[there])
    cov_n = cov_n_from_e(cov_e[there], p_e_m[there])
    out[there] = nees_of(error_n[:, :k], cov_n[:, :k, :k])
    return out


def run_of(nees: F64, dof: int) -> Run:
    """Sum up one run's NEES series. Raises DataError where nothing is finite."""
    x = nees[np.isfinite(nees)]
    if not len(x):
        raise DataError("NEES", "at least one epoch with truth and covariance", "none")
    return Run(dof, len(x), float(x.mean()), effective_samples(x), float(np.mean(x <= CHI2_95[dof])))


def over_runs(runs: Sequence[Run]) -> Consistency:
    """Judge many independent runs (seeds) together; every run weighs the same."""
    if not runs or len({run.dof for run in runs}) != 1:
        raise DataError("runs", "at least one, all of the same degrees of freedom", f"{len(runs)} runs")
    dof = runs[0].dof
    means = np.array([run.mean for run in runs])
    effective = np.array([run.effective for run in runs])
    # The mean of equally weighted runs is worth n² / Σ 1/nᵢ samples: a short correlated run counts for little.
    worth = len(runs) ** 2 / float(np.sum(1 / effective))
    if len(runs) > 4:
        # Means of m samples of chi-square(k), scaled to mean k, have variance 2k/m.
        spread = float(np.var(means * dof / means.mean(), ddof=1))
        worth = float(np.clip(len(runs) * 2 * dof / max(spread, 1e-12), len(runs), worth))
    own = [chi2_band(dof, run.effective) for run in runs]
    inside = np.mean([low <= run.mean <= high for run, (low, high) in zip(runs, own, strict=True)])
    return Consistency(
        dof=dof,
        runs=len(runs),
        mean=float(means.mean()),
        band=chi2_band(dof, worth),
        standard_error=float(means.std(ddof=1) / np.sqrt(len(runs))) if len(runs) > 1 else float("nan"),
        effective=worth,
        inside_95=float(np.mean([run.inside_95 for run in runs])),
        runs_in_own_band=float(inside),
    )


def nis_run(innovation: Sequence[F64], covariance: Sequence[F64]) -> tuple[float, tuple[float, float]]:
    """Mean NIS over its expectation (1 when consistent) and the 95 % band of it.

    `innovation`: (kᵢ,) vectors; `covariance`: (kᵢ, kᵢ) matrices. Innovations of a right filter are white, so all count.
    """
    values = [float(v @ np.linalg.solve(s, v)) for v, s in zip(innovation, covariance, strict=True)]
    dof = sum(len(v) for v in innovation)
    if not dof:
        raise DataError("innovations", "at least one", "none")
    low, high = chi2_band(float(dof), 1.0)
    return sum(values) / dof, (low / dof, high / dof)
