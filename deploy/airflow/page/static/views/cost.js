// Cost: posts read against the limits.
import { el, instant, number, safe } from "../dom.js";

export async function cost(page) {
  const { data } = await page.ask("cost", {});
  const head = [el("h2", {}, "Cost"), el("p", {}, "Posts that were read from the platform, each once a day, as it bills them; what is read to count is what is paid for.")];
  if (!data) return head;
  if (!data.length) return [...head, el("p", {}, "No ingest service has said anything yet.")];
  return [...head, data.map(source)];
}

function source(one) {
  const said = one.spend;
  return el("section", { "aria-label": `Source ${one.source}` }, el("h3", {}, `Source ${safe(one.source)}`), one.alarm ? el("p", { class: "verdict warn" }, safe(one.alarm)) : null,
    said ? [of(said.day, `Today (${said.date})`), of(said.month, "This month")]
      : el("p", {}, "It has not said how many posts it read, so nothing is known of what they cost."),
    el("p", { class: "quiet" }, `As it said ${instant(one.written_ms)}.`));
}

function of(one, name) {
  const limit = one.limit === null ? "no limit is set" : `${Math.round(100 * one.part)} % of at most ${number(one.limit)}`;
  return el("div", {}, el("p", {}, `${name}: `, el("strong", {}, `${number(one.posts)} posts`), `, about $${number(one.usd)}; ${limit}`),
    one.limit === null ? null : el("meter", { min: 0, max: 1, high: 0.8, optimum: 0, value: Math.min(1, one.part), "aria-label": `${name}: part of the limit` }));
}
