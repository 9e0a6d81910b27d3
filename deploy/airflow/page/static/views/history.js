// History: what happened, why, and what it cost.
import { choice, el, instant, lasted, lines, number, safe, table } from "../dom.js";

const KINDS = [["all", "All"], ["trouble", "Restarts and their causes, outages, gaps"], ["people", "Asked for, releases, savepoints"]];
const TROUBLE = new Set(["end", "restart", "parked", "outage", "gap"]);
const PEOPLE = new Set(["started", "resumed", "stopped", "asked again", "rolled back", "begun anew", "release", "savepoint"]);
const SHOWN = 200;
const NEAR = 15;   // minutes

export async function history(page) {
  const { kind = "all" } = page.parameters;
  const { data } = await page.ask("history", {});
  if (!data) return [el("h2", {}, "History")];
  const some = data.events.filter((one) => kind === "all" || (kind === "trouble" ? TROUBLE : PEOPLE).has(one.what));
  return [el("h2", {}, "History"), cost(data.windows), el("div", { class: "tools" }, choice("Events", KINDS, kind, (value) => page.go({ kind: value }))),
    finder(page, some)];
}

const cost = (windows) => table("Time lost", [{ text: "Last" }, { text: "Availability", number: true }, { text: "Back after (MTTR)", number: true },
  { text: "Minutes missed", number: true }, { text: "Ended", number: true }, { text: "Why it ended", narrow: "narrow-off" }],
windows.map((one) => [`${one.days} days`, said(one.availability_said ?? "–", one.availability === null ? "it should not have run" : `down ${one.down_said}`),
  said(one.mttr_said ?? "–", one.repairs ? `mean of ${one.repairs}, the longest ${one.longest_said}` : ""), number(one.missed_minutes),
  number(Object.values(one.ends).reduce((a, b) => a + b, 0)), safe(Object.entries(one.ends).map(([why, n]) => `${n}× ${why}`).join("; ")) || "none"]));

const said = (text, more) => el("span", {}, text, more ? el("small", {}, more) : null);

function near(text) {
  const found = /^(?:(\d{4}-\d\d-\d\d)[ T])?(\d\d?):(\d\d)$/.exec(text);
  if (!found) return null;
  const minute = Number(found[2]) * 60 + Number(found[3]);
  return (one) => {
    const off = Math.abs((one.time_ms / 60e3) % 1440 - minute);
    return Math.min(off, 1440 - off) <= NEAR && (!found[1] || Math.abs(one.time_ms - Date.parse(`${found[1]}T00:00Z`) - minute * 60e3) <= NEAR * 60e3);
  };
}

function wanted(text) {
  const words = text.toLowerCase();
  return near(text) ?? ((one) => [instant(one.time_ms), one.title, one.who, one.why, one.detail].join(" ").toLowerCase().includes(words));
}

function finder(page, some) {
  const list = el("div", {});
  const told = el("p", { class: "quiet", role: "status" });
  const input = el("input", { type: "search", "aria-label": "Find by time or word", placeholder: "a time such as 03:10, or a word", maxlength: 200 });
  const renew = () => {
    const text = input.value.trim();
    const found = text ? some.filter(wanted(text)) : some;
    page.hold(Boolean(text));
    told.textContent = !text ? "" : near(text) ? `${found.length} within ${NEAR} minutes of it` : `${found.length} with it`;
    list.replaceChildren(...(found.length ? [el("ol", { class: "line", "aria-label": "Events, the newest first" }, found.slice(0, SHOWN).map(event))]
      : [el("p", {}, "Nothing of that kind happened in the last 30 days.")]),
    ...(found.length > SHOWN ? [el("p", { class: "quiet" }, `${found.length - SHOWN} older ones: deploy/hashtide stream history --since 30d`)] : []));
  };
  input.addEventListener("input", renew);
  renew();
  return [el("div", { class: "tools", role: "search" }, input, told), list];
}

function event(one) {
  const down = one.what !== "end" || one.seconds === null ? "" : one.how === "open" ? `; down since, ${lasted(one.seconds)}`
    : one.how === "stopped" ? `; down ${lasted(one.seconds)}, until it was stopped` : `; counting again ${lasted(one.seconds)} after its last commit`;
  // A driver that failed did not fail by whoever launched the next one.
  const launched = ["launch", "restart", "release"].includes(one.what);
  const who = one.who && !launched ? ` by ${safe(one.who)}` : "";
  const detail = [one.detail, one.who && launched ? `launched by ${one.who}` : ""].filter(Boolean).join(", ");
  return el("li", { class: one.tone }, el("time", { datetime: new Date(one.time_ms).toISOString() }, instant(one.time_ms)),
    el("div", {}, el("strong", {}, safe(one.title)), `${who}${down}`, one.why && one.what !== "end" ? el("div", { class: "evidence" }, safe(one.why)) : null,
      one.what === "end" && one.why ? el("details", {}, el("summary", {}, safe(one.why).slice(0, 140)), el("pre", {}, lines(one.why))) : null,
      detail ? el("div", { class: "quiet evidence" }, safe(detail)) : null));
}
