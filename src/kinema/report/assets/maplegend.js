// What the colours of the map mean: a ramp with its ends, or the names of categories.
import { reading } from "./format.js";
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
    legend.append(make("output", "", reading(colouring.low)), bar, make("output", "", `${reading(colouring.high)} ${colouring.unit}`));
  };
}
