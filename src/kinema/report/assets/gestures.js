// One set of gestures for every block over the shared x axis: hover, hold, brush, pan, pinch, keys.
import { GUTTER, valueAtPixel } from "./frame.js";

const CLICK_PX = 4;

export function xGestures(stage, view, surface, hooks = {}) {
  const touches = new Map();
  let down = null;
  const place = (event) => event.clientX - stage.getBoundingClientRect().left;
  const gutter = hooks.gutterPx || GUTTER;
  const value = (pixel) => valueAtPixel(view, stage.clientWidth, pixel, gutter);
  const brush = (span) => {
    surface.brush = span;
    surface.request(false);
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    touches.set(event.pointerId, place(event));
    down = { x: place(event), range: [...view.range], pan: event.shiftKey, touch: event.pointerType === "touch" };
    if (touches.size === 2) down.pinch = pinchOf(touches);
    if (event.isTrusted) stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const x = place(event);
    if (touches.has(event.pointerId)) touches.set(event.pointerId, x);
    if (down && down.pinch && touches.size === 2) return pinch(down, pinchOf(touches));
    if (down && down.pan) return pan(down, x);
    if (down && !down.touch && Math.abs(x - down.x) > CLICK_PX) brush([down.x, x]);
    if (!view.held || (down && down.touch)) view.setCursor(value(x));
    if (hooks.move) hooks.move(event);
  });
  const up = (event) => {
    touches.delete(event.pointerId);
    if (!down) return;
    const x = place(event), was = down;
    down = touches.size ? down : null;
    if (surface.brush) {
      const [a, b] = surface.brush.map(value);
      brush(null);
      view.setRange(Math.min(a, b), Math.max(a, b));
    } else if (!was.pan && !was.pinch && Math.abs(x - was.x) <= CLICK_PX) {
      if (hooks.click && hooks.click(event, was.x < gutter)) return;
      if (was.x < gutter && hooks.gutter) hooks.gutter();
      else view.setCursor(value(x), !view.held);
    }
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", (event) => {
    touches.delete(event.pointerId);
    down = null;
    brush(null);
  });
  stage.addEventListener("pointerleave", () => {
    if (!view.held && !touches.size) view.setCursor(null);
    if (hooks.leave) hooks.leave();
  });
  stage.addEventListener("dblclick", () => view.reset());
  stage.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      view.zoom(Math.exp(Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 60) * 0.006), value(place(event)));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const by = ((event.deltaX || event.deltaY) / stage.clientWidth) * (view.range[1] - view.range[0]);
      view.setRange(view.range[0] + by, view.range[1] + by);
    }
  }, { passive: false });

  function pan(from, x) {
    const by = ((from.x - x) / (stage.clientWidth - gutter)) * (from.range[1] - from.range[0]);
    view.setRange(from.range[0] + by, from.range[1] + by);
  }

  function pinch(from, now) {
    const factor = from.pinch.apart / Math.max(now.apart, 8);
    const share = (from.pinch.middle - gutter) / (stage.clientWidth - gutter);
    const about = from.range[0] + share * (from.range[1] - from.range[0]);
    view.setRange(about - (about - from.range[0]) * factor, about + (from.range[1] - about) * factor);
  }
}

function pinchOf(touches) {
  const [a, b] = [...touches.values()];
  return { apart: Math.abs(a - b), middle: (a + b) / 2 };
}

// Keys work wherever no other control has the focus.
export function keys(view, play) {
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest && event.target.closest("select, input, textarea, summary, .scroll")) return;
    const onButton = event.target.closest && event.target.closest("button");
    const middle = view.cursor ?? (view.range[0] + view.range[1]) / 2;
    const acts = {
      ArrowLeft: () => view.step(event.shiftKey ? -10 : -1),
      ArrowRight: () => view.step(event.shiftKey ? 10 : 1),
      "+": () => view.zoom(0.5, middle),
      "=": () => view.zoom(0.5, middle),
      "-": () => view.zoom(2, middle),
      0: () => view.reset(),
      Escape: () => view.setCursor(null, false),
      " ": onButton ? null : play,
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });
}
