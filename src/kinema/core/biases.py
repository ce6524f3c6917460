"""Biases of satellites' signals, as the makers of precise products publish them beside orbits and clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from kinema.core.arrays import F64, I16, I64, U8, Bool, gate
from kinema.errors import DataError


@dataclass(frozen=True)
class SignalBiases:
    """What keeps a single receiver's ambiguities integer. Rows (k,): sat; signal, index into `signals`; phase (else
    code); from_ns and to_ns (half open) of validity; bias_m, to be taken off the observation, metres.

    wide_lane_cyc: by satellite, cycles to be added to the Melbourne–Wübbena combination where the clocks themselves
    are those of the phases (integer recovery clocks; Laurichesse et al. 2009, Navigation 56(2)).
    """

    sat: I16
    signal: U8
    phase: Bool
    from_ns: I64
    to_ns: I64
    bias_m: F64
    signals: tuple[str, ...] = ()
    wide_lane_cyc: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        k = len(self.sat)
        for name, dtype in (
            ("sat", np.int16), ("signal", np.uint8), ("phase", np.bool_), ("from_ns", np.int64), ("to_ns", np.int64),
            ("bias_m", np.float64),
        ):  # fmt: skip
            object.__setattr__(self, name, gate(f"SignalBiases.{name}", getattr(self, name), dtype, (k,)))
        if k and int(self.signal.max()) >= len(self.signals):
            raise DataError("SignalBiases.signal", f"below {len(self.signals)}", str(int(self.signal.max())))
        object.__setattr__(self, "wide_lane_cyc", MappingProxyType(dict(self.wide_lane_cyc)))


def wide_lanes_only(cycles: Mapping[int, float]) -> SignalBiases:
    """Wide-lane biases alone, as integer recovery clocks bring them."""
    nothing = np.zeros(0)
    return SignalBiases(
        nothing.astype(np.int16), nothing.astype(np.uint8), nothing.astype(np.bool_), nothing.astype(np.int64),
        nothing.astype(np.int64), nothing, (), cycles,
    )  # fmt: skip


def joined(several: list[SignalBiases]) -> SignalBiases:
    """Rows of all one after another; what a later one says of a satellite's wide lane counts."""
    signals = tuple(sorted({name for one in several for name in one.signals}))
    wide: dict[int, float] = {}
    for one in several:
        wide |= one.wide_lane_cyc
    index = [np.array([signals.index(name) for name in one.signals], dtype=np.uint8) for one in several]
    columns = {
        name: np.concatenate([getattr(one, name) for one in several])
        for name in ("sat", "phase", "from_ns", "to_ns", "bias_m")
    }
    signal = np.concatenate([to[one.signal] for to, one in zip(index, several, strict=True)])
    return SignalBiases(signal=signal, signals=signals, wide_lane_cyc=wide, **columns)
