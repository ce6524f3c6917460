// A value per satellite and sample: thin lines or dots, those left out in another mark.
import { reading } from "./format.js";
import { clipTo, drawAxes, drawBrush, drawCursor, drawSpans, drawTag, frameOf, yRange } from "./frame.js";
import { xGestures } from "./gestures.js";
import { GroupRows, familyLegend } from "./groups.js";
import { drawLine, scaleX, scaleY } from "./lines.js";
import { gapOf } from "./plot.js";
import { register } from "./registry.js";
import { Pyramid } from "./store.js";
import { Surface, make } from "./surface.js";
import { familyColour, paint } from "./theme.js";

async function mountCloud(element, spec, { store, view }) {
  const stage = element.querySelector(".stage");
  const groups = await GroupRows.load(spec.groups, store, view);
  const values = await store.column(spec.column);
  const states = spec.state ? await store.column(spec.state) : null;
  const parts = spec.groups.names.map((_, k) => new Pyramid(values.subarray(groups.start[k], groups.start[k + 1])));
  const hidden = new Set();
  let full = false, frame = null, hover = null;

  const shown = function* () {
    const [first, last] = view.indices(groups.track);
    for (let k = 0; k < groups.count; k++) {
      if (!hidden.has(groups.families[k])) yield [k, ...groups.between(k, first, last)];
    }
  };

  function extent() {
    let low = Infinity, high = -Infinity;
    for (const [k, from, to] of shown()) {
      const [a, b] = parts[k].extent(from - groups.start[k], to - groups.start[k]);
      low = Math.min(low, a);
      high = Math.max(high, b);
    }
    return [low, high];
  }

  const surface = new Surface(stage, (ctx, width, height) => {
    const x = groups.x(view);
    frame = frameOf(view, width, height, ...yRange(extent(), spec, full));
    drawSpans(ctx, frame, view);
    drawAxes(ctx, frame, view);
    if (!x) return;
    clipTo(ctx, frame);
    if (spec.style === "line") linesOf(ctx, x);
    else dotsOf(ctx, x);
    ctx.restore();
  }, (ctx) => {
    drawBrush(ctx, frame, surface.brush);
    drawCursor(ctx, frame, view);
    if (hover) drawHover(ctx);
  });

  function linesOf(ctx, x) {
    ctx.lineWidth = 1;
    ctx.globalAlpha = 0.75;
    for (const [k, from, to] of shown()) {
      const start = groups.start[k];
      ctx.strokeStyle = familyColour(groups.families[k]);
      drawLine(ctx, frame, x.subarray(start, groups.start[k + 1]), parts[k], from - start, to - start,
        gapOf(view, groups.track) * 2, "line");
    }
    ctx.globalAlpha = 1;
  }

  // No pixel is painted twice in one colour, so a million dots cost no more than the plot has pixels.
  function dotsOf(ctx, x) {
    const px = scaleX(frame), py = scaleY(frame);
    const width = Math.ceil(frame.right), size = width * Math.ceil(frame.bottom + 2);
    const taken = new Map();
    let total = 0;
    for (const [, from, to] of shown()) total += to - from;
    const dot = total > 20000 ? 1 : total > 3000 ? 1.6 : 2.4;
    drawCrosses(ctx, leftOut(x, px, py));
    for (const [k, from, to] of shown()) {
      const colour = familyColour(groups.families[k]);
      if (!taken.has(colour)) taken.set(colour, new Uint8Array(size));
      const mine = taken.get(colour);
      ctx.fillStyle = colour;
      for (let i = from; i < to; i++) {
        const a = px(x[i]), b = py(values[i]);
        if (!(b >= frame.top && b <= frame.bottom && a >= frame.left && a <= frame.right)) continue;
        const cell = (b | 0) * width + (a | 0);
        if (!(states && states[i]) && !mine[cell]) {
          mine[cell] = 1;
          ctx.fillRect(a - dot / 2, b - dot / 2, dot, dot);
        }
      }
    }
  }

  // Places of the rows that were left out, at most one in four pixels; they go below the dots.
  function leftOut(x, px, py) {
    const crosses = [], width = Math.ceil(frame.right), taken = new Uint8Array(width * Math.ceil(frame.bottom + 2));
    if (!states) return crosses;
    for (const [, from, to] of shown()) {
      for (let i = from; i < to; i++) {
        if (!states[i]) continue;
        const a = px(x[i]), b = py(values[i]);
        if (!(b >= frame.top && b <= frame.bottom && a >= frame.left && a <= frame.right)) continue;
        const cell = (b >> 1) * width + (a >> 1);
        if (!taken[cell]) crosses.push(a, b);
        taken[cell] = 1;
      }
    }
    return crosses;
  }

  function drawHover(ctx) {
    const x = groups.x(view), a = scaleX(frame)(x[hover.row]), b = scaleY(frame)(values[hover.row]);
    ctx.strokeStyle = paint("--ink");
    ctx.lineWidth = 1.2;
    ctx.beginPath();
    ctx.arc(a, b, 4.5, 0, 6.3);
    ctx.stroke();
    const state = states ? spec.states[states[hover.row]] : "";
    const words = `${groups.names[hover.group]}  ${reading(values[hover.row])} ${spec.unit}${state ? "  " + state : ""}`;
    drawTag(ctx, frame, a, b, words);
  }

  function findHover(event) {
    const x = groups.x(view), box = stage.getBoundingClientRect();
    const a = event.clientX - box.left, b = event.clientY - box.top;
    const sample = view.at(groups.track);
    hover = null;
    if (!x || !frame || sample < 0) return;
    let apart = 144;
    const px = scaleX(frame), py = scaleY(frame);
    for (let k = 0; k < groups.count; k++) {
      const row = hidden.has(groups.families[k]) ? -1 : groups.at(k, sample, 2);
      if (row < 0) continue;
      const off = (px(x[row]) - a) ** 2 + (py(values[row]) - b) ** 2;
      if (off < apart) [hover, apart] = [{ group: k, row }, off];
    }
    surface.request(false);
  }

  const redraw = () => surface.request(true);
  familyLegend(element, groups, hidden, redraw, states ? [excludedKey()] : []);
  stage.tabIndex = 0;
  xGestures(stage, view, surface, {
    gutter: () => {
      full = !full;
      redraw();
    },
    move: findHover,
    leave: () => (hover = null),
  });
  view.on(["range", "axis", "theme"], redraw);
  view.on(["cursor"], () => surface.request(false));
  return surface;
}

function drawCrosses(ctx, places) {
  ctx.strokeStyle = paint("--bad");
  ctx.lineWidth = 1;
  ctx.globalAlpha = places.length > 8000 ? 0.35 : 0.8;
  ctx.beginPath();
  for (let i = 0; i < places.length; i += 2) {
    const a = places[i], b = places[i + 1];
    ctx.moveTo(a - 2, b - 2);
    ctx.lineTo(a + 2, b + 2);
    ctx.moveTo(a - 2, b + 2);
    ctx.lineTo(a + 2, b - 2);
  }
  ctx.stroke();
  ctx.globalAlpha = 1;
}

function excludedKey() {
  const key = make("span", "key");
  key.append(make("i", "cross"), make("span", "", "left out"));
  return key;
}

register("cloud", mountCloud);
