// The tab Layers: what is chosen, and what is shown of it. TensorBoard calls `render` in a frame of its own.

import { Address } from "./address.js";
import { Charts, COLOURS, DASHES, number } from "./charts.js";
import { diagnosisCard } from "./diagnosis.js";
import { button, element, fill, link } from "./elements.js";
import { getChanges, getHistograms, getTraining, getTrainings, getValues, loadPlotly } from "./server.js";

const MOST_CHOSEN = 4;
const SECONDS_BETWEEN_LOOKS = 5;
const MILLISECONDS_OF_A_RECORDING = 8000; // how long Play takes from the first epoch to the last

/** All that the page shows follows from this. Epochs are counted from 0, as they are recorded. */
const state = {
  trainings: [], // summaries of all trainings, newest first
  isComplete: false,
  chosen: [], // names, at most MOST_CHOSEN
  chosenByHand: false, // or by a link, so that what is suggested no longer counts
  loaded: new Map(), // name to details
  values: new Map(), // name to a quantity and its numbers, a Float32Array, epochs by layers
  quantity: "gradient_abs_mean",
  epoch: null, // null is the last
  layer: null,
  search: "",
};

const address = new Address("layers");
const plotly = loadPlotly(); // the largest file by far, so it is asked for first
plotly.catch(() => {}); // `render` says that it is missing
let charts;
let page;
let playing = null;

export async function render() {
  document.head.append(link("style.css"));
  followTheme();
  page = buildPage();
  document.body.append(page.root);
  document.addEventListener("keydown", onKey);
  address.onChange(() => { readAddress(); showChosen(); });
  readAddress();
  window.focus(); // so that the arrow keys arrive
  const drawing = plotly.catch(() => page.warn(
    "The charts of this tab are drawn by Plotly, which is not installed: pip install gradient-monitor[tensorboard], then start TensorBoard again."
  ));
  await look();
  charts = new Charts(await drawing, page, { onEpoch: goTo, onLayer: setLayer });
  new ResizeObserver(() => charts.resize()).observe(page.main);
  await showChosen();
}

// ---------------------------------------------------------------------------------------------------- what is there

/** Asks which trainings there are, until all are read and then every few seconds, and follows those that grow. */
async function look() {
  try {
    const answer = await getTrainings();
    const grown = answer.trainings.filter(
      (one) => state.chosen.includes(one.name) && state.loaded.get(one.name)?.version !== one.version
    );
    state.trainings = answer.trainings;
    state.isComplete = answer.is_complete;
    page.isDown(false);
    if (!address.has("run1") && !state.chosenByHand && answer.suggestion.length) {
      const before = state.chosen.join();
      state.chosen = answer.suggestion;
      if (before !== state.chosen.join() && charts) await showChosen();
    } else if (grown.length && charts) await showChosen();
    showList();
  } catch (error) {
    page.isDown(true);
  }
  setTimeout(look, state.isComplete ? SECONDS_BETWEEN_LOOKS * 1000 : 200);
}

/** Fetches what is chosen and not loaded in its newest version; then draws everything. */
async function showChosen() {
  const names = [...state.chosen];
  const known = new Map(state.trainings.map((one) => [one.name, one]));
  await Promise.all(names.map(async (name) => {
    const old = state.loaded.get(name);
    if (old && old.version === known.get(name)?.version && state.values.get(name)?.quantity === state.quantity) return;
    try {
      const details = old && old.version === known.get(name)?.version ? old : await getTraining(name);
      state.loaded.set(name, details);
      state.values.set(name, { quantity: state.quantity, numbers: await getValues(name, state.quantity) });
    } catch (error) {
      state.loaded.delete(name); // it is not there, or not yet
    }
  }));
  if (names.join() !== state.chosen.join()) return; // another choice was made meanwhile
  draw();
}

/** The chosen trainings that are loaded, as the charts take them. */
function shown() {
  return state.chosen.filter((name) => state.loaded.has(name)).map((name, index) => {
    const details = state.loaded.get(name);
    const quantity = details.quantities.find((one) => one.name === state.quantity);
    const values = state.values.get(name);
    return {
      ...details,
      index,
      layers: quantity ? quantity.layers : [],
      numbers: quantity && values.quantity === state.quantity ? values.numbers : new Float32Array(0),
    };
  });
}

// -------------------------------------------------------------------------------------------------- what is shown

function draw() {
  const trainings = shown();
  const unknown = state.isComplete ? state.chosen.filter((name) => !state.trainings.some((one) => one.name === name)) : [];
  page.say(unknown.length ? `There is no training ${unknown.join(", ")} here, or no epoch of it has ended.`
    : state.isComplete && state.trainings.length && !trainings.length ? "Choose a training in the list on the left." : "");
  page.body.hidden = !trainings.length;
  if (!trainings.length) {
    stopPlaying();
    page.columns([]);
    showList();
    writeAddress();
    return;
  }
  offerQuantities(trainings);
  page.slider.max = lastEpoch(trainings) + 1;
  const label = labelOfQuantity(trainings);
  if (!trainings.some((one) => one.layers.includes(state.layer))) state.layer = interestingLayer(trainings);
  page.columns(trainings.map((one) => column(one)));
  offerLayers(trainings);
  if (charts?.plotly) {
    const quantity = state.quantity;
    charts.drawMaps(trainings, quantity, label, state.layer).then(() => { document.body.dataset.painted = quantity; });
  }
  setTimeout(drawBelow); // once the maps are on the screen
  showList();
  writeAddress();
}

/** Draws what is below the maps, of what is chosen by then. */
function drawBelow() {
  const trainings = shown();
  if (!trainings.length) return;
  if (charts?.plotly) charts.showLayer(state.layer);
  showEpoch();
  showChanges(trainings);
}

/** The layer that is looked at first: one of those that the diagnosis is about, or else the first. */
function interestingLayer(trainings) {
  const concerned = trainings.flatMap((one) => one.findings.flatMap((finding) => finding.layers.filter((layer) => one.layers.includes(layer))));
  return concerned[0] ?? trainings[0]?.layers[0] ?? null;
}

/** The part of the page about one training: its name and verdict, a place for its map, its diagnosis. */
function column(training) {
  const result = training.result ? `, ${said(training.result)}` : "";
  const planned = training.planned_epochs;
  const isUnderWay = planned && training.recorded_epochs.at(-1) + 1 < planned;
  const epochs = isUnderWay ? `${training.epochs} of ${planned} epochs` : training.epochs === 1 ? "1 epoch" : `${training.epochs} epochs`;
  return {
    name: training.name,
    head: element("header", {}, [
      element("h2", { title: training.name }, [line(training.index), training.name]),
      element("p", {}, [chip(training), element("span", { class: "quiet" }, [` ${epochs}${result}`])]),
    ]),
    card: diagnosisCard(training, { onEpoch: goTo, onLayer: setLayer }),
  };
}

/** A metric and its last value: val_accuracy 0.846. */
const said = ([name, value]) => `${name} ${number(value)}`;

function chip(training) {
  const sign = { error: "✖", warning: "▲", healthy: "✔" }[training.severity];
  return element("span", { class: `chip ${training.severity}` }, [`${sign} ${training.verdict}`]);
}

/** A name that a line may break after a slash or an underscore. */
function breakable(name) {
  return name.split(/(?<=[/_])/).flatMap((part) => [part, element("wbr")]);
}

/** The line that stands for a training in the charts. */
function line(place) {
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const mark = svg("svg", { class: "mark", width: 28, height: 8, "aria-hidden": "true" });
  const colour = COLOURS[theme()][place];
  mark.append(svg("line", { x1: 0, x2: 28, y1: 4, y2: 4, stroke: colour, "stroke-width": 3, "stroke-dasharray": DASHES[place].svg }));
  return mark;
}

function showList() {
  const wanted = state.search.toLowerCase();
  const rows = state.trainings.filter((one) => one.name.toLowerCase().includes(wanted) || one.verdict.includes(wanted));
  const isFull = state.chosen.length >= MOST_CHOSEN;
  fill(page.list, rows.map((one) => {
    const place = state.chosen.indexOf(one.name);
    const box = element("input", { type: "checkbox" });
    box.checked = place >= 0;
    box.disabled = isFull && place < 0;
    box.addEventListener("change", () => choose(one.name, box.checked));
    return element("li", { class: place >= 0 ? "chosen" : "" }, [element("label", { title: one.name }, [
      box, element("span", { class: "name" }, breakable(one.name)), place >= 0 ? line(place) : "",
      element("span", { class: "verdict" }, [chip(one), element("span", { class: "quiet" }, [one.result ? said(one.result) : ""])]),
    ])]);
  }), (row) => row.outerHTML);
  const count = state.trainings.length;
  page.count.textContent = count && !rows.length ? `None of ${count} trainings matches.`
    : !state.isComplete ? `${count} read so far …`
    : count === 0 ? "No training with callbacks of gradient-monitor here yet."
    : isFull ? `${count} trainings; ${MOST_CHOSEN} can be shown at a time`
    : `${count} training${count === 1 ? "" : "s"}, newest first`;
}

function offerQuantities(trainings) {
  const groups = new Map();
  for (const training of trainings) for (const one of training.quantities) {
    if (!groups.has(one.group)) groups.set(one.group, new Map());
    groups.get(one.group).set(one.name, one.label);
  }
  if (trainings.length && ![...groups.values()].some((labels) => labels.has(state.quantity))) {
    state.quantity = groups.values().next().value?.keys().next().value ?? state.quantity;
    showChosen();
  }
  const titles = { gradient: "Gradients", weight: "Weights", activation: "Activations", prediction: "Predictions" };
  fill(page.quantity, [...groups].map(([group, labels]) => element("optgroup", { label: titles[group] ?? group },
    [...labels].map(([name, label]) => element("option", { value: name }, [label])))), (group) => group.innerHTML);
  page.quantity.value = state.quantity;
}

function offerLayers(trainings) {
  const layers = [...new Set(trainings.flatMap((one) => one.layers))];
  fill(page.layer, layers.map((layer) => element("option", { value: layer }, [layer])), (option) => option.value);
  page.layer.value = state.layer ?? "";
}

async function showChanges(trainings) {
  const names = trainings.map((one) => one.name);
  const lines = trainings.length === 2 ? await getChanges(...names).catch(() => []) : [];
  if (names.join() !== shown().map((one) => one.name).join()) return;
  page.changes.hidden = !lines.length;
  fill(page.changeLines, lines.map((line) => element("li", {}, [line])), (line) => line.textContent);
}

/** Moves what depends on the epoch, and nothing else. */
function showEpoch() {
  const trainings = shown();
  const epoch = Math.min(state.epoch ?? Infinity, lastEpoch(trainings));
  page.slider.value = epoch + 1;
  page.slider.setAttribute("aria-valuetext", `epoch ${epoch + 1}`);
  page.epoch.textContent = `${epoch + 1}`;
  if (!charts?.plotly || !trainings.length) return;
  charts.showEpoch(epoch);
  page.sentence(charts.sentence(epoch));
  if (trainings.some((one) => one.has_histograms)) showHistograms(trainings, epoch, state.layer);
  else page.histograms.hidden = true;
}

/** Draws the chosen layer's gradients, or its weights if a quantity of the weights is shown. */
const showHistograms = oneAtATime(async (trainings, epoch, layer) => {
  const what = state.quantity.startsWith("weight") ? "weights" : "gradient";
  const answers = await Promise.all(trainings.map((one) => getHistograms(one.name, layer, epoch).catch(() => ({}))));
  const found = answers.map((answer) => answer[what]);
  page.histograms.hidden = !found.some(Boolean);
  if (!page.histograms.hidden) charts.drawHistograms(trainings, found, `${what} of ${layer}`);
});

// ------------------------------------------------------------------------------------------------ what is chosen

function choose(name, isChosen) {
  state.chosenByHand = true;
  state.chosen = isChosen ? [...state.chosen, name] : state.chosen.filter((one) => one !== name);
  showList();
  showChosen();
}

/** Goes to an epoch that somebody chose. */
function goTo(epoch) {
  stopPlaying();
  setEpoch(epoch);
}

function setEpoch(epoch) {
  state.epoch = Math.max(0, Math.min(epoch, lastEpoch(shown())));
  showEpoch();
  writeAddress();
}

function setLayer(layer) {
  state.layer = layer;
  page.layer.value = layer;
  if (charts?.plotly) charts.showLayer(layer);
  showEpoch();
  writeAddress();
}

function setQuantity(quantity) {
  state.quantity = quantity;
  showChosen();
}

function play() {
  if (playing) return stopPlaying();
  const last = lastEpoch(shown());
  const from = state.epoch === null || state.epoch >= last ? 0 : state.epoch;
  const began = performance.now();
  playing = setInterval(() => {
    const epoch = from + Math.floor((performance.now() - began) / MILLISECONDS_OF_A_RECORDING * (last + 1));
    setEpoch(epoch);
    if (epoch >= last) stopPlaying();
  }, 100);
  page.play.textContent = "❚❚ Pause";
}

function stopPlaying() {
  clearInterval(playing);
  playing = null;
  page.play.textContent = "▶ Play";
}

function onKey(event) {
  if (event.target.matches("select, input:not([type=checkbox])") || event.ctrlKey || event.metaKey || event.altKey) return;
  const epoch = state.epoch ?? lastEpoch(shown());
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 };
  if (event.key in steps) goTo(epoch + steps[event.key]);
  else if (event.key === "Home") goTo(0);
  else if (event.key === "End") goTo(Infinity);
  else if (event.key === " " && !event.target.matches("button, input, summary")) play();
  else return;
  event.preventDefault();
}

function lastEpoch(trainings) {
  return Math.max(0, ...trainings.map((one) => one.recorded_epochs.at(-1)));
}

function labelOfQuantity(trainings) {
  for (const one of trainings) {
    const found = one.quantities.find((quantity) => quantity.name === state.quantity);
    if (found) return found.label;
  }
  return state.quantity;
}

/** The state in the address, so that a link shows the same. */
function writeAddress() {
  const runs = Object.fromEntries(state.chosen.map((name, index) => [`run${index + 1}`, name]));
  const epoch = state.epoch === null ? {} : { epoch: state.epoch + 1 };
  address.write({ ...runs, quantity: state.quantity, ...(state.layer ? { layer: state.layer } : {}), ...epoch });
}

function readAddress() {
  const said = address.read();
  const chosen = [1, 2, 3, 4].map((number) => said[`run${number}`]).filter(Boolean);
  if (chosen.length) Object.assign(state, { chosen, chosenByHand: true });
  if (said.quantity) state.quantity = said.quantity;
  if (said.layer) state.layer = said.layer;
  state.epoch = said.epoch > 0 ? said.epoch - 1 : null;
}

// ------------------------------------------------------------------------------------------------------ the page

function buildPage() {
  const search = element("input", { type: "search", placeholder: "Search", "aria-label": "Search trainings" });
  search.addEventListener("input", () => { state.search = search.value; showList(); });
  const list = element("ul", { class: "trainings" });
  const count = element("p", { class: "quiet", role: "status" });
  const quantity = element("select", { "aria-label": "Quantity" });
  quantity.addEventListener("change", () => { setQuantity(quantity.value); quantity.blur(); });
  const layer = element("select", { "aria-label": "Layer" });
  layer.addEventListener("change", () => { setLayer(layer.value); layer.blur(); });
  const slider = element("input", { type: "range", min: 1, max: 1, step: 1, "aria-label": "Epoch" });
  slider.addEventListener("input", () => goTo(slider.valueAsNumber - 1));
  const playButton = button("▶ Play", play);
  const epoch = element("output");
  const warning = element("p", { class: "warning", role: "alert", hidden: "" });
  const sentence = element("p", { class: "sentence", "aria-live": "polite" });
  const columns = element("div", { class: "columns" });
  const profile = element("div", { class: "chart" });
  const course = element("div", { class: "chart" });
  const histogram = element("div", { class: "chart" });
  const histograms = element("section", { hidden: "" }, [element("h3", {}, ["Distribution in this layer"]), histogram]);
  const changeLines = element("ul");
  const changes = element("section", { class: "changes", hidden: "" }, [
    element("h3", {}, ["What changed from the first to the second"]), changeLines,
  ]);
  const scale = element("div", { class: "scale" });
  const notice = element("p", { class: "notice", role: "status", hidden: "" });
  const down = element("p", { class: "warning", role: "alert", hidden: "" }, ["TensorBoard does not answer; this page asks again."]);
  const body = element("div", {}, [
    element("div", { class: "toolbar" }, [
      element("label", {}, ["Quantity ", quantity]), scale,
      playButton, element("label", { class: "epochs" }, ["Epoch ", epoch, slider]),
    ]),
    sentence, columns,
    element("div", { class: "lower" }, [
      element("section", {}, [element("h3", {}, ["Along the layers, in this epoch"]), profile]),
      element("section", {}, [element("h3", {}, [element("label", {}, ["Over the epochs, in layer ", layer])]), course]),
      histograms, changes,
    ]),
  ]);
  const main = element("main", {}, [down, warning, notice, body]);
  const root = element("div", { class: "page" }, [
    element("nav", { "aria-label": "Trainings" }, [search, count, list]), main,
  ]);
  const maps = new Map();
  return {
    root, main, body, list, count, quantity, layer, slider, epoch, play: playButton, profile, course, histogram, histograms,
    changes, changeLines, scale, maps,
    sentence: (text) => { sentence.textContent = text; },
    warn: (text) => { warning.textContent = text; warning.hidden = !text; },
    say: (text) => { notice.textContent = text; notice.hidden = !text; },
    isDown: (is) => { down.hidden = !is; },
    columns(wanted) {
      for (const [name, one] of maps) if (!wanted.some((column) => column.name === name)) { one.root.remove(); maps.delete(name); }
      for (const column of wanted) {
        if (!maps.has(column.name)) {
          const place = { plot: element("div", { class: "map" }), line: element("div", { class: "epoch-line" }), readout: element("div", { class: "readout", hidden: "" }) };
          place.root = element("article", { "aria-label": column.name }, [element("div"), element("div", { class: "map-frame" }, [place.plot, place.line, place.readout]), element("div")]);
          maps.set(column.name, place);
        }
        const place = maps.get(column.name);
        place.root.firstChild.replaceChildren(column.head);
        const wasOpen = place.root.lastChild.querySelector("details[open]");
        place.root.lastChild.replaceChildren(column.card);
        if (wasOpen) for (const one of column.card.querySelectorAll("details")) one.open = true;
        columns.append(place.root); // in the order of the choice
      }
    },
  };
}

export function theme() {
  return document.body.classList.contains("dark") ? "dark" : "light";
}

/** Light or dark, as TensorBoard is set, now and when that changes. */
function followTheme() {
  let outside;
  try { outside = window.parent.document.body; } catch { return; }
  const follow = () => {
    const isDark = outside.classList.contains("dark-mode");
    if (isDark === document.body.classList.contains("dark")) return;
    document.body.classList.toggle("dark", isDark);
    if (charts?.plotly) draw();
  };
  new MutationObserver(follow).observe(outside, { attributes: true, attributeFilter: ["class"] });
  follow();
}

/** A function that runs a task unless it is running; of the calls meanwhile the last one is made afterwards. */
function oneAtATime(task) {
  let isRunning = false, waiting = null;
  return async function run(...given) {
    if (isRunning) { waiting = given; return; }
    isRunning = true;
    try { await task(...given); } finally { isRunning = false; }
    const next = waiting;
    waiting = null;
    if (next) run(...next);
  };
}
