"""A page: sections of blocks, the columns they draw, and everything else that it needs in one HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kinema.report.blocks.base import Axis, Block, Span, Track, text
from kinema.report.columns import Columns
from kinema.report.scripts import bundle, style_sheet
from kinema.version import __version__

HELP = (
    "<p><b>Move</b> over a plot or the map: one cursor everywhere. <b>Click</b> holds it, <kbd>Esc</kbd> frees it."
    "</p><p><b>Drag</b> on a plot to zoom, <b>double-click</b> to see all; <kbd>Ctrl</kbd> or pinch with the wheel "
    "zooms, <kbd>Shift</kbd> with dragging pans.</p><p><kbd>←</kbd> <kbd>→</kbd> step through samples "
    "(<kbd>Shift</kbd>: 10), <kbd>+</kbd> <kbd>−</kbd> zoom, <kbd>0</kbd> shows all, <kbd>Space</kbd> plays.</p>"
    "<p><b>Map</b>: wheel or pinch zooms, dragging pans; the corner buttons fit it or bring the plots to what it "
    "shows.</p>"
)


@dataclass(frozen=True)
class Section:
    """Blocks that stand together. `layout`: "stack" (one below the other), "grid" (side by side where there is room),
    "split" (the blocks of `aside` stay in view while the others scroll past them)."""

    title: str
    blocks: Sequence[Block]
    layout: str = "stack"
    aside: Sequence[Block] = ()


@dataclass(frozen=True)
class Page:
    """Everything of one page. The first track is the one whose samples the cursor steps through; `spans` are on its
    time axis. `controls` shows the bar with axis, zoom, play and readout."""

    title: str
    sections: Sequence[Section]
    columns: Columns = field(default_factory=Columns)
    tracks: Sequence[Track] = ()
    axes: Sequence[Axis] = ()
    spans: Sequence[Span] = ()
    subtitle: str = ""
    lead: Sequence[Block] = ()
    """Blocks above the bar of controls: banner, summary."""
    navigator: Block | None = None
    """A strip below the bar of controls, always in view."""
    readout: Sequence[str] = ()
    """Columns of the first track whose values the bar tells at the cursor."""
    speeds: Sequence[float] = ()
    """How many times as fast as it was the page may be played; none: the range in view in 40 seconds."""
    scene: dict[str, Any] | None = None
    """What the blocks of many movers share (`blocks/scene.py`); the cursor is then always somewhere."""
    help: str = ""
    """Markup of the help behind the question mark, where HELP does not fit."""

    def html(self) -> str:
        """The page as one file that needs no network and no other file."""
        below = [self.navigator] if self.navigator else []
        blocks = [*self.lead, *below, *(b for s in self.sections for b in (*s.aside, *s.blocks))]
        idents = {id(block): f"b{k}" for k, block in enumerate(blocks)}
        files = sorted({name for block in blocks for name in block.scripts})
        script = bundle(["main.js", *(name for name in files if name.endswith(".js"))])
        style = style_sheet([name for name in files if name.endswith(".css")])
        body = "".join(block.html(idents[id(block)]) for block in self.lead)
        body += _controls(self, idents) if self.tracks else ""
        body += "".join(_section(section, idents) for section in self.sections)
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n{_policy(script)}\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
            f'<meta name="generator" content="Kinema {text(__version__)}">\n<title>{text(self.title)}</title>\n'
            f"<style>\n{style}</style></head>\n<body>\n<header><h1>{text(self.title)}</h1>"
            f'<p class="subtitle">{text(self.subtitle)}</p></header>\n<main>{body}</main>\n'
            f"<footer><p>Made by Kinema {text(__version__)}. This file is complete: it needs no network.</p></footer>\n"
            f'<noscript><p class="banner">{_without_script(self)}</p></noscript>\n'
            f'{self._data(idents, blocks)}\n<script type="module">{script}</script>\n</body></html>\n'
        )

    def _data(self, idents: dict[int, str], blocks: Sequence[Block]) -> str:
        drawn = {idents[id(block)]: block.spec() for block in blocks}
        columns, payloads = {}, []
        for k, (name, column) in enumerate(self.columns.items()):
            columns[name] = column.meta | {"id": f"c{k}"}
            payloads.append(f'<script type="text/plain" id="c{k}">{column.payload}</script>')
        spec = {
            "columns": columns,
            "tracks": [track.spec() for track in self.tracks],
            "axes": [axis.spec() for axis in self.axes],
            "spans": [span.spec() for span in self.spans],
            "readout": list(self.readout),
            "scene": self.scene,
            "blocks": {ident: one for ident, one in drawn.items() if one is not None},
        }
        return f'<script type="application/json" id="spec">{safe_json(spec)}</script>\n' + "\n".join(payloads)


def safe_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    words = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return words.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _without_script(page: Page) -> str:
    if page.scene is not None:
        return "This page draws its movers and their tables by JavaScript."
    return "The map and the plots need JavaScript; the tables do not."


def _policy(script: str) -> str:
    """No network, no frames, no forms, and no script but ours, which is known by its hash."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    rules = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{rules}">'


def _section(section: Section, idents: dict[int, str]) -> str:
    inner = "".join(block.html(idents[id(block)]) for block in section.blocks)
    title = f"<h2>{text(section.title)}</h2>" if section.title else ""
    if section.aside:
        aside = "".join(block.html(idents[id(block)]) for block in section.aside)
        inner = f'<div class="aside">{aside}</div><div class="column">{inner}</div>'
    return f'<section class="part">{title}<div class="{text(section.layout)}">{inner}</div></section>'


def _controls(page: Page, idents: dict[int, str]) -> str:
    buttons = "".join(
        f'<button type="button" data-axis="{text(axis.name)}" aria-pressed="false">{text(axis.label)}</button>'
        for axis in page.axes
    )
    axes = f'<div class="segmented" role="group" aria-label="Horizontal axis">{buttons}</div>'
    options = "".join(f'<option value="{x:g}"{" selected" if x == 1 else ""}>{x:g} ×</option>' for x in page.speeds)
    speed = f'<label class="choose">Speed <select data-do="speed">{options}</select></label>' if options else ""
    strip = page.navigator.html(idents[id(page.navigator)]) if page.navigator else ""
    return (
        '<div class="controls" role="toolbar" aria-label="Shared axis, zoom and cursor">'
        '<button type="button" class="icon" data-do="play" aria-label="Play">'
        '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5v11l9-5.5z"/></svg></button>'
        f"{axes if len(page.axes) > 1 else ''}{speed}"
        '<button type="button" data-do="reset" disabled>Show all</button>'
        '<output class="readout" aria-live="off"></output>'
        '<details class="help"><summary aria-label="How to use this page">?</summary>'
        f"<div>{page.help or HELP}</div></details>{strip}</div>"
    )
