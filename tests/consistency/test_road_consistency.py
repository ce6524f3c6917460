"""Heights of roads met again, against simulated truth over seeds: smaller errors, honestly stated, decks apart."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.estimate.options import Method
from road_world import car_park, drive, heights, hills, world

pytestmark = pytest.mark.slow
SEEDS = 20


@pytest.mark.parametrize("method", ["filter", "smooth"])
def test_rounds_of_a_circuit(method: Method) -> None:
    """30 and 60 s without fixes on roads that were driven before: half the error; NEES of the height below one."""
    spans = [(140.0, 170.0), (200.0, 260.0)]
    plain, mine = (
        [heights(hills(), drive(hills(), world(hills(), seed), spans, method, road_height=on), spans)
         for seed in range(SEEDS)] for on in (False, True)
    )  # fmt: skip
    nees = [np.mean([np.mean((up / sigma) ** 2) for up, sigma, _ in runs]) for runs in (plain, mine)]
    rms = [np.sqrt(np.mean([np.mean(up**2) for up, _, _ in runs])) for runs in (plain, mine)]
    flat = [np.sqrt(np.mean([np.mean(h**2) for _, _, h in runs])) for runs in (plain, mine)]
    print(f"{method}: height RMS {rms[0]:.3f} -> {rms[1]:.3f} m, NEES {nees[0]:.2f} -> {nees[1]:.2f}, H {flat} m")
    assert rms[1] < 0.6 * rms[0]
    assert nees[1] < 1.2
    assert flat[1] < 1.05 * flat[0]


@pytest.mark.parametrize("method", ["filter", "smooth"])
def test_a_car_park_of_three_decks(method: Method) -> None:
    """200 s without fixes, down two decks and up again: no deck is taken for another, nothing gets worse."""
    spans = [(82.0, 286.0)]
    plain, mine = (
        [heights(car_park(), drive(car_park(), world(car_park(), seed, "industrial"), spans, method, road_height=on),
                 spans)[0] for seed in range(SEEDS)] for on in (False, True)
    )  # fmt: skip
    rms, most = ([f([np.abs(up) for up in runs]) for runs in (plain, mine)] for f in (_rms, np.max))
    print(f"{method}: height RMS {rms[0]:.3f} -> {rms[1]:.3f} m, largest {most[0]:.2f} -> {most[1]:.2f} m")
    assert rms[1] < 1.05 * rms[0]
    assert most[1] < 1.1 * most[0]


def _rms(runs: list[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(runs) ** 2)))
