"""Satellite biases of precise products: SINEX BIAS lines, and wide lanes in the header of integer clocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.biases import SignalBiases, joined, wide_lanes_only
from kinema.core.time import gps_ns_from_calendar
from kinema.errors import FormatError
from rinex_text import header
from samples import HAND_MADE

LINE = " OSB  G063 G01           {} 2024:065:00000 2024:066:00000 {} {:21.4f}      0.0100\n"


def bias_file(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "cod.bia"
    path.write_text("%=BIA 1.00 COD\n+BIAS/SOLUTION\n" + "".join(lines) + "-BIAS/SOLUTION\n")
    return path


def test_lines_become_metres_with_their_days(tmp_path: Path) -> None:
    """1 ns is 0.299792458 m; a phase in cycles of L2 is 0.2442 m; the validity is kept."""
    path = bias_file(tmp_path, LINE.format("C1W      ", "ns  ", 1.0), LINE.format("L2W      ", "cyc ", -0.5))
    biases = kinema.read(path).streams["biases"]
    assert biases.bias_m == pytest.approx([0.299792458, -0.5 * 299792458.0 / 1227.6e6])
    assert [biases.signals[k] for k in biases.signal] == ["1W", "2W"]
    assert biases.phase.tolist() == [False, True]
    day = gps_ns_from_calendar(2024, 3, 5)
    assert biases.from_ns.tolist() == [day, day]
    assert biases.to_ns[0] - day == 86_400_000_000_000


def test_what_is_not_used_is_counted(tmp_path: Path) -> None:
    """Stations' biases and differential ones are no error, but told."""
    good = LINE.format("C1W      ", "ns  ", 1.0)
    station = good.replace("G063 G01           ", "     G   BRUX      ")
    differential = good.replace(" OSB", " DSB")
    recording = kinema.read(bias_file(tmp_path, good, station, differential))
    assert len(recording.streams["biases"].sat) == 1
    assert {issue.kind: issue.count for issue in recording.issues} == {"bias of a station": 1, "differential bias": 1}


def test_garbled_line_names_its_place(tmp_path: Path) -> None:
    """Strictly an error with the line; skipped and counted on request."""
    path = bias_file(tmp_path, LINE.format("C1W      ", "ns  ", 1.0), LINE.format("C2W      ", "furl", 1.0))
    with pytest.raises(FormatError, match=r"line 4.*garbled bias"):
        kinema.read(path)
    assert len(kinema.read(path, on_bad="skip").streams["biases"].sat) == 1


def test_wide_lanes_in_the_header_of_clocks(tmp_path: Path) -> None:
    """Comments "WL" of integer recovery clocks make biases; a clock file without makes none."""
    wide = ("WL G01 2020   6 25 12  0  0.000000  1   -0.153300E+01  0102", "COMMENT")
    path = tmp_path / "grg.clk"
    body = "".join(f"AS G01  2020  6 25  0 {k:2d}  0.000000  2   -0.884707516318E-03\n" for k in range(4))
    path.write_text(header("3.00", "CLOCK DATA", "M", wide) + body)
    biases = kinema.read(path).streams["biases"]
    assert dict(biases.wide_lane_cyc) == {1: -1.533}
    path.write_text(header("3.00", "CLOCK DATA", "M") + body)
    assert "biases" not in kinema.read(path).streams


def test_two_files_are_joined(tmp_path: Path) -> None:
    """Rows of a SINEX file and the wide lanes of clocks stand beside each other."""
    path = tmp_path / HAND_MADE["sinex-bias"][0]
    path.write_text(HAND_MADE["sinex-bias"][1])
    both: SignalBiases = joined([kinema.read(path).streams["biases"], wide_lanes_only({5: 0.25})])
    assert both.signals == ("1W", "2W")
    assert np.count_nonzero(both.phase) == 2
    assert dict(both.wide_lane_cyc) == {5: 0.25}
