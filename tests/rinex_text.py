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


TOW = 208_800.0
"""Second of the GPS week of 2024-03-05 10:00, a Tuesday."""
NAV3 = header(
    "3.04", "N: GNSS NAV DATA", "M: MIXED",
    ("GPSA   4.6566D-09  1.4901D-08 -5.9605D-08 -5.9605D-08 K 01", "IONOSPHERIC CORR"),
    ("GPSB   7.9872D+04  6.5536D+04 -6.5536D+04 -3.9322D+05 K 01", "IONOSPHERIC CORR"),
    ("GAL    1.6175E+02  6.6016E-01  1.9379E-02  0.0000E+00", "IONOSPHERIC CORR"),
    ("GPUT -9.3132257462E-10-7.993605777E-15 319488 2320", "TIME SYSTEM CORR"),
    ("    18", "LEAP SECONDS"),
)  # fmt: skip


def d(number: float | None) -> str:
    """A number of 19 columns with exponent D."""
    return " " * 19 if number is None else f"{number:19.12E}".replace("E", "D")


def record(sat: str, values: list[float | None], day: int = 5) -> str:
    """A record of version 3: clock and four values a line."""
    rows = [values[k : k + 4] for k in range(3, len(values), 4)]
    first = f"{sat} 2024 03 {day:02d} 10 00 00" + "".join(d(v) for v in values[:3])
    return first + "\n" + "".join("    " + "".join(d(v) for v in row) + "\n" for row in rows)


def kepler(n_lines: int = 7, **changes: float) -> list[float | None]:
    """Values by position: 100 + index, a toe at the epoch, and what is changed ("v24": 1)."""
    values: list[float | None] = [1e-4, 1e-11, 0.0] + [100.0 + k for k in range(3, 3 + 4 * n_lines)]
    values[11] = TOW
    for name, value in changes.items():
        values[int(name[1:])] = value
    return values
