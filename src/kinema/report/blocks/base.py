"""What a block is, and the few helpers that all of them need to write safe HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar, Protocol


class Block(Protocol):
    """A part of a page.

    `html(ident)` is its markup, with every text from outside escaped; an element that a script draws into carries
    `ident` as its id. `spec()` is JSON for that script, or None for a block that is all markup; its "kind" names the
    function that a script of `scripts` (files of `assets/`) has registered.
    """

    scripts: ClassVar[tuple[str, ...]]

    def html(self, ident: str) -> str:
        """Markup of the block."""

    def spec(self) -> dict[str, Any] | None:
        """What its script is to draw."""


@dataclass(frozen=True)
class Track:
    """One mover's samples that share a cursor: columns for each axis that can be x, and for its place on the map.

    `x` maps the name of an axis ("time", "distance") to a column that does not decrease. `gap_s` is the pause between
    two samples from which on no line joins them. `colour` is a CSS variable of the page ("--c1" to "--c6", "--ink").
    """

    name: str
    label: str
    x: dict[str, str]
    east: str | None = None
    north: str | None = None
    colour: str = "--c1"
    gap_s: float = 0.0

    def spec(self) -> dict[str, Any]:
        """JSON of the track."""
        return {
            "name": self.name, "label": self.label, "x": self.x, "east": self.east, "north": self.north,
            "colour": self.colour, "gap": self.gap_s,
        }  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """Something that can be x. `kind`: "time" (seconds; `start_unix_s` gives the clock), "length" (metres) or
    "number" with a `unit`."""

    name: str
    label: str
    kind: str = "number"
    unit: str = ""
    start_unix_s: float | None = None

    def spec(self) -> dict[str, Any]:
        """JSON of the axis."""
        return {
            "name": self.name, "label": self.label, "kind": self.kind, "unit": self.unit, "start": self.start_unix_s,
        }  # fmt: skip


@dataclass(frozen=True)
class Span:
    """A marked stretch of the first track's time axis, in its seconds. `kind` "outage" and "bridged" (by dead
    reckoning) are shaded; any other (a lap, a stop) is fenced by lines with its label."""

    start_s: float
    stop_s: float
    label: str = ""
    kind: str = "outage"

    def spec(self) -> list[Any]:
        """JSON of the span."""
        return [round(self.start_s, 6), round(self.stop_s, 6), self.label, self.kind]


def text(value: object) -> str:
    """Any value as text that is safe inside an element or a quoted attribute."""
    return escape(str(value), quote=True)


def figure(
    ident: str, kind: str, title: str, unit: str, label: str, *, height_px: int = 0, extra: str = "", style: str = ""
) -> str:
    """The frame of a block that a script draws into: title, place of the legend, stage of a height or another style."""
    style = style or f"height:{height_px}px"
    small = f" <small>{text(unit)}</small>" if unit else ""
    return (
        f'<figure class="block {text(kind)}" id="{text(ident)}"><figcaption><h3>{text(title)}{small}</h3>{extra}'
        f'<div class="legend"></div></figcaption><div class="stage" style="{text(style)}" role="img" '
        f'aria-label="{text(label)}"></div></figure>'
    )
