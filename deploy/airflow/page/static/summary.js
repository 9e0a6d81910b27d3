// The line above every view: how the stream is, how far behind, what happened, and which hours need a look.
import { clock, el, newestMinute, safe } from "./dom.js";

export async function strip(page, place, isCurrent) {
  let data = null;
  try {
    ({ data } = await page.also("summary", {}));
  } catch { /* the view says why */ }
  if (!isCurrent()) return;
  place.hidden = !data;
  if (data) {
    const focus = [...place.querySelectorAll("a")].indexOf(document.activeElement);
    place.replaceChildren(...parts(page, data));
    if (focus >= 0) place.querySelectorAll("a")[focus]?.focus({ preventScroll: true });
  }
}

function parts(page, data) {
  const behind = data.newest_minute_ms === null ? "nothing is counted yet"
    : `newest counted minute ${newestMinute(data.newest_minute_ms, data.now_ms).join(", ")}`;
  const trouble = data.happened.length ? ["In 24 h ", el("a", { href: page.href("history", { kind: "trouble" }) }, data.happened.join(", ")),
    `; newest ${clock(data.newest.time_ms)}: ${safe(data.newest.title)}`] : ["Nothing went wrong in 24 h"];
  const hours = data.hours.length ? [`${data.hours.length === 1 ? "An hour needs" : `${data.hours.length} hours need`} a look: `,
    ...data.hours.slice(0, 4).flatMap((one, n) => [n ? ", " : "",
      el("a", { href: page.href("hours", { hour: one.hour_ms }), title: safe(one.why) }, `${clock(one.hour_ms)} ${one.state}`)]),
    data.hours.length > 4 ? " …" : ""] : ["No hour needs a look"];
  return [el("span", { class: `mark ${data.tone}` }, el("a", { href: page.href("health", {}) }, safe(data.said)),
    data.tone === "warn" ? ", but not as it should" : ""),
    data.reasons.length ? el("span", {}, safe(data.reasons[0])) : null, el("span", {}, behind), el("span", {}, trouble), el("span", {}, hours)].filter(Boolean);
}
