// Elements. Every text goes in as text: tags, reasons and names are anybody's words.

export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}

// What could turn the line around or hide is written as its number; joiners inside words stay.
const STEERING = /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;
export const safe = (text) => String(text).replace(STEERING, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

// Of several lines, which stay lines.
export const lines = (text) => String(text).split("\n").map(safe).join("\n");

export const tagText = (form) => el("bdi", { class: "tag", title: `#${safe(form)}` }, `#${safe(form)}`);

// A link is one of http; within Airflow's frame, which opens no window, the page around it does so.
export function link(href, text, attributes = {}) {
  if (!/^https?:\/\//.test(new URL(href, location.href).href)) return el("span", {}, text);
  return el("a", { href, target: "_blank", rel: "noopener", onclick: outside, ...attributes }, text);
}

function outside(event) {
  if (window.parent === window) return;
  try {
    const around = window.parent.document;
    const copy = around.createElement("a");
    Object.assign(copy, { href: event.currentTarget.href, target: "_blank", rel: "noopener" });
    event.preventDefault();
    copy.click();
  } catch {
    // a frame of somebody else's: the browser decides
  }
}

export const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US"));

export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let n = value || 0;
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) { n /= 1000; unit += 1; }
  return `${n >= 100 || unit === 0 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

export function lasted(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  for (const [big, small, a, b] of [[86400, 3600, "d", "h"], [3600, 60, "h", "min"], [60, 1, "min", "s"]]) {
    if (seconds >= big) {
      const rest = Math.floor((Math.round(seconds) % big) / small);
      return `${Math.floor(Math.round(seconds) / big)} ${a}${rest ? ` ${rest} ${b}` : ""}`;
    }
  }
  return "–";
}

export const clock = (ms) => new Date(ms).toISOString().slice(11, 16);
export const second = (ms) => new Date(ms).toISOString().slice(11, 19);
export const day = (ms) => new Date(ms).toISOString().slice(0, 10);
export const instant = (ms) => (ms ? `${day(ms)} ${second(ms)}` : "–");

// How old counts are: the newest minute that has any, and since when it is over.
export function newestMinute(ms, now) {
  const over = (now - ms) / 1000 - 60;
  return [clock(ms), over > 0 ? `ended ${lasted(over)} ago` : "not over yet"];
}

export function table(caption, header, rows) {
  const cells = (name, row) => row.map((cell, n) => el(name, {
    scope: name === "th" ? "col" : null, class: [header[n].number && "number", header[n].narrow].filter(Boolean).join(" ") || null,
  }, cell));
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, el("table", {}, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, cells("th", header.map((one) => one.text)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, cells("td", row))))));
}

export const facts = (pairs) => el("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value, more]) =>
  el("div", {}, el("dt", {}, name), el("dd", {}, value, more ? el("small", {}, more) : null))));

export const choice = (legend, options, chosen, choose) => el("fieldset", { "aria-label": legend },
  options.map(([value, text]) => el("button", { type: "button", "aria-pressed": String(value === chosen),
    onclick: () => choose(value) }, text)));
