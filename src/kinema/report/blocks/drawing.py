"""Still drawings, written as SVG: the g-g diagram of some laps, and the histogram of their lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kinema.core.arrays import F64
from kinema.report.blocks.base import text

SIZE = 320


@dataclass(frozen=True)
class Cloudlet:
    """Points (n,) of one series with its label and colour (a CSS variable)."""

    label: str
    x: F64
    y: F64
    colour: str = "--c1"


@dataclass(frozen=True)
class GG:
    """Lateral (x, left positive) against longitudinal (y) acceleration in g."""

    title: str
    series: Sequence[Cloudlet]
    scripts: ClassVar[tuple[str, ...]] = ()

    def html(self, ident: str) -> str:
        """Markup of the block."""
        both = [np.abs(np.concatenate([s.x, s.y])) for s in self.series]
        reach = max((float(np.nanmax(b, initial=0.5)) for b in both), default=1.0)
        reach = np.ceil(reach * 2) / 2
        scale = (SIZE / 2 - 24) / reach
        rings = "".join(
            f'<circle cx="0" cy="0" r="{g * scale:.1f}" fill="none" stroke="var(--line)"/>'
            f'<text x="3" y="{-g * scale - 2:.1f}" font-size="10" fill="var(--muted)">{g:g} g</text>'
            for g in np.arange(0.5, reach + 0.01, 0.5 if reach <= 2 else 1.0)
        )
        dots = "".join(_dots(s, scale) for s in self.series)
        half = SIZE / 2
        axes = f'<path d="M{-half} 0H{half}M0 {-half}V{half}" stroke="var(--line)"/>'
        labels = (
            f'<text x="{-half + 4}" y="-4" font-size="10" fill="var(--muted)">right turn</text>'
            f'<text x="{half - 4}" y="-4" font-size="10" text-anchor="end" fill="var(--muted)">left turn</text>'
            f'<text x="4" y="{half - 4}" font-size="10" fill="var(--muted)">braking</text>'
        )
        return _drawn(ident, self.title, f"{-half} {-half} {SIZE} {SIZE}", rings + axes + labels + dots, self.series)

    def spec(self) -> dict[str, Any] | None:
        """Nothing to draw."""
        return None


@dataclass(frozen=True)
class Histogram:
    """How often a value fell into each of its bins."""

    title: str
    unit: str
    edges: F64
    counts: F64
    note: str = ""
    scripts: ClassVar[tuple[str, ...]] = ()

    def html(self, ident: str) -> str:
        """Markup of the block."""
        low, high, most = float(self.edges[0]), float(self.edges[-1]), max(float(self.counts.max()), 1.0)
        wide = (SIZE - 20) / (high - low)
        bars = "".join(
            f'<rect x="{10 + (a - low) * wide:.1f}" y="{200 - 180 * c / most:.1f}" '
            f'width="{max((b - a) * wide - 1, 0.5):.1f}" '
            f'height="{180 * c / most:.1f}" fill="var(--c1)"/>'
            for a, b, c in zip(self.edges[:-1], self.edges[1:], self.counts, strict=True)
        )
        step = max(float(np.ceil((high - low) / 8)), 1.0)
        ticks = "".join(
            f'<text x="{10 + (v - low) * wide:.1f}" y="214" font-size="10" text-anchor="middle" '
            f'fill="var(--muted)">{v:g}</text>'
            for v in np.arange(np.ceil(low / step) * step, high + 1e-9, step)
        )
        zero = (
            f'<path d="M{10 - low * wide:.1f} 14V200" stroke="var(--ink)" stroke-dasharray="3 3"/>'
            if low < 0 < high
            else ""
        )
        return _drawn(ident, f"{self.title} ({self.unit})", f"0 0 {SIZE} 220", bars + zero + ticks, (), self.note)

    def spec(self) -> dict[str, Any] | None:
        """Nothing to draw."""
        return None


def _dots(series: Cloudlet, scale: float) -> str:
    ok = np.isfinite(series.x) & np.isfinite(series.y)
    points = np.unique(np.round(np.column_stack([-series.x[ok], -series.y[ok]]) * scale, 0), axis=0)
    path = "".join(f"M{x:g} {y:g}h0" for x, y in points)
    ink = f'stroke="var({text(series.colour)})" stroke-width="2.4" stroke-linecap="round" opacity="0.55" fill="none"'
    return f'<path d="{path}" {ink}/>'


def _drawn(ident: str, title: str, box: str, inner: str, series: Sequence[Cloudlet], note: str = "") -> str:
    legend = "".join(f'<span style="color:var({text(s.colour)})">● {text(s.label)}</span> ' for s in series)
    below = f'<p class="note">{text(note)}</p>' if note else ""
    return (
        f'<figure class="block drawing" id="{text(ident)}"><figcaption><h3>{text(title)}</h3>'
        f'<div class="legend">{legend}</div></figcaption><svg viewBox="{box}" role="img" aria-label="{text(title)}" '
        f'style="width:100%;max-width:440px;height:auto;display:block;margin:auto">{inner}</svg>'
        f"{below}</figure>"
    )
