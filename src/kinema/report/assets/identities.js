// One row for each mover: bars of when it was seen, hatched where it was filled in, marks of tags and confusions.
import { axisTicks, elapsed } from "./format.js";
import { clipTo, drawBrush, drawCursor, drawTag, drawTicks, frameOf } from "./frame.js";
import { xGestures } from "./gestures.js";
import { scaleX } from "./lines.js";
import { register } from "./registry.js";
import { colourOf, sceneOf, stretchesOf, whenMoved } from "./scene.js";
import { Surface, font, make } from "./surface.js";
import { paint } from "./theme.js";

const ROW = 17;
const HEAD = 20;
const GUTTER_PX = 92;
const MARK_REACH_PX = 6;

async function mountIdentities(element, spec, context) {
  const { view } = context, scene = await sceneOf(context);
  const scroll = element.querySelector(".rows"), stage = element.querySelector(".stage");
  const stretches = scene.names.map(() => null), marks = marksByMover(scene);
  const height = Math.min(spec.height, scene.count * ROW + HEAD + 4);
  const sorts = sortsOf(scene, marks);
  let frame = null, hover = null;
  stage.style.height = `${height}px`;
  element.querySelector(".spacer").style.height = `${Math.max(scene.count * ROW + HEAD + 4 - height, 0)}px`;

  const bars = (k) => (stretches[k] ||= stretchesOf(scene, k));
  const rows = function* () {
    const first = Math.floor(scroll.scrollTop / ROW), last = Math.ceil((scroll.scrollTop + height) / ROW);
    for (let r = first; r < Math.min(last, scene.count); r++) yield [scene.order[r], HEAD + r * ROW - scroll.scrollTop];
  };

  const surface = new Surface(stage, (ctx, width, high) => {
    frame = { ...frameOf(view, width, high, 0, 1, 2), left: GUTTER_PX, top: HEAD };
    drawTicks(ctx, { ...frame, bottom: high - 4 }, view);
    ticksAbove(ctx, width);
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, HEAD, width, high - HEAD);
    ctx.clip();
    for (const [k, top] of rows()) drawRow(ctx, k, top);
    ctx.restore();
  }, (ctx, width) => {
    drawBrush(ctx, frame, surface.brush);
    drawPicked(ctx, width);
    drawCursor(ctx, frame, view);
    if (hover) drawTag(ctx, frame, hover.x, hover.y, hover.words);
  });

  // The time axis stands above the rows: they scroll below it.
  function ticksAbove(ctx, width) {
    ctx.clearRect(0, 0, width, HEAD);
    ctx.font = font(10);
    ctx.fillStyle = paint("--muted");
    ctx.textAlign = "center";
    ctx.textBaseline = "alphabetic";
    const px = scaleX(frame);
    for (const [value, words] of axisTicks(view.axis, frame.x0, frame.x1, Math.max(2, (width - GUTTER_PX) / 90))) {
      ctx.fillText(words, Math.min(px(value), width - ctx.measureText(words).width / 2), 13);
    }
  }

  function drawRow(ctx, k, top) {
    const px = scaleX(frame), middle = top + ROW / 2;
    ctx.fillStyle = paint(colourOf(k));
    ctx.font = font(11, k === scene.picked ? 700 : 400);
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.fillRect(4, middle - 4, 8, 8);
    ctx.fillStyle = paint("--ink");
    ctx.fillText(scene.names[k], 17, middle + 0.5, GUTTER_PX - 22);
    clipTo(ctx, frame);
    for (const [from, to, seen] of bars(k)) {
      if (to < frame.x0 || from > frame.x1) continue;
      const a = Math.max(px(from), frame.left - 2), b = Math.min(px(to), frame.right + 2);
      ctx.fillStyle = paint(colourOf(k));
      if (seen || b - a < 1) ctx.fillRect(a, top + 4, Math.max(b - a, 0.6), ROW - 8);
      else ctx.fillRect(a, middle - 1, b - a, 2);
    }
    for (const mark of marks[k] || []) if (mark[1] >= frame.x0 && mark[1] <= frame.x1) drawMark(ctx, mark, px(mark[1]), top);
    ctx.restore();
  }

  function drawMark(ctx, [, , kind], x, top) {
    ctx.fillStyle = paint(kind ? "--bad" : "--ink");
    ctx.beginPath();
    if (kind) {
      ctx.moveTo(x - 4.5, top + ROW - 2);
      ctx.lineTo(x + 4.5, top + ROW - 2);
      ctx.lineTo(x, top + 5);
      ctx.closePath();
    } else ctx.rect(x - 0.9, top + 1, 1.8, ROW - 2);
    ctx.fill();
  }

  function drawPicked(ctx, width) {
    for (const [k, top] of rows()) {
      if (k !== scene.picked && k !== scene.pointed) continue;
      ctx.fillStyle = paint("--accent-soft");
      ctx.fillRect(0, Math.max(top, HEAD), width, Math.min(ROW, top + ROW - HEAD));
    }
  }

  const moverAt = (event) => {
    const y = event.clientY - stage.getBoundingClientRect().top;
    const r = Math.floor((y - HEAD + scroll.scrollTop) / ROW);
    return y < HEAD || r < 0 || r >= scene.count ? -1 : scene.order[r];
  };
  const findHover = (event) => {
    const k = moverAt(event), box = stage.getBoundingClientRect(), x = event.clientX - box.left;
    scene.point(k);
    hover = null;
    if (k < 0 || !frame || x < frame.left) return;
    hover = { x, y: event.clientY - box.top, words: wordsAt(k, x) };
    surface.request(false);
  };

  // What is at a pixel of a row: a mark, or how it stands there.
  function wordsAt(k, x) {
    const px = scaleX(frame), time = frame.x0 + ((x - frame.left) / (frame.right - frame.left)) * (frame.x1 - frame.x0);
    const mark = (marks[k] || []).find((one) => Math.abs(px(one[1]) - x) < MARK_REACH_PX);
    const words = [scene.names[k], elapsed(mark ? mark[1] : time, 1)];
    if (mark) return [...words, scene.kinds[mark[2]] + (mark[3] >= 0 ? ` (${scene.names[mark[3]]})` : "")].join("  ");
    const bar = bars(k).find(([from, to]) => time >= from && time <= to);
    return [...words, bar ? (bar[2] ? "seen" : `filled in for ${(bar[1] - bar[0]).toFixed(1)} s`) : "not there"].join("  ");
  }

  identitiesLegend(element, scene);
  const chooser = element.querySelector("select");
  chooser.append(...sorts.map((sort, k) => new Option(sort.label, k)));
  chooser.addEventListener("change", () => {
    const { key } = sorts[Number(chooser.value)];
    scene.order = scene.names.map((_, k) => k).sort((a, b) => key(a) - key(b) || a - b);
    surface.request(true);
  });
  scroll.addEventListener("scroll", () => surface.request(true));
  xGestures(stage, view, surface, {
    gutterPx: GUTTER_PX,
    move: findHover,
    leave: () => {
      hover = null;
      scene.point(-1);
    },
    // A click on a name picks or lets go, one on a bar goes to that time too.
    click: (event, onName) => {
      const k = moverAt(event);
      if (k >= 0 && (onName || k !== scene.picked)) scene.pick(k);
      return onName;
    },
  });
  // A mover that is picked elsewhere is brought into view.
  const reveal = () => {
    const top = scene.order.indexOf(scene.picked) * ROW;
    if (scene.pointed < 0 && scene.picked >= 0 && (top < scroll.scrollTop || top + ROW + HEAD > scroll.scrollTop + height)) scroll.scrollTop = top - height / 2;
  };
  view.on(["range", "theme"], () => surface.request(true));
  view.on(["pick"], () => {
    reveal();
    surface.request(false);
  });
  view.on(["cursor"], whenMoved(() => frame && scaleX(frame)(scene.now), () => surface.request(false)));
  return surface;
}

function marksByMover(scene) {
  const found = {};
  for (const mark of scene.marks) (found[mark[0]] ||= []).push(mark);
  return found;
}

function sortsOf(scene, marks) {
  const confusions = (k) => (marks[k] || []).filter((mark) => mark[2] > 0).length;
  const best = (k) => Math.min(...scene.board.laps[k].map((lap) => lap[1]), Infinity);
  const sorts = [
    { label: "name", key: (k) => k },
    { label: "first seen", key: (k) => scene.first(k) },
    { label: "time there", key: (k) => scene.first(k) - scene.last(k) },
  ];
  if (scene.travels.length) sorts.push({ label: "distance", key: (k) => -scene.travels[k][0] });
  if (scene.board) sorts.push({ label: "best lap", key: (k) => Math.min(best(k), 1e9) });
  if (scene.marks.length) sorts.push({ label: "confusions", key: (k) => -confusions(k) });
  return sorts;
}

function identitiesLegend(element, scene) {
  const legend = element.querySelector(".legend"), kinds = new Set(scene.marks.map((mark) => mark[2]));
  const add = (className, words) => {
    const key = make("span", "key");
    key.append(make("i", className), make("span", "", words));
    legend.append(key);
  };
  add("bar", "seen");
  add("thin", "filled in");
  if (kinds.has(0)) add("tick", "tag read");
  if ([...kinds].some((kind) => kind > 0)) add("triangle", "confusion");
}

register("identities", mountIdentities);
