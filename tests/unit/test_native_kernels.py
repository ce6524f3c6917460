"""Kernels compiled by an earlier run work without Numba; whatever does not fit is compiled by it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kinema.kernels.jit as jit
from kinema.kernels import native

KERNELS = """
from typing import NamedTuple

import numpy as np
from kinema.kernels.jit import kernel

class Pair(NamedTuple):
    a: object
    k: int

@kernel
def of_pair(pair):
    return pair.a.sum() * pair.k

@kernel
def doubled(pair):
    return Pair(pair.a, 2 * pair.k)

@kernel
def inner(x):
    return np.sin(x) + 1.0

@kernel
def mixed(a, k, flag, pair):
    work = np.zeros(len(a))
    for i in range(len(a)):
        work[i] = inner(a[i]) * k if flag else pair[0]
    return work.sum(), len(a), flag

@kernel
def fill(a, x):
    for i in range(len(a)):
        a[i] = x
"""
USE = """
import json, sys
import numpy as np
from kinema.kernels.some import Pair, doubled, fill, inner, mixed, of_pair
a = np.linspace(0.0, 1.0, 5)
before = mixed(a, 3, True, (1.0, 2))
fill(a, 2.0)
odd = np.zeros(4, np.float32)
if ARGUMENTS: fill(odd, 2.0)
pair = Pair(a, 3)
told = [list(before), list(mixed(a, np.int64(2), False, (1.0, 2))), inner(0.0), a.tolist(), odd.tolist()]
told += [of_pair(pair), doubled(pair).k if ARGUMENTS else 6]
print(json.dumps({"told": told, "numba": "numba" in sys.modules}))
"""
pytestmark = pytest.mark.skipif(not native.wanted(), reason="object code is kept on Linux on x86-64 only")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A package of its own with three kernels, compiled once."""
    path = tmp_path_factory.mktemp("native")
    kernels = path / "kinema" / "kernels"
    kernels.mkdir(parents=True)
    for part in (kernels.parent, kernels):
        (part / "__init__.py").write_text("")
    for module in (jit, native):
        (kernels / Path(module.__file__).name).write_text(Path(module.__file__).read_text())
    (kernels / "some.py").write_text(KERNELS)
    assert run(path)["numba"]
    return path


def run(folder, arguments=False, **more):
    code = USE.replace("ARGUMENTS", str(arguments))
    env = {**os.environ, "PYTHONPATH": str(folder), "KINEMA_CACHE": str(folder / "cache"), **more}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_second_run_needs_no_numba_and_agrees_with_plain_python(folder):
    found = run(folder)
    assert not found["numba"]
    plain = run(folder, KINEMA_JIT="0")["told"]
    assert _close(found["told"], plain)


def _close(a, b):
    if isinstance(a, list):
        return len(a) == len(b) and all(_close(x, y) for x, y in zip(a, b, strict=True))
    return a == pytest.approx(b)


def test_other_arguments_are_compiled_by_numba(folder):
    found = run(folder, arguments=True)
    assert found["told"][4] == [2.0] * 4
    assert found["told"][6] == 6
    assert run(folder, arguments=True)["numba"], "a kernel that returns a named tuple is Numba's"


def test_settings_of_numba_are_heeded(folder):
    assert run(folder, NUMBA_OPT="2")["numba"]


def test_a_damaged_file_is_not_loaded(folder):
    kept = sorted((folder / "cache").rglob("*.native"))
    assert kept
    before = [path.read_bytes() for path in kept]
    try:
        for path in kept:
            path.write_bytes(path.read_bytes()[:-1] + b"x")
        found = run(folder)
        assert found["numba"]
        assert found["told"][3] == [2.0] * 5
        for path in kept:
            path.write_bytes(b"{")
        assert run(folder)["numba"]
    finally:
        for path, code in zip(kept, before, strict=True):
            path.write_bytes(code)


def test_other_than_elf_is_refused():
    with pytest.raises(ValueError, match="ELF"):
        native.undefined_symbols(b"MZ" + bytes(100))
