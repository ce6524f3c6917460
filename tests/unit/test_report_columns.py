"""Columns of a page: what goes in comes out, small, and nothing from a file becomes markup."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.errors import DataError
from kinema.report.columns import Columns, encode
from kinema.report.page import safe_json
from kinema.report.trajectory import RADIUS_95, RATIOS, radius_95


def decoded(meta: dict, data: bytes) -> np.ndarray:
    """The browser's decode.js, in NumPy."""
    n = meta["n"]
    mask = np.frombuffer(data[:n], np.uint8).astype(bool) if meta["mask"] else np.zeros(n, bool)
    planes = np.frombuffer(data[n if meta["mask"] else 0 :], np.uint8).reshape(meta["bytes"], n).astype(np.int64)
    code = sum(plane << (8 * k) for k, plane in enumerate(planes))
    whole = np.where(code % 2 == 0, code // 2, -(code + 1) // 2)
    for _ in range(meta["order"]):
        whole = np.cumsum(whole)
    out = meta["base"] + whole * meta["quantum"]
    out[mask] = np.nan
    return out


@given(
    st.lists(st.one_of(st.floats(-1e9, 1e9), st.just(float("nan"))), max_size=60),
    st.sampled_from([1e-4, 0.01, 1.0]),
)
def test_a_column_comes_back_within_half_its_resolution(values: list[float], quantum: float) -> None:
    array = np.array(values, dtype=np.float64)
    meta, data = encode(array, quantum)
    back = decoded(meta, data)
    assert np.array_equal(np.isnan(back), np.isnan(array))
    kept = np.isfinite(array)
    # A column that spans more than 2^44 steps gets a coarser resolution, which is told.
    assert np.allclose(back[kept], array[kept], rtol=1e-15, atol=meta["quantum"] * 0.5001)
    assert meta["quantum"] >= quantum


def test_whole_numbers_are_kept_exactly() -> None:
    columns = Columns()
    columns.add("status", np.array([5, 5, 4, 0, 6]))
    (_, column), *_ = columns.items()
    assert decoded(column.meta, zlib.decompress(base64.b64decode(column.payload))).tolist() == [5, 5, 4, 0, 6]


def test_a_name_is_taken_once() -> None:
    columns = Columns()
    columns.add("speed", np.zeros(3))
    with pytest.raises(DataError, match="registered already"):
        columns.add("speed", np.zeros(3))


def test_a_smooth_million_points_take_little_more_than_a_byte_each() -> None:
    t = np.arange(200_000) * 0.1
    rng = np.random.default_rng(1)
    columns = Columns()
    columns.add("east", 300 * np.cos(t / 20) + 0.02 * rng.standard_normal(len(t)), quantum=0.005)
    (_, column), *_ = columns.items()
    assert len(column.payload) < 2.0 * len(t)


def test_json_cannot_end_its_script_element() -> None:
    words = safe_json({"</script><!--": "]]>&\u2028"})
    assert "<" not in words
    assert ">" not in words
    assert "\u2028" not in words


def test_the_95_percent_radius_is_that_of_the_integral_over_the_plane() -> None:
    angle = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    for ratio, radius in zip(RATIOS[1:], RADIUS_95[1:], strict=True):
        q = np.cos(angle) ** 2 + np.sin(angle) ** 2 / ratio**2
        assert np.mean((1 - np.exp(-(radius**2) * q / 2)) / q) / ratio == pytest.approx(0.95, abs=2e-5)


def test_the_95_percent_radius_holds_for_turned_covariances() -> None:
    turned = np.array([[[2.0, 1.2], [1.2, 1.0]]])
    long = np.sqrt(np.linalg.eigvalsh(turned[0])[1])
    assert 1.96 * long < radius_95(turned)[0] < 2.4477 * long
    rng = np.random.default_rng(3)
    sample = rng.multivariate_normal([0, 0], turned[0], 200_000)
    assert np.mean(np.hypot(*sample.T) <= radius_95(turned)[0]) == pytest.approx(0.95, abs=0.003)
