"""What each grade of IMU gives without satellites: the table of docs/figures/imu-grades.md, from simulation.

    python bench/bench_imu_grades.py [seeds]

A car laps a circuit for a quarter of an hour with RTK fixes at 4 Hz; they are taken away for 10, 30, 60 and 300 s.
"""

from __future__ import annotations

import sys

import numpy as np

from kinema.analysis.outage import judge, windows
from kinema.core.recording import Recording
from kinema.core.time import NS
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import Limits, Motion, drive_around

ANTENNA = (0.6, 0.0, -1.4)
LENGTHS = ((10.0, 60.0), (30.0, 90.0), (60.0, 150.0), (300.0, 420.0))


def drift(
    recording: Recording, motion: Motion, length_s: float, every_s: float, method: Method
) -> tuple[list[float], list[float]]:
    """End errors (causal) or largest errors inside (smoothed), metres, and metres driven, of each window."""
    fixes = recording.streams["fixes"]
    truth = motion.truth(fixes.t_ns, ANTENNA)
    spans = windows(truth, every_s, length_s, int(fixes.t_ns[0]) + 100 * NS)
    masks = tuple(("gnss", start, stop) for start, stop in spans)
    report = judge(solve(recording, SolveOptions(method=method, masks=masks)), truth, spans)
    return [o.end_m if method == "filter" else o.worst_m for o in report.outages], [o.driven_m for o in report.outages]


def main(seeds: int) -> None:
    """Print the table."""
    motion = drive_around(
        circuit("suzuka", 1), t0_ns=10**18, laps=4, duration_s=900.0, wait_s=10.0, limits=Limits(speed_mps=16.0),
        stops=((900.0, 10.0), (3100.0, 10.0), (7000.0, 10.0), (9100.0, 10.0), (12_000.0, 10.0)),
    )  # fmt: skip
    print("| grade | wheels | method | " + " | ".join(f"{length:g} s" for length, _ in LENGTHS) + " |")
    print("|---|---|---|" + "---|" * len(LENGTHS))
    for grade in ("consumer", "industrial", "tactical"):
        for wheels in (False, True):
            for method in ("filter", "smooth"):
                cells = []
                for length, every in LENGTHS:
                    found: list[float] = []
                    driven: list[float] = []
                    for seed in range(seeds):
                        recording, _ = inertial_recording(
                            motion, grade=grade, seed=seed, wheels=wheels, rpy_bs_rad=(0.1, 0.05, 0.8)
                        )
                        ends, ways = drift(recording, motion, length, every, method)  # type: ignore[arg-type]
                        found += ends
                        driven += ways
                    share = f" ({100 * np.median(found) / np.median(driven):.2f} %)" if method == "filter" else ""
                    cells.append(f"{np.median(found):.2f} / {np.quantile(found, 0.95):.2f}{share}")
                print(
                    f"| {grade} | {'yes' if wheels else 'no'} | {'causal' if method == 'filter' else 'smoothed'} | "
                    + " | ".join(cells)
                    + " |",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
