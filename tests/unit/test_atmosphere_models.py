"""The models of the atmosphere against RTKLIB's and against what they must be like."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.time import gps_ns_from_week
from kinema.kernels.atmosphere import klobuchar, klobuchar_bds, thin_shell, troposphere_local, troposphere_mapping

AB = np.array([1.8626e-08, 2.2352e-08, -1.1921e-07, -5.9605e-08, 1.2902e05, 1.6384e05, -1.9661e05, -2.6214e05])


def places(n: int = 60) -> np.ndarray:
    """Rows of latitude, longitude, height, azimuth, elevation, second of week."""
    rng = np.random.default_rng(5)
    low, high = (-1.4, -3.1, 0, 0, 0.1, 0), (1.4, 3.1, 2000, 6.28, 1.57, 604_000)
    return rng.uniform(low, high, (n, 6))


def test_ionosphere_and_mapping_are_rtklibs():
    rk = pytest.importorskip("pyrtklib5")
    coefficients, position, direction, wet = rk.Arr1Ddouble(8), rk.Arr1Ddouble(3), rk.Arr1Ddouble(2), rk.Arr1Ddouble(1)
    for k in range(8):
        coefficients[k] = AB[k]
    local = np.empty(9)
    for lat, lon, h, azimuth, elevation, tow in places():
        position[0], position[1], position[2], direction[0], direction[1] = lat, lon, h, azimuth, elevation
        when, t_ns = rk.gpst2time(2300, float(int(tow))), gps_ns_from_week(2300, int(tow))
        theirs = rk.ionmodel(when, coefficients, position, direction)
        assert klobuchar(AB, t_ns, lat, lon, azimuth, elevation) == pytest.approx(theirs, abs=1e-9)
        dry = rk.tropmapf(when, position, direction, wet)
        troposphere_local(t_ns, lat, h, local)
        assert troposphere_mapping(local, elevation) == pytest.approx((dry, wet[0]), rel=1e-4)


def test_zenith_delay_is_that_of_the_place_and_season():
    local = np.empty(9)
    january, july = gps_ns_from_week(2243, 0), gps_ns_from_week(2270, 0)
    troposphere_local(july, np.radians(35.3), 50.0, local)
    summer = local[:2].copy()
    troposphere_local(january, np.radians(35.3), 50.0, local)
    winter = local[:2].copy()
    assert summer[0] == pytest.approx(2.30, abs=0.03)
    assert winter[0] == pytest.approx(2.30, abs=0.03)
    assert 0.15 < summer[1] < 0.30
    assert 0.05 < winter[1] < 0.14
    troposphere_local(january, np.radians(35.3), 2000.0, local)
    assert local[0] < winter[0] - 0.4


def test_slant_delays_grow_towards_the_horizon():
    low_to_high = np.radians([5.0, 15.0, 30.0, 60.0, 90.0])
    t_ns = gps_ns_from_week(2300, 50_400)
    for slant in (
        [thin_shell(e) for e in low_to_high],
        [klobuchar(AB, t_ns, 0.6, 0.0, 0.0, e) for e in low_to_high],
        [klobuchar_bds(AB, t_ns, 0.6, 0.0, 0.0, e) for e in low_to_high],
    ):
        assert (np.diff(slant) < 0).all()
        assert slant[-1] > 0
    assert thin_shell(np.pi / 2) == pytest.approx(1.0)
    noon, night = klobuchar(AB, t_ns, 0.6, 0.0, 0.0, 1.0), klobuchar(AB, t_ns + 12 * 3600 * 10**9, 0.6, 0.0, 0.0, 1.0)
    assert noon > 2 * night
