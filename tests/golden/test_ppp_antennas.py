"""PPP with the phase centres of an ANTEX file, at a geodetic station over half an hour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kinema
from antex_text import HEAD, antenna
from kinema.core.frames import vectors_n_from_e
from kinema.core.recording import Recording
from kinema.core.satellites import sat_name
from kinema.core.solution import Solution
from kinema.core.streams import GnssObservations
from kinema.estimate.rtk_solution import pick_epochs
from kinema.sensors.antenna import OFFSETS_M, block_of

pytestmark = pytest.mark.data
BANDS = {"G": ("G01", "G02"), "R": ("R01", "R02"), "E": ("E01", "E05"), "C": ("C02", "C06"), "J": ("J01", "J02")}
NAME = "ASH701945E_M    SCIS"


@pytest.fixture(scope="module")
def station(data_dir: Path) -> Recording:
    """Half an hour of the station."""
    d = data_dir / "ppp-esbc-24h"
    recording = kinema.read(*sorted(path for path in d.iterdir() if path.name != "LICENSE"))
    observations = recording.need("gnss", GnssObservations)
    keep = (np.arange(len(observations.t_ns)) >= 1200) & (np.arange(len(observations.t_ns)) < 1260)
    return replace(recording, streams={**recording.streams, "gnss": pick_epochs(observations, keep)})


@pytest.fixture(scope="module")
def by_block(station: Recording) -> Solution:
    return solved(station)


def solved(station: Recording) -> Solution:
    return kinema.solve(station, mode="ppp", method="filter", static=True)


def satellites(station: Recording) -> str:
    """The built-in table of offsets as an ANTEX file."""
    text = HEAD
    for sat in np.unique(station.need("gnss", GnssObservations).sat).tolist():
        name = sat_name(sat)
        if name[0] in BANDS:
            x, z = OFFSETS_M[block_of(sat)]
            offsets = dict.fromkeys(BANDS[name[0]], (1e3 * x, 0.0, 1e3 * z))
            text += antenna("BLOCK", name, offsets, dict.fromkeys(offsets, (0.0, 0.0, 0.0)), (0.0, 14.0, 7.0))
    return text


def with_antex(station: Recording, text: str, folder: Path) -> Recording:
    path = folder / "made.atx"
    path.write_text(text)
    return replace(station, streams={**station.streams, **kinema.read(path).streams})


def test_the_same_offsets_give_the_same_positions(station: Recording, by_block: Solution, tmp_path: Path) -> None:
    """And a name of an antenna that the file lacks is told, not refused."""
    solution = solved(with_antex(station, satellites(station), tmp_path))
    assert np.abs(solution.p_e_m - by_block.p_e_m).max() < 1e-4
    told = [note for note in solution.provenance.notes if "is not in the ANTEX file: its phase centre is not" in note]
    assert told
    assert "antenna ASH701945E_M SCIS" in told[0]
    assert not any("block type" in note for note in solution.provenance.notes if "ANTEX" in note)


def test_the_receivers_offset_lowers_the_point_by_it(station: Recording, by_block: Solution, tmp_path: Path) -> None:
    """0.1 m up on every frequency: the reference point is 0.1 m below the phase centre."""
    text = satellites(station)
    offsets = dict.fromkeys(("G01", "G02"), (0.0, 0.0, 100.0))
    text += antenna(NAME, "", offsets, dict.fromkeys(offsets, (0.0, 0.0, 0.0)), (0.0, 90.0, 45.0))
    solution = solved(with_antex(station, text, tmp_path))
    moved = vectors_n_from_e(solution.p_e_m - by_block.p_e_m, by_block.p_e_m)[-1]
    np.testing.assert_allclose(moved, [0.0, 0.0, 0.1], atol=0.001)
    assert any("by ANTEX (" in note and "E05 as G02" in note for note in solution.provenance.notes)


def test_a_satellites_offset_moves_its_range(station: Recording, by_block: Solution, tmp_path: Path) -> None:
    """Without offsets at all the height is another: the file is what counts, not the table."""
    text = satellites(station)
    for x, z in OFFSETS_M.values():
        text = text.replace(f"{1e3 * x:10.2f}{0:10.2f}{1e3 * z:10.2f}", f"{0:10.2f}" * 3)
    solution = solved(with_antex(station, text, tmp_path))
    assert np.linalg.norm(solution.p_e_m[-1] - by_block.p_e_m[-1]) > 0.005
