"""Several files as one recording: in sequence, rover and base, folders with and without kinema.toml."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kinema
from kinema.errors import ConfigError, FormatError
from rinex_text import NAV3, OBS3, epoch3, gps, kepler, record

NAV = NAV3 + record("G07", kepler())
POS = """% (lat/lon/height=WGS84/ellipsoidal,Q=1:fix,2:float,3:sbas,4:dgps,5:single,6:ppp,ns=# of satellites)
%  GPST                  latitude(deg) longitude(deg)  height(m)   Q  ns   sdn(m)   sde(m)   sdu(m)  sdne(m)  sdeu(m)  sdun(m) age(s)  ratio
2024/03/05 10:00:00.000   48.780735784    9.171992250   320.0000   1  12   0.0100   0.0100   0.0200   0.0000   0.0000   0.0000   0.00    0.0
2024/03/05 10:00:01.000   48.780735784    9.171992250   320.0000   1  12   0.0100   0.0100   0.0200   0.0000   0.0000   0.0000   0.00    0.0
"""  # noqa: E501


def obs(seconds, marker="SITE", sats=("G05", "G06"), minute=0):
    text = OBS3.replace("SITE", marker)
    return text + "".join(epoch3(float(s), [gps(sat) for sat in sats], minute=minute) for s in seconds)


def write(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)
    return folder


def test_files_of_one_receiver_follow_each_other_whatever_their_order(tmp_path):
    write(tmp_path, b_obs=obs(range(10), minute=1), a_obs=obs(range(50, 60)).replace("E    4 C1X", "E    4 C7X"))
    gnss = kinema.read(tmp_path / "b.obs", tmp_path / "a.obs").streams["gnss"]
    assert len(gnss.t_ns) == 20
    assert (np.diff(gnss.t_ns) == 1e9).all()
    assert gnss.row_start[-1] == len(gnss.sat) == 40


def test_overlapping_epochs_are_taken_once_and_told(tmp_path):
    write(tmp_path, a_obs=obs(range(30)), b_obs=obs(range(25, 40)))
    recording = kinema.read(tmp_path / "a.obs", tmp_path / "b.obs")
    assert len(recording.streams["gnss"].t_ns) == 40
    assert [issue.count for issue in recording.issues if issue.kind == "epoch twice, first kept"] == [5]


def test_signals_of_files_that_follow_each_other_keep_their_names(tmp_path):
    other = OBS3.replace("G    5 C1C L1C D1C S1C X1 ", "G    5 C5Q L5Q D5Q S5Q C1C") + epoch3(5.0, [gps("G05", 2.5e7)])
    write(tmp_path, a_obs=obs([0]), b_obs=other)
    gnss = kinema.read(tmp_path / "a.obs", tmp_path / "b.obs").streams["gnss"]
    assert gnss.signals["G"] == ("1C", "5Q")
    last = gnss.code_m[-1]
    assert last.tolist() == [9.0, 2.5e7]


@pytest.mark.parametrize(
    ("other", "says"),
    [(obs(range(10), "ELSE"), "two receivers"), (obs(range(10), "ELSE", minute=5), "marker or receiver differ")],
)
def test_two_rovers_are_refused_in_one_line(tmp_path, other, says):
    write(tmp_path, a_obs=obs(range(10)), b_obs=other)
    with pytest.raises(ConfigError, match=says) as caught:
        kinema.read(tmp_path / "a.obs", tmp_path / "b.obs")
    assert "--base" in str(caught.value)


def test_base_by_argument_and_by_name(tmp_path):
    write(tmp_path, rover_obs=obs(range(10)), base_obs=obs(range(12), "BASE"), brdc_nav=NAV)
    named = kinema.read(tmp_path)
    given = kinema.read(tmp_path / "rover.obs", tmp_path / "brdc.nav", base=tmp_path / "base.obs")
    for recording in (named, given):
        assert set(recording.streams) == {"gnss", "base", "ephemerides"}
        assert len(recording.streams["base"].t_ns) == 12
        assert len(recording.streams["gnss"].t_ns) == 10


def test_a_folder_without_toml_leaves_out_what_it_does_not_know(tmp_path):
    write(
        tmp_path, rover_obs=obs(range(3)), LICENSE="All rights reserved\n", truth_pos=POS, notes_txt="tyres: 2.1 bar\n"
    )
    recording = kinema.read(tmp_path)
    assert set(recording.streams) == {"gnss", "truth"}
    assert [issue.kind for issue in recording.issues] == ["file of no known format"]
    assert recording.name == tmp_path.name


TOML = """name = "drive"
[files]
rover = ["x.obs", "y.obs"]
base = "z.obs"
nav = "n.nav"
truth = "t.pos"
[base]
position_deg_m = [48.780735784, 9.171992250, 320.0]
[mounts.gnss]
lever_arm_b_m = [0.5, 0.0, -1.2]
[mounts.imu]
rpy_deg = [180.0, 0.0, 90.0]
time_offset_s = 0.1
[truth]
lever_arm_b_m = [0.0, 0.0, 0.0]
[solve]
mode = "rtk"
"""


def test_toml_says_what_is_what(tmp_path):
    write(tmp_path, x_obs=obs(range(3)), y_obs=obs(range(3, 6)), z_obs=obs(range(9)), n_nav=NAV, t_pos=POS,
          kinema_toml=TOML, other_obs=obs(range(9), "ELSE"))  # fmt: skip
    for path in (tmp_path, tmp_path / "kinema.toml"):
        recording = kinema.read(path)
        assert set(recording.streams) == {"gnss", "base", "ephemerides", "truth"}
        assert len(recording.streams["gnss"].t_ns) == 6
        assert recording.name == "drive"
        assert recording.mounts["gnss"].p_b_m == (0.5, 0.0, -1.2)
        assert recording.mounts["imu"].rpy_bs_rad == (math.pi, 0.0, math.pi / 2)
        assert recording.mounts["imu"].p_b_m is None
        np.testing.assert_allclose(
            recording.settings["base"]["position_e_m"], [4157139.41, 671224.55, 4774723.27], atol=1e3
        )
        assert recording.settings["solve"] == {"mode": "rtk"}
        assert recording.settings["truth"]["lever_arm_b_m"] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('[files]\nrover = "none.obs"\n', r"files.rover: there is no file"),
        ("[flies]\n", "unknown section 'flies'"),
        ("not toml", "kinema.toml"),
        ("[mounts.gnss]\nlever = 3\n", "mounts.gnss knows"),
        ("[mounts.gnss]\nlever_arm_b_m = [1, 2]\n", "three numbers"),
        ('[base]\nposition_e_m = "here"\n', "three numbers"),
        ("files = 3\n", "must be a section"),
        ("[files]\nrover = 3\n", "a name or a list of names"),
    ],
)
def test_a_toml_that_cannot_work_is_one_clear_line(tmp_path, toml, says):
    write(tmp_path, x_obs=obs(range(3)), kinema_toml=toml)
    with pytest.raises(ConfigError, match=says) as caught:
        kinema.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_positions_in_sequence_join_and_at_the_same_time_are_refused(tmp_path):
    write(tmp_path, a_pos=POS, b_pos=POS.replace("10:00", "10:05"), c_pos=POS)
    assert len(kinema.read(tmp_path / "b.pos", tmp_path / "a.pos").streams["fixes"]) == 4
    with pytest.raises(ConfigError, match=r"a.pos and c.pos both hold 'fixes' at 2024-03-05 10:00:00"):
        kinema.read(tmp_path / "a.pos", tmp_path / "c.pos")


def test_garbled_file_in_a_folder_is_an_error_not_an_unknown_one(tmp_path):
    write(tmp_path, rover_obs=OBS3[:-20])
    with pytest.raises(FormatError, match="END OF HEADER"):
        kinema.read(tmp_path)
