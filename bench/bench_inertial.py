"""Inertial navigation: figures of docs/figures/inertial.md, and speed.

    KINEMA_DATA=… python bench/bench_inertial.py [--peer "KF-GINS car.yaml"]

Prints outages of the RTK car (the windows of the published comparison), IMU samples per second of the causal pass
alone and of the smoother, and the whole command `kinema solve`, its process's start and the file it writes included,
beside the command of a peer that solves the same recording, in one run: processor time (user and system) and time on
the wall, the shortest of five runs each, alternating.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kinema.analysis.outage import judge, windows
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Imu
from kinema.core.time import NS, WEEK_NS
from kinema.estimate.align import align
from kinema.estimate.inertial import run_filter, run_smoother
from kinema.estimate.inertial_nodes import build_nodes
from kinema.estimate.inertial_params import InertialParams
from kinema.estimate.inertial_solution import mounted
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read
from kinema.sensors.fix import fix_rows
from kinema.sensors.imu_signal import imu_signal

DATA = Path(os.environ.get("KINEMA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))

CASES: tuple[tuple[float, float, float], ...] = ((15.0, 45.0, 243_298.5), (60.0, 120.0, 243_300.75))


def best(run: Callable[[], object], times: int = 3) -> float:
    """Least of several runs, seconds of processor."""
    found = []
    for _ in range(times):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def outages(recording: Recording) -> None:
    """End errors and errors inside of the published windows."""
    fixes = recording.streams["fixes"]
    week = int(fixes.t_ns[0]) // WEEK_NS * WEEK_NS
    methods: tuple[Method, ...] = ("filter", "smooth")
    for length, every, start in CASES:
        spans = windows(fixes, every, length, week + round(start * NS))
        masks = tuple(("gnss", a, b) for a, b in spans)
        for method in methods:
            r = judge(solve(recording, SolveOptions(method=method, masks=masks)), fixes, spans)
            print(
                f"{method:6s} {length:3g} s × {len(r.outages)}: end {r.end_median_m:.2f}/{r.end_p95_m:.2f} m "
                f"({r.percent_overall:.2f} %), inside {r.inside_median_m:.2f}/{r.inside_p95_m:.2f} m"
            )


def withheld(recording: Recording) -> None:
    """Fit on every second fix, judged by the others."""
    fixes: Solution = recording.streams["fixes"]
    half = Recording({**recording.streams, "fixes": fixes.select(slice(0, None, 2))}, recording.mounts)
    solution, others = solve(half, SolveOptions(method="smooth")), fixes.select(slice(1, -1, 2))
    others = others.select(others.t_ns > solution.t_ns[0])
    spans = [(int(others.t_ns[0]), int(others.t_ns[-1]) + 1)]
    r = judge(solution, others, spans)
    print(f"withheld fixes: H {r.inside_median_m:.3f}/{r.inside_p95_m:.3f} m")


def speed(recording: Recording, folder: Path) -> None:
    """IMU samples per second, and the whole solve."""
    imu: Imu = recording.streams["imu"]
    signal = imu_signal(imu, int(imu.t_ns[0]))
    rows, params = fix_rows(recording.streams["fixes"], signal.t0_ns), InertialParams()
    found = align(signal, rows, params, whole=True)
    nodes = build_nodes(signal, rows, found.calibration, params)
    start = mounted(found.start, found.calibration, params)
    n = len(imu.t_ns)
    causal = best(lambda: run_filter(nodes, start, params, found.calibration))
    smooth = best(lambda: run_smoother(nodes, start, params, found.calibration))
    files = [folder / "gnss_rtk.pos", folder / "imu.csv.gz"]
    reading = best(lambda: read(*files))
    whole = best(lambda: solve(read(*files), SolveOptions(method="batch")))
    print(f"filter {n / causal:,.0f} samples/s ({causal:.3f} s for {n}), with smoother {n / smooth:,.0f} samples/s")
    print(f"whole solve, batch, from files: {whole:.2f} s, of which reading {reading:.2f} s")


def command_time(command: list[str]) -> tuple[float, float]:
    """Seconds of processor and wall of one run of a command."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def whole_command(folder: Path, peer: str, times: int = 5) -> None:
    """`kinema solve` from files to file in each format and method, and a peer's command in the same minute."""
    ours = [str(Path(sys.executable).with_name("kinema")), "solve", "-q", "--fixes", str(folder / "gnss_rtk.pos")]
    ours += ["--imu", str(folder / "imu.csv.gz")]
    with tempfile.TemporaryDirectory() as out:
        commands = {
            f"{method}, {ending}": [*ours, "--method", method, "-o", f"{out}/car{ending}"]
            for method, ending in (("batch", ".pos"), ("batch", ".csv"), ("filter", ".pos"))
        }
        if peer:
            commands[peer] = shlex.split(peer)
        found: dict[str, list[tuple[float, float]]] = {name: [command_time(run)] for name, run in commands.items()}
        for _ in range(times):
            for name, run in commands.items():
                found[name].append(command_time(run))
    least = {name: (min(cpu for cpu, _ in runs[1:]), min(wall for _, wall in runs[1:])) for name, runs in found.items()}
    for name, (cpu, wall) in least.items():
        ratio = f", {cpu / least[peer][0]:.2f} of the peer's" if peer else ""
        print(f"whole command, {name}: {cpu:.2f} s of processor, {wall:.2f} s on the wall{ratio}")
    if not peer:
        print("peers elsewhere: KF-GINS (C++) 1.1 to 1.3 s, GNSS_IMU.py 23 to 29 s, pyins 147 to 242 s; or give --peer")


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description="Figures and speed of inertial navigation")
    parser.add_argument("--peer", default="", metavar="COMMAND", help="a peer's command on the same recording")
    parser.add_argument("--speed", action="store_true", help="only speed")
    args = parser.parse_args()
    folder = DATA / "car-mems-imu-rtk"
    recording = read(folder / "gnss_rtk.pos", folder / "imu.csv.gz")
    solve(recording, SolveOptions(method="smooth"))
    if not args.speed:
        outages(recording)
        withheld(recording)
    speed(recording, folder)
    whole_command(folder, args.peer)
    print(f"numpy {np.__version__}")


if __name__ == "__main__":
    main()
