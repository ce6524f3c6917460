"""What several sensors saw, on one plane and in one order: cameras and radars, and readers of tags at gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from kinema.core.arrays import F64
from kinema.core.course import Plane
from kinema.core.tracks import GroundDetections, GroundSensor, TagReads
from kinema.errors import DataError

PLACE_SIGMA_M = 0.3
"""How well the place of a gate, and of the tag on the mover, is known along the way."""


def of_reads(reads: TagReads, gates: Mapping[str, F64], plane: Plane, speed_mps: float = 8.0) -> GroundDetections:
    """Reads of tags as detections in the middle of their gates, whose ends (2, 2) `gates` has by the name of the place:
    as uncertain across as the gate is wide, and along as far as a mover gets within the uncertainty of the time.

    Raises DataError for a place without a gate.
    """
    missing = [name for name in reads.places if name not in gates]
    if missing:
        have = ", ".join(sorted(gates)) or "none"
        raise DataError(f"place '{missing[0]}' of a tag read", "a gate of the course or of the site", f"gates {have}")
    m = len(reads.t_ns)
    ends = np.array([gates[name] for name in reads.places]).reshape(-1, 2, 2)[reads.place]
    across = ends[:, 1] - ends[:, 0]
    length = np.maximum(np.hypot(across[:, 0], across[:, 1]), 0.1)
    unit = across / length[:, None]
    ahead = np.column_stack((-unit[:, 1], unit[:, 0]))
    along_var = PLACE_SIGMA_M**2 + (speed_mps * reads.sigma_s) ** 2
    cov = (length**2 / 12)[:, None, None] * unit[:, :, None] * unit[:, None, :]
    cov = cov + along_var[:, None, None] * ahead[:, :, None] * ahead[:, None, :]
    return GroundDetections(
        reads.t_ns, ends.mean(axis=1), cov, plane, reads.tag, sensor=reads.place,
        sensors=tuple(GroundSensor(f"tags at {name}", reads_tags=True) for name in reads.places) or (GroundSensor(),),
        tag_names=reads.tag_names if m else {},
    )  # fmt: skip


def on_plane(detections: GroundDetections, plane: Plane) -> GroundDetections:
    """The same points north and east of another plane's origin (some kilometres away at most)."""
    if detections.plane == plane:
        return detections

    def moved(p_ne_m: F64) -> F64:
        return plane.ne_from_geodetic(*detections.plane.geodetic_from_ne(p_ne_m)) if len(p_ne_m) else p_ne_m

    sensors = tuple(replace(one, view_ne_m=moved(one.view_ne_m)) for one in detections.sensors)
    return replace(detections, p_ne_m=moved(detections.p_ne_m), plane=plane, sensors=sensors)


def together(parts: Sequence[GroundDetections]) -> GroundDetections:
    """All detections in order of time on the plane of the first part; sensors of one name are one, names of tags are
    kept apart from numbers. Raises DataError for none."""
    if not parts:
        raise DataError("detections", "at least one sensor's", "none")
    parts = _one_naming([on_plane(part, parts[0].plane) for part in parts])
    sensors: dict[str, GroundSensor] = {}
    for part in parts:
        for one in part.sensors:
            sensors.setdefault(one.name, one)
    names = list(sensors)
    which = [np.array([names.index(one.name) for one in part.sensors], np.int64)[part.sensor] for part in parts]
    t_ns = np.concatenate([part.t_ns for part in parts])
    order = np.argsort(t_ns, kind="stable")

    def joined(name: str) -> np.ndarray:
        return np.asarray(np.concatenate([getattr(part, name) for part in parts])[order])

    return GroundDetections(
        t_ns[order], joined("p_ne_m"), joined("cov_ne_m2"), parts[0].plane, joined("tag"),
        any(part.simulated for part in parts), joined("common_ne_m2"), np.concatenate(which)[order],
        tuple(sensors.values()), parts[0].tag_names,
    )  # fmt: skip


def _one_naming(parts: Sequence[GroundDetections]) -> list[GroundDetections]:
    """The parts with one list of tags' names between them, where any has names."""
    if not any(part.tag_names for part in parts):
        return list(parts)
    called = [
        [part.tag_names.get(int(k), str(k)) if k >= 0 else "" for k in part.tag] for part in parts
    ]  # fmt: skip
    known = {name: k for k, name in enumerate(sorted({name for each in called for name in each if name}))}
    back = {k: name for name, k in known.items()}
    return [
        replace(part, tag=np.array([known.get(name, -1) for name in each], np.int64), tag_names=back)
        for part, each in zip(parts, called, strict=True)
    ]
