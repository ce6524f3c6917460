// What is known of the mover that is picked or pointed at, at the time of the cursor.
import { elapsed, fixed } from "./format.js";
import { make } from "./surface.js";

export function planCard(stage, scene) {
  const card = make("output", "card"), { columns } = scene;
  stage.append(card);
  let told = "";
  return () => {
    const k = scene.pointed >= 0 ? scene.pointed : scene.picked;
    const words = k < 0 ? "" : wordsOf(scene, columns, k).join("  ·  ");
    if (words !== told) card.textContent = told = words;
  };
}

function wordsOf(scene, columns, k) {
  const j = scene.row[k], words = [scene.names[k]];
  if (!scene.there[k]) {
    return [...words, scene.time < scene.first(k) ? `comes at ${elapsed(scene.first(k), 1)}` : scene.time > scene.last(k) ? `left at ${elapsed(scene.last(k), 1)}` : "out of sight"];
  }
  if (columns.speed) words.push(`${fixed(scene.speed(k), 1)} km/h`);
  if (scene.board && scene.board.laps[k].length) words.push(`lap ${(scene.lapAt(k, scene.time)?.[3] ?? 0) + 1}`);
  if (scene.within(k) >= 0) words.push(`± ${fixed(scene.within(k), 2)} m`);
  if (!columns.seen[j]) words.push("filled in");
  return words;
}
