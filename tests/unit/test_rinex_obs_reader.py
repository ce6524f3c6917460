"""RINEX observations: every construct of versions 2 to 4 that has broken a reader before, on hand-written files."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.satellites import sat_id
from kinema.core.time import gps_ns_from_calendar
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions
from kinema.formats.rinex_obs import FORMAT, iter_observation_blocks
from rinex_text import OBS3, epoch3, gps, header, parsed, source, value

NS = 1_000_000_000
T0 = gps_ns_from_calendar(2024, 3, 5, 36_000 * NS)


def gnss(text, on_bad="raise"):
    return parsed(FORMAT, text, on_bad).streams["gnss"]


def kinds(text, on_bad="raise"):
    return {issue.kind: issue for issue in parsed(FORMAT, text, on_bad).issues}


def test_values_flags_and_slots_are_as_written():
    e11 = "E11" + value(None) + value(None) + value(25e6) + value(99e6, "2")
    g = gnss(OBS3 + epoch3(0.0, [gps(lli="1"), e11]))
    assert g.t_ns.tolist() == [T0]
    assert g.sat.tolist() == [5, 211]
    assert dict(g.signals) == {"G": ("1C",), "E": ("1X", "5X")}
    assert g.code_m[0, 0] == 21e6
    assert g.phase_cyc[0, 0] == 110e6
    assert g.doppler_hz[0, 0] == np.float32(-1234.5)
    assert g.cn0_dbhz[0, 0] == np.float32(45.25)
    assert g.lli.tolist() == [[1, 0], [0, 2]]
    assert np.isnan(g.code_m[1, 0])
    assert g.code_m[1, 1] == 25e6
    assert g.antenna.marker == "SITE"


def test_zero_is_missing_and_a_row_of_nothing_is_no_row():
    g = gnss(OBS3 + epoch3(0.0, [gps("G01", phase=0.0), "G02" + value(0.0) + value(None)]))
    assert g.sat.tolist() == [1]
    assert np.isnan(g.phase_cyc[0, 0])


def test_lines_may_end_where_values_end_and_with_crlf():
    text = OBS3 + epoch3(0.0, ["G05" + value(21e6).rstrip(), gps("G06").rstrip()])
    g, crlf = gnss(text), gnss(text.replace("\n", "\r\n"))
    assert g.sat.tolist() == [5, 6]
    for name in ("t_ns", "sat", "code_m", "phase_cyc", "lli"):
        np.testing.assert_array_equal(getattr(g, name), getattr(crlf, name))


def test_power_failure_sets_the_slip_bit_of_its_epoch_only():
    g = gnss(OBS3 + epoch3(0.0, [gps()]) + epoch3(1.0, [gps()], flag=1) + epoch3(2.0, [gps()]))
    assert g.lli[:, 0].tolist() == [0, 1, 0]


def test_header_in_mid_file_changes_the_observation_types():
    event = "> 2024 03 05 10 00  1.0000000  4  2\n"
    event += f"{'G    3 C5Q L5Q C1C':<60}SYS / # / OBS TYPES\n" + f"{'note':<60}COMMENT\n"
    after = "G05" + value(22e6) + value(81e6) + value(21e6)
    g = gnss(OBS3 + epoch3(0.0, [gps()]) + event + epoch3(1.0, [after]))
    assert g.signals["G"] == ("1C", "5Q")
    assert g.code_m[0].tolist()[:1] == [21e6]
    assert np.isnan(g.code_m[0, 1])
    assert g.code_m[1].tolist() == [21e6, 22e6]
    assert g.phase_cyc[1, 1] == 81e6


def test_other_events_are_stepped_over_and_told():
    external = "> 2024 03 05 10 00  0.5000000  5  0\n"
    moving = "> " + " " * 29 + "2  1\n" + f"{'going':<60}COMMENT\n"
    slips = epoch3(0.0, [gps()], flag=6)
    text = OBS3 + epoch3(0.0, [gps()]) + external + moving + slips + epoch3(1.0, [gps()])
    assert len(gnss(text).t_ns) == 2
    assert {"external event", "antenna starts to move", "cycle slip record skipped"} <= set(kinds(text))


def test_sbas_and_navic_are_skipped_and_counted():
    sats = [gps(), "S23" + value(38e6), "I03" + value(38e6)]
    told = kinds(OBS3 + epoch3(0.0, sats))
    assert told["skipped SBAS"].count == 1
    assert told["skipped NavIC"].count == 1
    assert "line 10" in told["skipped SBAS"].where


@pytest.mark.parametrize(
    ("system", "seconds"), [("GPS", 0), ("GAL", 0), ("QZS", 0), ("GLO", 18), ("UTC", 18), ("BDT", 14)]
)
def test_time_systems_become_gps_time(system, seconds):
    assert gnss(OBS3.replace("GPS         TIME", f"{system}         TIME") + epoch3(0.0, [gps()])).t_ns.tolist() == [
        T0 + seconds * NS
    ]


def test_unknown_time_system_is_refused():
    with pytest.raises(FormatError, match="unknown time system 'XYZ'"):
        gnss(OBS3.replace("GPS         TIME", "XYZ         TIME") + epoch3(0.0, [gps()]))


def test_scale_factors_are_divided_out():
    scaled = OBS3.replace(f"{'':60}END OF HEADER", f"{'G  100  2 L1C D1C':<60}SYS / SCALE FACTOR\n{'':60}END OF HEADER")
    g = gnss(scaled + epoch3(0.0, [gps()]))
    assert g.code_m[0, 0] == 21e6
    assert g.phase_cyc[0, 0] == 110e4
    assert g.doppler_hz[0, 0] == pytest.approx(-12.345)


def test_repeated_and_backward_epochs_are_put_in_order_and_told():
    text = OBS3 + epoch3(1.0, [gps(code=1e7)]) + epoch3(0.0, [gps(code=2e7)]) + epoch3(1.0, [gps(code=3e7), gps("G07")])
    g, told = gnss(text), kinds(text)
    assert g.t_ns.tolist() == [T0, T0 + NS]
    assert g.code_m[:, 0].tolist() == [2e7, 1e7]
    assert told["time goes back, sorted"].count == 1
    assert told["epoch twice, first kept"].count == 1


def test_gaps_and_receiver_clock_steps_are_told():
    light_ms = 299_792.458
    epochs = [(0, 0.0), (1, 0.0), (2, -light_ms), (3, -light_ms), (9, -light_ms), (10, -light_ms)]
    text = OBS3 + "".join(
        epoch3(float(s), [gps(f"G0{k}", code=2e7 + k * 1e5 + 100.0 * s + jump) for k in range(1, 5)])
        for s, jump in epochs
    )
    told = kinds(text)
    assert told["gap"].count == 1
    assert "6 s" in told["gap"].detail
    assert told["receiver clock step"].count == 1
    assert told["receiver clock step"].detail == "-1 ms"
    assert "10:00:02" in told["receiver clock step"].where


def test_a_week_rollover_is_just_a_second():
    saturday = gps_ns_from_calendar(2024, 3, 9, 0) + 36_000 * NS
    g = gnss(OBS3 + epoch3(0.0, [gps()], day=9) + epoch3(0.0, [gps()], day=10))
    assert g.t_ns.tolist() == [saturday, saturday + 86_400 * NS]


def test_beidou_b1_of_version_3_02_is_band_2():
    head = header("3.02", "OBSERVATION DATA", "C: BDS", ("C    2 C1I L1I", "SYS / # / OBS TYPES"))
    g = gnss(head + epoch3(0.0, ["C05" + value(38e6) + value(2e8)]))
    assert g.signals["C"] == ("2I",)
    assert g.t_ns.tolist() == [T0 + 14 * NS]


BAD = {
    "garbled value": epoch3(0.0, [gps().replace("21000000.000", "21000x00.000")]),
    "garbled line": epoch3(0.0, [gps()]) + "what is this\n",
    "garbled epoch": epoch3(0.0, [gps()]) + "> 2024 13 05 10 00  1.0000000  0  1\n" + gps() + "\n",
    "epoch cut short": epoch3(0.0, [gps(), gps("G06")]) + epoch3(1.0, [gps(), gps("G06")])[:-84],
    "unknown satellite": epoch3(0.0, [gps(), gps("Q17")]),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_raises_with_its_line_or_is_counted(kind):
    text = OBS3 + BAD[kind] + epoch3(5.0, [gps()])
    with pytest.raises(FormatError, match=rf"made.obs: line \d+: {kind}; .*--on-bad skip"):
        gnss(text)
    told = kinds(text, "skip")
    assert told[kind].count == 1
    assert gnss(text, "skip").t_ns[-1] == T0 + 5 * NS


def test_a_file_cut_in_its_last_line_keeps_what_is_whole():
    text = OBS3 + epoch3(0.0, [gps(), gps("G06")]) + epoch3(1.0, [gps(), gps("G06")])
    cut = gnss(text[:-80], "skip")
    assert len(cut.t_ns) == 2
    assert cut.sat.tolist() == [5, 6, 5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (OBS3, "no epoch after the header"),
        (OBS3.replace("END OF HEADER", ""), "the header has no END OF HEADER"),
        (OBS3.replace("SYS / # / OBS TYPES", "COMMENT") + epoch3(0.0, [gps()]), "declares no observation types"),
        (OBS3.replace("     3.04", "     3.x4") + epoch3(0.0, [gps()]), "version '3.x4' is no number"),
        (OBS3.replace("G    5", "G  999") + epoch3(0.0, [gps()]), "999"),
        (OBS3.replace("OBSERVATION", "NAVIGATION ") + epoch3(0.0, [gps()]), "not observations"),
    ],
)
def test_headers_that_cannot_work_are_refused(text, says):
    with pytest.raises(FormatError, match=says):
        gnss(text)


OBS2 = header(
    "2.11", "OBSERVATION DATA", "M (MIXED)",
    ("     7    C1    P1    L1    L2    P2    C2    S1", "# / TYPES OF OBSERV"),
    ("  2024     3     5    10     0    0.0000000     GPS", "TIME OF FIRST OBS"),
)  # fmt: skip


def epoch2(second: float, sats: list[str], flag: int = 0) -> str:
    rows = [sats[k : k + 12] for k in range(0, len(sats), 12)]
    text = f" 24  3  5 10  0{second:11.7f}  {flag}{len(sats):3d}" + ("\n" + " " * 32).join("".join(r) for r in rows)
    return text + "\n"


def sat2(code: float) -> str:
    first = value(code) + value(code + 1) + value(110e6, "1", "6") + value(86e6, "4") + value(code + 2)
    return first.rstrip() + "\n" + value(code + 3) + value(44.0) + "\n"


def test_version_2_with_more_than_twelve_satellites_and_two_lines_each():
    names = [f"G{k:02d}" for k in range(1, 12)] + ["R07", "E11", " 31"]
    text = OBS2 + epoch2(0.0, names) + "".join(sat2(2e7 + k) for k in range(14)) + epoch2(30.0, ["R07"]) + sat2(3e7)
    g = gnss(text)
    assert g.t_ns.tolist() == [T0, T0 + 30 * NS]
    assert g.sat.tolist() == [*range(1, 12), sat_id("R07"), sat_id("E11"), 31, sat_id("R07")]
    assert g.signals["G"] == ("1C", "1W", "2W", "2X")
    assert g.signals["R"] == ("1C", "1P", "2P", "2C")
    assert g.code_m[3].tolist() == [2e7 + 3, 2e7 + 4, 2e7 + 5, 2e7 + 6]
    assert g.phase_cyc[3, [0, 2]].tolist() == [110e6, 86e6]
    assert g.lli[3].tolist() == [1, 0, 0, 0]  # bit 2 (antispoofing) is none of ours


def test_version_2_without_precise_code_puts_the_phase_with_the_civil_one():
    text = OBS2.replace("P1", "X1").replace("P2", "X2") + epoch2(0.0, ["G01"]) + sat2(2e7)
    g = gnss(text)
    assert g.signals["G"] == ("1C", "2X")
    assert g.phase_cyc[0].tolist() == [110e6, 86e6]


def test_version_2_events_and_garbled_epochs():
    event = " " * 28 + "4  1\n" + f"{'     2    C1    L1':<60}# / TYPES OF OBSERV\n"
    text = OBS2 + epoch2(0.0, ["G01"]) + sat2(2e7) + event + epoch2(1.0, ["G01"]) + value(3e7) + value(1e8) + "\n"
    g = gnss(text)
    assert len(g.t_ns) == 2
    assert g.code_m[1, 0] == 3e7
    broken = OBS2 + epoch2(0.0, ["G01"]) + sat2(2e7) + " 24  3 5x 10 garbage\n" + epoch2(1.0, ["G02"]) + sat2(3e7)
    with pytest.raises(FormatError, match="garbled epoch"):
        gnss(broken)
    assert gnss(broken, "skip").sat.tolist() == [1, 2]


def test_version_2_epoch_cut_short_in_the_middle_does_not_swallow_the_next():
    text = OBS2 + epoch2(0.0, ["G01", "G02"]) + sat2(2e7) + epoch2(1.0, ["G03"]) + sat2(3e7)
    assert gnss(text, "skip").sat.tolist() == [1, 3]


def test_blocks_are_the_file_in_pieces():
    text = OBS3 + "".join(epoch3(float(s), [gps(code=2e7 + s), gps("G09")]) for s in range(50))
    blocks = list(iter_observation_blocks(source(text), 7, ReadOptions()))
    assert [len(block.t_ns) for block in blocks] == [7] * 7 + [1]
    whole = gnss(text)
    np.testing.assert_array_equal(np.concatenate([block.t_ns for block in blocks]), whole.t_ns)
    np.testing.assert_array_equal(np.concatenate([block.code_m for block in blocks]), whole.code_m)


@pytest.mark.parametrize("count", ["\x1e 4", "²", "--4", ""])
def test_a_damaged_count_of_types_is_told(count):
    """What Python's strip takes off or calls a digit is not always what it can read as a number."""
    at = OBS3.index("SYS / # / OBS TYPES") - 60
    damaged = OBS3[: at + 3] + f"{count:>3}" + OBS3[at + 6 :]
    with pytest.raises(FormatError, match="observation types"):
        parsed(FORMAT, damaged + epoch3(0.0, [gps()]))
