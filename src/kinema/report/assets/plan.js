// The plan of a scene: every mover at the time of the cursor, with trails, names and uncertainties.
import { Camera } from "./camera.js";
import { Labels, drawDot, forgetSprites } from "./dots.js";
import { fixed } from "./format.js";
import { drawGraticule, drawScaleBar } from "./graticule.js";
import { drawGround, groundBox } from "./ground.js";
import { mapButtons } from "./mapbuttons.js";
import { planCard } from "./plancard.js";
import { Raster } from "./raster.js";
import { register } from "./registry.js";
import { colourOf, sceneOf } from "./scene.js";
import { sceneKeys } from "./scenekeys.js";
import { schemeLegend, schemesOf } from "./schemes.js";
import { Surface } from "./surface.js";
import { isPrinting, paint } from "./theme.js";
import { drawTrails, drawWay, rasterTrails, strideOf } from "./trails.js";

const MOST_NAMES = 70;
const HOLDS_95 = 2.448;
const REACH_PX = 14;

async function mountPlan(element, spec, context) {
  const { view } = context, scene = await sceneOf(context), { ground, columns } = scene;
  const stage = element.querySelector(".stage"), inImage = scene.unit === "px";
  const schemes = schemesOf(scene), groups = Array.from({ length: 64 }, () => []), raster = new Raster();
  const tools = toolsOf(element, schemes);
  let scheme = schemes[0], fitted = 0, stride = 1, scaled = 0;

  const fit = () => camera.fit(groundBox(ground, scene), inImage ? [12, 12] : [60, 64]);
  const camera = new Camera(stage, () => surface.request(true));
  const surface = new Surface(stage, (ctx, width, height) => {
    camera.resize(width, height);
    if (!camera.touched && fitted !== width * height) {
      fitted = width * height;
      fit();
    }
    if (!inImage) drawGraticule(ctx, camera, null);
    drawGround(ctx, camera, ground);
    if (!inImage) drawScaleBar(ctx, camera);
  }, drawMovers);

  function drawMovers(ctx, width, height) {
    scene.update(scene.now);
    if (scaled !== camera.scale) [scaled, stride] = [camera.scale, strideOf(scene, camera)];
    const shown = grouped(width, height), crowd = shown > 300 ? 0 : shown > 60 ? 1 : 2;
    const dim = scene.picked >= 0 ? 0.55 : 1, trail = tools.trail();
    if (crowd === 0 && !inImage && !isPrinting()) drawCrowd(ctx, trail, 255 * dim);
    ctx.globalAlpha = dim;
    if (tools.on("sigma")) drawEllipses(ctx);
    if (crowd > 0 || inImage || isPrinting()) {
      if (trail) drawTrails(ctx, scene, camera, groups, scheme.colours, trail, [1.2, 1.8, 2.4][crowd], stride);
      if (inImage) drawBoxes(ctx);
      else drawDots(ctx, [3, 4, 5][crowd]);
    }
    ctx.globalAlpha = 1;
    drawStrong(ctx);
    drawNames(ctx, width, height, shown, [3, 4, 5][crowd]);
    card();
  }

  // Movers in view by colour; how many there are.
  function grouped(width, height) {
    for (const group of groups) group.length = 0;
    let shown = 0;
    for (let k = 0; k < scene.count; k++) {
      if (!scene.there[k]) continue;
      const a = camera.px(scene.x[k]), b = camera.py(scene.y[k]);
      if (a < -60 || b < -60 || a > width + 60 || b > height + 60) continue;
      groups[scheme.of(k)].push(k);
      shown++;
    }
    return shown;
  }

  // Replaces what is on the canvas, so it comes first.
  function drawCrowd(ctx, trail, strength) {
    raster.begin(ctx);
    if (trail) rasterTrails(raster, scene, camera, groups, scheme.paint, trail, 0.75 * strength, stride);
    groups.forEach((movers, c) => {
      if (movers.length) raster.colour(scheme.paint(c));
      for (const k of movers) raster.dot(camera.px(scene.x[k]), camera.py(scene.y[k]), 3, strength);
    });
    raster.put(ctx);
  }

  function drawDots(ctx, radius) {
    groups.forEach((movers, c) => {
      const colour = movers.length ? scheme.paint(c) : "";
      for (const k of movers) drawDot(ctx, camera.px(scene.x[k]), camera.py(scene.y[k]), colour, radius);
    });
  }

  function drawBoxes(ctx) {
    ctx.lineWidth = 1.8;
    groups.forEach((movers, c) => {
      if (!movers.length) return;
      ctx.strokeStyle = scheme.paint(c);
      ctx.beginPath();
      for (const k of movers) ctx.rect(...boxOf(k));
      ctx.stroke();
    });
  }

  function boxOf(k) {
    const w = columns.w[scene.row[k]] * camera.scale, h = columns.h[scene.row[k]] * camera.scale;
    return [camera.px(scene.x[k]) - w / 2, camera.py(scene.y[k]) - h, w, h];
  }

  function ellipseOf(ctx, k) {
    const j = scene.row[k], se = columns.sx[j], sn = columns.sy[j], r = columns.rho[j];
    const [a, b, c] = [se * se, r * se * sn, sn * sn], middle = (a + c) / 2, off = Math.hypot((a - c) / 2, b);
    const long = HOLDS_95 * camera.scale * Math.sqrt(middle + off), short = HOLDS_95 * camera.scale * Math.sqrt(Math.max(middle - off, 0));
    const turn = -0.5 * Math.atan2(2 * b, a - c), x = camera.px(scene.x[k]), y = camera.py(scene.y[k]);
    ctx.moveTo(x + long * Math.cos(turn), y + long * Math.sin(turn));
    ctx.ellipse(x, y, long, short, turn, 0, 6.2832);
  }

  function drawEllipses(ctx) {
    ctx.fillStyle = paint("--accent-soft");
    ctx.strokeStyle = paint("--accent");
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (const movers of groups) for (const k of movers) ellipseOf(ctx, k);
    ctx.fill();
    ctx.stroke();
  }

  // The mover that is picked, with its whole way, and the one under the pointer.
  function drawStrong(ctx) {
    for (const k of new Set([scene.picked, scene.pointed])) {
      if (k < 0) continue;
      if (k === scene.picked) {
        ctx.strokeStyle = paint(colourOf(k));
        ctx.lineWidth = 1.2;
        ctx.globalAlpha = 0.45;
        drawWay(ctx, scene, camera, k, stride);
        ctx.globalAlpha = 1;
        drawTrails(ctx, scene, camera, [[k]], [colourOf(k)], Math.max(tools.trail(), 5), 3.4, stride);
      }
      if (scene.there[k]) ring(ctx, k);
    }
  }

  function ring(ctx, k) {
    ctx.strokeStyle = paint("--ink");
    ctx.lineWidth = k === scene.picked ? 2.4 : 1.6;
    if (inImage) return void ctx.strokeRect(...boxOf(k));
    const x = camera.px(scene.x[k]), y = camera.py(scene.y[k]);
    if (columns.sx) {
      ctx.save();
      ctx.beginPath();
      ellipseOf(ctx, k);
      ctx.fillStyle = paint("--accent-soft");
      ctx.fill();
      ctx.restore();
    }
    drawDot(ctx, x, y, paint(colourOf(k)), 6);
    ctx.beginPath();
    ctx.arc(x, y, 9, 0, 6.3);
    ctx.stroke();
  }

  function drawNames(ctx, width, height, shown, radius) {
    const labels = new Labels(width, height), told = tools.on("sigma") && columns.sx;
    const words = (k) => (told ? `${scene.names[k]} ± ${fixed(scene.within(k), 2)} m` : scene.names[k]);
    const name = (k, strong) => inImage
      ? labels.draw(ctx, scene.names[k], camera.px(scene.x[k]), boxOf(k)[1] - 8, -6, strong)
      : labels.draw(ctx, words(k), camera.px(scene.x[k]), camera.py(scene.y[k]), strong ? 9 : radius, strong);
    for (const k of new Set([scene.picked, scene.pointed])) if (k >= 0 && scene.there[k]) name(k, true);
    if (!tools.on("labels") || shown > MOST_NAMES) return;
    for (const movers of groups) for (const k of movers) if (k !== scene.picked && k !== scene.pointed) name(k, false);
  }

  // The mover nearest to a pixel, or in whose box it lies; -1 where none is near.
  function moverAt(x, y) {
    let best = -1, apart = REACH_PX * REACH_PX;
    for (const movers of groups) {
      for (const k of movers) {
        let off = (camera.px(scene.x[k]) - x) ** 2 + (camera.py(scene.y[k]) - y) ** 2;
        if (inImage) {
          const [a, b, w, h] = boxOf(k);
          off = x >= a && x <= a + w && y >= b && y <= b + h ? Math.abs(x - a - w / 2) : Infinity;
        }
        if (off < apart) [best, apart] = [k, off];
      }
    }
    return best;
  }

  const card = planCard(stage, scene);
  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  stage.addEventListener("pointermove", (event) => {
    if (!event.buttons) scene.point(moverAt(...place(event)));
  });
  stage.addEventListener("pointerup", (event) => {
    if (camera.dragged) return void (camera.dragged = false);
    const k = moverAt(...place(event));
    if (k >= 0 || scene.picked >= 0) scene.pick(k >= 0 ? k : scene.picked);
  });
  stage.addEventListener("pointerleave", () => scene.point(-1));
  mapButtons(stage, [
    ["+", "Zoom in", () => camera.zoom(1.6)],
    ["−", "Zoom out", () => camera.zoom(1 / 1.6)],
    ["⤢", "Show the whole plan", fit],
  ]);
  const legend = schemeLegend(element);
  const again = () => {
    scheme = schemes[tools.scheme()];
    legend(scheme);
    surface.request(false);
  };
  const follow = () => {
    const k = scene.picked;
    if (!tools.on("follow") || k < 0) return surface.request(false);
    scene.update(scene.now);
    if (!scene.there[k]) return surface.request(false);
    [camera.east, camera.north, camera.touched] = [scene.x[k], scene.y[k], true];
    surface.request(true);
  };
  tools.listen(again, follow);
  if (!columns.sx) element.querySelector('[data-do="sigma"]').hidden = true;
  again();
  sceneKeys(scene, element);
  stage.tabIndex = 0;
  view.on(["cursor", "pick"], follow);
  view.on(["theme"], () => {
    forgetSprites();
    legend(scheme);
    surface.request(true);
  });
  return surface;
}

// The controls in the caption.
function toolsOf(element, schemes) {
  const one = (name) => element.querySelector(`[data-do="${name}"]`);
  one("colour").append(...schemes.map((scheme, k) => new Option(scheme.label, k)));
  return {
    scheme: () => Number(one("colour").value),
    trail: () => Number(one("trail").value),
    on: (name) => one(name).getAttribute("aria-pressed") === "true",
    listen(again, follow) {
      for (const name of ["colour", "trail"]) one(name).addEventListener("change", again);
      for (const name of ["labels", "sigma", "follow"]) {
        one(name).addEventListener("click", () => {
          one(name).setAttribute("aria-pressed", String(one(name).getAttribute("aria-pressed") !== "true"));
          follow();
        });
      }
    },
  };
}

register("plan", mountPlan);
