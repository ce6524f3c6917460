// The map: the first track coloured by a channel, the others plain, north up.
import { Camera } from "./camera.js";
import { degrees, fixed } from "./format.js";
import { LocalPlane } from "./geodesy.js";
import { drawGraticule, drawScaleBar } from "./graticule.js";
import { mapButtons } from "./mapbuttons.js";
import { mapLegend } from "./maplegend.js";
import { drawBand, drawOutages, tellOutages } from "./mapmarks.js";
import { Path } from "./pathlod.js";
import { strokeColoured, strokePath } from "./strokes.js";
import { register } from "./registry.js";
import { Surface, make } from "./surface.js";
import { paint, ramp } from "./theme.js";

const BINS = 48;

async function mountMap(element, spec, { store, view }) {
  const stage = element.querySelector(".stage");
  const plane = spec.origin ? new LocalPlane(spec.origin) : null;
  const paths = await Promise.all(spec.tracks.map(async (name) => {
    const track = view.track(name);
    return { track, path: new Path(await store.column(track.east), await store.column(track.north), track.columns.time, track.gap) };
  }));
  const main = paths[0];
  const sigmas = spec.ellipses ? await Promise.all(["e", "n", "r"].map((k) => store.column(spec.ellipses[k]))) : null;
  let colouring = spec.colourings[0], values = await store.column(colouring.column), fitted = false;

  const camera = new Camera(stage, () => surface.request(true));
  const surface = new Surface(stage, (ctx, width, height) => {
    camera.resize(width, height);
    if (!fitted || (!camera.touched && fitted !== width)) {
      fitted = width;
      camera.fit(main.path.box(...inRange()));
    }
    drawGraticule(ctx, camera, plane);
    for (const one of paths.slice(1)) drawPlain(ctx, one.path, paint(one.track.colour), 1.4, [5, 3]);
    if (view.zoomed) drawPlain(ctx, main.path, paint("--line-strong"), 1.5, []);
    drawBreaks(ctx);
    if (sigmas) drawBand(ctx, camera, main.path, sigmas, ...inRange());
    const told = main.track.columns.time ? drawOutages(ctx, camera, main.path, view, main.track.columns.time, ...inRange()) : [];
    if (sigmas) drawEllipses(ctx);
    drawColoured(ctx);
    tellOutages(ctx, told);
    drawEnds(ctx);
    drawScaleBar(ctx, camera);
  }, (ctx) => {
    for (const one of [...paths].reverse()) drawHere(ctx, one);
  });

  function inRange() {
    return view.x(main.track) ? view.indices(main.track) : [0, main.path.east.length];
  }

  function drawPlain(ctx, path, colour, width, dash) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.setLineDash(dash);
    strokePath(ctx, camera, path);
    ctx.setLineDash([]);
  }

  // Where positions are missing, a dotted line joins the last one before to the first one after.
  function drawBreaks(ctx) {
    const { east, north } = main.path, kept = main.path.at(1 / camera.scale);
    ctx.strokeStyle = paint("--muted");
    ctx.lineWidth = 1.2;
    ctx.setLineDash([1.5, 4]);
    ctx.beginPath();
    for (let k = 1; k + 1 < kept.length; k++) {
      if (kept[k] >= 0) continue;
      ctx.moveTo(camera.px(east[kept[k - 1]]), camera.py(north[kept[k - 1]]));
      ctx.lineTo(camera.px(east[kept[k + 1]]), camera.py(north[kept[k + 1]]));
    }
    ctx.stroke();
    ctx.setLineDash([]);
  }

  // The lowest bin is that of unknown values: it never covers a known one.
  function binOf(value) {
    if (value !== value) return 0;
    if (colouring.categories.length) return 1 + colouring.categories.findIndex((c) => c[0] === value);
    return 1 + Math.min(Math.max(Math.floor(shareOf(colouring, value) * BINS), 0), BINS - 1);
  }

  function binColour(bin) {
    if (bin === 0) return paint("--line-strong");
    if (colouring.categories.length) return paint(colouring.categories[bin - 1][2]);
    return ramp((bin - 0.5) / BINS, colouring.diverging);
  }

  function drawColoured(ctx) {
    const [from, to] = inRange();
    ctx.lineJoin = "round";
    ctx.lineWidth = 3.2;
    strokeColoured(ctx, camera, main.path, from, to, (i) => binOf(values[i]), BINS + 1, binColour);
    ctx.lineCap = "butt";
  }

  function ellipse(ctx, i) {
    const [se, sn, r] = sigmas.map((column) => column[i]);
    if (!(se > 0) || !(sn > 0)) return 0;
    const [a, b, c] = [se * se, r * se * sn, sn * sn];
    const middle = (a + c) / 2, off = Math.hypot((a - c) / 2, b), k = spec.ellipses.factor * camera.scale;
    const long = k * Math.sqrt(middle + off), short = k * Math.sqrt(Math.max(middle - off, 0));
    ctx.beginPath();
    ctx.ellipse(camera.px(main.path.east[i]), camera.py(main.path.north[i]), long, short, -0.5 * Math.atan2(2 * b, a - c), 0, 6.2832);
    return long;
  }

  // Ellipses along the track, where they are large enough to be seen and far enough apart to be told from each other.
  function drawEllipses(ctx) {
    const [from, to] = inRange();
    const taken = new Set();
    ctx.lineWidth = 1;
    ctx.strokeStyle = paint("--accent");
    ctx.fillStyle = paint("--accent-soft");
    for (const i of main.path.at(4 / camera.scale)) {
      if (i < from || i >= to) continue;
      const a = camera.px(main.path.east[i]), b = camera.py(main.path.north[i]);
      const radius = spec.ellipses.factor * camera.scale * Math.max(sigmas[0][i], sigmas[1][i]);
      if (!(radius > 5) || a < -radius || b < -radius || a > camera.width + radius || b > camera.height + radius) continue;
      const apart = 2 ** Math.ceil(Math.log2(Math.max(14, 1.3 * radius)));
      const cell = `${Math.floor(a / apart)},${Math.floor(b / apart)},${apart}`;
      if (taken.has(cell)) continue;
      taken.add(cell);
      if (ellipse(ctx, i)) {
        ctx.globalAlpha = 0.5;
        ctx.fill();
        ctx.stroke();
        ctx.globalAlpha = 1;
      }
    }
  }

  function drawEnds(ctx) {
    const kept = main.path.at(1 / camera.scale), first = kept[0];
    let last = kept.length - 1;
    while (last > 0 && kept[last] < 0) last--;
    for (const [i, filled] of [[first, true], [kept[last], false]]) {
      if (!(i >= 0)) continue;
      ctx.beginPath();
      ctx.arc(camera.px(main.path.east[i]), camera.py(main.path.north[i]), 5, 0, 6.3);
      ctx.fillStyle = filled ? paint("--ink") : paint("--card");
      ctx.strokeStyle = filled ? paint("--card") : paint("--ink");
      ctx.lineWidth = 2;
      ctx.fill();
      ctx.stroke();
    }
  }

  function drawHere(ctx, { track, path }) {
    const i = view.at(track);
    if (i < 0 || path.east[i] !== path.east[i]) return;
    const first = track === main.track, a = camera.px(path.east[i]), b = camera.py(path.north[i]);
    if (first && sigmas && ellipse(ctx, i) > 3) {
      ctx.fillStyle = paint("--accent-soft");
      ctx.strokeStyle = paint("--accent");
      ctx.lineWidth = 1.5;
      ctx.fill();
      ctx.stroke();
    }
    ctx.beginPath();
    ctx.arc(a, b, first ? 6.5 : 4.5, 0, 6.3);
    ctx.fillStyle = first ? paint("--accent") : paint(track.colour);
    ctx.strokeStyle = paint("--card");
    ctx.lineWidth = 2.5;
    ctx.fill();
    ctx.stroke();
  }

  // The sample nearest to a pixel, within reach: among those drawn, then among their neighbours.
  function sampleAt(x, y, reach) {
    const { east, north } = main.path, [from, to] = inRange(), kept = main.path.at(1 / camera.scale);
    let best = -1, apart = reach * reach;
    const look = (i) => {
      const off = (camera.px(east[i]) - x) ** 2 + (camera.py(north[i]) - y) ** 2;
      if (off < apart) [best, apart] = [i, off];
    };
    for (const i of kept) if (i >= from && i < to) look(i);
    for (let i = Math.max(from, best - 200), stop = Math.min(to, best + 200); best >= 0 && i < stop; i++) look(i);
    return best;
  }

  const place = make("output", "place");
  stage.append(place);
  stage.addEventListener("pointermove", (event) => {
    const box = stage.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const [e, n] = camera.plane(x, y);
    if (plane) {
      const [lat, lon] = plane.geodetic(e, n);
      const places = camera.scale > 50 ? 8 : camera.scale > 0.5 ? 6 : 5;
      place.textContent = `${degrees(lat, "N", "S", places)}  ${degrees(lon, "E", "W", places)}`;
    } else place.textContent = `${fixed(e, 2)} m E  ${fixed(n, 2)} m N`;
    if (view.held || camera.dragged || event.buttons) return;
    const i = sampleAt(x, y, 30);
    if (view.x(main.track)) view.setCursor(i < 0 ? null : view.x(main.track)[i]);
  });
  stage.addEventListener("pointerup", (event) => {
    if (camera.dragged) return void (camera.dragged = false);
    const box = stage.getBoundingClientRect();
    const i = sampleAt(event.clientX - box.left, event.clientY - box.top, 30);
    if (i >= 0 && view.x(main.track)) view.setCursor(view.x(main.track)[i], !view.held);
  });
  stage.addEventListener("pointerleave", () => {
    place.textContent = "";
    if (!view.held) view.setCursor(null);
  });
  stage.addEventListener("dblclick", (event) => {
    const box = stage.getBoundingClientRect();
    camera.zoom(event.shiftKey ? 0.5 : 2, event.clientX - box.left, event.clientY - box.top);
  });

  // Brings the plots to the first and last sample that the map shows.
  function plotsToView() {
    const { east, north } = main.path, x = view.x(main.track);
    let first = -1, last = -1;
    for (let i = 0; i < east.length; i++) {
      const a = camera.px(east[i]), b = camera.py(north[i]);
      if (!(a >= 0 && a <= camera.width && b >= 0 && b <= camera.height)) continue;
      if (first < 0) first = i;
      last = i;
    }
    if (x && last > first) {
      camera.touched = true;
      view.setRange(x[first], x[last]);
    }
  }

  mapButtons(stage, [
    ["+", "Zoom in", () => camera.zoom(1.6)],
    ["−", "Zoom out", () => camera.zoom(1 / 1.6)],
    ["⤢", "Fit the track", () => camera.fit(main.path.box(...inRange()))],
    ["⇥", "Plots to what the map shows", plotsToView],
  ]);
  const chooser = element.querySelector("select");
  const legend = mapLegend(element);
  legend(colouring);
  chooser.addEventListener("change", async () => {
    colouring = spec.colourings[Number(chooser.value)];
    values = await store.column(colouring.column);
    legend(colouring);
    surface.request(true);
  });
  stage.tabIndex = 0;
  view.on(["range"], () => {
    if (camera.touched) surface.request(true);
    else camera.fit(main.path.box(...inRange()));
  });
  view.on(["theme"], () => {
    legend(colouring);
    surface.request(true);
  });
  view.on(["cursor", "axis"], () => surface.request(false));
  return surface;
}

function shareOf({ low, high, log }, value) {
  if (log) return Math.log(Math.max(value, low) / low) / Math.log(high / low);
  return (value - low) / (high - low);
}

register("map", mountMap);
