"""What is in a recording, as plain numbers: span, rate, systems, signals, gaps, slips, issues."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from kinema.core.arrays import I64
from kinema.core.ephemeris import MESSAGES, BroadcastEphemerides
from kinema.core.recording import Recording
from kinema.core.satellites import SYSTEM_NAMES, SYSTEMS, sat_name
from kinema.core.solution import FixStatus, Solution
from kinema.core.streams import LLI_HALF, LLI_SLIP, AnchorRanges, GnssObservations, Imu
from kinema.core.time import WEEK_NS, iso_gps, week_tow
from kinema.formats.observation_checks import clock_jumps_ms, gaps

BINS = 60
"""Points of the profiles over time."""


def inventory(recording: Recording) -> dict[str, Any]:
    """A recording as a dictionary that JSON can hold. Times are GPS time."""
    return {
        "name": recording.name,
        "sources": list(recording.sources),
        "simulated": recording.simulated,
        "streams": [{"role": role, **_stream(stream)} for role, stream in recording.streams.items()],
        "issues": [asdict(issue) for issue in recording.issues],
        "anchors": {name: list(place) for name, place in recording.settings.get("anchors", {}).items()},
        "mounts": {role: asdict(mount) for role, mount in recording.mounts.items()},
    }


def _stream(stream: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": type(stream).__name__}
    if isinstance(stream, BroadcastEphemerides):
        return told | _span(np.sort(stream.toe_ns), regular=False) | _ephemerides(stream)
    if hasattr(stream, "t_ns"):
        told |= _span(stream.t_ns)
    if isinstance(stream, GnssObservations):
        told |= _observations(stream)
    elif isinstance(stream, Solution):
        told |= _solution(stream)
    elif isinstance(stream, Imu):
        told |= _imu(stream)
    elif isinstance(stream, AnchorRanges):
        told |= {"anchors": list(stream.anchor_names) or [str(k) for k in range(len(stream.anchor_p_m))]}
    elif hasattr(stream, "sat"):
        told |= {"satellites": _by_system(np.unique(stream.sat))}
    elif isinstance(getattr(stream, "unit", None), str):
        value = np.asarray(stream.value)
        some = value.size and np.isfinite(value).any()
        told |= {"unit": stream.unit, "columns": list(stream.columns)}
        told |= {"min": float(np.nanmin(value)), "max": float(np.nanmax(value))} if some else {}
    elif isinstance(stream, tuple | list):
        told |= {"count": len(stream)}
    return told


def _span(t_ns: I64, *, regular: bool = True) -> dict[str, Any]:
    n = len(t_ns)
    if not n:
        return {"count": 0}
    week, tow_s = week_tow(int(t_ns[0]))
    # nobody drove in 1980: such times count from some start of their own
    told: dict[str, Any] = {"relative": True} if int(t_ns[0]) < 10 * WEEK_NS else {}
    told |= {
        "count": n, "from": iso_gps(int(t_ns[0])), "to": iso_gps(int(t_ns[-1])), "week": week, "tow_s": tow_s,
        "duration_s": int(t_ns[-1] - t_ns[0]) / 1e9,
    }  # fmt: skip
    if regular and n > 1:
        at, length = gaps(t_ns)
        step_ns = float(np.median(np.diff(t_ns)))
        told |= {
            "rate_hz": 1e9 / step_ns if step_ns > 0 else None, "gaps": len(at),
            "longest_gap_s": float(length.max()) / 1e9 if len(at) else 0.0,
        }  # fmt: skip
    return told


def _by_system(sats: Any) -> dict[str, int]:
    return {SYSTEM_NAMES[s]: n for k, s in enumerate(SYSTEMS) if (n := int((np.asarray(sats) // 100 == k).sum()))}


def _ephemerides(eph: BroadcastEphemerides) -> dict[str, Any]:
    kinds: list[dict[str, Any]] = []
    for k, system in enumerate(SYSTEMS):
        for m in np.unique(eph.message[eph.sat // 100 == k]).tolist():
            pick = (eph.sat // 100 == k) & (eph.message == m)
            kinds.append({
                "system": SYSTEM_NAMES[system], "message": MESSAGES[m], "count": int(pick.sum()),
                "satellites": len(np.unique(eph.sat[pick])),
                "unhealthy": [sat_name(s) for s in np.unique(eph.sat[pick & (eph.health != 0)]).tolist()],
            })  # fmt: skip
    return {"messages": kinds, "ionosphere": sorted(eph.ionosphere), "leap_s": eph.leap_s}


def _observations(gnss: GnssObservations) -> dict[str, Any]:
    per_epoch = np.diff(gnss.row_start)
    epoch_of_row = np.repeat(np.arange(len(per_epoch)), per_epoch)
    row_cn0 = _mean_of_rows(gnss.cn0_dbhz)
    jump_ms = clock_jumps_ms(gnss)
    return {
        "marker": gnss.antenna.marker, "receiver": gnss.antenna.receiver, "antenna": gnss.antenna.antenna,
        "satellites": len(np.unique(gnss.sat)), "mean_satellites": float(per_epoch.mean()),
        "systems": [_system(gnss, k, s) for k, s in enumerate(SYSTEMS) if (gnss.sat // 100 == k).any()],
        "clock_steps": int((jump_ms != 0).sum()),
        "satellites_profile": _profile(gnss.t_ns, per_epoch.astype(np.float64)),
        "cn0_profile_dbhz": _profile(gnss.t_ns[epoch_of_row], row_cn0, gnss.t_ns),
    }  # fmt: skip


def _system(gnss: GnssObservations, k: int, system: str) -> dict[str, Any]:
    rows = gnss.sat // 100 == k
    n = int(rows.sum())
    signals = []
    for slot, name in enumerate(gnss.signals.get(system, ())):
        code, phase, doppler = (np.isfinite(a[rows, slot]) for a in (gnss.code_m, gnss.phase_cyc, gnss.doppler_hz))
        lli = gnss.lli[rows, slot]
        cn0 = gnss.cn0_dbhz[rows, slot]
        signals.append({
            "signal": name, "code": float(code.mean()), "phase": float(phase.mean()), "doppler": float(doppler.mean()),
            "cn0_dbhz": float(np.nanmean(cn0)) if np.isfinite(cn0).any() else None,
            "slips": int(((lli & LLI_SLIP) != 0).sum()), "half_cycles": int(((lli & LLI_HALF) != 0).sum()),
        })  # fmt: skip
    return {
        "system": SYSTEM_NAMES[system], "letter": system, "satellites": len(np.unique(gnss.sat[rows])),
        "mean_satellites": n / len(gnss.t_ns), "signals": signals,
    }  # fmt: skip


def _mean_of_rows(table: Any) -> Any:
    """Mean over the columns that are there (m,); NaN where none is."""
    there = np.isfinite(table)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(there, table, 0.0).sum(axis=1) / there.sum(axis=1)


def _profile(t_ns: I64, value: Any, span_ns: I64 | None = None) -> list[float | None]:
    """Means of `value` in BINS equal parts of the span; None where there is nothing."""
    span_ns = t_ns if span_ns is None else span_ns
    start, length = int(span_ns[0]), max(int(span_ns[-1] - span_ns[0]), 1)
    part = np.minimum((t_ns - start) * 1.0 / length * BINS, BINS - 1).astype(np.int64)
    good = np.isfinite(value)
    count = np.bincount(part[good], minlength=BINS)
    total = np.bincount(part[good], weights=value[good], minlength=BINS)
    return [float(s) / c if c else None for s, c in zip(total, count.tolist(), strict=True)]


def _imu(imu: Imu) -> dict[str, Any]:
    """Median specific force by axis and in size, and the largest rate (99.9 %)."""
    f, w = (a[np.isfinite(a).all(axis=1)] for a in (imu.f_ib_s_mps2, imu.w_ib_s_radps))
    if not len(f) or not len(w):
        return {}
    step_ms = np.diff(imu.t_ns) * 1e-6
    middle = np.median(f, axis=0)
    k = int(np.argmax(np.abs(middle)))
    lean = np.arccos(min(abs(float(middle[k])) / max(float(np.linalg.norm(middle)), 1e-9), 1.0))
    return {
        "step_ms": [float(v) for v in np.quantile(step_ms, (0.01, 0.99))] if len(step_ms) else [],
        "up": ("+" if middle[k] > 0 else "−") + "xyz"[k],
        "lean_deg": float(np.degrees(lean)),
        "force_mps2": [float(v) for v in middle],
        "gravity_mps2": float(np.median(np.sqrt((f**2).sum(axis=1)))),
        "rate_max_radps": float(np.quantile(np.sqrt((w**2).sum(axis=1)), 0.999)),
    }


def _solution(solution: Solution) -> dict[str, Any]:
    n = max(len(solution), 1)
    shares = {s.name.lower().replace("_", " "): int((solution.status == s).sum()) / n for s in FixStatus}
    told: dict[str, Any] = {
        "status": {name: share for name, share in shares.items() if share},
        "channels": sorted(solution.channels),
        "datum": solution.provenance.datum,
    }
    p = solution.p_e_m[solution.valid]
    if len(p) > 1:
        told["distance_m"] = float(np.linalg.norm(np.diff(p, axis=0), axis=1).sum())
    return told
