// From base64 text to numbers: the other end of report/columns.py.

function bytesFromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Byte planes (lowest first) to zigzagged differences, and those to the whole numbers; doubles stay exact to 2^53.
function wholeNumbers(bytes, offset, meta) {
  const n = meta.n, out = new Float64Array(n);
  const b0 = offset, b1 = offset + n, b2 = offset + 2 * n, b3 = offset + 3 * n;
  let value = 0, slope = 0;
  for (let i = 0; i < n; i++) {
    let code = bytes[b0 + i];
    if (meta.bytes > 1) code += bytes[b1 + i] * 256;
    if (meta.bytes > 2) code += bytes[b2 + i] * 65536;
    if (meta.bytes > 3) {
      code += bytes[b3 + i] * 16777216;
      for (let k = 4; k < meta.bytes; k++) code += bytes[offset + k * n + i] * 256 ** k;
    }
    const difference = code % 2 === 0 ? code / 2 : -(code + 1) / 2;
    if (meta.order === 0) value = difference;
    else if (meta.order === 1) value += difference;
    else { slope += difference; value += slope; }
    out[i] = value;
  }
  return out;
}

export async function decodeColumn(text, meta) {
  const bytes = await inflate(bytesFromBase64(text));
  const whole = wholeNumbers(bytes, meta.mask ? meta.n : 0, meta);
  const out = meta.wide ? whole : new Float32Array(meta.n);
  for (let i = 0; i < meta.n; i++) out[i] = meta.base + whole[i] * meta.quantum;
  if (meta.mask) for (let i = 0; i < meta.n; i++) if (bytes[i]) out[i] = NaN;
  return out;
}
