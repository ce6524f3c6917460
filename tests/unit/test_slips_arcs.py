"""Cycle slips: each way of finding one, and no false ones while the position jumps about."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.kernels.carrier import arcs

LOCK, STEP, GAP, HALF = 1, 3, 4, 5
N, SATS, SLOTS = 12, 9, 2


class Sky:
    """Nine satellites, two signals, single differences about positions that are off by metres, anew each epoch."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        up = rng.uniform(0.3, 1.0, SATS)
        azimuth = np.arange(SATS) * 0.7
        flat = np.sqrt(1 - up**2)
        self.unit = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), up], axis=1)
        wrong = rng.normal(size=(N, 3)) * 3.0
        clock = np.cumsum(rng.normal(size=N) * 50.0)
        self.phase = np.empty((N, SATS, SLOTS))
        for k in range(N):
            clean = self.unit @ wrong[k] + clock[k]
            self.phase[k] = clean[:, None] + rng.normal(size=(SATS, SLOTS)) * 0.003 + np.arange(SATS)[:, None] * 10
        self.t_ns = np.arange(N) * 1_000_000_000
        self.lli = np.zeros((N, SATS, SLOTS), dtype=np.uint8)

    def slips(self) -> np.ndarray:
        """Reasons (N, SATS, SLOTS)."""
        seen = np.isfinite(self.phase).reshape(-1, SLOTS)
        arc, slip = np.full((N * SATS, SLOTS), -1), np.zeros((N * SATS, SLOTS), dtype=np.uint8)
        arcs(
            self.t_ns, np.arange(N + 1) * SATS, np.tile(np.arange(SATS), N), self.phase.reshape(-1, SLOTS),
            self.lli.reshape(-1, SLOTS), np.tile(self.unit, (N, 1)), np.tile(np.arcsin(self.unit[:, 2]), N),
            np.array([5.0, 0.05, 0.05]), np.full((SATS, SLOTS, 5), np.nan), np.zeros(1, dtype=np.int64), arc, slip,
        )  # fmt: skip
        assert (arc[seen] >= 0).all()
        assert (arc[~seen] == -1).all()
        return slip.reshape(N, SATS, SLOTS)


def test_a_quiet_sky_has_one_arc_each() -> None:
    """Rough positions and a wandering clock alone begin no arc."""
    slip = Sky().slips()
    assert (slip[0] == GAP).all()
    assert not slip[1:].any()


@pytest.mark.parametrize("cycles", [1, -3, 40])
def test_a_slip_that_nobody_told_is_found_where_it_is(cycles: int) -> None:
    """One cycle on one signal begins that arc and no other."""
    sky = Sky()
    sky.phase[6:, 4, 1] += cycles * 0.244
    slip = sky.slips()
    assert slip[6, 4, 1] == STEP
    slip[6, 4, 1] = 0
    assert not slip[1:].any()


def test_several_slips_at_once() -> None:
    """A third of the signals slipping in one epoch does not mislead the rest."""
    sky = Sky()
    for sat, slot, cycles in ((0, 0, 2), (3, 1, 5), (5, 0, -7), (5, 1, -4), (7, 0, 1)):
        sky.phase[8:, sat, slot] += cycles * 0.19
    slip = sky.slips()
    assert sorted(zip(*np.nonzero(slip[1:]), strict=True)) == [(7, 0, 0), (7, 3, 1), (7, 5, 0), (7, 5, 1), (7, 7, 0)]


def test_lost_lock_half_cycles_and_gaps_are_told_apart() -> None:
    """What the receiver flags, and what is missing for longer than the gap, begins an arc of its own kind."""
    sky = Sky()
    sky.lli[3, 2, 0] = 1
    sky.lli[5:, 1, 1] = 2
    sky.phase[4:10, 6, 0] = np.nan
    slip = sky.slips()
    assert slip[3, 2, 0] == LOCK
    assert slip[5, 1, 1] == HALF
    assert slip[10, 6, 0] == GAP
    assert np.count_nonzero(slip[1:]) == 3
