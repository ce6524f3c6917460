// What lies under the track on the map: a halo along outages, and the corridor that holds the track with 95 %.
import { elapsed } from "./format.js";
import { lowerBound } from "./store.js";
import { font } from "./surface.js";
import { paint } from "./theme.js";

const HALO = 12;
const THIN = 2.2;
const BAND_95 = 1.96;

// Stretches without a position, or bridged by dead reckoning, that lie in [from, to): [first, last, kind, seconds].
function stretches(view, time, from, to) {
  const found = [];
  for (const [start, stop, , kind] of view.spans) {
    if (kind !== "outage" && kind !== "bridged") continue;
    const first = Math.max(lowerBound(time, start), from), last = Math.min(lowerBound(time, stop), to - 1);
    if (last > first) found.push([first, last, kind, stop - start]);
  }
  return found;
}

export function drawOutages(ctx, camera, path, view, time, from, to) {
  const { east, north } = path, kept = path.at(1 / camera.scale);
  ctx.lineCap = ctx.lineJoin = "round";
  ctx.lineWidth = HALO;
  const words = [];
  for (const [first, last, kind, seconds] of stretches(view, time, from, to)) {
    ctx.strokeStyle = paint(kind === "outage" ? "--bad" : "--s1");
    ctx.globalAlpha = 0.28;
    ctx.beginPath();
    ctx.moveTo(camera.px(east[first]), camera.py(north[first]));
    let span = 0, x = camera.px(east[first]), y = camera.py(north[first]);
    for (const i of [...kept.filter((k) => k > first && k < last), last]) {
      const a = camera.px(east[i]), b = camera.py(north[i]);
      ctx.lineTo(a, b);
      span += Math.hypot(a - x, b - y);
      [x, y] = [a, b];
    }
    ctx.stroke();
    ctx.globalAlpha = 1;
    const middle = (first + last) >> 1;
    if (span > 34) words.push([camera.px(east[middle]), camera.py(north[middle]), seconds]);
  }
  ctx.lineCap = "butt";
  return words;
}

// How long each outage lasted, beside it; words that would lie on others are left out.
export function tellOutages(ctx, words) {
  ctx.font = font(11, 600);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  const taken = [];
  for (const [x, y, seconds] of words) {
    const text = seconds < 100 ? `${Math.round(seconds)} s` : elapsed(seconds);
    const wide = ctx.measureText(text).width + 8;
    if (taken.some(([a, b, w]) => Math.abs(b - y) < 18 && x + 12 < a + w && a < x + 12 + wide)) continue;
    taken.push([x + 12, y, wide]);
    ctx.fillStyle = paint("--card");
    ctx.globalAlpha = 0.85;
    ctx.fillRect(x + 12, y - 8, wide, 16);
    ctx.globalAlpha = 1;
    ctx.fillStyle = paint("--s1");
    ctx.fillText(text, x + 16, y);
  }
}

// The band across the track within which it is with 95 %, where it is wider than the track's own line.
export function drawBand(ctx, camera, path, sigmas, from, to) {
  const { east, north } = path, [se, sn, r] = sigmas;
  let left = [], right = [], dx = 0, dy = 0, before = -1;
  const fill = () => {
    if (left.length > 2) {
      ctx.beginPath();
      left.forEach(([x, y], k) => (k ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
      for (const [x, y] of right.reverse()) ctx.lineTo(x, y);
      ctx.fill();
    }
    [left, right] = [[], []];
  };
  ctx.fillStyle = paint("--accent-soft");
  for (const i of path.at(2 / camera.scale)) {
    if (i < from || i >= to) {
      fill();
      before = -1;
      continue;
    }
    if (before >= 0) {
      const e = east[i] - east[before], n = north[i] - north[before], far = Math.hypot(e, n);
      if (far > 0) [dx, dy] = [e / far, n / far];
    }
    before = i;
    const variance = dy * dy * se[i] * se[i] - 2 * dx * dy * r[i] * se[i] * sn[i] + dx * dx * sn[i] * sn[i];
    const half = BAND_95 * Math.sqrt(Math.max(variance, 0)) * camera.scale;
    if (!(half > THIN)) {
      fill();
      continue;
    }
    const x = camera.px(east[i]), y = camera.py(north[i]);
    left.push([x - dy * half, y - dx * half]);
    right.push([x + dy * half, y + dx * half]);
  }
  fill();
}
