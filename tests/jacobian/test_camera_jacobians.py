"""From pixel to ground: lens, homography and calibration against finite differences and against what scatter does."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.course import Plane
from kinema.kernels.ground_motion import course_matrix
from kinema.sensors.calibration import from_marks, from_pose
from kinema.sensors.camera import Camera
from kinema.sensors.lens import Lens

PLANE = Plane(0.8, 0.2)
LENSES = [
    Lens((1100.0, 1080.0), (960.0, 540.0)),
    Lens((1100.0, 1080.0), (960.0, 540.0), "brown", (-0.12, 0.03, 0.001, -0.0007, 0.002)),
    Lens((700.0, 690.0), (950.0, 545.0), "fisheye", (0.03, -0.01, 0.004, -0.001)),
]


def camera(lens: Lens, changes: bool = True) -> Camera:
    h, moved = from_pose(lens.focal_px, lens.centre_px, (-40.0, 10.0), 12.0, 0.2, 0.4, 0.05)
    return Camera("a", (1920, 1080), PLANE, h, moved if changes else np.zeros((0, 3, 3)), lens)


def pixels(n: int = 40) -> np.ndarray:
    return np.random.default_rng(0).uniform((300, 500), (1600, 1000), (n, 2))


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.kind)
def test_lens_goes_there_and_back(lens: Lens) -> None:
    ideal, _, ok = lens.ideal(pixels())
    assert ok.all()
    assert np.allclose(lens.distorted(ideal), pixels(), atol=1e-8)


def test_lenses_bend_as_other_programs_say() -> None:
    """OpenCV 4.10: undistortPoints(…, P=K) and fisheye.undistortPoints of the same coefficients."""
    point = np.array([[300.0, 200.0], [1500.0, 900.0]])
    brown, _, _ = LENSES[1].ideal(point)
    fish, _, _ = LENSES[2].ideal(point)
    assert np.allclose(brown, BROWN_SAYS, atol=2e-3)
    assert np.allclose(fish, FISH_SAYS, atol=2e-3)


BROWN_SAYS = [[263.421201, 180.358100], [1523.684857, 915.152813]]
FISH_SAYS = [[-75.959207, 0.452421], [1720.053821, 1042.034739]]


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.kind)
def test_covariance_of_ground_points_is_that_of_finite_differences(lens: Lens) -> None:
    one, at, sigma = camera(lens), pixels(), np.tile([2.0, 3.0], (40, 1))
    p, cov, _, ok = one.to_ground(at, sigma)
    assert ok.all()
    slopes = []
    for k in range(2):
        step = np.eye(2)[k] * 1e-3
        slopes.append((one.to_ground(at + step, sigma)[0] - one.to_ground(at - step, sigma)[0]) / 2e-3)
    jacobian = np.stack(slopes, axis=-1) * sigma[:, None, :]
    assert np.allclose(cov, jacobian @ np.swapaxes(jacobian, 1, 2), rtol=1e-4)
    back, ahead = one.to_pixel(p)
    assert ahead.all()
    assert np.allclose(back, at, atol=1e-6)


def test_common_error_is_that_of_a_moved_camera() -> None:
    """Each change of pose moves the points as the homography of the moved pose does."""
    lens, at = LENSES[0], pixels()
    one = camera(lens)
    p, _, common, _ = one.to_ground(at, np.ones((40, 2)))
    poses = np.array([-40.0, 10.0, 12.0, 0.2, 0.4, 0.05, 1.0])
    sigma = np.array([0.1, 0.1, 0.1, 0.002, 0.002, 0.002, 0.005])
    total = np.zeros((40, 2, 2))
    for k in range(7):
        moved = poses.copy()
        moved[k] += 1e-3 * sigma[k]
        focal = (lens.focal_px[0] * moved[6], lens.focal_px[1] * moved[6])
        h, _ = from_pose(focal, lens.centre_px, (moved[0], moved[1]), *moved[2:6])
        d = (Camera("b", (1920, 1080), PLANE, h, lens=lens).to_ground(at, np.ones((40, 2)))[0] - p) / 1e-3
        total += d[:, :, None] * d[:, None, :]
    assert np.allclose(common, total, rtol=2e-2)


def test_marks_give_the_camera_and_know_how_well() -> None:
    """Over many calibrations with noise the ground points scatter as the common error says."""
    true = camera(LENSES[1], changes=False)
    north, east = np.meshgrid(np.linspace(-22, 20, 5), np.linspace(-8, 24, 5))
    marks = np.column_stack((north.ravel(), east.ravel()))
    seen, ahead = true.to_pixel(marks)
    seen, marks = seen[ahead & (seen[:, 1] < 1080)], marks[ahead & (seen[:, 1] < 1080)]
    at = np.array([[900.0, 800.0], [500.0, 600.0]])
    rng, found, stated = np.random.default_rng(3), [], []
    for _ in range(300):
        ideal, _, _ = LENSES[1].ideal(seen + rng.normal(0, 0.8, seen.shape))
        h, changes, rms = from_marks(ideal, marks, sigma_px=0.8, sigma_m=1e-4)
        assert rms < 1.6
        p, _, common, _ = Camera("c", (1920, 1080), PLANE, h, changes, LENSES[1]).to_ground(at, np.ones((2, 2)))
        found.append(p)
        stated.append(common)
    error = np.array(found) - true.to_ground(at, np.ones((2, 2)))[0]
    for k in range(2):
        nees = np.einsum("ki,kij,kj->k", error[:, k], np.linalg.inv(np.array(stated)[:, k]), error[:, k])
        assert 1.6 < nees.mean() < 2.4


def test_four_marks_fit_exactly_and_a_line_is_refused() -> None:
    from kinema.errors import DataError

    px, ne = np.array([[0.0, 0], [100, 0], [100, 100], [0, 100]]), np.array([[0.0, 0], [9, 1], [12, 13], [-1, 11]])
    h, changes, rms = from_marks(px, ne)
    assert rms < 1e-9
    assert np.abs(changes).max() > 0
    moved = np.column_stack((px, np.ones(4))) @ h.T
    assert np.allclose(moved[:, :2] / moved[:, 2:], ne)
    with pytest.raises(DataError, match="line"):
        from_marks(px, np.column_stack((np.arange(4.0), 2 * np.arange(4.0))))
    with pytest.raises(DataError, match="at least 4"):
        from_marks(px[:3], ne[:3])


def test_nothing_beyond_the_horizon_is_on_the_ground() -> None:
    one = camera(LENSES[0])
    _, _, _, ok = one.to_ground(np.array([[960.0, 20.0], [960.0, 900.0]]), np.ones((2, 2)))
    assert ok.tolist() == [False, True]


@pytest.mark.parametrize("bend", [0.0, 0.03, -0.1])
def test_course_matrix_is_the_derivative_of_the_step(bend: float) -> None:
    lead, f, moved = np.array([np.cos(0.7), np.sin(0.7), bend]), np.zeros((5, 5)), np.zeros(4)

    def step(x: np.ndarray) -> np.ndarray:
        out, scratch = np.zeros(4), np.zeros((5, 5))
        course_matrix(x, 0.4, lead, 1.0, scratch, out)
        return out

    x = np.array([1.0, 2.0, 5.0, 3.0, 0.0])
    course_matrix(x, 0.4, lead, 1.0, f, moved)
    numeric = np.column_stack([(step(x + e) - step(x - e)) / 2e-4 for e in np.eye(5)[:, :4].T.copy() * 1e-4])
    assert np.allclose(f[:4, :4], numeric, atol=1e-6)
