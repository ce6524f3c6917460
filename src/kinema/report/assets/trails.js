// The ways of the last seconds: thinned to what the scale can show, one stroke per colour and age.
import { lowerBound } from "./store.js";
import { paint } from "./theme.js";

const LEAST_PX = 2.5;
const AGES = [[1, 0.16], [0.6, 0.32], [0.25, 0.75]];

// Every how many rows one is drawn, so that pieces are not shorter than some pixels.
export function strideOf(scene, camera) {
  const { x, y } = scene.columns, n = x.length, hops = [];
  for (let s = 1; s <= 200; s++) {
    const j = Math.floor((s / 201) * (n - 1));
    hops.push(Math.hypot(x[j + 1] - x[j], y[j + 1] - y[j]));
  }
  hops.sort((a, b) => a - b);
  const hop = Math.max(hops[120] * camera.scale, 1e-3);
  return Math.max(1, 2 ** Math.floor(Math.log2(Math.max(LEAST_PX / hop, 1))));
}

// Trails of `seconds` of the movers in `groups` (lists of movers by colour).
export function drawTrails(ctx, scene, camera, groups, colours, seconds, width, stride) {
  ctx.lineWidth = width;
  ctx.lineJoin = "round";
  const alpha = ctx.globalAlpha;
  AGES.forEach(([old, strength], age) => {
    const from = scene.time - seconds * old, to = age + 1 < AGES.length ? scene.time - seconds * AGES[age + 1][0] : scene.time;
    ctx.globalAlpha = alpha * strength;
    groups.forEach((movers, c) => {
      if (!movers.length) return;
      ctx.strokeStyle = paint(colours[c]) || colours[c];
      ctx.beginPath();
      for (const k of movers) piece(ctx, scene, camera, k, from, to, stride);
      ctx.stroke();
    });
  });
  ctx.globalAlpha = alpha;
}

// The way of one mover between two times not after the present one.
function piece(ctx, scene, camera, k, from, to, stride) {
  const { t, gap, start } = scene, { x, y } = scene.columns, first = start[k];
  if (t[first] >= to) return;
  let j = to < scene.time ? lowerBound(t, to, first, scene.row[k] + 1) - 1 : scene.row[k];
  j -= (j - first) % stride;
  let a, b, last;
  if (to >= scene.time) [a, b, last] = [scene.x[k], scene.y[k], scene.time];
  else {
    const next = Math.min(j + stride, start[k + 1] - 1);
    [a, b, last] = [x[next], y[next], t[next]];
  }
  ctx.moveTo(camera.px(a), camera.py(b));
  for (; ; j = Math.max(j - stride, first)) {
    if (last - t[j] > gap * Math.max(1, stride / 4)) ctx.moveTo(camera.px(x[j]), camera.py(y[j]));
    else ctx.lineTo(camera.px(x[j]), camera.py(y[j]));
    last = t[j];
    if (last <= from || j === first) return;
  }
}

// The same trails into a raster, fading evenly.
export function rasterTrails(raster, scene, camera, groups, paintOf, seconds, strength, stride) {
  const { t, gap, start, time } = scene, { x, y } = scene.columns;
  groups.forEach((movers, c) => {
    if (movers.length) raster.colour(paintOf(c));
    for (const k of movers) {
      const first = start[k];
      let j = scene.row[k];
      j -= (j - first) % stride;
      let a = camera.px(scene.x[k]), b = camera.py(scene.y[k]), last = time;
      for (; j >= first && last > time - seconds; j -= stride) {
        if (last - t[j] > gap + 0.3 * stride) break;
        const e = camera.px(x[j]), n = camera.py(y[j]);
        raster.line(a, b, e, n, strengthAt(last), strengthAt(t[j]));
        [a, b, last] = [e, n, t[j]];
      }
    }
  });

  function strengthAt(then) {
    return strength * Math.max(0.05, 1 - (time - then) / seconds);
  }
}

// The whole way of a mover up to now.
export function drawWay(ctx, scene, camera, k, stride) {
  ctx.beginPath();
  piece(ctx, scene, camera, k, -Infinity, scene.time, stride);
  ctx.stroke();
}
