"""A table of named columns as sensor streams, whatever file it stood in: CSV, Parquet, messages of a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.recording import UNKNOWN_MOUNT, Issue, Mount, Recording
from kinema.core.streams import Series
from kinema.errors import FormatError
from kinema.formats.base import ReadOptions, Source
from kinema.formats.sensor_clock import clock_of, some, unit_by_rate, unix_unit_of
from kinema.formats.sensor_names import FIX_TRIPLES, Layout
from kinema.formats.sensor_streams import (
    MOST,
    fixes_of,
    imu_of,
    odometry_of,
    ranges_of,
    scaled_force,
    scaled_rate,
    wheels_of,
)
from kinema.formats.tables import MOST_NS
from kinema.formats.trajectory import continued, in_order, spread

SAMPLED = ("imu", "accelerometer", "gyroscope", "wheels", "steering")
"""Streams that a sensor samples evenly, whatever its stamps say."""
Columns = Mapping[int, Any]
"""Columns (n,) by their place; integers where the file has them."""


def used_columns(layout: Layout, role: str) -> tuple[int, ...]:
    """The columns, besides the time, that a stream is made of."""
    if role == "imu":
        return (*layout.force.columns, *layout.rate.columns)
    if role in ("accelerometer", "gyroscope"):
        return layout.force.columns or layout.rate.columns
    if role == "wheels":
        return tuple(one.column for one in layout.wheels.values())
    if role == "steering" and layout.steering:
        return (layout.steering[0],)
    if role == "ranges":
        return tuple(layout.ranges.values())
    if role == "odometry":
        return tuple(column for column, _ in (layout.steps or layout.odometry or ()))
    names = [name for triple in FIX_TRIPLES for name in triple if name in layout.fixes]
    return tuple(layout.fixes[name] for name in ("lat_deg", "lon_deg", "height_m", *names))


def recording_of(
    source: Source, options: ReadOptions, layout: Layout, columns: Columns, place: Callable[[int], str]
) -> Recording:
    """The streams of a table. `place(row)` tells where a row stands ("line 12").

    Rows in which all columns of a stream are empty are none of that stream; one in which some are missing, or cannot
    be, raises FormatError, or is counted under `on_bad="skip"`.
    """
    timed, issues = _good_times(source, options, layout, columns, place)
    every = len(timed) == len(columns[layout.time[0]])
    pick: Any = slice(None) if every else timed
    clock = clock_of(source, layout, {k: np.asarray(columns[k])[pick] for k in layout.time})
    streams: dict[str, Any] = {}
    mounts: dict[str, Mount] = {}
    issues += clock.issues
    for role in layout.roles:
        table = {k: np.asarray(columns[k], np.float64)[pick] for k in used_columns(layout, role)}
        rows, odd = _rows_of(source, options, table, timed, place)
        issues.extend(odd)
        if not len(rows):
            continue
        t_ns = clock.t_ns if len(rows) == len(clock.t_ns) else clock.t_ns[rows]
        if role in SAMPLED and not (t_ns[1:] > t_ns[:-1]).all():
            t_ns, told = _even(source, options, role, t_ns, [v[rows] for v in table.values()])
            issues.extend(told)
        if role == "ranges":
            anchor = table[layout.ranges["anchor"]][rows]
            index, told = _ranges_in_order(source, t_ns, anchor, options)
        else:
            index, told = in_order(source, t_ns, options)
        issues.extend(told)
        whole = told == () and len(index) == len(clock.t_ns)
        if not whole:
            rows, t_ns = rows[index], t_ns[index]
            table = {k: v[rows] for k, v in table.items()}
        stream, notes = _stream(source, options, role, layout, t_ns, table)
        streams[role] = stream
        issues.extend(notes)
        if role == "imu":
            mounts["imu"] = UNKNOWN_MOUNT
    if not streams:
        raise FormatError(source.path, "no row with numbers in its columns", "", "is it the right file?")
    return Recording(streams, mounts=mounts, issues=tuple(issues), sources=(source.name,))


def _even(
    source: Source, options: ReadOptions, role: str, t_ns: I64, values: list[F64]
) -> tuple[I64, tuple[Issue, ...]]:  # fmt: skip
    """Times of samples that share their stamps, spread; under `on_bad="skip"` those of a clock set back, continued."""
    rows = np.stack(values, axis=1)
    t_ns, told = spread(t_ns, rows)
    if told:
        return t_ns, (Issue("stamps shared", 1, "", source.name, f"{role}: {told}"),)
    if options.on_bad == "skip":
        t_ns, told = continued(t_ns, rows)
    return t_ns, (Issue("clock set back", 1, "", source.name, f"{role}: {told}"),) if told else ()


def _ranges_in_order(source: Source, t_ns: I64, anchor: F64, options: ReadOptions) -> tuple[I64, tuple[Issue, ...]]:
    """As in_order, but several anchors share an instant; a second range to one anchor at one instant is left out."""
    first = np.flatnonzero(np.diff(t_ns, prepend=t_ns[0] - 1) != 0)
    count = np.diff(np.append(first, len(t_ns)))
    runs, told = in_order(source, t_ns[first], options)
    index = np.repeat(first[runs] - np.cumsum(count[runs]) + count[runs], count[runs]) + np.arange(count[runs].sum())
    order = np.lexsort((anchor[index], t_ns[index]))
    same = np.concatenate([[False], (np.diff(t_ns[index][order]) == 0) & (np.diff(anchor[index][order]) == 0)])
    if same.any():
        what = Issue("range told twice", int(same.sum()), "", source.name, "to one anchor at one instant")
        told, index = (*told, what), index[np.sort(order[~same])]
    return index, told


def _stream(
    source: Source, options: ReadOptions, role: str, layout: Layout, t_ns: I64, v: dict[int, F64]
) -> tuple[Any, Sequence[Issue]]:
    """One stream of rows that are in order."""
    if role == "imu":
        force, rate = (np.stack([v[k] for k in one.columns], axis=1) for one in (layout.force, layout.rate))
        return imu_of(source, t_ns, force, rate, layout)
    if role == "accelerometer":
        value, told = scaled_force(source, np.stack([v[k] for k in layout.force.columns], axis=1), layout.force)
        return Series(t_ns, value, "m/s2", ("x", "y", "z")), told
    if role == "gyroscope":
        value, told = scaled_rate(source, np.stack([v[k] for k in layout.rate.columns], axis=1), layout.rate)
        return Series(t_ns, value, "rad/s", ("x", "y", "z")), told
    if role == "wheels":
        return wheels_of(source, t_ns, layout, v), ()
    if role == "steering":
        assert layout.steering is not None
        return Series(t_ns, v[layout.steering[0]] * layout.steering[1], "rad"), ()
    if role == "ranges":
        return ranges_of(source, t_ns, layout, v), ()
    if role == "odometry":
        return odometry_of(t_ns, layout, v), ()
    return fixes_of(source, options, t_ns, layout.fixes, v)


def _good_times(
    source: Source, options: ReadOptions, layout: Layout, columns: Columns, place: Callable[[int], str]
) -> tuple[I64, list[Issue]]:
    """The rows whose time can be."""
    t = [np.asarray(columns[k], np.float64) for k in layout.time]
    with np.errstate(invalid="ignore"):
        if len(t) == 2:
            good = (t[0] >= 0) & (t[0] < 10_000) & (t[1] >= 0) & (t[1] < 700_000)
        else:
            ends = (float(t[0].min()), float(t[0].max())) if len(t[0]) else (0.0, 0.0)
            known = some(t[0] if np.isfinite(ends).all() else t[0][np.isfinite(t[0])])
            middle = float(np.median(known)) if len(known) else 0.0
            most = MOST_NS / (unix_unit_of(t[0], middle) or unit_by_rate(t[0], layout) or layout.time_unit_ns)
            if -most < ends[0] <= ends[1] < most:
                return np.arange(len(t[0])), []
            good = np.abs(t[0]) < most
    return _kept(source, options, np.arange(len(good)), good, "impossible time", place)


def _rows_of(
    source: Source, options: ReadOptions, table: dict[int, F64], timed: I64, place: Callable[[int], str]
) -> tuple[I64, list[Issue]]:
    """Rows of `table` that hold a whole sample; `timed` says which rows of the file they are."""
    if all(float(v.min(initial=0.0)) > -MOST and float(v.max(initial=0.0)) < MOST for v in table.values()):
        return np.arange(len(timed)), []
    values = np.stack(list(table.values()), axis=1)
    here = np.flatnonzero(np.isfinite(values).any(axis=1))
    good = np.asarray((np.abs(values[here]) < MOST).all(axis=1))
    return _kept(source, options, here, good, "impossible value", lambda row: place(int(timed[row])))


def _kept(
    source: Source, options: ReadOptions, rows: I64, good: Bool, what: str, place: Callable[[int], str]
) -> tuple[I64, list[Issue]]:
    if good.all():
        return rows, []
    where = place(int(rows[int(np.argmin(good))]))
    if options.on_bad == "raise":
        raise FormatError(source.path, what, where, "read with --on-bad skip to leave it out")
    return rows[good], [Issue(what, int((~good).sum()), where, source.name)]
