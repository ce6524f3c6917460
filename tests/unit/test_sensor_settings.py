"""Mountings, lever arms, clocks and scales of kinema.toml, end to end: taken, refined, or refused with the evidence."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.frames import geodetic_from_ecef, vectors_n_from_e
from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.core.streams import Imu
from kinema.core.time import WEEK_NS
from kinema.errors import ConfigError, EstimationError
from kinema.estimate.options import SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.folder import folder_of
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import drive_around


@cache
def files() -> dict[str, str]:
    """A simulated drive as a logger would write it: IMU, fixes and wheels."""
    motion = drive_around(circuit("suzuka", 1), t0_ns=1_400_000_000 * 10**9, laps=3, duration_s=80.0, wait_s=6.0)
    recording = inertial_recording(motion, seed=5, wheels=True)[0]
    imu, fixes, wheels = recording.need("imu", Imu), recording.need("fixes", Solution), recording.streams["wheels"]

    def table(t_ns: np.ndarray, head: str, *columns: np.ndarray) -> str:
        rows = np.column_stack([t_ns // WEEK_NS, t_ns % WEEK_NS * 1e-9, *columns])
        return f"gps_week,gps_tow_s,{head}\n" + "\n".join(",".join(f"{v:.9f}" for v in row) for row in rows) + "\n"

    lat, lon, h = geodetic_from_ecef(fixes.p_e_m)
    v = vectors_n_from_e(fixes.v_e_mps, fixes.p_e_m)
    return {
        "imu.csv": table(imu.t_ns, "ax_mps2,ay_mps2,az_mps2,gx_radps,gy_radps,gz_radps",
                         imu.f_ib_s_mps2, imu.w_ib_s_radps),
        "fixes.csv": table(fixes.t_ns, "lat_deg,lon_deg,height_m,vn_mps,ve_mps,vd_mps,pos_std_n_m,pos_std_e_m,"
                           "pos_std_d_m", np.degrees(lat), np.degrees(lon), h, v, np.full((len(fixes), 3), 0.02)),
        "wheels.csv": table(wheels.t_ns, "wheel_speed_mps", wheels.value.reshape(len(wheels.t_ns), -1)[:, :1]),
    }  # fmt: skip


def told(folder: Path, toml: str) -> tuple[Recording, Solution]:
    for name, text in files().items():
        (folder / name).write_text(text)
    (folder / "kinema.toml").write_text(toml)
    recording = kinema.read(folder)
    return recording, solve(recording, SolveOptions(method="smooth"))


def test_everything_estimated_then_given(tmp_path: Path) -> None:
    """What one run finds, the next is told, with how sure it is: it stays there, and surer."""
    estimate = '[mounts.imu]\nlever_arm_b_m = "estimate"\nrpy_deg = "estimate"\ntime_offset_s = "estimate"\n'
    _, free = told(tmp_path, estimate)
    assert any("mounting of the IMU found" in note for note in free.provenance.notes)
    value = {
        name: float(free.channels[name].value[-1])
        for name in free.channels
        if name
        in (
            "lever_forward",
            "lever_right",
            "lever_down",
            "mounting_roll",
            "mounting_pitch",
            "mounting_yaw",
            "time_offset",
        )
    }
    arm = [value[f"lever_{side}"] for side in ("forward", "right", "down")]
    rpy = np.degrees([value[f"mounting_{angle}"] for angle in ("roll", "pitch", "yaw")]).tolist()
    _, given = told(tmp_path, f"""
        [mounts.imu]
        lever_arm_b_m = [0.0, 0.0, 0.0]
        rpy_deg = {rpy}
        rpy_sigma_deg = 0.1
        time_offset_s = {value["time_offset"]}
        time_offset_sigma_s = 0.002
        [mounts.gnss]
        lever_arm_b_m = {arm}
        lever_arm_sigma_m = 0.01
        [mounts.wheels]
        lever_arm_b_m = [-0.8, 0.0, 0.3]
        lever_arm_sigma_m = 0.3
        [wheels]
        scale = 1.0
        scale_sigma = 0.002
        """.replace("        ", ""))  # fmt: skip
    assert abs(float(given.channels["lever_forward"].value[-1]) - arm[0]) < 0.03
    assert abs(np.degrees(float(given.channels["mounting_yaw"].value[-1])) - rpy[2]) < 0.3
    assert abs(float(given.channels["time_offset"].value[-1])) < 0.006
    for name in ("lever_forward", "mounting_yaw"):
        assert given.channels[f"{name}_sigma"].value[0] <= free.channels[f"{name}_sigma"].value[0] + 1e-6


@pytest.mark.parametrize(("toml", "what"), [
    ('[mounts.imu]\naxes = "forward-left-up"\n', r"axis points up, the mounting given for it .* upside down"),
    ('[mounts.imu]\naxes = "forward-up-left"\n', "right-handed"),
    ('[mounts.imu]\naxes = "forward-down-left"\n', r"axis points up, .* \(9?[0-9]\d*° apart\)"),
    ('[mounts.imu]\naxes = "back-left-down"\n', "the vehicle drives to where the sensor's"),
    ("[mounts.gnss]\nlever_arm_b_m = [0.6, 0.0, -1.4]\n", "both count from the body's origin"),
    ("[mounts.imu]\nlever_arm_sigma_m = -1\n", "0 or above"),
    ("[wheels]\nscale = 0\n", "a number above 0"),
])  # fmt: skip
def test_wrong_settings_are_refused_with_the_evidence(toml: str, what: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, EstimationError), match=what):
        told(tmp_path, toml)


def test_a_given_scale_is_applied_once(tmp_path: Path) -> None:
    recording, _ = told(tmp_path, "[wheels]\nscale = 1.25\nscale_sigma = 0.1\n")
    (tmp_path / "kinema.toml").unlink()
    plain = kinema.read(tmp_path).streams["wheels"].value
    np.testing.assert_allclose(recording.streams["wheels"].value, 1.25 * plain)


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    """Every line of it is known; where it says two things of one angle, one is taken."""
    text = (Path(__file__).parents[2] / "docs" / "sensors.md").read_text(encoding="utf-8")
    block = text.split("`kinema.toml`\n\n", 1)[1].split("\n\n", 1)[0]
    for name in ("imu.csv", "robot.urdf"):
        (tmp_path / name).write_text("x\n")
    (tmp_path / "kinema.toml").write_text('[files]\nimu = "imu.csv"\n' + block.replace("\n    ", "\n").lstrip())
    folder = folder_of(tmp_path)
    assert folder.mounts["imu"].rpy_sigma_rad == pytest.approx(np.radians(2.0))
    assert folder.mounts["gnss"].p_sigma_m == 0.02
    assert folder.mounts["wheels"].p_b_m == (-1.3, 0.0, 0.3)
    assert folder.settings["wheels"]["scale"] == 1.02
    assert folder.settings["anchors"]["7"] == (12.5, 3.0, 2.0)
