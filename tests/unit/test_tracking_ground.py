"""Movers on the ground: crossings, gaps, tags, and what laps make of them."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.course import Plane
from kinema.core.solution import FixStatus
from kinema.core.tracks import GroundDetections
from kinema.errors import DataError
from kinema.kernels.ground_motion import turn_matrix
from kinema.kernels.ground_smooth import filter_ground, smooth_ground
from kinema.tracking.ground import GroundTracker, track_ground
from kinema.tracking.ground_offline import track_ground_offline

PLANE = Plane(np.radians(48.0), np.radians(11.0), 500.0)
STEP_NS = 100_000_000


def scene(
    paths: list[np.ndarray], tags: dict[tuple[int, int], int] | None = None, sigma: float = 0.1
) -> GroundDetections:
    """Detections of paths (scans, 2), NaN where not seen; tags by (scan, mover)."""
    rng = np.random.default_rng(0)
    rows = [
        (k, *(p[k] + rng.normal(0, sigma, 2)), (tags or {}).get((k, i), -1))
        for k in range(len(paths[0])) for i, p in enumerate(paths) if np.isfinite(p[k]).all()
    ]  # fmt: skip
    v = np.array(rows)
    cov = np.tile(np.eye(2) * sigma**2, (len(v), 1, 1))
    return GroundDetections(v[:, 0].astype(np.int64) * STEP_NS, v[:, 1:3], cov, PLANE, v[:, 3].astype(np.int64))


def line(start: tuple[float, float], v: tuple[float, float], n: int = 100) -> np.ndarray:
    return np.array(start) + np.arange(n)[:, None] * 0.1 * np.array(v)


def test_two_who_cross_keep_their_identities() -> None:
    a, b = line((0, 0), (5, 5)), line((0, 50), (5, -5))
    tracks = track_ground_offline(scene([a, b]))
    assert len(np.unique(tracks.track)) == 2
    for name in (0, 1):
        mine = tracks.track == name
        path = a if np.hypot(*(tracks.p_ne_m[mine][0] - a[0])) < 1 else b
        assert np.hypot(*(tracks.p_ne_m[mine] - path).T).max() < 0.5


def test_a_gap_is_bridged_and_the_uncertainty_grows_in_it() -> None:
    path = line((0, 0), (5, 0))
    path[40:70] = np.nan
    tracks = track_ground_offline(scene([path, line((0, 90), (5, 0))], {(5, 0): 1, (5, 1): 2}))
    mine = tracks.tag == 1
    p_ne_m, var = tracks.p_ne_m[mine], tracks.cov_ne_m2[mine, 0, 0]
    assert len(p_ne_m) == 100
    assert tracks.seen[mine].sum() == 70
    assert var[55] > 5 * var[20]
    assert abs(p_ne_m[55, 0] - 27.5) < 3 * np.sqrt(var[55])


def test_tags_name_the_movers_and_mend_an_exchange() -> None:
    """Two who meet and part the other way, told apart by nothing but the tags read before and after."""
    n = 120
    away = np.concatenate((np.linspace(10, 0, 60), np.linspace(0, 10, 60)))
    a = np.column_stack((np.arange(n) * 0.5, away))
    b = np.column_stack((np.arange(n) * 0.5, -away))
    tags = {(10, 0): 7, (10, 1): 8, (110, 0): 7, (110, 1): 8}
    tracks = track_ground_offline(scene([a, b], tags))
    names = tracks.names()
    assert sorted(names.values()) == ["7", "8"]
    for track, name in names.items():
        mine = tracks.track == track
        path = a if name == "7" else b
        far = np.abs(tracks.p_ne_m[mine][:, 1] - path[:, 1])
        assert far[:50].max() < 0.6
        assert far[-50:].max() < 0.6


def test_solutions_stand_where_the_tracks_are() -> None:
    tracks = track_ground(scene([line((100, 200), (3, -4))], {(5, 0): 12}))
    solution = (
        tracks.to_solutions()["12"] if "12" in tracks.to_solutions() else next(iter(tracks.to_solutions().values()))
    )
    assert np.allclose(PLANE.ne_from_ecef(solution.p_e_m), tracks.p_ne_m, atol=1e-3)
    assert np.allclose(np.linalg.norm(solution.v_e_mps[-1]), 5.0, atol=0.5)
    assert (solution.status == FixStatus.DIFFERENTIAL).all()
    assert (np.linalg.eigvalsh(solution.cov_p_e_m2) > 0).all()
    step = np.diff(solution.p_e_m, axis=0)[50:].sum(axis=0)
    assert solution.v_e_mps[50:].mean(axis=0) @ step / np.linalg.norm(step) > 4.5, "velocity points along the way"


def test_scans_that_are_missing_count_as_time() -> None:
    path = line((0, 0), (8, 0), 200)
    path[50:][np.arange(150) % 10 != 0] = np.nan
    assert len(np.unique(track_ground(scene([path])).track)) == 1


def test_bad_input_is_told() -> None:
    with pytest.raises(DataError, match="positive covariances"):
        GroundDetections(np.zeros(1, np.int64), np.zeros((1, 2)), np.zeros((1, 2, 2)), PLANE)
    with pytest.raises(DataError, match="finite"):
        GroundDetections(np.zeros(1, np.int64), np.full((1, 2), np.nan), np.eye(2)[None], PLANE)
    tracker = GroundTracker()
    tracker.step(5, np.zeros((0, 2)), np.zeros((0, 2, 2)))
    with pytest.raises(DataError, match="a time after 5 ns"):
        tracker.step(5, np.zeros((0, 2)), np.zeros((0, 2, 2)))


def test_nothing_seen_gives_no_tracks() -> None:
    none = GroundDetections(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros((0, 2, 2)), PLANE)
    assert len(track_ground(none).t_ns) == len(track_ground_offline(none).t_ns) == 0


@pytest.mark.parametrize("rate", [0.0, 1e-6, 0.3, -1.2])
def test_turn_matrix_is_the_derivative_of_the_turn(rate: float) -> None:
    def moved(x: np.ndarray) -> np.ndarray:
        f = np.zeros((5, 5))
        turn_matrix(x, 0.4, f)
        out = x.copy()
        out[:2] += f[:2, 2:4] @ x[2:4]
        out[2:4] = f[2:4, 2:4] @ x[2:4]
        return out

    x, jacobian = np.array([1.0, -2.0, 5.0, 3.0, rate]), np.zeros((5, 5))
    turn_matrix(x, 0.4, jacobian)
    numeric = np.column_stack([(moved(x + e) - moved(x - e)) / 2e-4 for e in np.eye(5) * 1e-4])
    assert np.allclose(jacobian, numeric, atol=1e-5)


@pytest.mark.parametrize("bent", [False, True])
def test_smoother_equals_the_batch_solution(bent: bool) -> None:
    """Against least squares over all states at once, a gap included, straight on and along a bending course."""
    n, dt, q, v0, sigma = 12, 0.5, 0.7, 5.0, 0.3
    rng = np.random.default_rng(1)
    t_s, z = np.arange(n) * dt, rng.normal(size=(n, 2)).cumsum(axis=0)
    z[5:8] = np.nan
    r = np.tile(np.array([[sigma**2, 0.02], [0.02, 0.05]]), (n, 1, 1))
    x, p, gain, y, s = (np.zeros((n, *k)) for k in ((4,), (4, 4), (4, 2), (2,), (2, 2)))
    turn = rng.normal(0, 0.3, n) if bent else np.zeros(n)
    filter_ground(t_s, turn, z, r, np.tile([q * q, q * q, 0.0], (n, 1)), v0, x, p, gain, y, s)
    smooth_ground(t_s, turn, z, x, p, gain, y, s)
    info, right = np.zeros((4 * n, 4 * n)), np.zeros(4 * n)
    info[2:4, 2:4] += np.eye(2) / v0**2
    noise = q**2 * np.kron([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]], np.eye(2))
    for k in range(n):
        if np.isfinite(z[k, 0]):
            w = np.linalg.inv(r[k])
            info[4 * k : 4 * k + 2, 4 * k : 4 * k + 2] += w
            right[4 * k : 4 * k + 2] += w @ z[k]
        if k:
            h, rotated = (
                np.zeros((4, 4 * n)),
                np.array([[np.cos(turn[k]), -np.sin(turn[k])], [np.sin(turn[k]), np.cos(turn[k])]]),
            )
            f = np.eye(4)
            f[:2, 2:], f[2:, 2:] = 0.5 * dt * (np.eye(2) + rotated), rotated
            h[:, 4 * k - 4 : 4 * k], h[:, 4 * k : 4 * k + 4] = -f, np.eye(4)
            info += h.T @ np.linalg.inv(noise) @ h
    assert np.allclose(x.ravel(), np.linalg.solve(info, right), atol=1e-6)
    cov = np.linalg.inv(info)
    assert all(np.allclose(p[k], cov[4 * k : 4 * k + 4, 4 * k : 4 * k + 4], atol=1e-6) for k in range(n))
