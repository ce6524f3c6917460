"""Settings: layers, names, values and masks."""

import pytest

from kinema.config import load_toml, parse_mask, resolve
from kinema.core.time import gps_ns_from_week
from kinema.errors import ConfigError


def test_what_is_typed_wins_over_the_file_and_none_says_nothing():
    options = resolve({"mode": "single", "systems": "GE", "static": True}, {"mode": None, "systems": "G"})
    assert (options.mode, options.systems, options.static) == ("single", "G", True)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mod": "single"}, "did you mean 'mode'"),
        ({"mode": "magic"}, "not one of auto, single"),
        ({"systems": "GX"}, "not X"),
        ({"systems": ""}, "not none"),
        ({"frequencies": 4}, "not one of 1, 2, 3"),
        ({"static": "yes"}, "neither true nor false"),
        ({"base_position_e_m": ["1", "2"]}, "not three numbers"),
        ({"nosuch": {"x": 1}}, "unknown settings table 'nosuch'"),
        ({"masks": ["gnss"]}, "not SENSOR:FROM-TO"),
        ({"masks": ["gnss:20-10"]}, "ends before it starts"),
    ],
)
def test_mistakes_are_told_with_a_remedy(settings, said):
    with pytest.raises(ConfigError) as error:
        resolve(settings)
    assert said in str(error.value)


def test_masks_by_seconds_of_week_and_by_iso():
    reference = gps_ns_from_week(2055, 0)
    assert parse_mask("gnss:10.5-20", reference) == (
        "gnss", gps_ns_from_week(2055, 10.5), gps_ns_from_week(2055, 20)
    )  # fmt: skip
    iso = parse_mask("imu:2019-05-28T19:34:40Z/2019-05-28T19:35:00Z", 0)
    assert iso[2] - iso[1] == 20_000_000_000


def test_broken_toml_is_one_line_with_its_place(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("mode = \n")
    with pytest.raises(ConfigError, match=r"bad\.toml: not valid TOML: .*line 1"):
        load_toml(path)
