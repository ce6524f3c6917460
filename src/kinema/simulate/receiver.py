"""A receiver under a sky: raw code, phase, Doppler and C/N0 as a real one would write them.

Code carries noise by C/N0, multipath that changes with the way travelled, and the delays of what stands in between;
phase carries integers, slips and half cycles; signals are lost, found again after a while, and thin out in canyons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.satellites import frequency_hz, sat_system
from kinema.core.streams import LLI_HALF, LLI_SLIP, Antenna, GnssObservations
from kinema.core.time import NS
from kinema.simulate.environment import BLOCKED, EDGE, REFLECTED, Passage
from kinema.simulate.noise import gauss_markov
from kinema.simulate.orbits import C_MPS, gps_seconds
from kinema.simulate.sky import Sky, View

SIGNALS: dict[str, tuple[str, ...]] = {
    "G": ("1C", "2W", "5Q"), "R": ("1C", "2C"), "E": ("1C", "5Q", "7Q"), "C": ("2I", "6I", "7I"),
    "J": ("1C", "2L", "5Q"),
}  # fmt: skip
_BAND_DB = {"1": 0.0, "2": -4.0, "5": 1.5, "7": 1.0, "6": 0.5}


@dataclass(frozen=True)
class ReceiverOptions:
    """A receiver and its antenna. Sigmas at 45 dB-Hz in open sky."""

    rate_hz: float = 5.0
    frequencies: int = 2
    mask_rad: float = 0.087
    clock_offset_s: float = 2e-5
    clock_drift_sps: float = 2e-8
    clock_noise_sps: float = 1e-10
    """Random walk of the drift per √s (a temperature-compensated crystal)."""
    ms_jumps: bool = False
    code_sigma_m: float = 0.25
    phase_sigma_m: float = 0.0015
    doppler_sigma_mps: float = 0.03
    multipath_m: float = 0.35
    """Code multipath at low elevation in the open; a built-up street has up to five times as much."""
    slips_per_hour: float = 2.0
    """Per satellite in open sky; thirty times as many between houses."""
    half_cycles: float = 0.05
    """Share of arcs that begin with an unresolved half cycle, flagged."""
    untold_slips: float = 0.1
    """Share of slips without the loss-of-lock flag."""
    weakest_dbhz: float = 24.0
    name: str = "Kinema simulated receiver"


IDEAL = ReceiverOptions(
    mask_rad=0.0, clock_offset_s=0.0, clock_drift_sps=0.0, clock_noise_sps=0.0, code_sigma_m=0.0, phase_sigma_m=0.0,
    doppler_sigma_mps=0.0, multipath_m=0.0, slips_per_hour=0.0, half_cycles=0.0, weakest_dbhz=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class ReceiverTruth:
    """What only a simulator knows, per row of the observations: kind (m,) of environment, delay_m (m,) on code,
    ambiguity_cyc (m, slots); and per epoch the clock offset clock_s (n,)."""

    kind: U8
    delay_m: F64
    ambiguity_cyc: F64
    clock_s: F64


def clock_of(rng: np.random.Generator, t_ns: I64, options: ReceiverOptions) -> tuple[F64, F64]:
    """Receiver clock offset in s and its rate at the tags t_ns (n,): a drift that wanders."""
    dt = np.diff(t_ns, prepend=t_ns[:1]) * 1e-9
    drift = options.clock_drift_sps + np.cumsum(rng.standard_normal(len(dt)) * options.clock_noise_sps * np.sqrt(dt))
    return options.clock_offset_s + np.cumsum(drift * dt), drift


def receive(
    sky: Sky, t_ns: I64, place: Any, passage: Any, options: ReceiverOptions, seed: tuple[int, ...], marker: str
) -> tuple[GnssObservations, ReceiverTruth]:
    """Observe `sky` at the receiver's tags t_ns (n,).

    `place(true_ns)` gives position, velocity (n, 3) in ECEF and the way travelled (n,); `passage(way, view, rng)` what
    stands in between. Ambiguities, noise and clock come from `seed`.
    """
    rng = np.random.default_rng(seed)
    offset_s, drift = clock_of(rng, t_ns, options)
    if options.ms_jumps:
        offset_s = offset_s - np.round(offset_s * 1e3) * 1e-3
    true_ns = t_ns - np.round(offset_s * NS).astype(np.int64)
    p, v, way = place(true_ns)
    view = sky.view(gps_seconds(true_ns), p, v)
    through: Passage = passage(way, view, rng)
    signals = {system: codes[: options.frequencies] for system, codes in SIGNALS.items()}
    present = {sat_system(int(sat)) for sat in sky.sats}
    signals = {system: codes for system, codes in signals.items() if system in present}
    making = _Making(sky, t_ns, view, through, way, options, signals, rng)
    return making.observe(offset_s, drift, marker, p)


@dataclass
class _Making:
    """The arrays of one receiver while they are made: (n epochs, s satellites, f slots)."""

    sky: Sky
    t_ns: I64
    view: View
    through: Passage
    way: F64
    options: ReceiverOptions
    signals: dict[str, tuple[str, ...]]
    rng: np.random.Generator

    def observe(self, offset_s: F64, drift: F64, marker: str, p_e_m: F64) -> tuple[GnssObservations, ReceiverTruth]:
        view, rng, options = self.view, self.rng, self.options
        hz, delay_s = self._signal_tables()
        n, s, f = len(self.t_ns), len(self.sky.sats), hz.shape[1]
        cn0 = self._cn0(hz)
        code_lock, phase_lock = self._locks(cn0[:, :, 0])
        wave = C_MPS / hz
        l1 = 1575.42e6
        iono = view.iono_l1_m[:, :, None] * (l1 / hz) ** 2
        common = view.range_m - view.clock_m + view.tropo_m + (C_MPS * offset_s)[:, None]
        weak = 10 ** (np.maximum(45 - cn0, -3) / 20)
        bias = C_MPS * delay_s + self.sky.code_bias_m[:, :f]
        code = common[:, :, None] + iono + bias + self.through.delay_m[:, :, None] + self._multipath(f)
        code += rng.standard_normal((n, s, f)) * options.code_sigma_m * weak
        cycles, lli = self._ambiguities(phase_lock)
        bent = np.where(self.through.kind == EDGE, 0.01, 0.0) + 0.05 * (self.through.kind == REFLECTED)
        phase = (common[:, :, None] - iono + 0.01 * bent[:, :, None]) / wave + cycles
        phase += rng.standard_normal((n, s, f)) * (options.phase_sigma_m + bent[:, :, None] * 0.3) * weak / wave
        rate = view.rate_mps - view.clock_mps + (C_MPS * drift)[:, None]
        doppler = -rate[:, :, None] / wave
        rough = 1 + 6.0 * (self.through.kind == REFLECTED)[:, :, None]
        doppler += rng.standard_normal((n, s, f)) * options.doppler_sigma_mps * weak * rough / wave
        nowhere = ~np.isfinite(hz)[None] | ~code_lock[:, :, None] | (cn0 < options.weakest_dbhz)
        no_phase = nowhere | ~phase_lock[:, :, None]
        code[nowhere], doppler[nowhere], cn0[nowhere] = np.nan, np.nan, np.nan
        phase[no_phase] = np.nan
        lli = np.where(no_phase, 0, lli[:, :, None])
        keep = np.asarray(~nowhere.all(axis=2))
        observations = self._pack(keep, code, phase, doppler, cn0, lli, marker, p_e_m)
        truth = ReceiverTruth(self.through.kind[keep], self.through.delay_m[keep], cycles[keep], offset_s)
        return observations, truth

    def _signal_tables(self) -> tuple[F64, F64]:
        """Carrier frequencies (s, f), NaN where unused, and the satellite's delay (s, f) in seconds on each signal."""
        f = max(len(codes) for codes in self.signals.values())
        hz, delay = np.full((len(self.sky.sats), f), np.nan), np.zeros((len(self.sky.sats), f))
        for j, sat in enumerate(self.sky.sats.tolist()):
            system, orbit = sat_system(sat), self.sky.orbits[sat]
            channel = int(orbit.row[12]) if orbit.glonass else 0
            for k, signal in enumerate(self.signals[system]):
                hz[j, k] = frequency_hz(system, signal, channel)
                delay[j, k] = 0.0 if orbit.glonass else _group_delay_s(system, signal, orbit.row, hz[j, 0] / hz[j, k])
        return hz, delay

    def _cn0(self, hz: F64) -> F64:
        rng = self.rng
        bands = np.full(hz.shape, 0.0)
        for j, sat in enumerate(self.sky.sats.tolist()):
            for k, signal in enumerate(self.signals[sat_system(sat)]):
                bands[j, k] = _BAND_DB.get(signal[0], 0.0) if k else 0.0
        sine = np.sin(np.maximum(self.view.elevation_rad, 0.0))
        step = np.diff(self.way, prepend=self.way[:1]) / 8 + np.diff(self.t_ns, prepend=self.t_ns[:1]) * 1e-9 / 20
        fading = gauss_markov(rng, step, len(self.sky.sats)) * (0.5 + 1.5 * self.through.built[:, None])
        level = 36.0 + 14.0 * sine**0.7 - self.through.loss_db + fading
        return np.asarray(level[:, :, None] + bands + rng.standard_normal((*level.shape, hz.shape[1])) * 0.4)

    def _multipath(self, slots: int) -> F64:
        """Code multipath: bounded by elevation and houses, changing over metres travelled or minutes at rest."""
        n, s = self.view.elevation_rad.shape
        step = np.diff(self.way, prepend=self.way[:1]) / 4.0 + np.diff(self.t_ns, prepend=self.t_ns[:1]) * 1e-9 / 60.0
        waves = gauss_markov(self.rng, step, s * slots).reshape(n, s, slots)
        size = self.options.multipath_m * (0.25 + np.exp(-np.degrees(self.view.elevation_rad) / 20.0))
        return np.asarray(waves * (size * (1 + 4 * self.through.built[:, None]))[:, :, None])

    def _locks(self, cn0: F64) -> tuple[Bool, Bool]:
        """Whether code and phase are tracked (n, s): found again 0.4 s and 1 s after the signal is back."""
        visible = self.view.elevation_rad > self.options.mask_rad
        there = visible & (self.through.kind != BLOCKED) & (cn0 > self.options.weakest_dbhz)
        steady = there & (self.through.kind != REFLECTED) & (cn0 > self.options.weakest_dbhz + 3)
        return self._held(there, 0.4), self._held(steady, 1.0)

    def _held(self, there: Bool, seconds: float) -> Bool:
        """True once `there` has lasted for some seconds, or from the very start."""
        n = len(self.t_ns)
        index = np.arange(n)[:, None]
        lost = np.maximum.accumulate(np.where(there, -1, index), axis=0)
        since = self.t_ns[:, None] - self.t_ns[np.maximum(lost, 0)]
        return np.asarray(there & ((lost < 0) | (since >= seconds * NS)))

    def _ambiguities(self, lock: Bool) -> tuple[F64, U8]:
        """Cycles (n, s, f) on top of the range, whole but for flagged half cycles, and loss-of-lock flags (n, s)."""
        n, s = lock.shape
        f = max(len(codes) for codes in self.signals.values())
        rng, options = self.rng, self.options
        begins = lock & ~np.vstack([np.zeros((1, s), dtype=np.bool_), lock[:-1]])
        dt_h = np.diff(self.t_ns, prepend=self.t_ns[:1]) * 1e-9 / 3600
        rate = options.slips_per_hour * (1 + 29 * self.through.built) * dt_h
        slips = lock & ~begins & (rng.random((n, s)) < rate[:, None])
        told = begins | (slips & (rng.random((n, s)) >= options.untold_slips))
        jump = np.zeros((n, s, f))
        jump[begins] = np.round(rng.normal(0, 2e4, (int(begins.sum()), f)))
        size = rng.integers(1, 20, (int(slips.sum()), f)) * rng.choice([-1, 1], (int(slips.sum()), f))
        jump[slips] = size
        cycles = np.cumsum(jump, axis=0)
        half = self._half_cycles(begins)
        resolved = np.vstack([np.zeros((1, s), dtype=np.bool_), half[:-1]]) & ~half & lock
        cycles = cycles + 0.5 * half[:, :, None]
        flags = np.where(told | resolved, LLI_SLIP, 0) | np.where(half & lock, LLI_HALF, 0)
        return cycles, flags.astype(np.uint8)

    def _half_cycles(self, begins: Bool) -> Bool:
        """Where the half cycle is still open: a share of arcs, for their first 3 to 8 seconds."""
        half = np.zeros(begins.shape, dtype=np.bool_)
        for k, j in np.argwhere(begins & (self.rng.random(begins.shape) < self.options.half_cycles)):
            stop = self.t_ns[k] + int(self.rng.uniform(3, 8) * NS)
            half[k : np.searchsorted(self.t_ns, stop), j] = True
        return half

    def _pack(
        self, keep: Bool, code: F64, phase: F64, doppler: F64, cn0: F64, lli: U8, marker: str, p_e_m: F64
    ) -> GnssObservations:  # fmt: skip
        counts = keep.sum(axis=1)
        sats = np.broadcast_to(self.sky.sats, keep.shape)
        seen = {sat: self.sky.orbits[sat] for sat in self.sky.sats.tolist()}
        channels = {sat: int(orbit.row[12]) for sat, orbit in seen.items() if orbit.glonass}
        rough = np.round(p_e_m[0] / 5) * 5
        return GnssObservations(
            t_ns=self.t_ns,
            row_start=np.concatenate([[0], np.cumsum(counts)]),
            sat=sats[keep],
            signals=self.signals,
            code_m=np.round(code[keep], 3),
            phase_cyc=np.round(phase[keep], 3),
            doppler_hz=np.round(doppler[keep], 3).astype(np.float32),
            cn0_dbhz=np.round(np.clip(cn0[keep], 0, 60), 2).astype(np.float32),
            lli=lli[keep],
            antenna=Antenna(
                marker=marker, receiver=self.options.name, antenna="SIMULATED", approx_p_e_m=tuple(rough.tolist())
            ),
            glonass_channel=channels,
            interval_s=1 / self.options.rate_hz,
        )


def _group_delay_s(system: str, signal: str, row: F64, ratio: float) -> float:
    """The satellite's delay on a signal against its broadcast clock, from the biases in its own message.

    GPS and QZSS: TGD on L1, by the squared ratio of frequencies on the others (IS-GPS-200 20.3.3.3.3.2). Galileo
    I/NAV: clock of E1 and E5b. BeiDou: clock of B3I.
    """
    tgd1, tgd2 = float(row[22]), float(row[23])
    if system in "GJ":
        return tgd1 * ratio**2
    if system == "E":
        if signal[0] == "1":
            return tgd2
        # Ratio squared less one, times BGD, is how much later than E1 the other band is.
        return tgd2 - tgd1 * (1 - ratio**2) if signal[0] == "5" else tgd2 * ratio**2
    return {"2": tgd1, "7": tgd2}.get(signal[0], 0.0)
