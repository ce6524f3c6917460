"""Raw observations of a rover alone as the rows of a tight filter: code, Doppler, carrier with its constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.recording import Recording
from kinema.core.satellites import SYSTEMS
from kinema.core.streams import GnssObservations, used_mask
from kinema.errors import EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.single import Track, solve_rows
from kinema.estimate.single_noise import LEAST_S, repeats, slow_part
from kinema.estimate.single_params import Params as SingleParams
from kinema.estimate.single_rows import CARRIER, CODE, DOPPLER, SIS_SIGMA_M, Rows, build
from kinema.estimate.single_solution import between, block_ranges, cut
from kinema.estimate.tight_layout import (
    PHASE_REPEATS_S,
    REFLECTION_S,
    Speeds,
    TightRows,
    epochs_of,
    event,
    give_places,
    lifetimes,
    sorted_rows,
    thinned,
)
from kinema.estimate.tight_params import TightParams
from kinema.kernels import tight as kt

ZENITH = 2
_SURE = 0.02
"""A code counts at least this share of what a direct one would."""
STILL_MPS = 0.5


@dataclass(frozen=True)
class _Table:
    """Rows (R,) of some epochs, before states are given out."""

    epoch: I64
    kind: I64
    value: F64
    var: F64
    again: F64
    unit: F64
    wet: F64
    sat: I64
    arc: I64
    slow_m: F64
    walk: F64


def rover_rows(
    recording: Recording, options: SolveOptions, t0_ns: int, params: TightParams, speeds: Speeds
) -> TightRows:  # fmt: skip
    """Rows of the recording's "gnss" with broadcast or precise orbits; `speeds` tell how long a reflection stays.

    Raises EstimationError where there are none.
    """
    observations = between(recording.need("gnss", GnssObservations), options)
    single = SingleParams(**dict(options.params.get("single", {})))
    dropped = ~used_mask(observations.t_ns, options.masks_of("gnss"))
    known = (
        recording.get("ephemerides", BroadcastEphemerides), recording.get("orbits", PreciseOrbits),
        recording.get("clocks", PreciseClocks),
    )  # fmt: skip
    tables, p0, starts, arcs = [], [], [], 0
    for start, keep_from, keep_to, stop in block_ranges(observations, single):
        rows = build(
            cut(observations, start, stop), *known, options.systems, options.frequencies, single, dropped[start:stop]
        )
        if rows is None:
            p0.append(np.full((keep_to - keep_from, 3), np.nan))
            continue
        track = solve_rows(rows, single, causal=False)
        origin_s = (rows.observations.t_ns[0] - t0_ns) * 1e-9
        still = speeds.at(rows.t_s + origin_s)[rows.epoch] < STILL_MPS
        table = _table(rows, track, still, single, params, (keep_from - start, keep_to - start, keep_from), arcs)
        arcs = max(arcs, int(table.arc.max(initial=-1)) + 1)
        tables.append(table)
        starts.append(keep_from)
        p0.append(rows.p0_e_m[keep_from - start : keep_to - start])
    if not tables:
        raise EstimationError("no epoch of the raw observations can be positioned")
    table = _Table(*(np.concatenate([getattr(t, name) for t in tables]) for name in _Table.__dataclass_fields__))
    t_s = (observations.t_ns - t0_ns).astype(np.float64) * 1e-9
    return _assembled(table, t_s, np.concatenate(p0), starts, single, params)


def _table(
    rows: Rows, track: Track, still: Bool, single: SingleParams, params: TightParams, part: tuple[int, int, int],
    arcs: int,
) -> _Table:  # fmt: skip
    """Codes, Dopplers and carriers with what their residuals told of their noise; still (m,): at rest.

    part: first epoch, last one (not included), and the number that the first has in all; arcs: numbers given out.
    """
    first, last, offset = part
    direct = np.clip(track.weight[:, CODE], _SURE, 1.0)
    slow = slow_part(rows, track.resid, track.weight[:, CODE])
    sigma = track.sigma
    code_noise2 = np.maximum(sigma[:, CODE] ** 2 - slow**2, (0.2 * sigma[:, CODE]) ** 2)
    code_again, doppler_again, phase_again = _again(rows, track, still, single, params)
    phase, arc = _phases(rows)
    phase_sigma, walk = _phase_noise(rows, track, single, params)
    inside = (rows.epoch >= first) & (rows.epoch < last)
    parts = []
    for kind, use, value, var, times in (
        (kt.CODE, sigma[:, CODE] > 0, rows.z[:, CODE], code_noise2 / direct, code_again),
        (kt.DOPPLER, rows.sigma[:, DOPPLER] > 0, rows.z[:, DOPPLER], sigma[:, DOPPLER] ** 2, doppler_again),
        (kt.PHASE, arc >= 0, phase, phase_sigma**2, phase_again),
    ):
        k = np.flatnonzero(use & inside & np.isfinite(value) & np.isfinite(var) & (var > 0))
        parts.append((
            rows.epoch[k] - first + offset, np.full(len(k), kind), value[k], var[k] * times[k], times[k], rows.unit[k],
            np.nan_to_num(rows.wet[k]) * (kind != kt.DOPPLER), rows.observations.sat[k].astype(np.int64),
            np.where(arc[k] >= 0, arc[k] + arcs, -1) if kind == kt.PHASE else np.full(len(k), -1), slow[k], walk[k],
        ))  # fmt: skip
    return _Table(*(np.concatenate([part[i] for part in parts]) for i in range(len(parts[0]))))


def _again(rows: Rows, track: Track, still: Bool, single: SingleParams, params: TightParams) -> tuple[F64, F64, F64]:
    """How many times the errors of codes, Dopplers and phases count (m,) at epochs of the least step."""
    step = float(np.median(rows.dt_s[1:])) if len(rows.t_s) > 1 else 1.0
    every = max(step, params.least_step_s)
    again = []
    for kind, longest in ((CODE, single.code_correlation_s), (DOPPLER, single.doppler_correlation_s)):
        most = min(1 + 2 * longest / step, len(rows.t_s))
        found = min(max(repeats(rows, track.resid, track.sigma, kind), 1 + LEAST_S / step), most)
        again.append(np.full(len(still), 1 + (found - 1) * step / every))
    # at rest a reflection stays for a minute, whatever the mean over the drive is
    again[0][still] = np.maximum(again[0][still], 1 + 2 * REFLECTION_S[1] / every)
    return again[0], again[1], np.full(len(still), 1 + PHASE_REPEATS_S / every)


def _phase_noise(rows: Rows, track: Track, single: SingleParams, params: TightParams) -> tuple[F64, F64]:
    """Sigma (m,) of a phase, by elevation and by what its residuals told, and how its constant walks, m²/s."""
    assumed = np.maximum(rows.sigma[:, CARRIER], 1e-9)
    shape = np.where(rows.sigma[:, CARRIER] > 0, track.sigma[:, CARRIER] / assumed, 1.0)
    two = rows.signals.slot[:, 1] >= 0
    g1, g2 = rows.signals.iono[:, 0], rows.signals.iono[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        amplified = np.where(two, np.hypot(g2, g1) / np.abs(g2 - g1), 1.0)
    low = 1.0 / np.maximum(np.sin(rows.elevation_rad), 0.1)
    sigma = single.carrier_sigma_m * np.nan_to_num(amplified, nan=1.0) * np.minimum(low, 5.0) * 0.7 * shape
    sis = np.array([SIS_SIGMA_M[letter] for letter in SYSTEMS])[rows.observations.sat // 100]
    walk = (params.carrier_walk * np.maximum(sis / SIS_SIGMA_M["G"], 1.0) * np.where(two, 1.0, 3.0)) ** 2
    return sigma, walk


def _phases(rows: Rows) -> tuple[F64, I64]:
    """Carrier less model, up to a constant per arc (m,), and the arc's number, −1 where there is no carrier.

    The changes since the epoch before, summed along each satellite's unbroken rows.
    """
    m = len(rows.epoch)
    order = np.argsort(rows.observations.sat, kind="stable")
    goes_on = rows.sigma[order, CARRIER] > 0
    change = np.where(goes_on, rows.z[order, CARRIER], 0.0)
    total = np.cumsum(change)
    piece = np.cumsum(~goes_on) - 1
    first = np.flatnonzero(~goes_on)
    base = np.zeros(int(piece.max(initial=-1)) + 1)
    base[piece[first]] = total[first]
    long = np.bincount(np.maximum(piece, 0))[np.maximum(piece, 0)] > 1
    phase, arc = np.full(m, np.nan), np.full(m, -1, dtype=np.int64)
    phase[order[long]] = (total - base[np.maximum(piece, 0)])[long]
    arc[order[long]] = piece[long]
    return phase, arc


def _assembled(
    table: _Table, t_s: F64, p0: F64, starts: list[int], single: SingleParams, params: TightParams
) -> TightRows:  # fmt: skip
    """Give out the extra states and sort: no state's value is assumed that the rows can tell."""
    chosen = thinned(t_s, params.least_step_s)
    number = np.full(len(t_s), -1, dtype=np.int64)
    number[chosen] = np.arange(len(chosen))
    keep = number[table.epoch] >= 0
    table = _Table(*(getattr(table, name)[keep] for name in _Table.__dataclass_fields__))
    begins = np.unique(np.minimum(np.searchsorted(chosen, starts), len(chosen) - 1))
    states = _States(table, number[table.epoch], single, params)
    states.common(begins.tolist())
    states.between_systems()
    states.slow_codes()
    states.constants()
    order = np.lexsort((table.var, table.kind, states.epoch))
    rows = sorted_rows(order, table.kind, table.value, table.var, table.again, table.unit, states.at, states.by)
    epochs = epochs_of(t_s[chosen], p0[chosen], states.epoch, states.events, len(chosen))
    return TightRows(t_s[chosen], rows, epochs, states.size, table.sat[order], table.arc[order])


class _States:
    """Extra states as they are given out to the rows of a table at `epoch` (R,): at, by (R, EXTRA) of each row, and
    the events that begin them."""

    def __init__(self, table: _Table, epoch: I64, single: SingleParams, params: TightParams) -> None:
        self.table, self.epoch, self.single, self.params = table, epoch, single, params
        self.at = np.full((len(epoch), kt.EXTRA), -1, dtype=np.int64)
        self.by = np.ones((len(epoch), kt.EXTRA))
        self.code, self.phase = table.kind == kt.CODE, table.kind == kt.PHASE
        self.events: list[tuple[int, int, F64]] = []
        self.size = ZENITH + 1

    def common(self, begins: list[int]) -> None:
        """Clock and drift, which begin anew with each block, and the zenith delay."""
        table, single, params = self.table, self.single, self.params
        self.at[:, 0] = np.where(table.kind == kt.DOPPLER, kt.DRIFT, kt.CLOCK)
        self.at[table.wet != 0, 2], self.by[:, 2] = ZENITH, table.wet
        zenith = event(single.troposphere_sigma_m, walk=single.zenith_drift_m_per_sqrt_s**2)
        self.events.append((0, ZENITH, zenith))
        for k in begins:
            self.events.append((k, kt.CLOCK, event(300.0, walk=params.clock_noise_mps**2, look=True)))
            self.events.append((k, kt.DRIFT, event(10.0, walk=params.clock_drift_noise_mps2**2, look=True)))

    def between_systems(self) -> None:
        """A bias of the codes of each system but the most frequent one."""
        system = self.table.sat // 100
        counts = np.bincount(system[self.code], minlength=len(SYSTEMS))
        for letter in np.flatnonzero(counts > 0):
            if letter == np.argmax(counts):
                continue
            mine = self.code & (system == letter)
            self.at[mine, 1] = self.size
            begun = event(50.0, walk=self.single.bias_drift_m_per_sqrt_s**2, look=True)
            self.events.append((int(self.epoch[mine].min()), self.size, begun))
            self.size += 1

    def slow_codes(self) -> None:
        """Slow errors of codes, which stay with their satellite."""
        mine, lasting = self.code, self.single.systematic_correlation_s
        first, place, which = self._placed(self.table.sat, mine)
        slow = np.sqrt(np.bincount(which, self.table.slow_m[mine] ** 2) / np.bincount(which))
        self.events += [(int(first[k]), int(place[k]), event(slow[k], tau=lasting)) for k in range(len(place))]

    def constants(self) -> None:
        """Constants of carriers, which stay with their arc."""
        mine, unknown = self.phase, self.params.ambiguity_sigma_m
        first, place, which = self._placed(self.table.arc, mine)
        walks = np.zeros(len(place))
        walks[which] = self.table.walk[mine]
        self.events += [
            (int(first[k]), int(place[k]), event(unknown, walk=walks[k], look=True)) for k in range(len(place))
        ]

    def _placed(self, of: I64, mine: Bool) -> tuple[I64, I64, I64]:
        """First epoch and place of a state for each that rows are `of`, and which of them each of the rows `mine` has;
        their places go into the last column."""
        keys, first, last = lifetimes(of[mine], self.epoch[mine])
        place, self.size = give_places(first, last, self.size)
        which = np.searchsorted(keys, of[mine])
        self.at[mine, 3] = place[which]
        return first, place, which
