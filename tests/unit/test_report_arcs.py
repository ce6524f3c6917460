"""Carrier arcs and the numbers of fixing on the page: every arc has its bar, and the table counts them as they are."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import kinema
from kinema.core.solution import Arcs, Channel, Solution
from kinema.report.arcs import FIXED, UNKNOWN, arc_table, states_of
from kinema.report.blocks.tables import Cell, Table
from sessions import HOSTILE, drive


def with_arcs(integer: tuple[float, ...] = (7.0, 8.0, np.nan, 3.0), **more: Any) -> Solution:
    """G01 1C torn by a slip, G01 2W float throughout, E04 1C back after a gap; 10 Hz."""
    arcs = Arcs(
        np.array([1, 1, 1, 204]), np.array([0, 0, 1, 0]), np.array([0, 100, 0, 50]), np.array([99, 299, 299, 149]),
        np.array([0, 2, 0, 4]), np.array(integer), **{"signals": ("1C", "2W"), **more},
    )  # fmt: skip
    return replace(drive(600)[0], arcs=arcs)


def spec_of(solution: Solution) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="spec">(.*?)</script>', kinema.report(solution).html)
    assert found
    return dict(json.loads(found[1]))


def row_of(table: Table, name: str) -> list[float | None]:
    row = next(row for row in table.rows if row[0] == name)
    return [cell.value for cell in row if isinstance(cell, Cell)]


def test_each_satellite_and_signal_has_a_lane_and_slips_are_marked() -> None:
    (lanes,) = (block for block in spec_of(with_arcs())["blocks"].values() if block["kind"] == "lanes")
    assert lanes["groups"]["names"] == ["G01 1C", "G01 2W", "E04 1C"]
    assert lanes["groups"]["start"] == [0, 2, 3, 4]
    assert lanes["groups"]["family"] == ["GPS", "GPS", "Galileo"]
    assert [lanes["causes"][k] for k in lanes["marked"]] == [
        "loss of lock", "geometry-free step", "step between epochs", "half cycle"
    ]  # fmt: skip


def test_the_table_counts_arcs_causes_and_known_time() -> None:
    solution = with_arcs()
    assert solution.arcs is not None
    table = arc_table(solution, solution.arcs)
    assert table.headings == ("Signal", "Arcs", "Geometry-free step", "Gap", "Integer known", "Median length")
    assert row_of(table, "GPS 1C") == pytest.approx([2, 1, 0, 1.0, (9.9 + 19.9) / 2])
    assert row_of(table, "GPS 2W") == pytest.approx([1, 0, 0, 0.0, 29.9])
    assert row_of(table, "Galileo 1C") == pytest.approx([1, 0, 1, 1.0, 9.9])
    assert row_of(table, "All") == pytest.approx([4, 1, 1, 400 / 700, (9.9 + 19.9) / 2])


def test_arcs_without_integers_under_a_fixed_position_are_not_called_float() -> None:
    solution = with_arcs((np.nan,) * 4)
    assert solution.arcs is not None
    assert set(states_of(solution, solution.arcs).tolist()) == {UNKNOWN}
    assert row_of(arc_table(solution, solution.arcs), "GPS 1C")[3] is None
    some = with_arcs()
    assert some.arcs is not None
    assert states_of(some, some.arcs).tolist() == [FIXED, FIXED, 0, FIXED]


def test_hostile_signal_names_stay_words_and_no_arcs_make_no_part() -> None:
    html = kinema.report(with_arcs(signals=(HOSTILE, HOSTILE))).html
    assert "<img" not in html
    assert "<script>window.pwned" not in html
    assert "Carrier phase" not in kinema.report(drive(60)[0]).html
    none = np.zeros(0)
    empty = replace(drive(60)[0], arcs=Arcs(none, none, none, none, none, none))
    assert "Carrier phase" not in kinema.report(empty).html


def test_ratio_success_and_the_like_have_plots_of_their_own() -> None:
    solution, _ = drive(120)
    value = np.linspace(0.5, 1.0, 120)
    names = ("ratio", "success_rate", "fixed_ambiguities", "age_s", "hpl_m")
    units = ("1", "1", "1", "s", "m")
    solution = solution.with_channels(**{n: Channel(value, u) for n, u in zip(names, units, strict=True)})
    spec = spec_of(solution)
    plots = [[line["column"] for line in b["lines"]] for b in spec["blocks"].values() if b["kind"] == "plot"]
    for name in names:
        assert [f"channel.{name}"] in plots
    assert spec["columns"]["channel.hpl_m"]["label"] == "Horizontal protection level"
    assert spec["columns"]["channel.age_s"]["unit"] == "s"
