// What all blocks share: the axis, the range in view, and the one cursor. Changes are told once per frame.
import { lowerBound, nearest } from "./store.js";

export class Track {
  constructor(spec, columns) {
    Object.assign(this, spec);
    this.columns = columns;
  }

  static async load(spec, store) {
    const columns = {};
    for (const [axis, name] of Object.entries(spec.x)) columns[axis] = await store.column(name);
    return new Track(spec, columns);
  }
}

export class View {
  constructor(tracks, axes) {
    this.tracks = tracks;
    this.axes = axes;
    this.axis = axes[0];
    this.cursor = null;
    this.held = false;
    this.listeners = [];
    this.changed = new Set();
    this.range = this.domain();
  }

  get primary() {
    return this.tracks[0];
  }

  track(name) {
    return this.tracks.find((track) => track.name === name);
  }

  // Values of the present axis for a track, or null where it has none.
  x(track) {
    return track.columns[this.axis.name] || null;
  }

  domain() {
    let low = Infinity, high = -Infinity;
    for (const track of this.tracks) {
      const x = this.x(track);
      if (x && x.length) {
        low = Math.min(low, x[0]);
        high = Math.max(high, x[x.length - 1]);
      }
    }
    return high > low ? [low, high] : [low - 0.5, low + 0.5];
  }

  // First and last + 1 index of a track inside the range, one more at each side so that lines leave the plot.
  indices(track) {
    const x = this.x(track);
    const from = lowerBound(x, this.range[0]), to = lowerBound(x, this.range[1]);
    return [Math.max(0, from - 1), Math.min(x.length, to + 2)];
  }

  get zoomed() {
    const [low, high] = this.domain();
    return this.range[0] > low || this.range[1] < high;
  }

  // Sample of a track at the cursor, or -1. A track without the axis is met at the same time as the first one.
  at(track) {
    if (this.cursor === null) return -1;
    const x = this.x(track);
    if (x) return nearest(x, this.cursor);
    const first = this.at(this.primary);
    const time = this.primary.columns.time, other = track.columns.time;
    return first < 0 || !time || !other ? -1 : nearest(other, time[first]);
  }

  // From now on the cursor is always somewhere.
  stay(value) {
    this.staying = true;
    this.setCursor(value, true);
  }

  setCursor(value, held = this.held) {
    if (this.staying && value === null) return;
    held ||= Boolean(this.staying);
    if (value === this.cursor && held === this.held) return;
    this.cursor = value;
    this.held = held;
    this.tell("cursor");
  }

  setCursorIndex(index, held = this.held) {
    const x = this.x(this.primary);
    this.setCursor(x[Math.max(0, Math.min(x.length - 1, index))], held);
    this.reveal();
  }

  step(samples) {
    const now = this.at(this.primary);
    this.setCursorIndex(now < 0 ? nearest(this.x(this.primary), this.range[0]) : now + samples, true);
  }

  // Moves the range so that the cursor is inside it.
  reveal() {
    const [low, high] = this.range, width = high - low;
    if (this.cursor < low || this.cursor > high) {
      const start = this.cursor < low ? this.cursor - 0.1 * width : this.cursor - 0.9 * width;
      this.setRange(start, start + width);
    }
  }

  setRange(low, high) {
    const [least, most] = this.domain();
    const width = Math.min(Math.max(high - low, (most - least) * 1e-6), most - least);
    low = Math.min(Math.max(low, least), most - width);
    this.range = [low, low + width];
    this.tell("range");
  }

  zoom(factor, about) {
    const [low, high] = this.range;
    this.setRange(about - (about - low) * factor, about + (high - about) * factor);
  }

  reset() {
    this.range = this.domain();
    this.tell("range");
  }

  setAxis(name) {
    const axis = this.axes.find((one) => one.name === name);
    if (!axis || axis === this.axis) return;
    const old = this.x(this.primary), next = this.primary.columns[name];
    const zoomed = this.zoomed;
    const [from, to, at] = [this.range[0], this.range[1], this.cursor ?? old[0]].map((value) => nearest(old, value));
    this.axis = axis;
    this.range = this.domain();
    if (zoomed && next) this.setRange(next[from], next[to]);
    if (this.cursor !== null && next) this.cursor = next[at];
    this.tell("axis");
    this.tell("range");
    this.tell("cursor");
  }

  on(kinds, listener) {
    this.listeners.push([new Set(kinds), listener]);
  }

  tell(kind) {
    if (!this.changed.size) requestAnimationFrame(() => this.flush());
    this.changed.add(kind);
  }

  flush() {
    const changed = this.changed;
    this.changed = new Set();
    for (const [kinds, listener] of this.listeners) if ([...changed].some((kind) => kinds.has(kind))) listener(changed);
  }
}
