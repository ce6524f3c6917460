"""The inertial filter's causal pass over ranges, about its own way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.errors import EstimationError
from kinema.estimate.align import Alignment
from kinema.estimate.inertial import Pass, run_filter
from kinema.estimate.inertial_causal import joined
from kinema.estimate.inertial_nodes import Nodes, build_nodes
from kinema.estimate.inertial_params import InertialParams, Start
from kinema.estimate.inertial_solution import mounted
from kinema.estimate.ranges_seen import LEAST_SHARE, UNKNOWN_M, Seen
from kinema.kernels import inertial as ki
from kinema.kernels.rotation import dcms_from_quats
from kinema.sensors.imu_signal import ImuSignal

PIECE_S = 0.2
LOST_ROWS = 15
"""So many ranges in a row that nothing explains are not the ranges' fault."""
LOST_OVER, LOST_SHARE = 100.0, 0.5
"""Of the last hundred ranges or so, half contradict the filter: its heading was found wrong."""
AGREE_M = 1.0


class Lost(EstimationError):
    """The inertial filter does not follow the ranges any more."""


def run_own_way(signal: ImuSignal, seen: Seen, alignment: Alignment, params: InertialParams) -> tuple[Pass, Nodes]:
    """The causal pass, a quarter of a second at a time: each piece's ranges are taken about the place that the filter
    itself predicts, and those far too long for it left out."""
    calibration = alignment.calibration
    rows = seen.rows()
    fixes = rows.rows.copy()
    start = mounted(alignment.start, calibration, params)
    nodes = replace(build_nodes(signal, rows, calibration, params, None, span_s=(start.t_s, np.inf)), fixes=fixes)
    state, first, refused, doubt = start, 0, 0, 0.0
    passes: list[Pass] = []
    while first < len(nodes):
        last = min(max(int(np.searchsorted(nodes.t_s, nodes.t_s[first] + PIECE_S)), first + 1), len(nodes))
        part = nodes.chunk(first, last)
        used = part.fix[part.fix >= 0]
        if len(used):
            here, spread = _predicted(state, part.t_s[part.fix >= 0], seen, used)
            far = here.late(spread)
            doubt += min(len(used) / LOST_OVER, 1.0) * (float(far.mean()) - doubt)
            if doubt > LOST_SHARE:
                raise Lost(f"after {part.t_s[0] - start.t_s:.0f} s most ranges contradict the inertial filter")
            late = far | (here.share < LEAST_SHARE)
            refused = refused + len(used) if late.all() else 0
            if refused > LOST_ROWS:
                state = _opened(state)
                late[:], refused = False, 0
            fixes[used] = here.rows().rows
            fixes[used[late], 3:12] = (UNKNOWN_M**2 * np.eye(3)).ravel()
        done = run_filter(part, state, params, calibration)
        passes.append(replace(done, gps_s=calibration.gps_time(done.t_s)))
        state, first = done.end, last
    return joined(passes), nodes


def _predicted(state: Start, t_s: F64, seen: Seen, used: I64) -> tuple[Seen, F64]:
    """Ranges `used` (k,), at t_s of the IMU's clock, about the place that a state predicts; its covariance (3, 3)."""
    c_es = dcms_from_quats(state.x[None, ki.X_Q : ki.X_Q + 4])[0]
    arm = c_es @ state.x[ki.X_L : ki.X_L + 3]
    v = state.x[ki.X_V : ki.X_V + 3]
    ahead = t_s - state.t_s
    h = np.zeros((3, ki.N))
    h[:, ki.P : ki.P + 3], h[:, ki.V : ki.V + 3] = np.eye(3), np.eye(3) * float(ahead.mean())
    h[:, ki.L : ki.L + 3] = c_es
    here = seen.pick(used)
    there = state.x[ki.X_P : ki.X_P + 3] + arm + ahead[:, None] * v
    apart = np.linalg.norm(here.about_e_m - there, axis=1)
    # what the planar way says of single ranges is worth nothing where it is lost itself
    share = np.where(apart < AGREE_M, here.share, 1.0)
    return replace(here, about_e_m=there, share=share), h @ state.p @ h.T


def _opened(state: Start) -> Start:
    """A state that admits to be metres off."""
    p = state.p.copy()
    for k, sigma in ((ki.P, 5.0), (ki.V, 1.0), (ki.PHI, 0.1)):
        p[range(k, k + 3), range(k, k + 3)] += sigma**2
    return replace(state, p=p)
