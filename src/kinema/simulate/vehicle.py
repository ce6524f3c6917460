"""A vehicle on a circuit: from limits of grip and power to an exact, smooth motion with its inertial truth.

The motion is two sets of quintic splines over time (ECEF position, attitude angles), so velocity, acceleration and
angular rate are their analytic derivatives: an ideal IMU on it reads what `sample` says, to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import WGS84_A_M, WGS84_B_M, WGS84_E2, WGS84_F, c_ne, geodetic_from_ecef
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.time import NS
from kinema.simulate.circuits import Circuit
from kinema.simulate.ride import KNOT_S, Ride, ridden

EARTH_RATE_RADPS = 7.2921151467e-5
_KNOT_S = 0.1
_SOFTEN_S = 0.8


@dataclass(frozen=True)
class Limits:
    """What the driver asks of the car, SI: top speed, lateral grip, acceleration, braking."""

    speed_mps: float = 25.0
    lateral_mps2: float = 4.0
    accelerate_mps2: float = 2.5
    brake_mps2: float = 3.5


@dataclass(frozen=True)
class MotionTruth:
    """Exact motion of a body-fixed point at n times; b is forward, right, down; n local NED at the point.

    p_e_m, v_e_mps, a_e_mps2 (n, 3) in ECEF; C_eb, C_nb (n, 3, 3); f_ib_b_mps2, w_ib_b_radps (n, 3): what an ideal
    IMU there reads, Earth rate and normal gravity included; way_m (n,) distance travelled.
    """

    t_ns: I64
    p_e_m: F64
    v_e_mps: F64
    a_e_mps2: F64
    C_eb: F64
    C_nb: F64
    f_ib_b_mps2: F64
    w_ib_b_radps: F64
    way_m: F64


@dataclass(frozen=True)
class Motion:
    """A drive as splines: `sample(t_ns)` at any times and for any point of the body."""

    t0_ns: int
    duration_s: float
    origin_e_m: F64
    circuit: Circuit
    position: Any
    """Spline of ECEF position minus origin over seconds."""
    angles: Any
    """Spline of roll, pitch, yaw against the fixed local NED of the origin."""
    way: Any
    """Spline of distance travelled."""
    ride: Ride | None = None
    """How it rides on its road; None: on rails."""

    def seconds(self, t_ns: I64) -> F64:
        """Seconds from the start, held at both ends."""
        return np.clip((np.asarray(t_ns) - self.t0_ns) * 1e-9, 0.0, self.duration_s)

    def times(self, rate_hz: float) -> I64:
        """Times of a whole drive at a rate."""
        n = int(np.floor(self.duration_s * rate_hz + 1e-9)) + 1
        return self.t0_ns + np.round(np.arange(n) * (NS / rate_hz)).astype(np.int64)

    def sample(self, t_ns: I64, point_b_m: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> MotionTruth:
        """The motion at times (n,) of the body-fixed point `point_b_m` (forward, right, down of the body origin)."""
        t = self.seconds(t_ns)
        p, v, a = (self.position(t, nu) for nu in range(3))
        lat0, lon0, _ = geodetic_from_ecef(self.origin_e_m)
        angle, rate, rate2 = (self.angles(t, nu) for nu in range(3))
        c_eb = c_ne(lat0, lon0).T @ _c_from_rpy(angle)
        w_eb_b, dw_eb_b = _body_rate(angle, rate, rate2)
        arm = np.asarray(point_b_m)
        # Rigid body: v += C (ω × l), a += C (ω̇ × l + ω × (ω × l)).
        turn = np.cross(w_eb_b, arm)
        p = p + self.origin_e_m + np.einsum("nij,j->ni", c_eb, arm)
        v = v + np.einsum("nij,nj->ni", c_eb, turn)
        a = a + np.einsum("nij,nj->ni", c_eb, np.cross(dw_eb_b, arm) + np.cross(w_eb_b, turn))
        earth = np.array([0.0, 0.0, EARTH_RATE_RADPS])
        lat, lon, h = geodetic_from_ecef(p)
        to_n = c_ne(lat, lon)
        force_e = a + 2 * np.cross(earth, v) - normal_gravity_mps2(lat, h)[:, None] * to_n[:, 2]
        return MotionTruth(
            t_ns=np.asarray(t_ns),
            p_e_m=p,
            v_e_mps=v,
            a_e_mps2=a,
            C_eb=c_eb,
            C_nb=to_n @ c_eb,
            f_ib_b_mps2=np.einsum("nji,nj->ni", c_eb, force_e),
            w_ib_b_radps=w_eb_b + np.einsum("nji,j->ni", c_eb, earth),
            way_m=np.asarray(self.way(t)),
        )

    def truth(self, t_ns: I64, point_b_m: tuple[float, float, float] = (0.0, 0.0, 0.0), point: str = "body",
              seed: int | None = None) -> Solution:  # fmt: skip
        """The exact trajectory of a point as a Solution to judge by."""
        m = self.sample(t_ns, point_b_m)
        n = len(m.t_ns)
        return Solution(
            t_ns=m.t_ns,
            p_e_m=m.p_e_m,
            cov_p_e_m2=np.zeros((n, 3, 3)),
            v_e_mps=m.v_e_mps,
            q_nb_wxyz=quaternion_wxyz(m.C_nb),
            status=np.full(n, FixStatus.FIXED),
            provenance=Provenance(program="kinema simulate", mode="truth", simulated=True, seed=seed, point=point),
        )


def drive_around(
    circuit: Circuit,
    *,
    t0_ns: int,
    laps: float = 1.0,
    limits: Limits | None = None,
    wait_s: float = 5.0,
    stops: tuple[tuple[float, float], ...] = (),
    duration_s: float | None = None,
    ride: Ride | None = None,
) -> Motion:
    """Drive `laps` of a circuit from standstill to standstill: as a real car rides, or on rails.

    `wait_s`: at rest before and after; `stops`: (way in metres, seconds at rest) on the way; `duration_s` ends the
    drive early, wherever it is.
    """
    from scipy.interpolate import make_interp_spline

    n_lap = len(circuit.p_e_m)
    step_m = circuit.length_m / n_lap
    n = max(round(laps * n_lap), 20)
    line = circuit.p_e_m[np.arange(-30, n + 31) % n_lap]
    origin = circuit.p_e_m[0].copy()
    s_line = np.arange(-30, n + 31) * step_m
    # Vertices a metre apart carry millimetre steps from interpolation; softened, curvature is what a car can follow.
    along = make_interp_spline(s_line, _soften(line - origin, 9), k=5)
    speed = _speed_profile(along, n, step_m, limits or Limits(), stops)
    t, way = _way_over_time(speed, step_m, wait_s, stops)
    if duration_s is not None and t[-1] > duration_s:
        keep = t <= duration_s + _KNOT_S / 2
        t, way = t[keep], way[keep]
    way_spline = make_interp_spline(t, way, k=5)
    if ride is not None:
        t = np.arange(round(t[-1] / KNOT_S) + 1) * KNOT_S
        way = way_spline(t)
    p, tangent, bend = (along(way, nu) for nu in range(3))
    lat, lon, _ = geodetic_from_ecef(origin)
    to_n = c_ne(lat, lon)
    v, a = way_spline(t, 1), way_spline(t, 2)
    angles, right = _course(tangent @ to_n.T, bend @ to_n.T, v)
    lower, more = _on_rails(a, right) if ride is None else ridden(ride, t, way, v, a, right)
    angles, p = angles + more, p + lower[:, None] * to_n[2]
    return Motion(
        t0_ns=t0_ns,
        duration_s=float(t[-1]),
        origin_e_m=origin,
        circuit=circuit,
        position=make_interp_spline(t, p, k=5),
        angles=make_interp_spline(t, angles, k=5),
        way=way_spline,
        ride=ride,
    )


def _soften(values: F64, width: int) -> F64:
    window = np.hanning(width + 2)[1:-1]
    window /= window.sum()
    padded = np.concatenate([values[:1].repeat(width // 2, 0), values, values[-1:].repeat(width // 2, 0)])
    return np.stack([np.convolve(padded[:, k], window, "valid") for k in range(values.shape[1])], axis=1)


def _speed_profile(along: Any, n: int, step_m: float, limits: Limits, stops: tuple[tuple[float, float], ...]) -> F64:
    """Highest speed (n + 1,) at each metre that grip, power and brakes allow, at rest at both ends and stops."""
    s = np.arange(n + 1) * step_m
    bend = np.linalg.norm(along(s, 2), axis=1)
    v2 = np.minimum(limits.speed_mps**2, limits.lateral_mps2 / np.maximum(bend, 1e-9))
    cap = v2.copy()
    v2[0] = v2[-1] = 0.0
    for at_m, _ in stops:
        v2[min(round(at_m / step_m), n)] = 0.0
    for k in range(1, n + 1):
        spare = np.sqrt(max(1 - min(v2[k - 1] / cap[k - 1], 1.0) ** 2, 0.04))
        v2[k] = min(v2[k], v2[k - 1] + 2 * limits.accelerate_mps2 * spare * step_m)
    for k in range(n - 1, -1, -1):
        spare = np.sqrt(max(1 - min(v2[k + 1] / cap[k + 1], 1.0) ** 2, 0.04))
        v2[k] = min(v2[k], v2[k + 1] + 2 * limits.brake_mps2 * spare * step_m)
    return np.asarray(np.sqrt(v2))


def _way_over_time(speed: F64, step_m: float, wait_s: float, stops: tuple[tuple[float, float], ...]) -> tuple[F64, F64]:
    """Knot times and the way at each, speed softened so that acceleration has no steps."""
    dt = 2 * step_m / np.maximum(speed[:-1] + speed[1:], 1e-3)
    pause = np.zeros(len(speed))
    for at_m, rest_s in stops:
        pause[min(round(at_m / step_m), len(speed) - 1)] += rest_s
    arrive = wait_s + np.concatenate([[0.0], np.cumsum(dt)]) + np.concatenate([[0.0], np.cumsum(pause[:-1])])
    leave = arrive + pause
    times = np.stack([arrive, leave], axis=1).ravel()
    ways = np.repeat(np.arange(len(speed)) * step_m, 2)
    end = arrive[-1] + wait_s
    t = np.arange(0.0, end + _KNOT_S, _KNOT_S)
    way = np.interp(t, times, ways)
    width = round(_SOFTEN_S / _KNOT_S) | 1
    return t, _soften(_soften(way[:, None], width), width)[:, 0]


def _course(tangent_n: F64, bend_n: F64, v_mps: F64) -> tuple[F64, F64]:
    """Roll, pitch, yaw (n, 3) along the way, and the acceleration to the right (n,)."""
    yaw = np.unwrap(np.arctan2(tangent_n[:, 1], tangent_n[:, 0]))
    flat = np.hypot(tangent_n[:, 0], tangent_n[:, 1])
    right = (-tangent_n[:, 1] * bend_n[:, 0] + tangent_n[:, 0] * bend_n[:, 1]) / flat * v_mps**2
    return np.stack([np.zeros_like(yaw), np.arctan2(-tangent_n[:, 2], flat), yaw], axis=1), right


def _on_rails(a_forward: F64, a_right: F64) -> tuple[F64, F64]:
    """As kinema.simulate.ride.ridden, of a car that only leans out of corners and dives, nose along the way."""
    return np.zeros(len(a_right)), np.stack([-0.006 * a_right, 0.004 * a_forward, np.zeros(len(a_right))], axis=1)


def _c_from_rpy(rpy_rad: F64) -> F64:
    """Rotations (n, 3, 3) from body to the frame of the angles, order yaw, pitch, roll."""
    (sr, sp, sy), (cr, cp, cy) = np.sin(rpy_rad).T, np.cos(rpy_rad).T
    rows = [
        [cp * cy, sr * sp * cy - cr * sy, cr * sp * cy + sr * sy],
        [cp * sy, sr * sp * sy + cr * cy, cr * sp * sy - sr * cy],
        [-sp, sr * cp, cr * cp],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _body_rate(rpy: F64, d: F64, dd: F64) -> tuple[F64, F64]:
    """Angular rate and its derivative in body axes from angles and their first two derivatives."""
    (sr, sp, _), (cr, cp, _) = np.sin(rpy).T, np.cos(rpy).T
    dr, dp, dy = d.T
    w = np.stack([dr - dy * sp, dp * cr + dy * sr * cp, -dp * sr + dy * cr * cp], axis=1)
    ddr, ddp, ddy = dd.T
    dw = np.stack(
        [
            ddr - ddy * sp - dy * dp * cp,
            ddp * cr - dp * dr * sr + ddy * sr * cp + dy * (dr * cr * cp - dp * sr * sp),
            -ddp * sr - dp * dr * cr + ddy * cr * cp - dy * (dr * sr * cp + dp * cr * sp),
        ],
        axis=1,
    )
    return w, dw


def normal_gravity_mps2(lat_rad: F64, h_m: F64) -> F64:
    """Normal gravity (centrifugal part included) by Somigliana and a second-order height term (WGS84)."""
    s2 = np.sin(lat_rad) ** 2
    g0 = 9.7803253359 * (1 + 0.001931852652 * s2) / np.sqrt(1 - WGS84_E2 * s2)
    m = EARTH_RATE_RADPS**2 * WGS84_A_M**2 * WGS84_B_M / 3.986004418e14
    return np.asarray(g0 * (1 - 2 / WGS84_A_M * (1 + WGS84_F + m - 2 * WGS84_F * s2) * h_m + 3 * h_m**2 / WGS84_A_M**2))


def quaternion_wxyz(c: F64) -> F64:
    """Unit quaternions (n, 4), w not negative, of rotation matrices (n, 3, 3)."""
    from scipy.spatial.transform import Rotation

    q = Rotation.from_matrix(c).as_quat()[:, [3, 0, 1, 2]]
    return np.asarray(np.where(q[:, :1] < 0, -q, q))
