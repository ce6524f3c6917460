"""A simulated meeting as three cameras see it: boxes in distorted images at rates and times of their own.

Their calibration in cameras.toml comes from marks whose pixels were read with an error, so it is a little wrong, as
calibrations are; the truth beside it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.time import iso_utc
from kinema.course.files import write_course
from kinema.formats.ground_tables_write import write_reads, write_tracks
from kinema.sensors.calibration import from_pose
from kinema.sensors.camera import Camera
from kinema.sensors.lens import Lens
from kinema.simulate.meeting import HEIGHT_M, Meeting

SIZE_PX = (1920, 1080)
FOCAL_PX = 1150.0
BROWN = (-0.12, 0.02, 0.0005, -0.0003, 0.0)
NOISE_SHARE, LEAST_PX, MARK_PX = 0.03, 1.0, 0.7
SMALLEST_PX = 12.0
"""Bodies lower than this in the image are not detected."""


@dataclass(frozen=True)
class Mast:
    """A camera's name, place north and east, height, where it looks, images per second, and its clock's error."""

    name: str
    place_ne_m: tuple[float, float]
    height_m: float
    at_ne_m: tuple[float, float]
    rate_hz: float
    late_s: float


MASTS = (
    Mast("west", (-62.0, -72.0), 22.0, (6.0, -22.0), 12.5, 0.0),
    Mast("east", (-62.0, 72.0), 22.0, (6.0, 22.0), 10.0, 0.043),
    Mast("north", (78.0, 0.0), 26.0, (-8.0, 0.0), 8.0, -0.031),
)


def true_camera(mast: Mast, meeting: Meeting) -> Camera:
    """The camera as it stands."""
    ahead = np.array(mast.at_ne_m) - np.array(mast.place_ne_m)
    heading, tilt = float(np.arctan2(ahead[1], ahead[0])), float(np.arctan2(mast.height_m, np.hypot(*ahead)))
    centre = (SIZE_PX[0] / 2, SIZE_PX[1] / 2)
    h, _ = from_pose((FOCAL_PX, FOCAL_PX), centre, mast.place_ne_m, mast.height_m, heading, tilt)
    lens = Lens((FOCAL_PX, FOCAL_PX), centre, "brown", BROWN)
    return Camera(mast.name, SIZE_PX, meeting.course.plane, h, lens=lens, rate_hz=mast.rate_hz)


def boxes_of(meeting: Meeting, mast: Mast, rng: np.random.Generator) -> tuple[I64, F64, F64, I64]:
    """Frames from 1 (m,), boxes (m, 4) as left, top, width, height, scores, and movers (m,), 0 for clutter."""
    camera = true_camera(mast, meeting)
    lasted_s = float(meeting.t_ns[-1] - meeting.t_ns[0]) * 1e-9
    at_s = np.arange(1 / mast.rate_hz, lasted_s, 1 / mast.rate_hz)
    scan_s = (meeting.t_ns - meeting.t_ns[0]) * 1e-9
    frame_parts, box_parts, who_parts = [], [], []
    places = np.stack([[np.interp(at_s, scan_s, p[:, k]) for k in range(2)] for p in meeting.p_ne_m])
    running = np.stack([np.interp(at_s, scan_s, r) > 0.99 for r in meeting.running])
    for k in range(len(at_s)):
        box, far = _bodies(camera, mast, places[:, :, k])
        seen = running[:, k] & _visible(box, far) & (rng.random(len(box)) < 0.95)
        who = np.flatnonzero(seen) + 1
        false = _clutter(rng, box[running[:, k]])
        frame_parts.append(np.full(len(who) + len(false), k + 1))
        box_parts += [box[seen], false]
        who_parts += [who, np.zeros(len(false), np.int64)]
    frame, box, who = np.concatenate(frame_parts), np.concatenate(box_parts), np.concatenate(who_parts)
    sigma = np.maximum(NOISE_SHARE * box[:, [2, 3]], LEAST_PX)
    foot = np.column_stack((box[:, 0] + box[:, 2] / 2, box[:, 1] + box[:, 3])) + rng.normal(0, 1, sigma.shape) * sigma
    box = np.column_stack((foot[:, 0] - box[:, 2] / 2, foot[:, 1] - box[:, 3], box[:, 2], box[:, 3]))
    score = np.where(who > 0, rng.beta(8, 2, len(who)), rng.beta(3, 4, len(who)))
    return frame, box, score, who


def _bodies(camera: Camera, mast: Mast, p_ne_m: F64) -> tuple[F64, F64]:
    """Boxes (n, 4) of bodies standing at places (n, 2), NaN behind the camera, and how far each is."""
    foot, ahead = camera.to_pixel(p_ne_m)
    far = np.hypot(np.hypot(*(p_ne_m - np.array(mast.place_ne_m)).T), mast.height_m)
    tall = FOCAL_PX * HEIGHT_M / far
    box = np.column_stack((foot[:, 0] - 0.2 * tall, foot[:, 1] - tall, 0.4 * tall, tall))
    return np.where(ahead[:, None], box, np.nan), far


def _visible(box: F64, far: F64) -> Bool:
    """Whole in the image, tall enough, and no nearer body before the feet."""
    with np.errstate(invalid="ignore"):
        inside = (box[:, 0] > 0) & (box[:, 1] > 0) & (box[:, 0] + box[:, 2] < SIZE_PX[0])
        inside &= (box[:, 1] + box[:, 3] < SIZE_PX[1]) & (box[:, 3] > SMALLEST_PX)
        u, v = box[:, 0] + box[:, 2] / 2, box[:, 1] + 0.8 * box[:, 3]
        covers = (u[:, None] > box[None, :, 0]) & (u[:, None] < box[None, :, 0] + box[None, :, 2])
        covers &= (v[:, None] > box[None, :, 1]) & (v[:, None] < box[None, :, 1] + box[None, :, 3])
        hidden = (covers & (far[None, :] < far[:, None] - 0.3) & inside[None, :]).any(axis=1)
    return np.asarray(inside & ~hidden)


def _clutter(rng: np.random.Generator, box: F64) -> F64:
    count = int(rng.poisson(0.2))
    tall = rng.uniform(15, 60, count)
    left, top = rng.uniform(0, SIZE_PX[0] - 60, count), rng.uniform(200, SIZE_PX[1] - 70, count)
    return np.column_stack((left, top, 0.4 * tall, tall))


def save_cameras(meeting: Meeting, folder: Path, seed: int = 0, count: int = 3) -> Path:
    """Write a CSV of boxes for each of the first `count` cameras, cameras.toml, tags.csv, course.toml and truth.csv;
    returns the folder."""
    rng = np.random.default_rng([seed, 77])
    folder.mkdir(parents=True, exist_ok=True)
    entries = [
        "# Simulated: marks read with an error of a pixel, clocks off as told by time_offset_s.",
        *_site(meeting),
    ]
    for mast in MASTS[:count]:
        frame, box, score, _ = boxes_of(meeting, mast, rng)
        corners = np.column_stack((box[:, :2], box[:, :2] + box[:, 2:]))
        np.savetxt(
            folder / f"{mast.name}.csv", np.column_stack((frame, corners, score)), delimiter=",", comments="",
            fmt=["%d", "%.1f", "%.1f", "%.1f", "%.1f", "%.3f"], header="frame,x_min,y_min,x_max,y_max,confidence",
        )  # fmt: skip
        entries += _entry(mast, meeting, rng)
    (folder / "cameras.toml").write_text("\n".join(entries) + "\n", encoding="utf-8")
    if len(meeting.reads.t_ns):
        write_reads(meeting.reads, folder / "tags.csv")
    write_tracks(meeting.truth(), folder / "truth.csv")
    write_course(meeting.course, folder / "course.toml")
    return folder


def _site(meeting: Meeting) -> list[str]:
    lat, lon = np.degrees([meeting.course.plane.lat_rad, meeting.course.plane.lon_rad]).tolist()
    place = [f"lat_deg = {lat:.9f}", f"lon_deg = {lon:.9f}", f"h_m = {meeting.course.plane.h_m:.3f}"]
    return ["[site]", *place, "simulated = true"]


def _entry(mast: Mast, meeting: Meeting, rng: np.random.Generator) -> list[str]:
    """The camera's section: where marks on a grid over the ground were seen."""
    camera = true_camera(mast, meeting)
    north, east = np.meshgrid(np.arange(-45.0, 46.0, 15.0), np.arange(-85.0, 86.0, 17.0))
    marks = np.column_stack((north.ravel(), east.ravel()))
    pixel, ahead = camera.to_pixel(marks)
    inside = ahead & (pixel > 5).all(axis=1) & (pixel < np.array(SIZE_PX) - 5).all(axis=1)
    marks, pixel = marks[inside], pixel[inside] + rng.normal(0, MARK_PX, (int(inside.sum()), 2))
    # Frame 1 is one frame after the scene began; the camera's clock is late, and the file says by how much.
    start_ns = int(meeting.t_ns[0]) + round((1 / mast.rate_hz + mast.late_s) * 1e9)
    rows = [f"  [{u:.2f}, {v:.2f}, {n:.3f}, {e:.3f}]," for (u, v), (n, e) in zip(pixel, marks, strict=True)]
    return [
        "", "[[camera]]", f'name = "{mast.name}"', f"size_px = [{SIZE_PX[0]}, {SIZE_PX[1]}]",
        f"rate_hz = {mast.rate_hz}", f'start_utc = "{iso_utc(start_ns, 6)}"', f"time_offset_s = {-mast.late_s}",
        f"sigma_px = {LEAST_PX}", f"noise_share = {NOISE_SHARE}", f"focal_px = {FOCAL_PX}", f"brown = {list(BROWN)}",
        "marks_ne_m = [", *rows, "]",
    ]  # fmt: skip
