"""Integers in PPP on a simulated sky: the right ones, better positions, and none from satellites that do not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinema.core.arrays import F64
from kinema.estimate.ppp import run_ppp
from kinema.estimate.ppp_integers import NarrowLanes, wide_lanes
from kinema.estimate.ppp_params import PppParams
from kinema.estimate.ppp_signals import Combined
from kinema.estimate.ppp_table import PppTable

C = 299792458.0
BANDS = {0: (1575.42e6, 1227.60e6), 2: (1575.42e6, 1176.45e6)}
STEP_S = 30.0


def sky(seed: int, n: int = 360, odd: tuple[int, ...] = ()) -> tuple[PppTable, F64, F64]:
    """Table of nine GPS and eight Galileo satellites on slow arcs, true wide lanes and first ambiguities by arc.

    The receiver stands at its rough position; `odd` satellites have half a narrow lane of bias.
    """
    rng = np.random.default_rng(seed)
    sats = np.array([*range(1, 10), *range(201, 209)])
    m = n * len(sats)
    epoch, sat = np.repeat(np.arange(n), len(sats)), np.tile(sats, n)
    phase0 = rng.uniform(0, 2 * np.pi, len(sats))
    turn = phase0 + np.arange(n)[:, None] * STEP_S * 2 * np.pi / 43_000.0
    azimuth = (turn + rng.uniform(0, 6, len(sats))).ravel()
    elevation = (0.75 + 0.55 * np.sin(turn * 1.3)).ravel()
    unit = np.stack([
        np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)
    ], axis=1)  # fmt: skip
    f = np.array([BANDS[int(s) // 100] for s in sat])
    narrow, wide_m = C / f.sum(axis=1), C * f[:, 1] / (f[:, 0] ** 2 - f[:, 1] ** 2)
    slips = np.sort(rng.integers(60, n - 60, len(sats)))
    number = np.tile(np.arange(len(sats)), n) * 2 + (epoch >= np.tile(slips, n))
    n1, nw = rng.integers(-50, 50, 2 * len(sats)).astype(float), rng.integers(-50, 50, 2 * len(sats)).astype(float)
    sigma = 0.006 / np.sin(elevation)
    receiver = np.where(sat < 200, 0.03, -0.21)
    odd_m = np.where(np.isin(sat, odd), 0.5 * narrow, 0.0)
    phase = n1[number] * narrow + nw[number] * wide_m + receiver + odd_m + rng.normal(0, sigma)
    code = rng.normal(0, 1.0 / np.sin(elevation)) * 0.3
    wide = nw[number] + np.where(sat < 200, 0.31, -0.44) + rng.normal(0, 0.15 / np.sin(elevation))
    nothing, zero = np.full(m, np.nan), np.zeros(m)
    combined = Combined(
        code, phase, narrow, wide_m, zero, wide, np.ones(m, dtype=np.bool_), nothing, np.zeros(m, dtype=np.bool_)
    )
    clock = np.repeat(rng.normal(0, 300.0, n), len(sats))
    slip = np.zeros(m, dtype=np.uint8)
    table = PppTable(
        np.arange(n) * int(STEP_S * 1e9), np.arange(n + 1) * len(sats), sat, sat, epoch,
        np.tile([4e6, 0.0, 5e6], (n, 1)), unit, azimuth, elevation, code + clock, phase + clock,
        1.0 / np.sin(elevation) ** 2, sigma**2, np.stack([1 / np.sin(elevation), zero, zero], axis=1), nothing,
        number, slip, slip.copy(), combined, {}, (),
    )  # fmt: skip
    return table, nw, n1


def wrong(lanes: NarrowLanes, n1: F64) -> int:
    """Arcs whose integer, against the others of their datum, is not the true one."""
    count = 0
    for datum in np.unique(lanes.datum[lanes.datum >= 0]):
        mine = lanes.datum == datum
        off = lanes.value[mine] - n1[mine]
        count += int((off != np.median(off)).sum())
    return count


@pytest.mark.parametrize(("causal", "gain"), [(True, 0.9), (False, 1.0)])
def test_integers_are_right_and_help(causal: bool, gain: float) -> None:
    """Over seeds: nearly all arcs are fixed, none wrongly, and errors shrink; least in hindsight, where arcs of hours
    have told their float ambiguities already."""
    fixed, of, errors = 0, 0, []
    for seed in range(4):
        table, nw, n1 = sky(seed)
        wide = wide_lanes(table)
        for system in BANDS:
            arcs = np.unique(table.arc[table.sat // 100 == system])
            assert len(np.unique((wide.by_arc - nw)[arcs])) == 1
        lanes = NarrowLanes(table, wide, causal=causal)
        params = PppParams()
        out = run_ppp(table, params, static=False, smooth=not causal, look=lanes.look)
        if not causal:
            out = run_ppp(lanes.tie(), params, static=False, smooth=True)
        free = run_ppp(table, params, static=False, smooth=not causal)
        assert wrong(lanes, n1) == 0
        fixed, of = fixed + int((lanes.datum >= 0).sum()), of + len(lanes.datum)
        errors.append([np.sqrt((one.dx_m[120:, :2] ** 2).mean()) for one in (out, free)])
    assert fixed > 0.85 * of
    tied, free_m = np.mean(errors, axis=0)
    assert tied < gain * free_m


def test_satellites_that_do_not_fit_stay_float() -> None:
    """Half a cycle of bias (another antenna model): that satellite is not tied, the others are."""
    table, _, n1 = sky(1, odd=(4,))
    lanes = NarrowLanes(table, wide_lanes(table), causal=False)
    run_ppp(table, PppParams(), static=False, smooth=True, look=lanes.look)
    odd = np.unique(table.arc[table.sat == 4])
    assert (lanes.datum[odd] < 0).all()
    assert (lanes.datum >= 0).sum() > 20
    assert wrong(lanes, n1) == 0


def test_nothing_is_fixed_without_biases() -> None:
    """Fractions that differ between satellites: no arc is tied."""
    table, _, _ = sky(2)
    rng = np.random.default_rng(5)
    fraction = rng.uniform(-0.5, 0.5, 400)
    phase = table.phase + fraction[table.sat] * table.combined.narrow_m
    lanes = NarrowLanes(table, wide_lanes(table), causal=False)
    run_ppp(replace(table, phase=phase), PppParams(), static=False, smooth=True, look=lanes.look)
    assert (lanes.datum >= 0).sum() <= 0.2 * len(lanes.datum)
