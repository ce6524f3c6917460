"""The lap page and the run page in a real browser: drawn, offline, small, quick to open, one cursor for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from browser import Browser, missing
from kinema.analysis.laps import laps
from kinema.core.recording import Recording
from kinema.core.streams import Series
from kinema.report.laps_document import laps_report
from laps_world import world

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing() or "has one")]

INK = """
const canvas = document.querySelectorAll(arguments[0] + " canvas")[arguments[1]];
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let drawn = 0;
for (let i = 3; i < data.length; i += 4) if (data[i]) drawn++;
return drawn;
"""
MOVE = """
const stage = document.querySelector(arguments[0]), box = stage.getBoundingClientRect();
const place = { clientX: box.left + box.width * arguments[1], clientY: box.top + box.height * 0.5 };
stage.dispatchEvent(new PointerEvent("pointermove", { ...place, bubbles: true, pointerId: 1, pointerType: "mouse" }));
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 laps at 25 Hz with 12 channels."""
    solution = world(laps=20, seed=2).solution(25, 0.3, 1)
    t = (solution.t_ns - solution.t_ns[0]) * 1e-9
    noise = np.random.default_rng(0)
    channels = {
        f"channel_{k}": Series(solution.t_ns, 100 * np.sin(t / (3 + k)) + noise.normal(0, 1, len(t)), "1")
        for k in range(12)
    }
    session = laps(
        Recording({"fixes": solution, **channels}), start=world(laps=20, seed=2).gate, mover="<b>hostile</b>"
    )
    return laps_report(session).save(tmp_path_factory.mktemp("laps") / "laps.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as one:
        yield one


def test_the_lap_page_is_small_draws_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    assert page.stat().st_size < 6_000_000
    browser.console()
    browser.requested()
    browser.open(page)
    assert browser.requested() == [page.as_uri()]
    assert browser.console() == []
    assert browser.run("return document.querySelector('h1').textContent") == "<b>hostile</b>"
    assert browser.run("return document.querySelectorAll('.plot').length") == 17
    for kind in (".map", ".plot"):
        browser.run("document.querySelector(arguments[0]).scrollIntoView()", kind)
        browser.frames(3)
        assert browser.run(INK, kind, 0) > 500, kind


def test_the_lap_page_has_one_cursor(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run(MOVE, ".plot .stage", 0.4)
    browser.frames(2)
    first = browser.run("return [...document.querySelectorAll('.plot .key output')].map(o => o.textContent)")
    assert sum(bool(x) for x in first) > 10
    browser.run(MOVE, ".plot .stage", 0.7)
    browser.frames(2)
    assert browser.run("return [...document.querySelectorAll('.plot .key output')].map(o => o.textContent)") != first
