"""PPP from a Recording to a Solution."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from kinema.core.arrays import I64
from kinema.core.biases import SignalBiases
from kinema.core.ephemeris import PreciseClocks, PreciseOrbits
from kinema.core.frames import cov_n_from_e, geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.satellites import SYSTEMS
from kinema.core.solution import Arcs, Channel, FixStatus, Provenance, Reason, Residuals, Solution
from kinema.core.streams import GnssObservations
from kinema.core.time import iso_gps
from kinema.errors import EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.ppp import PppOutput, run_ppp
from kinema.estimate.ppp_integers import COLOURED, NarrowLanes, wide_lanes
from kinema.estimate.ppp_params import PppParams
from kinema.estimate.ppp_table import PppTable, above_marker, build_ppp, check_products
from kinema.estimate.rtk_solution import pick_epochs
from kinema.version import __version__

LEAST_PHASES = 5
SYSTEMATIC_M = 0.01
"""What antennas, tides and frames leave in a position however long it is observed, per axis."""
CONVERGED_M = 0.10


def solve_ppp(recording: Recording, options: SolveOptions, params: PppParams) -> Solution:
    """Trajectory (or, static, the point) from precise orbits and clocks. Raises ConfigError or EstimationError."""
    from kinema.estimate.single_params import Params
    from kinema.estimate.single_solution import solve_single

    check_products(
        recording.need("gnss", GnssObservations),
        recording.need("orbits", PreciseOrbits),
        recording.get("clocks", PreciseClocks),
    )
    rough = solve_single(recording, replace(options, mode="single"), Params())
    observations = recording.need("gnss", GnssObservations)
    keep = np.isin(observations.t_ns, rough.t_ns[rough.valid])
    observations = pick_epochs(observations, keep)
    recording = replace(recording, streams={**recording.streams, "gnss": observations})
    near = rough.select(np.isin(rough.t_ns, observations.t_ns))
    x0 = np.array(near.p_e_m)
    if options.static:
        x0[:] = np.median(x0, axis=0)
    table = build_ppp(recording, options, params, x0)
    phases = np.zeros(len(table.t_ns), dtype=np.int64)
    np.add.at(phases, table.epoch, np.isfinite(table.phase))
    if not (phases >= LEAST_PHASES).any():
        raise EstimationError("PPP: no epoch has five satellites with precise orbits, clocks and both frequencies")
    smooth = options.method != "filter"
    lanes, out = _run(table, options, params, smooth)
    return _assemble(recording, options, params, table, out, lanes, near, phases, smooth)


def _run(
    table: PppTable, options: SolveOptions, params: PppParams, smooth: bool
) -> tuple[NarrowLanes | None, PppOutput]:
    """The float solution, or that with integers where the products allow them."""
    static, progress = options.static, options.progress
    if not (params.fix and table.combined.integer.any()):
        return None, run_ppp(table, params, static=static, smooth=smooth and not static, progress=progress)
    lanes = NarrowLanes(table, wide_lanes(table), causal=not smooth)
    out = run_ppp(table, params, static=static, smooth=smooth, look=lanes.look, progress=progress)
    if smooth:
        out = run_ppp(lanes.tie(), params, static=static, smooth=not static, progress=progress)
    return lanes, out


def _assemble(
    recording: Recording, options: SolveOptions, params: PppParams, table: PppTable, out: PppOutput,
    lanes: NarrowLanes | None, rough: Solution, phases: I64, smooth: bool,
) -> Solution:  # fmt: skip
    observations = recording.need("gnss", GnssObservations)
    p = table.x0_e_m + out.dx_m
    p = p - above_marker(observations, np.median(p, axis=0))
    cov = out.cov * COLOURED**2 + np.eye(3) * SYSTEMATIC_M**2
    if options.static and smooth:
        # A point at rest is one position: what the whole recording says of it.
        p[:], cov[:] = p[-1], cov[-1]
    status = np.where(phases >= LEAST_PHASES, FixStatus.PPP, FixStatus.SINGLE).astype(np.uint8)
    weak = phases < LEAST_PHASES
    p[weak], cov[weak] = rough.p_e_m[weak], rough.cov_p_e_m2[weak]
    level = 4.42 * np.sqrt(np.maximum(np.trace(cov_n_from_e(cov, p)[:, :2, :2], axis1=1, axis2=2), 0.0))
    notes = (
        f"zenith wet delay correction at the end {out.zenith_m[-1]:.3f} m ± {COLOURED * out.zenith_sigma_m[-1]:.3f} m",
        _convergence(table, out),
        _integer_note(recording, params, lanes),
        f"{int((table.slip > 0).sum())} arcs; " + ", ".join(f"{k}: {a}+{b}" for k, (a, b) in table.signals.items()),
        *table.antenna_notes,
    )
    return Solution(
        t_ns=table.t_ns, p_e_m=p, cov_p_e_m2=cov, v_e_mps=rough.v_e_mps, cov_v_e=rough.cov_v_e, status=status,
        n_sats=phases.astype(np.int16),
        channels={
            "zenith_wet_m": Channel(out.zenith_m, "m", "zenith wet delay against the model"),
            "hpl_m": Channel(level, "m", "protection level"),
            **(_integer_channels(lanes) if lanes is not None else {}),
        },
        residuals=_residuals(table, out),
        arcs=_arcs(table, lanes),
        provenance=Provenance(
            sources=recording.sources, program=f"kinema {__version__}", mode="ppp", method=options.method,
            settings={"systems": options.systems, "static": options.static, **asdict(params)},
            simulated=recording.simulated, datum="ITRF of the orbits", notes=notes,
            point="marker" if any(observations.antenna.delta_hen_m) else "antenna",
        ),
    )  # fmt: skip


def _integer_channels(lanes: NarrowLanes) -> dict[str, Channel]:
    return {
        "ratio": Channel(lanes.ratio, "1", "ratio of second to best integer fit"),
        "success_rate": Channel(lanes.success, "1", "probability of right integers"),
        "fixed_ambiguities": Channel(lanes.tied.astype(np.float64), "1", "ambiguities held as integers"),
    }


def _integer_note(recording: Recording, params: PppParams, lanes: NarrowLanes | None) -> str:
    """What became of the integers, and what they would need."""
    if lanes is not None:
        known = lanes.datum >= 0
        held = float(np.mean(lanes.tied > 0))
        return f"integers of {int(known.sum())} of {len(known)} arcs; {held:.0%} of epochs rest on integers"
    if not params.fix:
        return "ambiguities kept float, as asked"
    biases, t_ns = recording.get("biases", SignalBiases), recording.need("gnss", GnssObservations).t_ns
    if biases is not None and len(biases.sat) and not ((biases.from_ns < t_ns[-1]) & (biases.to_ns > t_ns[0])).any():
        return f"float ambiguities: the biases are of {iso_gps(int(biases.from_ns[0]), 0)[:10]}; give those of the day"
    if biases is None:
        return "float ambiguities: no phase biases (SINEX BIAS) or integer clocks among the products"
    return "float ambiguities: integers need the satellites' antennas too; give the ANTEX file that the products name"


def _arcs(table: PppTable, lanes: NarrowLanes | None) -> Arcs:
    """The arcs of the combination, under the first signal's name, with the first frequency's integers."""
    rows = np.flatnonzero(table.arc >= 0)
    number, count = table.arc[rows], int(table.arc.max(initial=-1)) + 1
    start, stop = np.full(count, len(table.t_ns)), np.full(count, -1)
    np.minimum.at(start, number, table.epoch[rows])
    np.maximum.at(stop, number, table.epoch[rows])
    sat, cause = np.zeros(count, np.int16), np.zeros(count, np.uint8)
    sat[number] = table.sat[rows]
    began = rows[table.slip[rows] > 0]
    cause[table.arc[began]] = table.slip[began]
    names = tuple(sorted({"+".join(pair) for pair in table.signals.values()}))
    slot = np.zeros(len(SYSTEMS), dtype=np.uint8)
    for letter, pair in table.signals.items():
        slot[SYSTEMS.index(letter)] = names.index("+".join(pair))
    integer = np.full(count, np.nan) if lanes is None else np.where(lanes.datum >= 0, lanes.value, np.nan)
    return Arcs(sat, slot[sat // 100], start, stop, cause, integer, names)


def _convergence(table: PppTable, out: PppOutput) -> str:
    """When the horizontal uncertainty first fell below CONVERGED_M."""
    lat, lon, _ = geodetic_from_ecef(table.x0_e_m[0])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    horizontal = np.trace(out.cov, axis1=1, axis2=2) - up @ out.cov @ up
    good = COLOURED * np.sqrt(np.maximum(horizontal, 0.0)) < CONVERGED_M
    if not good.any():
        return f"not converged to {CONVERGED_M:g} m"
    minutes = (table.t_ns[int(np.argmax(good))] - table.t_ns[0]) / 6e10
    return f"horizontal uncertainty below {CONVERGED_M:g} m after {minutes:.1f} min"


def _residuals(table: PppTable, out: PppOutput) -> Residuals | None:
    names = sorted({name for pair in table.signals.values() for name in pair})
    slot = np.zeros(10, dtype=np.uint8)
    for letter, pair in table.signals.items():
        slot[SYSTEMS.index(letter)] = names.index(pair[0])
    parts = []
    for kind, index, var in ((0, 0, table.code_var), (2, 1, table.phase_var)):
        rows = np.flatnonzero(np.isfinite(out.residual[index]))
        flag = out.flag[index, rows]
        bad = Reason.OUTLIER if kind == 0 else Reason.SLIP
        mark = np.where(flag == 1, bad, np.where(flag == 2, Reason.DOWN_WEIGHTED, Reason.USED))
        parts.append((rows, np.full(len(rows), kind), out.residual[index, rows], np.sqrt(var[rows]), mark))
    rows, kinds, value, sigma, mark = (np.concatenate([part[i] for part in parts]) for i in range(5))
    if not 0 < len(rows) <= 1_000_000:
        return None
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    return Residuals(
        epoch=table.epoch[rows], sat=table.sat[rows].astype(np.int16), kind=kinds[order],
        signal=slot[table.sat[rows] // 100], residual=value[order], sigma=sigma[order], reason=mark[order],
        azimuth_rad=table.azimuth[rows], elevation_rad=table.elevation[rows], cn0_dbhz=table.cn0[rows],
        signals=tuple(names),
    )  # fmt: skip
