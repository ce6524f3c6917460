"""Tables: written as markup, sorted by a click on a heading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kinema.report.blocks.base import text


@dataclass(frozen=True)
class Cell:
    """A number as a person reads it, with its ± where it has one, and the value that it is sorted by."""

    shown: str
    value: float | None = None
    plus_minus: str = ""
    share: float | None = None
    """0 to 1: drawn as a bar behind the number."""


Row = Sequence[str | Cell]
WIDE = 7
"""A table of more columns than this takes the whole width."""


@dataclass(frozen=True)
class Table:
    """Rows of texts and Cells under headings; the first column names the row."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Row]
    note: str = ""
    scripts: ClassVar[tuple[str, ...]] = ("tables.js",)

    def html(self, ident: str) -> str:
        """Markup of the block."""
        numeric = [
            any(isinstance(row[k], Cell) for row in self.rows) if self.rows else False
            for k in range(len(self.headings))
        ]
        heads = "".join(
            f'<th scope="col"{_number(numeric[k])} aria-sort="none"><button type="button">{text(h)}</button></th>'
            for k, h in enumerate(self.headings)
        )
        body = "".join(
            "<tr>" + "".join(_cell(cell, numeric[k], k == 0) for k, cell in enumerate(row)) + "</tr>"
            for row in self.rows
        )
        note = f'<p class="note">{text(self.note)}</p>' if self.note else ""
        wide = " wide" if len(self.headings) > WIDE else ""
        return (
            f'<section class="block table{wide}" id="{text(ident)}"><h3>{text(self.title)}</h3>{note}'
            f'<div class="scroll" tabindex="0" role="region" aria-label="{text(self.title)}"><table><thead><tr>{heads}'
            f"</tr></thead><tbody>{body}</tbody></table></div></section>"
        )

    def spec(self) -> dict[str, Any]:
        """What its script is to do: sort."""
        return {"kind": "table"}


@dataclass(frozen=True)
class Pairs:
    """Names and values in two columns: settings, versions, sources."""

    title: str
    pairs: Mapping[str, object]
    note: str = ""
    scripts: ClassVar[tuple[str, ...]] = ()

    def html(self, ident: str) -> str:
        """Markup of the block."""
        items = "".join(f"<dt>{text(k)}</dt><dd>{text(v)}</dd>" for k, v in flat(self.pairs))
        note = f'<p class="note">{text(self.note)}</p>' if self.note else ""
        return (
            f'<section class="block pairs" id="{text(ident)}"><h3>{text(self.title)}</h3>{note}'
            f"<dl>{items}</dl></section>"
        )

    def spec(self) -> None:
        """Nothing to draw."""


def flat(values: Mapping[str, object], before: str = "") -> list[tuple[str, str]]:
    """Names and texts of nested mappings, the names joined by points."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += flat(value, f"{before}{name}.")
        else:
            found.append((f"{before}{name}", _short(value)))
    return found


def _short(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_short(v) for v in value) or "–"
    return str(value)


def _number(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _cell(cell: str | Cell, numeric: bool, first: bool) -> str:
    tag, scope = ("th", ' scope="row"') if first else ("td", "")
    if isinstance(cell, str):
        return f"<{tag}{scope}{_number(numeric)}>{text(cell)}</{tag}>"
    value = "" if cell.value is None else f' data-value="{cell.value:.9g}"'
    more = f' <span class="pm">± {text(cell.plus_minus)}</span>' if cell.plus_minus else ""
    bar = f' style="--share:{min(max(cell.share, 0.0), 1.0):.3f}"' if cell.share is not None else ""
    return f"<{tag}{scope}{_number(True)}{value}{bar}>{text(cell.shown)}{more}</{tag}>"
