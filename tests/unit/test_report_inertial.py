"""What the page tells of an inertial solution: calibration with its ±, innovations judged, outages; the outage lab."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from kinema.analysis.outage import judge, windows
from kinema.core.solution import Channel, FixStatus, Solution
from kinema.errors import DataError
from kinema.report.blocks.chart import Chart, Series
from kinema.report.document import report
from kinema.report.inertial import calibration_table, innovation_table
from kinema.report.outage_page import outage_report
from sessions import drive


def calibrated(n: int = 600) -> Solution:
    solution, _ = drive(n)
    rng = np.random.default_rng(4)
    shrinking = np.linspace(1.0, 0.1, n)
    channels = {
        "gyro_bias_x": Channel(np.full(n, 0.01) + 1e-3 * shrinking, "rad/s"),
        "gyro_bias_x_sigma": Channel(1e-3 * shrinking, "rad/s"),
        "mounting_yaw": Channel(np.full(n, np.radians(-175.07)), "rad"),
        "mounting_yaw_sigma": Channel(np.full(n, np.radians(0.1)), "rad"),
        "wheel_scale": Channel(np.full(n, -0.0123), "1"),
        "wheel_scale_sigma": Channel(0.004 * shrinking, "1"),
        "nis_position": Channel(rng.chisquare(3, n), "1", "of the fix's position, 3 degrees of freedom"),
        "innovation_wheels": Channel(2.0 * rng.normal(size=n), "1", "speed by wheels over its sigma"),
        "rpm": Channel(np.arange(float(n)), "1/min"),
    }
    status = solution.status.copy()
    status[200:300] = FixStatus.DEAD_RECKONED
    return replace(solution, channels=channels, status=status)


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.S)))


def test_calibration_is_told_at_its_end_with_95_percent() -> None:
    table = calibration_table(calibrated().channels)
    assert table is not None
    told = words_of(table.html("b1"))
    assert "Gyro bias, °/s +0.579 ± 0.011" in told
    assert "Mounting, ° – – −175.07 ± 0.20" in told
    assert "Wheel scale, % −1.230 ± 0.078" in told


def test_innovations_are_judged_against_what_was_stated() -> None:
    """A chi-square of three degrees is as expected; wheels twice as far off as stated are told as four times."""
    rows = innovation_table({k: v for k, v in calibrated(4000).channels.items() if k.startswith(("nis", "inn"))}).rows
    by_name = {str(row[0]): row for row in rows}
    position, wheels = by_name["Fixes, position"], by_name["Wheels"]
    assert position[2].value == pytest.approx(1.0, abs=0.05)  # type: ignore[union-attr]
    assert position[3].value == pytest.approx(0.05, abs=0.015)  # type: ignore[union-attr]
    assert wheels[2].value == pytest.approx(4.0, abs=0.3)  # type: ignore[union-attr]


def test_the_page_has_sections_of_sensors_and_outages() -> None:
    html = report(calibrated()).html
    told = words_of(html)
    for title in ("Through the outages", "What each sensor said", "What was found of the sensors", "Wheel scale"):
        assert title in told
    # A state that only stands still is told in the table and not drawn; other channels stay where they were.
    assert "Mounting of the IMU, from its last value" not in told
    assert "gyro_bias_x_sigma" not in told
    assert "rpm" in told.lower()


def test_a_plain_solution_has_none_of_it() -> None:
    told = words_of(report(drive(100)[0]).html)
    assert "What was found of the sensors" not in told


def drifting(reference: Solution, spans: list[tuple[int, int]], rate: float) -> Solution:
    """The reference, drifting off sideways inside the spans."""
    p = reference.p_e_m.copy()
    for start, stop in spans:
        inside = (reference.t_ns >= start) & (reference.t_ns < stop)
        p[inside, 2] += rate * (reference.t_ns[inside] - start) * 1e-9
    return replace(reference, p_e_m=p)


def test_outage_page_tells_the_drift_of_each_length() -> None:
    reference = drive(1200)[1]
    reference = replace(reference, cov_p_e_m2=np.tile(np.eye(3), (len(reference), 1, 1)))
    runs = []
    for length in (10.0, 20.0):
        spans = windows(reference, 40.0, length, int(reference.t_ns[50]))
        solution = drifting(reference, spans, 0.1)
        runs.append((judge(solution, reference, spans), solution))
    html = outage_report(runs, reference, title="IMU <b>A</b>").html
    told = words_of(html)
    assert "IMU &lt;b&gt;A" in html
    for title in ("Drift by length of the outage", "Growth within 10 s", "Growth within 20 s", "Outages of 20 s"):
        assert title in told
    assert told.count("End error after") == 2
    with pytest.raises(DataError, match="runs"):
        outage_report([], reference)


@pytest.mark.parametrize("log", [False, True])
def test_charts_of_hardly_any_points(log: bool) -> None:
    """One point, none, and values that a logarithm cannot take."""
    for x, y in ((np.array([1.0]), np.array([2.0])), (np.zeros(0), np.zeros(0)), (np.zeros(3), np.full(3, np.nan))):
        html = Chart("t", "x", "y", [Series("a", x, y), Series("", x, y, style="line")], log, log).html("b1")
        assert "nan" not in html.lower().replace("nano", "")
        assert "inf" not in html
