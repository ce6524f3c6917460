// A click on a heading sorts the table; numbers by their value, names by their text.
import { register } from "./registry.js";

async function mountTable(element) {
  const body = element.querySelector("tbody"), heads = [...element.querySelectorAll("thead th")];
  const keyOf = (row, k) => {
    const cell = row.cells[k];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  heads.forEach((head, k) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "descending" || (head.getAttribute("aria-sort") === "none" && !head.classList.contains("number"));
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const rows = [...body.rows].map((row) => [keyOf(row, k), row]);
    rows.sort(([a], [b]) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true })));
    if (!down) rows.reverse();
    body.append(...rows.map(([, row]) => row));
  }));
  return null;
}

register("table", mountTable);
