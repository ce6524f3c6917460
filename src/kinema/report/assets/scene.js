// What the blocks of a scene share: every mover's rows, where each is at a time, and which one is picked.
import { lowerBound } from "./store.js";

const scenes = new WeakMap();

// The scene of a page, loaded once.
export function sceneOf(context) {
  if (!scenes.has(context.store)) scenes.set(context.store, Scene.load(context));
  return scenes.get(context.store);
}

export class Scene {
  constructor(spec, columns, times, view) {
    Object.assign(this, spec);
    this.columns = columns;
    this.times = times;
    this.view = view;
    this.count = spec.names.length;
    this.picked = this.pointed = -1;
    this.order = spec.names.map((_, k) => k);
    this.t = new Float64Array(columns.i.length);
    for (let j = 0; j < this.t.length; j++) this.t[j] = times[columns.i[j]];
    this.row = Int32Array.from(this.start.slice(0, -1));
    this.x = new Float32Array(this.count);
    this.y = new Float32Array(this.count);
    this.there = new Uint8Array(this.count);
    this.time = NaN;
  }

  static async load({ store, view, page }) {
    const names = { i: "m.i", x: "m.x", y: "m.y", seen: "m.seen", speed: "m.speed", sx: "m.sx", sy: "m.sy", rho: "m.rho", w: "m.w", h: "m.h", way: "m.way" };
    const there = Object.entries(names).filter(([, name]) => store.meta(name));
    const loaded = await Promise.all(there.map(([, name]) => store.column(name)));
    const columns = Object.fromEntries(there.map(([key], k) => [key, loaded[k]]));
    return new Scene(page.scene, columns, await store.column("t"), view);
  }

  get now() {
    return this.view.cursor ?? this.times[0];
  }

  first(k) {
    return this.t[this.start[k]];
  }

  last(k) {
    return this.t[this.start[k + 1] - 1];
  }

  // The last row of a mover at or before a time; its first row where there is none.
  rowAt(k, time) {
    const from = this.start[k], to = this.start[k + 1];
    let j = this.row[k];
    if (time >= this.t[j] && (j + 3 >= to || time < this.t[j + 3])) {
      while (j + 1 < to && this.t[j + 1] <= time) j++;
    } else j = Math.max(from, lowerBound(this.t, time + 1e-9, from, to) - 1);
    return j;
  }

  // Places of all movers at a time, between their rows; `there` is 0 for those that are not.
  update(time) {
    if (time === this.time) return;
    this.time = time;
    const { x, y } = this.columns, { t, gap } = this;
    for (let k = 0; k < this.count; k++) {
      const j = (this.row[k] = this.rowAt(k, time)), last = j + 1 >= this.start[k + 1];
      const ahead = time - t[j], step = last ? 0 : t[j + 1] - t[j];
      this.there[k] = ahead >= -1e-6 && (last ? ahead < 1e-3 : step <= gap || ahead < 0.1) ? 1 : 0;
      const f = !last && step <= gap ? ahead / step : 0;
      this.x[k] = f ? x[j] + f * (x[j + 1] - x[j]) : x[j];
      this.y[k] = f ? y[j] + f * (y[j + 1] - y[j]) : y[j];
    }
  }

  // Speed in km/h of a mover at the time of the last update.
  speed(k) {
    return this.columns.speed ? this.columns.speed[this.row[k]] : NaN;
  }

  // 95 % of where a mover is, in metres, NaN where it is not known.
  within(k) {
    const { sx, sy } = this.columns;
    return sx ? 1.96 * Math.max(sx[this.row[k]], sy[this.row[k]]) : NaN;
  }

  // Corners of a box around all but the outermost rows, as a line.
  extent() {
    const [x, y] = [this.columns.x, this.columns.y].map((values) => {
      const sorted = values.filter((_, j) => values.length < 20000 || j % 41 === 0).sort(), n = sorted.length - 1;
      return [sorted[Math.floor(0.002 * n)], sorted[Math.ceil(0.998 * n)]];
    });
    return [x[0], y[0], x[1], y[1]];
  }

  point(k) {
    if (k === this.pointed) return;
    this.pointed = k;
    this.view.tell("pick");
  }

  pick(k) {
    this.picked = k === this.picked ? -1 : k;
    this.view.tell("pick");
  }

  // The next mover in the order in which they are listed.
  pickNext(by) {
    const at = this.order.indexOf(this.picked);
    const next = at < 0 ? (by > 0 ? 0 : this.count - 1) : (at + by + this.count) % this.count;
    this.picked = -1;
    this.pick(this.order[next]);
  }

  // The last timed lap [end, time, 95 %, laps done] of a mover at a time, or null.
  lapAt(k, time) {
    const laps = this.board.laps[k];
    let n = laps.length;
    while (n && laps[n - 1][0] > time) n--;
    return n ? laps[n - 1] : null;
  }
}

// Stretches of a mover as [from, to, kind] in seconds: 1 seen, 0 filled in; pauses longer than the gap lie between.
export function stretchesOf(scene, k) {
  const { t, gap } = scene, { seen } = scene.columns, found = [];
  let from = scene.start[k];
  for (let j = from + 1; j <= scene.start[k + 1]; j++) {
    const end = j === scene.start[k + 1], pause = !end && t[j] - t[j - 1] > gap;
    if (!end && !pause && seen[j] === seen[from]) continue;
    found.push([t[from], end || pause ? t[j - 1] : t[j], seen[from]]);
    from = j;
  }
  return found;
}

// Calls `act` only where the cursor has come to another pixel: what it does not move need not be drawn again.
export function whenMoved(pixel, act) {
  let last = NaN;
  return () => {
    const now = Math.round(pixel() * 2);
    if (now === last) return;
    last = now;
    act();
  };
}

const COLOURS = 12;

export function colourOf(k) {
  return `--m${(k % COLOURS) + 1}`;
}
