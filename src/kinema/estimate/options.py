"""What a person may ask of `solve`, whatever the strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from kinema.core.progress import Progress, silent

Mode = Literal["auto", "single", "rtk", "ppp", "inertial"]
Method = Literal["filter", "smooth", "batch"]


@dataclass(frozen=True)
class SolveOptions:
    """Resolved options. Times are GPS ns; `masks` are (stream, from_ns, to_ns) to leave out; `params` holds the
    settings of single algorithms by their name ({"single": {"elevation_mask_rad": 0.17}})."""

    mode: Mode = "auto"
    method: Method = "batch"
    from_ns: int | None = None
    to_ns: int | None = None
    systems: str = "GRECJ"
    frequencies: int = 3
    base_position_e_m: tuple[float, float, float] | None = None
    static: bool = False
    instantaneous: bool = False
    masks: tuple[tuple[str, int, int], ...] = ()
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    progress: Progress = silent

    def masks_of(self, *streams: str) -> tuple[tuple[int, int], ...]:
        """The spans (from_ns, to_ns) in which any of some streams is left out."""
        return tuple((start, stop) for name, start, stop in self.masks if name in streams)
