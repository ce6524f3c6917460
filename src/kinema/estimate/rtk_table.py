"""Rover minus base, as one table of linearised single differences that filter and batch both read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.antennas import Antennas
from kinema.core.arrays import F64, I16, I64, U8, Bool
from kinema.core.ephemeris import BroadcastEphemerides
from kinema.core.recording import Recording
from kinema.core.satellites import SPEED_OF_LIGHT_MPS, SYSTEMS, frequency_table_hz
from kinema.core.solution import Reason
from kinema.core.streams import GnssObservations
from kinema.estimate.options import SolveOptions
from kinema.estimate.rtk_antennas import difference
from kinema.estimate.rtk_base import base_position, check_base, check_base_stands
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.rtk_positions import approximate_positions
from kinema.estimate.satellite_states import SatelliteStates, row_epochs, satellite_states
from kinema.sensors.double_difference import Pairing, pair

SLOTS = 3
"""Frequencies at most; fixed, so that kernels are compiled once."""
L1_M = SPEED_OF_LIGHT_MPS / 1575.42e6
ALONE_SIGMAS = 2.5
"""A code that misfits its epoch by more of the epoch's own sigmas counts less by itself."""
STEADY_S = 4.0


@dataclass(frozen=True)
class RtkTable:
    """Linearised differences of n epochs, m rows (satellite and epoch), SLOTS signals; NaN where not observed.

    x0_e_m (n, 3): position that the rows are linearised at, NaN where none was found; unit (m, 3): towards the
    satellite; code, phase (m, slots): rover minus base less model at x0, metres, = −e·(x − x0) + clock (+ ambiguity);
    code_var, phase_var: their variances, m²; doppler, doppler_var (m,): rover range rate less satellite's, m/s,
    = −e·v + drift; wavelength (m, slots); lli (m, slots) of both receivers; wet (m,): mapping of the zenith wet delay
    difference; iono (m,): slant over vertical ionosphere. glonass_alike: both receivers delay GLONASS's channels alike.
    """

    t_ns: I64
    row_start: I64
    sat: I64
    epoch: I64
    base_e_m: F64
    x0_e_m: F64
    dgnss_cov: F64
    unit: F64
    azimuth: F64
    elevation: F64
    code: F64
    phase: F64
    code_var: F64
    phase_var: F64
    doppler: F64
    doppler_var: F64
    wavelength: F64
    cn0: F64
    lli: U8
    wet: F64
    iono: F64
    reason: U8
    age_s: F64
    bands: dict[str, tuple[str, ...]]
    rover_signal: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    glonass_alike: bool = False


def alike(rover: GnssObservations, base: GnssObservations) -> bool:
    """Whether both headers name one make and model (firmware aside): such receivers share the delays between GLONASS's
    channels, which are centimetres between makes (Wanninger 2012, J. Geodesy 86)."""
    models = [
        [word for word in one.antenna.receiver.upper().split() if not word[:1].isdigit()] for one in (rover, base)
    ]
    return models[0] == models[1] and models[0] not in ([], ["UNKNOWN"])


def build_table(recording: Recording, options: SolveOptions, params: RtkParams) -> RtkTable:
    """Difference rover and base. Raises ConfigError or EstimationError with what does not fit."""
    from kinema.kernels.geodesy import lines_of_sight

    rover = recording.need("gnss", GnssObservations)
    base = recording.need("base", GnssObservations)
    base_e_m, origin = base_position(recording, options)
    p = pair(rover, base, options.systems, options.frequencies, params.max_age_s)
    rover_states, base_states = _states(recording, rover, base, p)
    m = len(rover.sat)
    epoch = row_epochs(rover)
    channels = dict(base.glonass_channel) | dict(rover.glonass_channel)
    rho_b, unit_b, az_b, el_b = _empty_geometry(len(base.sat))
    lines_of_sight(
        row_epochs(base), base_states.p_e_m, np.tile(base_e_m, (len(base.t_ns), 1)), rho_b, unit_b, az_b, el_b
    )
    code, phase, lli, cn0, cn0_b, wavelength = _differences(rover, base, p, channels)
    usable = (p.base_row >= 0) & (rover_states.reason == Reason.USED) & ~_left_out(rover.sat)
    usable &= np.isin(rover.sat // 100, [SYSTEMS.index(s) for s in p.slots])
    model = rover_states.clock_m - base_states.clock_m[p.base_row] + rho_b[p.base_row]
    usable &= (el_b[p.base_row] > 0.0) & np.isfinite(model)
    for value in (code, phase):
        value += model[:, None]
        value[~usable] = np.nan
    check_base_stands(base, base_states, base_e_m, origin)
    x0, cov, scale, misfit = approximate_positions(rover, rover_states, p, epoch, code, base_e_m, cn0, params)
    check_base(x0, base_e_m, origin)
    rho, unit, azimuth, elevation = _empty_geometry(m)
    lines_of_sight(epoch, rover_states.p_e_m, x0, rho, unit, azimuth, elevation)
    coefficients = _klobuchar(recording)
    tropo_r, iono_r, wet_r = _atmosphere(rover.t_ns, epoch, x0, azimuth, elevation, coefficients)
    base_epochs = row_epochs(base)
    tropo_b, iono_b, _ = _atmosphere(
        base.t_ns, base_epochs, np.tile(base_e_m, (len(base.t_ns), 1)), az_b, el_b, coefficients
    )
    less = rho + tropo_r - tropo_b[p.base_row]
    bands = {letter: tuple(s[2] for s in chosen) for letter, chosen in p.slots.items()}
    centre_r, centre_b, notes = difference(
        recording.get("antennas", Antennas), rover, base, bands, (azimuth, elevation), (az_b, el_b), SLOTS
    )
    for value in (code, phase):
        value -= centre_r - centre_b[p.base_row]
    delay = (iono_r - iono_b[p.base_row])[:, None] * (wavelength / L1_M) ** 2
    code -= delay
    phase += delay
    low = ~(elevation > params.elevation_mask_rad)
    for value in (code, phase):
        value -= less[:, None]
        value[low] = np.nan
    code_var, phase_var = _variances(elevation, cn0, cn0_b, rover.sat, params)
    alone = np.maximum(np.nan_to_num(misfit) / (ALONE_SIGMAS * scale[epoch])[:, None], 1.0)
    code_var *= (scale[epoch][:, None] * alone) ** 2
    # What satellite clocks and atmosphere do since the base's epoch is the same for all epochs that use it.
    phase_var += (params.ageing_mps * np.clip(p.age_s, 0.0, params.max_age_s)[epoch][:, None]) ** 2
    doppler, doppler_var = _doppler(rover, rover_states, p, unit, x0, epoch, elevation, wavelength, cn0, params)
    ratio = 6371.0 / (6371.0 + 450.0) * np.cos(elevation)
    iono = 1.0 / np.sqrt(1.0 - ratio * ratio)
    reason = np.where(low, np.uint8(Reason.ELEVATION), rover_states.reason)
    weak = cn0 < params.cn0_mask_dbhz
    code[weak] = np.nan
    phase[weak] = np.nan
    return RtkTable(
        rover.t_ns, rover.row_start, rover.sat.astype(np.int64), epoch, base_e_m, x0, cov, unit, azimuth, elevation,
        code, phase, code_var, phase_var, doppler, doppler_var, wavelength, cn0, lli, wet_r, iono, reason, p.age_s,
        bands,
        {k: tuple(rover.signals[k][s[0]] for s in v) for k, v in p.slots.items()},
        notes, alike(rover, base),
    )  # fmt: skip


def steadiness(table: RtkTable, arc: I64, params: RtkParams) -> RtkTable:
    """The table with codes counted less because their errors last, and least where a satellite's arcs have only begun.

    What keeps losing lock is reflected or bent: in the first STEADY_S seconds of its oldest arc the sigma of a
    satellite's codes is up to `params.young_factor` times larger, unless most others are as young.
    """
    t_ns = table.t_ns[table.epoch]
    began = np.full(int(arc.max(initial=-1)) + 2, np.iinfo(np.int64).max)
    np.minimum.at(began, arc, t_ns[:, None])
    age_s = np.where(arc >= 0, (t_ns[:, None] - began[arc]) * 1e-9, 0.0).max(axis=1)
    usual = np.zeros(len(table.t_ns))
    for k, (a, b) in enumerate(zip(table.row_start[:-1].tolist(), table.row_start[1:].tolist(), strict=True)):
        seen = age_s[a:b][np.isfinite(table.code[a:b]).any(axis=1)]
        usual[k] = np.median(seen) if len(seen) else 0.0
    young = np.clip(1.0 - age_s / np.clip(usual, 1e-9, STEADY_S)[table.epoch], 0.0, 1.0)
    factor = params.lasting_factor**2 * (1.0 + (params.young_factor**2 - 1.0) * young)
    return replace(table, code_var=table.code_var * factor[:, None])


def near_code(table: RtkTable, arc: I64) -> RtkTable:
    """The table with GLONASS's phases less, arc by arc, the whole cycles that bring them nearest to their codes.

    Two ambiguities of different wavelengths differ by whole cycles of one of them only if both are small: with 20,000
    cycles and channels one apart it would be wrong by seven.
    """
    whole = np.isfinite(table.phase - table.code) & (arc >= 0)
    whole &= (table.sat // 100 == SYSTEMS.index("R"))[:, None]
    cycles = ((table.phase - table.code) / table.wavelength)[whole]
    size = int(arc.max(initial=-1)) + 2
    count = np.bincount(arc[whole], minlength=size)
    mean = np.round(np.bincount(arc[whole], cycles, minlength=size) / np.maximum(count, 1))
    with np.errstate(invalid="ignore"):
        return replace(table, phase=table.phase - np.where(arc >= 0, mean[arc], 0.0) * table.wavelength)


def _empty_geometry(m: int) -> tuple[F64, F64, F64, F64]:
    return np.full(m, np.nan), np.full((m, 3), np.nan), np.full(m, np.nan), np.full(m, np.nan)


def _left_out(sat: I16 | I64) -> Bool:
    """BeiDou's geostationary satellites: their multipath stands still, their orbits are poor."""
    number = sat % 100
    return np.asarray((sat // 100 == SYSTEMS.index("C")) & ((number <= 5) | (number >= 59)))


def _states(
    recording: Recording, rover: GnssObservations, base: GnssObservations, p: Pairing
) -> tuple[SatelliteStates, SatelliteStates]:
    """States for both receivers from the same messages, so that a change of message cancels too."""
    known = {name: recording.streams.get(name) for name in ("ephemerides", "orbits", "clocks")}
    base_states = satellite_states(base, **known)
    if base_states.precise:
        return satellite_states(rover, **known), base_states
    own = satellite_states(rover, **known)
    paired = base_states.message[p.base_row]
    message = np.where((p.base_row >= 0) & (paired >= 0), paired, own.message)
    if np.array_equal(message, own.message):
        return own, base_states
    shared = satellite_states(rover, **known, message=message)
    reason = np.where(own.reason == Reason.UNHEALTHY, own.reason, shared.reason)
    object.__setattr__(shared, "reason", reason)
    return shared, base_states


def _differences(
    rover: GnssObservations, base: GnssObservations, p: Pairing, channels: dict[int, int]
) -> tuple[F64, F64, U8, F64, F64, F64]:
    """Single differences of code and phase in metres, lock indicators, C/N0 of both, wavelengths: (m, SLOTS)."""
    m = len(rover.sat)
    code, phase, cn0, cn0_b, wavelength = (np.full((m, SLOTS), np.nan) for _ in range(5))
    lli = np.zeros((m, SLOTS), dtype=np.uint8)
    sats, inverse = np.unique(rover.sat, return_inverse=True)
    for letter, chosen in p.slots.items():
        rows = np.flatnonzero((rover.sat // 100 == SYSTEMS.index(letter)) & (p.base_row >= 0))
        hz = frequency_table_hz(sats, {letter: tuple(band + " " for _, _, band in chosen)}, SLOTS, channels)
        other = p.base_row[rows]
        for slot, (i, j, _) in enumerate(chosen):
            length = (SPEED_OF_LIGHT_MPS / hz[:, slot])[inverse[rows]]
            wavelength[rows, slot] = length
            code[rows, slot] = rover.code_m[rows, i] - base.code_m[other, j]
            phase[rows, slot] = (rover.phase_cyc[rows, i] - base.phase_cyc[other, j]) * length
            cn0[rows, slot] = rover.cn0_dbhz[rows, i]
            cn0_b[rows, slot] = base.cn0_dbhz[other, j]
            lli[rows, slot] = rover.lli[rows, i] | base.lli[other, j]
    return code, phase, lli, cn0, cn0_b, wavelength


def _klobuchar(recording: Recording) -> F64:
    """The broadcast ionosphere (8,), zero where there is none: what of it changes until the base is heard again."""
    ephemerides = recording.get("ephemerides", BroadcastEphemerides)
    said = ephemerides.ionosphere if ephemerides is not None else {}
    for a, b in (("GPSA", "GPSB"), ("QZSA", "QZSB")):
        if a in said and b in said:
            return np.array([*said[a][:4], *said[b][:4]], dtype=np.float64)
    return np.zeros(8)


def _atmosphere(t_ns: I64, epoch: I64, p: F64, azimuth: F64, elevation: F64, ab: F64) -> tuple[F64, F64, F64]:
    """Slant delays (m,) of troposphere and ionosphere (on L1) by model, and the mapping of the wet delay."""
    from kinema.kernels.atmosphere import IONO_GPS, atmosphere_rows

    iono, tropo, wet = (np.full(len(epoch), np.nan) for _ in range(3))
    atmosphere_rows(t_ns, epoch, p, azimuth, elevation, ab, IONO_GPS, iono, tropo, wet)
    return tropo, iono, wet


def _variances(elevation: F64, cn0: F64, cn0_b: F64, sat: I16 | I64, params: RtkParams) -> tuple[F64, F64]:
    """Variances of single-differenced code and phase: elevation, and C/N0 below 45 dB-Hz."""
    sine = np.maximum(np.sin(np.where(np.isfinite(elevation), elevation, 0.1)), 0.05)[:, None]
    weak = sum(10 ** (0.1 * np.clip(45.0 - np.nan_to_num(c, nan=45.0), 0.0, 25.0)) for c in (cn0, cn0_b))
    shape = 0.5 * (1.0 + 1.0 / sine**2) * weak
    glonass = np.where(sat // 100 == SYSTEMS.index("R"), 2.0, 1.0)[:, None] ** 2
    return params.code_sigma_m**2 * shape * glonass, params.phase_sigma_m**2 * shape


def _doppler(
    rover: GnssObservations, states: SatelliteStates, p: Pairing, unit: F64, x0: F64, epoch: I64,
    elevation: F64, wavelength: F64, cn0: F64, params: RtkParams,
) -> tuple[F64, F64]:  # fmt: skip
    """Range rates of the rover less the satellites' motion and clock drift, and their variances."""
    rate = np.full(len(rover.sat), np.nan)
    var = np.full(len(rover.sat), np.nan)
    sine = np.maximum(np.sin(np.where(np.isfinite(elevation), elevation, 0.1)), 0.05)
    for letter, chosen in p.slots.items():
        rows = rover.sat // 100 == SYSTEMS.index(letter)
        for slot, (i, _, _) in enumerate(chosen):
            value = -rover.doppler_hz[:, i].astype(np.float64) * wavelength[:, slot]
            take = rows & np.isfinite(value) & ~np.isfinite(rate)
            rate[take] = value[take]
            weak = 10 ** (0.1 * np.clip(45.0 - np.nan_to_num(cn0[take, slot], nan=45.0), 0.0, 25.0))
            var[take] = params.doppler_sigma_mps**2 * 0.5 * (1 + 1 / sine[take] ** 2) * weak
    sp, sv = states.p_e_m, states.v_e_mps
    x = x0[epoch]
    turn = 7.2921151467e-5 / SPEED_OF_LIGHT_MPS * (sv[:, 1] * x[:, 0] - sv[:, 0] * x[:, 1])
    rate -= (unit * sv).sum(axis=1) + turn - states.clock_drift_mps
    rate[~(elevation > params.elevation_mask_rad) | (states.reason != Reason.USED) | ~np.isfinite(sp[:, 0])] = np.nan
    return rate, var
