"""Signals of one receiver for PPP: which are paired, their combinations less published biases, continuous arcs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.biases import SignalBiases
from kinema.core.satellites import SPEED_OF_LIGHT_MPS, SYSTEMS, frequency_table_hz
from kinema.core.streams import LLI_SLIP, GnssObservations
from kinema.estimate.ppp_params import PppParams
from kinema.estimate.satellite_states import row_epochs

PAIRS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "G": (("1W", "1P", "1C"), ("2W", "2P", "2L", "2X", "2S")),
    "R": (("1P", "1C"), ("2P", "2C")),
    "E": (("1C", "1X", "1B"), ("5Q", "5X", "5I", "7Q", "7X")),
    "C": (("2I",), ("6I", "7I")),
    "J": (("1C", "1X"), ("2L", "2X", "5Q")),
}
"""Signals of each system that precise clocks refer to, the wanted first."""
Pair = tuple[int, int, int, int]
"""Slots of both phases, then of both codes."""


@dataclass(frozen=True)
class Combined:
    """By row (m,): ionosphere-free code and phase, metres; metres per cycle of turn, which is also that of the first
    frequency's ambiguity (narrow lane); metres per cycle of wide lane in the ionosphere-free phase; geometry-free
    phase, metres; Melbourne–Wübbena, cycles, with satellites' biases, and whether these were known; C/N0; lock lost."""

    code: F64
    phase: F64
    narrow_m: F64
    wide_m: F64
    geometry_free: F64
    wide_cyc: F64
    integer: Bool
    cn0: F64
    lost: Bool


def choose_pairs(observations: GnssObservations, systems: str) -> dict[str, Pair]:
    """Slots of the pair of each system: both phases, then both codes, which may be tracked on another channel."""
    chosen: dict[str, Pair] = {}
    for letter, wanted in PAIRS.items():
        if letter not in systems or letter not in observations.signals:
            continue
        rows = observations.sat // 100 == SYSTEMS.index(letter)
        signals = observations.signals[letter]
        phases = [_most(observations.phase_cyc[rows], signals, names) for names in wanted]
        if None in phases:
            continue
        same_band = [
            [name for name in names if name[0] == signals[slot or 0][0]]
            for names, slot in zip(wanted, phases, strict=True)
        ]
        codes = [_most(observations.code_m[rows], signals, names) for names in same_band]
        if None not in codes:
            i, j, k, m = (slot or 0 for slot in (*phases, *codes))
            chosen[letter] = (i, j, k, m)
    return chosen


def _most(value: F64, signals: tuple[str, ...], names: Iterable[str]) -> int | None:
    """The slot that has most values, where each place further back in the list counts a fifth less."""
    merit = {
        signals.index(name): float(np.isfinite(value[:, signals.index(name)]).sum()) * 0.8**rank
        for rank, name in enumerate(names)
        if name in signals
    }
    best = max(merit, key=lambda slot: merit[slot], default=None)
    return best if best is not None and merit[best] > 0 else None


def combine(observations: GnssObservations, pairs: dict[str, Pair], biases: SignalBiases | None) -> Combined:
    """The combinations of every row; NaN where a signal is missing."""
    m = len(observations.sat)
    code, phase, narrow, wide_m, gf, wide, cn0 = (np.full(m, np.nan) for _ in range(7))
    lost, integer = np.zeros(m, dtype=np.bool_), np.zeros(m, dtype=np.bool_)
    sats, inverse = np.unique(observations.sat, return_inverse=True)
    channels = dict(observations.glonass_channel)
    hz = frequency_table_hz(sats, dict(observations.signals), observations.n_slots, channels)
    shift, clocks_integer = _wide_lanes(biases, observations.sat.astype(np.int64))
    c = SPEED_OF_LIGHT_MPS
    for letter, (i, j, code1, code2) in pairs.items():
        rows = np.flatnonzero(observations.sat // 100 == SYSTEMS.index(letter))
        f1, f2 = hz[inverse[rows], i], hz[inverse[rows], j]
        off = [_bias_m(observations, rows, letter, slot, of, biases) for slot, of in (
            (i, True), (j, True), (code1, False), (code2, False))]  # fmt: skip
        integer[rows] = clocks_integer[rows] | np.isfinite(np.sum(off, axis=0))
        o1, o2, o3, o4 = (np.nan_to_num(one) for one in off)
        p1, p2 = observations.code_m[rows, code1] - o3, observations.code_m[rows, code2] - o4
        l1, l2 = observations.phase_cyc[rows, i] * c / f1 - o1, observations.phase_cyc[rows, j] * c / f2 - o2
        a, b = f1**2 / (f1**2 - f2**2), f2**2 / (f1**2 - f2**2)
        code[rows], phase[rows] = a * p1 - b * p2, a * l1 - b * l2
        narrow[rows], wide_m[rows] = c / (f1 + f2), c * f2 / (f1**2 - f2**2)
        gf[rows] = l1 - l2
        wide[rows] = (l1 * f1 - l2 * f2) / c - (p1 * f1 + p2 * f2) / (f1 + f2) * (f1 - f2) / c
        cn0[rows] = observations.cn0_dbhz[rows, i]
        lost[rows] = ((observations.lli[rows, i] | observations.lli[rows, j]) & LLI_SLIP) > 0
    integer &= observations.sat // 100 != SYSTEMS.index("R")
    return Combined(code, phase, narrow, wide_m, gf, wide + shift, integer, cn0, lost)


def _wide_lanes(biases: SignalBiases | None, sat: I64) -> tuple[F64, Bool]:
    """Wide-lane biases of integer recovery clocks by row, 0 without, and where there is one."""
    table = np.full(100 * len(SYSTEMS), np.nan)
    for one, cycles in (biases.wide_lane_cyc if biases is not None else {}).items():
        table[one] = cycles
    return np.nan_to_num(table[sat]), np.isfinite(table[sat])


def _bias_m(
    observations: GnssObservations, rows: I64, letter: str, slot: int, phase: bool, biases: SignalBiases | None
) -> F64:
    """Published bias of a signal by row of `rows`, NaN without. Phases of a band are aligned: any of them serves."""
    out = np.full(len(rows), np.nan)
    if biases is None or not len(biases.sat):
        return out
    wanted = observations.signals[letter][slot]
    sat, t_ns = observations.sat[rows], observations.t_ns[row_epochs(observations)[rows]]
    names = [wanted, *(name for name in biases.signals if phase and name[0] == wanted[0] and name != wanted)]
    system = biases.sat // 100 == SYSTEMS.index(letter)
    for name in reversed([name for name in names if name in biases.signals]):
        these = system & (biases.phase == phase) & (biases.signal == biases.signals.index(name))
        for one in np.unique(biases.sat[these]):
            entries, mine = np.flatnonzero(these & (biases.sat == one)), np.flatnonzero(sat == one)
            entries = entries[np.argsort(biases.from_ns[entries], kind="stable")]
            at = np.searchsorted(biases.from_ns[entries], t_ns[mine], side="right") - 1
            good = (at >= 0) & (t_ns[mine] < biases.to_ns[entries[np.maximum(at, 0)]])
            out[mine[good]] = biases.bias_m[entries[at[good]]]
    return out


def number_arcs(
    observations: GnssObservations, epoch: I64, phase: F64, combined: Combined, params: PppParams
) -> tuple[I64, U8]:
    """Number the continuous arcs of each satellite by lock, gaps, geometry-free and wide-lane steps."""
    arc = np.full(len(epoch), -1, dtype=np.int64)
    slip = np.zeros(len(epoch), dtype=np.uint8)
    t, gf, wide, lost = observations.t_ns, combined.geometry_free, combined.wide_cyc, combined.lost
    following = 0
    for sat in np.unique(observations.sat):
        rows = np.flatnonzero((observations.sat == sat) & np.isfinite(phase))
        if not len(rows):
            continue
        gap_s = np.diff(t[epoch[rows]]) * 1e-9
        step = np.diff(gf[rows])
        # The ionosphere is taken to go on as it went before: a step is a change of its rate.
        rate = np.concatenate([[0.0], step[:-1] / gap_s[:-1]]) if len(step) else step
        rate = np.where(np.abs(rate) > 0.01, 0.0, rate)
        cause = np.zeros(len(rows), dtype=np.uint8)
        cause[1:][np.abs(np.diff(wide[rows])) > params.wide_lane_step_cyc] = 3
        cause[1:][np.abs(step - rate * gap_s) > params.geometry_free_step_m] = 2
        cause[lost[rows]] = 1
        cause[1:][gap_s > params.arc_gap_s] = 4
        cause[0] = 4
        arc[rows] = following + np.cumsum(cause > 0) - 1
        slip[rows] = cause
        following = int(arc[rows[-1]]) + 1
    return arc, slip
