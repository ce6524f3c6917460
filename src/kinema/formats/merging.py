"""Several recordings into one: files that follow each other, navigation of several files, rover and base."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from kinema.core.biases import SignalBiases, joined
from kinema.core.ephemeris import BroadcastEphemerides, PreciseClocks, PreciseOrbits
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Solution
from kinema.core.streams import AnchorRanges, GnssObservations, Imu, Series
from kinema.core.time import iso_gps
from kinema.errors import ConfigError
from kinema.formats.folder import Part

_SEAM_NS = 15_000_000_000
"""Loggers that begin a new file repeat so much at most."""
_GRIDS = {PreciseOrbits: ("p_e_m", "clock_s"), PreciseClocks: ("clock_s",)}


def merge(read: Sequence[tuple[Part, Recording]]) -> Recording:
    """One recording of all parts. Raises ConfigError where two files claim the same role at the same time."""
    if not read:
        raise ConfigError("nothing to read; give files or a folder")
    found: dict[str, list[tuple[str, Any]]] = {}
    issues: list[Issue] = []
    mounts: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for part, recording in read:
        issues += recording.issues
        mounts |= recording.mounts
        settings |= recording.settings
        for name, stream in recording.streams.items():
            role = _role(part, name, stream, recording)
            found.setdefault(role, []).append((part.path.name, stream))
    streams = {role: _one(role, several, issues) for role, several in found.items()}
    return Recording(
        streams, mounts, tuple(issues), tuple(s for _, r in read for s in r.sources), read[0][1].name, settings,
        any(r.simulated for _, r in read),
    )  # fmt: skip


def _role(part: Part, name: str, stream: Any, recording: Recording) -> str:
    """The role of a stream in a file that was given one: only the kind of stream that the role is about changes it."""
    if part.role == "base":
        return "base" if name == "gnss" else name
    if part.role == "truth":
        return "truth" if isinstance(stream, Solution) else f"truth {name}"
    if part.role and name != part.role and len(recording.streams) == 1 and part.role != "gnss":
        return part.role
    return name


def _one(role: str, several: list[tuple[str, Any]], issues: list[Issue]) -> Any:
    """One stream out of all of a role."""
    several = _without_copies(several, issues)
    if len(several) == 1:
        return several[0][1]
    kinds = {type(stream) for _, stream in several}
    kind = kinds.pop()
    joiners: dict[type, Callable[[str, list[tuple[str, Any]], list[Issue]], Any]] = {
        GnssObservations: _observations,
        BroadcastEphemerides: _ephemerides,
        PreciseOrbits: _grids,
        PreciseClocks: _grids,
        SignalBiases: lambda _role, all_of_it, _issues: joined([one for _, one in all_of_it]),
        Imu: _in_sequence,
        Series: _in_sequence,
        Solution: _in_sequence,
        tuple: lambda _role, all_of_it, _issues: tuple(one for _, several in all_of_it for one in several),
    }
    if kinds or kind not in joiners:
        names = " and ".join(name for name, _ in several[:2])
        raise ConfigError(f"{names} both hold '{role}'; give one of them, or name the files' roles in a kinema.toml")
    return joiners[kind](role, several, issues)


def _without_copies(several: list[tuple[str, Any]], issues: list[Issue]) -> list[tuple[str, Any]]:
    """Without series and ranges that another file has, too: of ranges the ones whose anchors are placed are kept."""
    several = sorted(several, key=lambda one: isinstance(one[1], AnchorRanges) and np.isnan(one[1].anchor_p_m).any())
    kept: list[tuple[str, Any]] = []
    for name, stream in several:
        twin = next((other for other, had in kept if _same(stream, had)), None)
        if twin is None:
            kept.append((name, stream))
        else:
            issues.append(Issue("the same twice", len(stream.t_ns), "", name, f"{twin} has the same rows"))
    return kept


def _same(a: Any, b: Any) -> bool:
    """Whether two streams are the same rows, whatever digits they were written with."""
    if type(a) is not type(b) or not isinstance(a, Series | AnchorRanges) or len(a.t_ns) != len(b.t_ns):
        return False
    x, y = (one.value if isinstance(one, Series) else one.range_m for one in (a, b))
    return x.shape == y.shape and np.abs(a.t_ns - b.t_ns).max(initial=0) < 1000 and np.allclose(x, y, equal_nan=True)


def _ephemerides(_role: str, several: list[tuple[str, Any]], issues: list[Issue]) -> BroadcastEphemerides:
    from kinema.formats.rinex_nav_messages import merged

    parts: list[BroadcastEphemerides] = [stream for _, stream in several]
    ionosphere: dict[str, tuple[float, ...]] = {}
    times: dict[str, tuple[float, ...]] = {}
    for part in reversed(parts):
        ionosphere |= part.ionosphere
        times |= part.time_corrections
    leap_s = next((part.leap_s for part in parts if part.leap_s is not None), None)
    eph, _ = merged(parts, ionosphere, times, leap_s)
    return eph


def _grids(role: str, several: list[tuple[str, Any]], issues: list[Issue]) -> Any:
    """Tables over satellites and times: a later file fills what an earlier one leaves open."""
    streams = sorted((stream for _, stream in several), key=lambda stream: int(stream.t_ns[0]))
    t_ns = np.unique(np.concatenate([stream.t_ns for stream in streams]))
    sat = np.unique(np.concatenate([stream.sat for stream in streams]))
    merged: dict[str, Any] = {}
    for name in _GRIDS[type(streams[0])]:
        first = getattr(streams[0], name)
        merged[name] = np.full((len(sat), len(t_ns), *first.shape[2:]), np.nan)
        for stream in streams:
            at = np.ix_(np.searchsorted(sat, stream.sat), np.searchsorted(t_ns, stream.t_ns))
            old = merged[name][at]
            merged[name][at] = np.where(np.isnan(old), getattr(stream, name), old)
    return replace(streams[0], t_ns=t_ns, sat=sat, **merged)


def _in_sequence(role: str, several: list[tuple[str, Any]], issues: list[Issue]) -> Any:
    """Streams of which each begins after the one before has ended, or a little earlier, as a logger's next file may:
    what it repeats is left out. Raises ConfigError."""
    several = _without_seams(role, sorted(several, key=lambda pair: int(pair[1].t_ns[0])), issues)
    for (name_a, a), (name_b, b) in pairwise(several):
        if a.t_ns[-1] >= b.t_ns[0]:
            raise ConfigError(
                f"{name_a} and {name_b} both hold '{role}' at {iso_gps(int(b.t_ns[0]), 0)}; give one of them, "
                "or name the files' roles in a kinema.toml"
            )
    streams = [stream for _, stream in several]
    joined: dict[str, Any] = {}
    for one in fields(streams[0]):
        parts = [getattr(stream, one.name) for stream in streams]
        if isinstance(parts[0], np.ndarray):
            joined[one.name] = np.concatenate(parts)
        elif one.name == "channels":
            common = [name for name in parts[0] if all(name in part for part in parts)]
            joined["channels"] = {
                name: replace(parts[0][name], value=np.concatenate([part[name].value for part in parts]))
                for name in common
            }
        elif one.name == "residuals":
            joined["residuals"] = None
    return replace(streams[0], **joined)


def _without_seams(role: str, several: list[tuple[str, Any]], issues: list[Issue]) -> list[tuple[str, Any]]:
    """The streams without what each tells of the last seconds of the one before."""
    out = several[:1]
    for name, stream in several[1:]:
        last, t_ns = int(out[-1][1].t_ns[-1]), stream.t_ns
        overlap = last - int(t_ns[0])
        if 0 <= overlap < min(_SEAM_NS, 0.1 * int(t_ns[-1] - t_ns[0])):
            keep = t_ns > last
            issues.append(Issue("told twice", int((~keep).sum()), iso_gps(int(t_ns[0]), 0), name, f"'{role}': a seam"))
            if isinstance(stream, Solution):
                stream = stream.select(keep)
            else:
                arrays = {one.name: getattr(stream, one.name) for one in fields(stream)}
                stream = replace(stream, **{k: v[keep] for k, v in arrays.items() if isinstance(v, np.ndarray)})
        out.append((name, stream))
    return out


def _observations(role: str, several: list[tuple[str, Any]], issues: list[Issue]) -> GnssObservations:
    """Observations of one receiver in files that follow each other. Raises ConfigError for two receivers."""
    several = sorted(several, key=lambda pair: int(pair[1].t_ns[0]))
    for (name_a, a), (name_b, b) in pairwise(several):
        same = all(getattr(a.antenna, f) == getattr(b.antenna, f) for f in ("marker", "receiver"))
        overlap = int(a.t_ns[-1]) - int(b.t_ns[0])
        if not same or overlap > 60_000_000_000:
            when = f"both are running at {iso_gps(int(b.t_ns[0]), 0)}" if overlap > 0 else "marker or receiver differ"
            raise ConfigError(
                f"{name_a} and {name_b} are of two receivers ({when}); solve one rover at a time, "
                "and give the base's file with --base"
            )
    streams: list[GnssObservations] = [stream for _, stream in several]
    signals: dict[str, tuple[str, ...]] = {}
    for stream in streams:
        for system, codes in stream.signals.items():
            known = signals.get(system, ())
            signals[system] = known + tuple(code for code in codes if code not in known)
    merged = _joined(streams, signals)
    again = len(merged["t_ns"]) - len(np.unique(merged["t_ns"]))
    if again:
        merged = _in_order(merged)
        issues.append(Issue("epoch twice, first kept", again, "", several[0][0], f"'{role}' files overlap"))
    channels = {sat: k for stream in streams for sat, k in stream.glonass_channel.items()}
    return replace(streams[0], signals=signals, glonass_channel=channels, **merged)


def _joined(streams: list[GnssObservations], signals: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    slots = max(len(codes) for codes in signals.values())
    starts = np.cumsum([0] + [len(stream.sat) for stream in streams])
    merged: dict[str, Any] = {
        "t_ns": np.concatenate([stream.t_ns for stream in streams]),
        "sat": np.concatenate([stream.sat for stream in streams]),
        "row_start": np.concatenate(
            [[0], *(stream.row_start[1:] + start for stream, start in zip(streams, starts, strict=False))]
        ),
    }
    for name in ("code_m", "phase_cyc", "doppler_hz", "cn0_dbhz", "lli"):
        dtype = getattr(streams[0], name).dtype
        merged[name] = np.full((starts[-1], slots), 0 if name == "lli" else np.nan, dtype)
        for stream, start in zip(streams, starts, strict=False):
            for system, codes in stream.signals.items():
                rows = np.flatnonzero(stream.sat // 100 == "GRECJIS".index(system))
                to = [signals[system].index(code) for code in codes]
                merged[name][np.ix_(start + rows, to)] = getattr(stream, name)[rows][:, : len(codes)]
    return merged


def _in_order(merged: dict[str, Any]) -> dict[str, Any]:
    """Epochs sorted, each once."""
    order = np.argsort(merged["t_ns"], kind="stable")
    keep = order[np.concatenate([[True], np.diff(merged["t_ns"][order]) > 0])]
    start = merged["row_start"]
    counts = np.diff(start)[keep]
    row_start = np.concatenate([[0], np.cumsum(counts)])
    rows = np.arange(row_start[-1]) + np.repeat(start[:-1][keep] - row_start[:-1], counts)
    flat = {name: array[rows] for name, array in merged.items() if name not in ("t_ns", "row_start")}
    return {"t_ns": merged["t_ns"][keep], "row_start": row_start, **flat}
