"""The page as text: complete in itself, safe against what files say, and honest about what it shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.event import Event
from kinema.core.recording import Issue, Recording
from kinema.core.solution import FixStatus, Solution
from kinema.errors import ConfigError, DataError
from kinema.report import scripts
from kinema.report.plots import errors_at
from kinema.report.satellites import in_view, satellite_rows, sight_of, signal_rows
from kinema.report.trajectory import motion_of
from sessions import HOSTILE, drive


class Elements(HTMLParser):
    """Counts start tags and keeps their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(html)
    return parser.found


def test_the_page_refers_to_nothing_outside_itself() -> None:
    solution, truth = drive()
    html = kinema.report(solution, truth=truth).html
    for tag, attributes in elements(html):
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "href", "srcset", "action"} & set(attributes)
    assert "https:" not in html
    assert "http:" not in html
    assert "default-src 'none'" in html


def test_hostile_names_stay_words() -> None:
    solution, truth = drive(hostile=True)
    issue = Issue("garbled line", 3, HOSTILE, HOSTILE, HOSTILE)
    recording = Recording({"fixes": solution}, issues=(issue,), name=HOSTILE)
    html = kinema.report(solution, truth=truth, recording=recording).html
    found = elements(html)
    assert not any(tag == "img" for tag, _ in found)
    assert not any(name.startswith("on") for _, attributes in found for name in attributes)
    assert "<script>window.pwned" not in html
    plain = kinema.report(drive()[0]).html
    assert sum(tag == "script" and a.get("type") == "module" for tag, a in found) == 1
    assert html.count("sha256-") == plain.count("sha256-") == 1


def test_simulated_data_are_called_so_and_real_ones_are_not() -> None:
    solution, _ = drive()
    assert "SIMULATED DATA" in kinema.report(solution).html
    bare = Solution(solution.t_ns, solution.p_e_m)
    assert "SIMULATED DATA" not in kinema.report(bare).html
    assert "SIMULATED DATA" in kinema.report(bare, recording=Recording({}, simulated=True)).html


def test_a_bare_track_makes_a_page_without_empty_parts() -> None:
    solution, _ = drive(60)
    html = kinema.report(Solution(solution.t_ns, solution.p_e_m), title="Bare").html
    assert "<title>Bare</title>" in html
    assert "Stated uncertainty" not in html
    assert "residuals" not in html.split("<style>")[0] + html.split("</style>")[1].split('id="spec"')[0]


def test_one_single_epoch_makes_a_page() -> None:
    solution, _ = drive(60)
    assert "1 epochs" in kinema.report(solution.select(slice(0, 1))).html


def test_a_solution_without_positions_is_refused_in_one_line() -> None:
    empty = Solution(np.arange(3), np.full((3, 3), np.nan))
    with pytest.raises(DataError, match="at least one position"):
        kinema.report(empty)


def test_saving_writes_the_whole_page_or_nothing(tmp_path: Path) -> None:
    solution, _ = drive(60)
    path = kinema.report(solution).save(tmp_path / "drive.html")
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [p.name for p in tmp_path.iterdir()] == ["drive.html"]


def test_outages_are_the_stretches_without_a_position() -> None:
    solution, _ = drive(600)
    gone = np.flatnonzero(~solution.valid)
    motion = motion_of(solution)
    ((start, stop),) = motion.outages
    assert start == pytest.approx((gone[0] - 1) * 0.1)
    assert stop == pytest.approx((gone[-1] + 1) * 0.1)
    torn = solution.select(np.r_[0:100, 200:300])
    assert motion_of(torn).outages == [pytest.approx((9.9, 20.0))]


def test_distance_is_speed_over_time() -> None:
    solution, truth = drive(1200)
    length = np.linalg.norm(np.diff(truth.p_e_m, axis=0), axis=1).sum()
    assert motion_of(solution).distance_m == pytest.approx(length, rel=0.01)
    still = motion_of(Solution(truth.t_ns, truth.p_e_m))
    assert still.distance_m == pytest.approx(length, rel=0.01)


def test_a_score_of_a_part_is_laid_to_its_own_epochs() -> None:
    solution, truth = drive(300)
    part = kinema.score(solution, truth, from_ns=int(solution.t_ns[100]), to_ns=int(solution.t_ns[150]))
    error = errors_at(part, solution.t_ns)
    assert np.isfinite(error[100:151]).all()
    assert np.isnan(error[:100]).all()
    assert np.isnan(error[151:]).all()
    assert "Horizontal error" in kinema.report(solution, score=part).html


def test_seen_and_used_are_counted_per_epoch() -> None:
    solution, _ = drive(300)
    residuals = solution.residuals
    assert residuals is not None
    sight = sight_of(residuals)
    seen, used = in_view(sight, len(solution))
    for epoch in (0, 77, 299):
        rows = residuals.epoch == epoch
        counted = rows & ((residuals.reason == 0) | (residuals.reason == 7))
        assert seen[epoch] == len(set(residuals.sat[rows].tolist()))
        assert used[epoch] == len(set(residuals.sat[counted].tolist()))


def test_tables_account_for_every_measurement() -> None:
    solution, _ = drive(300)
    residuals = solution.residuals
    assert residuals is not None
    by_signal = signal_rows(residuals)
    assert sum(row.used + row.left_out for row in by_signal) == len(residuals.sat)
    by_satellite = satellite_rows(residuals, sight_of(residuals))
    assert sum(row.measurements for row in by_satellite) == len(residuals.sat)
    for row in by_satellite:
        left = sum(count for reason, count in row.reasons.items() if reason != 7)
        assert row.measurements - left == pytest.approx(row.share_used * row.measurements)


def test_laps_are_marked_on_the_plots() -> None:
    solution, _ = drive(600)
    lap = Event("timed", "car", int(solution.t_ns[100]), int(solution.t_ns[500]))
    html = kinema.report(solution, laps=[lap]).html
    assert '[10.0,50.0,"timed 1","lap"]' in html


def test_status_names_cover_every_status() -> None:
    from kinema.report.findings import STATUS_NAMES
    from kinema.report.session import STATUSES

    assert {category.value for category in STATUSES} == set(FixStatus) == set(STATUS_NAMES)


def test_scripts_are_one_module_each_once() -> None:
    names = sorted(path.name for path in scripts.ASSETS.glob("*.js"))
    whole = scripts.bundle(names)
    assert not re.search(r"^(import|export) ", whole, re.MULTILINE)
    assert "</script" not in whole
    assert "innerHTML" not in whole
    assert whole.count("async function start()") == 1


def test_two_scripts_with_one_name_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "main.js": 'import { a } from "./one.js";\nconst b = 1;\n',
        "one.js": "export const a = 1;\nconst b = 2;\n",
    }
    monkeypatch.setattr(scripts, "_source", texts.__getitem__)
    with pytest.raises(ConfigError, match="both define 'b'"):
        scripts.bundle(["main.js"])


@pytest.mark.skipif(shutil.which("node") is None, reason="node not on PATH")
def test_scripts_are_valid_modules(tmp_path: Path) -> None:
    path = tmp_path / "page.mjs"
    path.write_text(scripts.bundle([p.name for p in scripts.ASSETS.glob("*.js")]), encoding="utf-8")
    done = subprocess.run(["node", "--check", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
