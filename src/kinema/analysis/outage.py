"""Outages: the windows in which a sensor is taken away, and how far the trajectory drifts through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, geodetic_from_ecef, ned_from_ecef
from kinema.core.solution import Solution
from kinema.core.time import NS
from kinema.errors import ConfigError, DataError

MOTION_MPS = 3.0
SETTLE_S = 20.0


@dataclass(frozen=True)
class Outage:
    """One window [from_ns, to_ns): horizontal error at its end, the largest and the RMS inside (m), the metres driven,
    and the error at the end over the stated sigma; the same of the height (m, positive: too high), which may be NaN."""

    from_ns: int
    to_ns: int
    end_m: float
    worst_m: float
    rms_m: float
    driven_m: float
    end_sigmas: float
    end_up_m: float
    up_rms_m: float
    end_up_sigmas: float

    @property
    def end_percent(self) -> float:
        """Error at the end in per cent of the distance driven."""
        return 100.0 * self.end_m / self.driven_m if self.driven_m > 1.0 else float("nan")


@dataclass(frozen=True)
class OutageReport:
    """All windows of one length: end errors and inside errors (m) by median and 95 %, end error in % of distance; and
    the sizes of errors of height by the same."""

    length_s: float
    outages: tuple[Outage, ...]
    end_median_m: float
    end_p95_m: float
    inside_median_m: float
    inside_p95_m: float
    percent_median: float
    percent_overall: float
    end_up_median_m: float
    end_up_p95_m: float
    inside_up_median_m: float
    inside_up_p95_m: float


def spacing_s(every_s: float, length_s: float) -> float:
    """Seconds from the start of one outage to the next: `every_s`, or twice the length where nothing would be left.

    Raises ConfigError.
    """
    if not (length_s > 0 and every_s > 0):
        raise ConfigError(f"outages of {length_s:g} s every {every_s:g} s: both are seconds above zero")
    return every_s if length_s < every_s else 2.0 * length_s


def windows(reference: Solution, every_s: float, length_s: float, start_ns: int | None = None) -> list[tuple[int, int]]:
    """Windows of `length_s`, `spacing_s` apart, the same on every machine; all begin and end inside the reference.

    From `start_ns`, or SETTLE_S after the reference first moves faster than MOTION_MPS. Raises ConfigError.
    """
    t_ns = reference.t_ns[reference.valid]
    if len(t_ns) < 2:
        raise ConfigError("the reference has no positions to judge by")
    first = start_ns if start_ns is not None else _first_motion(reference) + round(SETTLE_S * NS)
    length, every = round(length_s * NS), round(spacing_s(every_s, length_s) * NS)
    found = [(at, at + length) for at in range(first, int(t_ns[-1]) - length, every)]
    if not found:
        raise ConfigError(f"no outage of {length_s:g} s fits into the recording after its start; shorten --length")
    return found


def _first_motion(reference: Solution) -> int:
    """GPS time of the first motion: by its velocities, else by positions a second or so apart."""
    speed = np.linalg.norm(reference.v_e_mps, axis=1)
    t_ns = reference.t_ns
    if not np.isfinite(speed).any():
        keep = reference.valid
        t_ns, p = reference.t_ns[keep], reference.p_e_m[keep]
        k = np.searchsorted(t_ns, t_ns - NS)
        dt = np.maximum((t_ns - t_ns[k]) * 1e-9, 1e-3)
        speed = np.linalg.norm(p - p[k], axis=1) / dt
    with np.errstate(invalid="ignore"):
        moving = speed > MOTION_MPS
    return int(t_ns[np.argmax(moving)]) if moving.any() else int(t_ns[0])


def judge(solution: Solution, reference: Solution, spans: list[tuple[int, int]]) -> OutageReport:
    """How far `solution`, made without the spans, is from the reference inside them, horizontally and in height.

    Raises DataError where the solution does not cover them.
    """
    keep = reference.valid & (reference.t_ns >= solution.t_ns[0]) & (reference.t_ns <= solution.t_ns[-1])
    t_ns, p_ref = reference.t_ns[keep], reference.p_e_m[keep]
    origin = p_ref[0] if len(p_ref) else solution.p_e_m[0]
    truth = ned_from_ecef(p_ref, origin)
    error = _at(solution, t_ns, ned_from_ecef(solution.p_e_m, origin)) - truth
    sigma, sigma_up = _sigmas(solution, t_ns)
    h, up = np.hypot(error[:, 0], error[:, 1]), -error[:, 2]
    out, inside = [], []
    for start, stop in spans:
        k = np.flatnonzero((t_ns >= start) & (t_ns < stop))
        if len(k) < 2:
            continue
        driven = float(np.hypot(*np.diff(truth[k, :2], axis=0).T).sum())
        inside.append(k)
        last = int(k[-1])
        out.append(
            Outage(
                start, stop, float(h[last]), float(h[k].max()), float(np.sqrt((h[k] ** 2).mean())), driven,
                float(h[last] / sigma[last]), float(up[last]), float(np.sqrt((up[k] ** 2).mean())),
                float(up[last] / sigma_up[last]),
            )
        )  # fmt: skip
    if not out:
        raise DataError("outages", "windows that the reference covers", "none")
    ends, ends_up = np.array([o.end_m for o in out]), np.abs([o.end_up_m for o in out])
    every = np.concatenate(inside)
    percents = np.array([o.end_percent for o in out])
    return OutageReport(
        (spans[0][1] - spans[0][0]) / NS, tuple(out), *_middle_and_high(ends), *_middle_and_high(h[every]),
        float(np.nanmedian(percents)), float(100.0 * ends.sum() / max(sum(o.driven_m for o in out), 1e-9)),
        *_middle_and_high(ends_up), *_middle_and_high(np.abs(up[every])),
    )  # fmt: skip


def _middle_and_high(sizes: F64) -> tuple[float, float]:
    return float(np.median(sizes)), float(np.quantile(sizes, 0.95))


def _at(solution: Solution, t_ns: I64, values: F64) -> F64:
    t = (solution.t_ns - solution.t_ns[0]).astype(np.float64)
    at = (t_ns - solution.t_ns[0]).astype(np.float64)
    return np.stack([np.interp(at, t, column) for column in values.T], axis=1)


def _sigmas(solution: Solution, t_ns: I64) -> tuple[F64, F64]:
    """Stated sigmas, horizontal and of the height, at times."""
    k = np.searchsorted(solution.t_ns, t_ns).clip(0, len(solution) - 1)
    lat, lon, _ = geodetic_from_ecef(solution.p_e_m[k])
    c = c_ne(lat, lon)
    var = np.diagonal(c @ solution.cov_p_e_m2[k] @ np.swapaxes(c, 1, 2), axis1=1, axis2=2)
    var = np.maximum(var, 1e-12)
    return np.sqrt(var[:, 0] + var[:, 1]), np.sqrt(var[:, 2])
