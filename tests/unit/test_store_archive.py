"""The archive of solutions: exact, listed from file ends, by mover and day."""

from __future__ import annotations

from dataclasses import replace

import pytest
from numpy.testing import assert_array_equal

from kinema.errors import ConfigError, DataError, FormatError
from kinema.store import archive
from trajectories import residuals, solution


def test_saved_is_loaded(tmp_path):
    """All numbers and the residuals; the listing tells what is there."""
    made = replace(solution(12, simulated=True), residuals=residuals(12))
    path = archive.save(made, tmp_path, "bus-7")
    assert path.relative_to(tmp_path).as_posix() == "mover=bus-7/day=2022-10-31/20221031T235942Z.parquet"
    found = archive.load(path)
    assert_array_equal(found.cov_p_e_m2, made.cov_p_e_m2)
    assert_array_equal(found.residuals.residual, made.residuals.residual)
    assert found.residuals.signals == ("1C",)
    (entry,) = archive.listing(tmp_path)
    assert (entry.mover, entry.day, entry.n_epochs, entry.simulated) == ("bus-7", "2022-10-31", 12, True)
    assert (entry.first_ns, entry.last_ns) == (made.t_ns[0], made.t_ns[-1])


def test_saving_again_replaces(tmp_path):
    """The same beginning is the same file; its old residuals do not stay behind."""
    archive.save(replace(solution(12), residuals=residuals(12)), tmp_path)
    path = archive.save(solution(8), tmp_path)
    assert len(archive.listing(tmp_path)) == 1
    assert archive.load(path).residuals is None


def test_any_parquet_reader_sees_one_table(tmp_path):
    """Hive partitions: mover and day are columns."""
    import pyarrow.dataset as ds

    archive.save(solution(5), tmp_path, "a")
    archive.save(solution(7, seed=2), tmp_path, "b")
    table = ds.dataset(tmp_path, format="parquet", partitioning="hive", exclude_invalid_files=True).to_table()
    assert table.num_rows == 12
    assert set(table["mover"].to_pylist()) == {"a", "b"}


def test_bad_names_and_files(tmp_path):
    """A mover is a name, not a path; a damaged file is told."""
    with pytest.raises(ConfigError, match=r"mover '\.\./x'"):
        archive.save(solution(3), tmp_path, "../x")
    with pytest.raises(DataError, match="at least one epoch"):
        archive.save(solution(3).select(slice(0, 0)), tmp_path)
    with pytest.raises(ConfigError, match="no such archive"):
        archive.listing(tmp_path / "nowhere")
    path = archive.save(solution(3), tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FormatError, match="broken archive file"):
        archive.load(path)
    with pytest.raises(FormatError, match="broken archive file"):
        archive.listing(tmp_path)
