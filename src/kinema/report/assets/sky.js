// The sky above the receiver: zenith in the middle, horizon at the rim, north up; it follows the cursor.
import { GroupRows, familyLegend } from "./groups.js";
import { register } from "./registry.js";
import { Surface, font, make } from "./surface.js";
import { familyColour, paint, ramp, rampCss } from "./theme.js";

const CN0 = [20, 52];
const ARC_POINTS = 240;

async function mountSky(element, spec, { store, view }) {
  const stage = element.querySelector(".stage");
  const groups = await GroupRows.load(spec.groups, store, view);
  const [azimuth, elevation, cn0, state] = await Promise.all(
    [spec.azimuth, spec.elevation, spec.cn0, spec.state].map((name) => store.column(name)));
  const hidden = new Set();
  let by = "cn0";
  const slack = slackOf(groups);

  const place = (row, size) => {
    const r = (size.radius * (90 - elevation[row])) / 90, a = (azimuth[row] * Math.PI) / 180;
    return [size.x + r * Math.sin(a), size.y - r * Math.cos(a)];
  };

  const colourOf = (row, family) => {
    if (by === "family") return familyColour(family);
    if (by === "state") return paint(state[row] ? "--bad" : "--good");
    return cn0[row] === cn0[row] ? ramp((cn0[row] - CN0[0]) / (CN0[1] - CN0[0]), false) : paint("--muted");
  };

  const surface = new Surface(stage, (ctx, width, height) => {
    const size = sizeOf(width, height);
    drawDome(ctx, size);
    if (!view.x(groups.track)) return;
    const [first, last] = view.indices(groups.track);
    ctx.lineWidth = 2.2;
    ctx.lineCap = "round";
    ctx.globalAlpha = 0.6;
    for (let k = 0; k < groups.count; k++) {
      if (hidden.has(groups.families[k])) continue;
      drawArc(ctx, size, k, ...groups.between(k, first, last));
    }
    ctx.globalAlpha = 1;
  }, (ctx, width, height) => {
    const size = sizeOf(width, height);
    const track = groups.track, x = view.x(track);
    const now = view.at(track) >= 0 ? view.at(track) : x ? view.indices(track)[1] - 1 : groups.rows[groups.rows.length - 1];
    for (let k = 0; k < groups.count; k++) {
      const row = hidden.has(groups.families[k]) ? -1 : groups.at(k, now, slack);
      if (row >= 0) drawSatellite(ctx, size, k, row);
    }
  });

  // A stretch of one satellite in at most ARC_POINTS steps, the colour taken at each step's end.
  function drawArc(ctx, size, k, from, to) {
    const step = Math.max(1, Math.floor((to - from) / ARC_POINTS));
    for (let i = from; i + 1 < to; i += step) {
      const j = Math.min(i + step, to - 1);
      if (groups.rows[j] - groups.rows[i] > step * Math.max(slack, 1) * 4 || elevation[j] !== elevation[j]) continue;
      ctx.strokeStyle = colourOf(j, groups.families[k]);
      ctx.beginPath();
      ctx.moveTo(...place(i, size));
      ctx.lineTo(...place(j, size));
      ctx.stroke();
    }
  }

  function drawSatellite(ctx, size, k, row) {
    const [x, y] = place(row, size);
    if (x !== x) return;
    ctx.fillStyle = state[row] ? paint("--card") : colourOf(row, groups.families[k]);
    ctx.strokeStyle = state[row] ? paint("--bad") : paint("--card");
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.arc(x, y, 6, 0, 6.3);
    ctx.fill();
    ctx.stroke();
    ctx.font = font(10.5, 600);
    ctx.textBaseline = "middle";
    ctx.textAlign = x > size.x ? "left" : "right";
    ctx.strokeStyle = paint("--card");
    ctx.lineWidth = 3;
    const at = x > size.x ? x + 9 : x - 9;
    ctx.strokeText(groups.names[k], at, y);
    ctx.fillStyle = paint("--ink");
    ctx.fillText(groups.names[k], at, y);
  }

  const key = make("span", "key rampkey");
  const tellKey = () => {
    key.replaceChildren();
    if (by === "cn0") {
      const bar = make("span", "ramp");
      bar.style.background = rampCss(false);
      key.append(make("output", "", String(CN0[0])), bar, make("output", "", `${CN0[1]} dB-Hz`));
    } else if (by === "state") key.append(make("i", "dot good"), make("span", "", "used"), make("i", "ring"), make("span", "", "left out"));
  };
  familyLegend(element, groups, hidden, () => surface.request(true), [key]);
  tellKey();
  const chooser = element.querySelector("select");
  chooser.addEventListener("change", () => {
    by = chooser.value;
    tellKey();
    surface.request(true);
  });
  view.on(["theme"], tellKey);
  view.on(["range", "axis", "theme"], () => surface.request(true));
  view.on(["cursor"], () => surface.request(false));
  return surface;
}

// Samples between two rows of one satellite, where the page holds only every so many.
function slackOf(groups) {
  let least = Infinity;
  for (let k = 0; k < groups.count; k++) {
    for (let i = groups.start[k] + 1; i < Math.min(groups.start[k + 1], groups.start[k] + 50); i++) {
      least = Math.min(least, groups.rows[i] - groups.rows[i - 1]);
    }
  }
  return Number.isFinite(least) ? least : 1;
}

function sizeOf(width, height) {
  return { x: width / 2, y: height / 2, radius: Math.min(width, height) / 2 - 22 };
}

function drawDome(ctx, { x, y, radius }) {
  ctx.strokeStyle = paint("--line");
  ctx.lineWidth = 1;
  for (const degrees of [0, 15, 30, 60]) {
    ctx.beginPath();
    ctx.arc(x, y, (radius * (90 - degrees)) / 90, 0, 6.3);
    ctx.strokeStyle = degrees ? paint("--line") : paint("--line-strong");
    ctx.stroke();
  }
  ctx.font = font(10);
  ctx.fillStyle = paint("--muted");
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (let k = 0; k < 12; k++) {
    const a = (k * Math.PI) / 6, [dx, dy] = [Math.sin(a), -Math.cos(a)];
    ctx.strokeStyle = paint("--line");
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x + radius * dx, y + radius * dy);
    ctx.stroke();
    ctx.fillText(["N", "30", "60", "E", "120", "150", "S", "210", "240", "W", "300", "330"][k], x + (radius + 12) * dx, y + (radius + 12) * dy);
  }
  for (const degrees of [30, 60]) ctx.fillText(`${degrees}°`, x, y - (radius * (90 - degrees)) / 90 + 8);
}

register("sky", mountSky);
