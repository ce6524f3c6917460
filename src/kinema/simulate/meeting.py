"""Many movers from a seed: an athletics meeting on eight lanes, and the start of a race, seen by a camera or radar.

Truth is every mover's path; the scene is what was detected of it at each scan: with noise, misses, occlusion by whoever
stands in the line of sight, clutter, and now and then a bib or chip that was read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.course import Course, Plane
from kinema.core.tracks import GroundDetections, GroundTracks, TagReads
from kinema.course.learn import gate_across
from kinema.course.oval import LANE_M, LANES, Oval, lane_length_m
from kinema.course.strip import Strip
from kinema.errors import DataError

START_NS = 1_400_000_000_000_000_000
BODY_M = 0.5
"""Width of a runner in the line of sight."""
HEIGHT_M = 1.8
READ_SIGMA_S = 0.02
STRIDE_M = 1.8
"""Nobody runs closer than this behind another for long."""


@dataclass(frozen=True)
class Detector:
    """What sees the movers, `rate_hz` times a second, from a mast at `eye_ne_m`."""

    rate_hz: float = 10.0
    sigma_m: float = 0.2
    detected: float = 0.95
    clutter: float = 0.5
    """False detections per scan over the whole place."""
    eye_ne_m: tuple[float, float] = (0.0, 0.0)
    eye_height_m: float = 20.0
    hidden_m: tuple[tuple[float, float], ...] = ()
    """Stretches of the course (from station to station) that it cannot see: a stand, trees, a tunnel."""
    read_every: int = 5
    """A tag is read at the first crossing of the line, and again after each so many laps; 0: never."""


@dataclass(frozen=True)
class Meeting:
    """A simulated scene: truth of movers 1, 2, … and what was detected.

    t_ns (k,) scans; p_ne_m (movers, k, 2) true places; lap_ns: per mover the GPS times at which it crossed the start
    line; of_detection (m,) the mover of each detection, 0 for clutter; `reads` the same tags as in `detections`, by a
    reader at the line; running (movers, k) while a mover takes part.
    """

    course: Course
    t_ns: I64
    p_ne_m: F64
    lap_ns: tuple[I64, ...]
    detections: GroundDetections
    of_detection: I64
    reads: TagReads
    running: Bool

    def truth(self) -> GroundTracks:
        """The true paths, as far as they were run."""
        mover, scan = np.nonzero(self.running)
        p = self.p_ne_m[mover, scan]
        dt = float(self.t_ns[1] - self.t_ns[0]) * 1e-9
        v = np.gradient(self.p_ne_m, dt, axis=1)[mover, scan]
        none = np.broadcast_to(np.eye(2) * 1e-6, (len(p), 2, 2))
        return GroundTracks(
            self.t_ns[scan], mover + 1, p, none, v, none, np.ones(len(p), np.bool_), mover + 1, self.course.plane, True
        )


def athletics(
    seed: int = 0, runners: int = 20, laps: int = 12, detector: Detector | None = None, plane: Plane | None = None
) -> Meeting:
    """Runners of different speed on all eight lanes of a 400 m track; the faster ones pull out to overtake.

    Every runner runs `laps` whole laps as the first lane counts them. Raises DataError for none of either.
    """
    if runners < 1 or laps < 1:
        raise DataError("runners and laps", "at least one of each", f"{runners} and {laps}")
    rng = np.random.default_rng(seed)
    detector = detector or Detector()
    plane = plane or Plane(float(np.radians(48.0)), float(np.radians(11.0)))
    course = with_start(Oval(plane, (0.0, 0.0), np.pi / 2).course("track"))
    strip = Strip.of(course)
    pace = rng.uniform(4.0, 6.5, runners)
    n = int(((laps + 0.5) * lane_length_m(1) / pace.min() * 1.25) * detector.rate_hz)
    lane = np.asarray(rng.integers(0, LANES, runners) * (rng.random(runners) < 0.5) * LANE_M, dtype=np.float64)
    s, d = _run(rng, strip, pace, lane, -rng.uniform(20.0, 80.0, runners), n, 1.0 / detector.rate_hz)
    return _seen(rng, course, strip, s, d, laps, detector)


def race_start(
    course: Course, seed: int = 0, cars: int = 24, laps: int = 1, detector: Detector | None = None
) -> Meeting:
    """A standing start from a grid of two columns, 8 m apart, into the first laps of a closed course.

    Raises DataError for an open course.
    """
    if not course.closed:
        raise DataError("course", "a closed one", "an open one")
    rng = np.random.default_rng(seed)
    course = with_start(course)
    detector = detector or Detector(sigma_m=0.5, read_every=1)
    strip = Strip.of(course)
    top = rng.uniform(38.0, 45.0, cars)
    n = int((laps + 0.3) * strip.length_m / 25.0 * detector.rate_hz)
    dt = 1.0 / detector.rate_hz
    s, d = np.empty((cars, n)), np.empty((cars, n))
    s[:, 0], d[:, 0] = -8.0 * np.arange(1, cars + 1), np.where(np.arange(cars) % 2, 2.5, -2.5)
    v, reaction, push = np.zeros(cars), rng.uniform(0.2, 0.6, cars), rng.uniform(6.5, 8.5, cars)
    aim = d[:, 0].copy()
    for k in range(1, n):
        bend = np.abs(strip.curvature(s[:, k - 1], 30.0))
        limit = np.minimum(top, np.sqrt(12.0 / np.maximum(bend, 1e-4)))
        ahead, room = _ahead(s[:, k - 1], d[:, k - 1], 2.2)
        limit = np.where(
            (ahead >= 0) & (room < 12.0), np.minimum(limit, v[ahead] * np.clip(room / 9.0, 0.3, 1.1)), limit
        )
        pull = np.where(k * dt > reaction, push / (1 + v / 25.0), 0.0)
        v = np.clip(v + np.clip(limit - v, -12.0 * dt, pull * dt), 0.0, None)
        if k % int(4 * detector.rate_hz) == 0:
            aim = rng.uniform(-4.0, 4.0, cars)
        s[:, k] = s[:, k - 1] + v * dt
        d[:, k] = d[:, k - 1] + np.clip(aim - d[:, k - 1], -1.5 * dt, 1.5 * dt) * (v > 5.0)
    return _seen(rng, course, strip, s, d, laps, detector)


def with_start(course: Course) -> Course:
    """The course with a start gate across its first station, where it has none."""
    if course.gate_of("start") is not None:
        return course
    strip, at = Strip.of(course), np.zeros(1)
    half = float(max(course.width_left_m[0], course.width_right_m[0])) + 2.0
    gate = gate_across(course.plane, strip.to_ne(at, at)[0], strip.tangent_ne(at)[0], half, "start")
    return replace(course, gates=(gate, *course.gates))


def _ahead(s: F64, d: F64, side_m: float) -> tuple[I64, F64]:
    """Who is next in front within `side_m` to the side (−1: nobody), and how far."""
    gap = s[None, :] - s[:, None]
    gap = np.where((gap > 0) & (np.abs(d[None, :] - d[:, None]) < side_m), gap, np.inf)
    first = gap.argmin(axis=1)
    room = gap[np.arange(len(s)), first]
    return np.where(np.isfinite(room), first, -1), room


def _run(
    rng: np.random.Generator, strip: Strip, pace: F64, home_m: F64, start_m: F64, n: int, dt: float
) -> tuple[F64, F64]:
    """Stations (runners, n) along the first lane, unwrapped, and offsets outwards."""
    m, lap = len(pace), strip.length_m
    s, d = np.empty((m, n)), np.empty((m, n))
    s[:, 0], d[:, 0] = start_m, home_m
    form, shift = np.zeros(m), np.zeros(m)
    sway, sway_rate, v = np.zeros(m), np.zeros(m), pace.copy()
    for k in range(1, n):
        form += -form * dt / 30.0 + rng.normal(0, 0.08 * np.sqrt(dt), m)
        at, out = s[:, k - 1] % lap, d[:, k - 1]
        gap = (at[None, :] - at[:, None]) % lap
        np.fill_diagonal(gap, np.inf)
        wish = np.maximum(pace + form, 2.5)
        near = (gap < 2.0) | (gap > lap - 2.0)
        slow_ahead = (gap < 6.0) & (v[None, :] < wish[:, None])
        at_home = np.abs(out[None, :] - home_m[:, None]) < 0.8
        outside = np.abs(out[None, :] - home_m[:, None] - LANE_M) < 0.8
        passing = (at_home & (near | slow_ahead)).any(axis=1) & ~(outside & near).any(axis=1)
        shift += np.clip(np.where(passing, LANE_M, 0.0) - shift, -0.8 * dt, 0.8 * dt)
        sway_rate += (-0.5 * sway - 1.0 * sway_rate) * dt + rng.normal(0, 0.1 * np.sqrt(dt), m)
        sway += sway_rate * dt
        blocked = (gap < STRIDE_M) & (np.abs(out[None, :] - out[:, None]) < 0.8)
        held = np.where(blocked, v[None, :] * gap / STRIDE_M, np.inf).min(axis=1)
        v += np.clip(np.minimum(wish, held) - v, -3.0 * dt, 1.0 * dt)
        s[:, k] = s[:, k - 1] + v * dt / (1.0 + np.maximum(strip.curvature(at), 0.0) * out)
        d[:, k] = home_m + shift + np.clip(sway, -0.3, 0.3)
    return s, -d


def _seen(
    rng: np.random.Generator, course: Course, strip: Strip, s: F64, d: F64, laps: int, detector: Detector
) -> Meeting:
    """What the detector makes of stations and offsets to the left (movers, n)."""
    movers, n = s.shape
    t_ns = START_NS + np.round(np.arange(n) * 1e9 / detector.rate_hz).astype(np.int64)
    p = np.stack([strip.to_ne(s[i], d[i]) for i in range(movers)])
    lap_ns, tag = [], np.full((movers, n), -1)
    passed: list[tuple[int, int]] = []
    running = s < (laps + 0.05) * strip.length_m
    for i in range(movers):
        marks = np.arange(0, laps + 1) * strip.length_m
        second = np.interp(marks[marks <= s[i, -1]], s[i], np.arange(n) / detector.rate_hz)
        lap_ns.append(START_NS + np.round(second * 1e9).astype(np.int64))
        if detector.read_every:
            read = np.arange(0, len(second), detector.read_every)
            passed += [(int(t), i + 1) for t in lap_ns[-1][read]]
            tag[i, np.minimum(np.ceil(second[read] * detector.rate_hz).astype(np.int64), n - 1)] = i + 1
    shown = (rng.random((movers, n)) < detector.detected) & running & ~_occluded(p, running, detector)
    for start, stop in detector.hidden_m:
        shown &= (s - start) % strip.length_m > (stop - start) % strip.length_m
    shown |= (tag >= 0) & running
    who, scan = np.nonzero(shown)
    false = rng.poisson(np.full(n, detector.clutter))
    low, high = p.min(axis=(0, 1)) - 5.0, p.max(axis=(0, 1)) + 5.0
    where = np.concatenate((p[who, scan] + rng.normal(0, detector.sigma_m, (len(who), 2)),
                            rng.uniform(low, high, (int(false.sum()), 2))))  # fmt: skip
    at = np.concatenate((scan, np.repeat(np.arange(n), false)))
    of = np.concatenate((who + 1, np.zeros(int(false.sum()), np.int64)))
    tags = np.concatenate((tag[who, scan], np.full(int(false.sum()), -1)))
    order = np.lexsort((rng.random(len(at)), at))
    cov = np.broadcast_to(np.eye(2) * detector.sigma_m**2, (len(at), 2, 2))
    found = GroundDetections(t_ns[at[order]], where[order], cov, course.plane, tags[order], simulated=True)
    at_line = np.array(sorted(passed), np.int64).reshape(-1, 2)
    sigma_s = np.full(len(at_line), READ_SIGMA_S)
    read_ns = at_line[:, 0] + np.round(rng.normal(0, READ_SIGMA_S, len(at_line)) * 1e9).astype(np.int64)
    in_time = np.argsort(read_ns, kind="stable")
    reads = TagReads(read_ns[in_time], at_line[in_time, 1], np.zeros(len(at_line), np.int64), ("start",), sigma_s)
    return Meeting(course, t_ns, p, tuple(lap_ns), found, of[order], reads, running)


def _occluded(p: F64, running: Bool, detector: Detector) -> Bool:
    """Whether another mover stands in the line of sight (movers, n)."""
    sight = p - np.array(detector.eye_ne_m)
    far, angle = np.hypot(sight[..., 0], sight[..., 1]), np.arctan2(sight[..., 1], sight[..., 0])
    hidden = np.zeros(far.shape, dtype=np.bool_)
    for i in range(len(p)):
        close = np.abs(angle - angle[i]) * far[i] < 0.5 * BODY_M
        nearer = (far < far[i] - 0.3) & (far > far[i] * (1 - HEIGHT_M / detector.eye_height_m))
        hidden[i] = (close & nearer & running).any(axis=0)
    return hidden
