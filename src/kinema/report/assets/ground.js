// The ground under the movers: surface of a course with lanes or a middle line, lines across it, zones, image.
import { font } from "./surface.js";
import { paint } from "./theme.js";

export function groundBox(ground, scene) {
  if (ground.image[0] > 0) return [0, -ground.image[1], ground.image[0], 0];
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const lines = ground.surface.length ? ground.surface : [...ground.zones.map((zone) => zone[2]), ...ground.gates.map((gate) => gate[2]), scene.extent()];
  for (const line of lines) {
    for (let i = 0; i < line.length; i += 2) {
      box[0] = Math.min(box[0], line[i]);
      box[1] = Math.min(box[1], line[i + 1]);
      box[2] = Math.max(box[2], line[i]);
      box[3] = Math.max(box[3], line[i + 1]);
    }
  }
  return box;
}

export function drawGround(ctx, camera, ground) {
  if (ground.image[0] > 0) drawFrame(ctx, camera, ground.image);
  for (const zone of ground.zones) drawZone(ctx, camera, zone);
  if (ground.surface.length) drawSurface(ctx, camera, ground);
  ctx.lineWidth = 1;
  ctx.strokeStyle = paint("--lane");
  if (camera.scale > 1.6) for (const lane of ground.lanes) trace(ctx, camera, lane, ground.closed);
  ctx.setLineDash([6, 8]);
  if (ground.middle.length) trace(ctx, camera, ground.middle, ground.closed);
  ctx.setLineDash([2, 4]);
  if (ground.pit) trace(ctx, camera, ground.pit, false);
  ctx.setLineDash([]);
  for (const gate of ground.gates) drawGate(ctx, camera, gate);
}

function wayPoints(ctx, camera, line, closed) {
  ctx.moveTo(camera.px(line[0]), camera.py(line[1]));
  for (let i = 2; i < line.length; i += 2) ctx.lineTo(camera.px(line[i]), camera.py(line[i + 1]));
  if (closed) ctx.closePath();
}

function trace(ctx, camera, line, closed) {
  ctx.beginPath();
  wayPoints(ctx, camera, line, closed);
  ctx.stroke();
}

function drawSurface(ctx, camera, { surface, closed }) {
  ctx.fillStyle = paint("--track");
  ctx.beginPath();
  if (closed) for (const edge of surface) wayPoints(ctx, camera, edge, true);
  else wayPoints(ctx, camera, [...surface[0], ...backwards(surface[1])], true);
  ctx.fill("evenodd");
  drawEdges(ctx, camera, { surface, closed });
}

export function drawEdges(ctx, camera, { surface, closed }) {
  ctx.strokeStyle = paint("--edge");
  ctx.lineWidth = 1.3;
  for (const edge of surface) trace(ctx, camera, edge, closed);
}

function backwards(line) {
  const out = [];
  for (let i = line.length - 2; i >= 0; i -= 2) out.push(line[i], line[i + 1]);
  return out;
}

function drawZone(ctx, camera, [name, , ring]) {
  ctx.beginPath();
  wayPoints(ctx, camera, ring, true);
  ctx.fillStyle = paint("--zone");
  ctx.fill();
  ctx.strokeStyle = paint("--zone-edge");
  ctx.lineWidth = 1.2;
  ctx.setLineDash([5, 4]);
  ctx.stroke();
  ctx.setLineDash([]);
  let e = 0, n = -Infinity;
  for (let i = 0; i < ring.length; i += 2) {
    e += (2 * ring[i]) / ring.length;
    n = Math.max(n, ring[i + 1]);
  }
  groundLabel(ctx, name, camera.px(e), camera.py(n) - 4, "--zone-edge");
}

function drawGate(ctx, camera, [name, kind, line]) {
  const [a, b, c, d] = [camera.px(line[0]), camera.py(line[1]), camera.px(line[2]), camera.py(line[3])];
  ctx.strokeStyle = paint(kind === "sector" ? "--edge" : "--ink");
  ctx.lineWidth = kind === "sector" ? 1.2 : 2;
  ctx.beginPath();
  ctx.moveTo(a, b);
  ctx.lineTo(c, d);
  ctx.stroke();
  const off = Math.hypot(c - a, d - b) || 1;
  groundLabel(ctx, name, c + ((c - a) / off) * 16, d + ((d - b) / off) * 12 + 4, "--muted");
}

function drawFrame(ctx, camera, [wide, high]) {
  ctx.fillStyle = paint("--track");
  const a = camera.px(0), b = camera.py(0), w = wide * camera.scale, h = high * camera.scale;
  ctx.fillRect(a, b, w, h);
  ctx.strokeStyle = paint("--edge");
  ctx.lineWidth = 1.3;
  ctx.strokeRect(a, b, w, h);
}

function groundLabel(ctx, words, x, y, colour) {
  ctx.font = font(11, 600);
  ctx.fillStyle = paint(colour);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  ctx.fillText(words, x, y);
}
