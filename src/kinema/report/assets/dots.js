// Movers as dots, each drawn once per colour and size and then copied; names beside them where there is room.
import { font } from "./surface.js";
import { paint } from "./theme.js";

const MOST_SPRITES = 4000;
const sprites = new Map();
const nameSprites = new Map();
let drawnFor = "";

// Sprites are made anew for other colours or another screen.
export function forgetSprites() {
  sprites.clear();
  nameSprites.clear();
}

function ratioOf(ctx) {
  const ratio = ctx.getTransform().a;
  if (`${ratio}` !== drawnFor) forgetSprites();
  drawnFor = `${ratio}`;
  return ratio;
}

function canvasOf(width, height, ratio) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * ratio);
  canvas.height = Math.ceil(height * ratio);
  const ctx = canvas.getContext("2d");
  ctx.scale(ratio, ratio);
  return [canvas, ctx];
}

function dotSprite(colour, radius, ratio) {
  const key = `${colour} ${radius}`;
  if (sprites.has(key)) return sprites.get(key);
  const size = 2 * radius + 4, [canvas, ctx] = canvasOf(size, size, ratio);
  ctx.beginPath();
  ctx.arc(size / 2, size / 2, radius, 0, 6.3);
  ctx.fillStyle = colour;
  ctx.strokeStyle = paint("--card");
  ctx.lineWidth = 1.5;
  ctx.fill();
  ctx.stroke();
  sprites.set(key, [canvas, canvas.width / ratio]);
  return sprites.get(key);
}

export function drawDot(ctx, x, y, colour, radius) {
  const [canvas, size] = dotSprite(colour, radius, ratioOf(ctx));
  ctx.drawImage(canvas, x - size / 2, y - size / 2, size, size);
}

function nameSprite(words, strong, ratio, measure) {
  const key = `${strong} ${words}`;
  if (nameSprites.has(key)) return nameSprites.get(key);
  if (nameSprites.size > MOST_SPRITES) nameSprites.clear();
  measure.font = font(11, strong ? 700 : 500);
  const width = measure.measureText(words).width + 8, height = 16;
  const [canvas, ctx] = canvasOf(width, height, ratio);
  ctx.font = font(11, strong ? 700 : 500);
  ctx.textBaseline = "middle";
  ctx.lineJoin = "round";
  ctx.lineWidth = 3;
  ctx.strokeStyle = paint("--card");
  ctx.strokeText(words, 4, height / 2 + 0.5);
  ctx.fillStyle = paint("--ink");
  ctx.fillText(words, 4, height / 2 + 0.5);
  nameSprites.set(key, [canvas, canvas.width / ratio, canvas.height / ratio]);
  return nameSprites.get(key);
}

// Names that do not lie on each other: the first to be drawn have the choice, strong ones are drawn in any case.
export class Labels {
  constructor(width, height) {
    this.boxes = [];
    this.width = width;
    this.height = height;
  }

  draw(ctx, words, x, y, radius, strong) {
    const ratio = ratioOf(ctx), [canvas, width, height] = nameSprite(words, strong, ratio, ctx);
    for (const [a, b] of [[x + radius + 1, y - height / 2], [x - radius - 1 - width, y - height / 2], [x - width / 2, y - radius - height], [x - width / 2, y + radius]]) {
      const box = [a, b, a + width, b + height - 3];
      if (!strong && (a < 0 || b < 0 || box[2] > this.width || box[3] > this.height || this.taken(box))) continue;
      this.boxes.push(box);
      // On whole pixels, or the letters blur.
      ctx.drawImage(canvas, Math.round(a * ratio) / ratio, Math.round(b * ratio) / ratio, width, height);
      return;
    }
  }

  taken([a, b, c, d]) {
    return this.boxes.some((box) => a < box[2] && c > box[0] && b < box[3] && d > box[1]);
  }
}
