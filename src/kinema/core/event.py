"""Something that happened to a mover, when, where, how surely, and on what evidence. A lap is an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from kinema.core.time import iso_utc
from kinema.errors import DataError

NAN = float("nan")

LAP_KINDS = ("timed", "out", "in", "pit", "incomplete", "invalid")
"""timed: gate to gate on the course. out: from the pits or from the start of the recording to the gate; in: from the
gate to the pits or to the recording's end; pit: both; incomplete: gate not met at an end, or the positions have a
hole; invalid: the gate was met, but the course was left out in part or driven backwards."""


@dataclass(frozen=True)
class Event:
    """`kind` of event of `mover` from t0_ns to t1_ns (GPS; equal for an instant) at `place`, with the standard
    uncertainty of both times in seconds (NaN: not known) and the evidence it rests on."""

    kind: str
    mover: str
    t0_ns: int
    t1_ns: int
    place: str = ""
    t0_sigma_s: float = NAN
    t1_sigma_s: float = NAN
    evidence: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.t1_ns < self.t0_ns:
            raise DataError(f"event '{self.kind}'", "an end after its start", f"{(self.t1_ns - self.t0_ns) * 1e-9} s")
        object.__setattr__(self, "evidence", MappingProxyType(dict(self.evidence)))

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return (self.t1_ns - self.t0_ns) * 1e-9


@dataclass(frozen=True)
class Sector:
    """A part of a lap between two gates: seconds and their standard uncertainty."""

    name: str
    time_s: float
    time_sigma_s: float


@dataclass(frozen=True)
class Lap(Event):
    """A lap: kind is one of LAP_KINDS, `number` counts from 1 (0 before the first crossing).

    time_sigma_s is the standard uncertainty of the duration; distance_m along the driven path.
    """

    number: int = 0
    time_sigma_s: float = NAN
    distance_m: float = NAN
    sectors: tuple[Sector, ...] = ()

    @property
    def time_s(self) -> float:
        """Lap time in seconds."""
        return self.duration_s

    def to_json(self) -> dict[str, Any]:
        """Plain values for machines: GPS ns, seconds, metres; None where not known."""
        return {
            "number": self.number,
            "kind": self.kind,
            "start_ns": self.t0_ns,
            "end_ns": self.t1_ns,
            "start_utc": iso_utc(self.t0_ns),
            "time_s": round(self.time_s, 6),
            "time_sigma_s": _known(self.time_sigma_s),
            "distance_m": _known(self.distance_m, 3),
            "sectors": [
                {"name": s.name, "time_s": _known(s.time_s), "time_sigma_s": _known(s.time_sigma_s)}
                for s in self.sectors
            ],
            **({"evidence": dict(self.evidence)} if self.evidence else {}),
        }


def _known(value: float, digits: int = 6) -> float | None:
    return round(value, digits) if value == value else None


@dataclass(frozen=True)
class Passing:
    """A mover seen at a timing line at `elapsed_s` of the race (NaN: not told).

    lap counts from 1 at the end of the first lap, 0 where the feed does not tell or tells nonsense; `line` names the
    timing line (the finish by default). section_s are the times of the sections of the lap that ends here.
    """

    mover: str
    elapsed_s: float
    lap: int = 0
    lap_time_s: float = NAN
    line: str = "finish"
    section_s: tuple[float, ...] = ()
    section_names: tuple[str, ...] = ()
    in_pit: bool = False
    pit_time_s: float = NAN
    flag: str = ""
    team: str = ""
    group: str = ""
    driver: str = ""
    top_speed_mps: float = NAN
