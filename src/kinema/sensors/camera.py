"""A fixed camera that looks at level ground: boxes in its image become points on the ground with their uncertainty.

A homography maps the undistorted image to the ground (Hartley and Zisserman 2004, ch. 2 and 8); it comes from points
whose places on the ground are known, or from focal length and pose. The error of the calibration is kept as changes of
the homography of one standard deviation each: what they do to a point is common to all that the camera sees there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.course import Plane
from kinema.core.tracks import Detections, GroundDetections, GroundSensor
from kinema.errors import DataError
from kinema.sensors.lens import Lens

MOST_SIGMA_M = 5.0
"""Places less certain than this are of no use: the ground near the horizon."""
EDGE_PX = 2.0


@dataclass(frozen=True)
class Camera:
    """ground_from_px (3, 3) maps undistorted pixels to north and east on `plane`; changes (k, 3, 3) are independent
    changes of it of one standard deviation. A box's foot is known to `noise_share` of its width and height, at best to
    `sigma_px`. Frame 1 is at start_ns (GPS) plus time_offset_s; rate_hz NaN: the file says it."""

    name: str
    size_px: tuple[int, int]
    plane: Plane
    ground_from_px: F64
    changes: F64 = field(default_factory=lambda: np.zeros((0, 3, 3)))
    lens: Lens = field(default_factory=Lens)
    noise_share: float = 0.03
    sigma_px: float = 1.0
    rate_hz: float = float("nan")
    start_ns: int = 0
    time_offset_s: float = 0.0

    def to_ground(self, pixel: F64, sigma_px: F64) -> tuple[F64, F64, F64, Bool]:
        """North and east (n, 2) of pixels (n, 2), their covariances (n, 2, 2) from noise of sigma_px (n, 2), those that
        the calibration adds (n, 2, 2), and which of them are on the ground (n,) within MOST_SIGMA_M."""
        ideal, lens_jacobian, ok = self.lens.ideal(pixel)
        p, jacobian, w = _through(self.ground_from_px, ideal)
        jacobian = jacobian @ lens_jacobian
        spread = jacobian * sigma_px[:, None, :]
        cov = spread @ np.swapaxes(spread, 1, 2)
        common = np.zeros_like(cov)
        one = np.column_stack((ideal, np.ones(len(ideal))))
        for change in self.changes:
            moved = one @ change.T
            d = (moved[:, :2] - p * moved[:, 2:]) / w[:, None]
            common += d[:, :, None] * d[:, None, :]
        largest = cov[:, 0, 0] + cov[:, 1, 1] + common[:, 0, 0] + common[:, 1, 1]
        # Beyond the horizon the third coordinate changes its sign.
        return p, cov, common, np.asarray(ok & (w * self._side() > 0) & (largest < MOST_SIGMA_M**2))

    def to_pixel(self, p_ne_m: F64) -> tuple[F64, Bool]:
        """Shown pixels (n, 2) of points on the ground (n, 2), and which are in front of the camera."""
        ideal, _, w = _through(np.asarray(np.linalg.inv(self.ground_from_px)), p_ne_m)
        return self.lens.distorted(ideal), np.asarray(w * self._side() > 0)

    def _side(self) -> float:
        """Sign of the third coordinate below the horizon: that at the middle of the image's lower edge."""
        width, height = self.size_px
        ideal, _, _ = self.lens.ideal(np.array([[width / 2, float(height)]]))
        return float(np.sign(self.ground_from_px[2] @ np.array([*ideal[0], 1.0])))

    def view(self) -> F64:
        """The convex area of the ground (k, 2) that the image shows."""
        u, v = np.meshgrid(np.linspace(0, self.size_px[0], 25), np.linspace(0, self.size_px[1], 41))
        pixel = np.column_stack((u.ravel(), v.ravel()))
        p, _, _, ok = self.to_ground(pixel, np.full(pixel.shape, self.sigma_px))
        return _hull(p[ok])


def ground_points(seen: Detections, camera: Camera) -> tuple[GroundDetections, dict[str, int]]:
    """The feet of boxes, in the middle of their lower edges, on the ground; and how many were left out, and why.

    Images of another size than the camera's are taken for scaled ones. Raises DataError where times are not known.
    """
    scale = np.ones(2)
    if min(seen.image_size_px) > 0:
        scale = np.array(camera.size_px) / np.array(seen.image_size_px)
    box = seen.box_px * np.tile(scale, 2)
    t_ns = times_of(seen, camera)
    foot = np.column_stack((box[:, 0] + box[:, 2] / 2, box[:, 1] + box[:, 3]))
    sigma = np.maximum(camera.noise_share * box[:, 2:], camera.sigma_px)
    p, cov, common, ok = camera.to_ground(foot, sigma)
    cut = foot[:, 1] >= camera.size_px[1] - EDGE_PX
    sized = (box[:, 2:] > 0).all(axis=1)
    left = {"feet below the image": int((cut & sized).sum()), "too near the horizon": int((~ok & ~cut & sized).sum())}
    keep = np.flatnonzero(ok & ~cut & sized)
    keep = keep[np.argsort(t_ns[keep], kind="stable")]
    sensor = GroundSensor(camera.name, camera.view())
    found = GroundDetections(
        t_ns[keep], p[keep], cov[keep], camera.plane, seen.tag[keep], common_ne_m2=common[keep], sensors=(sensor,)
    )
    return found, {what: count for what, count in left.items() if count}


def times_of(seen: Detections, camera: Camera) -> I64:
    """GPS times (m,) of detections: the file's, or by frame and rate. Raises DataError where neither is known."""
    offset_ns = round(camera.time_offset_s * 1e9)
    if len(seen.t_ns) and (seen.t_ns >= 0).all():
        return np.asarray(seen.t_ns + offset_ns)
    if not seen.frame_rate_hz > 0:
        raise DataError(f"camera '{camera.name}'", "a frame rate or times", "neither")
    after_ns = np.round((seen.frame - 1) / seen.frame_rate_hz * 1e9).astype(np.int64)
    return np.asarray(camera.start_ns + offset_ns + after_ns)


def _through(h: F64, point: F64) -> tuple[F64, F64, F64]:
    """Points (n, 2) through a homography, their derivatives (n, 2, 2), and the third coordinates (n,)."""
    moved = np.column_stack((point, np.ones(len(point)))) @ h.T
    w = np.where(np.abs(moved[:, 2]) > 1e-12, moved[:, 2], 1e-12)
    out = moved[:, :2] / w[:, None]
    jacobian = (h[None, :2, :2] - out[:, :, None] * h[None, 2:, :2]) / w[:, None, None]
    return out, jacobian, w


def _hull(p: F64) -> F64:
    """Convex hull (k, 2) of points, by monotone chains (Andrew 1979)."""
    ordered = sorted({(float(a), float(b)) for a, b in p})
    if len(ordered) < 3:
        return np.empty((0, 2))

    def chain(points: Any) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        for c in points:
            while len(found) > 1 and _turn(found[-2], found[-1], c) <= 0:
                found.pop()
            found.append(c)
        return found[:-1]

    return np.array(chain(ordered) + chain(reversed(ordered)))


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
