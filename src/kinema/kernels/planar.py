"""Dead reckoning with absolute rows: how the state moves, and what a row reads.

State (BIAS + biases): x, y, z and their velocities (used without odometry), heading ψ (from x towards y), odometry
scale error, turn-rate bias (rad/s), crab angle, range stretch, clock (m), clock drift (m/s), then biases (m). The
frame is a plane's x and y, or x north, y east, z down. What a problem does not need has no variance and stays zero.
Error = truth − estimate, additive.
"""

from __future__ import annotations

import math
from typing import Any

from kinema.kernels.jit import kernel

F64 = Any
I64 = Any

X, Y, Z, VX, VY, VZ, PSI, SCALE, RATE, CRAB, STRETCH, CLOCK, DRIFT, BIAS = range(14)
DX_PSI, DY_PSI, DX_SCALE, DY_SCALE, DT, F_SIZE = range(6)
RANGE, AXIS, SPEED, ALONG = 0, 1, 2, 3
"""Kinds of rows: a distance to a point, a position along an axis, the speed in the plane, a velocity along an axis."""
LEAST_MPS = 0.1


@kernel
def advance(x: F64, distance: float, turn: float, dt: float, curvature: float, f: F64) -> None:
    """Move the state by one step of the odometry; f (F_SIZE,) receives what the derivatives are made of.

    curvature (1/m) of the Earth lets z follow a level way on a tangent plane; 0 in a plane.
    """
    step = distance * (1.0 + x[SCALE])
    turned = turn + x[RATE] * dt
    course = x[PSI] + 0.5 * turned + x[CRAB]
    c, s = math.cos(course), math.sin(course)
    f[DX_PSI], f[DY_PSI] = -step * s, step * c
    f[DX_SCALE], f[DY_SCALE] = distance * c, distance * s
    f[DT] = dt
    x[Z] += x[VZ] * dt + curvature * step * (x[X] * c + x[Y] * s)
    x[X] += step * c + x[VX] * dt
    x[Y] += step * s + x[VY] * dt
    x[PSI] += turned
    x[CLOCK] += x[DRIFT] * dt


@kernel
def shear(m: F64, f: F64) -> None:
    """m ← F m, rows in place, F of one step."""
    dt = f[DT]
    for j in range(m.shape[1]):
        along = m[PSI, j] + m[CRAB, j] + 0.5 * dt * m[RATE, j]
        m[X, j] += f[DX_PSI] * along + f[DX_SCALE] * m[SCALE, j] + dt * m[VX, j]
        m[Y, j] += f[DY_PSI] * along + f[DY_SCALE] * m[SCALE, j] + dt * m[VY, j]
        m[Z, j] += dt * m[VZ, j]
        m[PSI, j] += dt * m[RATE, j]
        m[CLOCK, j] += dt * m[DRIFT, j]


@kernel
def shear_back(m: F64, f: F64) -> None:
    """m ← Fᵀ m, rows in place, F of one step."""
    dt = f[DT]
    for j in range(m.shape[1]):
        along = f[DX_PSI] * m[X, j] + f[DY_PSI] * m[Y, j]
        m[RATE, j] += 0.5 * dt * along + dt * m[PSI, j]
        m[PSI, j] += along
        m[CRAB, j] += along
        m[SCALE, j] += f[DX_SCALE] * m[X, j] + f[DY_SCALE] * m[Y, j]
        m[VX, j] += dt * m[X, j]
        m[VY, j] += dt * m[Y, j]
        m[VZ, j] += dt * m[Z, j]
        m[DRIFT, j] += dt * m[CLOCK, j]


@kernel
def transpose(m: F64) -> None:
    """m ← mᵀ in place, square."""
    for i in range(len(m)):
        for j in range(i):
            m[i, j], m[j, i] = m[j, i], m[i, j]


@kernel
def add_noise(p: F64, q: F64) -> None:
    """P ← P + Q, q (n + 1,): the diagonal, and the term of x and y."""
    n = len(p)
    for i in range(n):
        p[i, i] += q[i]
    p[X, Y] += q[n]
    p[Y, X] += q[n]


@kernel
def step_noise(x: F64, distance: float, turn: float, variance: F64, n: int, q: F64) -> None:
    """q (n + 1,) of add_noise from variance (n + 1,): x the way's along, y across, others as they are, [n] free of
    direction in x and y."""
    psi = x[PSI] + 0.5 * turn + x[CRAB]
    c, s = math.cos(psi), math.sin(psi)
    along, across = variance[X], variance[Y]
    for j in range(n):
        q[j] = variance[j]
    q[X] = along * c * c + across * s * s + variance[n]
    q[Y] = along * s * s + across * c * c + variance[n]
    q[n] = (along - across) * c * s


@kernel
def row_of(x: F64, kind: int, target: F64, group: int, sort: int, h: F64) -> float:
    """What a row reads at state x, and its derivatives h (n,).

    RANGE: (1 + stretch) ρ to `target` (3,) + clock + biases; AXIS: `target`·(x, y, z) + biases; SPEED: what wheels
    say, (1 − scale) times the velocity's length in the plane; ALONG: `target`·velocity (both of the states VX, VY, VZ).
    group, sort: which biases are in it, −1 none.
    """
    for j in range(len(h)):
        h[j] = 0.0
    if kind == AXIS:
        read = target[0] * x[X] + target[1] * x[Y] + target[2] * x[Z]
        h[X], h[Y], h[Z] = target[0], target[1], target[2]
    elif kind == ALONG:
        read = target[0] * x[VX] + target[1] * x[VY] + target[2] * x[VZ]
        h[VX], h[VY], h[VZ] = target[0], target[1], target[2]
    elif kind == SPEED:
        length = max(math.sqrt(x[VX] * x[VX] + x[VY] * x[VY]), LEAST_MPS)
        k = 1.0 - x[SCALE]
        h[VX], h[VY], h[SCALE] = k * x[VX] / length, k * x[VY] / length, -length
        read = k * length
    else:
        dx, dy, dz = x[X] - target[0], x[Y] - target[1], x[Z] - target[2]
        rho = math.sqrt(dx * dx + dy * dy + dz * dz + 1e-6)
        k = 1.0 + x[STRETCH]
        h[X], h[Y], h[Z] = k * dx / rho, k * dy / rho, k * dz / rho
        h[STRETCH], h[CLOCK] = rho, 1.0
        read = k * rho + x[CLOCK]
    if group >= 0:
        h[BIAS + group] = 1.0
        read += x[BIAS + group]
    if sort >= 0:
        h[BIAS + sort] = 1.0
        read += x[BIAS + sort]
    return read
