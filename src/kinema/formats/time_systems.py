"""Calendar labels in the time systems of GNSS files, as GPS time."""

from __future__ import annotations

from kinema.core.arrays import I64
from kinema.core.time import BDT_MINUS_GPS_NS, GPS_MINUS_UNIX_NS, NS, gps_ns_from_unix_ns

TIME_SYSTEMS = ("GPS", "GAL", "GLO", "UTC", "BDT", "BDS", "QZS", "IRN", "SBA", "TAI")
_TAI_MINUS_GPS_NS = 19 * NS


def to_gps_ns(label_ns: I64, time_system: str) -> I64:
    """GPS time of labels counted in nanoseconds since 1980-01-06 of their own calendar.

    GLONASS files are written in UTC. Galileo, QZSS, NavIC and SBAS time are taken as GPS time.
    """
    if time_system in ("GLO", "UTC"):
        return gps_ns_from_unix_ns(label_ns + GPS_MINUS_UNIX_NS)
    if time_system in ("BDT", "BDS"):
        return label_ns - BDT_MINUS_GPS_NS
    if time_system == "TAI":
        return label_ns - _TAI_MINUS_GPS_NS
    return label_ns
