"""GPS time, leap seconds, and what people type as times."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.core import time as kt
from kinema.errors import ConfigError


def test_epoch_and_a_known_moment():
    assert kt.gps_ns_from_datetime(dt.datetime(1980, 1, 6, tzinfo=dt.UTC)) == 0
    # 2021-09-22 06:30:00 GPS is second 282,600 of week 2176; UTC was 18 s behind.
    t_ns = kt.gps_ns_from_calendar(2021, 9, 22, (6 * 3600 + 30 * 60) * kt.NS)
    assert kt.week_tow(t_ns) == (2176, 282_600.0)
    assert kt.iso_utc(t_ns, 0) == "2021-09-22T06:29:42Z"
    assert kt.iso_gps(t_ns, 0) == "2021-09-22 06:30:00"


def test_leap_second_of_2016_counts_once():
    before = kt.gps_ns_from_datetime(dt.datetime(2016, 12, 31, 23, 59, 59, tzinfo=dt.UTC))
    after = kt.gps_ns_from_datetime(dt.datetime(2017, 1, 1, tzinfo=dt.UTC))
    assert after - before == 2 * kt.NS
    assert (kt.leap_seconds(before), kt.leap_seconds(after)) == (17, 18)


def test_leap_table_agrees_with_the_tz_database():
    """The IANA table, where the system has one, knows no leap second that we do not."""
    from pathlib import Path

    table = Path("/usr/share/zoneinfo/leapseconds")
    if not table.exists():
        pytest.skip("no IANA leap second table on this system")
    leaps = [line.split() for line in table.read_text().splitlines() if line.startswith("Leap")]
    theirs = [row for row in leaps if int(row[1]) >= 1980]
    assert len(theirs) == len(kt.LEAPS) - 1


@given(st.integers(min_value=0, max_value=3_000_000_000 * kt.NS))
def test_unix_and_back(t_ns):
    leap_labels = {int(x) for x in kt._LEAP_GPS_NS}
    if not any(0 < leap - t_ns <= kt.NS for leap in leap_labels):  # the leap second itself has no POSIX label
        assert kt.gps_ns_from_unix_ns(kt.unix_ns_from_gps_ns(t_ns)) == t_ns


def test_arrays_convert_as_scalars_do():
    t = np.array([0, 10**18, 14 * 10**17], dtype=np.int64)
    assert kt.unix_ns_from_gps_ns(t).tolist() == [kt.unix_ns_from_gps_ns(int(x)) for x in t]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("282600.5", kt.gps_ns_from_week(2176, 282600.5)),
        ("2175:10", kt.gps_ns_from_week(2175, 10)),
        ("2021-09-22T06:29:42Z", kt.gps_ns_from_week(2176, 282600)),
        ("2021-09-22T15:29:42+09:00", kt.gps_ns_from_week(2176, 282600)),
        ("2021-09-22 06:29:42", kt.gps_ns_from_week(2176, 282600)),
    ],
)
def test_times_that_people_type(text, expected):
    assert kt.parse_time(text, kt.gps_ns_from_week(2176, 5)) == expected


@pytest.mark.parametrize("text", ["", "noon", "12:34:56", "2021-13-01", "-5", "nan"])
def test_times_that_are_none(text):
    with pytest.raises(ConfigError, match="neither GPS seconds of week"):
        kt.parse_time(text, 0)
