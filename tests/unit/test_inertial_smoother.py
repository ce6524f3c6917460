"""The smoother by adjoint against the one that inverts everything, and the strapdown against exact motion."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kinema.kernels import inertial as ki
from kinema.kernels import inertial_transition as moving
from kinema.kernels.kalman import adjoint_measurement, scalar_update
from kinema.kernels.rotation import dcms_from_quats, quats_from_dcms, rotvec_from_dcm
from kinema.kernels.strapdown import gravity_e
from kinema.simulate.circuits import circuit
from kinema.simulate.inertial import Grade, imu_of
from kinema.simulate.vehicle import drive_around

F64 = NDArray[np.float64]


def test_adjoint_smoother_equals_batch_least_squares() -> None:
    """A random linear system of 4 states over 12 steps: every smoothed mean and covariance to 1e-9."""
    rng = np.random.default_rng(2)
    n, steps = 4, 12
    phi = [np.eye(n) + 0.2 * rng.normal(size=(n, n)) for _ in range(steps)]
    q = [np.diag(rng.uniform(0.01, 0.1, n)) for _ in range(steps)]
    rows = [rng.normal(size=(2, n)) for _ in range(steps)]
    z = rng.normal(size=(steps, 2))
    p0 = np.eye(n)
    x, p = np.zeros(n), p0.copy()
    kept, tape = [], []
    for k in range(steps):
        if k:
            x, p = phi[k] @ x, phi[k] @ p @ phi[k].T + q[k]
        for h, value in zip(rows[k], z[k], strict=True):
            dx, gain = np.zeros(n), np.empty(n)
            y = value - h @ x
            s = scalar_update(p, dx, h.copy(), y, 0.3, gain)
            x = x + dx
            tape.append((k, h.copy(), gain.copy(), y, s))
        kept.append((x.copy(), p.copy()))
    lam, big, work = np.zeros(n), np.zeros((n, n)), np.zeros(n)
    smoothed = {}
    for k in range(steps - 1, -1, -1):
        xk, pk = kept[k]
        smoothed[k] = (xk - pk @ lam, pk - pk @ big @ pk)
        for at, h, gain, y, s in reversed(tape):
            if at == k:
                adjoint_measurement(lam, big, h, gain, y, s, work)
        if k:
            lam[:] = phi[k].T @ lam
            big[:] = phi[k].T @ big @ phi[k]
    # batch: all states at once
    info, vector = np.zeros((n * steps, n * steps)), np.zeros(n * steps)
    info[:n, :n] += np.linalg.inv(p0)
    for k in range(steps):
        at = slice(n * k, n * k + n)
        info[at, at] += rows[k].T @ rows[k] / 0.3
        vector[at] += rows[k].T @ z[k] / 0.3
        if k:
            j = np.zeros((n, n * steps))
            j[:, n * (k - 1) : n * k], j[:, at] = -phi[k], np.eye(n)
            info += j.T @ np.linalg.inv(q[k]) @ j
    cov = np.linalg.inv(info)
    best = cov @ vector
    for k in range(steps):
        at = slice(n * k, n * k + n)
        np.testing.assert_allclose(smoothed[k][0], best[at], atol=1e-9)
        np.testing.assert_allclose(smoothed[k][1], cov[at, at], atol=1e-9)


def test_gravity_at_known_places() -> None:
    """Normal gravity of WGS84 (NIMA TR8350.2 table 3.4): equator and pole; and at 45°, 1000 m height."""
    g = np.empty(3)
    gravity_e(np.array([6378137.0, 0.0, 0.0]), g)
    np.testing.assert_allclose(g, [-9.7803253359, 0, 0], atol=1e-9)
    gravity_e(np.array([1e-3, 0.0, 6356752.314245]), g)
    assert np.linalg.norm(g) == pytest.approx(9.8321849379, abs=1e-7)


PERFECT = Grade(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 100.0, 0.0, 0.0)


def test_strapdown_follows_an_exact_drive() -> None:
    """An ideal 100 Hz IMU through 60 s of corners: 5 cm and 0.01° (what sampling a smooth motion costs)."""
    motion = drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=0.4, wait_s=2.0, duration_s=62.0)
    imu, _ = imu_of(motion, grade=PERFECT, rate_hz=100.0)
    truth = motion.sample(imu.t_ns)
    x = np.zeros(ki.X_SIZE)
    x[0:3], x[3:6] = truth.p_e_m[0], truth.v_e_mps[0]
    x[6:10] = quats_from_dcms(truth.C_eb[:1])[0]
    x[22] = 1.0
    f, w = imu.f_ib_s_mps2, imu.w_ib_s_radps
    dv, dth = 0.005 * (f[1:] + f[:-1]), 0.005 * (w[1:] + w[:-1])
    dt = np.full(len(dv), 0.01)
    carry, a = np.zeros((2, 3)), np.zeros((ki.N_NAV, ki.N_DRIVE))
    work, means = np.zeros((24, 3)), np.zeros((6, 3))
    for first in range(0, len(dt), 5):
        moving.propagate_state(x, dth, dv, dt, first, min(first + 5, len(dt)), carry, a, means, work)
    assert np.linalg.norm(x[0:3] - truth.p_e_m[-1]) < 0.05
    turn = rotvec_from_dcm(dcms_from_quats(x[6:10]) @ truth.C_eb[-1].T)
    assert np.rad2deg(np.linalg.norm(turn)) < 0.01


def test_at_rest_nothing_moves() -> None:
    """Standing on the turning Earth for 100 s with an ideal IMU: below a millimetre."""
    p = np.array([3582104.8, 532590.2, 5232755.1])
    g = np.empty(3)
    gravity_e(p, g)
    x = np.zeros(ki.X_SIZE)
    x[0:3], x[6], x[22] = p, 1.0, 1.0
    dt = np.full(10_000, 0.01)
    turn = np.array([0.0, 0.0, 7.292115e-5])
    # the body turns with the Earth: its axes stay those of e
    dv, dth = np.tile(-g * 0.01, (10_000, 1)), np.tile(turn * 0.01, (10_000, 1))
    a = np.zeros((ki.N_NAV, ki.N_DRIVE))
    moving.propagate_state(x, dth, dv, dt, 0, 10_000, np.zeros((2, 3)), a, np.zeros((6, 3)), np.zeros((24, 3)))
    assert np.linalg.norm(x[0:3] - p) < 1e-3
    assert np.linalg.norm(x[3:6]) < 1e-4


def test_a_long_pass_in_chunks_is_the_same_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks bound the memory and change nothing: filter and smoother to rounding."""
    from kinema.estimate import inertial
    from kinema.estimate.options import SolveOptions
    from kinema.estimate.strategy import solve
    from kinema.simulate.fixes import inertial_recording

    motion = drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=0.4, wait_s=4.0, duration_s=50.0)
    recording, _ = inertial_recording(motion, seed=1)
    for method in ("filter", "smooth"):
        whole = solve(recording, SolveOptions(method=method))
        with monkeypatch.context() as patch:
            patch.setattr(inertial, "CHUNK_NODES", 150)
            parts = solve(recording, SolveOptions(method=method))
        np.testing.assert_allclose(parts.p_e_m, whole.p_e_m, atol=1e-6)
        np.testing.assert_allclose(parts.cov_p_e_m2, whole.cov_p_e_m2, rtol=1e-6, atol=1e-12)
