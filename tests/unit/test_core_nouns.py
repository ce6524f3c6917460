"""The gate, the satellites' names, and the nouns that refuse what cannot be."""

import numpy as np
import pytest

from kinema.core.arrays import gate, gate_times
from kinema.core.recording import Issue, Recording
from kinema.core.satellites import SYSTEMS, frequency_hz, sat_id, sat_name
from kinema.core.solution import Channel, FixStatus, Solution
from kinema.core.streams import Imu
from kinema.errors import DataError, FormatError


def test_gate_gives_read_only_contiguous_arrays_and_copies_only_when_it_must():
    good = np.zeros((3, 2))
    gated = gate("x", good, np.float64, (None, 2))
    assert np.shares_memory(gated, good)
    assert not gated.flags.writeable
    assert good.flags.writeable
    assert gate("x", good.T, np.float64, (2, 3)).flags.c_contiguous


@pytest.mark.parametrize(
    ("value", "shape", "finite", "said"),
    [
        (np.zeros((3, 3)), (None, 2), False, "expected shape (n, 2), got shape (3, 3)"),
        ([1.0, np.nan], (None,), True, "got nan at index [1]"),
        (["a"], (None,), False, "expected values of type float64"),
    ],
)
def test_gate_says_what_is_wrong(value, shape, finite, said):
    with pytest.raises(DataError) as error:
        gate("speed_mps", value, np.float64, shape, finite=finite)
    assert said in str(error.value)
    assert str(error.value).startswith("speed_mps: ")


def test_times_must_increase():
    with pytest.raises(DataError, match="2 then 2 at index 2"):
        gate_times("t", [1, 2, 2])
    assert gate_times("t", [1, 2, 2], strict=False).tolist() == [1, 2, 2]


def test_satellite_names_round_trip():
    for k, system in enumerate(SYSTEMS):
        assert sat_id(f"{system}07") == 100 * k + 7
        assert sat_name(sat_id(f"{system} 7")) == f"{system}07"
    for bad in ("", "X01", "G", "G00", "G100", "Gx"):
        with pytest.raises(DataError):
            sat_id(bad)


def test_carrier_frequencies_of_the_interface_documents():
    assert frequency_hz("G", "2W") == 1_227_600_000
    assert frequency_hz("C", "2I") == 1_561_098_000
    assert frequency_hz("R", "1C", -7) == 1_598_062_500
    assert frequency_hz("R", "2P", 6) == 1_248_625_000
    assert np.isnan(frequency_hz("G", "9X"))


def test_a_solution_fills_in_what_is_left_out_and_keeps_it_read_only():
    solution = Solution(np.arange(3), np.array([[1.0, 2, 3], [np.nan] * 3, [4, 5, 6]]))
    assert solution.status.tolist() == [FixStatus.SINGLE, FixStatus.NONE, FixStatus.SINGLE]
    assert solution.valid.tolist() == [True, False, True]
    assert np.isnan(solution.cov_p_e_m2).all()
    picked = solution.with_channels(gdop=Channel(np.arange(3.0), "1")).select(solution.valid)
    assert picked.t_ns.tolist() == [0, 2]
    assert picked.channels["gdop"].value.tolist() == [0, 2]
    with pytest.raises(ValueError, match="read-only"):
        solution.p_e_m[0, 0] = 7


def test_streams_refuse_wrong_shapes():
    with pytest.raises(DataError, match=r"w_ib_s_radps: expected shape \(2, 3\)"):
        Imu(np.arange(2), np.zeros((2, 3)), np.zeros((2, 2)))


def test_a_recording_says_what_it_has_instead():
    recording = Recording({"imu": Imu(np.arange(2), np.zeros((2, 3)), np.zeros((2, 3)))})
    with pytest.raises(DataError, match="'gnss': expected Solution, got only imu"):
        recording.need("gnss", Solution)
    with pytest.raises(DataError, match="expected Solution, got Imu"):
        recording.get("imu", Solution)


def test_messages_are_one_line_with_place_and_remedy():
    assert str(FormatError("a.obs", "no END OF HEADER", "line 9", "is it cut?")) == (
        "a.obs: line 9: no END OF HEADER; is it cut?"
    )
    assert str(Issue("garbled line", 3, "line 12", "a.obs")) == "garbled line × 3 (first at a.obs, line 12)"
