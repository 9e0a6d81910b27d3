// One tag.
import { chart } from "../charts.js";
import { choice, el, facts, number, table, tagText } from "../dom.js";

const SPANS = [["3", "3 h"], ["24", "24 h"], ["72", "3 days"], ["168", "7 days"]];

export async function tag(page) {
  const { tag: name = "", hours = "24" } = page.parameters;
  const { data } = await page.ask("tag", { tag: name, hours });
  const back = el("p", {}, el("a", { href: page.href("now", {}) }, "Back to all tags"));
  if (!data) return [back];
  const totals = data.totals;
  const tools = el("div", { class: "tools" }, choice("Time", SPANS, hours, (value) => page.go({ hours: value })));
  const head = el("h2", {}, tagText(data.display ?? name));
  if (!totals.tweets) return [back, head, tools, el("p", {}, "No tweet has this tag in this time.")];
  const part = (n) => `${number(n)}`;
  const percent = (n) => `${Math.round((100 * n) / totals.tweets)} % of its tweets`;
  return [back, head, tools,
    facts([["Tweets", number(totals.tweets), `in the last ${hours} hours`], ["Originals", part(totals.originals), percent(totals.originals)],
      ["Retweets", part(totals.retweets), percent(totals.retweets)], ["Quotes", part(totals.quotes), percent(totals.quotes)],
      ["Replies", part(totals.replies), percent(totals.replies)]]),
    el("div", { class: "charts" },
      chart(`Tweets each ${data.step_ms / 60000} min`, [{ label: "tweets", points: data.points.map(([ms, mine]) => [ms, mine]) }]),
      chart("Share of all tweets", [{ label: "%", points: data.points.map(([ms, mine, all]) => [ms, all ? (100 * mine) / all : null]) }])),
    table("How it is written", [{ text: "Form" }, { text: "Tweets", number: true }], data.forms.map((one) => [tagText(one.form), number(one.tweets)])),
    data.together.length ? table("Tags that rise and fall with it (1 is exactly so); whether they stand in the same tweets is not kept",
      [{ text: "Tag" }, { text: "Correlation", number: true }],
      data.together.map((one) => [el("a", { href: page.href("tag", { tag: one.tag }) }, tagText(one.tag)), one.correlation.toFixed(2)]))
      : el("p", { class: "quiet" }, "No other tag rises and falls with it.")];
}
