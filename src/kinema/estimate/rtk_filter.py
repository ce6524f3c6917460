"""RTK epoch by epoch: the float filter and, each time, what of it can be fixed. Causal; offline and live alike."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.core.progress import Progress, silent
from kinema.core.satellites import SYSTEMS
from kinema.core.streams import LLI_HALF
from kinema.estimate.rtk_integers import ArcIntegers, no_integers
from kinema.estimate.rtk_params import RtkParams
from kinema.estimate.rtk_table import SLOTS, RtkTable

SATS = 100 * len(SYSTEMS)
STATES = 200
HEAD = 8
"""States before the ambiguities: position, velocity, zenith wet delay, shared ionosphere."""
AMBIGUITY_VAR_M2 = 900.0
SEARCH_EVERY = 5
"""Epochs between searches for the few that are still open where enough integers are held."""
CODE_TRUST, ASTRAY_SQUARED, ASTRAY_EPOCHS = 3.0, 12.0, 5
"""A float solution is astray where codes, with sigmas this much larger, put it elsewhere (χ² of three) for so long."""
FLOAT, FIXED_NOW, FIXED_HELD = 0, 1, 2


@dataclass
class RtkState:
    """What the filter carries from epoch to epoch (see kernels.rtk for the arrays)."""

    x: F64 = field(default_factory=lambda: np.zeros(STATES))
    p: F64 = field(default_factory=lambda: np.zeros((STATES, STATES)))
    n: int = 0
    keys: I64 = field(default_factory=lambda: np.zeros((STATES, 2), dtype=np.int64))
    index: I64 = field(default_factory=lambda: np.full((SATS, SLOTS + 1), -1, dtype=np.int64))
    seen: F64 = field(default_factory=lambda: np.zeros(STATES))
    prior: F64 = field(default_factory=lambda: np.zeros(STATES))
    lock: I64 = field(default_factory=lambda: np.zeros(STATES, dtype=np.int64))
    arc_of: I64 = field(default_factory=lambda: np.full((SATS, SLOTS), -1, dtype=np.int64))
    tied: I64 = field(default_factory=lambda: np.full((SATS, SLOTS), -1, dtype=np.int64))
    memory: F64 = field(default_factory=lambda: np.tile([0.0, -1.0, 0.0], (SATS, SLOTS, 1)))
    datum: float = 0.0
    t_s: float = float("nan")
    astray: int = 0
    """Epochs in a row that the codes were elsewhere."""

    def start(self, position_m: F64, zenith: F64, static: bool) -> None:
        """Begin anew at a rough position from the base; integers found before stay known only if arcs go on."""
        self.index[:] = -1
        self.arc_of[:] = -1
        self.tied[:] = -1
        self.memory[:] = (0.0, -1.0, 0.0)
        self.n = HEAD
        self.astray = 0
        self.p[:] = 0.0
        self.x[:HEAD] = 0.0
        self.x[:3] = position_m
        for i in range(3):
            self.p[i, i] = 100.0**2
            self.p[3 + i, 3 + i] = 0.0 if static else 30.0**2
        self.p[6, 6], self.p[7, 7] = zenith


@dataclass(frozen=True)
class FilterOutput:
    """Per epoch (n,): float position from the base and covariance, velocity and covariance, fix status (0, 1, 2),
    shift of the fixed position and lessening of its covariance, and the figures of kernels.rtk_fix; per row and
    signal residuals (m) and flags; and the integer that each arc was last held at."""

    d_m: F64
    cov: F64
    v_mps: F64
    cov_v: F64
    status: I64
    shift_m: F64
    lessening: F64
    figures: F64
    code_residual: F64
    phase_residual: F64
    code_flag: U8
    phase_flag: U8
    held: ArcIntegers


class RtkFilter:
    """One filter over one table; `step(k)` takes epoch k. Settings follow from the baseline's length."""

    def __init__(
        self, table: RtkTable, params: RtkParams, arc: I64, *, static: bool = False, instantaneous: bool = False,
        integers: ArcIntegers | None = None,
    ) -> None:  # fmt: skip
        self.table, self.params, self.arc = table, params, arc
        self.integers = integers or no_integers(arc)
        self.static, self.instantaneous = static, instantaneous
        n, m = len(table.t_ns), len(table.sat)
        offset = table.x0_e_m - table.base_e_m
        length = float(np.nanmedian(np.linalg.norm(offset, axis=1)))
        self.d0 = offset
        self.origin = np.asarray((table.unit * offset[table.epoch]).sum(axis=1))
        beyond = 1e-6 * max(length - params.ionosphere_from_m, 0.0)
        iono = (params.ionosphere_ppm * beyond) ** 2
        self.zenith = np.array([(params.zenith_ppm * 1e-6 * length) ** 2, (params.shared_ionosphere_ppm * beyond) ** 2])
        accel = 0.0 if static else params.accel_psd_m2ps3
        floor = params.floor_m**2 + (0.2e-6 * length) ** 2
        self.settings = np.array([
            accel, 1e-9, iono, 0.0, params.arc_gap_s, AMBIGUITY_VAR_M2, 2.5, 8.0, 3.0, 6.0, 2.5,
            floor,
        ])  # fmt: skip
        confirm = 1e9 if instantaneous else params.confirm_epochs
        self.fix_settings = np.array(
            [
                params.success_rate,
                params.ratio,
                confirm,
                floor,
                4.0,
                4.0,
                0.0,
                6.0,
                1.0,
            ]
        )
        self.group = table.sat // 100
        self.usable = self._usable()
        self.state = RtkState()
        self.out = FilterOutput(
            np.full((n, 3), np.nan), np.full((n, 3, 3), np.nan), np.full((n, 3), np.nan), np.full((n, 3, 3), np.nan),
            np.zeros(n, dtype=np.int64), np.zeros((n, 3)), np.zeros((n, 3, 3)), np.zeros((n, 8)),
            np.full((m, SLOTS), np.nan), np.full((m, SLOTS), np.nan),
            np.zeros((m, SLOTS), dtype=np.uint8), np.zeros((m, SLOTS), dtype=np.uint8), no_integers(arc),
        )  # fmt: skip
        self.cov6 = np.full((n, 6, 6), np.nan)
        self._dd = np.zeros((STATES, 4), dtype=np.int64)
        self._integer = np.zeros(STATES)

    def _usable(self) -> Bool:
        """Phases that may be fixed: high enough, full cycles; GLONASS between like receivers only."""
        t = self.table
        usable = np.isfinite(t.phase) & (t.elevation > self.params.fix_elevation_rad)[:, None]
        usable &= (t.lli & LLI_HALF) == 0
        if not t.glonass_alike:
            usable[t.sat // 100 == SYSTEMS.index("R")] = False
        return usable

    def step(self, k: int) -> None:
        """Take in epoch k of the table."""
        from kinema.kernels.rtk import Known, float_epoch
        from kinema.kernels.rtk_rows import Rows, Told
        from kinema.kernels.sequential import States

        t, s, o = self.table, self.state, self.out
        row0, row1 = int(t.row_start[k]), int(t.row_start[k + 1])
        now = float(t.t_ns[k] - t.t_ns[0]) * 1e-9
        if not np.isfinite(self.d0[k, 0]):
            return
        if s.n == 0 or self.instantaneous or now - s.t_s > 120.0 or s.astray >= ASTRAY_EPOCHS:
            s.start(self.d0[k], self.zenith, self.static)
            dt = 0.0
        else:
            dt = now - s.t_s
        s.t_s = now
        s.n = float_epoch(
            States(s.x, s.p, s.keys, s.index, s.seen, s.lock, s.prior, s.arc_of), s.n,
            Rows(
                t.sat, self.group, t.unit, t.wet, t.iono, self.origin, t.wavelength, self.arc, t.code, t.phase,
                t.code_var, t.phase_var, t.doppler, t.doppler_var,
            ),
            row0, row1, len(SYSTEMS), Known(self.integers.value, self.integers.datum, s.tied),
            Told(o.code_residual, o.phase_residual, o.code_flag, o.phase_flag), now, dt, self.settings, self.zenith,
        )  # fmt: skip
        o.d_m[k], o.cov[k] = s.x[:3], s.p[:3, :3]
        o.v_mps[k], o.cov_v[k] = s.x[3:6], s.p[3:6, 3:6]
        self.cov6[k] = s.p[:6, :6]
        self._watch(k, row0, row1)

    def _watch(self, k: int, row0: int, row1: int) -> None:
        """Count the epochs at which the float solution has left the codes behind: later the next step starts anew.

        Only where no integer speaks for it: the codes of a fixed position may well be reflected.
        """
        s, t = self.state, self.table
        held = (s.tied[t.sat[row0:row1]] >= 0).any() or (k > 0 and self.out.status[k - 1] > 0)
        cov = t.dgnss_cov[k]
        if held or not np.isfinite(cov[0, 0]):
            s.astray = 0
            return
        apart = s.x[:3] - self.d0[k]
        squared = float(apart @ np.linalg.solve(s.p[:3, :3] + CODE_TRUST**2 * cov, apart))
        s.astray = s.astray + 1 if squared > ASTRAY_SQUARED else 0

    def fix(self, k: int) -> None:
        """Try to fix epoch k, which was the last step, and remember what was found."""
        from kinema.kernels.rtk_fix import fix_epoch, remember

        t, s, o = self.table, self.state, self.out
        if s.n == 0:
            return
        self._forget_new_arcs(int(t.row_start[k]), int(t.row_start[k + 1]))
        rows = np.arange(int(t.row_start[k]), int(t.row_start[k + 1]))
        self.fix_settings[8] = float(k % SEARCH_EVERY == 0)
        status, count, s.datum = fix_epoch(
            s.x, s.p, s.index, s.lock, rows, len(rows), t.sat, self.group, len(SYSTEMS), t.elevation, t.wavelength,
            self.usable, s.memory, s.datum, self.fix_settings, o.shift_m[k], o.lessening[k], o.figures[k], self._dd,
            self._integer,
        )  # fmt: skip
        if status > 0:
            s.datum = remember(self._dd, self._integer, count, s.memory, s.datum, self.params.confirm_epochs)
            sat, slot = np.nonzero((s.memory[:, :, 2] >= self.params.confirm_epochs) & (s.arc_of >= 0))
            arcs = s.arc_of[sat, slot]
            o.held.value[arcs], o.held.datum[arcs] = s.memory[sat, slot, 0], s.memory[sat, slot, 1]
        o.status[k] = status

    def _forget_new_arcs(self, row0: int, row1: int) -> None:
        """Integers belong to arcs: what started anew is known no longer."""
        t, s = self.table, self.state
        sats = t.sat[row0:row1]
        place = s.index[sats, :SLOTS]
        lock = s.lock[place]
        row, slot = np.nonzero((place >= 0) & (lock >= 0) & (lock <= 1) & np.isfinite(t.phase[row0:row1]))
        s.memory[sats[row], slot] = (0.0, -1.0, 0.0)
        sat, slot = np.nonzero(s.memory[:, :, 1] >= 0.0)
        gone = s.index[sat, slot] < 0
        s.memory[sat[gone], slot[gone]] = (0.0, -1.0, 0.0)


def run_filter(
    table: RtkTable, params: RtkParams, arc: I64, *, static: bool = False, instantaneous: bool = False,
    progress: Progress = silent,
) -> FilterOutput:  # fmt: skip
    """All epochs of a table, in order."""
    one = RtkFilter(table, params, arc, static=static, instantaneous=instantaneous)
    n = len(table.t_ns)
    for k in range(n):
        one.step(k)
        one.fix(k)
        if k % 200 == 0:
            progress("fixing carrier phase", k / n)
    return one.out


def continuous_arcs(table: RtkTable, params: RtkParams) -> tuple[I64, U8]:
    """Arc number (m, SLOTS), −1 for none, and why each arc began (kernels.carrier.arcs)."""
    from kinema.kernels.carrier import arcs

    m = len(table.sat)
    arc = np.full((m, SLOTS), -1, dtype=np.int64)
    slip = np.zeros((m, SLOTS), dtype=np.uint8)
    limits = np.array([params.arc_gap_s, params.geometry_free_step_m, params.time_difference_step_m])
    arcs(
        table.t_ns - table.t_ns[0], table.row_start, table.sat, table.phase, table.lli, table.unit, table.elevation,
        limits, np.full((SATS, SLOTS, 5), np.nan), np.zeros(1, dtype=np.int64), arc, slip,
    )  # fmt: skip
    return arc, slip
