"""`kinema laps FILE…`: every lap with its ±."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinema.analysis.laps import Session
    from kinema.core.course import Course
    from kinema.core.recording import Recording
    from kinema.report.document import Report

HELP = "laps, sectors and splits of any recording, each time with its uncertainty; no settings needed"
EXAMPLES = """examples:
  kinema laps session.vbo
  kinema laps *.fit --json
  kinema laps kart.nmea --start 28.41270817,-81.37973266,28.41273039,-81.37957049
  kinema laps session.csv --course tianma.toml --report laps.html
  kinema laps movers.csv --course meeting/course.toml       the board of everyone that `kinema track` found
The start line is the one given, else the file's own, else the library's, else found where the path repeats."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """FILEs, where they were driven, what to print."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a logger's, watch's or receiver's file, or a solution"
    )
    add_course_arguments(parser)
    parser.add_argument(
        "--sectors", metavar="N", type=int, default=3, help="parts of a lap where the course names none (3)"
    )
    parser.add_argument("--report", metavar="HTML", help="write a linked page of the (first) session")
    parser.add_argument("--overlay", metavar="N,N", help="laps to draw over each other, the first leads (the six best)")
    parser.add_argument("--pdf", metavar="PDF", help="write the page as a printable sheet (needs Chromium)")
    parser.add_argument(
        "--private",
        metavar="LAT,LON,M",
        action="append",
        default=[],
        help="leave out what lies within M metres of a place",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_course_arguments(parser: argparse.ArgumentParser) -> None:
    """What the commands about laps have in common."""
    parser.add_argument(
        "--course", metavar="NAME|FILE", help="a course of the library, or a .toml, .csv or .geojson file"
    )
    parser.add_argument("--start", metavar="LAT,LON,LAT,LON", help="both ends of the start line, degrees")
    parser.add_argument("--on-bad", choices=("raise", "skip"), default="skip", help="at a bad line (skip and count)")


def run(args: argparse.Namespace) -> int:
    """Read, time, print."""
    import json

    from kinema.cli.lap_board import board_of, print_board
    from kinema.errors import ConfigError

    board = board_of(args)
    if board is not None:
        print(json.dumps(board.to_json(), indent=1)) if args.json else print_board(board)
        return 0
    sessions = []
    for path in args.files:
        try:
            sessions.append(session_of(path, args))
        except ConfigError:
            # A run from one place to another has no laps, and is told all the same.
            if len(args.files) > 1 or args.course or args.start or not _only_run(path, args):
                raise
            return 0
    if args.report or args.pdf:
        from kinema.report.laps_document import laps_report, print_pdf

        page = _run_page(sessions[0], args.files[0]) or laps_report(sessions[0], _numbers(args.overlay))
        if args.report:
            page.save(args.report)
        if args.pdf:
            print_pdf(page, args.pdf)
    if args.json:
        documents = [as_json(path, session) for path, session in zip(args.files, sessions, strict=True)]
        print(json.dumps(documents[0] if len(documents) == 1 else {"sessions": documents}, indent=1))
        return 0
    for path, session in zip(args.files, sessions, strict=True):
        _print(path, session)
    return 0


def session_of(path: str, args: argparse.Namespace) -> Session:
    """The session of one file under the command's settings."""
    from pathlib import Path

    from kinema.analysis.laps import laps
    from kinema.cli.progress import tell_compiling
    from kinema.formats.reading import read

    tell_compiling()
    course = course_of(args.course) if args.course else None
    recording = _without_private(read(path, on_bad=args.on_bad), getattr(args, "private", []))
    return laps(recording, course, args.start, mover=Path(path).stem, sectors=getattr(args, "sectors", 3))


def _without_private(recording: Recording, texts: list[str]) -> Recording:
    """The recording without its positions in private places; its other channels are left out with them."""
    import math
    from dataclasses import replace

    from kinema.analysis.privacy import without_private
    from kinema.core.solution import Solution
    from kinema.core.zone import Zone
    from kinema.errors import ConfigError

    if not texts:
        return recording
    zones = []
    for text in texts:
        try:
            lat, lon, radius = (float(v) for v in text.split(","))
        except ValueError:
            raise ConfigError(f"private place '{text}' is not LAT,LON,METRES") from None
        zones.append(Zone.circle("private", math.radians(lat), math.radians(lon), radius, "private"))
    fixes = recording.need("fixes", Solution)
    return replace(recording, streams={"fixes": without_private(fixes, zones)})


def course_of(text: str) -> Course:
    """The course of a file, or of the library."""
    from pathlib import Path

    from kinema.course.files import read_course
    from kinema.course.library import circuit_named

    path = Path(text)
    if path.is_file() or path.suffix.lower() in (".toml", ".csv", ".geojson", ".json"):
        return read_course(path)
    return circuit_named(text)


def as_json(path: str, session: Session) -> dict[str, Any]:
    """One session as plain values."""
    import math

    gate = session.gate
    ends = [[round(math.degrees(v), 9) for v in end] for end in (gate.left_rad, gate.right_rad)]
    recording = session.recording
    return {
        "file": path,
        "start_line": {"left_deg": ends[0], "right_deg": ends[1], "source": session.gate_source},
        "course": {"name": session.course.name, "length_m": round(session.strip.length_m, 2)}
        if session.course and session.strip
        else None,
        "laps": [lap.to_json() for lap in session.laps],
        "statistics": session.statistics,
        **_running(session),
        "issues": [str(i) for i in (*(recording.issues if recording else ()), *session.issues)],
    }


def _numbers(text: str | None) -> list[int]:
    """The lap numbers of "3,5,7"."""
    from kinema.errors import ConfigError

    try:
        return [int(n) for n in text.split(",")] if text else []
    except ValueError:
        raise ConfigError(f"laps '{text}' are not numbers separated by commas") from None


def _run_page(session: Session, path: str) -> Report | None:
    """The page of a run, where the session is one."""
    from pathlib import Path

    from kinema.analysis.runner import looks_like_running, run_of
    from kinema.report.run_page import run_report

    if session.recording is None or not looks_like_running(session.path, _sport(session.recording)):
        return None
    return run_report(run_of(session.recording), session.recording, Path(path).stem)


def _sport(recording: Recording) -> str:
    return str(recording.settings.get("sport", ""))


def _only_run(path: str, args: argparse.Namespace) -> bool:
    """Print what there is to tell of a run without laps; whether it is one."""
    import json
    from pathlib import Path

    from kinema.analysis.path import path_of
    from kinema.analysis.runner import looks_like_running, run_of
    from kinema.core.solution import Solution
    from kinema.formats.reading import read

    recording = _without_private(read(path, on_bad=args.on_bad), args.private)
    fixes = recording.get("fixes", Solution)
    if fixes is None or fixes.valid.sum() < 4 or not looks_like_running(path_of(fixes), _sport(recording)):
        return False
    found = run_of(recording)
    run = found.to_json()
    if args.report or args.pdf:
        from kinema.report.laps_document import print_pdf
        from kinema.report.run_page import run_report

        page = run_report(found, recording, Path(path).stem)
        if args.report:
            page.save(args.report)
        if args.pdf:
            print_pdf(page, args.pdf)
    if args.json:
        document = {"file": path, "laps": [], "statistics": {}, "run": run}
        print(json.dumps({**document, "issues": [str(i) for i in recording.issues]}, indent=1))
    else:
        print(f"{path}: no laps in it: the path crosses no line twice")
        _print_run(run)
    return True


def _running(session: Session) -> dict[str, Any]:
    """What only a run has: the track's lane, efforts, splits, zones."""
    from kinema.analysis.runner import looks_like_running, run_of

    if session.recording is None or not looks_like_running(session.path, _sport(session.recording)):
        return {}
    return {"run": run_of(session.recording).to_json()}


def _print_run(run: dict[str, Any] | None) -> None:
    if not run:
        return
    track = run["track"]
    where = f" on a 400 m track, lane {track['lane']}" if track else ""
    print(f"run: {run['distance_m']:.0f} ± {1.96 * run['distance_sigma_m']:.0f} m{where}; {run['structure']}")
    for e in run["efforts"]:
        heart = f"  {e['heart_rate']:.0f}/min" if e["heart_rate"] else ""
        print(
            f"  effort {e['number']:>2}: {e['time_s']:7.1f} s  {e['distance_m']:7.1f} m "
            f"(measured {e['measured_m']:.1f})  rest {e['rest_after_s']:.0f} s{heart}"
        )


def _print(path: str, session: Session) -> None:
    from kinema.analysis.classification import clock_text

    print(f"{path}: {len(session.timed)} timed laps; start line: {session.gate_source}")
    names = [s.name for s in next((lap.sectors for lap in session.laps if lap.sectors), ())]
    print(f"{'lap':>4} {'kind':<10} {'time':>12} {'±':>7}  {'m':>8}  " + " ".join(f"{n:>9}" for n in names))
    best = session.best
    for lap in session.laps:
        sure = f"{1.96 * lap.time_sigma_s:.3f}" if lap.time_sigma_s == lap.time_sigma_s else "-"
        cells = " ".join(f"{clock_text(s.time_s) if s.time_s == s.time_s else '-':>9}" for s in lap.sectors)
        mark = "*" if best is not None and lap.number == best.number and lap.kind == "timed" else " "
        why = f"  {lap.evidence['why']}" if "why" in lap.evidence else ""
        print(
            f"{lap.number:>4} {lap.kind:<10} {clock_text(lap.time_s):>12} {sure:>7}  {lap.distance_m:>8.1f}  "
            f"{cells}{mark}{why}"
        )
    found = session.statistics
    if found:
        parts = [f"best {clock_text(found['best_s'])}"]
        parts += [
            f"{word} {clock_text(found[key])}"
            for key, word in (
                ("rolling_best_s", "rolling best"),
                ("theoretical_best_s", "theoretical"),
                ("ideal_s", "ideal with speeds that join"),
                ("mean_s", "mean"),
            )
            if key in found
        ]
        if found.get("spread_s") is not None:
            parts.append(f"spread {found['spread_s']:.3f} s")
        print(", ".join(parts) + "  (± is 95 %)")
    _print_run(_running(session).get("run"))
    recording = session.recording
    for issue in (*(recording.issues if recording else ()), *session.issues):
        print(f"note: {issue}")
