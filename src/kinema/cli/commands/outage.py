"""`kinema outage`: take a sensor away now and then, and see how far the trajectory drifts."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from kinema.cli.commands import solve as solving
from kinema.errors import ConfigError

if TYPE_CHECKING:
    from kinema.analysis.outage import OutageReport
    from kinema.core.recording import Recording
    from kinema.core.solution import Solution

HELP = "take satellites away now and then, and measure the drift"
EXAMPLES = """examples:
  kinema outage drive/ --every 45 --length 15,60
  kinema outage --fixes rtk.pos --imu imu.csv --every 120 --length 60 --method smooth
  kinema outage drive/ --wheels wheels.csv --every 90 --length 10,30,60 --report outages.html

The windows are the same on every run: --length seconds each --every seconds from --start, or from 20 s after the first
motion; where a length leaves nothing between, twice that length apart. The drift is judged by the truth in the
recording if there is one, else by the fixes that were taken away.
"""
SENSORS = ("gnss", "wheels", "ranges")
_STREAMS = {"gnss": ("gnss", "fixes", "prepared")}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `outage`."""
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="as for kinema solve")
    add("--base", metavar="FILE", help="observations of the base")
    add("--base-position", metavar="X,Y,Z", help="ECEF position of the base, metres")
    for sensor in solving.SENSORS:
        add(f"--{sensor}", metavar="FILE", help=f"a file whose '{sensor}' stream is taken")
    add("--every", type=float, default=60.0, metavar="S", help="seconds from one outage to the next (60)")
    add("--length", default="15", metavar="S[,S…]", help="lengths of the outages in seconds (15)")
    add("--start", dest="first", metavar="T", help="GPS time of the first outage")
    add("--sensor", choices=SENSORS, default="gnss", help="what is taken away (gnss)")
    add("--mode", choices=("auto", "single", "rtk", "ppp", "inertial"), help="as for kinema solve")
    add("--method", choices=("filter", "smooth", "batch"), default="filter", help="filter is causal (default)")
    add("--config", metavar="TOML", help="settings of the algorithms")
    add("--on-bad", choices=("raise", "skip"), default="raise", help="bad lines: stop, or skip and count")
    add("--report", metavar="HTML", help="also write a page with plots of the drift")
    add("--json", action="store_true", help="print the figures as JSON")
    add("-q", "--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Solve once per length, with all its windows masked, and judge."""
    from kinema.analysis.outage import judge, windows
    from kinema.cli.progress import progress_bar
    from kinema.config import first_epoch_ns, load_toml, resolve, settings_of
    from kinema.core.time import parse_time
    from kinema.estimate.strategy import solve

    settings = {"mode": args.mode, "method": args.method}
    solving.check_outputs([args.report] if args.report else [])
    with progress_bar(quiet=args.quiet or args.json) as progress:
        recording = solving.gather(args, progress)
        if args.base_position:
            settings["base_position_e_m"] = args.base_position.split(",")
        layers = (settings_of(recording), load_toml(args.config) if args.config else {}, settings)
        options = replace(resolve(*layers, recording=recording), progress=progress)
        truth = recording.streams.get("truth") or recording.streams.get("fixes")
        reference: Solution = truth if truth is not None else solve(recording, replace(options, method="batch"))
        first = parse_time(args.first, first_epoch_ns(recording)) if args.first else None
        roles = taken_away(args.sensor, recording)
        reports, solved = [], []
        for length in lengths(args.length):
            spans = windows(reference, args.every, length, first)
            masks = tuple((role, start, stop) for role in roles for start, stop in spans)
            solved.append(solve(recording, replace(options, masks=options.masks + masks)))
            reports.append(judge(solved[-1], reference, spans))
        if args.report:
            from kinema.report.outage_page import outage_report

            runs = list(zip(reports, solved, strict=True))
            outage_report(runs, reference, sensor=args.sensor, title=recording.name or "Outages").save(args.report)
    if args.json:
        print(json.dumps({"method": args.method, "lengths": [asdict(report) for report in reports]}, indent=2))
    else:
        tell(reports, args.method, args.every)
    return 0


def taken_away(sensor: str, recording: Recording) -> list[str]:
    """The streams of the recording that are a sensor's. Raises ConfigError where it has none."""
    roles = [role for role in _STREAMS.get(sensor, (sensor,)) if role in recording.streams]
    if not roles:
        have = [name for name in SENSORS if any(role in recording.streams for role in _STREAMS.get(name, (name,)))]
        hint = f"; --sensor {' or '.join(have)} could be" if have else ""
        raise ConfigError(f"there is no {sensor} in the recording that could be taken away{hint}")
    return roles


def lengths(text: str) -> list[float]:
    """Seconds from "15,60". Raises ConfigError."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--length {text}: give seconds, such as 15 or 10,30,60") from None


def tell(reports: list[OutageReport], method: str, every_s: float) -> None:
    """The table that people choose an IMU by."""
    from kinema.analysis.outage import spacing_s
    from kinema.core.time import iso_gps

    print(f"outages, method {method}: errors in metres")
    print("  length  windows   end median / 95 %    inside median / 95 %    end, % of distance   height, end 50 / 95 %")
    for r in reports:
        print(
            f"  {r.length_s:5g} s  {len(r.outages):7d}   {r.end_median_m:10.2f} / {r.end_p95_m:<7.2f}"
            f"{r.inside_median_m:12.2f} / {r.inside_p95_m:<7.2f}{r.percent_overall:14.2f}"
            f"{r.end_up_median_m:17.2f} / {r.end_up_p95_m:<7.2f}"
        )
    for r in reports:
        if (apart := spacing_s(every_s, r.length_s)) != every_s:
            print(
                f"  outages of {r.length_s:g} s are {apart:g} s apart: {every_s:g} s would leave nothing between them"
            )
    for r in reports:
        for o in r.outages:
            percent = f" ({o.end_percent:.2f} %)" if o.driven_m > 1.0 else ""
            end = f"{o.end_m:8.2f} m after {o.driven_m:6.0f} m{percent}, {o.end_sigmas:.1f} σ"
            end += f"; height {o.end_up_m:+.2f} m, {abs(o.end_up_sigmas):.1f} σ"
            print(f"  {iso_gps(o.from_ns, 1)}  {r.length_s:4g} s {end}")
