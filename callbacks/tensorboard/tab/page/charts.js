// The charts, drawn by Plotly: a map of layers by epochs for each training, a profile, a course, histograms.

import { element, fill } from "./elements.js";

// Colours that every kind of colour vision tells apart (Okabe and Ito, 2008), lighter on a dark page; and dashes.
export const COLOURS = {
  light: ["#0072b2", "#d55e00", "#009e73", "#b0609a"],
  dark: ["#56b4e9", "#e69f00", "#1fc99a", "#e094c5"],
};
export const DASHES = [
  { plotly: "solid", svg: "" }, { plotly: "dash", svg: "7 4" }, { plotly: "dot", svg: "3 3" }, { plotly: "dashdot", svg: "8 3 3 3" },
];
const INK = { light: { text: "#202124", grid: "#e3e5e8", page: "#ffffff" }, dark: { text: "#e8eaed", grid: "#4a4d51", page: "#303030" } };
const ZERO = "#9e9e9e", NOT_FINITE = "#d62728", CONCERNED = "#ff2d87";
const SCALE = "Viridis";
const VIRIDIS = "linear-gradient(to right,#440154,#472777,#3e4989,#31688e,#26828e,#1f9e89,#35b779,#6ece58,#b5de2b,#fde725)";
const MARGIN = { l: 112, r: 40, t: 6, b: 36 };
const METRICS_HEIGHT = 110, GAP = 24, FEW = 40;
const MOST_NAMES = 28; // of layers along an axis
const MOST_DECADES = 6; // that a training may be above or below all others before its colours are cut
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset" };

export class Charts {
  constructor(plotly, page, { onEpoch, onLayer }) {
    Object.assign(this, { plotly, page, onEpoch, onLayer, trainings: [], label: "" });
  }

  drawMaps(trainings, quantity, label, layer) {
    Object.assign(this, { trainings, label, layer });
    this.isShare = quantity.endsWith("_fraction"); // from 0 to 1, on a linear scale
    this.range = this.isShare ? [0, 1] : logRange(trainings);
    this.colourRange = this.isShare ? [0, 1] : clippedRange(trainings, this.range);
    const epochs = trainings.flatMap((one) => [one.recorded_epochs[0] + 1, one.recorded_epochs.at(-1) + 1]);
    this.epochs = [Math.min(...epochs) - 0.5, Math.max(...epochs) + 0.5];
    this.drawScale();
    const rows = Math.max(1, ...trainings.map((one) => one.layers.length));
    this.mapHeight = Math.max(170, Math.min(420, 20 * rows));
    return Promise.all(trainings.map((training) => this.drawMap(training)));
  }

  get theme() {
    return document.body.classList.contains("dark") ? "dark" : "light";
  }

  colour(training) {
    return COLOURS[this.theme][training.index];
  }

  /** The colour scale that all maps share, above them, with the colours of what a logarithm cannot show. */
  drawScale() {
    const [low, high] = this.isShare ? ["0", "1"] : this.colourRange.map((exponent, end) => (exponent === this.range[end] ? "" : end ? "≥ " : "≤ ") + number(10 ** exponent));
    const marks = [...(this.isShare ? [] : [[ZERO, "zero", (v) => v === 0]]), [NOT_FINITE, "NaN or infinite", (v) => Math.abs(v) === Infinity], ["transparent", "not recorded", Number.isNaN]];
    const present = marks.filter(([, , is]) => this.trainings.some((one) => one.numbers.some(is)));
    const bar = element("span", { class: "bar", style: `background:${VIRIDIS}` });
    const swatches = present.map(([colour, text]) => element("span", { class: "swatch" }, [element("i", { style: `background:${colour}` }), text]));
    if (this.trainings.some((one) => concernedLayers(one).size)) swatches.push(element("span", { class: "swatch" }, [element("i", { style: `background:${CONCERNED}` }), "layer in the diagnosis"]));
    fill(this.page.scale, [element("span", {}, [low]), bar, element("span", {}, [high]), ...swatches], (one) => one.outerHTML);
    this.page.scale.setAttribute("aria-label", `Colours, ${this.isShare ? "linear" : "logarithmic"}, from ${low} (dark) to ${high} (light)`);
  }

  drawMap(training) {
    const place = this.page.maps.get(training.name);
    const epochs = training.recorded_epochs.map((epoch) => epoch + 1);
    const { z, marks, hasMarks } = this.cells(training);
    const rows = training.layers.map((_, index) => index);
    const common = { type: "heatmap", x: epochs, y: rows, hoverinfo: "none", showscale: false, xaxis: "x", yaxis: "y" };
    const traces = [{ ...common, z, zmin: this.colourRange[0], zmax: this.colourRange[1], colorscale: SCALE }];
    if (hasMarks) traces.push({ ...common, z: marks, zmin: 0, zmax: 1, colorscale: [[0, ZERO], [1, NOT_FINITE]] });
    const metrics = this.metricTraces(training, epochs);
    const height = this.mapHeight + GAP + METRICS_HEIGHT + MARGIN.t + MARGIN.b;
    const inner = this.mapHeight + GAP + METRICS_HEIGHT;
    const ink = INK[this.theme];
    const concerned = concernedLayers(training);
    const step = Math.max(1, Math.round(rows.length / MOST_NAMES));
    const labelled = rows.filter((row) => row % step === 0);
    const axis = { color: ink.text, gridcolor: ink.grid, zeroline: false, tickfont: { size: 12 }, automargin: false };
    const layout = {
      height, width: place.plot.clientWidth, margin: MARGIN, showlegend: false, uirevision: "zoom", hovermode: "closest", dragmode: "zoom",
      paper_bgcolor: "transparent", plot_bgcolor: "transparent", font: { color: ink.text, family: "Roboto, sans-serif", size: 12 },
      xaxis: { ...axis, anchor: "y2", title: { text: "epoch", standoff: 4, font: { size: 12 } }, range: this.epochs, ...wholeTicks(this.epochs, 6) },
      yaxis: { ...axis, domain: [1 - this.mapHeight / inner, 1], range: [-0.5, rows.length - 0.5], fixedrange: true, showgrid: false,
        tickvals: labelled, ticktext: this.layerNames(training, labelled), ticks: "", ticklabelstandoff: 14 },
      yaxis2: { ...axis, domain: [0, METRICS_HEIGHT / inner], fixedrange: true, nticks: 4, title: { text: "loss", standoff: 2, font: { size: 12 } }, rangemode: "tozero" },
      yaxis3: { ...axis, overlaying: "y2", side: "right", fixedrange: true, range: [0, 1.02], showgrid: false, tickvals: [0, 0.5, 1], ticks: "", ticklabelstandoff: 6 },
      annotations: [...metrics.annotations, ...(rows.length ? [] : [nothing(ink)])],
      shapes: brackets(training.layers, concerned), datarevision: `${training.version} ${this.label} ${this.theme}`,
    };
    const drawn = this.plotly.react(place.plot, [...traces, ...metrics.traces], layout, CONFIG);
    place.plot.setAttribute("role", "img");
    place.plot.setAttribute("aria-label", `${this.label} of ${training.layers.length} layers over ${epochs.length} epochs of ${training.name}`);
    if (!place.isListening) this.listen(training.name, place);
    return drawn;
  }

  layerNames(training, rows) {
    const text = (name) => (name === this.layer ? `<b>${plain(shortened(name))}</b>` : plain(shortened(name)));
    return rows.map((row) => text(training.layers[row]));
  }

  /** A map's numbers, layers by epochs, null where there is none; and 0 for zeros, 1 for what is not finite. */
  cells({ numbers, layers, recorded_epochs: epochs }) {
    const z = layers.map(() => new Array(epochs.length).fill(null));
    const marks = layers.map(() => new Array(epochs.length).fill(null));
    let hasMarks = false;
    for (let row = 0, place = 0; row < epochs.length; row++) for (let column = 0; column < layers.length; column++, place++) {
      const size = Math.abs(numbers[place]);
      if (this.isShare && size < Infinity) z[column][row] = size;
      else if (size > 0 && size < Infinity) z[column][row] = Math.log10(size);
      else if (!Number.isNaN(size)) { marks[column][row] = size === 0 ? 0 : 1; hasMarks = true; }
    }
    return { z, marks, hasMarks };
  }

  /** Loss on the left axis, accuracy on the right; training solid, validation dotted. */
  metricTraces(training, epochs) {
    const ink = INK[this.theme].text;
    const accuracy = Object.keys(training.metrics).find((name) => !name.startsWith("val_") && (name === "acc" || name.endsWith("accuracy")));
    const lines = [["loss", "y2", "#8a8f98"], [accuracy, "y3", ink]].filter(([name]) => training.metrics[name]);
    const traces = lines.flatMap(([name, yaxis, color]) => [[name, "solid"], [`val_${name}`, "dot"]]
      .filter(([metric]) => training.metrics[metric])
      .map(([metric, dash]) => ({ type: "scatter", mode: epochs.length < FEW ? "lines+markers" : "lines", x: epochs, y: training.metrics[metric], xaxis: "x", yaxis, connectgaps: true, line: { color, dash, width: 1.6 }, marker: { color, size: 4 }, hoverinfo: "none", name: metric })));
    const end = training.metrics.loss?.at(-1) === null ? ", NaN at the end" : "";
    const said = lines.map(([name]) => (name === "loss" ? `loss (grey${end})` : `${name} (right)`)).join(", ");
    const validated = traces.length > lines.length ? "; dotted: validation" : "";
    return { traces, annotations: [{ text: plain(said + validated), xref: "paper", yref: "y2 domain", x: 1, y: 1.02, xanchor: "right", yanchor: "bottom", showarrow: false, font: { size: 11, color: ink } }] };
  }

  listen(name, place) {
    place.isListening = true;
    place.plot.on("plotly_hover", (event) => this.read(name, place, event));
    place.plot.on("plotly_unhover", () => { place.readout.hidden = true; });
    place.plot.on("plotly_doubleclick", () => { // its two clicks were no choice of a cell
      this.onEpoch(this.clicked.epoch);
      this.onLayer(this.clicked.layer);
    });
    place.plot.on("plotly_click", (event) => {
      const training = this.trainings.find((one) => one.name === name);
      const point = event.points[0];
      if (!(performance.now() - this.clicked?.time < 500)) this.clicked = { time: performance.now(), epoch: this.epoch, layer: this.layer };
      this.onEpoch(Math.round(point.x) - 1);
      if (point.data.type === "heatmap") this.onLayer(training.layers[point.y]);
    });
    place.plot.on("plotly_relayout", () => { this.moveLine(place); this.zoomAlike(place); });
  }

  /** Gives all maps the epochs of the one that was zoomed. */
  zoomAlike(place) {
    const range = [...place.plot.layout.xaxis.range];
    for (const training of this.trainings) {
      const { plot } = this.page.maps.get(training.name);
      const other = plot.layout.xaxis.range;
      if (Math.abs(other[0] - range[0]) + Math.abs(other[1] - range[1]) > 1e-9) this.plotly.relayout(plot, { "xaxis.range": [...range] });
    }
  }

  /** Says what is under the pointer: layer, epoch, value. */
  read(name, place, { points: [point], event }) {
    const training = this.trainings.find((one) => one.name === name);
    const row = training.recorded_epochs.indexOf(Math.round(point.x) - 1);
    const what = point.data.type === "heatmap"
      ? `${training.layers[point.y]}, epoch ${point.x}: ${said(valueAt(training, row, point.y))}`
      : `${point.data.name}, epoch ${point.x}: ${number(point.y)}`;
    place.readout.textContent = what;
    place.readout.hidden = false;
    const frame = place.plot.getBoundingClientRect();
    place.readout.style.top = `${event.clientY - frame.top + 14}px`;
    place.readout.style.left = `${Math.max(0, Math.min(event.clientX - frame.left - 40, frame.width - place.readout.offsetWidth))}px`;
  }

  showEpoch(epoch) {
    this.epoch = epoch;
    for (const training of this.trainings) this.moveLine(this.page.maps.get(training.name));
    this.drawProfile();
  }

  /** The line over a map, an element of its own, so that moving it draws nothing else. */
  moveLine(place) {
    const axis = place.plot.layout?.xaxis;
    if (!axis || this.epoch === undefined) return;
    const [first, last] = axis.range;
    const share = (this.epoch + 1 - first) / (last - first);
    place.line.hidden = share < 0 || share > 1;
    place.line.style.left = `${MARGIN.l + share * (place.plot.layout.width - MARGIN.l - MARGIN.r)}px`;
    place.line.style.top = `${MARGIN.t}px`;
    place.line.style.height = `${this.mapHeight + GAP + METRICS_HEIGHT}px`;
  }

  /** The quantity along the layers in one epoch, a line for each training, on axes that do not move. */
  drawProfile() {
    const longest = this.trainings.reduce((a, b) => (b.layers.length > a.layers.length ? b : a));
    if (!longest.layers.length) return;
    const step = Math.max(1, Math.ceil(longest.layers.length / 16));
    const labelled = longest.layers.map((_, index) => index).filter((index) => index % step === 0);
    const sameNames = this.trainings.every((one) => one.layers.every((layer, index) => layer === longest.layers[index]));
    const traces = this.trainings.flatMap((training) => {
      const row = rowAt(training, this.epoch);
      const values = training.layers.map((_, index) => (row < 0 ? NaN : valueAt(training, row, index)));
      return this.withMarks(training.layers.map((_, index) => index), values, training);
    });
    this.drawLines(this.page.profile, traces, {
      title: "layer, from input to output",
      tickvals: labelled,
      ticktext: labelled.map((index) => (sameNames ? plain(shortened(longest.layers[index])) : `${index + 1}`)),
      range: [-0.4, longest.layers.length - 0.6],
    });
  }

  /** The quantity over the epochs in one layer, a line for each training that has it. */
  showLayer(layer) {
    const isNew = layer !== this.layer;
    this.layer = layer;
    if (isNew) for (const training of this.trainings) {
      const { plot } = this.page.maps.get(training.name);
      if (plot.layout?.yaxis.tickvals) this.plotly.relayout(plot, { "yaxis.ticktext": this.layerNames(training, plot.layout.yaxis.tickvals) });
    }
    const traces = this.trainings.filter((one) => one.layers.includes(layer)).flatMap((training) => {
      const column = training.layers.indexOf(layer);
      const values = training.recorded_epochs.map((_, row) => valueAt(training, row, column));
      return this.withMarks(training.recorded_epochs.map((epoch) => epoch + 1), values, training, training.recorded_epochs.length < FEW ? "lines+markers" : "lines");
    });
    this.drawLines(this.page.course, traces, { title: "epoch", range: this.epochs, ...wholeTicks(this.epochs, 8) });
  }

  /** A layer's distribution in the histogram of each training that was written last: the density, so that a
   * narrow one is high. */
  drawHistograms(trainings, found, title) {
    const traces = trainings.flatMap((training, index) => {
      const histogram = found[index];
      if (!histogram) return [];
      const total = histogram.buckets.reduce((sum, [, , count]) => sum + count, 0) || 1;
      const density = ([left, right, count]) => (right > left ? count / total / (right - left) : null);
      return [{ type: "scatter", mode: "lines", x: histogram.buckets.map(([left, right]) => (left + right) / 2),
        y: histogram.buckets.map(density), ...this.style(training), line: { ...this.style(training).line, shape: "hvh" },
        name: plain(`${shortened(training.name, 40)}, epoch ${histogram.epoch + 1}`), hovertemplate: "density %{y:.3g} at %{x:.2e}<extra>%{fullData.name}</extra>" }];
    });
    this.drawLines(this.page.histogram, traces, { title: plain(title), nticks: 5 }, { title: { text: "density (area 1)", font: { size: 12 } }, rangemode: "tozero" });
  }

  drawLines(plot, traces, xaxis, yaxis = null) {
    const ink = INK[this.theme];
    const axis = { color: ink.text, gridcolor: ink.grid, zeroline: false, tickfont: { size: 12 }, automargin: true };
    const { title, ...along } = xaxis;
    const share = { range: [-0.04, 1.04], title: { text: plain(this.label), font: { size: 12 } } };
    const log = this.isShare ? share : { type: "log", range: [this.range[0] - 0.35, this.range[1] + 0.15], title: { text: plain(`${this.label} (log scale)`), font: { size: 12 } }, exponentformat: "power", dtick: Math.max(1, Math.ceil((this.range[1] - this.range[0]) / 6)) };
    this.plotly.react(plot, traces, {
      height: 260, width: plot.clientWidth, margin: { l: 60, r: 12, t: 28, b: 44 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
      font: { color: ink.text, family: "Roboto, sans-serif", size: 12 }, hovermode: "closest",
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 12 } }, showlegend: true,
      xaxis: { ...axis, ...along, title: { text: title, font: { size: 12 } } }, yaxis: { ...axis, ...(yaxis ?? log) },
    }, CONFIG);
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${title}: ${traces.map((trace) => trace.name).join(", ")}`);
  }

  style(training) {
    return { line: { color: this.colour(training), dash: DASHES[training.index].plotly, width: 2 }, marker: { color: this.colour(training), size: 6 } };
  }

  /** A line, and at its foot an open circle for each zero and a red cross for what is not finite. */
  withMarks(x, values, training, mode = "lines+markers") {
    const style = this.style(training), name = plain(shortened(training.name, 40));
    const floor = this.isShare ? 0 : 10 ** (this.range[0] - 0.25);
    const isShown = (size) => size < Infinity && (size > 0 || this.isShare);
    const sizes = values.map(Math.abs).map((size) => (isShown(size) ? size : null));
    const shared = { type: "scatter", legendgroup: training.name };
    const traces = [{ ...shared, x, y: sizes, mode, ...style, name, hovertemplate: "%{y:.3~g}<extra>%{fullData.name}</extra>" }];
    const foot = (places, symbol, color, text) => ({ ...shared, x: places, y: places.map(() => floor), mode: "markers", showlegend: false, cliponaxis: false, marker: { symbol, color, size: 8 }, hovertemplate: `${text}<extra>${name}</extra>` });
    const zeros = this.isShare ? [] : x.filter((_, index) => values[index] === 0);
    const broken = x.filter((_, index) => Math.abs(values[index]) === Infinity);
    if (zeros.length) traces.push(foot(zeros, "circle-open", style.marker.color, "zero"));
    if (broken.length) traces.push(foot(broken, "x", NOT_FINITE, "NaN or infinite"));
    return traces;
  }

  /** One sentence for those who cannot see the charts, and for those who would rather read. */
  sentence(epoch) {
    const parts = this.trainings.map((training) => {
      const row = rowAt(training, epoch);
      if (row < 0) return null;
      const values = training.layers.map((_, index) => valueAt(training, row, index));
      const sizes = values.map(Math.abs).filter((size) => size < Infinity);
      if (!sizes.length) return `${training.name}: no finite value`;
      const at = (size) => values.findIndex((value) => Math.abs(value) === size);
      const low = at(Math.min(...sizes)), high = at(Math.max(...sizes));
      if (values[low] === values[high] && sizes.length > 1) return `${training.name}: ${number(values[low])} in every layer`;
      const smallest = `${number(values[low])} in ${training.layers[low]}`;
      return `${training.name}: ${low === high ? smallest : `from ${smallest} to ${number(values[high])} in ${training.layers[high]}`}`;
    });
    const told = parts.filter(Boolean);
    return told.length ? `${this.label[0].toUpperCase()}${this.label.slice(1)} in epoch ${epoch + 1} — ${told.join("; ")}.` : "";
  }

  resize() {
    const plots = [...this.trainings.map((one) => this.page.maps.get(one.name)?.plot), this.page.profile, this.page.course, this.page.histogram];
    for (const plot of plots) {
      if (plot?.layout && plot.clientWidth && plot.clientWidth !== plot.layout.width) this.plotly.relayout(plot, { width: plot.clientWidth });
    }
    for (const training of this.trainings) this.moveLine(this.page.maps.get(training.name));
  }
}

const valueAt = (training, row, column) => training.numbers[row * training.layers.length + column];

/** The row of the last epoch recorded up to `epoch`; -1 before the first, and after the last. */
function rowAt(training, epoch) {
  if (epoch > training.recorded_epochs.at(-1)) return -1;
  return training.recorded_epochs.findLastIndex((one) => one <= epoch);
}

/** The exponents of the smallest and the largest magnitude of all trainings. */
function logRange(trainings) {
  let low = Infinity, high = 0;
  for (const training of trainings) for (const value of training.numbers) {
    const size = Math.abs(value);
    if (size > 0 && size < Infinity) { if (size < low) low = size; if (size > high) high = size; }
  }
  if (high === 0) return [-1, 0];
  return low < high ? [Math.log10(low), Math.log10(high)] : [Math.log10(low) - 0.5, Math.log10(low) + 0.5];
}

/** The layers that the diagnosis names, among those that the map shows. */
function concernedLayers(training) {
  const layers = new Set(training.layers);
  return new Set(training.findings.flatMap((finding) => finding.layers).filter((layer) => layers.has(layer)));
}

/** A bar beside the layers that the diagnosis is about, one for each group of neighbours. */
function brackets(layers, concerned) {
  const shapes = [];
  for (let first = 0; first < layers.length; first++) {
    if (!concerned.has(layers[first])) continue;
    let last = first;
    while (concerned.has(layers[last + 1])) last++;
    shapes.push({ type: "rect", xref: "paper", xsizemode: "pixel", xanchor: 0, yref: "y", x0: -11, x1: -4, y0: first - 0.5, y1: last + 0.5, line: { width: 0 }, fillcolor: CONCERNED });
    first = last;
  }
  return shapes;
}

function said(value) {
  return Number.isNaN(value) || value === undefined ? "not recorded" : Math.abs(value) === Infinity ? "NaN or infinite" : number(value);
}

/** A number with three digits. */
export function number(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e5 ? `${Number(value.toPrecision(3))}` : value.toExponential(2);
}

const shortened = (name, most = 14) => (name.length > most ? `${name.slice(0, most / 2 - 1)}…${name.slice(-most / 2)}` : name);

/** Ticks at whole numbers, about as many as wanted, and the epochs' first one too. */
function wholeTicks([first, last], wanted) {
  const steps = [1, 2, 5].flatMap((digit) => [0, 1, 2, 3, 4, 5, 6].map((power) => digit * 10 ** power)).sort((a, b) => a - b);
  return { tick0: 0, dtick: steps.find((step) => step * wanted >= last - first) ?? 1e7 };
}

/** What an empty map says. */
function nothing(ink) {
  return { text: "not recorded in this training", xref: "paper", yref: "y domain", x: 0.5, y: 0.5, showarrow: false, font: { size: 13, color: ink.text } };
}

/** The exponents between which colours differ: one training that explodes does not make all others dark. */
function clippedRange(trainings, [low, high]) {
  const ranges = trainings.map((training) => logRange([training])).filter(([first, last]) => first < last);
  if (!ranges.length) return [low, high];
  const clipped = [Math.max(low, Math.max(...ranges.map(([first]) => first)) - MOST_DECADES), Math.min(high, Math.min(...ranges.map(([, last]) => last)) + MOST_DECADES)];
  return clipped[0] < clipped[1] ? clipped : [low, high];
}

/** Text that Plotly takes for text: it reads some tags of HTML. */
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
