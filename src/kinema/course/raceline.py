"""Lines within the widths of a circuit: the shortest, the least curved, and the one of least time for a car."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kinema.core.arrays import F64
from kinema.core.course import Course
from kinema.course.strip import Strip
from kinema.errors import ConfigError, DataError

Kind = Literal["shortest", "curvature", "time"]
STEP_M = 4.0
STEPS, PRICE_START = 40, 3e3
"""Of the descent to the fastest line: most steps, and seconds that a change of bending costs at first."""


@dataclass(frozen=True)
class Car:
    """A point mass with an ellipse of grip, SI: mass, engine power, lateral acceleration, deceleration and acceleration
    by the tyres, drag (force over speed squared), greatest speed; and the width of the car."""

    mass_kg: float = 750.0
    power_w: float = 550e3
    lateral_mps2: float = 20.0
    brake_mps2: float = 20.0
    drive_mps2: float = 10.0
    drag_kgpm: float = 0.75
    top_mps: float = 90.0
    width_m: float = 2.0

    def __post_init__(self) -> None:
        for name, value in self.__dict__.items():
            if not (np.isfinite(value) and value >= 0) or (value == 0 and name not in ("drag_kgpm", "width_m")):
                raise ConfigError(f"car: {name} must be positive, got {value:g}")

    def row(self) -> F64:
        """The car as the kernels take it."""
        return np.array([self.lateral_mps2, self.drive_mps2, self.brake_mps2, self.power_w / self.mass_kg,
                         self.drag_kgpm / self.mass_kg, self.top_mps**2])  # fmt: skip


@dataclass(frozen=True)
class RaceLine:
    """A line on a course: stations and offsets of its points, north and east, speed and time there, lap time; the lap
    time of the centre line for comparison."""

    kind: str
    s_m: F64
    d_m: F64
    ne_m: F64
    speed_mps: F64
    t_s: F64
    lap_s: float
    centre_lap_s: float
    length_m: float


def race_line(course: Course, car: Car | None = None, kind: Kind = "time", step_m: float = STEP_M) -> RaceLine:
    """The line of a closed course within its widths less half the car's.

    "shortest": least length; "curvature": least squared curvature (Heilmeier et al. 2020, with exact relinearisation);
    "time": least quasi-steady lap time, from the least curved line down the gradient of the lap time. Raises
    DataError for an open course or one narrower than the car.
    """
    car = car or Car()
    if not course.closed:
        raise DataError(f"course '{course.name}'", "a closed course", "an open one")
    half = car.width_m / 2
    if float(np.minimum(course.width_left_m, course.width_right_m).min()) <= half:
        raise DataError(f"course '{course.name}'", f"half widths above half the car's ({half:g} m)", "a narrower place")
    strip = Strip.of(course, step_m)
    x, y, nx, ny = (a[:-1] for a in (strip.x, strip.y, strip.nx, strip.ny))
    low, high = -(strip.right[:-1] - half), strip.left[:-1] - half
    low, high = np.minimum(low, -0.01), np.maximum(high, 0.01)
    d = np.zeros(len(x))
    if kind == "shortest":
        d = _least(x, y, nx, ny, low, high, 1, 3)
    else:
        d = _least(x, y, nx, ny, low, high, 2, 6)
    if kind == "time":
        d = _fastest(x, y, nx, ny, low, high, d, car)
    return _line(kind, strip, d, car)


def _least(x: F64, y: F64, nx: F64, ny: F64, low: F64, high: F64, order: int, rounds: int) -> F64:
    """Offsets of the least sum of squared first (length) or second (curvature) differences, solved as bounded least
    squares about the line of the round before."""
    d = np.zeros(len(x))
    for _ in range(rounds):
        a, offset = _stretch(x, y, nx, ny, d) if order == 1 else _bend(x, y, nx, ny, d)
        new = bounded_quadratic((a.T @ a).tocsc(), a.T @ offset, low, high, d)
        done = float(np.abs(new - d).max())
        d = d + (0.9 if order == 2 else 1.0) * (new - d)
        if done < 0.01:
            break
    return np.clip(d, low, high)


def _stretch(x: F64, y: F64, nx: F64, ny: F64, d: F64) -> tuple[Any, F64]:
    """Matrix and offset whose sum, squared, is the length of the line about offsets d."""
    from scipy.sparse import csc_array

    n = len(x)
    i = np.arange(n)
    k = (i + 1) % n
    px, py = x + d * nx, y + d * ny
    w = 1 / np.sqrt(np.hypot(px[k] - px, py[k] - py))
    rows, cols = np.concatenate([i, i, i + n, i + n]), np.concatenate([k, i, k, i])
    data = np.concatenate([nx[k] * w, -nx * w, ny[k] * w, -ny * w])
    return csc_array((data, (rows, cols)), shape=(2 * n, n)), np.concatenate([(x[k] - x) * w, (y[k] - y) * w])


def _bend(x: F64, y: F64, nx: F64, ny: F64, d: F64) -> tuple[Any, F64]:
    """Matrix and offset whose sum is the curvature of the line, weighted by the root of the step, about offsets d: the
    second derivative across the present line, which is what a small shift makes of the curvature."""
    from scipy.sparse import csc_array

    n = len(x)
    i = np.arange(n)
    j, k = (i - 1) % n, (i + 1) % n
    px, py = x + d * nx, y + d * ny
    h0, h1 = np.hypot(px - px[j], py - py[j]), np.hypot(px[k] - px, py[k] - py)
    tx, ty = px[k] - px[j], py[k] - py[j]
    size = np.hypot(tx, ty)
    mx, my = -ty / size, tx / size
    b, c = 2 / (h1 * (h0 + h1)), 2 / (h0 * (h0 + h1))
    root = np.sqrt(0.5 * (h0 + h1))
    data = np.concatenate(
        [b * (nx[k] * mx + ny[k] * my), -(b + c) * (nx * mx + ny * my), c * (nx[j] * mx + ny[j] * my)]
    )
    offset = root * (b * (x[k] * mx + y[k] * my) - (b + c) * (x * mx + y * my) + c * (x[j] * mx + y[j] * my))
    rows, cols = np.concatenate([i, i, i]), np.concatenate([k, i, j])
    return csc_array((data * np.tile(root, 3), (rows, cols)), shape=(n, n)), offset


def bounded_quadratic(q: Any, c: F64, low: F64, high: F64, start: F64) -> F64:
    """x between bounds of least ½ xᵀ q x + c·x, q sparse and nearly banded: a primal-dual interior-point method
    (Nocedal and Wright 2006, 16.6), each step one sparse factorisation."""
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import splu

    scale = max(float(np.abs(q @ start + c).mean()), 1e-12)
    x = np.clip(start, low + 0.05 * (high - low), high - 0.05 * (high - low))
    z_l, z_u = np.full(len(x), scale), np.full(len(x), scale)
    for _ in range(60):
        s_l, s_u = x - low, high - x
        gradient = q @ x + c
        gap = float((s_l @ z_l + s_u @ z_u) / (2 * len(x)))
        dual = float(np.abs(gradient - z_l + z_u).mean())
        if gap < 1e-4 * scale and dual < 1e-3 * scale:
            break
        mu = 0.1 * gap
        matrix = (q + diags_array(z_l / s_l + z_u / s_u)).tocsc()
        step = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(
            -gradient + mu / s_l - mu / s_u
        )
        d_l = mu / s_l - z_l - z_l / s_l * step
        d_u = mu / s_u - z_u + z_u / s_u * step
        primal = _longest(s_l, step, s_u, -step)
        both = _longest(z_l, d_l, z_u, d_u)
        x, z_l, z_u = x + primal * step, z_l + both * d_l, z_u + both * d_u
    return np.clip(x, low, high)


def _longest(a: F64, da: F64, b: F64, db: F64) -> float:
    """The greatest step, at most 1, that keeps both positive."""
    value, change = np.concatenate([a, b]), np.concatenate([da, db])
    down = change < 0
    return float(min(1.0, 0.995 * (-value[down] / change[down]).min())) if down.any() else 1.0


def _fastest(x: F64, y: F64, nx: F64, ny: F64, low: F64, high: F64, d: F64, car: Car) -> F64:
    """From a good line down the gradient of the lap time, a step at a time: each is the change, within the widths,
    that the gradient rewards most for the bending it costs. The price of bending follows the success of the steps."""
    from kinema.kernels.lap_time import lap_time

    n = len(x)
    row = car.row()
    kappa, h, w, g_x, g_y = (np.empty(n) for _ in range(5))
    by = np.empty(n, dtype=np.int64)

    def cost(line: F64) -> tuple[float, F64]:
        total = lap_time(x + line * nx, y + line * ny, row, kappa, h, w, by, g_x, g_y)
        return float(total), g_x * nx + g_y * ny

    best = np.clip(d, low, high)
    least, gradient = cost(best)
    price = PRICE_START
    for _ in range(STEPS):
        a, _ = _bend(x, y, nx, ny, best)
        q = ((a.T @ a) * price).tocsc()
        new = bounded_quadratic(q, gradient - q @ best, low, high, best)
        total, g_new = cost(new)
        if total < least - 1e-6:
            gained = least - total
            best, least, gradient = new, total, g_new
            price /= 1.7
            if gained < 1e-3:
                break
        else:
            price *= 3.0
            if price > 1e9:
                break
    return best


def _line(kind: str, strip: Strip, d: F64, car: Car) -> RaceLine:
    x, y, nx, ny = (a[:-1] for a in (strip.x, strip.y, strip.nx, strip.ny))
    centre_s, _, _ = lap_of(x, y, car)
    px, py = x + d * nx, y + d * ny
    lap_s, speed, h = lap_of(px, py, car)
    v1 = np.roll(speed, -1)
    t = np.concatenate([[0.0], np.cumsum(2 * h / (speed + v1))])[:-1]
    return RaceLine(kind, strip.st[:-1].copy(), d, np.column_stack([py, px]), speed, t, lap_s, centre_s, float(h.sum()))


def lap_of(x: F64, y: F64, car: Car) -> tuple[float, F64, F64]:
    """Quasi-steady lap time of a closed line (x east, y north, not repeated), speeds at and steps from its points."""
    from kinema.kernels.lap_time import lap_time

    n = len(x)
    kappa, h, w, g_x, g_y = (np.empty(n) for _ in range(5))
    total = lap_time(
        np.ascontiguousarray(x), np.ascontiguousarray(y), car.row(), kappa, h, w, np.empty(n, dtype=np.int64), g_x, g_y
    )
    return float(total), np.sqrt(w), h


def lap_of_line(ne_m: F64, car: Car, step_m: float = STEP_M) -> float:
    """Quasi-steady lap time of any closed line (n, 2), brought to even steps along a spline first."""
    wide = np.ones(len(ne_m))
    from kinema.core.course import Plane

    strip = Strip.of(Course("line", Plane(0.0, 0.0), ne_m, wide, wide, True), step_m)
    return lap_of(strip.x[:-1], strip.y[:-1], car)[0]
