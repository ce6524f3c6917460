"""The map: tracks on a local metric plane, north up, coloured by a channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kinema.report.blocks.base import figure, text
from kinema.report.blocks.charts import Category


@dataclass(frozen=True)
class Colouring:
    """A way to colour the track: a column with the range of its colours, or categories. `diverging` puts the middle
    of the colours at zero."""

    column: str
    label: str
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    diverging: bool = False
    categories: Sequence[Category] = ()
    log: bool = False

    def spec(self) -> dict[str, Any]:
        """JSON of the colouring."""
        return {
            "column": self.column, "label": self.label, "unit": self.unit, "low": self.low, "high": self.high,
            "diverging": self.diverging, "log": self.log, "categories": [c.spec() for c in self.categories],
        }  # fmt: skip


@dataclass(frozen=True)
class Ellipses:
    """Columns of the horizontal uncertainty: standard deviations east and north (m) and their correlation; drawn
    `factor` × as large (2.448 holds 95 %)."""

    sigma_east: str
    sigma_north: str
    correlation: str
    factor: float = 2.448

    def spec(self) -> dict[str, Any]:
        """JSON of the ellipses."""
        return {"e": self.sigma_east, "n": self.sigma_north, "r": self.correlation, "factor": self.factor}


@dataclass(frozen=True)
class Map:
    """Tracks by name: the first is coloured by one of `colourings`, the others are drawn plain.

    `origin_rad_m` (latitude, longitude, height) is where east = north = 0, or None on a plane without a place on
    Earth: then the cursor tells metres.
    """

    title: str
    tracks: Sequence[str]
    colourings: Sequence[Colouring]
    origin_rad_m: tuple[float, float, float] | None = None
    ellipses: Ellipses | None = None
    height_px: int = 520
    scripts: ClassVar[tuple[str, ...]] = ("map.js",)

    def html(self, ident: str) -> str:
        """Markup of the block."""
        options = "".join(f'<option value="{k}">{text(c.label)}</option>' for k, c in enumerate(self.colourings))
        chooser = f'<label class="choose">Colour <select>{options}</select></label>'
        label = f"{self.title}: the track on a plane, north up; arrow keys move the cursor"
        return figure(ident, "map", self.title, "", label, height_px=self.height_px, extra=chooser)

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {
            "kind": "map", "tracks": list(self.tracks), "colourings": [c.spec() for c in self.colourings],
            "origin": self.origin_rad_m, "ellipses": self.ellipses.spec() if self.ellipses else None,
        }  # fmt: skip
