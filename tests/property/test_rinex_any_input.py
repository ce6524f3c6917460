"""Whatever the bytes: a Recording or one clear KinemaError, from every reader, in both modes; and round trips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinema.core.recording import Recording
from kinema.errors import KinemaError
from kinema.formats import rinex_clk, rinex_nav, rinex_obs, sp3
from kinema.formats.base import ReadOptions
from rinex_text import OBS3, epoch3, gps, header, parsed, source, value

NAV = (
    header("3.04", "N: GNSS NAV DATA", "M: MIXED", ("    18", "LEAP SECONDS"))
    + "G07 2024 03 05 10 00 00" + "".join(f"{1e-4 * k:19.12E}" for k in range(3)) + "\n"
    + ("    " + "".join(f"{0.5:19.12E}" for k in range(4)) + "\n") * 7
)  # fmt: skip
OBS2 = (
    header("2.11", "OBSERVATION DATA", "G", ("     2    C1    L1", "# / TYPES OF OBSERV"))
    + " 24  3  5 10  0  0.0000000  0  2G01G02\n" + value(2e7) + value(1e8) + "\n" + value(2e7) + value(1e8) + "\n"
)  # fmt: skip
CLK = header("3.00", "CLOCK DATA", "M") + "AS G01  2024  3  5  0  0  0.000000  2   -0.884707516318E-03\n" * 2
SP3 = (
    "#dP2024  3  5  0  0  0.00000000       1 ORBIT IGS20 FIT  TST\n%c M  cc GPS ccc\n"
    "*  2024  3  5  0  0  0.00000000\nPG01  10000.000000  10001.000000  10002.000000      1.000000\nEOF\n"
)
SEEDS = [
    (rinex_obs.FORMAT, OBS3 + epoch3(0.0, [gps(), gps("G06")]) + epoch3(1.0, [gps()], flag=1)),
    (rinex_obs.FORMAT, OBS2),
    (rinex_nav.FORMAT, NAV),
    (rinex_clk.FORMAT, CLK),
    (sp3.FORMAT, SP3),
]
BUDGET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def only_told(fmt, data: bytes) -> None:
    """Read in both modes; anything but a Recording or a KinemaError fails."""
    for on_bad in ("raise", "skip"):
        try:
            recording = fmt.read(source(data), ReadOptions(on_bad=on_bad))
        except KinemaError as error:
            if "\n" in str(error):
                pytest.fail(f"more than one line: {error}")
        else:
            assert isinstance(recording, Recording)
            assert recording.streams


@pytest.mark.parametrize("seed", range(len(SEEDS)))
@BUDGET
@given(data=st.data())
def test_damaged_files_are_read_or_refused(seed, data):
    fmt, text = SEEDS[seed]
    body = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        how = data.draw(st.sampled_from(["set", "cut", "insert", "drop", "double"]))
        if how == "set":
            body[at] = data.draw(st.sampled_from(list(b" 0159-+.DE>*#\n\r\tGRX\x00\xff")))
        elif how == "cut" and at > 0:
            del body[at:]
        elif how == "insert":
            body[at:at] = data.draw(st.binary(max_size=20))
        elif how == "drop":
            del body[at : at + data.draw(st.integers(1, 90))]
        else:
            body[at:at] = body[at : at + 200]
        if not body:
            return
    only_told(fmt, bytes(body))


@BUDGET
@given(body=st.text(alphabet=" 0123456789-+.DEGRC>*\n", max_size=400), seed=st.integers(0, len(SEEDS) - 1))
def test_noise_behind_a_good_header_is_read_or_refused(body, seed):
    fmt, text = SEEDS[seed]
    end = text.find("END OF HEADER\n")
    only_told(fmt, (text[: end + 14 if end > 0 else 80] + body).encode())


numbers14 = st.integers(-(10**12) + 1, 10**13 - 1).filter(bool).map(lambda k: k / 1000)


@BUDGET
@given(rows=st.lists(st.tuples(numbers14, numbers14, st.sampled_from(" 01234567")), min_size=1, max_size=9))
def test_values_are_those_that_python_would_read(rows):
    lines = [f"G{k + 1:02d}" + value(c) + value(p, lli) for k, (c, p, lli) in enumerate(rows)]
    gnss = parsed(rinex_obs.FORMAT, OBS3 + epoch3(0.0, lines)).streams["gnss"]
    assert gnss.code_m[:, 0].tolist() == [float(f"{c:14.3f}") for c, _, _ in rows]
    assert gnss.phase_cyc[:, 0].tolist() == [float(f"{p:14.3f}") for _, p, _ in rows]
    assert gnss.lli[:, 0].tolist() == [int(lli) & 3 if lli != " " else 0 for _, _, lli in rows]


@BUDGET
@given(
    x=st.floats(-1e12, 1e12).filter(lambda x: abs(x) > 1e-200 or x == 0),
    style=st.sampled_from(["{:.12e}", "{:.9E}", "{:.3f}"]),
)
def test_clock_numbers_are_those_that_python_would_read(x, style):
    from kinema.kernels.text import scientific

    text = style.format(x)
    got = scientific(np.frombuffer(text.encode(), np.uint8), 0, len(text))
    assert got == pytest.approx(float(text), rel=1e-15)
