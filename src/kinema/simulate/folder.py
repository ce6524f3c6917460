"""A simulated drive as a folder of files that any program reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kinema.core.ephemeris import BroadcastEphemerides
from kinema.core.streams import GnssObservations

if TYPE_CHECKING:
    from kinema.simulate.drive import SimulatedDrive


def save_drive(drive: SimulatedDrive, folder: Path) -> Path:
    """Write rover.obs, drive.nav, base.obs (if any), truth.pos and kinema.toml into `folder`; returns it."""
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
    assert POS.write is not None
    POS.write(drive.truth, folder / "truth.pos")
    (folder / "kinema.toml").write_text(_toml(drive, base), encoding="utf-8")
    return folder


def _toml(drive: SimulatedDrive, base: GnssObservations | None) -> str:
    mount = drive.recording.mounts["gnss"]
    lines = [
        f"# Simulated: course {drive.course.name}, seed {drive.seed}. {drive.course.attribution}.",
        f'name = "{drive.recording.name}"',
        "",
        "[files]",
        'rover = "rover.obs"',
        'nav = "drive.nav"',
        *(['base = "base.obs"'] if base is not None else []),
        'truth = "truth.pos"  # of the antenna',
        "",
        "[mounts.gnss]",
        f"lever_arm_b_m = {list(mount.p_b_m or (0.0, 0.0, 0.0))}",
        "",
        "[truth]",
        'datum = "WGS84"',
    ]
    if base is not None:
        lines += ["", "[base]", f"position_e_m = {list(base.antenna.approx_p_e_m)}"]
    return "\n".join(lines) + "\n"
