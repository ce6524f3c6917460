// Keys of a scene, beside those that every page has.

export function sceneKeys(scene, plan) {
  const press = (name) => () => plan.querySelector(`[data-do="${name}"]`).click();
  const turn = (select, by) => {
    const next = select.selectedIndex + by;
    if (next < 0 || next >= select.length) return;
    select.selectedIndex = next;
    select.dispatchEvent(new Event("change"));
  };
  const speed = document.querySelector('[data-do="speed"]'), trail = plan.querySelector('[data-do="trail"]');
  const acts = {
    n: press("labels"),
    u: press("sigma"),
    f: press("follow"),
    t: () => turn(trail, trail.selectedIndex + 1 < trail.length ? 1 : -trail.selectedIndex),
    ",": () => turn(speed, -1),
    ".": () => turn(speed, 1),
    ArrowUp: () => scene.pickNext(-1),
    ArrowDown: () => scene.pickNext(1),
    Escape: () => scene.picked >= 0 && scene.pick(scene.picked),
  };
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest && event.target.closest("select, input, textarea, summary")) return;
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
