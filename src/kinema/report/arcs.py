"""Carrier ambiguity arcs: a bar for each, and what became of them per signal."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.satellites import SYSTEM_NAMES, sat_name, sat_system
from kinema.core.solution import Arcs, FixStatus, Solution
from kinema.report.blocks.base import Block
from kinema.report.blocks.charts import Category, Groups
from kinema.report.blocks.lanes import Lanes
from kinema.report.blocks.tables import Cell, Row, Table
from kinema.report.draft import Draft
from kinema.report.words import duration, percent

FLOAT, FIXED, UNKNOWN = 0, 1, 2
STATES = (
    Category(FIXED, "Integer known", "--s5"),
    Category(FLOAT, "Float", "--s4"),
    Category(UNKNOWN, "Integer not kept", "--s3"),
)
NO_SLIP = ("", "gap")
"""Causes of an arc that are no slip: a satellite that rose, or came back."""


def arc_blocks(draft: Draft) -> list[Block]:
    """Bars and table of the arcs of a solution; none where it has no arcs."""
    solution = draft.motion.solution
    arcs = solution.arcs
    if arcs is None or not len(arcs.sat):
        return []
    return [_lanes(draft, arcs, states_of(solution, arcs)), arc_table(solution, arcs)]


def states_of(solution: Solution, arcs: Arcs) -> I64:
    """State of each arc (k,). Epochs that are fixed by integers of which none is told leave all of them UNKNOWN: a
    causal filter holds integers for an epoch, not for an arc."""
    known = np.isfinite(arcs.integer)
    if not known.any() and bool((solution.status == FixStatus.FIXED).any()):
        return np.full(len(known), UNKNOWN, dtype=np.int64)
    return np.where(known, FIXED, FLOAT).astype(np.int64)


def _lanes(draft: Draft, arcs: Arcs, state: I64) -> Lanes:
    order = np.lexsort((arcs.start, arcs.signal, arcs.sat))
    lane = arcs.sat[order].astype(np.int64) * 256 + arcs.signal[order]
    lanes, start = np.unique(lane, return_index=True)
    sats = [int(one) >> 8 for one in lanes]
    names = [f"{sat_name(sat)} {_signal(arcs, int(one) & 255)}" for sat, one in zip(sats, lanes, strict=True)]
    columns = draft.columns
    columns.add("arcs.start", arcs.start[order], quantum=1.0)
    columns.add("arcs.stop", arcs.stop[order], quantum=1.0)
    columns.add("arcs.state", state[order], quantum=1.0)
    columns.add("arcs.cause", arcs.cause[order], quantum=1.0)
    family = [SYSTEM_NAMES[sat_system(sat)] for sat in sats]
    groups = Groups(names, [*start.tolist(), len(lane)], family, "arcs.start")
    marked = [k for k, cause in enumerate(arcs.causes) if cause not in NO_SLIP]
    return Lanes("Carrier ambiguity arcs", groups, "arcs.stop", "arcs.state", STATES, "arcs.cause", arcs.causes, marked)


def arc_table(solution: Solution, arcs: Arcs) -> Table:
    """Arcs per system and signal: how many, why they began, which share of their time the integer is known, how long
    they last."""
    state = states_of(solution, arcs)
    seconds: F64 = (solution.t_ns[arcs.stop] - solution.t_ns[arcs.start]).astype(np.float64) * 1e-9
    present = [k for k in np.unique(arcs.cause).tolist() if _cause(arcs, k)]
    key = (arcs.sat.astype(np.int64) // 100) * 256 + arcs.signal
    rows: list[Row] = []
    for one in np.unique(key).tolist():
        mine = key == one
        system = SYSTEM_NAMES[sat_system(int(arcs.sat[mine][0]))]
        rows.append([f"{system} {_signal(arcs, one & 255)}", *_cells(arcs, mine, state, seconds, present)])
    if len(rows) > 1:
        rows.append(["All", *_cells(arcs, np.ones(len(key), dtype=bool), state, seconds, present)])
    headings = ("Signal", "Arcs", *(_cause(arcs, k).capitalize() for k in present), "Integer known", "Median length")
    note = "Integer known: share of the arcs' epochs. The causes say why an arc began anew."
    return Table("Arcs by signal", headings, rows, note)


def _cells(arcs: Arcs, mine: Bool, state: I64, seconds: F64, present: list[int]) -> list[Cell]:
    epochs = (arcs.stop - arcs.start + 1)[mine]
    share = float(epochs[state[mine] == FIXED].sum() / epochs.sum())
    unknown = bool((state[mine] == UNKNOWN).all())
    count = int(mine.sum())
    causes = [int((arcs.cause[mine] == k).sum()) for k in present]
    middle = float(np.median(seconds[mine]))
    return [
        Cell(str(count), count),
        *(Cell(str(one or "–"), one) for one in causes),
        Cell("–") if unknown else Cell(f"{percent(share)} %", share, share=share),
        Cell(duration(middle), middle),
    ]


def _signal(arcs: Arcs, signal: int) -> str:
    return arcs.signals[signal] if signal < len(arcs.signals) else str(signal)


def _cause(arcs: Arcs, cause: int) -> str:
    return arcs.causes[cause] if cause < len(arcs.causes) else str(cause)
