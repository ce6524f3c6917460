// The buttons in the corner of a map.
import { make } from "./surface.js";

export function mapButtons(stage, buttons) {
  const bar = make("div", "mapbuttons");
  for (const [sign, label, act] of buttons) {
    const button = make("button", "", sign, { type: "button", "aria-label": label, title: label });
    button.addEventListener("click", act);
    for (const kind of ["pointerdown", "pointerup", "dblclick"]) button.addEventListener(kind, (event) => event.stopPropagation());
    bar.append(button);
  }
  stage.append(bar);
}
