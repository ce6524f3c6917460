"""The receiver's own fixes out of u-blox NAV-PVT, made finer by NAV-HPPOSLLH and NAV-COV where they are logged."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.frames import c_ne, cov_e_from_n
from kinema.core.recording import Issue
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.core.time import DAY_NS, WEEK_NS, gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.tables import calendar_days
from kinema.formats.trajectory import ecef_from_degrees, in_order
from kinema.formats.ubx_frames import COV, HPPOSLLH, PVT, Frames

_PVT = np.dtype([
    ("tow_ms", "<u4"), ("year", "<u2"), ("month", "u1"), ("day", "u1"), ("hour", "u1"), ("minute", "u1"),
    ("second", "u1"), ("valid", "u1"), ("t_acc", "<u4"), ("nano", "<i4"), ("fix", "u1"), ("flags", "u1"),
    ("flags2", "u1"), ("n_sats", "u1"), ("lon", "<i4"), ("lat", "<i4"), ("h_mm", "<i4"), ("msl_mm", "<i4"),
    ("h_acc_mm", "<u4"), ("v_acc_mm", "<u4"), ("v_n_mmps", "<i4"), ("v_e_mmps", "<i4"), ("v_d_mmps", "<i4"),
    ("speed", "<i4"), ("course", "<i4"), ("s_acc_mmps", "<u4"), ("c_acc", "<u4"), ("pdop", "<u2"),
])  # fmt: skip
_HP = np.dtype([
    ("version", "u1"), ("r", "V2"), ("flags", "u1"), ("tow_ms", "<u4"), ("lon", "<i4"), ("lat", "<i4"), ("h_mm", "<i4"),
    ("msl_mm", "<i4"), ("lon_hp", "i1"), ("lat_hp", "i1"), ("h_hp", "i1"), ("msl_hp", "i1"),
    ("h_acc", "<u4"), ("v_acc", "<u4"),
])  # fmt: skip
_COV = np.dtype([
    ("tow_ms", "<u4"), ("version", "u1"), ("p_valid", "u1"), ("v_valid", "u1"), ("r", "V9"),
    ("p", "<f4", 6), ("v", "<f4", 6),
])  # fmt: skip
DATE_VALID, TIME_VALID = 1, 2
FIX_OK, DIFFERENTIAL = 1, 2


def times_of_pvt(frames: Frames, at: I64) -> tuple[I64, Bool]:
    """GPS times of the NAV-PVT frames `at` (n,), and whether their date is valid."""
    pvt = frames.records(at, _PVT)
    days = calendar_days(*(pvt[name].astype(np.float64) for name in ("year", "month", "day")))
    dated = ((pvt["valid"] & (DATE_VALID | TIME_VALID)) == 3) & (days > 0) & (pvt["tow_ms"] < 604_800_000)
    # The date tells the week, the time of week all below it: no rounding of the UTC second is involved.
    safe = np.where(dated, days, 0)
    about = gps_ns_from_unix_ns(safe * DAY_NS + pvt["hour"] * np.int64(3_600_000_000_000))
    tow_ns = pvt["tow_ms"].astype(np.int64) * 1_000_000
    return tow_ns + (about - tow_ns + WEEK_NS // 2) // WEEK_NS * WEEK_NS, np.asarray(dated)


def fixes_of(source: Source, frames: Frames, options: ReadOptions) -> tuple[Solution, list[Issue]]:
    """The fixes of all NAV-PVT frames whose date is valid. Raises FormatError where none is."""
    at = frames.of(PVT, 92)
    t_ns, dated = times_of_pvt(frames, at)
    issues = []
    if not dated.all():
        issues.append(Issue("NAV-PVT without a valid date", int((~dated).sum()), "", source.name))
    if not dated.any():
        raise FormatError(source.path, "no NAV-PVT with a valid date", "", "the receiver never knew the time")
    pvt, t_ns = frames.records(at[dated], _PVT), t_ns[dated]
    index, odd = in_order(source, t_ns, options)
    pvt, t_ns = pvt[index], t_ns[index]
    lat, lon, h, sd = _places(pvt, _same_time(frames, HPPOSLLH, 36, _HP, pvt["tow_ms"]))
    status = _status(pvt)
    p_e_m = np.where((status > 0)[:, None], ecef_from_degrees(lat, lon, h), np.nan)
    cov_n, cov_v_n = _covariances(pvt, sd, _same_time(frames, COV, 64, _COV, pvt["tow_ms"]))
    v_n = np.stack([pvt[name] * 1e-3 for name in ("v_n_mmps", "v_e_mmps", "v_d_mmps")], axis=1)
    v_e = np.einsum("nji,nj->ni", c_ne(np.radians(lat), np.radians(lon)), v_n)
    some = (status > 0)[:, None]
    solution = Solution(
        t_ns, p_e_m, cov_e_from_n(cov_n, p_e_m), np.where(some, v_e, np.nan), cov_e_from_n(cov_v_n, p_e_m),
        status=status, n_sats=pvt["n_sats"].astype(np.int16),
        channels={"pdop": Channel(pvt["pdop"] * 0.01, "1", "PDOP")},
        provenance=Provenance(sources=(source.name,), program="u-blox receiver", mode="NAV-PVT"),
    )  # fmt: skip
    return solution, [*issues, *odd]


def _same_time(frames: Frames, kind: int, size: int, layout: Any, tow_ms: Any) -> tuple[I64, Any]:
    """Records of another message and, for each fix, which of them has its time of week (−1: none)."""
    records = frames.records(frames.of(kind, size), layout)
    last = {int(tow): k for k, tow in enumerate(records["tow_ms"].tolist())}
    return np.array([last.get(int(tow), -1) for tow in tow_ms.tolist()], np.int64), records


def _places(pvt: Any, finer: tuple[I64, Any]) -> tuple[F64, F64, F64, F64]:
    """Latitude, longitude (°), height (m) and sigmas (n, 2: each horizontal axis, vertical; m)."""
    lat, lon, h = pvt["lat"] * 1e-7, pvt["lon"] * 1e-7, pvt["h_mm"] * 1e-3
    sd = np.stack([pvt["h_acc_mm"] * 1e-3, pvt["v_acc_mm"] * 1e-3], axis=1)
    which, hp = finer
    if len(hp):
        k = np.flatnonzero((which >= 0) & ((hp["flags"][which] & 1) == 0))
        hp = hp[which[k]]
        lat[k], lon[k] = hp["lat"] * 1e-7 + hp["lat_hp"] * 1e-9, hp["lon"] * 1e-7 + hp["lon_hp"] * 1e-9
        h[k] = hp["h_mm"] * 1e-3 + hp["h_hp"] * 1e-4
        sd[k] = np.stack([hp["h_acc"] * 1e-4, hp["v_acc"] * 1e-4], axis=1)
    # The horizontal accuracy is that of the radius: each of two axes has its share.
    return lat, lon, h, sd / (np.sqrt(2), 1)


def _covariances(pvt: Any, sd: F64, given: tuple[I64, Any]) -> tuple[F64, F64]:
    n = len(pvt)
    cov, cov_v = np.zeros((n, 3, 3)), np.zeros((n, 3, 3))
    cov[:, [0, 1, 2], [0, 1, 2]] = sd[:, [0, 0, 1]] ** 2
    cov_v[:, [0, 1, 2], [0, 1, 2]] = ((pvt["s_acc_mmps"] * 1e-3) ** 2 / 3)[:, None]
    which, records = given
    if len(records):
        upper = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
        for target, name, valid in ((cov, "p", "p_valid"), (cov_v, "v", "v_valid")):
            k = np.flatnonzero((which >= 0) & (records[valid][which] == 1))
            target[k] = records[name][which[k]].astype(np.float64)[:, upper]
    return cov, cov_v


def _status(pvt: Any) -> U8:
    carrier = pvt["flags"] >> 6
    ok = (pvt["flags"] & FIX_OK) != 0
    gnss = (pvt["fix"] >= 2) & (pvt["fix"] <= 4)
    choices = [
        (~ok, FixStatus.NONE), (pvt["fix"] == 1, FixStatus.DEAD_RECKONED), (~gnss, FixStatus.NONE),
        (carrier == 2, FixStatus.FIXED), (carrier == 1, FixStatus.FLOAT),
        ((pvt["flags"] & DIFFERENTIAL) != 0, FixStatus.DIFFERENTIAL),
    ]  # fmt: skip
    statuses = [np.uint8(status) for _, status in choices]
    return np.asarray(np.select([c for c, _ in choices], statuses, np.uint8(FixStatus.SINGLE)), np.uint8)
