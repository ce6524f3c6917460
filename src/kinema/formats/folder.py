"""A folder as a recording: `kinema.toml` says which file is what, or the names and contents do.

    name = "morning drive"
    [files]                       # relative to the folder; a name or a list of names; all are optional
    rover = "rover.obs.gz"
    base = "base.obs.gz"
    nav = ["brdc.rnx", "orbits.sp3", "clocks.clk"]
    imu = "imu.csv"               # or any other role: odometry, wheels, fixes, …
    truth = "truth.csv"
    [base]
    position_e_m = [-3959400.631, 3385704.533, 3667523.111]     # or position_deg_m = [latitude, longitude, height]
    [mounts.imu]                  # by role: each value, or "estimate", which is also what is left out
    lever_arm_b_m = [0.0, 0.0, -1.2]    # from the body's origin: forward, right, down
    rpy_deg = [180.0, 0.0, 0.0]         # sensor to body; or where its x, y, z point:
    axes = "forward-left-up"
    time_offset_s = 0.0                 # added to its time tags
    lever_arm_sigma_m = 0.02            # and how sure each is: rpy_sigma_deg, time_offset_sigma_s too
    [mounts.wheels]
    lever_arm_b_m = [-1.3, 0.0, 0.3]    # the middle of the rear axle
    [units]                       # of columns that do not name theirs
    force = "g"
    rate = "deg/s"
    wheels = "km/h"
    [columns]                     # names that nobody knows, and what they mean
    lin_x = "ax_mps2"
    [wheels]                      # of counters and turning wheels; or "estimate"
    metres_per_tick = 0.0213
    radius_m = 0.31
    scale = 1.02                  # by which speeds are multiplied, and scale_sigma
    [anchors]                     # places of UWB anchors that the file does not say, x, y, z in metres
    7 = [12.5, 3.0, 2.0]
    [truth]                       # what the truth describes: for scoring
    lever_arm_b_m = [0.0, 0.0, 0.0]
    time_offset_s = 0.0
    datum = "WGS84"
    [solve]                       # options of `kinema solve`

Without it every readable file counts: "base" in a file's name makes it the base's; "truth", "reference" or "_gt" makes
it the truth.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kinema.core.recording import Mount
from kinema.errors import ConfigError
from kinema.formats.comma2k19 import representative, segments_in
from kinema.formats.kitti_oxts import oxts_in
from kinema.formats.yolo_labels import labels_in

NAME = "kinema.toml"
_SECTIONS = {"name", "files", "base", "mounts", "truth", "solve", "units", "wheels", "anchors", "legged", "columns"}
_SIGMA_KEYS = ("lever_arm_sigma_m", "rpy_sigma_deg", "time_offset_sigma_s")
_MOUNT_KEYS = {"lever_arm_b_m", "rpy_deg", "axes", "time_offset_s", *_SIGMA_KEYS}
_PLAIN = {
    "units": {"force", "rate", "wheels"}, "wheels": {"metres_per_tick", "radius_m", "scale", "scale_sigma"},
    "legged": {"urdf"},
}  # fmt: skip
ESTIMATE = "estimate"
_POINTS = {"forward": (0, 1), "back": (0, -1), "backward": (0, -1), "right": (1, 1), "left": (1, -1),
           "down": (2, 1), "up": (2, -1)}  # fmt: skip
_STREAM_OF_ROLE = {"rover": "gnss"}


@dataclass(frozen=True)
class Part:
    """A file, the role it was given ("" where its content decides), and whether it may be left out if unknown."""

    path: Path
    role: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Folder:
    """What kinema.toml says."""

    parts: tuple[Part, ...]
    name: str = ""
    mounts: Mapping[str, Mount] = field(default_factory=lambda: MappingProxyType({}))
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def folder_of(path: Path) -> Folder:
    """The parts of a path: a file, or a folder with or without kinema.toml. Raises ConfigError, FileNotFoundError."""
    if path.is_dir():
        toml = path / NAME
        return _from_toml(toml) if toml.exists() else Folder(tuple(_scanned(path)), path.resolve().name)
    if path.name == NAME:
        return _from_toml(path)
    if not path.exists():
        raise FileNotFoundError(2, "no such file", str(path))
    return Folder((Part(path),))


def _scanned(folder: Path) -> list[Part]:
    segment = representative(folder) or labels_in(folder) or oxts_in(folder)
    if segment is not None:
        return [Part(segment)]
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".") and p.stat().st_size)
    if not files and (segments := segments_in(folder)):
        return [Part(one) for one in segments]
    if not files:
        below = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        hint = f"; give one of the folders in it: {', '.join(below[:6])}" if below else ""
        raise ConfigError(f"{folder}: no files in it{hint}")
    return [Part(path, _role_by_name(path.name.lower()), optional=True) for path in files]


def _role_by_name(name: str) -> str:
    if any(word in name for word in ("truth", "reference", "_gt.")):
        return "truth"
    return "base" if "base" in name else ""


def _from_toml(toml: Path) -> Folder:
    try:
        table = tomllib.loads(toml.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{toml}: {error}") from None
    unknown = set(table) - _SECTIONS
    if unknown:
        raise ConfigError(f"{toml}: unknown section '{min(unknown)}'; known are {', '.join(sorted(_SECTIONS))}")
    parts = []
    for role, names in _table(toml, table, "files").items():
        several = [names] if isinstance(names, str) else names
        if not isinstance(several, list) or not all(isinstance(name, str) for name in several):
            raise ConfigError(f"{toml}: files.{role} must be a name or a list of names")
        for name in several:
            path = toml.parent / name
            if not path.is_file():
                raise ConfigError(f"{toml}: files.{role}: there is no file {path}")
            parts.append(Part(path, "" if role == "nav" else _STREAM_OF_ROLE.get(role, role)))
    if not parts:
        parts = _scanned(toml.parent)
        parts = [part for part in parts if part.path.name != NAME]
    mounts = {role: _mount(toml, role, entry) for role, entry in _table(toml, table, "mounts").items()}
    settings: dict[str, Any] = {
        name: dict(_table(toml, table, name)) for name in ("base", "truth", "solve") if name in table
    }
    if "base" in settings:
        settings["base"] = _base(toml, settings["base"])
    settings |= _sensor_settings(toml, table)
    return Folder(tuple(parts), str(table.get("name", toml.parent.resolve().name)), mounts, settings)


def _table(toml: Path, table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = table.get(name, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{toml}: '{name}' must be a section [{name}]")
    return value


def _vector(toml: Path, name: str, value: Any) -> tuple[float, float, float]:
    if not (isinstance(value, list) and len(value) == 3 and all(isinstance(v, int | float) for v in value)):
        raise ConfigError(f"{toml}: {name} must be three numbers, not {value!r}")
    return (float(value[0]), float(value[1]), float(value[2]))


def _sensor_settings(toml: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """[units], [wheels], [anchors] and [legged], checked."""
    settings: dict[str, Any] = {}
    for name, keys in _PLAIN.items():
        entry = dict(_table(toml, table, name))
        if unknown := set(entry) - keys:
            raise ConfigError(f"{toml}: [{name}] knows {', '.join(sorted(keys))}, not '{min(unknown)}'")
        if entry:
            settings[name] = entry
    for key, value in settings.get("wheels", {}).items():
        if value != ESTIMATE and not (isinstance(value, int | float) and 0 < value < 10):
            what = "a number above 0" if key.startswith("scale") else "metres above 0"
            raise ConfigError(f'{toml}: wheels.{key} must be {what}, or "{ESTIMATE}", not {value!r}')
    for key, value in settings.get("units", {}).items():
        if not isinstance(value, str):
            raise ConfigError(f"{toml}: units.{key} must be a unit's name, not {value!r}")
    if "urdf" in settings.get("legged", {}):
        path = toml.parent / str(settings["legged"]["urdf"])
        if not path.is_file():
            raise ConfigError(f"{toml}: legged.urdf: there is no file {path}")
        settings["legged"] = {"urdf": str(path)}
    if "columns" in table:
        columns = dict(_table(toml, table, "columns"))
        wrong = [name for name, value in columns.items() if not isinstance(value, str)]
        if wrong:
            raise ConfigError(f'{toml}: columns.{wrong[0]} must be a name that is known, such as "ax_mps2"')
        settings["columns"] = columns
    if "anchors" in table:
        anchors = _table(toml, table, "anchors")
        settings["anchors"] = {name: _place(toml, name, value) for name, value in anchors.items()}
    return settings


def _place(toml: Path, name: str, value: Any) -> tuple[float, float, float]:
    flat = isinstance(value, list) and len(value) == 2
    return _vector(toml, f"anchors.{name}", [*value, 0.0] if flat else value)


def _mount(toml: Path, role: str, entry: Any) -> Mount:
    if not isinstance(entry, Mapping) or set(entry) - _MOUNT_KEYS:
        raise ConfigError(f"{toml}: mounts.{role} knows {', '.join(sorted(_MOUNT_KEYS))}")
    said = {key: value for key, value in entry.items() if value != ESTIMATE}
    arm, rpy, axes = said.get("lever_arm_b_m"), said.get("rpy_deg"), said.get("axes")
    offset = said.get("time_offset_s", 0.0 if "time_offset_s" not in entry else None)
    if offset is not None and not (isinstance(offset, int | float) and math.isfinite(offset)):
        raise ConfigError(f'{toml}: mounts.{role}.time_offset_s must be seconds, or "{ESTIMATE}"')
    if rpy is not None and axes is not None:
        raise ConfigError(f"{toml}: mounts.{role} has both rpy_deg and axes; give one of them")
    sigmas = [_sigma(toml, role, key, said.get(key)) for key in _SIGMA_KEYS]
    turned = None
    if axes is not None:
        turned = _rpy_of_axes(toml, role, axes)
    elif rpy is not None:
        roll, pitch, yaw = _vector(toml, f"mounts.{role}.rpy_deg", rpy)
        turned = (math.radians(roll), math.radians(pitch), math.radians(yaw))
    return Mount(
        p_b_m=_vector(toml, f"mounts.{role}.lever_arm_b_m", arm) if arm is not None else None,
        rpy_bs_rad=turned,
        time_offset_s=None if offset is None else float(offset),
        p_sigma_m=sigmas[0], rpy_sigma_rad=None if sigmas[1] is None else math.radians(sigmas[1]),
        time_sigma_s=sigmas[2],
    )  # fmt: skip


def _sigma(toml: Path, role: str, key: str, value: Any) -> float | None:
    if value is not None and not (isinstance(value, int | float) and 0 <= value < 1e3):
        raise ConfigError(f"{toml}: mounts.{role}.{key} must be a number, 0 or above, not {value!r}")
    return None if value is None else float(value)


def _rpy_of_axes(toml: Path, role: str, axes: Any) -> tuple[float, float, float]:
    """Roll, pitch, yaw of a sensor whose x, y, z point "forward-left-up" and the like on the body."""
    words = str(axes).lower().split("-")
    what = f"{toml}: mounts.{role}.axes = {axes!r}"
    if len(words) != 3 or any(word not in _POINTS for word in words):
        raise ConfigError(f"{what}: say where x, y and z point: forward, back, right, left, up, down with - between")
    c = [[0, 0, 0], [0, 0, 0], [0, 0, 0]]
    for k, word in enumerate(words):
        row, sign = _POINTS[word]
        c[row][k] = sign
    det = (
        c[0][0] * (c[1][1] * c[2][2] - c[1][2] * c[2][1])
        - c[0][1] * (c[1][0] * c[2][2] - c[1][2] * c[2][0])
        + c[0][2] * (c[1][0] * c[2][1] - c[1][1] * c[2][0])
    )
    if det != 1:
        raise ConfigError(f"{what}: no right-handed axes point so; is one of the words turned round?")
    if abs(c[2][0]) == 1:
        return math.atan2(-c[1][2], c[1][1]), -math.asin(c[2][0]), 0.0
    return math.atan2(c[2][1], c[2][2]), -math.asin(c[2][0]), math.atan2(c[1][0], c[0][0])


def _base(toml: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """The base's settings with its position as position_e_m."""
    if "position_deg_m" in entry:
        from kinema.core.frames import ecef_from_geodetic

        lat, lon, h = _vector(toml, "base.position_deg_m", entry.pop("position_deg_m"))
        entry["position_e_m"] = ecef_from_geodetic(math.radians(lat), math.radians(lon), h).tolist()  # type: ignore[arg-type]
    if "position_e_m" in entry:
        entry["position_e_m"] = _vector(toml, "base.position_e_m", entry["position_e_m"])
    return entry
