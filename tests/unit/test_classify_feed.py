"""Classification of small feeds: two cars of one number, laps not told, penalties, the flag; timing CSV."""

from __future__ import annotations

import pytest

from kinema.analysis.classification import classify, clock_text, gap_text
from kinema.core.event import Passing
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.timing_csv import FORMAT, seconds


def _feed(car: str, times: list[float], **more: str) -> list[Passing]:
    return [Passing(car, t, lap=k + 1, **more) for k, t in enumerate(times)]  # type: ignore[arg-type]


def test_laps_first_then_time_then_gaps() -> None:
    rows = classify(_feed("7", [60, 121, 182]) + _feed("8", [61, 121.5, 181.9]) + _feed("9", [62, 125])).standings()
    assert [r.number for r in rows] == ["8", "7", "9"]
    assert [gap_text(r.gap_first_laps, r.gap_first_s) for r in rows] == ["-", "+0.100", "1 Lap"]
    assert (rows[1].best_lap, rows[1].best_lap_s) == (2, 61)  # the first lap begins on the grid


def test_passings_without_laps_are_counted() -> None:
    rows = classify([Passing("A", t) for t in (50.0, 101.0, 153.0)]).standings()
    assert (rows[0].laps, rows[0].best_lap_s) == (3, 51.0)


def test_two_cars_of_one_number_stay_two() -> None:
    both = [
        p for pair in zip(_feed("3", [60, 121], group="A"), _feed("3", [63, 127], group="B"), strict=True) for p in pair
    ]
    assert [(r.number, r.laps, r.group) for r in classify(both).standings()] == [("3", 2, "A"), ("3", 2, "B")]


def test_penalty_flag_and_least_laps() -> None:
    feed = _feed("1", [60, 120])
    feed += [Passing("2", 60.5, 1), Passing("2", 120.5, 2, flag="FF"), Passing("2", 300.0, 3)]
    feed += [Passing("3", 61.0, 1)]
    result = classify(feed, least_share=0.75, penalties_s={"1": 5.0})
    rows = result.standings()
    assert [r.number for r in rows] == ["2", "1", "3"]
    assert rows[1].total_s == 125.0
    assert rows[2].status == "Not classified"
    assert result.dropped == {"after the chequered flag": 1}


@pytest.mark.parametrize(
    ("text", "want"), [("1:52.073", 112.073), ("soon", float("nan")), ("1'00.991", 60.991), ("52,1", 52.1)]
)
def test_times_as_organisers_write_them(text: str, want: float) -> None:
    assert seconds(text) == pytest.approx(want, nan_ok=True)
    assert clock_text(3723.4) == "1:02:03.400"


def _read(text: str, on_bad: str = "raise") -> tuple[Passing, ...]:
    from pathlib import Path

    found: tuple[Passing, ...] = FORMAT.read(  # type: ignore[misc]
        Source(Path("t.csv"), memoryview(text.encode())),
        ReadOptions(on_bad),  # type: ignore[arg-type]
    ).streams["passings"]
    return found


def test_broken_lap_counter_and_garbled_rows() -> None:
    head = "NUMBER; LAP_NUMBER; LAP_TIME; ELAPSED\n"
    rows = _read(head + "5;32768;1:00.000;1:00.000\n5;2;1:01.000;2:01.000\n")
    assert [p.lap for p in rows] == [0, 2]
    assert classify(rows).standings()[0].laps == 2
    with pytest.raises(FormatError, match="line 2"):
        _read(head + "5;1;1:00.000;soon\n")
    assert len(_read(head + "5;1;1:00.000;soon\n5;1;1:00.0;1:00.0\n", "skip")) == 1


def test_a_feed_of_time_stamps_counts_from_its_first_passing() -> None:
    rows = ["lap,meta_time,timestamp,vehicle_number"]
    for car, begin in (("7", 0), ("8", 2)):
        for lap, at in ((1, 0), (2, 60), (32768, 121), (4, 181)):
            stamp = f"2025-04-25T10:{(begin + at) // 60:02d}:{(begin + at) % 60:02d}.250Z"
            rows += [f"{lap},x,{stamp},{car}"] * (2 if lap == 2 else 1)
    rows.append("4,x,2025-04-25T10:03:03.950Z,8")  # the last lap once more, by another clock
    result = classify(_read("\n".join(rows) + "\n"))
    got = [(r.number, r.laps, r.total_s, r.best_lap_s) for r in result.standings()]
    assert got == [("7", 4, 181.0, 60.0), ("8", 4, 183.0, 60.0)]
    assert result.dropped == {"duplicate": 3}
