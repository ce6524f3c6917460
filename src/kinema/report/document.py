"""`report`: one self-contained HTML page about a trajectory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kinema.analysis.judgement import Score
from kinema.core.event import Event
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.report.page import Page


@dataclass(frozen=True)
class Report:
    """A page that is ready to be written."""

    page: Page

    @cached_property
    def html(self) -> str:
        """The whole page as text."""
        return self.page.html()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; returns its path. It is written beside and moved into place, never left half."""
        target = Path(path)
        part = target.with_name(target.name + ".part")
        part.write_text(self.html, encoding="utf-8")
        part.replace(target)
        return target


def report(
    solution: Solution,
    *,
    truth: Solution | None = None,
    score: Score | None = None,
    recording: Recording | None = None,
    laps: Sequence[Event] | None = None,
    title: str | None = None,
) -> Report:
    """A report about `solution`: map, linked plots, sky, tables, settings, in one file that needs no network.

    `truth` is drawn beside it and, unless a `score` is given, the solution is judged by it. `recording` adds what was
    read and what was odd in it; `laps` (events with t0_ns and t1_ns) are marked on the plots. Raises DataError where
    the solution has no position.
    """
    from kinema.report.session import session_page

    if truth is not None and score is None:
        from kinema.analysis.accuracy import score as judge

        score = judge(solution, truth)
    return Report(session_page(solution, truth=truth, score=score, recording=recording, laps=laps or (), title=title))
