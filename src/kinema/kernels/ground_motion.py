"""How a mover on the ground moves: two interacting models, straight (or along a course) and a turn of unknown rate.

A track is a row of `x` (n, 2, 5): per model north, east, their rates (m, m/s) and turn rate (rad/s, clockwise positive,
0 in the first model); `p` (n, 2, 5, 5) covariances; `mu` (n, 2) probabilities of the models; `mean` (n, 4) and `cov`
(n, 4, 4) both models in one; `lead` (n, 3) of the course at each: unit tangent and curvature (1/m, clockwise positive)
of the line through the mover, NaN where there is none. IMM: Blom and Bar-Shalom 1988.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kinema.kernels.jit import kernel

FREE, TENTATIVE, CONFIRMED = 0, 1, 2


class GroundMotion(NamedTuple):
    """How movers move, and when a track lives."""

    q_straight: float = 0.3
    q_turn: float = 0.6
    """Acceleration noise of the straight and the turning model, m/s^1.5."""
    settle_s: float = 2.0
    """Time in which a velocity across a course is given up, where there is a course."""
    q_rate: float = 0.2
    """Change of the turn rate, rad/s^1.5."""
    first_rate: float = 0.3
    """Sigma of the turn rate when a turn begins, rad/s."""
    first_speed: float = 8.0
    """Sigma of a newborn's velocity, m/s."""
    to_turn: float = 0.1
    to_straight: float = 0.2
    """Changes of model per second."""
    gate: float = 16.0
    """Greatest squared Mahalanobis distance of a detection."""
    detected: float = 0.9
    """Probability that a mover is detected."""
    clutter: float = 1e-4
    """False detections per m² and scan."""
    soft: float = 0.0
    """1: detections that several tracks may claim are shared out by probability (JPDA); 0: one to one. Sharing draws
    neighbours together: of 20 runners in a pack it confused 42, one to one 2."""
    hit: float = 1.0
    miss: float = 0.7
    confirm: float = 2.5
    sure: float = 6.0
    """Existence gains `hit` per detection, loses `miss` without; at `confirm` a track is told; up to `sure`."""
    lost_s: float = 5.0
    """A track not seen for this long ends; one"""
    lost_on_course_s: float = 12.0
    """on a course, which says where it is meanwhile, waits for so long to be seen again, untold."""


CARS = GroundMotion(q_straight=3.0, q_turn=4.0, first_speed=40.0)
"""For what brakes and pulls at up to 1 g; the defaults are for people."""


@kernel
def _mix(x: np.ndarray, p: np.ndarray, mu: np.ndarray, dt: float, how: GroundMotion) -> None:
    """Interaction of the models of one track; the turning model takes `first_rate` from the straight one."""
    stay0, stay1 = np.exp(-how.to_turn * dt), np.exp(-how.to_straight * dt)
    go = np.array([[stay0 * mu[0], (1 - stay0) * mu[0]], [(1 - stay1) * mu[1], stay1 * mu[1]]])
    p[0, 4, 4] = how.first_rate**2
    old_x, old_p = x.copy(), p.copy()
    for j in range(2):
        mu[j] = max(go[0, j] + go[1, j], 1e-6)
        w0, w1 = go[0, j] / mu[j], go[1, j] / mu[j]
        for a in range(5):
            x[j, a] = w0 * old_x[0, a] + w1 * old_x[1, a]
        for a in range(5):
            for b in range(5):
                p[j, a, b] = (
                    w0 * old_p[0, a, b] + w1 * old_p[1, a, b]
                    + w0 * w1 * (old_x[0, a] - old_x[1, a]) * (old_x[0, b] - old_x[1, b])
                )  # fmt: skip
    x[0, 4] = 0.0
    p[0, 4, :] = 0.0
    p[0, :, 4] = 0.0


@kernel
def turn_matrix(x: np.ndarray, dt: float, f: np.ndarray) -> None:
    """Jacobian f (5, 5) of the coordinated turn at state x (5,)."""
    w = x[4]
    s, c = np.sin(w * dt), np.cos(w * dt)
    if abs(w * dt) < 1e-4:
        a, b, da, db = dt, 0.5 * w * dt * dt, -w * dt**3 / 3, 0.5 * dt * dt
    else:
        a, b = s / w, (1 - c) / w
        da, db = (w * dt * c - s) / (w * w), (w * dt * s - (1 - c)) / (w * w)
    vn, ve = x[2], x[3]
    f[:] = 0.0
    f[0, 0], f[1, 1], f[4, 4] = 1.0, 1.0, 1.0
    f[0, 2], f[0, 3], f[0, 4] = a, -b, da * vn - db * ve
    f[1, 2], f[1, 3], f[1, 4] = b, a, db * vn + da * ve
    f[2, 2], f[2, 3], f[2, 4] = c, -s, -dt * (s * vn + c * ve)
    f[3, 2], f[3, 3], f[3, 4] = s, c, dt * (c * vn - s * ve)


@kernel
def course_matrix(
    x: np.ndarray, dt: float, lead: np.ndarray, settle_s: float, f: np.ndarray, moved: np.ndarray
) -> None:
    """A step along a course: the velocity turns with the line, its part across decays. Fills the state `moved` (4,)
    after dt seconds and the Jacobian f (5, 5) at x (5,)."""
    tn, te, bend = lead[0], lead[1], lead[2]
    along, across = tn * x[2] + te * x[3], -te * x[2] + tn * x[3]
    turn, keep = bend * along * dt, np.exp(-dt / settle_s)
    c, s = np.cos(turn), np.sin(turn)
    un, ue = c * tn - s * te, s * tn + c * te
    f[:] = 0.0
    f[0, 0], f[1, 1] = 1.0, 1.0
    # How the new velocity changes with the speed along the line, the turn that it makes included, and with that across.
    an, ae = un + bend * dt * (-along * ue - keep * across * un), ue + bend * dt * (along * un - keep * across * ue)
    bn, be = -keep * ue, keep * un
    f[2, 2], f[2, 3] = an * tn - bn * te, an * te + bn * tn
    f[3, 2], f[3, 3] = ae * tn - be * te, ae * te + be * tn
    moved[2], moved[3] = along * un + across * bn, along * ue + across * be
    for a in range(2):
        moved[a] = x[a] + 0.5 * dt * (x[2 + a] + moved[2 + a])
        for b in range(2, 4):
            f[a, b] = 0.5 * dt * f[2 + a, b]
        f[a, 2 + a] += 0.5 * dt


@kernel
def _spread(p: np.ndarray, dt: float, q: float, q_rate: float, f: np.ndarray, fp: np.ndarray) -> None:
    """p = f p fᵀ + noise; fp (5, 5) is scratch."""
    for a in range(5):
        for b in range(5):
            fp[a, b] = 0.0
            for k in range(a, 5):
                fp[a, b] += f[a, k] * p[k, b]
            if a == 3:
                fp[a, b] += f[3, 2] * p[2, b]
    for a in range(5):
        for b in range(5):
            p[a, b] = 0.0
            for k in range(b, 5):
                p[a, b] += fp[a, k] * f[b, k]
            if b == 3:
                p[a, b] += fp[a, 2] * f[3, 2]
    for a in range(2):
        p[a, a] += q * q * dt**3 / 3
        p[a, 2 + a] += q * q * dt * dt / 2
        p[2 + a, a] += q * q * dt * dt / 2
        p[2 + a, 2 + a] += q * q * dt
    p[4, 4] += q_rate * q_rate * dt


@kernel
def _turned(x: np.ndarray, f: np.ndarray) -> None:
    """Move x (5,) by the coordinated turn f."""
    vn, ve = x[2], x[3]
    x[0] += f[0, 2] * vn + f[0, 3] * ve
    x[1] += f[1, 2] * vn + f[1, 3] * ve
    x[2], x[3] = f[2, 2] * vn + f[2, 3] * ve, f[3, 2] * vn + f[3, 3] * ve


@kernel
def merge_models(x: np.ndarray, p: np.ndarray, mu: np.ndarray, mean: np.ndarray, cov: np.ndarray) -> None:
    for a in range(4):
        mean[a] = mu[0] * x[0, a] + mu[1] * x[1, a]
    for a in range(4):
        for b in range(4):
            cov[a, b] = 0.0
            for j in range(2):
                cov[a, b] += mu[j] * (p[j, a, b] + (x[j, a] - mean[a]) * (x[j, b] - mean[b]))


@kernel
def predict_tracks(
    x: np.ndarray, p: np.ndarray, mu: np.ndarray, mark: np.ndarray, mean: np.ndarray, cov: np.ndarray,
    lead: np.ndarray, dt: float, how: GroundMotion,
) -> None:  # fmt: skip
    """Move every track that is not free on by dt seconds."""
    f, fp, moved = np.empty((5, 5)), np.empty((5, 5)), np.empty(4)
    for t in range(len(mark)):
        if mark[t, 0] == FREE:
            continue
        _mix(x[t], p[t], mu[t], dt, how)
        if lead[t, 0] == lead[t, 0]:
            course_matrix(x[t, 0], dt, lead[t], how.settle_s, f, moved)
            for a in range(4):
                x[t, 0, a] = moved[a]
        else:
            turn_matrix(x[t, 0], dt, f)
            _turned(x[t, 0], f)
        _spread(p[t, 0], dt, how.q_straight, 0.0, f, fp)
        turn_matrix(x[t, 1], dt, f)
        _turned(x[t, 1], f)
        _spread(p[t, 1], dt, how.q_turn, how.q_rate, f, fp)
        merge_models(x[t], p[t], mu[t], mean[t], cov[t])


@kernel
def born(
    x: np.ndarray, p: np.ndarray, mu: np.ndarray, z: np.ndarray, r: np.ndarray, how: GroundMotion
) -> None:  # fmt: skip
    # Loops, since assignments to slices take the compiler seconds.
    for m in range(2):
        mu[m] = 0.5
        for a in range(5):
            x[m, a] = z[a] if a < 2 else 0.0
            for b in range(5):
                p[m, a, b] = r[a, b] if a < 2 and b < 2 else 0.0
        p[m, 2, 2] = p[m, 3, 3] = how.first_speed**2
    p[1, 4, 4] = how.first_rate**2
