// One tag.
import { chart } from "../charts.js";
import { choice, el, facts, number, safe, table, tagText } from "../dom.js";

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
    related(page, data), together(page, data)];
}

function related(page, data) {
  if (!data.related.length) return el("p", { class: "quiet" }, data.learnt ? "No tag stands often in the same tweets." : "Which tags stand in the same tweets is not learnt yet: hashtag_related does so.");
  return table(`Tags of the same tweets${data.learnt ? `, ${safe(data.learnt.from)} to ${safe(data.learnt.to)}` : ""}`,
    [{ text: "Tag" }, { text: "Tweets with both", number: true }, { text: "Part of its tweets", number: true }, { text: "Times chance", number: true, narrow: "narrow-off" }],
    data.related.map((one) => [tagLink(page, one.tag), number(one.tweets), `${(100 * one.confidence).toFixed(1)} %`, number(one.lift)]));
}

function together(page, data) {
  if (!data.together.length) return el("p", { class: "quiet" }, "No other tag rises and falls with it.");
  return table("Tags that rise and fall with it, if in other tweets (1 is exactly so)", [{ text: "Tag" }, { text: "Correlation", number: true }],
    data.together.map((one) => [tagLink(page, one.tag), one.correlation.toFixed(2)]));
}

const tagLink = (page, tag) => el("a", { href: page.href("tag", { tag }) }, tagText(tag));
