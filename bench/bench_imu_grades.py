"""What each grade of IMU gives without satellites: the table of docs/figures/imu-grades.md, from simulation.

    python bench/bench_imu_grades.py [seeds]

Cars by chance lap a circuit for a quarter of an hour with RTK fixes at 4 Hz, which are taken away for 10, 30, 60 and
300 s. The filter is told the IMU's data sheet, and nothing of mounting, places and clocks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from kinema.analysis.outage import judge, windows
from kinema.core.recording import Recording
from kinema.core.time import NS
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from kinema.simulate.car import Car
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.inertial import GRADES
from kinema.simulate.vehicle import Limits, Motion, drive_around

LENGTHS = ((10.0, 60.0), (30.0, 90.0), (60.0, 150.0), (300.0, 420.0))


def drift(
    recording: Recording, motion: Motion, car: Car, length_s: float, every_s: float, method: Method
) -> tuple[list[float], list[float]]:
    """End errors (causal) or largest errors inside (smoothed), metres, and metres driven, of each window."""
    fixes = recording.streams["fixes"]
    truth = motion.truth(fixes.t_ns, car.antenna_b_m)
    spans = windows(truth, every_s, length_s, int(fixes.t_ns[0]) + 100 * NS)
    masks = tuple(("gnss", start, stop) for start, stop in spans)
    report = judge(solve(recording, SolveOptions(method=method, masks=masks)), truth, spans)
    return [o.end_m if method == "filter" else o.worst_m for o in report.outages], [o.driven_m for o in report.outages]


def drives(seeds: int) -> Iterator[tuple[Car, Motion]]:
    """Cars by chance on a quarter of an hour of a town's driving."""
    for seed in range(seeds):
        car = Car.drawn(seed)
        yield car, drive_around(
            circuit("suzuka", 1), t0_ns=10**18, laps=4, duration_s=900.0, wait_s=10.0,
            limits=Limits(16.0, 3.0, 2.0, 2.5), ride=car.ride,
            stops=((900.0, 10.0), (3100.0, 10.0), (7000.0, 10.0), (9100.0, 10.0), (12_000.0, 10.0)),
        )  # fmt: skip


def main(seeds: int) -> None:
    """Print the table."""
    cars = list(drives(seeds))
    print("| grade | wheels | method | " + " | ".join(f"{length:g} s" for length, _ in LENGTHS) + " |")
    print("|---|---|---|" + "---|" * len(LENGTHS))
    for grade in GRADES:
        for wheels in (False, True):
            made = [
                inertial_recording(motion, grade=grade, seed=seed, wheels=wheels, told=True, **car.sensors)[0]
                for seed, (car, motion) in enumerate(cars)
            ]
            methods: tuple[Method, ...] = ("filter", "smooth")
            for method in methods:
                cells = [cell(made, cars, length, every, method) for length, every in LENGTHS]
                how = "causal" if method == "filter" else "smoothed"
                print(f"| {grade} | {'yes' if wheels else 'no'} | {how} | " + " | ".join(cells) + " |", flush=True)


def cell(
    recordings: list[Recording], cars: list[tuple[Car, Motion]], length: float, every: float, method: Method
) -> str:  # fmt: skip
    """Median / 95 % over all windows, and when causal the share of the distance."""
    found: list[float] = []
    driven: list[float] = []
    for recording, (car, motion) in zip(recordings, cars, strict=True):
        ends, ways = drift(recording, motion, car, length, every, method)
        found += ends
        driven += ways
    share = f" ({100 * np.median(found) / np.median(driven):.2f} %)" if method == "filter" else ""
    return f"{np.median(found):.2f} / {np.quantile(found, 0.95):.2f}{share}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
