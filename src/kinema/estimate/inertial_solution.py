"""From a recording with an IMU and fixes to a Solution at the antenna."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from kinema.core.arrays import F64, U8
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.solution import FixStatus, Provenance, Solution
from kinema.core.streams import Imu, used_mask
from kinema.errors import ConfigError
from kinema.estimate.align import Alignment, align
from kinema.estimate.align_wheels import fitted_wheels
from kinema.estimate.inertial import Pass, run_smoother
from kinema.estimate.inertial_causal import run_causal
from kinema.estimate.inertial_channels import calibration_channels, told_channels
from kinema.estimate.inertial_mounts import check_heading, check_level, with_mounts
from kinema.estimate.inertial_nodes import Nodes, build_nodes
from kinema.estimate.inertial_notes import check_agreement, check_clock, notes
from kinema.estimate.inertial_params import Calibration, InertialParams, Start
from kinema.estimate.inertial_swing import rates
from kinema.estimate.options import SolveOptions
from kinema.estimate.road_height import met_again
from kinema.kernels import inertial as ki
from kinema.kernels.rotation import dcms_from_quats, quats_from_dcms
from kinema.sensors.fix import HAS_POSITION, FixRows, fix_rows
from kinema.sensors.imu_signal import ImuSignal, imu_signal
from kinema.sensors.wheel import wheel_speed

STATUS_HOLD_S = 1.5
"""A node this near to a fix, or between two such, has the fix's status; others are dead reckoned."""


def solve_inertial(recording: Recording, options: SolveOptions, params: InertialParams) -> Solution:
    """The trajectory by inertial navigation between the fixes, aided by what else there is.

    Method "filter" is causal: it knows at each instant only what came before, but for the first seconds, in which it
    aligns; "smooth" and "batch" use the whole recording. Raises EstimationError, DataError, ConfigError.
    """
    imu = cut_imu(recording.need("imu", Imu), options, "imu")
    fixes = fixes_of(recording, options)
    t0_ns = int(imu.t_ns[0])
    options.progress("inertial: looking at the sensors", 0.1)
    signal = imu_signal(imu, t0_ns)
    rows = fix_rows(fixes, t0_ns, options.masks_of("fixes", "gnss"))
    if not len(rows.t_s):
        raise ConfigError("every fix is masked or without a position; inertial navigation needs some to start from")
    params, c_bs = with_mounts(recording, params)
    check_level(signal, c_bs)
    options.progress("inertial: aligning", 0.2)
    wheels = wheel_speed(recording.streams.get("wheels"), options.masks_of("wheels"), t0_ns)
    causal = options.method == "filter"
    alignment = align(signal, rows, params, whole=not causal, c_bs=c_bs)
    check_heading(alignment.smoothed, c_bs)
    options.progress("inertial: " + ("filtering" if causal else "smoothing"), 0.5)
    done, nodes = navigate(signal, rows, alignment, params, wheels, causal=causal)
    mounting = None if c_bs is not None else alignment.mounting
    return to_solution(done, nodes, rows, fixes, signal, alignment, options, recording, params, mounting is not None)


def cut_imu(imu: Imu, options: SolveOptions, role: str) -> Imu:
    keep = used_mask(imu.t_ns, options.masks_of(role))
    if options.from_ns is not None:
        keep &= imu.t_ns >= options.from_ns
    if options.to_ns is not None:
        keep &= imu.t_ns < options.to_ns
    if not keep.any():
        raise ConfigError("no inertial sample lies between --from and --to outside the masks")
    return Imu(imu.t_ns[keep], imu.f_ib_s_mps2[keep], imu.w_ib_s_radps[keep])


def fixes_of(recording: Recording, options: SolveOptions) -> Solution:
    """The fixes that came along, or those that the raw observations give. Raises ConfigError."""
    fixes = recording.get("fixes", Solution)
    if fixes is None:
        from kinema.estimate.strategy import solve

        rest = {role: stream for role, stream in recording.streams.items() if role not in ("imu", "wheels", "odometry")}
        fixes = solve(replace(recording, streams=rest), replace(options, mode="auto"))
    keep = np.ones(len(fixes), dtype=np.bool_)
    if options.from_ns is not None:
        keep &= fixes.t_ns >= options.from_ns
    if options.to_ns is not None:
        keep &= fixes.t_ns < options.to_ns
    return fixes.select(keep)


def navigate(
    signal: ImuSignal, fixes: FixRows, alignment: Alignment, params: InertialParams,
    wheels: tuple[F64, F64] | None, *, causal: bool,
) -> tuple[Pass, Nodes]:  # fmt: skip
    """The pass over the whole recording: causal, or smoothed."""
    calibration = alignment.calibration
    wheels, params = fitted_wheels(alignment.smoothed, wheels, params)
    start = mounted(alignment.start, calibration, params)
    signal = replace(signal, usual_f=alignment.usual_f)
    if causal:
        return run_causal(signal, fixes, start, params, calibration, wheels)
    nodes = build_nodes(signal, fixes, calibration, params, wheels, span_s=(start.t_s, np.inf))
    done = run_smoother(nodes, start, params, calibration)
    road = met_again(done, params, coarse=fixes.slow_sigma_m > 0)
    if road is not None:
        nodes = replace(nodes, road=road)
        done = run_smoother(nodes, start, params, calibration)
    return done, nodes


def mounted(start: Start, calibration: Calibration, params: InertialParams) -> Start:
    """A start that knows the calibration's mounting."""
    x, p = start.x.copy(), start.p.copy()
    x[ki.X_QB : ki.X_QB + 4] = quats_from_dcms(calibration.c_bs[None])[0]
    p[ki.MU : ki.TD, :] = p[:, ki.MU : ki.TD] = 0.0
    if calibration.mounted:
        p[ki.MU, ki.MU] = p[ki.MU + 1, ki.MU + 1] = params.mount_sigma_rad**2
    return Start(start.t_s, x, p)


def antenna(done: Pass) -> tuple[F64, F64, F64, F64]:
    """Antenna position and velocity in e at the fixes' clock (K, 3), their covariances (K, 3, 3)."""
    c_es = dcms_from_quats(done.x[:, ki.X_Q : ki.X_Q + 4])
    lever, (rate, rate_var) = done.x[:, ki.X_L : ki.X_L + 3], rates(done)
    arm = np.einsum("nij,nj->ni", c_es, lever)
    swing = np.einsum("nij,nj->ni", c_es, np.cross(rate, lever))
    v = done.x[:, ki.X_V : ki.X_V + 3] + swing
    td = done.x[:, ki.X_TD : ki.X_TD + 1]
    p = done.x[:, :3] + arm - v * td
    rows = np.zeros((len(v), 3, done.cov.shape[1]))
    rows[:, :, 0:3] = np.eye(3)
    rows[:, :, 6:9] = -_skew(arm)
    rows[:, :, 9] = -v
    rows[:, :, 10:13] = c_es
    cov_p = rows @ done.cov @ np.swapaxes(rows, 1, 2)
    rows[:, :, 0:3], rows[:, :, 3:6] = 0.0, np.eye(3)
    rows[:, :, 6:9] = -_skew(swing)
    rows[:, :, 9] = -done.means[:, 1]
    rows[:, :, 10:13] = c_es @ _skew(rate)
    swung = c_es @ _skew(lever)
    cov_v = rows @ done.cov @ np.swapaxes(rows, 1, 2) + (swung * rate_var[:, None, :]) @ np.swapaxes(swung, 1, 2)
    symmetric = [0.5 * (cov + np.swapaxes(cov, 1, 2)) for cov in (cov_p, cov_v)]
    return p, v - done.means[:, 1] * td, symmetric[0], symmetric[1]


def attitude(done: Pass, p_e_m: F64, alignment: Alignment) -> tuple[F64, F64]:
    """Attitude of the body in n at p_e_m (K, 3) at the fixes' clock, quaternions (K, 4), covariances (K, 3, 3)."""
    lat, lon, _ = geodetic_from_ecef(p_e_m)
    c_en = np.swapaxes(c_ne(lat, lon), 1, 2)
    c_bs, c_es = (dcms_from_quats(done.x[:, at : at + 4]) for at in (ki.X_QB, ki.X_Q))
    # the attitude, too, belongs to the time that is left of the offset earlier
    late = done.means[:, 0] * done.x[:, ki.X_TD : ki.X_TD + 1]
    c_be = c_bs @ np.swapaxes(c_es @ (np.eye(3) - _skew(late)), 1, 2)
    q_nb = quats_from_dcms(np.swapaxes(c_be @ c_en, 1, 2))
    return q_nb, attitude_cov(done, np.swapaxes(c_be, 1, 2), c_en, alignment)


def attitude_cov(done: Pass, c_eb: F64, c_en: F64, alignment: Alignment) -> F64:
    """Covariance (K, 3, 3) of the body's attitude in n: φ − C_eb μ of sensor and mounting, and −ω δt of the clock."""
    rows = np.zeros((len(c_eb), 3, done.cov.shape[1]))
    rows[:, :, 6:9] = np.eye(3)
    rows[:, :, 9] = -np.einsum("nij,nj->ni", dcms_from_quats(done.x[:, ki.X_Q : ki.X_Q + 4]), done.means[:, 0])
    rows[:, :, 13:15] = -c_eb[:, :, 1:3]
    cov = rows @ done.cov @ np.swapaxes(rows, 1, 2)
    if alignment.mounting is not None:
        forward = c_eb[:, :, :1]
        cov = cov + alignment.mounting.sigma_rpy_rad[0] ** 2 * forward @ np.swapaxes(forward, 1, 2)
    return np.asarray(np.swapaxes(c_en, 1, 2) @ cov @ c_en)


def _skew(a: F64) -> F64:
    out = np.zeros((len(a), 3, 3))
    out[:, 0, 1], out[:, 0, 2], out[:, 1, 2] = -a[:, 2], a[:, 1], -a[:, 0]
    return out - np.swapaxes(out, 1, 2)


def _statuses(t_s: F64, fix_t_s: F64, status: U8) -> U8:
    """The status of each node: its fix's where one is near before and after, else dead reckoned."""
    k = np.searchsorted(fix_t_s, t_s, side="right") - 1
    before, after = np.clip(k, 0, len(fix_t_s) - 1), np.clip(k + 1, 0, len(fix_t_s) - 1)
    since, until = np.abs(t_s - fix_t_s[before]), np.abs(fix_t_s[after] - t_s)
    near = (since < 1e-6) | ((since < STATUS_HOLD_S) & (until < STATUS_HOLD_S))
    return np.where(near, status[before], FixStatus.DEAD_RECKONED).astype(np.uint8)


def to_solution(
    done: Pass, nodes: Nodes, rows: FixRows, fixes: Solution, signal: ImuSignal, alignment: Alignment,
    options: SolveOptions, recording: Recording, params: InertialParams, found_mount: bool,
) -> Solution:  # fmt: skip
    """The Solution at the antenna, at every node of the pass, on the fixes' clock.

    Raises EstimationError where the fixes contradict the IMU throughout.
    """
    check_agreement(done, params, signal.issues)
    check_clock(done, alignment)
    p, v, cov_p, cov_v = antenna(done)
    t_s = done.gps_times(alignment.calibration)
    with_fix = nodes.fix >= 0
    t_s[with_fix] = rows.t_s[nodes.fix[with_fix]]
    t_ns = signal.t0_ns + np.round(t_s * 1e9).astype(np.int64)
    # a clock that is set back makes some instants twice: the first is kept
    keep = np.concatenate([[True], t_ns[1:] > np.maximum.accumulate(t_ns)[:-1]])
    q_nb, cov_att = attitude(done, p, alignment)
    positions = (rows.has & HAS_POSITION).astype(bool)
    fix_ns = signal.t0_ns + np.round(rows.t_s[positions] * 1e9).astype(np.int64)
    of_fix = np.clip(np.searchsorted(fixes.t_ns, fix_ns), 0, len(fixes) - 1)
    status = _statuses(t_s, rows.t_s[positions], fixes.status[of_fix])
    channels = told_channels(done) | calibration_channels(done, alignment, params)
    return Solution(
        t_ns[keep], p[keep], cov_p[keep], v[keep], cov_v[keep], q_nb[keep], cov_att[keep], status[keep],
        channels={name: replace(c, value=c.value[keep]) for name, c in channels.items()},
        provenance=Provenance(
            sources=recording.sources, mode="inertial", method=options.method,
            settings={"inertial": asdict(params)}, simulated=recording.simulated,
            notes=tuple(notes(done, alignment, rows, signal, params, recording, found_mount)),
        ),
    )  # fmt: skip
