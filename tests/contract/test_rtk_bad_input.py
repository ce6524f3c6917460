"""RTK and PPP on files that do not fit together: one clear line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kinema.core.recording import Recording
from kinema.errors import ConfigError, KinemaError
from kinema.estimate.strategy import solve
from kinema.simulate.drive import simulate

DAY_NS = 86_400_000_000_000


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Half a minute on the open road with a base."""
    return simulate("open", 3, duration_s=30, rate_hz=1.0, systems="GE", frequencies=2, base_km=3.0).recording


def base_of(recording: Recording) -> np.ndarray:
    return np.array(recording.streams["base"].antenna.approx_p_e_m)


def with_base(recording: Recording, change: Callable[[Any], Any]) -> Recording:
    return replace(recording, streams={**recording.streams, "base": change(recording.streams["base"])})


def test_base_of_another_day(recording: Recording) -> None:
    """Both spans are told."""
    late = with_base(recording, lambda base: replace(base, t_ns=base.t_ns + DAY_NS))
    with pytest.raises(ConfigError, match=r"no time in common: rover .* base .*; give the base's file"):
        solve(late, mode="rtk")


def test_base_position_wrong_by_kilometres(recording: Recording) -> None:
    """The base's own codes tell how far off it is."""
    x, y, z = base_of(recording).tolist()
    wrong = (x, y + 4000.0, z + 3000.0)
    with pytest.raises(ConfigError, match=r"base position \(given\) is 5\.0 km from .* give --base-position"):
        solve(recording, mode="rtk", base_position_e_m=wrong)


def test_base_position_off_the_earth(recording: Recording) -> None:
    """Latitude and longitude typed where ECEF is meant."""
    with pytest.raises(ConfigError, match="not on the Earth"):
        solve(recording, mode="rtk", base_position_e_m=(48.7, 9.1, 320.0))


def test_rover_and_base_swapped(recording: Recording) -> None:
    """A base that drives is none."""
    streams = {**recording.streams, "gnss": recording.streams["base"], "base": recording.streams["gnss"]}
    with pytest.raises(ConfigError, match="swapped"):
        solve(replace(recording, streams=streams), mode="rtk", base_position_e_m=tuple(base_of(recording)))


def test_no_satellite_in_common(recording: Recording) -> None:
    """A base that sees other satellites only."""
    shifted = with_base(recording, lambda base: replace(base, sat=base.sat + 40))
    with pytest.raises(KinemaError, match="no satellite in common"):
        solve(shifted, mode="rtk")


def test_systems_that_were_not_observed(recording: Recording) -> None:
    """What there is instead is told."""
    with pytest.raises(ConfigError, match="no carrier phase in common"):
        solve(recording, mode="rtk", systems="C")


def test_unknown_setting(recording: Recording) -> None:
    """A typed name that does not exist, with those that do."""
    with pytest.raises(ConfigError, match=r"rtk has no setting 'ratoi'; it has .*ratio"):
        solve(recording, mode="rtk", params={"rtk": {"ratoi": 3.0}})


def test_everything_masked(recording: Recording) -> None:
    """A window without epochs says which there are."""
    with pytest.raises(KinemaError, match=r"nothing left of 'gnss' .* it has"):
        solve(recording, mode="rtk", from_ns=0, to_ns=1)


def test_one_frequency_rover_with_three_frequency_base(recording: Recording) -> None:
    """Only what both have is used, and it works."""
    rover = recording.streams["gnss"]
    one = replace(
        rover,
        signals={letter: codes[:1] for letter, codes in rover.signals.items()},
        **{name: getattr(rover, name)[:, :1] for name in ("code_m", "phase_cyc", "doppler_hz", "cn0_dbhz", "lli")},
    )
    solution = solve(replace(recording, streams={**recording.streams, "gnss": one}), mode="rtk", method="filter")
    assert solution.valid.all()
