"""Words and single numbers: the figures that a person wants first, banners, lists of notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kinema.report.blocks.base import text


@dataclass(frozen=True)
class Figure:
    """One number of the summary: `value` with `unit`, what it is, and a line of context below.

    `tone` is "", "good", "fair" or "poor".
    """

    label: str
    value: str
    unit: str = ""
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Summary:
    """The few numbers that a person wants first."""

    figures: Sequence[Figure]
    scripts: ClassVar[tuple[str, ...]] = ()

    def html(self, ident: str) -> str:
        """Markup of the block."""
        return f'<dl class="summary" id="{text(ident)}">{"".join(_figure(f) for f in self.figures)}</dl>'

    def spec(self) -> dict[str, Any] | None:
        """Nothing to draw."""
        return None


@dataclass(frozen=True)
class Banner:
    """A line across the page that nobody may miss."""

    words: str
    detail: str = ""
    tone: str = "notice"
    scripts: ClassVar[tuple[str, ...]] = ()

    def html(self, ident: str) -> str:
        """Markup of the block."""
        detail = f"<span>{text(self.detail)}</span>" if self.detail else ""
        return (
            f'<div class="banner {text(self.tone)}" role="note" id="{text(ident)}">'
            f"<strong>{text(self.words)}</strong>{detail}</div>"
        )

    def spec(self) -> dict[str, Any] | None:
        """Nothing to draw."""
        return None


@dataclass(frozen=True)
class Notes:
    """A list of sentences."""

    title: str
    lines: Sequence[str]
    scripts: ClassVar[tuple[str, ...]] = ()

    def html(self, ident: str) -> str:
        """Markup of the block."""
        items = "".join(f"<li>{text(line)}</li>" for line in self.lines)
        return f'<section class="block notes" id="{text(ident)}"><h3>{text(self.title)}</h3><ul>{items}</ul></section>'

    def spec(self) -> dict[str, Any] | None:
        """Nothing to draw."""
        return None


def _figure(figure: Figure) -> str:
    tone = f' class="{text(figure.tone)}"' if figure.tone else ""
    unit = f" <small>{text(figure.unit)}</small>" if figure.unit else ""
    detail = f'<dd class="detail">{text(figure.detail)}</dd>' if figure.detail else ""
    return f"<div{tone}><dt>{text(figure.label)}</dt><dd>{text(figure.value)}{unit}</dd>{detail}</div>"
