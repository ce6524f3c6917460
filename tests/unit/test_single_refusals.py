"""What cannot be positioned is refused in one line that says why; what can be is told row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import kinema
from kinema.core.recording import Recording
from kinema.core.solution import Reason
from kinema.core.streams import GnssObservations
from kinema.core.time import DAY_NS
from kinema.errors import ConfigError, EstimationError


@pytest.fixture(scope="module")
def drive() -> Recording:
    return kinema.simulate("open", 3, duration_s=20.0, rate_hz=1.0, systems="GE").recording


def only(observations: GnssObservations, keep: np.ndarray) -> GnssObservations:
    epoch = np.repeat(np.arange(len(observations.t_ns)), np.diff(observations.row_start))
    count = np.bincount(epoch[keep], minlength=len(observations.t_ns))
    rows = {
        name: getattr(observations, name)[keep]
        for name in ("sat", "code_m", "phase_cyc", "doppler_hz", "cn0_dbhz", "lli")
    }
    return replace(observations, row_start=np.concatenate([[0], np.cumsum(count)]), **rows)


def changed(drive: Recording, **streams) -> Recording:
    return Recording({**drive.streams, **streams})


def test_navigation_of_another_day_is_named(drive):
    old = drive.streams["ephemerides"]
    kepler = old.kepler.copy()
    kepler[:, [0, 4]] -= 3 * 86_400
    old = replace(old, toe_ns=old.toe_ns - 3 * DAY_NS, sent_ns=old.sent_ns - 3 * DAY_NS, kepler=kepler)
    with pytest.raises(EstimationError, match=r"nearest one is \d+\.\d hours away"):
        kinema.solve(changed(drive, ephemerides=old), mode="single")


def test_one_satellite_is_too_few(drive):
    gnss = drive.streams["gnss"]
    with pytest.raises(EstimationError, match="at most 1 satellites"):
        kinema.solve(changed(drive, gnss=only(gnss, gnss.sat == gnss.sat[0])), mode="single")


@pytest.mark.parametrize("spoil", [lambda code: code * np.nan, lambda code: -code, lambda code: code * 0.0])
def test_codes_that_are_none_are_refused(drive, spoil):
    gnss = drive.streams["gnss"]
    with pytest.raises(EstimationError, match="usable satellites"):
        kinema.solve(changed(drive, gnss=replace(gnss, code_m=spoil(gnss.code_m))), mode="single")


def test_all_unhealthy_all_masked_and_other_systems(drive):
    sick = replace(drive.streams["ephemerides"], health=np.ones_like(drive.streams["ephemerides"].health))
    with pytest.raises(EstimationError):
        kinema.solve(changed(drive, ephemerides=sick), mode="single")
    with pytest.raises(EstimationError, match="masked"):
        kinema.solve(drive, mode="single", masks=(("gnss", 0, 2**62),))
    with pytest.raises(EstimationError, match="--systems R"):
        kinema.solve(drive, mode="single", systems="R")
    with pytest.raises(EstimationError, match="--from"):
        kinema.solve(drive, mode="single", from_ns=0, to_ns=1)
    with pytest.raises(ConfigError, match="navigation"):
        kinema.solve(Recording({"gnss": drive.streams["gnss"]}), mode="single")
    with pytest.raises(ConfigError, match="no_such"):
        kinema.solve(drive, mode="single", params={"single": {"no_such": 1}})


def test_no_rows_at_all(drive):
    gnss = drive.streams["gnss"]
    with pytest.raises(EstimationError, match="no observations"):
        kinema.solve(changed(drive, gnss=only(gnss, np.zeros(len(gnss.sat), dtype=bool))), mode="single")


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_few_epochs_are_enough(drive, epochs):
    gnss = drive.streams["gnss"]
    solution = kinema.solve(drive, mode="single", to_ns=int(gnss.t_ns[epochs - 1]))
    assert len(solution) == epochs
    assert solution.valid.all()


def test_a_gross_fault_is_found_and_told(drive):
    gnss = drive.streams["gnss"]
    clean = kinema.solve(drive, mode="single")
    code = gnss.code_m.copy()
    elevations = {
        int(s): float(np.median(clean.residuals.elevation_rad[clean.residuals.sat == s])) for s in np.unique(gnss.sat)
    }
    victim = max(elevations, key=lambda sat: elevations[sat])
    code[gnss.sat == victim] += 150.0
    solution = kinema.solve(changed(drive, gnss=replace(gnss, code_m=code)), mode="single")
    assert np.linalg.norm(solution.p_e_m - clean.p_e_m, axis=1).max() < 1.0
    mine = (solution.residuals.sat == victim) & (solution.residuals.kind == 0)
    assert (solution.residuals.reason[mine] == Reason.OUTLIER).all()
    others = (solution.residuals.sat != victim) & (solution.residuals.kind == 0)
    assert np.mean(solution.residuals.reason[others] == Reason.OUTLIER) < 0.05


def test_slips_that_no_flag_tells_do_not_move_the_trajectory(drive):
    gnss = drive.streams["gnss"]
    clean = kinema.solve(drive, mode="single")
    phase = gnss.phase_cyc.copy()
    late = np.repeat(np.arange(len(gnss.t_ns)), np.diff(gnss.row_start)) >= 10
    for k, sat in enumerate(np.unique(gnss.sat)[:4].tolist()):
        phase[late & (gnss.sat == sat)] += 3 + k
    solution = kinema.solve(changed(drive, gnss=replace(gnss, phase_cyc=phase)), mode="single")
    moved = np.diff(solution.p_e_m - clean.p_e_m, axis=0)
    assert np.abs(moved).max() < 0.05


def test_millisecond_jumps_of_the_clock_do_not_move_the_trajectory(drive):
    gnss = drive.streams["gnss"]
    clean = kinema.solve(drive, mode="single")
    late = np.repeat(np.arange(len(gnss.t_ns)), np.diff(gnss.row_start)) >= 10
    jump_m = 299_792.458
    solution = kinema.solve(
        changed(drive, gnss=replace(gnss, code_m=gnss.code_m + np.where(late, jump_m, 0.0)[:, None])), mode="single"
    )
    assert np.abs(solution.p_e_m - clean.p_e_m).max() < 2.0
    clock = solution.channels["clock"].value
    assert clock[10] - clock[9] == pytest.approx(jump_m, rel=0.01)
