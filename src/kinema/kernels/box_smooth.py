"""Fixed-interval smoothing of one coordinate of a track: constant velocity with white-noise acceleration."""

from __future__ import annotations

import numpy as np

from kinema.kernels.jit import kernel


@kernel
def smooth_coordinate(
    z: np.ndarray, size: np.ndarray, dt: float, r: float, q: float, v0: float, x: np.ndarray, p: np.ndarray
) -> float:
    """Rauch–Tung–Striebel smoother of measurements z (n,), NaN where there is none (not at the first and last).

    Noises r (measurement) and q (acceleration, per √s) and the first velocity's sigma v0 are shares of `size` (n,).
    x (n, 2) gets value and rate, p (n, 3) their variance, covariance and variance. Returns the log-likelihood.
    """
    n = len(z)
    ahead_x, ahead_p = np.empty((n, 2)), np.empty((n, 3))
    a, b = z[0], 0.0
    p0, p1, p2 = (r * size[0]) ** 2, 0.0, (v0 * size[0]) ** 2
    likelihood = 0.0
    for k in range(n):
        if k > 0:
            noise = (q * size[k]) ** 2
            a += b * dt
            p0 += dt * (2 * p1 + dt * p2) + noise * dt**3 / 3
            p1 += dt * p2 + noise * dt * dt / 2
            p2 += noise * dt
        ahead_x[k, 0], ahead_x[k, 1] = a, b
        ahead_p[k, 0], ahead_p[k, 1], ahead_p[k, 2] = p0, p1, p2
        if k > 0 and z[k] == z[k]:
            s = p0 + (r * size[k]) ** 2
            y = z[k] - a
            likelihood -= 0.5 * (y * y / s + np.log(s))
            k0, k1 = p0 / s, p1 / s
            a, b = a + k0 * y, b + k1 * y
            p2 -= k1 * p1
            p1 *= 1 - k0
            p0 *= 1 - k0
        x[k, 0], x[k, 1] = a, b
        p[k, 0], p[k, 1], p[k, 2] = p0, p1, p2
    for k in range(n - 2, -1, -1):
        h0, h1, h2 = ahead_p[k + 1, 0], ahead_p[k + 1, 1], ahead_p[k + 1, 2]
        det = h0 * h2 - h1 * h1
        u0, u1 = p[k, 0] + dt * p[k, 1], p[k, 1] + dt * p[k, 2]
        w0, w1 = p[k, 1], p[k, 2]
        g00, g01 = (u0 * h2 - w0 * h1) / det, (w0 * h0 - u0 * h1) / det
        g10, g11 = (u1 * h2 - w1 * h1) / det, (w1 * h0 - u1 * h1) / det
        e0, e1 = x[k + 1, 0] - ahead_x[k + 1, 0], x[k + 1, 1] - ahead_x[k + 1, 1]
        x[k, 0] += g00 * e0 + g01 * e1
        x[k, 1] += g10 * e0 + g11 * e1
        d0, d1, d2 = p[k + 1, 0] - h0, p[k + 1, 1] - h1, p[k + 1, 2] - h2
        p[k, 0] += g00 * (g00 * d0 + g01 * d1) + g01 * (g00 * d1 + g01 * d2)
        p[k, 1] += g10 * (g00 * d0 + g01 * d1) + g11 * (g00 * d1 + g01 * d2)
        p[k, 2] += g10 * (g10 * d0 + g11 * d1) + g11 * (g10 * d1 + g11 * d2)
    return likelihood
