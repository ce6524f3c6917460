"""The one way to compile a kernel: `@kernel`, cached on disk so that no edit is ever missed.

Numba notices an edit of a kernel's own file, not of a file whose functions it inlined. So the cache folder of a
module is named by a hash of its source and of every kernel source that it imports, all the way down: an edit
recompiles what depends on it and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, overload

import numba
from numba.core import config as numba_config

F = TypeVar("F", bound=Callable[..., Any])

_HERE = Path(__file__).parent
_IMPORT = re.compile(r"^from kinema\.kernels(?:\.(\w+))? import (\([^)]*\)|[^\n]*)", re.MULTILINE)


def cache_root() -> Path:
    """Where compiled kernels are kept: KINEMA_CACHE, or the user's cache folder."""
    given = os.environ.get("KINEMA_CACHE")
    if given:
        return Path(given) / "kernels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kinema" / "kernels"


@cache
def _sources_of(module: str) -> frozenset[str]:
    """Names of the kernel modules that `module` needs, itself included."""
    path = _HERE / f"{module}.py"
    found = {module}
    if path.exists():
        for direct, names in _IMPORT.findall(path.read_text(encoding="utf-8")):
            below = {direct} if direct else set(re.findall(r"\w+", names))
            for name in below - {"jit", module}:
                if (_HERE / f"{name}.py").exists():
                    found |= _sources_of(name)
    return frozenset(found)


@cache
def cache_folder(module: str) -> Path:
    """Cache folder of a kernel module, keyed by its sources, the Numba version and the interpreter."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:2]}".encode())
    for name in sorted(_sources_of(module)):
        path = _HERE / f"{name}.py"
        digest.update(path.read_bytes() if path.exists() else name.encode())
    return cache_root() / f"{module}-{digest.hexdigest()[:16]}"


@overload
def kernel(function: F) -> F: ...
@overload
def kernel(*, inline: bool = False, fastmath: bool = False) -> Callable[[F], F]: ...
def kernel(function: Any = None, *, inline: bool = False, fastmath: bool = False) -> Any:
    """Compile a function of `kinema.kernels` at its first call (NumPy error model, no GIL), cached on disk.

    `KINEMA_JIT=0` leaves it plain Python, for coverage and debugging.
    """

    def compile_it(f: Any) -> Any:
        if os.environ.get("KINEMA_JIT") == "0":
            return f
        numba_config.CACHE_DIR = str(cache_folder(f.__module__.rpartition(".")[2]))  # type: ignore[attr-defined]
        return numba.njit(
            f, cache=True, nogil=True, error_model="numpy", fastmath=fastmath, inline="always" if inline else "never"
        )

    return compile_it if function is None else compile_it(function)
