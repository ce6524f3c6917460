// A path at the detail that a scale can show: samples closer together than a tolerance are left out.

export class Path {
  // Positions that are missing for no longer than `gap` seconds are passed over; 0: any missing one breaks the path.
  constructor(east, north, time, gap) {
    Object.assign(this, { east, north, time, gap: time && gap ? gap : 0 });
    this.levels = new Map();
  }

  // Samples to draw where a pixel is `metres` wide; -1 stands for a break.
  at(metres) {
    const level = Math.floor(Math.log2(Math.max(metres, 1e-4) * 0.7));
    if (!this.levels.has(level)) this.levels.set(level, this.simplify(2 ** level));
    return this.levels.get(level);
  }

  simplify(tolerance) {
    const { east, north } = this, n = east.length, limit = tolerance * tolerance;
    const kept = new Int32Array(2 * n);
    let count = 0, last = -1, e = 0, m = 0;
    for (let i = 0; i < n; i++) {
      const a = east[i], b = north[i];
      if (a !== a || b !== b) continue;
      const broken = last >= 0 && this.broken(last, i);
      if (broken) {
        if (kept[count - 1] !== last) kept[count++] = last;
        kept[count++] = -1;
      }
      const near = last >= 0 && !broken && (a - e) ** 2 + (b - m) ** 2 < limit;
      if (!near || i + 1 === n) {
        kept[count++] = i;
        [e, m] = [a, b];
      }
      last = i;
    }
    if (last >= 0 && kept[count - 1] !== last) kept[count++] = last;
    return kept.slice(0, count);
  }

  broken(last, i) {
    return this.gap ? this.time[i] - this.time[last] > this.gap : i !== last + 1;
  }

  // Smallest box around the samples [from, to): [west, south, east, north].
  box(from, to) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    const step = Math.max(1, Math.floor((to - from) / 200000));
    for (let i = from; i < to; i += step) {
      const a = this.east[i], b = this.north[i];
      if (a !== a) continue;
      if (a < box[0]) box[0] = a;
      if (b < box[1]) box[1] = b;
      if (a > box[2]) box[2] = a;
      if (b > box[3]) box[3] = b;
    }
    return box;
  }
}
