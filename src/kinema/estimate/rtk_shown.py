"""What a report shows of RTK beside the positions: residuals with their reasons, carrier arcs with their integers."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import I64, U8
from kinema.core.satellites import SYSTEMS
from kinema.core.solution import Arcs, Reason, Residuals
from kinema.estimate.rtk_filter import FilterOutput
from kinema.estimate.rtk_integers import ArcIntegers
from kinema.estimate.rtk_table import SLOTS, RtkTable

MAX_RESIDUAL_ROWS = 1_000_000


def residuals(table: RtkTable, out: FilterOutput) -> Residuals | None:
    """Innovations of code and phase against the other satellites of their system and signal."""
    parts = []
    signals, lookup = signal_names(table)
    for kind, value, var, flag in (
        (0, out.code_residual, table.code_var, out.code_flag),
        (2, out.phase_residual, table.phase_var, out.phase_flag),
    ):
        row, slot = np.nonzero(np.isfinite(value))
        bad = np.uint8(Reason.OUTLIER if kind == 0 else Reason.SLIP)
        mark = np.where(flag[row, slot] == 1, bad, np.where(flag[row, slot] == 2, Reason.DOWN_WEIGHTED, Reason.USED))
        parts.append((row, slot, np.full(len(row), kind), value[row, slot], np.sqrt(var[row, slot]), mark))
    row, slot, kinds, value, sigma, mark = (np.concatenate([p[i] for p in parts]) for i in range(6))
    if not 0 < len(row) <= MAX_RESIDUAL_ROWS:
        return None
    order = np.argsort(row, kind="stable")
    row, slot = row[order], slot[order]
    return Residuals(
        epoch=table.epoch[row], sat=table.sat[row].astype(np.int16), kind=kinds[order],
        signal=lookup[table.sat[row] // 100, slot], residual=value[order], sigma=sigma[order], reason=mark[order],
        azimuth_rad=table.azimuth[row], elevation_rad=table.elevation[row], cn0_dbhz=table.cn0[row, slot],
        signals=signals,
    )  # fmt: skip


def arc_table(table: RtkTable, arc: I64, slip: U8, integers: ArcIntegers) -> Arcs:
    """The arcs of a table, with their integers where these are known."""
    row, slot = np.nonzero(arc >= 0)
    number = arc[row, slot]
    count = int(number.max(initial=-1)) + 1
    start, stop = np.full(count, len(table.t_ns)), np.full(count, -1)
    np.minimum.at(start, number, table.epoch[row])
    np.maximum.at(stop, number, table.epoch[row])
    sat, signal, cause = np.zeros(count, np.int16), np.zeros(count, np.uint8), np.zeros(count, np.uint8)
    names, lookup = signal_names(table)
    sat[number], signal[number] = table.sat[row], lookup[table.sat[row] // 100, slot]
    began = slip[row, slot] > 0
    cause[number[began]] = slip[row, slot][began]
    integer = np.full(count, np.nan)
    known = integers.datum[:count] >= 0
    integer[known] = integers.value[:count][known]
    seen = stop >= 0
    return Arcs(sat[seen], signal[seen], start[seen], stop[seen], cause[seen], integer[seen], names)


def signal_names(table: RtkTable) -> tuple[tuple[str, ...], U8]:
    """Names of all rover signals, and the index (system, slot) into them."""
    names = sorted({name for of_system in table.rover_signal.values() for name in of_system})
    lookup = np.zeros((len(SYSTEMS), SLOTS), dtype=np.uint8)
    for letter, of_system in table.rover_signal.items():
        lookup[SYSTEMS.index(letter), : len(of_system)] = [names.index(name) for name in of_system]
    return tuple(names), lookup
