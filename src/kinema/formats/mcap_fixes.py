"""Satellite fixes of robots' logs: NavSatFix and its kind in JSON and protobuf, and the velocity sent beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import cov_e_from_n, geodetic_from_ecef
from kinema.core.recording import Issue, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.streams import Series
from kinema.core.time import gps_ns_from_unix_ns
from kinema.formats.base import ReadOptions, Source
from kinema.formats.trajectory import ecef_from_degrees, ecef_from_ned_vectors, in_order

_UNIX_NS = 8 * 10**17
STATUS = {-1: FixStatus.NONE, 0: FixStatus.SINGLE, 1: FixStatus.SBAS, 2: FixStatus.DIFFERENTIAL}
VELOCITY_NEAR_NS = 100_000_000


def gps_of(t_ns: I64) -> I64:
    """GPS times of stamps, which are POSIX times or count from some start."""
    return np.asarray(gps_ns_from_unix_ns(t_ns)) if len(t_ns) and np.median(t_ns) > _UNIX_NS else t_ns


def fixes_of(source: Source, options: ReadOptions, t_ns: I64, table: Mapping[str, F64]) -> Recording:
    """NavSatFix, and JSON or protobuf messages of its kind: status, place, covariance east, north, up."""
    n = len(t_ns)
    nan = np.full(n, np.nan)
    if "place" in table:
        lat, lon, h = table["place"].T
        cov, known, status = table["cov"], table["cov_type"][:, 0] > 0, table["status"][:, 0]
    else:
        lat, lon = table["latitude"], table["longitude"]
        h = table.get("altitude", np.zeros(n))
        names = [f"position_covariance_{k}" for k in range(9)]
        cov = np.stack([table.get(name, nan) for name in names], axis=1)
        known = table.get("position_covariance_type", np.ones(n)) > 0
        status = table.get("status_status", table.get("status", np.zeros(n)))
    good: Bool = np.asarray((np.abs(lat) <= 90) & (np.abs(lon) <= 360) & (np.abs(h) < 1e7))
    index, issues = in_order(source, gps_of(t_ns), options)
    lat, lon, h = (np.where(good, part, np.nan)[index] for part in (lat, lon, h))
    p_e_m = ecef_from_degrees(lat, lon, h)
    to_ned = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])
    cov_n = to_ned @ np.where(known[:, None], cov, np.nan)[index].reshape(-1, 3, 3) @ to_ned.T
    codes = np.clip(np.nan_to_num(status, nan=-1.0), -1, 2).astype(np.int64)[index]
    states = np.array([STATUS[k] for k in range(-1, 3)], np.uint8)[codes + 1]
    states = np.where(good[index], states, FixStatus.NONE).astype(np.uint8)
    p_e_m = np.where((states > 0)[:, None], p_e_m, np.nan)
    told = [Issue("no place", int((~good).sum()), "", source.name, "positions that cannot be")] if (~good).any() else []
    solution = Solution(
        gps_of(t_ns)[index], p_e_m, cov_e_from_n(cov_n, p_e_m), status=states,
        provenance=Provenance(sources=(source.name,), mode="NavSatFix"),
    )  # fmt: skip
    return Recording({"fixes": solution}, issues=(*issues, *told), sources=(source.name,))


def with_velocity(fixes: Solution, velocity: Series) -> Solution:
    """Fixes with the velocities that a receiver sent beside them, each the nearest one within a tenth of a second."""
    at = np.clip(np.searchsorted(velocity.t_ns, fixes.t_ns), 1, max(len(velocity.t_ns) - 1, 1))
    at = np.minimum(at, len(velocity.t_ns) - 1)
    before = np.maximum(at - 1, 0)
    nearer = np.abs(velocity.t_ns[before] - fixes.t_ns) < np.abs(velocity.t_ns[at] - fixes.t_ns)
    at = np.where(nearer, before, at)
    near = np.abs(velocity.t_ns[at] - fixes.t_ns) < VELOCITY_NEAR_NS
    v_n = velocity.value[at][:, [1, 0, 2]] * (1.0, 1.0, -1.0)
    lat, lon, _ = geodetic_from_ecef(fixes.p_e_m)
    v_e = ecef_from_ned_vectors(np.where(near[:, None], v_n, np.nan), np.degrees(lat), np.degrees(lon))
    return replace(fixes, v_e_mps=v_e)
