// A DAG's form, filled in: Airflow's own form takes no values from a link. The run is made by Airflow's API as the user.
import { airflow, base, Refused } from "./api.js";
import { el, link, safe } from "./dom.js";

let rights = { user: "", trigger: {} };
export const setRights = (found) => { rights = found; };

export function action(text, dag, conf, told, options = {}) {
  const may = rights.trigger[dag];
  return el("button", {
    type: "button", disabled: !may, class: options.main ? "main" : null,
    title: may ? null : `${rights.user || "You"} may look at ${dag}, and may not trigger it`,
    onclick: () => form(text, dag, conf, told),
  }, may ? text : `${text} (needs the right to trigger ${dag})`);
}

async function form(title, dag, conf, told) {
  const dialog = document.getElementById("dialog");
  const said = el("p", { role: "status" });
  const fields = Object.entries(conf).map(([name, value]) => [name, typeof value, el("input", { name, value, autocomplete: "off" })]);
  const go = el("button", { type: "submit", class: "main" }, "Trigger");
  const made = el("form", { method: "dialog", onsubmit: (event) => { event.preventDefault(); trigger(dag, fields, said, go); } },
    el("h2", { id: "dialog-title" }, title), el("p", {}, told),
    fields.map(([name, , input]) => el("label", {}, name, input)), said,
    el("div", { class: "tools" }, go, el("button", { type: "button", onclick: () => dialog.close() }, "Close"),
      link(`${base}/dags/${encodeURIComponent(dag)}`, `${dag} in Airflow`)));
  dialog.replaceChildren(made);
  dialog.showModal();
  try {
    const found = await airflow("GET", `dags/${encodeURIComponent(dag)}`);
    if (found.is_paused) said.textContent = `${dag} is paused in Airflow: the run waits until somebody switches it on.`;
  } catch (error) {
    said.textContent = `${dag}: ${safe(error.message)}`;
  }
}

async function trigger(dag, fields, said, go) {
  const conf = Object.fromEntries(fields.map(([name, type, input]) => [name, type === "number" ? Number(input.value) : input.value]));
  go.disabled = true;
  said.textContent = "Triggering…";
  try {
    const run = await airflow("POST", `dags/${encodeURIComponent(dag)}/dagRuns`, { logical_date: null, conf });
    const href = `${base}/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run.dag_run_id)}`;
    said.replaceChildren("Triggered: ", link(href, run.dag_run_id), ". ", conf.mode && conf.mode !== "resume"
      ? el("span", {}, "Nothing is changed until somebody approves it under ", link(`${base}/required_actions`, "Required Actions"), ".") : "");
  } catch (error) {
    go.disabled = false;
    said.textContent = error instanceof Refused && error.status === 403
      ? `You may look at ${dag}, and may not trigger it.` : `Not triggered: ${safe(error.message)}`;
  }
}
