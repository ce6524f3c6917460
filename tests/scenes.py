"""Scenes of many movers whose every number is known, without a tracker: circles on an oval, crowds on a square."""

from __future__ import annotations

import numpy as np

from kinema.core.course import Course, Plane
from kinema.core.tracks import BoxTracks, GroundTracks
from kinema.course.oval import LANE_M, Oval
from kinema.course.strip import Strip

PLANE = Plane(np.radians(48.0), np.radians(11.0))
FIRST_TAG = 70413301
"""Tags that stand nowhere else in a page."""
START_NS = 1_400_000_000_000_000_000


def oval() -> Course:
    """A 400 m track."""
    return Oval(PLANE, (0.0, 0.0), np.pi / 2).course("track")


def tracks_of(p_ne_m: np.ndarray, rate_hz: float, *, tags: bool = True, seen: np.ndarray | None = None) -> GroundTracks:
    """Tracks of places (movers, n, 2)."""
    movers, n, _ = p_ne_m.shape
    t_ns = START_NS + np.round(np.arange(n) / rate_hz * 1e9).astype(np.int64)
    v = np.gradient(p_ne_m, 1.0 / rate_hz, axis=1)
    cov = np.broadcast_to(np.eye(2) * 0.05**2, (movers * n, 2, 2))
    tag = np.repeat(FIRST_TAG + np.arange(movers) if tags else np.full(movers, -1), n)
    return GroundTracks(
        np.tile(t_ns, movers), np.repeat(np.arange(movers), n), p_ne_m.reshape(-1, 2), cov, v.reshape(-1, 2), 4 * cov,
        np.ones(movers * n, np.bool_) if seen is None else seen, tag, PLANE, simulated=True,
    )  # fmt: skip


def runners(movers: int = 8, seconds: float = 220.0, rate_hz: float = 5.0) -> GroundTracks:
    """Runners at 4.0, 4.25, … m/s, each in a lane of its own, from 20 m before the line on."""
    strip = Strip.of(oval())
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    p = [strip.to_ne(-20.0 + (4.0 + 0.25 * k) * t, np.full(len(t), -LANE_M * k)) for k in range(movers)]
    return tracks_of(np.array(p), rate_hz)


def crowd(movers: int, seconds: float = 40.0, rate_hz: float = 5.0, seed: int = 0) -> GroundTracks:
    """People who go about a square of 300 m."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate_hz)
    way = np.cumsum(rng.normal(0, 0.15, (movers, n)), axis=1) + rng.uniform(0, 2 * np.pi, (movers, 1))
    step = rng.uniform(0.7, 2.2, (movers, 1, 1)) / rate_hz * np.stack([np.cos(way), np.sin(way)], axis=2)
    p = rng.uniform(-150, 150, (movers, 1, 2)) + np.cumsum(step, axis=1)
    return tracks_of(p, rate_hz, tags=False, seen=rng.random(movers * n) < 0.93)


def boxes(movers: int = 6, frames: int = 60) -> BoxTracks:
    """Boxes that go from left to right in an image, one below the other, under identities that stand nowhere else."""
    frame = np.tile(np.arange(1, frames + 1), movers)
    track = np.repeat(FIRST_TAG + np.arange(movers), frames)
    box = np.column_stack([10.0 * frame, 40.0 * (track - FIRST_TAG), np.full((len(frame), 2), (40.0, 90.0))])
    return BoxTracks(frame, track, box, np.ones(len(frame)), np.ones(len(frame), np.int64), frames)
