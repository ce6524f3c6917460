"""GPX, KML, GeoJSON and CSV of other programs; hostile and broken ones; libRSF, Spirent and plain truth files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinema.core.frames import geodetic_from_ecef, ned_from_ecef
from kinema.core.time import gps_ns_from_calendar, gps_ns_from_week
from kinema.errors import FormatError
from kinema.formats import csv_, geojson, gpx, kml, latlonh, librsf, spirent
from kinema.formats.base import ReadOptions, Source
from trajectories import parsed

T_NS = gps_ns_from_calendar(2024, 6, 24, (8 * 3600 + 20 * 60 + 18) * 10**9)
BOMB = '<!DOCTYPE x [<!ENTITY a "&b;&b;"><!ENTITY b "ha">]>'


NOON = '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"coordTimes":["noon"]}}'


def degrees(solution):
    lat, lon, h = geodetic_from_ecef(solution.p_e_m)
    return np.stack([np.degrees(lat), np.degrees(lon), h], axis=1)


def point(time: str = "2024-06-24T08:20:00Z", lat: str = "48.1", more: str = "") -> str:
    return f'<trkpt lat="{lat}" lon="-9.2"><ele>300.5</ele><time>{time}</time>{more}</trkpt>\n'


WITH_A_STRAY = "".join(point(f"2024-06-24T08:2{'0' if k == 6 else '5'}:0{k}Z") for k in range(10))
"""Ten points, the seventh five minutes back."""


def test_gpx_as_others_write_it():
    """Attributes in any order and quotes, prefixes, comments, CDATA, offsets, fractions, extensions, two segments."""
    text = (
        "<?xml version='1.0'?><!-- <trkpt lat='1' lon='1'/> --><x:gpx xmlns:x='u'><metadata><time>2000-01-01T00:00:00Z"
        "</time></metadata><x:trk><name><![CDATA[<trkpt lat='1' lon='1'/>]]></name><x:trkseg>"
        "<x:trkpt\n  lon = '-9.2'  lat=\"48.1\" ><x:ele> 300.5 </x:ele><x:time>2024-06-24T10:20:00.25+02:00</x:time>"
        "<x:extensions><g:TrackPointExtension><g:hr>120</g:hr></g:TrackPointExtension></x:extensions></x:trkpt>"
        "</x:trkseg><x:trkseg><x:trkpt lat='48.2' lon='-9.2'><x:time>2024-06-24T08:20:01Z</x:time></x:trkpt></x:trkseg>"
        "</x:trk></x:gpx>"
    )
    recording = parsed(gpx.FORMAT, text)
    found = recording.streams["fixes"]
    assert (found.t_ns - T_NS).tolist() == [250_000_000, 10**9]
    assert_allclose(degrees(found), [[48.1, -9.2, 300.5], [48.2, -9.2, 0]], atol=1e-8)
    assert found.channels["heart_rate"].value[0] == 120
    assert found.channels["segment"].value.tolist() == [1, 2]
    assert {"no height", "height datum not stated"} <= {issue.kind for issue in recording.issues}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"<gpx>{BOMB}{point()}</gpx>", "document type or entities"),
        ("<gpx><trk>" + point() + '<trkpt lat="48', "ends inside a tag"),
        ("<gpx></gpx>", "no track point"),
        ("<gpx><trkpt lat='1' lon='2'/></gpx>", "no point has a time"),
        ("<gpx>" + point(lat="148.0") + "</gpx>", "no place on Earth"),
        ("<gpx>" + point(lat="x") + "</gpx>", "no place on Earth"),
        ("<gpx>" + point() + point("yesterday") + "</gpx>", "garbled time"),
        (f"<gpx>{WITH_A_STRAY}</gpx>", "steps back"),
        ("\ufeff<gpx>".encode("utf-16").decode("latin1"), "UTF-16"),
    ],
)
def test_hostile_and_broken_gpx(text, said):
    """Entity bombs are refused before anything is expanded; each fault is one line."""
    content = text.encode("latin1") if said == "UTF-16" else text
    with pytest.raises(FormatError, match=said):
        parsed(gpx.FORMAT, content)


def test_gpx_faults_are_counted_when_asked():
    """A garbled time and a step back cost their own points only."""
    recording = parsed(gpx.FORMAT, f"<gpx>{WITH_A_STRAY}{point('soon')}</gpx>", "skip")
    assert len(recording.streams["fixes"]) == 9
    assert {"point without a time", "stray time"} <= {issue.kind for issue in recording.issues}


@pytest.mark.parametrize(
    ("fmt", "text", "said"),
    [
        (kml.FORMAT, f"<kml>{BOMB}</kml>", "document type"),
        (kml.FORMAT, "<kml><coordinates>1,2,3</coordinates></kml>", "no gx:Track"),
        (kml.FORMAT, "<when>2024-06-24T08:20:00Z</when>" + "<gx:coord>9 48 3</gx:coord>" * 2, "for 2"),
        (geojson.FORMAT, "{" * 100_000, "broken JSON"),
        (geojson.FORMAT, '{"type":"LineString","coordinates":[[1,2],[3,4]]}', "no line with a time"),
        (geojson.FORMAT, NOON, "'noon' is no time"),
    ],
)  # fmt: skip
def test_hostile_kml_and_geojson(fmt, text, said):
    """One line each."""
    with pytest.raises(FormatError, match=said):
        parsed(fmt, text)


@pytest.mark.parametrize(
    "text",
    [
        "utc,latitude,longitude,altitude\n2024-06-24T08:20:00Z,48.1,-9.2,300.5\n",
        "Time;Lat;Lng;Alt (m)\n2024-06-24 08:20:00;48.1;-9.2;300.5\n",
        "timestamp,lat,lon,ele\n1719217200000,48.1,-9.2,300.5\n",
        "unix_time,lat,lon,h_m\n1719217200.0,48.1,-9.2,300.5\n",
        "GPS Week,GPS TOW [s],Lat [deg],Lon [deg],Height [m]\n2320,116418.0,48.1,-9.2,300.5\n",
        "week\ttow_ms\tlat\tlon\th\n2320\t116418000\t48.1\t-9.2\t300.5\n",
        "# made by hand\n# gps_week,gps_tow_s,lat,lon,h\n2320,116418.0,48.1,-9.2,300.5\n",
    ],
)
def test_csv_of_others(text):
    """The same instant and place in the words of seven programs; the guess is told."""
    recording = parsed(csv_.FORMAT, text)
    found = recording.streams["fixes"]
    assert found.t_ns[0] == T_NS == gps_ns_from_week(2320, 116_418.0)
    assert_allclose(degrees(found)[0], [48.1, -9.2, 300.5], atol=1e-8)
    (told,) = [issue for issue in recording.issues if issue.kind == "columns read as"]
    assert "lat = " in told.detail


@pytest.mark.parametrize(
    ("text", "kind"),
    [("tow,lat,lon,h\n116418.0,48.1,-9.2,300.5\n", "week unknown"), ("t_s,lat,lon\n0.5,48.1,-9.2\n", "relative clock")],
)
def test_csv_with_half_a_time(text, kind):
    """Read, and told what is missing."""
    assert kind in [issue.kind for issue in parsed(csv_.FORMAT, text).issues]


@pytest.mark.parametrize(
    "text",
    [
        "utc,lat,lon\n", "lat,lon\n1,2\n", "utc,lat,lon\nnoon,48.1,9.2\n", "utc,lat,lon\n2024-06-24T08:20:00Z,x,9.2\n",
        "utc,lat,lon\n2024-06-24T08:20:00Z,48.1\n", "utc,lat,lon\n1719217200,148.1,9.2\n", "1,2,3\n4,5,6\n",
        "# kinema trajectory 1\nt_ns,lat_deg\n5,48\n", "utc,lat,lon\n,48.1,9.2\n", "\n" * 100,
    ],
)  # fmt: skip
def test_broken_csv(text):
    """One line each."""
    with pytest.raises(FormatError) as told:
        parsed(csv_.FORMAT, text)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["pseudorange3 1 2\n", "point3 0 1 2 nan\n", "what 1 2 3\n", "odom3 0" + " -1" * 12])
def test_broken_librsf(text):
    """Too short, no number, an unknown word, negative variances."""
    with pytest.raises(FormatError):
        parsed(librsf.FORMAT, text)


@pytest.mark.data
def test_librsf_turns_left_and_up_into_right_and_down(data_dir):
    """The yaw rate of the odometry follows the turning of the ground truth, clockwise positive."""
    folder = data_dir / "canyon-berlin"
    log = gzip.decompress((folder / "Berlin_Potsdamer_Platz_Input.txt.gz").read_bytes())
    recording = parsed(librsf.FORMAT, log)
    assert len(recording.streams["prepared"].sat) == 20_038
    truth = parsed(librsf.FORMAT, (folder / "Berlin_Potsdamer_Platz_GT.txt").read_bytes()).streams["truth"]
    north, east, _ = ned_from_ecef(truth.p_e_m, truth.p_e_m[0]).T
    t_s = truth.t_ns * 1e-9
    turning = np.gradient(np.unwrap(np.arctan2(np.gradient(east), np.gradient(north))), t_s)
    odometry = recording.streams["odometry"]
    moving = odometry.value[:, 0] > 3
    assert np.corrcoef(turning[moving], odometry.value[moving, 5])[0, 1] > 0.8
    assert odometry.columns[:6] == ("vx", "vy", "vz", "wx", "wy", "wz")


@pytest.mark.data
def test_truth_files(data_dir):
    """Spirent: simulated and exact. Japan: the week is not known. MatRTKLIB: one point."""
    folder = data_dir / "sim-spirent-rtk"
    truth = parsed(spirent.FORMAT, (folder / "Rover-dynamic_PVA_Spirent.csv").read_bytes()).streams["truth"]
    assert truth.provenance.simulated
    assert truth.t_ns[0] == gps_ns_from_week(2244, 36_000.0)
    gone = np.linalg.norm(np.diff(truth.p_e_m, axis=0), axis=1).sum()
    assert gone == pytest.approx(np.linalg.norm(truth.v_e_mps, axis=1).sum() * 0.1, rel=0.01)
    japan = parsed(latlonh.FORMAT, (data_dir / "car-rtk-japan-2021-265" / "pseudo_truth.csv").read_bytes())
    assert len(japan.streams["truth"]) == 335
    assert [issue.kind for issue in japan.issues] == ["week unknown"]
    fixed = parsed(latlonh.FORMAT, (data_dir / "static-rtk-1m" / "rover_position.txt").read_bytes())
    assert [issue.kind for issue in fixed.issues] == ["no time"]


@pytest.mark.data
def test_runners_gpx(data_dir):
    """691 points with heart rate and cadence."""
    found = parsed(gpx.FORMAT, (data_dir / "run-track-session" / "track_session.gpx").read_bytes()).streams["fixes"]
    assert len(found) == 691
    assert 60 < np.nanmin(found.channels["heart_rate"].value) < np.nanmax(found.channels["heart_rate"].value) < 210


@pytest.mark.parametrize("head", [b'PAR1\x15\x04,a\rb,"c\nd', b'"a\rb",c,d\n', b"\x00,\x00\r,\xff\n", b'"""\n', b""])
def test_sniffing_never_raises(head):
    """Binary files of other formats come past every sniffer."""
    for one in (csv_, geojson, gpx, kml, latlonh, librsf, spirent):
        assert 0 <= one.FORMAT.sniff(head, "any.bin") < 0.5


def test_gpx_with_a_stray_end_of_a_point():
    """An end too many, as damaged files have them: the points that are whole are read, or it is told."""
    rows = "".join(point(f"2024-06-24T08:20:0{k}Z") for k in range(4)).replace("</trkpt>", "</trkpt></trkpt>", 1)
    with pytest.raises(FormatError):
        parsed(gpx.FORMAT, f"<gpx><trk><trkseg>{rows}</trkseg></trk></gpx>")
    source = Source(Path("a.gpx"), memoryview(f"<gpx><trk><trkseg>{rows}</trkseg></trk></gpx>".encode()))
    assert len(gpx.FORMAT.read(source, ReadOptions("skip")).streams["fixes"]) >= 1
