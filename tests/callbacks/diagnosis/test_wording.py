import dataclasses

import numpy as np
import pytest

from callbacks.diagnosis.cures import Advice
from callbacks.diagnosis.finding import Finding
from callbacks.diagnosis.wording import LINE_WIDTH, changes, markdown, plain
from callbacks.evidence import Evidence, MonitorRecord

ADVICE = Advice("Glorot uniform weights", 30, 30, "tanh, 5 x 5, weights in [0, 1]", 0)


def finding(rule="vanishing_gradient", severity="error", advice=()):
    seen = f"The gradient of dense_3 is 62 times smaller than that of dense_6, {'and so on, ' * 10}since epoch 1."
    return Finding(rule, severity, ["dense_3"], 0, {}, seen, "It means this.", "Do that.", [*advice])


@pytest.mark.parametrize(
    ("severities", "heading"),
    [
        ([], "Diagnosis after 1 epoch: nothing found wrong."),
        (["error"], "Diagnosis after 1 epoch: 1 error."),
        (["error", "error", "warning"], "Diagnosis after 1 epoch: 2 errors, 1 warning."),
        (["warning"] * 2, "Diagnosis after 1 epoch: 2 warnings."),
        (["note"], "Diagnosis after 1 epoch: nothing found wrong, 1 note."),
        (["warning", "note", "note"], "Diagnosis after 1 epoch: 1 warning, 2 notes."),
    ],
)
def test_heading(severities, heading):
    findings = [finding(f"rule_{i}", severity) for i, severity in enumerate(severities)]
    assert plain(findings, "after 1 epoch").splitlines()[0] == heading
    assert markdown(findings, "after 1 epoch").splitlines()[0] == f"## {heading[:-1]}"


def test_plain_text_is_wrapped_and_whole():
    text = plain([finding(advice=[ADVICE])], "after 100 epochs")
    lines = text.splitlines()
    assert max(map(len, lines)) <= LINE_WIDTH
    assert lines[1].startswith("error    vanishing_gradient: The gradient of dense_3 is 62 times smaller")
    assert all(line.startswith(" " * 9) for line in lines[2:])
    assert "since epoch 1. It means this. Do that." in " ".join(text.split())
    assert "0 of 30 seeds learn without a remedy" in " ".join(text.split())
    assert text.endswith("Glorot uniform weights (30 of 30).")


def test_markdown_has_a_heading_for_each_finding_and_a_list_of_remedies():
    blocks = markdown([finding(advice=[ADVICE]), finding("dead_units")], "after 100 epochs").split("\n\n")
    assert blocks[1] == "### error: vanishing gradient"
    assert blocks[2].endswith("It means this. Do that.")
    assert blocks[4] == "- Glorot uniform weights: 30 of 30"
    assert blocks[5] == "### error: dead units"


def test_what_follows_from_a_cause_is_one_line_below_it():
    effect = dataclasses.replace(finding("loss_not_falling"), follows_from="vanishing_gradient")
    further = dataclasses.replace(finding("accuracy_at_chance"), follows_from="loss_not_falling", epoch=5)
    text = plain([finding(), effect, further], "after 100 epochs")
    assert text.startswith("Diagnosis after 100 epochs: 1 error.\n")
    assert text.endswith("This explains: loss_not_falling (since epoch 1), accuracy_at_chance (since epoch 6).")
    assert text.count("Do that.") == 1
    assert plain([finding(), effect], "").endswith("This explains: loss_not_falling (since epoch 1).")


def run(learning_rate=0.1, activations=("tanh", "tanh", "tanh"), loss=0.7, norms=(1.0, 0.01, 2.0)):
    layers = [f"dense_{i}" for i in range(1, len(activations) + 1)]
    kernels = {
        name: {"shape": [5, 5], "activation": activation, "initializer": "GlorotUniform"}
        for name, activation in zip(layers, activations, strict=True)
    }
    return Evidence(
        [0, 1],
        {"loss": np.array([0.8, loss])},
        MonitorRecord(layers, {"l2": np.broadcast_to(norms, (2, len(layers)))}),
        facts={"optimizer": "SGD", "learning_rate": learning_rate, "kernels": kernels},
    )


def test_what_changed_from_one_run_to_another():
    before = [finding(), finding("loss_not_falling"), finding("saturated")]
    after = [finding("dead_units"), finding("loss_not_falling")]
    other = run(0.01, ("relu", "relu", "tanh"), 0.25, (1.0, 1.0, 2.0))
    assert changes(run(), other, before, after).splitlines() == [
        "gone:     vanishing_gradient, saturated",
        "new:      dead_units",
        "still:    loss_not_falling",
        "learning rate: 0.1 -> 0.01",
        "activation of dense_1 and 1 more: tanh -> relu",
        "loss: 0.7 -> 0.25",
        "smallest gradient norm over largest: 0.005 -> 0.5",
    ]


def test_what_changed_between_networks_of_different_depth():
    deeper = run(activations=("tanh",) * 4, norms=(1.0, 0.01, 1.0, 2.0))
    assert changes(run(), deeper, [], []).splitlines()[:2] == [
        "Nothing was found wrong with either.",
        "kernels: 3 -> 4",
    ]


def test_epochs_and_layers_without_a_gradient_do_not_hide_the_change():
    """A layer that was frozen for an epoch has no norm there, and one that no loss depends on has none at all."""
    frozen = run(norms=[[np.nan, np.nan, 2.0], [np.nan, 0.01, 2.0]])
    assert changes(frozen, run(), [], []).splitlines()[-1] == "smallest gradient norm over largest: 0.005 -> 0.005"
