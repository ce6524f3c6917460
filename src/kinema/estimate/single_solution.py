"""A whole recording block by block, and the Solution made of it: status, uncertainty, residuals, what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from kinema.core.arrays import I64, U8, Bool
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Reason, Residuals, Solution
from kinema.core.streams import GnssObservations, used_mask
from kinema.core.time import iso_gps
from kinema.errors import EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.satellite_states import nearest_toe_hours
from kinema.estimate.single import Track, solve_rows
from kinema.estimate.single_params import Params
from kinema.estimate.single_rows import CARRIER, CODE, DOPPLER, Rows, build
from kinema.version import __version__

MAX_RESIDUAL_ROWS = 3_000_000
DEAD_RECKONED_AFTER_S = 60.0
LOST_SIGMA_M = 500.0
"""A position that is known no better than this is none."""
OUTLIER_WEIGHT = 0.1
DOWN_WEIGHT = 0.4


@dataclass(frozen=True)
class _Piece:
    """What is kept of a block: the epochs between the middles of its overlaps."""

    solution: Solution
    reasons: I64


def solve_single(recording: Recording, options: SolveOptions, params: Params) -> Solution:
    """Trajectory from code, Doppler and carrier changes of the recording's "gnss".

    Raises EstimationError with one line where no epoch can be positioned.
    """
    observations = recording.need("gnss", GnssObservations)
    ephemerides = recording.get("ephemerides", BroadcastEphemerides)
    orbits, clocks = recording.get("orbits", PreciseOrbits), recording.get("clocks", PreciseClocks)
    observations = between(observations, options)
    dropped = ~used_mask(observations.t_ns, options.masks_of("gnss"))
    pieces = []
    blocks = list(block_ranges(observations, params))
    for number, (start, keep_from, keep_to, stop) in enumerate(blocks):
        options.progress("code and Doppler", number / len(blocks))
        part = cut(observations, start, stop)
        rows = build(
            part, ephemerides, orbits, clocks, options.systems, options.frequencies, params, dropped[start:stop]
        )  # fmt: skip
        if rows is None:
            if len(blocks) == 1:
                raise EstimationError(_why_nothing(part, ephemerides, orbits, options, dropped))
            pieces.append(_empty_piece(cut(observations, keep_from, keep_to)))
            continue
        track = solve_rows(rows, params, causal=options.method == "filter", instantaneous=options.instantaneous)
        small = len(observations.sat) * 3 <= MAX_RESIDUAL_ROWS
        pieces.append(_piece(rows, track, keep_from - start, keep_to - start, keep_from, small))
    options.progress("code and Doppler", 1.0)
    solution = _joined([piece.solution for piece in pieces])
    if not solution.valid.any():
        raise EstimationError(_why_nothing(observations, ephemerides, orbits, options, dropped))
    return replace(
        solution,
        provenance=Provenance(
            sources=recording.sources, program=f"kinema {__version__}", mode="single", method=options.method,
            settings={"systems": options.systems, "frequencies": options.frequencies, **asdict(params)},
            simulated=recording.simulated, datum="WGS84" if orbits is None else "ITRF2014", point="antenna",
            notes=_notes(np.sum([piece.reasons for piece in pieces], axis=0), orbits is not None),
        ),
    )  # fmt: skip


def between(observations: GnssObservations, options: SolveOptions) -> GnssObservations:
    """The epochs that are asked for. Raises EstimationError where there are none."""
    first = 0 if options.from_ns is None else int(np.searchsorted(observations.t_ns, options.from_ns))
    last = len(observations.t_ns)
    if options.to_ns is not None:
        last = int(np.searchsorted(observations.t_ns, options.to_ns, side="right"))
    if first >= last:
        span = "no epochs"
        if len(observations.t_ns):
            span = f"{iso_gps(int(observations.t_ns[0]), 0)} to {iso_gps(int(observations.t_ns[-1]), 0)} GPS time"
        raise EstimationError(f"no observations between --from and --to; the recording has {span}")
    return cut(observations, first, last)


def cut(observations: GnssObservations, start: int, stop: int) -> GnssObservations:
    """The epochs start … stop − 1."""
    if start == 0 and stop == len(observations.t_ns):
        return observations
    a, b = int(observations.row_start[start]), int(observations.row_start[stop])
    return replace(
        observations, t_ns=observations.t_ns[start:stop], row_start=observations.row_start[start : stop + 1] - a,
        sat=observations.sat[a:b], code_m=observations.code_m[a:b], phase_cyc=observations.phase_cyc[a:b],
        doppler_hz=observations.doppler_hz[a:b], cn0_dbhz=observations.cn0_dbhz[a:b], lli=observations.lli[a:b],
    )  # fmt: skip


def block_ranges(observations: GnssObservations, params: Params) -> Iterator[tuple[int, int, int, int]]:
    """Blocks of bounded memory: (start, first kept, end of kept, end) epochs, with overlap_s more on each side."""
    n = len(observations.t_ns)
    at = 0
    while at < n:
        end = int(np.searchsorted(observations.row_start, observations.row_start[at] + params.block_rows))
        end = max(end, at + 1)
        if n - end < (end - at) // 4:
            end = n
        end = min(end, n)
        margin_ns = int(params.overlap_s * 1e9)
        start = int(np.searchsorted(observations.t_ns, observations.t_ns[at] - margin_ns)) if at else 0
        stop = int(np.searchsorted(observations.t_ns, observations.t_ns[end - 1] + margin_ns, side="right"))
        yield start, at, end, stop
        at = end


def _why_nothing(
    observations: GnssObservations, ephemerides: BroadcastEphemerides | None, orbits: PreciseOrbits | None,
    options: SolveOptions, dropped: Bool,
) -> str:  # fmt: skip
    """One line that tells why no epoch could be positioned."""
    if len(observations.sat) == 0:
        return "no observations of satellites; is the observation file complete?"
    if dropped.all():
        return "all epochs are masked; shorten --mask"
    if ephemerides is None and orbits is None:
        return "no navigation data; add a navigation file (RINEX NAV) or SP3 orbits"
    letters = {str(letter) for letter in observations.signals}
    if not letters & set(options.systems):
        return f"no satellites of --systems {options.systems}; the recording has {', '.join(sorted(letters))}"
    if ephemerides is not None and orbits is None:
        hours = nearest_toe_hours(observations, ephemerides)
        if not hours < 4.2:
            day = iso_gps(int(observations.t_ns[0]), 0)[:10]
            return f"no valid ephemeris: the nearest one is {hours:.1f} hours away; give the navigation file of {day}"
    most = int(np.diff(observations.row_start).max())
    if most < 4:
        return f"at most {most} satellites in an epoch; a position needs four"
    return (
        f"no epoch has four usable satellites (of {most} at most); see the masks on elevation and C/N0, and --systems"
    )


def _n_sats(rows: Rows, track: Track) -> I64:
    used = (track.sigma[:, CODE] > 0) & (track.weight[:, CODE] > OUTLIER_WEIGHT)
    return np.bincount(rows.epoch[used], minlength=len(rows.t_s))


def _piece(rows: Rows, track: Track, first: int, last: int, offset: int, with_residuals: bool) -> _Piece:
    keep = slice(first, last)
    n_sats = _n_sats(rows, track)
    cov = track.cov
    sigma = np.sqrt(np.trace(cov[:, :3, :3], axis1=1, axis2=2))
    seen = np.where(n_sats >= 4, np.arange(len(n_sats)), -1)
    last_seen = np.maximum.accumulate(seen)
    following = np.where(n_sats >= 4, np.arange(len(n_sats)), len(n_sats))
    next_seen = np.minimum.accumulate(following[::-1])[::-1]
    t = np.append(rows.t_s, np.inf)
    far = np.minimum(
        np.where(last_seen >= 0, rows.t_s - rows.t_s[np.maximum(last_seen, 0)], np.inf), t[next_seen] - rows.t_s
    )
    status = np.where(n_sats >= 4, FixStatus.SINGLE, FixStatus.DEAD_RECKONED)
    lost = ~(sigma < LOST_SIGMA_M) | (far > DEAD_RECKONED_AFTER_S) | ~np.isfinite(track.p_e_m).all(axis=1)
    status = np.where(lost, FixStatus.NONE, status)
    p = np.where(lost[:, None], np.nan, track.p_e_m)
    v = np.where(lost[:, None], np.nan, track.v_e_mps)
    channels = {
        "clock": Channel(track.clock_m[keep], "m", "receiver clock"),
        "clock_drift": Channel(track.drift_mps[keep], "m/s", "receiver clock drift"),
    }
    solution = Solution(
        rows.observations.t_ns[keep], p[keep], cov[keep, :3, :3], v[keep], cov[keep, 4:7, 4:7],
        status=status[keep].astype(np.uint8), n_sats=n_sats[keep].astype(np.int16), channels=channels,
        residuals=residual_table(rows, track, first, last, offset) if with_residuals else None,
    )  # fmt: skip
    reason = _reasons(rows, track, CODE)
    mine = (rows.epoch >= first) & (rows.epoch < last)
    return _Piece(solution, np.bincount(reason[mine], minlength=len(Reason)))


def _empty_piece(observations: GnssObservations) -> _Piece:
    n = len(observations.t_ns)
    return _Piece(Solution(observations.t_ns, np.full((n, 3), np.nan)), np.zeros(len(Reason), dtype=np.int64))


def _reasons(rows: Rows, track: Track, kind: int) -> I64:
    reason = rows.reason.astype(np.int64).copy()
    has = track.sigma[:, kind] > 0
    reason[(reason == Reason.USED) & ~has] = Reason.GARBLED
    reason[has & (track.weight[:, kind] < DOWN_WEIGHT)] = Reason.DOWN_WEIGHTED
    reason[has & (track.weight[:, kind] < OUTLIER_WEIGHT)] = Reason.SLIP if kind == CARRIER else Reason.OUTLIER
    return np.asarray(reason)


def residual_table(rows: Rows, track: Track, first: int, last: int, offset: int) -> Residuals:
    """Every code with its fate, and every Doppler and carrier change that there was."""
    names, signal = _signal_names(rows)
    in_piece = (rows.epoch >= first) & (rows.epoch < last)
    picked, kinds = [], []
    for kind in (CODE, DOPPLER, CARRIER):
        mine = np.flatnonzero(in_piece & ((track.sigma[:, kind] > 0) | (kind == CODE)))
        picked.append(mine)
        kinds.append(np.full(len(mine), kind))
    index, kind_of = np.concatenate(picked), np.concatenate(kinds)
    reason = np.stack([_reasons(rows, track, kind) for kind in (CODE, DOPPLER, CARRIER)], axis=1)[index, kind_of]
    has = track.sigma[index, kind_of] > 0
    return Residuals(
        rows.epoch[index] - first + offset, rows.observations.sat[index], kind_of.astype(np.uint8),
        signal[index], np.where(has, track.resid[index, kind_of], np.nan),
        np.where(has, track.sigma[index, kind_of], np.nan), reason.astype(np.uint8), rows.azimuth_rad[index],
        rows.elevation_rad[index], rows.signals.cn0_dbhz[index, 0], signals=names,
    )  # fmt: skip


def _signal_names(rows: Rows) -> tuple[tuple[str, ...], U8]:
    """Names of the first signals in use, and the index of each row's."""
    names: list[str] = []
    index = np.zeros((7, rows.observations.n_slots + 1), dtype=np.uint8)
    for letter, signals in rows.observations.signals.items():
        for slot, name in enumerate(signals):
            if name not in names:
                names.append(name)
            index["GRECJIS".index(letter), slot] = names.index(name)
    return tuple(names), index[rows.observations.sat // 100, np.maximum(rows.signals.slot[:, 0], 0)]


def _joined(parts: list[Solution]) -> Solution:
    if len(parts) == 1:
        return parts[0]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("t_ns", "p_e_m", "cov_p_e_m2", "v_e_mps", "cov_v_e", "status", "n_sats")
    }
    names = set.intersection(*(set(part.channels) for part in parts))
    channels = {
        name: replace(parts[0].channels[name], value=np.concatenate([part.channels[name].value for part in parts]))
        for name in sorted(names)
    }
    tables = [part.residuals for part in parts if part.residuals is not None]
    residuals = None
    if len(tables) == len(parts):
        columns = ("epoch", "sat", "kind", "signal", "residual", "sigma", "reason", "azimuth_rad", "elevation_rad",
                   "cn0_dbhz")  # fmt: skip
        joined: dict[str, Any] = {name: np.concatenate([getattr(t, name) for t in tables]) for name in columns}
        residuals = Residuals(**joined, signals=tables[0].signals)
    return Solution(**arrays, channels=channels, residuals=residuals)


def _notes(reasons: I64, precise: bool) -> tuple[str, ...]:
    total = int(reasons.sum())
    told = [
        f"{int(reasons[reason])} of {total} codes: {reason.name.lower().replace('_', ' ')}"
        for reason in Reason
        if reason != Reason.USED and reasons[reason]
    ]
    orbits = "orbits and clocks: SP3/CLK" if precise else "orbits and clocks: broadcast"
    return (orbits, *told)
