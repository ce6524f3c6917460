// One lane per group, a bar from start to stop of each of its rows, and a mark where a bar began for a reason to tell.
import { axisValue, reading } from "./format.js";
import { clipTo, drawBrush, drawCursor, drawSpans, drawTag, drawTicks, frameOf } from "./frame.js";
import { xGestures } from "./gestures.js";
import { GroupRows, familyLegend } from "./groups.js";
import { scaleX } from "./lines.js";
import { register } from "./registry.js";
import { Surface, font, make } from "./surface.js";
import { familyColour, paint } from "./theme.js";

const LABEL_LEAST_PX = 9;

async function mountLanes(element, spec, { store, view }) {
  const stage = element.querySelector(".stage");
  const groups = await GroupRows.load(spec.groups, store, view);
  const [stop, state, cause] = await Promise.all([spec.stop, spec.state, spec.cause].map((name) => store.column(name)));
  const colours = new Map(spec.states.map(([value, , colour]) => [value, colour]));
  const labels = new Map(spec.states.map(([value, label]) => [value, label]));
  const marked = new Set(spec.marked), hidden = new Set();
  const foot = parseInt(stage.style.height) - spec.lane * groups.count - 6;
  let lanes = [], frame = null, hover = null;

  function layOut() {
    lanes = groups.names.map((_, k) => k).filter((k) => !hidden.has(groups.families[k]));
    stage.style.height = `${spec.lane * Math.max(lanes.length, 3) + foot + 6}px`;
  }

  // Start and end on the present axis of a row; null where its track has no such axis.
  function ends(row) {
    const x = view.x(groups.track);
    return x && [x[groups.rows[row]], x[Math.min(stop[row], x.length - 1)]];
  }

  const surface = new Surface(stage, (ctx, width, height) => {
    frame = frameOf(view, width, height, 0, 1, foot);
    drawSpans(ctx, frame, view);
    drawTicks(ctx, frame, view);
    drawNames(ctx);
    if (!view.x(groups.track)) return;
    clipTo(ctx, frame);
    lanes.forEach((k, lane) => drawLane(ctx, k, frame.top + lane * spec.lane));
    ctx.restore();
  }, (ctx) => {
    drawBrush(ctx, frame, surface.brush);
    drawCursor(ctx, frame, view);
    if (hover) drawHover(ctx);
  });

  function drawLane(ctx, k, top) {
    const px = scaleX(frame), marks = [];
    for (let row = groups.start[k]; row < groups.start[k + 1]; row++) {
      const [from, to] = ends(row);
      if (to < frame.x0 || from > frame.x1) continue;
      const a = Math.max(px(from), frame.left - 2), b = Math.min(px(to), frame.right + 2);
      ctx.fillStyle = paint(colours.get(state[row]) || "--muted");
      ctx.fillRect(a, top + 1.5, Math.max(b - a, 1.5), spec.lane - 3);
      if (marked.has(cause[row])) marks.push(a);
    }
    ctx.fillStyle = paint("--bad");
    for (const a of marks) ctx.fillRect(a - 1, top, 2, spec.lane);
  }

  // The mover's name once above its lanes in the colour of its family, and the part of each lane where there is room.
  function drawNames(ctx) {
    let before = "";
    ctx.textBaseline = "middle";
    lanes.forEach((k, lane) => {
      const [name, part] = groups.names[k].split(" "), y = frame.top + (lane + 0.5) * spec.lane;
      if (name !== before) {
        ctx.fillStyle = paint("--line");
        ctx.fillRect(0, Math.round(y - spec.lane / 2), frame.right, 1);
        ctx.fillStyle = familyColour(groups.families[k]);
        ctx.font = font(10, 600);
        ctx.textAlign = "left";
        ctx.fillText(name, 2, spec.lane < LABEL_LEAST_PX ? y + 2 : y);
      }
      before = name;
      if (spec.lane < LABEL_LEAST_PX) return;
      ctx.fillStyle = paint("--muted");
      ctx.font = font(9);
      ctx.textAlign = "right";
      ctx.fillText(part || "", frame.left - 4, y);
    });
  }

  function drawHover(ctx) {
    const px = scaleX(frame), [from, to] = ends(hover.row), time = groups.track.columns.time;
    const a = Math.max(px(from), frame.left), b = Math.min(px(to), frame.right), top = frame.top + hover.lane * spec.lane;
    ctx.strokeStyle = paint("--ink");
    ctx.lineWidth = 1.2;
    ctx.strokeRect(a, top + 0.5, Math.max(b - a, 2), spec.lane - 1);
    const words = [groups.names[lanes[hover.lane]], labels.get(state[hover.row]) || "", `from ${axisValue(view.axis, from)}`];
    if (time) words.push(`for ${reading(time[stop[hover.row]] - time[groups.rows[hover.row]])} s`);
    const why = spec.causes[cause[hover.row]];
    if (why) words.push(`began by ${why}`);
    drawTag(ctx, frame, Math.max(a, Math.min(hover.x, b)), top, words.join("  "));
  }

  // The bar below the pointer, or the nearest one of its lane within a few pixels; a later one where two meet.
  function findHover(event) {
    hover = null;
    if (!frame || !view.x(groups.track)) return;
    const box = stage.getBoundingClientRect(), x = event.clientX - box.left;
    const lane = Math.floor((event.clientY - box.top - frame.top) / spec.lane), k = lanes[lane], px = scaleX(frame);
    let apart = 4;
    for (let row = groups.start[k]; k !== undefined && row < groups.start[k + 1]; row++) {
      const [from, to] = ends(row).map(px), off = Math.max(from - x, x - to, 0);
      if (off <= apart) [hover, apart] = [{ row, lane, x }, off];
    }
    surface.request(false);
  }

  const redraw = () => surface.request(true);
  const again = () => {
    hover = null;
    layOut();
    redraw();
  };
  familyLegend(element, groups, hidden, again, stateKeys(spec, state, cause));
  stage.tabIndex = 0;
  xGestures(stage, view, surface, { move: findHover, leave: () => (hover = null) });
  view.on(["range", "axis", "theme"], redraw);
  view.on(["cursor"], () => surface.request(false));
  layOut();
  return surface;
}

// What the colours mean, and how many bars began at a mark.
function stateKeys(spec, state, cause) {
  const keys = [], present = new Set(state);
  const add = (colour, words) => {
    const key = make("span", "key"), swatch = make("i", "block-swatch");
    swatch.style.setProperty("--swatch", `var(${colour})`);
    key.append(swatch, make("span", "", words));
    keys.push(key);
  };
  for (const [value, label, colour] of spec.states) if (present.has(value)) add(colour, label);
  const slips = cause.filter((one) => spec.marked.includes(one)).length;
  if (slips) add("--bad", `${slips} began by a ${spec.mark}`);
  return keys;
}

register("lanes", mountLanes);
