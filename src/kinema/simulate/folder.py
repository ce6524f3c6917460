"""A simulated drive as a folder of files that any program reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinema.core.ephemeris import BroadcastEphemerides
from kinema.core.recording import Mount
from kinema.core.streams import GnssObservations, Imu, Series
from kinema.core.time import WEEK_NS

if TYPE_CHECKING:
    from kinema.simulate.drive import SimulatedDrive


def save_drive(drive: SimulatedDrive, folder: Path) -> Path:
    """Write rover.obs, drive.nav, base.obs, imu.csv and wheels.csv (if any), truth.pos, kinema.toml; returns it."""
    from kinema.formats.rinex_nav_write import write_navigation
    from kinema.formats.rinex_obs_write import write_observations
    from kinema.formats.rtklib_pos import FORMAT as POS

    folder.mkdir(parents=True, exist_ok=True)
    recording = drive.recording
    comments = (f"SIMULATED BY KINEMA: {drive.course.name}, seed {drive.seed}",)
    write_observations(recording.need("gnss", GnssObservations), folder / "rover.obs", comments=comments)
    write_navigation(recording.need("ephemerides", BroadcastEphemerides), folder / "drive.nav", comments=comments)
    base = recording.get("base", GnssObservations)
    if base is not None:
        write_observations(base, folder / "base.obs", comments=comments)
    imu = recording.get("imu", Imu)
    if imu is not None:
        _write_imu(imu, folder / "imu.csv")
    wheels = recording.get("wheels", Series)
    if wheels is not None:
        _write_wheels(wheels, folder / "wheels.csv")
    assert POS.write is not None
    POS.write(drive.truth, folder / "truth.pos")
    (folder / "kinema.toml").write_text(_toml(drive, base), encoding="utf-8")
    return folder


def _write_imu(imu: Imu, path: Path) -> None:
    """Week, seconds of week, specific force and angular rate in the sensor's axes."""
    week = int(imu.t_ns[0]) // WEEK_NS
    tow_s = (imu.t_ns - week * WEEK_NS) * 1e-9
    columns = "gps_week,gps_tow_s,acc_x_mps2,acc_y_mps2,acc_z_mps2,gyro_x_radps,gyro_y_radps,gyro_z_radps"
    table = np.column_stack([np.full(len(tow_s), week), tow_s, imu.f_ib_s_mps2, imu.w_ib_s_radps])
    np.savetxt(
        path, table, fmt=["%d", "%.6f", *["%.7f"] * 3, *["%.9f"] * 3], delimiter=",", header=columns, comments=""
    )


def _write_wheels(wheels: Series, path: Path) -> None:
    """Week, seconds of week, speed of the rear axle."""
    week = int(wheels.t_ns[0]) // WEEK_NS
    tow_s = (wheels.t_ns - week * WEEK_NS) * 1e-9
    table = np.column_stack([np.full(len(tow_s), week), tow_s, wheels.value])
    columns = "gps_week,gps_tow_s,wheel_speed_mps"
    np.savetxt(path, table, fmt=["%d", "%.6f", "%.4f"], delimiter=",", header=columns, comments="")


def _mount(role: str, mount: Mount) -> list[str]:
    return [f"[mounts.{role}]", f"lever_arm_b_m = {list(mount.p_b_m or (0.0, 0.0, 0.0))}", ""]


def _toml(drive: SimulatedDrive, base: GnssObservations | None) -> str:
    lines = [
        f"# Simulated: course {drive.course.name}, seed {drive.seed}. {drive.course.attribution}.",
        f'name = "{drive.recording.name}"',
        "",
        "[files]",
        'rover = "rover.obs"',
        'nav = "drive.nav"',
        *(['base = "base.obs"'] if base is not None else []),
        *(f'{role} = "{role}.csv"' for role in ("imu", "wheels") if role in drive.recording.streams),
        'truth = "truth.pos"  # of the antenna',
        "",
        *(line for role, mount in drive.recording.mounts.items() for line in _mount(role, mount)),
        "[truth]",
        'datum = "WGS84"',
    ]
    if base is not None:
        lines += ["", "[base]", f"position_e_m = {list(base.antenna.approx_p_e_m)}"]
    return "\n".join(lines) + "\n"
