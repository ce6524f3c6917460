"""`kinema solve`: raw logs in, trajectory out."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinema.errors import ConfigError

if TYPE_CHECKING:
    from kinema.core.recording import Recording
    from kinema.core.solution import Solution

HELP = "estimate the trajectory of raw logs"
EXAMPLES = """examples:
  kinema solve rover.obs brdc.nav -o drive.pos
  kinema solve rover.obs brdc.nav --base base.obs --base-position -3959400.631,3385704.533,3667523.111 -o drive.pos
  kinema solve station.crx.gz orbits.sp3 clocks.clk --mode ppp --static
  kinema solve --fixes rtk.pos --imu imu.csv --wheels wheels.csv --mask gnss:243298.5-243313.5 -o drive.parquet
  kinema solve --fixes robot.mcap --imu robot.mcap --report drive.html
  kinema solve walking.mat --urdf robot.urdf --method filter
  kinema solve drive/                      a folder with a kinema.toml
sensors: CSV or Parquet with named columns, MCAP, UBX, seven-column text, phone apps; see kinema info FILE
"""
SENSORS = ("fixes", "imu", "wheels", "ranges")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `solve`."""
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="rover observations, navigation, SP3, CLK; or a folder")
    add("--base", metavar="FILE", help="observations of the base (RTK)")
    add("--base-position", metavar="X,Y,Z", help="ECEF position of the base, metres (else its header's)")
    for sensor in SENSORS:
        add(f"--{sensor}", metavar="FILE", help=f"a file whose '{sensor}' stream is taken")
    add("--urdf", metavar="FILE", help="the robot's description, for joint angles (else beside the recording)")
    add("--mode", choices=("auto", "single", "rtk", "ppp", "inertial"), help="default: the best the data allow")
    add("--method", choices=("filter", "smooth", "batch"), help="filter is causal; default batch")
    add("--systems", metavar="LETTERS", help="of G R E C J, for example GE")
    add("--frequencies", type=int, choices=(1, 2, 3), help="how many per satellite at most")
    add("--static", action="store_true", default=None, help="the point is at rest")
    add("--instantaneous", action="store_true", default=None, help="each epoch by itself (RTK)")
    add("--from", dest="start", metavar="T", help="GPS seconds of week, WEEK:TOW or ISO 8601")
    add("--to", dest="stop", metavar="T", help="as --from")
    add("--mask", action="append", default=[], metavar="SENSOR:FROM-TO", help="leave a stream out for a while")
    add("--config", metavar="TOML", help="settings of the algorithms")
    add("--on-bad", choices=("raise", "skip"), default="raise", help="bad lines: stop, or skip and count")
    add("-o", "--output", metavar="OUT", help=".pos .csv .parquet .gpx .kml .geojson .nmea")
    add("--report", metavar="HTML", help="also write the report")
    add("--json", action="store_true", help="print the summary as JSON")
    add("-q", "--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Read, solve, write, tell."""
    from kinema.cli.progress import progress_bar, tell_compiling
    from kinema.config import load_toml, resolve, settings_of
    from kinema.estimate.strategy import solve
    from kinema.formats.writing import write

    outputs = [path for path in (args.output, args.report) if path]
    check_outputs(outputs)
    with progress_bar(quiet=args.quiet or args.json) as progress:
        recording = gather(args, progress)
        layers = (settings_of(recording), load_toml(args.config) if args.config else {}, typed(args))
        options = replace(resolve(*layers, recording=recording), progress=progress)
        check_masks(options.masks, recording)
        if not args.quiet:
            tell_compiling()
        solution = solve(recording, options)
        if args.output:
            write(solution, args.output)
        if args.report:
            from kinema.report.document import report

            report(solution, recording=recording, truth=recording.streams.get("truth")).save(args.report)
    tell(solution, recording, outputs, as_json=args.json)
    return 0


def check_outputs(paths: list[str]) -> None:
    """Refuse, before long work, an output whose folder does not exist."""
    for path in paths:
        folder = Path(path).absolute().parent
        if not folder.is_dir():
            raise ConfigError(f"{path}: the folder {folder} does not exist; make it first")


def gather(args: argparse.Namespace, progress: Any) -> Recording:
    """The recording of all files named, each sensor's file giving the stream of that name. Raises ConfigError."""
    from kinema.core.recording import Recording
    from kinema.formats.completing import check_solvable, completed
    from kinema.formats.reading import read

    given = [sensor for sensor in SENSORS if getattr(args, sensor)]
    if not args.files and not given:
        raise ConfigError("nothing to solve; give rover observations and navigation, or --fixes and --imu")
    how = {"on_bad": args.on_bad, "progress": progress}
    recording = read(*args.files, base=args.base, **how) if args.files else Recording(streams={})
    for sensor in given:
        more = _with_table(read(getattr(args, sensor), **how), sensor, Path(getattr(args, sensor)), args.on_bad)
        recording = replace(
            recording,
            streams={**recording.streams, sensor: _stream_of(more, sensor, getattr(args, sensor))},
            mounts={**recording.mounts, **more.mounts},
            issues=(*recording.issues, *(issue for issue in more.issues if issue not in recording.issues)),
            sources=tuple(dict.fromkeys(recording.sources + more.sources)),
            settings={**more.settings, **recording.settings},
            simulated=recording.simulated or more.simulated,
        )
    recording = completed(recording)
    check_solvable(recording)
    return recording


def _with_table(recording: Recording, sensor: str, path: Path, on_bad: Any) -> Recording:
    """The recording, with the sensor's columns of a logger's table of positions where it has such."""
    from kinema.errors import FormatError
    from kinema.formats.base import ReadOptions
    from kinema.formats.sensor_csv import sensors_beside_places

    if sensor in recording.streams or sensor == "fixes" or path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return recording
    try:
        more = sensors_beside_places(path, ReadOptions(on_bad))
    except FormatError as error:
        # With columns of a sensor that cannot be right, the evidence is worth more than "no such stream".
        if error.what.startswith("no columns"):
            return recording
        raise
    if sensor not in more.streams:
        return recording
    streams = {**recording.streams, sensor: more.streams[sensor]}
    issues = (*recording.issues, *(issue for issue in more.issues if issue not in recording.issues))
    return replace(recording, streams=streams, mounts={**recording.mounts, **more.mounts}, issues=issues)


def _stream_of(recording: Recording, sensor: str, path: str) -> Any:
    """The stream of a name; of a file with one trajectory and no fixes, that. Raises ConfigError."""
    from kinema.core.solution import Solution

    if sensor in recording.streams:
        return recording.streams[sensor]
    trajectories = [stream for stream in recording.streams.values() if isinstance(stream, Solution)]
    if sensor == "fixes" and len(trajectories) == 1:
        return trajectories[0]
    have = ", ".join(recording.streams) or "nothing"
    hint = ""
    if sensor == "imu" and {"accelerometer", "gyroscope", "user_acceleration"} & set(recording.streams):
        hint = "; give the folder with both the accelerometer's and the gyroscope's file"
    raise ConfigError(f"{path}: no '{sensor}' stream in it, only {have}{hint}")


def check_masks(masks: tuple[tuple[str, int, int], ...], recording: Recording) -> None:
    """Refuse a mask of a stream that is not there, or that lies outside of it: nobody means that."""
    from difflib import get_close_matches

    from kinema.core.time import iso_gps

    names = {role: (role,) for role in recording.streams} | {"gnss": ("gnss", "fixes", "prepared")}
    for name, start_ns, stop_ns in masks:
        roles = [role for role in names.get(name, ()) if role in recording.streams]
        if not roles:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(recording.streams)}"
            raise ConfigError(f"mask of '{name}': there is no such stream; {hint}")
        spans = [stream.t_ns for role in roles if hasattr(stream := recording.streams[role], "t_ns")]
        if all(not len(t) or stop_ns <= t[0] or start_ns > t[-1] for t in spans) and spans:
            span = f"{iso_gps(int(spans[0][0]), 1)} to {iso_gps(int(spans[0][-1]), 1)}" if len(spans[0]) else "empty"
            what = f"mask of '{name}' from {iso_gps(start_ns, 1)} to {iso_gps(stop_ns, 1)} GPS"
            raise ConfigError(f"{what} lies outside of the stream ({span})")


def typed(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that were typed."""
    names = ("mode", "method", "systems", "frequencies", "static", "instantaneous")
    settings = {name: getattr(args, name) for name in names}
    settings |= {"from": args.start, "to": args.stop, "masks": args.mask or None}
    if getattr(args, "urdf", None):
        if not Path(args.urdf).is_file():
            raise ConfigError(f"--urdf {args.urdf}: there is no such file")
        settings["legged"] = {"urdf": args.urdf}
    if args.base_position:
        settings["base_position_e_m"] = args.base_position.split(",")
    return settings


def summary(solution: Solution, recording: Recording, outputs: list[str]) -> dict[str, Any]:
    """What a person or a program wants to know first."""
    import numpy as np

    from kinema.core.frames import cov_n_from_e
    from kinema.core.solution import FixStatus
    from kinema.core.time import iso_gps

    n, valid = len(solution), solution.valid
    cov = cov_n_from_e(solution.cov_p_e_m2[valid], solution.p_e_m[valid])
    with np.errstate(invalid="ignore"):
        sigma = np.sqrt(cov[:, 0, 0] + cov[:, 1, 1])
    known = sigma[np.isfinite(sigma)]
    shares = {
        FixStatus(int(code)).name.lower().replace("_", " "): float(np.mean(solution.status == code))
        for code in np.unique(solution.status)
    }
    return {
        "mode": solution.provenance.mode,
        "method": solution.provenance.method,
        "epochs": n,
        "from_gps": iso_gps(int(solution.t_ns[0])) if n else None,
        "to_gps": iso_gps(int(solution.t_ns[-1])) if n else None,
        "available": float(valid.mean()) if n else 0.0,
        "status": shares,
        "sigma_h_median_m": float(np.median(known)) if len(known) else None,
        "sigma_h_p95_m": float(np.percentile(known, 95)) if len(known) else None,
        "simulated": solution.provenance.simulated,
        "notes": list(solution.provenance.notes),
        "issues": [str(issue) for issue in recording.issues],
        "written": outputs,
    }


def tell(solution: Solution, recording: Recording, outputs: list[str], *, as_json: bool) -> None:
    """Print the summary."""
    told = summary(solution, recording, outputs)
    if as_json:
        json.dump(told, sys.stdout, indent=2)
        print()
        return
    shares = ", ".join(f"{name} {share:.1%}" for name, share in told["status"].items())
    label = "  SIMULATED" if told["simulated"] else ""
    print(
        f"{told['mode']} {told['method']}: {told['epochs']} epochs, {told['from_gps']} to {told['to_gps']} GPS{label}"
    )
    print(f"  status       {shares}")
    if told["sigma_h_median_m"] is not None:
        print(f"  stated sigma horizontal, median {told['sigma_h_median_m']:.3f} m, 95 % {told['sigma_h_p95_m']:.3f} m")
    for kind in ("notes", "issues"):
        for line in told[kind]:
            print(f"  {kind[:-1]:<12} {line}")
    for path in outputs:
        print(f"  written      {path}")
