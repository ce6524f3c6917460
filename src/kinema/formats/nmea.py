"""NMEA 0183 logs: GGA, GNS, RMC, GLL, GST, GSA, VTG, ZDA and HDT of any talker into one trajectory, and back.

Sentences after NMEA 0183 4.11. Sentences that carry one time of day are one epoch; RMC and ZDA give the date, which
is carried over midnight. See nmea_write for the writer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from kinema.core.arrays import F64, I64, U8
from kinema.core.frames import c_ne
from kinema.core.recording import Issue, Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.nmea_fields import (
    GGA,
    GNS,
    KINDS,
    N_FIELDS,
    REST_MPS,
    UERE_M,
    Found,
    channels_of,
    epochs_of,
    first_finite,
    heights_of,
    motion_of,
    places_of,
    sigmas_of,
    status_of,
    times_of,
)
from kinema.formats.nmea_write import write
from kinema.formats.tables import bytes_of, line_at, text_at
from kinema.formats.trajectory import DATE_UNKNOWN, ecef_from_degrees, in_order


def _sniff(head: bytes, name: str) -> float:
    found = len(re.findall(rb"\$[A-OQ-Z][A-Z]([A-Z]{3}),[^\r\n]*\*[0-9A-Fa-f]{2}", head))
    if found >= 2 and not head.startswith(b"\xb5\x62"):
        return 0.9 if head.lstrip()[:1] == b"$" else 0.6
    if found:
        return 0.5
    return 0.3 if name.lower().endswith((".nmea", ".nma")) else 0.0


def _scan(source: Source, options: ReadOptions) -> tuple[U8, F64, list[Issue]]:
    from kinema.kernels.nmea import scan_sentences

    data = bytes_of(source)
    most = int(np.count_nonzero(data == 36))
    names = np.array([list(name.encode()) for name in KINDS], np.uint8)
    kind, flaw, start = np.empty(most, np.uint8), np.empty(most, np.uint8), np.empty(most, np.int64)
    fields, counts = np.empty((most, N_FIELDS)), np.empty(5, np.int64)
    n = scan_sentences(data, names, kind, start, fields, flaw, counts)
    kind, start, fields, flaw = kind[:n], start[:n], fields[:n], flaw[:n]
    bare, garbled = (flaw & 2) != 0, (flaw & 1) != 0
    issues = []
    if counts[0]:
        where = line_at(source, int(counts[1]))
        issues.append(Issue("line that is no sentence", int(counts[0]), where, source.name))
    # Where others have a checksum, a sentence without one was cut.
    cut = bare & (not bare.all())
    if bare.any():
        issues.append(Issue("sentence without checksum", int(bare.sum()), line_at(source, int(start[np.argmax(bare)]))))
    faults = []
    if counts[2]:
        faults.append(("wrong checksum", int(counts[2]), int(counts[3])))
    if (garbled & ~cut).any():
        faults.append(("garbled field", int((garbled & ~cut).sum()), int(start[np.argmax(garbled & ~cut)])))
    if faults and options.on_bad == "raise":
        what, _, at = min(faults, key=lambda fault: fault[2])
        remedy = "read with --on-bad skip to leave it out"
        raise FormatError(source.path, f"{what}: '{text_at(source, at)}'", line_at(source, at), remedy)
    issues += [Issue(what, many, line_at(source, at), source.name) for what, many, at in faults]
    keep = ~garbled & ~cut
    return (kind, fields, issues) if keep.all() else (kind[keep], fields[keep], issues)


def _solution(source: Source, found: Mapping[int, Found], t_ns: I64) -> tuple[Solution, list[Issue]]:
    """The trajectory of epochs whose times increase."""
    status, simulated = status_of(found)
    lat, lon, impossible = places_of(found)
    h, h_extra, issues = heights_of(found, t_ns, source.name)
    sd, guessed = sigmas_of(found, status)
    speed, course = motion_of(found)
    if impossible:
        issues.append(Issue("impossible position", impossible, "", source.name))
    good = np.isfinite(lat) & (status > 0)
    p_e_m = np.where(good[:, None], ecef_from_degrees(lat, lon, h), np.nan)
    status = np.where(good, status, FixStatus.NONE).astype(np.uint8)
    c = c_ne(np.radians(lat), np.radians(lon))
    sd[:, 2] = np.hypot(sd[:, 2], h_extra)
    rooted = c * sd[:, :, None]
    # A receiver at rest gives no course: its velocity is none.
    course_or_rest = np.where(np.isnan(course) & (speed < REST_MPS), 0.0, course)
    v_n = np.stack([speed * np.cos(course_or_rest), speed * np.sin(course_or_rest), 0 * speed], axis=1)
    v_e = np.einsum("nji,nj->ni", c, v_n)
    notes = [f"sigmas without GST are HDOP × {UERE_M[FixStatus.SINGLE]:g} m (single) assumed"] if guessed else []
    if np.isfinite(v_n).any():
        notes.append("velocity is horizontal: speed and course over ground")
    solution = Solution(
        t_ns, p_e_m, np.einsum("nki,nkj->nij", rooted, rooted), np.where(good[:, None], v_e, np.nan), status=status,
        n_sats=np.clip(np.nan_to_num(first_finite(found[GGA].column(6), found[GNS].column(6))), 0, 999),
        channels=channels_of(found, speed, course),
        provenance=Provenance(sources=(source.name,), mode="NMEA", simulated=simulated, notes=tuple(notes)),
    )  # fmt: skip
    return solution, issues


def read(source: Source, options: ReadOptions) -> Recording:
    """Read into the stream "fixes".

    Speed and course become a horizontal velocity; GST, or else HDOP and VDOP with an assumed range error (UERE_M),
    the covariance. Heights missing from single epochs are interpolated, and told. A log without any date is put on
    1980-01-06 with the issue DATE_UNKNOWN. Lines that are no sentence, and sentences cut short, are counted; a wrong
    checksum or a garbled field raises FormatError, or is counted under `on_bad="skip"`.
    """
    kind, fields, issues = _scan(source, options)
    found, second = epochs_of(kind, fields)
    if not len(second):
        raise FormatError(source.path, "no sentence with a time", "", "needed are GGA, RMC, GNS or GLL sentences")
    t_ns, dated = times_of(found, second)
    if not dated:
        issues.append(Issue(DATE_UNKNOWN, 1, "", source.name, "no RMC or ZDA sentence; put on 1980-01-06"))
    index, disorder = in_order(source, t_ns, options)
    found = {kind: Found(one.fields, one.row[index]) for kind, one in found.items()}
    solution, odd = _solution(source, found, t_ns[index])
    if not solution.valid.any():
        raise FormatError(source.path, "no valid position in it", "", "the receiver never had a fix")
    simulated = solution.provenance.simulated
    return Recording(
        {"fixes": solution}, issues=(*issues, *disorder, *odd), sources=(source.name,), simulated=simulated
    )  # fmt: skip


FORMAT = Format("nmea", "NMEA 0183", (".nmea", ".nma"), _sniff, read, write)
