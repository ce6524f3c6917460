"""Scores worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kinema.analysis.accuracy import score
from kinema.analysis.matching import moved_by_lever, point_truth, truth_at
from kinema.core.frames import ecef_from_geodetic, ecef_from_ned
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.time import NS, WEEK_NS
from kinema.errors import ConfigError, DataError

T0 = 2300 * WEEK_NS + 100_000 * NS
ORIGIN = ecef_from_geodetic(np.radians(48.0), np.radians(9.0), np.array(300.0))


def track(ned: np.ndarray, seconds: np.ndarray, **more: object) -> Solution:
    t_ns = T0 + np.round(np.asarray(seconds) * 1e9).astype(np.int64)
    return Solution(t_ns=t_ns, p_e_m=ecef_from_ned(np.asarray(ned, dtype=float), ORIGIN), **more)  # type: ignore[arg-type]


def northward(n: int = 11, speed: float = 10.0) -> Solution:
    seconds = np.arange(n, dtype=float)
    return track(np.stack([seconds * speed, 0 * seconds, 0 * seconds], axis=1), seconds)


def shifted(solution: Solution, ned: tuple[float, float, float], **more: object) -> Solution:
    from dataclasses import replace

    moved = ecef_from_ned(np.asarray(ned), ORIGIN) - ORIGIN
    return replace(solution, p_e_m=solution.p_e_m + moved, **more)


def test_a_constant_offset_comes_out_in_every_figure() -> None:
    truth = northward()
    result = score(shifted(truth, (3.0, 4.0, -12.0)), truth)
    assert result.judged == result.expected_epochs == 11
    assert result.availability == 1.0
    assert result.horizontal is not None
    assert result.vertical is not None
    assert result.spatial is not None
    assert result.along is not None
    assert result.across is not None
    for value in (result.horizontal.rms, result.horizontal.p50, result.horizontal.p95, result.horizontal.max):
        assert value == pytest.approx(5.0, abs=1e-3)
    assert result.vertical.mean == pytest.approx(12.0, abs=1e-3)
    assert result.spatial.rms == pytest.approx(13.0, abs=1e-3)
    assert result.along.mean == pytest.approx(3.0, abs=1e-3)
    assert result.across.mean == pytest.approx(4.0, abs=1e-3)
    assert result.offset_enu_m == pytest.approx((4.0, 3.0, 12.0), abs=1e-3)
    assert result.distance_m == pytest.approx(100.0, abs=1e-2)
    assert "east +4.000" in str(result)


def test_shares_by_epochs_and_by_distance_count_what_is_missing() -> None:
    truth = northward()
    solution = shifted(truth, (0.0, 0.3, 0.0)).select(np.array([0, 1, 2, 3, 4, 5, 8, 9, 10]))
    half = score(solution, truth).within[1]
    assert half.limit_m == 0.5
    assert half.epochs == 1.0
    assert half.expected_epochs == pytest.approx(9 / 11)
    assert half.distance == pytest.approx(0.8, abs=1e-6)
    tenth = score(solution, truth).within[0]
    assert (tenth.epochs, tenth.expected_epochs, tenth.distance) == (0.0, 0.0, 0.0)


def test_percentiles_and_status_tables_follow_the_errors() -> None:
    truth = northward(5)
    status = np.array([5, 5, 4, 4, 2])
    errors = np.array([0.01, 0.02, 0.3, 0.4, 2.0])
    solution = track(np.stack([np.arange(5) * 10.0, errors, np.zeros(5)], axis=1), np.arange(5.0), status=status)
    result = score(solution, truth)
    assert result.horizontal is not None
    assert result.horizontal.p50 == pytest.approx(0.3, abs=1e-5)
    assert result.horizontal.max == pytest.approx(2.0, abs=1e-5)
    assert result.by_status["fixed"]["epochs"] == 2
    assert result.by_status["fixed"]["horizontal"]["max"] == pytest.approx(0.02, abs=1e-5)
    assert result.by_status["float"]["share"] == pytest.approx(0.4)


def test_wrong_fixes_are_counted_in_clusters() -> None:
    truth = northward(20)
    east = np.zeros(20)
    east[[3, 4, 5, 12]] = [1.0, 2.0, 1.5, 0.9]
    east[8] = 5.0
    status = np.full(20, FixStatus.FIXED)
    status[8] = FixStatus.FLOAT
    ned = np.stack([np.arange(20) * 10.0, east, np.zeros(20)], axis=1)
    wrong = score(track(ned, np.arange(20.0), status=status), truth).wrong_fixes
    assert (wrong.fixed, wrong.wrong, len(wrong.clusters)) == (19, 4, 2)
    assert wrong.clusters[0]["epochs"] == 3
    assert wrong.clusters[0]["max_m"] == pytest.approx(2.0, abs=1e-4)
    assert wrong.clusters[1]["from_ns"] == truth.t_ns[12]


def test_truth_is_never_interpolated_across_a_gap() -> None:
    truth = northward(11).select(np.array([0, 1, 2, 3, 7, 8, 9, 10]))
    at = truth_at(truth, T0 + np.array([25, 35, 50, 75], dtype=np.int64) * 10**8)
    assert at.covered.tolist() == [True, False, False, True]
    assert truth_at(truth, T0 + np.array([50], dtype=np.int64) * 10**8, max_gap_s=5.0).covered.all()


def test_interpolation_is_exact_on_a_parabola_with_velocity() -> None:
    seconds = np.arange(0.0, 10.0)
    ned = np.stack([1.5 * seconds**2, 2 * seconds, 0 * seconds], axis=1)
    base = track(ned, seconds)
    lat_lon = ecef_from_ned(np.stack([3 * seconds, 2 + 0 * seconds, 0 * seconds], axis=1), ORIGIN) - ORIGIN
    truth = Solution(t_ns=base.t_ns, p_e_m=base.p_e_m, v_e_mps=lat_lon)
    at = truth_at(truth, T0 + np.array([3_500_000_000]))
    wanted = ecef_from_ned(np.array([[1.5 * 3.5**2, 7.0, 0.0]]), ORIGIN)
    assert np.abs(at.p_e_m - wanted).max() < 1e-6


def test_one_point_is_truth_for_a_station() -> None:
    solution = track(np.array([[0.1, 0, 0], [-0.1, 0, 0], [np.nan] * 3, [0.1, 0, 0]]), np.arange(4.0))
    result = score(solution, point_truth(ORIGIN))
    assert result.assumptions["truth"] == "one fixed point"
    assert (result.judged, result.expected_epochs, result.availability) == (3, 4, 0.75)
    assert result.along is None
    assert np.isnan(result.within[0].distance)


def test_seconds_of_week_take_the_week_of_the_solution_and_say_so() -> None:
    from dataclasses import replace

    truth = northward()
    weekless = replace(truth, t_ns=truth.t_ns % WEEK_NS)
    result = score(truth, weekless)
    assert result.judged == 11
    assert "week 2300" in result.notes[0]


def test_lever_arm_turns_with_the_motion_and_is_stated() -> None:
    truth = northward()
    moved, how = moved_by_lever(truth, (1.0, 2.0, -0.5))
    ned = np.array([1.0, 2.0, -0.5])
    assert np.abs(moved.p_e_m - shifted(truth, tuple(ned)).p_e_m).max() < 1e-3
    assert "no attitude" in how
    result = score(moved, truth, lever_arm_b_m=(1.0, 2.0, -0.5))
    assert result.spatial is not None
    assert result.spatial.max < 1e-9
    assert result.assumptions["lever_arm_b_m"] == [1.0, 2.0, -0.5]
    turned = Solution(t_ns=truth.t_ns, p_e_m=truth.p_e_m, q_nb_wxyz=np.tile([0, 0, 0, 1.0], (11, 1)))
    back, how = moved_by_lever(turned, (1.0, 2.0, -0.5))
    assert "attitude" in how
    assert np.abs(back.p_e_m - shifted(truth, (-1.0, -2.0, -0.5)).p_e_m).max() < 1e-3
    with pytest.raises(ConfigError, match="neither"):
        moved_by_lever(point_truth(ORIGIN), (1.0, 0.0, 0.0))


def accelerating(late_s: float) -> tuple[Solution, Solution]:
    seconds = np.arange(0, 60, 0.5)
    truth = track(np.stack([0.25 * seconds**2, 0 * seconds, 0 * seconds], axis=1), seconds)
    before = seconds - late_s
    return track(np.stack([0.25 * before**2, 0 * seconds, 0 * seconds], axis=1), seconds), truth


def test_a_time_offset_is_advised_but_never_applied() -> None:
    solution, truth = accelerating(late_s=0.2)
    result = score(solution, truth)
    assert result.along is not None
    assert result.along.rms > 2.0
    assert "200 ms late" in result.advice[0]
    assert "--time-offset -0.200" in result.advice[0]
    fixed = score(solution, truth, time_offset_s=-0.2)
    assert fixed.along is not None
    assert fixed.along.rms < 1e-2
    assert fixed.assumptions["time_offset_s"] == -0.2
    assert not fixed.advice


def test_consistency_of_stated_uncertainty() -> None:
    n = 4000
    rng = np.random.default_rng(5)
    seconds = np.arange(n, dtype=float)
    errors = rng.standard_normal((n, 3)) * [1.0, 2.0, 3.0]
    cov_n = np.diag([1.0, 4.0, 9.0])
    from kinema.core.frames import cov_e_from_n

    truth = track(np.zeros((n, 3)), seconds)
    cov = cov_e_from_n(np.tile(cov_n, (n, 1, 1)), truth.p_e_m)
    honest = score(track(errors, seconds, cov_p_e_m2=cov), truth).uncertainty
    assert honest is not None
    assert honest.inside_ellipse == pytest.approx(0.95, abs=0.012)
    assert honest.nees_3d == pytest.approx(3.0, abs=0.15)
    assert honest.ratio_horizontal == pytest.approx(1.0, abs=0.03)
    optimistic = score(track(errors, seconds, cov_p_e_m2=cov / 9), truth)
    assert optimistic.uncertainty is not None
    assert optimistic.uncertainty.ratio_vertical == pytest.approx(3.0, abs=0.1)
    assert "optimistic" in str(optimistic)


def test_datum_difference_and_json() -> None:
    truth = northward()
    solution = shifted(truth, (0.0, 0.0, 0.0), provenance=Provenance(datum="ITRF2014"))
    result = score(solution, truth)
    assert "ITRF2014" in result.notes[0]
    assert json.loads(json.dumps(result.to_dict()))["horizontal"]["n"] == 11
    assert result.to_dict()["uncertainty"] is None


def test_nothing_to_judge_is_said() -> None:
    from dataclasses import replace

    truth = northward()
    with pytest.raises(DataError, match="times within"):
        score(replace(truth, t_ns=truth.t_ns + 3600 * NS), truth)
    with pytest.raises(DataError, match="without any"):
        score(replace(truth, p_e_m=np.full((11, 3), np.nan)), truth)
    with pytest.raises(ConfigError, match="no epoch"):
        score(truth, truth, from_ns=T0 + 1000 * NS)


def test_a_window_limits_what_is_judged() -> None:
    truth = northward()
    result = score(truth, truth, from_ns=T0 + 2 * NS, to_ns=T0 + 5 * NS)
    assert result.judged == result.expected_epochs == 4
