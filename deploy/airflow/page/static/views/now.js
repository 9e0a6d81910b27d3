// Now: what is tweeted in the newest window.
import { ask } from "../api.js";
import { spark } from "../charts.js";
import { choice, clock, day, el, number, safe, table, tagText } from "../dom.js";

const WINDOWS = [["5m", "5 min"], ["10m", "10 min"], ["30m", "30 min"], ["1h", "1 h"], ["6h", "6 h"], ["1d", "24 h"]];
const STATES = { open: "still open: more of it may arrive", closed: "closed: all of it is counted", sealed: "sealed: final" };

export async function now(page) {
  const { window = "10m", by = "count" } = page.parameters;
  const answer = await page.ask("now", { window, by });
  const data = answer.data;
  const body = !data ? [] : !data.window ? [el("p", {}, "Nothing is counted yet. The first counts come with the stream's "
    + "first batch; Health says how far it is.")] : [summary(data), list(page, data)];
  return [el("h2", {}, "Top tags"), el("div", { class: "tools" },
    choice("Window", WINDOWS, window, (value) => page.go({ window: value })),
    choice("Order", [["count", "Most tweets"], ["trend", "Emerging"]], by, (value) => page.go({ by: value })),
    finder(page)), body];
}

function summary(data) {
  const { from_ms: from, to_ms: to, all_tweets: all, state, said, incomplete, length } = data.window;
  return el("p", {}, `${day(from)} ${clock(from)} to ${clock(to)}, ${length}: ${number(all)} tweets. This window is `,
    el("span", { class: `mark ${state === "open" ? "plain" : "good"}` }, STATES[state] ?? said),
    incomplete ? el("span", { class: "mark warn" }, `${incomplete} of its minutes touch a gap: tweets may be missing`) : null);
}

function list(page, data) {
  if (!data.tags.length) {
    return el("p", {}, data.by === "trend"
      ? "Nothing is emerging: a tag needs 5 tweets by 3 people in this window, and is measured against the 24 windows before."
      : "No tag in this window.");
  }
  const trend = data.by === "trend";
  const header = [{ text: "#", number: true }, { text: "Change" }, { text: "Tag" }, { text: "Tweets", number: true },
    { text: "People", number: true, narrow: "narrow-off" },
    ...(trend ? [{ text: "Score", number: true }, { text: "Usual share ×", number: true, narrow: "narrow-off" }] : [{ text: "Retweets", number: true, narrow: "narrow-off" }]),
    { text: `Since ${clock(data.curve_from_ms)}` }];
  const rows = data.tags.map((one) => [number(one.rank), change(one.rank_change),
    el("a", { href: page.href("tag", { tag: one.tag }) }, tagText(one.display)), number(one.tweets), number(one.authors),
    ...(trend ? [one.score === null ? "–" : one.score.toFixed(1), one.lift === null ? "new" : one.lift.toFixed(1)]
      : [one.tweets ? `${Math.round((100 * one.retweets) / one.tweets)} %` : "–"]),
    spark(one.curve, `${safe(one.display).slice(0, 60)}: ${one.curve.join(", ")}`)]);
  return table(trend ? "Emerging tags: how unlikely their share is by the 24 windows before" : "Most frequent tags; change of rank against the window before",
    header, rows);
}

function change(places) {
  if (places === null) return el("span", { class: "up" }, "new");
  if (!places) return el("span", { class: "quiet" }, "=");
  return el("span", { class: places > 0 ? "up" : "down" }, `${places > 0 ? "▲" : "▼"} ${Math.abs(places)}`);
}

function finder(page) {
  const found = el("ul", { class: "links", "aria-live": "polite" });
  const input = el("input", { type: "search", "aria-label": "Find a tag of the last 24 hours", placeholder: "Find a tag", maxlength: 200 });
  let asked = 0;
  const look = async () => {
    asked += 1;
    const mine = asked;
    const text = input.value.trim();
    page.hold(Boolean(text));
    if (!text) { found.replaceChildren(); return; }
    const answer = await ask("search", { stream: page.stream, text });
    if (mine !== asked) return;
    const hits = answer.data ?? [];
    found.replaceChildren(...(hits.length ? hits.map((one) => el("li", {}, el("a", { href: page.href("tag", { tag: one.tag }) },
      tagText(one.tag)), ` ${number(one.tweets)}`)) : [el("li", {}, answer.fault || "No tag of the last 24 hours has that in it.")]));
  };
  input.addEventListener("input", () => look().catch((error) => found.replaceChildren(el("li", {}, safe(error.message)))));
  return el("div", { role: "search" }, input, found);
}
