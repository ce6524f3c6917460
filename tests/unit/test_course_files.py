"""Courses as files: the small TOML round trip, the library, the oval, and what is told about broken ones."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.course import Course, Gate, Plane
from kinema.core.zone import Zone
from kinema.course.files import read_course, write_course
from kinema.course.library import circuit_named, starts, starts_near
from kinema.course.oval import LANES, Oval, fitted_oval, lane_length_m, measured_radius_m
from kinema.errors import ConfigError, FormatError

PLANE = Plane(np.radians(48.0), np.radians(11.0), 500.0)


def test_plane_keeps_latitude_and_longitude_and_distances() -> None:
    ne = np.array([[0.0, 0.0], [3000.0, -4000.0]])
    lat, lon = PLANE.geodetic_from_ne(ne)
    np.testing.assert_allclose(PLANE.ne_from_geodetic(lat, lon), ne, atol=1e-6)


def test_course_survives_its_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    t = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    line = np.column_stack([300 * np.cos(t), 200 * np.sin(t)])
    gate = Gate("Start / Ziel", (0.8377, 0.1919), (0.8378, 0.192), "start", 5.0)
    course = Course("Rund “um”", PLANE, line, np.full(50, 4.0), np.full(50, 6.0), True, (gate,), line[:3] + 20)
    write_course(course, tmp_path / "c.toml")
    back = read_course(tmp_path / "c.toml")
    lat, lon = back.plane.geodetic_from_ne(back.line_ne_m)
    np.testing.assert_allclose(PLANE.ne_from_geodetic(lat, lon), line, atol=2e-3)
    assert back.name == course.name
    assert back.gates[0].name == "Start / Ziel"
    assert back.gates[0].left_rad == pytest.approx(gate.left_rad, abs=1e-10)
    assert (back.width_left_m == 4.0).all()
    assert len(back.pit_ne_m) == 3


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.toml", "line = [[91, 0], [92, 1], [93, 2]]", "degrees of latitude"),
        ("a.toml", "name = 'x'", "KeyError"),
        ("a.toml", "line = [", "not a course"),
        ("a.csv", "x_m,y_m\n1,2\n", "line 1"),
        ("a.csv", "0,0,1\n1,1,1\n2,2,1\n", "3 values"),
        ("a.csv", "0,0,5,5\n1,nan,5,5\n2,2,5,5\n", "line 2"),
        ("a.csv", "0,0,5,-5\n1,1,5,5\n2,2,5,5\n", "positive widths"),
        ("a.geojson", '{"type":"FeatureCollection","features":[]}', "no line"),
        ("a.geojson", "[1, 2", "not a course"),
        ("a.geojson", "[" * 5000, "not a course"),
    ],
)
def test_broken_course_files_are_one_clear_line(tmp_path, name: str, content: str, what: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / name).write_text(content)
    with pytest.raises(FormatError, match=what) as told:
        read_course(tmp_path / name)
    assert "\n" not in str(told.value)


def test_library_knows_places_and_lines() -> None:
    names, points = starts()
    assert len(names) == len(points) > 600
    near = starts_near(np.radians(np.array([38.1614])), np.radians(np.array([-122.4547])))
    assert near[0][0] == "Sonoma Raceway"
    assert circuit_named("shanghai").length_m == pytest.approx(5451, rel=0.01)
    with pytest.raises(ConfigError, match="no course is named"):
        circuit_named("nowhere")


def test_lane_lengths_are_those_of_the_rule_book() -> None:
    assert [round(lane_length_m(k), 2) for k in (1, 2, 8)] == [400.00, 407.04, 453.03]


@pytest.mark.parametrize("anticlockwise", [True, False])
def test_oval_stations_and_course_agree(anticlockwise: bool) -> None:
    oval = Oval(PLANE, (5.0, -8.0), 0.7, anticlockwise)
    for lane in (1, LANES):
        course = oval.course("track", lane)
        s = oval.along(course.line_ne_m, measured_radius_m(lane))
        np.testing.assert_allclose(s, np.arange(len(s)), atol=1e-6)
        out = oval.to_track(course.line_ne_m)[1]
        np.testing.assert_allclose(out, measured_radius_m(lane), atol=1e-9)


def test_oval_is_found_in_noise() -> None:
    truth = Oval(PLANE, (5.0, -8.0), 0.7)
    rng = np.random.default_rng(3)
    run = np.vstack([truth.course("t").line_ne_m[::4]] * 5)
    found = fitted_oval(run + rng.normal(0, 1.0, run.shape), PLANE)
    assert found is not None
    assert np.hypot(found.centre_ne_m[0] - 5, found.centre_ne_m[1] + 8) < 0.5
    assert abs(np.sin(found.heading_rad - 0.7)) < 0.02
    assert found.anticlockwise
    assert fitted_oval(np.cumsum(rng.normal(0, 20, (500, 2)), axis=0), PLANE) is None


def test_zone_holds_what_lies_in_it_across_the_date_line() -> None:
    zone = Zone.circle("home", 0.2, np.pi - 1e-6, 500.0, "private")
    lon = np.array([np.pi - 2e-6, -np.pi + 3e-5, -np.pi + 3e-4])
    np.testing.assert_array_equal(zone.contains(np.full(3, 0.2), lon), [True, True, False])
