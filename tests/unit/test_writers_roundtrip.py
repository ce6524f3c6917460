"""Each written format reads back as what was written, within what it can say, and says where it is simulated."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import kinema
from kinema.core.solution import FixStatus
from kinema.errors import ConfigError
from kinema.formats.reading import read_file
from kinema.formats.writing import writable
from trajectories import solution

ENDINGS = ("pos", "nmea", "gpx", "kml", "geojson", "csv", "parquet")
WITH_COVARIANCE = {"pos": 2e-4, "gpx": 2e-4, "geojson": 2e-4, "csv": 1e-9, "parquet": 0.0}
WITH_VELOCITY = {"gpx": 2e-5, "geojson": 2e-5, "csv": 1e-9, "parquet": 0.0}


@pytest.mark.parametrize("ending", ENDINGS)
def test_writes_what_it_reads(tmp_path, ending):
    """Position to 0.2 mm, time exactly, status, and whatever else the format knows."""
    made = solution(50)
    found = read_file(kinema.write(made, tmp_path / f"drive.{ending}")).streams["fixes"]
    assert_array_equal(found.t_ns, made.t_ns)
    assert_allclose(found.p_e_m, made.p_e_m, atol=2e-4)
    if ending == "nmea":
        nearest = np.where(made.status == FixStatus.PPP, FixStatus.FLOAT, made.status)
        assert_array_equal(found.status, nearest)
    else:
        assert_array_equal(found.status, made.status)
    if ending in WITH_COVARIANCE:
        sd = np.sqrt(np.abs(made.cov_p_e_m2)).max()
        assert_allclose(found.cov_p_e_m2, made.cov_p_e_m2, atol=WITH_COVARIANCE[ending] * 4 * sd)
    if ending in WITH_VELOCITY:
        assert_allclose(found.v_e_mps, made.v_e_mps, atol=WITH_VELOCITY[ending])


@pytest.mark.parametrize("ending", ENDINGS)
def test_nanoseconds_survive(tmp_path, ending):
    """A receiver's own time tags are no round milliseconds."""
    made = solution(5, step_ns=100_000_007)
    found = read_file(kinema.write(made, tmp_path / f"drive.{ending}")).streams["fixes"]
    assert_array_equal(found.t_ns, made.t_ns)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_is_told(tmp_path, ending, simulated):
    """No simulated trajectory passes for a measured one."""
    path = kinema.write(solution(5, simulated=simulated), tmp_path / f"drive.{ending}")
    assert read_file(path).simulated is simulated
    if ending != "parquet":
        assert ("simulated" in path.read_text() and "simulated: no" not in path.read_text()
                and '"simulated":false' not in path.read_text()) is simulated  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_epoch_and_missing_positions(tmp_path, ending):
    """A single epoch is a trajectory; epochs without a position break nothing."""
    assert len(read_file(kinema.write(solution(1), tmp_path / f"one.{ending}")).streams["fixes"]) == 1
    made = solution(6)
    holes = made.p_e_m.copy()
    holes[2:4] = np.nan
    made = kinema.Solution(made.t_ns, holes, made.cov_p_e_m2)
    found = read_file(kinema.write(made, tmp_path / f"holes.{ending}")).streams["fixes"]
    assert found.valid.sum() == 4


def test_parquet_is_exact(tmp_path):
    """Every number, channel, unit and the provenance."""
    made = solution(30, simulated=True)
    found = read_file(kinema.write(made, tmp_path / "drive.parquet")).streams["fixes"]
    for name in (
        "t_ns",
        "p_e_m",
        "cov_p_e_m2",
        "v_e_mps",
        "cov_v_e",
        "q_nb_wxyz",
        "cov_att_n_rad2",
        "status",
        "n_sats",
    ):
        assert_array_equal(getattr(found, name), getattr(made, name))
    assert found.channels["age_s"].unit == "s"
    assert_array_equal(found.channels["age_s"].value, made.channels["age_s"].value)
    assert found.provenance == made.provenance


def test_parquet_tells_units_and_frames(tmp_path):
    """Other programs find unit, frame and version in the metadata."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(kinema.write(solution(3), tmp_path / "drive.parquet"))
    assert schema.field("p_e_x_m").metadata == {b"unit": b"m", b"frame": b"ECEF"}
    assert schema.field("t_ns").metadata[b"scale"] == b"GPS"
    assert schema.metadata[b"kinema.version"] == b"1"
    assert json.loads(schema.metadata[b"kinema.provenance"])["sources"] == ["rover.obs"]


def test_gpx_is_gpx(tmp_path):
    """Well-formed, elements in the order of the GPX 1.1 schema, UTC times."""
    root = ElementTree.parse(kinema.write(solution(3), tmp_path / "drive.gpx")).getroot()
    space = "{http://www.topografix.com/GPX/1/1}"
    assert root.tag == space + "gpx"
    assert root.attrib["version"] == "1.1"
    point = root.find(f"{space}trk/{space}trkseg/{space}trkpt")
    assert [child.tag.removeprefix(space) for child in point] == ["ele", "time", "sat", "extensions"]
    assert point.find(f"{space}time").text == "2022-10-31T23:59:42.000Z"


def test_geojson_is_geojson(tmp_path):
    """RFC 7946: longitude first, a LineString of as many positions as there are times."""
    found = json.loads(kinema.write(solution(4), tmp_path / "drive.geojson").read_text())
    (feature,) = found["features"]
    assert feature["geometry"]["type"] == "LineString"
    assert feature["geometry"]["coordinates"][0][0] == pytest.approx(-70.1, abs=0.01)
    assert len(feature["properties"]["coordinateProperties"]["times"]) == 4
    assert "WGS84" in feature["properties"]["frame"]


def test_kml_colours_status(tmp_path):
    """One track for each run of one status, with a style that is there."""
    path = kinema.write(solution(30), tmp_path / "drive.kml")
    root = ElementTree.parse(path).getroot()
    space = "{http://www.opengis.net/kml/2.2}"
    styles = {f"#{style.attrib['id']}" for style in root.iter(space + "Style")}
    used = {one.text for one in root.iter(space + "styleUrl")}
    assert used
    assert used <= styles


def test_csv_names_its_units(tmp_path):
    """The frame in a comment, the unit in each name, and nothing that is not known."""
    text = kinema.write(solution(3), tmp_path / "drive.csv").read_text().splitlines()
    assert text[0] == "# kinema trajectory 1"
    assert any(line.startswith("# frame:") for line in text)
    names = next(line for line in text if not line.startswith("#")).split(",")
    assert {"t_ns", "utc", "lat_deg", "lon_deg", "h_m", "sd_n_m", "v_n_mps", "age_s [s]"} <= set(names)


def test_unknown_ending_lists_the_known(tmp_path):
    """One line that names what is possible; nothing is left behind."""
    with pytest.raises(ConfigError, match=r"\.xyz'; known are .*\.parquet"):
        kinema.write(solution(2), tmp_path / "drive.xyz")
    with pytest.raises(ConfigError, match="no folder"):
        kinema.write(solution(2), tmp_path / "nowhere" / "drive.pos")
    assert list(tmp_path.iterdir()) == []
    assert set(writable()) >= {f".{ending}" for ending in ENDINGS}


def test_pos_is_what_rtklib_reads(tmp_path):
    """Header, column order, Q, nine decimals of a degree, four of a metre."""
    made = solution(2)
    text = kinema.write(made, tmp_path / "drive.pos").read_text().splitlines()
    assert text[0].startswith("% program   :")
    assert any(line.startswith("%  GPST") and "sdun(m) age(s)  ratio" in line for line in text)
    fields = text[-2].split()
    assert fields[0:2] == ["2022/11/01", "00:00:00.000"]
    assert len(fields[2].split(".")[1]) == 9
    assert len(fields[4].split(".")[1]) == 4
    assert len(fields) == 15
    wide = kinema.write(made, tmp_path / "wide.pos", velocity=True)
    assert len(wide.read_text().splitlines()[-1].split()) == 24
    assert_allclose(read_file(wide).streams["fixes"].v_e_mps, made.v_e_mps, atol=2e-5)
