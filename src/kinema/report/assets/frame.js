// The frame that all blocks over the shared x axis have: gutter, ticks, marked spans, cursor line.
import { axisTicks, decimalsOf, fixed, niceStep, valueText } from "./format.js";
import { scaleX, scaleY } from "./lines.js";
import { lowerBound, nearest } from "./store.js";
import { font } from "./surface.js";
import { paint } from "./theme.js";

export const GUTTER = 50;
export const MARGIN = 10;
const FOOT = 17;

export function frameOf(view, width, height, y0, y1, foot = FOOT) {
  return { left: GUTTER, right: width - MARGIN, top: 6, bottom: height - foot, x0: view.range[0], x1: view.range[1], y0, y1 };
}

export function valueAtPixel(view, width, pixel, gutter = GUTTER) {
  const share = (pixel - gutter) / (width - MARGIN - gutter);
  return view.range[0] + Math.min(Math.max(share, 0), 1) * (view.range[1] - view.range[0]);
}

// A marked span in units of the present axis.
export function spanOnAxis(view, [start, stop, label, kind]) {
  const time = view.primary.columns.time, x = view.x(view.primary);
  if (!time || !x) return null;
  const last = time.length - 1;
  if (x === time) return { start, stop, label, kind };
  return { start: x[Math.min(lowerBound(time, start), last)], stop: x[nearest(time, stop)], label, kind };
}

// Outages and what was bridged by dead reckoning are shaded, other spans are fenced by lines with their name.
export function drawSpans(ctx, frame, view) {
  const px = scaleX(frame);
  ctx.font = font(10);
  for (const span of view.spans) {
    const one = spanOnAxis(view, span);
    if (!one || one.stop < frame.x0 || one.start > frame.x1) continue;
    const a = Math.max(px(one.start), frame.left), b = Math.min(px(one.stop), frame.right);
    if (one.kind === "outage" || one.kind === "bridged") {
      ctx.fillStyle = paint(`--${one.kind}`);
      ctx.fillRect(a, frame.top, Math.max(b - a, 1), frame.bottom - frame.top);
    } else {
      ctx.fillStyle = paint("--line-strong");
      if (one.start >= frame.x0) ctx.fillRect(a, frame.top, 1, frame.bottom - frame.top);
      if (one.stop <= frame.x1) ctx.fillRect(b, frame.top, 1, frame.bottom - frame.top);
      if (b - a > ctx.measureText(one.label).width + 8) {
        ctx.fillStyle = paint("--muted");
        ctx.textAlign = "left";
        ctx.textBaseline = "top";
        ctx.fillText(one.label, a + 4, frame.top + 1);
      }
    }
  }
}

export function drawAxes(ctx, frame, view) {
  const py = scaleY(frame);
  ctx.font = font();
  ctx.fillStyle = paint("--muted");
  ctx.textBaseline = "middle";
  ctx.textAlign = "right";
  for (const [value, words] of frame.log ? decades(frame) : levels(frame)) {
    const y = Math.round(py(value)) + 0.5;
    rule(ctx, frame.left, y, frame.right, y, value === 0 ? paint("--line-strong") : paint("--line"));
    ctx.fillText(words, frame.left - 7, y);
  }
  drawTicks(ctx, frame, view);
}

// The ticks of the shared x axis alone.
export function drawTicks(ctx, frame, view) {
  const px = scaleX(frame);
  ctx.font = font();
  ctx.fillStyle = paint("--muted");
  ctx.textBaseline = "alphabetic";
  ctx.textAlign = "center";
  const y = frame.bottom + 13;
  for (const [value, words] of axisTicks(view.axis, frame.x0, frame.x1, Math.max(2, (frame.right - frame.left) / 90))) {
    const x = Math.round(px(value)) + 0.5;
    rule(ctx, x, frame.top, x, frame.bottom + 3, paint("--line"));
    const half = ctx.measureText(words).width / 2;
    ctx.fillText(words, Math.min(Math.max(x, half + 1), frame.right + MARGIN - half), y);
  }
}

function levels(frame) {
  const low = Math.min(frame.y0, frame.y1), high = Math.max(frame.y0, frame.y1), span = high - low;
  let step = niceStep(span, Math.max(2, (frame.bottom - frame.top) / 26));
  if (span < 2.6 * step) step = niceStep(span, span / (0.5 * step));
  const decimals = decimalsOf(step), ticks = [];
  const words = frame.unit && frame.unit.startsWith("min/") ? (value) => valueText(value, frame.unit) : (value) => fixed(value, decimals);
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    ticks.push([k * step, words(k * step)]);
  }
  return ticks;
}

function decades(frame) {
  const ticks = [];
  for (let k = Math.ceil(Math.log10(frame.y0) - 1e-9); k <= Math.log10(frame.y1) + 1e-9; k++) {
    ticks.push([10 ** k, k < 0 ? fixed(10 ** k, -k) : fixed(10 ** k, 0)]);
  }
  return ticks;
}

export function rule(ctx, x0, y0, x1, y1, colour) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

export function drawCursor(ctx, frame, view) {
  if (view.cursor === null || view.cursor < frame.x0 || view.cursor > frame.x1) return;
  const x = Math.round(scaleX(frame)(view.cursor)) + 0.5;
  rule(ctx, x, frame.top, x, frame.bottom, view.held ? paint("--accent") : paint("--cursor"));
}

// Words about what is at (x, y), beside it inside the frame.
export function drawTag(ctx, frame, x, y, words) {
  ctx.font = font(11, 600);
  const wide = ctx.measureText(words).width + 12;
  const left = Math.max(x + 10 + wide > frame.right ? x - 10 - wide : x + 10, 0), top = Math.max(y - 22, frame.top);
  ctx.fillStyle = paint("--card");
  ctx.globalAlpha = 0.92;
  ctx.fillRect(left, top, wide, 18);
  ctx.globalAlpha = 1;
  ctx.fillStyle = paint("--ink");
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillText(words, left + 6, top + 9);
}

export function drawBrush(ctx, frame, brush) {
  if (!brush) return;
  ctx.fillStyle = paint("--brush");
  ctx.fillRect(Math.min(...brush), frame.top, Math.abs(brush[1] - brush[0]), frame.bottom - frame.top);
}

export function clipTo(ctx, frame) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(frame.left, frame.top - 1, frame.right - frame.left, frame.bottom - frame.top + 2);
  ctx.clip();
}

// A range of y that holds [low, high] with a little air; `robust` bounds it unless all is asked for.
export function yRange([low, high], spec, full) {
  if (!(high >= low)) return [0, 1];
  if (spec.robust && !full) {
    low = Math.max(low, spec.robust[0]);
    high = Math.min(high, spec.robust[1]);
  }
  if (spec.zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  const air = (high - low) * 0.06 || Math.abs(high) * 0.05 || 0.5;
  return [low < 0 || low - air > 0 ? low - air : low, high + (high === 0 && spec.zero && low < 0 ? 0 : air)];
}
