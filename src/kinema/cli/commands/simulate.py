"""`kinema simulate`: a drive whose truth is known, as files that any program reads."""

from __future__ import annotations

import argparse

HELP = "make a drive with known truth: RINEX observations, navigation, base station, truth"
EXAMPLES = """examples:
  kinema simulate -o drive/
  kinema simulate --course grid --seed 7 --laps 2 --rate 10 --base 8 -o town/
  kinema solve drive/ -o drive.pos && kinema score drive.pos drive/truth.pos
courses: monaco (tunnel, houses), suzuka, shanghai, grid (a made-up town), open (no obstacles)"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Course, seed, receiver, and where to."""
    parser.add_argument("--course", default="monaco", help="monaco, suzuka, shanghai, grid or open (monaco)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same drive (1)")
    parser.add_argument("--laps", type=float, default=1.0, help="rounds to drive (1)")
    parser.add_argument("--duration", metavar="S", type=float, help="end after this many seconds")
    parser.add_argument("--rate", metavar="HZ", type=float, default=5.0, help="epochs per second (5)")
    parser.add_argument("--speed", metavar="KMH", type=float, default=90.0, help="top speed in km/h (90)")
    parser.add_argument("--systems", default="GREC", help="letters of G R E C J (GREC)")
    parser.add_argument("--frequencies", type=int, default=2, help="1, 2 or 3 signals per satellite (2)")
    parser.add_argument("--base", metavar="KM", type=float, help="add a base station this far away")
    parser.add_argument("--imu", metavar="GRADE", help="add an IMU: consumer, industrial or tactical")
    parser.add_argument("--open-sky", action="store_true", help="no houses and no tunnel")
    parser.add_argument("-o", "--out", metavar="FOLDER", required=True, help="folder to write to")


def run(args: argparse.Namespace) -> int:
    """Simulate and write."""
    from kinema.errors import ConfigError
    from kinema.simulate.drive import simulate
    from kinema.simulate.vehicle import Limits

    if not 5 <= args.speed <= 350:
        raise ConfigError(f"--speed {args.speed:g}: km/h, from 5 to 350")
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: zero or more")
    drive = simulate(
        args.course,
        args.seed,
        laps=args.laps,
        duration_s=args.duration,
        rate_hz=args.rate,
        systems=args.systems.upper(),
        frequencies=args.frequencies,
        base_km=args.base,
        limits=Limits(speed_mps=args.speed / 3.6),
        blockage=not args.open_sky,
        imu=args.imu,
    )
    folder = drive.save(args.out)
    length = drive.motion.sample(drive.truth.t_ns[-1:]).way_m[0] / 1000
    print(f"{drive.recording.name}: {length:.2f} km in {drive.motion.duration_s:.0f} s, {len(drive.truth)} epochs")
    for path in sorted(folder.iterdir()):
        print(f"  {path}")
    return 0
