"""The nouns of a judgement: what `score` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, U8


@dataclass(frozen=True)
class Stats:
    """Of n error magnitudes in metres (along, across, up: of signed errors, with percentiles of their size)."""

    n: int
    rms: float
    mean: float
    p50: float
    p95: float
    max: float


@dataclass(frozen=True)
class Share:
    """Shares (0 to 1) within `limit_m`: of judged epochs, of all expected ones, and of the distance travelled.

    In the last two a missing position counts as outside.
    """

    limit_m: float
    epochs: float
    expected_epochs: float
    distance: float
    epochs_3d: float
    distance_3d: float


@dataclass(frozen=True)
class WrongFixes:
    """Positions called FIXED but more than `limit_m` (3D) from the truth, and the runs they form."""

    limit_m: float
    fixed: int
    wrong: int
    clusters: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Uncertainty:
    """What the stated covariances promise against what happened.

    `inside_ellipse` and `inside_ellipsoid`: share of errors inside the stated 95 % regions; NEES means (expected: 2
    and 3) and RMS errors over RMS stated sigmas (expected: 1), horizontal and vertical.
    """

    n: int
    inside_ellipse: float
    inside_ellipsoid: float
    nees_2d: float
    nees_3d: float
    ratio_horizontal: float
    ratio_vertical: float


@dataclass(frozen=True)
class Score:
    """The judgement.

    `error_n_m` (n, 3): north, east, down, estimate minus truth, per solution epoch; NaN where not judged.
    """

    t_ns: I64
    error_n_m: F64
    status: U8
    epochs: int
    expected_epochs: int
    judged: int
    availability: float
    distance_m: float
    interval_s: float
    horizontal: Stats | None
    vertical: Stats | None
    spatial: Stats | None
    along: Stats | None
    across: Stats | None
    offset_enu_m: tuple[float, float, float]
    median_enu_m: tuple[float, float, float]
    within: tuple[Share, ...]
    by_status: Mapping[str, Mapping[str, Any]]
    wrong_fixes: WrongFixes
    uncertainty: Uncertainty | None
    assumptions: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything but the arrays, ready for JSON (a number that cannot be given is None)."""
        skip = {"t_ns", "error_n_m", "status"}
        return {k: _plain(v) for k, v in asdict(replace(self, t_ns=_EMPTY_I, error_n_m=_EMPTY, status=_EMPTY_U)).items()
                if k not in skip}  # fmt: skip

    def __str__(self) -> str:
        from kinema.analysis.score_text import as_text

        return as_text(self)


_EMPTY = np.zeros(0)
_EMPTY_I = np.zeros(0, dtype=np.int64)
_EMPTY_U = np.zeros(0, dtype=np.uint8)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
