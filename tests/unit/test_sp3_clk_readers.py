"""SP3 orbits and RINEX clocks: several systems, absent values, time systems, days that follow each other."""

from __future__ import annotations

import numpy as np
import pytest

import kinema
from kinema.core.satellites import sat_id
from kinema.core.time import gps_ns_from_calendar
from kinema.errors import FormatError
from kinema.formats import rinex_clk, sp3
from rinex_text import header, parsed

NS = 1_000_000_000
T0 = gps_ns_from_calendar(2024, 3, 5)


def orbit_file(rows: list[list[str]], time_system: str = "GPS", version: str = "d", day: int = 5) -> str:
    head = f"#{version}P2024  3 {day:2d}  0  0  0.00000000 {len(rows):7d} ORBIT IGS20 FIT  TST\n"
    head += "## 2304 172800.00000000   900.00000000 60374 0.0000000000000\n+    3   G01E11C19\n++         2  2  2\n"
    head += f"%c M  cc {time_system} ccc cccc cccc cccc cccc ccccc ccccc ccccc ccccc\n/* comment\n"
    epochs = (
        f"*  2024  3 {day:2d}  0 {15 * k:2d}  0.00000000\n" + "".join(row + "\n" for row in group)
        for k, group in enumerate(rows)
    )
    return head + "".join(epochs) + "EOF\n"


def p(sat: str, x: float, clock: float = 1.0) -> str:
    return f"P{sat}{x:14.6f}{x + 1:14.6f}{x + 2:14.6f}{clock:14.6f} 10 11 12 100 EP"


def orbits(text, on_bad="raise"):
    return parsed(sp3.FORMAT, text, on_bad).streams["orbits"]


def test_positions_in_metres_clocks_in_seconds_and_absent_ones_as_nan():
    rows = [[p("G01", 10000.0, 250.5), p("E11", 0.0, 3.0).replace("1.000000      2.000000", "0.000000      0.000000")],
            [p("G01", 10001.0, 999999.999999), p("L09", 7000.0)]]  # fmt: skip
    o = orbits(orbit_file(rows))
    assert o.t_ns.tolist() == [T0, T0 + 900 * NS]
    assert o.sat.tolist() == [1, sat_id("E11")]
    assert o.p_e_m[0, 0].tolist() == [1.0e7, 1.0001e7, 1.0002e7]
    assert o.clock_s[0, 0] == pytest.approx(250.5e-6)
    assert np.isnan(o.clock_s[0, 1])
    assert np.isnan(o.p_e_m[1]).all()
    assert o.clock_s[1, 0] == pytest.approx(3e-6)
    assert o.frame == "IGS20"


@pytest.mark.parametrize(("system", "seconds"), [("UTC", 18), ("TAI", -19), ("BDT", 14), ("GAL", 0), ("ccc", 0)])
def test_time_systems_of_orbits(system, seconds):
    assert orbits(orbit_file([[p("G01", 1e4)]], system)).t_ns[0] == T0 + seconds * NS


def test_version_a_means_gps_without_a_letter():
    assert orbits(orbit_file([[p("  7", 1e4)]], version="a")).sat.tolist() == [7]


def test_garbled_orbits_raise_or_are_counted():
    text = orbit_file([[p("G01", 1e4), p("E11", 2e4).replace("20001", "2x001")], [p("G01", 1e4)]])
    with pytest.raises(FormatError, match=r"line 9: garbled position"):
        orbits(text)
    assert orbits(text, "skip").sat.tolist() == [1]
    with pytest.raises(FormatError, match="no epoch"):
        orbits(text[: text.index("*")])


def test_an_absurd_year_is_a_garbled_epoch_and_no_overflow():
    text = orbit_file([[p("G01", 1e4)]]).replace("*  2024", "*  9024")
    with pytest.raises(FormatError, match="line 7: garbled epoch"):
        orbits(text)


def test_orbits_of_days_that_follow_each_other_become_one(tmp_path):
    (tmp_path / "a.sp3").write_text(orbit_file([[p("G01", 1e4)], [p("G01", 2e4)]], day=5))
    (tmp_path / "b.sp3").write_text(orbit_file([[p("G01", 3e4), p("C19", 4e4)]], day=6))
    o = kinema.read(tmp_path / "b.sp3", tmp_path / "a.sp3").streams["orbits"]
    assert o.sat.tolist() == [1, sat_id("C19")]
    assert o.t_ns.tolist() == [T0, T0 + 900 * NS, T0 + 86_400 * NS]
    assert o.p_e_m[0, :, 0].tolist() == [1e7, 2e7, 3e7]
    assert np.isnan(o.p_e_m[1, :2]).all()


def clock_file(version: str, records: str, time_system: str = "GPS") -> str:
    return header(version, "CLOCK DATA", "M", (f"   {time_system}", "TIME SYSTEM ID")) + records


def test_clocks_of_satellites_with_exponents_and_stations_left_aside():
    text = clock_file("3.00",
        "AR BRST 2024  3  5  0  0  0.000000  1    1.000000000000E-09\n"
        "AS G01  2024  3  5  0  0  0.000000  2   -0.884707516318E-03  0.337986288247E-10\n"
        "AS E11  2024  3  5  0  0 30.000000  1    1.5D-05\n")  # fmt: skip
    c = parsed(rinex_clk.FORMAT, text).streams["clocks"]
    assert c.t_ns.tolist() == [T0, T0 + 30 * NS]
    assert c.clock_s[0, 0] == -0.884707516318e-03
    assert c.clock_s[1, 1] == 1.5e-5
    assert np.isnan(c.clock_s[0, 1])


def test_clocks_of_version_3_04_have_wider_names():
    first = f"{'     3.04':<21}{'C':<21}{'M':<23}RINEX VERSION / TYPE\n"
    text = first + f"{'':65}END OF HEADER\n" + "AS G01       2024 03 05 00 00  0.000000  1   1.234567890123e-04\n"
    assert parsed(rinex_clk.FORMAT, text).streams["clocks"].clock_s.tolist() == [[1.234567890123e-04]]


def test_garbled_clocks_raise_or_are_counted():
    good = "AS G01  2024  3  5  0  0  0.000000  1    1.000000000000E-09\n"
    text = clock_file("3.00", good + good.replace("1.0000000000", "1.0000x00000") + "nonsense\n")
    with pytest.raises(FormatError, match="line 5: garbled clock record"):
        parsed(rinex_clk.FORMAT, text)
    assert parsed(rinex_clk.FORMAT, text, "skip").issues[0].count == 1
    with pytest.raises(FormatError, match="no satellite clock"):
        parsed(rinex_clk.FORMAT, clock_file("3.00", ""))
