"""Live inertial navigation: processor time per sample and per feed, memory, and what it says beside offline.

A simulated drive is fed as it would have come; with KINEMA_DATA, the car with a MEMS IMU and RTK fixes, too.
`python bench/bench_live.py`
"""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import numpy as np

import kinema
from kinema.core.recording import Recording
from kinema.estimate.inertial_live import LiveInertial
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import drive_around


def microseconds(values: list[float]) -> str:
    v = 1e6 * np.array(values)
    return f"mean {v.mean():.0f}, median {np.median(v):.0f}, 99.9 % {np.quantile(v, 0.999):.0f}, worst {v.max():.0f} µs"


def measure(name: str, recording: Recording, late_s: dict[str, float]) -> None:
    """Feed sample by sample, ask for `now()` at each and for `smoothed()` ten times a second."""
    imu = recording.streams["imu"]
    live = LiveInertial(lag_s=2.0)
    feeds: list[float] = []
    nows: list[float] = []
    smooths: list[float] = []
    once = 0.0
    every_s = float(np.median(np.diff(imu.t_ns))) * 1e-9
    for k, piece in enumerate(kinema.pieces(recording, every_s, late_s)):
        aligned = live.alignment is not None
        begin = time.process_time()
        live.feed(**piece)
        took = time.process_time() - begin
        if live.alignment is None:
            continue
        if not aligned:
            once = took
            continue
        feeds.append(took)
        begin = time.process_time()
        live.now()
        nows.append(time.process_time() - begin)
        if k % 10 == 0:
            begin = time.process_time()
            live.smoothed()
            smooths.append(time.process_time() - begin)
    print(f"{name}: {len(feeds)} samples of {every_s * 1e3:.0f} ms, streams late by {late_s or 'nothing'}")
    print(f"  feed(one sample)   {microseconds(feeds)}; {100 * sum(feeds) / len(feeds) / every_s:.1f} % of the time")
    print(f"  now()              {microseconds(nows)}")
    print(f"  smoothed(), 2 s    {microseconds(smooths)}")
    print(f"  alignment, once    {1e3 * once:.0f} ms")


def memory(recording: Recording) -> None:
    """What a live filter holds, at its largest."""
    pieces = list(kinema.pieces(recording, 0.1))
    tracemalloc.start()
    live = LiveInertial()
    for piece in pieces:
        live.feed(**piece)
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"  held after {len(pieces) / 600:.1f} minutes: {now / 1e6:.1f} MB")


def main() -> None:
    motion = drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=1, duration_s=120.0, wait_s=6.0)
    recording, _ = inertial_recording(motion, grade="consumer", seed=1, rpy_bs_rad=(0.1, -0.1, 0.7), wheels=True)
    measure("warming up", recording, {})
    measure("simulated, wheels at 50 Hz, fixes at 4 Hz", recording, {})
    measure("simulated, the same", recording, {"fixes": 0.3, "wheels": 0.05})
    measure("simulated, the same", recording, {"fixes": 4.0, "wheels": 0.3})
    memory(recording)
    data = os.environ.get("KINEMA_DATA")
    if data:
        folder = Path(data) / "car-mems-imu-rtk"
        real = kinema.read(folder / "gnss_rtk.pos", folder / "imu.csv.gz")
        measure("car with MEMS IMU and RTK", real, {"fixes": 0.2})
        memory(real)


if __name__ == "__main__":
    main()
