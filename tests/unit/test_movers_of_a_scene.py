"""Travels, flows and heat maps of many movers: distances with a sigma that holds, nothing told of fewer than five."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinema.analysis.movers import jumps_of, travels_of
from kinema.analysis.occupancy import heat_of, inside_counts, line_flow, zone_flow
from kinema.core.course import Gate
from kinema.core.zone import Zone
from scenes import PLANE, crowd, runners, tracks_of


def straight(movers: int, speed_mps: float = 2.0, rate_hz: float = 5.0, n: int = 100) -> np.ndarray:
    """Movers that go north side by side, one metre apart."""
    north = speed_mps * np.arange(n) / rate_hz
    return np.stack([np.column_stack([north - 20.0, np.full(n, k + 0.5)]) for k in range(movers)])


def test_distance_and_top_speed_of_a_straight_way() -> None:
    (travel,) = travels_of(tracks_of(straight(1), 5.0))
    assert travel.distance_m == pytest.approx(39.6)
    assert travel.present_s == pytest.approx(19.8)
    assert travel.top_mps == pytest.approx(2.0)
    assert travel.top_sigma_mps == pytest.approx(0.1)
    # Both ends are off by 0.05 m along the way, and swaying of 0.1 m/s may lengthen it by 0.02 / 8 m each second.
    assert travel.distance_sigma_m == pytest.approx(np.hypot(0.05 * np.sqrt(2), 0.02 / 8 * 19.8), rel=0.01)


def test_sigma_of_distances_holds() -> None:
    rng = np.random.default_rng(3)
    true = straight(200, 1.5)
    smooth = np.apply_along_axis(lambda x: np.convolve(x, np.ones(9) / 9, "same"), 1, rng.normal(0, 0.15, true.shape))
    travels = travels_of(tracks_of(true + smooth, 5.0))
    off = np.array([(t.distance_m - 0.3 * 99) / t.distance_sigma_m for t in travels])
    assert (np.abs(off) < 1.96).mean() > 0.9


def test_a_pause_is_no_way() -> None:
    tracks = tracks_of(straight(1), 5.0)
    keep = (np.arange(100) < 40) | (np.arange(100) >= 60)
    fields = ("t_ns", "track", "p_ne_m", "cov_ne_m2", "v_ne_mps", "cov_v_ne", "seen", "tag")
    (travel,) = travels_of(replace(tracks, **{f: getattr(tracks, f)[keep] for f in fields}))
    assert travel.gaps == 1
    assert travel.distance_m == pytest.approx(0.4 * 78)


def test_a_jump_is_found_and_a_sprint_is_none() -> None:
    t = np.arange(200) * 0.1
    sprint = np.column_stack([np.clip(2 + 4.0 * (t - 10), 2, 9), np.zeros(200)])
    assert not len(jumps_of(t, sprint))
    jump = np.full((200, 2), (2.0, 0.0))
    jump[100:104] = 40.0
    assert jumps_of(t, jump) == pytest.approx([10.0], abs=0.4)


def test_cells_of_fewer_than_five_are_not_in_the_heat() -> None:
    tracks = tracks_of(np.concatenate([straight(5)[:, :50], straight(4)[:, 50:]]), 5.0)
    east = tracks.p_ne_m[:, 1] * 0 + 0.5
    heat = heat_of((tracks.t_ns - tracks.t_ns[0]) * 1e-9, east, tracks.p_ne_m[:, 0], tracks.track, cell=2.0)
    assert set(heat.movers.tolist()) == {5}
    assert (heat.row * 2.0 + heat.y0 < 0).all()
    assert heat.hidden >= 9
    assert heat.seconds.sum() == pytest.approx(5 * 9.8, abs=1.0)


def test_cells_are_as_fine_as_five_movers_allow() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0, 100, (1500, 2, 2))
    for movers, finer in ((1500, True), (30, False)):
        xy = np.repeat(p[:movers], 10, axis=1)
        heat = heat_of(np.tile(np.arange(20) / 10, movers), *xy.reshape(-1, 2).T, np.repeat(np.arange(movers), 20))
        assert heat.cell == (1.0 if finer else 5.0)
        assert len(heat.row) or not finer


def test_fast_movers_leave_no_holes() -> None:
    p = straight(6, 40.0)
    heat = heat_of(np.tile(np.arange(100) / 5, 6), p[..., 1].ravel() * 0, p[..., 0].ravel(), np.repeat(range(6), 100),
                   cell=1.0)  # fmt: skip
    assert np.array_equal(np.sort(heat.row), np.arange(792))


def test_flows_through_a_line_and_a_zone() -> None:
    tracks = tracks_of(straight(6), 5.0)
    lat, lon = PLANE.geodetic_from_ne(np.array([[0.1, -2.0], [0.1, 20.0], [5.1, 20.0], [5.1, -2.0]]))
    line = Gate("door", (float(lat[0]), float(lon[0])), (float(lat[1]), float(lon[1])), "sector")
    assert line_flow(tracks, line).forward == 6
    assert line_flow(tracks, line).back == 0
    zone = Zone("hall", np.column_stack([lat, lon]))
    flow, inside = zone_flow(tracks, zone)
    assert (flow.movers, flow.forward, flow.back, flow.most) == (6, 6, 6, 6)
    assert flow.stay_s == pytest.approx(2.4, abs=0.3)
    (count,) = inside_counts(np.unique(tracks.t_ns), tracks, [inside])
    assert count.max() == 6
    few, _ = zone_flow(tracks_of(straight(4), 5.0), zone)
    assert (few.movers, few.forward, few.back) == (-1, -1, -1)
    assert np.isnan(few.most)


def test_travels_are_in_the_order_of_the_tracks() -> None:
    assert [t.track for t in travels_of(crowd(50))] == list(range(50))
    assert travels_of(runners(3, 60.0))[0].mean_mps == pytest.approx(4.0, abs=0.01)
