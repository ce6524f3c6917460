"""`kinema warm`: compile the kernels now, so that no later run waits for it."""

from __future__ import annotations

import argparse
import time

HELP = "compile all kernels now, so that no later run waits for it"
EXAMPLES = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options but silence."""
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing")


def run(args: argparse.Namespace) -> int:
    """Do every kind of work once, on a few simulated seconds."""
    from kinema.kernels.jit import cache_root

    whole = time.perf_counter()
    for name, work in (
        ("modules", _modules), ("positioning", _positioning), ("inertial", _inertial), ("tracking", _tracking),
        ("laps", _laps),
    ):  # fmt: skip
        began = time.perf_counter()
        work()
        if not args.quiet:
            print(f"{name:<12} {time.perf_counter() - began:6.1f} s", flush=True)
    if not args.quiet:
        print(f"compiled in {time.perf_counter() - whole:.1f} s, kept in {cache_root()}")
    return 0


def _modules() -> None:
    """Bytecode of Kinema's modules, also where Python is told to write none: a quarter of a second of each start."""
    import compileall
    from pathlib import Path

    import kinema

    compileall.compile_dir(Path(kinema.__file__).parent, quiet=2)


def _positioning() -> None:
    """Write and read a short simulated drive as files, and solve it in every way."""
    import tempfile
    from pathlib import Path

    from kinema.estimate.strategy import solve
    from kinema.formats.reading import read
    from kinema.formats.writing import write
    from kinema.simulate.drive import simulate
    from kinema.simulate.folder import save_drive

    drive = simulate("open", duration_s=30.0, rate_hz=1.0, base_km=1.0)
    with tempfile.TemporaryDirectory() as folder:
        save_drive(drive, Path(folder))
        recording = read(folder)
        for mode in ("single", "rtk"):
            for method in ("filter", "batch"):
                write(solve(recording, mode=mode, method=method), Path(folder) / "solution.csv")


def _inertial() -> None:
    """A short drive with an IMU, and a walk round four anchors."""
    import tempfile
    from pathlib import Path

    import numpy as np

    from kinema.core.recording import Recording
    from kinema.core.streams import AnchorRanges, Series
    from kinema.estimate.strategy import solve
    from kinema.formats.reading import read
    from kinema.simulate.circuits import circuit
    from kinema.simulate.fixes import inertial_recording
    from kinema.simulate.vehicle import drive_around

    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "imu.csv"
        table.write_text(
            "t_s,ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps\n" + "0,0,0,9.8,0,0,0\n1,0,0,9.8,0,0,0\n"
        )
        read(table)
    motion = drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=0.3, duration_s=35.0, wait_s=4.0)
    solve(inertial_recording(motion, wheels=True)[0], method="smooth")
    t_ns = np.arange(400, dtype=np.int64) * 10**8
    step = np.tile([0.2, 0.02], (400, 1))
    psi = np.cumsum(step[:, 1]) - 0.01
    path = np.column_stack([np.cumsum(0.2 * np.cos(psi)), np.cumsum(0.2 * np.sin(psi)), np.zeros(400)])
    anchors = np.array([[-20.0, -5, 0], [20, -8, 0], [15, 25, 0], [-10, 30, 0]])
    which = np.arange(400, dtype=np.int32) % 4
    ranges = AnchorRanges(t_ns, which, np.linalg.norm(path - anchors[which], axis=1), anchors)
    odometry = Series(t_ns, step, "m, rad", ("distance", "turn"))
    solve(Recording({"odometry": odometry, "ranges": ranges}), method="smooth")


def _tracking() -> None:
    """Two boxes walk past each other, and two runners run a lap."""
    import numpy as np

    from kinema.analysis.ground_score import score_ground
    from kinema.core.tracks import Detections
    from kinema.course.guide import CourseGuide
    from kinema.simulate.meeting import athletics
    from kinema.tracking.ground_offline import track_ground_offline
    from kinema.tracking.offline import track_offline

    frame = np.repeat(np.arange(1, 13), 2)
    box = np.tile([[10.0, 10, 20, 50], [200, 10, 20, 50]], (12, 1))
    box[:, 0] += 4 * frame * np.tile([1, -1], 12)
    absent = np.full(24, -1)
    track_offline(Detections(frame, box, np.full(24, 0.99), absent, absent, np.empty((24, 0)), 16, 25.0, (640, 480)))
    meeting = athletics(0, runners=2, laps=1)
    tracks = track_ground_offline(meeting.detections, None, CourseGuide(meeting.course))
    score_ground(tracks, meeting.truth())


def _laps() -> None:
    """Three laps of a track, compared, and its racing line."""
    import numpy as np

    from kinema.analysis.deltas import delta_between
    from kinema.analysis.laps import laps
    from kinema.core.course import Plane
    from kinema.core.frames import ecef_from_geodetic
    from kinema.core.solution import Solution
    from kinema.course.oval import Oval
    from kinema.course.raceline import Car, race_line
    from kinema.course.strip import Strip

    plane = Plane(0.8, 0.2)
    course = Oval(plane, (0.0, 0.0), 0.3).course("warm")
    strip = Strip.of(course)
    way = np.arange(0.0, 1500.0, 2.0)
    lat, lon = plane.geodetic_from_ne(strip.to_ne(way, np.sin(way / 40)))
    t_ns = np.arange(len(way), dtype=np.int64) * 100_000_000
    session = laps(Solution(t_ns, ecef_from_geodetic(lat, lon, np.zeros(len(way)))))
    delta_between(session, session.timed[0], session.timed[1])
    race_line(course, Car(width_m=0.2), "time", step_m=10.0)
