// Drawing of many samples: each pixel column gets its smallest and largest value, so nothing is missed and nothing
// is drawn twice.

// A frame maps values to pixels: { left, right, top, bottom, x0, x1, y0, y1 }.
export function scaleX(frame) {
  const k = (frame.right - frame.left) / (frame.x1 - frame.x0);
  return (value) => frame.left + (value - frame.x0) * k;
}

export function scaleY(frame) {
  if (frame.log) {
    const least = Math.log(frame.y0), k = (frame.bottom - frame.top) / (Math.log(frame.y1) - least);
    return (value) => frame.bottom - (Math.log(Math.max(value, frame.y0)) - least) * k;
  }
  const k = (frame.bottom - frame.top) / (frame.y1 - frame.y0);
  return (value) => frame.bottom - (value - frame.y0) * k;
}

// One line of the samples [from, to); `gap` is the pause in x that breaks it (0: never).
export function drawLine(ctx, frame, x, pyramid, from, to, gap, style) {
  const px = scaleX(frame), py = scaleY(frame);
  const level = pyramid.level(to - from, frame.right - frame.left);
  if (level) return drawColumns(ctx, columnsOf(px, py, x, level, from, to, gap));
  ctx.beginPath();
  samples(ctx, px, py, x, pyramid.values, from, to, gap, style);
  ctx.stroke();
  if (style === "dots" || (to - from) * 8 < frame.right - frame.left) dots(ctx, px, py, x, pyramid.values, from, to);
}

// Upper and lower end of what falls into each pixel column: [x, top, bottom, goes on from the last one].
function columnsOf(px, py, x, { factor, min, max }, from, to, gap) {
  const found = [];
  let pen = false, column = NaN, at = 0, low = Infinity, high = -Infinity;
  const flush = () => {
    if (high >= low) {
      const a = py(high), b = py(low);
      found.push([at, Math.min(a, b), Math.max(a, b), pen]);
      pen = true;
    }
    [low, high] = [Infinity, -Infinity];
  };
  for (let b = Math.floor(from / factor); b * factor < to; b++) {
    const first = b * factor, missing = !(min[b] <= max[b]);
    const broken = missing || (gap && first && x[first] - x[first - 1] > gap);
    const here = px(x[first]);
    if (broken || Math.floor(here) !== column) flush();
    if (broken) pen = false;
    if (missing) continue;
    if (Math.floor(here) !== column) [column, at] = [Math.floor(here), here];
    if (min[b] < low) low = min[b];
    if (max[b] > high) high = max[b];
  }
  flush();
  return found;
}

// Bars look as strokes do, and are drawn several times as fast without a graphics card; dashes must be strokes.
function drawColumns(ctx, columns) {
  if (!ctx.getLineDash().length) return drawBars(ctx, columns);
  ctx.beginPath();
  for (const [at, top, bottom, pen] of columns) {
    if (pen) ctx.lineTo(at, top);
    else ctx.moveTo(at, top);
    ctx.lineTo(at, bottom + (top === bottom ? 0.01 : 0));
  }
  ctx.stroke();
}

// Bars that meet their neighbours half-way.
function drawBars(ctx, columns) {
  const wide = ctx.lineWidth;
  ctx.fillStyle = ctx.strokeStyle;
  columns.forEach((column, k) => {
    const next = columns[k + 1];
    if (next && next[3] && next[1] > column[2]) column[2] = next[1] = (next[1] + column[2]) / 2;
    else if (next && next[3] && next[2] < column[1]) column[1] = next[2] = (next[2] + column[1]) / 2;
    ctx.fillRect(column[0] - wide / 2, column[1] - wide / 2, wide, column[2] - column[1] + wide);
  });
}

function samples(ctx, px, py, x, values, from, to, gap, style) {
  if (style === "dots") return;
  let pen = false;
  for (let i = from; i < to; i++) {
    const value = values[i];
    if (value !== value) {
      pen = false;
      continue;
    }
    if (gap && i && x[i] - x[i - 1] > gap) pen = false;
    const here = px(x[i]), alone = !pen && values[i + 1] !== values[i + 1];
    if (pen && style === "step") ctx.lineTo(here, py(values[i - 1]));
    if (pen) ctx.lineTo(here, py(value));
    else ctx.moveTo(alone ? here - 1 : here, py(value));
    if (alone) ctx.lineTo(here + 1, py(value)); // a value between gaps is seen as a dot
    pen = true;
  }
}

function dots(ctx, px, py, x, values, from, to) {
  ctx.beginPath();
  for (let i = from; i < to; i++) {
    if (values[i] !== values[i]) continue;
    const a = px(x[i]), b = py(values[i]);
    ctx.moveTo(a + 1.7, b);
    ctx.arc(a, b, 1.7, 0, 6.3);
  }
  ctx.fillStyle = ctx.strokeStyle;
  ctx.fill();
}

// The area between centre − factor × sigma and centre + factor × sigma; `centre` null means zero.
export function drawCorridor(ctx, frame, x, centre, sigma, factor, from, to, gap) {
  const px = scaleX(frame), py = scaleY(frame);
  const level = sigma.level(to - from, frame.right - frame.left);
  const size = level ? level.factor : 1;
  const top = level ? level.max : sigma.values;
  const same = centre && level ? centre.levels.find((one) => one.factor === size) : null;
  const low = !centre ? null : same ? same.min : centre.values, high = !centre ? null : same ? same.max : centre.values;
  let run = [];
  const close = () => {
    if (run.length) area(ctx, run);
    run = [];
  };
  for (let b = Math.floor(from / size); b * size < to; b++) {
    const first = b * size, half = factor * top[b];
    const above = half + (high ? high[b] : 0), below = (low ? low[b] : 0) - half;
    if (!(above >= below) || (gap && first && x[first] - x[first - 1] > gap)) close();
    if (above >= below) run.push([px(x[first]), py(above), py(below)]);
  }
  close();
}

function area(ctx, run) {
  ctx.beginPath();
  for (const [at, above] of run) ctx.lineTo(at, above);
  for (let k = run.length - 1; k >= 0; k--) ctx.lineTo(run[k][0], run[k][2]);
  ctx.closePath();
  ctx.fill();
}
