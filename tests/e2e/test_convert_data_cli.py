"""`kinema convert` and `kinema data` as a person types them."""

from __future__ import annotations

import gzip
import hashlib

import pytest

import kinema
from kinema.cli import main
from kinema.errors import ConfigError, FormatError
from kinema.formats.reading import read_file
from kinema.store import recordings
from trajectories import solution


@pytest.mark.parametrize("ending", ["pos", "nmea", "gpx", "kml", "geojson", "csv", "parquet"])
def test_convert_to_everything(tmp_path, capsys, ending):
    """From Parquet to each format; the line tells how many epochs."""
    given = kinema.write(solution(9, simulated=True), tmp_path / "in.parquet")
    out = tmp_path / f"out.{ending}"
    assert main(["convert", str(given), str(out)]) == 0
    assert "9 of 9 epochs" in capsys.readouterr().out
    assert len(read_file(out).streams["fixes"]) == 9


def test_convert_says_what_it_cannot(tmp_path, capsys):
    """Unknown ending, in place, missing file, damaged file: exit code 2 and one line."""
    given = kinema.write(solution(5), tmp_path / "in.pos")
    damaged = tmp_path / "bad.pos"
    damaged.write_text(given.read_text() + "2176 xyz\n")
    for arguments, said in (
        ([given, tmp_path / "out.xyz"], "known are"),
        ([given, given], "its own input"),
        ([tmp_path / "none.pos", tmp_path / "out.gpx"], "none.pos"),
        ([damaged, tmp_path / "out.gpx"], "garbled line"),
        (["--velocity", given, tmp_path / "out.gpx"], "--velocity"),
    ):
        assert main(["convert", *map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out.gpx").exists()
    assert main(["convert", str(damaged), str(tmp_path / "out.gpx"), "--on-bad", "skip"]) == 0
    assert "garbled line" in capsys.readouterr().out


@pytest.fixture
def registry(tmp_path):
    """A registry of one recording of two files, and a mirror that holds them, one of them zipped."""
    contents = {"rover.obs": b"observations" * 50, "base.obs": b"base" * 70}
    text = '[[recording]]\nname = "small"\ntitle = "t"\nlicence = "MIT"\nsource = "https://example.org"\n'
    text += "settings = '''\n[files]\nrover = \"rover.obs\"\n'''\n"
    for name, content in contents.items():
        text += f'[[recording.file]]\nname = "{name}"\nurl = "https://example.org/{name}"\nchecked = "path"\n'
        text += f'sha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}\n'
    path = tmp_path / "registry.toml"
    path.write_text(text)
    mirror = tmp_path / "mirror"
    (mirror / "small").mkdir(parents=True)
    (mirror / "small" / "rover.obs").write_bytes(contents["rover.obs"])
    (mirror / "base.obs.gz").write_bytes(gzip.compress(contents["base.obs"]))
    return path, mirror


def test_mirror_without_network(registry, tmp_path):
    """From the mirror, by both layouts, unzipped; with its settings; a second time nothing is fetched."""
    path, mirror = registry
    folder = recordings.get("small", tmp_path / "to", mirror, registry=path)
    assert sorted(one.name for one in folder.iterdir()) == ["base.obs", "kinema.toml", "rover.obs"]
    assert "Licence: MIT" in (folder / "kinema.toml").read_text()
    (mirror / "small" / "rover.obs").unlink()
    assert recordings.get("small", tmp_path / "to", mirror, registry=path) == folder


def test_wrong_checksum_keeps_nothing(registry, tmp_path):
    """Another content, a broken gzip, a missing file: one line each."""
    path, mirror = registry
    (mirror / "small" / "rover.obs").write_bytes(b"something else")
    with pytest.raises(FormatError, match=r"sha256 is .* pinned is"):
        recordings.get("small", tmp_path / "to", mirror, registry=path)
    assert not (tmp_path / "to" / "small" / "rover.obs").exists()
    (mirror / "small" / "rover.obs").unlink()
    with pytest.raises(ConfigError, match=r"neither small/rover\.obs nor"):
        recordings.get("small", tmp_path / "to", mirror, registry=path)
    (mirror / "rover.obs.gz").write_bytes(b"no gzip at all")
    with pytest.raises(FormatError, match="broken gzip"):
        recordings.get("small", tmp_path / "to", mirror, registry=path)


def test_unknown_recording_and_list(capsys, tmp_path):
    """The names are listed where one is wrong."""
    assert main(["data", "get", "nothing", "--to", str(tmp_path)]) == 2
    assert "canyon-berlin" in capsys.readouterr().err
    assert main(["data", "list"]) == 0
    assert "CC-BY-SA-4.0" in capsys.readouterr().out


def test_registry_is_pinned():
    """Each file: https, a commit in its address, a sha256, a licence."""
    for one in recordings.recordings().values():
        assert one.licence
        for file in one.files:
            assert file.url.startswith("https://raw.githubusercontent.com/")
            assert len(file.url.split("/")[5]) == 40
            assert len(file.sha256) == 64
            assert file.checked in ("size", "path")


@pytest.mark.data
def test_real_recordings_from_the_data_folder(data_dir, tmp_path, capsys):
    """The folder of real recordings is a mirror; what comes is readable."""
    assert main(["data", "get", "-q", "run-track-session", "canyon-berlin", "--to", str(tmp_path),
                 "--mirror", str(data_dir)]) == 0  # fmt: skip
    run, canyon = capsys.readouterr().out.split()
    assert len(kinema.read(run).streams["fixes"]) == 691
    assert set(kinema.read(canyon).streams) == {"prepared", "odometry", "truth"}
