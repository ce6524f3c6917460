"""iCub state-estimation recordings (MATLAB 7.3): joint angles, base IMU, foot forces, and the motion capture's truth.

The robot's URDF is looked for beside the file. Layout of ami-iit/paper_ramadoss_2021; joint names are kept as MATLAB
strings in its opaque part and decoded from there. World and base axes: x, y on the floor, z up.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import WGS84_A_M
from kinema.core.recording import Mount, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.streams import Imu, Series
from kinema.core.time import gps_ns_from_unix_ns
from kinema.errors import ConfigError, FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.trajectory import in_order

_SHAPES = {
    "estimatorJointsTime": 1, "imuAcc": 3, "imuOmega": 3, "lfForceZ": 1, "rfForceZ": 1,
}  # fmt: skip

MOST = 1e12
"""No time in seconds, angle or force is larger."""
MOST_VALUES = 200_000_000
"""Of one data set: a day of 32 joints at 70 Hz."""
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, IndexError, TypeError, AttributeError, OverflowError)
"""What h5py raises on damaged files."""


def _sniff(head: bytes, name: str) -> float:
    if head.startswith(b"MATLAB 7.3 MAT-file"):
        return 0.7
    return 0.0


def joint_names(words: Any) -> list[str]:
    """Names of a MATLAB string array as kept in #subsystem#/MCOS: count, lengths, then UTF-16 text in 64-bit words."""
    words = np.asarray(words, dtype=np.uint64).ravel()
    rank = int(words[1])
    count = int(np.prod(words[2 : 2 + min(rank, 8)].astype(np.float64)))
    if count > 1000:
        raise ValueError(f"{count} names")
    lengths = np.minimum(words[2 + rank : 2 + rank + count], 1000).astype(np.int64)
    text = words[2 + rank + count :].tobytes().decode("utf-16-le")
    ends = np.cumsum(lengths)
    return [text[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]


def read(source: Source, options: ReadOptions) -> Recording:
    """Read "imu", "joints" (rad), "foot_forces" (N: left, right) and "truth". Raises FormatError, ConfigError."""
    try:
        import h5py
    except ImportError:
        raise ConfigError("reading MATLAB 7.3 files needs h5py: pip install 'kinema[robots]'") from None
    try:
        with h5py.File(io.BytesIO(bytes(source.data)), "r") as file:
            missing = [name for name in (*_SHAPES, "estimatorJointsPos") if name not in file]
            columns = {} if missing else {name: _table(file, name) for name in (*_SHAPES, "estimatorJointsPos")}
            names = [] if missing else _names(file)
            truth = {name: _table(file, name) for name in ("linkBasePos", "linkBaseRot") if name in file}
    except _DAMAGE as error:
        raise FormatError(source.path, f"not an HDF5 file that can be read ({error})", "", "copy it again") from None
    if missing:
        raise FormatError(source.path, f"no '{missing[0]}' in it: not an iCub recording")
    if not names:
        raise FormatError(source.path, "the names of its joints cannot be found")
    n = columns["estimatorJointsTime"].size
    for name, rows in (*_SHAPES.items(), ("estimatorJointsPos", len(names)), *((name, 3) for name in truth)):
        values = truth[name] if name in truth else columns[name]
        if values.shape != (rows, n) or not (np.abs(values) < MOST).all():
            raise FormatError(source.path, f"'{name}' is not {rows} × {n} numbers that can be")
    unix_ns = np.round(columns["estimatorJointsTime"][0] * 1e6).astype(np.int64) * 1000
    t_ns = np.asarray(gps_ns_from_unix_ns(unix_ns))
    index, issues = in_order(source, t_ns, options)
    t_ns = t_ns[index]
    streams: dict[str, object] = {
        "imu": Imu(t_ns, columns["imuAcc"].T[index], columns["imuOmega"].T[index]),
        "joints": Series(t_ns, columns["estimatorJointsPos"].T[index], "rad", tuple(names)),
        "foot_forces": Series(
            t_ns, np.column_stack([columns["lfForceZ"][0], columns["rfForceZ"][0]])[index], "N", ("left", "right")
        ),
    }
    if len(truth) == 2:
        streams["truth"] = base_solution(t_ns, truth["linkBasePos"].T[index], truth["linkBaseRot"].T[index])
    return Recording(
        streams, mounts={"imu": Mount(None, None, 0.0)}, issues=issues, sources=(source.name,),
        name=source.path.stem, settings=_settings(source.path),
    )  # fmt: skip


def _table(file: Any, name: str) -> F64:
    """A data set as float64. Raises ValueError where its stated size is beyond MOST_VALUES."""
    found = file[name]
    if int(np.prod(found.shape, dtype=np.float64)) > MOST_VALUES:
        raise ValueError(f"'{name}' states {found.shape} values")
    return np.asarray(found[()], dtype=np.float64)


def _names(file: Any) -> list[str]:
    """The joints' names; none where they cannot be found."""
    for reference in file["#subsystem#/MCOS"][()].ravel()[:1000]:
        found = file[reference]
        if found.dtype == np.uint64 and 20 < found.size < 100_000:
            return joint_names(found[()])
    return []


def _settings(path: Path) -> dict[str, Any]:
    robots = sorted(path.parent.glob("*.urdf"))
    return {"legged": {"urdf": str(robots[0])}} if len(robots) == 1 else {}


def base_solution(t_ns: I64, p_m: F64, rpy_rad: F64) -> Solution:
    """Poses of a base in a local plane, x east, y north, z up; attitude of its forward-right-down axes."""
    sr, cr = np.sin(rpy_rad[:, 0] / 2), np.cos(rpy_rad[:, 0] / 2)
    sp, cp = np.sin(-rpy_rad[:, 1] / 2), np.cos(-rpy_rad[:, 1] / 2)
    yaw = np.pi / 2 - rpy_rad[:, 2]
    sy, cy = np.sin(yaw / 2), np.cos(yaw / 2)
    q = np.column_stack(
        [
            cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy,
        ]
    )  # fmt: skip
    return Solution(
        t_ns, np.column_stack([WGS84_A_M + p_m[:, 2], p_m[:, 0], p_m[:, 1]]), q_nb_wxyz=q,
        status=np.full(len(t_ns), FixStatus.FIXED, np.uint8), provenance=Provenance(datum="local", point="base"),
    )  # fmt: skip


FORMAT = Format("icub_mat", "iCub joints, IMU and foot forces (MATLAB 7.3)", (".mat",), _sniff, read)
