// Where the map looks: centre and scale, changed by wheel, dragging and pinching.

export class Camera {
  constructor(stage, changed) {
    this.stage = stage;
    this.changed = changed;
    this.east = this.north = 0;
    this.resize(stage.clientWidth, stage.clientHeight);
    this.scale = 1;
    this.listen();
  }

  // Called before each drawing, so that no place asks the layout for it.
  resize(width, height) {
    this.width = width;
    this.height = height;
  }

  px(e) {
    return this.width / 2 + (e - this.east) * this.scale;
  }

  py(n) {
    return this.height / 2 - (n - this.north) * this.scale;
  }

  plane(x, y) {
    return [this.east + (x - this.width / 2) / this.scale, this.north - (y - this.height / 2) / this.scale];
  }

  // Brings a box into view, with room for `around` pixels in width and height.
  fit([west, south, east, north], around = [70, 90]) {
    if (!(east >= west)) return;
    this.east = (west + east) / 2;
    this.north = (south + north) / 2;
    const wide = Math.max(east - west, 1), high = Math.max(north - south, 1);
    this.scale = Math.min((this.width - around[0]) / wide, (this.height - around[1]) / high);
    this.touched = false;
    this.changed();
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const [e, n] = this.plane(x, y);
    this.scale = Math.min(Math.max(this.scale * factor, 1e-5), 5e4);
    this.east = e - (x - this.width / 2) / this.scale;
    this.north = n + (y - this.height / 2) / this.scale;
    this.touched = true;
    this.changed();
  }

  listen() {
    const pointers = new Map(), stage = this.stage;
    const place = (event) => {
      const box = stage.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) * 0.003), ...place(event));
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, place(event));
      this.dragged = false;
      if (event.isTrusted) stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      const before = [...pointers.values()];
      const was = pointers.get(event.pointerId), now = place(event);
      if (Math.hypot(now[0] - was[0], now[1] - was[1]) < 3 && !this.dragged) return;
      this.dragged = this.touched = true;
      pointers.set(event.pointerId, now);
      const after = [...pointers.values()];
      if (after.length === 2) {
        const [a, b] = [apart(before), apart(after)];
        this.zoom(b / Math.max(a, 1), (after[0][0] + after[1][0]) / 2, (after[0][1] + after[1][1]) / 2);
      }
      this.east -= (now[0] - was[0]) / this.scale / after.length;
      this.north += (now[1] - was[1]) / this.scale / after.length;
      this.changed();
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      stage.addEventListener(kind, (event) => pointers.delete(event.pointerId));
    }
  }
}

function apart([[x0, y0], [x1, y1]]) {
  return Math.hypot(x1 - x0, y1 - y0);
}
