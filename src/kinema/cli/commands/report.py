"""`kinema report FILE`: a page about a trajectory or about tracks of many movers, in one file without network."""

from __future__ import annotations

import argparse

HELP = "one self-contained HTML page about a trajectory, or about everyone in a scene of many movers"
EXAMPLES = """examples:
  kinema report drive.pos
  kinema report drive.parquet --truth reference.csv -o drive.html --open
  kinema report drive.nmea --title "Morning run"
  kinema report movers.csv --course track.toml         everyone, animated: plan, identities, lap board
  kinema report tracks.txt --rate 25                   boxes in an image
A truth is drawn beside the solution, and the solution is judged by it; it may be one point (LAT,LON,H or X,Y,Z).
Movers go by pseudonyms unless --names."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """SOLUTION, its truth, and where the page goes."""
    from kinema.cli.scene_pages import add_scene_arguments

    parser.add_argument("solution", metavar="SOLUTION", help="a trajectory, or tracks of movers, in a readable format")
    parser.add_argument("--truth", metavar="FILE", help="a trajectory or point to judge it by")
    parser.add_argument("-o", "--output", metavar="OUT.html", help="the page (default: beside SOLUTION, as .html)")
    parser.add_argument("--title", metavar="TEXT", help="heading of the page (default: the file's name)")
    parser.add_argument("--on-bad", choices=("raise", "skip"), default="raise", help="what to do at a bad line")
    parser.add_argument("--open", action="store_true", help="show the page in a browser")
    parser.add_argument("--course", metavar="NAME|FILE", help="of movers: the course that they are on, for a lap board")
    parser.add_argument("--rate", type=float, metavar="HZ", help="of boxes in an image: frames per second")
    add_scene_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read, judge, write, show."""
    from pathlib import Path

    import kinema
    from kinema.cli.commands.score import trajectory_of, truth_from
    from kinema.cli.scene_pages import has_movers, page_of_recording
    from kinema.errors import ConfigError
    from kinema.report.document import report

    source = Path(args.solution)
    target = Path(args.output) if args.output else source.with_name(source.name.partition(".")[0] + ".html")
    if target.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"a report is an HTML page; write to {target.with_suffix('.html')} instead of {target}")
    if target.exists() and target.resolve() == source.resolve():
        raise ConfigError(f"{target} is the input; give another file with -o")
    recording = kinema.read(args.solution, on_bad=args.on_bad)
    _check(args, has_movers(recording))
    if has_movers(recording):
        page = page_of_recording(recording, args.solution, args)
    else:
        solution = trajectory_of(recording, args.solution)
        truth = truth_from(args.truth) if args.truth else None
        page = report(solution, truth=truth, recording=recording, title=args.title or recording.name or source.name)
    path = page.save(target)
    print(path)
    if args.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
    return 0


def _check(args: argparse.Namespace, movers: bool) -> None:
    """Refuse what the page would silently leave out."""
    from kinema.errors import ConfigError

    if movers and args.truth:
        raise ConfigError("--truth judges a trajectory; tracks of movers are judged by kinema score")
    given = [name for name in ("course", "zones", "rate", "names", "salt") if getattr(args, name)]
    if given and not movers:
        raise ConfigError(f"--{given[0]} is for tracks of movers; {args.solution} holds a trajectory")
