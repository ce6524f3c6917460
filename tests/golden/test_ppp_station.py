"""PPP at a geodetic station over 24 hours, on final orbits and clocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.frames import vectors_n_from_e
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus
from kinema.errors import ConfigError

pytestmark = pytest.mark.data
MARKER = np.array([3582104.7678, 532590.1740, 5232755.1436])


@pytest.fixture(scope="module")
def station(data_dir: Path) -> Recording:
    d = data_dir / "ppp-esbc-24h"
    return kinema.read(*sorted(path for path in d.iterdir() if path.name != "LICENSE"))


def test_static_point_within_two_centimetres(station: Recording) -> None:
    """North, east and up of the marker, after 24 hours."""
    solution = kinema.solve(station, mode="ppp", static=True)
    error = vectors_n_from_e((solution.p_e_m - MARKER)[-1:], solution.p_e_m[-1:])[0]
    assert np.abs(error).max() < 0.02
    assert solution.provenance.point == "marker"
    assert any("below 0.1 m after" in note for note in solution.provenance.notes)


def test_kinematic_smoothed(station: Recording) -> None:
    """Each epoch by itself but for ambiguities and troposphere: 3 cm horizontally, 10 cm in space, honest sigmas."""
    solution = kinema.solve(station, mode="ppp")
    error = vectors_n_from_e(solution.p_e_m - MARKER, solution.p_e_m)
    assert (solution.status == FixStatus.PPP).all()
    assert np.sqrt((error[:, :2] ** 2).sum(axis=1).mean()) <= 0.030
    assert np.percentile(np.linalg.norm(error, axis=1), 95) <= 0.10
    d = solution.p_e_m - MARKER
    nees = np.einsum("ni,nij,nj->n", d, np.linalg.inv(solution.cov_p_e_m2), d)
    assert 0.3 < nees.mean() < 4.0
    assert (np.hypot(error[:, 0], error[:, 1]) < solution.channels["hpl_m"].value).mean() > 0.999


def test_products_of_another_day_are_refused(station: Recording) -> None:
    """One clear line with both days."""
    from dataclasses import replace

    orbits = station.streams["orbits"]
    late = replace(orbits, t_ns=orbits.t_ns + 10 * 86_400_000_000_000)
    wrong = replace(station, streams={k: v for k, v in station.streams.items() if k != "clocks"} | {"orbits": late})
    with pytest.raises(ConfigError, match=r"orbits are of .* observations of 2020-06-25; give the products"):
        kinema.solve(wrong, mode="ppp")


def test_integers_say_what_they_need(station: Recording) -> None:
    """Integer clocks without the satellites' antennas stay float and say so; biases of another day, too."""
    from dataclasses import replace

    from kinema.core.biases import SignalBiases
    from kinema.core.streams import GnssObservations
    from kinema.estimate.rtk_solution import pick_epochs

    observations = station.need("gnss", GnssObservations)
    short = {**station.streams, "gnss": pick_epochs(observations, np.arange(len(observations.t_ns)) < 40)}
    solution = kinema.solve(replace(station, streams=short), mode="ppp")
    assert any("give the ANTEX file" in note for note in solution.provenance.notes)
    assert solution.arcs is not None
    assert np.isnan(solution.arcs.integer).all()
    day = np.array([0])
    late = SignalBiases(np.array([1]), np.array([0]), np.array([True]), day, day + 1, np.array([0.1]), ("1C",))
    solution = kinema.solve(replace(station, streams={**short, "biases": late}), mode="ppp")
    assert any("biases are of 1980-01-06" in note for note in solution.provenance.notes)


def test_orbits_and_clocks_without_broadcast_messages(data_dir: Path) -> None:
    """Products and observations alone, no navigation file: the same centimetres."""
    folder = data_dir / "ppp-esbc-24h"
    station = kinema.read(*sorted(p for p in folder.iterdir() if p.name.endswith((".crx.gz", ".SP3.gz", ".CLK.gz"))))
    solution = kinema.solve(station, mode="ppp")
    error = vectors_n_from_e(solution.p_e_m - MARKER, solution.p_e_m)
    assert (solution.status == FixStatus.PPP).mean() > 0.98
    assert np.sqrt((error[solution.status == FixStatus.PPP, :2] ** 2).sum(axis=1).mean()) <= 0.030
