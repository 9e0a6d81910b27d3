// Which view of which stream is shown, how old it is, and when it is read again. The address after # says all of it.
import { setRights } from "./actions.js";
import { airflow, ask, Refused } from "./api.js";
import { forget } from "./charts.js";
import { el, safe, second } from "./dom.js";
import { strip } from "./summary.js";
import { checkpoints } from "./views/checkpoints.js";
import { cost } from "./views/cost.js";
import { health } from "./views/health.js";
import { history } from "./views/history.js";
import { hours } from "./views/hours.js";
import { now } from "./views/now.js";
import { tag } from "./views/tag.js";

const VIEWS = { now: ["Now", now], health: ["Health", health], hours: ["Hours", hours], history: ["History", history],
  checkpoints: ["Checkpoints", checkpoints], cost: ["Cost", cost] };
const ALL = { ...VIEWS, tag: ["Tag", tag] };
const EVERY_MS = 10_000;
const byId = (id) => document.getElementById(id);

let shown = 0;      // of requests that overlap, the last one counts
let held = false;   // somebody is typing
let seen = "";      // view and stream that were asked for last
let age = null;

function place() {
  const [view, query] = location.hash.slice(1).split("?");
  return { view: view in ALL ? view : "now", parameters: Object.fromEntries(new URLSearchParams(query)) };
}

const address = (view, parameters) => `#${view}?${new URLSearchParams(Object.fromEntries(
  Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null)))}`;

async function show() {
  shown += 1;
  const mine = shown;
  const { view, parameters } = place();
  const stream = parameters.stream ?? byId("stream").value;
  const faults = [];
  const asked = async (path, more, counts) => {
    const answer = await ask(path, { stream, ...more });
    if (answer.fault) faults.push(answer.fault);
    if (counts && mine === shown) age = answer;
    return answer;
  };
  const page = { stream, parameters, ask: (path, more) => asked(path, more, true), also: (path, more) => asked(path, more, false),
    href: (other, more) => address(other, { stream, ...more }), go: (more) => { location.hash = address(view, { ...parameters, stream, ...more }); },
    hold: (yes) => { if (mine === shown) held = yes; } };
  tabs(view, stream);
  choose(stream);
  // What still stands there is of the view before.
  if (seen !== view + stream) byId("main").setAttribute("aria-busy", "true");
  seen = view + stream;
  strip(page, byId("summary"), () => mine === shown);
  try {
    const made = (await ALL[view][1](page)).flat(Infinity).filter(Boolean);
    if (mine !== shown) return;
    put(made);
    banner(faults.length ? `${faults[0]}${age?.made_ms && age.data ? `. Shown is what was known at ${second(age.made_ms)}.` : ""}` : "");
  } catch (error) {
    if (mine === shown) {
      banner(words(error));
      if (byId("main").ariaBusy) put([el("h2", {}, ALL[view][0])]);
    }
  }
  tell();
}

// Whoever walks by keyboard stays where they are when the view is read again.
function put(made) {
  const main = byId("main");
  const within = [...main.querySelectorAll("a, button, input, select, summary, [tabindex]")];
  const at = within.indexOf(document.activeElement);
  const open = [...main.querySelectorAll("details")].map((one) => one.open);
  main.replaceChildren(...made);
  main.removeAttribute("aria-busy");
  [...main.querySelectorAll("details")].forEach((one, n) => { if (open[n]) one.open = true; });
  if (at >= 0) main.querySelectorAll("a, button, input, select, summary, [tabindex]")[at]?.focus({ preventScroll: true });
  forget();
}

function words(error) {
  if (error instanceof Refused && error.status === 401) return "Your login has ended: log in to Airflow again, then reload this page.";
  if (error instanceof Refused && error.status === 403) return "You may not read hashtag_stream, so there is nothing to show.";
  if (error instanceof Refused) return safe(error.message);
  return "Airflow does not answer; what is shown is as old as it says below.";
}

function banner(text) {
  const place = byId("banner");
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

function tabs(view, stream) {
  const current = view === "tag" ? "now" : view;
  byId("views").replaceChildren(...Object.entries(VIEWS).map(([name, [text]]) => el("li", {}, el("a", {
    href: address(name, { stream }), "aria-current": name === current ? "page" : null }, text))));
  document.title = `${ALL[view][0]} · Hashtags`;
}

// A stream that an address names is shown as chosen, also where there is none of that name.
function choose(stream) {
  const chooser = byId("stream");
  if (![...chooser.options].some((one) => one.value === stream)) chooser.append(el("option", { value: stream }, safe(stream)));
  chooser.value = stream;
}

function tell() {
  const text = age?.made_ms ? `Data of ${second(age.made_ms)}; read again each ${EVERY_MS / 1000} s while this is looked at.` : "";
  byId("age").textContent = text;
}

async function streams() {
  const chooser = byId("stream");
  const found = await ask("streams");
  setRights(found);
  const wanted = place().parameters.stream ?? await ofRun() ?? "hashtags";
  const names = found.data?.length ? found.data : [wanted];
  const chosen = names.includes(wanted) ? wanted : names[0];
  chooser.replaceChildren(...names.map((name) => el("option", { value: name, selected: name === chosen }, name)));
  if (found.fault) banner(found.fault);
}

// As a tab of a run, Airflow says which one; the run's own parameters name the stream.
async function ofRun() {
  const query = new URLSearchParams(location.search);
  if (!query.get("run")) return null;
  try {
    const run = await airflow("GET", `dags/${encodeURIComponent(query.get("dag"))}/dagRuns/${encodeURIComponent(query.get("run"))}`);
    return run.conf?.stream ?? null;
  } catch {
    return null;
  }
}

function theme() {
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch { /* storage is shut: as the system has it */ }
  const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

theme();
addEventListener("storage", () => { theme(); show(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { theme(); show(); });
addEventListener("hashchange", () => { held = false; show(); });
byId("stream").addEventListener("change", (event) => { location.hash = address(place().view, { stream: event.target.value }); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) show(); });
setInterval(() => { if (!document.hidden && !held && !byId("dialog").open) show(); }, EVERY_MS);
try {
  await streams();
} catch (error) {
  banner(words(error));
}
await show();
