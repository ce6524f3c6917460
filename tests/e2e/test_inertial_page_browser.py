"""The page of an inertial solution and that of the outage lab in a real browser, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from browser import Browser, missing
from kinema.analysis.outage import judge, windows
from kinema.core.solution import Channel, FixStatus, Solution
from kinema.report.document import report
from kinema.report.outage_page import outage_report
from sessions import drive

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing() or "has one")]

HALO = """
const canvas = document.querySelector(".map canvas");
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let violet = 0;
for (let i = 0; i < data.length; i += 4) {
  if (data[i] > data[i + 1] + 20 && data[i + 2] > data[i + 1] + 20) violet++;
}
return violet;
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as one:
        yield one


def solution(n: int = 900) -> Solution:
    """A drive with an IMU's channels, and an outage in which the uncertainty grows to metres."""
    made, _ = drive(n, residuals=False)
    t = np.linspace(0, 1, n)
    channels = {
        "gyro_bias_x": Channel(0.01 + 1e-3 * t, "rad/s"), "gyro_bias_x_sigma": Channel(1e-3 * (1.1 - t), "rad/s"),
        "time_offset": Channel(0.1 - 0.01 * t, "s"), "time_offset_sigma": Channel(0.002 * (1.1 - t), "s"),
        "nis_position": Channel(np.random.default_rng(1).chisquare(3, n), "1", "3 degrees of freedom"),
        "innovation_wheels": Channel(np.random.default_rng(2).normal(size=n), "1", "over its sigma"),
    }  # fmt: skip
    status = np.full(n, FixStatus.FIXED, np.uint8)
    status[300:500] = FixStatus.DEAD_RECKONED
    status[made.status == FixStatus.NONE] = FixStatus.NONE
    return replace(made, channels=channels, status=status)


def check(browser: Browser, page: Path) -> None:
    """Draws everything without a word to the console, asks for nothing, and fits a phone."""
    for width, height, phone in ((1440, 900, False), (390, 844, True)):
        browser.size(width, height, phone=phone, scale=2.0 if phone else 1.0)
        browser.console()
        browser.requested()
        browser.open(page)
        browser.frames(3)
        assert browser.requested() == [page.as_uri()]
        assert browser.console() == []
        assert browser.run("return document.documentElement.scrollWidth") <= width


def test_inertial_page(browser: Browser, tmp_path: Path) -> None:
    """Outages lie under the track as a halo that a solution without any does not have."""
    with_outage = solution()
    page = report(with_outage).save(tmp_path / "inertial.html")
    check(browser, page)
    browser.size(1440, 900)
    browser.open(page)
    drawn = browser.run(HALO)
    plain = report(replace(with_outage, status=np.full(len(with_outage), FixStatus.FIXED, np.uint8)))
    browser.open(plain.save(tmp_path / "plain.html"))
    assert drawn > browser.run(HALO) + 1000
    browser.open(page)
    titles = browser.run("return [...document.querySelectorAll('h2, h3')].map(h => h.textContent)")
    assert {"What was found of the sensors", "Calibration", "Innovations"} <= set(titles)


def test_outage_page(browser: Browser, tmp_path: Path) -> None:
    reference = drive(1200, residuals=False)[1]
    reference = replace(reference, cov_p_e_m2=np.tile(np.eye(3), (len(reference), 1, 1)))
    runs = []
    for length in (10.0, 20.0):
        spans = windows(reference, 40.0, length, int(reference.t_ns[50]))
        p = reference.p_e_m.copy()
        for start, stop in spans:
            inside = (reference.t_ns >= start) & (reference.t_ns < stop)
            p[inside, 2] += 0.1 * (reference.t_ns[inside] - start) * 1e-9
        run = replace(reference, p_e_m=p)
        runs.append((judge(run, reference, spans), run))
    check(browser, outage_report(runs, reference).save(tmp_path / "outages.html"))
    assert browser.run("return document.querySelectorAll('.chart svg').length") == 4
