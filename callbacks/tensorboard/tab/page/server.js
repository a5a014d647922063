// What the page asks of TensorBoard: the routes of plugin.py.

const there = (path, query = {}) => {
  const url = new URL(path, import.meta.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
};

async function get(path, query) {
  const answer = await fetch(there(path, query));
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

const getJson = async (path, query) => (await get(path, query)).json();

export const getTrainings = () => getJson("trainings");
export const getTraining = (run) => getJson("training", { run });
export const getHistograms = (run, layer, epoch) => getJson("histograms", { run, layer, epoch });
export const getChanges = (before, after) => getJson("changes", { before, after });

/** A quantity as a Float32Array, epochs by layers; empty where the training has no such quantity. */
export async function getValues(run, quantity) {
  const answer = await fetch(there("values", { run, quantity }));
  return new Float32Array(answer.ok ? await answer.arrayBuffer() : 0);
}

/** Plotly, as its Python package ships it. */
export function loadPlotly() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = there("plotly.min.js");
    script.onload = () => resolve(window.Plotly);
    script.onerror = reject;
    document.head.append(script);
  });
}
