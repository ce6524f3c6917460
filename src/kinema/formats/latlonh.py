"""Plain truth files: "sow,lat,lon,h" tables without a week, and a single point as "lat lon h" or "x y z"."""

from __future__ import annotations

import re

import numpy as np

from kinema.core.recording import Issue, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.time import NS
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.tables import read_numbers
from kinema.formats.trajectory import NO_TIME, WEEK_UNKNOWN, ecef_from_degrees, in_order, sound_places

_HEADER = re.compile(r"^#?\s*(sow|tow|gpst|gps_tow|seconds?_of_week)\w*\s*[,; ]\s*lat\w*\s*[,; ]\s*lon\w*", re.I)
_POINT = re.compile(r"^\s*[-+]?\d+\.\d+[\s,]+[-+]?\d+\.\d+[\s,]+[-+]?\d+(\.\d*)?\s*$")


def _sniff(head: bytes, name: str) -> float:
    text = head.decode("ascii", "replace")
    if _HEADER.match(text):
        return 0.95
    return 0.7 if len(head) < 200 and _POINT.match(text) else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into the stream "truth".

    Seconds of an unnamed week are put into GPS week 0 with the issue WEEK_UNKNOWN: whoever judges a solution by it
    moves it into the solution's week. A single point is one fixed epoch at GPS time 0 with
    the issue NO_TIME. Heights are taken as ellipsoidal, the datum as WGS84.
    """
    text = bytes(source.data[:8192]).decode("ascii", "replace")
    if _POINT.match(text) and len(source.data) < 200:
        return _point(source, options)
    start = text.find("\n") + 1 if _HEADER.match(text) else 0
    table = read_numbers(source, options, need=4, columns=4, start=start)
    bad = ~((table.values[:, 0] >= 0) & (table.values[:, 0] < 604_801))
    if bad.any():
        wrong = float(table.values[np.argmax(bad), 0])
        raise FormatError(source.path, f"second of week {wrong:g}", "", "expected rows of second of week, lat, lon, h")
    t_ns = np.round(table.values[:, 0] * NS).astype(np.int64)
    placed, strange = sound_places(source, options, *table.values[:, 1:4].T)
    index, odd = in_order(source, t_ns[placed], options)
    index, issues = np.flatnonzero(placed)[index], (*strange, *odd)
    _, lat, lon, h = table.values[index].T
    solution = Solution(
        t_ns[index], ecef_from_degrees(lat, lon, h), status=np.full(len(index), FixStatus.FIXED, np.uint8),
        provenance=Provenance(sources=(source.name,)),
    )  # fmt: skip
    unknown = Issue(WEEK_UNKNOWN, 1, "", source.name, "seconds of week; taken as the week of what is judged by it")
    return Recording({"truth": solution}, issues=(*table.issues, *issues, unknown), sources=(source.name,))


def _point(source: Source, options: ReadOptions) -> Recording:
    place = read_numbers(source, options, need=3, columns=3).values
    if 6.2e6 < float(np.linalg.norm(place)) < 6.6e6:
        p_e_m = place
    else:
        sound_places(source, options, *place.T)
        p_e_m = ecef_from_degrees(*place.T)
    solution = Solution(
        np.zeros(1, np.int64), p_e_m, status=np.array([FixStatus.FIXED], np.uint8),
        provenance=Provenance(sources=(source.name,)),
    )  # fmt: skip
    issue = Issue(NO_TIME, 1, "", source.name, "one fixed point, good for all times")
    return Recording({"truth": solution}, issues=(issue,), sources=(source.name,))


FORMAT = Format("latlonh", "plain truth table or fixed point (lat, lon, height)", (), _sniff, read)
