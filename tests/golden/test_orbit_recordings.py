"""Satellite states of real recordings: against final orbits, against RTKLIB, and against their own derivatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.satellites import SPEED_OF_LIGHT_MPS, SYSTEMS, sat_name
from kinema.core.streams import GnssObservations
from kinema.core.time import NS, week_tow
from kinema.estimate.satellite_states import satellite_states

FLIGHT_M = 2.2e7
SIGNALS = {"G": ("1C", "2W"), "E": ("1C", "5Q"), "R": ("1C", "2C"), "C": ("2I", "6I"), "J": ("1C", "2L")}


@pytest.fixture(scope="module")
def day(data_dir: Path) -> tuple[BroadcastEphemerides, PreciseOrbits, PreciseClocks]:
    folder = data_dir / "ppp-esbc-24h"
    recording = kinema.read(
        folder / "ESBC00DNK_R_20201770000_01D_MN.rnx.gz",
        folder / "GRG0MGXFIN_20201760000_01D_15M_ORB.SP3.gz",
        folder / "GRG0MGXFIN_20201770000_01D_15M_ORB.SP3.gz",
        folder / "GRG0MGXFIN_20201770000_01D_30S_CLK.CLK.gz",
    )
    return (
        recording.need("ephemerides", BroadcastEphemerides),
        recording.need("orbits", PreciseOrbits),
        recording.need("clocks", PreciseClocks),
    )


def watched(ephemerides: BroadcastEphemerides, step_s: int = 900) -> GnssObservations:
    """All satellites at once, every step_s of the day, at the same distance."""
    sats = np.unique(ephemerides.sat)
    t0_ns = int(np.median(ephemerides.toe_ns)) // (86_400 * NS) * 86_400 * NS
    t_ns = t0_ns + np.arange(0, 86_400, step_s) * NS
    n, m = len(sats), len(sats) * len(t_ns)
    nothing = np.zeros((m, 2))
    return GnssObservations(
        t_ns, np.arange(len(t_ns) + 1) * n, np.tile(sats, len(t_ns)), SIGNALS, nothing + FLIGHT_M, nothing, nothing,
        nothing, nothing,
    )  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize(("system", "orbit_m", "clock_m"), [("G", 3.0, 2.0), ("E", 3.0, 0.6), ("R", 8.0, 6.0)])
def test_broadcast_agrees_with_final_orbits(day, system, orbit_m, clock_m):
    ephemerides, orbits, clocks = day
    observations = watched(ephemerides)
    broadcast = satellite_states(observations, ephemerides)
    precise = satellite_states(observations, ephemerides, orbits, clocks)
    mine = observations.sat // 100 == SYSTEMS.index(system)
    both = mine & np.isfinite(broadcast.clock_m) & np.isfinite(precise.clock_m)
    assert both.sum() > 500
    apart = np.linalg.norm(broadcast.p_e_m - precise.p_e_m, axis=1)[both]
    assert np.quantile(apart, 0.95) < orbit_m
    clock = (broadcast.clock_m - precise.clock_m)[both]
    assert np.quantile(np.abs(clock - np.median(clock)), 0.9) < clock_m
    assert np.linalg.norm(broadcast.v_e_mps - precise.v_e_mps, axis=1)[both].max() < 0.02
    assert np.abs(broadcast.clock_drift_mps - precise.clock_drift_mps)[both].max() < 0.1


@pytest.mark.data
@pytest.mark.parametrize("precise", [False, True])
def test_velocities_and_drifts_are_the_derivatives(day, precise):
    ephemerides, orbits, clocks = day
    observations = watched(ephemerides, 3600)
    half_s = 0.02
    given = (ephemerides, orbits, clocks) if precise else (ephemerides,)
    m = len(observations.sat)
    late, now, early = (
        satellite_states(observations, *given, code_m=np.full(m, FLIGHT_M + shift * SPEED_OF_LIGHT_MPS))
        for shift in (-half_s, 0.0, half_s)
    )
    assert np.nanmax(np.abs((late.p_e_m - early.p_e_m) / (2 * half_s) - now.v_e_mps)) < 5e-4
    if not precise:
        assert np.nanmax(np.abs((late.clock_m - early.clock_m) / (2 * half_s) - now.clock_drift_mps)) < 1e-6


@pytest.mark.data
def test_broadcast_states_are_rtklibs_to_a_tenth_of_a_millimetre(day, data_dir, tmp_path):
    import gzip

    rk = pytest.importorskip("pyrtklib5")
    ephemerides, _, _ = day
    plain = tmp_path / "day.nav"
    plain.write_bytes(gzip.decompress((data_dir / "ppp-esbc-24h/ESBC00DNK_R_20201770000_01D_MN.rnx.gz").read_bytes()))
    obs, nav, sta = rk.obs_t(), rk.nav_t(), rk.sta_t()
    rk.readrnx(str(plain), 1, "", obs, nav, sta)
    theirs = {}
    for k in range(nav.n):
        eph = nav.eph[k]
        theirs[(rk_name(rk, eph.sat), eph.toe.time, round(eph.f0 * 1e15), round(eph.f1 * 1e22))] = eph
    observations = watched(ephemerides, 1800)
    states = satellite_states(observations, ephemerides)
    rs, dts, var = rk.Arr1Ddouble(6), rk.Arr1Ddouble(2), rk.Arr1Ddouble(1)
    compared = dict.fromkeys(SYSTEMS, 0)
    t_ns = np.repeat(observations.t_ns, np.diff(observations.row_start))
    kepler = ephemerides.kepler
    for row in np.flatnonzero(np.isfinite(states.clock_m)).tolist():
        name, message = sat_name(int(observations.sat[row])), int(states.message[row])
        if name[0] == "R":
            continue
        mine = kepler[ephemerides.row[message]]
        sow = (int(ephemerides.toe_ns[message]) // NS) + 315_964_800
        eph = theirs.get((name, sow, round(mine[1] * 1e15), round(mine[2] * 1e22)))
        if eph is None:
            continue
        week, tow = week_tow(int(t_ns[row]))
        sent = rk.timeadd(rk.gpst2time(week, tow), -FLIGHT_M / SPEED_OF_LIGHT_MPS)
        sent = rk.timeadd(sent, -rk.eph2clk(sent, eph))
        rk.eph2pos(sent, eph, rs, dts, var)
        assert np.abs(states.p_e_m[row] - [rs[0], rs[1], rs[2]]).max() < 1e-4, name
        assert states.clock_m[row] == pytest.approx(dts[0] * SPEED_OF_LIGHT_MPS, abs=1e-4), name
        compared[name[0]] += 1
    assert min(compared[letter] for letter in "GEC") > 300


def rk_name(rk, number: int) -> str:
    text = rk.Arr1Dchar(8)
    rk.satno2id(number, text)
    return str(text[0])[:3]
