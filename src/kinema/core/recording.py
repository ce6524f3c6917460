"""A Recording: the named sensor streams of one mover on one outing, and all that was odd in its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from kinema.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True)
class Issue:
    """Something skipped, missing or odd: `kind` ("garbled line", "gap", "clock jump", "skipped SBAS"), how
    often, where it stood first ("line 12", "byte 4096", "GPS 2021-09-22 06:30:00") and, if useful, more."""

    kind: str
    count: int = 1
    where: str = ""
    source: str = ""
    detail: str = ""

    def __str__(self) -> str:
        text = f"{self.kind} × {self.count}" if self.count != 1 else self.kind
        place = ", ".join(part for part in (self.source, self.where) if part)
        return text + (f" (first at {place})" if place else "") + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class Mount:
    """Where a sensor sits on the body: lever arm p_b_m (forward, right, down) from the body origin, and
    C_bs as roll, pitch, yaw in radians (s to b). A None is unknown and may be estimated."""

    p_b_m: tuple[float, float, float] | None = (0.0, 0.0, 0.0)
    rpy_bs_rad: tuple[float, float, float] | None = (0.0, 0.0, 0.0)
    time_offset_s: float | None = 0.0
    """Add this to the sensor's time tags to get GPS time."""
    p_sigma_m: float | None = None
    rpy_sigma_rad: float | None = None
    time_sigma_s: float | None = None
    """One standard deviation of what is given; None: not said."""


UNKNOWN_MOUNT = Mount(None, None, None)
"""A plain logger says nothing of how it sits: all of it is estimated."""


@dataclass(frozen=True)
class Recording:
    """`streams` by role:

    "gnss" GnssObservations of the rover, "base" those of the base; "ephemerides" BroadcastEphemerides;
    "orbits" PreciseOrbits; "clocks" PreciseClocks; "biases" SignalBiases; "antennas" Antennas; "prepared"
    PreparedRanges; "fixes" a Solution that a device computed; "imu" Imu; "odometry", "wheels", "steering" and any
    logger channel Series;
    "ranges" AnchorRanges; "truth" a Solution to judge by and never to solve with.
    """

    streams: Mapping[str, Any]
    mounts: Mapping[str, Mount] = field(default_factory=lambda: MappingProxyType({}))
    issues: tuple[Issue, ...] = ()
    sources: tuple[str, ...] = ()
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Settings that came with it (kinema.toml), for config to read."""
    simulated: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "streams", MappingProxyType(dict(self.streams)))
        object.__setattr__(self, "mounts", MappingProxyType(dict(self.mounts)))
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def get(self, role: str, kind: type[T]) -> T | None:
        """The stream of a role, or None. Raises DataError where it is of another kind."""
        stream = self.streams.get(role)
        if stream is not None and not isinstance(stream, kind):
            raise DataError(f"stream '{role}'", kind.__name__, type(stream).__name__)
        return stream

    def need(self, role: str, kind: type[T]) -> T:
        """The stream of a role. Raises DataError where there is none."""
        stream = self.get(role, kind)
        if stream is None:
            raise DataError(f"stream '{role}'", kind.__name__, f"only {', '.join(self.streams) or 'nothing'}")
        return stream
