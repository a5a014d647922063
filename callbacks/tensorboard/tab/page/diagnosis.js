// The diagnosis of a training in words: the cause first, what follows from it, what to do, what cured it elsewhere.

import { button, element } from "./elements.js";

const MOST_NAMED = 6; // layers of a finding; the map marks all of them

export function diagnosisCard(training, { onEpoch, onLayer }) {
  return element("section", { class: "diagnosis", "aria-label": `Diagnosis of ${training.name}` }, [
    element("h3", {}, [`${training.heading}.`]),
    ...training.findings.map((finding) => cause(finding, onEpoch, onLayer)),
  ]);
}

function cause(finding, onEpoch, onLayer) {
  const paragraphs = [
    element("p", {}, [element("b", { class: finding.severity }, [`${finding.severity}: ${finding.name}. `]), ...withEpochs(finding.seen, onEpoch)]),
    element("p", {}, [`${finding.meaning} ${finding.remedy}`]),
  ];
  if (finding.layers.length) {
    const named = finding.layers.slice(0, MOST_NAMED);
    const names = named.map((layer) => button(layer, () => onLayer(layer), { class: "in-text", title: `Show ${layer} over the epochs` }));
    const rest = finding.layers.length - named.length;
    paragraphs.push(element("p", { class: "quiet" }, ["Layers: ", ...separated(names), more(rest)]));
  }
  if (finding.effects.length) {
    const effects = finding.effects.map((effect) => element("span", {}, [
      effect.name, ...(effect.epoch < 0 ? [] : [" (", epochButton(`since epoch ${effect.epoch + 1}`, effect.epoch, onEpoch), ")"]),
    ]));
    paragraphs.push(element("p", {}, ["This explains: ", ...separated(effects), "."]));
  }
  if (finding.advice.length) {
    paragraphs.push(element("details", {}, [
      element("summary", {}, [`What cured this in an experiment: ${finding.advice[0].remedy}${more(finding.advice.length - 1)}`]),
      element("p", {}, [finding.experiment]),
      element("ul", {}, finding.advice.map((one) => element("li", {}, [`${one.remedy}: ${one.learned} of ${one.seeds}`]))),
    ]));
  }
  return element("div", { class: "cause" }, paragraphs);
}

const epochButton = (text, epoch, onEpoch) =>
  button(text, () => onEpoch(epoch), { class: "in-text", title: `Go to epoch ${epoch + 1}` });

/** A sentence in which every "epoch 6" and "epochs 1 to 68" leads to the (first) epoch. */
function withEpochs(text, onEpoch) {
  const parts = text.split(/(epochs? \d[\d,]*(?: to \d[\d,]*)?)/);
  return parts.map((part, index) => {
    const number = index % 2 ? parseInt(part.match(/\d[\d,]*/)[0].replaceAll(",", ""), 10) : NaN;
    return Number.isNaN(number) ? part : epochButton(part, number - 1, onEpoch);
  });
}

const more = (count) => (count ? ` and ${count} more` : "");

const separated = (parts) => parts.flatMap((part, index) => (index ? [", ", part] : [part]));
