"""A mower by ranges and odometry alone: its start found, its way to a hand's breadth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import AnchorRanges
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read
from planar_world import horizontal

pytestmark = pytest.mark.data


def rms_m(solution: Solution, truth: Solution) -> float:
    p = np.stack([np.interp(truth.t_ns, solution.t_ns, column) for column in solution.p_e_m.T], axis=1)
    return float(np.sqrt(((p - truth.p_e_m)[:, 1:] ** 2).sum(axis=1).mean()))


def plaza(data: Path) -> Recording:
    return read(data / "uwb-plaza" / "Plaza1_.mat")


@pytest.mark.parametrize(("method", "limit_m"), [("filter", 0.35), ("smooth", 0.25)])
def test_the_first_site(data_dir: Path, method: Method, limit_m: float) -> None:
    recording = plaza(data_dir)
    solution = solve(recording, SolveOptions(method=method))
    assert rms_m(solution, recording.streams["truth"]) < limit_m
    assert 0.9 < np.mean(horizontal(solution, recording.streams["truth"])[1] < 5.991) <= 1.0
    assert solution.provenance.datum == "local"


def test_ranges_alone(data_dir: Path) -> None:
    """No odometry: the motion is smooth, that is all that is known of it."""
    recording = plaza(data_dir)
    alone = replace(recording, streams={k: v for k, v in recording.streams.items() if k != "odometry"})
    error, _ = horizontal(solve(alone, SolveOptions(method="smooth")), recording.streams["truth"])
    assert np.median(np.hypot(*error.T)) < 0.6


def test_outliers_do_not_throw_it(data_dir: Path) -> None:
    """Every tenth range 5 to 30 m too long."""
    recording = plaza(data_dir)
    ranges: AnchorRanges = recording.streams["ranges"]
    rng = np.random.default_rng(1)
    wrong = ranges.range_m + (rng.random(len(ranges.range_m)) < 0.1) * rng.uniform(5, 30, len(ranges.range_m))
    bad = replace(recording, streams={**recording.streams, "ranges": replace(ranges, range_m=wrong)})
    assert rms_m(solve(bad, SolveOptions(method="smooth")), recording.streams["truth"]) < 0.3


def test_a_minute_without_ranges(data_dir: Path) -> None:
    """Dead reckoning between: status says so, and the sigma grows."""
    recording = plaza(data_dir)
    start = int(recording.streams["ranges"].t_ns[1500])
    masks = (("ranges", start, start + 60 * 10**9),)
    solution = solve(recording, SolveOptions(method="filter", masks=masks))
    k = int(np.searchsorted(solution.t_ns, start + 59 * 10**9))
    before = int(np.searchsorted(solution.t_ns, start - 10**9))
    assert solution.status[k] == 1
    assert solution.cov_p_e_m2[k].trace() > 2 * solution.cov_p_e_m2[before].trace()
