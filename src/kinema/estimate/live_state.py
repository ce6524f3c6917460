"""Where a live filter is: what it says of itself, and what it takes to go on from there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64
from kinema.core.solution import FixStatus, Solution
from kinema.estimate.align import Alignment
from kinema.estimate.inertial import Pass
from kinema.estimate.inertial_nodes import Nodes
from kinema.estimate.inertial_params import Calibration, Start
from kinema.estimate.inertial_solution import STATUS_HOLD_S, antenna, attitude


@dataclass(frozen=True)
class LiveState:
    """Where the antenna is at GPS time t_ns: p_e_m (3,), v_e_mps (3,), q_nb_wxyz (4,) and their covariances (3, 3), as
    in a Solution. predicted_s: how long before t_ns the last measurement could have counted; status: that of the fixes
    of the last 1.5 s, else dead reckoned."""

    t_ns: int
    p_e_m: F64
    cov_p_e_m2: F64
    v_e_mps: F64
    cov_v_e: F64
    q_nb_wxyz: F64
    cov_att_n_rad2: F64
    status: FixStatus
    predicted_s: float = 0.0


@dataclass(frozen=True)
class Mark:
    """The filter after a node, and all that it takes to go on from there: nodes run since the calibration changed, GPS
    seconds of the last row of fixes that was used and of the last position."""

    state: Start
    calibration: Calibration
    nodes: int
    used_s: float
    fixed_s: float
    last: tuple[Pass, Nodes] | None = None


def said(
    done: Pass, k: int, mark: Mark, alignment: Alignment, fixes: Solution | None, t0_ns: int, ahead_s: float = 0.0
) -> LiveState:
    """Node k of a pass that began with the mark's calibration, at the antenna and on the fixes' clock."""
    part = slice(k, k + 1)
    one = replace(done, t_s=done.t_s[part], x=done.x[part], cov=done.cov[part], means=done.means[part])
    p, v, cov_p, cov_v = antenna(one)
    q, cov_att = attitude(one, p, alignment)
    gps_s = float(mark.calibration.gps_time(one.t_s)[0])
    status = FixStatus.DEAD_RECKONED
    if fixes is not None and len(fixes) and gps_s - mark.fixed_s < STATUS_HOLD_S:
        at = int(np.searchsorted(fixes.t_ns, t0_ns + round(mark.fixed_s * 1e9) - 1000))
        status = FixStatus(int(fixes.status[min(at, len(fixes) - 1)]))
    return LiveState(t0_ns + round(gps_s * 1e9), p[0], cov_p[0], v[0], cov_v[0], q[0], cov_att[0], status, ahead_s)


def one_node(near: Nodes, t0: float, t: F64, values: F64) -> Nodes:
    """The last of samples t (m,), forces and rates (m, 6), the first of them at t0 or before it, as a node at which
    nothing is measured, with the noise of the last of nodes nearby."""
    middle = 0.5 * (values[1:] + values[:-1])
    dt = np.diff(np.concatenate([[t0], t[1:]]))
    step = middle * dt[:, None]
    return replace(
        unmeasured(near.chunk(len(near) - 1, len(near))), t_s=t[-1:], dt=dt,
        dth=np.ascontiguousarray(step[:, 3:]), dv=np.ascontiguousarray(step[:, :3]),
        seg_start=np.array([0, len(dt)]),
    )  # fmt: skip


def unmeasured(nodes: Nodes) -> Nodes:
    """The same instants with nothing measured."""
    k = len(nodes)
    none = np.zeros(k, np.int64)
    return replace(nodes, fix=np.full(k, -1, np.int64), wheel=np.full(k, np.nan), nhc=none, quiet=none)
