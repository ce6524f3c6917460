"""A real drive, spoiled as loggers spoil them: each fault found and told, and survived where the data allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Imu, Series
from kinema.core.time import NS
from kinema.errors import DataError, EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read

pytestmark = pytest.mark.data
Change = Callable[[Imu, Solution], tuple[Imu, Solution]]


@cache
def car(folder: Path) -> Recording:
    """The first three and a half minutes of the RTK car."""
    whole = read(folder / "gnss_rtk.pos", folder / "imu.csv.gz")
    imu, fixes = whole.streams["imu"], whole.streams["fixes"]
    end = imu.t_ns[0] + 210 * NS
    return Recording({"imu": part(imu, imu.t_ns < end), "fixes": fixes.select(fixes.t_ns < end)})


def part(imu: Imu, keep: np.ndarray) -> Imu:
    return Imu(imu.t_ns[keep], imu.f_ib_s_mps2[keep], imu.w_ib_s_radps[keep])


def changed(imu: Imu, f: object = 1.0, w: object = 1.0) -> Imu:
    return Imu(imu.t_ns, imu.f_ib_s_mps2 * f, imu.w_ib_s_radps * w)


def solved(recording: Recording, change: Change, method: str = "filter") -> tuple[Solution, Solution]:
    imu, fixes = change(recording.streams["imu"], recording.streams["fixes"])
    streams = {**recording.streams, "imu": imu, "fixes": fixes}
    return solve(Recording(streams), SolveOptions(method=method)), fixes  # type: ignore[arg-type]


def error_95_m(solution: Solution, fixes: Solution) -> float:
    """Against fixes within the solution's time."""
    k = (fixes.t_ns >= solution.t_ns[0]) & (fixes.t_ns <= solution.t_ns[-1])
    t, at = solution.t_ns - solution.t_ns[0], fixes.t_ns[k] - solution.t_ns[0]
    p = np.stack([np.interp(at, t, column) for column in solution.p_e_m.T], axis=1)
    return float(np.quantile(np.linalg.norm(p - fixes.p_e_m[k], axis=1), 0.95))


def frozen(imu: Imu, fixes: Solution) -> tuple[Imu, Solution]:
    f, w = imu.f_ib_s_mps2.copy(), imu.w_ib_s_radps.copy()
    f[12_000:12_800], w[12_000:12_800] = f[12_000], w[12_000]
    return Imu(imu.t_ns, f, w), fixes


def holes(imu: Imu, fixes: Solution) -> tuple[Imu, Solution]:
    k = np.arange(len(imu.t_ns))
    return part(imu, (k < 11_000) | (k > 13_500)), fixes


def packets(imu: Imu, fixes: Solution) -> tuple[Imu, Solution]:
    k = np.arange(len(imu.t_ns))
    last = np.minimum((k // 10 + 1) * 10 - 1, len(k) - 1)
    return Imu(imu.t_ns[last] + k % 10 * 1000, imu.f_ib_s_mps2, imu.w_ib_s_radps), fixes


def spiky(imu: Imu, fixes: Solution) -> tuple[Imu, Solution]:
    """A bit that falls over now and then: 16 g, 2,000 °/s."""
    f, w = imu.f_ib_s_mps2.copy(), imu.w_ib_s_radps.copy()
    at = np.random.default_rng(2).integers(0, len(f), 80)
    f[at, 0], w[at, 2] = 157.0, -35.0
    return Imu(imu.t_ns, f, w), fixes


def stuck(axis: int, value: float | None = None) -> Change:
    """An axis of the gyro repeats itself from the middle on."""

    def change(imu: Imu, fixes: Solution) -> tuple[Imu, Solution]:
        w = imu.w_ib_s_radps.copy()
        w[12_000:, axis] = w[12_000, axis] if value is None else value
        return Imu(imu.t_ns, imu.f_ib_s_mps2, w), fixes

    return change


def set_on(seconds: float) -> Change:
    """The IMU's clock is set between two samples."""

    def change(imu: Imu, fixes: Solution) -> tuple[Imu, Solution]:
        late = np.arange(len(imu.t_ns)) >= 12_000
        return Imu(imu.t_ns + late * round(seconds * NS), imu.f_ib_s_mps2, imu.w_ib_s_radps), fixes

    return change


def pause(imu: Imu, fixes: Solution) -> tuple[Imu, Solution]:
    k = np.arange(len(imu.t_ns))
    return part(imu, (k < 9_000) | (k > 15_500)), fixes


SURVIVED: dict[str, tuple[Change, float, str]] = {
    "upside down and on its side": (
        lambda imu, fixes: (
            Imu(
                imu.t_ns, imu.f_ib_s_mps2[:, [0, 2, 1]] * [1, -1, 1], imu.w_ib_s_radps[:, [0, 2, 1]] * [1, -1, 1]
            ),
            fixes,
        ),
        0.1, "mounting of the IMU found",
    ),
    "IMU begins in motion": (lambda imu, fixes: (part(imu, imu.t_ns > imu.t_ns[0] + 60 * NS), fixes), 0.1, ""),
    "IMU ends early": (lambda imu, fixes: (part(imu, imu.t_ns < imu.t_ns[0] + 150 * NS), fixes), 0.1, ""),
    "10 Hz": (lambda imu, fixes: (part(imu, np.arange(len(imu.t_ns)) % 10 == 0), fixes), 0.2, ""),
    "25 s without samples": (holes, 0.1, "gap"),
    "8 s frozen": (frozen, 0.1, "frozen"),
    "times in packets": (packets, 0.1, "times in packets"),
    "dead gyro": (lambda imu, fixes: (changed(imu, w=[0, 1, 1]), fixes), 0.3, "dead axis"),
    "leap seconds": (
        lambda imu, fixes: (imu, replace(fixes, t_ns=fixes.t_ns + 18 * NS)), 0.1, "as many leap seconds",
    ),
    "two seconds early": (lambda imu, fixes: (imu, replace(fixes, t_ns=fixes.t_ns - 2 * NS)), 0.1, "2.1 s apart"),
    "spikes": (spiky, 0.1, "spike × 80"),
    "clipped at 20 °/s": (
        lambda imu, fixes: (Imu(imu.t_ns, imu.f_ib_s_mps2, np.clip(imu.w_ib_s_radps, -0.35, 0.35)), fixes),
        0.1, "gyro z stand at their stops",
    ),
    "yaw gyro stuck": (stuck(2), 0.1, "gyro z repeat"),
    "yaw gyro at zero": (stuck(2, 0.0), 0.1, "gyro z repeat"),
    "clock set on by 3 s": (set_on(3.0), 0.1, "was set by +3.00 s"),
    "clock set on by an hour": (set_on(3600.0), 0.1, "was set by +3600.00 s"),
    "a pause of 65 s": (pause, 0.1, "after a pause"),
    "TAI": (lambda imu, fixes: (imu, replace(fixes, t_ns=fixes.t_ns + 37 * NS)), 0.1, "36.9 s apart"),
    "zero sigmas": (lambda imu, fixes: (imu, replace(fixes, cov_p_e_m2=0 * fixes.cov_p_e_m2)), 0.1, ""),
    "impossible sigmas": (lambda imu, fixes: (imu, replace(fixes, cov_p_e_m2=-fixes.cov_p_e_m2)), 1.5, ""),
    "1 Hz": (lambda imu, fixes: (imu, fixes.select(slice(0, None, 4))), 0.3, ""),
}  # fmt: skip


@pytest.mark.parametrize("fault", SURVIVED)
def test_survived_and_told(fault: str, data_dir: Path) -> None:
    """Causal; judged by the unspoilt fixes where these are unspoilt."""
    change, most_m, told = SURVIVED[fault]
    recording = car(data_dir / "car-mems-imu-rtk")
    solution, fixes = solved(recording, change)
    assert error_95_m(solution, fixes) < most_m
    assert told in " ".join(solution.provenance.notes)


REFUSED: dict[str, tuple[Change, str]] = {
    "g": (lambda imu, fixes: (changed(imu, f=1 / 9.80665), fixes), "reads as g"),
    "mg": (lambda imu, fixes: (changed(imu, f=1000 / 9.80665), fixes), "reads as mg"),
    "degrees per second": (lambda imu, fixes: (changed(imu, w=180 / np.pi), fixes), "degrees as radians"),
    "mirrored gyro": (lambda imu, fixes: (changed(imu, w=-1.0), fixes), "mirrored"),
    "left-handed frame": (lambda imu, fixes: (changed(imu, [1, -1, 1], [1, -1, 1]), fixes), "contradict the IMU"),
    "nothing but zeros": (lambda imu, fixes: (changed(imu, 0.0, 0.0), fixes), "the same three numbers"),
    "another hour": (lambda imu, fixes: (imu, replace(fixes, t_ns=fixes.t_ns + 3600 * NS)), "no time in common"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused_with_the_evidence(fault: str, data_dir: Path) -> None:
    change, evidence = REFUSED[fault]
    with pytest.raises((DataError, EstimationError), match=evidence):
        solved(car(data_dir / "car-mems-imu-rtk"), change)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda v: v * 3.6, "check their unit"),
        (lambda v: np.where((np.arange(len(v)) > 900) & (np.arange(len(v)) < 1300), 9.0, v), "not usable"),
        (lambda v: 0 * v + 5.0, "their speed never changes"),
        (lambda v: np.roll(v, 10), "1000 ms late|970 ms late|9[5-9]. ms late"),
    ],
)
def test_wheels_that_lie_do_no_harm(spoil: Callable[[np.ndarray], np.ndarray], told: str, data_dir: Path) -> None:
    """In km/h, stuck, dead, a second late: told, and harmless."""
    import re

    recording = car(data_dir / "car-mems-imu-rtk")
    fixes = recording.streams["fixes"]
    t_ns = np.arange(fixes.t_ns[0], fixes.t_ns[-1], NS // 10)
    speed = np.interp(t_ns - t_ns[0], fixes.t_ns - t_ns[0], np.linalg.norm(fixes.v_e_mps, axis=1))
    streams = {**recording.streams, "wheels": Series(t_ns, spoil(speed), "m/s")}
    solution = solve(Recording(streams), SolveOptions(method="smooth"))
    assert error_95_m(solution, fixes) < 0.1
    assert re.search(told, " ".join(solution.provenance.notes))


def test_a_drifting_clock_is_followed_causally(data_dir: Path) -> None:
    """The file's IMU drifts by some 250 ppm, on a car that shakes it: the filter's offset stays with the smoother's."""
    recording = car(data_dir / "car-mems-imu-rtk")
    filtered, smoothed = (solve(recording, SolveOptions(method=method)) for method in ("filter", "smooth"))
    at = filtered.t_ns > filtered.t_ns[0] + 150 * NS
    t = smoothed.t_ns - filtered.t_ns[0]
    late = np.interp(filtered.t_ns[at] - filtered.t_ns[0], t, smoothed.channels["time_offset"].value)
    assert np.abs(filtered.channels["time_offset"].value[at] - late).max() < 0.03


def test_smoothed_covariances_stay_positive_through_long_outages(data_dir: Path) -> None:
    """A minute without fixes at metres of sigma, ended by centimetres: where rounding would show."""
    recording = car(data_dir / "car-mems-imu-rtk")
    start = int(recording.streams["fixes"].t_ns[0]) + 130 * NS
    solution = solve(recording, SolveOptions(method="smooth", masks=(("gnss", start, start + 60 * NS),)))
    assert np.linalg.eigvalsh(solution.cov_p_e_m2).min() > 1e-7


def freeway_end_m(folder: Path, spoil: Callable[[np.ndarray], np.ndarray]) -> tuple[float, str]:
    """Causal error after 45 s on IMU and spoiled wheels, and what was told."""
    whole = read(folder)
    truth, wheels = whole.need("truth", Solution), whole.need("wheels", Series)
    cut = int(whole.need("fixes", Solution).t_ns[0]) + 15 * NS
    streams = {role: whole.streams[role] for role in ("imu", "fixes")}
    streams["wheels"] = replace(wheels, value=spoil(wheels.value.copy()))
    solution = solve(
        replace(whole, streams=streams), SolveOptions(method="filter", masks=(("gnss", cut, cut + 99 * NS),))
    )
    p = [np.interp(float(truth.t_ns[-1] - cut), solution.t_ns - cut, column) for column in solution.p_e_m.T]
    return float(np.linalg.norm(np.array(p) - truth.p_e_m[-1])), " ".join(solution.provenance.notes)


def zeros(value: np.ndarray) -> np.ndarray:
    value[2500:3300] = 0.0
    return value


def rear_dead(value: np.ndarray) -> np.ndarray:
    value[:, 2:] = 0.0
    return value


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda v: v * 3.6, "times the speed: check their unit"),
        (lambda v: v * 0.5, "wheels read 0.50 times the speed"),
        (lambda v: -v, "wheels read -0.99 times the speed"),
        (zeros, "not usable"),
        (rear_dead, "dead wheel × 2"),
    ],
)
def test_wheels_alone_for_45_seconds_whatever_they_count(
    spoil: Callable[[np.ndarray], np.ndarray], told: str, data_dir: Path
) -> None:
    """Unit, direction, a dropped signal, dead wheels: the same drift as with good ones, three-dimensional, and told."""
    folder = data_dir / "car-can-imu-gnss-freeway"
    good, _ = freeway_end_m(folder, lambda v: v)
    end, said = freeway_end_m(folder, spoil)
    assert end < good + 1.5
    assert told in said
