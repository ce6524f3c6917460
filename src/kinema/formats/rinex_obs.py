"""RINEX observation files, versions 2.10 to 4.02 (IGS/RTCM RINEX 2.11, 3.05 and 4.02).

Read are code, phase, Doppler and C/N0; other observables are left aside. Phases stay as they are written: the shifts of
SYS / PHASE SHIFT are already in them. Scale factors are divided out. A value of 0.0 is a missing one. SBAS and NavIC
are skipped and counted. The loss-of-lock bits that stay are slip (1) and half cycle (2); a power failure (event 1) sets
the slip bit of every phase of its epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kinema.core.recording import Issue, Recording
from kinema.core.streams import GnssObservations
from kinema.core.time import iso_gps
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.observation_checks import checked
from kinema.formats.rinex_columns import ROW_COLUMNS, Columns, release_pages
from kinema.formats.rinex_header import Header, header_line, line_number, parse_header, sniff_header
from kinema.formats.rinex_obs_header import Layout, antenna_of, glonass_channels, interval_of, layout_of
from kinema.formats.time_systems import to_gps_ns

_BLOCK_EPOCHS = 4096
_BLOCK_ROWS = 65_536
_PIECE_BYTES = 16 << 20

# What the kernel tallies, in its order: (kind of issue, whether it is an error when strict).
TALLIES = (
    ("garbled line", True),
    ("garbled epoch", True),
    ("garbled value", True),
    ("epoch cut short", True),
    ("unknown satellite", True),
    ("satellite twice in an epoch", False),
    ("skipped SBAS", False),
    ("skipped NavIC", False),
    ("cycle slip record skipped", False),
    ("power failure", False),
)


@dataclass
class _Scan:
    """A walk through the epochs of one file."""

    source: Source
    options: ReadOptions
    header: Header
    layout: Layout
    at: int
    issues: dict[str, Issue] = field(default_factory=dict)
    counted: tuple[int, int] = (0, 1)
    seen: Any = field(default_factory=lambda: np.full(800, -1, np.int64))
    names: Any = field(default_factory=lambda: np.zeros(1000, np.int64))

    @classmethod
    def begin(cls, source: Source, options: ReadOptions) -> _Scan:
        header = parse_header(source.path, source.data)
        if header.kind != "O":
            raise FormatError(source.path, f"a RINEX file of type '{header.kind}', not observations", "line 1")
        layout = layout_of(header)
        return cls(source, options, header, layout, header.data_at)

    def tell(self, kind: str, count: int, where: str, detail: str = "") -> None:
        """Count an issue; the first place is kept."""
        old = self.issues.get(kind)
        if old:
            self.issues[kind] = replace(old, count=old.count + count)
        else:
            self.issues[kind] = Issue(kind, count, where, self.source.path.name, detail)

    def fill(self, columns: Columns, max_epochs: int) -> bool:
        """Scan until the columns are full or hold `max_epochs`, or the data end; False at the end.

        In pieces, so that the pages of file and columns that are done with can go.
        """
        from kinema.kernels.rinex import EVENT, N_TALLIES, scan_rinex3
        from kinema.kernels.rinex2 import scan_rinex2

        data = np.frombuffer(self.source.data, np.uint8)
        stop = len(data)
        while self.at < stop and columns.n_epochs < max_epochs and not columns.full:
            tally, first = np.zeros(N_TALLIES, np.int64), np.full(N_TALLIES, stop, np.int64)
            layout = self.layout
            tables = (layout.slot, layout.kind, layout.divisor, layout.n_types)
            out: Any = (*columns.arrays.values(), self.seen, tally, first)
            counts = (self.at, stop, self.at + _PIECE_BYTES, columns.n_epochs, columns.n_rows)
            if self.header.version < 3:
                status, *where = scan_rinex2(data, *counts, layout.default_system, self.names, *tables, *out)
            else:
                status, *where = scan_rinex3(data, *counts, *tables, *out)
            self.at, columns.n_epochs, columns.n_rows = where
            self._account(tally, first)
            if status == EVENT:
                self._event()
                if self.layout.slots > columns.slots:
                    columns.slots = self.layout.slots
                    columns.reserve(len(columns.arrays["t_ns"]), len(columns.arrays["sat"]))
            else:
                release_pages(self.source.data.obj, self.at)
                columns.release()
                self.options.progress(f"reading {self.source.path.name}", self.at / stop)
        return self.at < stop

    def _line(self, at: int) -> int:
        """Number of the line at a byte; counted from the last one asked for where that lies before."""
        if at < self.counted[0]:
            return line_number(self.source.data, at)
        self.counted = (at, line_number(self.source.data, at, self.counted))
        return self.counted[1]

    def _account(self, tally: Any, first: Any) -> None:
        found = np.flatnonzero(tally)
        for k in found[np.argsort(first[found])].tolist():
            kind, bad = TALLIES[k]
            where = f"line {self._line(int(first[k]))}" if kind not in self.issues else ""
            if bad and self.options.on_bad == "raise":
                raise FormatError(self.source.path, kind, where, "leave such out with --on-bad skip")
            self.tell(kind, int(tally[k]), where)

    def _event(self) -> None:
        """An event record (flags 2 to 5): header lines that may change the layout."""
        data, number = self.source.data, self._line(self.at)
        lines: list[bytes] = []
        at, count = self.at, 1
        while at < len(data) and len(lines) < count:
            text = bytes(data[at : at + 4096]).split(b"\n", 1)[0]
            at += len(text) + 1
            lines.append(text)
            if len(lines) == 1:
                columns = text[29:32] if self.header.version < 3 else text[32:35]
                flag = int(text[26:29] if self.header.version < 3 else text[31:32])
                count += int(columns.strip() or 0)
        self.at = min(at, len(data))
        kind = {2: "antenna starts to move", 3: "new site", 4: "header changes", 5: "external event"}[flag]
        self.tell(kind, 1, f"line {number}")
        if flag != 5:
            changed = tuple(header_line(text, number + k) for k, text in enumerate(lines) if k)
            self.layout = layout_of(replace(self.header, lines=changed), self.layout)


def iter_observation_blocks(
    source: Source,
    max_epochs: int = _BLOCK_EPOCHS,
    options: ReadOptions | None = None,
    issues: list[Issue] | None = None,
) -> Iterator[GnssObservations]:
    """Blocks of at most `max_epochs` epochs in the order of the file, in memory of one block.

    Signals keep their slots from block to block; later ones may have more. Epochs that go back in time within a block
    are sorted; across blocks they are the caller's. At the end `issues` gets what was odd. Raises FormatError.
    """
    scan = _Scan.begin(source, options or ReadOptions())
    more, rows = True, _BLOCK_ROWS
    while more:
        columns = Columns(scan.layout.slots)
        columns.reserve(max_epochs, rows)
        while (more := scan.fill(columns, max_epochs)) and columns.n_epochs < max_epochs:
            rows *= 2
            columns.reserve(max_epochs, rows)
        if columns.n_epochs:
            yield _observations(scan, columns)
    if issues is not None:
        issues.extend(scan.issues.values())


def read(source: Source, options: ReadOptions) -> Recording:
    """The whole file as stream "gnss". Raises FormatError; a file without a single epoch is an error too."""
    scan = _Scan.begin(source, options)
    columns = Columns(scan.layout.slots)
    columns.reserve(_BLOCK_EPOCHS, _BLOCK_ROWS)
    while scan.fill(columns, np.iinfo(np.int64).max):
        growth = max(1.05 * len(source.data) / scan.at, 1.3)
        columns.reserve(int(columns.n_epochs * growth) + _BLOCK_EPOCHS, int(columns.n_rows * growth) + _BLOCK_ROWS)
    if not columns.n_epochs:
        raise FormatError(source.path, "no epoch after the header", remedy="the file is cut, or was stopped at once")
    gnss = _observations(scan, columns)
    issues = (*scan.issues.values(), *checked(gnss, source.path.name, columns.release))
    return Recording({"gnss": gnss}, issues=issues, sources=(str(source.path),), name=source.path.stem)


def _observations(scan: _Scan, columns: Columns) -> GnssObservations:
    """The columns as a noun: GPS time, each epoch once, in order."""
    taken = columns.taken()
    t_ns = to_gps_ns(taken.pop("t_ns"), scan.layout.time_system)
    step = np.diff(t_ns)
    if (step <= 0).any():
        order = np.argsort(t_ns, kind="stable")
        keep = np.concatenate([[True], np.diff(t_ns[order]) > 0])
        backward, double = int((step < 0).sum()), int((~keep).sum())
        if backward:
            scan.tell("time goes back, sorted", backward, iso_gps(int(t_ns[1:][step < 0][0])))
        if double:
            scan.tell("epoch twice, first kept", double, iso_gps(int(t_ns[order][~keep][0])))
        t_ns, taken = _reordered(t_ns, taken, order[keep])
    return GnssObservations(
        t_ns=t_ns,
        signals=scan.layout.signals,
        antenna=antenna_of(scan.header),
        glonass_channel=glonass_channels(scan.header),
        interval_s=interval_of(scan.header, t_ns),
        **taken,
    )


def _reordered(t_ns: Any, taken: dict[str, Any], order: Any) -> tuple[Any, dict[str, Any]]:
    start = taken["row_start"]
    counts = np.diff(start)[order]
    row_start = np.concatenate([[0], np.cumsum(counts)])
    rows = np.arange(row_start[-1]) + np.repeat(start[:-1][order] - row_start[:-1], counts)
    return t_ns[order], {"row_start": row_start, **{name: taken[name][rows] for name in ROW_COLUMNS}}


FORMAT = Format(
    name="rinex-obs",
    title="RINEX observations 2, 3, 4",
    extensions=(".obs", ".rnx", ".crx", ".o", ".d"),
    sniff=lambda head, name: sniff_header(head, "O"),
    read=read,
)
