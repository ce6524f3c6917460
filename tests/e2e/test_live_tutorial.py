"""The live example of the tutorial, run as it stands there on files from disk."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from kinema.core.streams import Imu, Series
from kinema.core.time import WEEK_NS
from kinema.formats.rtklib_pos import FORMAT as POS
from kinema.simulate.circuits import circuit
from kinema.simulate.fixes import inertial_recording
from kinema.simulate.vehicle import drive_around

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
T0_NS = 2200 * WEEK_NS + 200_000 * 10**9


def test_the_tutorial_s_live_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends where the simulated vehicle is."""
    motion = drive_around(circuit("suzuka", 1), t0_ns=T0_NS, laps=1, duration_s=70.0, wait_s=6.0)
    recording, _ = inertial_recording(motion, seed=3, rpy_bs_rad=(0.1, -0.1, 0.7), wheels=True)
    imu, wheels = recording.need("imu", Imu), recording.need("wheels", Series)

    def table(name: str, header: str, t_ns: np.ndarray, *columns: np.ndarray) -> None:
        tow_s = (t_ns - 2200 * WEEK_NS) * 1e-9
        rows = np.column_stack([np.full(len(tow_s), 2200), tow_s, *columns])
        np.savetxt(tmp_path / name, rows, fmt="%.9f", delimiter=",", header="gps_week,gps_tow_s," + header, comments="")

    names = [f"{what}_{axis}_{unit}" for what, unit in (("acc", "mps2"), ("gyro", "radps")) for axis in "xyz"]
    table("imu.csv", ",".join(names), imu.t_ns, imu.f_ib_s_mps2, imu.w_ib_s_radps)
    table("wheels.csv", "wheel_speed_mps", wheels.t_ns, wheels.value)
    assert POS.write is not None
    POS.write(recording.streams["fixes"], tmp_path / "rtk.pos")
    monkeypatch.chdir(tmp_path)
    example = re.search(r"## 7\. Live.*?```python\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    assert example
    said: dict[str, object] = {}
    exec(example[1], said)
    last = said["live"].last()  # type: ignore[attr-defined]
    truth = motion.sample(np.array([last.t_ns]), (0.6, 0.0, -1.4)).p_e_m[0]
    assert np.linalg.norm(last.p_e_m - truth) < 0.1
    assert "FIXED" in capsys.readouterr().out
