// The lap board of everyone as it stood at the cursor.
import { lapTime } from "./everyone.js";
import { fixed } from "./format.js";
import { register } from "./registry.js";
import { RowTable } from "./rowtable.js";
import { sceneOf } from "./scene.js";
import { lowerBound } from "./store.js";

const EVERY_MS = 200;

async function mountBoard(element, spec, context) {
  const { view } = context, scene = await sceneOf(context), standing = new Standing(scene);
  const table = new RowTable(element, scene, [
    { title: "", number: true, words: (k) => [String(standing.place[k]), ""] },
    { title: "Mover", words: (k) => [scene.names[k], ""] },
    { title: "Laps", number: true, words: (k) => [String(standing.laps[k]), ""] },
    { title: "Last", number: true, words: (k) => lapTime(standing.last[k]) },
    { title: "Best", number: true, least: 440, words: (k) => lapTime(standing.best(k)) },
    { title: "Gap", number: true, words: (k) => [standing.gap(k), ""] },
  ]);
  let drawn = 0, timer = 0;
  const draw = () => {
    timer = 0;
    drawn = performance.now();
    table.order = standing.update(scene.now);
    table.draw();
  };
  // Numbers that change faster than a few times a second cannot be read.
  const later = () => (timer ||= setTimeout(draw, Math.max(0, drawn + EVERY_MS - performance.now())));
  view.on(["cursor"], later);
  for (const kind of ["beforeprint", "afterprint"]) addEventListener(kind, draw);
  draw();
  return null;
}

// Who is where at a time. Whoever has left stands by when he last crossed the line, before those on the same lap.
class Standing {
  constructor(scene) {
    this.scene = scene;
    this.laps = scene.names.map(() => 0);
    this.last = scene.names.map(() => null);
    // Whoever never came to the line has no place.
    this.members = scene.names.map((_, k) => k).filter((k) => scene.columns.way[scene.start[k]] === scene.columns.way[scene.start[k]]);
    this.way = new Float64Array(scene.count);
    this.place = new Int32Array(scene.count);
  }

  update(time) {
    const { scene } = this, { way } = scene.columns;
    this.time = time;
    for (let k = 0; k < scene.count; k++) {
      this.last[k] = scene.lapAt(k, time);
      this.laps[k] = this.last[k] ? this.last[k][3] : 0;
      const j = scene.rowAt(k, time), next = Math.min(j + 1, scene.start[k + 1] - 1), step = scene.t[next] - scene.t[j];
      const gone = time > scene.last(k), come = time >= scene.first(k);
      const f = step > 0 && come ? Math.min((time - scene.t[j]) / step, 1) : 0, at = way[j] + f * (way[next] - way[j]);
      this.way[k] = !come || at !== at ? -Infinity : gone && this.laps[k] ? 1e9 - this.last[k][0] : at;
    }
    const order = this.members.slice().sort((a, b) => this.laps[b] - this.laps[a] || this.way[b] - this.way[a] || a - b);
    order.forEach((k, r) => (this.place[k] = r + 1));
    this.leader = order[0];
    return order;
  }

  best(k) {
    let found = null;
    for (const lap of this.scene.board.laps[k]) if (lap[0] <= this.time && (!found || lap[1] < found[1])) found = lap;
    return found;
  }

  // Seconds behind the leader where the mover is now, or whole laps.
  gap(k) {
    const { scene, leader } = this, laps = this.laps[leader] - this.laps[k];
    if (k === leader || this.way[k] === -Infinity) return k === leader ? "" : "–";
    if (this.way[k] > 1e8) {
      if (laps) return `+${laps} lap${laps > 1 ? "s" : ""}`;
      return `+${fixed(this.last[k][0] - this.last[leader][0], 1)}`;
    }
    // Only what the leader has behind him: later on his identity may have gone over to somebody else.
    const { way } = scene.columns, from = scene.start[leader], now = scene.rowAt(leader, this.time);
    const ahead = way[now] - this.way[k];
    if (ahead >= scene.board.lap) return `+${Math.floor(ahead / scene.board.lap)} lap${ahead >= 2 * scene.board.lap ? "s" : ""}`;
    const j = Math.min(lowerBound(way, this.way[k], from, now + 1), now);
    return j === from ? "–" : `+${fixed(Math.max(this.time - scene.t[j], 0), 1)}`;
  }
}

register("board", mountBoard);
