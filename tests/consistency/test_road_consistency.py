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
    """200 s without fixes, two decks down and up again: no deck is taken for another; nothing is off by more than what
    roads are known to."""
    spans = [(82.0, 286.0)]
    plain, mine = (
        [heights(car_park(), drive(car_park(), world(car_park(), seed, "industrial"), spans, method, road_height=on),
                 spans) for seed in range(SEEDS)] for on in (False, True)
    )  # fmt: skip
    rms, most = [], []
    for runs in (plain, mine):
        up = np.concatenate([run[0] for run in runs])
        rms.append(float(np.sqrt(np.mean(up**2))))
        most.append(float(np.abs(up).max()))
    nees = np.mean([np.mean((up / sigma) ** 2) for up, sigma, _ in mine])
    print(
        f"{method}: height RMS {rms[0]:.3f} -> {rms[1]:.3f} m, most {most[0]:.2f} -> {most[1]:.2f} m, NEES {nees:.2f}"
    )
    assert rms[1] < rms[0] + 0.05
    assert most[1] < most[0] + 0.2
    assert nees < 1.0
