"""A horizontal protection level per epoch: how far off the position may be if one satellite or its integer is wrong.

Solution separation after Blanch et al. (2015), simplified to one fault at a time. The position of an epoch follows
from its differences by weighted least squares; if satellite i is faulty by b_i, the solution that leaves i out is off
by nothing of it, and both differ by what the fault does to the position. So

    HPL = max over i of (|x − x_i| separation seen or expected) + K · σ of the solution without i,

with the separation bounded by what a fault that passes the tests unseen can cause. See docs/protection.md.
"""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.rtk_table import RtkTable

K_MISSED = 4.42
"""Sigmas of a Gauss distribution beyond which 1e−5 lies: the faulty satellite's own solution."""
K_ALARM = 3.29
"""Sigmas at which a separation would be noticed (false alarm 1e−3 per epoch)."""
SLOPE_FLOOR_M = 0.01


def horizontal_level(table: RtkTable, p_e_m: F64, cov: F64, fixed: Bool, params: RtkParams) -> F64:
    """Protection level (n,) in metres, NaN where there is no position.

    Fixed epochs: the measurements are the phases (3 mm), and the fault is a wrong integer or a lost cycle; others:
    the codes, and the fault is a reflected signal. The result is never below K_MISSED sigmas of the stated covariance.
    """
    from kinema.kernels.protection import separation_levels

    weight_phase = np.where(np.isfinite(table.phase), 1.0 / table.phase_var, 0.0)
    weight_code = np.where(np.isfinite(table.code), 1.0 / table.code_var, 0.0)
    use = fixed[table.epoch][:, None]
    weight = np.where(use, weight_phase, weight_code).sum(axis=1)
    level = np.full(len(table.t_ns), np.nan)
    group: I64 = table.sat // 100
    separation_levels(
        table.row_start, np.ascontiguousarray(table.unit), weight, group, np.ascontiguousarray(p_e_m),
        np.ascontiguousarray(cov), K_ALARM, K_MISSED, level,
    )  # fmt: skip
    level[~np.isfinite(p_e_m[:, 0])] = np.nan
    return np.asarray(np.maximum(level, SLOPE_FLOOR_M))
