"""Streams that grow at one end and are forgotten at the other: what live estimation keeps of its sensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Imu, Series
from kinema.sensors.imu_checks import frozen

_FIRST_ROOM = 4096
_BACK_S = 1.0
_CONFIRMED = 20
"""So many samples on a new time show that the clock was set, and not one sample damaged."""


class ImuTail:
    """The newest samples of an inertial stream. Appending costs the same however many are kept.

    Samples that are not later than those before are left out and counted in `refused`. A clock that jumps back by more
    than a second or ahead by more than `jump_s` is believed after twenty samples that agree; `jumped` is then true and
    only they are kept. Samples that repeat the one before for half a second and longer are taken out.
    """

    def __init__(self, jump_s: float) -> None:
        self.refused = 0
        self.jumped = False
        self._jump_ns = round(jump_s * 1e9)
        self._t = np.empty(_FIRST_ROOM, np.int64)
        self._values = np.empty((_FIRST_ROOM, 6))
        self._lo = self._hi = 0
        self._same_since = 0
        self._stuck = False
        self._aside: list[Imu] = []

    def __len__(self) -> int:
        return self._hi - self._lo

    @property
    def t_ns(self) -> I64:
        """Times (n,) of what is kept."""
        return self._t[self._lo : self._hi]

    @property
    def values(self) -> F64:
        """Specific forces, then rates (n, 6)."""
        return self._values[self._lo : self._hi]

    def append(self, imu: Imu) -> int | None:
        """Take in samples; the time of the first that turns out to have frozen half a second ago, or else None."""
        self.jumped = False
        if not len(imu.t_ns):
            return None
        if len(self) and (self._aside or self._leaps(imu)):
            return self._put_aside(imu)
        new = imu.t_ns > self.t_ns[-1] if len(self) else np.ones(len(imu.t_ns), dtype=np.bool_)
        self.refused += int(len(new) - new.sum())
        return self._add(imu, new) if new.any() else None

    def _leaps(self, imu: Imu) -> bool:
        last = int(self.t_ns[-1])
        step = int(np.diff(imu.t_ns).max(initial=0))
        return int(imu.t_ns[0]) < last - _BACK_S * 1e9 or max(int(imu.t_ns[0]) - last, step) > self._jump_ns

    def _put_aside(self, imu: Imu) -> int | None:
        """Keep samples of a strange time until others agree with it, or with the old one."""
        self._aside.append(imu)
        t = np.concatenate([one.t_ns for one in self._aside])
        rest = np.flatnonzero(np.abs(np.diff(t)) > max(self._jump_ns, _BACK_S * 1e9))
        first = int(rest[-1]) + 1 if len(rest) else 0
        back = np.concatenate([[False], np.diff(t) < -_BACK_S * 1e9])[first:]
        first += int(np.flatnonzero(back)[-1]) if back.any() else 0
        if len(t) - first < _CONFIRMED:
            return None
        f, w = (np.concatenate([getattr(one, name) for one in self._aside]) for name in ("f_ib_s_mps2", "w_ib_s_radps"))
        self._aside = []
        last = int(self.t_ns[-1])
        if last - _BACK_S * 1e9 < t[first] and t[-1] - last < self._jump_ns:
            self.refused += first  # the old time goes on: what came between was damaged
        else:
            self._lo = self._hi = self._same_since = 0
            self.jumped, self._stuck = True, False
            last = -(2**62)
        later = np.flatnonzero(t[first:] > np.maximum.accumulate(np.concatenate([[last], t[first:-1]]))) + first
        if not len(later):
            return None
        return self._add(Imu(t[later], f[later], w[later]), np.ones(len(later), dtype=np.bool_))

    def _add(self, imu: Imu, new: Any) -> int | None:
        if self._stuck:
            same = (np.hstack([imu.f_ib_s_mps2, imu.w_ib_s_radps]) == self.values[-1]).all(axis=1)
            new &= np.maximum.accumulate(~same)
            self._stuck = not new.any()
            if self._stuck:
                return None
        m = int(new.sum())
        if self._hi + m > len(self._t):
            self._make_room(m)
        part = slice(self._hi, self._hi + m)
        self._t[part] = imu.t_ns[new]
        self._values[part, :3], self._values[part, 3:] = imu.f_ib_s_mps2[new], imu.w_ib_s_radps[new]
        self._hi += m
        return self._frozen()

    def _make_room(self, m: int) -> None:
        n = len(self)
        room = len(self._t) if n + m <= len(self._t) // 2 else 2 * (n + m)
        t, values = np.empty(room, np.int64), np.empty((room, 6))
        t[:n], values[:n] = self.t_ns, self.values
        self._same_since -= self._lo
        self._t, self._values, self._lo, self._hi = t, values, 0, n

    def _frozen(self) -> int | None:
        """Take out the samples that by now are known to repeat one; the time of the first, None if none do."""
        first = max(self._same_since, self._lo)
        values = self._values[first : self._hi]
        same = (values[1:] == values[:-1]).all(axis=1)
        if len(same) and same[-1]:
            differ = np.flatnonzero(~same)
            self._same_since = first + (int(differ[-1]) + 1 if len(differ) else 0)
        else:
            self._same_since = self._hi - 1
        if not same.any():
            return None
        t = self._t[first : self._hi]
        stuck = frozen((t - t[0]) * 1e-9, values)
        if not stuck.any():
            return None
        at, self._stuck = int(t[np.argmax(stuck)]), bool(stuck[-1])
        self._hi = first + int((~stuck).sum())
        self._t[first : self._hi], self._values[first : self._hi] = t[~stuck], values[~stuck]
        self._same_since = self._hi - 1
        return at

    def since(self, t_ns: int, before: int) -> Imu:
        """The samples from `before` of them before a time on."""
        k = self._lo + max(int(np.searchsorted(self.t_ns, t_ns)) - before, 0)
        values = self._values[k : self._hi].copy()
        return Imu(self._t[k : self._hi].copy(), values[:, :3], values[:, 3:])

    def forget(self, t_ns: int, before: int) -> None:
        """Drop what is older than `before` samples before a time."""
        self._lo += max(int(np.searchsorted(self.t_ns, t_ns)) - before, 0)


class FixTail:
    """The newest fixes, in order whatever order they came in."""

    def __init__(self) -> None:
        self.fixes: Solution | None = None
        self.repeated = 0
        """Fixes of a time that was known already: the first one counts."""

    def add(self, fixes: Solution) -> int | None:
        """Take in fixes; the time of the oldest that is new, or None."""
        if not len(fixes):
            return None
        if self.fixes is not None and len(self.fixes) and fixes.t_ns[0] <= self.fixes.t_ns[-1]:
            new = ~np.isin(fixes.t_ns, self.fixes.t_ns)
            self.repeated += int(len(fixes) - new.sum())
            if not new.any():
                return None
            fixes = fixes.select(new)
        self.fixes = fixes if self.fixes is None else _in_order(self.fixes, fixes)
        return int(fixes.t_ns[0])

    def forget(self, t_ns: int) -> None:
        """Drop what is older than a time."""
        if self.fixes is not None and len(self.fixes) and self.fixes.t_ns[0] < t_ns:
            self.fixes = self.fixes.select(self.fixes.t_ns >= t_ns)


class WheelTail:
    """The newest wheel speeds, in order whatever order they came in."""

    def __init__(self) -> None:
        self.series: Series | None = None

    def add(self, wheels: Series) -> int | None:
        """Take in speeds; the time of the oldest, or None."""
        if not len(wheels.t_ns):
            return None
        if self.series is None:
            self.series = wheels
        else:
            t = np.concatenate([self.series.t_ns, wheels.t_ns])
            value = np.concatenate([self.series.value, wheels.value])
            if wheels.t_ns[0] < self.series.t_ns[-1]:
                order = np.argsort(t, kind="stable")
                t, value = t[order], value[order]
            self.series = Series(t, value, wheels.unit, wheels.columns)
        return int(wheels.t_ns[0])

    def forget(self, t_ns: int) -> None:
        """Drop what is older than a time."""
        if self.series is not None and len(self.series.t_ns) and self.series.t_ns[0] < t_ns:
            keep = self.series.t_ns >= t_ns
            self.series = Series(self.series.t_ns[keep], self.series.value[keep], self.series.unit, self.series.columns)


def _in_order(a: Solution, b: Solution) -> Solution:
    def both(name: str) -> Any:
        return np.concatenate([getattr(a, name), getattr(b, name)])

    order = np.argsort(both("t_ns"), kind="stable")
    names = ("t_ns", "p_e_m", "cov_p_e_m2", "v_e_mps", "cov_v_e")
    t_ns, p, cov_p, v, cov_v = (both(name)[order] for name in names)
    return Solution(t_ns, p, cov_p, v, cov_v, status=both("status")[order])


def pieces(
    recording: Recording, every_s: float = 0.1, late_s: Mapping[str, float] | None = None
) -> Iterator[dict[str, Any]]:
    """A recording as it would have come: dictionaries of "imu", "fixes" and "wheels" for `LiveInertial.feed`, one each
    `every_s`; late_s: by how much a stream comes after its own times."""
    streams = {role: recording.streams[role] for role in ("imu", "fixes", "wheels") if role in recording.streams}
    come = {role: one.t_ns + round((late_s or {}).get(role, 0.0) * 1e9) for role, one in streams.items()}
    first, last = min(int(t[0]) for t in come.values()), max(int(t[-1]) for t in come.values())
    step = round(every_s * 1e9)
    for begin in range(first, last + 1, step):
        piece: dict[str, Any] = {}
        for role, one in streams.items():
            part = slice(*np.searchsorted(come[role], [begin, begin + step]))
            if isinstance(one, Imu):
                piece[role] = Imu(one.t_ns[part], one.f_ib_s_mps2[part], one.w_ib_s_radps[part])
            elif isinstance(one, Solution):
                piece[role] = one.select(part)
            else:
                piece[role] = Series(one.t_ns[part], one.value[part], one.unit, one.columns)
        yield piece
