"""The tight filter and its smoother against batch least squares on a problem that is linear, and bookkeeping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kinema.estimate import tight
from kinema.estimate.inertial_nodes import Nodes
from kinema.estimate.inertial_params import Calibration, InertialParams, Start
from kinema.estimate.tight_layout import (
    TightRows,
    code_again,
    epochs_of,
    event,
    give_places,
    lasting_s,
    sorted_rows,
    thinned,
)
from kinema.estimate.tight_params import TightParams
from kinema.kernels import inertial as ki
from kinema.kernels import tight as kt

F64 = NDArray[np.float64]
EPOCHS, SIZE, STEP_S = 50, 6, 0.5
P0 = np.array([4_050_999.0, 619_167.0, 4_871_223.0])
TRUE = np.array([1.5, -2.0, 0.7])
BIAS, AMBIGUITY, SLOW = 2, 3, 4
SIGMAS = {"p": 3.0, "v": 0.4}


def world() -> tuple[TightRows, list[tuple[int, int, F64]]]:
    """A receiver at rest: codes and carriers of five satellites, Dopplers; an ambiguity that begins anew half-way."""
    rng = np.random.default_rng(5)
    units = rng.normal(0, 1, (5, 3))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    events = [
        (0, kt.CLOCK, event(20.0, walk=0.04)), (0, kt.DRIFT, event(2.0, walk=0.01)),
        (0, BIAS, event(5.0, walk=0.001)), (0, SLOW, event(1.0, tau=8.0)), (0, AMBIGUITY, event(50.0, walk=1e-4)),
        (27, AMBIGUITY, event(60.0, walk=2e-4, value=3.0)), (10, SLOW + 1, event(0.7, tau=20.0)),
    ]  # fmt: skip
    kind, value, var, unit, at, epoch = [], [], [], [], [], []
    for e in range(EPOCHS):
        for s in range(5):
            for k, states, sigma in (
                (kt.CODE, (kt.CLOCK, BIAS if s == 1 else -1, SLOW if s == 2 else -1, -1, -1), 0.8),
                (kt.PHASE, (kt.CLOCK, -1, -1, SLOW + 1 if e >= 10 and s == 3 else -1, AMBIGUITY), 0.05),
                (kt.DOPPLER, (kt.DRIFT, -1, -1, -1, -1), 0.1),
            ):
                if k == kt.PHASE and s != 3:
                    continue
                kind.append(k)
                value.append(float(-units[s] @ TRUE * (k != kt.DOPPLER)) + rng.normal(0, sigma))
                var.append(sigma**2)
                unit.append(units[s])
                at.append(states)
                epoch.append(e)
    epoch_a, kind_a = np.array(epoch), np.array(kind)
    order = np.lexsort((var, kind_a, epoch_a))
    t_s = np.arange(EPOCHS) * STEP_S
    rows = sorted_rows(
        order, kind_a, np.array(value), np.array(var), np.ones(len(kind)), np.array(unit),
        np.array(at, dtype=np.int64), np.ones((len(kind), kt.EXTRA)),
    )  # fmt: skip
    data = TightRows(
        t_s, rows, epochs_of(t_s, np.tile(P0, (EPOCHS, 1)), epoch_a, events, EPOCHS), SIZE,
        np.zeros(len(kind), np.int64), np.full(len(kind), -1),
    )  # fmt: skip
    return data, events


def batch(data: TightRows, events: list[tuple[int, int, F64]]) -> tuple[F64, F64]:
    """Position and velocity (6,) and their covariance by one dense weighted least squares."""
    n = 6 + EPOCHS * SIZE
    equations: list[tuple[F64, float, float]] = []

    def add(columns: dict[int, float], z: float, variance: float) -> None:
        a = np.zeros(n)
        for k, b in columns.items():
            a[k] = b
        equations.append((a, z, variance))

    for i in range(3):
        add({i: 1.0}, 0.0, SIGMAS["p"] ** 2)
        add({3 + i: 1.0}, 0.0, SIGMAS["v"] ** 2)
    begun = {(e, s): par for e, s, par in events}
    alive: dict[int, F64] = {}
    for e in range(EPOCHS):
        place = 6 + e * SIZE
        for s in range(SIZE):
            if (e, s) in begun:
                alive[s] = begun[e, s]
                add({place + s: 1.0}, alive[s][kt.E_VALUE], alive[s][kt.E_VAR])
            elif s not in alive:
                add({place + s: 1.0}, 0.0, 1.0)
            elif s >= 2:
                par = alive[s]
                f = np.exp(-STEP_S / par[kt.E_TAU]) if par[kt.E_TAU] else 1.0
                q = par[kt.E_WALK] * STEP_S + (1 - f * f) * par[kt.E_SPREAD] * (par[kt.E_TAU] > 0)
                add({place + s: 1.0, place - SIZE + s: -f}, 0.0, q)
        if e:
            walk, drift = alive[kt.CLOCK][kt.E_WALK], alive[kt.DRIFT][kt.E_WALK]
            q = np.array([
                [walk * STEP_S + drift * STEP_S**3 / 3, drift * STEP_S**2 / 2], [drift * STEP_S**2 / 2, drift * STEP_S]
            ])  # fmt: skip
            root = np.linalg.inv(np.linalg.cholesky(q))
            step = np.zeros((2, n))
            step[0, place], step[0, place - SIZE], step[0, place - SIZE + 1] = 1.0, -1.0, -STEP_S
            step[1, place + 1], step[1, place - SIZE + 1] = 1.0, -1.0
            equations += [(row, 0.0, 1.0) for row in root @ step]
    rows = data.rows
    epoch = np.repeat(np.arange(EPOCHS), np.diff(data.epochs.row_start))
    for r in range(len(rows.kind)):
        first = 3 if rows.kind[r] == kt.DOPPLER else 0
        columns = {first + i: -float(rows.unit[r, i]) for i in range(3)}
        columns |= {6 + int(epoch[r]) * SIZE + int(s): 1.0 for s in rows.at[r] if s >= 0}
        add(columns, float(rows.value[r]), float(rows.var[r]))
    a = np.array([e[0] / np.sqrt(e[2]) for e in equations])
    z = np.array([e[1] / np.sqrt(e[2]) for e in equations])
    normal = np.linalg.inv(a.T @ a)
    return (normal @ a.T @ z)[:6], normal[:6, :6]


def still_nodes() -> Nodes:
    """A node at each epoch, and no inertial sample between."""
    k, nothing = EPOCHS, np.zeros((0, 3))
    values = {
        "t_s": np.arange(k) * STEP_S, "dth": nothing, "dv": nothing, "dt": np.zeros(0),
        "seg_start": np.zeros(k + 1, np.int64), "noise": np.zeros((k, 6)), "fix": np.arange(k),
        "fix_has": np.zeros(k, np.int64), "fixes": np.zeros((k, 24)), "wheel": np.full(k, np.nan),
        "nhc": np.zeros(k, np.int64), "quiet": np.zeros(k, np.int64), "mean": np.zeros((k, 6)),
    }  # fmt: skip
    return Nodes(**values)


def begin(data: TightRows, settings: TightParams | None = None, noise: F64 | None = None) -> tight.Run:
    x = np.zeros(ki.X_SIZE)
    x[:3], x[ki.X_Q], x[ki.X_QB] = P0, 1.0, 1.0
    p = np.zeros((ki.N, ki.N))
    for i in range(3):
        p[ki.P + i, ki.P + i], p[ki.V + i, ki.V + i] = SIGMAS["p"] ** 2, SIGMAS["v"] ** 2
    gates = {"code_gate": 1e9, "code_late_gate": 1e9, "doppler_gate": 1e9, "phase_gate": 1e9}
    settings = replace(settings or TightParams(), **gates)
    return tight.Run.begin(data, Start(0.0, x, p), InertialParams(), settings, Calibration(), noise=noise)


@pytest.mark.parametrize("chunk", [20, 1000])
def test_filter_and_smoother_are_batch_least_squares(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """The filter at its end, the smoother everywhere, whatever the chunks; states that begin on the way included."""
    monkeypatch.setattr(tight, "CHUNK_NODES", chunk)
    data, events = world()
    want, cov = batch(data, events)
    filtered = tight.run_filter(begin(data), still_nodes())
    np.testing.assert_allclose(filtered.x[-1, :6] - [*P0, 0, 0, 0], want, atol=2e-7)
    np.testing.assert_allclose(filtered.cov[-1, :6, :6], cov, atol=1e-8)
    smoothed = tight.run_smoother(begin(data), still_nodes())
    np.testing.assert_allclose(smoothed.x[:, :6] - [*P0, 0, 0, 0], np.tile(want, (EPOCHS, 1)), atol=2e-7)
    np.testing.assert_allclose(smoothed.cov[:, :6, :6], np.tile(cov, (EPOCHS, 1, 1)), atol=1e-8)
    assert smoothed.start is not None
    np.testing.assert_allclose(smoothed.start.x[:3] - P0, want[:3], atol=2e-7)


def test_a_code_far_off_hardly_pulls_and_a_slip_begins_its_ambiguity_anew() -> None:
    """200 m on one code moves the end by centimetres; 5 m on the carrier from the middle on by nothing to speak of."""
    data, _ = world()
    plain = tight.run_filter(_gated(data), still_nodes()).x[-1, :3]
    rows = data.rows
    epoch = np.repeat(np.arange(EPOCHS), np.diff(data.epochs.row_start))
    value = rows.value.copy()
    value[np.flatnonzero((rows.kind == kt.CODE) & (epoch == 40))[0]] += 200.0
    value[(rows.kind == kt.PHASE) & (epoch >= 40)] += 5.0
    run = _gated(TightRows(data.t_s, rows._replace(value=value), data.epochs, SIZE, data.sat, data.arc))
    spoiled = tight.run_filter(run, still_nodes()).x[-1, :3]
    assert np.linalg.norm(spoiled - plain) < 0.15
    slipped = (rows.kind == kt.PHASE) & (run.told_row[:, kt.T_WEIGHT] == 0.0)
    assert epoch[slipped].tolist() == [40]


def _gated(data: TightRows) -> tight.Run:
    run = begin(data)
    run.gates[:] = tight.gates_of(TightParams())
    return run


def test_epochs_that_are_not_seen_hand_on_what_begins_at_them() -> None:
    """The first epochs before the IMU begins, and one on the way: what begins there begins at the next that is seen,
    and the clock goes on by its drift, which is 200 m/s here, as if nothing had been."""
    data, _ = world()
    rows = data.rows
    epoch = np.repeat(np.arange(EPOCHS), np.diff(data.epochs.row_start))
    clock = np.where(rows.kind == kt.DOPPLER, 200.0, 200.0 * STEP_S * epoch)
    par = data.epochs.par.copy()
    par[data.epochs.state < 2, kt.E_VAR] = 1e8
    data = replace(data, rows=rows._replace(value=rows.value + clock), epochs=data.epochs._replace(par=par))
    seen = np.setdiff1d(np.arange(3, EPOCHS), [27])
    nodes = still_nodes()
    run = begin(data)
    done = tight.run_filter(run, replace(nodes, fix=np.where(np.isin(nodes.fix, seen), nodes.fix, -1)))
    assert np.linalg.norm(done.x[-1, :3] - P0 - TRUE) < 1.0
    assert np.nanmax(run.told_row[:, kt.T_RATIO]) < 25.0
    assert run.state.z[kt.CLOCK] == pytest.approx(200.0 * STEP_S * (EPOCHS - 1), abs=3.0)


def test_noise_is_learnt_from_the_innovations() -> None:
    """Codes that are three times as good as stated, and Dopplers just as good: both found, and only where asked for."""
    data, _ = world()
    rows = data.rows
    wrong = np.where(rows.kind == kt.CODE, 9.0, 1.0)
    data = replace(data, rows=rows._replace(var=rows.var * wrong))
    settings = TightParams(quietest=0.01, loudest=100.0, noise_prior=10.0)
    run = begin(data, settings, np.zeros((3, 2)))
    tight.run_filter(run, still_nodes())
    assert np.exp(run.state.noise[kt.CODE, 0]) == pytest.approx(1 / 9, rel=0.3)
    assert np.exp(run.state.noise[kt.DOPPLER, 0]) == pytest.approx(1.0, rel=0.3)
    run = begin(data)
    tight.run_filter(run, still_nodes())
    assert not run.state.noise[:, 0].any()


def test_places_are_shared_by_those_that_do_not_meet() -> None:
    """Three lifetimes, two of which overlap: two places."""
    place, size = give_places(np.array([0, 5, 11]), np.array([10, 20, 30]), 7)
    assert size == 9
    assert place[0] == place[2] != place[1]


def test_epochs_thinned_to_a_step() -> None:
    """10 Hz to 5 Hz; an epoch after a gap stays."""
    assert thinned(np.array([0.0, 0.1, 0.2, 0.3, 0.4, 2.0]), 0.19).tolist() == [0, 2, 4, 5]


def test_codes_that_repeat_count_less_the_slower_one_drives() -> None:
    """The first in full, the next by the correlation of a reflection; at rest hundreds count as a few."""
    epoch, sat, t = np.arange(6), np.array([1, 1, 1, 2, 1, 1]), np.array([0.0, 0.2, 0.4, 0.6, 0.8, 30.0])
    again = code_again(np.full(6, 2.0), epoch, sat, t)
    assert again[0] == again[3] == again[5] == 1.0
    assert again[1] == pytest.approx(1 / np.tanh(0.05))
    assert lasting_s(np.array([0.0, 10.0, 40.0])).tolist() == [60.0, 2.0, 2.0]


def test_a_coupling_that_there_is_not_is_refused() -> None:
    """Named in one line, with what there is."""
    from kinema.core.recording import Recording
    from kinema.errors import ConfigError
    from kinema.estimate.options import SolveOptions
    from kinema.estimate.strategies import tight as strategy

    recording = Recording({"imu": None, "gnss": None, "ephemerides": None})  # type: ignore[dict-item]
    assert strategy.applies(recording, SolveOptions())
    assert not strategy.applies(recording, SolveOptions(params={"tight": {"coupling": "loose"}}))
    with pytest.raises(ConfigError, match='coupling \'firm\'; it is "tight" or "loose"'):
        strategy.applies(recording, SolveOptions(params={"tight": {"coupling": "firm"}}))
    with pytest.raises(ConfigError, match=r"settings of \[tight\]"):
        strategy.applies(recording, SolveOptions(params={"tight": {"coupled": "loose"}}))
