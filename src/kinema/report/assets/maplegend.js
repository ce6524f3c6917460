// What the colours of the map mean: a ramp with its ends, or the names of categories.
import { decimalsOf, fixed, reading } from "./format.js";
import { make } from "./surface.js";
import { rampCss } from "./theme.js";

export function mapLegend(element) {
  const legend = element.querySelector(".legend");
  return (colouring) => {
    legend.replaceChildren();
    if (colouring.categories.length) {
      for (const [, label, colour] of colouring.categories) {
        const key = make("span", "key");
        const swatch = make("i", "block-swatch");
        swatch.style.setProperty("--swatch", `var(${colour})`);
        key.append(swatch, make("span", "", label));
        legend.append(key);
      }
      return;
    }
    const bar = make("span", "ramp");
    bar.style.background = rampCss(colouring.diverging);
    legend.append(make("output", "", endOf(colouring, colouring.low)), bar, make("output", "", `${endOf(colouring, colouring.high)} ${colouring.unit}`));
  };
}

// No more digits than colours can tell apart.
function endOf({ low, high, log }, value) {
  return log ? reading(value) : fixed(value, decimalsOf((high - low) / 30));
}
