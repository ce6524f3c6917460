"""Real recordings made hard: what houses, bridges, trees and a distant base would have done to their observations.

Everything the receiver really measured stays (its noise, biases, losses); on top come blocked and reflected signals
along a street, slips and half cycles, outages, and the atmosphere between base and rover. A seed makes one street.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import vectors_n_from_e
from kinema.core.recording import Recording
from kinema.core.satellites import SPEED_OF_LIGHT_MPS, SYSTEMS, frequency_hz
from kinema.core.streams import LLI_HALF, LLI_SLIP, GnssObservations

L1_HZ = 1575.42e6
LONGEST_BRIDGE = 8
"""Epochs; a rover that halts under one would be there for minutes."""


@dataclass(frozen=True)
class Hardness:
    """How hard: `town` 0 (open road) to 1 (narrow streets); `extra_km` of atmosphere; base gaps and interval."""

    town: float = 1.0
    extra_km: float = 9.0
    outages: bool = True
    base_gap: bool = False
    base_every_s: int = 1


@dataclass(frozen=True)
class Street:
    """Per epoch (n,): house height angle left and right (rad), how built-up 0 to 1, all blocked, way (m), heading."""

    left: F64
    right: F64
    built: F64
    blocked: Bool
    way_m: F64
    heading: F64


def wander(rng: np.random.Generator, step: F64, columns: int) -> F64:
    """Unit Gauss-Markov sequences (n, columns); step (n,) in correlation lengths."""
    keep = np.exp(-np.maximum(step, 0.0))
    out = np.empty((len(step), columns))
    out[0] = rng.standard_normal(columns)
    for k in range(1, len(step)):
        out[k] = keep[k] * out[k - 1] + np.sqrt(1 - keep[k] ** 2) * rng.standard_normal(columns)
    return out


def street(rng: np.random.Generator, t_s: F64, p_e_m: F64, hard: Hardness) -> Street:
    """Houses along the way of p_e_m (n, 3); a rover at rest is given a drive at 8 m/s of its own."""
    n = len(t_s)
    dt = np.diff(t_s, prepend=t_s[:1])
    move = vectors_n_from_e(np.diff(p_e_m, axis=0, prepend=p_e_m[:1]), p_e_m)
    speed = np.hypot(move[:, 0], move[:, 1]) / np.maximum(dt, 0.1)
    if np.nanmedian(speed) < 0.5:
        speed = np.clip(8.0 + 5.0 * wander(rng, dt / 20.0, 1)[:, 0], 0.0, None)
        heading = np.cumsum(0.05 * wander(rng, dt / 10.0, 1)[:, 0] * dt) + rng.uniform(0, 6.28)
    else:
        heading = np.arctan2(move[:, 1], move[:, 0])
        for k in range(1, n):
            if speed[k] < 0.7:
                heading[k] = heading[k - 1]
    way = np.cumsum(speed * dt)
    left, right, built = np.zeros(n), np.zeros(n), np.zeros(n)
    blocked = np.zeros(n, dtype=np.bool_)
    at = 0.0
    while at < way[-1] + 1.0:
        length = rng.uniform(40.0, 160.0)
        here = (way >= at) & (way < at + length)
        for side in (left, right):
            kind = rng.random()
            top = 0.0 if kind < 0.3 else rng.uniform(15, 40) if kind < 0.7 else rng.uniform(40, 72)
            side[here] = np.radians(top * hard.town)
        built[here] = (left[here] + right[here]) / 2.0
        at += length + rng.uniform(8.0, 25.0)
        if hard.outages and rng.random() < 0.15:
            under = np.flatnonzero((way >= at) & (way < at + rng.uniform(8.0, 30.0)))
            blocked[under[:LONGEST_BRIDGE]] = True
    if hard.outages:
        start = rng.uniform(0.3, 0.7) * t_s[-1]
        blocked |= (t_s > start) & (t_s < start + rng.uniform(5.0, 15.0))
    return Street(left, right, np.clip(built / np.radians(40), 0, 1), blocked, way, heading)


def atmosphere(
    rng: np.random.Generator, t_s: F64, sats: F64 | I64, azimuth: F64, elevation: F64, km: float
) -> tuple[F64, F64]:
    """Differential slant ionosphere (L1) and troposphere (n, s) in metres of a baseline longer by km.

    A gradient of the whole sky of about 2 ppm and one of each satellite's own of about 1.2 ppm, changing over a
    quarter of an hour (travelling disturbances); a wet delay of about a centimetre at zenith.
    """
    step = np.diff(t_s, prepend=t_s[:1])
    common = wander(rng, step / 2400.0, 1) * 2.0 + rng.standard_normal() * 0.5
    own = wander(rng, step / 900.0, len(sats)) * 1.2
    slant = 1.0 / np.sqrt(1.0 - (0.934 * np.cos(elevation)) ** 2)
    iono = (common + own) * 1e-3 * km * slant
    zenith = 0.01 * wander(rng, step / 3600.0, 1) * km / 9.0
    tilt = 0.002 * rng.standard_normal(2)
    wet = zenith + (tilt[0] * np.cos(azimuth) + tilt[1] * np.sin(azimuth)) / np.tan(np.maximum(elevation, 0.15))
    return np.nan_to_num(iono), np.nan_to_num(wet / np.sin(np.maximum(elevation, 0.1)))


def moved_base(recording: Recording, base_e_m: F64, to_e_m: F64) -> GnssObservations:
    """The base's observations as they would have been at another place: ranges, satellite clocks and model delays."""
    from kinema.estimate.rtk_table import _atmosphere
    from kinema.estimate.satellite_states import row_epochs, satellite_states
    from kinema.kernels.geodesy import lines_of_sight

    base = recording.streams["base"]
    epoch, n = row_epochs(base), len(base.t_ns)
    wave = wavelengths(base, dict(base.glonass_channel))
    known = {name: recording.streams.get(name) for name in ("ephemerides", "orbits", "clocks")}

    def delay(observed: GnssObservations, place: F64) -> F64:
        states = satellite_states(observed, **known)
        m = len(base.sat)
        rho, unit, az, el = np.full(m, np.nan), np.full((m, 3), np.nan), np.full(m, np.nan), np.full(m, np.nan)
        where = np.tile(place, (n, 1))
        lines_of_sight(epoch, states.p_e_m, where, rho, unit, az, el)
        return np.asarray(rho - states.clock_m + _atmosphere(base.t_ns, epoch, where, az, el, np.zeros(8))[0])

    here = delay(base, base_e_m)
    moved = base
    for _ in range(3):
        more = delay(moved, to_e_m) - here
        moved = replace(base, code_m=base.code_m + more[:, None], phase_cyc=base.phase_cyc + more[:, None] / wave)
    return moved


def wavelengths(g: GnssObservations, channels: dict[int, int]) -> F64:
    """Wavelength (m, slots) of each row and slot, metres."""
    out = np.full(g.code_m.shape, np.nan)
    for letter, codes in g.signals.items():
        rows = np.flatnonzero(g.sat // 100 == SYSTEMS.index(letter))
        for j, signal in enumerate(codes):
            for sat in np.unique(g.sat[rows]).tolist():
                channel = channels.get(sat, 0)
                here = rows[g.sat[rows] == sat]
                try:
                    out[here, j] = SPEED_OF_LIGHT_MPS / frequency_hz(letter, signal, channel)
                except (KeyError, ValueError):
                    continue
    return out


def spoil(recording: Recording, azimuth: F64, elevation: F64, p_e_m: F64, seed: int, hard: Hardness) -> Recording:
    """The recording with its rover's observations made hard. azimuth, elevation (m,) of the rover's rows;
    p_e_m (n, 3) where the rover really was. The base is to stand `extra_km` farther away: see moved_base."""
    rng = np.random.default_rng((seed, 77))
    g = recording.streams["gnss"]
    base = recording.streams["base"]
    t_s = (g.t_ns - g.t_ns[0]) * 1e-9
    n = len(t_s)
    epoch = np.repeat(np.arange(n), np.diff(g.row_start))
    sats, column = np.unique(g.sat, return_inverse=True)
    az, el = np.zeros((n, len(sats))), np.full((n, len(sats)), 0.05)
    az[epoch, column], el[epoch, column] = np.nan_to_num(azimuth), np.nan_to_num(elevation, nan=0.05)
    way = street(rng, t_s, p_e_m, hard)
    code, phase, doppler = g.code_m.copy(), g.phase_cyc.copy(), g.doppler_hz.astype(np.float64)
    cn0, lli = g.cn0_dbhz.astype(np.float64), g.lli.copy()
    wave = wavelengths(g, dict(base.glonass_channel) | dict(g.glonass_channel))
    metres = _delays(rng, t_s, sats, az, el, way, g.code_m.shape[1])
    iono, wet = atmosphere(rng, t_s, sats, az, el, hard.extra_km)
    r = (epoch, column)
    scale = (wave * L1_HZ / SPEED_OF_LIGHT_MPS) ** 2
    code += metres.code[r] + iono[r][:, None] * scale + wet[r][:, None]
    phase += (metres.phase[r] - iono[r][:, None] * scale + wet[r][:, None]) / wave
    doppler -= metres.rate[r][:, None] / wave
    cn0 -= metres.loss_db[r][:, None]
    cycles, flags, no_phase = _locks(rng, t_s, metres.gone, metres.rough, g.code_m.shape[1])
    phase += cycles[r]
    lli |= flags[r]
    phase[no_phase[r]] = np.nan
    off = metres.gone[r] | (cn0 < 18.0).all(axis=1)
    for value in (code, phase, doppler, cn0):
        value[off] = np.nan
    lli[~np.isfinite(phase)] = 0
    rover = replace(
        g, code_m=code, phase_cyc=phase, doppler_hz=doppler.astype(np.float32), cn0_dbhz=cn0.astype(np.float32),
        lli=lli,
    )  # fmt: skip
    streams = {**recording.streams, "gnss": rover, "base": _thin(rng, base, g, hard)}
    return replace(recording, streams=streams)


@dataclass(frozen=True)
class _Delays:
    """(n, s[, slots]): gone, rough (0 clear to 1 reflected), loss_db, code and phase delays (m), range rate (m/s)."""

    gone: Bool
    rough: F64
    loss_db: F64
    code: F64
    phase: F64
    rate: F64


def _delays(rng: np.random.Generator, t_s: F64, sats: I64, az: F64, el: F64, way: Street, slots: int) -> _Delays:
    """What is blocked, reflected, bent, and by how much."""
    n, s = az.shape
    step = np.diff(way.way_m, prepend=way.way_m[:1])
    dt = np.diff(t_s, prepend=t_s[:1])
    relative = az - way.heading[:, None]
    side = np.where(np.sin(relative) > 0, way.right[:, None], way.left[:, None])
    top = np.arctan(np.tan(side) * np.abs(np.sin(relative)))
    behind = el < top
    edge = behind & (el > top - np.radians(3.0))
    # Whether a front mirrors this satellite lasts for some twenty metres.
    mirror = wander(rng, step / 20.0 + dt / 60.0, s) > 0.4
    reflected = behind & ~edge & mirror
    gone = (behind & ~edge & ~reflected) | way.blocked[:, None]
    late = 4.0 + 14.0 * np.abs(wander(rng, step / 15.0 + dt / 40.0, s))
    late = np.where(reflected, late, np.where(edge, 0.8, 0.0))
    rate = np.where(reflected & np.roll(reflected, 1, axis=0), np.diff(late, axis=0, prepend=late[:1]), 0.0)
    rate /= np.maximum(dt, 0.1)[:, None]
    loss = np.where(reflected, rng.uniform(6, 16, (1, s)), np.where(edge, 8.0, 0.0))
    loss = loss + way.built[:, None] * np.abs(wander(rng, step / 8.0 + dt / 20.0, s)) * 2.5
    near = (way.built * 1.0)[:, None] * (0.4 + np.exp(-np.degrees(el) / 30.0))
    waves = wander(rng, step / 6.0 + dt / 40.0, s * slots).reshape(n, s, slots)
    code = waves * (1.6 * near)[:, :, None] + late[:, :, None]
    bent = wander(rng, step / 4.0 + dt / 40.0, s * slots).reshape(n, s, slots)
    size = 0.008 * near + np.where(edge, 0.02, 0.0) + np.where(reflected, 0.03, 0.0)
    phase = bent * size[:, :, None] + np.where(reflected, late, 0.0)[:, :, None]
    rough = np.where(reflected, 1.0, np.where(edge, 0.5, 0.0)) + 0.2 * way.built[:, None]
    return _Delays(gone, np.minimum(rough, 1.0), loss, code, phase, rate)


def _locks(rng: np.random.Generator, t_s: F64, gone: Bool, rough: F64, slots: int) -> tuple[F64, I64, Bool]:
    """Cycles added (n, s, slots), lock flags, and where there is no phase: found again late, half cycles, slips."""
    n, s = gone.shape
    cycles, flags = np.zeros((n, s, slots)), np.zeros((n, s, slots), dtype=np.uint8)
    no_phase = np.zeros((n, s, slots), dtype=np.bool_)
    for j in range(s):
        for f in range(slots):
            whole, half, half_told, half_until, back = 0.0, 0.0, True, -1.0, -1.0
            for k in range(n):
                flag = 0
                if gone[k, j]:
                    back = t_s[k] + rng.choice([0.5, 1.5, 2.5], p=[0.5, 0.3, 0.2])
                elif t_s[k] < back:
                    no_phase[k, j, f] = True
                else:
                    if k > 0 and back > 0.0:
                        whole, back = float(rng.integers(-500, 500)), -1.0
                        flag |= LLI_SLIP if rng.random() < 0.9 else 0
                        if rng.random() < 0.25:
                            half, half_until = rng.choice([0.0, 0.5]), t_s[k] + rng.uniform(1.0, 6.0)
                            half_told = rng.random() < 0.9
                    elif rng.random() < 0.06 * rough[k, j] ** 1.5:
                        whole += float(rng.integers(1, 15)) * rng.choice([-1.0, 1.0])
                        whole += rng.choice([0.0, 0.5], p=[0.9, 0.1])
                        flag |= LLI_SLIP if rng.random() < 0.75 else 0
                    if half_until > 0.0 and t_s[k] < half_until:
                        flag |= LLI_HALF if half_told else 0
                    elif half_until > 0.0:
                        half_until, half = -1.0, 0.0
                    cycles[k, j, f] = whole + half
                flags[k, j, f] = flag
    return cycles, flags, no_phase


def _thin(
    rng: np.random.Generator, base: GnssObservations, rover: GnssObservations, hard: Hardness
) -> GnssObservations:
    from kinema.estimate.rtk_solution import pick_epochs

    second = np.rint((base.t_ns - rover.t_ns[0]) * 1e-9)
    keep = np.mod(second, hard.base_every_s) == 0
    if hard.base_gap:
        span = float(rover.t_ns[-1] - rover.t_ns[0]) * 1e-9
        start = rng.uniform(0.2, 0.7) * span
        keep &= ~((second > start) & (second < start + rng.uniform(15.0, 40.0)))
    return pick_epochs(base, keep)


def far_base(recording: Recording, base_e_m: F64, rover_e_m: F64, km: float) -> tuple[Recording, tuple[float, ...]]:
    """The recording with its base moved straight away from the rover, and where it stands then."""
    up = rover_e_m / np.linalg.norm(rover_e_m)
    away = base_e_m - rover_e_m
    if np.linalg.norm(away) < 500.0:
        away = np.cross(up, (0.0, 0.0, 1.0))
    away = away - up * (away @ up)
    there = base_e_m + away / np.linalg.norm(away) * km * 1e3
    there *= np.linalg.norm(base_e_m) / np.linalg.norm(there)
    base = moved_base(recording, base_e_m, there)
    return replace(recording, streams={**recording.streams, "base": base}), tuple(there.tolist())


def directions(recording: Recording, base_e_m: tuple[float, ...]) -> tuple[F64, F64]:
    """Azimuth and elevation (m,) of the rover's rows."""
    from kinema.estimate.options import SolveOptions
    from kinema.estimate.rtk_params import RtkParams
    from kinema.estimate.rtk_table import build_table

    options = SolveOptions(base_position_e_m=(base_e_m[0], base_e_m[1], base_e_m[2]))
    table = build_table(recording, options, RtkParams(elevation_mask_rad=0.0))
    return table.azimuth, table.elevation
