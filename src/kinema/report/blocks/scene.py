"""Blocks of a scene with many movers: plan, scrubber, timeline of identities, heat map, tables that follow the cursor.

What they share (names, rows, ground, marks, laps) stands once in the page, in its `scene`; see `scene_page.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from kinema.report.blocks.base import figure, text


@dataclass(frozen=True)
class Plan:
    """The movers on their ground, moved by the cursor; a mover under the pointer or clicked is picked everywhere."""

    title: str
    aspect: float = 1.0
    """Width over height of what is drawn."""
    scripts: ClassVar[tuple[str, ...]] = ("plan.js", "scene.css")

    def html(self, ident: str) -> str:
        """Markup of the block."""
        tools = (
            '<span class="tools"><label class="choose">Colour <select data-do="colour"></select></label>'
            '<label class="choose">Trail <select data-do="trail"><option value="0">none</option>'
            '<option value="2">2 s</option><option value="5" selected>5 s</option><option value="15">15 s</option>'
            '<option value="60">1 min</option></select></label>'
            '<button type="button" class="toggle" data-do="labels" aria-pressed="true">Names</button>'
            '<button type="button" class="toggle" data-do="sigma" aria-pressed="false">±</button>'
            '<button type="button" class="toggle" data-do="follow" aria-pressed="false">Follow</button></span>'
        )
        label = f"{self.title}: every mover at the time of the cursor; click one to pick it"
        return figure(ident, "map plan", self.title, "", label, style=_as_wide(self.aspect), extra=tools)

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {"kind": "plan"}


@dataclass(frozen=True)
class Scrubber:
    """The whole time as a strip: how many movers were there; dragging moves the cursor."""

    scripts: ClassVar[tuple[str, ...]] = ("scrubber.js", "scene.css")

    def html(self, ident: str) -> str:
        """Markup of the block."""
        return figure(ident, "scrubber", "Movers in view", "", "How many movers were there over time; drag to move the "
                      "cursor", height_px=40)  # fmt: skip

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {"kind": "scrubber"}


@dataclass(frozen=True)
class Identities:
    """One row for each mover: when it was seen, what was filled in, tags read and confusions; sortable."""

    title: str
    height_px: int = 430
    scripts: ClassVar[tuple[str, ...]] = ("identities.js", "scene.css")

    def html(self, ident: str) -> str:
        """Markup of the block."""
        return (
            f'<figure class="block identities" id="{text(ident)}"><figcaption><h3>{text(self.title)}</h3>'
            '<label class="choose">Sort by <select data-do="sort"></select></label>'
            '<div class="legend"></div></figcaption>'
            f'<div class="rows" style="max-height:{self.height_px}px" tabindex="0" role="region" '
            f'aria-label="{text(self.title)}, scrolls"><div class="stage" role="img" '
            f'aria-label="{text(self.title)}: bars of when each was seen"></div>'
            '<div class="spacer"></div></div></figure>'
        )

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {"kind": "identities", "height": self.height_px}


@dataclass(frozen=True)
class HeatMap:
    """Time spent per cell, of cells that enough different movers were in."""

    title: str
    note: str
    aspect: float = 1.0
    scripts: ClassVar[tuple[str, ...]] = ("heat.js", "scene.css")

    def html(self, ident: str) -> str:
        """Markup of the block."""
        return (
            f'<figure class="block map heat" id="{text(ident)}"><figcaption><h3>{text(self.title)}</h3>'
            f'<div class="legend"></div></figcaption><p class="note">{text(self.note)}</p>'
            f'<div class="stage" style="{_as_wide(self.aspect)}" role="img" aria-label="{text(self.title)}. '
            f'{text(self.note)}"></div></figure>'
        )

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {"kind": "heat"}


@dataclass(frozen=True)
class LiveTable:
    """A table of all movers that its script fills: `kind` "board" follows the cursor, "everyone" is about the whole."""

    kind: str
    title: str
    note: str = ""
    height_px: int = 430

    scripts: ClassVar[tuple[str, ...]] = ("board.js", "everyone.js", "scene.css")

    def html(self, ident: str) -> str:
        """Markup of the block."""
        note = f'<p class="note">{text(self.note)}</p>' if self.note else ""
        return (
            f'<section class="block table live {text(self.kind)}" id="{text(ident)}"><h3>{text(self.title)}</h3>{note}'
            f'<div class="scroll" style="max-height:{self.height_px}px" tabindex="0" role="region" '
            f'aria-label="{text(self.title)}"><table><thead><tr></tr></thead><tbody></tbody></table></div></section>'
        )

    def spec(self) -> dict[str, Any]:
        """What its script is to fill."""
        return {"kind": self.kind}


def _as_wide(aspect: float) -> str:
    """The style of a stage as wide and high as what it shows, within reason."""
    return f"--aspect:{min(max(aspect, 0.6), 3.4):.3f}"
