"""What `kinema laps` does with a scene of many movers: the board of everyone."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinema.analysis.lap_board import LapBoard


def board_of(args: argparse.Namespace) -> LapBoard | None:
    """The board of a tracked scene, where that is the one file given; else None."""
    from pathlib import Path

    from kinema.analysis.lap_board import lap_board
    from kinema.cli.commands.laps import course_of
    from kinema.cli.progress import tell_compiling
    from kinema.core.tracks import GroundTracks
    from kinema.errors import ConfigError
    from kinema.formats.reading import read, sniff

    kinds = ("detections-csv", "parquet")
    if len(args.files) != 1 or not Path(args.files[0]).is_file() or sniff(args.files[0]).name not in kinds:
        return None
    tracks = read(args.files[0], on_bad=args.on_bad).get("ground tracks", GroundTracks)
    if tracks is None:
        return None
    if args.report or args.pdf or args.private:
        raise ConfigError("--report, --pdf and --private are of one mover's file, not of a board of many")
    tell_compiling()
    return lap_board(tracks, course_of(args.course) if args.course else None, args.start, sectors=args.sectors)


def print_board(board: LapBoard) -> None:
    """One line for each mover."""
    from kinema.analysis.classification import clock_text

    print(f"{len(board.sessions)} movers; start line {board.gate.name}")
    print(f"{'mover':<12} {'laps':>4} {'best':>10} {'±':>6} {'mean':>10} {'last':>10}  all, ± is 95 %")
    for name, session in board.sessions.items():
        timed = session.timed
        if not timed:
            print(f"{name:<12} {0:>4}")
            continue
        best = min(timed, key=lambda lap: lap.time_s)
        mean = sum(lap.time_s for lap in timed) / len(timed)
        each = " ".join(f"{clock_text(lap.time_s)}±{1.96 * lap.time_sigma_s:.2f}" for lap in timed)
        print(
            f"{name:<12} {len(timed):>4} {clock_text(best.time_s):>10} {1.96 * best.time_sigma_s:>6.2f} "
            f"{clock_text(mean):>10} {clock_text(timed[-1].time_s):>10}  {each}"
        )
    for name, why in board.left_out.items():
        print(f"note: {name}: {why}")
