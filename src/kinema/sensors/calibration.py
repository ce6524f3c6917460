"""How a camera sees the ground: its homography and how sure that is, from marks or from focal length and pose."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import DataError

ROUNDS = 50


def from_marks(ideal_px: F64, ne_m: F64, sigma_px: float = 1.0, sigma_m: float = 0.02) -> tuple[F64, F64, float]:
    """The homography (3, 3) from undistorted pixels (n, 2) to marks on the ground (n, 2), independent changes of it of
    one standard deviation (8, 3, 3), and the RMS of what is left in the image.

    Least squares in the image, each mark as sure as its pixel (sigma_px) and its place (sigma_m); where the marks fit
    worse than that, the uncertainty grows with them. Raises DataError for fewer than 4 marks or marks on a line.
    """
    n = len(ideal_px)
    if n < 4:
        raise DataError("marks", "at least 4", str(n))
    # Both sides to unit size about their middle: else the equations would be badly scaled.
    to_px, to_m = _unit(ideal_px), _unit(ne_m)
    a, b = _apply(to_m, ne_m), _apply(to_px, ideal_px)
    g = _linear(a, b)
    px_size = 1.0 / to_px[0, 0]
    for _ in range(ROUNDS):
        residual, rows, scale = _equations(g, a, b)
        sigma = np.hypot(sigma_px / px_size, sigma_m * to_m[0, 0] * scale)
        weight = np.repeat(1.0 / sigma, 2)
        step = np.linalg.lstsq(rows * weight[:, None], residual * weight, rcond=1e-12)[0]
        g = g + step.reshape(3, 3)
        g = g / np.linalg.norm(g)
        if np.abs(step).max() < 1e-13:
            break
    residual, rows, scale = _equations(g, a, b)
    chi2 = float(((residual * weight) ** 2).sum())
    cov = np.linalg.pinv((rows * weight[:, None]).T @ (rows * weight[:, None]), rcond=1e-13, hermitian=True)
    cov *= max(chi2 / (2 * n - 8), 1.0) if n > 4 else 1.0
    value, vector = np.linalg.eigh(cov)
    change = (vector * np.sqrt(np.maximum(value, 0.0))).T.reshape(-1, 3, 3)[1:]
    # Back to pixels and metres, and turned round: the ground from the image.
    px_from_m = np.linalg.inv(to_px) @ g @ to_m
    h = np.linalg.inv(px_from_m)
    changes = -h @ (np.linalg.inv(to_px) @ change @ to_m) @ h
    if not (np.isfinite(h).all() and np.linalg.cond(g) < 1e8):
        raise DataError("marks", "marks that do not lie on a line", "no homography from them")
    return np.asarray(h), np.asarray(changes), float(np.sqrt((residual**2).mean())) * float(px_size)


def _unit(points: F64) -> F64:
    middle = points.mean(axis=0)
    size = float(np.sqrt(((points - middle) ** 2).sum(axis=1).mean() / 2))
    if not size > 0:
        raise DataError("marks", "marks apart from each other", "all in one place")
    return np.array([[1 / size, 0, -middle[0] / size], [0, 1 / size, -middle[1] / size], [0, 0, 1.0]])


def _apply(h: F64, p: F64) -> F64:
    moved = np.column_stack((p, np.ones(len(p)))) @ h.T
    return np.asarray(moved[:, :2] / moved[:, 2:])


def _linear(a: F64, b: F64) -> F64:
    """The homography from a to b by the smallest singular vector of the linear equations. Raises DataError."""
    zero, one = np.zeros(len(a)), np.ones(len(a))
    top = np.column_stack((a, one, zero, zero, zero, -b[:, :1] * a, -b[:, 0]))
    low = np.column_stack((zero, zero, zero, a, one, -b[:, 1:] * a, -b[:, 1]))
    _, size, vectors = np.linalg.svd(np.vstack((top, low)))
    if size[7] < 1e-9 * size[0]:
        raise DataError("marks", "marks of which no three in four lie on a line", "no homography from them")
    return np.asarray(vectors[-1].reshape(3, 3))


def _equations(g: F64, a: F64, b: F64) -> tuple[F64, F64, F64]:
    """What is left in the image (2n,), its derivatives by g (2n, 9), and pixels per metre (n,) at each mark."""
    one = np.column_stack((a, np.ones(len(a))))
    moved = one @ g.T
    w = moved[:, 2:]
    at = moved[:, :2] / w
    rows = np.zeros((len(a), 2, 3, 3))
    for k in range(2):
        rows[:, k, k] = one / w
        rows[:, k, 2] = -at[:, k : k + 1] * one / w
    jacobian = (g[None, :2, :2] - at[:, :, None] * g[None, 2:, :2]) / w[:, :, None]
    return (b - at).ravel(), rows.reshape(-1, 9), np.sqrt(np.abs(np.linalg.det(jacobian)))


def from_pose(
    focal_px: tuple[float, float], centre_px: tuple[float, float], place_ne_m: tuple[float, float], height_m: float,
    heading_rad: float, tilt_rad: float, roll_rad: float = 0.0, *, sigma_m: float = 0.1, sigma_rad: float = 0.002,
    sigma_focal_share: float = 0.005,
) -> tuple[F64, F64]:  # fmt: skip
    """The homography (3, 3) from undistorted pixels to north and east, and independent changes of it (7, 3, 3) of one
    standard deviation of place, height, angles and focal length.

    The camera is `height_m` above the ground, looks along `heading_rad` (clockwise from north), `tilt_rad` below the
    horizontal, turned clockwise about its axis by `roll_rad`. Raises DataError for a camera that is not above ground.
    """
    if not (height_m > 0.1 and abs(tilt_rad) <= np.pi / 2):
        raise DataError("camera", "a height above the ground and a tilt up to 90°", f"{height_m} m, {tilt_rad} rad")

    def px_from_m(x: F64) -> F64:
        north, east, up, heading, tilt, roll, zoom = x
        forward = np.array([np.cos(tilt) * np.cos(heading), np.cos(tilt) * np.sin(heading), np.sin(tilt)])
        right = np.array([-np.sin(heading), np.cos(heading), 0.0])
        down = np.cross(forward, right)
        turned = np.array([
            np.cos(roll) * right + np.sin(roll) * down, -np.sin(roll) * right + np.cos(roll) * down, forward
        ])  # fmt: skip
        inner = np.array([[zoom * focal_px[0], 0, centre_px[0]], [0, zoom * focal_px[1], centre_px[1]], [0, 0, 1.0]])
        return np.asarray(inner @ np.column_stack((turned[:, :2], -turned @ np.array([north, east, -up]))))

    x0 = np.array([*place_ne_m, height_m, heading_rad, tilt_rad, roll_rad, 1.0])
    sigma = np.array([sigma_m, sigma_m, sigma_m, sigma_rad, sigma_rad, sigma_rad, sigma_focal_share])
    h = np.linalg.inv(px_from_m(x0))
    changes = []
    for k, s in enumerate(sigma):
        step = np.zeros(7)
        step[k] = 1e-6 * max(abs(x0[k]), 1.0)
        slope = (px_from_m(x0 + step) - px_from_m(x0 - step)) / (2 * step[k])
        changes.append(-h @ (slope * s) @ h)
    return np.asarray(h), np.array(changes)
