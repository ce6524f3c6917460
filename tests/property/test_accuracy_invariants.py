"""What must hold for any trajectories: identities, order and ranges of a judgement."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.analysis.accuracy import score
from kinema.analysis.consistency import effective_samples, nees_of
from kinema.analysis.matching import truth_at
from kinema.core.frames import ecef_from_geodetic
from kinema.core.solution import Solution
from kinema.core.time import NS

seeds = st.integers(0, 2**31)


def random_walk(seed: int, n: int = 40, hole: bool = False) -> Solution:
    rng = np.random.default_rng(seed)
    lat, lon = rng.uniform(-1.4, 1.4), rng.uniform(-3.1, 3.1)
    start = ecef_from_geodetic(np.array(lat), np.array(lon), np.array(rng.uniform(-100, 4000)))
    p = start + np.cumsum(rng.normal(0, 5, (n, 3)), axis=0)
    t_ns = 10**18 + np.cumsum(rng.integers(2, 4, n)) * NS // 10
    if hole:
        p[rng.random(n) < 0.3] = np.nan
    root = rng.normal(0, 1, (n, 3, 3))
    return Solution(t_ns=t_ns, p_e_m=p, cov_p_e_m2=root @ np.swapaxes(root, 1, 2) + np.eye(3) * 0.1)


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_truth_is_itself_at_its_own_times(seed: int) -> None:
    truth = random_walk(seed)
    assert np.abs(truth_at(truth, truth.t_ns).p_e_m - truth.p_e_m).max() < 1e-6


@settings(deadline=None, max_examples=40)
@given(seeds, st.booleans())
def test_figures_are_ordered_shares_are_shares_and_json_is_json(seed: int, hole: bool) -> None:
    truth = random_walk(seed)
    rng = np.random.default_rng(seed + 1)
    solution = replace(random_walk(seed, hole=hole), t_ns=truth.t_ns)
    solution = replace(solution, p_e_m=solution.p_e_m + rng.normal(0, 2, (40, 3)))
    result = score(solution, truth)
    for part in (result.horizontal, result.spatial):
        assert part is not None
        assert part.p50 <= part.p95 <= part.max
        assert part.rms <= part.max
        assert part.mean <= part.rms + 1e-12
    assert result.horizontal is not None
    assert result.spatial is not None
    assert result.horizontal.rms <= result.spatial.rms
    assert 0 <= result.availability <= 1
    for a, b in zip(result.within, result.within[1:], strict=False):
        assert 0 <= a.epochs <= b.epochs <= 1
        assert a.expected_epochs <= b.expected_epochs <= 1
        assert a.epochs_3d <= a.epochs
    json.dumps(result.to_dict(), allow_nan=False)
    assert str(result)


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(2, 3))
def test_nees_does_not_depend_on_units_or_axes(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    error, root = rng.normal(0, 1, (5, k)), rng.normal(0, 1, (5, k, k))
    cov = root @ np.swapaxes(root, 1, 2) + 0.5 * np.eye(k)
    turn, _ = np.linalg.qr(rng.normal(0, 1, (k, k)))
    change = 7.5 * turn
    assert np.allclose(nees_of(error @ change.T, change @ cov @ change.T), nees_of(error, cov), rtol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-1e6, 1e6), min_size=0, max_size=60))
def test_effective_samples_lie_between_none_and_all(values: list[float]) -> None:
    assert 0 <= effective_samples(np.array(values)) <= max(len(values), 1)
