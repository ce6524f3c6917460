"""`solve`: the best trajectory that a recording allows, by the first strategy that applies."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any, Protocol, cast

from kinema.core.recording import Recording
from kinema.core.solution import Solution
from kinema.errors import ConfigError
from kinema.estimate import strategies
from kinema.estimate.options import SolveOptions


class Strategy(Protocol):
    """A module of `strategies/`."""

    RANK: int
    MODES: tuple[str, ...]

    def applies(self, recording: Recording, options: SolveOptions) -> bool:
        """Whether the recording has what this strategy needs."""

    def solve(self, recording: Recording, options: SolveOptions) -> Solution:
        """The trajectory. Raises EstimationError, DataError or ConfigError."""


def all_strategies() -> list[Strategy]:
    """Every strategy, the best first."""
    names = [name for _, name, _ in pkgutil.iter_modules(strategies.__path__)]
    found = [cast(Strategy, import_module(f"{strategies.__name__}.{name}")) for name in names]
    return sorted(found, key=lambda strategy: strategy.RANK)


def solve(recording: Recording, options: SolveOptions | None = None, **changes: Any) -> Solution:
    """Estimate the trajectory of `recording`.

    `options`, or its fields as keywords. Mode "auto" takes the best strategy that the recording allows;
    `solution.provenance` and `solution.status` say what that was. Raises ConfigError where none applies.
    """
    options = options or SolveOptions(**changes)
    for strategy in all_strategies():
        if options.mode in ("auto", *strategy.MODES) and strategy.applies(recording, options):
            return strategy.solve(recording, options)
    have = ", ".join(recording.streams) or "no streams"
    raise ConfigError(f"mode '{options.mode}' cannot be solved from {have}; {_remedy(recording, options)}")


def _remedy(recording: Recording, options: SolveOptions) -> str:
    if "gnss" in recording.streams and "ephemerides" not in recording.streams:
        return "add a navigation file (RINEX NAV) or SP3 orbits"
    if options.mode == "rtk":
        return "add the base's observations with --base"
    if options.mode == "ppp":
        return "add SP3 orbits and CLK clocks"
    return "give raw GNSS observations with a navigation file, or fixes with an IMU"
