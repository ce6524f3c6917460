"""How far a solution is from the truth, how often, where, and whether it knew.

`score` takes any two trajectories: the solution may come from any program. What it assumes (lever arm, time offset,
datum, a week taken over) is stated in the result; what it suspects is told as advice and never applied.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from kinema.analysis.consistency import CHI2_95, nees_of
from kinema.analysis.expected import Grid, sizes
from kinema.analysis.judgement import Score, Share, Stats, Uncertainty, WrongFixes
from kinema.analysis.matching import (
    TruthAt,
    is_point,
    moved_by_lever,
    same_week,
    truth_at,
    window,
)
from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.frames import c_ne, cov_n_from_e, geodetic_from_ecef
from kinema.core.solution import FixStatus, Solution
from kinema.core.time import NS, iso_gps
from kinema.errors import DataError

LIMITS_M = (0.1, 0.5, 1.0, 5.0)
_MOVING_MPS = 0.5


def stats(error_m: F64) -> Stats | None:
    """Stats of errors (n,); percentiles and maximum are of their size. None where there are none."""
    if not len(error_m):
        return None
    size = np.abs(error_m)
    p50, p95 = np.percentile(size, (50, 95))
    return Stats(
        len(error_m),
        float(np.sqrt(np.mean(size**2))),
        float(np.mean(error_m)),
        float(p50),
        float(p95),
        float(size.max()),
    )


def score(
    solution: Solution,
    truth: Solution,
    *,
    lever_arm_b_m: tuple[float, float, float] | None = None,
    time_offset_s: float = 0.0,
    max_gap_s: float | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
    wrong_fix_m: float = 0.3,
    limits_m: tuple[float, ...] = LIMITS_M,
) -> Score:
    """Judge `solution` by `truth`.

    `lever_arm_b_m`: from the truth's point to the solution's, forward, right, down. `time_offset_s` is added to the
    solution's times. `max_gap_s`: see `truth_at`. A truth of one epoch is a fixed point. Raises DataError where the
    two never overlap, ConfigError for a lever arm that cannot be turned.
    """
    notes: list[str] = []
    if not len(solution):
        raise DataError("solution", "at least one epoch", "none")
    shifted = solution.t_ns + round(time_offset_s * NS)
    keep = window(solution.t_ns, from_ns, to_ns)
    solution, t_ns = (solution, shifted) if keep.all() else (solution.select(keep), shifted[keep])
    truth = _in_week_of(truth, t_ns, notes)
    if lever_arm_b_m is not None:
        truth, how = moved_by_lever(truth, lever_arm_b_m)
        notes.append(f"lever arm {', '.join(f'{x:g}' for x in lever_arm_b_m)} m (forward, right, down) {how}")
    at = truth_at(truth, t_ns, max_gap_s)
    judged = at.covered & solution.valid
    _check_overlap(solution, truth, t_ns, at, judged)
    error_n = _errors_n(solution, at, judged)
    grid = Grid.build(t_ns, solution.valid, error_n, truth, max_gap_s, from_ns, to_ns)
    along, across, speed = _along_across(error_n, at, judged)
    ours, theirs = solution.provenance.datum, truth.provenance.datum
    if ours != theirs:
        notes.append(f"datum of the solution {ours}, of the truth {theirs}: compared as they are")
    enu = np.stack([error_n[judged, 1], error_n[judged, 0], -error_n[judged, 2]], axis=1)
    e_h, e_3 = sizes(error_n[judged])
    return Score(
        t_ns=solution.t_ns,
        error_n_m=error_n,
        status=solution.status,
        epochs=len(solution),
        expected_epochs=grid.expected,
        judged=int(judged.sum()),
        availability=grid.available / grid.expected if grid.expected else float("nan"),
        distance_m=grid.distance_m,
        interval_s=grid.interval_s,
        horizontal=stats(e_h),
        vertical=stats(-error_n[judged, 2]),
        spatial=stats(e_3),
        along=stats(along[np.isfinite(along)]),
        across=stats(across[np.isfinite(across)]),
        offset_enu_m=_triple(enu.mean(axis=0)),
        median_enu_m=_triple(np.median(enu, axis=0)),
        within=tuple(_share(limit, e_h, e_3, grid) for limit in limits_m),
        by_status=_by_status(solution.status[judged], e_h, enu[:, 2], e_3),
        wrong_fixes=_wrong_fixes(t_ns, solution.status, error_n, judged, wrong_fix_m, grid.interval_s),
        uncertainty=_uncertainty(solution, at, error_n, judged),
        assumptions=_assumptions(solution, truth, lever_arm_b_m, time_offset_s),
        notes=tuple(notes),
        advice=tuple(_advice(along, speed, enu)),
    )  # fmt: skip


def _assumptions(
    solution: Solution, truth: Solution, lever_arm_b_m: tuple[float, float, float] | None, time_offset_s: float
) -> dict[str, Any]:
    """What was taken as given."""
    return {
        "lever_arm_b_m": list(lever_arm_b_m) if lever_arm_b_m is not None else None,
        "time_offset_s": time_offset_s,
        "datum": solution.provenance.datum,
        "truth_datum": truth.provenance.datum,
        "truth": "one fixed point" if is_point(truth) else f"{len(truth)} epochs",
        "solution_point": solution.provenance.point,
        "truth_point": truth.provenance.point,
    }


def _triple(values: F64) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _in_week_of(truth: Solution, t_ns: I64, notes: list[str]) -> Solution:
    if is_point(truth):
        return truth
    times, note = same_week(truth.t_ns, int(t_ns[0]))
    if not note:
        return truth
    notes.append(note)
    return replace(truth, t_ns=times)


def _check_overlap(solution: Solution, truth: Solution, t_ns: I64, at: TruthAt, judged: Bool) -> None:
    if judged.any():
        return
    if not solution.valid.any():
        raise DataError("solution", "at least one position", f"{len(solution)} epochs without any")
    if not at.covered.any():
        raise DataError(
            "truth",
            f"times within the solution's {iso_gps(t_ns[0])} to {iso_gps(t_ns[-1])} GPS",
            f"{iso_gps(truth.t_ns[0])} to {iso_gps(truth.t_ns[-1])}",
        )
    raise DataError("truth", "positions at the epochs that the solution has", "none at any of them")


def _errors_n(solution: Solution, at: TruthAt, judged: Bool) -> F64:
    error_n = np.full((len(solution), 3), np.nan)
    p = at.p_e_m[judged]
    lat, lon, _ = geodetic_from_ecef(p)
    error_n[judged] = np.einsum("nij,nj->ni", c_ne(lat, lon), solution.p_e_m[judged] - p)
    return error_n


def _along_across(error_n: F64, at: TruthAt, judged: Bool) -> tuple[F64, F64, F64]:
    """Errors along and to the right of the truth's motion, and its horizontal speed; NaN at rest."""
    n = len(error_n)
    along, across, speed = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    lat, lon, _ = geodetic_from_ecef(at.p_e_m[judged])
    v_n = np.einsum("nij,nj->ni", c_ne(lat, lon), at.v_e_mps[judged])
    v_h = np.hypot(v_n[:, 0], v_n[:, 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        north, east = np.where(v_h > _MOVING_MPS, v_n[:, :2].T / v_h, np.nan)
    e = error_n[judged]
    along[judged], across[judged], speed[judged] = (
        e[:, 0] * north + e[:, 1] * east,
        e[:, 1] * north - e[:, 0] * east,
        v_h,
    )
    return along, across, speed


def _share(limit_m: float, e_h: F64, e_3: F64, grid: Grid) -> Share:
    travelled = grid.distance_m if grid.distance_m > 1.0 else float("nan")
    return Share(
        limit_m,
        float(np.mean(e_h <= limit_m)),
        float(np.mean(grid.horizontal_m <= limit_m)) if grid.expected else float("nan"),
        float(grid.step_m[grid.horizontal_m <= limit_m].sum() / travelled),
        float(np.mean(e_3 <= limit_m)),
        float(grid.step_m[grid.spatial_m <= limit_m].sum() / travelled),
    )


def _by_status(status: U8, e_h: F64, e_up: F64, e_3: F64) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = {}
    for value in FixStatus:
        mask = status == value
        if mask.any():
            table[value.name.lower().replace("_", "-")] = {
                "epochs": int(mask.sum()),
                "share": float(mask.mean()),
                "horizontal": _maybe(stats(e_h[mask])),
                "vertical": _maybe(stats(e_up[mask])),
                "spatial": _maybe(stats(e_3[mask])),
            }
    return table


def _maybe(value: Stats | None) -> dict[str, Any] | None:
    return None if value is None else asdict(value)


def _wrong_fixes(t_ns: I64, status: U8, error_n: F64, judged: Bool, limit_m: float, interval_s: float) -> WrongFixes:
    fixed = judged & (status == FixStatus.FIXED)
    size = np.linalg.norm(error_n, axis=1)
    wrong = np.flatnonzero(fixed & (size > limit_m))
    clusters = []
    if len(wrong):
        breaks = np.flatnonzero(np.diff(t_ns[wrong]) > 2.5 * interval_s * NS) + 1
        clusters = [
            {
                "from_ns": int(t_ns[run[0]]),
                "to_ns": int(t_ns[run[-1]]),
                "epochs": len(run),
                "max_m": float(size[run].max()),
            }
            for run in np.split(wrong, breaks)
        ]
    return WrongFixes(limit_m, int(fixed.sum()), len(wrong), tuple(clusters))


def _uncertainty(solution: Solution, at: TruthAt, error_n: F64, judged: Bool) -> Uncertainty | None:
    known = judged & np.isfinite(solution.cov_p_e_m2).all(axis=(1, 2))
    if not known.any():
        return None
    cov_e = solution.cov_p_e_m2[known] + np.nan_to_num(at.cov_e_m2[known])
    cov = cov_n_from_e(cov_e, solution.p_e_m[known])
    e = error_n[known]
    nees_2d, nees_3d = nees_of(e[:, :2], cov[:, :2, :2]), nees_of(e, cov)
    good = np.isfinite(nees_3d) & np.isfinite(nees_2d)
    if not good.any():
        return None
    nees_2d, nees_3d, e, cov = nees_2d[good], nees_3d[good], e[good], cov[good]
    return Uncertainty(
        int(good.sum()),
        float(np.mean(nees_2d <= CHI2_95[2])),
        float(np.mean(nees_3d <= CHI2_95[3])),
        float(nees_2d.mean()),
        float(nees_3d.mean()),
        float(np.sqrt(np.mean(e[:, 0] ** 2 + e[:, 1] ** 2) / np.mean(cov[:, 0, 0] + cov[:, 1, 1]))),
        float(np.sqrt(np.mean(e[:, 2] ** 2) / np.mean(cov[:, 2, 2]))),
    )


def _advice(along: F64, speed: F64, enu: F64) -> list[str]:
    """What the errors look like the effect of; told, never applied."""
    advice = []
    moving = np.isfinite(along) & np.isfinite(speed)
    offset_s = _suspected_offset_s(along[moving], speed[moving])
    if offset_s is not None:
        advice.append(
            f"the along-track error grows with speed as if the solution's times were {abs(offset_s) * 1e3:.0f} ms "
            f"{'early' if offset_s > 0 else 'late'}; check the clocks, or judge with --time-offset {offset_s:+.3f}"
        )
    spread = np.std(enu, axis=0)
    mean = enu.mean(axis=0)
    if len(enu) > 30 and np.hypot(mean[0], mean[1]) > 3 * np.hypot(spread[0], spread[1]) > 0:
        advice.append(
            f"the horizontal error is mostly constant (east {mean[0]:+.3f}, north {mean[1]:+.3f} m): "
            "check the datum, the lever arm or the truth's own position"
        )
    return advice


def _suspected_offset_s(along: F64, speed: F64) -> float | None:
    """Seconds to add to the solution's times, or None where the errors do not ask for it.

    A solution whose time tags are late by τ sits where the truth was τ earlier: its along-track error is −v·τ. So
    it is the slope of along-track error over speed, if that explains a good part of the error and the speed varies.
    """
    if len(along) < 50 or np.std(speed) < 1.0:
        return None
    middle = np.abs(along - np.median(along)) <= 4 * 1.4826 * np.median(np.abs(along - np.median(along))) + 1e-9
    a, v = along[middle], speed[middle]
    if len(a) < 50 or np.std(v) < 1.0:
        return None
    slope, offset = np.polyfit(v, a, 1)
    explained = 1 - np.var(a - slope * v - offset) / max(float(np.var(a)), 1e-18)
    return float(slope) if abs(slope) > 1e-3 and explained > 0.3 else None
