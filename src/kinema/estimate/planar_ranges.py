"""Ranges to known anchors, with odometry or without, as a problem of the planar core."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.streams import AnchorRanges
from kinema.errors import DataError, EstimationError
from kinema.estimate.planar import Rows, Steps
from kinema.estimate.planar_odometry import Odometry
from kinema.estimate.range_params import RangeParams
from kinema.kernels import planar as kp
from kinema.sensors.range_ import range_noise, sane

LEAST_RANGES = 20
FAR_EXTENTS = 30.0
"""Ranges so many times longer than the anchors are apart are in another unit."""
STANDING_S, STANDING_M = 5.0, 4.0
"""Ranges to one anchor, four fifths of them, that change by so much while the odometry stands so long: it is stuck."""
MOST_STEPS_HZ = 20.0


@dataclass(frozen=True)
class RangeProblem:
    """Steps of the motion and rows of ranges; n states, biases: a constant one of each anchor, then a slow one of each.

    known (m,) rows that a range can be; order, first, stay (m,) the chains of kernels.two_states; free: no odometry;
    deep: height is a state.
    """

    t_ns: I64
    steps: Steps
    rows: Rows
    anchor: I64
    anchors: F64
    free: bool
    deep: bool
    refused: int
    params: RangeParams

    @property
    def n(self) -> int:
        """States."""
        return int(self.steps.noise.shape[1]) - 1

    def until(self, stop: int) -> RangeProblem:
        """The steps before `stop`."""
        rows = self.rows.cut(0, stop)
        return replace(
            self, t_ns=self.t_ns[:stop], steps=self.steps.cut(0, stop), rows=rows, anchor=self.anchor[: len(rows.value)]
        )

    def chains(self) -> tuple[I64, Bool, F64]:
        """Order, first, stay (m,) of kernels.two_states: the ranges of each anchor one after the other."""
        t = self.steps.t_s[self.rows.step]
        order = np.lexsort((t, self.anchor))
        chain = self.anchor[order]
        first = np.concatenate([[True], chain[1:] != chain[:-1]]) if len(chain) else np.zeros(0, np.bool_)
        stay = np.empty(len(t))
        gap = np.maximum(np.diff(t[order], prepend=0.0), 0.0)
        stay[order] = np.where(first, 0.0, np.exp(-gap / self.params.dwell_s))
        return order, first, stay


def build(
    ranges: AnchorRanges, keep: Bool, odometry: Odometry | None, span_ns: tuple[int, int] | None, params: RangeParams
) -> RangeProblem:
    """The problem of the ranges that are to `keep` (m,), within `span_ns`. Raises DataError, EstimationError."""
    _check_anchors(ranges)
    fit = sane(ranges.range_m, ranges.anchor_p_m)
    use = keep & fit
    t_ns = ranges.t_ns
    if span_ns is not None:
        use &= (t_ns >= span_ns[0]) & (t_ns <= span_ns[1])
    if odometry is not None:
        use &= (t_ns >= odometry.t_ns[0]) & (t_ns <= odometry.t_ns[-1])
    if use.sum() < LEAST_RANGES:
        what = "lie within the odometry's time; check the clocks" if odometry is not None else "are left"
        raise EstimationError(f"only {int(use.sum())} usable ranges {what}")
    pick = np.flatnonzero(use)
    nodes = _nodes(t_ns[pick], odometry, span_ns)
    anchor, value = ranges.anchor[pick].astype(np.int64), ranges.range_m[pick]
    step = np.searchsorted(nodes, t_ns[pick])
    first = np.searchsorted(step, np.arange(len(nodes) + 1)).astype(np.int64)
    target = np.ascontiguousarray(ranges.anchor_p_m[anchor])
    deep = bool(np.ptp(ranges.anchor_p_m[:, 2]) > 0.0 or np.abs(ranges.anchor_p_m[:, 2]).max() > 0.0)
    m, count = len(pick), len(ranges.anchor_p_m)
    rows = Rows(first, np.zeros(m, np.int64), target, anchor, count + anchor, value, np.zeros(m), np.zeros((m, 5)))
    if not params.range_sigma_m > 0:
        seconds = (t_ns[pick] - t_ns[pick[0]]) * 1e-9
        params = replace(params, range_sigma_m=range_noise(seconds, anchor, value))
    steps = steps_of(nodes, odometry, params, count, deep)
    refused = int((keep & ~fit).sum())
    return RangeProblem(
        nodes, steps, rows, anchor, np.array(ranges.anchor_p_m), odometry is None, deep, refused, params
    )  # fmt: skip


def moved_while_standing(odometry: Odometry, ranges: AnchorRanges) -> Odometry:
    """The odometry without the stretches in which it stands still and the ranges change."""
    still = (np.diff(odometry.s_m) == 0.0) & odometry.told_way
    edges = np.flatnonzero(np.diff(np.concatenate([[0], still.astype(np.int8), [0]])))
    fine = np.isfinite(ranges.range_m)
    t, anchor, value = ranges.t_ns[fine], ranges.anchor[fine], ranges.range_m[fine]
    dark, seconds = np.zeros(len(still), np.bool_), 0.0
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        begin, end = int(odometry.t_ns[first]), int(odometry.t_ns[stop])
        if end - begin < STANDING_S * 1e9:
            continue
        inside = slice(*np.searchsorted(t, [begin, end]))
        spreads = [
            float(np.subtract(*np.quantile(value[inside][anchor[inside] == a], [0.9, 0.1])))
            for a in np.unique(anchor[inside]) if (anchor[inside] == a).sum() >= 4
        ]  # fmt: skip
        if len(spreads) and float(np.median(spreads)) > STANDING_M:
            dark[first:stop] = True
            seconds += (end - begin) * 1e-9
    if not dark.any():
        return odometry
    note = f"odometry stands still for {seconds:.0f} s while the ranges change, not used there"
    return replace(odometry, told_way=odometry.told_way & ~dark, told_turn=odometry.told_turn & ~dark,
                   notes=(*odometry.notes, note))  # fmt: skip


def _check_anchors(ranges: AnchorRanges) -> None:
    if len(ranges.anchor_p_m) < 2:
        raise DataError("ranges", "two anchors or more", f"{len(ranges.anchor_p_m)}")
    if not np.isfinite(ranges.anchor_p_m).all():
        what = "none: give a table anchor,x_m,y_m,z_m beside the ranges, or [anchors] in a kinema.toml"
        raise DataError("ranges", "places of all anchors", what)
    used = np.unique(ranges.anchor)
    place = ranges.anchor_p_m[used]
    apart = np.linalg.norm(place[:, None] - place[None, :], axis=2) + np.diag(np.full(len(used), np.inf))
    if len(used) > 1 and float(apart.min()) < 1e-3:
        a, b = np.unravel_index(int(np.argmin(apart)), apart.shape)
        names = [ranges.anchor_names[used[k]] if ranges.anchor_names else str(used[k]) for k in (a, b)]
        raise DataError("ranges", "anchors at places of their own", f"{names[0]} and {names[1]} at one place")
    extent = float(np.linalg.norm(np.ptp(place, axis=0)))
    good = ranges.range_m[np.isfinite(ranges.range_m)]
    typical = float(np.median(np.abs(good))) if len(good) else 0.0
    if typical > FAR_EXTENTS * extent:
        what = f"a median of {typical:.0f} m for anchors {extent:.1f} m apart: in centimetres or millimetres?"
        raise DataError("ranges", "metres, as the anchors'", what)


def _nodes(t_range: I64, odometry: Odometry | None, span_ns: tuple[int, int] | None) -> I64:
    """Instants of the steps: those of the ranges, and the odometry's, or every half second without it."""
    if odometry is None:
        between = np.arange(t_range[0], t_range[-1], 500_000_000)
        return np.unique(np.concatenate([t_range, between]))
    own = odometry.t_ns
    if span_ns is not None:
        own = own[(own >= span_ns[0]) & (own <= span_ns[1])]
    least = int(1e9 / MOST_STEPS_HZ)
    if len(own) > 2 and int(np.median(np.diff(own))) < least:
        own = own[np.unique(np.searchsorted(own, np.arange(own[0], own[-1], least)))]
    return np.unique(np.concatenate([t_range, own]))


def steps_of(t_ns: I64, odometry: Odometry | None, params: RangeParams, anchors: int, deep: bool) -> Steps:
    """The motion between the instants t_ns (K,), with its noise."""
    n, k = kp.BIAS + 2 * anchors, len(t_ns)
    dt = np.diff(t_ns, prepend=t_ns[0]) * 1e-9
    noise = np.zeros((k, n + 1))
    way, turn = np.zeros(k), np.zeros(k)
    if odometry is None:
        noise[:, [kp.VX, kp.VY]] = (params.acceleration_mps2**2 * dt)[:, None]
        noise[:, kp.VZ] = params.acceleration_mps2**2 * dt if deep else 0.0
    else:
        way, turn, told_way, told_turn = odometry.between(t_ns)
        way, turn = np.where(told_way, way, 0.0), np.where(told_turn, turn, 0.0)
        speed = np.abs(way) / np.maximum(dt, 1e-3)
        noise[:, kp.X] = ((params.position_share_per_sqrt_s * speed) ** 2 + params.slip_mps_per_sqrt_s**2) * dt
        noise[:, kp.Y] = noise[:, kp.X]
        noise[:, n] = np.where(told_way, 0.0, params.unknown_speed_mps**2 * dt)
        own = params.turn_radps_per_sqrt_s**2 * dt + (params.turn_share * turn) ** 2
        noise[:, kp.PSI] = np.where(told_turn, own, params.unknown_turn_radps**2 * dt)
        noise[:, kp.RATE] = params.turn_bias_walk**2 * dt
        noise[:, kp.CRAB] = params.crab_walk_per_sqrt_s**2 * dt
        noise[:, kp.Z] = 1e-6 * dt if deep else 0.0
    decay = np.exp(-dt / params.slow_s)
    noise[:, kp.BIAS + anchors : n] = (params.slow_sigma_m**2 * (1 - decay**2))[:, None]
    noise[0] = 0.0
    forget = np.ones((k, 2 * anchors))
    forget[:, anchors:] = decay[:, None]
    return Steps((t_ns - t_ns[0]) * 1e-9, way, turn, dt, noise, forget)
