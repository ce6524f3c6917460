"""Tracking and judging boxes beside the peers, in one run on one core.

    pip install trackers==2.6.1 trackeval==1.3.0
    KINEMA_DATA=… python bench/bench_tracking.py [ground|motmetrics|boxes]

py-motmetrics needs NumPy below 2 and so a Python of its own (see peer_motmetrics.py): KINEMA_MOTMETRICS_PYTHON.

Trackers: frames per second over the box sets of `mot/`, reading excluded for all, each peer given its own detection
objects ready made; HOTA, IDF1 and MOTA from our evaluator. Evaluators: from files to values, both. Best of several
runs; a peer that is not installed is left out.
"""

from __future__ import annotations

import configparser
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kinema.analysis.identity import score_identities
from kinema.core.tracks import BoxTracks, Detections
from kinema.formats.motchallenge import write_tracks
from kinema.formats.reading import read
from kinema.tracking.offline import track_offline
from kinema.tracking.online import track_online

MOT = Path(os.environ.get("KINEMA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")) / "mot"
KINDS = ("mot15s", "mot17lift", "kitti2d")
Scene = tuple[str, Detections, BoxTracks]


def scenes(kind: str) -> list[Scene]:
    found = []
    for folder in sorted((MOT / kind).iterdir()):
        seen = read(folder / "det" / "det.txt").need("detections", Detections)
        found.append((folder.name, seen, read(folder / "gt" / "gt.txt").need("tracks", BoxTracks)))
    return found


def best_of(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """CPU seconds of the fastest of several runs (others on the machine do not count), and what the last one gave."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
    return min(times), result


def peer_scene(scene: Scene) -> tuple[Detections, list[Any]]:
    import supervision as sv

    seen = scene[1]
    good = (seen.box_px[:, 2:] > 0).all(axis=1)
    box, score, frame = seen.box_px[good], seen.score[good], seen.frame[good]
    corners = np.concatenate((box[:, :2], box[:, :2] + box[:, 2:]), axis=1)
    start = np.searchsorted(frame, np.arange(1, seen.n_frames + 2))
    objects = [
        sv.Detections(corners[a:b], confidence=score[a:b], class_id=np.zeros(b - a, int)) for a, b in pairwise(start)
    ]
    return seen, objects


def run_peer(make: Callable[..., Any], prepared: list[tuple[Detections, list[Any]]]) -> list[list[Any]]:
    answers = []
    for seen, objects in prepared:
        tracker = make(frame_rate=seen.frame_rate_hz)
        answers.append([tracker.update(each) for each in objects])
    return answers


def as_tracks(seen: Detections, answers: list[Any]) -> BoxTracks:
    rows = []
    for k, each in enumerate(answers):
        for corners, identity in zip(each.xyxy, each.tracker_id if each.tracker_id is not None else (), strict=False):
            if identity >= 0:
                rows.append((k + 1, identity, *corners[:2], *(corners[2:] - corners[:2])))
    v = np.array(rows).reshape(-1, 6)
    one = np.ones(len(v), np.int64)
    return BoxTracks(v[:, 0].astype(np.int64), v[:, 1].astype(np.int64), v[:, 2:], one * 1.0, one, seen.n_frames)


def told(name: str, kind: str, frames: int, seconds: float, tracks: list[BoxTracks], given: list[Scene]) -> None:
    pairs = {scene[0]: (mine, scene[2]) for scene, mine in zip(given, tracks, strict=True)}
    score = score_identities(pairs, pedestrians=kind == "mot17lift")["all"]
    print(
        f"{kind:<10} {name:<22} HOTA {100 * score.hota:5.2f}  IDF1 {100 * score.idf1:5.2f}"
        f"  MOTA {100 * score.mota:5.2f}  {frames / seconds:8,.0f} frames/s",
        flush=True,
    )


def bench_trackers(kind: str) -> list[BoxTracks]:
    given = scenes(kind)
    frames = sum(scene[1].n_frames for scene in given)
    found: list[BoxTracks] = []
    for name, track in (("kinema online", track_online), ("kinema offline", track_offline)):
        track(given[0][1])
        seconds, tracks = best_of(lambda track=track: [track(scene[1]) for scene in given], 5)
        told(name, kind, frames, seconds, tracks, given)
        found = found or tracks
    try:
        from trackers import ByteTrackTracker, CBIoUTracker
    except ImportError:
        print(f"{kind:<10} trackers is not installed")
        return found
    prepared = [peer_scene(scene) for scene in given]
    for name, make in (("trackers ByteTrack", ByteTrackTracker), ("trackers C-BIoU", CBIoUTracker)):
        seconds, answers = best_of(lambda make=make: run_peer(make, prepared), 2)
        mine = [as_tracks(seen, each) for (seen, _), each in zip(prepared, answers, strict=True)]
        told(name, kind, frames, seconds, mine, given)
    return found


def trackeval_s(kind: str, folder: Path) -> tuple[float, dict[str, float]]:
    """Seconds and values of TrackEval over track files of a kind in `folder`."""
    import trackeval

    lengths = {}
    for each in sorted((MOT / kind).iterdir()):
        parser = configparser.ConfigParser()
        parser.read(each / "seqinfo.ini")
        lengths[each.name] = int(parser["Sequence"]["seqLength"])
    config = trackeval.datasets.MotChallenge2DBox.get_default_dataset_config() | {
        "GT_FOLDER": str(MOT / kind), "TRACKERS_FOLDER": str(folder), "TRACKERS_TO_EVAL": ["x"],
        "BENCHMARK": "MOT17" if kind == "mot17lift" else "MOT15", "SKIP_SPLIT_FOL": True, "SEQ_INFO": lengths,
        "DO_PREPROC": kind == "mot17lift", "PRINT_CONFIG": False,
    }  # fmt: skip
    quiet = {"PRINT_RESULTS": False, "PRINT_CONFIG": False, "TIME_PROGRESS": False, "OUTPUT_SUMMARY": False,
             "OUTPUT_DETAILED": False, "PLOT_CURVES": False, "OUTPUT_EMPTY_CLASSES": False}  # fmt: skip
    metrics = trackeval.metrics
    wanted = [metrics.HOTA(), metrics.CLEAR({"PRINT_CONFIG": False}), metrics.Identity({"PRINT_CONFIG": False})]

    def work() -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            evaluator = trackeval.Evaluator(trackeval.Evaluator.get_default_eval_config() | quiet)
            return evaluator.evaluate([trackeval.datasets.MotChallenge2DBox(config)], wanted)[0]

    seconds, result = best_of(work, 2)
    all_ = result["MotChallenge2DBox"]["x"]["COMBINED_SEQ"]["pedestrian"]
    return seconds, {
        "hota": float(all_["HOTA"]["HOTA"].mean()), "mota": all_["CLEAR"]["MOTA"], "idf1": all_["Identity"]["IDF1"]
    }  # fmt: skip


def bench_evaluators(kind: str, tracks: list[BoxTracks]) -> None:
    names = [folder.name for folder in sorted((MOT / kind).iterdir())]
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where) / "x" / "data"
        folder.mkdir(parents=True)
        for name, each in zip(names, tracks, strict=True):
            write_tracks(each, folder / f"{name}.txt")

        def work() -> Any:
            pairs = {
                name: (
                    read(folder / f"{name}.txt").need("tracks", BoxTracks),
                    read(MOT / kind / name / "gt" / "gt.txt").need("tracks", BoxTracks),
                )
                for name in names
            }
            return score_identities(pairs, pedestrians=kind == "mot17lift")["all"]

        seconds, mine = best_of(work, 5)
        try:
            peer, values = trackeval_s(kind, Path(where))
        except ImportError:
            print(f"{kind:<10} evaluator {seconds:.3f} s; trackeval is not installed")
            return
    apart = max(abs(getattr(mine, name) - value) for name, value in values.items())
    print(
        f"{kind:<10} evaluator {seconds:.3f} s, TrackEval {peer:.2f} s, ratio {peer / seconds:.1f}; apart {apart:.1e}"
    )


def bench_motmetrics(kind: str) -> None:
    """From files to CLEAR and identity values, ours with HOTA besides; all values must be equal."""
    python = os.environ.get("KINEMA_MOTMETRICS_PYTHON")
    if not python:
        print(f"{kind:<10} KINEMA_MOTMETRICS_PYTHON is not set")
        return
    names = [folder.name for folder in sorted((MOT / kind).iterdir())]
    with tempfile.TemporaryDirectory() as where:
        files = [(MOT / kind / name / "gt" / "gt.txt", Path(where) / f"{name}.txt") for name in names]
        for (name, seen, _), (_, path) in zip(scenes(kind), files, strict=True):
            assert name == path.stem
            write_tracks(track_online(seen), path)

        def work() -> Any:
            pairs = {
                path.stem: (read(path).need("tracks", BoxTracks), read(truth).need("tracks", BoxTracks))
                for truth, path in files
            }
            return score_identities(pairs, rules="motmetrics")["all"]

        seconds, mine = best_of(work, 5)
        script = Path(__file__).with_name("peer_motmetrics.py")
        told = subprocess.run(
            [python, str(script), *(str(file) for pair in files for file in pair)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    peer = json.loads(told.stdout)
    theirs = peer["values"]["OVERALL"]
    same = (mine.switches, mine.fragmentations, mine.mostly_tracked, mine.mostly_lost) == tuple(
        theirs[k] for k in ("num_switches", "num_fragmentations", "mostly_tracked", "mostly_lost")
    )
    apart = max(abs(mine.mota - theirs["mota"]), abs(mine.idf1 - theirs["idf1"]))
    print(
        f"{kind:<10} evaluator {seconds:.3f} s, py-motmetrics {peer['seconds']:.2f} s, ratio "
        f"{peer['seconds'] / seconds:.0f}; counts equal: {same}, apart {apart:.1e}"
    )


def bench_ground(movers: int = 1000, scans: int = 150, rate_hz: float = 10.0, sigma_m: float = 0.3) -> None:
    """Step times of the ground tracker, live: movers on 1 km² at walking to running speed, clutter among them."""
    from kinema.tracking.ground import GroundTracker

    rng = np.random.default_rng(0)
    bench_led(movers, scans, rate_hz, sigma_m)
    p, v = rng.uniform(0, 1000, (movers, 2)), rng.normal(0, 3, (movers, 2))
    tracker, took_s = GroundTracker(), []
    for k in range(scans):
        v += rng.normal(0, 0.15, v.shape)
        p += v / rate_hz
        z = np.concatenate((p[rng.random(movers) < 0.95], rng.uniform(0, 1000, (20, 2))))
        z += rng.normal(0, sigma_m, z.shape)
        cov = np.tile(np.eye(2) * sigma_m**2, (len(z), 1, 1))
        start = time.perf_counter()
        answer = tracker.step(round(k * 1e9 / rate_hz), z, cov)
        took_s.append(time.perf_counter() - start)
    p50, p99 = 1e3 * np.percentile(took_s[5:], [50, 99])
    print(f"ground     {len(answer.track)} tracks of {movers} movers: step p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def bench_led(movers: int, scans: int, rate_hz: float, sigma_m: float) -> None:
    """The same along a course 40 m wide round which all of them run."""
    from kinema.core.course import Course, Plane
    from kinema.course.guide import CourseGuide
    from kinema.tracking.ground import GroundTracker

    rng = np.random.default_rng(1)
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    line = 400.0 * np.column_stack((np.cos(turn), np.sin(turn)))
    guide = CourseGuide(Course("ring", Plane(0.8, 0.2), line, np.full(200, 20.0), np.full(200, 20.0)))
    way, side, pace = rng.uniform(0, 2 * np.pi, movers), rng.uniform(380, 420, movers), rng.uniform(2, 6, movers)
    tracker, took_s = GroundTracker(guide=guide), []
    for k in range(scans):
        way += pace / side / rate_hz
        p = side[:, None] * np.column_stack((np.cos(way), np.sin(way)))
        z = np.concatenate((p[rng.random(movers) < 0.95], rng.uniform(-420, 420, (20, 2))))
        z += rng.normal(0, sigma_m, z.shape)
        start = time.perf_counter()
        answer = tracker.step(round(k * 1e9 / rate_hz), z, np.tile(np.eye(2) * sigma_m**2, (len(z), 1, 1)))
        took_s.append(time.perf_counter() - start)
    p50, p99 = 1e3 * np.percentile(took_s[5:], [50, 99])
    print(f"on a course {len(answer.track)} tracks of {movers} movers: step p50 {p50:.1f} ms, p99 {p99:.1f} ms")


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["ground", "motmetrics", "boxes"]
    if "ground" in wanted:
        bench_ground()
    for kind in KINDS:
        if "motmetrics" in wanted and (MOT / kind).is_dir():
            bench_motmetrics(kind)
        if "boxes" in wanted and (MOT / kind).is_dir():
            bench_evaluators(kind, bench_trackers(kind))
