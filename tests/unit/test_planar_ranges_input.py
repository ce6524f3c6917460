"""Ranges to anchors and odometry that are not as they should be: told in one line, or survived and told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import AnchorRanges, Series
from kinema.errors import ConfigError, DataError, EstimationError, FormatError, KinemaError
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read
from planar_world import ANCHORS, car, cart, horizontal


def rms_m(solution: Solution, recording: Recording) -> float:
    return float(np.sqrt((horizontal(solution, recording.streams["truth"])[0] ** 2).sum(axis=1).mean()))


def changed(recording: Recording, role: str, **fields: Any) -> Recording:
    return replace(recording, streams={**recording.streams, role: replace(recording.streams[role], **fields)})


def said(solution: Solution) -> str:
    return " ".join(solution.provenance.notes)


@pytest.mark.parametrize(
    ("factors", "word"),
    [((1.0, -1.0), "mirrored"), ((1.0, 180 / np.pi), "degrees"), ((1.25, 1.0), "long")],
)
def test_odometry_scaled_mirrored_or_in_degrees(factors: tuple[float, float], word: str) -> None:
    recording = cart(1)
    odometry: Series = recording.streams["odometry"]
    solution = solve(changed(recording, "odometry", value=odometry.value * factors))
    assert rms_m(solution, recording) < 0.4
    assert word in said(solution)


def test_a_third_of_the_ranges_wrong() -> None:
    recording = cart(2, wrong=0.3)
    assert rms_m(solve(recording), recording) < 0.3


def test_odometry_stands_while_the_ranges_change() -> None:
    recording = cart(3)
    value = recording.streams["odometry"].value.copy()
    value[200:350] = 0.0
    solution = solve(changed(recording, "odometry", value=value))
    assert rms_m(solution, recording) < 0.6
    assert "stands still" in said(solution)


def test_nan_and_infinite_ranges() -> None:
    recording = cart(4)
    value = recording.streams["ranges"].range_m.copy()
    value[::11], value[5::13] = np.nan, np.inf
    solution = solve(changed(recording, "ranges", range_m=value))
    assert rms_m(solution, recording) < 0.3
    assert "left out" in said(solution)


def test_ranges_in_centimetres() -> None:
    recording = cart(5)
    with pytest.raises(DataError, match="centimetres"):
        solve(changed(recording, "ranges", range_m=100 * recording.streams["ranges"].range_m))


def test_two_anchors_at_one_place() -> None:
    recording = cart(5)
    place = ANCHORS.copy()
    place[1] = place[0]
    with pytest.raises(DataError, match="at one place"):
        solve(changed(recording, "ranges", anchor_p_m=place))


def test_anchors_on_one_line_leave_two_starts() -> None:
    recording = cart(5)
    place = ANCHORS * (1.0, 0.0, 0.0)
    truth = recording.streams["truth"].p_e_m[:, 1:]
    ranges: AnchorRanges = recording.streams["ranges"]
    rho = np.hypot(*(truth - place[ranges.anchor][:, :2]).T)
    alone = changed(recording, "ranges", anchor_p_m=place, range_m=rho)
    alone = replace(alone, streams={k: v for k, v in alone.streams.items() if k != "odometry"})
    with pytest.raises(EstimationError, match="two places"):
        solve(alone)


def test_few_ranges() -> None:
    recording = cart(5)
    value = np.full(len(recording.streams["ranges"].range_m), np.nan)
    value[:5] = 10.0
    with pytest.raises(EstimationError, match="only 5 usable ranges"):
        solve(changed(recording, "ranges", range_m=value))


@pytest.mark.parametrize("method", ["batch", "filter"])
def test_ranges_alone(method: str) -> None:
    recording = cart(6)
    alone = replace(recording, streams={k: v for k, v in recording.streams.items() if k != "odometry"})
    solution = solve(alone, SolveOptions(method=method))
    assert rms_m(solution, recording) < 0.8
    assert "without odometry" in said(solution)


def test_a_tag_in_three_dimensions() -> None:
    """Anchors at many heights, every one ranged to at each instant, a tag that rises and sinks."""
    rng = np.random.default_rng(0)
    t = np.arange(0.0, 60.0, 0.1)
    p = np.column_stack([5 + 3 * np.cos(t / 5), 4 + 3 * np.sin(t / 5), 1.5 + 0.8 * np.sin(t / 7)])
    places = np.array([[0, 0, 0.3], [10, 0, 3.0], [10, 8, 0.4], [0, 8, 2.8], [5, 0, 2.0], [5, 8, 0.2]], dtype=float)
    of = np.tile(np.arange(6), len(t)).astype(np.int32)
    t_ns = np.repeat(np.round(t * 1e9).astype(np.int64), 6)
    rho = np.linalg.norm(np.repeat(p, 6, axis=0) - places[of], axis=1) + 0.1 * rng.normal(size=len(of))
    solution = solve(Recording({"ranges": AnchorRanges(t_ns, of, rho, places)}))
    own = solution.p_e_m[:, [1, 2, 0]] - (0.0, 0.0, 6378137.0)
    at = np.stack([np.interp(solution.t_ns * 1e-9, t, column) for column in p.T], axis=1)
    assert np.sqrt(((own - at) ** 2).mean(axis=0)).max() < 0.15


@pytest.mark.parametrize(("column", "value", "word"), [("wz", np.nan, "heading"), ("vx", 5.0, "frozen")])
def test_a_dead_sensor_of_a_car(column: str, value: float, word: str) -> None:
    recording = car(2, seconds=90.0)
    odometry: Series = recording.streams["odometry"]
    broken = odometry.value.copy()
    broken[:, odometry.columns.index(column)] = value
    solution = solve(changed(recording, "odometry", value=broken))
    assert rms_m(solution, recording) < 12.0
    assert word in said(solution)


def test_odometry_without_the_right_columns() -> None:
    recording = car(1, seconds=30.0)
    with pytest.raises(DataError, match="'vx'"):
        solve(changed(recording, "odometry", columns=("speed", "rate")))


def written(folder: Path, recording: Recording, *, twice: bool = False) -> None:
    ranges: AnchorRanges = recording.streams["ranges"]
    t = ranges.t_ns * 1e-9
    lines = [f"{a:.3f},{k},{100 * r:.2f}" for a, k, r in zip(t, ranges.anchor, ranges.range_m, strict=True)]
    (folder / "uwb.csv").write_text("t_s,anchor,range_cm\n" + "\n".join(lines) + "\n")
    odometry = recording.streams["odometry"]
    lines = [f"{a:.3f},{d:.6f},{w:.6f}" for a, (d, w) in zip(odometry.t_ns * 1e-9, odometry.value, strict=True)]
    (folder / "odometry.csv").write_text("t_s,distance_m,turn_rad\n" + "\n".join(lines) + "\n")
    lines = [f"{k},{x},{y},{z}" for k, (x, y, z) in enumerate(ANCHORS)]
    (folder / "anchors.csv").write_text("anchor,x_m,y_m,z_m\n" + "\n".join(lines + lines[:1] * twice) + "\n")


def test_plain_files(tmp_path: Path) -> None:
    """Ranges in centimetres, places of anchors in a table of their own."""
    recording = cart(7)
    written(tmp_path, recording)
    files = read(tmp_path / "uwb.csv", tmp_path / "odometry.csv", tmp_path / "anchors.csv")
    assert rms_m(solve(files), recording) < 0.3


def test_plain_files_of_ranges_at_one_instant(tmp_path: Path) -> None:
    """Ranges to several anchors share their instant, and none is lost."""
    (tmp_path / "uwb.csv").write_text("t_s,anchor,range_m\n" + "".join(f"{k // 3},{k % 3},5\n" for k in range(30)))
    assert len(read(tmp_path / "uwb.csv").streams["ranges"].range_m) == 30


def test_an_anchor_in_two_lines(tmp_path: Path) -> None:
    written(tmp_path, cart(7), twice=True)
    with pytest.raises(FormatError, match="anchor 0 stands in two lines"):
        read(tmp_path / "anchors.csv")


def test_a_damaged_table_of_anchors(tmp_path: Path) -> None:
    """Cut anywhere, and with wrong numbers: read, or refused in one line."""
    written(tmp_path, cart(7))
    path = tmp_path / "anchors.csv"
    good = path.read_bytes()
    assert read(path).settings["anchors"]["1"] == tuple(ANCHORS[1])
    damaged = [good[:k] for k in range(0, len(good), 3)]
    damaged += [
        good.replace(b"30.0", wrong) for wrong in (b"nan", b"inf", b"1e300", b"", b"x", b"\xff\xfe", b"9" * 400)
    ]
    for data in damaged:
        path.write_bytes(data)
        try:
            places = read(path).settings["anchors"]
        except KinemaError:
            continue
        assert np.isfinite(list(places.values())).all()


@pytest.mark.parametrize(
    ("text", "word"),
    [("[anchors]\n7 = [1.0, 2.0]\n", ""), ("[anchors]\n7 = 5\n", "7"), ("[anchors]\n7 = [1, inf]\n", "7"),
     ("[anchors]\n7 = [\n", "TOML"), ("[anchors]\n", "no anchor")],
)  # fmt: skip
def test_anchors_in_toml(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "hall.toml"
    path.write_text(text)
    if word:
        with pytest.raises(FormatError, match=word):
            read(path)
    else:
        assert read(path).settings["anchors"] == {"7": (1.0, 2.0, 0.0)}


def test_anchors_nowhere(tmp_path: Path) -> None:
    written(tmp_path, cart(7))
    with pytest.raises((DataError, ConfigError), match="anchor"):
        solve(read(tmp_path / "uwb.csv", tmp_path / "odometry.csv"))
