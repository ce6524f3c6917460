// Colours: those of the style sheet, resolved for canvases, and perceptually even maps from number to colour.

const dark = matchMedia("(prefers-color-scheme: dark)");
let printing = false;
let resolved = new Map();

export function isDark() {
  return dark.matches && !printing;
}

export function isPrinting() {
  return printing;
}

// A CSS variable of the page as a colour.
export function paint(name) {
  if (!resolved.has(name)) resolved.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return resolved.get(name);
}

// Calls `listener` when the colours change; on paper they are always the light ones.
export function onTheme(listener) {
  const again = () => {
    resolved = new Map();
    listener();
  };
  dark.addEventListener("change", again);
  const print = (now) => () => {
    printing = now;
    document.documentElement.classList.toggle("printing", now);
    again();
  };
  addEventListener("beforeprint", print(true));
  addEventListener("afterprint", print(false));
}

// Viridis (van der Walt and Smith, CC0); a little of one end is left out so that it shows on the ground.
const VIRIDIS = ["440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725"];
const DIVERGING_LIGHT = ["2057a8", "4b84c9", "8fb1d8", "b5b9bf", "e0a08a", "cf5b4d", "a51f2e"];
const DIVERGING_DARK = ["5aa0ff", "4f83d0", "566d94", "5b6069", "9a6658", "d7694f", "ff7b5e"];

function channel(text, k) {
  return parseInt(text.slice(2 * k, 2 * k + 2), 16);
}

function between(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const i = Math.min(Math.floor(at), stops.length - 2), f = at - i;
  const mix = [0, 1, 2].map((k) => Math.round(channel(stops[i], k) * (1 - f) + channel(stops[i + 1], k) * f));
  return `rgb(${mix[0]},${mix[1]},${mix[2]})`;
}

// Colour of a share from 0 to 1.
export function ramp(share, diverging) {
  if (diverging) return between(isDark() ? DIVERGING_DARK : DIVERGING_LIGHT, share);
  return between(VIRIDIS, isDark() ? 0.2 + 0.8 * share : 0.92 * share);
}

export function rampCss(diverging) {
  const stops = [];
  for (let k = 0; k <= 12; k++) stops.push(ramp(k / 12, diverging));
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}

// Colour of a satellite system or any other family, by its place among the known ones.
const FAMILIES = ["GPS", "GLONASS", "Galileo", "BeiDou", "QZSS", "NavIC", "SBAS"];

export function familyColour(family) {
  const k = FAMILIES.indexOf(family);
  return paint(`--f${k < 0 ? 1 : k + 1}`);
}
