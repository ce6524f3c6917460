"""Numbers as text: as many digits as asked for, read back as what they were."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.kernels.number_text import LONGEST, MOST_DIGITS, put_integer, put_number


def text(x, digits=MOST_DIGITS):
    out = np.zeros(64, np.uint8)
    return bytes(out[: put_number(float(x), digits, out, 0)]).decode()


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1"), (-120.0, "-120"), (0.1, "0.1"), (-1e-5, "-0.00001"), (2.5e-7, "2.5e-7"),
        (1e15, "1e15"), (1e14, "100000000000000"), (123456.789, "123456.789"), (0.9999999999999999, "1"),
        (math.nan, ""), (math.inf, ""), (1e-45, "0"), (1.7976e308, "1.7976e308"), (-3e24, "-3e24"),
    ],
)  # fmt: skip
def test_as_a_person_would_write_it(x, said):
    assert text(x) == said


@given(st.floats(-1e308, 1e308), st.integers(1, MOST_DIGITS))
def test_reads_back_to_the_digits_asked_for(x, digits):
    """Up to 1e308: beyond it fewer digits may say more than the largest number there is (1.7e308 as 2e308)."""
    said = text(x, digits)
    assert len(said) < LONGEST
    if abs(x) >= 1e-39:
        assert abs(float(said) / x - 1.0) < 0.51 * 10.0 ** (1 - digits) + 1e-14


@given(st.integers(-(2**62), 2**62))
def test_whole_numbers_are_exact(k):
    out = np.zeros(64, np.uint8)
    assert int(bytes(out[: put_integer(k, out, 0)])) == k
