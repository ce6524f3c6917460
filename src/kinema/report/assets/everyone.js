// The table of all movers over the whole scene: when, how far, how fast.
import { elapsed, fixed } from "./format.js";
import { register } from "./registry.js";
import { RowTable } from "./rowtable.js";
import { sceneOf } from "./scene.js";

// A lap [end, time, 95 %, …] in words.
export function lapTime(lap) {
  return lap ? [elapsed(lap[1], 3), lap[2] === null ? "" : lap[2].toFixed(lap[2] < 0.1 ? 3 : 2)] : ["", ""];
}

async function mountEveryone(element, spec, context) {
  const scene = await sceneOf(context), { names, travels, board } = scene;
  const seen = names.map((_, k) => shareSeen(scene, k)), confusions = names.map(() => 0), reads = names.map(() => 0);
  for (const [k, , kind] of scene.marks) (kind ? confusions : reads)[k]++;
  const best = board && board.laps.map((laps) => laps.reduce((a, b) => (a && a[1] <= b[1] ? a : b), null));
  const columns = [
    { title: "Mover", key: (k) => k, words: (k) => [names[k], ""] },
    { title: "From", number: true, least: 440, key: (k) => scene.first(k), words: (k) => [elapsed(scene.first(k), 1), ""] },
    { title: "To", number: true, least: 440, key: (k) => scene.last(k), words: (k) => [elapsed(scene.last(k), 1), ""] },
    { title: "There s", number: true, least: 700, key: (k) => scene.last(k) - scene.first(k), words: (k) => [fixed(scene.last(k) - scene.first(k), 1), ""] },
    { title: "Filled", number: true, least: 440, key: (k) => 1 - seen[k], words: (k) => [`${fixed(100 * (1 - seen[k]), 1)} %`, ""] },
  ];
  if (travels.length) {
    columns.push(
      { title: "Distance m", number: true, key: (k) => travels[k][0], words: (k) => [fixed(travels[k][0], 0), within(travels[k][1], travels[k][1] < 1 ? 1 : 0)] },
      { title: "Mean km/h", number: true, least: 700, key: (k) => travels[k][2], words: (k) => [fixed(travels[k][2], 1), ""] },
      { title: "Top km/h", number: true, key: (k) => travels[k][3], words: (k) => [fixed(travels[k][3], 1), within(travels[k][4], 1)] },
    );
  }
  if (board) {
    columns.push(
      { title: "Laps", number: true, least: 700, key: (k) => board.laps[k].length, words: (k) => [String(board.laps[k].length), ""] },
      { title: "Best lap", number: true, key: (k) => (best[k] ? best[k][1] : NaN), words: (k) => lapTime(best[k]) },
    );
  }
  if (scene.marks.length) {
    columns.push(
      { title: "Tags read", number: true, least: 700, key: (k) => reads[k], words: (k) => [String(reads[k]), ""] },
      { title: "Confusions", number: true, least: 700, key: (k) => confusions[k], words: (k) => [confusions[k] ? String(confusions[k]) : "", ""] },
    );
  }
  element.classList.toggle("few", columns.length < 7);
  const table = new RowTable(element, scene, columns);
  for (const kind of ["beforeprint", "afterprint"]) addEventListener(kind, () => table.draw());
  return null;
}

function within(value, decimals) {
  return value === null ? "" : fixed(value, decimals);
}

function shareSeen(scene, k) {
  const { seen } = scene.columns, from = scene.start[k], to = scene.start[k + 1];
  let n = 0;
  for (let j = from; j < to; j++) n += seen[j];
  return n / (to - from);
}

register("everyone", mountEveryone);
