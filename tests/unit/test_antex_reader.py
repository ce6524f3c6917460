"""ANTEX: satellites over time, receivers by type and radome, patterns with azimuths; and damage."""

from __future__ import annotations

import numpy as np
import pytest

from antex_text import HEAD, antenna, small
from kinema.core.antennas import Antennas
from kinema.core.satellites import sat_id
from kinema.core.time import gps_ns_from_calendar
from kinema.errors import FormatError
from kinema.estimate.ppp_antennas import PhaseCentres, iono_free
from kinema.formats import antex
from kinema.sensors.antenna import interpolate_pattern
from rinex_text import line, parsed

IN_2024 = gps_ns_from_calendar(2024, 3, 5)
IN_2015 = gps_ns_from_calendar(2015, 3, 5)


def antennas(text: str, on_bad: str = "raise") -> Antennas:
    stream = parsed(antex.FORMAT, text, on_bad).streams["antennas"]
    assert isinstance(stream, Antennas)
    return stream


def test_satellites_by_number_and_time():
    known = antennas(small())
    now, before = known.satellite(1, IN_2024), known.satellite(1, IN_2015)
    assert now is not None
    assert before is not None
    assert (now.name, before.name) == ("BLOCK IIF", "BLOCK IIA")
    np.testing.assert_allclose(now.offset_m["G01"], [0.394, 0.0, 1.550])
    np.testing.assert_allclose(now.pattern_m["G02"], [[-0.002, 0.0, 0.004]])
    assert now.zenith_deg.tolist() == [0.0, 7.0, 14.0]
    assert known.satellite(1, gps_ns_from_calendar(2009, 1, 1)) is None
    assert known.satellite(sat_id("E11"), IN_2015) is not None
    assert known.satellite(2, IN_2024) is None


def test_the_receiver_by_type_and_radome():
    known = antennas(small())
    model = known.receiver("ASH701945E_M SCIS")
    assert model is not None
    np.testing.assert_allclose(model.offset_m["G01"], [0.001, 0.002, 0.090])
    assert model.azimuth_deg.tolist() == [0.0, 180.0, 360.0]
    np.testing.assert_allclose(model.pattern_m["G01"][1], [0.0, -0.002, 0.004])
    np.testing.assert_allclose(model.pattern_m["G02"], [[0.0, -0.001, 0.002]] * 3)
    assert known.receiver("ASH701945E_M NONE") is None
    assert known.receiver("ASH701945E_M") is None


def test_between_the_angles_of_a_pattern():
    """A quarter of the way around (45 of 180 degrees) and half way down (22.5 of 45): 0.75 · −2 − 0.25 · 1 mm."""
    model = antennas(small()).receiver("ASH701945E_M SCIS")
    assert model is not None
    angles = np.array([45.0, 0.0, np.nan, 359.9]), np.array([22.5, 95.0, 10.0, 0.0])
    value = interpolate_pattern(model.pattern_m["G01"], model.azimuth_deg, model.zenith_deg, *angles)
    np.testing.assert_allclose(value, [-0.00175, 0.008, 0.0, 0.0], atol=1e-12)


def test_ionosphere_free_of_gps():
    """77² / (77² − 60²) = 5929 / 2329 of L1 less 3600 / 2329 of L2: 2.5457 · 90 − 1.5457 · 120 = 43.62 mm."""
    model = antennas(small()).receiver("ASH701945E_M SCIS")
    assert model is not None
    centre = iono_free(model, ("G01", "G02"), ("G01", "G02"))
    np.testing.assert_allclose(centre.offset_m[2], (5929 * 0.090 - 3600 * 0.120) / 2329, atol=1e-12)
    np.testing.assert_allclose(centre.pattern_m[0, 2], (5929 * 0.008 - 3600 * 0.002) / 2329, atol=1e-12)


def test_what_antennas_add_to_distances():
    """On the equator at longitude 0: G01 in the zenith, G02 (not in the file) at 45 degrees in the north."""
    known = antennas(small())
    satellite, model = known.satellite(1, IN_2024), known.receiver("ASH701945E_M SCIS")
    assert satellite is not None
    assert model is not None
    pair = ("G01", "G02")
    centres = PhaseCentres({1: iono_free(satellite, pair, pair)}, {"G": iono_free(model, pair, pair)}, ())
    here = np.tile([6378137.0, 0.0, 0.0], (2, 1))
    unit = np.array([[1.0, 0.0, 0.0], [0.5**0.5, 0.0, 0.5**0.5]])
    angles = np.zeros(2), np.radians([90.0, 45.0])
    added = centres.range_m(np.array([1, 2]), here + 2e7 * unit, here, unit, *angles)
    up, north = (5929 * 0.090 - 3600 * 0.120) / 2329, 5929 * 0.001 / 2329
    overhead = (5929 * -0.001 - 3600 * -0.002) / 2329 - up
    slanted = (5929 * -0.004 - 3600 * -0.001) / 2329 - (up + north) * 0.5**0.5
    np.testing.assert_allclose(added, [overhead, slanted], atol=1e-9)


@pytest.mark.parametrize(("old", "new", "what"), [
    ("    394.00", "    39x.00", "line 10: a number is missing or garbled"),
    ("    394.00", "9999999.00", "line 10: a number"),
    ("   NOAZI   -1.00    0.00", "   NOAZI   -1.00        ", "line 11: a number"),
    ("     0.0  14.0   7.0", "     0.0  14.0   0.0", "line 4: zenith angles"),
    ("  2020     3     2", "  2020    13     2", "line 9: a time that cannot be"),
    ("   180.0    0.00", "   170.0    0.00", "azimuth out of order"),
])  # fmt: skip
def test_garbled_antennas_raise_or_are_counted(old: str, new: str, what: str):
    text = small().replace(old, new, 1)
    with pytest.raises(FormatError) as told:
        antennas(text)
    assert what.split(": ")[-1] in str(told.value)
    recording = parsed(antex.FORMAT, text, "skip")
    assert [(issue.kind, issue.count) for issue in recording.issues] == [("garbled antenna", 1)]
    stream = recording.streams["antennas"]
    assert len(stream.satellites.get(1, ())) + len(stream.receivers) == 2


def test_cut_relative_and_empty_files():
    with pytest.raises(FormatError, match="without END OF ANTENNA"):
        antennas(small()[:-200])
    assert not antennas(small()[:-200], "skip").receivers
    with pytest.raises(FormatError, match="no antenna in it"):
        antennas(HEAD)
    with pytest.raises(FormatError, match=r"relative .* give a file of absolute ones"):
        antennas(small().replace(line("A", "PCV TYPE / REFANT"), line("R", "PCV TYPE / REFANT")))


def test_means_of_a_type_go_before_single_pieces_and_rms_is_left_aside():
    zenith, flat = (0.0, 90.0, 45.0), {"G01": (0.0, 0.0, 0.0)}
    mean = antenna("TYPE            NONE", "", {"G01": (0.0, 0.0, 50.0)}, flat, zenith)
    one = antenna("TYPE            NONE", "4711", {"G01": (0.0, 0.0, 60.0)}, flat, zenith)
    rms = line("   G01", "START OF FREQ RMS") + line(f"{1:10.2f}" * 3, "NORTH / EAST / UP") + "   NOAZI    1.00\n"
    rms += line("   G01", "END OF FREQ RMS")
    end = line("", "END OF ANTENNA")
    for text in (mean + one, one + mean.replace(end, rms + end)):
        model = antennas(HEAD + text).receiver("type")
        assert model is not None
        assert model.offset_m["G01"][2] == 0.05
