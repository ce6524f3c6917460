"""The kernel cache notices an edit in a file that another kernel imports."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import kinema.kernels.jit as jit
from kinema.kernels import native


def run(folder: Path, cache: Path) -> str:
    code = "from kinema.kernels.outer import outer; print(outer(2.0))"
    env = {**os.environ, "PYTHONPATH": str(folder), "KINEMA_CACHE": str(cache)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_edit_of_an_imported_kernel_is_never_missed(tmp_path):
    kernels = tmp_path / "kinema" / "kernels"
    kernels.mkdir(parents=True)
    (kernels.parent / "__init__.py").write_text("")
    (kernels / "__init__.py").write_text("")
    for module in (jit, native):
        (kernels / Path(module.__file__).name).write_text(Path(module.__file__).read_text())
    inner = "from kinema.kernels.jit import kernel\n\n@kernel\ndef inner(x):\n    return x * {}\n"
    (kernels / "inner.py").write_text(inner.format("3.0"))
    (kernels / "outer.py").write_text(
        textwrap.dedent("""\
            from kinema.kernels.inner import inner
            from kinema.kernels.jit import kernel

            @kernel
            def outer(x):
                return inner(x) + 1.0
            """)
    )
    assert run(tmp_path, tmp_path / "cache") == "7.0"
    first = {p.name for p in (tmp_path / "cache" / "kernels").iterdir()}
    assert run(tmp_path, tmp_path / "cache") == "7.0"
    assert {p.name for p in (tmp_path / "cache" / "kernels").iterdir()} == first  # the cache was used
    (kernels / "inner.py").write_text(inner.format("5.0"))
    assert run(tmp_path, tmp_path / "cache") == "11.0"


def test_every_import_counts_in_any_order(tmp_path, monkeypatch):
    """One behind the other, in parentheses over lines, two modules in one line."""
    (tmp_path / "top.py").write_text(
        "from kinema.kernels.jit import kernel\nfrom kinema.kernels.one import (\n    f,\n    g,\n)\n"
        "from kinema.kernels.two import h\nfrom kinema.kernels import three, four\n"
    )
    for name in ("one", "two", "three", "four"):
        (tmp_path / f"{name}.py").write_text("")
    monkeypatch.setattr(jit, "_HERE", tmp_path)
    assert jit._sources_of.__wrapped__("top") == {"top", "one", "two", "three", "four"}
