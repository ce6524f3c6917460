"""`read`: whatever files there are, recognised by their content, as one Recording."""

from __future__ import annotations

import logging
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from kinema import formats
from kinema.core.progress import Progress, silent
from kinema.core.recording import Issue, Recording
from kinema.errors import ConfigError, FormatError
from kinema.formats.base import Format, OnBad, ReadOptions, Source
from kinema.formats.completing import completed
from kinema.formats.folder import Part, folder_of
from kinema.formats.merging import merge
from kinema.formats.opening import HEAD_BYTES, head_of, open_source

PathLike = str | Path


_PAPERS = re.compile(r"licen[cs]e|readme|notice|copying|changelog|manifest\.json")
"""What lies beside recordings and is none: nobody wants to be told of it."""


class UnknownFormatError(FormatError):
    """No reader knows the file."""


def _entries_elsewhere() -> Iterable[Any]:
    """Entry points "kinema.formats" of other packages; to look at all that is installed costs more than to read a
    file, so it is done only where some package names the group."""
    told = (file for folder in sys.path for file in Path(folder or ".").glob("*-info/entry_points.txt"))
    if not any(b"kinema.formats" in file.read_bytes() for file in told):
        return ()
    from importlib.metadata import entry_points

    return entry_points(group="kinema.formats")


@cache
def discover() -> tuple[Format, ...]:
    """Every format: of this folder and of entry points "kinema.formats"; one that cannot be imported is left out."""
    names = [name for _, name, _ in pkgutil.iter_modules(formats.__path__)]
    loaders: list[Callable[[], Any]] = [partial(import_module, f"{formats.__name__}.{name}") for name in names]
    loaders += [entry.load for entry in _entries_elsewhere()]
    found = []
    for load in loaders:
        try:
            module = load()
        except ImportError as error:
            logging.getLogger("kinema").warning("a format cannot be loaded: %s", error)
            continue
        one = getattr(module, "FORMAT", module)
        if isinstance(one, Format):
            found.append(one)
    return tuple(sorted(found, key=lambda one: one.name))


def sniff(path: PathLike) -> Format:
    """The format of a file. Raises FormatError where no reader knows it."""
    path = Path(path)
    return recognise(path, head_of(path), Source(path, memoryview(b"")).name)


def recognise(path: Path, head: bytes, name: str) -> Format:
    """The readable format that is surest of these first bytes. Raises FormatError."""
    best, sure = None, 0.0
    for one in discover():
        score = _sureness(one, head, name) if one.read else 0.0
        if score > sure:
            best, sure = one, score
    if best is None:
        known = ", ".join(sorted(one.title for one in discover() if one.read))
        remedy = _remedy(head) or f"readable are {known}"
        raise UnknownFormatError(path, f"no known format: it begins with {_looks_like(head)}", remedy=remedy)
    return best


def _remedy(head: bytes) -> str:
    """What to do about a file that nobody knows, where its first bytes tell it."""
    start = head.lstrip()[:64].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "it is a web page: was the download refused?"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file: fetch it with git lfs pull"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "save it as UTF-8"
    from kinema.formats.dialect import dialect_of, width_of

    names = "docs/sensors.md lists the names that are known: t_s, ax_mps2 … gz_radps, wheel_speed_kmh, range_m …"
    dialect = dialect_of(head) if b"\0" not in head else None
    if dialect is not None and len(dialect.names) > 2 and not start.startswith((b"{", b"[", b"<")):
        have = ", ".join(dialect.names)[:160]
        return f"its columns are {have}; rename them there or by [columns] in a kinema.toml: {names}"
    width = width_of(head) if b"\0" not in head else 0
    return f"{width} columns of numbers without names: write those into a line above them; {names}" if width else ""


def _sureness(one: Format, head: bytes, name: str) -> float:
    """What a format says of these bytes; one that fails on them does not keep the others from recognising the file."""
    try:
        return one.sniff(head, name)
    except Exception as error:
        logging.getLogger("kinema").warning("format '%s' fails to look at %s: %r", one.name, name, error)
        return 0.0


def _looks_like(head: bytes) -> str:
    if not head.strip():
        return "blank lines"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text"
    if b"\x00" in head:
        return "binary data (" + head[:8].hex(" ") + ")"
    odd = sum(byte < 9 or 13 < byte < 32 for byte in head)
    if odd > len(head) // 20:
        return "binary data (" + head[:8].hex(" ") + ")"
    line = head.lstrip().split(b"\n", 1)[0][:40].decode("utf-8", "replace").strip()
    return f"'{line}'"


def _opened(path: Path, on_bad: OnBad) -> tuple[Source, Format, list[Issue]]:
    issues: list[Issue] = []
    name = Source(path, memoryview(b"")).name
    seen: dict[bytes, Format] = {}

    def check(head: bytes) -> None:
        if head not in seen:
            seen[head] = recognise(path, head, name)

    source = open_source(path, check, issues if on_bad == "skip" else None)
    head = bytes(source.data[:HEAD_BYTES])
    check(head)
    return source, seen[head], issues


def read_file(path: PathLike, options: ReadOptions | None = None) -> Recording:
    """One file. Raises FormatError, FileNotFoundError."""
    path, options = Path(path), options or ReadOptions()
    try:
        source, one, issues = _opened(path, options.on_bad)
    except UnknownFormatError:
        renamed = _renamed(path, options)
        if renamed is None:
            raise
        return renamed
    assert one.read is not None
    recording = one.read(source, options)
    if not issues:
        return recording
    return replace(recording, issues=(*issues, *recording.issues))


def _renamed(path: Path, options: ReadOptions) -> Recording | None:
    """A table whose columns are known by the names that the folder's settings give them; None where none is."""
    from kinema.formats.dialect import dialect_of
    from kinema.formats.sensor_csv import sensors_beside_places

    dialect = dialect_of(head_of(path)) if options.columns else None
    if dialect is None or not set(dialect.names) & set(options.columns):
        return None
    return sensors_beside_places(path, options)


def read(
    *paths: PathLike,
    base: PathLike | Sequence[PathLike] | None = None,
    on_bad: OnBad = "raise",
    progress: Progress = silent,
) -> Recording:
    """Read files and folders as one recording.

    Each path is a file of any known format (`kinema info` tells what is in it) or a folder of such files, with an
    optional `kinema.toml` that says which is what. `base`: observations of the base. `on_bad`: "raise" at the first bad
    line, or "skip" and count it in `issues`. Raises FormatError, ConfigError, FileNotFoundError.
    """
    options = ReadOptions(on_bad, progress)
    folders = [folder_of(Path(path)) for path in paths]
    parts = [part for folder in folders for part in folder.parts]
    if base is not None:
        several = [base] if isinstance(base, str | Path) else list(base)
        parts = [part for part in parts if part.role != "base"]
        parts += [replace(part, role="base") for one in several for part in folder_of(Path(one)).parts]
    said: dict[str, Any] = {
        kind: {k: v for folder in folders for k, v in folder.settings.get(kind, {}).items()}
        for kind in ("units", "columns")
    }
    done: list[tuple[Part, Recording]] = []
    unknown: list[Issue] = []
    for part in parts:
        try:
            done.append((part, read_file(part.path, replace(options, **said))))
        except UnknownFormatError as error:
            if not part.optional:
                raise
            if not _PAPERS.match(part.path.name.lower()):
                unknown.append(Issue("file of no known format", 1, "", part.path.name, error.what))
    if unknown and not done:
        names = ", ".join(issue.source for issue in unknown[:6])
        raise ConfigError(f"{paths[0]}: no file of a known format in it, only {names}")
    for path in (Path(one) for one in paths if Path(one).is_dir()):
        empty = sorted(p.name for p in path.iterdir() if p.is_file() and not p.stat().st_size)
        unknown += [Issue("empty file", 1, "", name, "left out") for name in empty]
    recording = merge(done)
    name = next((folder.name for folder in folders if folder.name), recording.name)
    mounts, settings = dict(recording.mounts), dict(recording.settings)
    for folder in folders:
        mounts |= folder.mounts
        settings |= folder.settings
    issues = (*recording.issues, *unknown)
    return completed(replace(recording, issues=issues, name=name, mounts=mounts, settings=settings))
