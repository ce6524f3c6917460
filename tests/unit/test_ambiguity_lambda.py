"""LAMBDA against the literature's worked case and against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kinema.kernels import ambiguity


def resolve(q: np.ndarray, a: np.ndarray, p_min: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    fixed, out = np.zeros(len(a)), np.zeros(5)
    ambiguity.resolve(q, a, p_min, fixed, out)
    return fixed, out


def test_the_worked_case_of_the_literature() -> None:
    """De Jonge & Tiberius (1996): 3 ambiguities whose nearest integers are (5, 3, 4), norms 0.218 and 0.307."""
    q = np.array([[6.290, 5.978, 0.544], [5.978, 6.292, 2.340], [0.544, 2.340, 6.288]])
    fixed, out = resolve(q, np.array([5.450, 3.100, 2.970]))
    assert fixed == pytest.approx([5, 3, 4], abs=1e-9)
    assert out[3] == pytest.approx(0.2183, abs=1e-4)
    assert out[2] * out[3] == pytest.approx(0.3073, abs=1e-4)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_equal_to_brute_force(n: int) -> None:
    """The best vector and the ratio are those of a search over all integers around."""
    rng = np.random.default_rng(n)
    for _ in range(25):
        m = rng.normal(size=(n, n))
        q, a = m @ m.T * 0.3 + np.eye(n) * 0.01, rng.normal(size=n) * 5
        fixed, out = resolve(q, a)
        grid = np.array(list(itertools.product(range(-3, 4), repeat=n))) + np.rint(fixed)
        norms = np.sort(np.einsum("ij,jk,ik->i", grid - a, np.linalg.inv(q), grid - a))
        assert fixed == pytest.approx(np.rint(fixed), abs=1e-6)
        assert out[3] == pytest.approx(norms[0], rel=1e-6)
        assert out[2] <= max(norms[1] / norms[0], ambiguity.RATIO_CAP) * (1 + 1e-6)
        if norms[1] / norms[0] < ambiguity.RATIO_CAP:
            assert out[2] == pytest.approx(norms[1] / norms[0], rel=1e-6)


@pytest.mark.parametrize("n", [6, 25, 60])
def test_decorrelation_keeps_the_lattice(n: int) -> None:
    """Z is unimodular, the factors stay those of Z Q Zᵀ, and the conditional variances get alike."""
    rng = np.random.default_rng(n)
    m = rng.normal(size=(n, 3)) * 5
    q = m @ m.T + np.diag(rng.uniform(5e-4, 2e-3, n))
    lower, d, zt = np.zeros((n, n)), np.zeros(n), np.zeros((n, n))
    assert ambiguity.ltdl(q, lower, d)
    spread = d.max() / d.min()
    ambiguity.decorrelate(lower, d, zt)
    assert zt == pytest.approx(np.rint(zt))
    assert abs(np.linalg.slogdet(zt)[1]) < 1e-6
    assert lower.T @ np.diag(d) @ lower == pytest.approx(zt @ q @ zt.T, rel=1e-6, abs=1e-9)
    assert d.max() / d.min() < spread / 100


def test_integers_come_back_from_a_strong_float_solution() -> None:
    """Forty correlated ambiguities with noise of their own covariance are all found, quickly and with a high ratio."""
    rng = np.random.default_rng(7)
    n = 40
    m = rng.normal(size=(n, 3)) * 5
    q = m @ m.T + np.diag(rng.uniform(5e-4, 2e-3, n))
    truth = np.rint(rng.normal(size=n) * 100)
    fixed, out = resolve(q, truth + np.linalg.cholesky(q) @ rng.normal(size=n), 0.99)
    assert fixed == pytest.approx(truth, abs=1e-6)
    assert out[0] == n
    assert out[2] > 2


def test_success_rate_is_that_of_bootstrapping() -> None:
    """The predicted probability agrees with how often rounding one ambiguity after another is right."""
    rng = np.random.default_rng(3)
    n = 4
    m = rng.normal(size=(n, n))
    q = m @ m.T * 0.05 + np.eye(n) * 0.01
    lower, d, zt = np.zeros((n, n)), np.zeros(n), np.zeros((n, n))
    ambiguity.ltdl(q, lower, d)
    ambiguity.decorrelate(lower, d, zt)
    draws = rng.normal(size=(4000, n)) * np.sqrt(d)
    right = (np.abs(draws) < 0.5).all(axis=1).mean()
    assert ambiguity.success_rate(d, 0) == pytest.approx(right, abs=0.03)


def test_partial_fixing_takes_only_what_is_sure() -> None:
    """Of a sharp and a vague ambiguity only the sharp one is imposed, and the vague one stays real."""
    fixed, out = resolve(np.diag([4.0, 0.0004]), np.array([3.3, 7.02]), 0.999)
    assert out[0] == 1
    assert fixed == pytest.approx([3.3, 7.0], abs=1e-9)


def test_a_matrix_that_is_none_fixes_nothing() -> None:
    """A covariance that is not positive definite is refused by doing nothing."""
    fixed, out = resolve(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([1.2, 3.4]))
    assert fixed == pytest.approx([1.2, 3.4])
    assert out[0] == 0
