"""Ionosphere-free observations of one receiver less everything that precise products and models tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from math import radians
from typing import Any

import numpy as np

from kinema.core.antennas import Antennas
from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.satellites import SPEED_OF_LIGHT_MPS, SYSTEMS, frequency_table_hz
from kinema.core.solution import Reason
from kinema.core.streams import LLI_SLIP, GnssObservations
from kinema.core.time import iso_gps
from kinema.errors import ConfigError, EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.ppp_antennas import phase_centres
from kinema.estimate.satellite_states import SatelliteStates, row_epochs, satellite_states
from kinema.sensors.antenna import antenna_offsets_e
from kinema.sensors.celestial import sun_moon_e
from kinema.sensors.tides import solid_tide_e
from kinema.sensors.windup import windup_cycles

PAIRS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "G": (("1W", "1P", "1C"), ("2W", "2P", "2L", "2X", "2S")),
    "R": (("1P", "1C"), ("2P", "2C")),
    "E": (("1C", "1X", "1B"), ("5Q", "5X", "5I", "7Q", "7X")),
    "C": (("2I",), ("6I", "7I")),
    "J": (("1C", "1X"), ("2L", "2X", "5Q")),
}
"""Signals of each system that precise clocks refer to, the wanted first."""
EARTH_GM = 3.986004418e14
FIT_S = 1900.0
NODE_S = 16.0
"""How much of the broadcast orbit's error is looked at to carry it on past the end of the precise one."""


@dataclass(frozen=True)
class PppParams:
    """Sigmas are ionosphere-free, at zenith."""

    elevation_mask_rad: float = radians(8.0)
    code_sigma_m: float = 1.0
    phase_sigma_m: float = 0.006
    zenith_walk_m2ps: float = 3e-9
    gradient_walk_m2ps: float = 5e-11
    ambiguity_drift_m2ps: float = 0.0
    arc_gap_s: float = 120.0
    geometry_free_step_m: float = 0.08
    wide_lane_step_cyc: float = 2.5
    glonass_code_factor: float = 5.0


def ppp_params(given: Mapping[str, Any]) -> PppParams:
    """The settings, changed by `given`. Raises ConfigError for unknown names."""
    known = {field.name for field in fields(PppParams)}
    for name in given:
        if name not in known:
            raise ConfigError(f"ppp has no setting '{name}'; it has {', '.join(sorted(known))}")
    return PppParams(**given)


@dataclass(frozen=True)
class PppTable:
    """n epochs, m rows: unit (m, 3), code and phase (m,) less model at x0_e_m (n, 3), metres, their variances, mapping
    (m, 3) of zenith wet delay and gradients, arc (m,), why each began (m,), wavelength (m,) of the combination.
    x0 is the antenna, tides taken off."""

    t_ns: I64
    row_start: I64
    sat: I64
    epoch: I64
    x0_e_m: F64
    unit: F64
    azimuth: F64
    elevation: F64
    code: F64
    phase: F64
    code_var: F64
    phase_var: F64
    mapping: F64
    cn0: F64
    arc: I64
    slip: U8
    reason: U8
    signals: dict[str, tuple[str, str]]
    antenna_notes: tuple[str, ...]


def _choose(observations: GnssObservations, systems: str) -> dict[str, tuple[int, int, int, int]]:
    """Slots of the pair of each system: both phases, then both codes, which may be tracked on another channel."""
    chosen: dict[str, tuple[int, int, int, int]] = {}
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


def build_ppp(recording: Recording, options: SolveOptions, params: PppParams, x0_e_m: F64) -> PppTable:
    """Form and correct the combinations about rough antenna positions (n, 3). Raises EstimationError, ConfigError."""
    from kinema.kernels.atmosphere import IONO_GPS, atmosphere_rows
    from kinema.kernels.geodesy import lines_of_sight

    observations = recording.need("gnss", GnssObservations)
    orbits, clocks = recording.need("orbits", PreciseOrbits), recording.get("clocks", PreciseClocks)
    check_products(observations, orbits, clocks)
    pairs = _choose(observations, options.systems)
    if not pairs:
        raise EstimationError("PPP needs code and phase on two frequencies of a system with precise orbits; none here")
    states = satellite_states(observations, recording.get("ephemerides", BroadcastEphemerides), orbits, clocks)
    epoch = row_epochs(observations)
    states, beyond_m = past_the_orbits(recording, states, epoch)
    sun = sun_moon_e(observations.t_ns)[0][epoch]
    sat = observations.sat.astype(np.int64)
    signals = {k: (observations.signals[k][a], observations.signals[k][b]) for k, (a, b, _, _) in pairs.items()}
    centres = phase_centres(recording.get("antennas", Antennas), observations, signals)
    sat_p = states.p_e_m + antenna_offsets_e(sat, states.p_e_m, sun, centres.offsets())
    code, phase, length, gf, wide, cn0, lost = _combine(observations, pairs)
    tide = solid_tide_e(observations.t_ns, x0_e_m)
    here = x0_e_m + tide
    m = len(epoch)
    rho, azimuth, elevation = (np.full(m, np.nan) for _ in range(3))
    unit = np.full((m, 3), np.nan)
    lines_of_sight(epoch, sat_p, here, rho, unit, azimuth, elevation)
    iono, tropo, wet = (np.full(m, np.nan) for _ in range(3))
    atmosphere_rows(observations.t_ns, epoch, here, azimuth, elevation, np.zeros(8), IONO_GPS, iono, tropo, wet)
    model = rho - states.clock_m + tropo + _shapiro(sat_p, here[epoch], rho)
    model += centres.range_m(sat, sat_p, here[epoch], unit, azimuth, elevation)
    turn = windup_cycles(sat, epoch, states.p_e_m, sun, here[epoch])
    low = ~(elevation > params.elevation_mask_rad) | (states.reason != Reason.USED)
    code, phase = code - model, phase - model - turn * length
    code[low], phase[low] = np.nan, np.nan
    sine = np.sin(np.where(low, 0.5, elevation))
    shape = 1.0 / sine**2
    glonass = np.where(observations.sat // 100 == SYSTEMS.index("R"), params.glonass_code_factor, 1.0)
    gradient = 1.0 / (sine * np.tan(np.where(low, 0.5, elevation)) + 0.0032)
    mapping = np.stack([wet, gradient * np.cos(azimuth), gradient * np.sin(azimuth)], axis=1)
    arc, slip = _arcs(observations, epoch, phase, gf, wide, lost, params)
    reason = np.where(low & (states.reason == Reason.USED), np.uint8(Reason.ELEVATION), states.reason)
    return PppTable(
        observations.t_ns, observations.row_start, sat, epoch, x0_e_m, unit, azimuth,
        elevation, code, phase, (params.code_sigma_m * glonass) ** 2 * shape,
        params.phase_sigma_m**2 * shape + beyond_m**2,
        mapping, cn0, arc, slip, reason, signals, centres.notes,
    )  # fmt: skip


def past_the_orbits(recording: Recording, states: SatelliteStates, epoch: I64) -> tuple[SatelliteStates, F64]:
    """Positions past either end of the SP3 table, and the sigma (m,) that this adds.

    A polynomial through the table's millimetres leaves its ends by metres. The broadcast orbit's error, which is
    smooth, is carried on instead: a line through it at the table's own times within FIT_S, of one message throughout;
    the relativistic part of the clock follows. Without a broadcast orbit rows past the ends are dropped.
    """
    observations = recording.need("gnss", GnssObservations)
    orbits, ephemerides = recording.need("orbits", PreciseOrbits), recording.get("ephemerides", BroadcastEphemerides)
    t = observations.t_ns[epoch]
    sigma = np.zeros(len(epoch))
    p, clock = states.p_e_m.copy(), states.clock_m.copy()
    step_ns = int(np.median(np.diff(orbits.t_ns)))
    off_node_s = np.abs((t - orbits.t_ns[0] + step_ns // 2) % step_ns - step_ns // 2) * 1e-9
    own = satellite_states(observations, ephemerides).message if ephemerides is not None else np.full(len(t), -1)
    for edge, sign in ((int(orbits.t_ns[-1]), 1), (int(orbits.t_ns[0]), -1)):
        away_s = sign * (t - edge) * 1e-9
        beyond = away_s > 0
        if not beyond.any():
            continue
        p[beyond] = np.nan
        nodes = (
            (off_node_s < NODE_S) & (away_s < NODE_S) & (away_s > -FIT_S) & np.isfinite(states.p_e_m[:, 0]) & (own >= 0)
        )
        for sat in np.unique(observations.sat[beyond]):
            mine = observations.sat == sat
            known, out = np.flatnonzero(mine & nodes), np.flatnonzero(mine & beyond & (own >= 0))
            if ephemerides is None or len(known) < 2:
                continue
            message = np.full(len(epoch), -1, dtype=np.int64)
            message[np.union1d(known, out)] = own[known[np.argmax(away_s[known])]]
            other = satellite_states(observations, ephemerides, message=message)
            x = away_s / FIT_S
            fit = np.polynomial.polynomial.polyfit(x[known], states.p_e_m[known] - other.p_e_m[known], 1)
            p[out] = other.p_e_m[out] + np.polynomial.polynomial.polyval(x[out], fit).T
            before, after = states.p_e_m[out] * states.v_e_mps[out], p[out] * other.v_e_mps[out]
            clock[out] += 2.0 / SPEED_OF_LIGHT_MPS * (before - after).sum(axis=1)
            sigma[out] = 0.3 * x[out] ** 2
    return replace(states, p_e_m=p, clock_m=clock), sigma


def check_products(observations: GnssObservations, orbits: PreciseOrbits, clocks: PreciseClocks | None) -> None:
    """Raise where the products are of another time than the observations."""
    first, last = int(observations.t_ns[0]), int(observations.t_ns[-1])
    for name, t_ns in (("SP3 orbits", orbits.t_ns), ("clocks", clocks.t_ns if clocks is not None else orbits.t_ns)):
        if int(t_ns[-1]) < first or int(t_ns[0]) > last:
            raise ConfigError(
                f"the {name} are of {iso_gps(int(t_ns[0]), 0)[:10]}, the observations of {iso_gps(first, 0)[:10]}; "
                "give the products of that day"
            )


def _shapiro(sat_p: F64, here: F64, rho: F64) -> F64:
    """Delay of light by the Earth's gravity (IERS Conventions 2010, 11.1.1)."""
    a, b = np.linalg.norm(sat_p, axis=1), np.linalg.norm(here, axis=1)
    return np.asarray(2 * EARTH_GM / SPEED_OF_LIGHT_MPS**2 * np.log((a + b + rho) / (a + b - rho)))


def _combine(
    observations: GnssObservations, pairs: dict[str, tuple[int, int, int, int]]
) -> tuple[F64, F64, F64, F64, F64, F64, Bool]:
    """Ionosphere-free code and phase, metres per cycle of turn, geometry-free phase, wide lane (cycles), C/N0, lost."""
    m = len(observations.sat)
    code, phase, length, gf, wide, cn0 = (np.full(m, np.nan) for _ in range(6))
    lost = np.zeros(m, dtype=np.bool_)
    sats, inverse = np.unique(observations.sat, return_inverse=True)
    channels = dict(observations.glonass_channel)
    hz = frequency_table_hz(sats, dict(observations.signals), observations.n_slots, channels)
    c = SPEED_OF_LIGHT_MPS
    for letter, (i, j, code1, code2) in pairs.items():
        rows = np.flatnonzero(observations.sat // 100 == SYSTEMS.index(letter))
        f1, f2 = hz[inverse[rows], i], hz[inverse[rows], j]
        p1, p2 = observations.code_m[rows, code1], observations.code_m[rows, code2]
        l1, l2 = observations.phase_cyc[rows, i] * c / f1, observations.phase_cyc[rows, j] * c / f2
        a, b = f1**2 / (f1**2 - f2**2), f2**2 / (f1**2 - f2**2)
        code[rows], phase[rows] = a * p1 - b * p2, a * l1 - b * l2
        length[rows] = c / (f1 + f2)
        gf[rows] = l1 - l2
        wide[rows] = (l1 * f1 - l2 * f2) / c - (p1 * f1 + p2 * f2) / (f1 + f2) * (f1 - f2) / c
        cn0[rows] = observations.cn0_dbhz[rows, i]
        lost[rows] = ((observations.lli[rows, i] | observations.lli[rows, j]) & LLI_SLIP) > 0
    return code, phase, length, gf, wide, cn0, lost


def _arcs(
    observations: GnssObservations, epoch: I64, phase: F64, gf: F64, wide: F64, lost: Bool, params: PppParams
) -> tuple[I64, U8]:
    """Number the continuous arcs of each satellite by lock, gaps, geometry-free and wide-lane steps."""
    arc = np.full(len(epoch), -1, dtype=np.int64)
    slip = np.zeros(len(epoch), dtype=np.uint8)
    t = observations.t_ns
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


def above_marker(observations: GnssObservations, p_e_m: F64) -> F64:
    """Antenna reference point less marker (3,) in ECEF, from the header's height, east, north."""
    up, east, north = observations.antenna.delta_hen_m
    lat, lon, _ = geodetic_from_ecef(p_e_m)
    return np.asarray(np.array([north, east, -up]) @ c_ne(lat, lon))
