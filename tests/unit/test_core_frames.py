"""Earth frames against hand-worked points and as inverses of each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.core import frames

angle = st.floats(-np.pi / 2, np.pi / 2)


def test_hand_worked_points():
    a, b = frames.WGS84_A_M, frames.WGS84_B_M
    np.testing.assert_allclose(frames.ecef_from_geodetic(0.0, 0.0, 10.0), [a + 10, 0, 0])
    np.testing.assert_allclose(frames.ecef_from_geodetic(np.pi / 2, 0.0, 0.0), [0, 0, b], atol=1e-8)
    lat, _, h = frames.geodetic_from_ecef(np.array([0.0, 0.0, -b - 5]))
    assert (lat, h) == pytest.approx((-np.pi / 2, 5.0))
    np.testing.assert_allclose(frames.WGS84_B_M, 6_356_752.314245, atol=1e-6)


@given(angle, st.floats(-np.pi, np.pi), st.floats(-5_000, 2e7))
def test_round_trip_below_a_micrometre(lat, lon, h):
    p = frames.ecef_from_geodetic(lat, lon, h)
    again = frames.ecef_from_geodetic(*frames.geodetic_from_ecef(p))
    assert np.abs(again - p).max() < 1e-6


@given(angle, st.floats(-np.pi, np.pi))
def test_local_axes_are_a_rotation_and_down_is_down(lat, lon):
    c = frames.c_ne(lat, lon)
    np.testing.assert_allclose(c @ c.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(c) == pytest.approx(1)
    up = frames.ecef_from_geodetic(lat, lon, 1.0) - frames.ecef_from_geodetic(lat, lon, 0.0)
    np.testing.assert_allclose(c @ up, [0, 0, -1], atol=2e-9)


def test_local_points_and_covariances_turn_back():
    origin = frames.ecef_from_geodetic(0.85, 0.16, 320.0)
    rng = np.random.default_rng(5)
    p_n = rng.normal(size=(7, 3)) * 1000
    p_e = frames.ecef_from_ned(p_n, origin)
    np.testing.assert_allclose(frames.ned_from_ecef(p_e, origin), p_n, atol=1e-8)
    root = rng.normal(size=(7, 3, 3))
    cov = root @ np.swapaxes(root, 1, 2)
    np.testing.assert_allclose(frames.cov_e_from_n(frames.cov_n_from_e(cov, p_e), p_e), cov, atol=1e-12)
