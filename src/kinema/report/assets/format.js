// Numbers, times and places as people read them.

const MINUS = "\u2212";

export function fixed(value, decimals) {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

// Enough decimals to tell steps of `step` apart.
export function decimalsOf(step) {
  return Math.max(0, Math.min(9, -Math.floor(Math.log10(step) + 1e-9)));
}

// A reading: three to five digits that matter, more for small values.
export function reading(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return fixed(value, 0);
  return fixed(value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : size >= 0.01 ? 3 : 4);
}

// A value in its unit; a pace in minutes reads as 3:25.
export function valueText(value, unit) {
  return unit.startsWith("min/") && Number.isFinite(value) ? elapsed(60 * value) : reading(value);
}

export function elapsed(seconds, decimals = 0) {
  const sign = seconds < 0 ? MINUS : "";
  const scale = 10 ** decimals;
  let whole = Math.round(Math.abs(seconds) * scale);
  const rest = whole % (60 * scale);
  whole = (whole - rest) / (60 * scale);
  const s = (rest / scale).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  const minutes = whole % 60, hours = (whole - minutes) / 60;
  return hours ? `${sign}${hours}:${String(minutes).padStart(2, "0")}:${s}` : `${sign}${minutes}:${s}`;
}

export function clock(unixSeconds, decimals = 1) {
  const date = new Date(Math.floor(unixSeconds * 1000 + 0.5));
  return date.toISOString().slice(0, decimals ? 20 + Math.min(decimals, 3) : 19).replace("T", " ");
}

export function metres(value) {
  if (Math.abs(value) >= 1000) return `${fixed(value / 1000, Math.abs(value) >= 100000 ? 1 : 3)} km`;
  return `${fixed(value, 1)} m`;
}

export function axisValue(axis, value) {
  if (axis.kind === "time") return elapsed(value, 1);
  if (axis.kind === "length") return metres(value);
  return `${reading(value)} ${axis.unit}`;
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

export function niceStep(span, count) {
  const rough = span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

// Tick values and their texts over [low, high] of an axis.
export function axisTicks(axis, low, high, count) {
  let step = niceStep(high - low, count);
  if (axis.kind === "time" && step >= 1) step = TIME_STEPS.find((one) => one >= (high - low) / count) || step;
  const far = axis.kind === "length" && high >= 2000;
  const decimals = decimalsOf(far ? step / 1000 : step);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    const value = k * step;
    const text =
      axis.kind === "time" ? elapsed(value, step < 1 ? decimals : 0)
      : axis.kind === "length" ? (far ? fixed(value / 1000, decimals) + " km" : fixed(value, decimals) + " m")
      : fixed(value, decimals);
    ticks.push([value, text]);
  }
  return ticks;
}

export function degrees(value, positive, negative, decimals) {
  return `${Math.abs(value).toFixed(decimals)}° ${value < 0 ? negative : positive}`;
}
