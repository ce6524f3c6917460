"""Dead reckoning with absolute rows against central differences, and its smoother against dense least squares."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.estimate.planar import Rows, Steps, predicted, run
from kinema.kernels import planar as kp

N = kp.BIAS + 3
STEP = 1e-6


def some_state() -> np.ndarray:
    place_and_velocity = [3.0, -7.0, 1.0, 2.0, -1.5, 0.2]
    return np.random.default_rng(3).normal(size=N) * 0.1 + np.array([*place_and_velocity, *np.zeros(N - 6)])


def test_a_step_and_its_adjoint() -> None:
    """shear is the derivative of advance, and shear_back its transpose."""
    f = np.empty(kp.F_SIZE)
    kp.advance(some_state(), 0.7, 0.2, 0.25, 0.0, f)
    expected = np.empty((N, N))
    for k in range(N):
        ahead, back = some_state(), some_state()
        ahead[k] += STEP
        back[k] -= STEP
        kp.advance(ahead, 0.7, 0.2, 0.25, 0.0, np.empty(kp.F_SIZE))
        kp.advance(back, 0.7, 0.2, 0.25, 0.0, np.empty(kp.F_SIZE))
        expected[:, k] = (ahead - back) / (2 * STEP)
    forward, adjoint = np.eye(N), np.eye(N)
    kp.shear(forward, f)
    kp.shear_back(adjoint, f)
    np.testing.assert_allclose(forward, expected, atol=1e-7)
    np.testing.assert_allclose(adjoint, expected.T, atol=1e-7)


@pytest.mark.parametrize("kind", [kp.RANGE, kp.AXIS, kp.SPEED, kp.ALONG])
def test_rows(kind: int) -> None:
    target = np.array([20.0, 5.0, 1.5]) if kind == kp.RANGE else np.array([0.6, 0.8, 0.0])
    h, expected, scratch = np.empty(N), np.empty(N), np.empty(N)
    kp.row_of(some_state(), kind, target, 1, 2, h)
    for k in range(N):
        ahead, back = some_state(), some_state()
        ahead[k] += STEP
        back[k] -= STEP
        expected[k] = kp.row_of(ahead, kind, target, 1, 2, scratch) - kp.row_of(back, kind, target, 1, 2, scratch)
    np.testing.assert_allclose(h, expected / (2 * STEP), atol=1e-7)


def small_problem() -> tuple[Steps, Rows, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    steps_k, each = 40, 3
    dt = np.full(steps_k, 0.2)
    dt[0] = 0.0
    noise = np.full((steps_k, N + 1), 1e-4)
    noise[:, kp.X], noise[:, N] = 1e-2, 1e-3
    steps = Steps(np.cumsum(dt), 5 * dt, 0.3 * dt, dt, noise, np.full((steps_k, 3), 0.98))
    m = steps_k * each
    kind = rng.integers(0, 2, m)
    target = rng.normal(size=(m, 3)) * 40
    target[kind == kp.AXIS] /= np.linalg.norm(target[kind == kp.AXIS], axis=1)[:, None]
    rows = Rows(
        np.arange(0, m + 1, each), kind, target, rng.integers(-1, 3, m), np.full(m, -1), rng.normal(size=m) * 5 + 30,
        np.full(m, 4.0), np.zeros((m, 5)),
    )  # fmt: skip
    p0 = np.diag(np.full(N, 0.5))
    for k in (kp.SCALE, kp.RATE, kp.CRAB, kp.STRETCH):
        p0[k, k] = 1e-3
    return steps, rows, np.zeros(N), p0


def test_the_smoother_is_least_squares() -> None:
    """About a given way: states and covariances of the normal equations of all steps at once."""
    steps, rows, x0, p0 = small_problem()
    ref = run(steps, rows, x0, p0, smooth=False).x
    smoothed = run(steps, rows, x0, p0, smooth=True, about=ref)
    k = len(steps.dt)
    normal, right = np.zeros(((k + 1) * N, (k + 1) * N)), np.zeros((k + 1) * N)
    normal[:N, :N] = np.linalg.inv(p0)
    f, q, h = np.empty(kp.F_SIZE), np.empty(N + 1), np.empty(N)
    for i in range(k):
        at = x0.copy() if i == 0 else ref[i - 1].copy()
        kp.step_noise(at, steps.distance[i], steps.turn[i], steps.noise[i], N, q)
        kp.advance(at, steps.distance[i], steps.turn[i], steps.dt[i], 0.0, f)
        at[kp.BIAS :] *= steps.decay[i]
        forward = np.eye(N)
        kp.shear(forward, f)
        forward[kp.BIAS :] *= steps.decay[i][:, None]
        cov = np.diag(q[:N])
        cov[0, 1] = cov[1, 0] = q[N]
        weight = np.linalg.inv(cov)
        both = np.concatenate([-forward, np.eye(N)], axis=1)
        here = slice(i * N, (i + 2) * N)
        normal[here, here] += both.T @ weight @ both
        right[here] += both.T @ weight @ (at - ref[i])
        own = slice((i + 1) * N, (i + 2) * N)
        for row in range(rows.first[i], rows.first[i + 1]):
            read = kp.row_of(ref[i], rows.kind[row], rows.target[row], rows.group[row], -1, h)
            normal[own, own] += np.outer(h, h) / rows.variance[row]
            right[own] += h * (rows.value[row] - read) / rows.variance[row]
    cov = np.linalg.inv(normal)
    expected = ref + (cov @ right).reshape(k + 1, N)[1:]
    np.testing.assert_allclose(smoothed.x, expected, atol=1e-6)
    kept = [kp.X, kp.Y, kp.Z, kp.PSI]
    for i in range(k):
        own = (i + 1) * N + np.array(kept)
        np.testing.assert_allclose(smoothed.cov[i], cov[np.ix_(own, own)], atol=1e-8)


def test_predicted_rows_are_the_kernels() -> None:
    steps, rows, x0, p0 = small_problem()
    x = run(steps, rows, x0, p0, smooth=False).x
    one = [
        kp.row_of(x[k], rows.kind[i], rows.target[i], rows.group[i], rows.sort[i], np.empty(N))
        for i, k in enumerate(rows.step)
    ]  # fmt: skip
    np.testing.assert_allclose(predicted(x, rows), one, atol=1e-9)
