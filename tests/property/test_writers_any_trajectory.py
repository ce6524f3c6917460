"""Whatever the trajectory: written and read again it is the same. Whatever the bytes: a Recording or one clear line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kinema
from kinema.core.frames import ecef_from_geodetic
from kinema.core.solution import FixStatus, Solution
from kinema.errors import KinemaError
from kinema.formats import csv_, geojson, gpx, kml, latlonh, librsf, nmea, parquet, rtklib_pos, spirent, ubx
from kinema.formats.base import ReadOptions
from kinema.formats.reading import read_file
from trajectories import solution, source

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FORMATS = (csv_, geojson, gpx, kml, latlonh, librsf, nmea, parquet, rtklib_pos, spirent, ubx)


@st.composite
def trajectories(draw) -> Solution:
    """Anywhere on Earth, near the poles and the date line too, at any time of the GPS era."""
    n = draw(st.integers(1, 6))
    lat = np.array(draw(st.lists(st.floats(-89.9999, 89.9999), min_size=n, max_size=n)))
    lon = np.array(draw(st.lists(st.floats(-180, 179.9999), min_size=n, max_size=n)))
    h = np.array(draw(st.lists(st.floats(-500, 20_000), min_size=n, max_size=n)))
    start = draw(st.integers(7 * 10**17, 16 * 10**17))
    steps = np.array(draw(st.lists(st.integers(1, 10**11), min_size=n, max_size=n)))
    sd = np.array(draw(st.lists(st.floats(0.01, 90), min_size=n, max_size=n)))
    return Solution(
        start + np.cumsum(steps), ecef_from_geodetic(np.radians(lat), np.radians(lon), h),
        np.eye(3) * (sd * sd)[:, None, None], status=np.full(n, FixStatus.SINGLE, np.uint8),
    )  # fmt: skip


@pytest.mark.parametrize("ending", ["pos", "nmea", "gpx", "kml", "geojson", "csv", "parquet"])
@QUICK
@given(made=trajectories())
def test_round_trip(ending, made):
    """Places to 0.3 mm, times to the nanosecond."""
    with tempfile.TemporaryDirectory() as folder:
        found = read_file(kinema.write(made, Path(folder) / f"any.{ending}")).streams["fixes"]
    assert_array_equal(found.t_ns, made.t_ns)
    assert_allclose(found.p_e_m, made.p_e_m, atol=3e-4)
    if ending in ("pos", "gpx", "csv", "parquet"):
        assert_allclose(found.cov_p_e_m2, made.cov_p_e_m2, atol=1e-4 * 200)


SEEDS: dict[str, bytes] = {}


def seed_of(name: str) -> bytes:
    """A small good file of each format that we write, and lines of those that we only read."""
    if not SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            for ending in ("pos", "nmea", "gpx", "kml", "geojson", "csv", "parquet"):
                SEEDS[ending] = kinema.write(solution(4), Path(folder) / f"seed.{ending}").read_bytes()
        SEEDS["librsf"] = (
            b"odom3 0 5.8 0 0 0 0 -0.005 0.0025 0.0009 0.0009 4e-06 4e-06 4e-06\npoint3 0 3785108 899901 5037234\n"
        )
        SEEDS["latlonh"] = b"# sow,lat,lon,h\n282610.0,35.3,139.5,47.5\n282611.0,35.3,139.5,47.5\n"
        SEEDS["spirent"] = (
            b"GpsWeek,GpsToW [s],Pos ECEF X [m],Pos ECEF Y [m],Pos ECEF Z [m]\n2244,1,4157161,671329,4774767\n"
        )
        SEEDS["ubx"] = bytes.fromhex("b562021510000000000000000000000000000000") + b"\x9b\xbe" * 4
    return SEEDS[name]


@pytest.mark.parametrize("module", FORMATS, ids=lambda module: module.FORMAT.name)
@QUICK
@given(data=st.data())
def test_damaged_files(module, data):
    """Bytes replaced, taken out, put in, the end cut off: in both modes a Recording or a KinemaError of one line."""
    content = bytearray(seed_of(module.FORMAT.name))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        kind = data.draw(st.sampled_from(["replace", "insert", "remove", "cut"]))
        if kind == "replace":
            content[at : at + 1] = data.draw(st.binary(min_size=1, max_size=2))
        elif kind == "insert":
            content[at:at] = data.draw(
                st.sampled_from([b"\n", b",", b"nan", b"-1", b"1e999", b"<", b'"', b"\xff", b"9" * 30])
            )
        elif kind == "remove":
            del content[at : at + data.draw(st.integers(1, 60))]
        else:
            del content[at:]
    for on_bad in ("raise", "skip"):
        try:
            module.FORMAT.read(source(bytes(content)), ReadOptions(on_bad))
        except KinemaError as error:
            if "\n" in str(error):
                pytest.fail(f"more than one line: {error}")
