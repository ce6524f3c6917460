"""Protection level: it bounds what one faulty satellite does, and grows where the geometry cannot watch itself."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.arrays import F64
from kinema.kernels.protection import separation_levels

SIGMA = 0.5
P = np.array([4_000_000.0, 600_000.0, 4_900_000.0])


def sky(rng: np.random.Generator, n: int) -> F64:
    """Unit vectors (n, 3) above the horizon of P."""
    up = P / np.linalg.norm(P)
    out: list[F64] = []
    while len(out) < n:
        v = rng.normal(size=3)
        v /= np.linalg.norm(v)
        if v @ up > 0.2:
            out.append(v)
    return np.array(out)


def level_of(unit: F64) -> tuple[float, F64]:
    """Level of one epoch of one system with equal sigmas, and the covariance it was given."""
    n = len(unit)
    h = np.hstack([-unit, np.ones((n, 1))])
    cov = np.linalg.inv(h.T @ h)[:3, :3] * SIGMA**2
    level = np.full(1, np.nan)
    separation_levels(
        np.array([0, n]), unit, np.full(n, 1 / SIGMA**2), np.zeros(n, dtype=np.int64), P[None].copy(), cov[None].copy(),
        3.29, 4.42, level,
    )  # fmt: skip
    return float(level[0]), cov


def horizontal(error: F64) -> float:
    up = P / np.linalg.norm(P)
    return float(np.linalg.norm(error - up * (error @ up)))


def test_covers_a_single_fault_that_separation_does_not_show() -> None:
    """Epochs with one faulty satellite of any size that pass the separation test stay within the level."""
    rng = np.random.default_rng(1)
    missed = tried = 0
    for _ in range(400):
        unit = sky(rng, 9)
        level, _ = level_of(unit)
        h = np.hstack([-unit, np.ones((9, 1))])
        noise = rng.normal(size=9) * SIGMA
        noise[rng.integers(9)] += rng.uniform(1.0, 30.0) * SIGMA
        whole = np.linalg.lstsq(h, noise, rcond=None)[0][:3]
        seen = False
        for i in range(9):
            left = np.delete(np.arange(9), i)
            part = np.linalg.lstsq(h[left], noise[left], rcond=None)[0][:3]
            cov = np.linalg.inv(h[left].T @ h[left])[:3, :3] - np.linalg.inv(h.T @ h)[:3, :3]
            up = P / np.linalg.norm(P)
            apart = SIGMA * np.sqrt(max(np.trace(cov) - up @ cov @ up, 1e-12))
            seen |= horizontal(whole - part) > 3.29 * apart
        if not seen:
            tried += 1
            missed += horizontal(whole) > level
    assert tried > 20
    assert missed == 0


def test_is_never_below_the_stated_uncertainty_and_not_absurd() -> None:
    """More than 4.42 sigmas, and less than 25 of them with nine satellites."""
    rng = np.random.default_rng(2)
    for _ in range(50):
        level, cov = level_of(sky(rng, 12))
        up = P / np.linalg.norm(P)
        sigma = np.sqrt(np.trace(cov) - up @ cov @ up)
        assert 4.42 * sigma <= level < 25 * sigma


def test_grows_where_nothing_is_spare() -> None:
    """With four satellites no fault can be seen: the level is ten times the uncertainty's."""
    level, cov = level_of(sky(np.random.default_rng(3), 4))
    up = P / np.linalg.norm(P)
    sigma = np.sqrt(np.trace(cov) - up @ cov @ up)
    assert level == pytest.approx(44.2 * sigma, rel=1e-6)
