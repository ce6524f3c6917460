"""ROS 2 bags as SQLite (.db3): the messages of a robot's log in tables `topics` and `messages`.

The same messages as in MCAP logs, read by the same rules. What a hostile file could do with a database (views,
endless queries, large values) is switched off or limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from kinema.core.recording import Issue, Recording
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.mcap_ import read_log
from kinema.formats.mcap_records import Batch, Channel

if TYPE_CHECKING:
    import sqlite3

MAGIC = b"SQLite format 3\0"
MOST_MESSAGE_BYTES = 1 << 26
_ROWS = 5000
_ZSTD = b"\x28\xb5\x2f\xfd"
_STEPS, _MOST_STEPS = 100_000, 100_000
"""Instructions of the database between two looks at it, and looks: a few minutes of its work at most."""


def _sniff(head: bytes, name: str) -> float:
    if not head.startswith(MAGIC):
        return 0.0
    return 0.95 if name.lower().endswith(".db3") or b"topics" in head else 0.4


def read(source: Source, options: ReadOptions) -> Recording:
    """Read as an MCAP log. Raises FormatError."""
    return read_log(source, options, _batches)


def _opened(source: Source) -> sqlite3.Connection:
    """The database: of the file itself, or of its bytes where it was compressed."""
    import sqlite3

    plain = source.path.is_file() and source.path.stat().st_size == len(source.data)
    if plain:
        base = sqlite3.connect(f"{source.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    else:
        base = sqlite3.connect(":memory:")
        base.deserialize(bytes(source.data))
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_MESSAGE_BYTES)
    base.execute("PRAGMA trusted_schema = OFF")
    looks = iter(range(_MOST_STEPS))
    base.set_progress_handler(lambda: int(next(looks, None) is None), _STEPS)
    return base


def _batches(
    source: Source, options: ReadOptions, wanted: Callable[[Channel], bool], issues: list[Issue]
) -> Iterator[Batch]:
    """The messages of the wanted topics. Raises FormatError."""
    import sqlite3

    base = None
    try:
        base = _opened(source)
        tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchmany(99)}
        if not {"topics", "messages"} <= tables:
            raise FormatError(source.path, "an SQLite database without the tables of a ROS 2 bag", "", "is it one?")
        rows = base.execute("SELECT id, name, type, serialization_format FROM topics").fetchmany(_ROWS)
        channels = {int(k): Channel(str(name), str(form), str(kind)) for k, name, kind, form in rows}
        ids = [ident for ident, channel in channels.items() if wanted(channel)]
        marks = ",".join("?" * len(ids))
        found = base.execute(
            f"SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({marks}) ORDER BY timestamp", ids
        )
        while part := found.fetchmany(_ROWS):
            yield _batch(source, part, channels)
    except (sqlite3.Error, ValueError, TypeError, OverflowError, MemoryError) as error:
        what = f"damaged database ({' '.join(str(error).split())[:80]})"
        if options.on_bad == "raise":
            raise FormatError(source.path, what, "", "read with --on-bad skip to keep what is before it") from None
        issues.append(Issue("damaged database", 1, "", source.name, what))
    finally:
        if base is not None:
            base.close()


def _batch(source: Source, rows: list[tuple[int, int, bytes]], channels: dict[int, Channel]) -> Batch:
    """Some messages, one behind the other."""
    blobs = [bytes(data) if isinstance(data, bytes) else b"" for _, _, data in rows]
    if blobs[0][:4] == _ZSTD:
        what = "the messages of this bag are compressed one by one"
        raise FormatError(source.path, what, "", "write it plain: ros2 bag convert, with compression_mode none")
    length = np.array([len(blob) for blob in blobs], np.int64)
    start = np.concatenate([[0], np.cumsum(length)[:-1]])
    topic = np.array([int(row[0]) for row in rows], np.int64)
    stamp = np.array([int(row[1]) for row in rows], np.int64)
    table = np.stack([start, length, stamp], axis=1)
    return Batch(b"".join(blobs), channels, {ident: table[topic == ident] for ident in np.unique(topic).tolist()})


FORMAT = Format("ros2_db3", "ROS 2 bag (SQLite)", (".db3",), _sniff, read)
