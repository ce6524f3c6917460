"""Ionosphere-free observations of one receiver less everything that precise products and models tell."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.antennas import Antennas
from kinema.core.arrays import F64, I64, U8
from kinema.core.biases import SignalBiases
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.satellites import SPEED_OF_LIGHT_MPS, SYSTEMS
from kinema.core.solution import Reason
from kinema.core.streams import GnssObservations
from kinema.core.time import iso_gps
from kinema.errors import ConfigError, EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.ppp_antennas import phase_centres
from kinema.estimate.ppp_params import PppParams
from kinema.estimate.ppp_signals import Combined, choose_pairs, combine, number_arcs
from kinema.estimate.satellite_states import SatelliteStates, row_epochs, satellite_states
from kinema.sensors.antenna import antenna_offsets_e
from kinema.sensors.celestial import sun_moon_e
from kinema.sensors.tides import solid_tide_e
from kinema.sensors.windup import windup_cycles

EARTH_GM = 3.986004418e14
FIT_S = 1900.0
NODE_S = 16.0
"""How much of the broadcast orbit's error is looked at to carry it on past the end of the precise one."""


@dataclass(frozen=True)
class PppTable:
    """n epochs, m rows: unit (m, 3), code and phase (m,) less model at x0_e_m (n, 3), metres, their variances, mapping
    (m, 3) of zenith wet delay and gradients, arc (m,), why each began (m,). x0 is the antenna, tides taken off.

    key (m,): which ambiguity a phase has: the satellite's, or one shared by all arcs whose integers are known."""

    t_ns: I64
    row_start: I64
    sat: I64
    key: I64
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
    combined: Combined
    signals: dict[str, tuple[str, str]]
    antenna_notes: tuple[str, ...]


def build_ppp(recording: Recording, options: SolveOptions, params: PppParams, x0_e_m: F64) -> PppTable:
    """Form and correct the combinations about rough antenna positions (n, 3). Raises EstimationError, ConfigError."""
    from kinema.kernels.atmosphere import IONO_GPS, atmosphere_rows
    from kinema.kernels.geodesy import lines_of_sight

    observations = recording.need("gnss", GnssObservations)
    orbits, clocks = recording.need("orbits", PreciseOrbits), recording.get("clocks", PreciseClocks)
    check_products(observations, orbits, clocks)
    pairs = choose_pairs(observations, options.systems)
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
    combined = combine(observations, pairs, recording.get("biases", SignalBiases))
    # An ambiguity is an integer only with the antenna that the products were made with.
    combined = replace(combined, integer=combined.integer & np.isin(sat, list(centres.satellites)))
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
    code, phase = combined.code - model, combined.phase - model - turn * combined.narrow_m
    code[low], phase[low] = np.nan, np.nan
    sine = np.sin(np.where(low, 0.5, elevation))
    shape = 1.0 / sine**2
    glonass = np.where(observations.sat // 100 == SYSTEMS.index("R"), params.glonass_code_factor, 1.0)
    gradient = 1.0 / (sine * np.tan(np.where(low, 0.5, elevation)) + 0.0032)
    mapping = np.stack([wet, gradient * np.cos(azimuth), gradient * np.sin(azimuth)], axis=1)
    arc, slip = number_arcs(observations, epoch, phase, combined, params)
    reason = np.where(low & (states.reason == Reason.USED), np.uint8(Reason.ELEVATION), states.reason)
    return PppTable(
        observations.t_ns, observations.row_start, sat, sat, epoch, x0_e_m, unit, azimuth,
        elevation, code, phase, (params.code_sigma_m * glonass) ** 2 * shape,
        params.phase_sigma_m**2 * shape + beyond_m**2,
        mapping, combined.cn0, arc, slip, reason, combined, signals, centres.notes,
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


def above_marker(observations: GnssObservations, p_e_m: F64) -> F64:
    """Antenna reference point less marker (3,) in ECEF, from the header's height, east, north."""
    up, east, north = observations.antenna.delta_hen_m
    lat, lon, _ = geodetic_from_ecef(p_e_m)
    return np.asarray(np.array([north, east, -up]) @ c_ne(lat, lon))
