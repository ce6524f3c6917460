"""A real race from its passings: the organiser's result, digit by digit, in any order of rows, live or offline."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from kinema.analysis.classification import Classifier, classify, clock_text, gap_text
from kinema.core.event import Passing
from kinema.formats.reading import read

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def passings(request) -> tuple[Passing, ...]:  # type: ignore[no-untyped-def]
    folder = request.getfixturevalue("data_dir")
    found: tuple[Passing, ...] = read(folder / "timing-gr-cup" / "analysis-with-sections.csv").streams["passings"]
    return found


def _official(data_dir, name: str) -> list[dict[str, str]]:  # type: ignore[no-untyped-def]
    with (data_dir / "timing-gr-cup" / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_result_is_the_organisers(data_dir, passings) -> None:  # type: ignore[no-untyped-def]
    rows = classify(passings).standings()
    official = _official(data_dir, "results-official.csv")
    assert len(rows) == len(official)
    for row, want in zip(rows, official, strict=True):
        ours = [
            str(row.position), row.number, row.status, str(row.laps), clock_text(row.total_s),
            gap_text(row.gap_first_laps, row.gap_first_s), gap_text(row.gap_previous_laps, row.gap_previous_s),
            str(row.best_lap), clock_text(row.best_lap_s),
        ]  # fmt: skip
        keys = (
            "POSITION",
            "NUMBER",
            "STATUS",
            "LAPS",
            "TOTAL_TIME",
            "GAP_FIRST",
            "GAP_PREVIOUS",
            "FL_LAPNUM",
            "FL_TIME",
        )
        assert ours == [want[k] for k in keys]


def test_ten_best_laps_are_the_organisers(data_dir, passings) -> None:  # type: ignore[no-untyped-def]
    by_number: dict[str, list[list[str]]] = {}
    for row in classify(passings).standings():
        by_number.setdefault(row.number, []).append([clock_text(t) for _, t in row.best_laps_s])
    for want in _official(data_dir, "best-10-laps-by-driver.csv"):
        best = [want[f"BESTLAP_{k}"] for k in range(1, 11) if want.get(f"BESTLAP_{k}")]
        assert best in [b[: len(best)] for b in by_number[want["NUMBER"]]]


def test_live_is_offline_and_broken_rows_change_nothing(passings) -> None:  # type: ignore[no-untyped-def]
    want = classify(passings).standings()
    live = Classifier()
    for passing in sorted(passings, key=lambda p: p.elapsed_s):
        live.add(passing)
    assert live.standings() == want
    rng = np.random.default_rng(0)
    dirty: list[Passing] = []
    for passing in passings:
        broken = rng.random() < 0.05
        dirty.append(replace(passing, lap=0) if broken else passing)  # a counter at 32768 is read as not told
        if rng.random() < 0.05:
            dirty.append(passing)
    again = classify(dirty)
    assert again.standings() == want
    assert again.dropped["duplicate"] > 5
