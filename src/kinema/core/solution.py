"""A Solution: a trajectory with its uncertainty, its status at each epoch, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I16, I64, U8, Bool, gate, gate_times


class FixStatus(IntEnum):
    """How a position was found."""

    NONE = 0
    DEAD_RECKONED = 1
    SINGLE = 2
    DIFFERENTIAL = 3
    FLOAT = 4
    FIXED = 5
    PPP = 6
    SBAS = 7


class Reason(IntEnum):
    """Why a measurement was used or not."""

    USED = 0
    ELEVATION = 1
    WEAK_SIGNAL = 2
    NO_EPHEMERIS = 3
    UNHEALTHY = 4
    OUTLIER = 5
    SLIP = 6
    DOWN_WEIGHTED = 7
    NOT_SELECTED = 8
    GARBLED = 9


@dataclass(frozen=True)
class Channel:
    """An extra value per epoch (n,) with its SI unit ("m", "m/s", "1", "dB-Hz")."""

    value: F64
    unit: str
    label: str = ""


@dataclass(frozen=True)
class Residuals:
    """One row per measurement that was looked at.

    epoch (m,) into the solution; sat (m,); kind (m,) index into `kinds`; signal (m,) index into `signals`;
    residual and sigma (m,) in the measurement's unit (m or m/s); reason (m,) Reason; azimuth_rad, elevation_rad,
    cn0_dbhz (m,).
    """

    epoch: I64
    sat: I16
    kind: U8
    signal: U8
    residual: F64
    sigma: F64
    reason: U8
    azimuth_rad: F64
    elevation_rad: F64
    cn0_dbhz: F64
    kinds: tuple[str, ...] = ("code", "doppler", "phase")
    signals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        m = len(self.epoch)
        for name, dtype in (
            ("epoch", np.int64), ("sat", np.int16), ("kind", np.uint8), ("signal", np.uint8),
            ("residual", np.float64), ("sigma", np.float64), ("reason", np.uint8),
            ("azimuth_rad", np.float64), ("elevation_rad", np.float64), ("cn0_dbhz", np.float64),
        ):  # fmt: skip
            object.__setattr__(self, name, gate(f"Residuals.{name}", getattr(self, name), dtype, (m,)))


@dataclass(frozen=True)
class Arcs:
    """Continuous carrier arcs, one per row (k,): sat; signal, index into `signals`; start and stop, epochs of the
    solution, both included; cause, index into `causes`, why it began; integer, its ambiguity in cycles against those
    of the same system and signal, NaN where it was not fixed."""

    sat: I16
    signal: U8
    start: I64
    stop: I64
    cause: U8
    integer: F64
    signals: tuple[str, ...] = ()
    causes: tuple[str, ...] = ("", "loss of lock", "geometry-free step", "step between epochs", "gap", "half cycle")

    def __post_init__(self) -> None:
        k = len(self.sat)
        for name, dtype in (
            ("sat", np.int16), ("signal", np.uint8), ("start", np.int64), ("stop", np.int64), ("cause", np.uint8),
            ("integer", np.float64),
        ):  # fmt: skip
            object.__setattr__(self, name, gate(f"Arcs.{name}", getattr(self, name), dtype, (k,)))


@dataclass(frozen=True)
class Provenance:
    """What a solution was made from: sources, program, resolved settings, seed, and notes for its reader."""

    sources: tuple[str, ...] = ()
    program: str = ""
    mode: str = ""
    method: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    seed: int | None = None
    simulated: bool = False
    datum: str = "WGS84"
    """Frame of p_e_m: "WGS84", "ITRF2014", or "local" for a plane laid at latitude 0, longitude 0."""
    point: str = "antenna"
    """Which point of the mover is positioned: "antenna", "body" or a name of a mount."""
    notes: tuple[str, ...] = ()


_ABSENT: Any = None  # an argument left out: the gate fills in NaN (or 0) of the right shape


@dataclass(frozen=True)
class Solution:
    """A trajectory of n epochs.

    t_ns (n,); p_e_m (n, 3) ECEF, NaN where there is no position; cov_p_e_m2 (n, 3, 3), NaN where not known;
    v_e_mps (n, 3); cov_v_e (n, 3, 3) in m²/s²; q_nb_wxyz (n, 4) body to local NED; cov_att_n_rad2 (n, 3, 3);
    status (n,) FixStatus; n_sats (n,). Arguments left out become NaN (or 0) of the right shape.
    """

    t_ns: I64
    p_e_m: F64
    cov_p_e_m2: F64 = _ABSENT
    v_e_mps: F64 = _ABSENT
    cov_v_e: F64 = _ABSENT
    q_nb_wxyz: F64 = _ABSENT
    cov_att_n_rad2: F64 = _ABSENT
    status: U8 = _ABSENT
    n_sats: I16 = _ABSENT
    channels: Mapping[str, Channel] = field(default_factory=lambda: MappingProxyType({}))
    residuals: Residuals | None = None
    provenance: Provenance = Provenance()
    arcs: Arcs | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("Solution.t_ns", self.t_ns))
        n = len(self.t_ns)
        put(self, "p_e_m", gate("Solution.p_e_m", self.p_e_m, np.float64, (n, 3)))
        for name, shape in (
            ("cov_p_e_m2", (n, 3, 3)), ("v_e_mps", (n, 3)), ("cov_v_e", (n, 3, 3)),
            ("q_nb_wxyz", (n, 4)), ("cov_att_n_rad2", (n, 3, 3)),
        ):  # fmt: skip
            value = getattr(self, name)
            value = np.full(shape, np.nan) if value is _ABSENT else value
            put(self, name, gate(f"Solution.{name}", value, np.float64, shape))
        status = self.status
        if status is _ABSENT:
            status = np.where(np.isfinite(self.p_e_m).all(axis=1), FixStatus.SINGLE, FixStatus.NONE)
        put(self, "status", gate("Solution.status", status, np.uint8, (n,)))
        n_sats = np.zeros(n) if self.n_sats is _ABSENT else self.n_sats
        put(self, "n_sats", gate("Solution.n_sats", n_sats, np.int16, (n,)))
        for name, channel in self.channels.items():
            gate(f"channel '{name}'", channel.value, np.float64, (n,))
        put(self, "channels", MappingProxyType(dict(self.channels)))

    def __len__(self) -> int:
        return len(self.t_ns)

    @property
    def valid(self) -> Bool:
        """Epochs that have a position (n,)."""
        return np.asarray(np.isfinite(self.p_e_m).all(axis=1))

    def select(self, keep: Bool | I64 | slice) -> Solution:
        """The epochs picked by a mask, indices or a slice; residuals and arcs do not come along."""
        arrays = {
            name: getattr(self, name)[keep]
            for name in (
                "t_ns", "p_e_m", "cov_p_e_m2", "v_e_mps", "cov_v_e", "q_nb_wxyz", "cov_att_n_rad2",
                "status", "n_sats",
            )
        }  # fmt: skip
        channels = {k: replace(c, value=c.value[keep]) for k, c in self.channels.items()}
        return replace(self, **arrays, channels=channels, residuals=None, arcs=None)

    def with_channels(self, **channels: Channel) -> Solution:
        """A copy with more channels."""
        return replace(self, channels={**self.channels, **channels})
