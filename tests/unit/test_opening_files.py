"""Opening: compression told by content, damage and bombs ended in one clear line, memory bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib

import numpy as np
import pytest

import kinema
from kinema.errors import FormatError, KinemaError
from kinema.formats.opening import IN_MEMORY_BYTES, open_source
from kinema.formats.reading import discover, sniff
from rinex_text import OBS3, epoch3, gps

TEXT = (OBS3 + "".join(epoch3(float(s), [gps(code=2e7 + s), gps("G09")]) for s in range(59))).encode()


def zipped(data: bytes, *names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, data)
    return out.getvalue()


def lzw(data: bytes) -> bytes:
    import ncompress

    return ncompress.compress(data)


PACKERS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "two gzip members": lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:]),
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "compress": lzw,
    "zip": lambda data: zipped(data, "rover.obs"),
}


@pytest.mark.parametrize("packer", PACKERS)
def test_any_compression_under_any_name(tmp_path, packer):
    path = tmp_path / "thing.dat"
    path.write_bytes(PACKERS[packer](TEXT))
    assert bytes(open_source(path).data) == TEXT
    assert sniff(path).name == "rinex-obs"
    assert len(kinema.read(path).streams["gnss"].t_ns) == 59


def test_hatanaka_inside_and_outside_of_gzip(tmp_path):
    hatanaka = pytest.importorskip("hatanaka")
    packed = hatanaka.rnx2crx(TEXT)
    want = kinema.read(_written(tmp_path / "a.obs", TEXT)).streams["gnss"]
    for name, data in (("b.crx", packed), ("c.24d.gz", gzip.compress(packed))):
        path = _written(tmp_path / name, data)
        assert sniff(path).name == "rinex-obs"
        np.testing.assert_array_equal(kinema.read(path).streams["gnss"].code_m, want.code_m)
    cut = _written(tmp_path / "d.crx", packed[: len(packed) // 2])
    with pytest.raises(FormatError, match="cut or damaged"):
        kinema.read(cut)
    kept = kinema.read(cut, on_bad="skip")
    assert 10 < len(kept.streams["gnss"].t_ns) < 59
    assert any(issue.kind == "compressed data cut" for issue in kept.issues)


def _written(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("packer", ["gzip", "xz", "bzip2"])
def test_compressed_data_that_end_early_raise_or_are_kept_as_far_as_they_go(tmp_path, packer):
    rng = np.random.default_rng(1)
    noisy = OBS3 + "".join(epoch3(s % 60, [gps(code=2e7 + x)], minute=s // 60)
                           for s, x in enumerate(rng.uniform(0, 1e6, 3000)))  # fmt: skip
    data = PACKERS[packer](noisy.encode())
    path = _written(tmp_path / "cut.obs", data[: len(data) * 9 // 10])
    with pytest.raises(FormatError, match="cut or damaged after"):
        kinema.read(path)
    if packer == "gzip":
        recording = kinema.read(path, on_bad="skip")
        assert len(recording.streams["gnss"].t_ns) > 1000


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.obs", b"", "the file is empty"),
        ("binary.obs", bytes(range(256)) * 40, "no known format: it begins with binary data"),
        ("blank.obs", b"\n" * 9000, "no known format: it begins with blank lines"),
        ("prose.obs", b"Dear diary,\ntoday\n", "no known format: it begins with 'Dear diary,'"),
        ("nothing.gz", gzip.compress(b""), "nothing is in it"),
        ("broken.gz", b"\x1f\x8b" + b"garbage" * 9, "damaged"),
        ("broken.zip", b"PK\x03\x04" + b"garbage" * 9, "damaged"),
        ("broken.Z", b"\x1f\x9d\x90" + b"\xff" * 200, "damaged"),
        (
            "broken.crx",
            b"3.0                 COMPACT RINEX FORMAT                    CRINEX VERS   / TYPE\nx\n",
            "cannot be restored",
        ),
    ],
)
def test_unusable_files_end_in_one_clear_line(tmp_path, name, data, says):
    path = _written(tmp_path / name, data)
    for on_bad in ("raise", "skip"):
        with pytest.raises(FormatError, match=says) as caught:
            kinema.read(path, on_bad=on_bad)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


def test_a_missing_file_and_an_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        kinema.read(tmp_path / "none.obs")
    with pytest.raises(KinemaError, match="no files in it"):
        kinema.read(tmp_path)


def bomb(head: bytes, megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(head)]
    parts += [packer.compress(b"\n" * (1 << 20)) for _ in range(megabytes)]
    return b"".join([*parts, packer.flush()])


def test_a_bomb_of_no_format_is_refused_at_its_first_bytes(tmp_path):
    path = _written(tmp_path / "bomb.gz", bomb(b"", 64))
    with pytest.raises(FormatError, match="no known format"):
        kinema.read(path)


def test_a_bomb_behind_a_good_header_is_refused_by_its_ratio(tmp_path):
    path = _written(tmp_path / "bomb.gz", bomb(OBS3.encode(), 64))
    with pytest.raises(FormatError, match="400 times its size"):
        kinema.read(path)


def test_the_limit_of_decompressed_bytes_is_a_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("KINEMA_MAX_BYTES", "2000")
    path = _written(tmp_path / "a.gz", gzip.compress(TEXT))
    with pytest.raises(FormatError, match="KINEMA_MAX_BYTES"):
        kinema.read(path)


def test_what_does_not_fit_memory_goes_to_a_file(tmp_path):
    data = np.random.default_rng(0).integers(32, 127, IN_MEMORY_BYTES + 100, np.uint8).tobytes()
    path = _written(tmp_path / "big.gz", gzip.compress(data, 1))
    opened = open_source(path)
    assert len(opened.data) == len(data)
    assert bytes(opened.data[-100:]) == data[-100:]


def test_a_format_that_fails_to_look_does_not_keep_others_from_recognising(tmp_path, monkeypatch):
    from kinema.formats import reading
    from kinema.formats.base import Format

    def broken(head, name):
        raise ValueError("cannot look at this")

    monkeypatch.setattr(reading, "discover", lambda: (Format("bad", "Bad", (), broken, broken), *discover()))
    assert reading.sniff(_written(tmp_path / "a.obs", TEXT)).name == "rinex-obs"


def test_formats_are_found_by_the_folder_and_have_what_they_need():
    names = [one.name for one in discover()]
    assert len(names) == len(set(names))
    assert {"rinex-obs", "rinex-nav", "rinex-clk", "sp3"} <= set(names)
    for one in discover():
        assert one.title
        assert one.sniff(b"", "") == 0.0, one.name
        assert one.sniff(b"\n" * 8192, "") < 0.5, one.name
