"""RTK from a Recording to a Solution: filter or batch, what the status is, and what stands in where the base is out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.core.streams import GnssObservations, used_mask
from kinema.core.time import iso_gps
from kinema.errors import EstimationError, KinemaError
from kinema.estimate.options import SolveOptions
from kinema.estimate.protection import horizontal_level
from kinema.estimate.rtk_base import base_position
from kinema.estimate.rtk_batch import BatchOutput, run_batch
from kinema.estimate.rtk_filter import FilterOutput, continuous_arcs, run_filter
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.rtk_shown import arc_table, residuals
from kinema.estimate.rtk_table import RtkTable, build_table, near_code, steadiness
from kinema.version import __version__

FIXED_SIGMA_M = 0.05
"""A horizontal sigma above this is not called fixed, whatever integers are known."""
LEAST_TIED = 5
MISFIT_M, MISFIT_PPM = 0.03, 1.5
"""How badly the phases of an epoch may fit their integers (RMS), and how much more per kilometre of baseline."""
JUMP_M, JUMP_SIGMAS = 0.3, 4.0
LASTING, LASTING_M, LASTING_PPM = 2.0, 0.002, 1.0


@dataclass(frozen=True)
class _Track:
    """Position from the base, covariances, velocity, fixed or not, and figures per epoch (n,)."""

    p_e_m: F64
    cov: F64
    v_mps: F64
    cov_v: F64
    fixed: Bool
    ratio: F64
    success: F64
    ambiguities: F64
    out: FilterOutput


def solve_rtk(recording: Recording, options: SolveOptions, params: RtkParams) -> Solution:
    """Trajectory of "gnss" against "base". Raises ConfigError, DataError or EstimationError, each in one line."""
    recording = restricted(recording, options)
    options.progress("differencing rover and base", 0.0)
    table = build_table(recording, options, params)
    arc, slip = continuous_arcs(table, params)
    table = near_code(table, arc)
    if not options.instantaneous:
        table = steadiness(table, arc, params)
    filter_only = options.method == "filter" or options.instantaneous
    if filter_only:
        out = run_filter(
            table, params, arc, static=options.static, instantaneous=options.instantaneous, progress=options.progress
        )
        track = _causal(table, out)
        integers = out.held
    else:
        batch = run_batch(table, params, arc, static=options.static, progress=options.progress)
        track = _batch(table, batch, arc)
        integers = batch.integers
    phases, codes = _satellites(table)
    status = _status(table, track, phases, codes)
    solution = _assemble(recording, options, params, table, track, status, phases, slip)
    solution = _stand_in(solution, recording, options)
    return replace(solution, arcs=arc_table(table, arc, slip, integers))


def restricted(recording: Recording, options: SolveOptions) -> Recording:
    """The rover's epochs that are asked for, and the base's that are not masked."""
    streams = dict(recording.streams)
    for role in ("gnss", "base"):
        observations = recording.need(role, GnssObservations)
        masks = options.masks_of(role)
        keep = used_mask(observations.t_ns, masks)
        if role == "gnss":
            keep &= observations.t_ns >= (options.from_ns if options.from_ns is not None else -(2**62))
            keep &= observations.t_ns <= (options.to_ns if options.to_ns is not None else 2**62)
        if not keep.any():
            t = observations.t_ns
            span = f"{iso_gps(int(t[0]), 0)} to {iso_gps(int(t[-1]), 0)} GPS time" if len(t) else "no epochs"
            raise EstimationError(f"nothing left of '{role}' between --from and --to and outside --mask; it has {span}")
        streams[role] = pick_epochs(observations, keep)
    return replace(recording, streams=streams)


def pick_epochs(observations: GnssObservations, keep: Bool) -> GnssObservations:
    """The epochs of a mask (n,)."""
    if keep.all():
        return observations
    counts = np.diff(observations.row_start)
    rows = np.repeat(keep, counts)
    return replace(
        observations,
        t_ns=observations.t_ns[keep],
        row_start=np.concatenate([[0], np.cumsum(counts[keep])]),
        **{
            name: getattr(observations, name)[rows]
            for name in ("sat", "code_m", "phase_cyc", "doppler_hz", "cn0_dbhz", "lli")
        },
    )


def _causal(table: RtkTable, out: FilterOutput) -> _Track:
    """The filter's own answer: the fixed position where there is one, else the float one."""
    fixed = (out.status > 0) & _plausible(out)
    p = table.base_e_m + out.d_m + np.where(fixed[:, None], out.shift_m, 0.0)
    cov = out.cov - np.where(fixed[:, None, None], out.lessening, 0.0)
    fixed &= horizontal_sigma(cov, p) < FIXED_SIGMA_M
    cov = _with_bias(cov, _length(out.d_m))
    f = out.figures
    return _Track(p, cov, out.v_mps, out.cov_v, fixed, f[:, 0], f[:, 1], f[:, 3], out)


def _batch(table: RtkTable, b: BatchOutput, arc: I64) -> _Track:
    p = table.base_e_m + b.d_m
    satellites, misfit = tied_fit(table, p, arc, b)
    fixed = (satellites >= LEAST_TIED) & (misfit < MISFIT_M + MISFIT_PPM * 1e-6 * _length(b.d_m))
    fixed &= horizontal_sigma(b.cov, p) < FIXED_SIGMA_M
    cov = _with_bias(b.cov, _length(b.d_m))
    # Figures are those of the nearest epoch that was searched.
    at = np.flatnonzero(b.figures[:, 3] > 0)
    figures = b.figures
    if len(at):
        near = at[np.clip(np.searchsorted(at, np.arange(len(p))), 0, len(at) - 1)]
        figures = b.figures[near]
    return _Track(p, cov, b.v_mps, b.cov_v, fixed, figures[:, 0], figures[:, 1], b.tied.astype(np.float64), b.forward)


def _with_bias(cov: F64, length_m: float) -> F64:
    """Covariance with what lasts for minutes, phase multipath and atmosphere, which no averaging removes."""
    return np.asarray(LASTING * cov + np.eye(3) * (LASTING_M**2 + (LASTING_PPM * 1e-6 * length_m) ** 2))


def _length(d_m: F64) -> float:
    return float(np.nanmedian(np.linalg.norm(d_m, axis=1)))


def _plausible(out: FilterOutput) -> Bool:
    """Whether the integers moved the position no farther (n,) than its float uncertainty lets one believe."""
    moved = np.linalg.norm(out.shift_m, axis=1)
    sigma = np.sqrt(np.maximum(np.trace(out.cov, axis1=1, axis2=2), 0.0))
    return np.asarray(moved < JUMP_M + JUMP_SIGMAS * np.nan_to_num(sigma, nan=1e3))


def tied_fit(table: RtkTable, p_e_m: F64, arc: I64, b: BatchOutput) -> tuple[I64, F64]:
    """Satellites (n,) whose integers are known at an epoch, and the RMS misfit (n,) of their phases there, metres."""
    n = len(table.t_ns)
    datum = np.where(arc >= 0, b.integers.datum[arc], -1)
    row, slot = np.nonzero((datum >= 0) & np.isfinite(table.phase))
    epoch = table.epoch[row]
    value = table.phase[row, slot] - b.integers.value[arc[row, slot]] * table.wavelength[row, slot]
    value += ((p_e_m - table.x0_e_m)[epoch] * table.unit[row]).sum(axis=1)
    key = np.stack([epoch, table.sat[row] // 100, slot, datum[row, slot]])
    _, group = np.unique(key, axis=1, return_inverse=True)
    group = group.ravel()
    weight = 1.0 / table.phase_var[row, slot]
    count, total = np.bincount(group), np.bincount(group, weight)
    value -= (np.bincount(group, weight * value) / total)[group]
    spare = count[group] > 1
    square, weights = np.zeros(n), np.zeros(n)
    np.add.at(square, epoch[spare], (weight * value**2)[spare])
    np.add.at(weights, epoch[spare], weight[spare])
    pairs = np.unique(np.stack([epoch[spare], table.sat[row[spare]]]), axis=1)
    satellites = np.bincount(pairs[0], minlength=n) if pairs.size else np.zeros(n, dtype=np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return satellites, np.where(weights > 0, np.sqrt(square / weights), np.inf)


def horizontal_sigma(cov: F64, p: F64) -> F64:
    """Square root of the larger horizontal variance (n,)."""
    up = p / np.maximum(np.linalg.norm(p, axis=1, keepdims=True), 1.0)
    total = np.trace(cov, axis1=1, axis2=2) - np.einsum("ni,nij,nj->n", up, cov, up)
    return np.asarray(np.sqrt(np.maximum(total, 0.0)))


def _satellites(table: RtkTable) -> tuple[I64, I64]:
    """How many satellites have a phase, and a code, per epoch."""
    n = len(table.t_ns)
    phases, codes = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    np.add.at(phases, table.epoch, np.isfinite(table.phase).any(axis=1))
    np.add.at(codes, table.epoch, np.isfinite(table.code).any(axis=1))
    return phases, codes


def _status(table: RtkTable, track: _Track, phases: I64, codes: I64) -> U8:
    """FIXED, FLOAT with at least five phases, DIFFERENTIAL with codes, DEAD_RECKONED between, NONE without position."""
    status = np.full(len(table.t_ns), FixStatus.DEAD_RECKONED, dtype=np.uint8)
    status[codes >= 4] = FixStatus.DIFFERENTIAL
    status[phases >= 5] = FixStatus.FLOAT
    status[track.fixed] = FixStatus.FIXED
    status[~np.isfinite(track.p_e_m[:, 0])] = FixStatus.NONE
    return status


def _assemble(
    recording: Recording, options: SolveOptions, params: RtkParams, table: RtkTable, track: _Track, status: U8,
    phases: I64, slip: U8,
) -> Solution:  # fmt: skip
    fixed = track.fixed
    zero = np.where(fixed, track.ambiguities, 0.0)
    channels = {
        "ratio": Channel(np.where(track.ratio > 0, track.ratio, np.nan), "1", "ratio of second to best integer fit"),
        "success_rate": Channel(track.success, "1", "probability of right integers"),
        "fixed_ambiguities": Channel(zero, "1", "double differences held as integers"),
        "age_s": Channel(
            np.where(np.isfinite(table.age_s), np.maximum(table.age_s, 0.0), np.nan), "s", "age of the base's data"
        ),
        "hpl_m": Channel(horizontal_level(table, track.p_e_m, track.cov, fixed, params), "m", "protection level"),
    }
    p, origin = base_position(recording, options)
    length = float(np.nanmedian(np.linalg.norm(track.p_e_m - p, axis=1)))
    told = [f"base position ({origin}) {p[0]:.3f}, {p[1]:.3f}, {p[2]:.3f}; baseline {length / 1000:.2f} km"]
    told += [f"{letter}: " + ", ".join(names) for letter, names in table.rover_signal.items()]
    told += table.notes
    found = np.isfinite(track.p_e_m[:, 0])
    told.append(f"fixed {fixed.sum()} of {len(fixed)} epochs; {int((slip > 0).sum())} arcs")
    return Solution(
        t_ns=table.t_ns,
        p_e_m=track.p_e_m,
        cov_p_e_m2=np.where(found[:, None, None], track.cov, np.nan),
        v_e_mps=_moving(track.v_mps, track.cov_v),
        cov_v_e=track.cov_v,
        status=status,
        n_sats=phases.astype(np.int16),
        channels=channels,
        residuals=residuals(table, track.out),
        provenance=Provenance(
            sources=recording.sources, program=f"kinema {__version__}", mode="rtk",
            method="filter" if options.instantaneous else options.method,
            settings={
                "systems": options.systems, "frequencies": options.frequencies, "static": options.static,
                "instantaneous": options.instantaneous, **asdict(params),
            },
            simulated=recording.simulated, datum="WGS84", point="antenna", notes=tuple(told),
        ),
    )  # fmt: skip


def _moving(v: F64, cov: F64) -> F64:
    """Velocities that are known at all (within 5 m/s)."""
    known = np.trace(cov, axis1=1, axis2=2) < 75.0
    return np.where(known[:, None], v, np.nan)


def _stand_in(solution: Solution, recording: Recording, options: SolveOptions) -> Solution:
    """Where RTK knows little or nothing, the single-point solution where that knows more."""
    sigma = horizontal_sigma(np.nan_to_num(solution.cov_p_e_m2, nan=1e12), np.nan_to_num(solution.p_e_m, nan=1.0))
    poor = ~solution.valid | ((solution.status < FixStatus.FLOAT) & (sigma > 1.0))
    if not poor.any():
        return solution
    from kinema.estimate.single_params import Params
    from kinema.estimate.single_solution import solve_single

    try:
        other = solve_single(recording, replace(options, masks=(), from_ns=None, to_ns=None), Params())
    except KinemaError:
        return solution
    if not np.array_equal(other.t_ns, solution.t_ns):
        return solution
    theirs = horizontal_sigma(np.nan_to_num(other.cov_p_e_m2, nan=1e12), np.nan_to_num(other.p_e_m, nan=1.0))
    take = poor & other.valid & (theirs < sigma)
    merged: dict[str, Any] = {}
    for name in ("p_e_m", "cov_p_e_m2", "v_e_mps", "cov_v_e", "status", "n_sats"):
        value = np.array(getattr(solution, name))
        value[take] = getattr(other, name)[take]
        merged[name] = value
    level = np.array(solution.channels["hpl_m"].value)
    level[take] = 5.5 * theirs[take]
    channels = {**solution.channels, "hpl_m": replace(solution.channels["hpl_m"], value=level)}
    note = f"{int(take.sum())} epochs without usable differences stand on the rover alone"
    notes = (*solution.provenance.notes, note)
    return replace(solution, **merged, channels=channels, provenance=replace(solution.provenance, notes=notes))
