"""Which two signals of each satellite are used: one near L1 and one far from it, row by row as they are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.satellites import BAND_HZ, GLONASS_STEP_HZ, SPEED_OF_LIGHT_MPS, SYSTEMS
from kinema.core.streams import LLI_HALF, LLI_SLIP, GnssObservations

L1_HZ = BAND_HZ["G"]["1"]
# Signals in order of preference: first and second of the pair. A code whose group delay no message tells is not used.
FIRST = {
    "G": ("1C", "1W", "1P", "1L", "1X", "1S"),
    "R": ("1C", "1P"),
    "E": ("1C", "1X", "1B", "1A"),
    "C": ("2I", "2X", "2Q", "1P", "1X", "1D"),
    "J": ("1C", "1Z", "1X", "1L"),
    "I": ("5A", "5X"),
}
SECOND = {
    "G": ("2W", "2L", "2X", "2S", "2P", "2C", "5Q", "5X", "5I"),
    "R": ("2C", "2P"),
    "E": ("5Q", "5X", "5I", "7Q", "7X", "7I", "8Q", "8X", "8I"),
    "C": ("6I", "6X", "6Q", "7I", "5P", "5X", "5D"),
    "J": ("2L", "2X", "2S", "5Q", "5X", "5I"),
    "I": (),
}


@dataclass(frozen=True)
class SignalPair:
    """Per row of the observations (m,), [..., 0] the first signal and [..., 1] the second.

    slot (m, 2), −1: none; code_m, phase_m (m, 2): group delays taken off the codes, phases in metres; iono (m, 2):
    ionospheric delay against that on L1; cn0_dbhz (m, 2); slip, half (m, 2): loss of lock and an unresolved half cycle
    were told; rate_mps (m,): −λ times Doppler of the first signal that has one.
    """

    slot: I64
    code_m: F64
    phase_m: F64
    iono: F64
    cn0_dbhz: F64
    slip: Bool
    half: Bool
    rate_mps: F64


def select_signals(observations: GnssObservations, group_delay_m: F64, systems: str, frequencies: int) -> SignalPair:
    """Pick the pair of signals of each row; NaN in rows of other systems."""
    m = len(observations.sat)
    slot = np.full((m, 2), -1, dtype=np.int64)
    system = observations.sat // 100
    code = observations.code_m - group_delay_m
    wavelength = _wavelengths(observations)
    for letter, signals in observations.signals.items():
        if letter not in systems or letter not in FIRST:
            continue
        rows = np.flatnonzero(system == SYSTEMS.index(letter))
        usable = np.isfinite(code[rows]) & np.isfinite(wavelength[rows])
        for rank, order in enumerate((FIRST[letter], SECOND[letter])[: max(1, min(frequencies, 2))]):
            slots = [signals.index(name) for name in order if name in signals]
            if slots and len(rows):
                has = usable[:, slots]
                slot[rows, rank] = np.where(has.any(axis=1), np.array(slots)[np.argmax(has, axis=1)], -1)
    slot = _prefer_tracked(slot)
    at = np.arange(m)[:, None]
    pick = np.maximum(slot, 0)
    have = slot >= 0
    waves = np.where(have, wavelength[at, pick], np.nan)
    lli = observations.lli[at, pick]
    rates = -wavelength * observations.doppler_hz if observations.n_slots else np.full((m, 1), np.nan)
    rates = np.where((slot[:, :1] >= 0), rates, np.nan)
    first_rate = np.argmax(np.isfinite(rates), axis=1)
    return SignalPair(
        slot,
        np.where(have, code[at, pick], np.nan),
        np.where(have, observations.phase_cyc[at, pick] * waves, np.nan),
        (waves * L1_HZ / SPEED_OF_LIGHT_MPS) ** 2,
        np.where(have, observations.cn0_dbhz[at, pick], np.nan),
        have & ((lli & LLI_SLIP) != 0),
        have & ((lli & LLI_HALF) != 0),
        rates[np.arange(m), first_rate] if m else np.empty(0),
    )


def _prefer_tracked(slot: I64) -> I64:
    """Where only the second signal is there, it becomes the first."""
    alone = (slot[:, 0] < 0) & (slot[:, 1] >= 0)
    out = slot.copy()
    out[alone, 0], out[alone, 1] = slot[alone, 1], -1
    return out


def _wavelengths(observations: GnssObservations) -> F64:
    """Carrier wavelength of each row and slot (m, slots); NaN where the frequency is not known."""
    system = observations.sat // 100
    out = np.full((len(system), observations.n_slots), np.nan)
    for letter, signals in observations.signals.items():
        rows = np.flatnonzero(system == SYSTEMS.index(letter))
        for slot, signal in enumerate(signals):
            hz: F64 = np.full(len(rows), BAND_HZ.get(letter, {}).get(signal[0], np.nan))
            if letter == "R" and signal[0] in GLONASS_STEP_HZ:
                channel = np.full(100 * len(SYSTEMS), np.nan)
                for sat, number in observations.glonass_channel.items():
                    channel[sat] = number
                hz = hz + channel[observations.sat[rows]] * GLONASS_STEP_HZ[signal[0]]
            out[rows, slot] = SPEED_OF_LIGHT_MPS / hz
    return out
