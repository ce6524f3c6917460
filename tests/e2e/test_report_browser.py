"""The page in a real browser: it draws, its parts move together, it stays offline, and hostile names stay words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kinema
from browser import Browser, missing, opened
from kinema.cli import main
from kinema.core.frames import ecef_from_ned
from kinema.core.solution import Arcs, Provenance, Solution
from kinema.report.trajectory import motion_of
from sessions import drive

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing() or "has one")]

INK = """
const canvas = document.querySelector(arguments[0] + " canvas");
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let drawn = 0;
const colours = new Set();
for (let i = 0; i < data.length; i += 4) {
  if (!data[i + 3]) continue;
  drawn++;
  colours.add(data[i] * 65536 + data[i + 1] * 256 + data[i + 2]);
}
return [drawn, colours.size];
"""
POINT = """
const stage = document.querySelector(arguments[0]), box = stage.getBoundingClientRect();
const place = { clientX: box.left + box.width * arguments[2], clientY: box.top + box.height * arguments[3] };
const mouse = { bubbles: true, button: 0, pointerId: 1, pointerType: "mouse" };
stage.dispatchEvent(new PointerEvent(arguments[1], { ...place, ...mouse }));
"""
KEY = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}))"
READINGS = "return [...document.querySelectorAll('.plot .key output')].map(o => o.textContent)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as one:
        yield one


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    solution, truth = drive(600)
    return kinema.report(solution, truth=truth).save(tmp_path_factory.mktemp("page") / "drive.html")


def test_the_page_draws_and_asks_for_nothing(browser: Browser, session: Path) -> None:
    opened(browser, session)
    assert browser.requested() == [session.as_uri()]
    assert browser.console() == []
    for kind in (".map", ".plot", ".strip", ".cloud", ".sky"):
        browser.run("document.querySelector(arguments[0]).scrollIntoView()", kind)
        browser.frames(3)
        drawn, colours = browser.run(INK, kind)
        assert drawn > 500, kind
        assert colours > 3, kind


def test_one_cursor_moves_everything(browser: Browser, session: Path) -> None:
    opened(browser, session)
    assert set(browser.run(READINGS)) == {""}
    browser.run(POINT, ".plot .stage", "pointermove", 0.4, 0.5)
    browser.frames(3)
    first = browser.run(READINGS)
    assert all(first)
    assert "UTC" in browser.run("return document.querySelector('.readout').textContent")
    browser.run(POINT, ".plot .stage", "pointermove", 0.7, 0.5)
    browser.frames(3)
    assert browser.run(READINGS) != first


def test_the_map_moves_the_cursor_of_the_plots(browser: Browser, session: Path) -> None:
    opened(browser, session)
    browser.run("kinema.view.setCursor(20)")
    found = False
    for k in range(40):
        browser.run(POINT, ".map .stage", "pointermove", 0.1 + 0.02 * k, 0.5)
        browser.frames(2)
        found = found or browser.run("return kinema.view.cursor !== null && kinema.view.cursor !== 20")
    assert found


def test_a_brush_zooms_all_plots_and_show_all_undoes_it(browser: Browser, session: Path) -> None:
    opened(browser, session)
    for kind, at in (("pointerdown", 0.3), ("pointermove", 0.4), ("pointermove", 0.6), ("pointerup", 0.6)):
        browser.run(POINT, ".plot .stage", kind, at, 0.5)
    browser.frames(3)
    low, high = browser.run("return kinema.view.range")
    assert 10 < low < 20
    assert 30 < high < 40
    assert not browser.run("return document.querySelector('[data-do=reset]').disabled")
    browser.run("document.querySelector('[data-do=reset]').click()")
    browser.frames(3)
    assert browser.run("return kinema.view.range") == pytest.approx([0, 59.9])


def test_the_axis_changes_and_keeps_the_place(browser: Browser, session: Path) -> None:
    opened(browser, session)
    browser.run("kinema.view.setCursor(30, true); kinema.view.setRange(20, 40)")
    browser.frames(3)
    before = browser.run("return kinema.view.at(kinema.view.primary)")
    browser.run("document.querySelector('[data-axis=distance]').click()")
    browser.frames(3)
    assert browser.run("return kinema.view.at(kinema.view.primary)") == pytest.approx(before, abs=1)
    low, high = browser.run("return kinema.view.range")
    total = browser.run("return kinema.view.domain()[1]")
    assert 0 < low < high < total
    assert browser.run("return document.querySelector('[data-axis=distance]').getAttribute('aria-pressed')") == "true"


def test_arcs_share_cursor_and_zoom_and_tell_why_they_began(browser: Browser, tmp_path: Path) -> None:
    solution, _ = drive(600)
    arcs = Arcs(
        np.array([1, 1, 204]), np.array([0, 0, 0]), np.array([0, 300, 0]), np.array([299, 599, 599]),
        np.array([0, 1, 0]), np.array([4.0, np.nan, 2.0]), ("1C",),
    )  # fmt: skip
    opened(browser, kinema.report(replace(solution, arcs=arcs)).save(tmp_path / "arcs.html"))
    browser.run("document.querySelector('.lanes').scrollIntoView({block: 'center'})")
    browser.frames(3)
    drawn, colours = browser.run(INK, ".lanes")
    assert drawn > 2000
    assert colours > 4
    words = browser.run("return document.querySelector('.lanes .legend').textContent")
    assert words == "GPSGalileoInteger knownFloat1 began by a slip"
    browser.run(
        "window.told = []; const draw = CanvasRenderingContext2D.prototype.fillText;"
        "CanvasRenderingContext2D.prototype.fillText = function (t, ...at) { told.push(t); draw.call(this, t, ...at) }"
    )
    browser.run(POINT, ".lanes .stage", "pointermove", 0.75, 0.2)
    browser.frames(3)
    assert browser.run("return kinema.view.cursor") == pytest.approx(44, abs=2)
    (tag,) = {one for one in browser.run("return told") if "began" in one}
    assert tag.startswith("G01 1C  Float")
    assert tag.endswith("for 29.90 s  began by loss of lock")
    before = browser.run("return document.querySelector('.lanes .stage').offsetHeight")
    browser.run("kinema.view.setRange(10, 20); document.querySelector('.lanes button.key').click()")
    browser.frames(3)
    assert browser.run("return document.querySelector('.lanes .stage').offsetHeight") <= before
    browser.run("document.querySelector('[data-axis=distance]').click()")
    browser.frames(3)
    assert browser.console() == []


def test_keys_step_the_cursor(browser: Browser, session: Path) -> None:
    opened(browser, session)
    browser.run("kinema.view.setCursor(30, true)")
    browser.run(KEY, "ArrowRight")
    browser.run(KEY, "ArrowRight")
    browser.run(KEY, "ArrowLeft")
    browser.frames(2)
    assert browser.run("return kinema.view.cursor") == pytest.approx(30.1)
    browser.run(KEY, "Escape")
    browser.frames(2)
    assert browser.run("return kinema.view.cursor") is None


def test_numbers_arrive_as_they_were(browser: Browser, tmp_path: Path) -> None:
    solution, truth = drive(400)
    opened(browser, kinema.report(solution, truth=truth).save(tmp_path / "p.html"))
    browser.run("kinema.store.column('error.East').then(c => window.got = Array.from(c))")
    browser.until("return !!window.got")
    got = np.array([np.nan if v is None else v for v in browser.run("return window.got")])
    want = kinema.score(solution, truth).error_n_m[:, 1]
    assert np.array_equal(np.isnan(got), np.isnan(want))
    assert np.nanmax(np.abs(got - want)) < 0.002
    travelled = browser.run("return kinema.view.primary.columns.distance.at(-1)")
    assert travelled == pytest.approx(motion_of(solution).distance_m, rel=1e-4)


def test_hostile_names_do_nothing(browser: Browser, tmp_path: Path) -> None:
    solution, truth = drive(200, hostile=True)
    opened(browser, kinema.report(solution, truth=truth, title=solution.provenance.program).save(tmp_path / "h.html"))
    browser.run("kinema.view.setCursor(5, true)")
    browser.frames(3)
    assert browser.run("return window.pwned === undefined && !document.querySelector('img')")
    assert browser.console() == []
    # Even markup that got in would not run: the page's policy knows its one script by hash.
    browser.run(
        "const s = document.createElement('script'); s.textContent = 'window.pwned = 2'; document.body.append(s)"
    )
    assert browser.run("return window.pwned === undefined")
    browser.console()


def test_bare_and_odd_tracks_draw_without_a_complaint(browser: Browser, tmp_path: Path) -> None:
    solution, _ = drive(50)
    plane = np.stack([np.arange(50.0), np.arange(50.0) ** 1.5, np.zeros(50)], axis=1)
    local = Solution(
        solution.t_ns, ecef_from_ned(plane, np.array([6378137.0, 0, 0])), provenance=Provenance(datum="local")
    )
    for k, one in enumerate((solution.select(slice(0, 1)), Solution(solution.t_ns, solution.p_e_m), local,
                             replace(solution, t_ns=solution.t_ns * 0 + np.arange(50)))):  # fmt: skip
        opened(browser, kinema.report(one).save(tmp_path / f"{k}.html"))
        browser.run("document.querySelector('[data-axis=distance]').click()")
        browser.frames(3)
        assert browser.console() == []
    opened(browser, tmp_path / "2.html")
    browser.run(POINT, ".map .stage", "pointermove", 0.5, 0.5)
    assert " m E" in browser.run("return document.querySelector('.place').textContent")


def test_phone_dark_and_paper(browser: Browser, session: Path) -> None:
    opened(browser, session)
    browser.size(390, 844, phone=True)
    browser.dark()
    browser.frames(4)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(14, 18, 23)"
    paper = browser.pdf()
    assert paper.startswith(b"%PDF")
    assert len(paper) > 150_000  # the drawings are on it as paths; without them it has a tenth of that
    browser.frames(4)
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(14, 18, 23)"
    assert browser.console() == []


def test_every_control_has_a_name(browser: Browser, session: Path) -> None:
    opened(browser, session)
    nameless = browser.run(
        "return [...document.querySelectorAll('button, select, [role=img]')].filter(e => "
        "!(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label'))).length"
    )
    assert nameless == 0
    assert browser.run("return document.querySelectorAll('.stage[tabindex=\"0\"]').length") > 3


def test_the_command_writes_a_page_that_opens(
    browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["%  GPST          latitude(deg) longitude(deg)  height(m)   Q  ns   sdn(m)   sde(m)   sdu(m)"]
    lines += [
        f"2024/06/24 08:20:{k:06.3f}   43.{734700000 + 900 * k}    7.{420600000 + 1400 * k}    51.2000   1  14"
        "   0.0100   0.0100   0.0200" for k in range(30)
    ]  # fmt: skip
    source = tmp_path / "run.pos"
    source.write_text("\n".join(lines) + "\n")
    assert main(["report", str(source), "--truth", str(source)]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page == tmp_path / "run.html"
    opened(browser, page)
    assert browser.run("return document.title") == "run.pos"
    assert main(["report", str(source), "-o", str(tmp_path / "run.txt")]) == 2
    assert "write to" in capsys.readouterr().err
