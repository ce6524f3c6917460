"""RTK in a town at 14 km: a real car's recording behind houses, with reflections, slips, outages and a far base."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.arrays import F64
from kinema.core.frames import vectors_n_from_e
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus
from rtk_spoiled import Hardness, directions, far_base, spoil

pytestmark = pytest.mark.data
JAPAN_BASE = (-3959400.631, 3385704.533, 3667523.111)
TOWN = Hardness(town=0.65)
SEEDS = (22, 34)


@pytest.fixture(scope="module")
def car(data_dir: Path) -> tuple[Recording, F64, tuple[F64, F64]]:
    """The recording as it is, where the car was (a centimetre), and where its satellites stand."""
    d = data_dir / "car-rtk-japan-2021-265"
    r = kinema.read(d / "SEPT265G.21O", d / "SEPT2650.21P", base=d / "3034265G.21O")
    truth = kinema.solve(r, mode="rtk", method="filter", base_position_e_m=JAPAN_BASE).p_e_m
    return r, truth, directions(r, JAPAN_BASE)


@pytest.mark.parametrize("method", ["batch", "filter"])
def test_town_drive_far_from_the_base(car, method: str) -> None:
    """Most epochs fixed, none of them off by more than 10 cm, and what is not fixed is near and says how near."""
    recording, truth, (azimuth, elevation) = car
    far, base = far_base(recording, np.array(JAPAN_BASE), truth[0], TOWN.extra_km)
    fixed, off, sigma = [], [], []
    for seed in SEEDS:
        hard = spoil(far, azimuth, elevation, truth, seed, TOWN)
        s = kinema.solve(hard, mode="rtk", method=method, base_position_e_m=base)
        fixed.append(s.status == FixStatus.FIXED)
        off.append(np.linalg.norm(vectors_n_from_e(s.p_e_m - truth, truth)[:, :2], axis=1))
        sigma.append(np.sqrt(np.trace(s.cov_p_e_m2, axis1=1, axis2=2)))
    share, h, sigmas = np.concatenate(fixed), np.concatenate(off), np.concatenate(sigma)
    assert share.mean() > (0.85 if method == "batch" else 0.7)
    assert h[share].max() < 0.1
    assert np.percentile(h, 90) < 0.5
    assert np.mean(h[~share] < 3.0 * sigmas[~share]) > 0.95
