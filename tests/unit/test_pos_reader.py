"""RTKLIB .pos in all its layouts: each says the same trajectory."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinema.core.frames import ecef_from_geodetic, geodetic_from_ecef
from kinema.core.solution import FixStatus
from kinema.core.time import gps_ns_from_calendar, gps_ns_from_week
from kinema.errors import FormatError
from kinema.formats.rtklib_pos import FORMAT
from trajectories import parsed

T_NS = gps_ns_from_calendar(2021, 9, 22, (6 * 3600 + 30 * 60) * 10**9 + 500_000_000)
TAIL = " 1  9  0.0100 0.0200 0.0300 0.0050 -0.0060 0.0070 0.20 12.3\n"
P = ecef_from_geodetic(np.radians(35.5), np.radians(-139.25), np.float64(50.0))


def one(text: str, on_bad: str = "raise"):
    return parsed(FORMAT, text, on_bad).streams["fixes"]


@pytest.mark.parametrize(
    ("head", "time"),
    [
        ("%  GPST  latitude(deg) longitude(deg)  height(m) Q", "2021/09/22 06:30:00.500"),
        ("%  GPST  latitude(deg) longitude(deg)  height(m) Q", "2176 282600.500"),
        ("%  UTC   latitude(deg) longitude(deg)  height(m) Q", "2021/09/22 06:29:42.500"),
        ("%  JST   latitude(deg) longitude(deg)  height(m) Q", "2021/09/22 15:29:42.500"),
    ],
)
def test_time_systems(head, time):
    """GPS time, week and second, UTC and Japanese time are one instant."""
    found = one(f"{head}\n{time} 35.5 -139.25 50.0{TAIL}")
    assert found.t_ns[0] == T_NS == gps_ns_from_week(2176, 282_600.5)
    assert_allclose(found.p_e_m[0], P, atol=1e-6)
    assert found.status[0] == FixStatus.FIXED
    assert found.n_sats[0] == 9
    assert found.channels["ratio"].value[0] == 12.3


def test_degrees_minutes_seconds_and_the_sign_of_zero():
    """ "-0 30 0" lies south of the equator."""
    head = "%  GPST  latitude(d'\") longitude(d'\")  height(m) Q\n"
    found = one(f"{head}2176 282600.500  -0 30 00.0000  139 15 00.0000  50.0{TAIL}")
    lat, lon, h = geodetic_from_ecef(found.p_e_m[0])
    assert_allclose([np.degrees(lat), np.degrees(lon), h], [-0.5, 139.25, 50], atol=1e-7)


def test_ecef_and_baseline():
    """ECEF as it stands; a baseline only with the position of its base."""
    xyz = " ".join(f"{x:.4f}" for x in P)
    assert_allclose(one(f"%  GPST  x-ecef(m) y-ecef(m) z-ecef(m) Q\n2176 1.0 {xyz}{TAIL}").p_e_m[0], P, atol=1e-4)
    head = "%  GPST  e-baseline(m) n-baseline(m) u-baseline(m) Q\n"
    with pytest.raises(FormatError, match="without the position of the base"):
        one(f"{head}2176 1.0 0.0 0.0 10.0{TAIL}")
    found = one(f"% ref pos   : 35.5 -139.25 40.0\n{head}2176 1.0 0.0 0.0 10.0{TAIL}")
    assert_allclose(found.p_e_m[0], P, atol=1e-4)


def test_signed_roots_become_the_covariance():
    """sdne 0.005 is a covariance of +25 mm², sdeu −0.006 of −36 mm², east against up."""
    found = one(f"%  GPST  latitude(deg)\n2176 1.0 0.0 0.0 0.0{TAIL}")
    # At latitude and longitude 0: up is x, east is y, north is z.
    expected = [[9e-4, -3.6e-5, 4.9e-5], [-3.6e-5, 4e-4, 2.5e-5], [4.9e-5, 2.5e-5, 1e-4]]
    assert_allclose(found.cov_p_e_m2[0], expected, atol=1e-12)


def test_velocity_columns_and_missing_columns():
    """Optional velocity in north, east, up; a file without sigmas has none."""
    text = "2176 1.0 0.0 0.0 0.0" + TAIL.rstrip() + " 1.0 2.0 3.0 0.1 0.1 0.1 0 0 0\n"
    assert_allclose(one("%  GPST  latitude(deg)\n" + text).v_e_mps[0], [3, 2, 1], atol=1e-12)
    bare = one("%  GPST  latitude(deg)\n2176 1.0 0.0 0.0 0.0 5\n")
    assert np.isnan(bare.cov_p_e_m2).all()
    assert bare.status[0] == FixStatus.SINGLE


def test_backward_and_doubled_epochs():
    """A backward solution is turned round; a doubled epoch is kept once; both are told."""
    row = "2176 {}.0 0.0 0.0 0.0 5\n"
    backward = parsed(FORMAT, "".join(row.format(k) for k in (5, 4, 3)))
    assert np.all(np.diff(backward.streams["fixes"].t_ns) > 0)
    assert backward.issues[0].kind == "times run backwards"
    doubled = parsed(FORMAT, "".join(row.format(k) for k in (3, 4, 4, 5)))
    assert len(doubled.streams["fixes"]) == 3
    assert doubled.issues[0].kind == "duplicate epoch"


@pytest.mark.parametrize("line", ["2176 4.0 here 0.0 0.0 5", "2176 4.0", "x", "2176 4.0 0.0 nan 0.0 5"])
def test_garbled_lines(line):
    """Told with their line, or skipped and counted."""
    text = f"% program : x\n2176 3.0 0.0 0.0 0.0 5\n{line}\n2176 5.0 0.0 0.0 0.0 5\n"
    with pytest.raises(FormatError, match="line 3: garbled line"):
        one(text)
    found = parsed(FORMAT, text, "skip")
    assert len(found.streams["fixes"]) == 2
    assert found.issues[0].count == 1


@pytest.mark.parametrize("text", ["", "\n" * 50, "% header only\n", "2176 1.0 91.0 0.0 0.0 5", "2176 1.0 0 0 0 9"])
def test_impossible_files(text):
    """Nothing in it, or what cannot be: one line."""
    with pytest.raises(FormatError):
        one(text)


@pytest.mark.data
def test_real_file(data_dir):
    """gnss_rtk.pos: 2197 epochs at 4 Hz, 2189 of them fixed."""
    found = parsed(FORMAT, (data_dir / "car-mems-imu-rtk" / "gnss_rtk.pos").read_bytes()).streams["fixes"]
    assert len(found) == 2197
    assert (found.status == FixStatus.FIXED).sum() == 2189
    assert np.median(np.diff(found.t_ns)) == 250_000_000
