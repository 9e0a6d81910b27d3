// Health: how the stream is, why, and where to look.
import { action } from "../actions.js";
import { base } from "../api.js";
import { chart } from "../charts.js";
import { bytes, choice, el, facts, instant, lasted, lines, link, newestMinute, number, safe } from "../dom.js";

const NAMES = { page: "YARN application", spark_ui: "Spark UI", logs: "Driver logs", checkpoint: "Checkpoint in HDFS" };
const SPANS = [["1", "1 h"], ["6", "6 h"], ["24", "24 h"]];

export async function health(page) {
  const { hours = "6" } = page.parameters;
  const { data } = await page.ask("health", { hours });
  if (!data) return [el("h2", {}, "Health")];
  return [el("h2", {}, "Health"), verdict(data), waysOn(page, data), figures(data),
    el("ul", { class: "links" }, Object.entries(data.links).filter(([, href]) => href).map(([name, href]) => el("li", {}, link(href, NAMES[name] ?? name))),
      el("li", {}, holder(data.run))),
    el("div", { class: "tools" }, choice("Time", SPANS, hours, (value) => page.go({ hours: value }))), curves(data, hours)];
}

function verdict(data) {
  return el("section", { class: `verdict ${data.tone}`, "aria-label": "Verdict" }, el("strong", {}, safe(data.said)),
    data.tone === "warn" ? ", but not as it should" : "", ".",
    data.reasons.map((one) => el("p", {}, safe(one))),
    data.who && !data.parked?.reason ? el("p", {}, `Asked to be ${data.wanted ?? "?"} by ${safe(data.who)}${data.why ? `: ${safe(data.why)}` : ""}, ${instant(data.asked_ms)}.`) : null);
}

function waysOn(page, data) {
  if (data.parked?.reason) return parked(page, data);
  if (!data.ok && ["stopped", null, undefined].includes(data.wanted)) return el("div", { class: "tools" }, resume(page, "Start it"));
  return null;
}

// The run that holds the stream, where one does.
const holder = (run) => (run ? link(`${base}/dags/${encodeURIComponent(run.dag)}/runs/${encodeURIComponent(run.run)}`, "DAG run that holds it")
  : link(`${base}/dags/hashtag_stream`, "hashtag_stream in Airflow"));

function parked(page, data) {
  const steps = data.parked.next_steps;
  return el("section", {}, el("h3", {}, "Why, and the three ways on"),
    el("p", { class: "evidence" }, `${safe(data.parked.reason)}, said ${safe(data.parked.who) || "somebody"}, ${instant(data.parked.since_ms)}.`),
    data.parked.error ? el("pre", {}, lines(data.parked.error)) : null,
    el("div", { class: "tools" }, resume(page, "Resume: the cause is mended"),
      el("a", { href: page.href("checkpoints", {}) }, "Roll back to a checkpoint")),
    el("p", {}, "To leave it stopped: ", el("code", {}, steps.stop)));
}

const resume = (page, text) => action(text, "hashtag_stream", { stream: page.stream, mode: "resume", reason: "" },
  "Goes on from its checkpoint; nothing is lost while landing is kept. The reason is kept with the launch.", { main: true });

function figures(data) {
  const newest = data.newest_minute_ms ? newestMinute(data.newest_minute_ms, data.now_ms) : ["none yet", ""];
  const total = (name) => data.batches.reduce((sum, one) => sum + one[name], 0);
  const span = `in the last ${data.hours} h`;
  return facts([
    ["Newest counted minute", ...newest],
    ["Last commit", data.commit_age_seconds === null ? "–" : `${lasted(data.commit_age_seconds)} ago`,
      data.batch_id === null ? "" : `batch ${data.batch_id} of generation ${data.generation}`],
    ["Waiting in landing", `${number(data.backlog_files)} ${data.backlog_files === 1 ? "file" : "files"}`, data.backlog_seconds ? `the oldest for ${lasted(data.backlog_seconds)}` : "nothing waits long"],
    ["Last batch took", lasted(data.batch_seconds), data.trigger_seconds ? `a batch begins each ${data.trigger_seconds} s` : ""],
    ["Speed of the last batch", data.rows_per_second === null ? "–" : `${number(Math.round(data.rows_per_second))} lines/s`],
    ["Late", number(total("late")), `${span}; dropped by the stream, counted by the seal`],
    ["Duplicates", number(total("duplicates")), `${span}; counted once`],
    ["Quarantined", number(total("quarantined")), `${span}; lines that are no tweets`],
    ["Remembered identities", number(data.state_rows), "the stream's state"],
    ["Disk in HDFS", bytes(Object.values(data.disk).reduce((a, b) => a + b, 0)),
      Object.entries(data.disk).map(([name, n]) => `${name} ${bytes(n)}`).join(", ")],
    ["Newest savepoint", data.savepoint ? safe(data.savepoint.name) : "none", data.savepoint ? instant(data.savepoint.time_ms) : "taken by `checkpoint savepoint`"],
    ["Application", data.application || "none", data.application ? `${data.state}, launch (epoch) ${data.epoch}` : ""]]);
}

// Where nothing was committed for long, there is no line: a straight one would say that all went on.
function broken(points) {
  const steps = points.slice(1).map(([at], n) => at - points[n][0]).sort((a, b) => a - b);
  const longest = 5 * (steps[Math.floor(steps.length / 2)] ?? Infinity);
  return points.flatMap((one, n) => (n && one[0] - points[n - 1][0] > longest ? [[points[n - 1][0] + 1, null], one] : [one]));
}

function curves(data, hours) {
  if (!data.batches.length) return el("p", {}, `No batch was committed in the last ${hours} hours.`);
  const of = (name) => broken(data.batches.map((one) => [one.at_ms, one[name]]));
  const trigger = data.trigger_seconds ? [{ label: "trigger", points: data.batches.map((one) => [one.at_ms, data.trigger_seconds]), second: true, dashed: true }] : [];
  return el("div", { class: "charts" },
    chart("Batch time against trigger", [{ label: "batch", points: of("seconds") }, ...trigger], "seconds"),
    chart("From arrival to commit", [{ label: "seconds", points: of("behind_s") }], "of the newest line of a batch"),
    chart("Lines a second in a batch", [{ label: "lines/s", points: of("rows_per_second") }]),
    chart("Late, duplicate and quarantined lines", [{ label: "late", points: of("late") }, { label: "duplicates", points: of("duplicates"), second: true },
      { label: "quarantined", points: of("quarantined"), dashed: true }], "lines of a batch"),
    chart("Remembered identities", [{ label: "rows of state", points: of("state_rows") }]));
}
