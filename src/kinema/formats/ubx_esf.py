"""Inertial samples and wheel ticks out of u-blox ESF-MEAS and ESF-RAW, and what ESF-STATUS, ESF-ALG and ESF-INS say.

Data types and scales after the ZED-F9R interface description (UBX-22010984): 24-bit values, rates in 2^-12 °/s,
specific force in 2^-10 m/s², wheel ticks of 23 bits with a bit for backward, speed in mm/s. Their time tags count on
clocks of the receiver's own: how fast such a clock runs, and where it stands, is found from the messages between which
they were logged, whose GPS time is known. That is good to about an epoch: the rest is a time offset to be estimated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.recording import Issue
from kinema.core.streams import Imu, Series
from kinema.core.time import WEEK_NS
from kinema.formats.base import ReadOptions, Source
from kinema.formats.sensor_streams import gravity_issue_of
from kinema.formats.trajectory import in_order
from kinema.formats.ubx_frames import PVT, Frames, gather, reference_times

MEAS, RAW, STATUS, ALG, INS = 0x1002, 0x1003, 0x1010, 0x1014, 0x1015
GYRO, FORCE = (14, 13, 5), (16, 17, 18)
"""Data types of x, y, z."""
TICKS = {6: "front_left", 7: "front_right", 8: "rear_left", 9: "rear_right", 10: "wheel"}
SPEED = 11
RATE_SCALE, FORCE_SCALE, SPEED_SCALE = np.pi / 180 * 2.0**-12, 2.0**-10, 1e-3
TAG_UNITS_NS = (1_000_000.0, 39_062.5, 1_000.0)
"""Nanoseconds of one count of a time tag: ESF-MEAS counts milliseconds; ESF-RAW 1/25,600 s on M8, others otherwise."""


class _Values(NamedTuple):
    """Data words (m,) in file order: their type, signed value, time tag (unwrapped), and the frame they came in."""

    kind: I64
    value: I64
    tag: I64
    frame: I64


def esf_of(source: Source, frames: Frames, options: ReadOptions) -> tuple[dict[str, Any], list[Issue]]:
    """ "imu", "wheels" and the channel "fusion_mode", as there are. ESF-RAW goes before ESF-MEAS: it has more."""
    issues: list[Issue] = []
    streams: dict[str, Any] = {}
    raw, meas = _raw(frames), _meas(frames)
    for name, values in (("ESF-RAW", raw), ("ESF-MEAS", meas)):
        if not len(values.kind):
            continue
        t_ns, told = _times(source, frames, values, name)
        issues += told
        if t_ns is None:
            continue
        if "imu" not in streams:
            imu, odd = _imu(source, options, values, t_ns)
            if imu is not None:
                streams["imu"] = imu
                issues += [*odd, gravity_issue_of(imu.f_ib_s_mps2, source.name)]
        if name == "ESF-MEAS":
            wheels = _wheels(source, options, values, t_ns, issues)
            streams |= {} if wheels is None else {"wheels": wheels}
    mode = _fusion(source, frames, options)
    streams |= {} if mode is None else {"fusion_mode": mode}
    return streams, [*issues, *_alignment(source, frames)]


def _signed(word: I64) -> I64:
    low = word & 0xFFFFFF
    return np.asarray(np.where(low >= 1 << 23, low - (1 << 24), low), np.int64)


def _unwrapped(tag: I64) -> I64:
    """Tags of 32 bits that may start anew."""
    step = np.diff(tag, prepend=tag[:1])
    return np.asarray(tag + np.cumsum(np.where(step < -(1 << 31), 1 << 32, 0)), np.int64)


def _meas(frames: Frames) -> _Values:
    """Words of ESF-MEAS: time tag, flags with their number, then 4 bytes each."""
    at = frames.of(MEAS, 12)
    head = frames.records(at, [("tag", "<u4"), ("flags", "<u2"), ("id", "<u2")])
    count = (head["flags"] >> 11).astype(np.int64)
    fits = (frames.length[at] - 8 - 4 * ((head["flags"] >> 3) & 1)) // 4
    count = np.where(count > 0, np.minimum(count, fits), fits)
    which, word = _words(frames, at, count, 8, 4)
    tag = _unwrapped(head["tag"].astype(np.int64))[which] if len(at) else np.zeros(0, np.int64)
    return _Values((word >> 24) & 63, _signed(word), tag, at[which])


def _raw(frames: Frames) -> _Values:
    """Words of ESF-RAW: 4 bytes reserved, then 4 bytes of data and 4 of their time tag each."""
    at = frames.of(RAW, 12)
    which, word = _words(frames, at, (frames.length[at] - 4) // 8, 4, 8)
    _, tag = _words(frames, at, (frames.length[at] - 4) // 8, 8, 8)
    return _Values((word >> 24) & 255, _signed(word), _unwrapped(tag) if len(tag) else tag, at[which])


def _words(frames: Frames, at: I64, count: I64, first: int, stride: int) -> tuple[I64, I64]:
    """Which of the frames `at` each word is from, and the words: `count` of each, `stride` bytes apart."""
    count = np.maximum(count, 0)
    which = np.repeat(np.arange(len(at)), count)
    within = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    where = frames.start[at][which] + first + stride * within
    return which, gather(frames.data, where, "<u4").astype(np.int64) if len(which) else np.zeros(0, np.int64)


def _stated(frames: Frames) -> tuple[I64, I64]:
    """GPS times that other messages state, and the frame of each: RXM-RAWX, NAV-TIMEGPS, else NAV-PVT."""
    t_ns, frame = reference_times(frames)
    pvt = frames.of(PVT, 92)
    if len(t_ns) >= 2 or not len(pvt):
        return t_ns, frame
    from kinema.formats.ubx_fixes import times_of_pvt

    known, good = times_of_pvt(frames, pvt)
    return known[good], pvt[good]


def _times(source: Source, frames: Frames, values: _Values, name: str) -> tuple[I64 | None, list[Issue]]:
    """GPS times of the time tags; None where the log states no time or too little of it.

    The tag's unit is that which agrees with the stated times over the log. A message of an epoch is sent after it: the
    samples logged behind it are not older, so the offset is the smallest that none of them contradicts.
    """
    t_ns, frame = _stated(frames)
    behind = np.searchsorted(frame, values.frame) - 1
    some = behind >= 0
    if len(t_ns) < 2 or not some.any():
        return None, [Issue(f"{name} without any time", len(values.kind), "", source.name, "log NAV-PVT beside it")]
    about, tag = t_ns[np.maximum(behind, 0)], values.tag
    span_ns = float(about[some][-1] - about[some][0])
    counts = float(tag[some][-1] - tag[some][0])
    if span_ns <= 0 or counts <= 0:
        return None, [Issue(f"{name} without any time", len(values.kind), "", source.name, "its time tags stand still")]
    unit = min(TAG_UNITS_NS, key=lambda ns: abs(np.log(span_ns / (counts * ns))))
    ratio = span_ns / (counts * unit)
    if not 0.9 < ratio < 1.1 and span_ns > 5e9:
        detail = f"time tags run {span_ns / counts:.6g} ns per count: of no known unit; that rate is taken"
        issues = [Issue("unknown time tags", 1, "", source.name, f"{name}: {detail}")]
        unit = span_ns / counts
    else:
        issues = []
    since = np.round((tag - tag[0]) * unit).astype(np.int64)
    offset = _offset(since[some], about[some])
    detail = f"{unit * 1e-6:.6g} ms per count, set by the messages around them; the offset is to be estimated"
    return since + offset, [*issues, Issue("time tags on the receiver's own clock", 1, "", source.name,
                                           f"{name}: {detail}")]  # fmt: skip


def _offset(since_ns: I64, about_ns: I64) -> int:
    """The offset of a clock whose readings were logged behind stated times: a high quantile of the differences, since
    single messages are held up on their way."""
    return int(np.quantile(about_ns - since_ns, 0.95))


def _triple(values: _Values, kinds: tuple[int, int, int], t_ns: I64) -> tuple[I64, F64]:
    """Times and values (n, 3) of three data types that share their time tags."""
    parts = []
    for kind in kinds:
        rows = np.flatnonzero(values.kind == kind)
        _, first = np.unique(values.tag[rows], return_index=True)
        parts.append(rows[first])
    common = (
        set(values.tag[parts[0]].tolist()) & set(values.tag[parts[1]].tolist()) & set(values.tag[parts[2]].tolist())
    )
    if not common:
        return np.zeros(0, np.int64), np.zeros((0, 3))
    keep = [rows[np.isin(values.tag[rows], np.fromiter(common, np.int64))] for rows in parts]
    return t_ns[keep[0]], np.stack([values.value[rows] for rows in keep], axis=1).astype(np.float64)


def _imu(source: Source, options: ReadOptions, values: _Values, t_ns: I64) -> tuple[Imu | None, list[Issue]]:
    """Samples at the times of the forces, the rates interpolated to them."""
    t_f, force = _triple(values, FORCE, t_ns)
    t_w, rate = _triple(values, GYRO, t_ns)
    if len(t_f) < 2 or len(t_w) < 2:
        return None, []
    index, issues = in_order(source, t_f, options)
    index_w, issues_w = in_order(source, t_w, options)
    t_f, force, t_w, rate = t_f[index], force[index] * FORCE_SCALE, t_w[index_w], rate[index_w] * RATE_SCALE
    since, own = (t_f - t_w[0]) * 1e-9, (t_w - t_w[0]) * 1e-9
    w = np.stack([np.interp(since, own, column) for column in rate.T], axis=1)
    return Imu(t_f, force, w), [*issues, *issues_w]


def _wheels(source: Source, options: ReadOptions, values: _Values, t_ns: I64, issues: list[Issue]) -> Series | None:
    """Speed where it is logged, else ticks, which wait for a scale."""
    rows = np.flatnonzero(values.kind == SPEED)
    if len(rows) > 1:
        index, odd = in_order(source, t_ns[rows], options)
        issues.extend(odd)
        return Series(
            t_ns[rows][index],
            np.float64(SPEED_SCALE) * values.value[rows][index, None].astype(np.float64),
            "m/s",
            ("wheel",),
        )
    kinds = [kind for kind in TICKS if (values.kind == kind).sum() > 1]
    if not kinds:
        return None
    columns = {}
    for kind in kinds:
        rows = np.flatnonzero(values.kind == kind)
        word = values.value[rows] & 0xFFFFFF
        ticks, backward = word & 0x7FFFFF, (word >> 23) == 1
        step = np.diff(ticks, prepend=ticks[:1])
        step = (step + (1 << 22)) % (1 << 23) - (1 << 22)
        columns[TICKS[kind]] = (t_ns[rows], np.cumsum(np.where(backward, -np.abs(step), step)))
    first = next(iter(columns.values()))
    index, odd = in_order(source, first[0], options)
    issues.extend(odd)
    t = first[0][index]
    since = (t - t[0]) * 1e-9
    counted = [np.interp(since, (own - t[0]) * 1e-9, count) for own, count in columns.values()]
    value: F64 = np.stack(counted, axis=1).astype(np.float64)
    return Series(t, value, "ticks", tuple(columns))


def _fusion(source: Source, frames: Frames, options: ReadOptions) -> Series | None:
    """ESF-STATUS: what the receiver's own fusion does, by the time of week it states."""
    at = frames.of(STATUS, 16)
    stated, _ = _stated(frames)
    if len(at) < 2 or not len(stated):
        return None
    head = frames.records(at, [("tow_ms", "<u4"), ("version", "u1"), ("r", "V7"), ("mode", "u1")])
    tow_ns = head["tow_ms"].astype(np.int64) * 1_000_000
    t_ns = tow_ns + (stated[0] - tow_ns + WEEK_NS // 2) // WEEK_NS * WEEK_NS
    index, _ = in_order(source, t_ns, ReadOptions("skip"))
    return Series(t_ns[index], np.asarray(head["mode"][index], dtype=np.float64), "1")


def _alignment(source: Source, frames: Frames) -> list[Issue]:
    """What the receiver found itself: how its IMU is mounted (ESF-ALG), whether it fused (ESF-STATUS)."""
    told = []
    at = frames.of(ALG, 16)
    if len(at):
        last = frames.records(at[-1:], [("tow", "<u4"), ("v", "u1"), ("flags", "u1"), ("r", "V2"), ("yaw", "<u4"),
                                        ("pitch", "<i2"), ("roll", "<i2")])[0]  # fmt: skip
        yaw, pitch, roll = (float(last[name]) * 0.01 for name in ("yaw", "pitch", "roll"))
        state = {3: "coarse", 4: "fine"}.get(int(last["flags"]) >> 1 & 7, "not finished")
        detail = f"roll {roll:.2f}°, pitch {pitch:.2f}°, yaw {yaw:.2f}° ({state}); not used, Kinema finds its own"
        told.append(Issue("receiver's mounting angles", 1, "", source.name, detail))
    if len(frames.of(INS)):
        told.append(Issue("ESF-INS not read", len(frames.of(INS)), "", source.name, "filtered by the receiver"))
    return told
