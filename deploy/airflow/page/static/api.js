// Requests: the page's own, and Airflow's public API, both with the login of whoever looks.

export const base = location.pathname.replace(/\/hashtide\/.*$/, "");

export class Refused extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

async function answer(response) {
  if (response.ok) return response.status === 204 ? null : response.json();
  let text = response.statusText;
  try {
    const { detail } = await response.json();
    text = typeof detail === "string" ? detail : JSON.stringify(detail?.reason ?? detail);
  } catch { /* no JSON: the status says enough */ }
  throw new Refused(response.status, text);
}

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams(parameters);
  return answer(await fetch(`api/${path}?${query}`, { headers: { Accept: "application/json" } }));
}

export async function airflow(method, path, body) {
  return answer(await fetch(`${base}/api/v2/${path}`, {
    method, headers: { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined }));
}
