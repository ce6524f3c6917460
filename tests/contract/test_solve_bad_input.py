"""`kinema solve` on files as people really bring them: one line and exit code 2, or skipped and counted."""

import gzip
import json

import pytest

from kinema.cli import main


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """Half a minute of a simulated drive as RINEX files."""
    import kinema
    from kinema.simulate.folder import save_drive

    folder = tmp_path_factory.mktemp("drive")
    save_drive(kinema.simulate("open", seed=4, duration_s=30.0, rate_hz=1.0, systems="GE", base_km=1.0), folder)
    return folder


@pytest.fixture
def rover(drive):
    return next(path for path in drive.glob("rover*") if path.suffix != ".toml").read_text()


def nav_of(drive):
    return str(next(path for path in drive.iterdir() if "nav" in path.name.lower() or path.suffix == ".rnx"))


def refused(capsys, *argv):
    assert main(["solve", *map(str, argv), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("kinema: ")
    assert error.count("\n") == 1
    return error


def cut(text):
    return text[: int(len(text) * 0.6)]


def headless(text):
    return text[: text.index("END OF HEADER") - 40]


def garbled(text):
    lines = text.split("\n")
    lines[-20] = "~~ this is no observation ~~"
    return "\n".join(lines)


def not_a_number(text):
    lines = text.split("\n")
    lines[-20] = lines[-20][:3] + "           NaN" + lines[-20][17:]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(cut, "line"), (headless, "END OF HEADER"), (garbled, "line"), (not_a_number, "line")],
)
def test_a_damaged_rover_file_is_told_with_its_line(drive, rover, tmp_path, capsys, spoil, said):
    bad = tmp_path / "rover.obs"
    bad.write_text(spoil(rover))
    error = refused(capsys, bad, nav_of(drive))
    assert "rover.obs" in error
    assert said in error


@pytest.mark.parametrize("spoil", [cut, garbled, not_a_number])
def test_the_damage_is_skipped_and_counted_on_request(drive, rover, tmp_path, capsys, spoil):
    bad = tmp_path / "rover.obs"
    bad.write_text(spoil(rover))
    assert main(["solve", str(bad), nav_of(drive), "--mode", "single", "--on-bad", "skip", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["epochs"] > 5
    assert any("rover.obs" in issue for issue in told["issues"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rover.obs", b"", "empty"),
        ("rover.obs", bytes(range(256)) * 40, "binary"),
        ("rover.obs", b"\n" * 100_000, "blank lines"),
        ("rover.obs.gz", gzip.compress(b"\n" * 50_000_000), "blank lines"),
        ("rover.obs.gz", gzip.compress(b"x" * 1000)[:40], "rover.obs.gz"),
    ],
)
def test_what_is_no_recording_is_named(drive, tmp_path, capsys, name, content, said):
    bad = tmp_path / name
    bad.write_bytes(content)
    error = refused(capsys, bad, nav_of(drive))
    assert name in error
    assert said in error


def test_content_counts_not_the_ending(drive, rover, tmp_path, capsys):
    odd = tmp_path / "holiday.mp3"
    odd.write_text(rover)
    assert main(["solve", str(odd), nav_of(drive), "--mode", "single", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["available"] == 1.0


def test_navigation_missing_or_of_another_day(drive, rover, tmp_path, capsys):
    alone = tmp_path / "rover.obs"
    alone.write_text(rover)
    assert "navigation" in refused(capsys, alone)
    year = rover[rover.index("> ") + 2 :][:4]
    other_day = tmp_path / "earlier.obs"
    other_day.write_text(rover.replace(f" {year} ", f" {int(year) - 3} "))
    assert "hours away" in refused(capsys, other_day, nav_of(drive))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--systems", "C"], "systems"),
        (["--from", "2001-01-01T00:00:00Z", "--to", "2001-01-02T00:00:00Z"], "no observations"),
        (["--mode", "rtk"], "--base"),
        (["--mode", "ppp"], "SP3"),
        (["-o", "drive.mp3"], ".mp3"),
        (["--config", "none.toml"], "none.toml"),
    ],
)
def test_options_that_leave_nothing_to_solve(drive, rover, tmp_path, capsys, options, said):
    alone = tmp_path / "rover.obs"
    alone.write_text(rover)
    assert said in refused(capsys, alone, nav_of(drive), *options)
