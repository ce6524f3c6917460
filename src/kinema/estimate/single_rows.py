"""From observations to measured-minus-modelled rows: what the estimators of single.py are fed with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.satellites import SYSTEMS
from kinema.core.solution import Reason
from kinema.core.streams import GnssObservations
from kinema.estimate import ionosphere
from kinema.estimate.satellite_states import SatelliteStates, states_with
from kinema.estimate.signal_selection import SignalPair
from kinema.estimate.single_params import Params
from kinema.estimate.single_start import Chosen, choose, clock_jumps, fill, geometry, positions, rough_positions
from kinema.sensors import doppler, pseudorange, time_difference

SIS_SIGMA_M = {"G": 0.6, "R": 1.8, "E": 0.25, "C": 0.8, "J": 0.8, "I": 1.0, "S": 2.0}
"""Orbit and clock along the line of sight, typical of healthy satellites (the stated URA and SISA are bounds)."""
PRECISE_CLOCK_SIGMA_M = 0.1
CODE, DOPPLER, CARRIER = 0, 1, 2
MAX_LINK_S = 65.0
BDS2_LAST = 16
MAPPING_SIGMA_M = 0.02
"""Of the slant delay of the troposphere, per unit of mapping, beside its zenith delay."""


@dataclass
class Rows:
    """Everything per row (m,) and per epoch (n,) that the estimators need; see kernels.smoother for the layout."""

    observations: GnssObservations
    states: SatelliteStates
    signals: SignalPair
    epoch: I64
    t_s: F64
    dt_s: F64
    system: I64
    systems: str
    prev: I64
    reason: U8
    p0_e_m: F64
    clock0_m: F64
    bias_m: F64
    rho_m: F64
    unit: F64
    wet: F64
    azimuth_rad: F64
    elevation_rad: F64
    z: F64
    sigma: F64
    noise_m: F64
    """Part of sigma[:, CODE] that changes quickly (noise, multipath)."""
    systematic_m: F64
    """Part of sigma[:, CODE] that changes slowly (orbit, clock, atmosphere)."""
    group: I64
    """Group of signals whose noise is estimated together (m,)."""
    n_solved: int
    jump_m: F64
    """Steps of the receiver's clock that were taken off codes and carriers (n,), cumulated."""
    linked: bool = True
    """Whether an epoch knows of the others."""


def build(
    observations: GnssObservations, ephemerides: BroadcastEphemerides | None, orbits: PreciseOrbits | None,
    clocks: PreciseClocks | None, systems: str, frequencies: int, params: Params, dropped: Bool,
) -> Rows | None:  # fmt: skip
    """All rows of a block; `dropped` (n,) epochs keep no measurement. None where no epoch can be positioned."""
    if len(observations.sat) == 0:
        return None
    chosen = choose(observations, ephemerides, orbits, clocks, systems, frequencies, params, dropped)
    rough = rough_positions(chosen) if chosen is not None else None
    if chosen is None or rough is None:
        return None
    return _rows(chosen, rough, ephemerides, params)


def _rows(chosen: Chosen, rough: F64, ephemerides: BroadcastEphemerides | None, params: Params) -> Rows:
    observations, states, signals = chosen.observations, chosen.states, chosen.signals
    epoch, t_s, dt_s, reason = chosen.epoch, chosen.t_s, chosen.dt_s, chosen.reason
    good = np.isfinite(rough[:, 0])
    p = fill(t_s, rough)
    rho, unit, azimuth, elevation = geometry(epoch, states, p)
    reason[(reason == Reason.USED) & (elevation < params.elevation_mask_rad)] = Reason.ELEVATION
    used = reason == Reason.USED
    iono_model, tropo, wet_map = _atmosphere(observations, epoch, p, azimuth, elevation, ephemerides)
    prev = time_difference.previous_rows(observations.row_start, observations.sat)
    changes = _carrier(signals, prev, dt_s[epoch], used)
    shape = pseudorange.noise_shape(elevation, signals.cn0_dbhz[:, 0])
    arc = time_difference.arcs(observations.sat, prev, changes.unbroken)
    iono = ionosphere.estimate(
        t_s[epoch], _pair_numbers(observations, signals), signals.code_m, signals.phase_m, signals.iono, shape, arc,
        iono_model, azimuth, elevation, used,
    )  # fmt: skip
    code, noise_share = _combined_code(signals, iono)
    code = code - pseudorange.modelled(rho * 0, states.clock_m, 0.0 * rho, tropo)
    sis = _sis_sigma(observations, states)
    systematic = np.sqrt(sis**2 + iono.sigma_m**2 + (MAPPING_SIGMA_M * wet_map) ** 2)
    noise = params.code_sigma_m * shape * noise_share
    code_sigma = np.where(used, np.hypot(noise, systematic), 0.0)
    fine, clock, bias, n_solved = positions(chosen, code, code_sigma, p[good][0])
    p = fill(t_s, np.where(np.isfinite(fine), fine, np.where(good[:, None], p, np.nan)))
    rho, unit, azimuth, elevation = geometry(epoch, states, p)
    jump = clock_jumps(clock, t_s)
    z, sigma = np.full((len(epoch), 3), np.nan), np.zeros((len(epoch), 3))
    z[:, CODE] = code - rho - jump[epoch]
    z[:, DOPPLER] = _doppler(epoch, signals, states, p, unit)
    sigma[:, CODE] = np.where(np.isfinite(z[:, CODE]), code_sigma, 0.0)
    has = used & np.isfinite(z[:, DOPPLER])
    sigma[has, DOPPLER] = params.doppler_sigma_mps * doppler.noise_shape(elevation, signals.cn0_dbhz[:, 0])[has]
    switched = _message_switch(observations, ephemerides, states, prev, unit)
    delay = rho + tropo - states.clock_m
    _carrier_rows(z, sigma, chosen, changes, prev, delay, switched, iono.slant_m, jump, shape, params)
    return Rows(
        observations, states, signals, epoch, t_s, dt_s, chosen.system, chosen.present, prev, reason, p, clock - jump,
        bias, rho, unit, np.where(used, wet_map, 0.0), azimuth, elevation, z, sigma, noise, systematic,
        np.where(used, chosen.system * 2 + (iono.pair >= 0), -1), n_solved, jump,
    )  # fmt: skip


IONO_DEFAULT = (0.1118e-7, -0.7451e-8, -0.5961e-7, 0.1192e-6, 0.1167e6, -0.2294e6, -0.1311e6, 0.1049e7)
"""Coefficients of an average day, where no message tells any."""


def _atmosphere(
    observations: GnssObservations, epoch: I64, p: F64, azimuth: F64, elevation: F64,
    ephemerides: BroadcastEphemerides | None,
) -> tuple[F64, F64, F64]:  # fmt: skip
    from kinema.kernels.atmosphere import IONO_BDS, IONO_GPS, atmosphere_rows

    told = ephemerides.ionosphere if ephemerides is not None else {}
    ab, model = np.array(IONO_DEFAULT), IONO_GPS
    for first, second, kind in (("GPSA", "GPSB", IONO_GPS), ("QZSA", "QZSB", IONO_GPS), ("BDSA", "BDSB", IONO_BDS)):
        if len(told.get(first, ())) >= 4 and len(told.get(second, ())) >= 4:
            ab, model = np.array([*told[first][:4], *told[second][:4]], dtype=np.float64), kind
            break
    out = np.empty((3, len(epoch)))
    atmosphere_rows(observations.t_ns, epoch, p, azimuth, elevation, ab, model, out[0], out[1], out[2])
    return out[0], out[1], out[2]


@dataclass(frozen=True)
class _Changes:
    """Carrier changes of both signals (m, 2), free of the ionosphere (m,), and where an arc goes on (m,)."""

    single: F64
    free: F64
    unbroken: Bool


def _carrier(signals: SignalPair, prev: I64, dt_s: F64, used: Bool) -> _Changes:
    j = np.maximum(prev, 0)
    lost = signals.slip | (signals.slot != signals.slot[j]) | (signals.half != signals.half[j])
    lost |= (~used | ~used[j] | (dt_s > MAX_LINK_S))[:, None]
    change, free = time_difference.carrier_change(signals.phase_m, signals.code_m, signals.iono, lost, prev, dt_s)
    without_carrier = ~np.isfinite(signals.phase_m).all(axis=1) & ~np.isfinite(signals.phase_m[j]).all(axis=1)
    same = (signals.slot == signals.slot[j]).all(axis=1) & (prev >= 0)
    return _Changes(change, free, np.isfinite(free) | (without_carrier & same))


def _pair_numbers(observations: GnssObservations, signals: SignalPair) -> I64:
    """A number for each pair of signals that shares one receiver bias, −1 where there is no second signal.

    BeiDou's second and third generation do not: their broadcast delays differ by metres (measured).
    """
    sat = observations.sat.astype(np.int64)
    second_generation = (sat // 100 == SYSTEMS.index("C")) & (sat % 100 <= BDS2_LAST)
    number = (sat // 100 * 2 + second_generation) * 400 + signals.slot[:, 0] * 20 + signals.slot[:, 1]
    return np.where(signals.slot[:, 1] >= 0, number, -1)


def _combined_code(signals: SignalPair, iono: ionosphere.IonosphereEstimate) -> tuple[F64, F64]:
    """Codes free of the ionosphere: of both signals where there are two, averaged; and the share of noise left."""
    first = signals.code_m[:, 0] - signals.iono[:, 0] * iono.slant_m
    bias = np.where(iono.pair >= 0, iono.bias_m[np.maximum(iono.pair, 0)] if len(iono.bias_m) else 0.0, np.nan)
    gap = signals.iono[:, 1] - signals.iono[:, 0]
    second = signals.code_m[:, 1] - signals.iono[:, 1] * iono.slant_m - gap * bias
    both = np.isfinite(second) & np.isfinite(first)
    return np.where(both, 0.5 * (first + second), first), np.where(both, 0.75, 1.0)


def _sis_sigma(observations: GnssObservations, states: SatelliteStates) -> F64:
    if states.precise:
        return np.full(len(observations.sat), PRECISE_CLOCK_SIGMA_M)
    typical = np.array([SIS_SIGMA_M[letter] for letter in SYSTEMS])[observations.sat // 100]
    stated = np.sqrt(states.variance_m2)
    return np.where(stated > 6.0, stated, typical)


def _doppler(epoch: I64, signals: SignalPair, states: SatelliteStates, p: F64, unit: F64) -> F64:
    """Measured minus modelled pseudorange rate of a receiver at rest with a perfect clock."""
    rate = doppler.pseudorange_rate(signals.rate_mps, states.clock_drift_mps)
    turning = 7.2921151467e-5 / 299_792_458.0
    here, v = p[epoch], states.v_e_mps
    model = np.einsum("ij,ij->i", unit, v) + turning * (v[:, 1] * here[:, 0] - v[:, 0] * here[:, 1])
    return np.asarray(rate - model)


def _carrier_rows(
    z: F64, sigma: F64, chosen: Chosen, changes: _Changes, prev: I64, delay: F64, switched: F64, slant: F64,
    jump: F64, shape: F64, params: Params,
) -> None:  # fmt: skip
    """Measured minus modelled changes of the carrier, into column CARRIER of z and sigma."""
    signals, epoch, used = chosen.signals, chosen.epoch, chosen.reason == Reason.USED
    j, free, step = np.maximum(prev, 0), changes.free, jump[chosen.epoch]
    moved = delay - delay[j] + switched
    single = changes.single[:, 0] + signals.iono[:, 0] * (slant - slant[j])
    second = changes.single[:, 1] + signals.iono[:, 1] * (slant - slant[j])
    value = np.where(np.isfinite(free), free, np.where(np.isfinite(single), single, second))
    g1, g2 = signals.iono[:, 0], signals.iono[:, 1]
    amplified = np.where(np.isfinite(free), np.hypot(g2, g1) / np.abs(g2 - g1), 1.0)
    slow = np.where(np.isfinite(free), params.carrier_drift_mps, 3 * params.carrier_drift_mps) * chosen.dt_s[epoch]
    z[:, CARRIER] = value - moved - (step - step[j])
    noise = params.carrier_sigma_m * np.sqrt(2.0) * amplified * np.minimum(shape, 5.0) * 0.7
    ok = used & used[j] & (prev >= 0) & np.isfinite(z[:, CARRIER])
    sigma[ok, CARRIER] = np.hypot(noise, slow)[ok]


def _message_switch(
    observations: GnssObservations, ephemerides: BroadcastEphemerides | None, states: SatelliteStates, prev: I64,
    unit: F64,
) -> F64:  # fmt: skip
    """What a change of broadcast message alone moves the modelled range at rows where it happened, to be undone."""
    out = np.zeros(len(prev))
    before = states.message[np.maximum(prev, 0)]
    switched = (prev >= 0) & (states.message != before) & (before >= 0) & (states.message >= 0)
    if ephemerides is None or not switched.any():
        return out
    rows = np.flatnonzero(switched)
    p, _, clock = states_with(observations, ephemerides, rows, before[rows])
    out[rows] = np.einsum("ij,ij->i", unit[rows], p - states.p_e_m[rows]) - (clock - states.clock_m[rows])
    return out
