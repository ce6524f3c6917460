"""Contact-aided invariant filter of a legged robot: IMU, joint angles and the feet that stand.

Right-invariant error: R_true = exp(φ×) R, and p_true = exp(φ×) p + ξ for velocity, position and foot places; the feet's
attitudes Z carry ζ as R carries φ. So relative foot poses are measured by constant rows (Hartley, Ghaffari, Eustice,
Grizzle, "Contact-aided invariant extended Kalman filtering for robot state estimation", IJRR 2020), extended by the
attitude of a flat foot (Ramadoss et al., "DILIGENT-KIO", ICRA 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.estimate.legged_params import LeggedParams
from kinema.kernels.rotation import dcm_from_rotvec, rotvec_from_dcm

PHI, V, P, D, Z, BG, BA, N = 0, 3, 6, 9, 15, 21, 24, 27
G_W = np.array([0.0, 0.0, -9.80665])


@dataclass
class LeggedState:
    """Pose and velocity of the IMU in the world, poses of both feet, biases, covariance (N, N)."""

    r: F64
    v: F64
    p: F64
    d: F64
    z: F64
    bg: F64
    ba: F64
    cov: F64


def skew(a: F64) -> F64:
    """[a×]."""
    return np.array([[0.0, -a[2], a[1]], [a[2], 0.0, -a[0]], [-a[1], a[0], 0.0]])


def transition(s: LeggedState, dt: float) -> tuple[F64, F64]:
    """Φ (N, N) to second order in dt and the noise input G (N, 6) of rate and force, right-invariant."""
    f = np.zeros((N, N))
    f[V : V + 3, PHI : PHI + 3] = skew(G_W)
    f[P : P + 3, V : V + 3] = np.eye(3)
    g = np.zeros((N, 6))
    g[PHI : PHI + 3, :3] = -s.r
    for at, vector in ((V, s.v), (P, s.p), (D, s.d[0]), (D + 3, s.d[1])):
        g[at : at + 3, :3] = -skew(vector) @ s.r
    g[Z : Z + 3, :3] = g[Z + 3 : Z + 6, :3] = 0.0
    g[V : V + 3, 3:] = -s.r
    f[:, BG : BG + 3], f[:, BA : BA + 3] = g[:, :3], g[:, 3:]
    a = f * dt
    return np.eye(N) + a + 0.5 * a @ a, g


def predict(s: LeggedState, w_s: F64, f_s: F64, dt: float, foot_q: F64, params: LeggedParams) -> None:
    """Advance by one inertial sample; foot_q (2, 3): densities squared of each foot's
    place, tilt and turn."""
    phi, g = transition(s, dt)
    w, f = w_s - s.bg, f_s - s.ba
    turn = dcm_from_rotvec(0.5 * w * dt)
    a_w = s.r @ turn @ f + G_W
    s.p = s.p + s.v * dt + 0.5 * a_w * dt * dt
    s.v = s.v + a_w * dt
    s.r = s.r @ turn @ turn
    q = (g * np.repeat([params.gyro_noise**2, params.accel_noise**2], 3)) @ g.T
    # the feet's places share the rate's noise only through the frame of the error: their own noise is world's
    index = np.arange(3)
    for foot in range(2):
        q[D + 3 * foot + index, D + 3 * foot + index] += foot_q[foot, 0]
        q[Z + 3 * foot + index, Z + 3 * foot + index] += foot_q[foot, [1, 1, 2]]
    q[BG + index, BG + index] += params.gyro_bias_walk**2
    q[BA + index, BA + index] += params.accel_bias_walk**2
    s.cov = phi @ s.cov @ phi.T + q * dt


def foot_rows(s: LeggedState, foot: int, p_s: F64, c_s: F64) -> tuple[F64, F64]:
    """Innovation (6,) and rows (6, N) of a foot's pose p_s (3,), c_s (3, 3) in the IMU, both turned into the world."""
    y, h = np.zeros(6), np.zeros((6, N))
    y[:3] = s.r @ p_s - (s.d[foot] - s.p)
    h[:3, D + 3 * foot : D + 3 * foot + 3], h[:3, P : P + 3] = np.eye(3), -np.eye(3)
    y[3:] = rotvec_from_dcm(s.r @ c_s @ s.z[foot].T)
    h[3:, Z + 3 * foot : Z + 3 * foot + 3], h[3:, PHI : PHI + 3] = np.eye(3), -np.eye(3)
    return y, h


def floor_row(s: LeggedState, foot: int, height_m: float) -> tuple[F64, F64]:
    """A flat floor: the height of a standing foot."""
    h = np.zeros((1, N))
    h[0, D + 3 * foot + 2] = 1.0
    h[0, PHI : PHI + 3] = -skew(s.d[foot])[2]
    return np.array([height_m - s.d[foot][2]]), h


def place_foot(s: LeggedState, foot: int, p_s: F64, c_s: F64, sigma_p: float, sigma_c: float) -> None:
    """A foot comes to stand: its pose is what kinematics says now, its errors those of the body and of kinematics."""
    j = np.eye(N)
    at, turn = D + 3 * foot, Z + 3 * foot
    j[at : at + 3] = 0.0
    j[at : at + 3, P : P + 3] = np.eye(3)
    j[turn : turn + 3] = 0.0
    j[turn : turn + 3, PHI : PHI + 3] = np.eye(3)
    s.d[foot] = s.p + s.r @ p_s
    s.z[foot] = s.r @ c_s
    s.cov = j @ s.cov @ j.T
    index = np.arange(3)
    s.cov[at + index, at + index] += sigma_p**2
    s.cov[turn + index, turn + index] += sigma_c**2


def update(s: LeggedState, y: F64, h: F64, r: F64, gate: float = 25.0) -> float:
    """Fold rows with noise r (m, m), weighted down beyond `gate` per row; returns the NIS before that."""
    ph = s.cov @ h.T
    inn = h @ ph + r
    nis = float(y @ np.linalg.solve(inn, y))
    if nis > gate * len(y):
        inn = inn + r * (nis / (gate * len(y)) - 1.0)
    gain = np.linalg.solve(inn, ph.T).T
    dx = gain @ y
    s.cov = s.cov - gain @ ph.T
    s.cov = 0.5 * (s.cov + s.cov.T)
    inject(s, dx)
    return nis


def inject(s: LeggedState, dx: F64) -> None:
    """Move the error into the state: X ← exp(ξ) X, to first order in its translations."""
    turn = dcm_from_rotvec(dx[PHI : PHI + 3])
    s.r = turn @ s.r
    s.v = turn @ s.v + dx[V : V + 3]
    s.p = turn @ s.p + dx[P : P + 3]
    s.d = s.d @ turn.T + dx[D : D + 6].reshape(2, 3)
    s.z = np.stack([dcm_from_rotvec(dx[Z + 3 * k : Z + 3 * k + 3]) @ s.z[k] for k in range(2)])
    s.bg = s.bg + dx[BG : BG + 3]
    s.ba = s.ba + dx[BA : BA + 3]


def step(
    s: LeggedState, w_s: F64, f_s: F64, dt: float, feet: tuple[F64, F64], stands: Bool, stood: Bool, share: F64,
    params: LeggedParams, height_m: float | None,
) -> float:  # fmt: skip
    """One causal step: predict, place feet that came to stand, measure those that stand. Returns the largest NIS.

    feet: poses in the IMU, p (2, 3) and c (2, 3, 3); share (2,): of the weight on each; height_m: of a flat floor.
    """
    loose = np.where(stands, 1.0 / np.maximum(share, 0.1), 1e3)
    moved = loose * (params.foot_still if stands.all() and share.min() > params.both_carry else 1.0)
    foot_q = (moved[:, None] * np.array([params.foot_walk_m, params.foot_roll, params.foot_turn])) ** 2
    predict(s, w_s, f_s, dt, np.where(stands[:, None], foot_q, 0.0), params)
    worst = 0.0
    for foot in np.flatnonzero(stands).tolist():
        p_s, c_s = feet[0][foot], feet[1][foot]
        if not stood[foot]:
            place_foot(s, foot, p_s, c_s, params.foot_position_m, params.foot_tilt_rad)
        else:
            y, h = foot_rows(s, foot, p_s, c_s)
            sigma = np.repeat([params.foot_position_m, params.foot_tilt_rad], 3)
            sigma[5] = params.foot_yaw_rad
            worst = max(worst, update(s, y, h, np.diag((sigma * loose[foot]) ** 2)))
        if height_m is not None and params.floor_m > 0:
            y, h = floor_row(s, foot, height_m)
            update(s, y, h, np.array([[params.floor_m**2]]))
    return worst
