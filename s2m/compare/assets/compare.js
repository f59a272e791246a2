"use strict";
// Sorting and filtering of the tables, and the curves of the chosen configurations.
const data = JSON.parse(document.getElementById("data").textContent);

// ---- tables
function value(row, column) {
  const text = row.cells[column].dataset.v || "";
  const number = Number(text);
  return text !== "" && !Number.isNaN(number) ? number : text;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortBy(heading) {
  const table = heading.closest("table"), body = table.tBodies[0];
  const now = heading.getAttribute("aria-sort"), first = heading.dataset.first;
  const order = now ? (now === "ascending" ? "descending" : "ascending") : first;
  const sign = order === "ascending" ? 1 : -1, column = heading.cellIndex;
  const rows = [...body.rows].map((row) => [value(row, column), row]);
  // What has no value stays at the end, whatever the direction.
  rows.sort(([a], [b]) => (a === "") - (b === "") || sign * compare(a, b));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  body.append(...rows.map(([, row]) => row));
}

function filter(input) {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...document.getElementById(input.dataset.filters).tBodies[0].rows];
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  const count = document.getElementById(input.getAttribute("aria-describedby"));
  count.textContent = `${shown} of ${rows.length} ${count.dataset.what}`;
}

for (const heading of document.querySelectorAll("thead th:not(.pick)")) {
  heading.querySelector("button").addEventListener("click", () => sortBy(heading));
}
for (const input of document.querySelectorAll("input[data-filters]")) {
  input.addEventListener("input", () => filter(input));
  filter(input);
}

// ---- curves
const WIDTH = 480, HEIGHT = 300, LEFT = 52, RIGHT = 10, TOP = 8, BOTTOM = 34;
const plots = document.getElementById("plots"), legend = document.getElementById("legend");
const boxes = [...document.querySelectorAll("input[data-group]")];
let chosen = [];

function svg(name, attributes, parent, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, content] of Object.entries(attributes)) element.setAttribute(key, content);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= raw);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

function label(number) {
  if (number === 0) return "0";
  const size = Math.abs(number);
  return size >= 1e6 ? `${+(number / 1e6).toPrecision(3)}M` : size >= 1e4 ? `${+(number / 1e3).toPrecision(3)}k`
    : String(+number.toPrecision(4));
}

function range(curves) {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [steps, mean, std] of curves) {
    steps.forEach((x, i) => {
      x0 = Math.min(x0, x); x1 = Math.max(x1, x);
      y0 = Math.min(y0, mean[i] - std[i]); y1 = Math.max(y1, mean[i] + std[i]);
    });
  }
  if (x0 === x1) { x0 -= 1; x1 += 1; }
  const margin = y0 === y1 ? Math.abs(y0) * 0.1 || 1 : (y1 - y0) * 0.04;
  return [x0, x1, y0 - margin, y1 + margin];
}

function colour(index) { return `var(--c${index % 8})`; }
// Beyond as many lines as there are colours, they are dashed.
function dash(index) { return ["none", "6 3", "2 3"][Math.floor(index / 8) % 3]; }

function plot(metric, heading) {
  const drawn = chosen.map((g, i) => [g, i]).filter(([g]) => data.groups[g].curves[metric]);
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = heading;
  figure.append(caption);
  plots.append(figure);
  if (!drawn.length) return;
  const [x0, x1, y0, y1] = range(drawn.map(([g]) => data.groups[g].curves[metric]));
  const x = (v) => LEFT + (v - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT);
  const y = (v) => HEIGHT - BOTTOM - (v - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM);
  const names = drawn.map(([g]) => data.groups[g].name).join(", ");
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${heading} by step: ${names}` }, figure);
  for (const v of ticks(y0, y1, 5)) {
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(v), y2: y(v) }, picture);
    svg("text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end" }, picture, label(v));
  }
  for (const v of ticks(x0, x1, 5)) {
    svg("text", { x: x(v), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, picture, label(v));
  }
  svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, picture, "step");
  for (const [g, i] of drawn) {
    const [steps, mean, std] = data.groups[g].curves[metric];
    const at = (k, sign) => `${x(steps[k]).toFixed(1)},${y(mean[k] + sign * std[k]).toFixed(1)}`;
    const all = steps.map((_, k) => k);
    if (std.some((s) => s > 0)) {
      const around = [...all.map((k) => at(k, 1)), ...all.reverse().map((k) => at(k, -1))];
      all.reverse();
      svg("polygon", { class: "band", "data-g": g, points: around.join(" "), style: `fill:${colour(i)}` }, picture);
    }
    const style = `stroke:${colour(i)};stroke-dasharray:${dash(i)}`;
    const line = svg("polyline", { class: "line", "data-g": g, points: all.map((k) => at(k, 0)).join(" "), style }, picture);
    svg("title", {}, line, `${data.groups[g].name}: last ${label(mean[mean.length - 1])}`);
    if (steps.length < 30) {
      for (const k of all) {
        svg("circle", { class: "dot", "data-g": g, cx: x(steps[k]), cy: y(mean[k]), r: 2.4, style: `fill:${colour(i)}` }, picture);
      }
    }
  }
}

function emphasise(group) {
  for (const mark of plots.querySelectorAll("[data-g]")) {
    mark.classList.toggle("dim", group !== null && mark.dataset.g !== String(group));
  }
}

function draw() {
  plots.replaceChildren();
  for (const [metric, heading] of Object.entries(data.metrics)) plot(metric, heading);
  legend.replaceChildren(...chosen.map((g, i) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.style.setProperty("--line-colour", colour(i));
    button.textContent = `${data.groups[g].name} (n=${data.groups[g].n})`;
    button.title = "remove from the curves";
    for (const event of ["mouseenter", "focus"]) button.addEventListener(event, () => emphasise(g));
    for (const event of ["mouseleave", "blur"]) button.addEventListener(event, () => emphasise(null));
    button.addEventListener("click", () => choose(g, false));
    item.append(button);
    return item;
  }));
}

function choose(group, on) {
  chosen = chosen.filter((g) => g !== group).concat(on ? [group] : []);
  for (const box of boxes) box.checked = chosen.includes(Number(box.dataset.group));
  draw();
}

if (plots) {
  chosen = [...data.shown];
  for (const box of boxes) {
    box.checked = chosen.includes(Number(box.dataset.group));
    box.addEventListener("change", () => choose(Number(box.dataset.group), box.checked));
  }
  draw();
}
