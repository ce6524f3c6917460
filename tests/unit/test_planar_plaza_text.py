"""The Plaza layout as MATLAB file and as text: one recording, whichever is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.core.streams import AnchorRanges, Series
from kinema.errors import FormatError
from plaza_world import Site, make, write

SITE = Site("laps", 200.0)


def texts(folder: Path, *kinds: str) -> list[Path]:
    tables = make(SITE, 1)
    for kind in kinds:
        np.savetxt(folder / f"Plaza7_{kind}.txt", tables[kind], fmt="%24.16e", delimiter="\t")
    return [folder / f"Plaza7_{kind}.txt" for kind in kinds]


def test_text_and_matlab_are_the_same(tmp_path: Path) -> None:
    mat = kinema.read(write(SITE, 1, tmp_path / "Plaza7_.mat"))
    text = kinema.read(*texts(tmp_path, "DR", "TD", "TL", "GT"))
    for role in ("odometry", "ranges", "truth"):
        np.testing.assert_allclose(mat.streams[role].t_ns, text.streams[role].t_ns, atol=10)
    one, other = (recording.need("ranges", AnchorRanges) for recording in (mat, text))
    assert np.allclose(one.anchor_p_m[one.anchor], other.anchor_p_m[other.anchor])
    assert np.allclose(mat.need("odometry", Series).value, text.need("odometry", Series).value)


def test_a_folder_with_both_is_read_once_and_says_so(tmp_path: Path) -> None:
    """The text has no places of anchors: the file that has them is kept."""
    write(SITE, 1, tmp_path / "Plaza7_.mat")
    texts(tmp_path, "DR", "TD")
    recording = kinema.read(tmp_path)
    assert np.isfinite(recording.need("ranges", AnchorRanges).anchor_p_m).all()
    assert sum(issue.kind == "the same twice" for issue in recording.issues) == 2


def test_a_garbled_line_is_told(tmp_path: Path) -> None:
    path = texts(tmp_path, "TD")[0]
    path.write_text(path.read_text() + "1e3\tx\t5\t2\n")
    with pytest.raises(FormatError, match="garbled"):
        kinema.read(path)
