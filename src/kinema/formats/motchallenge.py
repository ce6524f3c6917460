"""MOTChallenge text: detections (`det.txt`), truth (`gt.txt`) and tracks, with `seqinfo.ini` beside or above.

Columns (Milan et al. 2016): frame, identity (−1 in detections), left, top, width, height, score (mark in truth: 0 is
not judged), class, visibility. Boxes are in pixels from 1 as written; frames count from 1.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.core.recording import Issue, Recording
from kinema.core.tracks import BoxTracks, Detections
from kinema.errors import ConfigError, FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.tables import line_at, read_numbers

_ROW = re.compile(rb"^\s*\d+(?:\.0*)?,\s*-?\d+(?:\.0*)?(?:,\s*-?\d+(?:\.\d*)?(?:e[+-]?\d+)?){4,8}\s*$")


def _sniff(head: bytes, name: str) -> float:
    lines = [line for line in head.split(b"\n")[:-1][:5] if line.strip()] or [head.strip()]
    if not all(_ROW.match(line.rstrip(b"\r")) for line in lines):
        return 0.0
    return 0.95 if name in ("det.txt", "gt.txt") or lines[0].rstrip().endswith(b"-1,-1,-1") else 0.55


def read(source: Source, options: ReadOptions) -> Recording:
    """ "detections" where every identity is −1, else "tracks"."""
    table = read_numbers(source, options, need=6, columns=9)
    v, issues = table.values, list(table.issues)
    good = np.isfinite(v[:, :6]).all(axis=1) & (v[:, 0] >= 1) & (v[:, 0] < 1e9) & (np.abs(v[:, 1]) < 1e15)
    good &= np.abs(v[:, 2:6]).max(axis=1, initial=0.0) < 1e7
    good &= ~(np.abs(v[:, 7]) >= 1e9)
    if not good.all():
        where = line_at(source, int(table.row_start[int(np.argmin(good))]))
        if options.on_bad == "raise":
            raise FormatError(
                source.path, "no frame, identity or box", where, "read with --on-bad skip to leave it out"
            )
        issues.append(Issue("impossible box", int((~good).sum()), where, source.name))
    v = v[good]
    info = sequence_info(source.path)
    n_frames = max(int(info.get("seqlength", 0)), int(v[:, 0].max(initial=0)))
    streams = (
        {"detections": _detections(v, info, n_frames)} if (v[:, 1] < 0).all() else {"tracks": _tracks(v, n_frames)}
    )
    return Recording(streams, issues=tuple(issues), sources=(source.name,), name=info.get("name", source.name))


def _filled(column: F64, value: float) -> F64:
    return np.where(np.isfinite(column), column, value)


def _detections(v: F64, info: dict[str, str], n_frames: int) -> Detections:
    v = v[np.argsort(v[:, 0], kind="stable")]
    m = len(v)
    rate, size = float(info.get("framerate", "nan")), (int(info.get("imwidth", 0)), int(info.get("imheight", 0)))
    score, label = _filled(v[:, 6], 1.0), _filled(v[:, 7], -1.0).astype(np.int64)
    frame, untold = v[:, 0].astype(np.int64), np.full(m, -1)
    return Detections(frame, v[:, 2:6], score, label, untold, np.empty((m, 0)), n_frames, rate, size)


def _tracks(v: F64, n_frames: int) -> BoxTracks:
    some: Bool = v[:, 1] >= 0
    v = v[some]
    frame, track, label = v[:, 0].astype(np.int64), v[:, 1].astype(np.int64), _filled(v[:, 7], -1.0).astype(np.int64)
    return BoxTracks(frame, track, v[:, 2:6], _filled(v[:, 6], 1.0), label, n_frames)


def sequence_info(path: Path) -> dict[str, str]:
    """The [Sequence] of the `seqinfo.ini` beside a file or one folder up, keys in lower case; {} where none is."""
    for folder in (path.parent, path.parent.parent):
        file = folder / "seqinfo.ini"
        if file.is_file():
            parser = configparser.ConfigParser(interpolation=None)
            try:
                parser.read(file, encoding="utf-8")
                return dict(parser["Sequence"])
            except (configparser.Error, KeyError, UnicodeDecodeError):
                raise FormatError(file, "no [Sequence] in it", remedy="name, frameRate, seqLength, imWidth") from None
    return {}


def write_tracks(tracks: BoxTracks, path: str | Path) -> None:
    """Write tracks as MOTChallenge text, in order of frame."""
    path = Path(path)
    if path.suffix.lower() not in (".txt", ".csv"):
        raise ConfigError(f"{path}: tracks are written as MOTChallenge text; end the name in .txt")
    order = np.lexsort((tracks.track, tracks.frame))
    rows = np.column_stack((tracks.frame, tracks.track + 1, tracks.box_px, tracks.score))[order]
    np.savetxt(path, rows, fmt=["%d", "%d", "%.2f", "%.2f", "%.2f", "%.2f", "%.4g,-1,-1,-1"], delimiter=",")


FORMAT = Format("motchallenge", "MOTChallenge boxes", (".txt",), _sniff, read)
