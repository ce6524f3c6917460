// The whole time of a scene: how many movers were there; dragging moves the cursor, the zoom is a window on it.
import { axisTicks } from "./format.js";
import { rule } from "./frame.js";
import { register } from "./registry.js";
import { sceneOf, whenMoved } from "./scene.js";
import { Surface, font } from "./surface.js";
import { paint } from "./theme.js";

const SIDE = 8;
const TICKS_PX = 15;

async function mountScrubber(element, spec, context) {
  const { view } = context, scene = await sceneOf(context), stage = element.querySelector(".stage");
  const [begins, ends] = ["first", "last"].map((end) => scene.names.map((_, k) => scene[end](k)).sort((a, b) => a - b));
  const wide = () => stage.clientWidth - 2 * SIDE;
  const px = (time) => {
    const [low, high] = view.domain();
    return SIDE + ((time - low) / (high - low)) * wide();
  };

  const surface = new Surface(stage, (ctx, width, height) => {
    const [low, high] = view.domain(), floor = height - TICKS_PX;
    ctx.font = font(10);
    ctx.textAlign = "center";
    ctx.textBaseline = "alphabetic";
    for (const [value, words] of axisTicks(view.axis, low, high, Math.max(2, width / 90))) {
      const x = Math.round(px(value)) + 0.5, half = ctx.measureText(words).width / 2;
      rule(ctx, x, 2, x, floor + 3, paint("--line"));
      ctx.fillStyle = paint("--muted");
      ctx.fillText(words, Math.min(Math.max(x, half), width - half), height - 3);
    }
    drawCounts(ctx, floor);
    ctx.fillStyle = paint("--bad");
    for (const [, time, kind] of scene.marks) if (kind > 0) ctx.fillRect(px(time) - 0.75, 2, 1.5, 5);
  }, (ctx, width, height) => {
    const floor = height - TICKS_PX;
    if (view.zoomed) drawZoom(ctx, width, floor);
    const x = Math.round(px(scene.now)) + 0.5;
    rule(ctx, x, 1, x, floor + 2, paint("--accent"));
    ctx.fillStyle = paint("--accent");
    ctx.beginPath();
    ctx.arc(x, floor + 1, 4.5, 0, 6.3);
    ctx.fill();
  });

  function drawCounts(ctx, floor) {
    const [low, high] = view.domain(), n = Math.max(2, Math.round(wide())), counts = [];
    for (let s = 0, b = 0, e = 0; s <= n; s++) {
      const time = low + (s / n) * (high - low);
      while (b < begins.length && begins[b] <= time) b++;
      while (e < ends.length && ends[e] < time) e++;
      counts.push(b - e);
    }
    const most = Math.max(...counts, 1);
    ctx.beginPath();
    ctx.moveTo(SIDE, floor);
    counts.forEach((count, s) => ctx.lineTo(SIDE + (s / n) * wide(), floor - (count / most) * (floor - 6)));
    ctx.lineTo(SIDE + wide(), floor);
    ctx.fillStyle = paint("--accent-soft");
    ctx.fill();
  }

  function drawZoom(ctx, width, floor) {
    const [a, b] = view.range.map(px);
    ctx.fillStyle = paint("--veil");
    ctx.fillRect(0, 0, a, floor);
    ctx.fillRect(b, 0, width - b, floor);
    ctx.strokeStyle = paint("--cursor");
    ctx.lineWidth = 1;
    ctx.strokeRect(a + 0.5, 1.5, Math.max(b - a - 1, 2), floor - 2);
  }

  let down = false;
  const go = (event) => {
    const [low, high] = view.domain(), box = stage.getBoundingClientRect();
    const share = (event.clientX - box.left - SIDE) / wide();
    view.setCursor(low + Math.min(Math.max(share, 0), 1) * (high - low), true);
    view.reveal();
  };
  stage.addEventListener("pointerdown", (event) => {
    down = true;
    if (event.isTrusted) stage.setPointerCapture(event.pointerId);
    go(event);
  });
  stage.addEventListener("pointermove", (event) => down && go(event));
  for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, () => (down = false));
  view.on(["theme"], () => surface.request(true));
  view.on(["range"], () => surface.request(false));
  view.on(["cursor"], whenMoved(() => px(scene.now), () => surface.request(false)));
  return surface;
}

register("scrubber", mountScrubber);
