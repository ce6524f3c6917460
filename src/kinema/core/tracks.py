"""Many movers: what a detector saw (Detections), and who it was (BoxTracks); the same for points on the ground
(GroundDetections, GroundTracks); tags that were read at gates (TagReads)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, Bool, gate, gate_times
from kinema.core.course import Plane
from kinema.core.frames import c_ne, cov_e_from_n, ecef_from_geodetic
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.errors import DataError

_ABSENT: Any = None


@dataclass(frozen=True)
class Detections:
    """Boxes in the images of one camera, one row per detection, sorted by frame.

    frame (m,) image numbers from 1; box_px (m, 4) left, top, width, height; score (m,); label (m,) class number, −1
    where not said; tag (m,) bib or chip number that was read, −1 where none was.
    `appearance` (m, k) unit vectors, (m, 0) where the detector gives none. t_ns (m,) GPS time of each image, −1 where
    only its number is known. `camera` is its name, "" where there is but one.
    """

    frame: I64
    box_px: F64
    score: F64
    label: I64
    tag: I64
    appearance: F64
    n_frames: int
    frame_rate_hz: float = float("nan")
    image_size_px: tuple[int, int] = (0, 0)
    t_ns: I64 = _ABSENT
    camera: str = ""

    def __post_init__(self) -> None:
        put, m = object.__setattr__, len(self.frame)
        t_ns = np.full(m, -1) if self.t_ns is _ABSENT else self.t_ns
        put(self, "t_ns", gate("Detections.t_ns", t_ns, np.int64, (m,)))
        put(self, "frame", gate("Detections.frame", self.frame, np.int64, (m,)))
        put(self, "box_px", gate("Detections.box_px", self.box_px, np.float64, (m, 4), finite=True))
        put(self, "score", gate("Detections.score", self.score, np.float64, (m,)))
        put(self, "label", gate("Detections.label", self.label, np.int64, (m,)))
        put(self, "tag", gate("Detections.tag", self.tag, np.int64, (m,)))
        put(self, "appearance", gate("Detections.appearance", self.appearance, np.float64, (m, None)))
        if m and (self.frame[0] < 1 or np.any(np.diff(self.frame) < 0) or self.frame[-1] > self.n_frames):
            raise DataError("Detections.frame", f"sorted numbers from 1 to {self.n_frames}", "others")


@dataclass(frozen=True)
class BoxTracks:
    """Boxes with identities, in any order: frame (m,) from 1, track (m,) ≥ 0, box_px (m, 4) left, top, width, height,
    score (m,), 0 where nothing was detected, label (m,); var_px2 (m, 4) variances of centre x, y, width, height."""

    frame: I64
    track: I64
    box_px: F64
    score: F64
    label: I64
    n_frames: int
    var_px2: F64 = _ABSENT

    def __post_init__(self) -> None:
        put, m = object.__setattr__, len(self.frame)
        var_px2 = np.full((m, 4), np.nan) if self.var_px2 is _ABSENT else self.var_px2
        put(self, "var_px2", gate("BoxTracks.var_px2", var_px2, np.float64, (m, 4)))
        put(self, "frame", gate("BoxTracks.frame", self.frame, np.int64, (m,)))
        put(self, "track", gate("BoxTracks.track", self.track, np.int64, (m,)))
        put(self, "box_px", gate("BoxTracks.box_px", self.box_px, np.float64, (m, 4)))
        put(self, "score", gate("BoxTracks.score", self.score, np.float64, (m,)))
        put(self, "label", gate("BoxTracks.label", self.label, np.int64, (m,)))

    def refuse_twins(self, name: str) -> None:
        """Raise DataError where an identity stands twice in one frame."""
        order = np.lexsort((self.track, self.frame))
        frame, track = self.frame[order], self.track[order]
        twin = (np.diff(frame) == 0) & (np.diff(track) == 0)
        if twin.any():
            k = int(np.argmax(twin))
            raise DataError(name, "each identity once per frame", f"identity {track[k]} twice in frame {frame[k]}")


@dataclass(frozen=True)
class GroundSensor:
    """What saw points on the ground: a camera, radar or lidar with the convex area that it oversees, view_ne_m (k, 2)
    (k = 0: everything); or a reader of tags, which sees nobody else and whose silence means nothing."""

    name: str = ""
    view_ne_m: F64 = field(default_factory=lambda: np.empty((0, 2)))
    reads_tags: bool = False

    def __post_init__(self) -> None:
        view = gate("GroundSensor.view_ne_m", self.view_ne_m, np.float64, (None, 2), finite=True)
        object.__setattr__(self, "view_ne_m", view)


@dataclass(frozen=True)
class GroundDetections:
    """Points on `plane` at which something was seen, in order of time; rows of equal time and sensor are one scan.

    t_ns (m,) GPS; p_ne_m (m, 2) north and east; cov_ne_m2 (m, 2, 2) of the error that is new in each; common_ne_m2
    (m, 2, 2) of the error that all of a sensor share at a place (calibration); tag (m,) bib or chip number that was
    read, −1 where none was, called `tag_names` where they are no numbers; sensor (m,) indexes `sensors`.
    """

    t_ns: I64
    p_ne_m: F64
    cov_ne_m2: F64
    plane: Plane
    tag: I64 = _ABSENT
    simulated: bool = False
    common_ne_m2: F64 = _ABSENT
    sensor: I64 = _ABSENT
    sensors: tuple[GroundSensor, ...] = (GroundSensor(),)
    tag_names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("GroundDetections.t_ns", self.t_ns, strict=False))
        m = len(self.t_ns)
        common = np.zeros((m, 2, 2)) if self.common_ne_m2 is _ABSENT else self.common_ne_m2
        put(self, "common_ne_m2", gate("GroundDetections.common_ne_m2", common, np.float64, (m, 2, 2), finite=True))
        sensor = np.zeros(m, np.int64) if self.sensor is _ABSENT else self.sensor
        put(self, "sensor", gate("GroundDetections.sensor", sensor, np.int64, (m,)))
        if m and not (self.sensor.min() >= 0 and self.sensor.max() < len(self.sensors)):
            raise DataError("GroundDetections.sensor", f"0 to {len(self.sensors) - 1}", str(int(self.sensor.max())))
        put(self, "tag_names", MappingProxyType(dict(self.tag_names)))
        put(self, "p_ne_m", gate("GroundDetections.p_ne_m", self.p_ne_m, np.float64, (m, 2), finite=True))
        put(self, "cov_ne_m2", gate("GroundDetections.cov_ne_m2", self.cov_ne_m2, np.float64, (m, 2, 2), finite=True))
        c = self.cov_ne_m2
        bad = (c[:, 0, 0] <= 0) | (c[:, 0, 0] * c[:, 1, 1] - c[:, 0, 1] * c[:, 1, 0] <= 0)
        if bad.any():
            raise DataError(
                "GroundDetections.cov_ne_m2", "positive covariances", f"others at row {int(np.argmax(bad))}"
            )
        tag = np.full(m, -1) if self.tag is _ABSENT else self.tag
        put(self, "tag", gate("GroundDetections.tag", tag, np.int64, (m,)))


@dataclass(frozen=True)
class GroundTracks:
    """Movers on `plane`, sorted by track and time: t_ns (m,), track (m,), p_ne_m (m, 2), cov_ne_m2 (m, 2, 2),
    v_ne_mps (m, 2), cov_v_ne (m, 2, 2) in m²/s², seen (m,) whether a detection stands behind the row, tag (m,) the
    mover's tag as far as it is known, else −1, called `tag_names` where tags are no numbers."""

    t_ns: I64
    track: I64
    p_ne_m: F64
    cov_ne_m2: F64
    v_ne_mps: F64
    cov_v_ne: F64
    seen: Bool
    tag: I64
    plane: Plane
    simulated: bool = False
    tag_names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        put, m = object.__setattr__, len(self.t_ns)
        put(self, "tag_names", MappingProxyType(dict(self.tag_names)))
        for name, dtype, shape in (
            ("t_ns", np.int64, (m,)), ("track", np.int64, (m,)), ("p_ne_m", np.float64, (m, 2)),
            ("cov_ne_m2", np.float64, (m, 2, 2)), ("v_ne_mps", np.float64, (m, 2)),
            ("cov_v_ne", np.float64, (m, 2, 2)), ("seen", np.bool_, (m,)), ("tag", np.int64, (m,)),
        ):  # fmt: skip
            put(self, name, gate(f"GroundTracks.{name}", getattr(self, name), dtype, shape))
        step, same = np.diff(self.t_ns), np.diff(self.track) == 0
        if (np.diff(self.track) < 0).any() or (step[same] <= 0).any():
            raise DataError("GroundTracks", "rows sorted by track and time", "others")

    def names(self) -> dict[int, str]:
        """What each track is called: the last tag read on it, else "track N"; of several with one tag the longest has
        its name alone, the others their number behind it."""
        if not len(self.track):
            return {}
        last = np.append(np.flatnonzero(np.diff(self.track)), len(self.track) - 1)
        length = np.diff(last, prepend=-1)
        names, taken = {}, set()
        for k in last[np.argsort(-length, kind="stable")]:
            track, tag = int(self.track[k]), int(self.tag[k])
            name = self.tag_names.get(tag, str(tag)) if tag >= 0 else f"track {track}"
            names[track] = f"{name} (track {track})" if name in taken else name
            taken.add(name)
        return dict(sorted(names.items()))

    def to_solutions(self, height_sigma_m: float = 0.5) -> dict[str, Solution]:
        """Each mover's trajectory by its name, as laps, zones and reports understand it; positions are laid at the
        plane's height, which stands for the ground's within `height_sigma_m`."""
        names, found = self.names(), {}
        starts = np.flatnonzero(np.diff(self.track, prepend=-1))
        for rows in np.split(np.arange(len(self.t_ns)), starts[1:]) if len(starts) else ():
            name = names[int(self.track[rows[0]])]
            found[name] = self._solution(rows, height_sigma_m)
        return found

    def _solution(self, rows: I64, height_sigma_m: float) -> Solution:
        lat, lon = self.plane.geodetic_from_ne(self.p_ne_m[rows])
        p_e_m = ecef_from_geodetic(lat, lon, np.full(len(rows), self.plane.h_m))
        cov = np.zeros((len(rows), 3, 3))
        cov[:, :2, :2], cov[:, 2, 2] = self.cov_ne_m2[rows], height_sigma_m**2
        cov_v = np.zeros((len(rows), 3, 3))
        cov_v[:, :2, :2], cov_v[:, 2, 2] = self.cov_v_ne[rows], 0.1**2
        v_n = np.column_stack((self.v_ne_mps[rows], np.zeros(len(rows))))
        status = np.where(self.seen[rows], FixStatus.DIFFERENTIAL, FixStatus.DEAD_RECKONED)
        return Solution(
            self.t_ns[rows],
            p_e_m,
            cov_e_from_n(cov, p_e_m),
            np.einsum("kji,kj->ki", c_ne(lat, lon), v_n),
            cov_e_from_n(cov_v, p_e_m),
            status=status,
            provenance=Provenance(method="tracking", simulated=self.simulated, point="body"),
        )


@dataclass(frozen=True)
class TagReads:
    """Tags that were read somewhere, in order of time: t_ns (m,) GPS; tag (m,) ≥ 0, called `tag_names` where they are
    no numbers; place (m,) indexes `places` (gates of a course or of a site plan); sigma_s (m,) of the times."""

    t_ns: I64
    tag: I64
    place: I64
    places: tuple[str, ...]
    sigma_s: F64
    tag_names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("TagReads.t_ns", self.t_ns, strict=False))
        m = len(self.t_ns)
        put(self, "tag", gate("TagReads.tag", self.tag, np.int64, (m,)))
        put(self, "place", gate("TagReads.place", self.place, np.int64, (m,)))
        put(self, "sigma_s", gate("TagReads.sigma_s", self.sigma_s, np.float64, (m,), finite=True))
        put(self, "tag_names", MappingProxyType(dict(self.tag_names)))
        if m and (self.place.min() < 0 or self.place.max() >= len(self.places)):
            raise DataError("TagReads.place", f"0 to {len(self.places) - 1}", str(int(self.place.max())))
