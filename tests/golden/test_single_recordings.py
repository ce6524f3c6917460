"""Single point on real recordings: as near to the truth as promised, and as uncertain as stated."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.frames import c_ne, cov_n_from_e, ecef_from_geodetic, geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Solution

pytestmark = pytest.mark.data
FILES = {
    "sim-spirent-rtk": ("Rover-dynamic_MO_Spirent.obs.gz", "RINEX_GN_Spirent.23N", "RINEX_EN_Spirent.23L"),
    "car-rtk-japan-2021-265": ("SEPT265G.21O", "SEPT2650.21P"),
    "static-rtk-japan-2021-078": ("SEPT078M.21O", "SEPT078M.21P"),
    "static-rtk-1m": ("rover.obs.gz", "base.nav"),
    "ppp-esbc-24h": ("ESBC00DNK_R_20201770000_01D_30S_MO.crx.gz", "ESBC00DNK_R_20201770000_01D_MN.rnx.gz"),
}


@cache
def recording(data_dir: Path, name: str) -> Recording:
    return kinema.read(*(data_dir / name / file for file in FILES[name]))


def truth(data_dir: Path, name: str, t_ns: np.ndarray) -> np.ndarray:
    """True antenna positions at t_ns (n, 3), NaN where not known."""
    folder = data_dir / name
    if name == "static-rtk-japan-2021-078":
        return np.tile([-3962108.673, 3381309.574, 3668678.638], (len(t_ns), 1))
    if name == "ppp-esbc-24h":
        lat, lon, h = geodetic_from_ecef(np.array([3582104.7678, 532590.1740, 5232755.1436]))
        return np.tile(ecef_from_geodetic(lat, lon, h + 0.216), (len(t_ns), 1))
    if name == "static-rtk-1m":
        lat, lon, h = (float(x) for x in (folder / "rover_position.txt").read_text().replace(",", " ").split()[:3])
        return np.tile(ecef_from_geodetic(np.radians(lat), np.radians(lon), h), (len(t_ns), 1))
    second = np.round(t_ns % (604_800 * 10**9) * 1e-8).astype(np.int64)
    if name == "sim-spirent-rtk":
        table = np.loadtxt(folder / "Rover-dynamic_PVA_Spirent.csv", delimiter=",", skiprows=1)
        tow, points = np.round(table[:, 3] * 10).astype(np.int64), table[:, 4:7]
    else:
        table = np.loadtxt(folder / "pseudo_truth.csv", delimiter=",")
        tow = np.round(table[:, 0] * 10).astype(np.int64)
        points = ecef_from_geodetic(np.radians(table[:, 1]), np.radians(table[:, 2]), table[:, 3])
    at = np.clip(np.searchsorted(tow, second), 0, len(tow) - 1)
    return np.where((tow[at] == second)[:, None], points[at], np.nan)


def errors(solution: Solution, true_e_m: np.ndarray) -> np.ndarray:
    """North, east, down errors where the truth is known."""
    lat, lon, _ = geodetic_from_ecef(true_e_m)
    ned = np.einsum("nij,nj->ni", c_ne(lat, lon), solution.p_e_m - true_e_m)
    return ned[np.isfinite(true_e_m[:, 0])]


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


@pytest.mark.parametrize(
    ("name", "method", "h_rms_m", "h_max_m", "rms_3d_m"),
    [
        ("sim-spirent-rtk", "batch", 0.05, 0.1, 0.20),
        ("sim-spirent-rtk", "filter", 0.2, 1.0, 0.6),
        ("car-rtk-japan-2021-265", "batch", 0.4, 0.8, 1.2),
        ("car-rtk-japan-2021-265", "filter", 0.8, 1.5, 2.0),
        ("static-rtk-japan-2021-078", "batch", 0.4, 0.8, 1.2),
        ("static-rtk-1m", "batch", 0.8, 1.2, 1.8),
        ("ppp-esbc-24h", "batch", 0.50, 1.5, 0.8),
    ],
)
def test_errors_stay_within_the_promise(data_dir, name, method, h_rms_m, h_max_m, rms_3d_m):
    solution = kinema.solve(recording(data_dir, name), mode="single", method=method)
    ned = errors(solution, truth(data_dir, name, solution.t_ns))
    assert np.isfinite(ned).all()
    horizontal = np.hypot(ned[:, 0], ned[:, 1])
    assert rms(horizontal) <= h_rms_m
    assert horizontal.max() <= h_max_m
    assert rms(np.linalg.norm(ned, axis=1)) <= rms_3d_m
    assert (solution.status == FixStatus.SINGLE).all()


@pytest.mark.parametrize("name", list(FILES))
def test_stated_ellipses_hold_nine_errors_of_ten(data_dir, name):
    solution = kinema.solve(recording(data_dir, name), mode="single")
    true = truth(data_dir, name, solution.t_ns)
    ned = errors(solution, true)
    cov = cov_n_from_e(solution.cov_p_e_m2, solution.p_e_m)[np.isfinite(true[:, 0]), :2, :2]
    squared = np.einsum("ni,nij,nj->n", ned[:, :2], np.linalg.inv(cov), ned[:, :2])
    assert np.mean(squared < 5.991) >= 0.9


def test_velocity_of_the_simulated_rose_is_right_to_centimetres(data_dir):
    solution = kinema.solve(recording(data_dir, "sim-spirent-rtk"), mode="single")
    table = np.loadtxt(data_dir / "sim-spirent-rtk/Rover-dynamic_PVA_Spirent.csv", delimiter=",", skiprows=1)
    second = np.round(solution.t_ns % (604_800 * 10**9) * 1e-8).astype(np.int64)
    at = np.searchsorted(np.round(table[:, 3] * 10).astype(np.int64), second)
    assert rms(np.linalg.norm(solution.v_e_mps - table[at, 7:10], axis=1)) < 0.05


def test_precise_orbits_bring_the_station_to_decimetres(data_dir):
    folder = data_dir / "ppp-esbc-24h"
    streams = dict(recording(data_dir, "ppp-esbc-24h").streams)
    for file in ("GRG0MGXFIN_20201760000_01D_15M_ORB.SP3.gz", "GRG0MGXFIN_20201770000_01D_15M_ORB.SP3.gz"):
        streams.update(kinema.read(folder / file).streams)
    clocks = kinema.read(folder / "GRG0MGXFIN_20201770000_01D_30S_CLK.CLK.gz").streams
    solution = kinema.solve(Recording({**streams, **clocks}), mode="single", systems="GE")
    ned = errors(solution, truth(data_dir, "ppp-esbc-24h", solution.t_ns))
    assert rms(np.hypot(ned[:, 0], ned[:, 1])) < 0.25
    assert solution.provenance.datum.startswith("ITRF")


def test_blocks_of_bounded_memory_change_centimetres_only(data_dir):
    whole = kinema.solve(recording(data_dir, "sim-spirent-rtk"), mode="single")
    small = {"single": {"block_rows": 3000, "overlap_s": 60.0}}
    pieces = kinema.solve(recording(data_dir, "sim-spirent-rtk"), mode="single", params=small)
    assert len(pieces) == len(whole)
    assert np.abs(pieces.p_e_m - whole.p_e_m).max() < 0.1
    assert pieces.residuals is not None
    assert int(pieces.residuals.epoch.max()) == len(whole) - 1


def test_a_masked_half_minute_is_bridged_and_said_to_be(data_dir):
    drive = recording(data_dir, "sim-spirent-rtk")
    t0_ns = int(drive.streams["gnss"].t_ns[0])
    mask = ("gnss", t0_ns + 100 * 10**9, t0_ns + 115 * 10**9)
    solution = kinema.solve(drive, mode="single", masks=(mask,))
    inside = (solution.t_ns >= mask[1]) & (solution.t_ns < mask[2])
    assert (solution.status[inside] == FixStatus.DEAD_RECKONED).all()
    assert (solution.status[~inside] == FixStatus.SINGLE).all()
    ned = errors(solution, truth(data_dir, "sim-spirent-rtk", solution.t_ns))
    sigma = np.sqrt(np.trace(solution.cov_p_e_m2, axis1=1, axis2=2))
    assert sigma[inside].max() > 5 * np.median(sigma)
    assert (np.linalg.norm(ned[inside], axis=1) < 4 * sigma[inside]).all()


def test_canyon_with_wheels_is_within_five_metres(data_dir):
    folder = data_dir / "canyon-berlin"
    drive = kinema.read(folder / "Berlin_Potsdamer_Platz_Input.txt.gz")
    true = kinema.read(folder / "Berlin_Potsdamer_Platz_GT.txt").streams["truth"]
    solution = kinema.solve(drive)
    points = np.stack([np.interp(solution.t_ns, true.t_ns, true.p_e_m[:, k]) for k in range(3)], axis=1)
    ned = errors(solution, points)
    horizontal = np.hypot(ned[:, 0], ned[:, 1])
    assert np.median(horizontal) <= 5.0
    assert rms(horizontal) <= 6.0
    cov = cov_n_from_e(solution.cov_p_e_m2, solution.p_e_m)[:, :2, :2]
    squared = np.einsum("ni,nij,nj->n", ned[:, :2], np.linalg.inv(cov), ned[:, :2])
    assert np.mean(squared < 5.991) >= 0.9
