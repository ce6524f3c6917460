"""A site in one TOML: where cameras and radars stand and how they see the ground, and the gates at which tags are read.

[site]                         # origin of north and east; else the first camera's or radar's place
lat_deg = 48.0
lon_deg = 11.0
h_m = 520.0
simulated = false              # whether what the sensors saw is simulated

[[camera]]
name = "north"                 # as in the file's column `camera`, or the file's name without ending
size_px = [1920, 1080]
rate_hz = 25.0                 # optional, where the file does not say it
start_utc = "2026-06-01T10:00:00Z"     # of frame 1, optional
time_offset_s = 0.0            # added to its times
marks_deg = [[u, v, lat, lon], …]      # at least 4 marks on the ground; or marks_ne_m = [[u, v, north, east], …]
sigma_px = 1.0                 # of the marks, and at best of a box's foot
sigma_mark_m = 0.02
noise_share = 0.03             # of a box's size, by which its foot is off
# or, without marks:
place_deg = [lat, lon]         # or place_ne_m = [north, east]
height_m = 12.0
heading_deg = 90.0
tilt_deg = 25.0                # below the horizontal
roll_deg = 0.0
sigma_place_m = 0.1
sigma_angle_deg = 0.1
# the lens (always needed with a pose; with marks only where it bends):
focal_px = 1400.0              # or [fx, fy]
centre_px = [960.0, 540.0]     # the middle of the image
brown = [k1, k2, p1, p2, k3]   # or fisheye = [k1, k2, k3, k4]

[[radar]]                      # or lidar: whatever tells range and bearing, or x and y, about itself
name = "mast"
place_deg = [lat, lon]         # or place_ne_m
heading_deg = 45.0             # of bearing 0

[[gate]]
name = "200 m"
left_deg = [lat, lon]
right_deg = [lat, lon]
"""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.core.course import Gate, Plane
from kinema.core.time import gps_ns_from_datetime
from kinema.core.tracks import GroundDetections
from kinema.errors import ConfigError, DataError
from kinema.sensors.calibration import from_marks, from_pose
from kinema.sensors.camera import Camera
from kinema.sensors.lens import Lens

_KEYS = {
    "site": {"lat_deg", "lon_deg", "h_m", "simulated"},
    "camera": {
        "name", "size_px", "rate_hz", "start_utc", "time_offset_s", "marks_deg", "marks_ne_m", "sigma_px",
        "sigma_mark_m", "noise_share", "place_deg", "place_ne_m", "height_m", "heading_deg", "tilt_deg", "roll_deg",
        "sigma_place_m", "sigma_angle_deg", "focal_px", "centre_px", "brown", "fisheye",
    },
    "radar": {"name", "place_deg", "place_ne_m", "heading_deg", "time_offset_s"},
    "gate": {"name", "left_deg", "right_deg"},
}  # fmt: skip


@dataclass(frozen=True)
class Radar:
    """Where something stands that tells places about itself, and where its bearing 0 looks."""

    name: str
    place_ne_m: tuple[float, float]
    heading_rad: float
    time_offset_s: float = 0.0


@dataclass(frozen=True)
class Site:
    """Cameras, radars and gates by name, on `plane` (None: nothing has a place)."""

    plane: Plane | None = None
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    radars: Mapping[str, Radar] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)
    simulated: bool = False
    """Whether what its sensors saw is simulated."""

    def placed(self, seen: GroundDetections) -> GroundDetections:
        """Detections about a radar as points of the site; others as they are. Raises DataError for an unknown radar."""
        local = seen.plane.lat_rad == 0 and seen.plane.lon_rad == 0
        if not self.radars or not local or self.plane is None:
            return seen
        p, cov, t_ns = seen.p_ne_m.copy(), seen.cov_ne_m2.copy(), seen.t_ns.copy()
        for k, sensor in enumerate(seen.sensors):
            radar = self.radars.get(sensor.name)
            if radar is None and len(self.radars) == len(seen.sensors) == 1:
                radar = next(iter(self.radars.values()))
            if radar is None:
                raise DataError(f"radar '{sensor.name}'", f"one of {', '.join(self.radars)}", "none of that name")
            c, s = math.cos(radar.heading_rad), math.sin(radar.heading_rad)
            turn, mine = np.array([[c, -s], [s, c]]), seen.sensor == k
            p[mine] = p[mine] @ turn.T + np.array(radar.place_ne_m)
            cov[mine] = turn @ cov[mine] @ turn.T
            t_ns[mine] += round(radar.time_offset_s * 1e9)
        order = np.argsort(t_ns, kind="stable")
        return replace(
            seen, t_ns=t_ns[order], p_ne_m=p[order], cov_ne_m2=cov[order], common_ne_m2=seen.common_ne_m2[order],
            tag=seen.tag[order], sensor=seen.sensor[order], plane=self.plane,
        )  # fmt: skip


def read_site(path: Path) -> Site:
    """The site of a TOML file. Raises ConfigError, with the file, the camera and what is wrong with it."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())[:200]}") from None
    for name, entries in table.items():
        if name not in _KEYS:
            raise ConfigError(f"{path}: unknown section '{name}'; known are {', '.join(_KEYS)}")
        for entry in [entries] if name == "site" else entries if isinstance(entries, list) else [None]:
            if not isinstance(entry, dict):
                raise ConfigError(f"{path}: write [[{name}]] for each {name}")
            if unknown := set(entry) - _KEYS[name]:
                raise ConfigError(
                    f"{path}: [{name}] has no '{min(unknown)}'; it knows {', '.join(sorted(_KEYS[name]))}"
                )
    plane = _plane(path, table)
    cameras: dict[str, Camera] = {}
    for k, entry in enumerate(table.get("camera", [])):
        one = _Entry(path, f"camera '{entry.get('name', k + 1)}'", entry, plane)
        cameras[str(entry.get("name", ""))] = one.camera()
    radars = {}
    for k, entry in enumerate(table.get("radar", [])):
        one = _Entry(path, f"radar '{entry.get('name', k + 1)}'", entry, plane)
        heading = math.radians(one.number("heading_deg", 0.0))
        radars[str(entry.get("name", ""))] = Radar(
            str(entry.get("name", "")), one.place(), heading, one.number("time_offset_s", 0.0)
        )
    gates = {}
    for k, entry in enumerate(table.get("gate", [])):
        one = _Entry(path, f"gate '{entry.get('name', k + 1)}'", entry, plane)
        left, right = ((math.radians(a), math.radians(b)) for a, b in (one.row("left_deg", 2), one.row("right_deg", 2)))
        gates[str(entry.get("name", ""))] = Gate(str(entry.get("name", "")), left, right, "sector")
    return Site(plane, cameras, radars, gates, table.get("site", {}).get("simulated") is True)


def _plane(path: Path, table: Mapping[str, Any]) -> Plane | None:
    """The site's origin, else the first place in degrees; else a plane without a place."""
    site = table.get("site")
    if site is not None:
        one = _Entry(path, "site", site, None)
        lat, lon = one.number("lat_deg"), one.number("lon_deg")
        if not (abs(lat) <= 90 and abs(lon) <= 360):
            raise ConfigError(f"{path}: site: latitude and longitude in degrees, not {lat:g}, {lon:g}")
        return Plane(math.radians(lat), math.radians(lon), one.number("h_m", 0.0))
    for entry in (*table.get("camera", ()), *table.get("radar", ()), *table.get("gate", ())):
        for key in ("place_deg", "marks_deg", "left_deg"):
            if key in entry:
                one = _Entry(path, key, entry, None)
                row = one.rows(key, 4)[0, 2:] if key == "marks_deg" else np.array(one.row(key, 2))
                return Plane(*np.radians(row).tolist())
    return Plane(0.0, 0.0) if table.get("camera") or table.get("radar") else None


@dataclass(frozen=True)
class _Entry:
    """One camera, radar or gate of the file: its numbers, checked."""

    path: Path
    title: str
    entry: Mapping[str, Any]
    plane: Plane | None

    def fail(self, what: str) -> ConfigError:
        return ConfigError(f"{self.path}: {self.title}: {what}")

    def number(self, key: str, otherwise: float | None = None) -> float:
        value = self.entry.get(key, otherwise)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.fail(f"{key} must be a number, not {value!r}" if value is not None else f"{key} is missing")
        return float(value)

    def row(self, key: str, n: int) -> tuple[float, ...]:
        value = self.entry.get(key)
        good = isinstance(value, list) and len(value) == n and all(isinstance(v, int | float) for v in value)
        if not good or not np.isfinite(value or []).all():
            raise self.fail(f"{key} must be {n} numbers, not {value!r}")
        return tuple(float(v) for v in value or ())

    def rows(self, key: str, n: int) -> F64:
        value = self.entry.get(key)
        try:
            found = np.array(value, dtype=np.float64)
        except (TypeError, ValueError):
            found = np.empty(0)
        if found.ndim != 2 or found.shape[1] != n or not np.isfinite(found).all():
            raise self.fail(f"{key} must be rows of {n} numbers")
        return found

    def place(self) -> tuple[float, float]:
        """North and east of the entry's own place."""
        if "place_ne_m" in self.entry:
            north, east = self.row("place_ne_m", 2)
            return north, east
        assert self.plane is not None
        lat, lon = np.radians(self.row("place_deg", 2))
        north, east = self.plane.ne_from_geodetic(np.array([lat]), np.array([lon]))[0].tolist()
        return north, east

    def camera(self) -> Camera:
        assert self.plane is not None
        if not self.entry.get("name"):
            raise self.fail("name is missing")
        width, height = self.row("size_px", 2)
        if not (1 <= width <= 1e5 and 1 <= height <= 1e5):
            raise self.fail(f"size_px must be the image's width and height, not {width:g}, {height:g}")
        lens = self._lens(width, height)
        sigma_px, share = self.number("sigma_px", 1.0), self.number("noise_share", 0.03)
        if not (sigma_px > 0 and 0 <= share < 1):
            raise self.fail("sigma_px above 0 and noise_share from 0 to 1")
        try:
            h, changes = self._homography(lens, sigma_px)
        except (DataError, np.linalg.LinAlgError) as error:
            raise self.fail(str(error)) from None
        start_ns = 0
        if "start_utc" in self.entry:
            start_ns = _instant(self, self.entry["start_utc"])
        rate = self.number("rate_hz", 0.0)
        return Camera(
            str(self.entry["name"]), (int(width), int(height)), self.plane, h, changes, lens, share, sigma_px,
            rate if rate > 0 else float("nan"), start_ns, self.number("time_offset_s", 0.0),
        )  # fmt: skip

    def _lens(self, width: float, height: float) -> Lens:
        if "focal_px" not in self.entry:
            if "brown" in self.entry or "fisheye" in self.entry:
                raise self.fail("distortion needs focal_px")
            return Lens()
        one = isinstance(self.entry["focal_px"], int | float)
        fx, fy = (self.number("focal_px"),) * 2 if one else self.row("focal_px", 2)
        cx, cy = self.row("centre_px", 2) if "centre_px" in self.entry else (width / 2, height / 2)
        kind = "brown" if "brown" in self.entry else "fisheye" if "fisheye" in self.entry else "none"
        k = self.entry.get(kind, [])
        try:
            return Lens((fx, fy), (cx, cy), kind, tuple(float(v) for v in k))  # type: ignore[arg-type]
        except (DataError, TypeError, ValueError) as error:
            raise self.fail(str(error)) from None

    def _homography(self, lens: Lens, sigma_px: float) -> tuple[F64, F64]:
        if "marks_deg" in self.entry or "marks_ne_m" in self.entry:
            assert self.plane is not None
            if "marks_deg" in self.entry:
                rows = self.rows("marks_deg", 4)
                ne = self.plane.ne_from_geodetic(*np.radians(rows[:, 2:]).T)
            else:
                rows = self.rows("marks_ne_m", 4)
                ne = rows[:, 2:]
            ideal, _, ok = lens.ideal(rows[:, :2])
            if not ok.all():
                raise self.fail("a mark lies where the lens model has no image")
            h, changes, rms = from_marks(ideal, ne, sigma_px, self.number("sigma_mark_m", 0.02))
            if rms > max(20.0, 20 * sigma_px):
                raise self.fail(f"the marks fit to {rms:.0f} pixels only; is one of them wrong?")
            return h, changes
        if lens.focal_px == (1.0, 1.0):
            raise self.fail("neither marks_deg (or marks_ne_m) nor focal_px with a pose")
        angles = [math.radians(self.number(key, 0.0)) for key in ("heading_deg", "tilt_deg", "roll_deg")]
        return from_pose(
            lens.focal_px, lens.centre_px, self.place(), self.number("height_m"), angles[0], angles[1], angles[2],
            sigma_m=self.number("sigma_place_m", 0.1), sigma_rad=math.radians(self.number("sigma_angle_deg", 0.1)),
        )  # fmt: skip


def _instant(entry: _Entry, value: Any) -> int:
    try:
        when = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    except ValueError:
        raise entry.fail(f"start_utc '{value}' is not ISO 8601 (2026-06-01T10:00:00Z)") from None
    return gps_ns_from_datetime(when if when.tzinfo else when.replace(tzinfo=dt.UTC))
