"""The page of a scene: pseudonyms and no raw identity, laps, marks of identities, private zones, zones from a file."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinema.core.course import Gate
from kinema.core.tracks import GroundDetections
from kinema.core.zone import Zone
from kinema.course.zone_files import read_zones
from kinema.errors import DataError, FormatError
from kinema.report.scene import movers_in_image, movers_on_ground, safe_names
from kinema.report.scene_document import scene_report
from kinema.report.scene_laps import board_of
from kinema.report.scene_reads import READ, TWICE, WRONG, marks_of
from scenes import FIRST_TAG, PLANE, boxes, crowd, oval, runners


def spec_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="spec">(.*?)</script>', html)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def raw_ids(html: str, movers: int) -> list[str]:
    """Identities that stand in the page as text, or hide in it as numbers of its specification."""
    return [str(FIRST_TAG + k) for k in range(movers) if str(FIRST_TAG + k) in html]


def test_no_raw_identity_in_the_page_unless_asked_for() -> None:
    tracks = replace(runners(), tag_names={FIRST_TAG: "Quentin Quire"})
    read = GroundDetections(tracks.t_ns[:8], tracks.p_ne_m[:8], tracks.cov_ne_m2[:8], PLANE, tracks.tag[:8])
    html = scene_report(tracks, course=oval(), detections=read).html
    assert raw_ids(html, 8) == []
    assert "Quentin" not in html
    named = scene_report(tracks, course=oval(), detections=read, names=True).html
    assert len(raw_ids(named, 8)) == 7
    assert "Quentin Quire" in named
    image = scene_report(boxes(), frame_rate_hz=10.0).html
    assert raw_ids(image, 6) == []
    assert len(raw_ids(scene_report(boxes(), frame_rate_hz=10.0, names=True).html, 6)) == 6


def test_pseudonyms_hold_within_a_page_and_under_a_salt_only() -> None:
    tracks = runners()
    first, again, other = (movers_on_ground(tracks, salt=salt) for salt in ("a", "a", "b"))
    assert first.names == again.names
    assert set(first.names) != set(other.names)
    assert set(movers_on_ground(tracks).names) != set(movers_on_ground(tracks).names)
    assert len(set(safe_names([str(k) for k in range(2000)], None))) == 2000
    # Their order does not tell the order of the numbers either.
    assert list(first.tag) != sorted(first.tag)
    assert list(first.names) == sorted(first.names)


def test_own_names_are_in_their_order() -> None:
    tracks = replace(crowd(12, 4.0), tag=np.repeat(np.arange(12), 20)[::-1].copy())
    assert movers_on_ground(tracks, names=True).names == tuple(str(k) for k in range(12))


def test_the_board_has_everyones_laps() -> None:
    tracks = runners(4)
    movers = movers_on_ground(tracks, names=True)
    board = board_of(tracks, movers, oval())
    assert board is not None
    laps = board.spec(movers)["laps"]
    strip_m = board.lap_m
    assert strip_m == pytest.approx(400.0, abs=0.3)
    # The lane of the first runner is the one that the line of the course runs in.
    assert [round(lap[1], 1) for lap in laps[0]] == [100.0, 100.0]
    assert [lap[3] for lap in laps[0]] == [1, 2]
    assert all(lap[2] is not None and 0 < lap[2] < 0.2 for mine in laps for lap in mine)
    way = board.way_m[movers.start[0] : movers.start[1]]
    assert way[0] == pytest.approx(-20.0, abs=0.2)
    assert way[-1] == pytest.approx(4.0 * 219.8 - 20.0, abs=0.5)


def test_marks_tell_reads_and_confusions() -> None:
    tracks = runners(3, 20.0)
    n = len(tracks.t_ns) // 3
    tag = tracks.tag.copy()
    tag[: n // 4] = -1
    tag[n + n // 2 : n + n // 2 + 5] = FIRST_TAG
    changed = replace(tracks, tag=tag)
    movers = movers_on_ground(changed, names=True)
    kinds = [(mark.mover, mark.kind) for mark in marks_of(changed, movers)]
    assert kinds == [(0, READ), (1, READ), (1, WRONG), (1, READ), (2, READ)]
    twice = replace(tracks, tag=np.where(tracks.track == 2, FIRST_TAG, tracks.tag))
    movers = movers_on_ground(twice, names=True)
    assert movers.names[:2] == (str(FIRST_TAG), f"{FIRST_TAG}/2")
    assert sum(mark.kind == TWICE for mark in marks_of(twice, movers)) == 2


def test_private_zones_are_left_out() -> None:
    tracks = crowd(8)
    lat, lon = PLANE.geodetic_from_ne(tracks.p_ne_m[:1])
    home = Zone.circle("home", float(lat[0]), float(lon[0]), 30.0, "private")
    html = scene_report(tracks, zones=[home]).html
    spec = spec_of(html)
    assert "positions in private zones are left out" in html
    assert spec["scene"]["ground"]["zones"] == []
    assert spec["scene"]["start"][-1] < len(tracks.t_ns)


def test_few_movers_give_no_heat() -> None:
    assert spec_of(scene_report(crowd(4)).html)["scene"]["heat"] is None
    page = scene_report(crowd(80)).html
    assert spec_of(page)["scene"]["heat"]["k"] == 5
    assert "Cells with fewer than 5 different movers are not shown" in page


def test_simulated_data_are_labelled() -> None:
    assert "SIMULATED DATA" in scene_report(crowd(5)).html
    assert "SIMULATED DATA" not in scene_report(replace(crowd(5), simulated=False)).html


def test_flat_and_bare_tracks_make_a_page() -> None:
    tracks = crowd(6, 3.0)
    unknown = {name: np.full_like(getattr(tracks, name), np.nan) for name in ("v_ne_mps", "cov_v_ne")}
    bare = replace(tracks, **unknown)
    travels = spec_of(scene_report(bare).html)["scene"]["travels"]
    assert all(travel[0] > 0 and travel[1] is None and travel[3] > 0 for travel in travels)
    names = ("t_ns", "track", "p_ne_m", "cov_ne_m2", "v_ne_mps", "cov_v_ne", "seen", "tag")
    one, none = (replace(tracks, **{name: getattr(tracks, name)[:n] for name in names}) for n in (1, 0))
    assert spec_of(scene_report(one, course=oval()).html)["scene"]["names"]
    with pytest.raises(DataError, match="at least one mover"):
        scene_report(none)


def test_boxes_need_no_ground_and_take_none() -> None:
    movers = movers_in_image(boxes(), 10.0)
    assert movers.unit == "px"
    assert movers.t_s[-1] == pytest.approx(5.9)
    assert "25 per second are assumed" in scene_report(boxes()).html
    with pytest.raises(DataError, match="no course"):
        scene_report(boxes(), course=oval())
    with pytest.raises(DataError, match="twice"):
        scene_report(replace(boxes(), track=boxes().track // 2))


def test_zones_and_lines_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hall.geojson"
    ring = [[11.0, 48.0], [11.001, 48.0], [11.001, 48.001], [11.0, 48.0]]
    features = [
        {"properties": {"name": "hall"}, "geometry": {"type": "Polygon", "coordinates": [ring]}},
        {"properties": {}, "geometry": {"type": "LineString", "coordinates": ring[:2]}},
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (zone,), (line,) = read_zones(path)
    assert (zone.name, len(zone.ring_rad), line.name) == ("hall", 3, "line 2")
    html = scene_report(crowd(300), zones=[zone], lines=[line]).html
    assert "Movers in each zone" in html
    assert isinstance(line, Gate)
    for text in ("{", "[]", '{"features": []}', '{"features": [{"geometry": null}]}', "null", '{"features": 7}'):
        path.write_text(text)
        with pytest.raises(FormatError, match="zones"):
            read_zones(path)
