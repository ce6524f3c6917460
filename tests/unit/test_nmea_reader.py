"""NMEA logs: epochs from sentences, dates over midnight, dirt told."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinema.core.frames import geodetic_from_ecef, vectors_n_from_e
from kinema.core.solution import FixStatus
from kinema.core.time import gps_ns_from_calendar
from kinema.errors import FormatError
from kinema.formats.nmea import FORMAT
from kinema.formats.nmea_write import sentence
from kinema.formats.trajectory import DATE_UNKNOWN
from trajectories import parsed


def gga(time: str, quality: int = 1, talker: str = "GP", lat: str = "4807.03800,N", hdop: str = "0.9") -> str:
    return sentence(f"{talker}GGA,{time},{lat},01131.00000,E,{quality},08,{hdop},545.4,M,46.9,M,,") + "\r\n"


def rmc(time: str, date: str = "311222", speed: str = "19.438", course: str = "090.0", talker: str = "GN") -> str:
    return sentence(f"{talker}RMC,{time},A,4807.03800,N,01131.00000,E,{speed},{course},{date},,,A") + "\r\n"


def test_one_epoch_of_mixed_talkers():
    """Place, ellipsoidal height, velocity from speed and course, UTC to GPS time."""
    gst = sentence("GLGST,120000.00,,,,,1.5,2.5,4.0") + "\r\n"
    hdt = sentence("GPHDT,91.5,T") + "\r\n"
    found = parsed(FORMAT, gga("120000.00", 4) + rmc("120000.00") + gst + hdt).streams["fixes"]
    assert len(found) == 1
    lat, lon, h = geodetic_from_ecef(found.p_e_m)
    assert_allclose([np.degrees(lat[0]), np.degrees(lon[0]), h[0]], [48 + 7.038 / 60, 11 + 31 / 60, 592.3], atol=1e-7)
    assert found.t_ns[0] == gps_ns_from_calendar(2022, 12, 31, (12 * 3600 + 18) * 10**9)
    assert found.status[0] == FixStatus.FIXED
    assert_allclose(vectors_n_from_e(found.v_e_mps, found.p_e_m)[0], [0, 10, 0], atol=1e-3)
    assert np.sqrt(np.trace(found.cov_p_e_m2[0])) == pytest.approx(np.sqrt(1.5**2 + 2.5**2 + 4**2))
    assert found.channels["heading_rad"].value[0] == pytest.approx(np.radians(91.5))


def test_midnight_without_a_date_in_the_new_day():
    """GGA after midnight belongs to the day after the last date, GGA before the first to that day."""
    text = gga("235958.00") + gga("235959.00") + rmc("235959.00") + gga("000000.00") + gga("000001.00")
    found = parsed(FORMAT, text).streams["fixes"]
    assert np.diff(found.t_ns).tolist() == [10**9] * 3
    assert found.t_ns[1] == gps_ns_from_calendar(2022, 12, 31, (86_399 + 18) * 10**9)


def test_leap_second_is_a_second():
    """23:59:60 of 2016 lies between 59 and the new year."""
    text = rmc("235959.00", "311216") + rmc("235960.00", "311216") + rmc("000000.00", "010117")
    found = parsed(FORMAT, text).streams["fixes"]
    assert np.diff(found.t_ns).tolist() == [10**9, 10**9]


def test_no_date_at_all():
    """Only GGA: put on a stated day, and told."""
    recording = parsed(FORMAT, gga("000010.00") + gga("000011.00"))
    assert DATE_UNKNOWN in [issue.kind for issue in recording.issues]
    assert recording.streams["fixes"].t_ns.tolist() == [10 * 10**9, 11 * 10**9]


def test_heights_between_are_interpolated_and_told():
    """RMC at 25 Hz between GGA at 1 Hz."""
    text = gga("120000.00") + "".join(rmc(f"120000.{k:02d}") for k in (4, 8)) + gga("120001.00")
    recording = parsed(FORMAT, text)
    assert len(recording.streams["fixes"]) == 4
    assert ("height interpolated", 2) in [(issue.kind, issue.count) for issue in recording.issues]


@pytest.mark.parametrize(
    ("dirt", "kind"),
    [
        ("$GPGGA,120001.00,4807.0*00\r\n", "wrong checksum"),
        (sentence("GPGGA,120001.00,48x7.038,N,01131.0,E,1,8,1,5,M,4,M,,") + "\r\n", "garbled field"),
    ],
)
def test_dirt_is_strict_or_counted(dirt, kind):
    """A wrong checksum or garbled number stops, or is counted."""
    text = gga("120000.00") + dirt + rmc("120002.00")
    with pytest.raises(FormatError, match=f"line 2: {kind}"):
        parsed(FORMAT, text)
    recording = parsed(FORMAT, text, "skip")
    assert kind in [issue.kind for issue in recording.issues]
    assert len(recording.streams["fixes"]) == 2


def test_harmless_dirt_is_counted_only():
    """Boot text, other sentences, an impossible place with a right checksum, a log cut in mid-sentence."""
    text = "boot 3.2\r\n" + rmc("120000.00") + gga("120001.00", lat="9907.03800,N") + gga("120002.00")
    recording = parsed(FORMAT, text + gga("120003.00")[:30])
    kinds = [issue.kind for issue in recording.issues]
    assert {"line that is no sentence", "impossible position", "sentence without checksum"} <= set(kinds)
    assert recording.streams["fixes"].valid.sum() == 2


def test_simulator_quality_is_simulated():
    """GGA quality 8 is a simulator speaking."""
    assert parsed(FORMAT, rmc("120000.00") + gga("120000.00", 8)).simulated


@pytest.mark.parametrize(
    "text", ["", "\r\n" * 20, "$GPGSV,1,1,00*79\r\n", sentence("GPGGA,,,,,,0,00,99.9,,,,,,") + "\n"]
)
def test_nothing_to_place(text):
    """No time, no fix: one line."""
    with pytest.raises(FormatError):
        parsed(FORMAT, text)


@pytest.mark.data
def test_real_karts(data_dir):
    """Orlando: 2790 epochs of two laps, 1.2 km each; the places move as fast as the receiver says."""
    orlando = parsed(FORMAT, (data_dir / "laps-kart-orlando" / "two-laps.nmea").read_bytes()).streams["fixes"]
    assert len(orlando) == 2790
    assert orlando.valid.all()
    said = orlando.channels["speed_mps"].value[1:] * np.diff(orlando.t_ns) * 1e-9
    gone = np.linalg.norm(np.diff(orlando.p_e_m, axis=0), axis=1)
    assert gone.sum() == pytest.approx(said.sum(), rel=0.02)
