"""Every error that Kinema raises on purpose. Each message is one line: what, where, what to do."""

from __future__ import annotations

from os import PathLike

LONGEST = 600
"""Characters of a message; damaged files would fill pages."""


class KinemaError(Exception):
    """Base of all: `str(error)` is the one line that a person is shown, printable whatever a file held."""

    def __init__(self, message: str = "") -> None:
        line = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in message)
        super().__init__(line if len(line) <= LONGEST else line[: LONGEST - 1] + "…")


class FormatError(KinemaError):
    """A file is not what it should be.

    `where` is a line number ("line 12"), a byte offset ("byte 4096") or empty; `remedy` says what to do.
    """

    def __init__(self, path: str | PathLike[str], what: str, where: str = "", remedy: str = "") -> None:
        self.path, self.what, self.where, self.remedy = str(path), what, where, remedy
        place = f"{self.path}: {where}: " if where else f"{self.path}: "
        super().__init__(place + what + (f"; {remedy}" if remedy else ""))


class DataError(KinemaError):
    """Values that cannot be right: wrong shape, dtype, range, or not finite."""

    def __init__(self, name: str, expected: str, got: str) -> None:
        self.name, self.expected, self.got = name, expected, got
        super().__init__(f"{name}: expected {expected}, got {got}")


class ConfigError(KinemaError):
    """A setting, option or combination of files that cannot work."""


class EstimationError(KinemaError):
    """No trajectory could be estimated. `last_good_ns` is the GPS time of the last good epoch, or None."""

    def __init__(self, message: str, last_good_ns: int | None = None, status: str = "") -> None:
        self.last_good_ns, self.status = last_good_ns, status
        super().__init__(message)
