// Lines and corridors over the shared x axis.
import { valueText } from "./format.js";
import { clipTo, drawAxes, drawBrush, drawCursor, drawSpans, frameOf, yRange } from "./frame.js";
import { xGestures } from "./gestures.js";
import { drawCorridor, drawLine, scaleX, scaleY } from "./lines.js";
import { register } from "./registry.js";
import { Surface, make } from "./surface.js";
import { paint } from "./theme.js";

async function mountPlot(element, spec, { store, view }) {
  const stage = element.querySelector(".stage");
  const lines = await Promise.all(spec.lines.map((line) => loaded(line, line.column, store, view)));
  const corridors = await Promise.all(spec.corridors.map((band) => loadedCorridor(band, store, view)));
  let full = false;
  let frame = null;

  function extent(all) {
    let low = Infinity, high = -Infinity;
    for (const line of all) {
      if (line.hidden || !view.x(line.track)) continue;
      const [from, to] = view.indices(line.track);
      const [a, b] = line.pyramid.extent(from, to);
      low = Math.min(low, a);
      high = Math.max(high, b);
    }
    return [low, high];
  }

  // Corridors may widen the view to about three times what the lines need, not more.
  function extentWithCorridors() {
    let [low, high] = extent(lines);
    const span = Math.max(high - low, spec.zero ? Math.abs(low) : 0, spec.zero ? Math.abs(high) : 0) || 1;
    for (const band of corridors) {
      if (!view.x(band.track)) continue;
      const [, widest] = extent([{ track: band.track, pyramid: band.sigma }]);
      const [a, b] = band.centre ? extent([{ track: band.track, pyramid: band.centre }]) : [0, 0];
      if (!Number.isFinite(widest)) continue;
      low = Math.min(low, Math.max(a - band.factor * widest, low - span));
      high = Math.max(high, Math.min(b + band.factor * widest, high + span));
    }
    return [low, high];
  }

  // Whole decades and halves of them, no lower than a thousandth of the largest value.
  function logRange() {
    const [low, high] = extent(lines);
    if (!(high > 0)) return [0.1, 1];
    const most = 10 ** (Math.ceil(Math.log10(high) * 2) / 2);
    return [Math.max(10 ** (Math.floor(Math.log10(Math.max(low, 1e-9)) * 2) / 2), most / 3000), most];
  }

  const surface = new Surface(stage, (ctx, width, height) => {
    const range = spec.log ? logRange() : yRange(extentWithCorridors(), spec, full);
    frame = frameOf(view, width, height, ...(spec.flip ? range.reverse() : range));
    frame.log = spec.log;
    frame.unit = spec.unit;
    drawSpans(ctx, frame, view);
    drawAxes(ctx, frame, view);
    clipTo(ctx, frame);
    for (const band of corridors) {
      const x = view.x(band.track);
      if (!x) continue;
      ctx.fillStyle = paint(band.colour);
      ctx.globalAlpha = 0.16;
      drawCorridor(ctx, frame, x, band.centre, band.sigma, band.factor, ...view.indices(band.track), gapOf(view, band.track));
    }
    ctx.globalAlpha = 1;
    ctx.lineJoin = "round";
    for (const line of lines) {
      const x = view.x(line.track);
      if (line.hidden || !x) continue;
      ctx.strokeStyle = paint(line.colour);
      ctx.lineWidth = line.dash ? 1 : 1.4;
      ctx.setLineDash(line.dash ? [4, 3] : []);
      drawLine(ctx, frame, x, line.pyramid, ...view.indices(line.track), gapOf(view, line.track), line.style);
    }
    ctx.restore();
  }, (ctx) => {
    drawBrush(ctx, frame, surface.brush);
    drawCursor(ctx, frame, view);
    if (view.cursor === null || view.cursor < frame.x0 || view.cursor > frame.x1) return;
    clipTo(ctx, frame);
    for (const line of lines) {
      const i = view.at(line.track), x = view.x(line.track);
      if (line.hidden || i < 0 || !x) continue;
      ctx.fillStyle = paint(line.colour);
      ctx.strokeStyle = paint("--card");
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      ctx.arc(scaleX(frame)(x[i]), scaleY(frame)(line.pyramid.values[i]), 3.2, 0, 6.3);
      ctx.fill();
      ctx.stroke();
    }
    ctx.restore();
  });

  const legend = plotLegend(element, lines, () => surface.request(true));
  const tellValues = () => {
    for (const [line, output] of legend) {
      const i = view.at(line.track);
      output.textContent = i < 0 ? "" : valueText(line.pyramid.values[i], spec.unit);
    }
  };
  stage.tabIndex = 0;
  xGestures(stage, view, surface, {
    gutter: () => {
      full = !full;
      surface.request(true);
    },
  });
  view.on(["range", "axis", "theme"], () => surface.request(true));
  view.on(["cursor", "axis"], () => {
    surface.request(false);
    tellValues();
  });
  return surface;
}

async function loaded(line, column, store, view) {
  const pyramid = store.pyramid(await store.column(column));
  return { ...line, pyramid, track: view.track(line.track), hidden: false };
}

async function loadedCorridor(band, store, view) {
  const sigma = store.pyramid(await store.column(band.sigma));
  const centre = band.centre ? store.pyramid(await store.column(band.centre)) : null;
  return { ...band, sigma, centre, track: view.track(band.track) };
}

// A pause breaks lines over time; over distance nothing is known to be missing.
export function gapOf(view, track) {
  return view.axis.kind === "time" ? track.gap : 0;
}

// Names with the values at the cursor; a click hides or shows a line.
function plotLegend(element, lines, redraw) {
  const legend = element.querySelector(".legend");
  return lines.map((line) => {
    const button = make("button", "key", "", { type: "button", "aria-pressed": "true" });
    const swatch = make("i", line.dash ? "dash" : "");
    swatch.style.setProperty("--swatch", `var(${line.colour})`);
    const output = make("output");
    button.append(swatch, make("span", "", line.label), output);
    button.addEventListener("click", () => {
      line.hidden = !line.hidden;
      button.setAttribute("aria-pressed", String(!line.hidden));
      redraw();
    });
    legend.append(button);
    return [line, output];
  });
}

register("plot", mountPlot);
