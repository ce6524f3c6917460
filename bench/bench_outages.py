"""Outages at other times, after other starts, and how often the stated ellipse holds: docs/figures/inertial.md.

    KINEMA_DATA=… python bench/bench_outages.py

Causal throughout, no setting given. Each drive has its quoted windows, windows at other times (those that settings were
chosen by), and the same drive begun anew every 23 s, as a recording that starts there would: alignment and calibration
from nothing each time. "Ellipse" is the share of ends inside the stated 95 % ellipse: of the trajectory alone, and with
the error of the judge added, whose code fixes are good to a metre.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from numpy.typing import NDArray

from kinema.analysis.outage import windows
from kinema.core.frames import c_ne, geodetic_from_ecef, ned_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.time import NS, WEEK_NS
from kinema.errors import KinemaError
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read
from later_start import begun

F64 = NDArray[np.float64]
END_95 = 5.99
"""Of chi-square with two degrees of freedom."""
JUDGE_M = 0.8
LEAST_DRIVEN_M = 30.0
Spans = list[tuple[int, int]]


def ends(recording: Recording, spans: Spans, judge: str = "fixes") -> list[tuple[float, float, float, float]]:
    """Of each window: error at its end (m), metres driven, normalised error squared alone and with the judge's."""
    reference: Solution = recording.streams[judge]
    solution = solve(recording, SolveOptions(method="filter", masks=tuple(("gnss", a, b) for a, b in spans)))
    keep = reference.valid & (reference.t_ns >= solution.t_ns[0]) & (reference.t_ns <= solution.t_ns[-1])
    t_ns, p, cov = reference.t_ns[keep], reference.p_e_m[keep], reference.cov_p_e_m2[keep]
    truth, mine = ned_from_ecef(p, p[0]), ned_from_ecef(solution.p_e_m, p[0])
    c = c_ne(*geodetic_from_ecef(p[:1])[:2])[0]
    out = []
    for start, stop in spans:
        k = np.flatnonzero((t_ns >= start) & (t_ns < stop))
        driven = float(np.hypot(*np.diff(truth[k, :2], axis=0).T).sum()) if len(k) > 1 else 0.0
        if driven < LEAST_DRIVEN_M:
            continue
        last = k[-1]
        at = int(np.searchsorted(solution.t_ns, t_ns[last]).clip(0, len(solution) - 1))
        error = np.array([np.interp(t_ns[last] - start, solution.t_ns - start, column) for column in mine[:, :2].T])
        error -= truth[last, :2]
        own, its = ((c @ one @ c.T)[:2, :2] for one in (solution.cov_p_e_m2[at], cov[last]))
        coarse = JUDGE_M**2 * np.eye(2) if not np.isfinite(its).all() or its[0, 0] > 0.01 else np.zeros((2, 2))
        both = own + np.nan_to_num(its) + coarse
        out.append((float(np.hypot(*error)), driven, *(float(error @ np.linalg.solve(m, error)) for m in (own, both))))
    return out


def line(name: str, found: Iterable[tuple[float, float, float, float]]) -> None:
    """One line of the table."""
    table = np.array(list(found)).reshape(-1, 4)
    if not len(table):
        return
    e, driven, alone, both = table.T
    print(
        f"{name:52s} {len(e):3d}: end {np.median(e):5.2f}/{np.quantile(e, 0.95):5.2f} m, "
        f"{100 * np.median(e / driven):.2f} and {100 * e.sum() / driven.sum():.2f} %, "
        f"ellipse {100 * (alone < END_95).mean():3.0f} and {100 * (both < END_95).mean():3.0f} %", flush=True
    )  # fmt: skip


def at_times(recording: Recording, cases: Iterable[tuple[float, float, int]]) -> Iterator[tuple[float, ...]]:
    """Ends of windows: every, length (s), start (ns)."""
    for every, length, start in cases:
        try:
            spans = windows(recording.streams["fixes"], every, length, start)
        except KinemaError:
            continue
        yield from ends(recording, spans)


def starts(recording: Recording) -> Iterator[tuple[float, ...]]:
    """Half minutes each minute from a minute after the start, for starts every 23 s."""
    fixes = recording.streams["fixes"]
    for after in np.arange(5.0, (fixes.t_ns[-1] - fixes.t_ns[0]) / NS - 110.0, 23.0):
        cut = begun(recording, float(after))
        yield from at_times(cut, [(60.0, 30.0, int(cut.streams["fixes"].t_ns[0]) + 60 * NS)])


def freeway(folder: Path) -> None:
    """GNSS taken away after so many seconds, to the end of the minute, judged by the published poses."""
    recording = read(folder)
    t0, truth = int(recording.streams["fixes"].t_ns[0]), recording.streams["truth"]
    for after in (13, 14, 15, 16, 17, 18, 20, 22, 25, 30):
        found = ends(recording, [(t0 + after * NS, int(truth.t_ns[-1]) + NS)], "truth")
        line(f"freeway, GNSS removed after {after} s", found)


def main() -> None:
    """All of it."""
    data = Path(os.environ["KINEMA_DATA"])
    car = read(data / "car-mems-imu-rtk" / "gnss_rtk.pos", data / "car-mems-imu-rtk" / "imu.csv.gz")
    week = int(car.streams["fixes"].t_ns[0]) // WEEK_NS * WEEK_NS
    for length, every, first, shifts in (
        (15.0, 45.0, 243_298.5, (13.5, 22.5, 31.5)), (60.0, 120.0, 243_300.75, (30.0, 60.0, 90.0)),
    ):  # fmt: skip
        for what, by in (("quoted", (0.0,)), ("other times", shifts)):
            cases = [(every, length, week + round((first + shift) * NS)) for shift in by]
            line(f"RTK car, {length:.0f} s, {what}", at_times(car, cases))
    line("RTK car, 30 s, begun anew", starts(car))
    for folder in sorted(path for path in (data / "car-mems-fusion-canada").iterdir() if path.is_dir()):
        drive = read(folder / "imu.csv.gz", folder / "gnss.csv.gz")
        line(f"{folder.name}, quoted", at_times(drive, [(60.0, 30.0, 75 * NS)]))
        line(f"{folder.name}, other times", at_times(drive, [(60.0, 30.0, (75 + s) * NS) for s in (12, 24, 36, 48)]))
        line(f"{folder.name}, begun anew", starts(drive))
    freeway(data / "car-can-imu-gnss-freeway")


if __name__ == "__main__":
    main()
