// Time spent per cell: only cells that enough different movers were in are in the page.
import { Camera } from "./camera.js";
import { elapsed } from "./format.js";
import { drawScaleBar } from "./graticule.js";
import { drawEdges, drawGround, groundBox } from "./ground.js";
import { mapButtons } from "./mapbuttons.js";
import { register } from "./registry.js";
import { sceneOf } from "./scene.js";
import { Surface, make } from "./surface.js";
import { paint, ramp, rampCss } from "./theme.js";

const HEAT_BINS = 32;

async function mountHeat(element, spec, context) {
  const { view, store } = context, scene = await sceneOf(context), { ground, heat } = scene;
  const stage = element.querySelector(".stage");
  const [column, row, seconds, movers] = await Promise.all(["column", "row", "seconds", "movers"].map((name) => store.column(`heat.${name}`)));
  const sorted = seconds.slice().sort(), high = Math.max(sorted[Math.floor(0.98 * (sorted.length - 1))] || 1, 1);
  const bins = Array.from({ length: HEAT_BINS }, () => []);
  seconds.forEach((value, i) => bins[Math.min(Math.floor(Math.sqrt(value / high) * HEAT_BINS), HEAT_BINS - 1)].push(i));
  const cells = new Map(seconds.length ? Array.from(column, (c, i) => [`${c},${row[i]}`, i]) : []);
  let fitted = 0;

  const camera = new Camera(stage, () => surface.request(true));
  const surface = new Surface(stage, (ctx, width, height) => {
    camera.resize(width, height);
    if (!camera.touched && fitted !== width * height) {
      fitted = width * height;
      camera.fit(groundBox(ground, scene), [30, 50]);
    }
    drawGround(ctx, camera, ground);
    // Cells end on whole pixels, so that no seam is seen between them.
    const left = (i) => Math.round(camera.px(heat.x + i * heat.cell)), top = (i) => Math.round(camera.py(heat.y + i * heat.cell));
    ctx.globalAlpha = 0.9;
    bins.forEach((members, b) => {
      ctx.fillStyle = ramp((b + 0.5) / HEAT_BINS, false);
      for (const i of members) {
        const x = left(column[i]), y = top(row[i] + 1);
        ctx.fillRect(x, y, Math.max(left(column[i] + 1) - x, 1), Math.max(top(row[i]) - y, 1));
      }
    });
    ctx.globalAlpha = 1;
    drawEdges(ctx, camera, ground);
    if (scene.unit === "m") drawScaleBar(ctx, camera);
  }, () => {});

  const told = make("output", "place");
  stage.append(told);
  stage.addEventListener("pointermove", (event) => {
    const box = stage.getBoundingClientRect();
    const [e, n] = camera.plane(event.clientX - box.left, event.clientY - box.top);
    const i = cells.get(`${Math.floor((e - heat.x) / heat.cell)},${Math.floor((n - heat.y) / heat.cell)}`);
    told.textContent = i === undefined ? "" : `${elapsed(seconds[i])} by ${movers[i]} movers`;
  });
  stage.addEventListener("pointerleave", () => (told.textContent = ""));
  mapButtons(stage, [["⤢", "Show the whole plan", () => camera.fit(groundBox(ground, scene))]]);
  const legend = element.querySelector(".legend");
  const tell = () => {
    const bar = make("span", "ramp");
    bar.style.background = rampCss(false);
    legend.replaceChildren(make("output", "", "0"), bar, make("output", "", `${elapsed(high)} or more`));
  };
  tell();
  view.on(["theme"], () => {
    tell();
    surface.request(true);
  });
  return surface;
}

register("heat", mountHeat);
