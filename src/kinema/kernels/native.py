"""Kernels compiled by an earlier run, loaded without their compiler.

Numba takes a third of a second to be imported and made ready, and parses what it once compiled; a run that compiles
nothing needs none of it. So beside Numba's own cache each kernel's object code is kept by itself and handed to LLVM's
linker, with the runtime functions that Numba's extension modules offer: a millisecond for each kernel.
Whatever does not fit (platform, settings of Numba, arguments, a missing symbol) is left to Numba.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import struct
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import machinery, util
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np

_HARMLESS = {"NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS"}
_SCALARS = {int: "int64", float: "float64", bool: "bool", np.int64: "int64", np.float64: "float64", np.bool_: "bool"}
_RETURNED = {"none", "int64", "uint64", "float64", "bool"}
_DIMENSIONS = 8


def wanted() -> bool:
    """Whether object code may be kept and loaded here: with settings of its own, Numba compiles otherwise."""
    of_numba = {name for name in os.environ if name.startswith("NUMBA_")}
    here = sys.platform == "linux" and os.uname().machine == "x86_64" and sys.implementation.name == "cpython"
    return here and not of_numba - _HARMLESS


def numba_folder() -> Path:
    """Where Numba is installed, without importing it."""
    found = util.find_spec("numba")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("numba")
    return Path(found.origin).parent


def signature(arguments: Sequence[Any]) -> str | None:
    """Types of arguments as Numba would name them; None where they are beyond arrays, numbers and tuples of
    these, named or not."""
    names = [_type_of(argument) for argument in arguments]
    return None if None in names else ",".join(cast(list[str], names))


def _type_of(value: Any) -> str | None:
    if type(value) is np.ndarray:
        if value.dtype.kind not in "biuf" or not value.dtype.isnative or value.ndim > _DIMENSIONS:
            return None
        flags = value.flags
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        return f"{value.dtype.name}:{value.ndim}{layout}{'w' if flags.writeable else 'r'}{'' if flags.aligned else 'u'}"
    if isinstance(value, tuple) and value:
        inner = signature(value)
        return None if inner is None else f"{_class_name(type(value))}({inner})"
    return "none" if value is None else _SCALARS.get(type(value))


def _class_name(one: type) -> str:
    return "" if one is tuple else f"{one.__module__}.{one.__qualname__}:"


def _signature_of_types(types: Sequence[Any]) -> str | None:
    """The same of Numba's types."""
    names = [_name_of_type(one) for one in types]
    return None if None in names else ",".join(cast(list[str], names))


def _name_of_type(one: Any) -> str | None:
    from numba import types

    if type(one) is types.Array:
        of = str(one.dtype).replace("boolean", "bool")
        return f"{of}:{one.ndim}{one.layout}{'w' if one.mutable else 'r'}{'' if one.aligned else 'u'}"
    if isinstance(one, types.BaseTuple) and len(one):
        inner = _signature_of_types(list(cast(Any, one)))
        return None if inner is None else f"{_class_name(getattr(one, 'instance_class', tuple))}({inner})"
    name = str(one).replace("boolean", "bool")
    return name if name in _RETURNED else None


def _file_name(kernel: str, signed: str) -> str:
    import llvmlite.binding as ll

    machine = f"{ll.get_process_triple()} {ll.get_host_cpu_name()} {ll.get_host_cpu_features().flatten()}"
    return f"{kernel}-{hashlib.sha256(f'{signed} {machine}'.encode()).hexdigest()[:20]}.native"


def load(folder: Path, kernel: str, signed: str) -> Callable[..., Any] | None:
    """The kernel for arguments of a signature, or None where it was not kept or cannot be loaded."""
    try:
        path = folder / _file_name(kernel, signed)
        if not path.exists():
            return None
        head, _, code = path.read_bytes().partition(b"\n")
        told = json.loads(head)
        # LLVM ends the process where a symbol is missing, and code that is damaged may do anything
        if told["sha256"] != hashlib.sha256(code).hexdigest() or not _known(told["needs"]):
            return None
        return _linker().add(kernel, told["wrapper"], told["env"], code)
    except Exception:  # whatever it is, Numba compiles the kernel instead
        return None


def _takes_no_class(returned: Any) -> bool:
    """Whether a result is made of numbers alone: arrays and named tuples need Numba's own classes."""
    return ":" not in (_name_of_type(returned) or ":")


def save(folder: Path, kernel: str, compiled: Any) -> None:
    """Keep what Numba compiled (a CompileResult), where it can be loaded without Numba."""
    try:
        signed = _signature_of_types(compiled.signature.args)
        plain = not compiled.environment.consts and not compiled.lifted and not compiled.reload_init
        if signed is None or not plain or not _takes_no_class(compiled.signature.return_type):
            return
        code: bytes = compiled.library._get_compiled_object()
        needs = sorted(undefined_symbols(code))
        if not _known(needs):
            return
        names = {"wrapper": compiled.fndesc.llvm_cpython_wrapper_name, "env": compiled.fndesc.env_name}
        head = json.dumps({**names, "needs": needs, "sha256": hashlib.sha256(code).hexdigest()}).encode()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _file_name(kernel, signed)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(head + b"\n" + code)
        part.replace(path)
    except Exception:  # a cache that cannot be written is none; Numba's own remains
        return


def undefined_symbols(code: bytes) -> set[str]:
    """Names that an ELF object of 64 bits, low byte first, expects from elsewhere. Raises ValueError for other code."""
    if code[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no ELF object of 64 bits")
    sections = struct.unpack_from("<Q", code, 40)[0]
    size, count = struct.unpack_from("<HH", code, 58)
    table = [struct.unpack_from("<IIQQQQIIQQ", code, sections + k * size) for k in range(count)]
    found = set()
    for kind, start, length, link in ((s[1], s[4], s[5], s[6]) for s in table):
        if kind != 2:
            continue
        texts = table[link][4]
        for at in range(start + 24, start + length, 24):
            name, _, _, section = struct.unpack_from("<IBBH", code, at)
            if section == 0:
                found.add(code[texts + name : code.index(b"\0", texts + name)].decode())
    return found


def _known(symbols: Sequence[str]) -> bool:
    """Whether the runtime or the process has all of these."""
    runtime, process = _linker().symbols, ctypes.CDLL(None)
    return all(symbol in runtime or hasattr(process, symbol) for symbol in symbols)


def _extension(folder: Path, name: str) -> ModuleType:
    """An extension module of Numba's by itself, without the package round it."""
    path = next(path for ending in machinery.EXTENSION_SUFFIXES if (path := folder / f"{name}{ending}").exists())
    loader = machinery.ExtensionFileLoader(name, str(path))
    spec = util.spec_from_loader(name, loader)
    assert spec is not None
    module = util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class _Linker:
    """LLVM's linker with the runtime functions that kernels call."""

    def __init__(self) -> None:
        import llvmlite.binding as ll

        folder = numba_folder()
        helpers = _extension(folder, "_helperlib").c_helpers
        runtime = _extension(folder / "core" / "runtime", "_nrt_python").c_helpers
        self._make = _extension(folder, "_dynfunc")
        self.symbols = {f"numba_{name}": at for name, at in {**helpers, **self._make.c_helpers}.items()}
        self.symbols |= {name if name.startswith("_") else f"NRT_{name}": at for name, at in runtime.items()}
        self.symbols["_Py_NoneStruct"] = id(None)
        for name, at in self.symbols.items():
            ll.add_symbol(name, at)
        ll.initialize_native_target()
        ll.initialize_native_asmprinter()
        machine = ll.Target.from_triple(ll.get_process_triple()).create_target_machine(jit=True)
        self._engine = ll.create_mcjit_compiler(ll.parse_assembly(""), machine)
        self._object = ll.ObjectFileRef.from_data
        self._module = ModuleType("kinema.kernels.loaded")

    def add(self, kernel: str, wrapper: str, env: str, code: bytes) -> Callable[..., Any]:
        """Link object code and make its wrapper a function of Python's."""
        self._engine.add_object_file(self._object(code))
        self._engine.finalize_object()
        address = self._engine.get_function_address(wrapper)
        slot = self._engine.get_global_value_address(env)
        if not address or not slot:
            raise LookupError(wrapper)
        environment = self._make.Environment(self._module.__dict__)
        ctypes.c_void_p.from_address(slot).value = id(environment)
        made = self._make.make_function(self._module, kernel, "", address, environment, (self,))
        return cast(Callable[..., Any], made)


@cache
def _linker() -> _Linker:
    return _Linker()
