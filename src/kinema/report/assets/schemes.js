// What colours of movers can mean: who it is, how fast it is, whether it was seen.
import { fixed } from "./format.js";
import { colourOf } from "./scene.js";
import { make } from "./surface.js";
import { paint, ramp, rampCss } from "./theme.js";

const SPEED_BINS = 24;
const HUES = 12;

// `of` gives the colour's number of a mover, `paint` the colour of a number.
export function schemesOf(scene) {
  const hues = Array.from({ length: HUES }, (_, k) => colourOf(k));
  const found = [{ label: "mover", colours: hues, of: (k) => k % HUES, paint: (c) => paint(hues[c]) }];
  if (scene.columns.speed) found.push(speedScheme(scene));
  const seen = ["--fair", "--accent"];
  found.push({ label: "detected", colours: seen, of: (k) => scene.columns.seen[scene.row[k]], paint: (c) => paint(seen[c]), keys: [["--accent", "detected"], ["--fair", "filled in"]] });
  return found;
}

function speedScheme(scene) {
  const sample = scene.columns.speed.filter((_, j) => j % 97 === 0 || scene.columns.speed.length < 5000).sort();
  const high = Math.max(sample[Math.floor(0.98 * (sample.length - 1))], 1);
  return {
    label: "speed",
    high,
    get colours() {
      return Array.from({ length: SPEED_BINS }, (_, c) => this.paint(c));
    },
    of: (k) => Math.min(Math.max(Math.floor((scene.speed(k) / high) * SPEED_BINS), 0), SPEED_BINS - 1),
    paint: (c) => ramp((c + 0.5) / SPEED_BINS, false),
  };
}

export function schemeLegend(element) {
  const legend = element.querySelector(".legend");
  return (scheme) => {
    legend.replaceChildren();
    if (scheme.high) {
      const bar = make("span", "ramp");
      bar.style.background = rampCss(false);
      legend.append(make("output", "", "0"), bar, make("output", "", `${fixed(scheme.high, 0)} km/h`));
    }
    for (const [colour, words] of scheme.keys || []) {
      const key = make("span", "key"), swatch = make("i", "dot");
      swatch.style.setProperty("--swatch", `var(${colour})`);
      key.append(swatch, make("span", "", words));
      legend.append(key);
    }
  };
}
