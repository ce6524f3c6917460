"""Damaged files and absurd trajectories: a KinemaError of one line, or a result; nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from kinema.analysis.corners import corner_deltas, corners_of
from kinema.analysis.deltas import delta_between
from kinema.analysis.laps import laps
from kinema.analysis.runner import run_of
from kinema.core.frames import ecef_from_geodetic
from kinema.core.solution import Solution
from kinema.errors import KinemaError
from kinema.formats import dovex, fit_, logger_csv, motec_csv, racecapture, racechrono, tcx, timing_csv, vbo
from kinema.formats.base import ReadOptions, Source
from laps_world import world

TEXTS = {
    "racechrono": "This file is created using RaceChrono v9\nFormat,3\n\n"
    "timestamp,lap_number,latitude,longitude,speed\n"
    "unix time,,deg,deg,m/s\n,,100: gps,100: gps,calc\n"
    + "".join(f"17671507{k},1,31.{k},121.0,30\n" for k in range(10, 60)),
    "racecapture": '"Interval"|"ms"|0|0|1,"Utc"|"ms"|0|0|1,"Latitude"|"Degrees"|0|0|10,"Longitude"|"Degrees"|0|0|10\n'
    + "".join(f"{k * 10},14297437380{k},38.{k},-122.0\n" for k in range(10, 60)),
    "logger_csv": "Time;Latitude;Longitude;RPM\n"
    + "".join(f"17145576{k},5;48,{k};11,0;{k}00\n" for k in range(10, 60)),
    "dovex": "laps_ms\n1,2\ntimestamp,sats,hdop,lat,lng,speed_mph\n"
    + "".join(f"17753192602{k},7,1.0,28.{k},-81.3,10\n" for k in range(10, 60)),
    "timing_csv": "NUMBER;LAP_NUMBER;LAP_TIME;ELAPSED\n" + "".join(f"{k};1;1:{k}.5;1:{k}.5\n" for k in range(10, 60)),
    "vbo": "File created on 01/02/2024 @ 10:00\n[header]\ntime\n[column names]\nsats time lat long velocity\n[data]\n"
    + "".join(f"008 1000{k}.00 +2880.{k} -00660.0 100.0\n" for k in range(10, 60)),
    "tcx": "<TrainingCenterDatabase>"
    + "".join(
        f"<Trackpoint><Time>2024-05-01T10:00:{k}Z</Time><LatitudeDegrees>48.{k}</LatitudeDegrees>"
        f"<LongitudeDegrees>11.0</LongitudeDegrees></Trackpoint>"
        for k in range(10, 60)
    ),
}
MODULES = {m.__name__.rpartition(".")[2]: m for m in (dovex, logger_csv, racecapture, racechrono, tcx, timing_csv, vbo)}


def _is_one_line(error: KinemaError) -> None:
    assert "\n" not in str(error)


def _damaged(data: bytes, rng: random.Random) -> bytes:
    b = bytearray(data)
    kind = rng.random()
    if kind < 0.25:
        return bytes(b[: rng.randrange(len(b))])
    if kind < 0.7:
        for _ in range(rng.choice([1, 3, 20, 200])):
            b[rng.randrange(len(b))] = rng.randrange(256)
    elif kind < 0.85:
        k = rng.randrange(len(b))
        b[k:k] = bytes(rng.choice(b"0123456789.-,;e\n\xff\0") for _ in range(rng.randrange(1, 40)))
    else:
        k = rng.randrange(len(b))
        del b[k : k + rng.randrange(1, 200)]
    return bytes(b)


def _survives(module, data: bytes) -> None:  # type: ignore[no-untyped-def]
    for on_bad in ("raise", "skip"):
        try:
            module.FORMAT.sniff(data[:8192], "x.csv")
            module.FORMAT.read(Source(Path("x"), memoryview(data)), ReadOptions(on_bad))
        except KinemaError as error:
            _is_one_line(error)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_damaged_text_is_told(name: str) -> None:
    rng = random.Random(1)
    for _ in range(60):
        _survives(MODULES[name], _damaged(TEXTS[name].encode(), rng))


@pytest.mark.parametrize("module", [fit_, motec_csv])
def test_damaged_files_of_writers_are_told(module, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a"
    module.FORMAT.write(world(laps=1, size_m=100).solution(1, 0.01, 0), path)
    rng = random.Random(2)
    for _ in range(60):
        _survives(module, _damaged(path.read_bytes(), rng))


def _solution(ne_m: np.ndarray, t_s: np.ndarray) -> Solution:
    lat, lon = 0.8 + ne_m[:, 0] / 6.37e6, 0.2 + ne_m[:, 1] / 6.37e6
    return Solution(np.round(t_s * 1e9).astype(np.int64), ecef_from_geodetic(lat, lon, np.zeros(len(t_s))))


@pytest.mark.parametrize("kind", ["still", "walk", "jumps", "line", "holes", "circle and rest", "two places"])
@pytest.mark.parametrize("n", [5, 40, 1500])
def test_absurd_trajectories_end_in_a_result_or_one_line(kind: str, n: int) -> None:
    rng = np.random.default_rng(n)
    t = np.arange(n) * 0.1
    angle = t / 5.0
    ne = {
        "still": np.zeros((n, 2)),
        "walk": np.cumsum(rng.normal(0, 1, (n, 2)), axis=0),
        "jumps": rng.normal(0, 1e5, (n, 2)),
        "line": np.column_stack([t * 30, t * 0]),
        "holes": 100 * np.column_stack([np.cos(angle), np.sin(angle)]),
        "circle and rest": 100 * np.column_stack([np.cos(np.minimum(angle, 20)), np.sin(np.minimum(angle, 20))]),
        "two places": np.where(np.arange(n)[:, None] % 2 == 0, 0.0, 1e4) + np.zeros((n, 2)),
    }[kind]
    solution = _solution(ne, t)
    if kind == "holes":
        solution = solution.select(rng.random(n) > 0.6)
    for work in (laps, run_of):
        try:
            found = work(solution)
        except KinemaError as error:
            _is_one_line(error)
            continue
        if work is laps and len(found.timed) > 1:
            try:
                delta = delta_between(found, found.timed[0], found.timed[1])
            except KinemaError:
                continue
            assert sum(c.lost_s for c in corner_deltas(delta, corners_of(found))) < 1e3
