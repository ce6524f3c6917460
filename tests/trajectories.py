"""Trajectories for tests of readers and writers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kinema.core.frames import ecef_from_geodetic
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Residuals, Solution
from kinema.core.time import gps_ns_from_week
from kinema.formats.base import Format, ReadOptions, Source


def source(content: str | bytes, name: str = "made.txt") -> Source:
    """Content as an opened file."""
    return Source(Path(name), memoryview(content.encode() if isinstance(content, str) else content))


def parsed(fmt: Format, content: str | bytes, on_bad: str = "raise", name: str = "made.txt") -> Recording:
    """What a format reads from some content."""
    assert fmt.read is not None
    return fmt.read(source(content, name), ReadOptions(on_bad=on_bad))  # type: ignore[arg-type]


def file_source(path: Path) -> Source:
    """A plain file as a source."""
    return Source(path, memoryview(path.read_bytes()))


def solution(n: int = 20, seed: int = 1, *, simulated: bool = False, step_ns: int = 100_000_000) -> Solution:
    """A wandering trajectory with everything that a solution can hold."""
    rng = np.random.default_rng(seed)
    lat = np.radians(-33.5) + np.cumsum(rng.normal(0, 1e-7, n))
    lon = np.radians(-70.1) + np.cumsum(rng.normal(0, 1e-7, n))
    root = rng.normal(0, 1, (n, 3, 3))
    cov = root @ np.swapaxes(root, 1, 2) + np.eye(3) * 0.01
    cov = (cov + np.swapaxes(cov, 1, 2)) / 2
    q = rng.normal(0, 1, (n, 4))
    return Solution(
        gps_ns_from_week(2234, 172_800.0) + step_ns * np.arange(n),
        ecef_from_geodetic(lat, lon, 500 + rng.normal(0, 5, n)),
        cov, rng.normal(0, 10, (n, 3)), cov * 0.01, q / np.linalg.norm(q, axis=1, keepdims=True), cov * 1e-4,
        status=rng.choice([s for s in FixStatus if s != FixStatus.NONE], n).astype(np.uint8),
        n_sats=rng.integers(4, 40, n).astype(np.int16),
        channels={"age_s": Channel(np.round(rng.uniform(0, 5, n), 2), "s"), "ratio": Channel(np.full(n, 3.0), "1")},
        provenance=Provenance(sources=("rover.obs",), program="Kinema test", mode="rtk", simulated=simulated),
    )  # fmt: skip


def residuals(n_epochs: int) -> Residuals:
    """One residual for each epoch."""
    flat = np.linspace(0, 1, n_epochs)
    return Residuals(
        np.arange(n_epochs), np.full(n_epochs, 5), np.zeros(n_epochs), np.zeros(n_epochs), flat, flat + 1,
        np.zeros(n_epochs), flat, flat, 40 + flat, signals=("1C",),
    )  # fmt: skip
