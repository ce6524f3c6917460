"""Judging movers on the ground: how far off, how many missed and false, who was confused with whom, and did it know.

Identity and detection are judged as for boxes (HOTA, CLEAR MOT, identity metrics), with a similarity that is 1 at no
distance, ½ at `within_m` and 0 at twice that. GOSPA is that of Rahmathullah, García-Fernández and Svensson 2017 with
p = 2, α = 2 and the cut at twice `within_m`, so that its parts add up: squared distances, missed, false.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kinema.analysis.identity import IdentityScore, from_counts
from kinema.analysis.identity_counts import HALF, Ragged, Rules, count, offsets
from kinema.core.arrays import F64, I64, Bool
from kinema.core.tracks import GroundTracks
from kinema.errors import DataError

LONGEST_GAP_S = 1.0
"""Rows of a track further apart are not bridged to judge it between them."""
NAN = float("nan")


@dataclass(frozen=True)
class GroundScore:
    """Of tracks on the ground against truth, at the times of the truth."""

    identity: IdentityScore
    within_m: float
    gospa_m: float
    """Mean over time of GOSPA, and the roots of the means of what it is made of:"""
    gospa_localisation_m: float
    gospa_missed_m: float
    gospa_false_m: float
    rms_m: float
    """Of matched pairs: distance, and"""
    p95_m: float
    speed_rms_mps: float
    nees: float
    """mean squared error over its stated covariance, 2 where the covariance is right, and"""
    inside: float
    """share within the stated 95 % ellipse."""
    named_right: float
    """Share of the truth's rows behind which a track of the same name stands; NaN where either has no names."""
    times: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, None where not known."""
        values = asdict(self)
        values["identity"] = self.identity.to_dict()
        return {k: None if isinstance(v, float) and v != v else v for k, v in values.items()}

    def __str__(self) -> str:
        s = self.identity
        verdict = "" if self.nees != self.nees else (
            f"\nNEES {self.nees:.2f} of 2, 95 % ellipse holds {self.inside:.1%} of the positions"
        )  # fmt: skip
        named = "" if self.named_right != self.named_right else f"\nunder its own name {self.named_right:.2%}"
        return (
            f"GOSPA {self.gospa_m:.3f} m (localisation {self.gospa_localisation_m:.3f}, missed "
            f"{self.gospa_missed_m:.3f}, false {self.gospa_false_m:.3f}; cut {2 * self.within_m:g} m, "
            f"{self.times} times)\n"
            f"error of pairs: RMS {self.rms_m:.3f} m, 95 % {self.p95_m:.3f} m, velocity {self.speed_rms_mps:.2f} m/s"
            f"{verdict}{named}\nby distance, ½ at {self.within_m:g} m:\n{s}"
        )


def score_ground(
    tracks: GroundTracks, truth: GroundTracks, *, within_m: float = 1.0, rules: Rules = "trackeval"
) -> GroundScore:
    """Judge tracks by truth; both may have times of their own: tracks are taken between their rows at the truth's.

    Raises DataError where they never overlap in time, or lie more than 100 km apart.
    """
    if not within_m > 0:
        raise DataError("within_m", "a distance above 0", f"{within_m:g}")
    times = np.unique(truth.t_ns)
    if not len(times) or not len(tracks.t_ns) or tracks.t_ns.max() < times[0] or tracks.t_ns.min() > times[-1]:
        raise DataError("tracks", "rows at times of the truth", "none; is one of them on another clock?")
    found = _at(tracks, times)
    p = _on(tracks, truth, found.p_ne_m)
    n = len(times)
    gt = Ragged(np.searchsorted(times, truth.t_ns) + 1, truth.track, truth.p_ne_m, n)
    tr = Ragged(found.time + 1, tracks.track[found.row], p, n)
    zero_m = 2 * within_m

    def similarity(a: Ragged, b: Ragged) -> tuple[I64, F64]:
        from kinema.kernels.ground_metrics import point_similarity

        offset = offsets(a, b)
        sim = np.empty(int(offset[-1]))
        point_similarity(a.what, a.start, b.what, b.start, offset, zero_m, sim)
        return offset, sim

    identity = from_counts(count(gt, tr, n, similarity, rules))
    return GroundScore(
        identity, within_m, **_gospa(gt, tr, zero_m), **_errors(gt, tr, similarity, tracks, truth, found), times=n
    )


@dataclass(frozen=True)
class _Found:
    """Rows of tracks at times of the truth: index of the time, row of the track before, and states there."""

    time: I64
    row: I64
    p_ne_m: F64
    v_ne_mps: F64
    cov_ne_m2: F64


def _at(tracks: GroundTracks, times: I64) -> _Found:
    """Each track at those of the times between two of its rows that are near enough to each other."""
    parts: list[tuple[I64, I64, F64]] = []
    starts = np.flatnonzero(np.diff(tracks.track, prepend=tracks.track[0] - 1))
    for a, b in zip(starts, [*starts[1:], len(tracks.track)], strict=True):
        t = tracks.t_ns[a:b]
        lo, hi = np.searchsorted(times, [t[0], t[-1] + 1])
        k = np.maximum(np.searchsorted(t, times[lo:hi], side="right") - 1, 0)
        after = np.minimum(k + 1, len(t) - 1)
        gap = (t[after] - t[k]) * 1e-9
        ahead = (times[lo:hi] - t[k]) * 1e-9
        keep = (gap <= LONGEST_GAP_S) | (ahead == 0)
        share = np.divide(ahead, gap, out=np.zeros(len(gap)), where=gap > 0)
        parts.append((np.arange(lo, hi)[keep], (a + k)[keep], share[keep]))
    time, row = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    share = np.concatenate([part[2] for part in parts])
    after = np.minimum(row + (share > 0), len(tracks.t_ns) - 1)

    def between(value: F64) -> F64:
        w = share.reshape(-1, *([1] * (value.ndim - 1)))
        return np.asarray(value[row] * (1 - w) + value[after] * w)

    return _Found(time, row, between(tracks.p_ne_m), between(tracks.v_ne_mps), between(tracks.cov_ne_m2))


def _on(tracks: GroundTracks, truth: GroundTracks, p_ne_m: F64) -> F64:
    """Points of the tracks on the plane of the truth."""
    if tracks.plane == truth.plane:
        return p_ne_m
    if (tracks.plane.lat_rad == 0) != (truth.plane.lat_rad == 0):
        raise DataError("tracks", "places on Earth in both or in none", "one of them local")
    moved = truth.plane.ne_from_geodetic(*tracks.plane.geodetic_from_ne(p_ne_m))
    if np.abs(moved - p_ne_m).max(initial=0.0) > 1e5:
        raise DataError("tracks", "places near those of the truth", "places more than 100 km away")
    return moved


def _gospa(gt: Ragged, tr: Ragged, cut_m: float) -> dict[str, float]:
    from kinema.kernels.ground_metrics import gospa_parts

    parts = np.empty((gt.n_frames, 4))
    gospa_parts(gt.what, gt.start, tr.what, tr.start, cut_m, parts)
    half = 0.5 * cut_m * cut_m
    each = np.column_stack((parts[:, 0], half * parts[:, 2], half * parts[:, 3]))
    whole = np.sqrt(each.sum(axis=1))
    located, missed, false = np.sqrt(each.mean(axis=0)).tolist()
    return {
        "gospa_m": float(whole.mean()), "gospa_localisation_m": located, "gospa_missed_m": missed,
        "gospa_false_m": false,
    }  # fmt: skip


def _errors(
    gt: Ragged, tr: Ragged, similarity: Any, tracks: GroundTracks, truth: GroundTracks, found: _Found
) -> dict[str, float]:
    """Of the pairs that fit best at each time."""
    from kinema.kernels.mot_metrics import match_frames

    offset, sim = similarity(gt, tr)
    partner = np.empty(len(gt.id), np.int64)
    match_frames(gt.start, tr.start, offset, sim, HALF, partner)
    pair = np.flatnonzero(partner >= 0)
    mine, real = tr.order[partner[pair]], gt.order[pair]
    error = tr.what[partner[pair]] - gt.what[pair]
    far = np.hypot(error[:, 0], error[:, 1])
    speed = found.v_ne_mps[mine] - truth.v_ne_mps[real]
    cov = found.cov_ne_m2[mine] + truth.cov_ne_m2[real]
    det = cov[:, 0, 0] * cov[:, 1, 1] - cov[:, 0, 1] * cov[:, 1, 0]
    known: Bool = np.isfinite(det) & (det > 0)
    c, e = cov[known], error[known]
    nees = (c[:, 1, 1] * e[:, 0] ** 2 - 2 * c[:, 0, 1] * e[:, 0] * e[:, 1] + c[:, 0, 0] * e[:, 1] ** 2) / det[known]
    speeds = np.hypot(speed[:, 0], speed[:, 1])
    speeds = speeds[np.isfinite(speeds)]
    return {
        "rms_m": float(np.sqrt((far**2).mean())) if len(far) else NAN,
        "p95_m": float(np.percentile(far, 95)) if len(far) else NAN,
        "speed_rms_mps": float(np.sqrt((speeds**2).mean())) if len(speeds) else NAN,
        "nees": float(nees.mean()) if len(nees) else NAN,
        "inside": float((nees < 5.9915).mean()) if len(nees) else NAN,
        "named_right": _named_right(tracks, truth, found.row[mine], real),
    }


def _named_right(tracks: GroundTracks, truth: GroundTracks, mine: I64, real: I64) -> float:
    """Share of all rows of named truth whose pair is called the same."""
    called, known = tracks.names(), truth.names()
    named = np.flatnonzero(truth.tag >= 0)
    if not len(named) or not (tracks.tag >= 0).any():
        return NAN
    code = {name: k for k, name in enumerate(sorted({*called.values(), *known.values()}))}
    of_track = {t: code[name] for t, name in called.items()}
    of_truth = {t: code[name] for t, name in known.items()}
    a = np.array([of_track[int(t)] for t in tracks.track[mine]], np.int64)
    b = np.array([of_truth[int(t)] for t in truth.track[real]], np.int64)
    return float(((a == b) & (truth.tag[real] >= 0)).sum() / len(named))
