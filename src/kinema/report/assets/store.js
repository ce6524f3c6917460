// The columns of the page, decoded once when first asked for, and their min/max pyramids.
import { decodeColumn } from "./decode.js";

// Metres travelled: speed over time; the straight line where speed is missing or samples are.
function distanceTravelled([t, speed, east, north], factor, gap) {
  const n = t.length, out = new Float64Array(n);
  let total = 0, last = -1;
  for (let i = 0; i < n; i++) {
    if (east[i] === east[i]) {
      if (last >= 0) {
        const pause = t[i] - t[last];
        const mean = last === i - 1 && !(gap && pause > gap) ? 0.5 * factor * (speed[last] + speed[i]) * pause : NaN;
        total += mean === mean ? mean : Math.hypot(east[i] - east[last], north[i] - north[last]);
      }
      last = i;
    }
    out[i] = total;
  }
  return out;
}

export class Store {
  constructor(metas) {
    this.metas = metas;
    this.pending = new Map();
    this.pyramids = new WeakMap();
  }

  meta(name) {
    return this.metas[name];
  }

  column(name) {
    if (!this.pending.has(name)) this.pending.set(name, this.load(name));
    return this.pending.get(name);
  }

  async load(name) {
    const meta = this.metas[name];
    if (!meta) throw new Error(`no column ${name}`);
    if (meta.derive) return distanceTravelled(await Promise.all(meta.of.map((one) => this.column(one))), meta.factor, meta.gap);
    const element = document.getElementById(meta.id);
    const values = await decodeColumn(element.textContent, meta);
    element.remove();
    return values;
  }

  pyramid(values) {
    let pyramid = this.pyramids.get(values);
    if (!pyramid) this.pyramids.set(values, (pyramid = new Pyramid(values)));
    return pyramid;
  }
}

const FACTOR = 8;

// Smallest and largest value of every 8, 64, 512 … samples; NaN where a bucket has none.
export class Pyramid {
  constructor(values) {
    this.values = values;
    this.levels = [];
    let low = values, high = values, factor = 1;
    while (low.length > 64) {
      const n = Math.ceil(low.length / FACTOR);
      const min = new values.constructor(n), max = new values.constructor(n);
      for (let b = 0; b < n; b++) {
        let least = Infinity, most = -Infinity;
        const stop = Math.min((b + 1) * FACTOR, low.length);
        for (let i = b * FACTOR; i < stop; i++) {
          if (low[i] < least) least = low[i];
          if (high[i] > most) most = high[i];
        }
        min[b] = least === Infinity ? NaN : least;
        max[b] = most === -Infinity ? NaN : most;
      }
      factor *= FACTOR;
      this.levels.push({ factor, min, max });
      low = min;
      high = max;
    }
  }

  // The coarsest level with at least `wanted` buckets among `count` samples; null for the samples themselves.
  level(count, wanted) {
    let found = null;
    for (const level of this.levels) if (level.factor * wanted <= count) found = level;
    return found;
  }

  // Smallest and largest of the samples [from, to).
  extent(from, to) {
    let low = Infinity, high = -Infinity;
    const level = this.level(to - from, 256);
    const step = level ? level.factor : 1, min = level ? level.min : this.values, max = level ? level.max : this.values;
    const last = Math.min(Math.ceil(to / step), min.length);
    for (let b = Math.floor(from / step); b < last; b++) {
      if (min[b] < low) low = min[b];
      if (max[b] > high) high = max[b];
    }
    return [low, high];
  }
}

// First index whose value is not below `value` in an array that does not decrease.
export function lowerBound(values, value, from = 0, to = values.length) {
  while (from < to) {
    const mid = (from + to) >> 1;
    if (values[mid] < value) from = mid + 1;
    else to = mid;
  }
  return from;
}

// Index of the value nearest to `value`.
export function nearest(values, value) {
  const i = lowerBound(values, value);
  if (i === 0) return 0;
  if (i === values.length) return i - 1;
  return value - values[i - 1] <= values[i] - value ? i - 1 : i;
}
