"""Racing lines: within the widths, better than the middle, and the gradient of the lap time is a gradient."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.course import Course, Plane
from kinema.course.raceline import Car, lap_of, lap_of_line, race_line
from kinema.errors import ConfigError, DataError

CAR = Car()


def _course(half: float = 6.0) -> Course:
    t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    r = 150 + 40 * np.cos(3 * t)
    line = np.column_stack([r * np.cos(t), 1.5 * r * np.sin(t)])
    return Course("bean", Plane(0.0, 0.0), line, np.full(120, half), np.full(120, half))


def test_lap_time_falls_down_its_gradient_as_foretold() -> None:
    from kinema.kernels.lap_time import lap_time

    line = race_line(_course(), CAR, "shortest").ne_m
    n = len(line)
    kappa, h, w, g_x, g_y, o = (np.empty(n) for _ in range(6))
    by = np.empty(n, dtype=np.int64)
    x, y = np.ascontiguousarray(line[:, 1]), np.ascontiguousarray(line[:, 0])
    lap_time(x, y, CAR.row(), kappa, h, w, by, g_x, g_y)
    window = np.hanning(61) / np.hanning(61).sum()
    d = np.convolve(np.concatenate([g_x[-30:], g_x, g_x[:30]]), window, "valid")
    d *= 1e-3 / np.abs(d).max()
    up = lap_time(x + d, y, CAR.row(), kappa, h, w, by, o, o.copy())
    down = lap_time(x - d, y, CAR.row(), kappa, h, w, by, o, o.copy())
    assert (up - down) / 2 == pytest.approx(float(g_x @ d), rel=0.3)
    assert down < up


def test_a_circle_is_driven_at_the_limit_of_grip() -> None:
    t = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    lap_s, speed, _ = lap_of(100 * np.cos(t), 100 * np.sin(t), CAR)
    np.testing.assert_allclose(speed, np.sqrt(20.0 * 100), rtol=0.015)  # drag takes a little of the grip
    assert lap_s == pytest.approx(2 * np.pi * 100 / speed[0], rel=1e-3)


def test_lines_are_within_the_widths_and_in_order() -> None:
    course = _course()
    lines = {kind: race_line(course, CAR, kind) for kind in ("shortest", "curvature", "time")}  # type: ignore[arg-type]
    for line in lines.values():
        assert np.abs(line.d_m).max() <= 5.0 + 1e-6
    assert lines["shortest"].length_m == min(x.length_m for x in lines.values())
    assert lines["time"].lap_s <= lines["curvature"].lap_s < lines["curvature"].centre_lap_s


def test_impossible_questions_are_one_clear_line() -> None:
    with pytest.raises(DataError, match="narrower"):
        race_line(_course(0.9), CAR)
    with pytest.raises(ConfigError, match="power_w must be positive"):
        Car(power_w=0.0)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["Shanghai", "Oschersleben", "Monza"])
def test_fastest_line_beats_the_published_one(data_dir, name: str) -> None:  # type: ignore[no-untyped-def]
    from kinema.course.files import read_course

    line = race_line(read_course(data_dir / "courses" / "tum" / f"{name}.csv"), CAR)
    published = np.loadtxt(data_dir / "courses" / "tum-racelines" / f"{name}.csv", delimiter=",")
    assert lap_of_line(line.ne_m, CAR) < lap_of_line(published[:, [1, 0]], CAR)
