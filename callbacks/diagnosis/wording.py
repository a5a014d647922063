"""A diagnosis in words: plain for a terminal, Markdown for TensorBoard, and what changed from one run to another."""

import numpy as np


def plain(findings, epochs):
    """Returns the findings as lines of text.

    Args:
        findings: list of `Finding`.
        epochs: how many epochs were looked at.
    """
    lines = [f"Diagnosis after {epochs} epoch{'s' * (epochs != 1)}: {_count(findings)}."]
    for finding in findings:
        lines.append(f"{finding.severity:8} {finding.rule}: {finding.message}")
        if finding.advice:
            lines.append(f"{'':8} {_advice(finding.advice)}")
    return "\n".join(lines)


def markdown(findings, epochs):
    """Returns the findings as Markdown, a heading and a paragraph each."""
    lines = [f"## Diagnosis after {epochs} epoch{'s' * (epochs != 1)}: {_count(findings)}"]
    for finding in findings:
        lines += [f"### {finding.severity}: {finding.rule.replace('_', ' ')}", finding.message]
        if finding.advice:
            first = finding.advice[0]
            lines.append(_where(first))
            lines.append("\n".join(f"- {one.remedy}: {one.learned} of {one.seeds}" for one in finding.advice))
    return "\n\n".join(lines)


def changes(before, after, findings_before, findings_after):
    """Returns what changed from one run to another, as lines of text.

    Args:
        before, after: `Evidence` of the two runs.
        findings_before, findings_after: lists of `Finding`.
    """
    was, now = ([finding.rule for finding in findings] for findings in (findings_before, findings_after))
    lines = [
        f"{words:9} {', '.join(rules)}"
        for words, rules in (
            ("gone:", [rule for rule in was if rule not in now]),
            ("new:", [rule for rule in now if rule not in was]),
            ("still:", [rule for rule in now if rule in was]),
        )
        if rules
    ]
    lines = lines or ["Nothing was found wrong with either."]
    for words, old, new in [*_settings(before, after), *_figures(before, after)]:
        lines.append(f"{words}: {old} -> {new}")
    return "\n".join(lines)


def _settings(before, after):
    """What was set differently: words, old, new."""
    for key in ("optimizer", "learning_rate"):
        old, new = before.facts.get(key), after.facts.get(key)
        if old != new:
            yield key.replace("_", " "), old, new
    kernels = [run.facts.get("kernels", {}) for run in (before, after)]
    if [*kernels[0]] != [*kernels[1]]:
        yield "kernels", len(kernels[0]), len(kernels[1])
        return
    for key in ("shape", "activation", "initializer"):
        changed = {}
        for name in kernels[0]:
            old, new = (of_run[name].get(key) for of_run in kernels)
            if old != new:
                changed.setdefault((str(old), str(new)), []).append(name)
        for (old, new), names in changed.items():
            yield f"{key} of {names[0] if len(names) == 1 else f'{names[0]} and {len(names) - 1} more'}", old, new


def _figures(before, after):
    """What came of it: words, old, new."""
    for name in before.metrics:
        if name in after.metrics:
            yield name, f"{before.metrics[name][-1]:.4g}", f"{after.metrics[name][-1]:.4g}"
    if before.gradients and after.gradients:
        norms = [np.median(run.gradients.history["l2"], axis=0) for run in (before, after)]
        with np.errstate(all="ignore"):
            yield "smallest gradient norm over largest", *(f"{np.min(one) / np.max(one):.3g}" for one in norms)


def _count(findings):
    if not findings:
        return "nothing found wrong"
    numbers = {one: sum(finding.severity == one for finding in findings) for one in ("error", "warning")}
    return ", ".join(f"{number} {word}{'s' * (number > 1)}" for word, number in numbers.items() if number)


def _advice(advice):
    cures = "; ".join(f"{one.remedy} ({one.learned} of {one.seeds})" for one in advice)
    return f"{_where(advice[0])} {cures}."


def _where(advice):
    return (
        f"What cures it on two circles ({advice.network}; {advice.without} of {advice.seeds} seeds learn as it is), "
        "each alone:"
    )
