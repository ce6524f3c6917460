// Lines and dots of a crowd, written pixel by pixel: a thousand movers with trails cost a few milliseconds, where strokes
// of the canvas would take many times that on a computer without a graphics card.

const channels = new Map();

// [r, g, b] of a colour "#rrggbb" or "rgb(r, g, b)".
function rgbOf(colour) {
  if (!channels.has(colour)) {
    const numbers = colour[0] === "#" ? [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16)) : colour.match(/\d+/g).slice(0, 3).map(Number);
    channels.set(colour, numbers);
  }
  return channels.get(colour);
}

export class Raster {
  // An empty picture of the size of a canvas.
  begin(ctx) {
    const { width, height } = ctx.canvas;
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.bytes = this.image.data;
      this.words = new Uint32Array(this.bytes.buffer);
    } else this.words.fill(0);
    this.width = width;
    this.height = height;
    this.ratio = ctx.getTransform().a;
  }

  put(ctx) {
    ctx.putImageData(this.image, 0, 0);
  }

  colour(colour) {
    [this.r, this.g, this.b] = rgbOf(colour);
  }

  // The strongest cover of a pixel wins.
  cover(x, y, alpha) {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const at = (y * this.width + x) * 4, bytes = this.bytes;
    if (alpha <= bytes[at + 3]) return;
    bytes[at] = this.r;
    bytes[at + 1] = this.g;
    bytes[at + 2] = this.b;
    bytes[at + 3] = alpha;
  }

  // A line whose strength goes from `a0` to `a1` (0 to 255), each step shared by two pixels (Wu 1991).
  line(x0, y0, x1, y1, a0, a1) {
    const { ratio } = this;
    [x0, y0, x1, y1] = [x0 * ratio - 0.5, y0 * ratio - 0.5, x1 * ratio - 0.5, y1 * ratio - 0.5];
    const dx = x1 - x0, dy = y1 - y0, steep = Math.abs(dy) > Math.abs(dx);
    const steps = Math.max(1, Math.ceil(steep ? Math.abs(dy) : Math.abs(dx)));
    if (steps > 4000) return;
    for (let s = 0; s <= steps; s++) {
      const f = s / steps, x = x0 + f * dx, y = y0 + f * dy, alpha = a0 + f * (a1 - a0);
      const across = steep ? x : y, low = Math.floor(across), share = across - low;
      const a = Math.round(steep ? y : x);
      if (steep) {
        this.cover(low, a, alpha * (1 - share));
        this.cover(low + 1, a, alpha * share);
      } else {
        this.cover(a, low, alpha * (1 - share));
        this.cover(a, low + 1, alpha * share);
      }
    }
  }

  // A dot over whatever is there.
  dot(x, y, radius, alpha) {
    const { width, height, bytes, ratio } = this, r = radius * ratio;
    x = x * ratio - 0.5;
    y = y * ratio - 0.5;
    const left = Math.max(0, Math.floor(x - r)), right = Math.min(width - 1, Math.ceil(x + r));
    const top = Math.max(0, Math.floor(y - r)), bottom = Math.min(height - 1, Math.ceil(y + r));
    for (let b = top; b <= bottom; b++) {
      for (let a = left; a <= right; a++) {
        const part = Math.min(Math.max(r + 0.5 - Math.sqrt((a - x) * (a - x) + (b - y) * (b - y)), 0), 1);
        if (!part) continue;
        const at = (b * width + a) * 4, mine = part * alpha, was = bytes[at + 3] * (1 - mine / 255), sum = mine + was;
        bytes[at] = (this.r * mine + bytes[at] * was) / sum;
        bytes[at + 1] = (this.g * mine + bytes[at + 1] * was) / sum;
        bytes[at + 2] = (this.b * mine + bytes[at + 2] * was) / sum;
        bytes[at + 3] = sum;
      }
    }
  }
}
