"""Where the rover roughly is: code differences to the base, epoch by epoch, robustly."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.satellites import SYSTEMS
from kinema.core.solution import Reason
from kinema.core.streams import GnssObservations
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.satellite_states import SatelliteStates, row_codes
from kinema.sensors.double_difference import Pairing

LOOKS = 15


def approximate_positions(
    rover: GnssObservations, states: SatelliteStates, p: Pairing, epoch: I64, corrected: F64, base_e_m: F64,
    cn0: F64, params: RtkParams,
) -> tuple[F64, F64, F64, F64]:  # fmt: skip
    """Positions (n, 3) and covariances (n, 3, 3) from ranges corrected by the base, (m, slots).

    Epochs without enough satellites take the nearest position found (their covariance stays NaN), so that every row
    can be linearised. The third array (n,) tells by how much the codes' sigmas are too small, from their residuals,
    the fourth (m, slots) how many sigmas each is off.
    """
    from kinema.kernels.carrier import code_positions

    n = len(rover.t_ns)
    x = np.full((n, 3), np.nan)
    cov = np.full((n, 3, 3), np.nan)
    scale = np.ones(n)
    misfit = np.full(corrected.shape, np.nan)
    group = (rover.sat // 100).astype(np.int64)
    code_positions(
        rover.row_start, states.p_e_m, corrected, group, np.nan_to_num(cn0, nan=45.0), base_e_m,
        params.code_sigma_m, params.elevation_mask_rad, len(SYSTEMS), x, cov, scale, misfit,
    )  # fmt: skip
    found = np.flatnonzero(np.isfinite(x[:, 0]))
    if len(found):
        place = np.clip(np.searchsorted(found, np.arange(n)), 0, len(found) - 1)
        before = np.clip(place - 1, 0, None)
        t = rover.t_ns
        nearer = np.abs(t[found[before]] - t) < np.abs(t[found[place]] - t)
        missing = ~np.isfinite(x[:, 0])
        x[missing] = x[found[np.where(nearer, before, place)]][missing]
    return x, cov, scale, misfit


def own_positions(observations: GnssObservations, states: SatelliteStates, start_e_m: F64) -> F64:
    """Positions (k, 3) of a receiver by its own codes at up to LOOKS epochs, NaN where not determined: metres only."""
    from kinema.kernels.carrier import code_positions

    n = len(observations.t_ns)
    chosen = np.unique(np.linspace(0, n - 1, min(n, LOOKS)).astype(np.int64))
    counts = np.diff(observations.row_start)[chosen]
    row_start = np.concatenate([[0], np.cumsum(counts)])
    rows = np.repeat(observations.row_start[chosen] - row_start[:-1], counts) + np.arange(row_start[-1])
    code = row_codes(observations)[rows] + states.clock_m[rows]
    code[states.reason[rows] != Reason.USED] = np.nan
    x, cov = np.full((len(chosen), 3), np.nan), np.full((len(chosen), 3, 3), np.nan)
    code_positions(
        row_start, np.ascontiguousarray(states.p_e_m[rows]), code[:, None].copy(),
        observations.sat[rows].astype(np.int64) // 100, np.full((len(rows), 1), 45.0), start_e_m, 3.0, 0.17,
        len(SYSTEMS), x, cov, np.ones(len(chosen)), np.empty(code[:, None].shape),
    )  # fmt: skip
    return x
