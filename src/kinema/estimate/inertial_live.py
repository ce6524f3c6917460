"""Inertial navigation as the data arrive: the offline filter's own nodes and pass, a few at a time.

Every feed runs the nodes that have become due. What comes late (fixes, wheels, the news that a sensor froze) puts the
filter back to a mark before it, and the nodes since then run again: the state is what it would have been in time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kinema.core.arrays import F64
from kinema.core.solution import Solution
from kinema.core.streams import Imu, Series
from kinema.core.time import seconds_since
from kinema.errors import EstimationError
from kinema.estimate.align import LOOK_AGAIN_S, Alignment, align, enough_motion
from kinema.estimate.align_wheels import fitted_wheels
from kinema.estimate.inertial import Pass, run_filter, run_smoother
from kinema.estimate.inertial_causal import PIECE_NODES, lateness, retimed
from kinema.estimate.inertial_nodes import Nodes, build_nodes
from kinema.estimate.inertial_params import InertialParams
from kinema.estimate.inertial_solution import mounted
from kinema.estimate.live_state import LiveState, Mark, one_node, said, unmeasured
from kinema.estimate.live_streams import FixTail, ImuTail, WheelTail
from kinema.estimate.road_height import NO_ROAD, memory
from kinema.sensors.fix import HAS_POSITION, FixRows, fix_rows
from kinema.sensors.imu_signal import SHAKE_WINDOW_S, ImuSignal, imu_signal
from kinema.sensors.wheel import STUCK_S, WheelHabits, wheel_habits, wheel_speed

_MARK_S = 0.25
_PATIENCE_S = 600.0
"""Of samples kept until motion allows alignment."""
_AHEAD_NODES = 2
"""Nodes laid beyond those that run: the speed of a node is a mean up to half way to the next."""
_EPS_S = 1e-3
_FUTURE_S = 60.0


class LiveInertial:
    """A causal filter, and a smoother that lags behind it, fed with pieces of the streams of one vehicle.

    `feed` takes what has come; `now()` is the state at the newest inertial sample, for steering; `last()` that at the
    newest node (each 50 ms and at each fix), which is what `solve(method="filter")` gives; `smoothed()` the state
    `lag_s` ago by all that came since. All three are None until the motion has allowed alignment (12 s of driving with
    a turn), which is found as offline.

    params: as for `solve`; c_bs (3, 3): the IMU's mounting where it is known. Nodes run `wait_s` behind the newest
    sample. What comes up to `late_s` late counts as if it had come in time; what is older is left out and counted in
    `too_late`. A silence of `restart_s`, or a clock that is set, begins all anew (counted in `restarts`). Memory is
    bounded: ten minutes of samples before alignment, the longer of late_s and lag_s after it.
    """

    alignment: Alignment | None
    _mark: Mark | None
    _marks: list[Mark]
    _before: ImuSignal | None
    _rows: FixRows | None
    _habits: WheelHabits | None
    _wheel_lag_s: float
    _made_fixes: tuple[Solution, FixRows] | None
    _made_wheels: tuple[Series, tuple[F64, F64] | None] | None

    def __init__(
        self, params: InertialParams | None = None, c_bs: F64 | None = None, *, wait_s: float = 0.1, lag_s: float = 0.0,
        late_s: float = 5.0, restart_s: float = 60.0,
    ) -> None:  # fmt: skip
        self.params, self.c_bs, self.wait_s, self.lag_s, self.late_s = (
            params or InertialParams(), c_bs, wait_s, lag_s, late_s,
        )  # fmt: skip
        self._keep_s = max(late_s, lag_s) + 2 * _MARK_S
        self._imu, self._fixes, self._wheels = ImuTail(restart_s), FixTail(), WheelTail()
        self.too_late = 0
        self.restarts = 0
        self._forget_all()

    @property
    def refused(self) -> int:
        """Inertial samples left out because they were not later than those before."""
        return self._imu.refused

    def feed(self, imu: Imu | None = None, fixes: Solution | None = None, wheels: Series | None = None) -> bool:
        """Take in what has come and run what is due; True where `last()` has moved.

        Inertial samples come in order; fixes and wheel speeds (m/s, on the IMU's clock) in any order, late or early.
        Raises DataError for what can never be right (units, mirrored axes).
        """
        back: list[float] = []
        if imu is not None:
            back.append(self._take_imu(imu))
        if fixes is not None and len(fixes):
            back.append(self._take_fixes(fixes))
        if wheels is not None:
            back.append(self._take_wheels(wheels))
        if not len(self._imu) or self._fixes.fixes is None:
            return False
        self._back_to(min(back, default=np.inf))
        before = self._mark
        if self.alignment is None:
            self._align()
        if self._mark is None:
            return False
        try:
            self._advance()
        except EstimationError:
            self._restart()
        self._forget()
        return self._mark is not None and self._mark is not before

    def last(self) -> LiveState | None:
        """The state at the newest node, as offline."""
        if self._mark is None or self._mark.last is None:
            return None
        return self._say(self._mark.last[0], len(self._mark.last[0].t_s) - 1, self._mark)

    def now(self) -> LiveState | None:
        """The state at the newest inertial sample: `last()`, carried on by the samples since."""
        mark = self._mark
        if mark is None or mark.last is None:
            return None
        t_ns = self._imu.t_ns
        first = max(int(np.searchsorted(t_ns, self._t0_ns + round((mark.state.t_s + 1e-6) * 1e9))), 1)
        t = seconds_since(t_ns[first - 1 :], self._t0_ns)
        ahead = float(t[-1] - mark.state.t_s)
        if ahead <= 1e-6:
            return self.last()
        if self._before is None or float(np.diff(t).max()) > 5.0 * self._before.step_s + 0.05:
            nodes = self._nodes(mark, float(t[-1]))
            nodes = None if nodes is None else unmeasured(nodes)
        else:
            nodes = one_node(mark.last[1], mark.state.t_s, t, self._imu.values[first - 1 :])
        if nodes is None or not len(nodes):
            return self.last()
        done = run_filter(nodes, mark.state, self._tuned, mark.calibration)
        return self._say(done, len(nodes) - 1, mark, ahead)

    def smoothed(self) -> LiveState | None:
        """The state `lag_s` before `last()`, by all measurements since."""
        if self._mark is None or not self._marks:
            return None
        target = self._mark.state.t_s - self.lag_s
        mark = next((m for m in reversed(self._marks) if m.state.t_s < target - _EPS_S), self._marks[0])
        nodes = self._nodes(mark, self._mark.state.t_s)
        if nodes is None or len(nodes) < 2:
            return None
        done = run_smoother(nodes, mark.state, self._tuned, mark.calibration)
        return self._say(done, int(np.argmin(np.abs(done.t_s - target))), mark)

    # what comes in: each tells the time (s, IMU clock) to which the filter must go back for it

    def _take_fixes(self, fixes: Solution) -> float:
        if self._mark is not None:
            t_s = self._mark.calibration.imu_time(seconds_since(fixes.t_ns, self._t0_ns))
            possible = (t_s > self._oldest_s()) & (t_s < self._newest_s() + _FUTURE_S)
            self.too_late += int((t_s <= self._oldest_s()).sum())
            fixes = fixes.select(possible & np.isfinite(t_s))
        first = self._fixes.add(fixes)
        if first is None or self._mark is None or self._rows is None:
            return np.inf
        lag = max(self._rows.velocity_lag_s, 0.0)
        return float(self._mark.calibration.imu_time(np.array((first - self._t0_ns) * 1e-9))) - lag - _EPS_S

    def _take_wheels(self, wheels: Series) -> float:
        if self._mark is not None and len(wheels.t_ns):
            old = (wheels.t_ns - self._t0_ns) * 1e-9 - self._wheel_lag_s <= self._oldest_s()
            self.too_late += int(old.sum())
            wheels = Series(wheels.t_ns[~old], wheels.value[~old], wheels.unit, wheels.columns)
        first = self._wheels.add(wheels)
        if first is None or self._mark is None:
            return np.inf
        return (first - self._t0_ns) * 1e-9 - self._wheel_lag_s - 1.5 * self.params.node_s

    def _take_imu(self, imu: Imu) -> float:
        stuck = self._imu.append(imu)
        if self._imu.jumped:
            self._restart()
        return np.inf if stuck is None or self._mark is None else (stuck - self._t0_ns) * 1e-9 - _EPS_S

    def _back_to(self, t_s: float) -> None:
        """Put the filter back to the newest mark before a time, or to the oldest."""
        if self._mark is None or t_s >= self._mark.state.t_s:
            return
        while len(self._marks) > 1 and self._marks[-1].state.t_s >= t_s:
            self._marks.pop()
        self._mark = self._marks[-1]

    def _forget_all(self) -> None:
        self.alignment, self._mark, self._marks = None, None, []
        self._t0_ns, self._tried_s = 0, -np.inf
        self._tuned, self._before, self._rows = self.params, None, None
        self._habits, self._wheel_lag_s = None, 0.0
        self._made_fixes, self._made_wheels = None, None
        self._road = NO_ROAD

    def _restart(self) -> None:
        """Begin anew with the inertial samples that are there."""
        self.restarts += 1
        self._fixes, self._wheels = FixTail(), WheelTail()
        self._forget_all()

    # alignment

    def _align(self) -> None:
        """Look whether by now the motion allows alignment, as often as offline."""
        fixes = self._fixes.fixes
        assert fixes is not None
        if not self._t0_ns:
            self._t0_ns = int(self._imu.t_ns[0])
        newest = seconds_since(fixes.t_ns[-1:], self._t0_ns)[0]
        if newest < self._tried_s + 1.0 or len(self._imu) < 200:
            return
        self._tried_s = float(newest)
        try:
            rows = fix_rows(fixes, self._t0_ns)
            moved = enough_motion(rows, more=True)
            self._tried_s = moved + np.floor((newest - moved) / LOOK_AGAIN_S + 1.0) * LOOK_AGAIN_S - 1.0
            signal = imu_signal(self._imu.since(0, 0), self._t0_ns)
            found = align(signal, rows, self.params, whole=False, c_bs=self.c_bs, more=True)
        except EstimationError:
            self._be_patient()
            return
        self.alignment, self._rows = found, rows
        self._before = replace(signal, usual_f=found.usual_f)
        self._tuned = self.params
        if self._wheels.series is not None:
            speeds = wheel_speed(self._wheels.series, (), self._t0_ns)
            self._habits = wheel_habits(self._wheels.series)
            fitted, self._tuned = fitted_wheels(found.smoothed, speeds, self.params)
            if speeds is not None and fitted is not None and len(speeds[0]):
                self._wheel_lag_s = float(speeds[0][0] - fitted[0][0])
        start = mounted(found.start, found.calibration, self.params)
        self._road = memory(start.x[:3], self._tuned, coarse=rows.slow_sigma_m > 0)
        self._mark = Mark(start, found.calibration, 0, -np.inf, -np.inf)
        self._marks = [self._mark]

    def _be_patient(self) -> None:
        """Forget the older half of what alignment has waited with for too long."""
        t = self._imu.t_ns
        if (int(t[-1]) - int(t[0])) * 1e-9 > _PATIENCE_S:
            edge = int(t[-1]) - round(0.5e9 * _PATIENCE_S)
            self._imu.forget(edge, 0)
            self._fixes.forget(edge)
            self._wheels.forget(edge)
            self._t0_ns, self._tried_s = 0, -np.inf

    # nodes

    def _newest_s(self) -> float:
        return float((int(self._imu.t_ns[-1]) - self._t0_ns) * 1e-9)

    def _oldest_s(self) -> float:
        return self._marks[0].state.t_s

    def _look_back(self) -> int:
        """Samples before a node that its windows of quiet and vibration look at."""
        assert self._before is not None
        return round(1.6 * SHAKE_WINDOW_S / self._before.step_s) + 5

    def _fix_rows(self) -> FixRows:
        """The rows of the fixes that are kept, made anew when there are others."""
        fixes = self._fixes.fixes
        assert fixes is not None
        if self._made_fixes is None or self._made_fixes[0] is not fixes:
            self._made_fixes = (fixes, fix_rows(fixes, self._t0_ns, before=self._rows))
        return self._made_fixes[1]

    def _wheel_speeds(self) -> tuple[F64, F64] | None:
        """Times on the IMU's clock and speeds of the wheels that are kept, made anew when there are others."""
        series = self._wheels.series
        if series is None:
            return None
        if self._made_wheels is None or self._made_wheels[0] is not series:
            found = wheel_speed(series, (), self._t0_ns, self._habits)
            self._made_wheels = (series, None if found is None else (found[0] - self._wheel_lag_s, found[1]))
        return self._made_wheels[1]

    def _nodes(self, mark: Mark, upto_s: float) -> Nodes | None:
        """The nodes after a mark up to a time."""
        imu = self._imu.since(self._t0_ns + round(mark.state.t_s * 1e9), self._look_back())
        if len(imu.t_ns) < 3:
            return None
        signal = imu_signal(imu, self._t0_ns, self._before)
        if len(signal.t_s) < 3 or signal.t_s[-1] <= mark.state.t_s:
            return None
        rows, wheels = self._fix_rows(), self._wheel_speeds()
        nodes = build_nodes(
            signal, rows, mark.calibration, self._tuned, wheels,
            span_s=(mark.state.t_s, upto_s + _AHEAD_NODES * self.params.node_s),
            first_fix=int(np.searchsorted(rows.t_s, mark.used_s, side="right")),
        )  # fmt: skip
        first = 0 if mark.last is None else 1
        return nodes.chunk(first, int(np.searchsorted(nodes.t_s, upto_s + 1e-9, side="right")))

    # the filter

    def _advance(self) -> None:
        """Run the nodes that are due, in the pieces of the offline filter."""
        assert self._mark is not None
        step = self.params.node_s
        upto = float(np.floor((self._newest_s() - self.wait_s) / step) * step)
        while upto - self._mark.state.t_s > 0.5 * step:
            nodes = self._nodes(self._mark, upto)
            if nodes is None or not len(nodes):
                return
            if self._run(nodes):
                return

    def _run(self, nodes: Nodes) -> bool:
        """Run over nodes, marks on the way; False where the calibration changed and the rest must be laid anew."""
        assert self._mark is not None
        rows, first = self._fix_rows(), 0
        while first < len(nodes):
            mark = self._mark
            last = min(len(nodes), first + PIECE_NODES - mark.nodes, first + round(_MARK_S / self.params.node_s))
            while last < len(nodes) and nodes.fix[last - 1] >= 0 and last - first < PIECE_NODES - mark.nodes:
                last += 1
            part = replace(nodes.chunk(first, last), road=self._road)
            done = run_filter(part, mark.state, self._tuned, mark.calibration)
            used = part.fix[part.fix >= 0]
            positions = used[(rows.has[used] & HAS_POSITION) > 0]
            count = mark.nodes + last - first
            self._mark = Mark(
                done.end, mark.calibration, count % PIECE_NODES,
                float(rows.t_s[used[-1]]) if len(used) else mark.used_s,
                float(rows.t_s[positions[-1]]) if len(positions) else mark.fixed_s, (done, part),
            )  # fmt: skip
            late = lateness(done.end) if count == PIECE_NODES else None
            if late is not None:
                state, calibration = retimed(done.end, mark.calibration, late)
                self._mark = replace(self._mark, state=state, calibration=calibration)
            self._remember()
            if late is not None:
                return False
            first = last
        return True

    def _remember(self) -> None:
        assert self._mark is not None
        if self._mark.state.t_s - self._marks[-1].state.t_s > _MARK_S - _EPS_S:
            self._marks.append(self._mark)

    def _forget(self) -> None:
        """Drop what nobody looks at any more."""
        if self._mark is None:
            return
        while len(self._marks) > 1 and self._marks[1].state.t_s <= self._mark.state.t_s - self._keep_s:
            self._marks.pop(0)
        edge = self._t0_ns + round(self._oldest_s() * 1e9)
        self._imu.forget(edge, self._look_back())
        reach = round((self._wheel_lag_s + 2.0 + (0.0 if self._rows is None else abs(self._rows.velocity_lag_s))) * 1e9)
        self._fixes.forget(edge - reach - round(abs(self._mark.calibration.td_s) * 1e9))
        stuck_s = STUCK_S if self._habits is None else self._habits.stuck_s
        self._wheels.forget(edge - reach - round(min(stuck_s, 60.0) * 1e9))

    def _say(self, done: Pass, k: int, mark: Mark, ahead_s: float = 0.0) -> LiveState:
        assert self.alignment is not None
        return said(done, k, mark, self.alignment, self._fixes.fixes, self._t0_ns, ahead_s)
