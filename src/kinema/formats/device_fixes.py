"""A device's trajectory out of the columns of its log; impossible and repeated rows are left out and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, cov_e_from_n, ecef_from_geodetic
from kinema.core.recording import Issue
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.core.time import iso_gps
from kinema.errors import FormatError
from kinema.formats.base import Source
from kinema.formats.column_names import Column

GPS_SIGMA_M = 1.5
"""Horizontal standard uncertainty per axis of a consumer receiver that states none, at HDOP 1."""

FASTEST_MPS = 150.0

_MOST = {"h_m": ("height", 1e8), "heading_deg": ("heading", 4e5), "sigma_m": ("accuracy", 1e7), "hdop": ("HDOP", 1e6)}


@dataclass(frozen=True)
class FixColumns:
    """Columns of positions (n,), all of one length; what is None the file does not state. Angles in degrees."""

    t_ns: I64
    lat_deg: F64
    lon_deg: F64
    h_m: F64 | None = None
    speed_mps: F64 | None = None
    heading_deg: F64 | None = None
    sigma_m: F64 | None = None
    hdop: F64 | None = None
    n_sats: F64 | None = None

    @classmethod
    def of_roles(cls, t_ns: I64, by_role: Mapping[str, Column]) -> FixColumns:
        """The columns of a logger's table by what they mean (column_names.role_of); "lat" and "lon" must be there."""

        def si(role: str) -> F64 | None:
            return by_role[role].si()[0] if role in by_role else None

        heading = by_role["heading"].values if "heading" in by_role else None
        lat, lon = by_role["lat"].values, by_role["lon"].values
        return cls(t_ns, lat, lon, si("height"), si("speed"), heading, si("accuracy"), si("hdop"), si("satellites"))


def fixes_of(source: Source, fix: FixColumns, drop_repeats: bool = True) -> tuple[Solution, tuple[Issue, ...]]:
    """The device's trajectory from sparse columns: rows without a position left out, impossible and repeated ones
    left out and counted, in order of time. Horizontal uncertainty from `sigma_m`, else GPS_SIGMA_M × HDOP, else
    GPS_SIGMA_M; vertical twice that."""
    has = ~np.isnan(fix.lat_deg) & ~np.isnan(fix.lon_deg)
    if not has.any():
        raise FormatError(source.path, "no position in it", "", "was the GPS on?")
    fix, issues = _possible(source, fix)
    null = has & (fix.lat_deg == 0) & (fix.lon_deg == 0)
    wrong = has & ~null & ((np.abs(fix.lat_deg) > 90) | (np.abs(fix.lon_deg) > 360))
    good = has & ~null & ~wrong
    for kind, mask in (("no fix yet (0, 0)", null), ("impossible position", wrong)):
        if mask.any():
            issues.append(Issue(kind, int(mask.sum()), f"row {int(np.argmax(mask)) + 1}", source.name))
    if not good.any():
        raise FormatError(source.path, "no position on Earth in it", "", "are latitude and longitude in degrees?")
    if fix.speed_mps is not None:
        mad = good & (np.abs(fix.speed_mps) > FASTEST_MPS)
        if mad.any():
            issues.append(Issue("impossible speed", int(mad.sum()), f"row {int(np.argmax(mad)) + 1}", source.name))
            fix = FixColumns(**{**fix.__dict__, "speed_mps": np.where(mad, np.nan, fix.speed_mps)})
    index = np.flatnonzero(good)
    if drop_repeats:
        index, repeated = _without_repeats(fix, index)
        if repeated:
            issues.append(Issue("repeated position", repeated, "", source.name, "the receiver had no newer one"))
    index, odd = _in_time(source, fix.t_ns, index)
    return _solution(source, fix, index), (*issues, *odd)


def _possible(source: Source, fix: FixColumns) -> tuple[FixColumns, list[Issue]]:
    """Columns without values that nothing can be: a height beyond every orbit, an angle of a thousand turns."""
    issues, kept = [], dict(fix.__dict__)
    for name, (what, most) in _MOST.items():
        values = kept[name]
        if values is None:
            continue
        odd = np.abs(values) > most
        if odd.any():
            where = f"row {int(np.argmax(odd)) + 1}"
            issues.append(Issue(f"impossible {what}", int(odd.sum()), where, source.name))
            kept[name] = np.where(odd, np.nan, values)
    return FixColumns(**kept), issues


def _without_repeats(fix: FixColumns, index: I64) -> tuple[I64, int]:
    """Rows that only repeat the position before them although the mover moves."""
    same = np.zeros(len(index), dtype=np.bool_)
    same[1:] = (np.diff(fix.lat_deg[index]) == 0) & (np.diff(fix.lon_deg[index]) == 0)
    if fix.speed_mps is not None:
        same &= np.nan_to_num(fix.speed_mps[index]) > 2.0
    else:
        same[:] = False
    return index[~same], int(same.sum())


def _in_time(source: Source, t_ns: I64, index: I64) -> tuple[I64, list[Issue]]:
    """Rows in increasing time; rows that step back or repeat a time are left out and counted (loggers write them)."""
    t = t_ns[index]
    behind = np.zeros(len(t), dtype=np.bool_)
    behind[1:] = t[1:] <= np.maximum.accumulate(t)[:-1]
    if not behind.any():
        return index, []
    if behind.mean() > 0.5:
        raise FormatError(source.path, "times that do not increase", "", "is its time column the right one?")
    where = f"GPS {iso_gps(int(t[np.argmax(behind)]))}"
    return index[~behind], [Issue("time steps back or repeats", int(behind.sum()), where, source.name)]


def _solution(source: Source, fix: FixColumns, index: I64) -> Solution:
    pick: dict[str, Any] = {k: None if v is None else np.asarray(v)[index] for k, v in fix.__dict__.items()}
    lat, lon = np.radians(pick["lat_deg"]), np.radians(pick["lon_deg"])
    h = np.zeros(len(index)) if pick["h_m"] is None else np.nan_to_num(_filled(pick["h_m"]))
    p_e = ecef_from_geodetic(lat, lon, h)
    sigma = np.full(len(index), GPS_SIGMA_M)
    if pick["hdop"] is not None:
        sigma = GPS_SIGMA_M * np.clip(np.nan_to_num(pick["hdop"], nan=1.0), 0.5, 50.0)
    if pick["sigma_m"] is not None:
        sigma = np.where(pick["sigma_m"] > 0, pick["sigma_m"], sigma)
    cov_n = np.zeros((len(index), 3, 3))
    cov_n[:, 0, 0] = cov_n[:, 1, 1] = sigma**2
    cov_n[:, 2, 2] = (2 * sigma) ** 2
    v_e: Any = None
    channels = {}
    if pick["speed_mps"] is not None:
        channels["speed"] = Channel(pick["speed_mps"], "m/s", "speed over ground")
        if pick["heading_deg"] is not None:
            heading = np.radians(pick["heading_deg"])
            v_n = np.column_stack([np.cos(heading), np.sin(heading), np.zeros(len(index))]) * pick["speed_mps"][:, None]
            v_e = np.einsum("nji,nj->ni", c_ne(lat, lon), v_n)
    if pick["hdop"] is not None:
        channels["hdop"] = Channel(pick["hdop"], "1", "HDOP")
    sats: Any = None if pick["n_sats"] is None else np.clip(np.nan_to_num(pick["n_sats"]), 0, 999)
    stated = (
        "stated by the device"
        if fix.sigma_m is not None
        else f"{GPS_SIGMA_M} m × HDOP"
        if fix.hdop is not None
        else f"{GPS_SIGMA_M} m"
    )
    return Solution(
        pick["t_ns"],
        p_e,
        cov_e_from_n(cov_n, p_e),
        v_e_mps=v_e,
        status=np.full(len(index), FixStatus.SINGLE),
        n_sats=sats,
        channels=channels,
        provenance=Provenance(sources=(source.name,), mode="device", notes=(f"horizontal uncertainty {stated}",)),
    )


def _filled(values: F64) -> F64:
    ok = np.isfinite(values)
    if ok.all() or not ok.any():
        return values
    where = np.arange(len(values))
    return np.interp(where, where[ok], values[ok])
