"""Which message and which signals are taken, and the group delays that go with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinema.core.ephemeris import GLONASS_COLUMNS, KEPLER_COLUMNS, MESSAGES, BroadcastEphemerides
from kinema.core.satellites import BAND_HZ, SPEED_OF_LIGHT_MPS, sat_id
from kinema.core.solution import Reason
from kinema.core.streams import GnssObservations
from kinema.core.time import NS
from kinema.estimate.satellite_states import satellite_states
from kinema.estimate.signal_selection import select_signals

HOUR_NS = 3600 * NS
T0_NS = 1_277_000_000 * NS
SIGNALS = {"G": ("1C", "2W", "2L", "5Q"), "E": ("1C", "5Q", "7Q"), "C": ("2I", "7I", "6I")}
TERMS = {"tgd1_s": 1e-8, "tgd2_s": 2e-8}


def messages(*rows: tuple[str, str, float, int], **terms: float) -> BroadcastEphemerides:
    """Messages of (satellite, kind, hours of toe from T0, health), all on one plausible orbit."""
    n = len(rows)
    toe_ns = np.array([T0_NS + round(hours * HOUR_NS) for _, _, hours, _ in rows])
    kepler = np.full((n, len(KEPLER_COLUMNS)), np.nan)
    plain = {"e": 0.01, "sqrt_a_sqrtm": 5200.0, "i0_rad": 0.9, "ura_m": 2.0, **TERMS, **terms}
    for column, name in enumerate(KEPLER_COLUMNS[:20]):
        kepler[:, column] = plain.get(name, 0.0)
    for name in ("ura_m", *TERMS, "isc1_s", "isc2_s", "isc5_s"):
        kepler[:, KEPLER_COLUMNS.index(name)] = plain.get(name, np.nan)
    kepler[:, 0] = kepler[:, 4] = toe_ns * 1e-9
    return BroadcastEphemerides(
        np.array([sat_id(name) for name, *_ in rows]), np.array([MESSAGES.index(kind) for _, kind, *_ in rows]),
        toe_ns, toe_ns, np.array([health for *_, health in rows]), np.arange(n), kepler,
        np.empty((0, len(GLONASS_COLUMNS))),
    )  # fmt: skip


def observed(*names: str, hours: float = 0.0) -> GnssObservations:
    m = len(names)
    return GnssObservations(
        np.array([T0_NS + round(hours * HOUR_NS)]), np.array([0, m]), np.array([sat_id(name) for name in names]),
        SIGNALS,
        np.full((m, 4), 2.2e7), np.full((m, 4), 1e8), np.full((m, 4), 100.0), np.full((m, 4), 45.0), np.zeros((m, 4)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "hours", "wanted"),
    [("G01", 0.9, 0), ("G01", 1.1, 1), ("E01", 1.1, 0), ("E01", 1.9, 1), ("E01", 2.1, 1)],
)
def test_nearest_message_and_galileo_not_before_its_time(name, hours, wanted):
    kind = "LNAV" if name[0] == "G" else "INAV"
    ephemerides = messages((name, kind, 0.0, 0), (name, kind, 2.0, 0))
    assert satellite_states(observed(name, hours=hours), ephemerides).message.tolist() == [wanted]


def test_old_unhealthy_and_missing_messages_are_told_apart():
    ephemerides = messages(("G01", "LNAV", 0.0, 0), ("G02", "LNAV", -9.0, 0), ("G03", "LNAV", 0.0, 1))
    states = satellite_states(observed("G01", "G02", "G03", "G04"), ephemerides)
    assert states.reason.tolist() == [Reason.USED, Reason.NO_EPHEMERIS, Reason.UNHEALTHY, Reason.NO_EPHEMERIS]
    assert np.isfinite(states.clock_m).tolist() == [True, False, False, False]


def test_group_delays_follow_each_systems_document():
    c = SPEED_OF_LIGHT_MPS
    ephemerides = messages(("G01", "LNAV", 0, 0), ("E01", "INAV", 0, 0), ("C20", "D1", 0, 0))
    delay = satellite_states(observed("G01", "E01", "C20"), ephemerides).group_delay_m / c
    gamma2 = (BAND_HZ["G"]["1"] / BAND_HZ["G"]["2"]) ** 2
    gamma5, gamma7 = ((BAND_HZ["E"]["1"] / BAND_HZ["E"][band]) ** 2 for band in "57")
    assert delay[0, :3] == pytest.approx([1e-8, gamma2 * 1e-8, gamma2 * 1e-8])
    assert np.isnan(delay[0, 3])
    # The clock of I/NAV is that of E1 and E5b: their ionosphere-free pair must have no delay.
    assert (gamma7 * delay[1, 0] - delay[1, 2]) == pytest.approx(0.0, abs=1e-16)
    assert delay[1, 1] == pytest.approx(2e-8 + (gamma5 - 1) * 1e-8)
    assert delay[2, :3] == pytest.approx([1e-8, 2e-8, 0.0])


def test_inter_signal_corrections_come_from_the_new_message():
    ephemerides = messages(("G01", "LNAV", 0, 0), ("G01", "CNAV", 0, 0), isc1_s=1e-9, isc2_s=3e-9, isc5_s=4e-9)
    kepler = ephemerides.kepler.copy()
    for name in ("isc1_s", "isc2_s", "isc5_s"):
        kepler[0, KEPLER_COLUMNS.index(name)] = np.nan
    states = satellite_states(observed("G01"), replace(ephemerides, kepler=kepler))
    assert states.message.tolist() == [0]
    delay = states.group_delay_m[0] / SPEED_OF_LIGHT_MPS
    gamma2 = (BAND_HZ["G"]["1"] / BAND_HZ["G"]["2"]) ** 2
    assert delay == pytest.approx([9e-9, gamma2 * 1e-8, 7e-9, 6e-9])


def test_signals_fall_back_row_by_row():
    observations = observed("G01", "G02", "G03", "E01")
    code = observations.code_m.copy()
    code[1, 1] = np.nan
    code[2, 0] = np.nan
    delay = np.zeros_like(code)
    delay[:, 3] = np.nan
    pair = select_signals(replace(observations, code_m=code), delay, "GE", 2)
    assert pair.slot.tolist() == [[0, 1], [0, 2], [1, -1], [0, 1]]
    assert pair.iono[0] == pytest.approx([1.0, (1575.42 / 1227.60) ** 2])
    assert pair.rate_mps[0] == pytest.approx(-100 * SPEED_OF_LIGHT_MPS / 1575.42e6)
    alone = select_signals(replace(observations, code_m=code), delay, "G", 1)
    assert alone.slot.tolist() == [[0, -1], [0, -1], [-1, -1], [-1, -1]]
