// A table of any length: only the rows in view are elements; on paper all are.
import { make } from "./surface.js";
import { isPrinting } from "./theme.js";

const ROW_PX = 26;
const SPARE = 4;

export class RowTable {
  // Columns: { title, number, words(k) → [text, ± or ""], key(k), least } ; `least` hides one below that width.
  constructor(element, scene, columns) {
    this.scene = scene;
    this.columns = columns;
    this.scroll = element.querySelector(".scroll");
    this.body = element.querySelector("tbody");
    this.order = scene.names.map((_, k) => k);
    this.pool = [];
    this.above = make("tr", "filler");
    this.below = make("tr", "filler");
    this.body.append(this.above, this.below);
    this.heads(element.querySelector("thead tr"));
    this.scroll.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.scroll);
    scene.view.on(["pick"], () => this.mark());
  }

  heads(line) {
    this.columns.forEach((column, c) => {
      const head = make("th", this.classOf(column), "", { scope: "col", "aria-sort": "none" });
      if (column.key) {
        const button = make("button", "", column.title, { type: "button" });
        button.addEventListener("click", () => this.sort(c, head));
        head.append(button);
      } else head.textContent = column.title;
      line.append(head);
    });
    this.line = line;
  }

  classOf(column) {
    return [column.number ? "number" : "", column.least ? `least${column.least}` : ""].join(" ").trim();
  }

  sort(c, head) {
    const { key, number } = this.columns[c], was = head.getAttribute("aria-sort");
    const down = was === "none" ? Boolean(number) : was === "ascending";
    for (const other of this.line.cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (k) => key(k) ?? NaN, last = down ? -Infinity : Infinity;
    const of = (k) => (value(k) !== value(k) ? last : value(k));
    this.order = this.scene.names.map((_, k) => k).sort((a, b) => (down ? of(b) - of(a) : of(a) - of(b)) || a - b);
    this.draw();
  }

  row() {
    const row = make("tr");
    this.columns.forEach((column, c) => {
      const cell = make(c ? "td" : "th", this.classOf(column), "", c ? {} : { scope: "row" });
      cell.append(make("span"), make("span", "pm"));
      row.append(cell);
    });
    row.addEventListener("pointerenter", () => this.scene.point(row.mover));
    row.addEventListener("pointerleave", () => this.scene.point(-1));
    row.addEventListener("click", () => this.scene.pick(row.mover));
    this.below.before(row);
    return row;
  }

  draw() {
    const count = this.order.length, all = isPrinting();
    const first = all ? 0 : Math.max(0, Math.floor(this.scroll.scrollTop / ROW_PX) - SPARE);
    const shown = all ? count : Math.min(count - first, Math.ceil(this.scroll.clientHeight / ROW_PX) + 2 * SPARE);
    while (this.pool.length < shown) this.pool.push(this.row());
    while (this.pool.length > shown) this.pool.pop().remove();
    this.above.style.height = `${first * ROW_PX}px`;
    this.below.style.height = `${(count - first - shown) * ROW_PX}px`;
    this.pool.forEach((row, r) => this.fill(row, this.order[first + r]));
    this.mark();
  }

  fill(row, k) {
    row.mover = k;
    this.columns.forEach((column, c) => {
      const [words, more] = column.words(k), [first, second] = row.cells[c].childNodes;
      if (first.textContent !== words) first.textContent = words;
      const pm = more ? ` ± ${more}` : "";
      if (second.textContent !== pm) second.textContent = pm;
    });
  }

  mark() {
    for (const row of this.pool) {
      row.classList.toggle("picked", row.mover === this.scene.picked);
      row.classList.toggle("pointed", row.mover === this.scene.pointed);
    }
  }
}
