"""The one way to compile a kernel: `@kernel`, cached on disk so that no edit is ever missed.

Numba notices an edit of a kernel's own file, not of a file whose functions it inlined. So the cache folder of a
module is named by a hash of its source and of every kernel source that it imports, all the way down: an edit
recompiles what depends on it and nothing else. Kernels compiled before are loaded without Numba (`native`).
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable
from functools import cache, update_wrapper
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar, overload

import numpy as np

from kinema.kernels import native

F = TypeVar("F", bound=Callable[..., Any])

_HERE = Path(__file__).parent
_IMPORT = re.compile(r"^from kinema\.kernels(?:\.(\w+))? import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_LAYOUT = 0x503
"""Of an array's flags: contiguous by rows, by columns, aligned, writeable."""
_LOCK = RLock()


def cache_root() -> Path:
    """Where compiled kernels are kept: KINEMA_CACHE, or the user's cache folder."""
    given = os.environ.get("KINEMA_CACHE")
    if given:
        return Path(given) / "kernels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kinema" / "kernels"


@cache
def _source(module: str) -> bytes | None:
    path = _HERE / f"{module}.py"
    return path.read_bytes() if path.exists() else None


@cache
def _sources_of(module: str) -> frozenset[str]:
    """Names of the kernel modules that `module` needs, itself included."""
    found = {module}
    for direct, names in _IMPORT.findall((_source(module) or b"").decode("utf-8")):
        below = {direct} if direct else set(re.findall(r"\w+", names))
        for name in below - {"jit", module}:
            if _source(name) is not None:
                found |= _sources_of(name)
    return frozenset(found)


@cache
def _versions() -> bytes:
    """What decides, besides the sources, what is compiled: the interpreter, Numba, NumPy."""
    numba_version = (native.numba_folder() / "_version.py").read_bytes()
    return f"3 {sys.version_info[:2]} {np.__version__} ".encode() + numba_version


@cache
def cache_folder(module: str) -> Path:
    """Cache folder of a kernel module, keyed by its sources, the versions of Numba, NumPy and the interpreter."""
    digest = hashlib.sha256(_versions())
    for name in sorted(_sources_of(module)):
        digest.update(_source(name) or name.encode())
    return cache_root() / f"{module}-{digest.hexdigest()[:16]}"


class Kernel:
    """A function of arrays and numbers that is compiled for the types of its arguments at its first call.

    One compiled by an earlier run is loaded without Numba, which is imported where there is none.
    """

    def __init__(self, function: Callable[..., Any], *, inline: bool, fastmath: bool) -> None:
        update_wrapper(self, function)
        self.py_func = function
        self._inline, self._fastmath = inline, fastmath
        self._folder = function.__module__.rpartition(".")[2]
        self._ready: dict[Any, Callable[..., Any]] = {}
        self._dispatcher: Any = None

    def __call__(self, *args: Any, **named: Any) -> Any:
        key = _key(args)
        run = self._ready.get(key)
        if run is None or named:
            run = self._prepare(key, args, named)
        return run(*args, **named)

    def _prepare(self, key: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Callable[..., Any]:
        signed = None if named or self._dispatcher is not None or not native.wanted() else native.signature(args)
        with _LOCK:
            loaded = None if signed is None else native.load(cache_folder(self._folder), self.py_func.__name__, signed)
        run: Callable[..., Any] = loaded or self.dispatcher
        if not named:
            self._ready[key] = run
        return run

    @property
    def dispatcher(self) -> Any:
        """Numba's compiler of this kernel."""
        with _LOCK:
            if self._dispatcher is None:
                self._dispatcher = self._compiler()
        return self._dispatcher

    def _compiler(self) -> Any:
        numba = _numba()
        folder, name = cache_folder(self._folder), self.py_func.__name__
        numba.core.config.CACHE_DIR = str(folder)
        inline = "always" if self._inline else "never"
        made = numba.njit(
            self.py_func, cache=True, nogil=True, error_model="numpy", fastmath=self._fastmath, inline=inline
        )
        store = made._cache.save_overload

        def save_overload(types: Any, compiled: Any) -> None:
            store(types, compiled)
            if native.wanted():
                native.save(folder, name, compiled)

        made._cache.save_overload = save_overload
        return made


def _key(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What of the arguments decides which compiled function takes them."""
    return tuple([
        (a.dtype, a.ndim, a.flags.num & _LAYOUT) if type(a) is np.ndarray
        else (type(a), _key(a)) if isinstance(a, tuple) else type(a)
        for a in args
    ])  # fmt: skip


@cache
def _numba() -> Any:
    """Numba, which finds the compiler of a kernel where one kernel calls another."""
    import numba
    from numba.extending import typeof_impl

    @typeof_impl.register(Kernel)
    def typed(value: Kernel, _context: Any) -> Any:
        return numba.types.Dispatcher(value.dispatcher)

    return numba


@overload
def kernel(function: F) -> F: ...
@overload
def kernel(*, inline: bool = False, fastmath: bool = False) -> Callable[[F], F]: ...
def kernel(function: Any = None, *, inline: bool = False, fastmath: bool = False) -> Any:
    """Compile a function of `kinema.kernels` at its first call (NumPy error model, no GIL), cached on disk.

    `KINEMA_JIT=0` leaves it plain Python, for coverage and debugging.
    """

    def compile_it(f: Any) -> Any:
        return f if os.environ.get("KINEMA_JIT") == "0" else Kernel(f, inline=inline, fastmath=fastmath)

    return compile_it if function is None else compile_it(function)
