"""From a recording with an IMU and raw observations to a Solution at the antenna, tightly coupled."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Solution
from kinema.core.streams import Imu
from kinema.errors import ConfigError, EstimationError
from kinema.estimate.align import Alignment, align
from kinema.estimate.inertial_nodes import Nodes, build_nodes
from kinema.estimate.inertial_params import InertialParams
from kinema.estimate.inertial_solution import cut_imu, fixes_of, masks_of, mounted, to_solution, with_mounts
from kinema.estimate.options import SolveOptions
from kinema.estimate.tight import TightPass, run_tight
from kinema.estimate.tight_params import TightParams
from kinema.estimate.tight_rows import TightRows, at_epochs, rover_rows
from kinema.kernels import tight as kt
from kinema.sensors.fix import HAS_POSITION, FixRows, fix_rows
from kinema.sensors.imu_signal import ImuSignal, imu_signal
from kinema.sensors.wheel import wheel_speed

USED_WEIGHT = 0.1
"""A code that counts less is not counted among the satellites."""
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
    rows = fix_rows(fixes, t0_ns, masks_of(options, "fixes", "gnss"))
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
    data = rover_rows(recording, options, t0_ns, tight)
    wheels = wheel_speed(recording.streams.get("wheels"), masks_of(options, "wheels"), t0_ns)
    options.progress("tight: " + ("filtering" if causal else "smoothing"), 0.5)
    done, nodes = navigate_tight(signal, data, alignment, params, tight, wheels, causal=causal)
    mounting = None if c_bs is not None else alignment.mounting
    solution = assembled(
        done, nodes, data, signal, alignment, options, recording, params, tight, mounting is not None
    )  # fmt: skip
    return with_rest(solution, fixes)


def navigate_tight(
    signal: ImuSignal, data: TightRows, alignment: Alignment, params: InertialParams, tight: TightParams,
    wheels: tuple[F64, F64] | None, *, causal: bool,
) -> tuple[TightPass, Nodes]:  # fmt: skip
    """The tight pass over the whole recording: causal, or smoothed."""
    calibration = alignment.calibration
    nodes = build_nodes(signal, places(data), calibration, params, wheels, span_s=(alignment.start.t_s, np.inf))
    start = mounted(alignment.start, calibration, params)
    data = at_epochs(data, nodes.fix[nodes.fix >= 0])
    return run_tight(nodes, data, start, params, tight, calibration, smooth=not causal), nodes


def places(data: TightRows) -> FixRows:
    """The epochs as places of nodes; they carry no fix."""
    n = len(data.t_s)
    return FixRows(data.t_s, np.zeros((n, 24)), np.full(n, HAS_POSITION, dtype=np.int64), 0.0)


def satellites(data: TightRows, told_row: F64) -> I64:
    """Satellites (E,) whose codes counted."""
    epoch = np.repeat(np.arange(len(data.t_s)), np.diff(data.epochs.row_start))
    used = (data.rows.kind == kt.CODE) & (told_row[:, kt.T_WEIGHT] > USED_WEIGHT)
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
    done: TightPass, nodes: Nodes, data: TightRows, signal: ImuSignal, alignment: Alignment, options: SolveOptions,
    recording: Recording, params: InertialParams, tight: TightParams, found_mount: bool,
) -> Solution:  # fmt: skip
    """The Solution at every node: SINGLE where at least four codes count, else dead reckoned, aided or not."""
    n_sats = satellites(data, done.told_row)
    status = np.where(n_sats >= 4, FixStatus.SINGLE, FixStatus.DEAD_RECKONED).astype(np.uint8)
    t_ns = signal.t0_ns + np.round(data.t_s * 1e9).astype(np.int64)
    epochs = Solution(t_ns, np.full((len(t_ns), 3), np.nan), status=status)
    solution = to_solution(
        done.inertial, nodes, places(data), epochs, signal, alignment, options, recording, params, found_mount
    )  # fmt: skip
    at = np.searchsorted(t_ns, solution.t_ns)
    here = (at < len(t_ns)) & (t_ns[np.minimum(at, len(t_ns) - 1)] == solution.t_ns)
    before = np.clip(np.searchsorted(t_ns, solution.t_ns, side="right") - 1, 0, len(t_ns) - 1)
    fresh = (solution.t_ns >= t_ns[before]) & (solution.t_ns - t_ns[before] < 1_500_000_000)
    channels = {name: c for name, c in solution.channels.items() if not name.startswith("nis_")}
    for kind, name in ((kt.CODE, "code"), (kt.DOPPLER, "doppler"), (kt.PHASE, "phase")):
        value = np.where(here, nis_of(data, done.told_row, kind)[np.minimum(at, len(t_ns) - 1)], np.nan)
        channels[f"nis_{name}"] = Channel(value, "1", f"normalised innovation squared, mean of the {name} rows")
    told = solution.provenance
    return replace(
        solution, channels=channels, n_sats=np.where(fresh, n_sats[before], 0).astype(np.int16),
        provenance=replace(
            told, settings={**told.settings, "tight": asdict(tight)},
            notes=("tightly coupled: code, Doppler and carrier rows in the inertial filter", *told.notes),
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
