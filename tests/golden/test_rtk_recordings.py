"""RTK on real recordings and a hardware simulator: share fixed, none wrong, and how far from the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.arrays import F64
from kinema.core.frames import ecef_from_geodetic, vectors_n_from_e
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution
from kinema.estimate.rtk_solution import pick_epochs

pytestmark = pytest.mark.data
JAPAN_BASE = (-3959400.631, 3385704.533, 3667523.111)
WEEK_NS = 604_800_000_000_000


def place(path: Path) -> F64:
    lat, lon, h = (float(v) for v in path.read_text().replace(",", " ").split()[:3])
    return ecef_from_geodetic(np.radians(lat), np.radians(lon), h)


@pytest.fixture(scope="module")
def spirent(data_dir: Path) -> tuple[Recording, tuple[float, ...], F64]:
    d = data_dir / "sim-spirent-rtk"
    r = kinema.read(
        d / "Rover-dynamic_MO_Spirent.obs.gz", d / "RINEX_GN_Spirent.23N", d / "RINEX_EN_Spirent.23L",
        base=d / "Base-static_MO_Spirent.obs.gz",
    )  # fmt: skip
    table = np.genfromtxt(d / "Rover-dynamic_PVA_Spirent.csv", delimiter=",", skip_header=1)
    t = np.rint(table[:, 3] * 1e9).astype(np.int64)
    at = np.searchsorted(t, r.streams["gnss"].t_ns % WEEK_NS - 1_000_000)
    base = ecef_from_geodetic(np.radians(48.780735784), np.radians(9.171992250), 320.0)
    return r, tuple(base), table[at, 4:7]


@pytest.fixture(scope="module")
def one_metre(data_dir: Path) -> tuple[Recording, tuple[float, ...], F64]:
    d = data_dir / "static-rtk-1m"
    r = kinema.read(d / "rover.obs.gz", d / "base.nav", base=d / "base.obs.gz")
    truth = np.tile(place(d / "rover_position.txt"), (len(r.streams["gnss"].t_ns), 1))
    return r, tuple(place(d / "base_position.txt")), truth


@pytest.fixture(scope="module")
def car(data_dir: Path) -> tuple[Recording, tuple[float, ...], F64]:
    d = data_dir / "car-rtk-japan-2021-265"
    r = kinema.read(d / "SEPT265G.21O", d / "SEPT2650.21P", base=d / "3034265G.21O")
    table = np.genfromtxt(d / "pseudo_truth.csv", delimiter=",", skip_header=1)
    known = dict(zip(np.rint(table[:, 0]).astype(int).tolist(), range(len(table)), strict=True))
    p = ecef_from_geodetic(np.radians(table[:, 1]), np.radians(table[:, 2]), table[:, 3])
    truth = np.full((len(r.streams["gnss"].t_ns), 3), np.nan)
    for k, t in enumerate((r.streams["gnss"].t_ns % WEEK_NS / 1e9).round().astype(int).tolist()):
        if t in known:
            truth[k] = p[known[t]]
    return r, JAPAN_BASE, truth


@pytest.fixture(scope="module")
def japan(data_dir: Path) -> tuple[Recording, tuple[float, ...], F64]:
    d = data_dir / "static-rtk-japan-2021-078"
    r = kinema.read(d / "SEPT078M1.21O", d / "SEPT078M.21P", base=d / "3034078M1.21O")
    return r, JAPAN_BASE, np.tile([-3962108.673, 3381309.574, 3668678.638], (len(r.streams["gnss"].t_ns), 1))


def judged(which: tuple[Recording, tuple[float, ...], F64], **options: object) -> tuple[Solution, F64, F64]:
    """The solution, its horizontal errors, and which epochs are fixed."""
    recording, base, truth = which
    solution = kinema.solve(recording, mode="rtk", base_position_e_m=base, **options)
    error = vectors_n_from_e(solution.p_e_m - truth, solution.p_e_m)
    return solution, np.hypot(error[:, 0], error[:, 1]), solution.status == FixStatus.FIXED


@pytest.mark.parametrize("method", ["filter", "batch"])
def test_spirent_is_fixed_from_the_first_seconds(spirent, method: str) -> None:
    """Every epoch after two seconds is fixed and within a millimetre; the peer takes 18 s."""
    _, h, fixed = judged(spirent, method=method)
    assert fixed[2:].all()
    assert np.nanmax(h[fixed]) < 1e-3


def test_spirent_with_satellites_dropping_out(spirent) -> None:
    """Half a minute with seven satellites in sight each, arcs cut: the batch stays within millimetres."""
    recording, base, truth = spirent
    g = recording.streams["gnss"]
    rng = np.random.default_rng(11)
    epoch = np.repeat(np.arange(len(g.t_ns)), np.diff(g.row_start))
    code, phase = g.code_m.copy(), g.phase_cyc.copy()
    for start in range(40, 560, 60):
        present = np.unique(g.sat[(epoch >= start) & (epoch < start + 30)])
        gone = rng.permutation(present)[9:]
        rows = (epoch >= start) & (epoch < start + 30) & np.isin(g.sat, gone)
        code[rows], phase[rows] = np.nan, np.nan
    thinned = replace(g, code_m=code, phase_cyc=phase)
    broken = replace(recording, streams={**recording.streams, "gnss": thinned})
    _, h, fixed = judged((broken, base, truth), method="batch")
    assert fixed.mean() > 0.85
    assert np.sqrt(np.mean(h**2)) < 0.002
    assert h.max() < 0.01


def test_one_metre_baseline(one_metre) -> None:
    """Nearly all epochs fixed forward and by themselves alone, none wrong, two millimetres."""
    solution, h, fixed = judged(one_metre, method="filter")
    assert fixed.mean() >= 0.995
    assert h[fixed].max() < 0.02
    assert np.percentile(h, 95) < 0.0025
    assert np.nanmax(solution.channels["ratio"].value) > 2
    _, h, fixed = judged(one_metre, instantaneous=True)
    assert fixed.mean() >= 0.95
    assert h[fixed].max() < 0.05


def test_glonass_is_fixed_between_like_receivers_only(one_metre) -> None:
    """GLONASS alone, two receivers of one model: fixed, none wrong. Called another model, all stays float."""
    recording, base, truth = one_metre
    solution = kinema.solve(recording, mode="rtk", method="filter", systems="R", base_position_e_m=base)
    fixed = solution.status == FixStatus.FIXED
    assert fixed.mean() > 0.95
    assert np.linalg.norm(solution.p_e_m - truth, axis=1)[fixed].max() < 0.05
    rover = recording.streams["gnss"]
    other = replace(rover, antenna=replace(rover.antenna, receiver="TRIMBLE NETR9 5.45"))
    unlike = replace(recording, streams={**recording.streams, "gnss": other})
    solution = kinema.solve(unlike, mode="rtk", method="filter", systems="R", base_position_e_m=base)
    assert not (solution.status == FixStatus.FIXED).any()


def test_one_frequency_rover_with_three_frequency_base(one_metre) -> None:
    """One frequency is enough on a short baseline."""
    _, h, fixed = judged(one_metre, method="filter", frequencies=1)
    assert fixed.mean() > 0.9
    assert h[fixed].max() < 0.02


def test_car_forward_and_batch(car) -> None:
    """98 % forward, all in the batch, none off the pseudo-truth by more than 5 cm."""
    for method, least in (("filter", 0.98), ("batch", 1.0)):
        _, h, fixed = judged(car, method=method)
        assert fixed.mean() >= least
        assert np.nanmax(h[fixed]) < 0.05


def test_japan_static(japan) -> None:
    """Sixty seconds at 5.3 km, every arc cut once by the base's own flags."""
    _, h, fixed = judged(japan, method="filter")
    assert fixed.mean() >= 0.95
    assert np.percentile(h, 95) < 0.005


def test_base_every_half_minute(car) -> None:
    """Base data up to half a minute old still fix, within centimetres."""
    recording, base, truth = car
    b = recording.streams["base"]
    keep = np.arange(len(b.t_ns)) % 30 == 0
    slow = replace(recording, streams={**recording.streams, "base": pick_epochs(b, keep)})
    solution, h, fixed = judged((slow, base, truth), method="filter")
    assert fixed.mean() > 0.95
    assert np.nanmax(h[fixed]) < 0.06
    assert solution.channels["age_s"].value.max() > 25


def test_base_outage_leaves_no_hole(car) -> None:
    """While the base is away for 100 s every epoch still has a position, called what it is, with more uncertainty."""
    recording, base, truth = car
    b = recording.streams["base"]
    first = int(np.searchsorted(b.t_ns, recording.streams["gnss"].t_ns[0]))
    keep = np.ones(len(b.t_ns), dtype=bool)
    keep[first + 100 : first + 200] = False
    cut = replace(recording, streams={**recording.streams, "base": pick_epochs(b, keep)})
    solution, _, fixed = judged((cut, base, truth), method="batch")
    assert solution.valid.all()
    assert not fixed[135:195].any()
    sigma = np.sqrt(np.trace(solution.cov_p_e_m2, axis1=1, axis2=2))
    assert sigma[150] > 5 * sigma[50]
    assert any("rover alone" in note for note in solution.provenance.notes)


def test_arcs_and_residuals_for_the_report(car) -> None:
    """The arcs come with satellite, signal, span, cause and integer; residuals with reasons."""
    solution, _, _ = judged(car, method="batch")
    arcs = solution.arcs
    assert arcs is not None
    assert (arcs.start <= arcs.stop).all()
    lasting = arcs.stop - arcs.start > 10
    assert np.isfinite(arcs.integer[lasting]).mean() > 0.8
    assert {arcs.signals[i] for i in arcs.signal} >= {"1C", "5Q"}
    assert solution.residuals is not None
    used = solution.residuals.reason == 0
    phase = used & (solution.residuals.kind == 2)
    assert phase.sum() > 10_000
