// Checkpoints: where the stream can go back to, and what that would do.
import { action } from "../actions.js";
import { el, instant, lines, number, safe, table } from "../dom.js";

export async function checkpoints(page) {
  const { point } = page.parameters;
  const { data } = await page.ask("checkpoints", {});
  const head = [el("h2", {}, "Checkpoints"), el("p", {}, "A generation is one line of checkpoints; a restore opens the next and leaves all others as they are. "
    + "A savepoint is an instant of the stream under a name.")];
  if (!data) return head;
  if (!data.length) return [...head, el("p", {}, "There is no checkpoint yet: it comes with the first batch.")];
  return [...head, table("Where the stream can go back to, the newest first", [{ text: "Point" }, { text: "Kind" }, { text: "Batch", number: true, narrow: "narrow-off" },
    { text: "Counted up to (watermark)", narrow: "narrow-off" }, { text: "Size", number: true, narrow: "narrow-off" }, { text: "Taken" }, { text: "By, why", narrow: "narrow-off" }, { text: "Going back" }],
  data.map((one) => row(page, one))), point ? await plan(page, point) : null, others(page)];
}

function row(page, one) {
  const kind = one.current ? "generation, in use" : one.kind === "generation" ? "generation" : one.pinned ? "savepoint" : "savepoint, kept for a while";
  const by = [one.who, one.why || (one.parent ? `from ${one.savepoint || one.parent}` : "")].filter(Boolean).join(": ");
  const act = one.fault ? el("span", { class: "mark bad" }, safe(one.fault))
    : el("button", { type: "button", "aria-label": `See a restore of ${one.name}`, onclick: () => page.go({ point: one.name }) }, "See a restore");
  return [safe(one.name), kind, one.batch_id === undefined || one.batch_id === null ? "–" : number(one.batch_id), instant(one.watermark_ms),
    one.size_said ?? "–", instant(one.time_ms), safe(by) || "–", act];
}

async function plan(page, point) {
  const { data, fault } = await page.also("restore", { point });
  if (!data) return el("p", { class: "verdict warn" }, safe(fault));
  return el("section", { "aria-label": `Restore of ${point}` }, el("h3", {}, `What a restore of ${safe(point)} would do`), el("pre", {}, lines(data.text)),
    el("div", { class: "tools" }, action(`Restore ${safe(point)}`, "hashtag_stream", { stream: page.stream, mode: "savepoint", savepoint: point, reason: "" },
      "Stops the stream, goes back to this point and resumes. It first waits for approval under Required Actions; nothing is changed before."),
    el("button", { type: "button", onclick: () => page.go({ point: undefined }) }, "Close")));
}

const others = (page) => el("section", {}, el("h3", {}, "Other ways"), el("div", { class: "tools" },
  action("Start anew with an empty checkpoint", "hashtag_stream", { stream: page.stream, mode: "fresh", reason: "" },
    "Begins from the newest hour of landing on; sealed hours stay. It first waits for approval under Required Actions, where it says what will change.")),
el("p", {}, "To take a savepoint: ", el("code", {}, `deploy/hashtide checkpoint savepoint NAME --stream ${page.stream}`)));
