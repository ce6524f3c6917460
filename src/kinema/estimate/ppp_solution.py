"""PPP from a Recording to a Solution."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from kinema.core.arrays import I64
from kinema.core.ephemeris import PreciseClocks, PreciseOrbits
from kinema.core.frames import cov_n_from_e, geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Reason, Residuals, Solution
from kinema.core.streams import GnssObservations
from kinema.errors import EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.ppp import PppOutput, run_ppp
from kinema.estimate.ppp_table import PppParams, PppTable, above_marker, build_ppp, check_products
from kinema.estimate.rtk_solution import pick_epochs
from kinema.version import __version__

LEAST_PHASES = 5
SYSTEMATIC_M = 0.01
"""What antennas, tides and frames leave in a position however long it is observed, per axis."""
CONVERGED_M = 0.10
COLOURED = 3.0
"""Phase errors last for minutes (multipath, troposphere, antennas): the filter's sigmas are this much too small."""


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
    out = run_ppp(table, params, static=options.static, smooth=smooth and not options.static, progress=options.progress)
    return _assemble(recording, options, params, table, out, near, phases, smooth)


def _assemble(
    recording: Recording, options: SolveOptions, params: PppParams, table: PppTable, out: PppOutput, rough: Solution,
    phases: I64, smooth: bool,
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
    convergence = _convergence(table, out)
    notes = (
        f"zenith wet delay correction at the end {out.zenith_m[-1]:.3f} m ± {COLOURED * out.zenith_sigma_m[-1]:.3f} m",
        convergence,
        f"{int((table.slip > 0).sum())} arcs; " + ", ".join(f"{k}: {a}+{b}" for k, (a, b) in table.signals.items()),
        *table.antenna_notes,
    )
    return Solution(
        t_ns=table.t_ns, p_e_m=p, cov_p_e_m2=cov, v_e_mps=rough.v_e_mps, cov_v_e=rough.cov_v_e, status=status,
        n_sats=phases.astype(np.int16),
        channels={
            "zenith_wet_m": Channel(out.zenith_m, "m", "zenith wet delay against the model"),
            "hpl_m": Channel(level, "m", "protection level"),
        },
        residuals=_residuals(table, out),
        provenance=Provenance(
            sources=recording.sources, program=f"kinema {__version__}", mode="ppp", method=options.method,
            settings={"systems": options.systems, "static": options.static, **asdict(params)},
            simulated=recording.simulated, datum="ITRF of the orbits", notes=notes,
            point="marker" if any(observations.antenna.delta_hen_m) else "antenna",
        ),
    )  # fmt: skip


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
        slot["GRECJIS".index(letter)] = names.index(pair[0])
    parts = []
    for kind, index, var in ((0, 0, table.code_var), (2, 1, table.phase_var)):
        rows = np.flatnonzero(np.isfinite(out.innovation[index]))
        flag = out.flag[index, rows]
        bad = Reason.OUTLIER if kind == 0 else Reason.SLIP
        mark = np.where(flag == 1, bad, np.where(flag == 2, Reason.DOWN_WEIGHTED, Reason.USED))
        parts.append((rows, np.full(len(rows), kind), out.innovation[index, rows], np.sqrt(var[rows]), mark))
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
