"""Every row and the transition of the inertial filter against central differences of its own nominal model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from kinema.kernels import inertial as ki
from kinema.kernels import inertial_rows as rows_of
from kinema.kernels import inertial_transition as moving
from kinema.kernels.rotation import dcms_from_quats, quat_normalise, rotvec_from_dcm

F64 = NDArray[np.float64]
RNG = np.random.default_rng(4)
STEP = np.ones(ki.N) * 1e-5
STEP[ki.P : ki.V] = 1e-2
STEP[ki.L : ki.MU] = 1e-3


def some_state() -> F64:
    """A car in the north at 20 m/s with every calibration state away from zero."""
    x = np.zeros(ki.X_SIZE)
    x[ki.X_P : ki.X_P + 3] = [3582104.8, 532590.2, 5232755.1]
    x[ki.X_V : ki.X_V + 3] = [12.0, -7.0, 14.0]
    x[ki.X_Q : ki.X_Q + 4] = [0.4, -0.3, 0.7, 0.5]
    x[ki.X_QB : ki.X_QB + 4] = [0.2, 0.9, -0.1, 0.3]
    quat_normalise(x[ki.X_Q : ki.X_Q + 4])
    quat_normalise(x[ki.X_QB : ki.X_QB + 4])
    x[ki.X_BG : ki.X_BG + 3] = [0.01, -0.02, 0.005]
    x[ki.X_BA : ki.X_BA + 3] = [0.1, 0.2, -0.1]
    x[ki.X_SG : ki.X_SG + 3] = [0.001, -0.0005, 0.002]
    x[ki.X_L : ki.X_L + 3] = [0.5, -0.7, 1.1]
    x[ki.X_TD], x[ki.X_SW], x[ki.X_RX], x[ki.X_KS], x[ki.X_RY] = 1e-4, 0.02, -1.3, 0.006, 0.4
    x[ki.X_GB : ki.X_GB + 3] = [0.3, -0.4, 0.2]
    return x


def moved(x: F64, k: int, step: float) -> F64:
    out, dx = x.copy(), np.zeros(ki.N)
    dx[k] = step
    ki.inject(out, dx, np.empty((2, 4)))
    return out


def difference(a: F64, b: F64) -> F64:
    """a ⊖ b as the first 18 errors."""
    d = np.zeros(ki.N_DRIVE)
    d[0:6] = a[0:6] - b[0:6]
    c = dcms_from_quats(np.stack([a, b])[:, ki.X_Q : ki.X_Q + 4])
    d[6:9] = rotvec_from_dcm(c[0] @ c[1].T)
    d[9:18] = a[ki.X_BG : ki.X_BG + 9] - b[ki.X_BG : ki.X_BG + 9]
    return d


def numeric_rows(x: F64, innovation: Callable[[F64], F64]) -> F64:
    columns = [
        (innovation(moved(x, k, -STEP[k])) - innovation(moved(x, k, STEP[k]))) / (2 * STEP[k]) for k in range(ki.N)
    ]
    return np.stack(columns, axis=1)


def means_of(x: F64, raw: F64) -> F64:
    """Mean rate follows the biases and what turning adds; acceleration and gravity are given."""
    means = np.zeros((6, 3))
    means[1], means[2] = [0.4, 1.2, -0.8], [-5.5, -0.8, -8.1]
    down_s = dcms_from_quats(some_state()[ki.X_Q : ki.X_Q + 4]).T @ means[2] / np.linalg.norm(means[2])
    rate = raw - x[ki.X_BG : ki.X_BG + 3]
    means[0] = rate - x[ki.X_SG : ki.X_SG + 3] * (down_s @ rate)
    return means


RAW = np.array([0.1, -0.2, 0.3])


def fix_position(x: F64) -> tuple[F64, F64]:
    y, h = np.zeros(3), np.zeros((3, ki.N))
    rows_of.fix_position_rows(x, means_of(x, RAW), x[:3] * 0 + some_state()[:3], y, h, np.zeros((24, 3)))
    return y, h


def fix_velocity(x: F64) -> tuple[F64, F64]:
    y, h, r, means = np.zeros(3), np.zeros((3, ki.N)), np.zeros((3, 3)), means_of(x, RAW)
    rows_of.fix_velocity_rows(x, means, np.ones(3), y, h, np.zeros((24, 3)))
    rows_of.velocity_clock(means, 0.0, 1e-4, h, r)
    assert not r.any()
    return y, h


def constraint(x: F64) -> tuple[F64, F64]:
    y, h = np.zeros(3), np.zeros((3, ki.N))
    rows_of.constraint_rows(x, means_of(x, RAW), y, h, np.zeros((3, ki.N)), np.zeros((24, 3)))
    return y[:2], h[:2]


def wheel(x: F64) -> tuple[F64, F64]:
    y, h = np.zeros(3), np.zeros((3, ki.N))
    rows_of.wheel_row(x, means_of(x, RAW), 19.0, y, h, np.zeros((3, ki.N)), np.zeros((24, 3)))
    return y[:1], h[:1]


def standstill_rate(x: F64) -> tuple[F64, F64]:
    y, h = np.zeros(3), np.zeros((3, ki.N))
    rows_of.rate_rows(x, RAW, y, h, np.zeros((24, 3)))
    return y, h


@pytest.mark.parametrize("model", [fix_position, fix_velocity, constraint, wheel, standstill_rate])
def test_rows_are_the_derivatives_of_the_innovation(model: Callable[[F64], tuple[F64, F64]]) -> None:
    """With a wrong row the filter is confident and wrong."""
    x = some_state()
    h = model(x)[1].copy()
    expected = numeric_rows(x, lambda at: model(at)[0].copy())
    scale = np.abs(expected).max()
    # the rows take what turning adds at first order
    np.testing.assert_allclose(h, expected, atol=0.025 * scale)
    np.testing.assert_allclose(h[:, :9], expected[:, :9], atol=1e-5 * scale)
    np.testing.assert_allclose(h[:, ki.L : ki.MU], expected[:, ki.L : ki.MU], atol=1e-5 * scale)
    np.testing.assert_allclose(h[:, ki.MU : ki.TD], expected[:, ki.MU : ki.TD], atol=2e-3 * scale)


def test_a_late_fix_shows_the_place_of_earlier() -> None:
    """A fix that belongs δtd later on the IMU's clock lies v · δtd back along the antenna's velocity."""
    x = some_state()
    _, h = fix_position(x)
    c = dcms_from_quats(x[ki.X_Q : ki.X_Q + 4])
    speed = x[3:6] + c @ np.cross(means_of(x, RAW)[0], x[ki.X_L : ki.X_L + 3])
    np.testing.assert_allclose(h[:, ki.TD], -speed, rtol=1e-12)
    np.testing.assert_allclose(fix_velocity(x)[1][:, ki.TD], [-0.4, -1.2, 0.8], rtol=1e-12)


def propagated(x: F64, dth: F64, dv: F64, dt: F64) -> tuple[F64, F64]:
    out, a = x.copy(), np.zeros((ki.N_NAV, ki.N_DRIVE))
    moving.propagate_state(out, dth, dv, dt, 0, len(dt), np.zeros((2, 3)), a, np.zeros((6, 3)), np.zeros((24, 3)))
    return out, a


def test_transition_is_the_derivative_of_the_strapdown() -> None:
    """Over 0.1 s of hard turning and braking."""
    x = some_state()
    n = 10
    dt = np.full(n, 0.01)
    dth = (RAW + RNG.normal(0, 0.02, (n, 3))) * dt[:, None]
    dv = (np.array([1.0, -2.0, -9.5]) + RNG.normal(0, 1.0, (n, 3))) * dt[:, None]
    _, a = propagated(x, dth, dv, dt)
    expected = np.zeros_like(a)
    for k in range(ki.N_DRIVE):
        step = STEP[k] * 100
        ahead, back = propagated(moved(x, k, step), dth, dv, dt)[0], propagated(moved(x, k, -step), dth, dv, dt)[0]
        expected[:, k] = (difference(ahead, back) / (2 * step))[: ki.N_NAV]
    expected[:, : ki.N_NAV] -= np.eye(ki.N_NAV)
    for rows in (slice(0, 3), slice(3, 6), slice(6, 9)):
        for columns in (slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12), slice(12, 15), slice(15, 18)):
            want, have = expected[rows, columns], a[rows, columns]
            # what bias and scale do to velocity and position by way of attitude is kept to a tenth over a node
            near = 0.15 if columns.start in (9, 15) and rows.start < 6 else 0.03
            np.testing.assert_allclose(have, want, atol=max(near * np.abs(want).max(), 5e-5))
