"""Raw observations out of u-blox RXM-RAWX messages."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.core.arrays import I16, I64, Bool
from kinema.core.recording import Issue
from kinema.core.satellites import SYSTEMS
from kinema.core.streams import LLI_HALF, LLI_SLIP, GnssObservations
from kinema.core.time import NS, WEEK_NS, iso_gps, leap_seconds
from kinema.formats.base import ReadOptions, Source
from kinema.formats.trajectory import in_order
from kinema.formats.ubx_frames import RAWX, RAWX_HEAD, SYSTEM_OF_GNSS_ID, Frames, gather

SIGNAL_OF_ID: dict[tuple[str, int], str] = {
    ("G", 0): "1C", ("G", 3): "2L", ("G", 4): "2S", ("G", 6): "5I", ("G", 7): "5Q",
    ("E", 0): "1C", ("E", 1): "1B", ("E", 3): "5I", ("E", 4): "5Q", ("E", 5): "7I", ("E", 6): "7Q",
    ("E", 8): "6B", ("E", 9): "6C", ("E", 10): "6A",
    ("C", 0): "2I", ("C", 1): "2I", ("C", 2): "7I", ("C", 3): "7I", ("C", 4): "6I", ("C", 10): "6I",
    ("C", 5): "1P", ("C", 6): "1D", ("C", 7): "5P", ("C", 8): "5D",
    ("J", 0): "1C", ("J", 1): "1Z", ("J", 4): "2S", ("J", 5): "2L", ("J", 8): "5I", ("J", 9): "5Q", ("J", 12): "1E",
    ("R", 0): "1C", ("R", 2): "2C", ("I", 0): "5A",
}  # fmt: skip
"""RINEX signal of (system, sigId): interface description, section "GNSS identifiers"."""

_MEASUREMENT = np.dtype([
    ("code_m", "<f8"), ("phase_cyc", "<f8"), ("doppler_hz", "<f4"), ("gnss", "u1"), ("sv", "u1"), ("signal", "u1"),
    ("channel", "u1"), ("lock_ms", "<u2"), ("cn0", "u1"), ("code_sd", "u1"), ("phase_sd", "u1"), ("doppler_sd", "u1"),
    ("track", "u1"), ("reserved", "u1"),
])  # fmt: skip
CODE_VALID, PHASE_VALID, HALF_RESOLVED, HALF_SUBTRACTED = 1, 2, 4, 8
LEAP_VALID, CLOCK_RESET = 1, 2


def observations_of(source: Source, frames: Frames, options: ReadOptions) -> tuple[GnssObservations, list[Issue]]:
    """The raw observations of all RXM-RAWX frames."""
    rawx = frames.of(RAWX, 16)
    head = frames.records(rawx, RAWX_HEAD)
    whole = (frames.length[rawx] >= 16 + 32 * head["n"].astype(np.int64)) & np.isfinite(head["tow_s"])
    whole &= (head["week"] > 0) & (head["tow_s"] >= 0) & (head["tow_s"] < 604_801)
    issues = []
    if not whole.all():
        where = f"byte {frames.start[rawx][np.argmin(whole)] - 6}"
        issues.append(Issue("RAWX without a time or cut short", int((~whole).sum()), where, source.name))
    empty = whole & (head["n"] == 0)
    if empty.any():
        where = f"byte {frames.start[rawx][np.argmax(empty)] - 6}"
        issues.append(Issue("epoch without observations", int(empty.sum()), where, source.name))
    rawx, head = rawx[whole & ~empty], head[whole & ~empty]
    t_ns = head["week"].astype(np.int64) * WEEK_NS + np.round(head["tow_s"] * NS).astype(np.int64)
    index, odd = in_order(source, t_ns, options)
    rawx, head, t_ns = rawx[index], head[index], t_ns[index]
    n = head["n"].astype(np.int64)
    epoch = np.repeat(np.arange(len(n)), n)
    within = np.arange(len(epoch)) - np.repeat(np.cumsum(n) - n, n)
    m = gather(frames.data, frames.start[rawx][epoch] + 16 + 32 * within, _MEASUREMENT)
    issues += [*odd, *_state_issues(source, head, t_ns)]
    sat, signal, skipped = _names(source, m)
    keep = sat > 0
    return _build(t_ns, epoch[keep], m[keep], sat[keep], signal[keep]), issues + skipped


def _state_issues(source: Source, head: Any, t_ns: I64) -> list[Issue]:
    issues = []
    reset = (head["state"] & CLOCK_RESET) != 0
    if reset.any():
        where = f"GPS {iso_gps(int(t_ns[np.argmax(reset)]))}"
        issues.append(Issue("receiver clock jump", int(reset.sum()), where, source.name))
    sure = (head["state"] & LEAP_VALID) != 0
    wrong = sure & (head["leap_s"] != leap_seconds(t_ns))
    if wrong.any():
        k = int(np.argmax(wrong))
        detail = f"receiver says {head['leap_s'][k]} s, the table {leap_seconds(int(t_ns[k]))} s"
        issues.append(
            Issue("leap seconds differ", int(wrong.sum()), f"GPS {iso_gps(int(t_ns[k]))}", source.name, detail)
        )
    return issues


def _names(source: Source, m: Any) -> tuple[I16, I64, list[Issue]]:
    """Satellite identifiers (0: left out) and indices into SIGNAL_OF_ID of measurements."""
    base = np.full(256, -1, np.int64)
    for gnss_id, system in SYSTEM_OF_GNSS_ID.items():
        base[gnss_id] = -1 if system == "S" else 100 * SYSTEMS.index(system)
    number = m["sv"].astype(np.int64)
    table = np.full((256, 256), -1, np.int64)
    for k, (system, sig_id) in enumerate(SIGNAL_OF_ID):
        table[next(g for g, s in SYSTEM_OF_GNSS_ID.items() if s == system), sig_id] = k
    signal = table[m["gnss"], m["signal"]]
    known = (base[m["gnss"]] >= 0) & (number > 0) & (number < 100)
    sbas = m["gnss"] == 1
    issues = []
    for kind, which in (
        ("skipped SBAS", sbas),
        ("skipped satellite without a number", ~known & ~sbas),
        ("skipped unknown signal", known & (signal < 0)),
    ):
        if which.any():
            issues.append(Issue(kind, int(which.sum()), "", source.name))
    return np.where(known & (signal >= 0), base[m["gnss"]] + number, 0).astype(np.int16), signal, issues


def _build(t_ns: I64, epoch: I64, m: Any, sat: I16, signal: I64) -> GnssObservations:
    signals, slot = _slots(signal)
    key, row = np.unique(epoch * 1000 + sat, return_inverse=True)
    shape = (len(key), max((len(codes) for codes in signals.values()), default=0))
    code, phase = np.full(shape, np.nan), np.full(shape, np.nan)
    doppler, cn0 = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    lli = np.zeros(shape, np.uint8)
    tracked = m["track"]
    has_phase = ((tracked & PHASE_VALID) != 0) & (m["phase_cyc"] != 0)
    code[row, slot] = np.where((tracked & CODE_VALID) != 0, m["code_m"], np.nan)
    phase[row, slot] = np.where(has_phase, m["phase_cyc"], np.nan)
    doppler[row, slot] = m["doppler_hz"]
    cn0[row, slot] = np.where(m["cn0"] > 0, m["cn0"], np.nan)
    half = np.where(has_phase & ((tracked & HALF_RESOLVED) == 0), LLI_HALF, 0)
    lli[row, slot] = half | np.where(has_phase & _slips(t_ns[epoch], sat, slot, m), LLI_SLIP, 0)
    counts = np.bincount(key // 1000, minlength=len(t_ns))
    fdma = (m["gnss"] == 6) & (m["channel"] < 14)
    channels = dict(zip(sat[fdma].tolist(), (m["channel"][fdma].astype(int) - 7).tolist(), strict=True))
    step = np.diff(t_ns)
    return GnssObservations(
        t_ns, np.concatenate([[0], np.cumsum(counts)]), (key % 1000).astype(np.int16), signals,
        code, phase, doppler, cn0, lli, glonass_channel=channels,
        interval_s=float(np.round(np.median(step) / NS, 3)) if len(step) else float("nan"),
    )  # fmt: skip


def _slots(signal: I64) -> tuple[dict[str, tuple[str, ...]], I64]:
    """Signals per system in the order of their names, and the slot of each measurement."""
    names = list(SIGNAL_OF_ID.items())
    codes: dict[str, set[str]] = {}
    for k in np.unique(signal).tolist():
        codes.setdefault(names[k][0][0], set()).add(names[k][1])
    signals = {system: tuple(sorted(codes[system])) for system in SYSTEMS if system in codes}
    slot = np.zeros(len(names), np.int64)
    for k, ((system, _), code) in enumerate(names):
        if code in signals.get(system, ()):
            slot[k] = signals[system].index(code)
    return signals, slot[signal]


def _slips(t_ns: I64, sat: I16, slot: I64, m: Any) -> Bool:
    """Where the phase is not continued from the observation before: lock counted anew, or half a cycle taken off."""
    order = np.lexsort((t_ns, slot, sat))
    same = (np.diff(sat[order]) == 0) & (np.diff(slot[order]) == 0)
    lock = m["lock_ms"][order].astype(np.int64)
    elapsed_ms = np.diff(t_ns[order]) // 1_000_000
    # The counter stands still at 64.5 s: from there on a longer lock cannot be told.
    shorter = (lock[1:] < lock[:-1]) | ((lock[1:] < elapsed_ms) & (lock[1:] < 64_500))
    halved = np.diff((m["track"][order] & HALF_SUBTRACTED).astype(np.int64)) != 0
    slipped = np.zeros(len(order), np.bool_)
    slipped[order[1:]] = same & (shorter | halved)
    slipped |= m["lock_ms"] == 0
    return slipped
