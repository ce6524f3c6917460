"""A simulated scene of many movers as a folder that `kinema track`, `kinema laps` and `kinema score` take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from kinema.course.files import write_course
from kinema.formats.ground_tables_write import write_detections, write_reads, write_tracks
from kinema.simulate.meeting import Meeting


def save_meeting(meeting: Meeting, folder: Path) -> Path:
    """Write detections.csv (nobody has a name in it), tags.csv (who passed the line when), course.toml and truth.csv;
    returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    seen = meeting.detections
    write_detections(replace(seen, tag=np.full(len(seen.t_ns), -1)), folder / "detections.csv")
    if len(meeting.reads.t_ns):
        write_reads(meeting.reads, folder / "tags.csv")
    write_tracks(meeting.truth(), folder / "truth.csv")
    write_course(meeting.course, folder / "course.toml")
    return folder
