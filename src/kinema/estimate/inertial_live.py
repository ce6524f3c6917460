"""Inertial navigation as the data arrive: the offline filter's own nodes and pass, a few at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kinema.core.arrays import F64
from kinema.core.solution import Solution
from kinema.core.streams import Imu
from kinema.core.time import seconds_since
from kinema.errors import EstimationError
from kinema.estimate.align import Alignment, align
from kinema.estimate.inertial import Pass, run_filter, run_smoother
from kinema.estimate.inertial_causal import lateness, retimed
from kinema.estimate.inertial_nodes import Nodes, build_nodes
from kinema.estimate.inertial_params import InertialParams, Start
from kinema.estimate.inertial_solution import antenna, mounted
from kinema.sensors.fix import FixRows, fix_rows
from kinema.sensors.imu_signal import imu_signal

_MEMORY_S = 3.0
"""Of samples before the newest node: windows of quiet and vibration look back so far."""
_ALIGN_EACH_S = 5.0
_PATIENCE_S = 600.0


class LiveInertial:
    """A causal filter, and a smoother that lags by `lag_s`, fed with pieces of an IMU stream and of fixes.

    Until the motion allows alignment `feed` returns None. Afterwards it returns the antenna's position (3,), its
    covariance (3, 3) and the GPS time of the newest node. Fixes may come up to `wait_s` after the samples of their
    time; nodes wait so long. Memory is bounded: ten minutes of samples before alignment, the lag's worth after it.
    """

    def __init__(
        self, params: InertialParams | None = None, c_bs: F64 | None = None, wait_s: float = 0.3, lag_s: float = 0.0
    ) -> None:
        self.params, self.c_bs, self.wait_s, self.lag_s = params or InertialParams(), c_bs, wait_s, lag_s
        self.alignment: Alignment | None = None
        self._imu: Imu | None = None
        self._fixes: Solution | None = None
        self.late_fixes = 0
        """Fixes that came after their nodes and were not used."""
        self._rows: FixRows | None = None
        self._t0_ns = 0
        self._tried_s = 0.0
        self._state: Start | None = None
        self._snapshots: list[Start] = []

    def feed(self, imu: Imu, fixes: Solution | None = None) -> tuple[int, F64, F64] | None:
        """Take in new samples and fixes, later than all before. Raises EstimationError, DataError."""
        self._imu = imu if self._imu is None else _joined(self._imu, imu)
        if fixes is not None and len(fixes):
            if self.alignment is not None and self._state is not None:
                t_s = self.alignment.calibration.imu_time(seconds_since(fixes.t_ns, self._t0_ns))
                self.late_fixes += int((t_s <= self._state.t_s).sum())
            self._fixes = fixes if self._fixes is None else _appended(self._fixes, fixes)
        if self._fixes is None or len(self._imu.t_ns) < 200:
            return None
        if self.alignment is None and not self._aligned():
            return None
        return self._advance()

    def smoothed(self) -> tuple[int, F64, F64] | None:
        """The oldest point of the lag, as well as all fixes since tell it: GPS time, position, covariance."""
        if self.alignment is None or not self._snapshots:
            return None
        nodes = self._nodes(self._snapshots[0].t_s, self._now_s())
        if nodes is None or len(nodes) < 2:
            return None
        done = run_smoother(nodes, self._snapshots[0], self.params, self.alignment.calibration)
        return self._point(done, 0)

    def _aligned(self) -> bool:
        assert self._imu is not None
        assert self._fixes is not None
        if not self._t0_ns:
            self._t0_ns = int(self._imu.t_ns[0])
        now_s = (int(self._imu.t_ns[-1]) - self._t0_ns) * 1e-9
        if now_s - self._tried_s < _ALIGN_EACH_S:
            return False
        self._tried_s = now_s
        signal = imu_signal(self._imu, self._t0_ns)
        try:
            rows = fix_rows(self._fixes, self._t0_ns)
            found = align(signal, rows, self.params, whole=False, c_bs=self.c_bs)
        except EstimationError:
            if now_s > _PATIENCE_S:
                keep = self._imu.t_ns > self._imu.t_ns[-1] - int(0.5e9 * _PATIENCE_S)
                self._imu = Imu(self._imu.t_ns[keep], self._imu.f_ib_s_mps2[keep], self._imu.w_ib_s_radps[keep])
                self._t0_ns, self._tried_s = 0, 0.0
            return False
        self.alignment, self._rows = found, rows
        self._state = mounted(found.start, found.calibration, self.params)
        return True

    def _now_s(self) -> float:
        """The newest time of the IMU's clock up to which nodes may be made."""
        assert self._imu is not None
        return (int(self._imu.t_ns[-1]) - self._t0_ns) * 1e-9 - self.wait_s

    def _nodes(self, after_s: float, upto_s: float) -> Nodes | None:
        """Nodes later than `after_s`, with the increments since then."""
        assert self._imu is not None
        assert self._fixes is not None
        assert self.alignment is not None
        if upto_s - after_s < 2 * self.params.node_s:
            return None
        signal = imu_signal(self._imu, self._t0_ns)
        rows = fix_rows(self._fixes, self._t0_ns, before=self._rows)
        nodes = build_nodes(signal, rows, self.alignment.calibration, self.params, span_s=(after_s, upto_s))
        return nodes.chunk(1, len(nodes))

    def _advance(self) -> tuple[int, F64, F64] | None:
        assert self.alignment is not None
        assert self._state is not None
        upto = np.floor(self._now_s() / self.params.node_s) * self.params.node_s
        nodes = self._nodes(self._state.t_s, float(upto))
        if nodes is None or not len(nodes):
            return None
        if self.lag_s:
            self._snapshots.append(self._state)
        done = run_filter(nodes, self._state, self.params, self.alignment.calibration)
        point = self._point(done, len(nodes) - 1)
        self._state = done.end
        self._retime()
        self._forget()
        return point

    def _retime(self) -> None:
        """Let the calibration take over a clock's offset that has become large."""
        assert self.alignment is not None
        assert self._state is not None
        late, calibration = lateness(self._state), self.alignment.calibration
        if late is None:
            return
        self._state, moved = retimed(self._state, calibration, late)
        self._snapshots = [retimed(one, calibration, late)[0] for one in self._snapshots]
        self.alignment = replace(self.alignment, calibration=moved)

    def _point(self, done: Pass, k: int) -> tuple[int, F64, F64]:
        assert self.alignment is not None
        p, _, cov, _ = antenna(done)
        t_s = float(self.alignment.calibration.gps_time(done.t_s[k : k + 1])[0])
        return self._t0_ns + round(t_s * 1e9), p[k], cov[k]

    def _forget(self) -> None:
        """Drop what no window and no lag looks at any more."""
        assert self._imu is not None
        assert self._fixes is not None
        assert self._state is not None
        while len(self._snapshots) > 1 and self._snapshots[1].t_s <= self._state.t_s - self.lag_s:
            self._snapshots.pop(0)
        oldest = self._snapshots[0].t_s if self._snapshots else self._state.t_s
        edge = self._t0_ns + round((oldest - _MEMORY_S) * 1e9)
        keep = self._imu.t_ns >= edge
        self._imu = Imu(self._imu.t_ns[keep], self._imu.f_ib_s_mps2[keep], self._imu.w_ib_s_radps[keep])
        self._fixes = self._fixes.select(self._fixes.t_ns >= edge - 2 * 10**9)


def _joined(a: Imu, b: Imu) -> Imu:
    return Imu(
        np.concatenate([a.t_ns, b.t_ns]), np.concatenate([a.f_ib_s_mps2, b.f_ib_s_mps2]),
        np.concatenate([a.w_ib_s_radps, b.w_ib_s_radps]),
    )  # fmt: skip


def _appended(a: Solution, b: Solution) -> Solution:
    def both(name: str) -> Any:
        return np.concatenate([getattr(a, name), getattr(b, name)])

    return Solution(
        both("t_ns"), both("p_e_m"), both("cov_p_e_m2"), both("v_e_mps"), both("cov_v_e"), status=both("status")
    )
