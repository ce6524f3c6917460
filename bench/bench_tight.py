"""Loose against tight coupling on simulated drives whose sky is taken away: 3 and 2 satellites for 30 s, none for 20 s.

    python bench/bench_tight.py --course grid --grade consumer --seeds 20 [--base 1] [--frequencies 1] [--wheels]

Prints, per method and coupling, the median over seeds (and the 95 % quantile): horizontal errors, drift within each
window, epochs fixed outside the windows, wrongly fixed ones, seconds until fixed again, NEES (3 degrees of freedom) of
position and velocity, NIS of the rows of each kind, inertial samples per second of the whole solve.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.solution import FixStatus, Solution
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.simulate.drive import ANTENNA_B_M, SimulatedDrive, simulate
from kinema.simulate.few_satellites import few_satellites
from kinema.simulate.vehicle import Limits

WINDOWS = ((70.0, 100.0, 3), (115.0, 145.0, 2), (160.0, 180.0, 0))
SETTLED_S = 60.0
COLUMNS = (
    "H50 m", "H95 m", "drift 3", "drift 2", "drift 0", "fixed %", "wrong %", "refix 3 s", "refix 2 s", "refix 0 s",
    "NEES p", "NEES v", "NIS code", "NIS Doppler", "NIS phase", "samples/s",
)  # fmt: skip


def measured(solution: Solution, drive: SimulatedDrive, seconds: float) -> list[float]:
    """The columns of one solution."""
    truth = drive.motion.sample(solution.t_ns, ANTENNA_B_M)
    t = (solution.t_ns - drive.truth.t_ns[0]) * 1e-9
    lat, lon, _ = geodetic_from_ecef(truth.p_e_m)
    error = solution.p_e_m - truth.p_e_m
    error_n = np.einsum("nij,nj->ni", c_ne(lat, lon), error)
    h = np.hypot(error_n[:, 0], error_n[:, 1])
    settled = (t > SETTLED_S) & np.isfinite(h)
    windowed = np.zeros(len(t), dtype=bool)
    drift, refix = [], []
    fixed = solution.status == FixStatus.FIXED
    for start, stop, _ in WINDOWS:
        windowed |= (t > start - 0.1) & (t < stop + 0.1)
        a, b = np.argmin(np.abs(t - start)), np.argmin(np.abs(t - stop + 0.1))
        drift.append(float(np.hypot(*(error_n[b] - error_n[a])[:2])))
        again = np.flatnonzero((t >= stop) & fixed)
        refix.append(float(t[again[0]] - stop) if len(again) else np.nan)
    outside = settled & ~windowed
    nees = []
    for value, cov in ((error, solution.cov_p_e_m2), (solution.v_e_mps - truth.v_e_mps, solution.cov_v_e)):
        ok = settled & np.isfinite(cov).all(axis=(1, 2)) & np.isfinite(value).all(axis=1)
        nees.append(float(np.einsum("ni,nij,nj->n", value[ok], np.linalg.inv(cov[ok]), value[ok]).mean()))
    nis = [
        float(np.nanmean(solution.channels[f"nis_{kind}"].value)) if f"nis_{kind}" in solution.channels else np.nan
        for kind in ("code", "doppler", "phase")
    ]
    wrong = fixed & settled & (h > 0.1)
    samples = len(drive.recording.streams["imu"].t_ns)
    return [
        float(np.median(h[settled])), float(np.percentile(h[settled], 95)), *drift, 100 * fixed[outside].mean(),
        100 * wrong.sum() / max(fixed.sum(), 1), *refix, *nees, *nis, samples / seconds,
    ]  # fmt: skip


def main() -> None:
    """Run the seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--course", default="open")
    parser.add_argument("--grade", default="consumer")
    parser.add_argument("--base", type=float)
    parser.add_argument("--frequencies", type=int, default=2)
    parser.add_argument("--wheels", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    args = parser.parse_args()
    table: dict[tuple[str, str], list[list[float]]] = {}
    for seed in range(args.seeds):
        drive = simulate(
            args.course, seed, laps=10, duration_s=200, rate_hz=5, imu=args.grade, wheels=args.wheels,
            base_km=args.base, frequencies=args.frequencies, limits=Limits(speed_mps=18.0),
        )  # fmt: skip
        gnss = few_satellites(drive.recording.streams["gnss"], WINDOWS, seed)
        recording = replace(drive.recording, streams={**drive.recording.streams, "gnss": gnss})
        for method in ("filter", "smooth"):
            for coupling in ("loose", "tight"):
                options = SolveOptions(
                    method=method, frequencies=args.frequencies, params={"tight": {"coupling": coupling}}
                )
                began = time.perf_counter()
                solution = solve(recording, options)
                row = measured(solution, drive, time.perf_counter() - began)
                table.setdefault((method, coupling), []).append(row)
    print("simulated", vars(args))
    for key, rows in table.items():
        values = np.array(rows)
        print(*key)
        with np.errstate(all="ignore"):
            for name, column in zip(COLUMNS, values.T, strict=True):
                some = column[np.isfinite(column)]
                if len(some):
                    low, middle, high = np.percentile(some, [5, 50, 95])
                    print(f"  {name:12} {middle:10.3f}   ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
