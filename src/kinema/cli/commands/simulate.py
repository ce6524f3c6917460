"""`kinema simulate`: a drive or a scene of many movers whose truth is known, as files that any program reads."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinema.core.course import Course

HELP = "make a drive (RINEX observations, navigation, base) or a scene of many movers, with known truth"
EXAMPLES = """examples:
  kinema simulate -o drive/
  kinema simulate --course grid --seed 7 --laps 2 --rate 10 --base 8 -o town/
  kinema simulate --course grid --base 1 --imu consumer --wheels -o town/ && kinema solve town/ -o town.pos
  kinema solve drive/ -o drive.pos && kinema score drive.pos drive/truth.pos
  kinema simulate meeting --movers 20 --laps 12 -o meeting/        runners on a 400 m track, seen from a mast
  kinema simulate meeting --cameras 3 -o meeting/                  the same as boxes in the images of three cameras
  kinema simulate race-start --movers 24 -o start/                 a standing start of cars
courses: monaco (tunnel, houses), suzuka, shanghai, grid (a made-up town), open (no obstacles)"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Course, seed, receiver, and where to."""
    parser.add_argument(
        "scene", nargs="?", choices=("drive", "meeting", "race-start"), default="drive", help="what to make (drive)"
    )
    parser.add_argument("--course", default="monaco", help="monaco, suzuka, shanghai, grid or open (monaco)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same drive (1)")
    parser.add_argument("--laps", type=float, help="rounds to drive (1; of a meeting 12)")
    parser.add_argument("--movers", metavar="N", type=int, help="runners of a meeting (20), cars of a start (24)")
    parser.add_argument("--cameras", metavar="N", type=int, default=0, help="see a meeting through 1 to 3 cameras")
    parser.add_argument("--duration", metavar="S", type=float, help="end after this many seconds")
    parser.add_argument("--rate", metavar="HZ", type=float, help="epochs per second (5), scans of a scene (10)")
    parser.add_argument("--speed", metavar="KMH", type=float, default=90.0, help="top speed in km/h (90)")
    parser.add_argument("--systems", default="GREC", help="letters of G R E C J (GREC)")
    parser.add_argument("--frequencies", type=int, default=2, help="1, 2 or 3 signals per satellite (2)")
    parser.add_argument("--base", metavar="KM", type=float, help="add a base station this far away")
    parser.add_argument("--imu", metavar="GRADE", help="add an IMU: consumer, industrial or tactical")
    parser.add_argument("--wheels", action="store_true", help="add the rear axle's speed")
    parser.add_argument("--ride", action="store_true", help="on springs, tyres and a rough road that shakes the IMU")
    parser.add_argument("--open-sky", action="store_true", help="no houses and no tunnel")
    parser.add_argument("-o", "--out", metavar="FOLDER", required=True, help="folder to write to")


def run(args: argparse.Namespace) -> int:
    """Simulate and write."""
    from kinema.errors import ConfigError
    from kinema.simulate.drive import simulate
    from kinema.simulate.vehicle import Limits

    if args.scene != "drive":
        return _scene(args)
    if not 5 <= args.speed <= 350:
        raise ConfigError(f"--speed {args.speed:g}: km/h, from 5 to 350")
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: zero or more")
    drive = simulate(
        args.course,
        args.seed,
        laps=_given(args.laps, 1.0),
        duration_s=args.duration,
        rate_hz=_given(args.rate, 5.0),
        systems=args.systems.upper(),
        frequencies=args.frequencies,
        base_km=args.base,
        limits=Limits(speed_mps=args.speed / 3.6),
        blockage=not args.open_sky,
        imu=args.imu,
        wheels=args.wheels,
        ride=args.ride,
    )
    folder = drive.save(args.out)
    length = drive.motion.sample(drive.truth.t_ns[-1:]).way_m[0] / 1000
    print(f"{drive.recording.name}: {length:.2f} km in {drive.motion.duration_s:.0f} s, {len(drive.truth)} epochs")
    for path in sorted(folder.iterdir()):
        print(f"  {path}")
    return 0


def _given(value: float | None, otherwise: float) -> float:
    """What was asked for, zero included."""
    return otherwise if value is None else value


def _scene(args: argparse.Namespace) -> int:
    """A meeting or a race start as a folder."""
    from pathlib import Path

    from kinema.errors import ConfigError
    from kinema.simulate.meeting import Detector, athletics, race_start
    from kinema.simulate.meeting_folder import save_meeting

    meets = args.scene == "meeting"
    movers, laps = int(_given(args.movers, 20 if meets else 24)), int(_given(args.laps, 12 if meets else 1))
    rate = _given(args.rate, 10.0)
    if not (1 <= movers <= 500 and 1 <= laps <= 200 and args.seed >= 0 and 0.5 <= rate <= 100):
        raise ConfigError("--movers from 1 to 500, --laps from 1 to 200, --rate from 0.5 to 100 Hz, --seed from 0")
    if meets:
        meeting = athletics(args.seed, movers, laps, Detector(rate_hz=rate))
    else:
        meeting = race_start(_circuit(args.course), args.seed, movers, laps, Detector(rate, 0.5, read_every=1))
    folder = Path(args.out)
    if args.cameras:
        from kinema.simulate.cameras import save_cameras

        if not meets or not 1 <= args.cameras <= 3:
            raise ConfigError("--cameras 1, 2 or 3, of a meeting")
        save_cameras(meeting, folder, args.seed, args.cameras)
    else:
        save_meeting(meeting, folder)
    lasted_s = float(meeting.t_ns[-1] - meeting.t_ns[0]) * 1e-9
    print(f"{args.scene}: {movers} movers on {meeting.course.name} for {lasted_s:.0f} s  SIMULATED")
    for path in sorted(folder.iterdir()):
        print(f"  {path}")
    return 0


def _circuit(name: str) -> Course:
    """The library's circuit of that name; drives' default course is not among them."""
    from kinema.cli.commands.laps import course_of

    return course_of("shanghai" if name == "monaco" else name)
