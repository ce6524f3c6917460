"""Which observations of a rover and a base make a difference: signals in common, base epoch, matching rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.satellites import SYSTEM_NAMES, SYSTEMS
from kinema.core.streams import GnssObservations
from kinema.core.time import iso_gps
from kinema.errors import ConfigError

BANDS = {"G": "125", "R": "12", "E": "15786", "C": "26715", "J": "125", "I": "5", "S": "1"}
"""Frequency bands of each system, the most useful first."""
TIE_S = 0.02
"""Time tags of rover and base this near are the same epoch."""


@dataclass(frozen=True)
class Pairing:
    """Rover rows and the base rows that they are differenced with.

    base_epoch (n,) the base epoch of each rover epoch, −1 where none is near enough; age_s (n,) of it; base_row (m,)
    the base row of each rover row, −1 where the base does not have the satellite; slots: per system the (rover slot,
    base slot, band) of the signals that are used.
    """

    base_epoch: I64
    age_s: F64
    base_row: I64
    slots: Mapping[str, tuple[tuple[int, int, str], ...]]


def pair(rover: GnssObservations, base: GnssObservations, systems: str, frequencies: int, max_age_s: float) -> Pairing:
    """Pair a rover with a base. Raises ConfigError where they have no time, satellite or signal in common."""
    base_epoch = np.searchsorted(base.t_ns, rover.t_ns + int(TIE_S * 1e9), side="right") - 1
    age_s = np.where(base_epoch >= 0, (rover.t_ns - base.t_ns[base_epoch]) * 1e-9, np.inf)
    base_epoch = np.where(age_s <= max_age_s, base_epoch, -1)
    if not (base_epoch >= 0).any():
        raise ConfigError(
            f"rover and base have no time in common: rover {_span(rover)}, base {_span(base)}; "
            "give the base's file of the same hours"
        )
    base_row = _matching_rows(rover, base, base_epoch)
    if not (base_row >= 0).any():
        raise ConfigError("rover and base have no satellite in common; are both files of the same day and place?")
    slots = {
        letter: chosen
        for letter in rover.signals
        if letter in systems and letter in base.signals
        if (chosen := _common_signals(letter, rover, base, base_row, frequencies))
    }
    if not slots:
        names = ", ".join(SYSTEM_NAMES[letter] for letter in rover.signals if letter in systems)
        raise ConfigError(f"rover and base have no carrier phase in common (rover: {names or 'none of ' + systems})")
    return Pairing(base_epoch, age_s, base_row, slots)


def _span(observations: GnssObservations) -> str:
    t_ns = observations.t_ns
    return f"{iso_gps(int(t_ns[0]), 0)} to {iso_gps(int(t_ns[-1]), 0)}" if len(t_ns) else "empty"


def _matching_rows(rover: GnssObservations, base: GnssObservations, base_epoch: I64) -> I64:
    """The base row with the same satellite in the base epoch of each rover row."""
    base_key = np.repeat(np.arange(len(base.t_ns)), np.diff(base.row_start)) * 1000 + base.sat
    order = np.argsort(base_key, kind="stable")
    wanted = np.repeat(base_epoch, np.diff(rover.row_start)) * 1000 + rover.sat
    place = np.minimum(np.searchsorted(base_key[order], wanted), max(len(order) - 1, 0))
    if not len(order):
        return np.full(len(wanted), -1, dtype=np.int64)
    found = (base_key[order][place] == wanted) & (wanted >= 0)
    return np.where(found, order[place], -1)


def _common_signals(
    letter: str, rover: GnssObservations, base: GnssObservations, base_row: I64, frequencies: int
) -> tuple[tuple[int, int, str], ...]:
    """For each band the pair of signals with most phases on both sides; the same tracking code where it ties."""
    mine = np.flatnonzero((rover.sat // 100 == SYSTEMS.index(letter)) & (base_row >= 0))
    chosen: list[tuple[int, int, str]] = []
    for band in BANDS[letter]:
        best, most = None, 0.0
        for i, code in enumerate(rover.signals[letter]):
            if code[0] != band:
                continue
            has = np.isfinite(rover.phase_cyc[mine, i])
            for j, other in enumerate(base.signals[letter]):
                if other[0] != band:
                    continue
                both = has & np.isfinite(base.phase_cyc[base_row[mine], j])
                count = both.sum() * (1.05 if code == other else 1.0)
                if count > most:
                    best, most = (i, j, band), count
        if best is not None:
            chosen.append(best)
    return tuple(chosen[:frequencies])
