// Categories over the whole x axis; the window on it is the shared zoom and can be dragged.
import { GUTTER, MARGIN } from "./frame.js";
import { register } from "./registry.js";
import { nearest } from "./store.js";
import { Surface, make } from "./surface.js";
import { paint } from "./theme.js";


async function mountStrip(element, spec, { store, view }) {
  const stage = element.querySelector(".stage");
  const track = view.track(spec.track);
  const runs = runsOf(await store.column(spec.column), track);
  const colours = new Map(spec.categories.map(([value, , colour]) => [value, colour]));
  const scale = () => {
    const [low, high] = view.domain(), wide = surface.size()[0] - MARGIN - GUTTER;
    return { px: (v) => GUTTER + ((v - low) / (high - low)) * wide, value: (p) => low + ((p - GUTTER) / wide) * (high - low) };
  };

  const surface = new Surface(stage, (ctx, width, height) => {
    const x = view.x(track), { px } = scale();
    ctx.fillStyle = paint("--line");
    ctx.fillRect(GUTTER, 7, width - MARGIN - GUTTER, height - 14);
    if (!x) return;
    for (const [from, to, value] of runs) {
      const a = px(x[from]), b = px(x[Math.min(to, x.length - 1)]);
      ctx.fillStyle = paint(colours.get(value) || "--muted");
      ctx.fillRect(a, 7, Math.max(b - a, 1), height - 14);
    }
  }, (ctx, width, height) => {
    const { px } = scale();
    if (view.zoomed) drawWindow(ctx, px(view.range[0]), px(view.range[1]), width, height);
    if (view.cursor === null) return;
    ctx.fillStyle = paint("--ink");
    ctx.fillRect(Math.round(px(view.cursor)), 1, 1.5, height - 2);
  });

  dragWindow(stage, view, scale);
  stripLegend(element, spec, runs);
  view.on(["axis", "theme"], () => surface.request(true));
  view.on(["range", "cursor"], () => surface.request(false));
  return surface;
}

function drawWindow(ctx, a, b, width, height) {
  ctx.fillStyle = paint("--veil");
  ctx.fillRect(GUTTER, 0, a - GUTTER, height);
  ctx.fillRect(b, 0, width - MARGIN - b, height);
  ctx.strokeStyle = paint("--ink");
  ctx.lineWidth = 1.5;
  ctx.strokeRect(a, 2, Math.max(b - a, 3), height - 4);
}

// [first, last + 1, value] of each stretch of one value; a pause in time ends it.
function runsOf(values, track) {
  const runs = [], time = track.columns.time;
  for (let i = 0, from = 0; i < values.length; i++) {
    const paused = track.gap && time && i + 1 < values.length && time[i + 1] - time[i] > track.gap;
    if (i + 1 === values.length || values[i + 1] !== values[i] || paused) {
      runs.push([from, paused ? i : i + 1, values[i]]);
      from = i + 1;
    }
  }
  return runs;
}

function dragWindow(stage, view, scale) {
  let grip = null;
  const place = (event) => scale().value(event.clientX - stage.getBoundingClientRect().left);
  stage.addEventListener("pointerdown", (event) => {
    const value = place(event), [low, high] = view.range;
    const inside = view.zoomed && value >= low && value <= high;
    grip = { value, inside, range: [low, high], moved: false };
    if (event.isTrusted) stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const value = place(event);
    if (!grip) {
      if (!view.held) view.setCursor(Math.min(Math.max(value, view.domain()[0]), view.domain()[1]));
      return;
    }
    const [low, high] = view.domain();
    grip.moved ||= Math.abs(value - grip.value) > (high - low) * 0.004;
    if (!grip.moved) return;
    if (grip.inside) view.setRange(grip.range[0] + value - grip.value, grip.range[1] + value - grip.value);
    else view.setRange(Math.min(value, grip.value), Math.max(value, grip.value));
  });
  stage.addEventListener("pointerup", (event) => {
    if (grip && !grip.moved) view.setCursorIndex(nearest(view.x(view.primary), place(event)), true);
    grip = null;
  });
  stage.addEventListener("pointerleave", () => {
    if (!view.held && !grip) view.setCursor(null);
  });
  stage.addEventListener("dblclick", () => view.reset());
}

// Each category with its share of the samples; those that never occur are left out.
function stripLegend(element, spec, runs) {
  const legend = element.querySelector(".legend");
  const counts = new Map();
  let total = 0;
  for (const [from, to, value] of runs) {
    counts.set(value, (counts.get(value) || 0) + to - from);
    total += to - from;
  }
  for (const [value, label, colour] of spec.categories) {
    const count = counts.get(value);
    if (!count) continue;
    const share = (100 * count) / total;
    const key = make("span", "key");
    const swatch = make("i", "block-swatch");
    swatch.style.setProperty("--swatch", `var(${colour})`);
    key.append(swatch, make("span", "", `${label} ${share >= 99.95 || share < 0.1 ? (share < 0.1 ? "<0.1" : "100") : share.toFixed(1)} %`));
    legend.append(key);
  }
}

register("strip", mountStrip);
