"""`kinema course learn|show|line`: courses from recordings, what a course is, and how it is driven fastest."""

from __future__ import annotations

import argparse

from kinema.cli.commands.laps import add_course_arguments

HELP = "learn a course from a recording, show one, or compute its racing line"
EXAMPLES = """examples:
  kinema course learn session.vbo --name "Lignano" -o lignano.toml
  kinema course learn ride.gpx --open -o route.toml             # a route, with start and finish lines
  kinema course learn session.gpx --oval -o track.toml          # a 400 m running track, fitted as one
  kinema course show lignano.toml
  kinema course show shanghai
  kinema course line Monza.csv --kind time --mass 750 --power 550 -o line.csv"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do and with which course."""
    below = parser.add_subparsers(dest="action", metavar="learn|show|line", required=True)
    learn = below.add_parser("learn", help="a course from what was driven")
    learn.add_argument("file", metavar="FILE", help="a logger's file or a solution")
    learn.add_argument("--name", help="what the course is called (the file's name)")
    learn.add_argument("--oval", action="store_true", help="fit a 400 m running track with eight lanes")
    learn.add_argument(
        "--open", action="store_true", help="a route from one place to another: start to end of the file"
    )
    learn.add_argument("-o", "--output", metavar="TOML", help="where to write it (default: print)")
    add_course_arguments(learn)
    show = below.add_parser("show", help="length, widths, gates and corners of a course")
    show.add_argument("course", metavar="NAME|FILE", help="a course of the library, or a .toml, .csv or .geojson file")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    line = below.add_parser("line", help="shortest, least curved or fastest line within the widths")
    line.add_argument("course", metavar="NAME|FILE", help="a course of the library, or a .toml, .csv or .geojson file")
    line.add_argument("--kind", choices=("shortest", "curvature", "time"), default="time", help="which line (time)")
    line.add_argument("--mass", type=float, default=750.0, metavar="KG", help="mass of the car (750)")
    line.add_argument("--power", type=float, default=550.0, metavar="KW", help="engine power (550)")
    line.add_argument("--grip", type=float, default=20.0, metavar="M/S2", help="lateral acceleration it can hold (20)")
    line.add_argument("--brake", type=float, default=20.0, metavar="M/S2", help="deceleration by the tyres (20)")
    line.add_argument("--drive", type=float, default=10.0, metavar="M/S2", help="acceleration by the tyres (10)")
    line.add_argument("--drag", type=float, default=0.75, metavar="KG/M", help="drag force over speed squared (0.75)")
    line.add_argument("--top", type=float, default=90.0, metavar="M/S", help="greatest speed (90)")
    line.add_argument("--car-width", type=float, default=2.0, metavar="M", help="width of the car (2)")
    line.add_argument("-o", "--output", metavar="CSV", help="write station, offset, north, east, speed, time")
    line.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    return {"learn": _learn, "show": _show, "line": _line}[args.action](args)


def _learn(args: argparse.Namespace) -> int:
    from dataclasses import replace
    from pathlib import Path

    from kinema.cli.commands.laps import session_of
    from kinema.course.files import course_text
    from kinema.errors import ConfigError

    if args.oval:
        from kinema.analysis.runner import oval_session

        oval = oval_session(args.file, args.on_bad).oval
        assert oval is not None
        course = oval.course(args.name or Path(args.file).stem)
    elif args.open:
        from kinema.analysis.laps import route_of
        from kinema.formats.reading import read

        course = route_of(read(args.file, on_bad=args.on_bad), args.name or Path(args.file).stem)
    else:
        session = session_of(args.file, args)
        if session.course is None:
            raise ConfigError(f"{args.file}: no whole lap to learn a course from")
        course = replace(session.course, name=args.name or Path(args.file).stem)
    text = course_text(course)
    if args.output:
        Path(args.output).write_text(text, encoding="utf-8")
        print(f"{args.output}: {course.name}, {course.length_m:.1f} m, {len(course.gates)} gates")
    else:
        print(text, end="")
    return 0


def _show(args: argparse.Namespace) -> int:
    import json
    import math

    from kinema.analysis.corners import corners_on
    from kinema.cli.commands.laps import course_of
    from kinema.course.strip import Strip

    course = course_of(args.course)
    strip = Strip.of(course)
    corners = corners_on(strip)
    width = course.width_left_m + course.width_right_m
    facts = {
        "name": course.name,
        "kind": course.kind,
        "closed": course.closed,
        "length_m": round(strip.length_m, 2),
        "width_m": [
            round(float((course.width_left_m + course.width_right_m).min()), 2),
            round(float((course.width_left_m + course.width_right_m).max()), 2),
        ],
        "centre_deg": [round(math.degrees(course.plane.lat_rad), 6), round(math.degrees(course.plane.lon_rad), 6)],
        "gates": [{"name": g.name, "kind": g.kind} for g in course.gates],
        "corners": [{"turn": c.number, "at_m": c.apex_m, "side": "left" if c.left else "right"} for c in corners],
        "source": course.source,
    }
    if args.json:
        print(json.dumps(facts, indent=1))
        return 0
    print(
        f"{course.name}: {'closed' if course.closed else 'open'} {course.kind}, {strip.length_m:.1f} m, "
        f"{float(width.min()):.1f} to {float(width.max()):.1f} m wide"
    )
    print(f"gates: {', '.join(f'{g.kind} {g.name!r}' for g in course.gates) or 'none'}")
    print(
        "turns: "
        + (", ".join(f"{c.number} {'left' if c.left else 'right'} at {c.apex_m:.0f} m" for c in corners) or "none")
    )
    return 0


def _line(args: argparse.Namespace) -> int:
    import json

    import numpy as np

    from kinema.cli.commands.laps import course_of
    from kinema.course.raceline import Car, race_line

    car = Car(args.mass, args.power * 1e3, args.grip, args.brake, args.drive, args.drag, args.top, args.car_width)
    found = race_line(course_of(args.course), car, args.kind)
    if args.output:
        rows = np.column_stack([found.s_m, found.d_m, found.ne_m, found.speed_mps, found.t_s])
        np.savetxt(
            args.output, rows, fmt="%.4f", delimiter=",", header="s_m,d_m,north_m,east_m,speed_mps,t_s", comments=""
        )
    facts = {
        "kind": args.kind,
        "lap_s": round(found.lap_s, 3),
        "centre_lap_s": round(found.centre_lap_s, 3),
        "length_m": round(found.length_m, 2),
        "top_speed_mps": round(float(found.speed_mps.max()), 2),
    }
    print(
        json.dumps(facts)
        if args.json
        else f"{args.kind} line: {found.lap_s:.3f} s a lap (centre {found.centre_lap_s:.3f} s), {found.length_m:.1f} m"
    )
    return 0
