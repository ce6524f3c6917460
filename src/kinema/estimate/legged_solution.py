"""From a recording of a legged robot to a Solution of its base, causal."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kinema.core.arrays import F64, Bool
from kinema.core.frames import WGS84_A_M
from kinema.core.recording import Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.core.streams import Imu, Series
from kinema.core.time import iso_gps
from kinema.errors import ConfigError, DataError, EstimationError
from kinema.estimate import legged_filter as lf
from kinema.estimate.legged_filter import LeggedState
from kinema.estimate.legged_params import LeggedParams
from kinema.estimate.options import SolveOptions
from kinema.kernels.rotation import quats_from_dcms
from kinema.sensors.foot_contact import forces_at, load_share, standing
from kinema.sensors.urdf import Robot

_LEVEL_S = 0.3
_LONGEST_GAP_S = 1.0
_AXES = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
"""World x, y, z (east, north, up) to north, east, down."""
_FLIP = np.diag([1.0, -1.0, -1.0])
"""Forward-left-up to forward-right-down."""


def solve_legged(recording: Recording, options: SolveOptions, params: LeggedParams) -> Solution:
    """The base's trajectory in a local plane on the floor, from where the robot stands at first.

    The start is the origin, heading along x; only gravity is known of its attitude. Causal whatever the method: the
    feet tell nothing of the past. Raises ConfigError, DataError.
    """
    imu, joints = recording.need("imu", Imu), recording.need("joints", Series)
    forces = recording.need("foot_forces", Series)
    _refuse_gaps(imu)
    robot = robot_of(params)
    p_foot, c_foot, arm, c_bs = feet_in_imu(robot, joints, params)
    t = (imu.t_ns - imu.t_ns[0]) * 1e-9
    at = np.searchsorted(joints.t_ns, imu.t_ns).clip(0, len(joints.t_ns) - 1)
    p_foot, c_foot = p_foot[at], c_foot[at]
    force, turned = forces_at(forces, imu.t_ns)
    stands, share = standing(force), load_share(force)
    state, height_m = start(imu, t, p_foot[0], c_foot[0], arm, c_bs, params)
    n = len(t)
    p, c, v = np.empty((n, 3)), np.empty((n, 3, 3)), np.empty((n, 3))
    cov, worst = np.empty((n, 9, 9)), np.full(n, np.nan)
    f_s, w_s = imu.f_ib_s_mps2, imu.w_ib_s_radps
    for k in range(n):
        if k:
            worst[k] = lf.step(
                state, 0.5 * (w_s[k] + w_s[k - 1]), 0.5 * (f_s[k] + f_s[k - 1]), t[k] - t[k - 1],
                (p_foot[k], c_foot[k]), stands[k], stands[k - 1], share[k], params, height_m,
            )  # fmt: skip
        c[k] = state.r @ c_bs.T
        p[k], v[k] = state.p - c[k] @ arm, state.v - state.r @ np.cross(w_s[k] - state.bg, c_bs.T @ arm)
        cov[k] = _base_cov(state, p[k])
    notes = ("forces under the feet were told as negative: taken the other way round",) if turned else ()
    return _solution(imu, p, v, c, cov, worst, np.asarray(stands.any(axis=1)), recording, options, notes)


def _refuse_gaps(imu: Imu) -> None:
    """Steps cannot be bridged: after a pause nothing tells where the feet went."""
    pause_s = np.diff(imu.t_ns) * 1e-9
    longest = int(np.argmax(pause_s)) if len(pause_s) else 0
    if len(pause_s) and pause_s[longest] > _LONGEST_GAP_S:
        raise EstimationError(
            f"the robot's sensors pause for {pause_s[longest]:.1f} s after {iso_gps(int(imu.t_ns[longest]))} GPS; "
            "two recordings? give one at a time",
            int(imu.t_ns[longest]),
        )


def robot_of(params: LeggedParams) -> Robot:
    """The robot of the settings. Raises ConfigError."""
    if not params.urdf:
        raise ConfigError("a legged robot needs its URDF: give --urdf, put it beside the recording or set legged.urdf")
    path = Path(params.urdf)
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such URDF")
    return Robot.parse(path.read_text(encoding="utf-8"))


def feet_in_imu(robot: Robot, joints: Series, params: LeggedParams) -> tuple[F64, F64, F64, F64]:
    """Foot poses in the IMU, p (n, 2, 3) and c (n, 2, 3, 3); the IMU in the base, arm (3,) and C_bs (3, 3)."""
    n = len(joints.t_ns)
    angles = {name: joints.value[:, k] for k, name in enumerate(joints.columns)}
    arm, c_bs = (a[0] for a in robot.pose(params.base_link, params.imu_link, {}, 1))
    feet = []
    for sole in (params.left_sole, params.right_sole):
        moving = [j.name for j in robot.chain(params.base_link, sole) if j.kind != "fixed"]
        unknown = [name for name in moving if name not in angles]
        if unknown:
            raise DataError("joints", f"the angle of '{unknown[0]}', which carries '{sole}'", "none")
        feet.append(robot.pose(params.base_link, sole, angles, n))
    p = np.stack([(foot[0] - arm) @ c_bs for foot in feet], axis=1)
    return p, np.stack([c_bs.T @ foot[1] for foot in feet], axis=1), arm, c_bs


def start(
    imu: Imu, t: F64, p_foot: F64, c_foot: F64, arm: F64, c_bs: F64, params: LeggedParams
) -> tuple[LeggedState, float]:
    """Standing at the origin, level by gravity, the base's x axis along x; and the height of the floor, 0."""
    still = t < _LEVEL_S
    up = imu.f_ib_s_mps2[still].mean(axis=0)
    up /= np.linalg.norm(up)
    x_s = c_bs.T[:, 0] - up * (up @ c_bs.T[:, 0])
    x_s /= np.linalg.norm(x_s)
    r = np.stack([x_s, np.cross(up, x_s), up])
    cov = np.zeros((lf.N, lf.N))
    index = np.arange(3)
    cov[index[:2], index[:2]] = np.deg2rad(0.5) ** 2
    cov[2, 2] = 1e-8
    cov[lf.V + index, lf.V + index] = 1e-4
    cov[lf.P + index, lf.P + index] = 1e-8
    cov[lf.BG + index, lf.BG + index] = params.gyro_bias_sigma**2
    cov[lf.BA + index, lf.BA + index] = params.accel_bias_sigma**2
    p = r @ c_bs.T @ arm
    p[2] = -float((r @ p_foot.T)[2].mean())
    state = LeggedState(r, np.zeros(3), p, np.zeros((2, 3)), np.stack([np.eye(3)] * 2), np.zeros(3), np.zeros(3), cov)
    for foot in range(2):
        lf.place_foot(state, foot, p_foot[foot], c_foot[foot], params.foot_position_m, params.foot_tilt_rad)
    return state, float(state.d[:, 2].mean())


def _base_cov(s: LeggedState, p_base: F64) -> F64:
    """Covariance (9, 9) of the base's position, the IMU's velocity, and attitude, from the invariant errors."""
    j = np.zeros((9, lf.N))
    j[0:3, lf.P : lf.P + 3], j[0:3, 0:3] = np.eye(3), -lf.skew(p_base)
    j[3:6, lf.V : lf.V + 3], j[3:6, 0:3] = np.eye(3), -lf.skew(s.v)
    j[6:9, 0:3] = np.eye(3)
    return np.asarray(j @ s.cov @ j.T)


def _solution(
    imu: Imu, p: F64, v: F64, c: F64, cov: F64, worst: F64, stands: Bool, recording: Recording, options: SolveOptions,
    notes: tuple[str, ...],
) -> Solution:  # fmt: skip
    """World x, y, z on the plane at latitude 0, longitude 0: ECEF y, z, and x above its radius."""
    turn = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    p_e = p @ turn.T + np.array([WGS84_A_M, 0.0, 0.0])
    return Solution(
        imu.t_ns, p_e, turn @ cov[:, :3, :3] @ turn.T, v @ turn.T, turn @ cov[:, 3:6, 3:6] @ turn.T,
        quats_from_dcms(_AXES @ c @ _FLIP), _AXES @ cov[:, 6:9, 6:9] @ _AXES.T,
        status=np.where(stands, FixStatus.DIFFERENTIAL, FixStatus.DEAD_RECKONED).astype(np.uint8),
        channels={"nis_foot": Channel(worst, "1", "largest normalised innovation squared of the feet")},
        provenance=Provenance(
            sources=recording.sources, mode="legged", method="filter", simulated=recording.simulated,
            datum="local", point="base",
            notes=(
                "starts at the origin, the base's x axis along x; local plane laid at latitude 0, longitude 0",
                *notes,
                *(("causal, whatever the method",) if options.method != "filter" else ()),
            ),
        ),
    )  # fmt: skip
