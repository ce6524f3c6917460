"""Where satellites say they are: broadcast and precise orbits and clocks, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from kinema.core.arrays import F64, I16, I64, U8, gate, gate_times

KEPLER_COLUMNS = (
    "toc_s", "af0_s", "af1_sps", "af2_sps2",
    "toe_s", "sqrt_a_sqrtm", "e", "i0_rad", "omega0_rad", "omega_rad", "m0_rad",
    "delta_n_radps", "idot_radps", "omega_dot_radps",
    "cuc_rad", "cus_rad", "crc_m", "crs_m", "cic_rad", "cis_rad",
    "a_dot_mps", "delta_n_dot_radps2",
    "tgd1_s", "tgd2_s", "isc1_s", "isc2_s", "isc5_s",
    "ura_m", "iode", "iodc", "fit_s",
)  # fmt: skip
"""Columns of BroadcastEphemerides.kepler.

toc_s and toe_s are seconds since the GPS epoch on the GPS scale (float64: 0.1 µs, enough for orbits; the clock's
own offset is in af0_s). tgd1_s: GPS/QZSS TGD, Galileo BGD E5a/E1, BeiDou TGD1 (B1I) or TGD_B1Cp; tgd2_s: Galileo
BGD E5b/E1, BeiDou TGD2 (B2I) or TGD_B2ap; isc1/2/5: inter-signal corrections of L1C/A, L2C, L5Q (CNAV) or B1Cd.
NaN: not broadcast in this message.
"""
GLONASS_COLUMNS = (
    "toe_s", "tau_n_s", "gamma_n", "x_m", "y_m", "z_m", "vx_mps", "vy_mps", "vz_mps",
    "ax_mps2", "ay_mps2", "az_mps2", "channel", "age_day", "delta_tau_s",
)  # fmt: skip
"""Columns of BroadcastEphemerides.glonass, in PZ-90 ECEF; toe_s on the GPS scale."""

MESSAGES = ("LNAV", "CNAV", "CNV2", "INAV", "FNAV", "D1", "D2", "CNV1", "CNV3", "FDMA", "CNVX")
"""Kinds of broadcast message; BeiDou's CNV1 to CNV3 and GPS/QZSS CNV2 keep RINEX 4's names."""


@dataclass(frozen=True)
class BroadcastEphemerides:
    """Broadcast messages of all satellites.

    sat, message (index into MESSAGES), toe_ns, sent_ns (transmission time; toe where unknown), health (0: healthy),
    iode (n,) each; row (n,) into `kepler` (k, len(KEPLER_COLUMNS)) or, for FDMA, into `glonass`.
    `ionosphere`: coefficients by RINEX key ("GPSA", "GPSB", "GAL", "BDSA", "BDSB", "QZSA", "QZSB").
    """

    sat: I16
    message: U8
    toe_ns: I64
    sent_ns: I64
    health: I64
    row: I64
    kepler: F64
    glonass: F64
    ionosphere: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))
    time_corrections: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """RINEX TIME SYSTEM CORR: a0, a1, reference second of week, week by key ("GPUT", "GAGP")."""
    leap_s: int | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        n = len(self.sat)
        for name, dtype in (
            ("sat", np.int16), ("message", np.uint8), ("toe_ns", np.int64), ("sent_ns", np.int64),
            ("health", np.int64), ("row", np.int64),
        ):  # fmt: skip
            put(self, name, gate(f"BroadcastEphemerides.{name}", getattr(self, name), dtype, (n,)))
        put(self, "kepler", gate("BroadcastEphemerides.kepler", self.kepler, np.float64, (None, len(KEPLER_COLUMNS))))
        put(
            self,
            "glonass",
            gate("BroadcastEphemerides.glonass", self.glonass, np.float64, (None, len(GLONASS_COLUMNS))),
        )
        put(self, "ionosphere", MappingProxyType(dict(self.ionosphere)))
        put(self, "time_corrections", MappingProxyType(dict(self.time_corrections)))


@dataclass(frozen=True)
class PreciseOrbits:
    """SP3: p_e_m (satellites, epochs, 3) and clock_s (satellites, epochs), NaN where absent; t_ns (epochs,)."""

    t_ns: I64
    sat: I16
    p_e_m: F64
    clock_s: F64
    frame: str = ""

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("PreciseOrbits.t_ns", self.t_ns))
        put(self, "sat", gate("PreciseOrbits.sat", self.sat, np.int16, (None,)))
        s, n = len(self.sat), len(self.t_ns)
        put(self, "p_e_m", gate("PreciseOrbits.p_e_m", self.p_e_m, np.float64, (s, n, 3)))
        put(self, "clock_s", gate("PreciseOrbits.clock_s", self.clock_s, np.float64, (s, n)))


@dataclass(frozen=True)
class PreciseClocks:
    """RINEX CLK satellite clocks: clock_s (satellites, epochs), NaN where absent; t_ns (epochs,)."""

    t_ns: I64
    sat: I16
    clock_s: F64

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "t_ns", gate_times("PreciseClocks.t_ns", self.t_ns))
        put(self, "sat", gate("PreciseClocks.sat", self.sat, np.int16, (None,)))
        shape = (len(self.sat), len(self.t_ns))
        put(self, "clock_s", gate("PreciseClocks.clock_s", self.clock_s, np.float64, shape))
