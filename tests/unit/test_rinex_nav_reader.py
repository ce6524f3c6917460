"""RINEX navigation: versions 2 to 4 of every system, told apart, in GPS time, each message once."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.ephemeris import GLONASS_COLUMNS, KEPLER_COLUMNS, MESSAGES
from kinema.core.satellites import sat_id
from kinema.core.time import gps_ns_from_calendar
from kinema.errors import FormatError
from kinema.formats.rinex_nav import FORMAT
from rinex_text import NAV3 as V3
from rinex_text import TOW, d, header, kepler, parsed, record

NS = 1_000_000_000
T0 = gps_ns_from_calendar(2024, 3, 5, 36_000 * NS)


def eph(text, on_bad="raise"):
    return parsed(FORMAT, text, on_bad).streams["ephemerides"]


def column(e, name, k=0):
    return e.kepler[e.row[k], KEPLER_COLUMNS.index(name)]


def test_gps_message_of_version_3():
    e = eph(V3 + record("G07", kepler(v27=TOW - 7200, v24=0, v28=4.0)))
    assert e.sat.tolist() == [7]
    assert MESSAGES[e.message[0]] == "LNAV"
    assert e.toe_ns[0] == T0
    assert e.sent_ns[0] == T0 - 7200 * NS
    assert e.health[0] == 0
    assert column(e, "toe_s") == T0 / 1e9
    for name, at in {"af0_s": 1e-4, "iode": 103, "crs_m": 104, "m0_rad": 106, "sqrt_a_sqrtm": 110, "i0_rad": 115,
                     "idot_radps": 119, "ura_m": 123, "tgd1_s": 125, "iodc": 126}.items():  # fmt: skip
        assert column(e, name) == at, name
    assert column(e, "fit_s") == 4 * 3600
    assert np.isnan(column(e, "tgd2_s"))
    assert e.ionosphere["GPSA"] == (4.6566e-09, 1.4901e-08, -5.9605e-08, -5.9605e-08)
    assert e.ionosphere["GAL"] == (161.75, 0.66016, 0.019379)
    assert e.time_corrections["GPUT"] == (-9.3132257462e-10, -7.993605777e-15, 319488.0, 2320.0)
    assert e.leap_s == 18


def test_galileo_inav_and_fnav_are_told_apart_by_their_data_sources():
    text = V3 + "".join(record("E11", kepler(v20=s, v27=TOW)) for s in (513.0, 517.0, 258.0))
    e = eph(text)
    assert [MESSAGES[m] for m in e.message] == ["INAV", "FNAV"]
    assert column(e, "tgd1_s") == 125
    assert column(e, "tgd2_s") == 126
    assert parsed(FORMAT, text).issues[0].kind == "message repeated"


def test_beidou_times_are_14_seconds_later_in_gps_time():
    e = eph(V3 + record("C19", kepler(v27=TOW)) + record("C03", kepler(v27=TOW)))
    assert [MESSAGES[m] for m in e.message] == ["D2", "D1"]
    assert e.toe_ns.tolist() == [T0 + 14 * NS] * 2
    assert e.sent_ns.tolist() == [T0 + 14 * NS] * 2
    assert column(e, "toc_s") == T0 / 1e9 + 14


def test_ephemeris_across_the_week_belongs_to_the_nearest_week():
    sunday = record("G07", kepler(v11=604_800.0 - 16, v27=604_800.0 - 3600), day=10)
    assert eph(V3 + sunday.replace(" 10 00 00", " 00 00 00")).toe_ns[0] == gps_ns_from_calendar(2024, 3, 10) - 16 * NS


def test_glonass_is_in_utc_kilometres_and_minus_tau():
    glo = [-1.5e-5, 1e-12, TOW - 100, 1e4, 1.0, 1e-9, 0.0, -2e4, 2.0, 0.0, -4.0, 5e3, 3.0, 0.0, 1.0]
    e = eph(V3 + record("R05", glo))
    row = dict(zip(GLONASS_COLUMNS, e.glonass[e.row[0]], strict=True))
    assert e.toe_ns[0] == T0 + 18 * NS
    assert e.sent_ns[0] == T0 - 82 * NS
    assert row["tau_n_s"] == 1.5e-5
    assert row["x_m"] == 1e7
    assert row["vy_mps"] == 2000.0
    assert row["channel"] == -4
    assert np.isnan(row["delta_tau_s"])


def test_version_2_of_gps_and_glonass():
    body = record("G07", kepler(v27=TOW)).splitlines()
    gps2 = [" 7 24  3  5 10  0  0.0" + body[0][23:], *(line[1:] for line in body[1:])]
    head = header("2.10", "N: GPS NAV DATA", "", ("    0.1211D-07  0.1490D-07 -0.5960D-07 -0.1192D-06", "ION ALPHA"))
    e = eph(head + "\n".join(gps2) + "\n")
    assert e.sat.tolist() == [7]
    assert column(e, "crs_m") == 104
    assert e.ionosphere["GPSA"] == (1.211e-8, 1.49e-8, -5.96e-8, -1.192e-7)
    glo = record("R05", [-1e-5, 0.0, 35_900.0, 1e4, 1.0, 0.0, 0.0, 2e4, 2.0, 0.0, 1.0, 5e3, 3.0, 0.0, 1.0]).splitlines()
    glo2 = [" 5 24  3  5 10  0  0.0" + glo[0][23:], *(line[1:] for line in glo[1:])]
    g = eph(header("2.11", "G: GLONASS NAV DATA", "") + "\n".join(glo2) + "\n")
    assert g.sat.tolist() == [sat_id("R05")]
    assert g.toe_ns[0] - g.sent_ns[0] == 100 * NS


V4 = header("4.01", "NAVIGATION DATA", "M (MIXED)")


@pytest.mark.parametrize(
    ("sat", "message", "n_lines", "columns"),
    [
        ("G01", "LNAV", 7, {"iode": 103, "tgd1_s": 125}),
        ("G01", "CNAV", 8, {"a_dot_mps": 103, "delta_n_dot_radps2": 120, "tgd1_s": 125, "isc1_s": 127, "isc5_s": 130}),
        ("J02", "CNV2", 9, {"isc2_s": 128}),
        ("E01", "FNAV", 7, {"tgd1_s": 125}),
        ("C20", "CNV1", 9, {"isc1_s": 127, "tgd1_s": 129, "tgd2_s": 130, "iode": 138}),
        ("C20", "CNV2", 9, {"isc5_s": 128, "tgd1_s": 129, "iodc": 134}),
        ("C20", "CNV3", 8, {"tgd2_s": 130}),
        ("C03", "D2", 7, {"tgd1_s": 125}),
    ],
)
def test_version_4_messages(sat, message, n_lines, columns):
    e = eph(V4 + f"> EPH {sat} {message}\n" + record(sat, kepler(n_lines)))
    assert MESSAGES[e.message[0]] == message
    for name, want in columns.items():
        assert column(e, name) == want, name
    assert e.toe_ns[0] == T0 + (14 * NS if sat[0] == "C" else 0)


def test_version_4_ionosphere_and_time_offsets():
    ion = "> ION G01 LNAV\n" + record("   ", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, None])
    gal = "> ION E01 IFNV\n" + record("   ", [161.0, 0.5, 0.01, None])
    sto = "> STO G01 LNAV\n    2024 03 05 10 00 00 GPUT\n    " + d(TOW) + d(1e-9) + d(2e-15) + d(0.0) + "\n"
    eop = "> EOP G01 CNVX\n" + record("   ", [0.1, 0.0, 0.0, None, 0.2, 0.0, 0.0, TOW, 0.0, 0.0, 0.0])
    text = V4 + ion + gal + sto + eop + "> EPH G01 LNAV\n" + record("G01", kepler())
    e = eph(text)
    assert e.ionosphere["GPSA"] == (1.0, 2.0, 3.0, 4.0)
    assert e.ionosphere["GPSB"] == (5.0, 6.0, 7.0, 8.0)
    assert e.ionosphere["GAL"] == (161.0, 0.5, 0.01)
    assert e.time_corrections["GPUT"][:2] == (1e-9, 2e-15)
    assert [issue.kind for issue in parsed(FORMAT, text).issues] == ["skipped Earth orientation"]


def test_sbas_is_skipped_and_counted():
    sbas = record("S23", [0.0] * 15)
    assert [str(i) for i in parsed(FORMAT, V3 + sbas * 2 + record("G01", kepler())).issues] == [
        "skipped SBAS message × 2 (first at made.obs, line 8)"
    ]


@pytest.mark.parametrize(
    ("garbled", "says"),
    [
        (record("G01", kepler()).replace("1.040000000000D+02", "1.04000000x000D+02"), "garbled message"),
        ("\n".join(record("G01", kepler()).split("\n")[:5]) + "\n", "message cut short"),
        (record("G01", kepler()).replace("2024 03 05", "2024 33 05"), "garbled message"),
        ("hello world\n", "garbled line"),
        (record("G01", kepler()).replace("1.040000000000D+02", "1.0400000000D+0999"), "garbled message"),
    ],
)
def test_garbled_messages_raise_or_are_counted(garbled, says):
    text = V3 + record("G02", kepler()) + garbled + record("G03", kepler())
    with pytest.raises(FormatError, match=rf"made.obs: line \d+: {says}"):
        eph(text)
    assert eph(text, "skip").sat.tolist() == [2, 3]


def test_a_file_without_messages_is_refused():
    head = header("3.04", "N: GNSS NAV DATA", "M: MIXED")
    with pytest.raises(FormatError, match="no navigation message"):
        eph(head)
