"""What survives: a real drive's IMU file spoiled in many ways, solved causally through the command line.

    python bench/bench_spoiled.py            needs KINEMA_DATA with car-mems-imu-rtk

For each way: 95 % of the errors under satellites, and the median and the largest end error of seven windows of 15 s
without; or the one line of the refusal. Errors are against the fixes themselves.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import kinema
from kinema.cli import main as kinema_cli
from kinema.core.solution import Solution
from kinema.core.time import week_tow

HEAD = "gps_week,gps_tow_s,acc_x_g,acc_y_g,acc_z_g,gyro_x_degps,gyro_y_degps,gyro_z_degps"
Change = Callable[[np.ndarray], np.ndarray | None]


def setting(rows: slice, columns: slice | int, value: float | Callable[[np.ndarray], np.ndarray]) -> Change:
    """A change that sets or maps a part of the table."""

    def change(a: np.ndarray) -> None:
        a[rows, columns] = value(a[rows, columns]) if callable(value) else value

    return change


def without(start_s: float, stop_s: float) -> Change:
    return lambda a: a[(a[:, 1] < a[0, 1] + start_s) | (a[:, 1] > a[0, 1] + stop_s)]


def spikes(a: np.ndarray) -> None:
    at = np.random.default_rng(2).integers(0, len(a), 200)
    a[at, 2], a[at, 7] = 16.0, -2000.0


ALL, LATER, WINDOW = slice(None), slice(25_000, None), slice(22_000, 23_000)
WAYS: dict[str, Change] = {
    "as it is": lambda a: None,
    "1 s missing in a window": without(222, 223), "10 s missing in a window": without(222, 232),
    "10 s missing under satellites": without(265, 275), "a minute missing": without(222, 282),
    "one in twenty samples missing": lambda a: a[np.random.default_rng(1).random(len(a)) > 0.05],
    "stamps in whole seconds": setting(ALL, 1, np.floor),
    "stamps in tenths": setting(ALL, 1, lambda t: np.floor(t * 10) / 10),
    "blocks in another order": lambda a: np.concatenate([a[:15_000], a[30_000:40_000], a[15_000:30_000], a[40_000:]]),
    "clock set on by 0.7 s": setting(slice(20_000, None), 1, lambda t: t + 0.7),
    "clock set on by an hour": setting(slice(20_000, None), 1, lambda t: t + 3600.0),
    "clock set back by 3 s": setting(slice(20_000, None), 1, lambda t: t - 3.0),
    "18 s late": setting(ALL, 1, lambda t: t + 18.0), "37 s late": setting(ALL, 1, lambda t: t + 37.0),
    "week rolled over": setting(ALL, 0, lambda w: w - 1024), "week wrong by one": setting(ALL, 0, lambda w: w + 1),
    "200 spikes": spikes,
    "clipped at 1.1 g": setting(ALL, slice(2, 5), lambda f: np.clip(f, -1.1, 1.1)),
    "clipped at 20 °/s": setting(ALL, slice(5, 8), lambda w: np.clip(w, -20, 20)),
    "yaw gyro dead from the middle on": setting(LATER, 7, 0.0), "yaw gyro dead": setting(ALL, 7, 0.0),
    "roll gyro dead from the middle on": setting(LATER, 5, 0.0), "roll gyro dead": setting(ALL, 5, 0.0),
    "forward accelerometer dead": setting(ALL, 2, 0.0),
    "accelerometer frozen for 10 s": setting(WINDOW, slice(2, 5), lambda f: f[:1]),
    "gyro frozen for 10 s": setting(WINDOW, slice(5, 8), lambda w: w[:1]),
    "left-handed": setting(ALL, slice(3, 8, 3), lambda v: -v),
}  # fmt: skip


def errors(solution: Solution, truth: Solution, windows: list[tuple[float, float]]) -> tuple[float, float, float]:
    """95 % of the errors outside the windows, median and largest end error of the windows."""
    inside = (truth.t_ns >= solution.t_ns[0]) & (truth.t_ns <= solution.t_ns[-1])
    start = int(truth.t_ns[0])
    at = (truth.t_ns[inside] - start) * 1e-9
    own = (solution.t_ns - start) * 1e-9
    p = np.stack([np.interp(at, own, column) for column in solution.p_e_m.T], axis=1)
    off = np.linalg.norm(p - truth.p_e_m[inside], axis=1)
    tow = week_tow(start)[1] + at
    masked = np.zeros(len(off), np.bool_)
    ends = []
    for a, b in windows:
        within = (tow >= a) & (tow < b)
        masked |= within
        ends.append(float(off[within][-1]))
    late = tow > windows[0][0] - 20
    return float(np.quantile(off[~masked & late], 0.95)), float(np.median(ends)), max(ends)


def main() -> int:
    folder = Path(os.environ["KINEMA_DATA"]) / "car-mems-imu-rtk"
    with gzip.open(folder / "imu.csv.gz", "rt") as file:
        good = np.loadtxt(file, delimiter=",", skiprows=1)
    fixes = folder / "gnss_rtk.pos"
    truth = kinema.read(fixes).need("fixes", Solution)
    windows = [(good[0, 1] + 100 + 60 * k, good[0, 1] + 115 + 60 * k) for k in range(7)]
    masks = [word for a, b in windows for word in ("--mask", f"gnss:{a:.3f}-{b:.3f}")]
    with tempfile.TemporaryDirectory() as name:
        imu, out = Path(name) / "imu.csv", Path(name) / "out.parquet"
        for way, change in WAYS.items():
            table = good.copy()
            changed = change(table)
            np.savetxt(imu, table if changed is None else changed, fmt=["%d"] + ["%.4f"] * 7, delimiter=",",
                       header=HEAD, comments="")  # fmt: skip
            words = [
                "solve",
                "-q",
                "--fixes",
                str(fixes),
                "--imu",
                str(imu),
                *masks,
                "--method",
                "filter",
                "-o",
                str(out),
            ]
            told = io.StringIO()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
                code = kinema_cli(words)
            if code:
                print(f"{way:36s} refused: {told.getvalue().strip().replace(name + '/', '')[8:150]}")
            else:
                tracked, middle, worst = errors(kinema.read(out).need("fixes", Solution), truth, windows)
                print(f"{way:36s} {tracked:6.3f} m   15 s: {middle:6.2f} / {worst:6.2f} m")
    return 0


if __name__ == "__main__":
    sys.exit(main())
