"""Prepared ranges (free of atmosphere and satellite clock), with wheels and yaw rate where there are some."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Reason, Residuals, Solution
from kinema.core.streams import PreparedRanges, Series, used_mask
from kinema.errors import ConfigError, EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.planar import Params, PlanarTrack, cut_ranges, solve_planar
from kinema.version import __version__

RANK = 82
MODES: tuple[str, ...] = ("single",)
OUTLIER_SHARE, DOWN_SHARE = 0.1, 0.5


def applies(recording: Recording, options: SolveOptions) -> bool:
    """Prepared ranges; whoever has raw observations too is better off with those."""
    return "prepared" in recording.streams


def solve(recording: Recording, options: SolveOptions) -> Solution:
    """Batch over all ranges and the odometry. Raises EstimationError, DataError, ConfigError."""
    try:
        params = Params(**dict(options.params.get("prepared", {})))
    except TypeError as error:
        raise ConfigError(f"settings of [prepared]: {error}") from None
    if options.method == "filter":
        raise ConfigError("prepared ranges are solved as one batch only; leave --method out")
    ranges = recording.need("prepared", PreparedRanges)
    odometry = recording.get("odometry", Series)
    keep = used_mask(ranges.t_ns, tuple((a, b) for name, a, b in options.masks if name == "prepared"))
    inside = np.ones(len(ranges.t_ns), dtype=np.bool_)
    inside &= ranges.t_ns >= (options.from_ns if options.from_ns is not None else ranges.t_ns[0])
    inside &= ranges.t_ns <= (options.to_ns if options.to_ns is not None else ranges.t_ns[-1])
    if not (keep & inside).any():
        raise EstimationError("no ranges are left between --from, --to and the masks")
    ranges = cut_ranges(ranges, inside, keep[inside], options.systems + "S")
    options.progress("ranges and odometry", 0.0)
    track = solve_planar(ranges, odometry, params)
    options.progress("ranges and odometry", 1.0)
    return _solution(recording, options, params, ranges, track, odometry is not None)


def _solution(
    recording: Recording,
    options: SolveOptions,
    params: Params,
    ranges: PreparedRanges,
    track: PlanarTrack,
    wheels: bool,
) -> Solution:
    epoch = np.repeat(np.arange(len(ranges.t_ns)), np.diff(ranges.row_start))
    used = (track.sigma > 0) & (track.share > OUTLIER_SHARE)
    n_sats = np.bincount(epoch[used], minlength=len(ranges.t_ns))
    reason = np.where(track.share > DOWN_SHARE, Reason.USED, Reason.DOWN_WEIGHTED)
    reason = np.where(track.share > OUTLIER_SHARE, reason, Reason.OUTLIER)
    reason = np.where(track.sigma > 0, reason, Reason.GARBLED)
    m = len(epoch)
    residuals = Residuals(
        epoch, ranges.sat, np.zeros(m, np.uint8), np.zeros(m, np.uint8), track.resid,
        np.where(track.sigma > 0, track.sigma, np.nan),
        reason.astype(np.uint8), np.full(m, np.nan), ranges.elevation_rad, ranges.cn0_dbhz, signals=("1C",),
    )  # fmt: skip
    counts = np.bincount(reason, minlength=len(Reason))
    notes = [f"{counts[r]} of {m} ranges: {r.name.lower().replace('_', ' ')}" for r in Reason if r and counts[r]]
    notes.append("with wheel speed and yaw rate" if wheels else "without odometry")
    return Solution(
        ranges.t_ns, track.p_e_m, track.cov_e, track.v_e_mps,
        status=np.where(n_sats > 0, FixStatus.SINGLE, FixStatus.DEAD_RECKONED).astype(np.uint8),
        n_sats=n_sats.astype(np.int16), residuals=residuals,
        channels={
            "heading": Channel(np.mod(track.heading_rad, 2 * np.pi), "rad", "heading"),
            "clock": Channel(track.clock_m, "m", "receiver clock"),
            "clock_drift": Channel(track.drift_mps, "m/s", "receiver clock drift"),
        },
        provenance=Provenance(
            sources=recording.sources, program=f"kinema {__version__}", mode="single", method="batch",
            settings={"systems": options.systems, **asdict(params)}, simulated=recording.simulated, notes=tuple(notes),
        ),
    )  # fmt: skip
