"""Lens distortion: from the pixel that a camera shows to the pixel that one without distortion would, and how a change
of the one changes the other.

Brown and Conrady (Brown 1966; k1, k2, p1, p2, k3), and the equidistant fisheye of Kannala and Brandt 2006 (k1 … k4);
both with the signs and order of coefficients in which calibration programs write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.errors import DataError

ROUNDS = 60
LARGEST_ANGLE = np.radians(85.0)
"""Rays further from the axis do not meet a pinhole's image in any useful place."""


@dataclass(frozen=True)
class Lens:
    """Focal lengths and principal point in pixels, and distortion of a kind with its coefficients."""

    focal_px: tuple[float, float] = (1.0, 1.0)
    centre_px: tuple[float, float] = (0.0, 0.0)
    kind: Literal["none", "brown", "fisheye"] = "none"
    k: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (min(self.focal_px) > 0 and np.isfinite([*self.focal_px, *self.centre_px, *self.k]).all()):
            raise DataError("lens", "a positive focal length and finite coefficients", f"{self.focal_px}, {self.k}")
        length = {"none": 0, "brown": 5, "fisheye": 4}[self.kind]
        if len(self.k) > length:
            raise DataError("lens", f"at most {length} coefficients", str(len(self.k)))
        object.__setattr__(self, "k", (*self.k, *([0.0] * (length - len(self.k)))))

    def ideal(self, pixel: F64) -> tuple[F64, F64, Bool]:
        """Undistorted pixels (n, 2), their derivatives (n, 2, 2) by the shown ones, and where there are such (n,)."""
        n = len(pixel)
        if self.kind == "none":
            return pixel, np.broadcast_to(np.eye(2), (n, 2, 2)), np.ones(n, np.bool_)
        focal, centre = np.array(self.focal_px), np.array(self.centre_px)
        shown = (pixel - centre) / focal
        x, jacobian, ok = self._brown(shown) if self.kind == "brown" else self._fisheye(shown)
        return x * focal + centre, jacobian * focal[:, None] / focal[None, :], ok

    def distorted(self, ideal_px: F64) -> F64:
        """Shown pixels (n, 2) of undistorted ones."""
        if self.kind == "none":
            return ideal_px
        focal, centre = np.array(self.focal_px), np.array(self.centre_px)
        x = (ideal_px - centre) / focal
        found = self._brown_forward(x)[0] if self.kind == "brown" else self._fisheye_forward(x)
        return np.asarray(found * focal + centre)

    def _brown_forward(self, x: F64) -> tuple[F64, F64]:
        """Distorted points (n, 2) and derivatives (n, 2, 2), all in units of the focal length."""
        k1, k2, p1, p2, k3 = self.k
        a, b = x[:, 0], x[:, 1]
        r2 = a * a + b * b
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        slope = 2 * (k1 + r2 * (2 * k2 + r2 * 3 * k3))
        shown = np.column_stack(
            (a * radial + 2 * p1 * a * b + p2 * (r2 + 2 * a * a), b * radial + p1 * (r2 + 2 * b * b) + 2 * p2 * a * b)
        )
        cross = a * b * slope + 2 * p1 * a + 2 * p2 * b
        rows = np.stack(
            (radial + a * a * slope + 2 * p1 * b + 6 * p2 * a, cross, cross, radial + b * b * slope + 6 * p1 * b
             + 2 * p2 * a), axis=-1
        )  # fmt: skip
        return shown, rows.reshape(-1, 2, 2)

    def _brown(self, shown: F64) -> tuple[F64, F64, Bool]:
        """By Newton's method from the shown point; not found where the model folds over."""
        x = shown.copy()
        for _ in range(ROUNDS):
            at, jacobian = self._brown_forward(x)
            inverse, det = _inverse(jacobian)
            step = np.einsum("nij,nj->ni", inverse, shown - at)
            x += np.clip(np.where(det[:, None] > 0, step, 0.0), -0.2, 0.2)
            if np.abs(step).max(initial=0.0) < 1e-13:
                break
        at, jacobian = self._brown_forward(x)
        inverse, det = _inverse(jacobian)
        return x, inverse, np.asarray((np.abs(at - shown).max(axis=1, initial=0.0) < 1e-9) & (det > 1e-3))

    def _fisheye_forward(self, x: F64) -> F64:
        r = np.hypot(x[:, 0], x[:, 1])
        angle = np.arctan(r)
        scale = np.divide(self._bent(angle)[0], r, out=np.ones(len(r)), where=r > 1e-12)
        return np.asarray(x * scale[:, None])

    def _bent(self, angle: F64) -> tuple[F64, F64]:
        """Shown radius of an angle from the axis, and its derivative."""
        q = angle * angle
        k1, k2, k3, k4 = self.k
        radius = angle * (1 + q * (k1 + q * (k2 + q * (k3 + q * k4))))
        return radius, 1 + q * (3 * k1 + q * (5 * k2 + q * (7 * k3 + q * 9 * k4)))

    def _fisheye(self, shown: F64) -> tuple[F64, F64, Bool]:
        radius = np.hypot(shown[:, 0], shown[:, 1])
        angle = np.minimum(radius, LARGEST_ANGLE)
        for _ in range(ROUNDS):
            at, slope = self._bent(angle)
            step = np.divide(radius - at, slope, out=np.zeros(len(radius)), where=slope > 1e-6)
            angle = np.clip(angle + step, 0.0, LARGEST_ANGLE)
            if np.abs(step).max(initial=0.0) < 1e-14:
                break
        at, slope = self._bent(angle)
        ok = (np.abs(at - radius) < 1e-9) & (slope > 1e-3)
        tangent, unit = np.tan(angle), np.divide(shown, radius[:, None], out=np.zeros_like(shown),
                                                 where=radius[:, None] > 1e-12)  # fmt: skip
        stretch = np.divide(tangent, radius, out=np.ones(len(radius)), where=radius > 1e-12)
        along = (1 + tangent * tangent) / np.where(slope > 1e-3, slope, 1.0)
        jacobian = stretch[:, None, None] * np.eye(2)
        jacobian = jacobian + (along - stretch)[:, None, None] * unit[:, :, None] * unit[:, None, :]
        return shown * stretch[:, None], jacobian, np.asarray(ok)


def _inverse(m: F64) -> tuple[F64, F64]:
    """Inverses (n, 2, 2) and determinants (n,); zeros where there is no inverse."""
    det = m[:, 0, 0] * m[:, 1, 1] - m[:, 0, 1] * m[:, 1, 0]
    turned = np.stack((m[:, 1, 1], -m[:, 0, 1], -m[:, 1, 0], m[:, 0, 0]), axis=-1).reshape(-1, 2, 2)
    return np.divide(turned, det[:, None, None], out=np.zeros_like(turned), where=np.abs(det)[:, None, None] > 0), det
