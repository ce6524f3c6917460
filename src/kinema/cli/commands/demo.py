"""`kinema demo`: the whole way once, from a recording to a trajectory, its judgement and its report."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinema.analysis.judgement import Score
    from kinema.core.recording import Recording
    from kinema.core.solution import Solution

HELP = "the whole way once: a simulated drive (or your recording) to trajectory, score and report"
EXAMPLES = """examples:
  kinema demo                            a drive around Monaco, through its tunnel
  kinema demo --course grid --seed 7
  kinema demo drive/                     your own recording: a folder with a kinema.toml
  kinema demo rover.obs brdc.nav --out result/"""
OUTPUTS = ("drive.pos", "drive.parquet", "drive.gpx")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to drive or to take, and where to write."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="a recording: folder or files; none: simulate one")
    parser.add_argument("--course", default="monaco", help="monaco, suzuka, shanghai, grid or open (monaco)")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated drive (1)")
    parser.add_argument("--laps", type=float, default=2.0, help="of the simulated drive (2)")
    parser.add_argument("--base", metavar="KM", type=float, help="simulate a base station this far away, for RTK")
    parser.add_argument("--out", metavar="FOLDER", default="kinema-demo", help="folder to write to (kinema-demo)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Simulate or read, solve, judge, write, tell."""
    from kinema.analysis.accuracy import score
    from kinema.cli.progress import progress_bar, tell_compiling
    from kinema.config import resolve, settings_of
    from kinema.core.solution import Solution
    from kinema.errors import ConfigError
    from kinema.estimate.strategy import solve
    from kinema.formats.writing import write
    from kinema.report.document import report

    out = Path(args.out)
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; give a folder with --out")
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: zero or more")
    out.mkdir(parents=True, exist_ok=True)
    clock = _Clock()
    if not (args.quiet or args.json):
        tell_compiling()
    with progress_bar(quiet=args.quiet or args.json) as progress:
        recording = _recording(args, out, progress)
        clock.note("read" if args.files else "simulate, read")
        options = replace(resolve(settings_of(recording), recording=recording), progress=progress)
        solution = solve(recording, options)
        clock.note("solve")
        truth = recording.get("truth", Solution)
        judgement = score(solution, truth) if truth is not None else None
        progress("Writing", 0.1)
        paths = [out / name for name in OUTPUTS]
        for path in paths:
            write(solution, path)
        progress("Writing", 0.5)
        paths.append(report(solution, truth=truth, score=judgement, recording=recording).save(out / "report.html"))
        progress("Writing", 1.0)
        clock.note("write")
    told = summary(recording, solution, judgement, paths, clock.seconds)
    if args.json:
        import json

        print(json.dumps(told, indent=1))
    else:
        show(told)
    return 0


class _Clock:
    """Seconds spent, stage by stage."""

    def __init__(self) -> None:
        from time import perf_counter

        self._now = perf_counter
        self._last = perf_counter()
        self.seconds: dict[str, float] = {}

    def note(self, stage: str) -> None:
        now = self._now()
        self.seconds[stage] = now - self._last
        self._last = now


def _recording(args: argparse.Namespace, out: Path, progress: Any) -> Recording:
    """The recording given, or a simulated one, written as RINEX and read back as anyone's would be."""
    from kinema.formats.reading import read

    if args.files:
        return read(*args.files, progress=progress)
    from kinema.simulate.drive import simulate

    progress("Simulating", 0.1)
    drive = simulate(args.course, args.seed, laps=args.laps, base_km=args.base)
    progress("Simulating", 0.7)
    folder = drive.save(out / "recording")
    progress("Simulating", 1.0)
    return replace(read(folder, progress=progress), simulated=True)


def summary(
    recording: Recording, solution: Solution, judgement: Score | None, paths: list[Path], seconds: dict[str, float]
) -> dict[str, Any]:
    """Everything that is shown, as plain values."""
    import numpy as np

    from kinema.core.frames import cov_n_from_e
    from kinema.core.solution import FixStatus

    valid = solution.valid
    p = solution.p_e_m[valid]
    cov = cov_n_from_e(solution.cov_p_e_m2[valid], p)
    sigma = np.sqrt(np.maximum(cov[:, 0, 0] + cov[:, 1, 1], 0.0))
    sigma = sigma[np.isfinite(sigma)]
    codes, counts = np.unique(solution.status, return_counts=True)
    return {
        "name": recording.name,
        "simulated": recording.simulated,
        "mode": f"{solution.provenance.mode} {solution.provenance.method}".strip(),
        "epochs": len(solution),
        "seconds_recorded": float(solution.t_ns[-1] - solution.t_ns[0]) * 1e-9,
        "kilometres": float(np.linalg.norm(np.diff(p, axis=0), axis=1).sum()) / 1000,
        "available": float(valid.mean()),
        "status": {
            FixStatus(int(code)).name.lower().replace("_", "-"): int(count)
            for code, count in zip(codes, counts, strict=True)
        },
        "stated_sigma_h_m": [float(v) for v in np.percentile(sigma, (50, 95))] if len(sigma) else None,
        "score": None if judgement is None else judgement.to_dict(),
        "issues": [str(issue) for issue in recording.issues],
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "written": [str(path) for path in paths[:-1]],
        "report": str(paths[-1].resolve()),
    }


def show(told: dict[str, Any]) -> None:
    """A short summary for people."""
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table

    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", justify="right")
    table.add_column()
    minutes, rest = divmod(round(told["seconds_recorded"]), 60)
    table.add_row("drive", f"{told['kilometres']:.2f} km in {minutes} min {rest:02d} s, {told['epochs']} epochs")
    shares = ", ".join(f"{name} {count / told['epochs']:.1%}" for name, count in told["status"].items())
    table.add_row("solution", f"{told['mode']}: {shares}")
    if told["stated_sigma_h_m"]:
        median, p95 = told["stated_sigma_h_m"]
        table.add_row("stated sigma", f"horizontal {_m(median)} in the median, {_m(p95)} at 95 %")
    if told["score"]:
        _judged(table, told["score"])
    if told["issues"]:
        first, more = told["issues"][0], len(told["issues"]) - 1
        table.add_row("issues", first + (f" and {more} more" if more else ""))
    spent = ", ".join(f"{stage} {value:.1f} s" for stage, value in told["seconds"].items())
    table.add_row("time", spent)
    table.add_row("written", "\n".join(told["written"]))
    label = "[yellow]simulated[/yellow]" if told["simulated"] else None
    console.print(Panel(table, title=f"[bold]{told['name'] or 'recording'}[/bold]", subtitle=label, title_align="left"))
    console.print("report", told["report"], style="bold green", soft_wrap=True)


def _m(value: float) -> str:
    """Metres with as many decimals as matter."""
    return f"{value:.3f} m" if abs(value) < 0.1 else f"{value:.2f} m" if abs(value) < 10 else f"{value:.1f} m"


def _judged(table: Any, score: dict[str, Any]) -> None:
    """The rows of what truth says."""
    h, up = score["horizontal"], score["vertical"]
    error = f"horizontal [bold]{_m(h['p50'])}[/bold] in the median, {_m(h['p95'])} at 95 %, at most {_m(h['max'])}"
    table.add_row("error", error + f"; up {_m(up['rms'])} RMS")
    for status, row in score["by_status"].items() if len(score["by_status"]) > 1 else ():
        of = row["horizontal"]
        table.add_row("", f"{status}: {_m(of['p50'])} in the median, {_m(of['p95'])} at 95 %")
    table.add_row("", ", ".join(f"{s['expected_epochs']:.1%} within {s['limit_m']:g} m" for s in score["within"]))
    trust = score["uncertainty"]
    if trust:
        table.add_row("honesty", f"stated 95 % ellipse holds {trust['inside_ellipse']:.1%} of the errors")
    for note in (*score["notes"], *score["advice"]):
        table.add_row("note", note)
