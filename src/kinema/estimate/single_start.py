"""What of a block's observations is usable, and where each epoch is on its own: the beginning of single point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.satellites import SYSTEMS
from kinema.core.solution import Reason
from kinema.core.streams import GnssObservations
from kinema.core.time import seconds_since
from kinema.estimate.satellite_states import SatelliteStates, row_epochs, satellite_states
from kinema.estimate.signal_selection import SignalPair, select_signals
from kinema.estimate.single_params import Params
from kinema.sensors import pseudorange

BIAS_FREE_M = 1e5
COARSE_S = 30.0
BIAS_EPOCHS = 200
FAULT_SIGMA = 8.0


@dataclass(frozen=True)
class Chosen:
    """Observations with their satellites' states and chosen signals: by row (m,) why one is not used, its epoch and
    system (index into `present`, letters, the most frequent first); by epoch (n,) seconds, and since the one before."""

    observations: GnssObservations
    states: SatelliteStates
    signals: SignalPair
    reason: U8
    epoch: I64
    system: I64
    present: str
    t_s: F64
    dt_s: F64


def choose(
    observations: GnssObservations, ephemerides: BroadcastEphemerides | None, orbits: PreciseOrbits | None,
    clocks: PreciseClocks | None, systems: str, frequencies: int, params: Params, dropped: Bool,
) -> Chosen | None:  # fmt: skip
    """What a block has; None where no system has anything usable."""
    epoch = row_epochs(observations)
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
    return Chosen(observations, states, signals, reason, epoch, system, "".join(present), t_s, dt_s)


def rough_positions(chosen: Chosen) -> F64 | None:
    """Positions (n, 3) without atmosphere, NaN where an epoch has none; of few epochs if that is enough, else of all.

    None where there is none at all.
    """
    used, dt_s, s = chosen.reason == Reason.USED, chosen.dt_s, len(chosen.present)
    strength = chosen.signals.cn0_dbhz[:, 0]
    code = np.where(used, chosen.signals.code_m[:, 0] + chosen.states.clock_m, np.nan)
    coarse = np.where(used, 3 * pseudorange.noise_shape(np.full(len(used), 0.8), strength), 0.0)
    few = np.zeros(len(dt_s), dtype=np.bool_)
    few[:: max(1, int(COARSE_S / max(float(np.median(dt_s[1:])) if len(dt_s) > 1 else 1.0, 1e-3)))] = True
    for some in (few, np.ones_like(few)):
        sigma = np.where(some[chosen.epoch], coarse, 0.0)
        p, _, _ = _solve(chosen, code, sigma, np.zeros(s), np.full(s, BIAS_FREE_M), np.zeros(3))
        good = np.isfinite(p[:, 0])
        if good.sum() >= 0.5 * some.sum():
            break
    return p if good.any() else None


def _count(observations: GnssObservations, reason: U8, letter: str) -> int:
    return int(((observations.sat // 100 == SYSTEMS.index(letter)) & (reason == Reason.USED)).sum())


def fill(t_s: F64, p: F64) -> F64:
    """Positions at epochs without one by a straight line between their neighbours."""
    good = np.isfinite(p[:, 0])
    return np.stack([np.interp(t_s, t_s[good], p[good, k]) for k in range(3)], axis=1)


def geometry(epoch: I64, states: SatelliteStates, p: F64) -> tuple[F64, F64, F64, F64]:
    from kinema.kernels.geodesy import lines_of_sight

    m = len(epoch)
    rho, unit, azimuth, elevation = np.empty(m), np.empty((m, 3)), np.empty(m), np.empty(m)
    lines_of_sight(epoch, states.p_e_m, p, rho, unit, azimuth, elevation)
    return rho, unit, azimuth, elevation


def positions(chosen: Chosen, code: F64, sigma: F64, start: F64) -> tuple[F64, F64, F64, int]:
    """Each epoch on its own, with biases between the systems that are medians over some epochs with free ones."""
    s, epoch, system = len(chosen.present), chosen.epoch, chosen.system
    bias, spread = np.zeros(s), np.full(s, BIAS_FREE_M)
    if s > 1:
        n = len(chosen.t_s)
        some = np.zeros(n, dtype=np.bool_)
        some[:: max(1, n // BIAS_EPOCHS)] = True
        _, clock, _ = _solve(chosen, code, np.where(some[epoch], sigma, 0.0), bias, spread, start)
        for j in range(1, s):
            with_system = np.bincount(epoch[(system == j) & (sigma > 0)], minlength=n) > 0
            seen = clock[with_system & np.isfinite(clock[:, j]), j]
            spread[j] = 100.0
            if len(seen):
                bias[j] = np.median(seen)
                spread[j] = 1.4826 * np.median(np.abs(seen - bias[j])) / np.sqrt(min(len(seen), 30)) + 1.0
    p, clock, solved = _solve(chosen, code, sigma, bias, spread, start)
    return p, clock[:, 0], bias, solved


def _solve(chosen: Chosen, code: F64, sigma: F64, bias: F64, bias_sigma: F64, start: F64) -> tuple[F64, F64, int]:
    """Positions (n, 3), clocks (n, systems) and number of solved epochs, each epoch on its own."""
    from kinema.kernels.single import solve_epochs

    observations, states = chosen.observations, chosen.states
    n, m, s = len(observations.t_ns), len(code), len(bias)
    p, clock, cov = np.empty((n, 3)), np.empty((n, s)), np.empty((n, 4, 4))
    used, resid, weight = np.zeros(n, dtype=np.int64), np.empty(m), np.empty(m)
    usable = np.where(np.isfinite(code) & np.isfinite(states.p_e_m[:, 0]), sigma, 0.0)
    solved = solve_epochs(
        observations.row_start, code, usable, chosen.system, states.p_e_m, bias, bias_sigma, start, FAULT_SIGMA,
        p, clock, cov, used, resid, weight,
    )  # fmt: skip
    return p, clock, solved


def clock_jumps(clock: F64, t_s: F64) -> F64:
    """Whole-millisecond steps of the receiver's clock, cumulated per epoch (n,), to be taken off codes and carriers."""
    millisecond = 299_792.458
    step = np.zeros(len(clock))
    good = np.flatnonzero(np.isfinite(clock))
    if len(good) > 2:
        rise, wide = np.diff(clock[good]), np.diff(t_s[good])
        whole = np.round((rise - np.median(rise / wide) * wide) / millisecond)
        step[good[1:]] = whole * millisecond
    return np.cumsum(step)
