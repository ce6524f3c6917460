"""Trajectories as NMEA 0183: GGA, RMC and GST for each epoch, with checksums."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import cov_n_from_e, geodetic_from_ecef, vectors_n_from_e
from kinema.core.solution import FixStatus, Solution
from kinema.core.time import unix_ns_from_gps_ns

QUALITY_OF_STATUS = {
    FixStatus.NONE: 0, FixStatus.DEAD_RECKONED: 6, FixStatus.SINGLE: 1, FixStatus.DIFFERENTIAL: 2, FixStatus.FLOAT: 5,
    FixStatus.FIXED: 4, FixStatus.PPP: 5, FixStatus.SBAS: 9,
}  # fmt: skip
MODE_OF_STATUS = {
    FixStatus.NONE: "N", FixStatus.DEAD_RECKONED: "E", FixStatus.SINGLE: "A", FixStatus.DIFFERENTIAL: "D",
    FixStatus.FLOAT: "F", FixStatus.FIXED: "R", FixStatus.PPP: "F", FixStatus.SBAS: "D",
}  # fmt: skip
KNOT_MPS = 1852 / 3600
SIMULATED = "PKNM,SIM,simulated: this is no measurement"
"""Our own sentence at the head of a simulated log; its RMC mode is S (simulator) besides."""


def sentence(body: str) -> str:
    """ "$body*checksum"."""
    total = 0
    for byte in body.encode("ascii"):
        total ^= byte
    return f"${body}*{total:02X}"


def _clock(t_ns: I64) -> tuple[list[str], list[str]]:
    """hhmmss.sss (nine decimals where it needs them) and ddmmyy in UTC."""
    coarse = bool((t_ns % 1_000_000 == 0).all())
    unix_ns = unix_ns_from_gps_ns(t_ns)
    stamps = np.datetime_as_string(
        (unix_ns // (1_000_000 if coarse else 1)).astype(f"datetime64[{'ms' if coarse else 'ns'}]")
    )
    texts = stamps.tolist()
    return [f"{s[11:13]}{s[14:16]}{s[17:]}" for s in texts], [f"{s[8:10]}{s[5:7]}{s[2:4]}" for s in texts]


def _angle(rad: F64, width: int, letters: str) -> list[str]:
    """ "ddmm.mmmmmmmm,N": eight decimals of a minute are 0.02 mm."""
    units = np.round(np.abs(np.degrees(rad)) * 60e8).astype(np.int64)
    degrees, minutes = np.divmod(units, 60 * 10**8)
    sides = np.where(rad < 0, letters[1], letters[0]).tolist()
    return [
        f"{d:0{width}d}{m // 10**8:02d}.{m % 10**8:08d},{side}"
        for d, m, side in zip(degrees.tolist(), minutes.tolist(), sides, strict=True)
    ]


def write(solution: Solution, path: Path) -> None:
    """Write GGA, RMC and, where the covariance is known, GST for each epoch with a position.

    Heights are ellipsoidal: the geoid separation is given as 0, so height above "sea level" plus separation is right.
    PPP is written as float, the nearest that NMEA knows.
    """
    s = solution.select(solution.valid)
    lat, lon, h = geodetic_from_ecef(s.p_e_m)
    times, dates = _clock(s.t_ns)
    places = [f"{a},{b}" for a, b in zip(_angle(lat, 2, "NS"), _angle(lon, 3, "EW"), strict=True)]
    v_n = vectors_n_from_e(s.v_e_mps, s.p_e_m)
    speed = np.hypot(v_n[:, 0], v_n[:, 1]) / KNOT_MPS
    course = np.degrees(np.arctan2(v_n[:, 1], v_n[:, 0])) % 360
    sd = np.sqrt(np.diagonal(cov_n_from_e(s.cov_p_e_m2, s.p_e_m), axis1=1, axis2=2))
    made = s.provenance
    columns = zip(
        times, dates, places, [FixStatus(k) for k in s.status.tolist()], s.n_sats.tolist(), h.tolist(),
        speed.tolist(), course.tolist(), sd.tolist(), strict=True,
    )  # fmt: skip
    lines = [sentence(SIMULATED)] if made.simulated else []
    for time, date, place, status, n_sats, height, knots, degrees, (north, east, up) in columns:
        lines.append(sentence(f"GNGGA,{time},{place},{QUALITY_OF_STATUS[status]},{n_sats:02d},,{height:.4f},M,0.0,M,,"))
        moving = f"{knots:.4f},{degrees:.4f}" if knots == knots else ","
        mode = "S" if made.simulated else MODE_OF_STATUS[status]
        lines.append(sentence(f"GNRMC,{time},A,{place},{moving},{date},,,{mode},V"))
        if north == north:
            lines.append(sentence(f"GNGST,{time},,,,,{north:.4f},{east:.4f},{up:.4f}"))
    Path(path).write_text("\r\n".join(lines) + "\r\n", encoding="ascii", newline="")
