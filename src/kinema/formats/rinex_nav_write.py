"""Write broadcast ephemerides as RINEX 3.04 navigation (IGS/RTCM RINEX 3.04, A5 to A12)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from kinema.core.arrays import F64
from kinema.core.ephemeris import GLONASS_COLUMNS, KEPLER_COLUMNS, MESSAGES, BroadcastEphemerides
from kinema.core.satellites import sat_name, sat_system
from kinema.core.time import BDT_MINUS_GPS_NS, BDT_WEEK_OFFSET, GPS_EPOCH, NS, WEEK_S, leap_seconds

_WRITTEN = {"LNAV", "INAV", "FNAV", "D1", "D2", "FDMA"}
_SOURCE = {"INAV": 517.0, "FNAV": 258.0}
"""Galileo data source: I/NAV from E1-B with the clock of E1 and E5b; F/NAV from E5a-I with that of E1 and E5a."""


def write_navigation(ephemerides: BroadcastEphemerides, path: Path, *, comments: tuple[str, ...] = ()) -> int:
    """Write the messages that RINEX 3 can hold (LNAV, I/NAV, F/NAV, D1, D2, FDMA); returns how many."""
    order = np.lexsort((ephemerides.sat, ephemerides.toe_ns))
    chunks = [_header(ephemerides, comments)]
    written = 0
    for k in order.tolist():
        message = MESSAGES[int(ephemerides.message[k])]
        if message not in _WRITTEN:
            continue
        sat, row = int(ephemerides.sat[k]), int(ephemerides.row[k])
        health, sent_ns = float(ephemerides.health[k]), int(ephemerides.sent_ns[k])
        if message == "FDMA":
            chunks.append(_glonass(sat, ephemerides.glonass[row], health))
        else:
            chunks.append(_kepler(sat, message, ephemerides.kepler[row], health, sent_ns))
        written += 1
    path.write_text("".join(chunks), encoding="ascii")
    return written


def _line(text: str, label: str) -> str:
    return f"{text[:60]:60s}{label}\n"


def _header(ephemerides: BroadcastEphemerides, comments: tuple[str, ...]) -> str:
    from kinema.version import __version__

    lines = [
        _line(f"{3.04:9.2f}{'':11s}{'N: GNSS NAV DATA':20s}M: MIXED", "RINEX VERSION / TYPE"),
        _line(f"{'kinema ' + __version__:20s}{'':20s}{'20250101 000000 UTC':20s}", "PGM / RUN BY / DATE"),
        *(_line(comment, "COMMENT") for comment in comments),
    ]
    for key, values in ephemerides.ionosphere.items():
        numbers = "".join(f"{_short(v):>12s}" for v in (*values, 0.0, 0.0, 0.0, 0.0)[:4])
        lines.append(_line(f"{key:4s} {numbers}", "IONOSPHERIC CORR"))
    if ephemerides.leap_s is not None:
        lines.append(_line(f"{ephemerides.leap_s:6d}", "LEAP SECONDS"))
    lines.append(_line("", "END OF HEADER"))
    return "".join(lines)


def _short(value: float) -> str:
    return f"{value:.4E}"


def _d19(value: float) -> str:
    return f"{float(np.nan_to_num(value)):19.12E}"


def _block(head: str, first: list[float], rest: list[list[float]]) -> str:
    lines = [head + "".join(_d19(v) for v in first)]
    lines += ["    " + "".join(_d19(v) for v in row) for row in rest]
    return "\n".join(lines) + "\n"


def _clock_time(gps_s: float, minus_gps_s: float) -> str:
    when = GPS_EPOCH + dt.timedelta(seconds=round(gps_s + minus_gps_s))
    return f"{when:%Y %m %d %H %M %S}"


def _kepler(sat: int, message: str, row: F64, health: float, sent_ns: int) -> str:
    k = dict(zip(KEPLER_COLUMNS, row.tolist(), strict=True))
    system = sat_system(sat)
    shift = BDT_MINUS_GPS_NS / NS if system == "C" else 0.0
    toe = k["toe_s"] + shift
    week = int(toe // WEEK_S) - (BDT_WEEK_OFFSET if system == "C" else 0)
    # Transmission may be in another week than toe: written relative to toe's week, as the standard asks.
    sent = sent_ns / NS + shift - (toe // WEEK_S) * WEEK_S
    ura, tgd1, tgd2 = k["ura_m"], k["tgd1_s"], k["tgd2_s"]
    if system == "E":
        fifth = [k["idot_radps"], _SOURCE[message], week, 0.0]
        sixth, last = [ura, health, tgd1, tgd2], [sent, 0.0]
    elif system == "C":
        fifth = [k["idot_radps"], 0.0, week, 0.0]
        sixth, last = [ura, health, tgd1, tgd2], [sent, k["iodc"]]
    else:
        fifth = [k["idot_radps"], 0.0, week, 0.0]
        sixth, last = [ura, health, tgd1, k["iodc"]], [sent, k["fit_s"] / 3600]
    return _block(
        f"{sat_name(sat)} {_clock_time(k['toc_s'], shift)}",
        [k["af0_s"], k["af1_sps"], k["af2_sps2"]],
        [
            [k["iode"], k["crs_m"], k["delta_n_radps"], k["m0_rad"]],
            [k["cuc_rad"], k["e"], k["cus_rad"], k["sqrt_a_sqrtm"]],
            [toe % WEEK_S, k["cic_rad"], k["omega0_rad"], k["cis_rad"]],
            [k["i0_rad"], k["crc_m"], k["omega_rad"], k["omega_dot_radps"]],
            fifth,
            sixth,
            last,
        ],
    )


def _glonass(sat: int, row: F64, health: float) -> str:
    g = dict(zip(GLONASS_COLUMNS, row.tolist(), strict=True))
    leap = leap_seconds(int(g["toe_s"]) * NS)
    utc = g["toe_s"] - leap
    km = 1e-3
    return _block(
        f"{sat_name(sat)} {_clock_time(g['toe_s'], -float(leap))}",
        [-g["tau_n_s"], g["gamma_n"], utc % WEEK_S],
        [
            [g["x_m"] * km, g["vx_mps"] * km, g["ax_mps2"] * km, health],
            [g["y_m"] * km, g["vy_mps"] * km, g["ay_mps2"] * km, g["channel"]],
            [g["z_m"] * km, g["vz_mps"] * km, g["az_mps2"] * km, g["age_day"]],
        ],
    )
