"""Still charts of points and lines with axes of their own, written as SVG: what does not share the page's axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from kinema.core.arrays import F64
from kinema.report.blocks.base import text

WIDTH, HEIGHT = 620, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 12, 40
Style = Literal["dots", "line", "thin", "dash"]


@dataclass(frozen=True)
class Series:
    """Points (n,) drawn as dots or joined; NaN breaks a line. Series without a label have no entry in the legend."""

    label: str
    x: F64
    y: F64
    colour: str = "--c1"
    style: Style = "dots"


@dataclass(frozen=True)
class Chart:
    """Series on common axes; `log_x` and `log_y` take only positive values; `ticks_x` are those of x, where given."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    log_x: bool = False
    log_y: bool = False
    note: str = ""
    ticks_x: Sequence[float] = ()
    scripts: ClassVar[tuple[str, ...]] = ()

    def html(self, ident: str) -> str:
        """Markup of the block."""
        x = _Axis(np.concatenate([s.x for s in self.series]), self.log_x, LEFT, WIDTH - RIGHT)
        y = _Axis(np.concatenate([s.y for s in self.series]), self.log_y, HEIGHT - BOTTOM, TOP)
        grid = "".join(
            f'<path d="M{LEFT} {y.at(v):.1f}H{WIDTH - RIGHT}" stroke="var(--line)"/>'
            f'<text x="{LEFT - 7}" y="{y.at(v) + 3.5:.1f}" text-anchor="end">{v:g}</text>'
            for v in y.ticks
        )
        grid += "".join(
            f'<path d="M{x.at(v):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="var(--line)"/>'
            f'<text x="{x.at(v):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{v:g}</text>'
            for v in (self.ticks_x or x.ticks)
        )
        names = (
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{text(self.x_label)}</text>'
            f'<text transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
            f"{text(self.y_label)}</text>"
        )
        drawn = "".join(_drawn(one, x, y) for one in self.series)
        legend = "".join(
            f'<span class="key"><i style="--swatch:var({text(s.colour)})"{_mark(s)}></i>{text(s.label)}</span>'
            for s in self.series
            if s.label
        )
        note = f'<p class="note">{text(self.note)}</p>' if self.note else ""
        return (
            f'<figure class="block chart" id="{text(ident)}"><figcaption><h3>{text(self.title)}</h3>'
            f'<div class="legend">{legend}</div></figcaption>{note}<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{text(self.title)}" font-size="11" fill="var(--muted)">{grid}{names}{drawn}</svg></figure>'
        )

    def spec(self) -> dict[str, Any] | None:
        """Nothing for a script to draw."""
        return None


def _mark(series: Series) -> str:
    return {"dots": ' class="dot"', "dash": ' class="dash"'}.get(series.style, "")


class _Axis:
    """From values to places between two ends, with round ticks."""

    def __init__(self, values: F64, log: bool, start: float, stop: float) -> None:
        good = values[np.isfinite(values) & ((values > 0) | (not log))]
        low, high = (float(good.min()), float(good.max())) if len(good) else (0.1, 1.0)
        self.log, self.start, self.stop = log, start, stop
        if log:
            low, high = low / 1.15, high * 1.15
            self.low, self.high = np.log10(low), np.log10(max(high, 1.05 * low))
            all_of_it = [m * 10.0**k for k in range(-9, 10) for m in (1, 2, 5)]
            few = [v for v in all_of_it if low <= v <= high]
            self.ticks = few if len(few) <= 9 else [v for v in few if f"{v:e}".startswith("1.")]
        else:
            self.low, self.high = min(low, 0.0), high + 0.04 * (high - min(low, 0.0)) or 1.0
            step = _step((self.high - self.low) / 6)
            self.ticks = [k * step for k in range(int(self.low // step), int(self.high // step) + 1)]

    def at(self, value: float) -> float:
        """The place of a value."""
        shown = np.log10(max(value, 1e-300)) if self.log else value
        return float(self.start + (shown - self.low) / (self.high - self.low) * (self.stop - self.start))


def _step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, no smaller than `rough`."""
    power = 10.0 ** np.floor(np.log10(rough)) if rough > 0 else 1.0
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999))


def _drawn(series: Series, x: _Axis, y: _Axis) -> str:
    ok = np.isfinite(series.x) & np.isfinite(series.y)
    ok &= ((series.x > 0) | (not x.log)) & ((series.y > 0) | (not y.log))
    colour = f"var({text(series.colour)})"
    if series.style == "dots":
        return "".join(
            f'<circle cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3.4" fill="{colour}" fill-opacity="0.6"/>'
            for a, b in zip(series.x[ok].tolist(), series.y[ok].tolist(), strict=True)
        )
    path, pen = [], False
    for good, a, b in zip(ok.tolist(), series.x.tolist(), series.y.tolist(), strict=True):
        if good:
            path.append(f"{'L' if pen else 'M'}{x.at(a):.1f} {y.at(b):.1f}")
        pen = good
    how = {"line": 'stroke-width="2.4"', "thin": 'stroke-width="1" stroke-opacity="0.35"',
           "dash": 'stroke-width="1.4" stroke-dasharray="5 4"'}[series.style]  # fmt: skip
    return f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-linejoin="round" {how}/>'
