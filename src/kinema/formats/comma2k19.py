"""comma2k19 segments: folders of NumPy arrays `t` and `value` per sensor, of a phone in a car and the car's own bus.

The arrays have no ending; any of them, or the segment's folder, stands for the whole segment. Times are the phone's
seconds since its start; the receiver's UTC says which GPS time that is, as late as its messages arrive: the offset is
left to be estimated.
"""

from __future__ import annotations

import tokenize
from dataclasses import replace
from pathlib import Path

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne
from kinema.core.recording import UNKNOWN_MOUNT, Issue, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.streams import Imu, Series
from kinema.core.time import NS, gps_ns_from_unix_ns, gps_ns_from_week
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.trajectory import ecef_from_degrees, in_order, sound_places

MOST, MOST_S = 4e12, 1e9
"""No value is larger: the largest are POSIX milliseconds; and no time of the phone's clock."""
_DAMAGE = (ValueError, EOFError, OSError, SyntaxError, TypeError, KeyError, OverflowError, tokenize.TokenError)
"""What NumPy raises on damaged files."""
MARKS = ("IMU", "CAN", "GNSS")
_ARRAYS = ("t", "value", "frame_gps_times", "frame_positions", "frame_times", "frame_velocities", "frame_orientations")
PHONE_BIAS_SIGMA_RADPS = 6e-4
"""What the phone's own calibration of its gyro leaves."""
_SPEED_SIGMA_MPS, _DOWN_SIGMA_MPS = 0.12, 0.5
"""Speed times bearing is as rough as speed itself, both fresh at each epoch: 0.07 and 0.09 m/s were found."""


def segment_of(path: Path) -> Path | None:
    """The folder of the segment that a path is or lies in, or None."""
    for folder in (path, *path.parents[:4]):
        for inner in (folder, folder / "processed_log"):
            if (inner / "IMU" / "accelerometer").is_dir():
                return inner
    return None


def representative(folder: Path) -> Path | None:
    """A file that stands for the segment in `folder`, or None where it is not one."""
    inner = segment_of(folder)
    return None if inner is None else inner / "IMU" / "accelerometer" / "t"


def segments_in(folder: Path) -> list[Path]:
    """Files that stand for the segments in a folder of such: a route's, or the routes' of a drive."""
    found: list[Path] = []
    for depth in ("*", "*/*"):
        for inner in ("", "processed_log/"):
            found += [one.parents[1] for one in folder.glob(f"{depth}/{inner}IMU/accelerometer/t")]
    names = sorted(set(found), key=lambda path: [part.rjust(9, "0") for part in path.relative_to(folder).parts])
    return [path / "accelerometer" / "t" for path in names]


def _sniff(head: bytes, name: str) -> float:
    return 0.9 if head.startswith(b"\x93NUMPY") and name in _ARRAYS else 0.0


def _array(path: Path, width: int) -> F64:
    """An array of at least `width` columns (0: a single one, without a second dimension). Raises FormatError."""
    try:
        # A map of the file: what a damaged header states is held against the file's size before memory is taken.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGE as error:
        raise FormatError(path, f"no NumPy array ({error})", remedy="copy the segment again") from None
    fits = (array.ndim == 1 and width < 2) or (array.ndim == 2 and 0 < width <= array.shape[1])
    if array.dtype.kind not in "fiu" or not fits:
        what, expected = f"array of {array.dtype}, shape {array.shape}", f"expected rows of {width or 1} numbers"
        raise FormatError(path, what, remedy=expected)
    return np.array(array, dtype=np.float64)


def _load(folder: Path, options: ReadOptions, issues: list[Issue], **widths: int) -> list[F64] | None:
    """The arrays of a sensor, by name and width, cut to a common length; None where one is missing.

    Rows with a value that cannot be raise FormatError, or are left out and counted under `on_bad="skip"`.
    """
    if not all((folder / name).is_file() for name in widths):
        return None
    out = [_array(folder / name, width) for name, width in widths.items()]
    n = min(len(array) for array in out)
    out = [array[:n] for array in out]
    good = np.ones(n, dtype=np.bool_)
    for array in out:
        most = MOST_S if array.ndim == 1 else MOST
        good &= (np.abs(array[:, None] if array.ndim == 1 else array) < most).all(axis=1)
    if good.all():
        return out
    where = f"row {int(np.argmin(good)) + 1}"
    if options.on_bad == "raise":
        raise FormatError(folder, "a value that cannot be", where, "read with --on-bad skip to leave it out")
    issues.append(Issue("impossible value", int((~good).sum()), where, folder.name))
    return [array[good] for array in out]


def read(source: Source, options: ReadOptions) -> Recording:
    """The whole segment: "imu", "wheels", "steering", "fixes", and "truth" of the optimised poses."""
    inner = segment_of(source.path)
    if inner is None:
        raise FormatError(source.path, "a NumPy array outside a comma2k19 segment (no IMU/accelerometer beside it)")
    issues: list[Issue] = []
    live = _load(inner / "GNSS" / "live_gnss_ublox", options, issues, t=0, value=6)
    if live is None or not len(live[0]):
        live = _load(inner / "GNSS" / "live_gnss_qcom", options, issues, t=0, value=6)
        if live is not None and len(live[0]):
            issues.append(Issue("other receiver", 1, "", inner.name, "no u-blox fixes; those of the phone"))
    epoch_ns = _epoch(live)
    streams: dict[str, object] = {}
    imu = _imu(inner, source, epoch_ns, options, issues)
    if imu is not None:
        streams["imu"] = imu
    fixes = _fixes(live, source, options, issues)
    if fixes is not None:
        streams["fixes"] = fixes
    wheels = _wheels(inner, source, epoch_ns, options, issues)
    if wheels is not None:
        streams["wheels"] = wheels
    steering = _load(inner / "CAN" / "steering_angle", options, issues, t=0, value=1)
    if steering is not None and len(steering[0]):
        value = np.radians(steering[1].reshape(len(steering[0]), -1)[:, 0])
        streams["steering"] = Series(*_ordered(_times(steering[0], epoch_ns), value, source, options, issues), "rad")
    # poses that could not be found are nothing to stop at
    truth = _truth(inner, replace(options, on_bad="skip"), issues)
    if truth is not None:
        streams["truth"] = truth
    return Recording(
        streams, mounts={"imu": UNKNOWN_MOUNT}, issues=tuple(issues), sources=(str(inner.name),),
        name=inner.resolve().name, settings={"inertial": {"gyro_bias_sigma": PHONE_BIAS_SIGMA_RADPS}},
    )  # fmt: skip


def _wheels(inner: Path, source: Source, epoch_ns: int, options: ReadOptions, issues: list[Issue]) -> Series | None:
    """The four wheels' speeds, or the car's own speed where they are missing."""
    for name, width, columns in (
        ("wheel_speed", 4, ("front_left", "front_right", "rear_left", "rear_right")), ("speed", 1, ("wheel",)),
    ):  # fmt: skip
        found = _load(inner / "CAN" / name, options, issues, t=0, value=width)
        if found is not None and len(found[0]):
            value = found[1].reshape(len(found[0]), -1)[:, :width]
            t_ns, speed = _ordered(_times(found[0], epoch_ns), value, source, options, issues)
            return Series(t_ns, speed, "m/s", columns)
    return None


def _times(t_s: F64, epoch_ns: int) -> I64:
    return epoch_ns + np.round(t_s * NS).astype(np.int64)


def _epoch(live: list[F64] | None) -> int:
    """GPS time of the phone's start, as well as the fastest message of the receiver tells it."""
    if live is None or not len(live[0]):
        return 0
    gps_ns = np.asarray(gps_ns_from_unix_ns(np.round(live[1][:, 3] * 1e6).astype(np.int64)))
    return int((gps_ns - np.round(live[0] * NS).astype(np.int64)).max())


def _ordered(t_ns: I64, value: F64, source: Source, options: ReadOptions, issues: list[Issue]) -> tuple[I64, F64]:
    index, odd = in_order(source, t_ns, options)
    issues += odd
    return t_ns[index], value[index]


def _imu(inner: Path, source: Source, epoch_ns: int, options: ReadOptions, issues: list[Issue]) -> Imu | None:
    """Specific force with the rate interpolated to its times; the phone's own bias is taken out as it stood first."""
    force = _load(inner / "IMU" / "accelerometer", options, issues, t=0, value=3)
    rate = _load(inner / "IMU" / "gyro_uncalibrated", options, issues, t=0, value=3)
    bias = _load(inner / "IMU" / "gyro_bias", options, issues, value=3)
    if rate is None or bias is None or not len(bias[0]):
        rate, bias = _load(inner / "IMU" / "gyro", options, issues, t=0, value=3), [np.zeros((1, 3))]
    if force is None or rate is None or len(force[0]) < 2 or not len(rate[0]):
        return None
    t_ns, f = _ordered(_times(force[0], epoch_ns), force[1][:, :3], source, options, issues)
    order = np.argsort(rate[0], kind="stable")
    t = (t_ns - epoch_ns) * 1e-9
    own = rate[1][order, :3] - bias[0][0, :3]
    w = np.stack([np.interp(t, rate[0][order], column) for column in own.T], axis=1)
    return Imu(t_ns, f, w)


def _fixes(live: list[F64] | None, source: Source, options: ReadOptions, issues: list[Issue]) -> Solution | None:
    """The u-blox receiver's: place, speed and bearing; sigmas are not stated, those of velocity are typical ones."""
    if live is None or not len(live[0]):
        return None
    t_ns = np.asarray(gps_ns_from_unix_ns(np.round(live[1][:, 3] * 1e6).astype(np.int64)))
    t_ns, v = _ordered(t_ns, live[1], source, options, issues)
    good, strange = sound_places(source, options, v[:, 0], v[:, 1])
    issues += strange
    t_ns, v = t_ns[good], v[good]
    lat, lon, speed, _, h, bearing = v[:, :6].T
    c_en = np.swapaxes(c_ne(np.radians(lat), np.radians(lon)), -1, -2)
    course = np.radians(bearing)
    v_n = np.stack([speed * np.cos(course), speed * np.sin(course), np.zeros_like(speed)], axis=1)
    cov_n = np.diag([_SPEED_SIGMA_MPS**2, _SPEED_SIGMA_MPS**2, _DOWN_SIGMA_MPS**2])
    return Solution(
        t_ns, ecef_from_degrees(lat, lon, h), v_e_mps=np.einsum("nij,nj->ni", c_en, v_n),
        cov_v_e=c_en @ cov_n @ np.swapaxes(c_en, -1, -2), status=np.full(len(t_ns), FixStatus.SINGLE, np.uint8),
        provenance=Provenance(sources=(source.name,)),
    )  # fmt: skip


def _truth(inner: Path, options: ReadOptions, issues: list[Issue]) -> Solution | None:
    """The published poses of the camera."""
    places = (inner / "global_pose", inner.parent / "global_pose", inner.parent / "global_pos")
    folder = next((f for f in places if f.is_dir()), None)
    widths = {"frame_gps_times": 2, "frame_positions": 3, "frame_velocities": 3}
    pose = _load(folder, options, issues, **widths) if folder else None
    if folder is None or not pose or not len(pose[0]):
        return None
    if not ((pose[0][:, 0] < 10_000) & (np.abs(pose[0][:, 1]) < 1e6)).all():
        raise FormatError(folder, "a GPS week or time of week that cannot be", remedy="copy the segment again")
    t_ns = np.array([gps_ns_from_week(int(week), float(tow)) for week, tow in pose[0][:, :2]], dtype=np.int64)
    keep = np.concatenate([[True], t_ns[1:] > np.maximum.accumulate(t_ns)[:-1]])
    n = int(keep.sum())
    return Solution(
        t_ns[keep], pose[1][keep, :3], v_e_mps=pose[2][keep, :3], status=np.full(n, FixStatus.FIXED, np.uint8),
        provenance=Provenance(point="camera"),
    )  # fmt: skip


FORMAT = Format("comma2k19", "comma2k19 segment (NumPy arrays)", (), _sniff, read)
