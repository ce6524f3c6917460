"""Odometry as the planar core needs it: way and turn between any two instants, and where nothing is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.recording import Recording
from kinema.core.streams import Series, used_mask
from kinema.errors import DataError
from kinema.sensors.wheel import wheel_speed

GAP_S = 1.5
"""Odometry that says nothing for longer is unknown there."""
STUCK_S = 12.0
"""No wheel says exactly the same speed other than zero for so long."""
LEAP_MPS = 5.0
"""A single speed that leaps so far from its neighbours, and by half, is wrong."""
SIDEWAYS_MPS2 = 25.0
"""No wheeled mover turns so hard: the rate is in degrees."""
TURNING_RADPS = 0.06
STANDING_TURN_S = 2.0
REAR = "rear wheels"
TRACK_M = 1.55
"""Between the rear wheels of a car: 1.45 to 1.65."""


@dataclass(frozen=True)
class Odometry:
    """Way s_m and turn psi_rad (m,) added up since the first sample at t_ns (m,); told_way, told_turn (m − 1,): that
    the interval to the next sample is known; notes for the reader of a solution."""

    t_ns: I64
    s_m: F64
    psi_rad: F64
    told_way: Bool
    told_turn: Bool
    notes: tuple[str, ...] = ()
    rough_turn: bool = False
    """The turn was made of wheels or steering: good to some per cent."""

    @property
    def speed_mps(self) -> F64:
        """Speed (m − 1,) of each interval."""
        return np.asarray(np.diff(self.s_m) / np.maximum(np.diff(self.t_ns) * 1e-9, 1e-6))

    def between(self, t_ns: I64) -> tuple[F64, F64, Bool, Bool]:
        """Way, turn (n,) of the steps that end at t_ns (n,), the first one nothing; and whether each is known."""
        at, own = _seconds(t_ns, t_ns[0]), _seconds(self.t_ns, t_ns[0])
        way, turn = np.interp(at, own, self.s_m), np.interp(at, own, self.psi_rad)
        inside = (at >= own[0] - 0.5) & (at <= own[-1] + 0.5)
        inside[1:] &= inside[:-1]
        known = []
        for told in (self.told_way, self.told_turn):
            dark = np.concatenate([[0.0], np.cumsum(np.where(told, 0.0, np.diff(own)))])
            share = np.diff(np.interp(at, own, dark), prepend=0.0)
            share[0] = 0.0
            known.append(inside & (share < 1e-9))
        return np.diff(way, prepend=way[0]), np.diff(turn, prepend=turn[0]), known[0], known[1]

    def scaled(self, way: float, turn: float, note: str) -> Odometry:
        """The same with way and turn multiplied."""
        return replace(self, s_m=self.s_m * way, psi_rad=self.psi_rad * turn, notes=(*self.notes, note))

    def without_way(self, dark: Bool, note: str) -> Odometry:
        """The same with the way unknown in the intervals `dark` (m − 1,)."""
        return replace(self, told_way=self.told_way & ~dark, notes=(*self.notes, note))


def _seconds(t_ns: I64, t0_ns: int) -> F64:
    return (t_ns - t0_ns).astype(np.float64) * 1e-9


def odometry_of(recording: Recording, masks: tuple[tuple[int, int], ...]) -> Odometry | None:
    """The recording's "odometry", or else its "wheels"; None where it has neither. Raises DataError.

    Columns vx (m/s) and wz (rad/s), as the readers of formats name them; or in 'm, rad' the way and turn since the row
    before. Times in `masks` are unknown.
    """
    stream = recording.get("odometry", Series)
    if stream is None:
        return _from_wheels(recording, masks)
    if len(stream.t_ns) < 2:
        raise DataError("odometry", "two rows or more", f"{len(stream.t_ns)}")
    if stream.unit == "m, rad":
        return _from_increments(stream, masks)
    if stream.value.ndim != 2:
        raise DataError("odometry", "columns with a forward speed and a yaw rate", "one column")
    columns = stream.columns or ("vx", "wz")
    if not {"vx", "wz"} <= set(columns):
        raise DataError("odometry", "columns 'vx' (m/s) and 'wz' (rad/s)", ", ".join(columns))
    speed, rate = (stream.value[:, columns.index(name)] for name in ("vx", "wz"))
    return _from_speed(stream.t_ns, speed, rate, masks)


def _from_increments(stream: Series, masks: tuple[tuple[int, int], ...]) -> Odometry:
    t_ns, index = np.unique(stream.t_ns, return_index=True)
    way, turn = stream.value[:, 0], stream.value[:, 1]
    good = np.isfinite(way) & np.isfinite(turn)
    if good.sum() < 2:
        raise DataError("odometry", "ways and turns that are numbers", "none")
    s, psi = np.cumsum(np.where(good, way, 0.0)), np.cumsum(np.where(good, turn, 0.0))
    last = np.append(index[1:], len(way)) - 1
    dt = np.diff(t_ns) * 1e-9
    told = (dt < max(GAP_S, 5.0 * float(np.median(dt)))) & _unmasked(t_ns, masks)
    told &= np.bincount(np.searchsorted(t_ns, stream.t_ns[~good]), minlength=len(t_ns))[1:] == 0
    most = float(np.quantile(np.abs(turn[good]), 0.999))
    notes: tuple[str, ...] = ()
    if most > np.pi:
        psi = np.radians(psi)
        notes = ("turns of the odometry taken as degrees: in radians they would be whole circles",)
    return Odometry(t_ns, s[last], psi[last], told, told, notes)


def _unmasked(t_ns: I64, masks: tuple[tuple[int, int], ...]) -> Bool:
    keep = used_mask(t_ns, masks)
    return np.asarray(keep[1:] & keep[:-1])


def _from_wheels(recording: Recording, masks: tuple[tuple[int, int], ...]) -> Odometry | None:
    stream = recording.get("wheels", Series)
    if stream is None or not len(stream.t_ns):
        return None
    t0 = int(stream.t_ns[0])
    found = wheel_speed(stream, (), t0)
    if found is None:
        return None
    t_ns = t0 + np.round(found[0] * 1e9).astype(np.int64)
    return _from_speed(t_ns, found[1], np.full(len(t_ns), np.nan), masks)


def _from_speed(t_ns: I64, speed: F64, rate: F64, masks: tuple[tuple[int, int], ...]) -> Odometry:
    """From forward speed (m/s) and yaw rate, which may be NaN throughout."""
    t_ns, index = np.unique(t_ns, return_index=True)
    speed, rate = speed[index].copy(), rate[index].copy()
    dt = np.diff(t_ns) * 1e-9
    inside = (dt < GAP_S) & _unmasked(t_ns, masks)
    notes: list[str] = []
    known = []
    seconds = _seconds(t_ns, int(t_ns[0]))
    for name, channel, leap in (("speed", speed, LEAP_MPS), ("yaw rate", rate, np.inf)):
        good, wild = _sane(channel, leap)
        if wild:
            notes.append(f"{wild} impossible values of the {name} left out")
        if not good.any():
            known.append(np.zeros(len(dt), np.bool_))
            channel[:] = 0.0
            continue
        gap = np.searchsorted(seconds[good], seconds)
        after, before = seconds[good][np.minimum(gap, good.sum() - 1)], seconds[good][np.maximum(gap - 1, 0)]
        near = good | (after - before < GAP_S)
        known.append(inside & near[1:] & near[:-1])
        channel[:] = np.interp(seconds, seconds[good], channel[good])
    if not known[0].any():
        raise DataError("odometry", "speeds that are numbers", "none")
    hard = np.abs(speed * rate)[np.abs(speed) > 1.5]
    if len(hard) and float(np.quantile(hard, 0.995)) > SIDEWAYS_MPS2:
        rate = np.radians(rate)
        notes.append("yaw rate taken as degrees per second: in radians the mover could not have turned so hard")
    stuck = _stuck(t_ns, speed, rate)
    if stuck.any():
        notes.append(f"wheel speed frozen for {float(dt[stuck].sum()):.0f} s, not used there")
        known[0] &= ~stuck
    if not known[1].any():
        notes.append("no yaw rate: the heading is found from the motion")
    elif float(np.ptp(rate)) == 0.0:
        notes.append("yaw rate never changes, not used")
        known[1][:] = False
    s = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * dt)])
    psi = np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * dt)])
    return Odometry(t_ns, s, psi, known[0], known[1], tuple(notes))


def with_turn_by_course(odometry: Odometry, recording: Recording, t_ns: I64, place: F64) -> Odometry:
    """The odometry with a turn, where it has none: from the rear wheels' difference or the steering, scaled by the
    course of the fixes at t_ns (m,), place (m, 2 or 3) north, east; on a straight road from the rear wheels and a usual
    track."""
    if odometry.told_turn.any():
        return odometry
    best: tuple[float, F64, str] | None = None
    turning = _turning(recording, odometry)
    for name, channel in turning.items():
        explained, own = _by_course(odometry, channel, t_ns, place)
        if explained > 0.5 and (best is None or explained > best[0]):
            best = (explained, own, f"turn from the {name}, scaled by the course of the fixes")
    if best is None and REAR in turning:
        own = turning[REAR] / TRACK_M
        best = (0.0, own, f"turn from the {REAR} for a track of {TRACK_M} m, the fixes show no turns to measure it by")
    if best is None:
        return odometry
    dt = np.diff(odometry.t_ns) * 1e-9
    psi = np.concatenate([[0.0], np.cumsum(0.5 * (best[1][1:] + best[1][:-1]) * dt)])
    notes = tuple(note for note in odometry.notes if "no yaw rate" not in note)
    return replace(odometry, psi_rad=psi, told_turn=odometry.told_way, rough_turn=True, notes=(*notes, best[2]))


def _by_course(odometry: Odometry, channel: F64, t_ns: I64, place: F64) -> tuple[float, F64]:
    """How much of the course's turning a channel explains, 0 … 1, and the rate by it at the odometry's times."""
    step, dt = np.diff(place[:, :2], axis=0), np.diff(t_ns) * 1e-9
    course = np.arctan2(step[:, 1], step[:, 0])
    rate = ((np.diff(course) + np.pi) % (2 * np.pi) - np.pi) / (0.5 * (dt[1:] + dt[:-1]))
    speed = np.linalg.norm(step, axis=1) / dt
    use = (np.minimum(speed[1:], speed[:-1]) > 2.0) & (dt[1:] < 2.0) & (dt[:-1] < 2.0)
    if use.sum() < 20:
        return 0.0, channel
    at = np.interp(_seconds(t_ns[1:-1], int(t_ns[0])), _seconds(odometry.t_ns, int(t_ns[0])), channel)[use]
    wanted = rate[use]
    design = np.column_stack([at, np.ones(len(at))])
    fit, left, weight = np.zeros(2), wanted, np.ones(len(at))
    for _ in range(10):
        fit = np.linalg.lstsq(design * weight[:, None], wanted * weight, rcond=None)[0]
        left = wanted - design @ fit
        weight = 1 / np.sqrt(1 + (left / max(1.5 * float(np.median(np.abs(left))), 1e-4)) ** 2)
    explained = 1 - float((weight * left**2).sum() / max(float((weight * wanted**2).sum()), 1e-12))
    return explained, fit[0] * channel + fit[1]


def _turning(recording: Recording, odometry: Odometry) -> dict[str, F64]:
    """What turns in proportion to the yaw rate, at the odometry's times (m,)."""
    found = {}
    own = _seconds(odometry.t_ns, int(odometry.t_ns[0]))
    wheels = recording.get("wheels", Series)
    if wheels is not None and wheels.value.ndim == 2:
        columns = [name.lower() for name in wheels.columns] or ["fl", "fr", "rl", "rr"][: wheels.value.shape[1]]
        side = {
            s: [k for k, c in enumerate(columns) if c in (f"rear_{s}", f"r{s[0]}", f"{s}_rear")]
            for s in ("left", "right")
        }
        if side["left"] and side["right"]:
            difference = wheels.value[:, side["left"][0]] - wheels.value[:, side["right"][0]]
            found[REAR] = np.interp(own, _seconds(wheels.t_ns, int(odometry.t_ns[0])), np.nan_to_num(difference))
    steering = recording.get("steering", Series)
    if steering is not None and len(steering.t_ns) > 1:
        angle = steering.value.reshape(len(steering.t_ns), -1)[:, 0]
        speed = np.interp(own, own[:-1], odometry.speed_mps) if len(own) > 1 else np.zeros(len(own))
        found["steering"] = speed * np.interp(own, _seconds(steering.t_ns, int(odometry.t_ns[0])), np.nan_to_num(angle))
    return found


def _sane(channel: F64, leap: float) -> tuple[Bool, int]:
    """Values that are numbers and no single ones that leap away from their neighbours; and how many do."""
    number = np.isfinite(channel) & (np.abs(channel) < 1e4)
    if number.sum() < 5 or not np.isfinite(leap):
        return number, 0
    some = channel[number]
    padded = np.pad(some, 2, mode="edge")
    middle = np.median(np.stack([padded[k : k + len(some)] for k in range(5)]), axis=0)
    wild = np.abs(some - middle) > leap + 0.5 * np.abs(middle)
    good = number.copy()
    good[np.flatnonzero(number)[wild]] = False
    return good, int(wild.sum())


def _stuck(t_ns: I64, speed: F64, rate: F64) -> Bool:
    """Intervals (m − 1,) in which the speed says the same number for too long, or zero while the mover turns."""
    same = np.abs(np.diff(speed)) < 1e-9
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    out = np.zeros(len(same), np.bool_)
    turning = np.abs(0.5 * (rate[1:] + rate[:-1])) > TURNING_RADPS
    dt = np.diff(t_ns) * 1e-9
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        still = speed[first] == 0.0
        if still:
            out[first:stop] = float(dt[first:stop][turning[first:stop]].sum()) > STANDING_TURN_S
        else:
            out[first:stop] = float(dt[first:stop].sum()) > STUCK_S
    return out
