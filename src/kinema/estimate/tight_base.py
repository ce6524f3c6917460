"""Rover less base as the rows of a tight filter: code, carrier with float ambiguities, and the rover's Doppler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.recording import Recording
from kinema.core.satellites import SYSTEMS
from kinema.core.streams import LLI_HALF
from kinema.estimate.options import SolveOptions
from kinema.estimate.rtk_filter import continuous_arcs
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.rtk_solution import restricted
from kinema.estimate.rtk_table import SLOTS, RtkTable, build_table
from kinema.estimate.tight_layout import (
    PHASE_REPEATS_S,
    Speeds,
    TightRows,
    code_again,
    epochs_of,
    event,
    give_places,
    lasting_s,
    lifetimes,
    sorted_rows,
    thinned,
)
from kinema.estimate.tight_params import TightParams
from kinema.kernels import tight as kt
from kinema.kernels.rtk import IONOSPHERE_S, ZENITH_S

ZENITH, IONOSPHERE, FIRST_FREE = 2, 3, 4
L1_M = 0.1902936727983649
CLOCK_SIGMA_M = 300.0
AMBIGUITY_WALK = 1e-9


@dataclass(frozen=True)
class BaseRows:
    """Rows, and what the search for integers needs: the table, its row range (E, 2) per epoch, place (m, SLOTS) of
    the ambiguity of each phase and arc (m, SLOTS) it belongs to, −1 none; usable (m, SLOTS) for fixing; arc_place,
    arc_first, arc_last (arcs,) place and epochs; floor_var (m²); length_m of the baseline."""

    data: TightRows
    table: RtkTable
    span: I64
    place: I64
    arc: I64
    usable: Bool
    arc_place: I64
    arc_first: I64
    arc_last: I64
    floor_var: float
    length_m: float


def base_rows(
    recording: Recording, options: SolveOptions, t0_ns: int, params: TightParams, rtk: RtkParams, speeds: Speeds
) -> BaseRows:  # fmt: skip
    """Rows of "gnss" against "base"; `speeds` tell how long a reflection stays. Raises as build_table does."""
    recording = restricted(recording, options)
    table = build_table(recording, options, rtk)
    arc, _ = continuous_arcs(table, rtk)
    t_s = (table.t_ns - t0_ns).astype(np.float64) * 1e-9
    chosen = thinned(t_s, params.least_step_s)
    chosen = chosen[np.isfinite(table.x0_e_m[chosen, 0])]
    number = np.full(len(t_s), -1, dtype=np.int64)
    number[chosen] = np.arange(len(chosen))
    epoch = number[table.epoch]
    has_phase = np.isfinite(table.phase) & (arc >= 0) & (epoch >= 0)[:, None]
    has_code = np.isfinite(table.code) & (epoch >= 0)[:, None]
    offset = np.linalg.norm(table.x0_e_m - table.base_e_m, axis=1)
    length_m = float(np.nanmedian(offset))
    states = _States(rtk, params, length_m)
    states.common(len(chosen))
    code_clock = states.code_clocks(table, epoch, has_code)
    slant = states.slants(table, epoch, has_phase)
    arcs, first, last = lifetimes(arc[has_phase], np.broadcast_to(epoch[:, None], arc.shape)[has_phase])
    arc_place = states.ambiguities(first, last)
    place = np.full(arc.shape, -1, dtype=np.int64)
    which = np.searchsorted(arcs, arc[has_phase])
    place[has_phase] = arc_place[which]
    renumbered = np.full(arc.shape, -1, dtype=np.int64)
    renumbered[has_phase] = which
    again = code_again(lasting_s(speeds.at(t_s)[table.epoch]), epoch, table.sat, t_s[chosen])
    rows = _rows(table, epoch, has_code, has_phase, code_clock, slant, place, renumbered, again, t_s[chosen])
    epochs = epochs_of(t_s[chosen], table.x0_e_m[chosen], rows.epoch, states.events, len(chosen))
    order = np.lexsort((rows.var, rows.kind, rows.epoch))
    data = TightRows(
        t_s[chosen],
        sorted_rows(order, rows.kind, rows.value, rows.var, rows.again, rows.unit, rows.at, rows.by),
        epochs,
        states.size,
        rows.sat[order],
        rows.arc[order],
    )
    usable = has_phase & (table.elevation > rtk.fix_elevation_rad)[:, None] & ((table.lli & LLI_HALF) == 0)
    usable[table.sat // 100 == SYSTEMS.index("R")] = False
    span = np.stack([table.row_start[chosen], table.row_start[chosen + 1]], axis=1)
    floor = rtk.floor_m**2 + (0.2e-6 * length_m) ** 2
    return BaseRows(
        data, table, span, place, renumbered, np.asarray(usable), arc_place, first, last, floor, length_m
    )  # fmt: skip


class _Parts(NamedTuple):
    """Columns of rows (R,) before they are sorted."""

    kind: I64
    var: F64
    value: F64
    again: F64
    unit: F64
    at: I64
    by: F64
    epoch: I64
    sat: I64
    arc: I64


class _States:
    """Extra states as they are given out, with the events that begin them."""

    def __init__(self, rtk: RtkParams, params: TightParams, length_m: float) -> None:
        self.params, self.size = params, FIRST_FREE
        self.events: list[tuple[int, int, F64]] = []
        beyond = 1e-6 * max(length_m - rtk.ionosphere_from_m, 0.0)
        self.own, self.shared = rtk.ionosphere_ppm * beyond, rtk.shared_ionosphere_ppm * beyond
        self.zenith = rtk.zenith_ppm * 1e-6 * length_m

    def common(self, n: int) -> None:
        """The clock of phases, new at each of n epochs; Doppler's drift; what the atmosphere does to all."""
        self.events += [(k, kt.CLOCK, event(CLOCK_SIGMA_M, look=True)) for k in range(n)]
        self.events.append((0, kt.DRIFT, event(10.0, walk=self.params.clock_drift_noise_mps2**2, look=True)))
        self.events.append((0, ZENITH, event(self.zenith, tau=ZENITH_S)))
        self.events.append((0, IONOSPHERE, event(self.shared, tau=IONOSPHERE_S)))

    def code_clocks(self, table: RtkTable, epoch: I64, has: Bool) -> I64:
        """Place (m, SLOTS) of the clock of each code: one per system and signal, new at each epoch."""
        place = np.full(has.shape, -1, dtype=np.int64)
        for g in np.unique(table.sat // 100):
            for f in range(SLOTS):
                mine = has[:, f] & (table.sat // 100 == g)
                if not mine.any():
                    continue
                place[mine, f] = self.size
                seen = np.unique(epoch[mine]).tolist()
                self.events += [(k, self.size, event(CLOCK_SIGMA_M, look=True)) for k in seen]
                self.size += 1
        return place

    def slants(self, table: RtkTable, epoch: I64, has: Bool) -> I64:
        """Place (m,) of the ionosphere of each satellite where the baseline asks for one, else −1."""
        place = np.full(len(has), -1, dtype=np.int64)
        mine = has.any(axis=1)
        if self.own <= 0.0 or not mine.any():
            return place
        sats, first, last = lifetimes(table.sat[mine], epoch[mine])
        given, self.size = give_places(first, last, self.size)
        place[mine] = given[np.searchsorted(sats, table.sat[mine])]
        for k in range(len(sats)):
            mapping = float(table.iono[mine & (table.sat == sats[k])].max())
            self.events.append((int(first[k]), int(given[k]), event(self.own * mapping, tau=IONOSPHERE_S)))
        return place

    def ambiguities(self, first: I64, last: I64) -> I64:
        """Place of each arc's ambiguity."""
        place, self.size = give_places(first, last, self.size)
        sigma = self.params.ambiguity_sigma_m
        self.events += [
            (int(first[k]), int(place[k]), event(sigma, walk=AMBIGUITY_WALK, look=True)) for k in range(len(first))
        ]
        return place


def _rows(
    table: RtkTable, epoch: I64, has_code: Bool, has_phase: Bool, code_clock: I64, slant: I64, place: I64, arc: I64,
    code_again: F64, t_s: F64,
) -> _Parts:  # fmt: skip
    """All rows, kind after kind."""
    step = max(float(np.median(np.diff(t_s))), 1e-3) if len(t_s) > 1 else 1.0
    parts = []
    phase_again = np.full(len(epoch), 1.0 + PHASE_REPEATS_S / step)
    for kind, has, value, var, times in (
        (kt.CODE, has_code, table.code, table.code_var, code_again),
        (kt.PHASE, has_phase, table.phase, table.phase_var, phase_again),
    ):
        r, f = np.nonzero(has)
        delay = (table.wavelength[r, f] / L1_M) ** 2 * (1.0 if kind == kt.CODE else -1.0)
        at, by = np.full((len(r), kt.EXTRA), -1, dtype=np.int64), np.ones((len(r), kt.EXTRA))
        at[:, 0] = code_clock[r, f] if kind == kt.CODE else kt.CLOCK
        at[:, 1], by[:, 1] = ZENITH, table.wet[r]
        at[:, 2], by[:, 2] = IONOSPHERE, delay * table.iono[r]
        at[:, 3], by[:, 3] = slant[r], delay
        at[:, 4] = place[r, f] if kind == kt.PHASE else -1
        again = times[r]
        parts.append((
            np.full(len(r), kind), var[r, f] * again, value[r, f], again, table.unit[r], at, by, epoch[r],
            table.sat[r], arc[r, f] if kind == kt.PHASE else np.full(len(r), -1),
        ))  # fmt: skip
    r = np.flatnonzero(np.isfinite(table.doppler) & (epoch >= 0))
    at, by = np.full((len(r), kt.EXTRA), -1, dtype=np.int64), np.ones((len(r), kt.EXTRA))
    at[:, 0] = kt.DRIFT
    again = np.full(len(r), 1.0 + PHASE_REPEATS_S / step)
    parts.append((
        np.full(len(r), kt.DOPPLER), table.doppler_var[r] * again, table.doppler[r], again, table.unit[r], at, by,
        epoch[r], table.sat[r], np.full(len(r), -1),
    ))  # fmt: skip
    return _Parts(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def seen_from(rows: BaseRows, used: I64) -> BaseRows:
    """The same where only the epochs `used` (ascending) come to be seen: arcs begin at the first of these."""
    return replace(rows, arc_first=np.append(used, len(rows.data.t_s))[np.searchsorted(used, rows.arc_first)])


def with_ties(rows: BaseRows, ties: list[tuple[int, int, int, float]]) -> BaseRows:
    """The same with differences of ambiguities imposed: (epoch, place, other place, metres) each,
    as uncertain as what multipath and antennas leave in an arc for as long as it lasts."""
    if not ties:
        return rows
    data, old = rows.data, rows.data.rows
    n = len(ties)
    at, by = np.full((n, kt.EXTRA), -1, dtype=np.int64), np.ones((n, kt.EXTRA))
    at[:, 0], at[:, 1] = [t[1] for t in ties], [t[2] for t in ties]
    by[:, 1] = -1.0
    epoch = np.repeat(np.arange(len(data.t_s)), np.diff(data.epochs.row_start))
    epoch = np.concatenate([epoch, [t[0] for t in ties]])
    joined = [
        np.concatenate([mine, more])
        for mine, more in zip(
            old,
            (
                np.full(n, kt.TIE), np.array([t[3] for t in ties]), np.full(n, rows.floor_var), np.ones(n),
                np.zeros((n, 3)), at, by,
            ),
            strict=True,
        )
    ]  # fmt: skip
    order = np.argsort(epoch, kind="stable")
    new = kt.Rows(*(np.ascontiguousarray(part[order]) for part in joined))
    starts = np.searchsorted(epoch[order], np.arange(len(data.t_s) + 1))
    more = np.full(n, -1)
    return replace(
        rows,
        data=replace(
            data, rows=new, epochs=data.epochs._replace(row_start=starts),
            sat=np.concatenate([data.sat, more])[order], arc=np.concatenate([data.arc, more])[order],
        ),
    )  # fmt: skip
