"""KML 2.2 tracks (gx:Track): read, and written as one coloured track for each run of one fix status."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from kinema.core.frames import geodetic_from_ecef
from kinema.core.recording import Issue, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.trajectory import ecef_from_degrees, in_order, sound_places, utc_texts
from kinema.formats.xml_tracks import BAD_TIME, scan

COLOUR_OF_STATUS = {
    FixStatus.NONE: "ff808080", FixStatus.DEAD_RECKONED: "ffb06000", FixStatus.SINGLE: "ff3040e0",
    FixStatus.DIFFERENTIAL: "ff20a0f0", FixStatus.FLOAT: "ff00c8f0", FixStatus.FIXED: "ff40b040",
    FixStatus.PPP: "ffc08000", FixStatus.SBAS: "ff2080f0",
}  # fmt: skip
"""Line colours as KML writes them: alpha, blue, green, red."""
NAMES = ("when", "coord", "Placemark", "styleUrl", "status")


def _sniff(head: bytes, name: str) -> float:
    if re.search(rb"<(\w+:)?kml[\s>]", head):
        return 0.97
    return 0.3 if name.lower().endswith(".kml") else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read all gx:Track elements into the stream "fixes". Raises FormatError, also for lines without times."""
    events = scan(source, NAMES)
    when, coord = events.rows("when"), events.rows("coord")
    if not len(when) or not len(coord):
        raise FormatError(source.path, "no gx:Track with times in it", "", "lines without times are no trajectory")
    if len(when) != len(coord):
        raise FormatError(source.path, f"{len(when)} times for {len(coord)} places", "", "was the file cut off?")
    t_ns = events.times_ns(when)
    place = events.numbers(coord, 3)
    bad = (t_ns == BAD_TIME) | ~np.isfinite(place[:, :2]).all(axis=1)
    issues = []
    if bad.any():
        where = f"point {int(np.argmax(bad)) + 1}"
        if options.on_bad == "raise":
            raise FormatError(source.path, "garbled time or place", where, "read with --on-bad skip to leave it out")
        issues.append(Issue("garbled point", int(bad.sum()), where, source.name))
    good = np.flatnonzero(~bad)
    placed, strange = sound_places(source, options, place[good, 1], place[good, 0], place[good, 2])
    good = good[placed]
    issues += strange
    order, odd = in_order(source, t_ns[good], options)
    pick = good[order]
    lon, lat, h = place[pick].T
    status = np.full(len(when), FixStatus.SINGLE, np.uint8)
    style = events.rows("styleUrl")
    by_name = {f"#{s.name.lower()}".encode(): s for s in FixStatus}
    known = [by_name.get(word, FixStatus.SINGLE) for word in events.words(style).tolist()]
    last = np.searchsorted(style, when) - 1
    if len(style):
        status = np.where(last >= 0, np.array(known, np.uint8)[np.maximum(last, 0)], status)
    simulated = b"simulated trajectory" in bytes(source.data[:4096])
    solution = Solution(
        t_ns[pick], ecef_from_degrees(lat, lon, np.nan_to_num(h)), status=status[pick],
        provenance=Provenance(sources=(source.name,), simulated=simulated),
    )  # fmt: skip
    issues.append(Issue("no sigmas", len(pick), "", source.name))
    return Recording({"fixes": solution}, issues=(*issues, *odd), sources=(source.name,), simulated=simulated)


def write(solution: Solution, path: Path) -> None:
    """Write a folder of gx:Track placemarks, one for each run of epochs with one status; heights are clamped."""
    from xml.sax.saxutils import escape  # brings a web client along

    s = solution.select(solution.valid)
    lat, lon, h = geodetic_from_ecef(s.p_e_m)
    made = s.provenance
    title = f"{'simulated ' if made.simulated else ''}trajectory"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document>',
        f"<name>{title}</name>",
        f"<description>Datum {escape(made.datum)}, heights above the ellipsoid. {escape(made.program)}</description>",
    ]
    lines += [
        f'<Style id="{status.name.lower()}"><LineStyle><color>{colour}</color><width>3</width></LineStyle>'
        "<IconStyle><scale>0</scale></IconStyle></Style>"
        for status, colour in COLOUR_OF_STATUS.items()
    ]
    times = utc_texts(s.t_ns)
    places = [f"{a:.9f} {b:.9f} {c:.4f}" for a, b, c in zip(np.degrees(lon), np.degrees(lat), h, strict=True)]
    cuts = np.flatnonzero(np.diff(s.status.astype(np.int64)) != 0) + 1
    bounds = [0, *cuts.tolist(), len(s)] if len(s) else []
    for a, b in pairwise(bounds):
        name = FixStatus(int(s.status[a])).name.lower()
        lines.append(f"<Placemark><name>{name}</name><styleUrl>#{name}</styleUrl><gx:Track>")
        lines.append("<altitudeMode>clampToGround</altitudeMode>")
        lines += [f"<when>{when}</when>" for when in times[a:b]]
        lines += [f"<gx:coord>{place}</gx:coord>" for place in places[a:b]]
        lines.append("</gx:Track></Placemark>")
    Path(path).write_text("\n".join([*lines, "</Document></kml>"]) + "\n", encoding="utf-8")


FORMAT = Format("kml", "KML track", (".kml",), _sniff, read, write)
