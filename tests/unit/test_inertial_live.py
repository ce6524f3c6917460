"""Inertial navigation fed piece by piece: the same trajectory as offline, in bounded memory."""

from __future__ import annotations

import numpy as np

from kinema.core.streams import Imu
from kinema.estimate.inertial_live import LiveInertial
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import drive_around

ANTENNA = (0.6, 0.0, -1.4)


def test_live_follows_and_its_lag_smoother_is_better() -> None:
    """Half-second pieces: within 5 cm of the offline filter; a lag of 2 s takes a fifth of the error at least."""
    motion = drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=1, duration_s=80.0, wait_s=6.0)
    recording, _ = inertial_recording(motion, seed=2, rpy_bs_rad=(0.1, -0.1, 0.7), late_s=0.03)
    imu, fixes = recording.streams["imu"], recording.streams["fixes"]
    live = LiveInertial(lag_s=2.0)
    now, late = [], []
    for start in range(0, len(imu.t_ns), 50):
        part = slice(start, start + 50)
        first, last = int(imu.t_ns[part][0]), int(imu.t_ns[part][-1])
        piece = Imu(imu.t_ns[part], imu.f_ib_s_mps2[part], imu.w_ib_s_radps[part])
        said = live.feed(piece, fixes.select((fixes.t_ns >= first - 10**7) & (fixes.t_ns < last)))
        if said is None:
            continue
        now.append(said)
        smoothed = live.smoothed()
        if smoothed is not None:
            late.append(smoothed)
    assert len(now) > 40
    offline = solve(recording, SolveOptions(method="filter"))
    t = np.array([one[0] for one in now[10:]])
    p = np.array([one[1] for one in now[10:]])
    q = np.stack([np.interp(t - t[0], offline.t_ns - t[0], column) for column in offline.p_e_m.T], axis=1)
    assert np.linalg.norm(p - q, axis=1).max() < 0.05

    def rms(points: list[tuple[int, np.ndarray, np.ndarray]]) -> float:
        truth = motion.sample(np.array([one[0] for one in points]), ANTENNA).p_e_m
        return float(np.sqrt(((np.array([one[1] for one in points]) - truth) ** 2).sum(axis=1).mean()))

    assert rms(now[15:]) < 0.05
    assert rms(late[15:]) < 0.8 * rms(now[15:])
    assert live.late_fixes < 5


def test_memory_is_bounded() -> None:
    """After alignment only the last seconds of samples are kept."""
    motion = drive_around(circuit("suzuka", 1), t0_ns=10**18, laps=1, duration_s=70.0, wait_s=6.0)
    recording, _ = inertial_recording(motion, seed=2)
    imu, fixes = recording.streams["imu"], recording.streams["fixes"]
    live = LiveInertial()
    for start in range(0, len(imu.t_ns), 100):
        part = slice(start, start + 100)
        t = imu.t_ns[part]
        piece = Imu(t, imu.f_ib_s_mps2[part], imu.w_ib_s_radps[part])
        live.feed(piece, fixes.select((fixes.t_ns >= t[0]) & (fixes.t_ns < t[-1] + 10**7)))
    assert live.alignment is not None
    assert live._imu is not None
    assert len(live._imu.t_ns) < 600
