"""Odometry and ranges in a plane against central differences, and the smoother against the truth of simulation."""

from __future__ import annotations

import numpy as np

from kinema.kernels import planar_ranges as kp

N = kp.BIAS + 3
STEP = 1e-6


def some_state() -> np.ndarray:
    return np.array([3.0, -7.0, 0.8, 0.02, 1e-3, 0.03, 0.07, 0.1, -0.2, 0.3])


def test_odometry_step() -> None:
    """Derivatives of x, y and heading by every state."""
    f = np.empty((3, 6))
    kp.advance(some_state(), 0.7, 0.2, 0.25, f)
    expected = np.empty((3, 6))
    for k in range(6):
        ahead, back = some_state(), some_state()
        ahead[k] += STEP
        back[k] -= STEP
        kp.advance(ahead, 0.7, 0.2, 0.25, np.empty((3, 6)))
        kp.advance(back, 0.7, 0.2, 0.25, np.empty((3, 6)))
        expected[:, k] = (ahead - back)[:3] / (2 * STEP)
    np.testing.assert_allclose(f, expected, atol=1e-7)


def test_range_row() -> None:
    """The row is minus the derivative of the innovation."""
    anchor, h = np.array([20.0, 5.0, 1.5]), np.empty(N)
    kp.range_row(some_state(), anchor, 1, 30.0, h)
    expected = np.empty(N)
    for k in range(N):
        ahead, back = some_state(), some_state()
        ahead[k] += STEP
        back[k] -= STEP
        scratch = np.empty(N)
        expected[k] = (kp.range_row(back, anchor, 1, 30.0, scratch) - kp.range_row(ahead, anchor, 1, 30.0, scratch)) / (
            2 * STEP
        )
    np.testing.assert_allclose(h, expected, atol=1e-7)
