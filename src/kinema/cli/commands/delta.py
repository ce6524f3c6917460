"""`kinema delta FILE --lap A --against B`: where the time went."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kinema.cli.commands.laps import add_course_arguments

if TYPE_CHECKING:
    from kinema.analysis.corners import CornerDelta
    from kinema.analysis.laps import Session
    from kinema.core.event import Lap

HELP = "time gained and lost against another lap, aligned by position, corner by corner, each with its ±"
EXAMPLES = """examples:
  kinema delta session.vbo --lap 7                      # against the best lap
  kinema delta session.csv --lap 3 --against 5 --json
  kinema delta today.csv --lap best --with yesterday.csv --against best"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """FILE and the two laps."""
    parser.add_argument("file", metavar="FILE", help="a logger's file or a solution")
    parser.add_argument("--lap", metavar="A", default="best", help="a lap's number, or best (default)")
    parser.add_argument("--against", metavar="B", default="best", help="a lap's number, or best (default)")
    parser.add_argument("--with", dest="other", metavar="FILE", help="the file of lap B, if another")
    add_course_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Time both, compare, print."""
    import json
    from pathlib import Path

    from kinema.analysis.corners import advice, corner_deltas, corners_of
    from kinema.analysis.deltas import delta_between
    from kinema.analysis.laps import laps
    from kinema.cli.commands.laps import session_of
    from kinema.formats.reading import read

    session = session_of(args.file, args)
    other = None
    if args.other:
        recording = read(args.other, on_bad=args.on_bad)
        other = laps(recording, session.course, session.gate, mover=Path(args.other).stem)
    lap_a = picked(session, args.lap)
    lap_b = picked(other or session, args.against)
    delta = delta_between(session, lap_a, lap_b, other)
    corners = corner_deltas(delta, corners_of(session))
    first = advice(corners)
    if args.json:
        document = {
            "lap": lap_a.number,
            "against": lap_b.number,
            "advice": first,
            "total_s": round(lap_a.time_s - lap_b.time_s, 6),
            "s_m": [round(float(x), 2) for x in delta.s_m],
            "delta_s": [round(float(x), 5) for x in delta.delta_s],
            "sigma_s": [round(float(x), 5) for x in delta.sigma_s],
            "corners": [c.to_json() for c in corners],
        }
        print(json.dumps(document))
        return 0
    print(
        f"lap {lap_a.number} ({lap_a.time_s:.3f} s) against lap {lap_b.number} ({lap_b.time_s:.3f} s): "
        f"{lap_a.time_s - lap_b.time_s:+.3f} s"
    )
    print(first)
    _print_corners(corners)
    return 0


def _print_corners(corners: Sequence[CornerDelta]) -> None:
    print(f"{'turn':>4} {'at m':>7} {'lost s':>8} {'±':>6} {'least km/h':>15} {'braking at m':>17}  reason")
    for c in corners:
        speeds = f"{c.a.least_mps * 3.6:6.1f} / {c.b.least_mps * 3.6:6.1f}"
        braked = math.isfinite(c.a.braking_m) and math.isfinite(c.b.braking_m)
        braking = f"{c.a.braking_m:7.0f} / {c.b.braking_m:7.0f}" if braked else "-"
        print(
            f"{c.corner.number:>4} {c.corner.apex_m:>7.0f} {c.lost_s:>+8.3f} {1.96 * c.sigma_s:>6.3f} "
            f"{speeds:>15} {braking:>17}  {c.reason}"
        )


def picked(session: Session, text: str) -> Lap:
    """The lap of a number, or the best."""
    from kinema.errors import ConfigError

    if text == "best":
        if session.best is None:
            raise ConfigError("there is no timed lap in it; give the numbers of two laps")
        return session.best
    if not text.lstrip("-").isdigit():
        raise ConfigError(f"lap '{text}' is neither a number nor 'best'")
    return session.lap(int(text))
