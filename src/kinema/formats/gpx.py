"""GPX 1.1 tracks: read (trkpt, or else rtept and wpt, with the common extensions) and written.

After the GPX 1.1 schema of Topografix. Our own extensions (namespace kinema) hold status, the covariance as
RTKLIB's six signed roots and the velocity; heights that we write are above the ellipsoid.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, U8
from kinema.core.frames import cov_n_from_e, geodetic_from_ecef, vectors_n_from_e
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.rtklib_pos import signed_roots
from kinema.formats.trajectory import (
    cov_from_enu_sd,
    ecef_from_degrees,
    ecef_from_ned_vectors,
    in_order,
    sound_places,
    utc_texts,
)
from kinema.formats.xml_tracks import BAD_TIME, END, Events, scan

POINTS = ("trkpt", "rtept", "wpt")
CHANNELS = {
    "hr": ("heart_rate", "1/min", "heart rate", 1.0), "cad": ("cadence", "1/min", "cadence", 1.0),
    "atemp": ("temperature", "K", "air temperature", 1.0), "power": ("power", "W", "power", 1.0),
    "speed": ("speed_mps", "m/s", "speed", 1.0), "course": ("course_rad", "rad", "course", np.pi / 180),
    "hdop": ("hdop", "1", "HDOP", 1.0),
}  # fmt: skip
"""Leaf elements that become channels: name, unit, label, factor (temperatures are shifted besides)."""
NAMES = (*POINTS, "lat", "lon", "trkseg", "ele", "time", "sat", "fix", "status", "sd", "vned", *CHANNELS)
STATUS_OF_FIX = {
    "none": FixStatus.NONE, "2d": FixStatus.SINGLE, "3d": FixStatus.SINGLE, "dgps": FixStatus.DIFFERENTIAL,
    "pps": FixStatus.SINGLE,
}  # fmt: skip
OURS = "https://kinema.invalid/gpx/1"


def _sniff(head: bytes, name: str) -> float:
    if re.search(rb"<(\w+:)?gpx[\s>]", head):
        return 0.97
    return 0.3 if name.lower().endswith(".gpx") else 0.0


def read(source: Source, options: ReadOptions) -> Recording:
    """Read all tracks of the file, one after the other, into the stream "fixes"; the segment is a channel.

    Points without a time cannot be placed: they are counted, and a file that has only such is refused. Heights of
    other programs are taken as ellipsoidal, which an issue tells. Raises FormatError.
    """
    events = scan(source, NAMES)
    point = next((name for name in POINTS if len(events.rows(name))), None)
    if point is None:
        raise FormatError(source.path, "no track point in it", "", "is it a GPX track?")
    owner, n = _owners(events, point)
    lat, lon = (_values(events, owner, n, name, 1)[:, 0] for name in ("lat", "lon"))
    h = _values(events, owner, n, "ele", 1)[:, 0]
    placed, strange = sound_places(source, options, lat, lon, h)
    t_ns = np.full(n, BAD_TIME, np.int64)
    rows = _inside(events, owner, "time")
    t_ns[owner[rows]] = events.times_ns(rows)
    timed = t_ns != BAD_TIME
    issues = list(strange)
    if not (timed & placed).any():
        raise FormatError(source.path, "no point has a time", "", "a course without times is no trajectory")
    if not timed.all():
        if options.on_bad == "raise" and len(rows) == n:
            raise FormatError(source.path, "garbled time", f"point {int(np.argmin(timed)) + 1}", "--on-bad skip")
        issues.append(Issue("point without a time", int((~timed).sum()), f"point {np.argmin(timed) + 1}", source.name))
    at = np.flatnonzero(timed & placed)
    order, odd = in_order(source, t_ns[at], options)
    solution, doubts = _solution(source, events, owner, n, at[order], t_ns, (lat, lon))
    return Recording(
        {"fixes": solution}, issues=(*issues, *odd, *doubts), sources=(source.name,),
        simulated=solution.provenance.simulated,
    )  # fmt: skip


def _owners(events: Events, point: str) -> tuple[I64, int]:
    """For each event the number of the point that it stands in, or −1; and how many points there are."""
    begins = events.kind == NAMES.index(point)
    ends = events.kind == NAMES.index(point) + END
    opened = np.cumsum(begins)
    return np.where(opened > np.cumsum(ends), opened - 1, -1), int(opened[-1])


def _inside(events: Events, owner: I64, name: str) -> I64:
    rows = events.rows(name)
    return rows[owner[rows] >= 0]


def _values(events: Events, owner: I64, n: int, name: str, columns: int) -> F64:
    out = np.full((n, columns), np.nan)
    rows = _inside(events, owner, name)
    out[owner[rows]] = events.numbers(rows, columns)
    return out


def _statuses(events: Events, owner: I64, n: int) -> U8:
    status = np.full(n, FixStatus.SINGLE, np.uint8)
    for name, table in (("fix", STATUS_OF_FIX), ("status", {s.name.lower(): s for s in FixStatus})):
        rows = _inside(events, owner, name)
        texts, which = np.unique(events.words(rows), return_inverse=True)
        known = [table.get(text.decode("ascii", "replace").lower(), FixStatus.SINGLE) for text in texts.tolist()]
        status[owner[rows]] = np.array(known, np.uint8)[which]
    return status


def _solution(
    source: Source, events: Events, owner: I64, n: int, pick: I64, t_ns: I64, place: tuple[F64, F64]
) -> tuple[Solution, list[Issue]]:
    head = bytes(source.data[:4096]).decode("utf-8", "replace")
    ours = OURS in head
    issues = []
    h = _values(events, owner, n, "ele", 1)[pick, 0]
    if not np.isfinite(h).all():
        issues.append(Issue("no height", int(np.isnan(h).sum()), "", source.name, "0 m above the ellipsoid assumed"))
    if not ours and np.isfinite(h).any():
        issues.append(Issue("height datum not stated", 1, "", source.name, "taken as above the ellipsoid"))
    lat, lon = place[0][pick], place[1][pick]
    p_e_m = ecef_from_degrees(lat, lon, np.nan_to_num(h))
    arrays: dict[str, Any] = {}
    if len(events.rows("sd")):
        arrays["cov_p_e_m2"] = cov_from_enu_sd(_values(events, owner, n, "sd", 6)[pick], p_e_m)
    if len(events.rows("vned")):
        arrays["v_e_mps"] = ecef_from_ned_vectors(_values(events, owner, n, "vned", 3)[pick], lat, lon)
    segment = np.cumsum(events.kind == NAMES.index("trkseg"))
    begins = next(events.rows(name) for name in POINTS if len(events.rows(name)))
    channels = {"segment": Channel(segment[begins][pick].astype(np.float64), "1", "segment")}
    for leaf, (name, unit, label, factor) in CHANNELS.items():
        if not len(events.rows(leaf)):
            continue
        value = _values(events, owner, n, leaf, 1)[pick, 0] * factor + (273.15 if leaf == "atemp" else 0.0)
        if np.isfinite(value).any():
            channels[name] = Channel(value, unit, label)
    solution = Solution(
        t_ns[pick], p_e_m, **arrays,
        status=_statuses(events, owner, n)[pick],
        n_sats=np.clip(np.nan_to_num(_values(events, owner, n, "sat", 1)[pick, 0]), 0, 999), channels=channels,
        provenance=Provenance(
            sources=(source.name,), program=(re.findall(r'creator="([^"]*)"', head) or [""])[0],
            simulated="<keywords>simulated</keywords>" in head,
        ),
    )  # fmt: skip
    return solution, issues


def write(solution: Solution, path: Path) -> None:
    """Write one track; epochs without a position begin a new segment."""
    from xml.sax.saxutils import escape  # brings a web client along

    s = solution.select(solution.valid)
    lat, lon, h = geodetic_from_ecef(s.p_e_m)
    sd = signed_roots(cov_n_from_e(s.cov_p_e_m2, s.p_e_m))
    v_n = vectors_n_from_e(s.v_e_mps, s.p_e_m)
    segment = np.cumsum(~solution.valid)[solution.valid]
    made = s.provenance
    root = (
        f'<gpx version="1.1" creator="{escape(made.program or "Kinema", {chr(34): "&quot;"})}"'
        ' xmlns="http://www.topografix.com/GPX/1/1"'
        ' xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v2"'
        f' xmlns:kinema="{OURS}">'
    )
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        root,
        f"<metadata><desc>Datum {escape(made.datum)}, heights above the ellipsoid, of the {escape(made.point)}.</desc>"
        + ("<keywords>simulated</keywords>" if made.simulated else "") + "</metadata>",
        f"<trk><name>{'simulated ' if made.simulated else ''}trajectory</name>",
    ]  # fmt: skip
    names = [status.name.lower() for status in FixStatus]
    columns = zip(
        segment.tolist(), np.degrees(lat).tolist(), np.degrees(lon).tolist(), h.tolist(), utc_texts(s.t_ns),
        s.status.tolist(), s.n_sats.tolist(), sd.tolist(), v_n.tolist(), strict=True,
    )  # fmt: skip
    before = None
    for part, a, b, c, when, status, sats, roots, v in columns:
        if part != before:
            lines.append("<trkseg>" if before is None else "</trkseg><trkseg>")
            before = part
        extra = f"<kinema:status>{names[status]}</kinema:status>"
        if any(roots):
            extra += f"<kinema:sd>{' '.join(f'{part:.4f}' for part in roots)}</kinema:sd>"
        if v[0] == v[0]:
            speed = f"<gpxtpx:speed>{np.hypot(v[0], v[1]):.4f}</gpxtpx:speed>"
            extra += f"<kinema:vned>{v[0]:.5f} {v[1]:.5f} {v[2]:.5f}</kinema:vned>"
            extra += f"<gpxtpx:TrackPointExtension>{speed}</gpxtpx:TrackPointExtension>"
        seen = f"<sat>{sats}</sat>" if sats > 0 else ""
        lines.append(
            f'<trkpt lat="{a:.9f}" lon="{b:.9f}"><ele>{c:.4f}</ele><time>{when}</time>{seen}'
            f"<extensions>{extra}</extensions></trkpt>"
        )
    lines += ["</trkseg>"] if before is not None else []
    Path(path).write_text("\n".join([*lines, "</trk></gpx>"]) + "\n", encoding="utf-8")


FORMAT = Format("gpx", "GPX track", (".gpx",), _sniff, read, write)
