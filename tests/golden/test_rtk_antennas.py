"""RTK with an ANTEX file: what each receiver's antenna adds, and what is told where the file lacks it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinema.core.antennas import AntennaModel, Antennas
from kinema.core.frames import vectors_n_from_e
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.estimate.strategy import solve
from kinema.simulate.drive import simulate

UP_M = 0.10
ROVER, BASE = "ROVERANT        NONE", "BASEANT         SCIS"


def model(name: str, up_m: float) -> AntennaModel:
    """An antenna whose phase centres of all frequencies lie above its reference point."""
    codes = ("G01", "G02", "G05")
    flat = np.zeros((1, 19))
    return AntennaModel(
        name, {code: np.array([0.0, 0.0, up_m]) for code in codes}, dict.fromkeys(codes, flat),
        np.arange(0.0, 95.0, 5.0), np.zeros(1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Twenty seconds on the open road; both receivers name their antennas."""
    r = simulate("open", 5, duration_s=20, rate_hz=1.0, systems="GE", frequencies=2, base_km=1.0).recording
    named = {
        role: replace(r.streams[role], antenna=replace(r.streams[role].antenna, antenna=name))
        for role, name in (("gnss", ROVER), ("base", BASE))
    }
    return replace(r, streams={**r.streams, **named})


def solved(recording: Recording, *models: AntennaModel) -> Solution:
    """The causal solution with these antennas known."""
    streams = {**recording.streams, "antennas": Antennas({}, models)} if models else recording.streams
    return solve(replace(recording, streams=streams), mode="rtk", method="filter")


def test_phase_centres_move_the_position(recording: Recording) -> None:
    """A rover's centre 10 cm above its antenna lowers the antenna by 10 cm; the base's, under a radome the file lacks,
    raises it again; both are told."""
    plain = solved(recording)
    rover = solved(recording, model(ROVER, UP_M))
    both = solved(recording, model(ROVER, UP_M), model("BASEANT         NONE", UP_M))
    down = vectors_n_from_e(rover.p_e_m - plain.p_e_m, plain.p_e_m)[-1]
    assert down == pytest.approx([0.0, 0.0, UP_M], abs=2e-3)
    assert np.linalg.norm(both.p_e_m[-1] - plain.p_e_m[-1]) < 2e-3
    notes = " | ".join(rover.provenance.notes)
    assert f"rover's antenna {ROVER} by ANTEX" in notes
    assert f"base's antenna {BASE} is not in the ANTEX file" in notes
    assert any("without its radome SCIS" in note for note in both.provenance.notes)
