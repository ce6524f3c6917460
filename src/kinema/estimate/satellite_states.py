"""Where each observed satellite was, what its clock showed, and the group delay of each of its signals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I16, I64, U8
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.satellites import SPEED_OF_LIGHT_MPS, SYSTEMS, sat_system
from kinema.core.solution import Reason
from kinema.core.streams import GnssObservations
from kinema.estimate.group_delays import (
    CNAV,
    CNV1,
    CNV2,
    CNV3,
    COLUMN,
    D1,
    D2,
    FDMA,
    FNAV,
    INAV,
    LNAV,
    group_delays,
    precise_delays,
)  # fmt: skip

MAX_AGE_S = {"G": 7500.0, "R": 1860.0, "E": 14700.0, "C": 21900.0, "J": 7500.0, "I": 7500.0, "S": 360.0}
"""How far from its toe a message may be used: half its fit interval and one period of upload."""
FUTURE_COST = {"E": 4.0, "C": 4.0}
"""Galileo and BeiDou fit a message to the time after its toe: before it the orbit is tens of metres off two hours
ahead (measured), so a toe that is still to come counts as this many times as far."""
SP3_ORDER = 10
DEFAULT_URA_M = {"G": 2.0, "R": 4.0, "E": 3.12, "C": 2.0, "J": 2.0, "I": 3.0, "S": 5.0}
PRECISE_SIGMA_M = 0.05

# Kinds of message whose orbit and clock are used, per system; where two are listed the first that has a valid one.
_PREFERRED: dict[str, tuple[tuple[int, ...], ...]] = {
    "G": ((LNAV,), (CNAV, CNV2)),
    "J": ((LNAV,), (CNAV, CNV2)),
    "C": ((D1, D2), (CNV1, CNV2, CNV3)),
    "R": ((FDMA,),),
    "I": ((LNAV,),),
    "S": ((LNAV, FDMA),),
}
_QZSS_HEALTH_MASK = ~1
"""QZSS: the lowest bit tells of L1C/B, which the others do not depend on (IS-QZSS-PNT-004 4.1.2.3)."""


@dataclass(frozen=True)
class SatelliteStates:
    """One entry per row of the observations (m rows).

    p_e_m, v_e_mps (m, 3): ECEF in the frame of the moment of transmission; turn it by the flight time with
    kernels.geodesy.line_of_sight. clock_m, clock_drift_mps (m,): satellite clock ahead of system time, times c,
    relativity included: code = range − clock + …. variance_m2 (m,) of orbit and clock along the line of sight
    (URA, SISA). reason (m,) Reason: USED, NO_EPHEMERIS, UNHEALTHY or GARBLED. message (m,) index into the
    ephemerides, −1 for none or precise. group_delay_m (m, slots): subtract it from a code to have it refer to
    clock_m; NaN where no message tells it. precise: orbits and clocks came from SP3 and CLK.
    """

    p_e_m: F64
    v_e_mps: F64
    clock_m: F64
    clock_drift_mps: F64
    variance_m2: F64
    reason: U8
    message: I64
    group_delay_m: F64
    precise: bool = False


@dataclass(frozen=True)
class MessageTable:
    """Broadcast messages as the kernel reads them: orbit class (k,) and the arrays of BroadcastEphemerides."""

    orbit: I64
    toe_ns: I64
    row: I64
    kepler: F64
    glonass: F64


def row_epochs(observations: GnssObservations) -> I64:
    """Index of the epoch of each row (m,)."""
    return np.repeat(np.arange(len(observations.t_ns)), np.diff(observations.row_start))


def row_codes(observations: GnssObservations) -> F64:
    """Some pseudorange of each row (m,): the first slot that has one; NaN where none has."""
    code = observations.code_m
    if code.shape[1] == 0:
        return np.full(len(code), np.nan)
    first = np.argmax(np.isfinite(code), axis=1)
    return np.asarray(code[np.arange(len(code)), first])


def satellite_states(
    observations: GnssObservations,
    ephemerides: BroadcastEphemerides | None = None,
    orbits: PreciseOrbits | None = None,
    clocks: PreciseClocks | None = None,
    *,
    code_m: F64 | None = None,
    message: I64 | None = None,
) -> SatelliteStates:
    """States of all observed satellites at transmission.

    With `orbits` the states are precise (with `clocks`, else with the clocks of the orbits), and the ephemerides
    serve only for group delays of their satellites. `code_m` (m,) replaces the pseudoranges that time the
    transmission; `message` (m,) forces the choice of broadcast message (a rover's to be its base's).
    """
    m = len(observations.sat)
    code = row_codes(observations) if code_m is None else code_m
    flight_s = code / SPEED_OF_LIGHT_MPS
    t_ns = np.repeat(observations.t_ns, np.diff(observations.row_start))
    garbled = ~((flight_s > 0.01) & (flight_s < 0.4))
    flight_s = np.where(garbled, np.nan, flight_s)
    reason = np.zeros(m, dtype=np.uint8)
    if ephemerides is None or len(ephemerides.sat) == 0:
        choice = np.full(m, -1, dtype=np.int64)
        reason[:] = Reason.NO_EPHEMERIS
    elif message is not None:
        choice = np.asarray(message, dtype=np.int64)
        reason[choice < 0] = Reason.NO_EPHEMERIS
    else:
        choice = choose_messages(observations, ephemerides, t_ns, reason)
    delay = group_delays(observations, ephemerides, choice)
    if orbits is not None:
        out = _precise(observations, t_ns, flight_s, orbits, clocks)
        reason = np.where(reason == Reason.UNHEALTHY, reason, np.uint8(Reason.USED))
        variance = np.full(m, PRECISE_SIGMA_M**2)
        choice = np.full(m, -1, dtype=np.int64)
        delay = precise_delays(observations, delay)
    else:
        out = _broadcast(t_ns, flight_s, choice, ephemerides, m)
        variance = _variances(observations, ephemerides, choice)
    p, v, clock, drift = out
    reason[~np.isfinite(clock) & (reason == Reason.USED)] = Reason.NO_EPHEMERIS
    reason[garbled & (reason == Reason.USED)] = Reason.GARBLED
    return SatelliteStates(p, v, clock, drift, variance, reason, choice, delay, orbits is not None)


def message_table(ephemerides: BroadcastEphemerides) -> MessageTable:
    """The messages with the class of their orbit model."""
    system = ephemerides.sat // 100
    number = ephemerides.sat % 100
    orbit = np.zeros(len(system), dtype=np.int64)
    orbit[system == SYSTEMS.index("E")] = 1
    beidou = system == SYSTEMS.index("C")
    geo = beidou & ((number <= 5) | (number >= 59))
    legacy = (ephemerides.message == D1) | (ephemerides.message == D2)
    orbit[beidou] = 2
    orbit[geo & legacy] = 3
    orbit[ephemerides.message == FDMA] = 4
    return MessageTable(orbit, ephemerides.toe_ns, ephemerides.row, ephemerides.kepler, ephemerides.glonass)


def _empty_states(m: int) -> tuple[F64, F64, F64, F64]:
    return np.full((m, 3), np.nan), np.full((m, 3), np.nan), np.full(m, np.nan), np.full(m, np.nan)


def _broadcast(
    t_ns: I64, flight_s: F64, choice: I64, ephemerides: BroadcastEphemerides | None, m: int
) -> tuple[F64, F64, F64, F64]:
    from kinema.kernels.orbit import broadcast_states

    out = _empty_states(m)
    if ephemerides is not None and len(ephemerides.sat):
        table = message_table(ephemerides)
        broadcast_states(
            t_ns, flight_s, choice, table.orbit, table.toe_ns, table.row, table.kepler, table.glonass, *out
        )
    return out


def states_with(
    observations: GnssObservations, ephemerides: BroadcastEphemerides, rows: I64, message: I64
) -> tuple[F64, F64, F64]:
    """Positions, velocities and clocks (m) of some rows by given messages."""
    t_ns = np.repeat(observations.t_ns, np.diff(observations.row_start))[rows]
    flight_s = row_codes(observations)[rows] / SPEED_OF_LIGHT_MPS
    p, v, clock, _ = _broadcast(t_ns, flight_s, message, ephemerides, len(rows))
    return p, v, clock


def _precise(
    observations: GnssObservations, t_ns: I64, flight_s: F64, orbits: PreciseOrbits, clocks: PreciseClocks | None
) -> tuple[F64, F64, F64, F64]:
    from kinema.kernels.orbit import precise_states

    def rows_of(sats: I16) -> I64:
        table = np.full(100 * len(SYSTEMS), -1, dtype=np.int64)
        table[sats] = np.arange(len(sats))
        return np.asarray(table[observations.sat])

    clock_t, clock_s, clock_sats = orbits.t_ns, orbits.clock_s, orbits.sat
    if clocks is not None:
        clock_t, clock_s, clock_sats = clocks.t_ns, clocks.clock_s, clocks.sat
    out = _empty_states(len(observations.sat))
    precise_states(
        t_ns, flight_s, rows_of(orbits.sat), rows_of(clock_sats), SP3_ORDER,
        orbits.t_ns, orbits.p_e_m, clock_t, clock_s, *out,
    )  # fmt: skip
    return out


def _galileo_preference(observations: GnssObservations) -> tuple[tuple[int, ...], ...]:
    """F/NAV where E5a is the second frequency, else I/NAV: their clocks refer to different pairs (OS SIS ICD 5.1.3)."""
    bands = {signal[0] for signal in observations.signals.get("E", ())}
    order = ((FNAV,), (INAV,)) if "5" in bands and "7" not in bands else ((INAV,), (FNAV,))
    return (*order, (LNAV,))


def choose_messages(observations: GnssObservations, ephemerides: BroadcastEphemerides, t_ns: I64, reason: U8) -> I64:
    """Message of each row: of the kind preferred for its system, healthy, its toe nearest in time.

    Writes NO_EPHEMERIS and UNHEALTHY into reason. A satellite whose nearest message says unhealthy is not used,
    even where an older one said healthy.
    """
    choice = np.full(len(t_ns), -1, dtype=np.int64)
    reason[:] = Reason.NO_EPHEMERIS
    order = np.argsort(observations.sat, kind="stable")
    sats, starts = np.unique(observations.sat[order], return_index=True)
    for sat, rows in zip(sats.tolist(), np.split(order, starts[1:]) if len(sats) else [], strict=True):
        system = sat_system(sat)
        limit_ns = int(MAX_AGE_S[system] * 1e9)
        mine = np.flatnonzero(ephemerides.sat == sat)
        preference = _galileo_preference(observations) if system == "E" else _PREFERRED[system]
        for kinds in preference:
            todo = rows[choice[rows] < 0]
            of_kind = mine[np.isin(ephemerides.message[mine], kinds)]
            if not len(todo) or not len(of_kind):
                continue
            cost = FUTURE_COST.get(system, 1.0)
            nearest = _nearest_toe(ephemerides, of_kind, t_ns[todo], cost)
            age_ns = t_ns[todo] - ephemerides.toe_ns[nearest]
            fresh = np.maximum(age_ns, -cost * age_ns) <= limit_ns
            health = ephemerides.health[nearest] & (_QZSS_HEALTH_MASK if system == "J" else ~0)
            reason[todo[fresh & (health != 0)]] = Reason.UNHEALTHY
            good = fresh & (health == 0)
            choice[todo[good]] = nearest[good]
            reason[todo[good]] = Reason.USED
    return choice


def _nearest_toe(ephemerides: BroadcastEphemerides, candidates: I64, t_ns: I64, future_cost: float) -> I64:
    """Of candidate messages the one with the nearest toe at each time; of equal ones the last sent."""
    order = candidates[np.lexsort((ephemerides.sent_ns[candidates], ephemerides.toe_ns[candidates]))]
    toe = ephemerides.toe_ns[order]
    last_of_toe = np.append(toe[1:] != toe[:-1], True)
    order, toe = order[last_of_toe], toe[last_of_toe]
    right = np.clip(np.searchsorted(toe, t_ns), 0, len(toe) - 1)
    left = np.maximum(right - 1, 0)
    return np.asarray(order[np.where(np.abs(t_ns - toe[left]) <= future_cost * (toe[right] - t_ns), left, right)])


def nearest_toe_hours(observations: GnssObservations, ephemerides: BroadcastEphemerides) -> float:
    """Hours between the observations and the nearest message in time, for a message to a person."""
    if not len(ephemerides.toe_ns) or not len(observations.t_ns):
        return float("nan")
    before = observations.t_ns[0] - ephemerides.toe_ns
    after = ephemerides.toe_ns - observations.t_ns[-1]
    return float(np.maximum(np.maximum(before, after), 0).min() / 3.6e12)


def _variances(observations: GnssObservations, ephemerides: BroadcastEphemerides | None, choice: I64) -> F64:
    default = np.array([DEFAULT_URA_M[letter] for letter in SYSTEMS])[observations.sat // 100]
    if ephemerides is None or not len(ephemerides.sat):
        return np.asarray(default**2)
    is_kepler = ephemerides.message != FDMA
    ura = np.full(len(ephemerides.sat), np.nan)
    if is_kepler.any():
        ura[is_kepler] = ephemerides.kepler[ephemerides.row[is_kepler], COLUMN["ura_m"]]
    sigma = np.where(choice >= 0, ura[choice], np.nan)
    usable = (sigma > 0) & (sigma < 100)
    return np.asarray(np.where(usable, sigma, default) ** 2)
