"""Tracks on the ground know how far off they are: NEES over seeds on movers that keep to the models."""

from __future__ import annotations

import numpy as np

from kinema.core.course import Plane
from kinema.core.tracks import GroundDetections
from kinema.kernels.ground_motion import GroundMotion, turn_matrix
from kinema.tracking.ground import track_ground
from kinema.tracking.ground_offline import track_ground_offline

SIGMA_M, DT = 0.3, 0.1


def movers(seed: int, n: int = 5, scans: int = 200) -> tuple[np.ndarray, GroundDetections]:
    """Truth (scans, n, 4) of movers that change between straight and turning, far from each other; 95 % detected."""
    rng, how, f = np.random.default_rng(seed), GroundMotion(), np.zeros((5, 5))
    x = np.zeros((n, 5))
    x[:, 0] = 500.0 * np.arange(n)
    x[:, 2:4] = rng.normal(0, 4, (n, 2))
    turning, truth = np.zeros(n, bool), np.empty((scans, n, 4))
    for k in range(scans):
        for i in range(n):
            if rng.random() < 1 - np.exp(-(how.to_straight if turning[i] else how.to_turn) * DT):
                turning[i] = not turning[i]
                x[i, 4] = rng.normal(0, how.first_rate) if turning[i] else 0.0
            turn_matrix(x[i], DT, f)
            move = f[:4, 2:4] @ x[i, 2:4]
            x[i, :2] += move[:2]
            x[i, 2:4] = move[2:]
            q = how.q_turn if turning[i] else how.q_straight
            step = q * np.linalg.cholesky([[DT**3 / 3, DT**2 / 2], [DT**2 / 2, DT]]) @ rng.normal(size=(2, 2))
            x[i, :2] += step[0]
            x[i, 2:4] += step[1]
            x[i, 4] += turning[i] * rng.normal(0, how.q_rate * np.sqrt(DT))
        truth[k] = x[:, :4]
    scan, who = np.nonzero(rng.random((scans, n)) < 0.95)
    z = truth[scan, who, :2] + rng.normal(0, SIGMA_M, (len(who), 2))
    cov = np.tile(np.eye(2) * SIGMA_M**2, (len(who), 1, 1))
    return truth, GroundDetections(scan * 100_000_000, z, cov, Plane(0.8, 0.2), simulated=True)


def test_online_and_smoothed_positions_are_as_good_as_they_say() -> None:
    """Mean NEES of two coordinates is 2; the mean over 12 seeds of 5 movers scatters by about 0.1."""
    found: dict[str, list[np.ndarray]] = {"online": [], "smoothed": []}
    for seed in range(12):
        truth, seen = movers(seed)
        for name, track in (("online", track_ground), ("smoothed", track_ground_offline)):
            tracks = track(seen)
            k = tracks.t_ns // 100_000_000
            late = k > 30
            nearest = np.hypot(*(truth[k][:, :, :2] - tracks.p_ne_m[:, None]).transpose(2, 0, 1)).argmin(axis=1)
            error = (tracks.p_ne_m - truth[k, nearest, :2])[late]
            found[name].append(np.einsum("ki,kij,kj->k", error, np.linalg.inv(tracks.cov_ne_m2[late]), error))
            assert len(np.unique(tracks.track)) == 5
    for name, parts in found.items():
        nees = np.concatenate(parts)
        assert 1.6 < nees.mean() < 2.3, name
        assert 0.92 < (nees < 5.99).mean() < 0.98, name
