"""Tight passes over nodes: the causal filter, and the fixed-interval smoother on top of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import EstimationError
from kinema.estimate.inertial import Pass, parameters, smoothed_states
from kinema.estimate.inertial_nodes import Nodes
from kinema.estimate.inertial_params import Calibration, InertialParams, Start
from kinema.estimate.tight_params import TightParams
from kinema.estimate.tight_rows import TightRows
from kinema.kernels import inertial as ki
from kinema.kernels import tight as kt
from kinema.kernels.inertial_pass import FULL_EACH, MAX_ROWS, N_KEPT
from kinema.kernels.tight_pass import Out, State, Steps, tight_pass, tight_smooth

CHUNK_NODES = 100 * FULL_EACH
"""A hundred seconds: about 150 MB while it is smoothed."""


@dataclass(frozen=True)
class TightPass:
    """The inertial part of a pass, and per row (R, T_SIZE) what became of it (kernels.tight.T_*)."""

    inertial: Pass
    told_row: F64


def gates_of(params: TightParams) -> F64:
    """Gates as kernels.tight.G_* order them."""
    return np.array([
        params.code_gate, params.code_late_gate, params.doppler_gate, params.phase_gate, params.phase_slip_m,
        params.ambiguity_sigma_m**2,
    ])  # fmt: skip


def steps_of(nodes: Nodes) -> Steps:
    """Nodes as the kernel takes them."""
    return Steps(
        nodes.dth, nodes.dv, nodes.dt, nodes.seg_start, nodes.noise, nodes.wheel, nodes.nhc, nodes.quiet, nodes.rate,
        nodes.fix,
    )  # fmt: skip


def first_state(start: Start, size: int) -> State:
    """The inertial start, and `size` extra states that have not begun."""
    p = np.zeros((ki.N + size, ki.N + size))
    p[: ki.N, : ki.N] = start.p
    p[ki.GB : ki.GB + 3, :] = p[:, ki.GB : ki.GB + 3] = 0.0
    x = start.x.copy()
    x[ki.X_GB : ki.X_GB + 3] = 0.0
    return State(x, np.zeros(size), p, np.zeros((3, 3)), np.zeros((size, 3)), np.zeros(1))


def out_for(nodes: Nodes, data: TightRows, *, record: bool) -> Out:
    """Room for what a pass writes."""
    k, n = len(nodes), ki.N + data.size
    return Out(
        np.empty((k, ki.X_SIZE)), np.empty((k, N_KEPT, N_KEPT)), np.empty((-(-k // FULL_EACH), ki.N, n)),
        np.empty((k, 6, 3)), np.full((k, ki.D_SIZE), np.nan), np.empty((k if record else 1, ki.N_NAV, ki.N_DRIVE)),
        np.empty((k, 2)), np.ones((len(data.t_s), data.size)), np.full((len(data.rows.kind), kt.T_SIZE), np.nan),
        np.empty((k if record else 1, N_KEPT, n)), np.zeros(k + 1, dtype=np.int64),
    )  # fmt: skip


def tape_for(nodes: Nodes, data: TightRows) -> kt.Tape:
    """A tape that holds all that some nodes can fold."""
    e = nodes.fix[nodes.fix >= 0]
    rows = np.diff(data.epochs.row_start)[e].sum() + np.diff(data.epochs.event_start)[e].sum()
    rows += np.isfinite(nodes.wheel).sum() + 2 * nodes.nhc.sum() + 6 * nodes.quiet.sum() + MAX_ROWS
    return kt.Tape(np.zeros((rows, kt.WIDTH + 1), dtype=np.int64), np.zeros((rows, kt.WIDTH + 2 + ki.N + data.size)))


def no_tape(data: TightRows) -> kt.Tape:
    """A tape that records nothing."""
    return kt.Tape(
        np.zeros((0, kt.WIDTH + 1), dtype=np.int64), np.zeros((0, kt.WIDTH + 2 + ki.N + data.size))
    )  # fmt: skip


def run_tight(
    nodes: Nodes, data: TightRows, start: Start, params: InertialParams, tight: TightParams, calibration: Calibration,
    *, smooth: bool,
) -> TightPass:  # fmt: skip
    """The causal pass over nodes whose `fix` are epochs of `data`; smoothed over all of it where asked.

    In chunks, so that memory holds: what the smoother needs is recorded chunk by chunk, in a second run of each.
    Raises EstimationError where the state leaves the finite numbers.
    """
    par, gates = parameters(params, calibration), gates_of(tight)
    par[ki.GB_VAR] = 0.0
    edges = [*range(0, len(nodes), CHUNK_NODES), len(nodes)]
    parts = [nodes.chunk(first, last) for first, last in pairwise(edges)]
    state = first_state(start, data.size)
    told_row = np.full((len(data.rows.kind), kt.T_SIZE), np.nan)
    before, outs = [], []
    for part in parts:
        before.append(State(*(a.copy() for a in state)))
        outs.append(_chunk(part, data, state, par, gates, told_row, no_tape(data)))
    end = Start(float(nodes.t_s[-1]), state.x, np.ascontiguousarray(state.p[: ki.N, : ki.N]))
    full_at = np.concatenate([np.arange(first, last, FULL_EACH) for first, last in pairwise(edges)])
    if not smooth:
        pieces = [(o.x, o.cov, o.told, o.means, o.full[:, :, : ki.N]) for o in outs]
        x, cov, told, means, full = (np.concatenate(part) for part in zip(*pieces, strict=True))
        return TightPass(_inertial(nodes, calibration, x, cov, told, means, full_at, full, end, None), told_row)
    n = ki.N + data.size
    lam, big = np.zeros(n), np.zeros((n, n))
    done = []
    for part, saved in zip(parts[::-1], before[::-1], strict=True):
        outs.pop()
        state = State(*(a.copy() for a in saved))
        done.append(_smoothed(part, data, state, par, gates, told_row, lam, big))
    x, cov, told, means, full = (np.concatenate(part[::-1]) for part in zip(*done, strict=True))
    first = before[0]
    x0, change = first.x.copy(), -(first.p @ lam)[: ki.N]
    ki.inject(x0, change, np.empty((2, 4)))
    p0 = (first.p - first.p @ big @ first.p)[: ki.N, : ki.N]
    begin = Start(start.t_s, x0, 0.5 * (p0 + p0.T))
    return TightPass(_inertial(nodes, calibration, x, cov, told, means, full_at, full, end, begin), told_row)


def _chunk(
    nodes: Nodes, data: TightRows, state: State, par: F64, gates: F64, told_row: F64, tape: kt.Tape
) -> Out:  # fmt: skip
    out = out_for(nodes, data, record=len(tape.index) > 0)._replace(told_row=told_row)
    done = tight_pass(steps_of(nodes), data.epochs, data.rows, state, par, gates, out, tape, 0, len(nodes))
    if done < len(nodes):
        raise EstimationError(
            f"the tight filter left the finite numbers {nodes.t_s[done]:.1f} s into the recording; "
            "check units and axes of the IMU"
        )
    return out


def _smoothed(
    nodes: Nodes, data: TightRows, state: State, par: F64, gates: F64, told_row: F64, lam: F64, big: F64
) -> tuple[F64, ...]:
    """A chunk run again and smoothed; moves the adjoint to before its first node."""
    tape = tape_for(nodes, data)
    out = _chunk(nodes, data, state, par, gates, told_row, tape)
    k = len(nodes)
    dx, cov = np.empty((k, N_KEPT)), np.empty((k, N_KEPT, N_KEPT))
    dx_full, full = np.empty((len(out.full), ki.N)), np.empty((len(out.full), ki.N, ki.N))
    tight_smooth(nodes.fix, out, tape, 0, k, lam, big, dx, cov, dx_full, full)
    return smoothed_states(out.x, dx, dx_full), cov, out.told, out.means, full


def _inertial(nodes: Nodes, calibration: Calibration, *a: Any) -> Pass:
    if "gps_s" in Pass.__dataclass_fields__:
        return Pass(nodes.t_s, calibration.gps_time(nodes.t_s), *a)
    return Pass(nodes.t_s, *a)
