"""Sensor streams of one mover: columns over time, each with its unit in its name.

A stream is one frozen dataclass with `t_ns` (GPS time). GNSS streams are ragged: epoch k owns the rows
`row_start[k]:row_start[k + 1]`, one row per satellite, one column ("slot") per signal of its system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from kinema.core.arrays import F32, F64, I16, I32, I64, U8, Bool, gate, gate_times
from kinema.errors import DataError

LLI_SLIP = 1
"""Loss of lock since the epoch before: a cycle slip is possible."""
LLI_HALF = 2
"""Half-cycle ambiguity not resolved."""


@dataclass(frozen=True)
class Antenna:
    """What a RINEX header or a receiver says of itself and its antenna. NaN or empty: not said."""

    marker: str = ""
    receiver: str = ""
    antenna: str = ""
    approx_p_e_m: tuple[float, float, float] = (float("nan"),) * 3
    delta_hen_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Antenna reference point above the marker: height, east, north."""


@dataclass(frozen=True)
class GnssObservations:
    """Raw observations of one receiver.

    t_ns (n,) receiver time tags; row_start (n + 1,); sat (m,) identifiers of core.satellites;
    signals: per system letter the signal codes of its slots; code_m, phase_cyc, doppler_hz, cn0_dbhz, lli
    (m, slots), NaN (lli: 0) where not observed. Receiver clock steps are told in the issues and removed nowhere.
    """

    t_ns: I64
    row_start: I64
    sat: I16
    signals: Mapping[str, tuple[str, ...]]
    code_m: F64
    phase_cyc: F64
    doppler_hz: F32
    cn0_dbhz: F32
    lli: U8
    antenna: Antenna = Antenna()
    glonass_channel: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """FDMA channel per GLONASS satellite identifier, where the file says it."""
    interval_s: float = float("nan")

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("GnssObservations.t_ns", self.t_ns))
        n = len(self.t_ns)
        put(self, "row_start", gate("GnssObservations.row_start", self.row_start, np.int64, (n + 1,)))
        m = int(self.row_start[-1]) if n else 0
        put(self, "sat", gate("GnssObservations.sat", self.sat, np.int16, (m,)))
        slots = max((len(codes) for codes in self.signals.values()), default=0)
        for name, dtype in (
            ("code_m", np.float64), ("phase_cyc", np.float64), ("doppler_hz", np.float32),
            ("cn0_dbhz", np.float32), ("lli", np.uint8),
        ):  # fmt: skip
            put(self, name, gate(f"GnssObservations.{name}", getattr(self, name), dtype, (m, slots)))
        put(self, "signals", MappingProxyType(dict(self.signals)))
        put(self, "glonass_channel", MappingProxyType(dict(self.glonass_channel)))

    @property
    def n_slots(self) -> int:
        """Signals of the system that has most."""
        return int(self.code_m.shape[1])


@dataclass(frozen=True)
class PreparedRanges:
    """Pseudoranges that came with satellite positions, already free of atmosphere and satellite clock.

    Ragged like GnssObservations; range_m, sigma_m, elevation_rad, cn0_dbhz (m,), sat_p_e_m (m, 3) in ECEF
    at transmission (rotated into the frame of reception).
    """

    t_ns: I64
    row_start: I64
    sat: I16
    range_m: F64
    sigma_m: F64
    sat_p_e_m: F64
    elevation_rad: F64
    cn0_dbhz: F64

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("PreparedRanges.t_ns", self.t_ns))
        put(self, "row_start", gate("PreparedRanges.row_start", self.row_start, np.int64, (len(self.t_ns) + 1,)))
        m = len(self.sat)
        put(self, "sat", gate("PreparedRanges.sat", self.sat, np.int16, (m,)))
        put(self, "sat_p_e_m", gate("PreparedRanges.sat_p_e_m", self.sat_p_e_m, np.float64, (m, 3)))
        for name in ("range_m", "sigma_m", "elevation_rad", "cn0_dbhz"):
            put(self, name, gate(f"PreparedRanges.{name}", getattr(self, name), np.float64, (m,)))


@dataclass(frozen=True)
class Imu:
    """Inertial samples in the sensor frame `s`: specific force f_ib_s_mps2 (n, 3), rate w_ib_s_radps (n, 3)."""

    t_ns: I64
    f_ib_s_mps2: F64
    w_ib_s_radps: F64

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("Imu.t_ns", self.t_ns))
        n = len(self.t_ns)
        put(self, "f_ib_s_mps2", gate("Imu.f_ib_s_mps2", self.f_ib_s_mps2, np.float64, (n, 3)))
        put(self, "w_ib_s_radps", gate("Imu.w_ib_s_radps", self.w_ib_s_radps, np.float64, (n, 3)))


@dataclass(frozen=True)
class Series:
    """Any other channel over time: `value` (n,) or (n, k) in `unit`; `columns` names the k columns.

    Wheel speeds, steering, odometry, rpm, throttle, heart rate are Series. `unit` is SI text ("m/s", "rad/s",
    "rad", "K", "1", "1/min").
    """

    t_ns: I64
    value: F64
    unit: str
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("Series.t_ns", self.t_ns, strict=False))
        value = np.asarray(self.value, dtype=np.float64)
        shape = (len(self.t_ns),) if value.ndim == 1 else (len(self.t_ns), len(self.columns) or None)
        put(self, "value", gate("Series.value", value, np.float64, shape))


@dataclass(frozen=True)
class AnchorRanges:
    """Ranges to fixed anchors: anchor (n,) indexes anchor_p_m (k, 3) (metres, `frame`), range_m (n,)."""

    t_ns: I64
    anchor: I32
    range_m: F64
    anchor_p_m: F64
    anchor_names: tuple[str, ...] = ()
    frame: str = "local"

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("AnchorRanges.t_ns", self.t_ns, strict=False))
        n = len(self.t_ns)
        put(self, "anchor", gate("AnchorRanges.anchor", self.anchor, np.int32, (n,)))
        put(self, "range_m", gate("AnchorRanges.range_m", self.range_m, np.float64, (n,)))
        put(self, "anchor_p_m", gate("AnchorRanges.anchor_p_m", self.anchor_p_m, np.float64, (None, 3)))
        if n and not 0 <= int(self.anchor.min()) <= int(self.anchor.max()) < len(self.anchor_p_m):
            raise DataError("AnchorRanges.anchor", f"0 to {len(self.anchor_p_m) - 1}", str(int(self.anchor.max())))


def used_mask(t_ns: I64, masks: tuple[tuple[int, int], ...]) -> Bool:
    """True where a time is in none of the half-open intervals [from, to)."""
    keep = np.ones(len(t_ns), dtype=np.bool_)
    for start_ns, stop_ns in masks:
        keep &= (t_ns < start_ns) | (t_ns >= stop_ns)
    return keep
