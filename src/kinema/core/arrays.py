"""The one gate that arrays pass on their way into a noun: dtype, shape, finiteness, read-only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kinema.errors import DataError

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I16 = NDArray[np.int16]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]


def gate(
    name: str,
    value: ArrayLike,
    dtype: Any,
    shape: Sequence[int | None],
    *,
    finite: bool = False,
) -> NDArray[Any]:
    """Return `value` as a read-only C-contiguous array of `dtype` and `shape` (None: any length).

    Copies only when it must. Raises DataError where shape or dtype do not fit, or where `finite` is
    asked for and a value is NaN or infinite (its first index is told).
    """
    try:
        with np.errstate(invalid="raise"):
            array = np.ascontiguousarray(value, dtype=dtype)
    except (TypeError, ValueError, OverflowError, FloatingPointError) as error:
        raise DataError(name, f"values of type {np.dtype(dtype).name}", str(error)) from None
    if array.ndim != len(shape) or any(
        want is not None and want != have for want, have in zip(shape, array.shape, strict=True)
    ):
        wanted = "(" + ", ".join("n" if k is None else str(k) for k in shape) + ")"
        raise DataError(name, f"shape {wanted}", f"shape {array.shape}")
    if finite and not np.isfinite(array).all():
        first = np.argwhere(~np.isfinite(array))[0].tolist()
        raise DataError(name, "finite values", f"{array[tuple(first)]} at index {first}")
    array = array.view()
    array.flags.writeable = False
    return array


def gate_times(name: str, t_ns: ArrayLike, *, strict: bool = True) -> I64:
    """Gate GPS times in nanoseconds, which must increase (strictly, unless `strict` is False)."""
    array = gate(name, t_ns, np.int64, (None,))
    step = np.diff(array)
    bad = step <= 0 if strict else step < 0
    if bad.any():
        k = int(np.argmax(bad))
        raise DataError(name, "increasing times", f"{array[k]} then {array[k + 1]} at index {k + 1}")
    return array
