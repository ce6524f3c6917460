"""Quasi-steady lap time of a point mass on a closed line, and its gradient by the adjoint of the speed passes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinema.kernels.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

BY_GRIP, BY_TOP, BY_DRIVE, BY_BRAKE = 0, 1, 2, 3


@kernel
def curvature_and_steps(x: F64, y: F64, kappa: F64, h: F64) -> None:
    """Signed curvature at, and step from, each point of a closed line (circle through three points)."""
    n = x.shape[0]
    for i in range(n):
        j, k = (i - 1) % n, (i + 1) % n
        ax, ay = x[i] - x[j], y[i] - y[j]
        bx, by = x[k] - x[i], y[k] - y[i]
        a, b = np.sqrt(ax * ax + ay * ay), np.sqrt(bx * bx + by * by)
        d = np.sqrt((ax + bx) ** 2 + (ay + by) ** 2)
        kappa[i] = 2.0 * (ax * by - ay * bx) / (a * b * d)
        h[i] = b


@kernel
def pull(w: float, kappa: float, car: F64) -> tuple[float, float, float]:
    """Forward acceleration at squared speed w on a curve, its derivatives by w and by |kappa|.

    car: lateral, drive, brake (m/s²), power / mass (W/kg), drag / mass (1/m), top speed squared.
    """
    q = w * kappa / car[0]
    room = max(1.0 - q * q, 1e-6)
    ell = np.sqrt(room)
    grip = car[1] * ell
    grip_w, grip_k = car[1] * (-q * kappa / car[0]) / ell, car[1] * (-q * w / car[0]) / ell
    if room <= 1e-6:
        grip_w, grip_k = 0.0, 0.0
    v = np.sqrt(max(w, 1.0))
    motor = car[3] / v
    if motor < grip:
        return motor - car[4] * w, -0.5 * motor / max(w, 1.0) - car[4], 0.0
    return grip - car[4] * w, grip_w - car[4], grip_k


@kernel
def slowing(w: float, kappa: float, car: F64) -> tuple[float, float, float]:
    """Greatest deceleration at squared speed w on a curve, its derivatives by w and by |kappa|."""
    q = w * kappa / car[0]
    room = max(1.0 - q * q, 1e-6)
    ell = np.sqrt(room)
    if room <= 1e-6:
        return car[2] * ell + car[4] * w, car[4], 0.0
    return car[2] * ell + car[4] * w, car[2] * (-q * kappa / car[0]) / ell + car[4], car[2] * (-q * w / car[0]) / ell


@kernel
def speeds(kappa: F64, h: F64, car: F64, w: F64, by: I64) -> int:
    """Squared speeds w and what limits them (`by`) on a closed line; returns the point of least speed by grip."""
    n = kappa.shape[0]
    slowest = 0
    for i in range(n):
        w[i] = car[0] / max(abs(kappa[i]), 1e-9)
        by[i] = BY_GRIP
        if w[i] > car[5]:
            w[i], by[i] = car[5], BY_TOP
        if w[i] < w[slowest]:
            slowest = i
    for step in range(n):
        i = (slowest + step) % n
        j = (i + 1) % n
        a, _, _ = pull(w[i], abs(kappa[i]), car)
        reach = max(w[i] + 2.0 * h[i] * a, 1.0)
        if reach < w[j]:
            w[j], by[j] = reach, BY_DRIVE
    for step in range(n):
        j = (slowest - step) % n
        i = (j - 1) % n
        a, _, _ = slowing(w[j], abs(kappa[j]), car)
        reach = w[j] + 2.0 * h[i] * a
        if reach < w[i]:
            w[i], by[i] = reach, BY_BRAKE
    return slowest


@kernel
def lap_time(x: F64, y: F64, car: F64, kappa: F64, h: F64, w: F64, by: I64, g_x: F64, g_y: F64) -> float:
    """Lap time of a closed line, and its gradient by the points into g_x and g_y."""
    n = x.shape[0]
    curvature_and_steps(x, y, kappa, h)
    slowest = speeds(kappa, h, car, w, by)
    g_w, g_k, g_h = np.zeros(n), np.zeros(n), np.zeros(n)
    total = 0.0
    for i in range(n):
        j = (i + 1) % n
        v0, v1 = np.sqrt(w[i]), np.sqrt(w[j])
        mean = v0 + v1
        total += 2.0 * h[i] / mean
        g_h[i] += 2.0 / mean
        g_w[i] -= h[i] / (mean * mean * v0)
        g_w[j] -= h[i] / (mean * mean * v1)
    for step in range(n):
        # What was driven up from the point before: from the end of each chain back to its start.
        j = (slowest - step) % n
        if by[j] == BY_DRIVE:
            i = (j - 1) % n
            a, a_w, a_k = pull(w[i], abs(kappa[i]), car)
            g_w[i] += g_w[j] * (1.0 + 2.0 * h[i] * a_w)
            g_k[i] += g_w[j] * 2.0 * h[i] * a_k * np.sign(kappa[i])
            g_h[i] += g_w[j] * 2.0 * a
    for step in range(n):
        i = (slowest + step) % n
        if by[i] == BY_BRAKE:
            j = (i + 1) % n
            a, a_w, a_k = slowing(w[j], abs(kappa[j]), car)
            g_w[j] += g_w[i] * (1.0 + 2.0 * h[i] * a_w)
            g_k[j] += g_w[i] * 2.0 * h[i] * a_k * np.sign(kappa[j])
            g_h[i] += g_w[i] * 2.0 * a
    for i in range(n):
        if by[i] == BY_GRIP:
            g_k[i] -= g_w[i] * w[i] / kappa[i]
    points_gradient(x, y, kappa, g_k, g_h, g_x, g_y)
    return total


@kernel
def points_gradient(x: F64, y: F64, kappa: F64, g_k: F64, g_h: F64, g_x: F64, g_y: F64) -> None:
    """Gradient by the points from those by curvature and step."""
    n = x.shape[0]
    g_x[:] = 0.0
    g_y[:] = 0.0
    for i in range(n):
        j, k = (i - 1) % n, (i + 1) % n
        ax, ay = x[i] - x[j], y[i] - y[j]
        bx, by = x[k] - x[i], y[k] - y[i]
        dx, dy = ax + bx, ay + by
        a2, b2, d2 = ax * ax + ay * ay, bx * bx + by * by, dx * dx + dy * dy
        c = 2.0 / np.sqrt(a2 * b2 * d2)
        g, curve = g_k[i], kappa[i]
        # By the two edges: the cross product, less what their lengths take away.
        gax = g * (c * by - curve * (ax / a2 + dx / d2))
        gay = g * (-c * bx - curve * (ay / a2 + dy / d2))
        gbx = g * (-c * ay - curve * (bx / b2 + dx / d2))
        gby = g * (c * ax - curve * (by / b2 + dy / d2))
        b = np.sqrt(b2)
        gbx += g_h[i] * bx / b
        gby += g_h[i] * by / b
        g_x[i] += gax - gbx
        g_y[i] += gay - gby
        g_x[j] -= gax
        g_y[j] -= gay
        g_x[k] += gbx
        g_y[k] += gby
