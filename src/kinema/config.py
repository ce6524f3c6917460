"""Settings: one TOML made of the options of `solve` and the Params of each algorithm, checked and resolved.

    mode = "auto"
    systems = "GEJC"
    from = "2021-09-22T06:30:00Z"

    [single]                    # the Params of estimate/strategies/single.py
    elevation_mask_rad = 0.17

A recording's folder carries the same under `[solve]` of its kinema.toml; what is typed wins over the file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from kinema.core.recording import Recording
from kinema.core.time import parse_time
from kinema.errors import ConfigError
from kinema.estimate.options import Method, Mode, SolveOptions
from kinema.estimate.strategy import all_strategies

CHOICES: dict[str, tuple[Any, ...]] = {
    "mode": get_args(Mode),
    "method": get_args(Method),
    "frequencies": (1, 2, 3),
}
PLAIN = ("mode", "method", "systems", "frequencies", "static", "instantaneous")


def load_toml(path: str | Path) -> dict[str, Any]:
    """Settings of a TOML file. Raises ConfigError with the place of a mistake."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file; settings are written in TOML") from None


def settings_of(recording: Recording) -> dict[str, Any]:
    """The settings that came with a recording: [solve] of its kinema.toml, and the base's position of [base]."""
    settings = dict(recording.settings.get("solve", {}))
    position = recording.settings.get("base", {}).get("position_e_m")
    if position is not None:
        settings.setdefault("base_position_e_m", position)
    return settings


def params_of() -> dict[str, type]:
    """The Params class of every strategy that has one, by its name in the settings."""
    found = {}
    for strategy in all_strategies():
        params = getattr(strategy, "Params", None)
        if params is not None:
            found[str(getattr(strategy, "__name__", "")).rpartition(".")[2]] = params
    return found


def resolve(*layers: Mapping[str, Any], recording: Recording | None = None) -> SolveOptions:
    """SolveOptions from layers of settings, the last one winning; None values count as not said.

    Times may be text (see core.time.parse_time): they are read in the week of the recording's first epoch.
    Raises ConfigError for a name, a value or a type that cannot be, with the nearest right name.
    """
    merged: dict[str, Any] = {}
    params: dict[str, dict[str, Any]] = {}
    known = params_of()
    for layer in layers:
        for name, value in layer.items():
            if isinstance(value, Mapping):
                params.setdefault(_known(name, known, "settings table"), {}).update(value)
            elif value is not None:
                merged[name] = value
    for table, values in params.items():
        names = [field.name for field in fields(known[table])]
        for name in values:
            _known(name, names, f"setting of [{table}]")
    reference_ns = first_epoch_ns(recording)
    resolved: dict[str, Any] = {"params": {t: dict(v) for t, v in params.items()}}
    for name, value in merged.items():
        field, checked = _checked(name, value, reference_ns)
        resolved[field] = checked
    return SolveOptions(**resolved)


def _checked(name: str, value: Any, reference_ns: int) -> tuple[str, Any]:
    """The field of SolveOptions that a setting fills, and its checked value."""
    if name in ("from", "to"):
        return f"{name}_ns", parse_time(str(value), reference_ns)
    if name == "masks":
        return "masks", tuple(parse_mask(str(text), reference_ns) for text in value)
    if name == "base_position_e_m":
        return name, _triple(name, value)
    _known(name, (*PLAIN, "from", "to", "masks", "base_position_e_m"), "setting")
    if name in CHOICES and value not in CHOICES[name]:
        raise ConfigError(f"{name} = {value!r} is not one of {', '.join(map(str, CHOICES[name]))}")
    if name == "systems":
        bad = set(str(value)) - set("GRECJ")
        if bad or not value:
            raise ConfigError(
                f"systems = {value!r}: letters of G R E C J are known, not {''.join(sorted(bad)) or 'none'}"
            )
    if name in ("static", "instantaneous") and not isinstance(value, bool):
        raise ConfigError(f"{name} = {value!r} is neither true nor false")
    return name, value


def _triple(name: str, value: Any) -> tuple[float, float, float]:
    try:
        x, y, z = (float(part) for part in value)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} = {value!r} is not three numbers (ECEF metres)") from None
    return x, y, z


def _known(name: str, names: Iterable[str], what: str) -> str:
    names = list(names)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names) or 'none'}"
    raise ConfigError(f"unknown {what} '{name}'; {hint}")


def first_epoch_ns(recording: Recording | None) -> int:
    """GPS time of the first epoch of the streams to solve from, or 0."""
    starts = [
        int(stream.t_ns[0])
        for role, stream in (recording.streams.items() if recording else ())
        if role not in ("truth", "orbits", "clocks", "base") and len(getattr(stream, "t_ns", ()))
    ]
    return min(starts, default=0)


def parse_mask(text: str, reference_ns: int) -> tuple[str, int, int]:
    """A mask "SENSOR:FROM-TO": GPS seconds of week with a minus between, or ISO times with "/" or "..".

    "gnss:243298.5-243313.5", "gnss:2019-05-28T19:34:40Z/2019-05-28T19:35:00Z".
    """
    stream, colon, span = text.partition(":")
    for mark in ("..", "/", "-"):
        start, found, stop = span.partition(mark)
        if found and colon and stream:
            first, last = parse_time(start, reference_ns), parse_time(stop, reference_ns)
            if first >= last:
                raise ConfigError(f"mask '{text}' ends before it starts")
            return stream, first, last
    raise ConfigError(f"mask '{text}' is not SENSOR:FROM-TO (gnss:243298.5-243313.5, or ISO times with / between)")
