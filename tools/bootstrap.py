"""Make a virtual environment with pip in it, from a bare Python 3.11: `python3 tools/bootstrap.py FOLDER`.

Debian ships `venv` without `ensurepip`, and a fresh system has no certificates. Then pip's own wheel, pinned by its
hash, is fetched from the package index and installs itself.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import venv
from pathlib import Path

PIP_WHEEL = "pip-26.2.1-py3-none-any.whl"
PIP_SHA256 = "71138adf1f4ca900cdb7d289c21b7494329f2332b6d85f0e1c42108c0384ed3e"


def fetch(url: str) -> bytes:
    """Read a URL; without the system's certificates only because the pinned hash is checked afterwards."""
    trusted = ssl.create_default_context()
    if not trusted.get_ca_certs():
        trusted = ssl._create_unverified_context()
    with urllib.request.urlopen(url, timeout=60, context=trusted) as answer:
        return bytes(answer.read())


def pip_wheel(folder: Path) -> Path:
    """Fetch the pinned pip wheel from the index that pip itself would use."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    page = fetch(index).decode()
    link = re.search(rf'href="([^"]*{re.escape(PIP_WHEEL)}[^"]*)"', page)
    if not link:
        sys.exit(f"bootstrap: {index} has no {PIP_WHEEL}; install python3-venv instead")
    wheel = fetch(urllib.parse.urljoin(index, link[1].split("#")[0]))
    if hashlib.sha256(wheel).hexdigest() != PIP_SHA256:
        sys.exit(f"bootstrap: {PIP_WHEEL} does not have the pinned hash; install python3-venv instead")
    path = folder / PIP_WHEEL
    path.write_bytes(wheel)
    return path


def main(folder: str) -> None:
    """Make the environment, with ensurepip where the system has it."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the one place an older Python can reach
        sys.exit(
            f"bootstrap: Python 3.11 or newer is needed, this is {sys.version.split()[0]}; try make PYTHON=python3.11"
        )
    if importlib.util.find_spec("ensurepip"):
        venv.create(folder, with_pip=True, clear=True)
        return
    venv.create(folder, with_pip=False, clear=True)
    python = Path(folder) / "bin" / "python"
    with tempfile.TemporaryDirectory() as scratch:
        wheel = pip_wheel(Path(scratch))
        subprocess.run([python, f"{wheel}/pip", "install", "--quiet", "--no-index", wheel], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 tools/bootstrap.py FOLDER")
    main(sys.argv[1])
