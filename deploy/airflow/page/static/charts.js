// Curves: small ones as SVG, large ones by Chart.js. What a curve shows stands beneath it as text, too.
import { clock, day, el, number } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const shown = new Map();
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * 60e3);

export function spark(values, text) {
  const svg = document.createElementNS(SVG, "svg");
  const most = Math.max(1, ...values);
  const width = Math.max(1, values.length - 1);
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", `0 0 ${width} 100`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", text);
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", values.map((value, n) => `${n},${96 - (92 * value) / most}`).join(" "));
  svg.append(line);
  return svg;
}

// lines: [{ label, points: [[ms, value or null]], second: bool, dashed: bool }]
export function chart(title, lines, unit = "") {
  const canvas = el("canvas", { role: "img", "aria-label": `${title}: ${lines.map(told).join("; ")}` });
  const figure = el("figure", {}, el("h3", {}, title), el("div", { class: "chart" }, canvas),
    el("figcaption", {}, lines.map((one) => told(one)).join("; "), unit && ` (${unit})`));
  requestAnimationFrame(() => canvas.isConnected && draw(canvas, lines));
  return figure;
}

function told(line) {
  const values = line.points.map((one) => one[1]).filter((one) => one !== null);
  if (!values.length) return `${line.label}: nothing in this time`;
  return `${line.label}: now ${round(values.at(-1))}, at most ${round(Math.max(...values))}`;
}

const round = (value) => number(Math.abs(value) < 10 ? Math.round(value * 10) / 10 : Math.round(value));

// At whole minutes, hours or days, whatever the first point's instant.
function roundTicks(from, to, step) {
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, n) => ({ value: first + n * step }));
}

function draw(canvas, lines) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const all = lines.flatMap((one) => one.points.map((point) => point[0]));
  const long = Math.max(...all) - Math.min(...all) > 36 * 3600e3;
  const step = STEPS.find((ms) => (Math.max(...all) - Math.min(...all)) / ms <= 7) ?? STEPS.at(-1);
  const axis = { grid: { color: color("--line") }, ticks: { color: color("--quiet"), maxTicksLimit: 8, maxRotation: 0 } };
  const made = new window.Chart(canvas, {
    type: "line",
    data: { datasets: lines.map((one) => ({
      label: one.label, data: one.points.map(([x, y]) => ({ x, y })), borderWidth: 1.5, pointRadius: one.points.length < 3 ? 3 : 0,
      borderColor: color(one.second ? "--second" : "--curve"), borderDash: one.dashed ? [5, 4] : [] })) },
    options: {
      animation: false, maintainAspectRatio: false, interaction: { mode: "nearest", axis: "x", intersect: false },
      plugins: { legend: { display: lines.length > 1, labels: { color: color("--text"), boxWidth: 16 } },
        tooltip: { callbacks: { title: (items) => `${day(items[0].parsed.x)} ${clock(items[0].parsed.x)} UTC` } } },
      scales: { x: { ...axis, type: "linear", min: Math.min(...all), max: Math.max(...all),
        afterBuildTicks: (scale) => { scale.ticks = roundTicks(scale.min, scale.max, step); },
        ticks: { ...axis.ticks, callback: (ms) => (long ? day(ms).slice(5) : clock(ms)) } },
      y: { ...axis, beginAtZero: true } } },
  });
  shown.set(canvas, made);
}

export function forget() {
  for (const [canvas, made] of shown) {
    if (!canvas.isConnected) { made.destroy(); shown.delete(canvas); }
  }
}
