"""Simulated meetings: every lap to the right runner, with its time and its uncertainty; a race start kept apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from kinema.analysis.laps import laps
from kinema.core.course import Course, Plane
from kinema.core.tracks import GroundTracks
from kinema.course.guide import CourseGuide
from kinema.course.learn import gate_across
from kinema.course.oval import Oval
from kinema.course.strip import Strip
from kinema.kernels.ground_motion import CARS
from kinema.simulate.meeting import Detector, Meeting, athletics, race_start
from kinema.tracking.ground_offline import track_ground_offline


def credited(meeting: Meeting, tracks: GroundTracks) -> tuple[int, int, np.ndarray]:
    """Laps found for the right mover at the right time, all laps, and errors of lap times over their sigmas."""
    strip, start = Strip.of(meeting.course), np.zeros(1)
    where, heading = strip.to_ne(start, start)[0], strip.tangent_ne(start)[0]
    gate = gate_across(meeting.course.plane, where, heading, 14.0, "start", "start")
    solutions, good, all_, off = tracks.to_solutions(), 0, 0, []
    for mover, true in enumerate(meeting.lap_ns, start=1):
        found = laps(solutions[str(mover)], None, gate).laps if str(mover) in solutions else ()
        for t0, t1 in pairwise(true):
            all_ += 1
            mine = [lap for lap in found if abs(lap.t0_ns - t0) < 1e9 and abs(lap.t1_ns - t1) < 1e9]
            if mine:
                good += 1
                off.append((mine[0].time_s - (t1 - t0) * 1e-9) / mine[0].time_sigma_s)
    return good, all_, np.array(off)


def test_laps_of_a_small_meeting() -> None:
    meeting = athletics(1, runners=6, laps=6)
    good, all_, off = credited(meeting, track_ground_offline(meeting.detections))
    assert all_ == 36
    assert good >= 35
    assert (np.abs(off) < 1.96).mean() > 0.85


BENDS = ((85.0, 105.0), (290.0, 310.0))
"""Twenty metres in the middle of either bend that nobody sees: 3 to 5 s for a runner."""


def test_the_course_leads_runners_through_bends_that_nobody_sees() -> None:
    """Without it most of the laps are lost, with it few."""
    without = led = all_ = 0
    for seed in (1, 2, 3):
        meeting = athletics(seed, runners=10, laps=4, detector=Detector(hidden_m=BENDS))
        without += credited(meeting, track_ground_offline(meeting.detections))[0]
        good, of, _ = credited(meeting, track_ground_offline(meeting.detections, None, CourseGuide(meeting.course)))
        led, all_ = led + good, all_ + of
    assert led >= 0.85 * all_
    assert without <= 0.4 * all_


@pytest.mark.slow
def test_the_course_leads_whole_meetings_through_bends_that_nobody_sees() -> None:
    without = led = all_ = 0
    for seed in range(200, 206):
        meeting = athletics(seed, runners=12, laps=6, detector=Detector(hidden_m=BENDS))
        without += credited(meeting, track_ground_offline(meeting.detections))[0]
        good, of, _ = credited(meeting, track_ground_offline(meeting.detections, None, CourseGuide(meeting.course)))
        led, all_ = led + good, all_ + of
    assert led >= 0.85 * all_
    assert without <= led - 0.25 * all_


@pytest.mark.slow
@pytest.mark.parametrize("on_course", [False, True])
def test_laps_of_meetings_with_a_bib_read_every_fifth_lap(on_course: bool) -> None:
    good = all_ = 0
    offs = []
    for seed in range(100, 104):
        meeting = athletics(seed)
        guide = CourseGuide(meeting.course) if on_course else None
        g, a, off = credited(meeting, track_ground_offline(meeting.detections, None, guide))
        good, all_ = good + g, all_ + a
        offs.append(off)
    assert good >= 0.99 * all_
    assert 0.92 < (np.abs(np.concatenate(offs)) < 1.96).mean() < 0.99


def test_a_start_of_24_cars_is_kept_apart() -> None:
    small = Oval(Plane(0.8, 0.2), (0.0, 0.0), 0.0).course("oval")
    course = Course("oval", small.plane, small.line_ne_m * 5, small.width_left_m, small.width_right_m, True)
    start = race_start(course, seed=2)
    tracks = track_ground_offline(start.detections, CARS)
    rows = np.searchsorted(start.t_ns, tracks.t_ns)
    near = np.hypot(*(start.p_ne_m[:, rows] - tracks.p_ne_m[None]).transpose(2, 0, 1))
    right = sum(int((near[:, tracks.track == k].argmin(axis=0) == int(name) - 1).sum())
                for k, name in tracks.names().items() if name.isdigit())  # fmt: skip
    assert right > 0.95 * (start.of_detection > 0).sum()
