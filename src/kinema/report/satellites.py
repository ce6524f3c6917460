"""What became of the measurements: per satellite for sky and C/N0, per kind for residual plots, and as statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.satellites import SYSTEM_NAMES, sat_name, sat_system
from kinema.core.solution import Reason, Residuals
from kinema.report.blocks.charts import Groups
from kinema.report.columns import Columns

MOST_ROWS = 500_000
"""More rows than this are thinned to every k-th epoch, and the page says so; statistics always use all."""

REASONS = {
    Reason.USED: "used", Reason.ELEVATION: "low elevation", Reason.WEAK_SIGNAL: "weak signal",
    Reason.NO_EPHEMERIS: "no ephemeris", Reason.UNHEALTHY: "unhealthy", Reason.OUTLIER: "outlier",
    Reason.SLIP: "cycle slip", Reason.DOWN_WEIGHTED: "down-weighted", Reason.NOT_SELECTED: "not selected",
    Reason.GARBLED: "garbled",
}  # fmt: skip
STATES = tuple(REASONS[reason] for reason in Reason)

_UNITS = {"doppler": "m/s"}


def counted(residuals: Residuals) -> Bool:
    """Rows that took part in the solution, fully or with less weight (m,)."""
    return np.isin(residuals.reason, (Reason.USED, Reason.DOWN_WEIGHTED))


def unit_of(kind: str) -> str:
    """Unit of residuals of a kind."""
    return next((unit for name, unit in _UNITS.items() if name in kind.lower()), "m")


@dataclass(frozen=True)
class Sight:
    """One row per satellite and epoch, sorted by satellite: epoch, sat, azimuth_rad, elevation_rad, cn0_dbhz (its
    strongest signal), state (0: some measurement of it counted; else the first Reason why none did)."""

    epoch: I64
    sat: I64
    azimuth_rad: F64
    elevation_rad: F64
    cn0_dbhz: F64
    state: I64


def sight_of(residuals: Residuals) -> Sight:
    """Satellites in view, from the measurements that were looked at."""
    order = np.lexsort((~counted(residuals), residuals.epoch, residuals.sat))
    sat, epoch = residuals.sat[order].astype(np.int64), residuals.epoch[order]
    first = np.flatnonzero(np.r_[True, (np.diff(sat) != 0) | (np.diff(epoch) != 0)]) if len(sat) else np.zeros(0, int)
    lead = order[first]
    cn0 = np.maximum.reduceat(np.nan_to_num(residuals.cn0_dbhz[order], nan=-1.0), first) if len(first) else np.zeros(0)
    state = np.where(counted(residuals)[lead], 0, residuals.reason[lead]).astype(np.int64)
    return Sight(
        epoch[first],
        sat[first],
        residuals.azimuth_rad[lead],
        residuals.elevation_rad[lead],
        np.where(cn0 > 0, cn0, np.nan),
        state,
    )


def in_view(sight: Sight, epochs: int) -> tuple[F64, F64]:
    """Satellites seen and satellites used at each epoch (n,), (n,)."""
    seen = np.bincount(sight.epoch, minlength=epochs)[:epochs]
    used = np.bincount(sight.epoch[sight.state == 0], minlength=epochs)[:epochs]
    return seen.astype(np.float64), used.astype(np.float64)


def thinned(epoch: I64, most: int = MOST_ROWS) -> tuple[Bool, int]:
    """Which rows (m,) to show, and of every how many epochs."""
    every = max(1, -(-len(epoch) // most))
    return np.asarray(epoch % every == 0), every


def add_groups(columns: Columns, prefix: str, epoch: I64, sat: I64) -> Groups:
    """Groups of rows that are sorted by satellite; registers the column that ties rows to epochs."""
    sats, start = np.unique(sat, return_index=True)
    columns.add(f"{prefix}epoch", epoch, quantum=1.0, label="epoch")
    names = [sat_name(int(s)) for s in sats]
    family = [SYSTEM_NAMES[sat_system(int(s))] for s in sats]
    return Groups(names, [*start.tolist(), len(sat)], family, f"{prefix}epoch")


@dataclass(frozen=True)
class KindRows:
    """The residuals of one kind, as columns of the page."""

    kind: str
    unit: str
    groups: Groups
    column: str
    state: str
    limit: float
    """A robust bound of those that counted."""


def add_kinds(columns: Columns, residuals: Residuals, most: int = MOST_ROWS) -> tuple[list[KindRows], int]:
    """Register the residuals of each kind that occurs; also tells of every how many epochs they are shown."""
    shown, every = thinned(residuals.epoch, most)
    shown &= np.isfinite(residuals.residual)
    found = []
    for k, kind in enumerate(residuals.kinds):
        rows = np.flatnonzero((residuals.kind == k) & shown)
        if not len(rows):
            continue
        rows = rows[np.lexsort((residuals.signal[rows], residuals.epoch[rows], residuals.sat[rows]))]
        good = counted(residuals)[rows]
        value = residuals.residual[rows]
        used = np.abs(value[good]) if good.any() else np.abs(value)
        limit = float(np.quantile(used, 0.999)) * 1.4 or 1.0
        groups = add_groups(columns, f"r{k}.", residuals.epoch[rows], residuals.sat[rows].astype(np.int64))
        columns.add(f"r{k}.value", value, quantum=limit / 500, label=kind, unit=unit_of(kind))
        columns.add(f"r{k}.state", np.where(good, 0, residuals.reason[rows]), quantum=1.0)
        found.append(KindRows(kind, unit_of(kind), groups, f"r{k}.value", f"r{k}.state", limit))
    return found, every


@dataclass(frozen=True)
class SignalRow:
    """Residuals of one signal and kind: numbers used and left out; of those used mean, RMS, robust sigma and 95 % of
    sizes, and RMS of residual over stated sigma (1: as stated)."""

    kind: str
    system: str
    signal: str
    unit: str
    used: int
    left_out: int
    mean: float
    rms: float
    robust: float
    p95: float
    normalised: float


def signal_rows(residuals: Residuals) -> list[SignalRow]:
    """Residual statistics per kind, system and signal."""
    system = residuals.sat // 100
    good = counted(residuals) & np.isfinite(residuals.residual)
    key = (residuals.kind.astype(np.int64) * 256 + system) * 256 + residuals.signal
    rows = []
    for one in np.unique(key).tolist():
        mask = key == one
        kind, letter, signal = one >> 16, "GRECJIS"[(one >> 8) & 255], one & 255
        name = residuals.signals[signal] if signal < len(residuals.signals) else str(signal)
        value, sigma = residuals.residual[mask & good], residuals.sigma[mask & good]
        numbers = _statistics(value, sigma)
        text = residuals.kinds[kind] if kind < len(residuals.kinds) else str(kind)
        used = len(value)
        rows.append(SignalRow(text, SYSTEM_NAMES[letter], name, unit_of(text), used, int(mask.sum()) - used, *numbers))
    return rows


def _statistics(value: F64, sigma: F64) -> tuple[float, float, float, float, float]:
    if not len(value):
        return (float("nan"),) * 5
    with_sigma = sigma > 0
    normal = value[with_sigma] / sigma[with_sigma]
    middle = np.median(value)
    return (
        float(value.mean()),
        float(np.sqrt(np.mean(value**2))),
        float(1.4826 * np.median(np.abs(value - middle))),
        float(np.quantile(np.abs(value), 0.95)),
        float(np.sqrt(np.mean(normal**2))) if len(normal) else float("nan"),
    )


@dataclass(frozen=True)
class SatelliteRow:
    """One satellite: epochs seen, share of its measurements that counted, why the others did not, C/N0, elevation."""

    name: str
    system: str
    epochs: int
    measurements: int
    share_used: float
    reasons: dict[int, int]
    cn0_dbhz: float
    elevation_deg: tuple[float, float]


def satellite_rows(residuals: Residuals, sight: Sight) -> list[SatelliteRow]:
    """What was used and left out by satellite and reason."""
    rows = []
    for sat in np.unique(residuals.sat).tolist():
        mine = residuals.sat == sat
        reasons = np.bincount(residuals.reason[mine], minlength=len(STATES))
        total = int(mine.sum())
        used = int(reasons[Reason.USED] + reasons[Reason.DOWN_WEIGHTED])
        seen = sight.sat == sat
        elevation = np.degrees(sight.elevation_rad[seen])
        known = elevation[np.isfinite(elevation)]
        cn0 = sight.cn0_dbhz[seen]
        rows.append(
            SatelliteRow(
                sat_name(sat),
                SYSTEM_NAMES[sat_system(sat)],
                int(seen.sum()),
                total,
                used / total,
                {k: int(reasons[k]) for k in range(len(reasons)) if reasons[k] and k != Reason.USED},
                float(np.nanmean(cn0)) if np.isfinite(cn0).any() else float("nan"),
                (float(known.min()), float(known.max())) if len(known) else (float("nan"), float("nan")),
            )
        )
    return rows


def reasons_present(rows: Sequence[SatelliteRow]) -> list[int]:
    """Reasons other than "used" that occur in any row, in the order of Reason."""
    return sorted({reason for row in rows for reason in row.reasons})
