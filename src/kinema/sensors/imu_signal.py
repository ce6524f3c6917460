"""What an inertial stream says of itself: rate, gaps, saturation, quiet stretches, noise at rest."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.recording import Issue
from kinema.core.streams import Imu
from kinema.core.time import iso_gps
from kinema.errors import DataError
from kinema.sensors.imu_checks import check_gravity, dead_axes, frozen, spread_bursts
from kinema.sensors.imu_faults import AXES, at_stop, spikes, stuck_axes

GAP_STEPS = 5.0
"""A step of more than this many typical steps is a gap."""
QUIET_WINDOW_S = 0.5
SHAKE_WINDOW_S = 1.0


@dataclass(frozen=True)
class ImuSignal:
    """An inertial stream on seconds since t0_ns: t_s (n,), f_mps2 (n, 3), w_radps (n, 3), and what it is like.

    step_s: the typical step; saturated (n, 6): rates and forces at their stops, stuck or dead; gap (n,): a gap ends
    here. gyro_level, accel_level (n,): RMS about the mean within the half second before, all axes; mean_w, mean_f
    (n, 3): that window's means;
    gyro_shake, accel_shake (n, 3): RMS per axis of what bends from sample to sample, over the second before;
    usual_f (3,): the recording's median specific force.
    """

    t0_ns: int
    t_s: F64
    f_mps2: F64
    w_radps: F64
    step_s: float
    saturated: Bool
    gap: Bool
    gyro_level: F64
    accel_level: F64
    mean_w: F64
    mean_f: F64
    gyro_shake: F64
    accel_shake: F64
    usual_f: F64
    issues: tuple[Issue, ...]

    @property
    def moved_f(self) -> F64:
        """How far the mean specific force is from the usual one (n,)."""
        return np.asarray(np.linalg.norm(self.mean_f - self.usual_f, axis=1))

    def until(self, t_s: float) -> ImuSignal:
        """What was known by a time."""
        k = int(np.searchsorted(self.t_s, t_s, side="right"))
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        cut: dict[str, Any] = {name: v[:k] if isinstance(v, np.ndarray) else v for name, v in values.items()}
        return ImuSignal(**{**cut, "usual_f": self.usual_f})


def _usable(imu: Imu, t0_ns: int, *, known: bool) -> tuple[I64, F64, F64, F64, list[Issue]]:
    """GPS times, seconds, specific forces and rates of the samples that can be used, and what is wrong with others.

    known: the stream as a whole was looked at before.
    """
    if known:
        finite = np.asarray(np.isfinite(np.hstack([imu.f_ib_s_mps2, imu.w_ib_s_radps])).all(axis=1))
        t_ns, f, w = imu.t_ns[finite], imu.f_ib_s_mps2[finite], imu.w_ib_s_radps[finite]
        t, _ = spread_bursts((t_ns - t0_ns).astype(np.float64) * 1e-9)
        use = ~frozen(t, np.hstack([f, w]))
        return t_ns[use], t[use], f[use], w[use], []
    if len(imu.t_ns) < 100:
        raise DataError("imu", "at least 100 samples", str(len(imu.t_ns)))
    finite = np.asarray(np.isfinite(np.hstack([imu.f_ib_s_mps2, imu.w_ib_s_radps])).all(axis=1))
    t_ns, f, w = imu.t_ns[finite], imu.f_ib_s_mps2[finite], imu.w_ib_s_radps[finite]
    if finite.sum() < 0.5 * len(finite):
        raise DataError("imu", "finite samples", f"{int((~finite).sum())} of {len(finite)} are not")
    t, burst = spread_bursts((t_ns - t0_ns).astype(np.float64) * 1e-9)
    check_gravity(f, float(t[-1] - t[0]))
    issues = dead_axes(f, w, int(t_ns[0]))
    if not finite.all():
        issues.append(Issue("not finite", int((~finite).sum()), iso_gps(int(imu.t_ns[np.argmin(finite)])), "imu"))
    if burst:
        detail = f"samples come with the time of packets of {burst}; spread evenly"
        issues.append(Issue("times in packets", len(t) // burst, iso_gps(int(t_ns[0])), "imu", detail))
    stuck, wild = frozen(t, np.hstack([f, w])), spikes(f, w)
    for found, kind, what in (
        (stuck, "frozen", "all axes repeat themselves; left out"), (wild, "spike", "nothing moves so; left out"),
    ):  # fmt: skip
        if found.any():
            issues.append(Issue(kind, int(found.sum()), iso_gps(int(t_ns[np.argmax(found)])), "imu", what))
    use = ~(stuck | wild)
    if use.sum() < 100:
        raise DataError("imu", "samples that change", f"{int(stuck.sum())} of {len(stuck)} repeat the one before")
    return t_ns[use], t[use], f[use], w[use], issues


def imu_signal(imu: Imu, t0_ns: int, before: ImuSignal | None = None) -> ImuSignal:
    """Look at a stream once. Raises DataError where it is too short, not finite, dead, or in a wrong unit.

    before: a longer look at the same stream, of which this is a later piece (of any length) with the same step and
    usual force.
    """
    t_ns, t, f, w, issues = _usable(imu, t0_ns, known=before is not None)
    step = np.diff(t)
    typical = float(np.median(step)) if before is None else before.step_s
    usual_f = np.median(f, axis=0) if before is None else before.usual_f
    gap = np.concatenate([[False], step > max(GAP_STEPS * typical, 0.05)])
    if gap.any():
        k = int(np.argmax(gap))
        longest = float(step[gap[1:]].max())
        issues.append(Issue("gap", int(gap.sum()), iso_gps(int(t_ns[k])), "imu", f"longest {longest:.3g} s"))
    six = np.hstack([w, f])
    saturated = at_stop(six)
    if before is None:
        stuck = stuck_axes(t, six) & ~saturated.any(axis=0)
    else:
        # a short piece does not show what is stuck: what was dead before is still
        stuck = np.tile(before.saturated.all(axis=0), (len(six), 1))
    for found, kind, what in ((saturated, "saturated", "stand at their stops"), (stuck, "axis stuck", "repeat")):
        found = found & (np.ptp(six, axis=0) > 0.0)
        if found.any():
            rows, names = found.any(axis=1), [name for name, one in zip(AXES, found.any(axis=0), strict=True) if one]
            where, what = iso_gps(int(t_ns[np.argmax(rows)])), f"{', '.join(names)} {what}; not trusted there"
            issues.append(Issue(kind, int(rows.sum()), where, "imu", what))
    n = max(2, round(QUIET_WINDOW_S / typical))
    gyro_level, mean_w = _level(w, n)
    accel_level, mean_f = _level(f, n)
    n2 = max(4, round(SHAKE_WINDOW_S / typical))
    return ImuSignal(
        t0_ns,
        t,
        f,
        w,
        typical,
        saturated | stuck,
        gap,
        gyro_level,
        accel_level,
        mean_w,
        mean_f,
        _shake(w, n2),
        _shake(f, n2),
        usual_f,
        tuple(issues),
    )


def _of_window(cum: F64, n: int) -> F64:
    """Sums (m, k) over the n samples, or as many as there are, up to each one, of running sums (m + 1, k)."""
    out = cum[1:].copy()
    out[n:] -= cum[1 : len(cum) - n]
    return out


def _level(values: F64, n: int) -> tuple[F64, F64]:
    """RMS about the mean (n,), all axes, and mean (n, 3) of the window of n samples that ends at each sample."""
    offset = values.mean(axis=0)
    centred = values - offset
    cum = np.concatenate([np.zeros((1, 3)), np.cumsum(centred, axis=0)])
    cum2 = np.concatenate([np.zeros((1, 3)), np.cumsum(centred**2, axis=0)])
    count = np.minimum(np.arange(1.0, len(values) + 1), n)[:, None]
    mean = _of_window(cum, n) / count
    variance = np.maximum(_of_window(cum2, n) / count - mean**2, 0.0)
    level = np.sqrt(variance.sum(axis=1))
    level[: n - 1] = level[min(n, len(level)) - 1]
    return level, mean + offset


def _shake(values: F64, n: int) -> F64:
    """RMS (n, 3) of white noise that has the second differences of the samples, over the n samples before each.

    First differences see what a body does on its springs, which a good gyro is far quieter than.
    """
    step2 = np.concatenate([np.zeros((2, 3)), np.diff(values, 2, axis=0) ** 2])
    cum = np.concatenate([np.zeros((1, 3)), np.cumsum(step2, axis=0)])
    count = np.minimum(np.arange(1.0, len(values) + 1), n)[:, None]
    out = np.sqrt(np.maximum(_of_window(cum, n), 0.0) / (6.0 * count))
    out[: n - 1] = out[min(n, len(out)) - 1]
    return np.asarray(out)


def quiet_levels(signal: ImuSignal, at_rest: Bool) -> tuple[float, float]:
    """Gyro and accelerometer levels below which the sensor is at rest.

    Half more than the median level of samples known to be at rest (n,), or, with none, of the quietest 2 %, which a
    drive without any stop makes too high: the caller also asks for little speed.
    """
    if at_rest.sum() >= 100:
        gyro, accel = np.median(signal.gyro_level[at_rest]), np.median(signal.accel_level[at_rest])
    else:
        gyro, accel = np.quantile(signal.gyro_level, 0.02), np.quantile(signal.accel_level, 0.02)
    return 1.5 * float(gyro), 1.5 * float(accel)


def white_noise(signal: ImuSignal, quiet: Bool) -> tuple[float, float]:
    """Densities of the white noise, gyro rad/√s and accelerometer m/s^1.5, from the quiet samples.

    The Allan deviation at 0.25 s, per axis, the worst axis; NaN with fewer than 4 s of quiet. Engines that idle
    make it large and are not white: what averages out within a quarter second is not counted.
    """
    n = max(1, round(0.25 / signal.step_s))
    out = []
    for values in (signal.w_radps, signal.f_mps2):
        m = len(values) // n
        if m < 3:
            out.append(float("nan"))
            continue
        means = values[: m * n].reshape(m, n, 3).mean(axis=1)
        calm = np.asarray(quiet[: m * n].reshape(m, n).all(axis=1))
        both = calm[1:] & calm[:-1]
        if both.sum() < 16:
            out.append(float("nan"))
            continue
        step = np.diff(means, axis=0)[both]
        sigma = np.sqrt(0.5 * np.median(step**2, axis=0) / 0.455)
        out.append(float(sigma.max() * np.sqrt(n * signal.step_s)))
    return out[0], out[1]
