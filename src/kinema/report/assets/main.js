// Starts the page: reads the specification, mounts every block, wires the bar of controls.
import { axisValue, clock, valueText } from "./format.js";
import { keys } from "./gestures.js";
import { mountOf } from "./registry.js";
import { Store } from "./store.js";
import { onTheme } from "./theme.js";
import { Track, View } from "./view.js";

const PLAY_SECONDS = 40;

async function start() {
  performance.mark("kinema-start");
  const spec = JSON.parse(document.getElementById("spec").textContent);
  const store = new Store(spec.columns);
  const tracks = [];
  for (const one of spec.tracks) tracks.push(await Track.load(one, store));
  const view = tracks.length ? new View(tracks, spec.axes) : null;
  if (view) view.spans = spec.spans;
  if (spec.scene) view.stay(spec.scene.open);
  const surfaces = await Promise.all(Object.entries(spec.blocks).map(([ident, one]) =>
    mountOf(one.kind)(document.getElementById(ident), one, { store, view, page: spec })));
  const drawn = surfaces.filter(Boolean);
  onTheme(() => view && view.tell("theme"));
  for (const kind of ["beforeprint", "afterprint"]) addEventListener(kind, () => drawAll(drawn));
  if (view) await controls(view, store, spec);
  window.kinema = { view, store, surfaces: drawn };
  requestAnimationFrame(() => requestAnimationFrame(() => {
    performance.mark("kinema-ready");
    window.kinemaReady = true;
  }));
}

function drawAll(surfaces) {
  for (const surface of surfaces) {
    surface.stale.base = true;
    surface.now();
  }
}

async function controls(view, store, spec) {
  const bar = document.querySelector(".controls");
  const reset = bar.querySelector('[data-do="reset"]'), playButton = bar.querySelector('[data-do="play"]');
  const axes = [...bar.querySelectorAll("[data-axis]")];
  const readout = await readoutOf(bar.querySelector(".readout"), view, store, spec);
  const play = player(view, playButton, bar.querySelector('[data-do="speed"]'));
  axes.forEach((button) => button.addEventListener("click", () => view.setAxis(button.dataset.axis)));
  reset.addEventListener("click", () => view.reset());
  playButton.addEventListener("click", play);
  const tellAxis = () => axes.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.axis === view.axis.name)));
  tellAxis();
  view.on(["axis"], tellAxis);
  view.on(["range"], () => (reset.disabled = !view.zoomed));
  view.on(["cursor", "axis"], readout);
  keys(view, play);
}

// Where the cursor is, and the chosen values there.
async function readoutOf(output, view, store, spec) {
  const columns = await Promise.all(spec.readout.map((name) => store.column(name)));
  const start = spec.axes.find((axis) => axis.kind === "time")?.start;
  const time = view.primary.columns.time, distance = view.primary.columns.distance;
  const idle = "Move over a plot or the map";
  let told = "";
  const show = (words) => {
    if (words !== told) output.textContent = told = words;
  };
  const tell = () => {
    const i = view.at(view.primary);
    if (i < 0) return show(idle);
    const words = [];
    if (time && typeof start === "number") words.push(clock(start + time[i]) + " UTC");
    words.push(axisValue(view.axis, view.x(view.primary)[i]));
    if (distance && view.axis.kind !== "length") words.push(axisValue({ kind: "length" }, distance[i]));
    columns.forEach((column, k) => {
      const meta = store.meta(spec.readout[k]);
      words.push(`${meta.label} ${valueText(column[i], meta.unit)}${meta.unit ? " " + meta.unit : ""}`);
    });
    return show(words.join("  ·  "));
  };
  tell();
  return tell;
}

// Runs the cursor through the range in view: as many times as fast as it was, or in as many seconds.
function player(view, button, speed) {
  let last = 0, running = false;
  const stop = () => {
    running = false;
    button.classList.remove("on");
    button.setAttribute("aria-label", "Play");
  };
  const frame = (now) => {
    if (!running) return;
    const [low, high] = view.range;
    const rate = speed ? Number(speed.value) : (high - low) / PLAY_SECONDS;
    const next = view.cursor + (rate * Math.min(now - last, 100)) / 1000;
    last = now;
    view.setCursor(Math.min(next, high), true);
    if (next >= high) stop();
    else requestAnimationFrame(frame);
  };
  return () => {
    if (running) return stop();
    running = true;
    button.classList.add("on");
    button.setAttribute("aria-label", "Pause");
    const [low, high] = view.range;
    if (view.cursor === null || view.cursor < low || view.cursor >= high) view.setCursor(low, true);
    last = performance.now();
    requestAnimationFrame(frame);
  };
}

start().catch((error) => {
  window.kinemaError = String(error && error.stack ? error.stack : error);
  console.error(error);
});
