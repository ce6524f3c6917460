"""Is the stated uncertainty true? NEES over many simulated drives: python bench/bench_consistency.py [SEEDS]

Prints one table row per course, method and quantity: mean NEES, the 95 % band that it must lie in, the share of errors
inside the stated 95 % region, and the verdict. About three minutes for 50 seeds on one core.
"""

from __future__ import annotations

import sys

import numpy as np

import kinema
from kinema.analysis.consistency import over_runs, position_nees, run_of, velocity_nees

COURSES = (("open", 90.0), ("suzuka", 90.0), ("monaco", 233.0), ("grid", 90.0))
seeds = range(1000, 1000 + int(sys.argv[1] if len(sys.argv) > 1 else 50))

print("| course | method | quantity | mean NEES | expected, 95 % band | inside 95 % region | verdict |")
print("|---|---|---|---|---|---|---|")
for course, duration_s in COURSES:
    runs: dict[tuple[str, str], list] = {}
    for seed in seeds:
        drive = kinema.simulate(course, seed, duration_s=duration_s, rate_hz=1.0)
        for method in ("batch", "filter"):
            solution = kinema.solve(drive.recording, method=method)
            for name, dof, values in (
                ("horizontal", 2, position_nees(solution, drive.truth)),
                ("3D", 3, position_nees(solution, drive.truth, horizontal=False)),
                ("velocity, horizontal", 2, velocity_nees(solution, drive.truth)),
            ):
                if np.isfinite(values).any():
                    runs.setdefault((method, name), []).append(run_of(values, dof))
    for (method, name), series in runs.items():
        c = over_runs(series)
        print(
            f"| {course} | {method} | {name} | {c.mean:.2f} ± {c.standard_error:.2f} | {c.dof}, {c.band[0]:.2f} to "
            f"{c.band[1]:.2f} | {c.inside_95:.1%} | {c.verdict} |",
            flush=True,
        )
