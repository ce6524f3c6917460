"""From observations to measured-minus-modelled rows: what the estimators of single.py are fed with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.satellites import SYSTEMS
from kinema.core.solution import Reason
from kinema.core.streams import GnssObservations
from kinema.core.time import seconds_since
from kinema.estimate import ionosphere
from kinema.estimate.satellite_states import SatelliteStates, satellite_states, states_with
from kinema.estimate.signal_selection import SignalPair, select_signals
from kinema.estimate.single_params import Params
from kinema.sensors import doppler, pseudorange, time_difference

SIS_SIGMA_M = {"G": 0.6, "R": 1.8, "E": 0.25, "C": 0.8, "J": 0.8, "I": 1.0, "S": 2.0}
"""Orbit and clock along the line of sight, typical of healthy satellites (the stated URA and SISA are bounds)."""
PRECISE_CLOCK_SIGMA_M = 0.1
BIAS_FREE_M = 1e5
CODE, DOPPLER, CARRIER = 0, 1, 2
MAX_LINK_S = 65.0
BDS2_LAST = 16
COARSE_S = 30.0
BIAS_EPOCHS = 200
FAULT_SIGMA = 8.0
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
    m = len(observations.sat)
    if m == 0:
        return None
    epoch = np.repeat(np.arange(len(observations.t_ns)), np.diff(observations.row_start))
    states = satellite_states(observations, ephemerides, orbits, clocks)
    signals = select_signals(observations, states.group_delay_m, systems, frequencies)
    reason = states.reason.copy()
    reason[(reason == Reason.USED) & (signals.slot[:, 0] < 0)] = Reason.NOT_SELECTED
    reason[(reason == Reason.USED) & dropped[epoch]] = Reason.NOT_SELECTED
    with np.errstate(invalid="ignore"):
        weak = signals.cn0_dbhz[:, 0] < params.cn0_mask_dbhz
    reason[(reason == Reason.USED) & weak] = Reason.WEAK_SIGNAL
    present = [letter for letter in systems if letter in SYSTEMS and _count(observations, reason, letter)]
    present.sort(key=lambda letter: -_count(observations, reason, letter))
    if not present:
        return None
    index = np.full(len(SYSTEMS), -1, dtype=np.int64)
    for k, letter in enumerate(present):
        index[SYSTEMS.index(letter)] = k
    system = np.maximum(index[observations.sat // 100], 0)
    t_s = seconds_since(observations.t_ns, int(observations.t_ns[0]))
    dt_s = np.diff(t_s, prepend=t_s[0])
    code = np.where(reason == Reason.USED, signals.code_m[:, 0] + states.clock_m, np.nan)
    coarse = np.where(reason == Reason.USED, 3 * pseudorange.noise_shape(np.full(m, 0.8), signals.cn0_dbhz[:, 0]), 0.0)
    free = np.full(len(present), BIAS_FREE_M)
    few = np.zeros(len(t_s), dtype=np.bool_)
    few[:: max(1, int(COARSE_S / max(float(np.median(dt_s[1:])) if len(dt_s) > 1 else 1.0, 1e-3)))] = True
    for some in (few, np.ones_like(few)):
        p, _, _ = _solve(
            observations,
            code,
            np.where(some[epoch], coarse, 0.0),
            system,
            states,
            np.zeros(len(present)),
            free,
            np.zeros(3),
        )
        good = np.isfinite(p[:, 0])
        if good.sum() >= 0.5 * some.sum():
            break
    if not good.any():
        return None
    p = _fill(t_s, p)
    geometry = _geometry(epoch, states, p)
    rho, unit, azimuth, elevation = geometry
    reason[(reason == Reason.USED) & (elevation < params.elevation_mask_rad)] = Reason.ELEVATION
    used = reason == Reason.USED
    iono_model, tropo, wet_map = _atmosphere(observations, epoch, p, azimuth, elevation, ephemerides)
    prev = time_difference.previous_rows(observations.row_start, observations.sat)
    change, change_free, unbroken = _carrier(signals, prev, dt_s[epoch], used)
    shape = pseudorange.noise_shape(elevation, signals.cn0_dbhz[:, 0])
    pair = _pair_numbers(observations, signals)
    arc = time_difference.arcs(observations.sat, prev, unbroken)
    iono = ionosphere.estimate(
        t_s[epoch], pair, signals.code_m, signals.phase_m, signals.iono, shape, arc, iono_model,
        azimuth, elevation, used,
    )  # fmt: skip
    code, noise_share = _combined_code(signals, iono)
    code = code - pseudorange.modelled(rho * 0, states.clock_m, 0.0 * rho, tropo)
    sis = _sis_sigma(observations, states, orbits is not None)
    systematic = np.sqrt(sis**2 + iono.sigma_m**2 + (MAPPING_SIGMA_M * wet_map) ** 2)
    noise = params.code_sigma_m * shape * noise_share
    sigma = np.where(used, np.hypot(noise, systematic), 0.0)
    p_fine, clock, bias, n_solved = _single(observations, epoch, code, sigma, system, states, len(present), p[good][0])
    p = _fill(t_s, np.where(np.isfinite(p_fine), p_fine, np.where(good[:, None], p, np.nan)))
    rho, unit, azimuth, elevation = _geometry(epoch, states, p)
    z = np.full((m, 3), np.nan)
    z[:, CODE] = code - rho
    jump = _clock_jumps(clock, t_s)
    z[:, CODE] -= jump[epoch]
    z[:, DOPPLER] = _doppler(epoch, signals, states, p, unit)
    sigmas = np.zeros((m, 3))
    sigmas[:, CODE] = np.where(np.isfinite(z[:, CODE]), sigma, 0.0)
    has = used & np.isfinite(z[:, DOPPLER])
    sigmas[has, DOPPLER] = params.doppler_sigma_mps * doppler.noise_shape(elevation, signals.cn0_dbhz[:, 0])[has]
    _carrier_rows(
        z, sigmas, observations, ephemerides, states, signals, prev, change, change_free, rho, unit, tropo,
        iono.slant_m, dt_s[epoch], used, jump[epoch], shape, params,
    )  # fmt: skip
    return Rows(
        observations, states, signals, epoch, t_s, dt_s, system, "".join(present), prev, reason, p, clock - jump, bias,
        rho, unit, np.where(used, wet_map, 0.0), azimuth, elevation, z, sigmas, noise, systematic,
        np.where(used, system * 2 + (iono.pair >= 0), -1), n_solved, jump,
    )  # fmt: skip


def _count(observations: GnssObservations, reason: U8, letter: str) -> int:
    return int(((observations.sat // 100 == SYSTEMS.index(letter)) & (reason == Reason.USED)).sum())


def _fill(t_s: F64, p: F64) -> F64:
    """Positions at epochs without one by a straight line between their neighbours."""
    good = np.isfinite(p[:, 0])
    return np.stack([np.interp(t_s, t_s[good], p[good, k]) for k in range(3)], axis=1)


def _geometry(epoch: I64, states: SatelliteStates, p: F64) -> tuple[F64, F64, F64, F64]:
    from kinema.kernels.geodesy import lines_of_sight

    m = len(epoch)
    rho, unit, azimuth, elevation = np.empty(m), np.empty((m, 3)), np.empty(m), np.empty(m)
    lines_of_sight(epoch, states.p_e_m, p, rho, unit, azimuth, elevation)
    return rho, unit, azimuth, elevation


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


def _carrier(signals: SignalPair, prev: I64, dt_s: F64, used: Bool) -> tuple[F64, F64, Bool]:
    """Carrier changes, and where an arc goes on (m,)."""
    j = np.maximum(prev, 0)
    lost = signals.slip | (signals.slot != signals.slot[j]) | (signals.half != signals.half[j])
    lost |= (~used | ~used[j] | (dt_s > MAX_LINK_S))[:, None]
    change, free = time_difference.carrier_change(signals.phase_m, signals.code_m, signals.iono, lost, prev, dt_s)
    without_carrier = ~np.isfinite(signals.phase_m).all(axis=1) & ~np.isfinite(signals.phase_m[j]).all(axis=1)
    same = (signals.slot == signals.slot[j]).all(axis=1) & (prev >= 0)
    return change, free, np.isfinite(free) | (without_carrier & same)


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


def _sis_sigma(observations: GnssObservations, states: SatelliteStates, precise: bool) -> F64:
    if precise:
        return np.full(len(observations.sat), PRECISE_CLOCK_SIGMA_M)
    typical = np.array([SIS_SIGMA_M[letter] for letter in SYSTEMS])[observations.sat // 100]
    stated = np.sqrt(states.variance_m2)
    return np.where(stated > 6.0, stated, typical)


def _solve(
    observations: GnssObservations, code: F64, sigma: F64, system: I64, states: SatelliteStates,
    bias: F64, bias_sigma: F64, start: F64,
) -> tuple[F64, F64, int]:  # fmt: skip
    from kinema.kernels.single import solve_epochs

    n, m, s = len(observations.t_ns), len(code), len(bias)
    p, clock, cov = np.empty((n, 3)), np.empty((n, s)), np.empty((n, 4, 4))
    used, resid, weight = np.zeros(n, dtype=np.int64), np.empty(m), np.empty(m)
    usable = np.where(np.isfinite(code) & np.isfinite(states.p_e_m[:, 0]), sigma, 0.0)
    solved = solve_epochs(
        observations.row_start, code, usable, system, states.p_e_m, bias, bias_sigma, start, FAULT_SIGMA,
        p, clock, cov, used, resid, weight,
    )  # fmt: skip
    return p, clock, solved


def _single(
    observations: GnssObservations, epoch: I64, code: F64, sigma: F64, system: I64, states: SatelliteStates, s: int,
    start: F64,
) -> tuple[F64, F64, F64, int]:  # fmt: skip
    """Each epoch on its own, with biases between the systems that are medians over some epochs with free ones."""
    bias, spread = np.zeros(s), np.full(s, BIAS_FREE_M)
    if s > 1:
        n = len(observations.t_ns)
        some = np.zeros(n, dtype=np.bool_)
        some[:: max(1, n // BIAS_EPOCHS)] = True
        _, clock, _ = _solve(
            observations, code, np.where(some[epoch], sigma, 0.0), system, states, bias, spread, start
        )  # fmt: skip
        for j in range(1, s):
            with_system = np.bincount(epoch[(system == j) & (sigma > 0)], minlength=n) > 0
            seen = clock[with_system & np.isfinite(clock[:, j]), j]
            spread[j] = 100.0
            if len(seen):
                bias[j] = np.median(seen)
                spread[j] = 1.4826 * np.median(np.abs(seen - bias[j])) / np.sqrt(min(len(seen), 30)) + 1.0
    p, clock, solved = _solve(observations, code, sigma, system, states, bias, spread, start)
    return p, clock[:, 0], bias, solved


def _clock_jumps(clock: F64, t_s: F64) -> F64:
    """Whole-millisecond steps of the receiver's clock, cumulated per epoch (n,), to be taken off codes and carriers."""
    millisecond = 299_792.458
    step = np.zeros(len(clock))
    good = np.flatnonzero(np.isfinite(clock))
    if len(good) > 2:
        rise, wide = np.diff(clock[good]), np.diff(t_s[good])
        whole = np.round((rise - np.median(rise / wide) * wide) / millisecond)
        step[good[1:]] = whole * millisecond
    return np.cumsum(step)


def _doppler(epoch: I64, signals: SignalPair, states: SatelliteStates, p: F64, unit: F64) -> F64:
    """Measured minus modelled pseudorange rate of a receiver at rest with a perfect clock."""
    rate = doppler.pseudorange_rate(signals.rate_mps, states.clock_drift_mps)
    turning = 7.2921151467e-5 / 299_792_458.0
    here, v = p[epoch], states.v_e_mps
    model = np.einsum("ij,ij->i", unit, v) + turning * (v[:, 1] * here[:, 0] - v[:, 0] * here[:, 1])
    return np.asarray(rate - model)


def _carrier_rows(
    z: F64, sigma: F64, observations: GnssObservations, ephemerides: BroadcastEphemerides | None,
    states: SatelliteStates, signals: SignalPair, prev: I64, change: F64, free: F64, rho: F64, unit: F64, tropo: F64,
    slant: F64, dt_s: F64, used: Bool, jump: F64, shape: F64, params: Params,
) -> None:  # fmt: skip
    """Measured minus modelled changes of the carrier, into column CARRIER of z and sigma."""
    j = np.maximum(prev, 0)
    delay = rho + tropo - states.clock_m
    moved = delay - delay[j] + _message_switch(observations, ephemerides, states, prev, unit)
    single = change[:, 0] + signals.iono[:, 0] * (slant - slant[j])
    second = change[:, 1] + signals.iono[:, 1] * (slant - slant[j])
    value = np.where(np.isfinite(free), free, np.where(np.isfinite(single), single, second))
    g1, g2 = signals.iono[:, 0], signals.iono[:, 1]
    amplified = np.where(np.isfinite(free), np.hypot(g2, g1) / np.abs(g2 - g1), 1.0)
    slow = np.where(np.isfinite(free), params.carrier_drift_mps, 3 * params.carrier_drift_mps) * dt_s
    z[:, CARRIER] = value - moved - (jump - jump[j])
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
