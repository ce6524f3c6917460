"""From a recording with an IMU and raw observations to a Solution at the antenna, tightly coupled."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Solution
from kinema.core.streams import Imu
from kinema.errors import ConfigError, EstimationError
from kinema.estimate.align import Alignment, align
from kinema.estimate.align_wheels import fitted_wheels
from kinema.estimate.inertial import Pass
from kinema.estimate.inertial_mounts import with_mounts
from kinema.estimate.inertial_nodes import Nodes, build_nodes
from kinema.estimate.inertial_params import InertialParams, Start
from kinema.estimate.inertial_solution import antenna, cut_imu, fixes_of, mounted, to_solution
from kinema.estimate.options import SolveOptions
from kinema.estimate.road_height import met_again
from kinema.estimate.rtk_params import RtkParams, rtk_params
from kinema.estimate.rtk_solution import FIXED_SIGMA_M, LASTING_M, LASTING_PPM, LEAST_TIED, horizontal_sigma
from kinema.estimate.tight import Run, places, run_causal, run_filter, run_smoother
from kinema.estimate.tight_base import BaseRows, base_rows, seen_from, with_ties
from kinema.estimate.tight_fix import Fixer, early_ties, late_ties, tied_satellites
from kinema.estimate.tight_layout import Speeds, TightRows
from kinema.estimate.tight_params import TightParams
from kinema.estimate.tight_rows import rover_rows
from kinema.kernels import tight as kt
from kinema.sensors.fix import HAS_VELOCITY, fix_rows
from kinema.sensors.imu_signal import ImuSignal, imu_signal
from kinema.sensors.wheel import wheel_speed

USED_WEIGHT = 0.1
"""A code that counts less is not counted among the satellites."""
LEAST_CODES, LEAST_PHASES = 4, 5
ALONE_S = 0.5
"""Farther than this from the inertial solution the satellites' own positions stand in."""


def solve_tight(recording: Recording, options: SolveOptions, params: InertialParams, tight: TightParams) -> Solution:
    """The trajectory by code, Doppler and carrier, IMU and wheels in one filter; method as solve_inertial has it.

    Positions by satellites alone serve alignment only, and stand in where there is no IMU. Where alignment fails they
    are the answer, with a note. Raises EstimationError, DataError, ConfigError.
    """
    fixes = fixes_of(recording, options)
    imu = cut_imu(recording.need("imu", Imu), options, "imu")
    t0_ns = int(imu.t_ns[0])
    signal = imu_signal(imu, t0_ns)
    rows = fix_rows(fixes, t0_ns, options.masks_of("fixes", "gnss"))
    if not len(rows.t_s):
        raise ConfigError("every epoch is masked or without a position; inertial navigation needs some to start from")
    params, c_bs = with_mounts(recording, params)
    causal = options.method == "filter"
    options.progress("inertial: aligning", 0.2)
    try:
        alignment = align(signal, rows, params, whole=not causal, c_bs=c_bs)
    except EstimationError as error:
        note = f"satellites alone, the IMU is not used: {error}"
        return replace(fixes, provenance=replace(fixes.provenance, notes=(*fixes.provenance.notes, note)))
    options.progress("code, Doppler and carrier", 0.3)
    moving = (rows.has & HAS_VELOCITY).astype(bool)
    speeds = Speeds(rows.t_s[moving], np.linalg.norm(rows.rows[moving, 12:15], axis=1))
    wheels = wheel_speed(recording.streams.get("wheels"), options.masks_of("wheels"), t0_ns)
    wheels, params = fitted_wheels(alignment.smoothed, wheels, params)
    pilot = Pilot(signal, alignment, params, tight, wheels, causal)
    if "base" in recording.streams:
        rtk = rtk_params(options.params.get("rtk", {}))
        done = pilot.with_base(base_rows(recording, options, t0_ns, tight, rtk, speeds), rtk, options)
    else:
        done = pilot.alone(rover_rows(recording, options, t0_ns, tight, speeds), options)
    mounting = None if c_bs is not None else alignment.mounting
    return with_rest(assembled(done, pilot, options, recording, mounting is not None), fixes)


@dataclass(frozen=True)
class Flown:
    """A pass over nodes, its rows, what became of them (R, T_SIZE), per epoch (E,) status and satellites; notes."""

    done: Pass
    nodes: Nodes
    data: TightRows
    told_row: F64
    status: U8
    n_sats: I64
    notes: tuple[str, ...]
    lasting_m2: float = 0.0
    """Variance of what no averaging removes: multipath of the phases and the atmosphere's differences."""


@dataclass(frozen=True)
class Pilot:
    """What all passes over a recording share."""

    signal: ImuSignal
    alignment: Alignment
    params: InertialParams
    tight: TightParams
    wheels: tuple[F64, F64] | None
    causal: bool

    @property
    def start(self) -> Start:
        """The alignment's start, which knows its mounting."""
        return mounted(self.alignment.start, self.alignment.calibration, self.params)

    def nodes(self, data: TightRows) -> Nodes:
        """Nodes at the epochs and between, by the alignment's clock."""
        a = self.alignment
        span = (a.start.t_s, np.inf)
        return build_nodes(self.signal, places(data), a.calibration, self.params, self.wheels, span_s=span)

    def run(self, data: TightRows, fixer: Fixer | None = None, noise: F64 | None = None) -> Run:
        """A pass that is to begin, as Run.begin has it."""
        return Run.begin(data, self.start, self.params, self.tight, self.alignment.calibration, fixer, noise)

    def fly(self, run: Run, nodes: Nodes) -> tuple[Pass, Nodes]:
        """The pass that is asked for: causal, or smoothed."""
        if self.causal:
            return run_causal(run, self.signal, self.start, self.params, self.alignment.calibration, self.wheels)
        noise = run.state.noise.copy()
        done = run_smoother(run, nodes)
        road = met_again(done, self.params, coarse=run.coarse)
        if road is not None:
            again = self.run(run.data, noise=noise)
            done = run_smoother(again, nodes := replace(nodes, road=road))
            run.told_row[:] = again.told_row
        return done, nodes

    def alone(self, data: TightRows, options: SolveOptions) -> Flown:
        """The rover alone: SINGLE where at least four codes count, else dead reckoned, aided or not."""
        options.progress("tight: " + ("filtering" if self.causal else "smoothing"), 0.5)
        nodes = self.nodes(data)
        run = replace(self.run(data), coarse=True)
        done, nodes = self.fly(run, nodes)
        n_sats = satellites(data, run.told_row, kt.CODE)
        status = np.where(n_sats >= LEAST_CODES, FixStatus.SINGLE, FixStatus.DEAD_RECKONED).astype(np.uint8)
        note = "tightly coupled: code, Doppler and carrier"
        return Flown(done, nodes, data, run.told_row, status, n_sats, (note,))

    def with_base(self, rows: BaseRows, rtk: RtkParams, options: SolveOptions) -> Flown:
        """Against a base: float ambiguities, integers as they become sure; smoothed, imposed from their arcs' start."""
        options.progress("tight: fixing", 0.5)
        nodes = self.nodes(rows.data)
        rows = seen_from(rows, nodes.fix[nodes.fix >= 0])
        fixer = Fixer(rows, rtk)
        run = self.run(rows.data, fixer, np.zeros((3, 2)))
        if self.causal:
            done, nodes = self.fly(run, nodes)
            tied_count = fixer.tied_count
        else:
            run_filter(run, nodes)
            options.progress("tight: fixing again", 0.65)
            tied = with_ties(rows, early_ties(rows, fixer.found))
            fixer = Fixer(tied, rtk, known=fixer.found)
            run_filter(self.run(tied.data, fixer, run.state.noise), nodes)
            options.progress("tight: smoothing", 0.8)
            rows = with_ties(rows, [*early_ties(rows, fixer.found), *late_ties(fixer)])
            run = self.run(rows.data, noise=run.state.noise)
            done, nodes = self.fly(run, nodes)
            tied_count = tied_satellites(rows, fixer.found)
        phases, codes = (satellites(rows.data, run.told_row, kind) for kind in (kt.PHASE, kt.CODE))
        status = np.full(len(phases), FixStatus.DEAD_RECKONED, dtype=np.uint8)
        status[codes >= LEAST_CODES] = FixStatus.DIFFERENTIAL
        status[phases >= LEAST_PHASES] = FixStatus.FLOAT
        status[(tied_count >= LEAST_TIED) & sure(done, nodes, len(phases))] = FixStatus.FIXED
        share = float(np.mean(status == FixStatus.FIXED))
        note = f"tightly coupled to the base: {share:.1%} of epochs fixed, {rows.length_m / 1000:.2f} km"
        lasting = LASTING_M**2 + (LASTING_PPM * 1e-6 * rows.length_m) ** 2
        released = () if not fixer.releases else (f"integers let go {fixer.releases} times",)
        return Flown(done, nodes, rows.data, run.told_row, status, phases, (note, *released), lasting)


def sure(done: Pass, nodes: Nodes, n: int) -> Bool:
    """Whether the position at each of n epochs is as sure as a fixed one must be."""
    k = np.flatnonzero(nodes.fix >= 0)
    p, _, cov, _ = antenna(done)
    out = np.zeros(n, dtype=np.bool_)
    out[nodes.fix[k]] = horizontal_sigma(cov[k], p[k]) < FIXED_SIGMA_M
    return out


def satellites(data: TightRows, told_row: F64, kind: int) -> I64:
    """Satellites (E,) whose rows of a kind counted."""
    epoch = np.repeat(np.arange(len(data.t_s)), np.diff(data.epochs.row_start))
    used = (data.rows.kind == kind) & (told_row[:, kt.T_WEIGHT] > USED_WEIGHT)
    pairs = np.unique(np.stack([epoch[used], data.sat[used]]), axis=1)
    return np.bincount(pairs[0], minlength=len(data.t_s))


def nis_of(data: TightRows, told_row: F64, kind: int) -> F64:
    """Mean normalised innovation squared (E,) of the rows of a kind that were not weighted down; NaN without any."""
    epoch = np.repeat(np.arange(len(data.t_s)), np.diff(data.epochs.row_start))
    mine = (data.rows.kind == kind) & (told_row[:, kt.T_WEIGHT] >= 1.0)
    count = np.bincount(epoch[mine], minlength=len(data.t_s))
    total = np.bincount(epoch[mine], told_row[mine, kt.T_RATIO], minlength=len(data.t_s))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / count)


def assembled(
    flown: Flown, pilot: Pilot, options: SolveOptions, recording: Recording, found_mount: bool
) -> Solution:  # fmt: skip
    """The Solution at every node."""
    data, n_sats = flown.data, flown.n_sats
    t_ns = pilot.signal.t0_ns + np.round(data.t_s * 1e9).astype(np.int64)
    epochs = Solution(t_ns, np.full((len(t_ns), 3), np.nan), status=flown.status)
    solution = to_solution(
        flown.done, flown.nodes, places(data), epochs, pilot.signal, pilot.alignment, options, recording,
        pilot.params, found_mount,
    )  # fmt: skip
    at = np.searchsorted(t_ns, solution.t_ns)
    here = (at < len(t_ns)) & (t_ns[np.minimum(at, len(t_ns) - 1)] == solution.t_ns)
    before = np.clip(np.searchsorted(t_ns, solution.t_ns, side="right") - 1, 0, len(t_ns) - 1)
    fresh = (solution.t_ns >= t_ns[before]) & (solution.t_ns - t_ns[before] < 1_500_000_000)
    channels = {name: c for name, c in solution.channels.items() if not name.startswith("nis_")}
    for kind, name in ((kt.CODE, "code"), (kt.DOPPLER, "doppler"), (kt.PHASE, "phase")):
        value = np.where(here, nis_of(data, flown.told_row, kind)[np.minimum(at, len(t_ns) - 1)], np.nan)
        channels[f"nis_{name}"] = Channel(value, "1", f"normalised innovation squared, mean of the {name} rows")
    told = solution.provenance
    return replace(
        solution, cov_p_e_m2=solution.cov_p_e_m2 + np.eye(3) * flown.lasting_m2, channels=channels,
        n_sats=np.where(fresh, n_sats[before], 0).astype(np.int16),
        provenance=replace(
            told, settings={**told.settings, "tight": asdict(pilot.tight)}, notes=(*flown.notes, *told.notes),
        ),
    )  # fmt: skip


def with_rest(solution: Solution, fixes: Solution) -> Solution:
    """The solution, and the satellites' own positions where the IMU has not begun or has ended."""
    margin = int(ALONE_S * 1e9)
    before, after = fixes.t_ns < solution.t_ns[0] - margin, fixes.t_ns > solution.t_ns[-1] + margin
    alone = (before | after) & fixes.valid
    if not alone.any():
        return solution
    parts = [fixes.select(before & fixes.valid), solution, fixes.select(after & fixes.valid)]
    names = ("t_ns", "p_e_m", "cov_p_e_m2", "v_e_mps", "cov_v_e", "q_nb_wxyz", "cov_att_n_rad2", "status", "n_sats")
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    channels = {
        name: replace(c, value=np.concatenate([_channel(part, name) for part in parts]))
        for name, c in solution.channels.items()
    }
    note = f"{int(alone.sum())} epochs without IMU stand on the satellites alone"
    notes = (*solution.provenance.notes, note)
    return replace(solution, **arrays, channels=channels, provenance=replace(solution.provenance, notes=notes))


def _channel(part: Solution, name: str) -> F64:
    channel = part.channels.get(name)
    return np.full(len(part), np.nan) if channel is None else channel.value
