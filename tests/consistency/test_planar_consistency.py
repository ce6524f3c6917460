"""Stated ellipses hold the errors: a cart among anchors and a car under satellites, simulated, many seeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kinema.core.recording import Recording
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from planar_world import car, cart, horizontal

World = Callable[[int], Recording]


def of_seeds(world: World, method: Method, seeds: range) -> tuple[np.ndarray, np.ndarray]:
    """Median NEES (2 degrees of freedom) and share within the 95 % ellipse, per seed."""
    nees, held = [], []
    for seed in seeds:
        recording = world(seed)
        _, squared = horizontal(solve(recording, SolveOptions(method=method)), recording.streams["truth"])
        nees.append(np.median(squared))
        held.append(np.mean(squared < 5.991))
    return np.array(nees), np.array(held)


@pytest.mark.parametrize("method", ["batch", "filter"])
def test_a_cart_among_anchors(method: Method) -> None:
    nees, held = of_seeds(cart, method, range(5))
    assert held.mean() > 0.9
    assert 0.4 < nees.mean() < 2.5


@pytest.mark.parametrize("method", ["batch", "filter"])
def test_a_car_in_town(method: Method) -> None:
    """The satellites' biases were drawn with 3 m; 4 m are assumed: the ellipses are wide, never narrow."""
    _, held = of_seeds(car, method, range(3))
    assert held.mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("method", ["batch", "filter"])
@pytest.mark.parametrize("world", [cart, car])
def test_fifty_seeds(world: World, method: Method) -> None:
    nees, held = of_seeds(world, method, range(50))
    print(world.__name__, method, "NEES", np.quantile(nees, [0.05, 0.5, 0.95]).round(2), "held", held.mean().round(3))
    assert held.mean() > 0.92
    assert np.quantile(held, 0.1) > 0.75
