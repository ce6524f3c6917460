"""The lap board of everyone: laps of all movers of a tracked scene on one start line, each with its ±."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinema.analysis.laps import Session, laps
from kinema.core.course import Course, Gate
from kinema.core.event import Lap
from kinema.core.tracks import GroundTracks
from kinema.errors import ConfigError, DataError


@dataclass(frozen=True)
class LapBoard:
    """Sessions by the mover's name, the one with the most laps first, of those equal the one that was there first;
    `left_out` tells why a mover has none. Of fragments with one tag the pieces are one mover."""

    gate: Gate
    sessions: Mapping[str, Session]
    left_out: Mapping[str, str]

    @property
    def best(self) -> tuple[str, Lap] | None:
        """The fastest lap of all and who ran it."""
        timed = [(lap.time_s, name, lap) for name, one in self.sessions.items() for lap in one.timed]
        return min(timed, key=lambda each: each[0])[1:] if timed else None

    def to_json(self) -> dict[str, Any]:
        """Plain values by mover."""
        return {
            "movers": {
                name: {"laps": [lap.to_json() for lap in one.laps], "timed": len(one.timed)}
                for name, one in self.sessions.items()
            },
            "left_out": dict(self.left_out),
        }


def lap_board(
    tracks: GroundTracks, course: Course | None = None, start: Gate | str | None = None, *, sectors: int = 3
) -> LapBoard:
    """Laps of every mover. The start line is the one given, else the course's, else found from whom it can be found.

    Raises ConfigError where nobody has laps.
    """
    found: dict[str, Session] = {}
    left_out: dict[str, str] = {}
    gate: Gate | str | None = start
    solutions = tracks.to_solutions()
    # The longest first: who was seen for long has laps to find the line by, where none is given.
    for name in sorted(solutions, key=lambda name: -len(solutions[name])):
        try:
            one = laps(solutions[name], course, gate, mover=name, sectors=sectors)
        except (ConfigError, DataError) as error:
            left_out[name] = str(error)
            continue
        found[name], gate = one, one.gate
    if not found or not isinstance(gate, Gate):
        why = next(iter(left_out.values()), "there are no movers")
        raise ConfigError(f"nobody has laps: {why}")
    board = sorted(found.items(), key=lambda item: _standing(item[1]))
    return LapBoard(gate, dict(board), left_out)


def _standing(session: Session) -> tuple[int, int]:
    timed = session.timed
    return -len(timed), timed[-1].t1_ns if timed else session.path.t_ns[-1]
