"""The height of a road that is met again: what is remembered, what is believed of it, and what is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kinema.core.frames import c_ne, ecef_from_geodetic, ned_from_ecef
from kinema.core.solution import FixStatus
from kinema.core.streams import Imu, Series
from kinema.core.time import NS
from kinema.errors import ConfigError
from kinema.estimate.inertial_live import LiveInertial
from kinema.estimate.inertial_params import InertialParams
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.road_height import NO_ROAD, memory
from kinema.estimate.strategy import solve
from kinema.kernels import inertial as ki
from kinema.kernels import road as kr
from kinema.simulate.drive import ANTENNA_B_M, simulate
from kinema.simulate.few_satellites import few_satellites
from kinema.simulate.vehicle import Limits
from road_world import drive, heights, hills, without, world

F64 = NDArray[np.float64]
LAT, LON = 0.85, 0.16
ORIGIN = ecef_from_geodetic(np.array(LAT), np.array(LON), np.array(300.0))
TO_NED = c_ne(np.array(LAT), np.array(LON))
SPANS = [(140.0, 170.0), (200.0, 260.0)]


def seen(
    road: kr.Road, enu: tuple[float, float, float], sigma: float, way: float, heading: float = 0.0, slope: float = 0.0
) -> F64:
    """What a vehicle sees at a place, going along `heading`, its height known to sigma, its place to 0.1 m."""
    here = np.zeros(kr.HERE_SIZE)
    here[:3] = ORIGIN + np.array([enu[1], enu[0], -enu[2]]) @ TO_NED
    here[kr.H_UP : kr.H_UP + 3] = -TO_NED[2]
    here[kr.H_COV :] = (TO_NED.T @ np.diag([0.005, 0.005, sigma**2]) @ TO_NED).ravel()
    here[kr.SPOT_WAY] = way
    v_ned = np.array([np.cos(heading), np.sin(heading), -slope]) * 10.0
    kr.face(here, v_ned @ TO_NED, road.frame)
    return here


def remembered(*spots: F64) -> kr.Road:
    road = memory(ORIGIN, InertialParams(), coarse=False)
    for spot in spots:
        kr.keep_spot(road, spot)
    return road


def found(road: kr.Road, here: F64) -> F64 | None:
    out = np.zeros(kr.F_SIZE)
    return out if kr.find_spot(road, here, out) else None


EMPTY = memory(ORIGIN, InertialParams(), coarse=False)


def test_a_place_met_again_tells_its_height_along_the_slope() -> None:
    """Kept on a climb of 5 %; met 4 m farther on: the road is 0.2 m higher there, whichever way one drives."""
    road = remembered(seen(EMPTY, (0.0, 0.0, 12.0), 0.02, 0.0, slope=0.05))
    for heading, slope in ((0.0, 0.05), (np.pi, -0.05)):
        told = found(road, seen(road, (0.0, 4.0, 12.0), 0.3, 500.0, heading, slope))
        assert told is not None
        assert told[kr.F_HIGHER] == pytest.approx(0.2, abs=1e-6)
        assert told[kr.F_SHARE] == pytest.approx(1.0, abs=0.01)
        assert np.sqrt(told[kr.F_ROAD]) == pytest.approx(0.1, abs=0.01)


def test_other_roads_and_the_same_visit_are_not_taken() -> None:
    """Too soon, too far aside, climbing otherwise, crossing a few metres off: nothing; crossing right here: yes."""
    road = remembered(seen(EMPTY, (0.0, 0.0, 12.0), 0.02, 0.0))
    assert found(road, seen(road, (1.0, 0.0, 12.0), 0.3, 99.0)) is None
    assert found(road, seen(road, (11.0, 0.0, 12.0), 0.3, 500.0)) is None
    assert found(road, seen(road, (1.0, 0.0, 12.0), 0.3, 500.0, slope=0.12)) is None
    assert found(road, seen(road, (6.0, 0.0, 12.0), 0.3, 500.0, heading=1.5)) is None
    assert found(road, seen(road, (2.0, 0.0, 12.0), 0.3, 500.0, heading=1.5)) is not None


@pytest.mark.parametrize("sigma", [0.15, 0.3, 0.5, 0.75, 1.0, 3.0])
def test_decks_are_told_apart_or_left_alone(sigma: float) -> None:
    """On another deck, 2.4 m or more away and estimated up to three sigmas wrong, no height is lent."""
    road = remembered(seen(EMPTY, (0.0, 0.0, 12.0), 0.02, 0.0))
    for deck in (2.4, 2.8, -2.4, -5.6):
        for wrong in np.linspace(-3.0, 3.0, 25):
            assert found(road, seen(road, (1.0, 0.0, 12.0 + deck + wrong * sigma), sigma, 500.0)) is None
    on_it = found(road, seen(road, (1.0, 0.0, 12.0), sigma, 500.0))
    assert (on_it is not None) == (sigma < 0.8)


def test_two_decks_are_kept_side_by_side() -> None:
    """A bridge over a road: each lends its own height."""
    road = remembered(*(seen(EMPTY, (0.0, 0.0, h), 0.02, 10.0 * h) for h in (0.0, 6.0)))
    for h in (0.0, 6.0):
        told = found(road, seen(road, (0.0, 1.0, h + 0.3), 0.3, 500.0))
        assert told is not None
        assert told[kr.F_HIGHER] == pytest.approx(-0.3, abs=1e-6)


def test_memory_is_bounded_and_the_surer_height_stays() -> None:
    """300 km of road: the table is as large as before, what was driven last is there; a worse look changes nothing."""
    road = remembered()
    rows = np.array([seen(road, (0.0, 0.0, 0.0), 0.02, 0.0)] * 60_000)
    rows[:, :3] += np.arange(60_000)[:, None] * 5.0 * TO_NED[0]
    rows[:, kr.SPOT_WAY] = 5.0 * np.arange(60_000)
    for row in rows:
        kr.keep_spot(road, row)
    last = rows[-30].copy()
    last[kr.SPOT_WAY], last[kr.H_COV :] = 1e6, (np.eye(3) * 0.09).ravel()
    kr.face(last, TO_NED[0] * 10.0, road.frame)
    before = found(road, last)
    assert before is not None
    kr.keep_spot(road, last)
    after = found(road, last)
    assert after is not None
    assert (after == before).all()
    assert road.spot.nbytes < 10e6


@pytest.mark.parametrize("shared", [0.01, 0.04, 0.08])
def test_what_is_met_again_tells_no_more_than_was_known(shared: float) -> None:
    """Errors that are an old one and a drift since, 1,500 times: after the row the stated variance is at least that of
    the old height, and it is what the errors show."""
    rng = np.random.default_rng(1)
    drift, left, after = 0.12, [], 0.0
    for _ in range(1500):
        old, since = rng.normal(0.0, np.sqrt(shared)), rng.normal(0.0, np.sqrt(drift))
        road = remembered(seen(EMPTY, (0.0, 0.0, old), np.sqrt(shared), 0.0))
        here = seen(road, (0.0, 0.0, old + since), np.sqrt(shared + drift), 500.0)
        told = found(road, here)
        if told is None:
            continue
        p, dx, y, h = np.zeros((ki.N, ki.N)), np.zeros(ki.N), np.zeros(1), np.zeros((1, ki.N))
        p[:3, :3] = here[kr.H_COV :].reshape(3, 3)
        h[0, :3] = told[kr.F_SHARE] * here[kr.H_UP : kr.H_UP + 3]
        tape = np.zeros((1, 2 * ki.N + 2))
        y[0] = told[kr.F_HIGHER]
        ki.fold(p, dx, y, h, 0, 1, told[kr.F_LENT] + told[kr.F_ROAD], tape, 0)
        up = here[kr.H_UP : kr.H_UP + 3]
        left.append(old + since + up @ dx[:3])
        after = float(up @ p[:3, :3] @ up)
    assert len(left) > 1400
    assert after >= shared
    assert np.mean(np.square(left)) < 1.1 * after


def test_rounds_without_fixes_keep_the_height_of_the_first() -> None:
    """A hilly circuit, 30 s and 60 s without fixes in later rounds: the error of the height is less, causal and
    smoothed, within what is stated, the horizontal one no larger; the notes tell."""
    motion, recording = hills(), world(hills(), 3)
    for method, less in (("filter", 0.65), ("smooth", 0.9)):
        plain = heights(motion, drive(motion, recording, SPANS, method, road_height=False), SPANS)  # type: ignore[arg-type]
        solution = drive(motion, recording, SPANS, method, road_height=True)  # type: ignore[arg-type]
        up, sigma, h = heights(motion, solution, SPANS)
        assert np.sqrt(np.mean(up**2)) < less * np.sqrt(np.mean(plain[0] ** 2))
        assert np.median(sigma) < 0.8 * np.median(plain[1])
        assert np.mean((up / sigma) ** 2) < 1.5
        assert np.sqrt(np.mean(h**2)) < 1.1 * np.sqrt(np.mean(plain[2] ** 2))
        used = np.isfinite(solution.channels["innovation_road"].value).sum()
        told = [note for note in solution.provenance.notes if note.startswith("roads met again")]
        assert told[0].startswith(f"roads met again: their height used {used} times, ± 0.1 m of itself")


@pytest.mark.parametrize("method", ["filter", pytest.param("smooth", marks=pytest.mark.slow)])
def test_tight_coupling_remembers_too(method: Method) -> None:
    """Raw observations against a base, the second round 35 s without a satellite: the height keeps to the first."""
    made = simulate(
        "open", 2, laps=3, duration_s=170.0, rate_hz=1, imu="consumer", wheels=True, base_km=1.0, systems="GE",
        limits=Limits(speed_mps=15.0),
    )  # fmt: skip
    gnss = few_satellites(made.recording.streams["gnss"], ((130.0, 165.0, 0),), 1)
    recording = replace(made.recording, streams={**made.recording.streams, "gnss": gnss})
    off = []
    for on in (False, True):
        params = {"inertial": {"road_height": on}}
        solution = solve(recording, SolveOptions(mode="inertial", method=method, params=params))
        since = (solution.t_ns - made.truth.t_ns[0]) * 1e-9
        inside = (since > 130.0) & (since < 165.0)
        truth = made.motion.sample(solution.t_ns[inside], ANTENNA_B_M).p_e_m
        down = ned_from_ecef(solution.p_e_m[inside], truth[0])[:, 2] - ned_from_ecef(truth, truth[0])[:, 2]
        off.append(np.sqrt(np.mean(down**2)))
    assert any(note.startswith("roads met again") for note in solution.provenance.notes)
    assert off[1] < 0.6 * off[0]


def test_live_remembers_as_offline_does() -> None:
    """Fed in pieces, fixes late by a second: at the end of the gap the state of solve(method="filter")."""
    motion, recording = hills(), world(hills(), 0)
    spans = [(140.0, 165.0)]
    (_, start, stop), end = without(motion, spans)[0], motion.t0_ns + 164 * NS
    imu, fixes, wheels = (recording.streams[name] for name in ("imu", "fixes", "wheels"))
    offline = drive(motion, recording, spans, "filter", road_height=True)
    live = LiveInertial()
    fixes = fixes.select((fixes.t_ns < start) | (fixes.t_ns >= stop))
    for at in range(motion.t0_ns, end, NS // 2):
        now = (imu.t_ns >= at) & (imu.t_ns < at + NS // 2)
        turns = (wheels.t_ns >= at) & (wheels.t_ns < at + NS // 2)
        late = (fixes.t_ns >= at) & (fixes.t_ns < at + NS // 2)
        live.feed(
            Imu(imu.t_ns[now], imu.f_ib_s_mps2[now], imu.w_ib_s_radps[now]), fixes.select(late),
            Series(wheels.t_ns[turns], wheels.value[turns], wheels.unit),
        )  # fmt: skip
    state = live.last()
    assert state is not None
    k = int(np.searchsorted(offline.t_ns, state.t_ns - 1000))
    assert abs(int(offline.t_ns[k]) - state.t_ns) < 1000
    assert any("roads met again" in note for note in offline.provenance.notes)
    assert np.linalg.norm(offline.p_e_m[k] - state.p_e_m) < 1e-6
    assert state.cov_p_e_m2 == pytest.approx(offline.cov_p_e_m2[k], rel=1e-4, abs=1e-9)


def test_codes_and_what_has_no_wheels_are_left_alone() -> None:
    """Heights by code wander by metres between visits; boats and walkers are on no road; a setting switches it off."""
    settings = InertialParams()
    assert memory(ORIGIN, settings, coarse=True) is NO_ROAD
    assert memory(ORIGIN, replace(settings, constrain=False), coarse=False) is NO_ROAD
    assert memory(ORIGIN, replace(settings, road_height=False), coarse=False) is NO_ROAD
    with pytest.raises(ConfigError, match="road_sigma_m"):
        memory(ORIGIN, replace(settings, road_sigma_m=-0.1), coarse=False)
    motion, recording = hills(), world(hills(), 1)
    fixes = recording.streams["fixes"]
    coarse = replace(
        fixes, cov_p_e_m2=np.tile(np.eye(3) * 2.0, (len(fixes), 1, 1)),
        status=np.full(len(fixes), FixStatus.SINGLE, np.uint8),
    )  # fmt: skip
    recording = replace(recording, streams={**recording.streams, "fixes": coarse})
    notes = solve(recording, SolveOptions(method="filter", masks=without(motion, SPANS))).provenance.notes
    assert not any(note.startswith("roads met again") for note in notes)
