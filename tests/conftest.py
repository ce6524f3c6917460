"""Shared fixtures: where the real recordings are, and a cache of compiled kernels for the whole run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("KINEMA_DATA", ROOT.parent / "shared" / "data")).resolve()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real recordings; tests that need it skip loudly without it."""
    if not (DATA / "README.md").is_file():
        pytest.skip(f"NO REAL RECORDINGS: {DATA} is missing; set KINEMA_DATA to test against truth")
    return DATA
