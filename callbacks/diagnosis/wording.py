"""A diagnosis as text: plain for a terminal, Markdown for TensorBoard, and what changed from one run to another."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..evidence import Evidence, MonitorRecord
from .cures import Advice
from .rules import Finding

LINE_WIDTH = 100
"""Characters of a printed line, at most."""


def plain(findings: Sequence[Finding], epochs: int) -> str:
    """Return the findings as lines of text.

    Args:
        findings: what was found.
        epochs: number of epochs recorded.

    >>> print(plain(diagnosis.findings, 100))
    Diagnosis after 100 epochs: 1 error.
    error    vanishing_gradient: The gradient of dense_3 is 62 times smaller than that of dense_6 ...
    """
    lines = [f"{_heading(findings, epochs)}."]
    for finding in findings:
        lines += _wrapped(f"{finding.severity:8} {finding.rule}: {finding.message}")
        if finding.advice:
            remedies = "; ".join(f"{advice.remedy} ({advice.learned} of {advice.seeds})" for advice in finding.advice)
            lines += _wrapped(f"{'':8} {_experiment(finding.advice[0])} {remedies}.")
    return "\n".join(lines)


def markdown(findings: Sequence[Finding], epochs: int) -> str:
    """Return the findings as Markdown, a heading and a paragraph each."""
    blocks = [f"## {_heading(findings, epochs)}"]
    for finding in findings:
        blocks += [f"### {finding.severity}: {finding.rule.replace('_', ' ')}", finding.message]
        if finding.advice:
            blocks.append(_experiment(finding.advice[0]))
            remedies = [f"- {advice.remedy}: {advice.learned} of {advice.seeds}" for advice in finding.advice]
            blocks.append("\n".join(remedies))
    return "\n\n".join(blocks)


def changes(
    before: Evidence, after: Evidence, findings_before: Sequence[Finding], findings_after: Sequence[Finding]
) -> str:
    """Return what changed from one run to another, as lines of text."""
    rules_before, rules_after = ([finding.rule for finding in found] for found in (findings_before, findings_after))
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
    """What was set differently: label, old, new."""
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
    """What came of it: label, old, new."""
    for name in before.metrics:
        if name in after.metrics:
            yield name, f"{before.metrics[name][-1]:.4g}", f"{after.metrics[name][-1]:.4g}"
    if before.gradients and after.gradients:
        old, new = (_smallest_norm_over_largest(record) for record in (before.gradients, after.gradients))
        yield "smallest gradient norm over largest", f"{old:.3g}", f"{new:.3g}"


def _smallest_norm_over_largest(gradients: MonitorRecord) -> float:
    """Of the layers' median norms; epochs without a gradient, as of a layer that was frozen for some, are left out."""
    norms = gradients.history["l2"]
    medians = [np.median(layer[np.isfinite(layer)]) for layer in norms.T if np.isfinite(layer).any()]
    return min(medians) / max(medians) if medians and max(medians) > 0 else np.nan


def _heading(findings: Sequence[Finding], epochs: int) -> str:
    after = f"Diagnosis after {epochs} epoch{'s' * (epochs != 1)}"
    if not findings:
        return f"{after}: nothing found wrong"
    number = {severity: sum(f.severity == severity for f in findings) for severity in ("error", "warning")}
    return f"{after}: " + ", ".join(f"{n} {severity}{'s' * (n > 1)}" for severity, n in number.items() if n)


def _experiment(advice: Advice) -> str:
    return (
        f"What cures it on two circles ({advice.network}; {advice.without} of {advice.seeds} seeds learn as it is), "
        "each alone:"
    )


def _wrapped(text: str) -> list[str]:
    """A finding as lines, all but the first indented by the width of its severity."""
    return textwrap.wrap(text, LINE_WIDTH, subsequent_indent=" " * 9, break_on_hyphens=False, break_long_words=False)
