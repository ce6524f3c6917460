"""The causal pass over a recording, its nodes laid anew whenever the IMU's clock turns out to be somewhere else.

The time offset is a state of the filter, and its rows hold for small offsets only. A clock that drifts by 300 ppm is
0.15 s off after eight minutes: the state's value is then taken into the calibration, and later fixes find their place
among the samples by that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.estimate.inertial import Pass, run_filter
from kinema.estimate.inertial_nodes import Nodes, build_nodes
from kinema.estimate.inertial_params import Calibration, InertialParams, Start
from kinema.estimate.road_height import memory
from kinema.kernels import inertial as ki
from kinema.sensors.fix import FixRows
from kinema.sensors.imu_signal import ImuSignal

PIECE_NODES = 10 * 20
_LATE_S = 0.005


def retimed(state: Start, calibration: Calibration, late: tuple[float, float, float]) -> tuple[Start, Calibration]:
    """A state and a calibration that has taken over `late`: offset (s), drift, and when (s) they were so."""
    td, tdd, at_s = late
    x = state.x.copy()
    x[ki.X_TD] -= td + tdd * (state.t_s - at_s)
    x[ki.X_TDD] -= tdd
    return replace(state, x=x), calibration.retimed(td, tdd, at_s)


def lateness(state: Start) -> tuple[float, float, float] | None:
    """What the calibration should take over; None while the state's offset is small, or no more than its sigma."""
    td, sigma = float(state.x[ki.X_TD]), float(np.sqrt(state.p[ki.TD, ki.TD]))
    return None if abs(td) < _LATE_S + sigma else (td, float(state.x[ki.X_TDD]), state.t_s)


def run_causal(
    signal: ImuSignal, fixes: FixRows, start: Start, params: InertialParams, calibration: Calibration,
    wheels: tuple[F64, F64] | None,
) -> tuple[Pass, Nodes]:  # fmt: skip
    """The causal pass from `start` to the end of the stream. Raises EstimationError."""
    nodes = build_nodes(signal, fixes, calibration, params, wheels, span_s=(start.t_s, np.inf))
    road = memory(start.x[:3], params, coarse=fixes.slow_sigma_m > 0)
    first, state = 0, start
    passes: list[Pass] = []
    kept: list[Nodes] = []
    while first < len(nodes):
        last = min(first + PIECE_NODES, len(nodes))
        piece = replace(nodes.chunk(first, last), road=road)
        done = run_filter(piece, state, params, calibration)
        passes.append(replace(done, gps_s=calibration.gps_time(done.t_s)))
        kept.append(piece)
        state, first = done.end, last
        late = lateness(state)
        if late is not None and last < len(nodes):
            state, calibration = retimed(state, calibration, late)
            used = nodes.fix[:last].max()
            nodes = build_nodes(
                signal, fixes, calibration, params, wheels, span_s=(state.t_s, np.inf), first_fix=int(used) + 1
            )
            first = 1
    return joined(passes), joined_nodes(kept)


def joined(passes: list[Pass]) -> Pass:
    """Passes that followed each other as one."""
    starts = np.cumsum([0] + [len(one.t_s) for one in passes[:-1]])
    full_at = np.concatenate([one.full_at + at for one, at in zip(passes, starts, strict=True)])
    names = ("t_s", "x", "cov", "told", "means", "full", "gps_s")
    t_s, x, cov, told, means, full, gps_s = (np.concatenate([getattr(p, name) for p in passes]) for name in names)
    return Pass(t_s, x, cov, told, means, full_at, full, passes[-1].end, gps_s=gps_s)


def joined_nodes(kept: list[Nodes]) -> Nodes:
    """Times, fixes and flags of nodes that followed each other; the increments do not come along."""
    names = ("t_s", "noise", "fix", "wheel", "nhc", "quiet", "mean")
    arrays: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in kept]) for name in names}
    none, no_start = np.empty((0, 3)), np.zeros(len(arrays["t_s"]) + 1, np.int64)
    return replace(kept[-1], **arrays, dth=none, dv=none, dt=np.empty(0), seg_start=no_start)
