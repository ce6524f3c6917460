// Rows of many satellites or movers in one set of columns, each group in the order of its samples.
import { lowerBound } from "./store.js";
import { make } from "./surface.js";

export class GroupRows {
  constructor(spec, rows, track) {
    this.names = spec.names;
    this.families = spec.family;
    this.start = spec.start;
    this.rows = rows;
    this.track = track;
    this.cache = new Map();
  }

  static async load(spec, store, view) {
    return new GroupRows(spec, await store.column(spec.row), view.track(spec.track));
  }

  get count() {
    return this.names.length;
  }

  // Values of the present axis for every row; null where the track has no such axis.
  x(view) {
    const axis = view.axis.name, of = view.x(this.track);
    if (!of) return null;
    if (!this.cache.has(axis)) {
      const out = new Float64Array(this.rows.length);
      for (let i = 0; i < out.length; i++) out[i] = of[this.rows[i]];
      this.cache.set(axis, out);
    }
    return this.cache.get(axis);
  }

  // First and last + 1 row of group k between two samples of the track.
  between(k, first, last) {
    const [from, to] = [this.start[k], this.start[k + 1]];
    return [lowerBound(this.rows, first, from, to), lowerBound(this.rows, last, from, to)];
  }

  // Row of group k at a sample, or -1 where it has none within `slack` samples.
  at(k, sample, slack) {
    const [from, to] = [this.start[k], this.start[k + 1]];
    const i = lowerBound(this.rows, sample, from, to);
    let best = -1, apart = slack + 0.5;
    for (const row of [i - 1, i]) {
      if (row < from || row >= to) continue;
      const off = Math.abs(this.rows[row] - sample);
      if (off < apart) [best, apart] = [row, off];
    }
    return best;
  }
}

// Families (satellite systems) that can be hidden; `hidden` is a set of their names.
export function familyLegend(element, groups, hidden, redraw, extra = []) {
  const legend = element.querySelector(".legend");
  const families = [...new Set(groups.families)];
  for (const family of families) {
    const button = make("button", "key", "", { type: "button", "aria-pressed": "true" });
    const swatch = make("i", "dot");
    swatch.style.setProperty("--swatch", familyVariable(family));
    button.append(swatch, make("span", "", family));
    button.addEventListener("click", () => {
      if (!hidden.delete(family)) hidden.add(family);
      button.setAttribute("aria-pressed", String(!hidden.has(family)));
      redraw();
    });
    legend.append(button);
  }
  for (const one of extra) legend.append(one);
}

const KNOWN = ["GPS", "GLONASS", "Galileo", "BeiDou", "QZSS", "NavIC", "SBAS"];

function familyVariable(family) {
  return `var(--f${Math.max(KNOWN.indexOf(family), 0) + 1})`;
}
