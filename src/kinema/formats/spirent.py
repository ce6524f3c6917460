"""Truth of a Spirent simulator: CSV with week, time of week, ECEF position and velocity, and attitude."""

from __future__ import annotations

import re

import numpy as np

from kinema.core.arrays import F64
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.time import WEEK_NS
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.tables import nanoseconds, read_numbers
from kinema.formats.trajectory import in_order

CYCLE_WEEKS = 1024
NEEDED = ("gpsweek", "gpstow", "posecefx", "posecefy", "posecefz")
OPTIONAL = ("gpscycle", "velecefx", "velecefy", "velecefz", "roll", "pitch", "yaw")


def _columns(head: bytes) -> list[str]:
    line = head.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    return [re.sub(r"\[.*?\]|[\s_]", "", cell).lower() for cell in line.split(",")]


def _sniff(head: bytes, name: str) -> float:
    return 0.97 if set(NEEDED) <= set(_columns(head)) else 0.0


def quaternion_nb(rpy_rad: F64) -> F64:
    """Quaternions (n, 4) body to NED from roll, pitch, yaw (n, 3), turned about z, y, x in that order."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy_rad / 2).T, np.sin(rpy_rad / 2).T
    return np.stack(
        [
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ],
        axis=1,
    )


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into the stream "truth": simulated, exact, without uncertainty. Raises FormatError."""
    names = _columns(bytes(source.data[:4096]))
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise FormatError(source.path, f"no column {missing[0]}", "line 1", "expected a Spirent position file")
    start = bytes(source.data[:65_536]).find(b"\n") + 1
    table = read_numbers(source, options, need=len(names), columns=len(names), start=start, separators=b",")

    def column(name: str) -> F64:
        if name not in names:
            return np.full(len(table.values), np.nan)
        return table.values[:, names.index(name)]

    week = column("gpsweek") + CYCLE_WEEKS * np.nan_to_num(column("gpscycle"))
    t_ns = nanoseconds(source, week, WEEK_NS) + nanoseconds(source, column("gpstow"))
    index, issues = in_order(source, t_ns, options)
    p_e_m, v_e_mps = (np.stack([column(f"{what}ecef{axis}") for axis in "xyz"], axis=1) for what in ("pos", "vel"))
    rpy = np.radians(np.stack([column(name) for name in ("roll", "pitch", "yaw")], axis=1))
    solution = Solution(
        t_ns[index], p_e_m[index], v_e_mps=v_e_mps[index], q_nb_wxyz=quaternion_nb(rpy[index]),
        status=np.full(len(index), FixStatus.FIXED, np.uint8),
        provenance=Provenance(sources=(source.name,), program="Spirent simulator", simulated=True),
    )  # fmt: skip
    return Recording(
        {"truth": solution}, issues=(*table.issues, *issues), sources=(source.name,), simulated=True
    )  # fmt: skip


FORMAT = Format("spirent", "Spirent simulator truth", (), _sniff, read)
