"""Broadcast messages as RINEX lays them out: which value of a record goes into which column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.ephemeris import GLONASS_COLUMNS, KEPLER_COLUMNS, MESSAGES, BroadcastEphemerides
from kinema.core.satellites import sat_id
from kinema.core.time import BDT_MINUS_GPS_NS, GPS_MINUS_UNIX_NS, NS, WEEK_S, gps_ns_from_calendar, gps_ns_from_unix_ns

BROADCAST_LINES: dict[tuple[str, str], tuple[int, int]] = {
    ("G", "LNAV"): (7, 7), ("G", "CNAV"): (8, 8), ("G", "CNV2"): (9, 9),
    ("J", "LNAV"): (7, 7), ("J", "CNAV"): (8, 8), ("J", "CNV2"): (9, 9),
    ("E", "INAV"): (7, 7), ("E", "FNAV"): (7, 7),
    ("C", "D1"): (7, 7), ("C", "D2"): (7, 7), ("C", "CNV1"): (9, 9), ("C", "CNV2"): (9, 9), ("C", "CNV3"): (8, 8),
    ("R", "FDMA"): (3, 4),
}  # fmt: skip
"""Lines after the first, at least and at most, of each message that is read."""

# Values 0 to 2 are the clock; value 3 + 4 (line − 1) + k stands in place k of a line.
_ORBIT = {
    "crs_m": 4, "delta_n_radps": 5, "m0_rad": 6, "cuc_rad": 7, "e": 8, "cus_rad": 9, "sqrt_a_sqrtm": 10,
    "cic_rad": 12, "omega0_rad": 13, "cis_rad": 14, "i0_rad": 15, "crc_m": 16, "omega_rad": 17,
    "omega_dot_radps": 18, "idot_radps": 19, "af0_s": 0, "af1_sps": 1, "af2_sps2": 2,
}  # fmt: skip
_DOTS = {"a_dot_mps": 3, "delta_n_dot_radps2": 20}
_LNAV = {**_ORBIT, "iode": 3, "ura_m": 23, "tgd1_s": 25, "iodc": 26, "fit_s": 28}
_CNAV = {**_ORBIT, **_DOTS, "tgd1_s": 25, "isc1_s": 27, "isc2_s": 28, "isc5_s": 30}
_GALILEO = {**_ORBIT, "iode": 3, "ura_m": 23, "tgd1_s": 25, "tgd2_s": 26}
_BDS_D = {**_ORBIT, "iode": 3, "ura_m": 23, "tgd1_s": 25, "tgd2_s": 26, "iodc": 28}
_BDS_CNV = {**_ORBIT, **_DOTS, "tgd1_s": 29, "tgd2_s": 30, "iodc": 34, "iode": 38}
_COLUMNS: dict[tuple[str, str], dict[str, int]] = {
    ("C", "D1"): _BDS_D, ("C", "D2"): _BDS_D,
    ("C", "CNV1"): {**_BDS_CNV, "isc1_s": 27}, ("C", "CNV2"): {**_BDS_CNV, "isc5_s": 28},
    ("C", "CNV3"): {**_ORBIT, **_DOTS, "tgd2_s": 30},
    ("E", "INAV"): _GALILEO, ("E", "FNAV"): _GALILEO,
    **{(s, "LNAV"): _LNAV for s in "GJ"},
    **{(s, m): _CNAV for s in "GJ" for m in ("CNAV", "CNV2")},
}  # fmt: skip
_TOE, _DATA_SOURCES, _HEALTH = 11, 20, 24
_HEALTH_AT = {("C", "CNV1"): 32, ("C", "CNV2"): 32, ("C", "CNV3"): 28}
_SENT_AT = {"LNAV": 27, "INAV": 27, "FNAV": 27, "D1": 27, "D2": 27, "CNAV": 31, "CNV3": 31}
_SENT_AT_CNV2 = {"G": 35, "J": 35, "C": 35}
_BEIDOU_GEO = (*range(1, 6), *range(59, 64))

# Upper bounds in metres of URA index −16 to 15 (IS-GPS-200, 30.3.3.1.1.4): 2^(1 + N/2) to 6, 2^(N − 2) above.
_URA_M = {n: 2.0 ** (1 + n / 2) if n <= 6 else 2.0 ** (n - 2) for n in range(-16, 16)}


def message_of(sat: str) -> str:
    """Message of a satellite in versions 2 and 3, where it is not written; Galileo's is told by its data sources."""
    if sat[0] == "C":
        return "D2" if int(sat[1:]) in _BEIDOU_GEO else "D1"
    return {"G": "LNAV", "J": "LNAV", "E": "INAV", "R": "FDMA"}.get(sat[0], "")


def convert(
    version: float, system: str, message: str, sats: list[str], epochs: F64, values: F64
) -> BroadcastEphemerides:
    """Records of one kind as ephemerides: `epochs` (n, 6) calendar labels, `values` (n, k) in the order of the file."""
    sat = np.array([sat_id(name) for name in sats], np.int16)
    label_ns = np.array([_label_ns(row) for row in epochs.tolist()], np.int64)
    if message == "FDMA":
        return _glonass(version, sat, label_ns, values)
    n = len(sat)
    to_gps_ns = -BDT_MINUS_GPS_NS if system == "C" else 0
    kepler = np.full((n, len(KEPLER_COLUMNS)), np.nan)
    for name, at in _COLUMNS[system, message].items():
        kepler[:, KEPLER_COLUMNS.index(name)] = values[:, at]
    if message in ("CNAV", "CNV2") and system != "C":
        toe_label_ns = label_ns
        ned = KEPLER_COLUMNS.index("ura_m")
        kepler[:, ned] = [_URA_M.get(int(u) if np.isfinite(u) else 99, np.nan) for u in values[:, 23]]
    else:
        toe_label_ns = _near(values[:, _TOE], label_ns)
    sent_at = _SENT_AT_CNV2[system] if message in ("CNV1", "CNV2") else _SENT_AT[message]
    if message == "CNV1":
        sent_at = 35
    sent_ns = _near(values[:, sent_at], toe_label_ns)
    toe_ns = toe_label_ns + to_gps_ns
    kepler[:, KEPLER_COLUMNS.index("toc_s")] = (label_ns + to_gps_ns) / 1e9
    kepler[:, KEPLER_COLUMNS.index("toe_s")] = toe_ns / 1e9
    fit = KEPLER_COLUMNS.index("fit_s")
    if message == "LNAV":
        kepler[:, fit] = _fit_s(system, values[:, 28])
    kinds = np.full(n, MESSAGES.index(message), np.uint8)
    if system == "E" and version < 4:
        sources = _whole(values[:, _DATA_SOURCES])
        f_nav = ((sources & 0b010) != 0) & ((sources & 0b101) == 0)
        kinds[f_nav] = MESSAGES.index("FNAV")
    health = _whole(values[:, _HEALTH_AT.get((system, message), _HEALTH)])
    return BroadcastEphemerides(
        sat=sat, message=kinds, toe_ns=toe_ns, sent_ns=sent_ns + to_gps_ns,
        health=health,
        row=np.arange(n), kepler=kepler, glonass=np.empty((0, len(GLONASS_COLUMNS))),
    )  # fmt: skip


def _label_ns(epoch: list[float]) -> int:
    year, month, day, hour, minute, second = epoch
    return (
        gps_ns_from_calendar(int(year), int(month), min(int(day), 28))
        + round(((max(int(day) - 28, 0) * 24 + hour) * 60 + minute) * 60 + second) * NS
    )


def _near(tow_s: F64, label_ns: Any) -> Any:
    """Times with a second of the week `tow_s`, in the week that is nearest to `label_ns`; `label_ns` where unknown."""
    label_s = label_ns // NS
    good = np.isfinite(tow_s) & (np.abs(np.nan_to_num(tow_s)) <= 2 * WEEK_S)
    whole = np.where(good, np.nan_to_num(tow_s), 0.0)
    offset = np.mod(whole - label_s % WEEK_S + WEEK_S / 2, WEEK_S) - WEEK_S / 2
    return np.where(good, label_ns + np.rint(offset * 1e9).astype(np.int64), label_ns)


def _whole(values: F64) -> I64:
    """Small whole numbers; 0 where there is none, the nearest bound where one is absurd."""
    return np.rint(np.clip(np.nan_to_num(values, nan=0.0), -(2.0**52), 2.0**52)).astype(np.int64)


def _fit_s(system: str, said: F64) -> F64:
    """Fit interval in seconds; the field holds hours, or a flag: 0 as usual, 1 longer (QZSS: 0 is 2 h, 1 more)."""
    usual = 2.0 if system == "J" else 4.0
    hours = np.where(np.isfinite(said) & (said > 1.0), said, np.where(said == 1.0, usual + 2.0, usual))
    return np.asarray(hours * 3600.0)


def _glonass(version: float, sat: Any, label_ns: Any, values: F64) -> BroadcastEphemerides:
    """GLONASS: positions in km, epochs in UTC; the message's time is a second of the day (2.x) or of the week."""
    n = len(sat)
    g = np.full((n, len(GLONASS_COLUMNS)), np.nan)
    toe_ns = gps_ns_from_unix_ns(label_ns + GPS_MINUS_UNIX_NS)
    put = {name: k for k, name in enumerate(GLONASS_COLUMNS)}
    g[:, put["toe_s"]] = toe_ns / 1e9
    g[:, put["tau_n_s"]], g[:, put["gamma_n"]] = -values[:, 0], values[:, 1]
    for k, axis in enumerate("xyz"):
        g[:, put[f"{axis}_m"]] = values[:, 3 + 4 * k] * 1e3
        g[:, put[f"v{axis}_mps"]] = values[:, 4 + 4 * k] * 1e3
        g[:, put[f"a{axis}_mps2"]] = values[:, 5 + 4 * k] * 1e3
    g[:, put["channel"]], g[:, put["age_day"]] = values[:, 10], values[:, 14]
    if values.shape[1] > 16:
        delta = values[:, 16]
        g[:, put["delta_tau_s"]] = np.where(np.abs(delta) < 1.0, delta, np.nan)
    if version < 3:
        day_ns = label_ns // (86_400 * NS) * (86_400 * NS)
        known = (values[:, 2] >= 0) & (values[:, 2] <= 86_400)
        sent_ns = np.where(known, day_ns + _whole(np.where(known, values[:, 2], 0.0) * 1e9), label_ns)
    else:
        sent_ns = _near(values[:, 2], label_ns)
    return BroadcastEphemerides(
        sat=sat, message=np.full(n, MESSAGES.index("FDMA"), np.uint8), toe_ns=toe_ns,
        sent_ns=toe_ns + (sent_ns - label_ns).astype(np.int64),
        health=_whole(values[:, 6]), row=np.arange(n),
        kepler=np.empty((0, len(KEPLER_COLUMNS))), glonass=g,
    )  # fmt: skip


def merged(
    parts: list[BroadcastEphemerides],
    ionosphere: Mapping[str, tuple[float, ...]],
    time_corrections: Mapping[str, tuple[float, ...]],
    leap_s: int | None,
) -> tuple[BroadcastEphemerides, int]:
    """All messages in one, sorted by satellite, message and time, each once; and how many were there again."""
    columns = {"kepler": len(KEPLER_COLUMNS), "glonass": len(GLONASS_COLUMNS)}
    tables = {
        name: np.concatenate([np.empty((0, k)), *(getattr(p, name) for p in parts)]) for name, k in columns.items()
    }
    names = ("sat", "message", "toe_ns", "sent_ns", "health")
    flat = {name: np.concatenate([np.empty(0, np.int64), *(getattr(p, name) for p in parts)]) for name in names}
    row: list[Any] = [np.empty(0, np.int64)]
    base = {"kepler": 0, "glonass": 0}
    fdma = MESSAGES.index("FDMA")
    for part in parts:
        row.append(part.row + np.where(part.message == fdma, base["glonass"], base["kepler"]))
        for name in base:
            base[name] += len(getattr(part, name))
    rows = np.concatenate(row)
    is_fdma = flat["message"] == fdma
    issue = np.zeros(len(rows))
    issue[~is_fdma] = np.nan_to_num(tables["kepler"][rows[~is_fdma], KEPLER_COLUMNS.index("iode")])
    order = np.lexsort((flat["sent_ns"], issue, flat["toe_ns"], flat["message"], flat["sat"]))
    key = np.stack([flat["sat"], flat["message"], flat["toe_ns"], _whole(issue)], axis=1)[order]
    keep = order[np.concatenate([[True] * min(len(order), 1), (np.diff(key, axis=0) != 0).any(axis=1)]).astype(bool)]
    new_row = np.empty(len(keep), np.int64)
    g = is_fdma[keep]
    new_row[g], new_row[~g] = np.arange(g.sum()), np.arange((~g).sum())
    eph = BroadcastEphemerides(
        **{name: column[keep] for name, column in flat.items()},
        row=new_row, kepler=tables["kepler"][rows[keep[~g]]], glonass=tables["glonass"][rows[keep[g]]],
        ionosphere=ionosphere, time_corrections=time_corrections, leap_s=leap_s,
    )  # fmt: skip
    return eph, len(order) - len(keep)
