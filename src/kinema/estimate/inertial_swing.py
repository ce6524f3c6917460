"""Rate of the sensor at the nodes of a pass, which swings the antenna about the IMU."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64
from kinema.estimate.inertial import Pass
from kinema.kernels import inertial as ki

_AROUND_NODES = 20
_CHANGE_RADPS, _FAST_MPS = 5e-3, 10.0
"""By how much a driving car changes its rate in half a node: it rolls with a degree or two a second, at 1.5 Hz."""


def rates(done: Pass) -> tuple[F64, F64]:
    """Rate in s at each node (K, 3), rad/s, and the variance (K, 3) of its error.

    A node knows the mean rate since the one before, half a step ago: a body that rolls on its springs changes its rate
    by some mrad/s in that time, which a metre of lever arm makes mm/s. A smoothed pass takes the mean of both sides,
    and what is left is told by how the rate bends.
    """
    mean = done.means[:, 0]
    if done.start is None or len(mean) < 3:
        speed = np.linalg.norm(done.x[:, ki.X_V : ki.X_V + 3], axis=1)
        return mean, np.repeat((_CHANGE_RADPS * np.minimum(speed / _FAST_MPS, 1.0)[:, None]) ** 2, 3, axis=1)
    step = np.diff(mean, axis=0, prepend=mean[:1])
    after = np.concatenate([step[1:], np.zeros((1, 3))])
    dt = np.maximum(np.diff(done.t_s, prepend=done.t_s[0] - 1.0), 1e-6)[:, None]
    share = dt / (dt + np.concatenate([dt[1:], dt[-1:]]))
    cum = np.concatenate([np.zeros((1, 3)), np.cumsum((after - step) ** 2 / 12.0, axis=0)])
    k = np.arange(len(mean))
    first, last = np.maximum(k - _AROUND_NODES, 0), np.minimum(k + 1 + _AROUND_NODES, len(mean))
    return mean + share * after, (cum[last] - cum[first]) / (last - first)[:, None]
