"""What is known of identities: when a tag was read on whom, and where identities were confused."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kinema.analysis.movers import jumps_of, rows_by_track
from kinema.core.tracks import GroundDetections, GroundTracks
from kinema.report.scene import Movers

REACH_M, MOST_SIGMAS, NEAR_NS = 1.0, 4.0, 150_000_000
"""A tag was read on a mover within one of these distances, by a row no farther off in time."""

READ, WRONG, TWICE, JUMP = range(4)
KINDS = ("tag read", "another mover's tag read", "one tag on two movers", "identity jumped")


class Mark(NamedTuple):
    """Something on the line of an identity: mover, seconds, kind (of KINDS), the other mover or −1."""

    mover: int
    t_s: float
    kind: int
    other: int = -1


def marks_of(tracks: GroundTracks, movers: Movers, detections: GroundDetections | None = None) -> list[Mark]:
    """All marks of a scene, in order of mover and time."""
    place = {int(identity): k for k, identity in enumerate(movers.identity)}
    owner = {int(tag): k for k, tag in enumerate(movers.tag) if tag >= 0}
    reads = _reads_from_rows(tracks) if detections is None else _reads_from_detections(tracks, detections)
    marks = []
    for identity, t_ns, tag in reads:
        k, other = place[identity], owner.get(tag, -1)
        wrong = int(movers.tag[k]) not in (-1, tag)
        marks.append(Mark(k, (t_ns - movers.origin_ns) * 1e-9, WRONG if wrong else READ, other if wrong else -1))
    for rows in rows_by_track(tracks.track):
        t_s = np.asarray((tracks.t_ns[rows] - movers.origin_ns) * 1e-9, dtype=np.float64)
        k = place[int(tracks.track[rows.start])]
        marks += [Mark(k, float(at), JUMP) for at in jumps_of(t_s, tracks.v_ne_mps[rows])]
    return sorted([*marks, *_twice(movers)])


def _reads_from_rows(tracks: GroundTracks) -> list[tuple[int, int, int]]:
    """Identity, time and tag wherever a track's tag becomes another."""
    before = np.concatenate([[-1], tracks.tag[:-1]])
    before[np.flatnonzero(np.diff(tracks.track, prepend=-1))] = -1
    at = np.flatnonzero((tracks.tag >= 0) & (tracks.tag != before))
    return [(int(tracks.track[i]), int(tracks.t_ns[i]), int(tracks.tag[i])) for i in at]


def _reads_from_detections(tracks: GroundTracks, detections: GroundDetections) -> list[tuple[int, int, int]]:
    """The same from what was read: on the mover that bears the tag where it may have been the one, else on the
    nearest of its scan."""
    order = np.argsort(tracks.t_ns, kind="stable")
    times = tracks.t_ns[order]
    found = []
    for i in np.flatnonzero(detections.tag >= 0):
        t_ns, tag = int(detections.t_ns[i]), int(detections.tag[i])
        rows = order[np.searchsorted(times, t_ns - NEAR_NS) : np.searchsorted(times, t_ns + NEAR_NS, side="right")]
        away = tracks.p_ne_m[rows] - detections.p_ne_m[i]
        cov = tracks.cov_ne_m2[rows] + detections.cov_ne_m2[i]
        off = np.sqrt(np.maximum(np.einsum("ki,ki->k", away, np.linalg.solve(cov, away[..., None])[..., 0]), 0.0))
        may = (off < MOST_SIGMAS) | (np.hypot(*away.T) < REACH_M)
        rows, off = rows[may], off[may]
        if not len(rows):
            continue
        owner = tracks.tag[rows] == tag
        row = rows[np.argmin(np.where(owner, off, np.inf) if owner.any() else off)]
        found.append((int(tracks.track[row]), t_ns, tag))
    return found


def _twice(movers: Movers) -> list[Mark]:
    """Movers under one tag that are there at the same time."""
    marks = []
    tags, counts = np.unique(movers.tag[movers.tag >= 0], return_counts=True)
    for tag in tags[counts > 1]:
        same = np.flatnonzero(movers.tag == tag)
        for i, a in enumerate(same):
            for b in same[i + 1 :]:
                begin = max(movers.t_s[movers.start[a]], movers.t_s[movers.start[b]])
                if begin < min(movers.t_s[movers.start[a + 1] - 1], movers.t_s[movers.start[b + 1] - 1]):
                    marks += [Mark(int(a), float(begin), TWICE, int(b)), Mark(int(b), float(begin), TWICE, int(a))]
    return marks
