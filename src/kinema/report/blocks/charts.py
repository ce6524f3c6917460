"""Linked plots: lines with corridors, one line per satellite, clouds of dots, and strips of a status over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from kinema.report.blocks.base import figure


@dataclass(frozen=True)
class Line:
    """One line: a column of a track. `style` is "line", "step" or "dots"; `dash` draws it as a bound."""

    column: str
    label: str
    track: str = "solution"
    colour: str = "--c1"
    style: str = "line"
    dash: bool = False

    def spec(self) -> dict[str, Any]:
        """JSON of the line."""
        return {
            "column": self.column, "label": self.label, "track": self.track, "colour": self.colour,
            "style": self.style, "dash": self.dash,
        }  # fmt: skip


@dataclass(frozen=True)
class Corridor:
    """A filled band: `centre` (a column, or None for zero) ± `factor` × the column `sigma`."""

    sigma: str
    label: str
    centre: str | None = None
    factor: float = 1.96
    track: str = "solution"
    colour: str = "--c1"

    def spec(self) -> dict[str, Any]:
        """JSON of the corridor."""
        return {
            "sigma": self.sigma, "label": self.label, "centre": self.centre, "factor": self.factor,
            "track": self.track, "colour": self.colour,
        }  # fmt: skip


@dataclass(frozen=True)
class Plot:
    """Lines and corridors over the shared x axis, with the shared cursor.

    `robust` (low, high) bounds y at first where values far outside would flatten the rest; a click on the axis shows
    all. `zero` keeps zero in view; `log` draws positive values on a logarithmic scale.
    """

    title: str
    unit: str
    lines: Sequence[Line] = ()
    corridors: Sequence[Corridor] = ()
    robust: tuple[float, float] | None = None
    zero: bool = False
    height_px: int = 150
    log: bool = False
    flip: bool = False
    """Small values at the top, as paces are drawn."""
    scripts: ClassVar[tuple[str, ...]] = ("plot.js",)

    def html(self, ident: str) -> str:
        """Markup of the block."""
        names = ", ".join(line.label for line in self.lines)
        return figure(ident, "plot", self.title, self.unit, f"{self.title}: {names}", height_px=self.height_px)

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {
            "kind": "plot", "unit": self.unit, "zero": self.zero, "log": self.log, "robust": self.robust,
            "lines": [line.spec() for line in self.lines], "corridors": [band.spec() for band in self.corridors],
            "flip": self.flip,
        }  # fmt: skip


@dataclass(frozen=True)
class Groups:
    """Rows of several movers or satellites in one set of columns: rows start[k] to start[k + 1] are those of
    names[k]. `row` is the column that says which sample of `track` each row belongs to; `family` sorts the groups
    (the satellite system) and gives them their colour."""

    names: Sequence[str]
    start: Sequence[int]
    family: Sequence[str]
    row: str
    track: str = "solution"

    def spec(self) -> dict[str, Any]:
        """JSON of the groups."""
        return {
            "names": list(self.names), "start": [int(k) for k in self.start], "family": list(self.family),
            "row": self.row, "track": self.track,
        }  # fmt: skip


@dataclass(frozen=True)
class Cloud:
    """A value per row of some groups: thin lines (`style` "line") or dots. `state` is a column, 0 for rows that were
    used and else an index into `states`, drawn in another mark."""

    title: str
    unit: str
    groups: Groups
    column: str
    style: str = "dots"
    state: str | None = None
    states: Sequence[str] = ()
    robust: tuple[float, float] | None = None
    zero: bool = False
    height_px: int = 150
    scripts: ClassVar[tuple[str, ...]] = ("cloud.js",)

    def html(self, ident: str) -> str:
        """Markup of the block."""
        label = f"{self.title} of {len(self.groups.names)} satellites"
        return figure(ident, "cloud", self.title, self.unit, label, height_px=self.height_px)

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {
            "kind": "cloud", "unit": self.unit, "column": self.column, "style": self.style, "state": self.state,
            "states": list(self.states), "robust": self.robust, "zero": self.zero, "groups": self.groups.spec(),
        }  # fmt: skip


@dataclass(frozen=True)
class Category:
    """One value of a status column: its number, name and colour (a CSS variable)."""

    value: int
    label: str
    colour: str

    def spec(self) -> list[Any]:
        """JSON of the category."""
        return [self.value, self.label, self.colour]


@dataclass(frozen=True)
class Strip:
    """A column of categories over the whole x axis, which is also the handle of the shared zoom."""

    title: str
    column: str
    categories: Sequence[Category] = field(default_factory=tuple)
    track: str = "solution"
    height_px: int = 26
    scripts: ClassVar[tuple[str, ...]] = ("strip.js",)

    def html(self, ident: str) -> str:
        """Markup of the block."""
        names = ", ".join(c.label for c in self.categories)
        return figure(ident, "strip", self.title, "", f"{self.title} over time: {names}", height_px=self.height_px)

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {
            "kind": "strip", "column": self.column, "track": self.track,
            "categories": [c.spec() for c in self.categories],
        }  # fmt: skip
