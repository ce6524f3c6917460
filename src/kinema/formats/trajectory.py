"""What all readers of trajectories share: epochs in order, heights, weeks that are not known."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import c_ne, cov_e_from_n, ecef_from_geodetic
from kinema.core.recording import Issue
from kinema.core.time import iso_gps, unix_ns_from_gps_ns
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source

WEEK_UNKNOWN = "week unknown"
"""Kind of the Issue of a trajectory whose times are seconds of an unnamed GPS week; it is put into week 0."""
DATE_UNKNOWN = "date unknown"
"""Kind of the Issue of a trajectory whose times are UTC times of an unnamed day; it is put on 1980-01-06."""
RELATIVE_CLOCK = "relative clock"
"""Kind of the Issue of a file whose times count from its own start, which is put at the GPS epoch."""
NO_TIME = "no time"
"""Kind of the Issue of a fixed point: one position, good for all times, stored at GPS time 0."""


JITTER_S = 0.5
"""Samples that lie no further behind than that, and often, came by a network that does not keep their order."""


def in_order(source: Source, t_ns: I64, options: ReadOptions) -> tuple[I64, tuple[Issue, ...]]:
    """Indices that put epochs in increasing order, and what was odd.

    A file that runs backwards as a whole (a backward solution) is turned round; blocks that follow each other in
    another order, and samples that a network mixed, are sorted. Of epochs with one time the first is kept. All that is
    counted. A time between others that it has nothing to do with, and a clock that was set back, so that it lived
    through some time twice, raise FormatError; under `on_bad="skip"` the fewest epochs that will do are left out.
    """
    index = np.arange(len(t_ns))
    if (t_ns[1:] > t_ns[:-1]).all():
        return index, ()
    issues: list[Issue] = []
    if t_ns[0] > t_ns[-1] and (np.diff(t_ns) <= 0).all():
        index = index[::-1]
        issues.append(Issue("times run backwards", len(t_ns), "", source.name, "turned round"))
    for step in (_without_strays, _sorted, _without_overlap, _first_of_each):
        index = step(source, t_ns, index, options, issues)
    return index, tuple(issues)


def _refused(source: Source, options: ReadOptions, what: str, t_ns: int, remedy: str) -> None:
    """Raise FormatError where bad epochs are not skipped."""
    if options.on_bad == "raise":
        raise FormatError(source.path, what, f"GPS {iso_gps(t_ns)}", remedy)


def _without_strays(source: Source, t_ns: I64, index: I64, options: ReadOptions, issues: list[Issue]) -> I64:
    """Single times far off, before or behind, both neighbours of which follow each other."""
    t = t_ns[index]
    usual = max(int(np.median(np.abs(np.diff(t)))), 1)
    over = t[2:] - t[:-2]
    stray = np.zeros(len(t), np.bool_)
    outside = (t[1:-1] < t[:-2]) | (t[1:-1] > t[2:])
    stray[1:-1] = (over > 0) & (over < 4 * usual) & outside & (np.abs(t[1:-1] - t[:-2]) > 4 * usual)
    if not stray.any() or (stray.sum() > 1 and stray.mean() > 0.01):
        return index
    first = int(np.argmax(stray))
    apart = f"{(int(t[first]) - int(t[first - 1])) * 1e-9:+.4g} s from its neighbours"
    remedy = "read with --on-bad skip to leave it out"
    _refused(source, options, f"time steps back: epoch {first + 1} lies {apart}", int(t[first]), remedy)
    issues.append(Issue("stray time", int(stray.sum()), f"epoch {first + 1}", source.name, apart))
    return index[~stray]


def _sorted(source: Source, t_ns: I64, index: I64, options: ReadOptions, issues: list[Issue]) -> I64:
    """Blocks that do not overlap, and samples mixed within JITTER_S, by time."""
    t = t_ns[index]
    back = np.diff(t) < 0
    if not back.any():
        return index
    by_time = np.argsort(t, kind="stable")
    order, edges = index[by_time], np.flatnonzero(back) + 1
    # Blocks that overlap would be mixed sample by sample.
    if (np.diff(by_time) != 1).sum() <= 3 * len(edges) and (np.diff(t[by_time]) > 0).all():
        what = f"{len(edges) + 1} blocks sorted by time"
        issues.append(Issue("blocks out of order", len(edges), f"GPS {iso_gps(int(t[edges[0]]))}", source.name, what))
        return order
    latest = np.maximum.accumulate(t)
    behind = int((latest - t).max()) * 1e-9
    if len(edges) >= 10 and len(edges) > 1e-3 * len(t) and behind < JITTER_S:
        what = f"sorted by time; up to {behind:.3g} s late"
        issues.append(Issue("samples out of order", len(edges), f"GPS {iso_gps(int(t[edges[0]]))}", source.name, what))
        return order
    return index


def _without_overlap(source: Source, t_ns: I64, index: I64, options: ReadOptions, issues: list[Issue]) -> I64:
    """What a clock that was set back told twice: the epochs behind those before, or before those behind, if fewer."""
    t = t_ns[index]
    behind, ahead = t < np.maximum.accumulate(t), t > np.minimum.accumulate(t[::-1])[::-1]
    if not behind.any():
        return index
    first = int(np.argmax(np.diff(t, prepend=t[0]) < 0))
    step = f"time steps back by {(int(t[first - 1]) - int(t[first])) * 1e-9:.4g} s"
    remedy = "was the clock set there? cut the file, or read with --on-bad skip to leave such epochs out"
    _refused(source, options, step, int(t[first]), remedy)
    out = ahead if ahead.sum() < behind.sum() else behind
    detail = f"{step.removeprefix('time ')}; {int(out.sum())} epochs told twice left out"
    issues.append(Issue("time steps back", int(out.sum()), f"GPS {iso_gps(int(t[first]))}", source.name, detail))
    return np.asarray(index[~out])


def _first_of_each(source: Source, t_ns: I64, index: I64, options: ReadOptions, issues: list[Issue]) -> I64:
    same = np.concatenate([[False], np.diff(t_ns[index]) == 0])
    if same.any():
        first = int(t_ns[index][np.argmax(same)])
        issues.append(Issue("duplicate epoch", int(same.sum()), f"GPS {iso_gps(first)}", source.name))
    return np.asarray(index[~same])


def continued(t_ns: I64, values: F64) -> tuple[I64, str]:
    """Times of even samples (n,) whose clock was set back a few times, as the clock would have gone on, and what to
    tell of it; as they are, and "", where it was not, or where rows (n, k) were only written twice."""
    back = np.flatnonzero(np.diff(t_ns) < 0) + 1
    usual = int(np.median(np.diff(t_ns))) if len(t_ns) > 2 else 0
    if not 0 < len(back) < 10 or usual <= 0:
        return t_ns, ""
    over = np.concatenate([t_ns[np.minimum(back + 1, len(t_ns) - 1)] - t_ns[back - 1],
                           t_ns[back] - t_ns[np.maximum(back - 2, 0)]])  # fmt: skip
    if ((over > 0) & (over < 4 * usual)).any():
        return t_ns, ""  # a single stray time
    steps = []
    t_ns = t_ns.copy()
    for k in back.tolist():
        before = int(np.searchsorted(t_ns[:k], t_ns[k]))
        length = min(k - before, len(t_ns) - k)
        if np.array_equal(values[before : before + length], values[k : k + length]):
            return t_ns, ""
        step = int(t_ns[k - 1] - t_ns[k]) + usual
        t_ns[k:] += step
        steps.append(f"{step * 1e-9:.4g} s")
    return t_ns, f"set back by {', '.join(steps)}; the samples go on as if it had not been"


def spread(t_ns: I64, values: F64) -> tuple[I64, str]:
    """Times of samples (n,) of which several share each stamp, spread evenly until the next one, and what to tell of
    it; as they are, and "", where stamps are fine enough or whole rows (n, k) are repeated."""
    same = np.diff(t_ns) == 0
    if len(t_ns) < 20 or same.mean() < 0.3 or (np.diff(t_ns) < 0).any():
        return t_ns, ""
    if (np.diff(values, axis=0)[same] == 0).all(axis=1).mean() > 0.5:
        return t_ns, ""
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    count = np.diff(np.append(first, len(t_ns)))
    step = np.diff(t_ns[first])
    if len(step) < 3:
        return t_ns, ""
    usual, each = int(np.median(step)), max(int(np.median(count)), 1)
    known = (step < 1.5 * usual) & (count[:-1] > 0.5 * each)
    dt = np.append(np.where(known, step, usual), usual) / np.maximum(count, 1)
    dt[[0, -1]] = usual / each
    place = np.arange(len(t_ns)) - np.repeat(first, count)
    # the first stamp is mostly met in the middle: its samples are the last that share it
    place[: count[0]] += max(each - int(count[0]), 0)
    told = f"about {each} samples share each stamp of {usual * 1e-9:.4g} s; spread evenly"
    return t_ns + np.round(place * np.repeat(dt, count)).astype(np.int64), told


MOST = 1e9
"""No height in metres, velocity or sigma is larger."""


def sound_places(
    source: Source, options: ReadOptions, lat_deg: F64, lon_deg: F64, h_m: F64 | None = None
) -> tuple[Bool, list[Issue]]:
    """Which latitudes, longitudes and heights can be (a height may be NaN), and what to tell of the others.

    Raises FormatError at the first that cannot, unless `on_bad="skip"`; and where none can.
    """
    high = np.zeros(len(lat_deg), np.bool_) if h_m is None else np.abs(h_m) > MOST
    good = np.asarray((np.abs(lat_deg) <= 90) & (np.abs(lon_deg) <= 360) & ~high)
    if good.all():
        return good, []
    k = int(np.argmin(good))
    what = f"latitude {lat_deg[k]}, longitude {lon_deg[k]} is no place on Earth"
    remedy = "are its columns latitude, longitude, height in degrees and metres?"
    if high[k] and h_m is not None:
        what, remedy = f"height {h_m[k]:g} m cannot be", "are its columns right?"
    if options.on_bad == "raise" or not good.any():
        remedy = remedy if not good.any() else f"{remedy} --on-bad skip leaves it out"
        raise FormatError(source.path, what, f"point {k + 1}", remedy)
    return good, [Issue("impossible place", int((~good).sum()), f"point {k + 1}", source.name, what)]


def sound_rows_of(source: Source, options: ReadOptions, good: Bool, what: str, remedy: str) -> list[Issue]:
    """What to tell of the rows that are not `good` (n,). Raises as `sound_places` does."""
    if good.all() and len(good):
        return []
    row = int(np.argmin(good)) + 1 if len(good) else 1
    if options.on_bad == "raise" or not good.any():
        raise FormatError(source.path, what, f"row {row}", remedy)
    return [Issue(what, int((~good).sum()), f"row {row}", source.name)]


def ecef_from_degrees(lat_deg: F64, lon_deg: F64, h_m: F64) -> F64:
    """ECEF (n, 3) of latitudes and longitudes in degrees and ellipsoidal heights in metres."""
    return ecef_from_geodetic(np.radians(lat_deg), np.radians(lon_deg), h_m)


def ecef_from_ned_vectors(v_n: F64, lat_deg: F64, lon_deg: F64) -> F64:
    """Vectors (n, 3) turned from north, east, down at each place into ECEF; NaN where one cannot be."""
    v_n = np.where(np.abs(v_n) < MOST, v_n, np.nan)
    return np.asarray(np.einsum("nji,nj->ni", c_ne(np.radians(lat_deg), np.radians(lon_deg)), v_n))


def cov_from_enu_sd(sd: F64, p_e_m: F64) -> F64:
    """ECEF covariance (n, 3, 3) from RTKLIB's six signed roots (n, 6): n, e, u, ne, eu, un; NaN where all are 0."""
    sd = np.where(np.abs(sd) < MOST, sd, np.nan)
    n, e, u, ne, eu, un = (np.sign(c) * c * c for c in sd.T)
    rows = [[n, ne, -un], [ne, e, -eu], [-un, -eu, u]]
    cov_n = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    unknown = ~(np.abs(sd) > 0).any(axis=1) | ~np.isfinite(sd).all(axis=1)
    cov_n[unknown] = np.nan
    return cov_e_from_n(cov_n, p_e_m)


def utc_texts(t_ns: I64) -> list[str]:
    """ISO 8601 UTC texts of GPS times: to the millisecond where that says it all, else to the nanosecond."""
    unit, per = ("ms", 1_000_000) if bool((t_ns % 1_000_000 == 0).all()) else ("ns", 1)
    stamps = (unix_ns_from_gps_ns(t_ns) // per).astype(f"datetime64[{unit}]")
    return [text + "Z" for text in np.datetime_as_string(stamps).tolist()]
