"""The smoother's banded equations are those of the dense least squares that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

import kinema
from kinema.estimate.single import tune_of
from kinema.estimate.single_params import Params
from kinema.kernels.smoother_pass import filter_pass, smooth_covariances, smooth_pass

EPOCHS, SATS, STATES = 6, 7, 10


def problem(seed: int) -> dict[str, np.ndarray]:
    """Random directions to seven satellites of two systems over six epochs, no measurement an outlier.

    The directions stay: the smoother leaves out on purpose what their turn would tell by the carrier.
    """
    rng = np.random.default_rng(seed)
    m = EPOCHS * SATS
    toward = rng.normal(size=(SATS, 3))
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    unit = np.tile(toward, (EPOCHS, 1))
    prev = np.arange(m) - SATS
    prev[:SATS] = -1
    sigma = np.tile([0.5, 0.05, 0.005], (m, 1))
    sigma[:SATS, 2] = 0.0
    sigma[rng.random((m, 3)) < 0.1] = 0.0
    up = rng.normal(size=(EPOCHS, 3))
    return {
        "dt_s": np.full(EPOCHS, 0.7), "row_start": np.arange(EPOCHS + 1) * SATS,
        "system": np.tile([0, 0, 0, 0, 1, 1, 1], EPOCHS), "prev": np.where(prev < 0, -1, prev),
        "unit": np.ascontiguousarray(unit), "wet": rng.uniform(1, 5, m), "z": rng.normal(0, 0.01, (m, 3)),
        "sigma": sigma, "inflation": rng.uniform(1, 9, (m, 2)), "p0": rng.normal(0, 0.1, (EPOCHS, 3)),
        "up": up / np.linalg.norm(up, axis=1, keepdims=True),
        "process": np.array([1.0, 0.1, 0.01, 0.02, 1e-4, 1e-5]), "prior": np.linspace(2.0, 9.0, STATES),
        "tune": np.array([1e9, 1e9, 1e9, 1e9, 1.0, 1.0, 1.0]),
    }  # fmt: skip


def dense(p: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Solution (epochs, states) and covariance of all states by plain weighted least squares.

    A carrier's change is weighed (`rows`) with one direction for both epochs, and met (`seen`) with each its own.
    """
    n = EPOCHS * STATES
    rows, seen, values, weights = [], [], [], []

    def add(entries: list[tuple[int, int, np.ndarray | float]], value: float, variance: float) -> None:
        row = np.zeros(n)
        for epoch, state, factor in entries:
            factor = np.atleast_1d(factor)
            row[epoch * STATES + state : epoch * STATES + state + len(factor)] += factor
        rows.append(row)
        seen.append(row)
        values.append(value)
        weights.append(1 / variance)

    for i in range(EPOCHS * SATS):
        k, j, u, s = i // SATS, p["prev"][i], p["unit"][i], p["sigma"][i]
        if s[0] > 0:
            parts = [(k, 0, -u), (k, 3, 1.0), (k, 8, p["wet"][i])] + ([(k, 9, 1.0)] if p["system"][i] else [])
            add(parts, p["z"][i, 0], s[0] ** 2 * p["inflation"][i, 0])
        if s[1] > 0:
            add([(k, 4, -u), (k, 7, 1.0)], p["z"][i, 1], s[1] ** 2 * p["inflation"][i, 1])
        if s[2] > 0:
            add([(k, 0, -u), (k, 3, 1.0), (k - 1, 0, u), (k - 1, 3, -1.0)], p["z"][i, 2], s[2] ** 2)
            seen[-1] = rows[-1].copy()
            seen[-1][(k - 1) * STATES : (k - 1) * STATES + 3] += p["unit"][j] - u
    for a in range(STATES):
        add([(0, a, 1.0)], 0.0, p["prior"][a] ** 2)
    information = sum(w * np.outer(r, r) for r, w in zip(rows, weights, strict=True))
    equations = sum(w * np.outer(r, t) for r, t, w in zip(rows, seen, weights, strict=True))
    right = sum(w * v * r for r, v, w in zip(rows, values, weights, strict=True))
    q, t = p["process"], p["dt_s"][0]
    for k in range(1, EPOCHS):
        axes = q[0] * np.eye(3) + (q[1] - q[0]) * np.outer(p["up"][k], p["up"][k])
        noise = np.zeros((STATES, STATES))
        noise[:3, :3], noise[:3, 4:7] = axes * t**3 / 3, axes * t**2 / 2
        noise[4:7, :3], noise[4:7, 4:7] = axes * t**2 / 2, axes * t
        noise[3, 3], noise[3, 7] = q[2] * t + q[3] * t**3 / 3, q[3] * t**2 / 2
        noise[7, 3], noise[7, 7] = q[3] * t**2 / 2, q[3] * t
        noise[8, 8], noise[9, 9] = q[5] * t, q[4] * t
        step = np.eye(STATES)
        step[0, 4] = step[1, 5] = step[2, 6] = step[3, 7] = t
        jacobian = np.zeros((STATES, n))
        jacobian[:, k * STATES : (k + 1) * STATES] = np.eye(STATES)
        jacobian[:, (k - 1) * STATES : k * STATES] = -step
        offset = np.zeros(STATES)
        offset[:3] = p["p0"][k - 1] - p["p0"][k]
        weight = np.linalg.inv(noise)
        information += jacobian.T @ weight @ jacobian
        equations += jacobian.T @ weight @ jacobian
        right += jacobian.T @ weight @ offset
    cov = np.linalg.inv(information)
    return np.linalg.solve(equations, right).reshape(EPOCHS, STATES), cov


def arguments(p: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [p[name] for name in (
        "dt_s", "row_start", "system", "prev", "unit", "wet", "z", "sigma", "inflation", "p0", "up", "process",
        "prior", "tune",
    )]  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_smoother_solves_the_dense_problem(seed):
    p = problem(seed)
    want, cov = dense(p)
    x = np.zeros((EPOCHS, STATES))
    m = EPOCHS * SATS
    resid, weight = np.zeros((m, 3)), np.zeros((m, 3))
    d, cross = np.zeros((EPOCHS, STATES, STATES)), np.zeros((EPOCHS, STATES, STATES))
    b = np.zeros((EPOCHS, STATES))
    for _ in range(8):
        moved = smooth_pass(*arguments(p), x, resid, weight, d, cross, b)
    assert 0 <= moved < 1e-8
    np.testing.assert_allclose(x, want, atol=1e-7)
    blocks = np.empty((EPOCHS, 8, 8))
    smooth_covariances(d, cross, blocks)
    for k in range(EPOCHS):
        at = k * STATES
        np.testing.assert_allclose(blocks[k], cov[at : at + 8, at : at + 8], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("seed", [1, 2])
def test_filter_ends_where_the_smoother_does_and_never_looks_ahead(seed):
    p = problem(seed)
    want, cov = dense(p)
    m = EPOCHS * SATS
    x, blocks = np.zeros((EPOCHS, STATES)), np.empty((EPOCHS, 8, 8))
    assert filter_pass(*arguments(p), 3, x, np.zeros((m, 3)), np.zeros((m, 3)), blocks) == -1
    np.testing.assert_allclose(x[-1], want[-1], atol=1e-6)
    np.testing.assert_allclose(blocks[-1], cov[-STATES:, -STATES:][:8, :8], rtol=1e-6, atol=1e-9)
    later = {**p, "z": p["z"].copy()}
    later["z"][4 * SATS :] += 1.0
    y, other = np.zeros((EPOCHS, STATES)), np.empty((EPOCHS, 8, 8))
    filter_pass(*arguments(later), 3, y, np.zeros((m, 3)), np.zeros((m, 3)), other)
    np.testing.assert_allclose(y[:4], x[:4], atol=1e-12)
    np.testing.assert_allclose(other[:4], blocks[:4], atol=1e-12)


def test_the_tune_has_the_kernel_s_layout():
    tune = tune_of(Params(nu_code=1.0, nu_code_late=2.0, nu_doppler=3.0, nu_carrier=4.0), 5.0, 6.0)
    assert tune.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0]
    assert kinema.__version__
