// Strokes of long paths: a pixel is painted once in one colour, however many laps pass over it.

const CELL = 2;
const BEYOND = 40;
const MANY_PIECES = 20000;

// Which cell of the canvas a place is in, or -1 well outside of it.
function cellOf(camera, wide, x, y) {
  if (!(x > -BEYOND && y > -BEYOND && x < camera.width + BEYOND && y < camera.height + BEYOND)) return -1;
  return (((y + BEYOND) / CELL) | 0) * wide + (((x + BEYOND) / CELL) | 0);
}

function gridOf(camera) {
  const wide = Math.ceil((camera.width + 2 * BEYOND) / CELL) + 1;
  const high = Math.ceil((camera.height + 2 * BEYOND) / CELL) + 1;
  return [wide, new Uint8Array(wide * high)];
}

// The whole path in the present stroke.
export function strokePath(ctx, camera, path) {
  const { east, north } = path, [wide, taken] = gridOf(camera);
  let x = NaN, y = NaN, cell = -1, pen = false;
  ctx.beginPath();
  for (const i of path.at(1 / camera.scale)) {
    const a = i < 0 ? NaN : camera.px(east[i]), b = i < 0 ? NaN : camera.py(north[i]);
    const next = cellOf(camera, wide, a, b);
    const wanted = x === x && a === a && (cell >= 0 || next >= 0) && !(next >= 0 && taken[next]);
    if (wanted && !pen) ctx.moveTo(x, y);
    if (wanted) ctx.lineTo(a, b);
    if (next >= 0) taken[next] = 1;
    [x, y, cell, pen] = [a, b, next, wanted];
  }
  ctx.stroke();
}

// The samples [from, to) of the path, each piece in the colour of its end: pieces are sorted by colour, and each colour
// is stroked once. Where laps lie on each other the highest value (the last category) is seen.
export function strokeColoured(ctx, camera, path, from, to, binOf, bins, colourOf) {
  const { east, north } = path, kept = path.at(1 / camera.scale), [wide, taken] = gridOf(camera);
  const starts = new Int32Array(kept.length), ends = new Int32Array(kept.length), bin = new Uint8Array(kept.length);
  const counts = new Int32Array(bins + 1);
  let count = 0, last = -1, lastCell = -1;
  for (const i of kept) {
    const inside = i >= from && i < to;
    const cell = inside ? cellOf(camera, wide, camera.px(east[i]), camera.py(north[i])) : -1;
    if (inside && (cell >= 0 || lastCell >= 0)) {
      const colour = binOf(i);
      if (cell < 0 || taken[cell] <= colour) {
        starts[count] = last >= 0 ? last : i;
        ends[count] = i;
        bin[count++] = colour;
        counts[colour + 1]++;
        if (cell >= 0) taken[cell] = colour + 1;
      }
    }
    last = inside ? i : -1;
    lastCell = cell;
  }
  ctx.lineCap = count > MANY_PIECES ? "butt" : "round";
  for (let b = 0; b < bins; b++) counts[b + 1] += counts[b];
  const order = new Int32Array(count), next = counts.slice();
  for (let k = 0; k < count; k++) order[next[bin[k]]++] = k;
  for (let b = 0; b < bins; b++) {
    if (counts[b] === counts[b + 1]) continue;
    ctx.strokeStyle = colourOf(b);
    ctx.beginPath();
    for (let k = counts[b], pen = -1; k < counts[b + 1]; k++) {
      const start = starts[order[k]], end = ends[order[k]];
      if (pen !== start) ctx.moveTo(camera.px(east[start]), camera.py(north[start]));
      ctx.lineTo(camera.px(east[end]) + (start === end ? 0.01 : 0), camera.py(north[end]));
      pen = end;
    }
    ctx.stroke();
  }
}
