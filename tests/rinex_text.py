"""Small RINEX texts for tests, written by hand-made rules, not by the project's own writers."""

from __future__ import annotations

from pathlib import Path

from kinema.core.recording import Recording
from kinema.formats.base import Format, ReadOptions, Source


def source(text: str | bytes, name: str = "made.obs") -> Source:
    """Text as an opened file."""
    return Source(Path(name), memoryview(text.encode() if isinstance(text, str) else text))


def parsed(fmt: Format, text: str | bytes, on_bad: str = "raise") -> Recording:
    """What a format reads from a text."""
    assert fmt.read is not None
    return fmt.read(source(text), ReadOptions(on_bad=on_bad))  # type: ignore[arg-type]


def line(body: str, label: str) -> str:
    """One header line."""
    return f"{body:<60}{label}\n"


def header(version: str, kind: str, system: str, *more: tuple[str, str]) -> str:
    """A header with its first and last line."""
    first = f"{version:>9}{'':11}{kind:<20}{system:<20}"
    return line(first, "RINEX VERSION / TYPE") + "".join(line(*one) for one in more) + line("", "END OF HEADER")


def value(number: float | None, lli: str = " ", strength: str = " ") -> str:
    """One observation of 16 columns; None is blank."""
    return " " * 16 if number is None else f"{number:14.3f}{lli}{strength}"


def epoch3(second: float, sats: list[str], flag: int = 0, minute: int = 0, day: int = 5) -> str:
    """An epoch of version 3 in 2024-03 with its satellite lines."""
    return f"> 2024 03 {day:02d} 10 {minute:02d}{second:11.7f}  {flag}{len(sats):3d}\n" + "".join(
        s + "\n" for s in sats
    )


OBS3 = header(
    "3.04", "OBSERVATION DATA", "M: MIXED",
    ("SITE", "MARKER NAME"),
    ("G    5 C1C L1C D1C S1C X1", "SYS / # / OBS TYPES"),
    ("E    4 C1X L1X C5X L5X", "SYS / # / OBS TYPES"),
    ("S    1 C1C", "SYS / # / OBS TYPES"),
    ("  2024     3     5    10     0    0.0000000     GPS", "TIME OF FIRST OBS"),
)  # fmt: skip


def gps(sat: str = "G05", code: float = 21e6, phase: float | None = 110e6, lli: str = " ") -> str:
    """A line of the GPS types of OBS3."""
    return sat + value(code) + value(phase, lli, "7") + value(-1234.5) + value(45.25) + value(9.0)
