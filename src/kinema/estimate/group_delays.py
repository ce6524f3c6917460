"""What each signal is late against the clock of its broadcast message, or against precise clocks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kinema.core.arrays import F64, I64, U8
from kinema.core.ephemeris import KEPLER_COLUMNS, MESSAGES, BroadcastEphemerides
from kinema.core.satellites import BAND_HZ, SPEED_OF_LIGHT_MPS, SYSTEMS, sat_system
from kinema.core.streams import GnssObservations

LNAV, CNAV, CNV2, INAV, FNAV, D1, D2, CNV1, CNV3, FDMA, CNVX = range(len(MESSAGES))
COLUMN = {name: index for index, name in enumerate(KEPLER_COLUMNS)}


def _delay_terms(ephemerides: BroadcastEphemerides) -> dict[str, F64]:
    """Per message its broadcast delays in metres, by column; GLONASS's L2−L1 difference as "delta_tau_s"."""
    names = ("tgd1_s", "tgd2_s", "isc1_s", "isc2_s", "isc5_s")
    terms = {name: np.full(len(ephemerides.sat), np.nan) for name in (*names, "delta_tau_s")}
    is_kepler = ephemerides.message != FDMA
    for name in names:
        if is_kepler.any():
            terms[name][is_kepler] = ephemerides.kepler[ephemerides.row[is_kepler], COLUMN[name]]
    if (~is_kepler).any():
        terms["delta_tau_s"][~is_kepler] = ephemerides.glonass[ephemerides.row[~is_kepler], 14]
    return {name: value * SPEED_OF_LIGHT_MPS for name, value in terms.items()}


def group_delays(observations: GnssObservations, ephemerides: BroadcastEphemerides | None, choice: I64) -> F64:
    """Group delay of each signal against the clock of its chosen message, (m, slots) in metres.

    GPS, QZSS: TGD and, from CNAV, the inter-signal corrections (IS-GPS-200 30.3.3.3.1); L2 without them is γ TGD;
    L5 without them is not known. Galileo: BGD of both pairs, whichever the clock refers to. BeiDou: clock on B3I,
    TGD1 on B1I, TGD2 on B2I (D1, D2); TGD and ISC of the new signals from CNV1 to CNV3. GLONASS: clock on L1.
    """
    delay = np.full((len(choice), observations.n_slots), np.nan)
    if ephemerides is None or not len(ephemerides.sat):
        return delay
    terms = _delay_terms(ephemerides)
    _borrow_terms(ephemerides, terms)
    system = observations.sat // 100
    for letter, signals in observations.signals.items():
        rows = np.flatnonzero((system == SYSTEMS.index(letter)) & (choice >= 0))
        if not len(rows):
            continue
        message = choice[rows]
        mine = {name: value[message] for name, value in terms.items()}
        for slot, signal in enumerate(signals):
            delay[rows, slot] = _signal_delay(letter, signal, mine, ephemerides.message[message])
    return delay


def _borrow_terms(ephemerides: BroadcastEphemerides, terms: Mapping[str, F64]) -> None:
    """Let a message use the delays that only another kind of message of its satellite carries (the latest one's)."""
    latest = np.argsort(ephemerides.toe_ns, kind="stable")
    navigation = {"G": ("isc1_s", "isc2_s", "isc5_s"), "J": ("isc1_s", "isc2_s", "isc5_s"), "E": ("tgd1_s", "tgd2_s")}
    for sat in np.unique(ephemerides.sat).tolist():
        names = navigation.get(sat_system(sat))
        if names is None:
            continue
        mine = latest[ephemerides.sat[latest] == sat]
        for name in names:
            value = terms[name][mine]
            known = np.isfinite(value)
            if known.any() and not known.all():
                terms[name][mine[~known]] = value[known][-1]


def _signal_delay(letter: str, signal: str, t: Mapping[str, F64], message: U8) -> F64:
    band = BAND_HZ[letter]
    zero = np.zeros(len(message))
    tgd1 = np.where(np.isfinite(t["tgd1_s"]), t["tgd1_s"], 0.0)
    if letter in "GJ":
        gamma2 = (band["1"] / band["2"]) ** 2
        if signal[0] == "1":
            return np.asarray(tgd1 - (np.nan_to_num(t["isc1_s"]) if signal[1] == "C" else 0.0))
        if signal[0] == "2":
            isc2 = t["isc2_s"] if signal[1] in "CSLX" else np.full(len(zero), np.nan)
            return np.where(np.isfinite(isc2), tgd1 - isc2, gamma2 * tgd1)
        return np.asarray(tgd1 - t["isc5_s"]) if signal[0] == "5" else np.full(len(zero), np.nan)
    if letter == "E":
        tgd2 = np.where(np.isfinite(t["tgd2_s"]), t["tgd2_s"], tgd1)
        gamma5, gamma7 = (band["1"] / band["5"]) ** 2, (band["1"] / band["7"]) ** 2
        e1 = np.where(message == FNAV, tgd1, tgd2)
        e5a, e5b = e1 + (gamma5 - 1) * tgd1, e1 + (gamma7 - 1) * tgd2
        by_band = {"1": e1, "5": e5a, "7": e5b, "8": 0.5 * (e5a + e5b)}
        return np.asarray(by_band.get(signal[0], np.full(len(zero), np.nan)))
    if letter == "C":
        return _beidou_delay(signal, t, message)
    if letter == "R":
        return zero if signal[0] == "1" else np.nan_to_num(t["delta_tau_s"])
    return np.asarray(tgd1) if signal[0] == "5" else zero


def _beidou_delay(signal: str, t: Mapping[str, F64], message: U8) -> F64:
    unknown = np.full(len(message), np.nan)
    legacy = (message == D1) | (message == D2)
    if signal[0] == "6":
        return np.zeros(len(message))
    if signal[0] == "2":
        return np.where(legacy, t["tgd1_s"], unknown)
    if signal == "7I":
        return np.where(legacy, t["tgd2_s"], unknown)
    if signal[0] == "1":
        pilot = np.where(legacy, unknown, t["tgd1_s"])
        return pilot + np.nan_to_num(t["isc1_s"]) if signal[1] == "D" else pilot
    if signal[0] == "5":
        return np.where(legacy, unknown, t["tgd2_s"])
    return unknown


_CLOCK_PAIR = {"G": "12", "R": "12", "E": "15", "C": "26", "J": "12"}
"""Bands of the ionosphere-free pair that precise clocks refer to."""


def precise_delays(observations: GnssObservations, delay: F64) -> F64:
    """Delays against precise clocks, which refer to the ionosphere-free pair of L1 and L2 (E1 and E5a, B1I and B3I).

    With no message at all both signals of that pair count as on time: what they differ by goes into the ionosphere.
    """
    out, untold = delay.copy(), not np.isfinite(delay).any()
    system = observations.sat // 100
    for letter, pair in _CLOCK_PAIR.items():
        rows = np.flatnonzero(system == SYSTEMS.index(letter))
        slots = [
            next((k for k, s in enumerate(observations.signals.get(letter, ())) if s[0] == band), None) for band in pair
        ]
        if not len(rows) or None in slots:
            continue
        if untold:
            for slot in slots:
                out[rows, slot] = 0.0
        elif letter in "EC":  # broadcast delays of the others refer to that pair already
            f1, f2 = (BAND_HZ[letter][band] for band in pair)
            gamma = (f1 / f2) ** 2
            first, second = (delay[rows, slot] for slot in slots)
            out[rows] = delay[rows] - ((gamma * first - second) / (gamma - 1))[:, None]
    return out
