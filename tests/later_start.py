"""Recordings cut short at their beginning."""

from __future__ import annotations

from kinema.core.recording import Recording
from kinema.core.streams import Imu
from kinema.core.time import NS


def begun(recording: Recording, after_s: float) -> Recording:
    """The recording as if it had begun so much later."""
    fixes, imu = recording.streams["fixes"], recording.streams["imu"]
    begin_ns = int(fixes.t_ns[0]) + round(after_s * NS)
    keep = imu.t_ns >= begin_ns - 2 * NS
    cut = Imu(imu.t_ns[keep], imu.f_ib_s_mps2[keep], imu.w_ib_s_radps[keep])
    return Recording({"fixes": fixes.select(fixes.t_ns >= begin_ns), "imu": cut}, recording.mounts)
