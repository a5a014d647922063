"""A diagnosis as text: plain for a terminal, Markdown for TensorBoard, and the changes from one run to another."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..evidence import Evidence, MonitorRecord
from .cures import Advice
from .finding import Finding

LINE_WIDTH = 100
"""Largest number of characters of a printed line."""


def after(epochs: int) -> str:
    """Return how many epochs a diagnosis is about: `after 100 epochs`."""
    return f"after {epochs} epoch{'s' * (epochs != 1)}"


def plain(findings: Sequence[Finding], when: str) -> str:
    """Return the findings as lines of text: each cause, the findings that it explains, and the remedies that cured it.

    Args:
        findings: all findings of a training.
        when: the part of the training that they are about, such as `after 100 epochs`.

    >>> print(plain(diagnosis.findings, "after 100 epochs"))
    Diagnosis after 100 epochs: 1 error.
    error    vanishing_gradient: The gradient of dense_3 is 62 times smaller than that of dense_6 ...
    """
    lines = [f"{heading(findings, when)}."]
    for finding, effects in causes(findings):
        lines += _wrapped(f"{finding.severity:8} {finding.rule}: {finding.message}")
        if effects:
            lines += _wrapped(f"{'':8} {_consequences(effects)}")
        if finding.advice:
            remedies = "; ".join(f"{advice.remedy} ({advice.learned} of {advice.seeds})" for advice in finding.advice)
            lines += _wrapped(f"{'':8} {experiment(finding.advice[0])} {remedies}.")
    return "\n".join(lines)


def markdown(findings: Sequence[Finding], when: str) -> str:
    """Return the findings as Markdown, a heading and a paragraph for each cause."""
    blocks = [f"## {heading(findings, when)}"]
    for finding, effects in causes(findings):
        blocks += [f"### {finding.severity}: {finding.rule.replace('_', ' ')}", finding.message]
        if effects:
            blocks.append(_consequences(effects))
        if finding.advice:
            blocks.append(experiment(finding.advice[0]))
            remedies = [f"- {advice.remedy}: {advice.learned} of {advice.seeds}" for advice in finding.advice]
            blocks.append("\n".join(remedies))
    return "\n\n".join(blocks)


def causes(findings: Sequence[Finding]) -> Iterator[tuple[Finding, list[Finding]]]:
    """Yield each finding that follows from no other, with all that follow from it, directly or not."""
    cause_of = {finding.rule: finding.follows_from for finding in findings}

    def root(rule: str) -> str:
        cause = cause_of.get(rule)
        return root(cause) if cause in cause_of else rule

    for finding in findings:
        if not finding.follows_from:
            yield finding, [other for other in findings if other is not finding and root(other.rule) == finding.rule]


def _consequences(effects: Sequence[Finding]) -> str:
    """Return `This explains: loss_not_falling (since epoch 1), accuracy_at_chance (since epoch 6).`"""
    listed = (f"{one.rule} (since epoch {one.epoch + 1})" if one.epoch >= 0 else one.rule for one in effects)
    return f"This explains: {', '.join(listed)}."


def changes(
    before: Evidence, after: Evidence, findings_before: Sequence[Finding], findings_after: Sequence[Finding]
) -> str:
    """Return what changed from one run to another, as lines of text."""
    rules_before, rules_after = (
        [finding.rule for finding in found if finding.severity != "note"] for found in (findings_before, findings_after)
    )
    groups = {
        "gone:": [rule for rule in rules_before if rule not in rules_after],
        "new:": [rule for rule in rules_after if rule not in rules_before],
        "still:": [rule for rule in rules_after if rule in rules_before],
    }
    lines = [f"{label:9} {', '.join(rules)}" for label, rules in groups.items() if rules]
    lines = lines or ["Nothing was found wrong with either."]
    for label, old, new in [*_settings(before, after), *_results(before, after)]:
        lines.append(f"{label}: {old} -> {new}")
    return "\n".join(lines)


def _settings(before: Evidence, after: Evidence) -> Iterator[tuple[str, Any, Any]]:
    """Yield the settings that differ: label, old value, new value."""
    for key in ("optimizer", "learning_rate"):
        old, new = before.facts.get(key), after.facts.get(key)
        if old != new:
            yield key.replace("_", " "), old, new
    kernels_before, kernels_after = (run.facts.get("kernels", {}) for run in (before, after))
    if [*kernels_before] != [*kernels_after]:
        yield "kernels", len(kernels_before), len(kernels_after)
        return
    for key in ("shape", "activation", "initializer"):
        changed: dict[tuple[str, str], list[str]] = {}
        for name in kernels_before:
            old, new = (kernels[name].get(key) for kernels in (kernels_before, kernels_after))
            if old != new:
                changed.setdefault((str(old), str(new)), []).append(name)
        for (old, new), names in changed.items():
            yield f"{key} of {names[0] if len(names) == 1 else f'{names[0]} and {len(names) - 1} more'}", old, new


def _results(before: Evidence, after: Evidence) -> Iterator[tuple[str, str, str]]:
    """Yield the results of both: label, old value, new value."""
    for name in before.metrics:
        if name in after.metrics:
            yield name, f"{before.metrics[name][-1]:.4g}", f"{after.metrics[name][-1]:.4g}"
    if before.gradients and after.gradients:
        old, new = (_smallest_norm_over_largest(record) for record in (before.gradients, after.gradients))
        yield "smallest gradient norm over largest", f"{old:.3g}", f"{new:.3g}"


def _smallest_norm_over_largest(gradients: MonitorRecord) -> float:
    """The ratio of the layers' median norms, without epochs in which a layer had no gradient because it was frozen."""
    norms = gradients.history["l2"]
    medians = [np.median(layer[np.isfinite(layer)]) for layer in norms.T if np.isfinite(layer).any()]
    return min(medians) / max(medians) if medians and max(medians) > 0 else np.nan


def heading(findings: Sequence[Finding], when: str) -> str:
    """Return how many causes of each severity were found: `Diagnosis after 100 epochs: 1 error`."""
    severities = [cause.severity for cause, _ in causes(findings)]
    counts = {kind: severities.count(kind) for kind in ("error", "warning", "note")}
    found = [f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts.items() if count]
    if not counts["error"] and not counts["warning"]:
        found = ["nothing found wrong", *found]
    return f"Diagnosis {when}: {', '.join(found)}"


def experiment(advice: Advice) -> str:
    """Return the sentence that leads to the remedies which cured a fault in the experiment."""
    return (
        f"What cured it alone in an experiment (two circles; {advice.network}; {advice.without} of {advice.seeds} "
        "seeds learn without a remedy):"
    )


def _wrapped(text: str) -> list[str]:
    """Return a finding as lines, all but the first indented by the width of the severity."""
    return textwrap.wrap(text, LINE_WIDTH, subsequent_indent=" " * 9, break_on_hyphens=False, break_long_words=False)
