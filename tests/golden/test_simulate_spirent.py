"""The simulator against a professional one: the Spirent set re-created from its own messages and trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinema
from kinema.core.frames import geodetic_from_ecef
from kinema.simulate.orbits import C_MPS, gps_seconds
from kinema.simulate.sky import NO_ERRORS, Sky, View, make_sky, saastamoinen_zenith_m

pytestmark = pytest.mark.data
L1_HZ = 1575.42e6
BANDS_HZ = {"1": L1_HZ, "2": 1227.60e6, "5": 1176.45e6, "7": 1207.14e6, "8": 1191.795e6}


@pytest.fixture(scope="module")
def spirent(data_dir: Path) -> tuple[Any, Sky, View, np.ndarray]:
    folder = data_dir / "sim-spirent-rtk"
    recording = kinema.read(
        folder / "Rover-dynamic_MO_Spirent.obs.gz", folder / "RINEX_EN_Spirent.23L", folder / "RINEX_GN_Spirent.23N"
    )
    gnss = recording.streams["gnss"]
    table = np.loadtxt(folder / "Rover-dynamic_PVA_Spirent.csv", delimiter=",", skiprows=1)
    row = np.round((gnss.t_ns * 1e-9 % 604_800 - table[0, 3]) * 10).astype(int)
    place, speed = table[row, 4:7], table[row, 7:10]
    sky = make_sky(
        recording.streams["ephemerides"], seed=0, t0_ns=int(gnss.t_ns[0]), duration_s=600.0, origin_e_m=place[0],
        systems="GE", errors=NO_ERRORS,
    )  # fmt: skip
    return gnss, sky, sky.view(gps_seconds(gnss.t_ns), place, speed), place


def _rows(gnss: Any, sky: Sky, sat: int) -> tuple[np.ndarray, np.ndarray, int]:
    rows = np.flatnonzero(gnss.sat == sat)
    return rows, np.searchsorted(gnss.row_start, rows, side="right") - 1, sky.sats.tolist().index(sat)


def _original_saastamoinen(elevation: np.ndarray, zenith_m: float) -> np.ndarray:
    """With the term in tan² z that the original formula has and common programs leave out (B = 1.11 hPa at 320 m)."""
    secant = 1 / np.sin(elevation)
    return secant * (zenith_m - 0.002277 * 1.11 * (secant**2 - 1))


def test_ranges_equal_the_recorded_ones(spirent: tuple[Any, Sky, View, np.ndarray]) -> None:
    """Every satellite above 15° and every signal: geometry, clock, relativity, group delay, ionosphere to 5 mm.

    Spirent's zenith delay is one number that the set does not state; it is fitted, one value for all.
    """
    gnss, sky, view, _ = spirent
    left, secant = [], []
    for sat in np.unique(gnss.sat).tolist():
        rows, epochs, j = _rows(gnss, sky, sat)
        system = "G" if sat < 100 else "E"
        delay_m = C_MPS * sky.orbits[sat].row[22]
        elevation = view.elevation_rad[epochs, j]
        for slot, signal in enumerate(gnss.signals[system]):
            ratio2 = (L1_HZ / BANDS_HZ[signal[0]]) ** 2
            # This simulator puts the L1 value of TGD on L5 too, and the E1/E5a value of BGD on all of E5.
            scale = 1.0 if (system, signal[0]) == ("G", "5") else (L1_HZ / BANDS_HZ["5"]) ** 2
            bias = delay_m * (1.0 if signal[0] == "1" else ratio2 if system == "G" and signal[0] == "2" else scale)
            model = view.range_m[epochs, j] - view.clock_m[epochs, j] + bias + view.iono_l1_m[epochs, j] * ratio2
            keep = elevation > np.radians(15.0)
            left.append((gnss.code_m[rows, slot] - model - _original_saastamoinen(elevation, 0.0))[keep])
            secant.append((1 / np.sin(elevation))[keep])
    residual, mapping = np.concatenate(left), np.concatenate(secant)
    zenith = float(residual @ mapping / (mapping @ mapping))
    assert len(residual) > 35_000
    assert 2.30 < zenith < 2.45
    assert np.abs(residual - zenith * mapping).max() < 0.005


def test_doppler_equals_the_recorded_one(spirent: tuple[Any, Sky, View, np.ndarray]) -> None:
    """Range rates above 15° to 5 mm/s: the change of the atmosphere is the part that Doppler leaves out here."""
    gnss, sky, view, _ = spirent
    for sat in np.unique(gnss.sat).tolist():
        rows, epochs, j = _rows(gnss, sky, sat)
        rate = view.rate_mps[epochs, j] - view.clock_mps[epochs, j]
        recorded = -gnss.doppler_hz[rows, 0] * C_MPS / L1_HZ
        keep = view.elevation_rad[epochs, j] > np.radians(15.0)
        assert np.abs(recorded - rate)[keep].max(initial=0.0) < 0.006, sat


def test_standard_troposphere_is_the_same_kind(spirent: tuple[Any, Sky, View, np.ndarray]) -> None:
    """Our zenith delay differs from theirs by the humidity alone: centimetres."""
    *_, place = spirent
    lat, _, h = geodetic_from_ecef(place[:1])
    assert saastamoinen_zenith_m(lat, h)[0] == pytest.approx(2.357, abs=0.08)
