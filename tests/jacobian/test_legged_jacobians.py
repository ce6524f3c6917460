"""The invariant filter's rows and transition against differences along its own error."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from kinema.estimate import legged_filter as lf
from kinema.estimate.legged_params import LeggedParams
from kinema.kernels.rotation import dcm_from_rotvec, rotvec_from_dcm

F64 = NDArray[np.float64]
RNG = np.random.default_rng(3)


def some_state() -> lf.LeggedState:
    turn = lambda: dcm_from_rotvec(RNG.normal(0, 0.5, 3))  # noqa: E731
    return lf.LeggedState(
        turn(), np.array([0.2, -0.1, 0.05]), np.array([0.3, 0.1, 0.6]), RNG.normal(0, 0.2, (2, 3)),
        np.stack([turn(), turn()]), np.array([0.01, -0.02, 0.005]), np.array([0.05, 0.1, -0.02]), np.eye(lf.N),
    )  # fmt: skip


STATE = some_state()


def moved(dx: F64) -> lf.LeggedState:
    s = copy.deepcopy(STATE)
    lf.inject(s, dx)
    return s


def columns(function: object, step: float = 1e-6) -> F64:
    out = []
    for k in range(lf.N):
        dx = np.zeros(lf.N)
        dx[k] = step
        out.append((function(moved(dx)) - function(moved(-dx))) / (2 * step))  # type: ignore[operator]
    return np.stack(out, axis=1)


def test_foot_pose_rows() -> None:
    """Constant in the invariant error: exact at the measured pose."""
    s = STATE
    p_s, c_s = s.r.T @ (s.d[0] - s.p), s.r.T @ s.z[0]
    h = lf.foot_rows(s, 0, p_s, c_s)[1]
    np.testing.assert_allclose(h, -columns(lambda at: lf.foot_rows(at, 0, p_s, c_s)[0]), atol=1e-5)


def test_floor_row() -> None:
    h = lf.floor_row(STATE, 1, 0.0)[1]
    np.testing.assert_allclose(h, -columns(lambda at: lf.floor_row(at, 1, 0.0)[0]), atol=1e-6)


def error(a: lf.LeggedState, b: lf.LeggedState) -> F64:
    """a ⊖ b in the right-invariant sense, to first order."""
    turn = a.r @ b.r.T
    return np.concatenate(
        [
            rotvec_from_dcm(turn), a.v - turn @ b.v, a.p - turn @ b.p, (a.d - b.d @ turn.T).ravel(),
            rotvec_from_dcm(a.z[0] @ b.z[0].T), rotvec_from_dcm(a.z[1] @ b.z[1].T), a.bg - b.bg, a.ba - b.ba,
        ]
    )  # fmt: skip


def test_transition() -> None:
    """Errors move by Φ: over 2 ms at a walking robot's rates (the second order of the biases is kept in part)."""
    dt, w, f = 0.002, np.array([0.3, -0.5, 0.2]), np.array([0.5, 0.2, 9.9])
    phi, _ = lf.transition(STATE, dt)
    params, still = LeggedParams(), np.zeros((2, 3))

    def after(dx: F64) -> lf.LeggedState:
        s = moved(dx)
        lf.predict(s, w, f, dt, still, params)
        return s

    base, step = after(np.zeros(lf.N)), 1e-5
    for k in range(lf.N):
        dx = np.zeros(lf.N)
        dx[k] = step
        have = (error(after(dx), base) - error(after(-dx), base)) / (2 * step)
        np.testing.assert_allclose(phi[:, k], have, atol=4e-5)
