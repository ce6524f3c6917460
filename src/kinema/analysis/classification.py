"""A race from its passings: who is where, gaps, best laps, sections, pit stops, penalties. One passing at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kinema.core.event import NAN, Passing

SAME_S = 0.0015
"""Passings of one car this close in time are one."""
CHAIN_S = 0.02
"""By how much a lap time may miss the difference of the elapsed times around it."""
AGAIN_S = 10.0
FINISHED = ("FF", "CHEQUERED", "FINISH")


@dataclass
class Car:
    """One starter as it stands: passings at the finish line in order. Two cars may share a number."""

    number: str
    team: str = ""
    group: str = ""
    driver: str = ""
    passings: list[Passing] = field(default_factory=list)
    finished: bool = False
    penalty_s: float = 0.0

    @property
    def laps(self) -> int:
        """Laps done."""
        return self.passings[-1].lap if self.passings else 0

    @property
    def elapsed_s(self) -> float:
        """Race time at the last passing, penalties not added."""
        return self.passings[-1].elapsed_s if self.passings else NAN


@dataclass(frozen=True)
class Standing:
    """A row of the classification. Gaps in laps and in seconds (NaN where the gap is in laps)."""

    position: int
    number: str
    status: str
    laps: int
    total_s: float
    gap_first_laps: int
    gap_first_s: float
    gap_previous_laps: int
    gap_previous_s: float
    best_lap: int
    best_lap_s: float
    pit_stops: int
    penalty_s: float
    team: str
    group: str
    position_in_class: int
    best_sections_s: tuple[float, ...]
    best_laps_s: tuple[tuple[int, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; times to the millisecond of the timing, None where not known."""
        return {
            "position": self.position,
            "number": self.number,
            "status": self.status,
            "laps": self.laps,
            "total_time_s": _ms(self.total_s),
            "gap_first": gap_text(self.gap_first_laps, self.gap_first_s),
            "gap_previous": gap_text(self.gap_previous_laps, self.gap_previous_s),
            "gap_first_s": _ms(self.gap_first_s),
            "gap_first_laps": self.gap_first_laps,
            "best_lap": self.best_lap,
            "best_lap_s": _ms(self.best_lap_s),
            "pit_stops": self.pit_stops,
            "penalty_s": self.penalty_s,
            "class": self.team,
            "group": self.group,
            "position_in_class": self.position_in_class,
            "best_sections_s": [_ms(s) for s in self.best_sections_s],
            "best_laps": [{"lap": n, "time_s": _ms(t)} for n, t in self.best_laps_s],
        }


def _ms(seconds: float) -> float | None:
    return round(seconds, 3) if seconds == seconds else None


def gap_text(laps: int, seconds: float) -> str:
    """A gap as results print it: "-", "+1.727", "+1:00.991", "1 Lap", "9 Laps"."""
    if laps:
        return f"{laps} Lap" + ("s" if laps > 1 else "")
    if seconds != seconds or seconds == 0:
        return "-"
    return "+" + clock_text(seconds)


def clock_text(seconds: float) -> str:
    """Seconds as 52.073, 1:52.073 or 1:02:52.073."""
    ms = round(seconds * 1000)
    minutes, rest = divmod(ms, 60_000)
    if not minutes:
        return f"{rest / 1000:.3f}"
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest / 1000:06.3f}"


@dataclass
class Classifier:
    """The operator: `add` each passing as it comes, in any order of cars; `standings` at any time.

    `least_share` of the winner's laps is needed to be classified (0: all are); `penalties_s` by number.
    """

    least_share: float = 0.0
    penalties_s: Mapping[str, float] = field(default_factory=dict)
    cars: list[Car] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def add(self, passing: Passing) -> None:
        """Take one passing at the finish line; duplicates and passings after the flag are dropped and counted."""
        if passing.line != "finish" or passing.elapsed_s != passing.elapsed_s:
            self._drop("not at the finish line")
            return
        mine = [car for car in self.cars if car.number == passing.mover]
        same = [car for car in mine if (car.team, car.group) == (passing.team, passing.group)]
        alike = same or mine
        if any(_known(car, passing) for car in alike) or any(_told_again(car, passing) for car in same):
            self._drop("duplicate")
            return
        car = self._car_of(alike, passing)
        if car is None:
            if mine and passing.lap not in (0, 1) and any(abs(c.elapsed_s - passing.elapsed_s) < 1 for c in mine):
                self._drop("contradicts another passing")
                return
            car = Car(passing.mover, passing.team, passing.group, passing.driver)
            car.penalty_s = self.penalties_s.get(passing.mover, 0.0)
            self.cars.append(car)
        elif car.finished:
            self._drop("after the chequered flag")
            return
        _append(car, passing)

    def _car_of(self, mine: list[Car], passing: Passing) -> Car | None:
        """The car that this passing continues: by lap number and time, then by time alone; None for a new car."""
        lap_s = passing.lap_time_s
        for car in mine:
            fits = lap_s != lap_s or abs(car.elapsed_s + lap_s - passing.elapsed_s) < CHAIN_S
            if fits and passing.lap in (0, car.laps + 1) and passing.elapsed_s > car.elapsed_s:
                return car
        later = [
            car for car in mine if passing.elapsed_s > car.elapsed_s and (passing.lap == 0 or passing.lap > car.laps)
        ]
        if later and passing.lap != 1:
            return max(later, key=lambda car: car.elapsed_s)
        return None

    def _drop(self, why: str) -> None:
        self.dropped[why] = self.dropped.get(why, 0) + 1

    def standings(self) -> tuple[Standing, ...]:
        """The classification now: most laps first, then the least time (penalties added)."""
        order = sorted(self.cars, key=lambda car: (-car.laps, car.elapsed_s + car.penalty_s))
        rows: list[Standing] = []
        in_class: dict[str, int] = {}
        for k, car in enumerate(order):
            first, before = order[0], order[max(k - 1, 0)]
            in_class[car.team] = in_class.get(car.team, 0) + 1
            best = sorted(
                ((p.lap, p.lap_time_s) for p in _flying(car)),
                key=lambda x: (x[1], x[0]),
            )
            rows.append(
                Standing(
                    k + 1,
                    car.number,
                    "Classified" if car.laps >= self.least_share * first.laps else "Not classified",
                    car.laps,
                    car.elapsed_s + car.penalty_s,
                    *_gap(first, car),
                    *_gap(before, car),
                    best[0][0] if best else 0,
                    best[0][1] if best else NAN,
                    sum(p.in_pit for p in car.passings),
                    car.penalty_s,
                    car.team,
                    car.group,
                    in_class[car.team],
                    _best_sections(car),
                    tuple(best[:10]),
                )
            )
        return tuple(rows)


def classify(
    passings: Iterable[Passing], least_share: float = 0.0, penalties_s: Mapping[str, float] | None = None
) -> Classifier:
    """The classifier after all passings."""
    one = Classifier(least_share, penalties_s or {})
    for passing in passings:
        one.add(passing)
    return one


def _known(car: Car, passing: Passing) -> bool:
    return any(abs(p.elapsed_s - passing.elapsed_s) < SAME_S for p in car.passings[-400:])


def _told_again(car: Car, passing: Passing) -> bool:
    """Whether a feed without lap times tells a lap that it told a moment ago by another clock."""
    if passing.lap == 0 or passing.lap_time_s == passing.lap_time_s:
        return False
    return any(p.lap == passing.lap and abs(p.elapsed_s - passing.elapsed_s) < AGAIN_S for p in car.passings[-3:])


def _append(car: Car, passing: Passing) -> None:
    """Put a passing to a car; a lap number or a lap time that the feed does not tell follows from the one before."""
    lap = passing.lap or car.laps + 1
    before_s = car.elapsed_s if car.passings else 0.0
    lap_s = passing.lap_time_s
    if lap_s != lap_s and lap == car.laps + 1:
        lap_s = passing.elapsed_s - before_s
    if lap != passing.lap or lap_s != passing.lap_time_s:
        passing = Passing(**{**passing.__dict__, "lap": lap, "lap_time_s": lap_s})
    car.passings.append(passing)
    car.finished = passing.flag.upper() in FINISHED


def _gap(ahead: Car, car: Car) -> tuple[int, float]:
    laps = ahead.laps - car.laps
    if laps:
        return laps, NAN
    return 0, (car.elapsed_s + car.penalty_s) - (ahead.elapsed_s + ahead.penalty_s)


def _flying(car: Car) -> list[Passing]:
    """The laps that count as best laps: all with a time but the first, which begins on the grid."""
    timed = [p for p in car.passings if p.lap_time_s == p.lap_time_s]
    return [p for p in timed if p.lap != 1] or timed


def _best_sections(car: Car) -> tuple[float, ...]:
    count = max((len(p.section_s) for p in car.passings), default=0)
    best = []
    for k in range(count):
        known = [p.section_s[k] for p in car.passings if len(p.section_s) > k and p.section_s[k] == p.section_s[k]]
        best.append(min(known, default=NAN))
    return tuple(best)
