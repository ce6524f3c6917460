"""Fixed-interval smoothing of one mover on the ground: constant velocity with white-noise acceleration, turning with
the course where it keeps to one.

The adjoint form (Bierman 1973; Bryson and Frazier) needs no inverse but that of the 2 × 2 innovation covariance.
"""

from __future__ import annotations

import numpy as np

from kinema.kernels.jit import kernel


@kernel
def filter_ground(
    t_s: np.ndarray, turn: np.ndarray, z: np.ndarray, r: np.ndarray, q: np.ndarray, v0: float, x: np.ndarray,
    p: np.ndarray, gain: np.ndarray, y: np.ndarray, s: np.ndarray,
) -> float:  # fmt: skip
    """Kalman filter over times t_s (n,), positions z (n, 2), NaN where there is none (not at the first), covariances
    r (n, 2, 2). turn (n,): by how much the velocity turns clockwise (rad) from the time before, 0 for straight ahead.
    q (n, 3): densities north, east and between of the acceleration's noise in the step to each (m²/s³); v0 sigma of
    the first velocity. Fills x (n, 4), p (n, 4, 4), gain (n, 4, 2), innovations y
    (n, 2) and the inverse of their covariance s (n, 2, 2); returns the log-likelihood."""
    n = len(t_s)
    f, work, moved = np.empty((4, 4)), np.empty((4, 4)), np.empty((4, 4))
    likelihood = 0.0
    x[0, 0], x[0, 1], x[0, 2], x[0, 3] = z[0, 0], z[0, 1], 0.0, 0.0
    p[0] = 0.0
    p[0, :2, :2] = r[0]
    p[0, 2, 2] = p[0, 3, 3] = v0 * v0
    for k in range(1, n):
        dt = t_s[k] - t_s[k - 1]
        _step_matrix(dt, turn[k], f)
        for a in range(4):
            x[k, a] = 0.0
            for b in range(4):
                x[k, a] += f[a, b] * x[k - 1, b]
        # _quadratic wants the transpose of what is on the left.
        _quadratic(f.T.copy(), p[k - 1], work, moved)
        for a in range(4):
            for b in range(4):
                p[k, a, b] = 0.5 * (moved[a, b] + moved[b, a])
        for a in range(2):
            for b in range(2):
                noise = q[k, a] if a == b else q[k, 2]
                p[k, a, b] += noise * dt**3 / 3
                p[k, a, 2 + b] += noise * dt * dt / 2
                p[k, 2 + a, b] += noise * dt * dt / 2
                p[k, 2 + a, 2 + b] += noise * dt
        if z[k, 0] != z[k, 0]:
            continue
        s00, s01, s11 = p[k, 0, 0] + r[k, 0, 0], p[k, 0, 1] + r[k, 0, 1], p[k, 1, 1] + r[k, 1, 1]
        det = s00 * s11 - s01 * s01
        s[k, 0, 0], s[k, 0, 1], s[k, 1, 0], s[k, 1, 1] = s11 / det, -s01 / det, -s01 / det, s00 / det
        y[k, 0], y[k, 1] = z[k, 0] - x[k, 0], z[k, 1] - x[k, 1]
        for a in range(4):
            for b in range(2):
                gain[k, a, b] = p[k, a, 0] * s[k, 0, b] + p[k, a, 1] * s[k, 1, b]
        far = 0.0
        for a in range(2):
            far += y[k, a] * (s[k, a, 0] * y[k, 0] + s[k, a, 1] * y[k, 1])
        likelihood -= 0.5 * (far + np.log(det))
        top = p[k, :2].copy()
        for a in range(4):
            x[k, a] += gain[k, a, 0] * y[k, 0] + gain[k, a, 1] * y[k, 1]
            for b in range(4):
                p[k, a, b] -= gain[k, a, 0] * top[0, b] + gain[k, a, 1] * top[1, b]
    return likelihood


@kernel
def smooth_ground(
    t_s: np.ndarray, turn: np.ndarray, z: np.ndarray, x: np.ndarray, p: np.ndarray, gain: np.ndarray, y: np.ndarray,
    s: np.ndarray,
) -> None:  # fmt: skip
    """Run the smoother backwards over what `filter_ground` left, x and p in place."""
    lam, big = np.zeros(4), np.zeros((4, 4))
    keep, work, f = np.zeros((4, 4)), np.zeros((4, 4)), np.empty((4, 4))
    for k in range(len(t_s) - 1, -1, -1):
        new_lam, new_big = lam.copy(), big.copy()
        if k > 0 and z[k, 0] == z[k, 0]:
            keep[:] = 0.0
            for a in range(4):
                keep[a, a] = 1.0
                keep[a, 0] -= gain[k, a, 0]
                keep[a, 1] -= gain[k, a, 1]
            _quadratic(keep, big, work, new_big)
            for a in range(4):
                new_lam[a] = 0.0
                for b in range(4):
                    new_lam[a] += keep[b, a] * lam[b]
            for a in range(2):
                new_lam[a] -= s[k, a, 0] * y[k, 0] + s[k, a, 1] * y[k, 1]
                for b in range(2):
                    new_big[a, b] += s[k, a, b]
        for a in range(4):
            for b in range(4):
                x[k, a] -= p[k, a, b] * lam[b]
        old = p[k].copy()
        _quadratic(old, big, work, keep)
        for a in range(4):
            for b in range(4):
                p[k, a, b] = old[a, b] - 0.5 * (keep[a, b] + keep[b, a])
        if k > 0:
            _step_matrix(t_s[k] - t_s[k - 1], turn[k], f)
            for a in range(4):
                lam[a] = 0.0
                for b in range(4):
                    lam[a] += f[b, a] * new_lam[b]
            _quadratic(f, new_big, work, keep)
            # Over thousands of steps a trace of asymmetry would grow without end.
            for a in range(4):
                for b in range(4):
                    big[a, b] = 0.5 * (keep[a, b] + keep[b, a])


@kernel
def _step_matrix(dt: float, turn: float, f: np.ndarray) -> None:
    """f (4, 4): the velocity turns clockwise by `turn`, the position moves by the mean of before and after."""
    c, s = np.cos(turn), np.sin(turn)
    f[:] = 0.0
    f[0, 0], f[1, 1] = 1.0, 1.0
    f[2, 2], f[2, 3], f[3, 2], f[3, 3] = c, -s, s, c
    f[0, 2], f[0, 3] = 0.5 * dt * (1.0 + c), -0.5 * dt * s
    f[1, 2], f[1, 3] = 0.5 * dt * s, 0.5 * dt * (1.0 + c)


@kernel
def _quadratic(a: np.ndarray, m: np.ndarray, work: np.ndarray, out: np.ndarray) -> None:
    """out = aᵀ m a for (4, 4) matrices."""
    for i in range(4):
        for j in range(4):
            work[i, j] = 0.0
            for k in range(4):
                work[i, j] += m[i, k] * a[k, j]
    for i in range(4):
        for j in range(4):
            out[i, j] = 0.0
            for k in range(4):
                out[i, j] += a[k, i] * work[k, j]
