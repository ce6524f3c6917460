"""Rows of the tight filter against finite differences, and what it carries over against dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kinema.kernels import inertial as ki
from kinema.kernels import tight as kt
from kinema.kernels.inertial import fold, inject
from kinema.kernels.rotation import quat_from_rotvec
from kinema.kernels.tight_rows import antenna_rows, row_innovation, row_states

F64 = NDArray[np.float64]
EXTRAS = 6


def state(seed: int = 1) -> tuple[F64, F64]:
    """A nominal state somewhere on Earth with everything away from zero, and the means of a step."""
    rng = np.random.default_rng(seed)
    x = np.zeros(ki.X_SIZE)
    x[ki.X_P : ki.X_P + 3] = [4_050_999.0, 619_167.0, 4_871_223.0]
    x[ki.X_V : ki.X_V + 3] = rng.normal(0, 10, 3)
    quat_from_rotvec(rng.normal(0, 1, 3), x[ki.X_Q : ki.X_Q + 4])
    quat_from_rotvec(rng.normal(0, 0.3, 3), x[ki.X_QB : ki.X_QB + 4])
    x[ki.X_L : ki.X_L + 3] = rng.normal(0, 1, 3)
    x[ki.X_BG : ki.X_BG + 3] = rng.normal(0, 0.01, 3)
    x[ki.X_TD] = 1e-5
    means = np.zeros((6, 3))
    means[0] = rng.normal(0, 0.3, 3)
    means[1] = rng.normal(0, 2.0, 3)
    return x, means


def one_row(kind: int, unit: F64) -> kt.Rows:
    at = np.array([[kt.DRIFT if kind == kt.DOPPLER else kt.CLOCK, 2, -1, 4, -1]], dtype=np.int64)
    by = np.array([[1.0, 2.5, 1.0, -0.7, 1.0]])
    return kt.Rows(np.array([kind]), np.array([3.0]), np.ones(1), np.ones(1), unit[None], at, by)


def innovation(rows: kt.Rows, x: F64, z: F64, means: F64, p0: F64) -> float:
    y, h, work = np.zeros((2, 3)), np.zeros((6, ki.N)), np.zeros((24, 3))
    antenna_rows(x, means, p0, y, h, work, np.zeros(3))
    return float(row_innovation(rows, 0, z, y))


@pytest.mark.parametrize("kind", [kt.CODE, kt.DOPPLER, kt.PHASE])
def test_rows_are_the_derivative_of_the_innovation(kind: int) -> None:
    """Every inertial and extra state of a row, within a hundred-thousandth of its coefficient."""
    x, means = state()
    z = np.random.default_rng(2).normal(0, 5, EXTRAS)
    unit = np.array([0.6, -0.48, 0.64])
    rows, p0 = one_row(kind, unit), x[:3] + np.array([5.0, -3.0, 8.0])
    y, h, work = np.zeros((2, 3)), np.zeros((6, ki.N)), np.zeros((24, 3))
    antenna_rows(x, means, p0, y, h, work, np.zeros(3))
    at, by = np.zeros(kt.WIDTH, np.int64), np.zeros(kt.WIDTH)
    count = row_states(rows, 0, np.eye(ki.N + EXTRAS), h, at, by)
    analytic = np.zeros(ki.N + EXTRAS)
    analytic[at[:count]] = by[:count]
    # a bias moves the mean rate, too; scale factors do so as test_inertial_jacobians shows
    for j in range(ki.N + EXTRAS):
        step = 1e-4 if j < ki.N else 1e-2
        values = []
        for sign in (1.0, -1.0):
            moved, z2, means2 = x.copy(), z.copy(), means.copy()
            if j < ki.N:
                dx = np.zeros(ki.N)
                dx[j] = sign * step
                inject(moved, dx, np.empty((2, 4)))
                if ki.BG <= j < ki.BG + 3:
                    means2[0, j - ki.BG] -= sign * step
            else:
                z2[j - ki.N] += sign * step
            values.append(innovation(rows, moved, z2, means2, p0))
        numeric = -(values[0] - values[1]) / (2 * step)
        if ki.SG <= j < ki.SG + 3 or (kind == kt.DOPPLER and j == ki.TD):
            continue  # velocities do not tell of the time offset, by intention
        assert analytic[j] == pytest.approx(numeric, abs=2e-4 + 1e-5 * abs(numeric)), j


def test_what_the_inertial_part_learns_reaches_the_extra_states() -> None:
    """Rows folded into the inertial part and carried over equal the same rows folded into all at once."""
    rng = np.random.default_rng(3)
    n = ki.N + EXTRAS
    a = rng.normal(0, 1, (n, n))
    p_all = a @ a.T + np.eye(n)
    h = np.zeros((3, ki.N))
    h[:, rng.choice(ki.N, 8, replace=False)] = rng.normal(0, 1, (3, 8))
    y = rng.normal(0, 1, 3)
    p, dx, z = p_all.copy(), np.zeros(n), np.zeros(EXTRAS)
    small = np.zeros((4, 2 * ki.N + 2))
    last = fold(p, dx, y, h, 0, 3, 0.5, small, 0)
    tape = kt.Tape(np.zeros((5, kt.WIDTH + 1), np.int64), np.zeros((5, kt.WIDTH + 2 + n)))
    assert kt.extend_rows(p, z, n, small, last, tape, 0, np.zeros(n)) == 3
    full = np.hstack([h, np.zeros((3, EXTRAS))])
    gain = p_all @ full.T @ np.linalg.inv(full @ p_all @ full.T + 0.5 * np.eye(3))
    np.testing.assert_allclose(p, p_all - gain @ full @ p_all, atol=1e-9)
    np.testing.assert_allclose(np.concatenate([dx[: ki.N], z]), gain @ y, atol=1e-9)


def test_extra_states_move_as_their_models_say() -> None:
    """Clock by its drift, random walk and decay: the covariance is Φ P Φᵀ + Q."""
    rng = np.random.default_rng(4)
    n, dt = ki.N + EXTRAS, 0.7
    a = rng.normal(0, 1, (n, n))
    p = a @ a.T
    z = rng.normal(0, 1, EXTRAS)
    slot = np.zeros((EXTRAS, 3))
    slot[kt.CLOCK, 0], slot[kt.DRIFT, 0], slot[3, 0] = 0.2, 0.3, 0.4
    slot[4] = (0.1, 5.0, 2.0)
    phi, q = np.eye(n), np.zeros((n, n))
    c, d = ki.N + kt.CLOCK, ki.N + kt.DRIFT
    phi[c, d], phi[ki.N + 4, ki.N + 4] = dt, np.exp(-dt / 5.0)
    q[c, c], q[d, d] = 0.2 * dt + 0.3 * dt**3 / 3, 0.3 * dt
    q[c, d] = q[d, c] = 0.3 * dt**2 / 2
    q[ki.N + 3, ki.N + 3] = 0.4 * dt
    q[ki.N + 4, ki.N + 4] = 0.1 * dt + 2.0 * (1 - np.exp(-2 * dt / 5.0))
    want_p, want_z = phi @ p @ phi.T + q, phi[ki.N :, ki.N :] @ z
    kt.propagate_extras(z, p, n, slot, dt, np.ones(EXTRAS))
    np.testing.assert_allclose(p, want_p, atol=1e-10)
    np.testing.assert_allclose(z, want_z, atol=1e-12)
