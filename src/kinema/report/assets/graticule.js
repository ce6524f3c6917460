// Lines of latitude and longitude (or of metres), the scale bar and the arrow to the north.
import { degrees, fixed, niceStep } from "./format.js";
import { font } from "./surface.js";
import { paint } from "./theme.js";

const STEPS = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

export function drawGraticule(ctx, camera, plane) {
  ctx.font = font(10);
  ctx.fillStyle = paint("--muted");
  ctx.strokeStyle = paint("--line");
  ctx.lineWidth = 1;
  if (plane) geographic(ctx, camera, plane);
  else metric(ctx, camera);
}

function geographic(ctx, camera, plane) {
  const corners = [[0, 0], [camera.width, 0], [0, camera.height], [camera.width, camera.height]]
    .map(([x, y]) => plane.geodetic(...camera.plane(x, y)));
  const lats = corners.map((c) => c[0]), lons = corners.map((c) => c[1]);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)];
  if (!(north > south) || east - west > 120) return;
  const stepLat = stepOf((north - south) * (110 / camera.height)), stepLon = stepOf((east - west) * (130 / camera.width));
  for (let k = Math.ceil(south / stepLat); k * stepLat <= north; k++) {
    const y = curve(ctx, camera, (f) => plane.plane(k * stepLat, west + f * (east - west)));
    label(ctx, degrees(k * stepLat, "N", "S", placesOf(stepLat)), 6, y[0][1] - 3, "left", camera);
  }
  for (let k = Math.ceil(west / stepLon); k * stepLon <= east; k++) {
    const x = curve(ctx, camera, (f) => plane.plane(south + f * (north - south), k * stepLon));
    label(ctx, degrees(k * stepLon, "E", "W", placesOf(stepLon)), x[8][0] + 3, 12, "left", camera);
  }
}

function curve(ctx, camera, at) {
  const places = [];
  ctx.beginPath();
  for (let k = 0; k <= 8; k++) {
    const [e, n] = at(k / 8);
    places.push([camera.px(e), camera.py(n)]);
    ctx.lineTo(...places[k]);
  }
  ctx.stroke();
  return places;
}

function metric(ctx, camera) {
  const step = niceStep(camera.width / camera.scale, camera.width / 110);
  const [west, north] = camera.plane(0, 0), [east, south] = camera.plane(camera.width, camera.height);
  const places = Math.max(0, -Math.floor(Math.log10(step)));
  for (let k = Math.ceil(west / step); k * step <= east; k++) {
    const x = camera.px(k * step);
    line(ctx, x, 0, x, camera.height);
    label(ctx, `${fixed(k * step, places)} m E`, x + 3, 12, "left", camera);
  }
  for (let k = Math.ceil(south / step); k * step <= north; k++) {
    const y = camera.py(k * step);
    line(ctx, 0, y, camera.width, y);
    label(ctx, `${fixed(k * step, places)} m N`, 6, y - 3, "left", camera);
  }
}

function line(ctx, x0, y0, x1, y1) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

function label(ctx, words, x, y, align, camera) {
  if (y < 10 || y > camera.height - 34 || x > camera.width - 104 || (x < 80 && y < 14)) return;
  ctx.textAlign = align;
  ctx.textBaseline = "alphabetic";
  ctx.fillText(words, x, y);
}

function stepOf(least) {
  return STEPS.find((step) => step >= least) || 30;
}

function placesOf(step) {
  return Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
}

export function drawScaleBar(ctx, camera) {
  const step = niceStep(120 / camera.scale, 1.6);
  const wide = step * camera.scale, x = camera.width - wide - 14, y = camera.height - 14;
  const words = step >= 1000 ? `${fixed(step / 1000, 0)} km` : step >= 1 ? `${fixed(step, 0)} m` : step >= 0.01 ? `${fixed(step * 100, 0)} cm` : `${fixed(step * 1000, 0)} mm`;
  ctx.strokeStyle = paint("--ink");
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(x, y - 5);
  ctx.lineTo(x, y);
  ctx.lineTo(x + wide, y);
  ctx.lineTo(x + wide, y - 5);
  ctx.stroke();
  ctx.fillStyle = paint("--ink");
  ctx.font = font(11, 500);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  ctx.fillText(words, x + wide / 2, y - 6);
}
