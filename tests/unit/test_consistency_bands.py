"""NEES, effective samples and bands against known statistics."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.analysis.consistency import (
    chi2_band,
    effective_samples,
    nees_of,
    nis_run,
    over_runs,
    position_nees,
    run_of,
)
from kinema.core.solution import Solution
from kinema.errors import DataError
from kinema.simulate.noise import gauss_markov


def test_band_of_one_and_of_many() -> None:
    low, high = chi2_band(2, 1)
    assert (low, high) == (pytest.approx(0.0506, abs=1e-3), pytest.approx(7.378, abs=1e-3))
    low, high = chi2_band(3, 100)
    assert (low, high) == (pytest.approx(2.54, abs=0.02), pytest.approx(3.50, abs=0.02))


def test_nees_by_hand_and_singular_covariance_is_unknown() -> None:
    error = np.array([[1.0, 2.0], [1.0, 1.0], [1.0, 0.0]])
    cov = np.array([np.diag([1.0, 4.0]), [[np.nan] * 2] * 2, [[1.0, 1.0], [1.0, 1.0]]])
    out = nees_of(error, cov)
    assert out[0] == pytest.approx(2.0)
    assert np.isnan(out[1:]).all()


def test_effective_samples_of_white_and_of_slow_noise() -> None:
    rng = np.random.default_rng(2)
    white = rng.standard_normal(20_000)
    assert effective_samples(white) > 15_000
    slow = gauss_markov(rng, np.full(20_000, 1 / 50.0), 1)[:, 0]
    # A first-order process is worth n (1 − ρ) / (1 + ρ): n / 100 for a correlation length of 50 samples.
    assert effective_samples(slow) == pytest.approx(200, rel=0.35)


def test_correlated_but_honest_runs_stay_in_band() -> None:
    """50 runs of correlated errors with the right covariance: counted as independent, most would be called wrong."""
    rng = np.random.default_rng(3)
    runs = []
    for _ in range(50):
        e = gauss_markov(rng, np.full(600, 1 / 40.0), 2)
        runs.append(run_of((e**2).sum(axis=1), 2))
    together = over_runs(runs)
    assert together.consistent, together
    assert together.verdict == "in band"
    assert together.runs_in_own_band > 0.8
    naive = [chi2_band(2, run.epochs) for run in runs]
    assert np.mean([a <= run.mean <= b for run, (a, b) in zip(runs, naive, strict=True)]) < 0.5


def test_errors_that_last_longer_than_a_run_count_once() -> None:
    """A constant part of each run that its own autocorrelation cannot show: the spread of the runs does."""
    rng = np.random.default_rng(8)
    runs = []
    for _ in range(50):
        e = rng.standard_normal(2) * np.sqrt(0.9) + rng.standard_normal((300, 2)) * np.sqrt(0.1)
        runs.append(run_of((e**2).sum(axis=1), 2))
    together = over_runs(runs)
    assert 50 <= together.effective < 130
    assert together.consistent


def test_a_thirty_per_cent_optimistic_sigma_is_found() -> None:
    rng = np.random.default_rng(4)
    runs = [run_of((gauss_markov(rng, np.full(600, 1 / 40.0), 2) ** 2).sum(axis=1) * 1.3**2, 2) for _ in range(50)]
    together = over_runs(runs)
    assert not together.consistent
    assert "optimistic" in together.verdict


def test_nis_of_a_right_filter() -> None:
    rng = np.random.default_rng(6)
    cov = [np.diag(rng.uniform(0.5, 2.0, k)) for k in rng.integers(1, 5, 500)]
    innovation = [rng.standard_normal(len(s)) * np.sqrt(np.diag(s)) for s in cov]
    ratio, (low, high) = nis_run(innovation, cov)
    assert low < ratio < high
    assert nis_run([2 * v for v in innovation], cov)[0] > 3 * high


def test_position_nees_reads_solutions() -> None:
    t_ns = np.arange(5) * 10**9
    p = np.tile([4e6, 5e5, 4.9e6], (5, 1))
    cov = np.tile(np.eye(3) * 4.0, (5, 1, 1))
    truth = Solution(t_ns=t_ns, p_e_m=p)
    nees = position_nees(Solution(t_ns=t_ns, p_e_m=p + 2.0, cov_p_e_m2=cov), truth, horizontal=False)
    assert nees == pytest.approx(np.full(5, 3.0))


def test_empty_input_is_said() -> None:
    with pytest.raises(DataError):
        run_of(np.full(3, np.nan), 2)
    with pytest.raises(DataError):
        over_runs([])
