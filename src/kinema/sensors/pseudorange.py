"""Pseudorange: what it should read, and how far it strays from that by elevation and signal strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, Bool

ELEVATION_FLOOR = 0.05
STRONG_DBHZ = 47.0


def modelled(range_m: F64, sat_clock_m: F64, iono_m: F64, tropo_m: F64) -> F64:
    """Code at a perfect receiver clock: geometric range − satellite clock + ionosphere + troposphere."""
    return np.asarray(range_m - sat_clock_m + iono_m + tropo_m)


def noise_shape(elevation_rad: F64, cn0_dbhz: F64) -> F64:
    """Relative standard deviation: 1 for a strong signal at the zenith.

    Multipath grows as 1 / sin(elevation), and noise and reflections with every decibel below 47 dB-Hz; a signal whose
    strength is not told is judged by its elevation alone (Kuusniemi 2005's mixed model).
    """
    s = np.maximum(np.sin(elevation_rad), ELEVATION_FLOOR)
    weak = np.where(np.isfinite(cn0_dbhz), np.clip(STRONG_DBHZ - cn0_dbhz, 0.0, 40.0), 0.0)
    return np.sqrt(0.5 + 0.5 / (s * s) + (10.0 ** (weak / 10.0) - 1.0) * 0.3)


STRENGTH_EDGES_DBHZ = (25.0, 30.0, 35.0, 40.0, 45.0, 50.0)
UNTOLD_DBHZ = 42.0
FIRST_LATE_M = 40.0
LATE_LIMITS_M = (12.0, 150.0)
DIRECT_LIMITS = (0.02, 0.995)
LEAST_DIRECT = 0.7
LATE_WIDTH = 1.0
MIN_SPREAD_M = 0.05
PRIOR_COUNT = 30
SAMPLE = 4_000
NEVER = 1e-6
"""Density (1/m) of errors that nothing explains, as codes that come far too early."""


def elevation_shape(elevation_rad: F64) -> F64:
    """Relative standard deviation by elevation alone."""
    s = np.maximum(np.sin(elevation_rad), ELEVATION_FLOOR)
    return np.asarray(np.sqrt(0.5 + 0.5 / (s * s)))


def strength_shape(cn0_dbhz: F64) -> F64:
    """Relative standard deviation by strength against the strong signals of the recording, doubling every 5 dB.

    Among buildings it is the strength that tells a direct ray from a reflected one, and strong is what the receiver
    and its antenna make of an open sky: the 90 % quantile.
    """
    told = np.isfinite(cn0_dbhz)
    if not told.any():
        return np.ones(len(cn0_dbhz))
    strong = float(np.quantile(cn0_dbhz[told], 0.9))
    below = np.where(told, np.clip(strong - cn0_dbhz, 0.0, 30.0), 5.0)
    return np.asarray(2.0 ** (below / 5.0))


def strength_step(cn0_dbhz: F64) -> I64:
    """Step of STRENGTH_EDGES_DBHZ (m,) of each strength; a signal whose strength is not told counts as average."""
    return np.digitize(np.where(np.isfinite(cn0_dbhz), cn0_dbhz, UNTOLD_DBHZ), STRENGTH_EDGES_DBHZ)


def spread_by_strength(residual_m: F64, used: Bool, shape: F64, cn0_dbhz: F64) -> F64:
    """Spread (m,) of residuals over their shape, learnt in steps of strength: the 68 % quantile, never less for a
    weaker signal."""
    step = strength_step(cn0_dbhz)
    some = np.flatnonzero(used)
    some = some[:: max(1, len(some) // SAMPLE)]
    scaled, of_some = np.abs(residual_m[some]) / shape[some], step[some]
    count = np.bincount(of_some, minlength=len(STRENGTH_EDGES_DBHZ) + 1)
    known = np.flatnonzero(count >= np.minimum(PRIOR_COUNT, count.max()))
    spread = [max(float(np.quantile(scaled[of_some == k], 0.68)), MIN_SPREAD_M) for k in known]
    filled = np.interp(np.arange(len(count)), known, spread)
    falling = np.maximum.accumulate(filled[::-1])[::-1]
    return np.asarray(falling[step])


@dataclass
class ReflectionModel:
    """Codes are direct or reflected: direct errors are Gaussian, reflected ones late by an exponential length.

    How often a code is direct, and how late a reflected one is, depends on the strength of the signal and is learnt
    from the residuals by expectation–maximisation. direct (k,), late_m (k,) by step of STRENGTH_EDGES_DBHZ.
    """

    step: I64
    direct: F64
    late_m: F64
    least: F64
    """Least share of direct codes (k,): without it a clock that is too early would make every code a reflection."""

    @classmethod
    def first_guess(cls, cn0_dbhz: F64) -> ReflectionModel:
        """Strong signals are mostly direct, weak ones mostly not; strength is taken against the recording's own."""
        told = np.isfinite(cn0_dbhz)
        strong = float(np.quantile(cn0_dbhz[told], 0.9)) if told.any() else UNTOLD_DBHZ
        centre = np.array([22.5, 27.5, 32.5, 37.5, 42.5, 47.5, 52.5])
        direct = 1.0 / (1.0 + np.exp(-(centre - strong + 8.0) / 3.0))
        step = strength_step(cn0_dbhz)
        direct = np.clip(direct, *DIRECT_LIMITS)
        return cls(step, direct, np.full(len(centre), FIRST_LATE_M), LEAST_DIRECT * direct)

    def probability_direct(self, residual_m: F64, sigma_m: F64) -> F64:
        """Probability (m,) that each code is direct, given its residual and the sigma of direct ones."""
        u = residual_m / sigma_m
        gauss = np.exp(-0.5 * u * u) / (sigma_m * np.sqrt(2 * np.pi))
        late = self.late_m[self.step]
        reflected = np.where(u > -1.0, np.exp(-np.maximum(residual_m, 0.0) / late) / late, 0.0) + NEVER
        share = self.direct[self.step]
        return np.asarray(share * gauss / (share * gauss + (1 - share) * reflected))

    def as_gaussian(self, sigma_m: F64, share: F64) -> tuple[F64, F64]:
        """Standard deviation and mean error (m,) of the one Gaussian that counts a code as both of what it may be:
        direct by `share`, else late by its length, give or take LATE_WIDTH lengths."""
        late = self.late_m[self.step]
        reflected = (1 - share) / (LATE_WIDTH * late) ** 2
        precision = share / sigma_m**2 + reflected
        return np.asarray(1 / np.sqrt(precision)), np.asarray(reflected * late / precision)

    def learn(self, residual_m: F64, used: Bool, probability: F64) -> None:
        """One step of maximisation from the used residuals; each step of strength begins with ten imagined codes."""
        for k in range(len(self.direct)):
            mine = used & (self.step == k)
            g = probability[mine]
            reflected = float((1 - g).sum())
            self.direct[k] = np.clip((g.sum() + 10 * self.direct[k]) / (len(g) + 10), self.least[k], DIRECT_LIMITS[1])
            length = float(((1 - g) * np.maximum(residual_m[mine], 0.0)).sum())
            self.late_m[k] = np.clip((length + 10 * self.late_m[k]) / (reflected + 10), *LATE_LIMITS_M)
