"""Kinema: where everything that moves is, to the centimetre, under all conditions, and what its motion means."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from kinema.version import __version__

logging.getLogger("kinema").addHandler(logging.NullHandler())

# The public names and where they live: imported at first use, so that `import kinema` costs nothing.
_PUBLIC = {
    "read": "kinema.formats.reading",
    "write": "kinema.formats.writing",
    "solve": "kinema.estimate.strategy",
    "score": "kinema.analysis.accuracy",
    "simulate": "kinema.simulate.drive",
    "report": "kinema.report.document",
    "LiveInertial": "kinema.estimate.inertial_live",
    "pieces": "kinema.estimate.live_streams",
    "laps": "kinema.analysis.laps",
    "Recording": "kinema.core.recording",
    "Solution": "kinema.core.solution",
    "FixStatus": "kinema.core.solution",
    "KinemaError": "kinema.errors",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kinema' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
