"""Tight passes over nodes: the causal filter, and the fixed-interval smoother on top of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import EstimationError
from kinema.estimate.inertial import Pass, parameters, smoothed_states
from kinema.estimate.inertial_causal import joined, joined_nodes, lateness, retimed
from kinema.estimate.inertial_nodes import Nodes, build_nodes
from kinema.estimate.inertial_params import Calibration, InertialParams, Start
from kinema.estimate.road_height import memory
from kinema.estimate.tight_fix import Fixer
from kinema.estimate.tight_layout import TightRows
from kinema.estimate.tight_params import TightParams
from kinema.kernels import inertial as ki
from kinema.kernels import tight as kt
from kinema.kernels.inertial_pass import FULL_EACH, MAX_ROWS, N_KEPT
from kinema.kernels.tight_pass import Out, State, Steps, fold_ties, tight_pass
from kinema.kernels.tight_smooth import tight_smooth
from kinema.sensors.fix import HAS_POSITION, FixRows
from kinema.sensors.imu_signal import ImuSignal

CHUNK_NODES = 100 * FULL_EACH
"""A hundred seconds: about 150 MB while it is smoothed."""


PIECE_NODES = 10 * FULL_EACH
"""Between looks at the clock of a causal pass."""


def gates_of(params: TightParams, *, learn: bool = False) -> F64:
    """Gates as kernels.tight.G_* order them; learn: the noise, too."""
    quietest, loudest = (params.quietest, params.loudest) if learn else (1.0, 1.0)
    return np.array([
        params.code_gate, params.code_late_gate, params.doppler_gate, params.phase_gate, params.phase_slip_m,
        params.ambiguity_sigma_m**2, np.log(quietest), np.log(loudest), params.noise_prior,
    ])  # fmt: skip


def steps_of(nodes: Nodes) -> Steps:
    """Nodes as the kernel takes them."""
    return Steps(
        nodes.dth, nodes.dv, nodes.dt, nodes.seg_start, nodes.noise, nodes.wheel, nodes.nhc, nodes.quiet, nodes.mean,
        nodes.fix, nodes.road,
    )  # fmt: skip


def first_state(start: Start, size: int) -> State:
    """The inertial start, and `size` extra states that have not begun."""
    p = np.zeros((ki.N + size, ki.N + size))
    p[: ki.N, : ki.N] = start.p
    p[ki.GB : ki.GB + 3, :] = p[:, ki.GB : ki.GB + 3] = 0.0
    x = start.x.copy()
    x[ki.X_GB : ki.X_GB + 3] = 0.0
    return State(
        x, np.zeros(size), p, start.carry.copy(), np.zeros((size, 3)), np.zeros(1), np.full(1, -1), np.zeros((3, 2))
    )


def out_for(nodes: Nodes, data: TightRows, told_row: F64, *, record: bool) -> Out:
    """Room for what a pass writes."""
    k, n = len(nodes), ki.N + data.size
    return Out(
        np.empty((k, ki.X_SIZE)), np.empty((k, N_KEPT, N_KEPT)), np.empty((-(-k // FULL_EACH), ki.N, n)),
        np.empty((k, 6, 3)), np.full((k, ki.D_SIZE), np.nan), np.empty((k if record else 1, ki.N_NAV, ki.N_DRIVE)),
        np.empty((k, 2)), np.ones((k if record else 1, data.size)), told_row,
        np.empty((k if record else 1, N_KEPT, n)), np.zeros(k + 1, dtype=np.int64),
    )  # fmt: skip


def tape_for(nodes: Nodes, data: TightRows, seen: int) -> kt.Tape:
    """A tape that holds all that some nodes can fold after the epoch `seen`."""
    e = nodes.fix[nodes.fix >= 0]
    starts = data.epochs.event_start
    rows = np.diff(data.epochs.row_start)[e].sum() + starts[e.max(initial=seen) + 1] - starts[seen + 1]
    rows += np.isfinite(nodes.wheel).sum() + 2 * nodes.nhc.sum() + 6 * nodes.quiet.sum() + MAX_ROWS
    rows += len(nodes.road.given)
    return kt.Tape(np.zeros((rows, kt.WIDTH + 1), dtype=np.int64), np.zeros((rows, kt.WIDTH + 2 + ki.N + data.size)))


def no_tape(data: TightRows) -> kt.Tape:
    """A tape that records nothing."""
    return kt.Tape(
        np.zeros((0, kt.WIDTH + 1), dtype=np.int64), np.zeros((0, kt.WIDTH + 2 + ki.N + data.size))
    )  # fmt: skip


@dataclass
class Run:
    """A pass under way: rows, noise, gates, the state that moves, what became of the rows, the search for integers;
    coarse: heights are those of code without a base."""

    data: TightRows
    par: F64
    gates: F64
    state: State
    told_row: F64
    fixer: Fixer | None = None
    coarse: bool = False

    @classmethod
    def begin(
        cls, data: TightRows, start: Start, params: InertialParams, tight: TightParams, calibration: Calibration,
        fixer: Fixer | None = None, noise: F64 | None = None,
    ) -> Run:  # fmt: skip
        """At the inertial start; noise (3, 2): what is known of the rows' noise, which will be learnt; None: it is as
        the rows say."""
        par = parameters(params, calibration)
        par[ki.GB_VAR] = 0.0
        told_row = np.full((len(data.rows.kind), kt.T_SIZE), np.nan)
        state = first_state(start, data.size)
        if noise is not None:
            state.noise[:] = noise
        return cls(data, par, gates_of(tight, learn=noise is not None), state, told_row, fixer)

    def inertial(self, t_s: float) -> Start:
        """The inertial part of the state."""
        s = self.state
        return Start(t_s, s.x.copy(), np.ascontiguousarray(s.p[: ki.N, : ki.N]), s.carry.copy())

    def over(self, nodes: Nodes, tape: kt.Tape | None = None) -> Out:
        """On over some nodes, onto a tape where one is given. Raises EstimationError."""
        tape = tape or no_tape(self.data)
        out = out_for(nodes, self.data, self.told_row, record=len(tape.index) > 0)
        stops = [] if self.fixer is None else np.flatnonzero(nodes.fix >= 0).tolist()
        steps, begin = steps_of(nodes), 0
        for end in [*(k + 1 for k in stops), len(nodes)]:
            if end == begin:
                continue
            done = tight_pass(
                steps, self.data.epochs, self.data.rows, self.state, self.par, self.gates, out, tape, begin, end
            )  # fmt: skip
            if done < end:
                raise EstimationError(
                    f"the tight filter left the finite numbers {nodes.t_s[done]:.1f} s into the recording; "
                    "check units and axes of the IMU"
                )
            if self.fixer is not None and nodes.fix[end - 1] >= 0:
                places, metres = self.fixer.at(int(nodes.fix[end - 1]), self.state, self.told_row)
                if len(metres):
                    fold_ties(self.state, places, metres, self.fixer.rows.floor_var, end - 1, out)
            begin = end
        return out


def run_filter(run: Run, nodes: Nodes) -> Pass:
    """The causal pass over nodes whose `fix` are epochs of the rows. Raises EstimationError."""
    edges = [*range(0, len(nodes), CHUNK_NODES), len(nodes)]
    pieces = []
    for first, last in pairwise(edges):
        out = run.over(nodes.chunk(first, last))
        pieces.append((out.x, out.cov, out.told, out.means, out.full[:, :, : ki.N]))
    x, cov, told, means, full = (np.concatenate(part) for part in zip(*pieces, strict=True))
    full_at = np.concatenate([np.arange(first, last, FULL_EACH) for first, last in pairwise(edges)])
    return Pass(nodes.t_s, x, cov, told, means, full_at, full, run.inertial(float(nodes.t_s[-1])))


def run_smoother(run: Run, nodes: Nodes) -> Pass:
    """The causal pass, smoothed over all of it; without a search for integers.

    In chunks, so that memory holds: what the smoother needs is recorded chunk by chunk, in a second run of each.
    """
    edges = [*range(0, len(nodes), CHUNK_NODES), len(nodes)]
    parts = [nodes.chunk(first, last) for first, last in pairwise(edges)]
    before = [_copy(run.state)]
    for part in parts[:-1]:
        run.over(part)
        before.append(_copy(run.state))
    first = _copy(before[0])
    n = len(run.state.p)
    lam, big = np.zeros(n), np.zeros((n, n))
    done, end = [], None
    for part, saved in zip(parts[::-1], before[::-1], strict=True):
        run.state = saved
        tape = tape_for(part, run.data, int(run.state.seen[0]))
        out = run.over(part, tape)
        end = end or run.inertial(float(nodes.t_s[-1]))
        done.append(_smoothed(part, out, tape, lam, big))
    x, cov, told, means, full = (np.concatenate(part[::-1]) for part in zip(*done, strict=True))
    full_at = np.concatenate([np.arange(a, b, FULL_EACH) for a, b in pairwise(edges)])
    x0, change = first.x, -(first.p @ lam)[: ki.N]
    ki.inject(x0, change, np.empty((2, 4)))
    p0 = (first.p - first.p @ big @ first.p)[: ki.N, : ki.N]
    assert end is not None
    begin = Start(float(nodes.t_s[0]), x0, 0.5 * (p0 + p0.T))
    return Pass(nodes.t_s, x, cov, told, means, full_at, full, end, begin)


def run_causal(
    run: Run, signal: ImuSignal, start: Start, params: InertialParams, calibration: Calibration,
    wheels: tuple[F64, F64] | None,
) -> tuple[Pass, Nodes]:  # fmt: skip
    """The causal pass to the end of the stream, its nodes laid anew as the IMU's clock becomes known.

    As estimate.inertial_causal, which tells why. Raises EstimationError.
    """
    fixes = places(run.data)
    nodes = build_nodes(signal, fixes, calibration, params, wheels, span_s=(start.t_s, np.inf))
    road = memory(start.x[:3], params, coarse=run.coarse)
    first = 0
    passes: list[Pass] = []
    kept: list[Nodes] = []
    while first < len(nodes):
        last = min(first + PIECE_NODES, len(nodes))
        piece = replace(nodes.chunk(first, last), road=road)
        done = run_filter(run, piece)
        passes.append(replace(done, gps_s=calibration.gps_time(done.t_s)))
        kept.append(piece)
        first = last
        late = lateness(done.end)
        if late is not None and last < len(nodes):
            state, calibration = retimed(done.end, calibration, late)
            run.state.x[:] = state.x
            used = int(nodes.fix[:last].max())
            nodes = build_nodes(
                signal, fixes, calibration, params, wheels, span_s=(state.t_s, np.inf), first_fix=used + 1
            )
            first = 1
    return joined(passes), joined_nodes(kept)


def places(data: TightRows) -> FixRows:
    """The epochs as places of nodes; they carry no fix."""
    n = len(data.t_s)
    return FixRows(data.t_s, np.zeros((n, 24)), np.full(n, HAS_POSITION, dtype=np.int64), 0.0)


def _copy(state: State) -> State:
    return State(*(a.copy() for a in state))


def _smoothed(nodes: Nodes, out: Out, tape: kt.Tape, lam: F64, big: F64) -> tuple[F64, ...]:
    """A recorded chunk smoothed; moves the adjoint to before its first node."""
    k = len(nodes)
    dx, cov = np.empty((k, N_KEPT)), np.empty((k, N_KEPT, N_KEPT))
    dx_full, full = np.empty((len(out.full), ki.N)), np.empty((len(out.full), ki.N, ki.N))
    tight_smooth(nodes.fix, out, tape, 0, k, lam, big, dx, cov, dx_full, full)
    return smoothed_states(out.x, dx, dx_full), cov, out.told, out.means, full
