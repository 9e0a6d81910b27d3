// Hours: what became of each, and how to rebuild it.
import { action } from "../actions.js";
import { choice, clock, day, el, facts, instant, lasted, number, safe, table, tagText } from "../dom.js";

const LOOK = { sealed: ["good", "✓"], closed: ["plain", "◦"], open: ["plain", "…"], empty: ["plain", "–"], incomplete: ["warn", "!"],
  "not sealed": ["warn", "?"], drifting: ["bad", "≠"], "does not add up": ["bad", "✗"] };
const SPANS = [["2", "2 days"], ["7", "7 days"], ["31", "31 days"]];
const HOUR = 3600e3;

export async function hours(page) {
  const { days = "7", hour } = page.parameters;
  const { data } = await page.ask("hours", { days });
  const head = [el("h2", {}, "Hours"), el("p", {}, "An hour is counted as it comes, and sealed when it is over: recomputed from what landed, with "
    + "each line accounted for. Choose an hour to see its account and to rebuild it."),
  el("div", { class: "tools" }, choice("Time", SPANS, days, (value) => page.go({ days: value })))];
  if (!data) return head;
  if (!data.hours.length) return [...head, el("p", {}, "No hour has landed yet.")];
  const shown = hour ? [await detail(page, Number(hour))] : [];
  return [...head, calendar(page, data.hours, Number(hour)), shown, legend(data), range(page, data.hours, Number(hour))];
}

function calendar(page, found, chosen) {
  const byDay = Map.groupBy ? Map.groupBy(found, (one) => day(one.hour_ms)) : group(found);
  return el("div", { role: "group", "aria-label": "Hours by day" }, [...byDay].map(([date, some]) => {
    const at = new Map(some.map((one) => [Number(one.hour.slice(-2)), one]));
    return el("div", { class: "day" }, el("span", {}, date),
      Array.from({ length: 24 }, (_, n) => (at.has(n) ? cell(page, at.get(n), chosen) : el("span", { class: "cell", "aria-hidden": "true" }, ""))));
  }));
}

function group(found) {
  const out = new Map();
  for (const one of found) out.set(day(one.hour_ms), [...(out.get(day(one.hour_ms)) ?? []), one]);
  return out;
}

function cell(page, one, chosen) {
  const [tone, sign] = LOOK[one.state];
  const text = `${day(one.hour_ms)} ${clock(one.hour_ms)}: ${one.state}${one.revision ? `, revision ${one.revision}` : ""}${one.why ? `, ${safe(one.why)}` : ""}`;
  return el("button", { type: "button", class: tone, title: text, "aria-label": text, "aria-pressed": String(one.hour_ms === chosen),
    onclick: () => page.go({ hour: one.hour_ms }) }, `${one.hour.slice(-2)} ${sign}`);
}

const legend = (data) => el("details", {}, el("summary", {}, "What the signs mean"), el("ul", { class: "legend" },
  Object.entries(data.meaning).map(([state, meaning]) => el("li", {}, el("span", {}, el("span", { class: `mark ${LOOK[state][0]}` }, `${LOOK[state][1]} ${state}`)),
    el("span", {}, meaning)))));

const rebuild = (page, from, to, text) => action(text, "hashtag_backfill", { stream: page.stream, from, to },
  "Counts these hours anew from all that landed, and makes that final: the same rows, or a higher revision. From and to are both included.", { main: true });

function range(page, found, chosen) {
  const input = (label, value) => el("input", { "aria-label": label, value, size: 14, pattern: "\\d{4}-\\d\\d-\\d\\dT\\d\\d" });
  const last = found.find((one) => one.hour_ms === chosen) ?? found.find((one) => one.revision) ?? found[0];
  const from = input("First hour", last.hour);
  const to = input("Last hour", last.hour);
  const place = el("span", {});
  const renew = () => place.replaceChildren(rebuild(page, from.value, to.value, "Rebuild this range"));
  for (const one of [from, to]) {
    one.addEventListener("input", () => { page.hold(true); renew(); });
  }
  renew();
  return el("section", {}, el("h3", {}, "Rebuild a range"), el("div", { class: "tools" }, from, "to", to, place));
}

async function detail(page, hourMs) {
  const { data, fault } = await page.also("hour", { hour_ms: hourMs });
  if (!data) return el("p", {}, fault);
  const [tone, sign] = LOOK[data.state];
  return el("section", { "aria-label": `Hour ${data.hour}` }, el("h3", {}, `${day(hourMs)} ${clock(hourMs)} to ${clock(hourMs + HOUR)}`),
    el("p", { class: `verdict ${tone}` }, el("strong", {}, `${sign} ${data.state}`), `: ${safe(data.why || data.meaning)}.`, data.why ? ` That means: ${data.meaning}.` : "",
      data.next ? el("p", {}, data.next) : null),
    el("div", { class: "tools" }, data.landed ? rebuild(page, data.hour, data.hour, "Rebuild this hour")
      : el("p", {}, "Its landing is gone or never was: its counts stay as they are, and cannot be rebuilt.")),
    account(data), gaps(data), drift(data));
}

function account(data) {
  if (!data.revision) return el("p", {}, "It has no account yet: that comes with its seal.");
  const put = Object.entries(data.quarantined_by).map(([reason, n]) => `${reason} ${number(n)}`).join(", ");
  return facts([["Lines landed", number(data.lines), `revision ${data.revision}, sealed ${instant(data.sealed_ms)}`], ["Counted", number(data.counted)],
    ["Duplicate", number(data.duplicate)], ["Late", number(data.late), "arrived after the seal of their hour"],
    ["Control", number(data.control), "messages of the platform"], ["Quarantined", number(data.quarantined), put],
    ["Pending", number(data.pending), "of hours that are not sealed yet"], ["Landed through", instant(data.through_ms), "what the seal has read"]]);
}

function gaps(data) {
  if (!data.gaps.length) return null;
  return table("Times in which nothing was received", [{ text: "From" }, { text: "To" }, { text: "Lasted", number: true }, { text: "Why" }, { text: "What came of it" }],
    data.gaps.map((one) => [instant(one.start_ms), one.end_ms ? instant(one.end_ms) : "lasts",
      one.end_ms ? lasted((one.end_ms - one.start_ms) / 1000) : "", safe(`${one.cause}${one.detail ? `: ${one.detail}` : ""}`),
      `${one.missing ? "posts may be missing" : "nothing is missing"}; recovery: ${one.recovery}`]));
}

function drift(data) {
  const said = data.verified;
  if (!said) return el("p", { class: "quiet" }, "It was not verified: the stream's counts were not compared with the seal's.");
  const reasons = Object.entries(said.reasons ?? {}).map(([why, one]) => `${why} ${number(one.rows)}`).join(", ");
  const head = `Stream against seal (revision ${said.revision}): ${number(said.differing)} of ${number(said.rows)} rows differ${reasons ? `: ${reasons}` : ""}.`;
  const rows = said.differences.map((one) => [one.minute_ms === null ? "–" : clock(one.minute_ms), one.form ? tagText(one.form) : "all tweets",
    number(one.live), number(one.sealed), one.reasons.join(", ")]);
  return el("details", { open: Boolean(said.unexplained) }, el("summary", {}, head),
    rows.length ? table("Rows that differ", [{ text: "Minute" }, { text: "Tag" }, { text: "Stream", number: true }, { text: "Seal", number: true }, { text: "Why" }], rows) : null);
}
