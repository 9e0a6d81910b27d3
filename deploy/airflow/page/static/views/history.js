// History: what happened, why, and what it cost.
import { choice, el, facts, instant, lasted, number, safe } from "../dom.js";

const KINDS = [["all", "All"], ["trouble", "Restarts, parks, outages, gaps"], ["people", "What people asked for"]];
const TROUBLE = new Set(["end", "parked", "outage", "gap"]);
const PEOPLE = new Set(["started", "resumed", "stopped", "asked again", "rolled back", "begun anew", "savepoint"]);
const SHOWN = 200;

export async function history(page) {
  const { kind = "all" } = page.parameters;
  const { data } = await page.ask("history", {});
  if (!data) return [el("h2", {}, "History")];
  const some = data.events.filter((one) => kind === "all" || (kind === "trouble" ? TROUBLE : PEOPLE).has(one.what));
  return [el("h2", {}, "History"), data.windows.map(cost), el("div", { class: "tools" }, choice("Events", KINDS, kind, (value) => page.go({ kind: value }))),
    some.length ? el("ol", { class: "line", "aria-label": "Events, the newest first" }, some.slice(0, SHOWN).map(event))
      : el("p", {}, "Nothing of that kind happened in the last 30 days."),
    some.length > SHOWN ? el("p", { class: "quiet" }, `${some.length - SHOWN} older ones: deploy/hashtide stream history --since 30d`) : null];
}

function cost(one) {
  const ends = Object.entries(one.ends).map(([why, n]) => `${n}× ${why}`).join("; ");
  return el("section", { "aria-label": `The last ${one.days} days` }, el("h3", {}, `The last ${one.days} days`), facts([
    ["Availability", one.availability_said ?? "–", one.availability === null ? "it should not have run" : `down ${one.down_said}; what is known begins ${instant(one.known_since_ms)}`],
    ["Back after (MTTR)", one.mttr_said ?? "–", one.repairs ? `mean of ${one.repairs}, the longest ${one.longest_said}` : "it was never down without being asked to"],
    ["Minutes without counts", number(one.missed_minutes), "while there was something to count"],
    ["Ends", number(Object.values(one.ends).reduce((a, b) => a + b, 0)), safe(ends) || "none"]]));
}

function event(one) {
  const down = one.what !== "end" || one.seconds === null ? "" : one.how === "open" ? `; down since, ${lasted(one.seconds)}`
    : one.how === "stopped" ? `; down ${lasted(one.seconds)}, until it was stopped` : `; counting again ${lasted(one.seconds)} after its last commit`;
  const who = one.who ? ` by ${safe(one.who)}` : "";
  return el("li", { class: one.tone }, el("time", { datetime: new Date(one.time_ms).toISOString() }, instant(one.time_ms)),
    el("div", {}, el("strong", {}, safe(one.title)), `${who}${down}`, one.why && one.what !== "end" ? el("div", { class: "evidence" }, safe(one.why)) : null,
      one.what === "end" && one.why ? el("details", {}, el("summary", {}, safe(one.why).slice(0, 140)), el("pre", {}, safe(one.why))) : null,
      one.detail ? el("div", { class: "quiet evidence" }, safe(one.detail)) : null));
}
