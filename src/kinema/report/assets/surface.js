// A pair of canvases in a stage: one for what changes seldom, one above it for the cursor. Both are sharp on every
// screen, and drawn only while they are in view.

import { isPrinting } from "./theme.js";

const SLOW_MS = 12;
// Widths and heights on A4 with the margins of page.css: browsers lay the paper out after they ask for the drawings.
const PAPER = { whole: 681, half: 324, map: 400, sky: 330 };

export class Surface {
  constructor(stage, draw, drawOver) {
    this.stage = stage;
    this.draw = draw;
    this.drawOver = drawOver;
    this.base = this.canvas();
    this.over = this.canvas();
    this.over.canvas.classList.add("over");
    this.visible = false;
    this.stale = { base: true, over: true };
    this.drawn = 0;
    this.rested = 0;
    new ResizeObserver(() => this.request(true)).observe(stage);
    new IntersectionObserver(
      (entries) => {
        this.visible = entries[entries.length - 1].isIntersecting;
        if (this.visible && this.stale.base) this.request(true);
        else if (this.visible && this.stale.over) this.request(false);
      },
      { rootMargin: "200px" },
    ).observe(stage);
  }

  canvas() {
    const element = document.createElement("canvas");
    element.setAttribute("aria-hidden", "true");
    this.stage.append(element);
    return element.getContext("2d");
  }

  // Asks for drawing in the next frame: everything, or only what follows the cursor.
  request(everything) {
    if (everything) this.stale.base = true;
    this.stale.over = true;
    if (!this.visible || this.waiting) return;
    this.waiting = requestAnimationFrame((time) => {
      this.waiting = 0;
      if (this.stale.base && time < this.rested) this.later(time);
      else this.now();
    });
  }

  // A drawing that takes long leaves the others their time: it comes again after a pause of three times as long.
  later(time) {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.request(false);
    }, this.rested - time);
  }

  size() {
    if (!isPrinting()) return [this.stage.clientWidth, this.stage.clientHeight];
    const kind = ["map", "sky"].find((one) => this.stage.closest("." + one));
    return [this.stage.closest(".column") ? PAPER.half : PAPER.whole, PAPER[kind] || parseInt(this.stage.style.height)];
  }

  now() {
    const [width, height] = this.size();
    if (!width || !height) return;
    if (this.stale.base) {
      const start = performance.now();
      this.fit(this.base, width, height);
      this.draw(this.base, width, height);
      this.drawn++;
      const took = performance.now() - start;
      this.rested = took > SLOW_MS ? start + took + Math.min(3 * took, 300) : 0;
    }
    if (isPrinting()) {
      // On paper a second canvas would wipe out the first one, so both are drawn on the first.
      this.drawOver(this.base, width, height);
    } else if (this.stale.base || this.stale.over) {
      this.fit(this.over, width, height);
      this.drawOver(this.over, width, height);
    }
    this.stale.base = this.stale.over = false;
  }

  fit(ctx, width, height) {
    const ratio = isPrinting() ? 3 : Math.min(window.devicePixelRatio || 1, 3);
    const w = Math.round(width * ratio), h = Math.round(height * ratio);
    if (ctx.canvas.width !== w || ctx.canvas.height !== h) {
      ctx.canvas.width = w;
      ctx.canvas.height = h;
    }
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
  }
}

export function font(size = 11, weight = 400) {
  return `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;
}

// An element with a class, text and attributes; texts never become markup.
export function make(tag, className = "", words = "", attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (words) element.textContent = words;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
