"""Rules about the compiled model: the faults that show before the first step.

The kinds of fault are those of the studies of deep-learning programs: Zhang et al., ISSTA 2018; Humbatova et al., ICSE
2020 (a taxonomy); Schoop et al., CHI 2021 (UMLAUT); Nikanjam et al., TOSEM 2021 (NeuraLint); Cao et al., ICSE 2022
(DeepFD). A finding is a note where people also do the same on purpose.
"""

import dataclasses

from ..evidence import Evidence
from .cures import advice_for
from .finding import Finding, before_training, count, default_rate, number, smaller_rate, span, usual_rate, weight_gain

PROBABILITIES = ("sigmoid", "softmax", "hard_sigmoid", "sparse_sigmoid", "sparsemax")
"""Activations whose outputs lie between 0 and 1."""

NO_PROBABILITIES = {
    *("linear", "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "tanh"),
    *("softplus", "softsign", "exponential", "hard_tanh", "tanh_shrink"),
}
"""Activations with outputs below 0 or above 1."""

BOUNDED = ("relu", "relu6", "tanh", "softsign", "hard_tanh", "softplus", "exponential")
"""Those of them whose outputs are not all numbers."""

CATEGORICAL = ("categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy")
BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
CROSS_ENTROPIES = CATEGORICAL + BINARY

DISTANCES = (
    *("mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "mean_squared_logarithmic_error"),
    "mean_absolute_percentage_error",
)
"""Losses of a regression: they measure the distance between a number and its prediction."""

USABLE_RATES = {
    "SGD": (5e-5, 1.0),
    "Adagrad": (1e-6, 1.0),
    "Adadelta": (1e-5, 10.0),
    "Ftrl": (1e-6, 1.0),
    "Lion": (1e-8, 0.01),
    "Muon": (1e-6, 0.3),
}
"""Smallest and largest learning rate with which an optimizer usually trains; (1e-6, 0.05) for those not listed, which
divide a step by the magnitude of the gradients. (Bengio 2012, section 3.2: 1e-6 to 1, 0.01 typical, for stochastic
gradient descent; Kingma and Ba 2015: 0.001.)"""

LARGE_GAIN = 5.0
"""`weight_gain` of a kernel from which its initial weights are reported as large."""


def softmax_over_one_unit(evidence: Evidence) -> Finding | None:
    """The last layer is a softmax over one unit, whose output is always 1."""
    output = evidence.output
    if output.get("activation") != "softmax" or output.get("units") != 1:
        return None
    sentences = (
        "The last layer is a softmax over a single unit.",
        "Softmax divides by the sum over the units, so the output is 1 for every input and the loss has no gradient.",
        "Use sigmoid for two classes, one unit per class for more, or no activation to predict a number.",
    )
    finding = before_training("softmax_over_one_unit", "error", sentences, units=1)
    return dataclasses.replace(finding, advice=advice_for("softmax_over_one_unit", {None}))


def categorical_loss_of_one_unit(evidence: Evidence) -> Finding | None:
    """A categorical cross-entropy with a single output unit: with one class there is nothing to distinguish."""
    output = evidence.output
    if output.get("loss") not in CATEGORICAL or output.get("units") != 1 or output.get("activation") == "softmax":
        return None
    sentences = (
        f"The loss is {output['loss']}, and the last layer has a single unit.",
        "This loss expects one probability per class; with a single class that is always 1, and nothing is learned.",
        "Use binary_crossentropy with sigmoid for two classes, or softmax with one unit per class.",
    )
    return before_training("categorical_loss_of_one_unit", "error", sentences, units=1)


def no_probabilities(evidence: Evidence) -> Finding | None:
    """A cross-entropy of outputs that are not probabilities: linear without `from_logits`, ReLU or tanh."""
    output = evidence.output
    activation, loss, units = output.get("activation"), output.get("loss"), output.get("units")
    if loss not in CROSS_ENTROPIES:
        return None
    if activation is None and not output.get("from_logits"):
        return _answers_no_probabilities(evidence, loss)
    if activation not in NO_PROBABILITIES:
        return None
    if output.get("from_logits") and activation not in BOUNDED:
        return None
    wanted = "softmax" if loss in CATEGORICAL and units != 1 else "sigmoid"
    if output.get("from_logits"):
        bounded = (
            "never (or hardly) below 0"
            if activation not in ("tanh", "softsign", "hard_tanh")
            else "between -1 and 1 only"
        )
        sentences = (
            f"The loss is {loss} with from_logits=True, and the last layer's activation is {activation}.",
            f"A logit may be any number; these outputs are {bounded}, so that some probabilities are out of reach or "
            "some units get no gradient.",
            "Remove the activation of the last layer.",
        )
    else:
        sentences = (
            f"The loss is {loss}, and the last layer's activation is {activation}.",
            "A cross-entropy takes the logarithm of probabilities. Values that are not between 0 and 1 are clipped, "
            "and where they are clipped the gradient is 0.",
            f"Give the last layer the activation {wanted}"
            + (", or set from_logits=True in the loss." if activation == "linear" else "."),
        )
    is_rectified_score = output.get("from_logits") and loss in CATEGORICAL and activation not in ("tanh", "softsign")
    return before_training("no_probabilities", "warning" if is_rectified_score else "error", sentences)


def _answers_no_probabilities(evidence: Evidence, loss: str) -> Finding | None:
    """The same, judged by the predictions, where the last activation is not known."""
    for array in evidence.answers:
        if array.samples and (array.minimum < 0 or array.maximum > 1 + 1e-5):
            sentences = (
                f"The loss is {loss}, and the predictions range from {number(array.minimum)} to "
                f"{number(array.maximum)}.",
                "A cross-entropy takes the logarithm of probabilities. Values that are not between 0 and 1 are "
                "clipped, and where they are clipped the gradient is 0.",
                "End the network with sigmoid for a binary cross-entropy, with softmax for a categorical one, or set "
                "from_logits=True in the loss.",
            )
            return before_training("no_probabilities", "error", sentences)
    return None


def logits_of_probabilities(evidence: Evidence) -> Finding | None:
    """`from_logits=True` after a sigmoid or a softmax; Keras on TensorFlow corrects it where it finds the logits."""
    output = evidence.output
    if not output.get("from_logits") or output.get("activation") not in PROBABILITIES:
        return None
    sentences = (
        f"The loss was given from_logits=True, and the last layer's activation is {output['activation']}.",
        "Where Keras does not notice, the activation is applied twice: gradients are small, and no prediction comes "
        "near 1.",
        "Remove from_logits=True, or the activation of the last layer.",
    )
    return before_training("logits_of_probabilities", "note", sentences)


def categorical_loss_of_sigmoids(evidence: Evidence) -> Finding | None:
    """A categorical cross-entropy of sigmoids, which do not add up to 1 over the classes."""
    output = evidence.output
    if output.get("loss") not in CATEGORICAL or output.get("activation") not in ("sigmoid", "hard_sigmoid"):
        return None
    if (output.get("units") or 0) < 2 or output.get("from_logits"):
        return None
    sentences = (
        f"The loss is {output['loss']}, and the last layer has {output['units']} sigmoids.",
        "This loss expects probabilities that add up to 1 over the classes; sigmoids predict each class by itself.",
        "Use softmax if each sample has one class, or binary_crossentropy and 0/1 targets if it may have several.",
    )
    return before_training("categorical_loss_of_sigmoids", "warning", sentences, units=output["units"])


def binary_loss_of_softmax(evidence: Evidence) -> Finding | None:
    """A binary cross-entropy of a softmax over several units; only with two units is it the categorical one."""
    output = evidence.output
    if output.get("loss") not in BINARY or output.get("activation") != "softmax" or (output.get("units") or 0) < 2:
        return None
    sentences = (
        f"The loss is {output['loss']}, and the last layer is a softmax over {output['units']} units.",
        "This loss treats each class as a yes-or-no question of its own and averages over the classes, so most of it "
        "is about classes that are absent.",
        "Use categorical_crossentropy if each sample has one class, or sigmoid if it may have several.",
    )
    return before_training("binary_loss_of_softmax", "note", sentences, units=output["units"])


def accuracy_of_a_regression(evidence: Evidence) -> Finding | None:
    """The metric is accuracy, but the network is trained to predict numbers."""
    output = evidence.output
    metrics = [name for name in evidence.facts.get("metrics", []) if name in ("acc", "accuracy")]
    if not metrics or output.get("loss") not in DISTANCES or output.get("activation") in PROBABILITIES:
        return None
    sentences = (
        f"The metric is {metrics[0]}, and the loss is {output['loss']}.",
        "Accuracy compares classes: it rounds a single output to 0 or 1, or takes the largest of several. It does "
        "not tell how close a predicted number is to its target.",
        "Use the metric mean_absolute_error or r2_score; if the targets are classes, use sigmoid or softmax with a "
        "cross-entropy.",
    )
    return before_training("accuracy_of_a_regression", "note", sentences)


def no_nonlinearity(evidence: Evidence) -> Finding | None:
    """Several layers with weights and no nonlinear activation between them, which amount to one linear layer."""
    kernels = evidence.facts.get("kernels", {})
    if evidence.facts.get("nonlinear") is not False or len(kernels) < 2:
        return None
    sentences = (
        f"There is no nonlinear activation between the {len(kernels)} layers with weights.",
        "A linear function of a linear function is linear, so the network can learn no more than a single layer.",
        'Give the hidden layers an activation, such as "relu".',
    )
    return before_training("no_nonlinearity", "note", sentences, layers=[*kernels][:-1], kernels=len(kernels))


def hidden_softmax(evidence: Evidence) -> Finding | None:
    """A softmax before the last layer, most of whose outputs are near 0."""
    layers = evidence.facts.get("hidden_softmax") or []
    if not layers:
        return None
    sentences = (
        f"There is a softmax before the last layer: {span(layers, evidence)}.",
        "Its outputs add up to 1, so most of them, and the gradients that pass back through them, are near 0.",
        "Use ReLU or tanh in hidden layers and softmax only in the last, unless it computes attention weights.",
    )
    return before_training("hidden_softmax", "note", sentences, layers=layers)


def units_alike(evidence: Evidence) -> Finding | None:
    """All units of a hidden layer start with the same weights, or two layers do."""
    kernels = evidence.facts.get("kernels", {})
    hidden = [*kernels][:-1]
    alike = [name for name in hidden if kernels[name].get("units_alike")]
    twins = [name for name in kernels if kernels[name].get("same_as")]
    if alike:
        value = kernels[alike[0]].get("mean_weight", 0.0)
        of_them = "All units of a layer start with the same weights"
        sentences = (
            f"{of_them}{', which are 0' if value == 0 else ''}: {span(alike, evidence)}.",
            "Unless the next layer's weights tell them apart, such units get the same gradient and stay the same: the "
            "layer is worth a single unit" + (", and weights of 0 pass no gradient back." if value == 0 else "."),
            "Use random initial weights: He normal with ReLU, Glorot uniform with tanh, sigmoid and others.",
        )
        return before_training("units_alike", "note", sentences, layers=alike)
    if twins:
        one, other = twins[0], kernels[twins[0]]["same_as"]
        sentences = (
            f"{one} starts with exactly the same weights as {other}.",
            "In Keras 3 one initializer object returns the same values to every layer of the same shape.",
            'Give each layer an initializer of its own, or its name, such as "he_normal".',
        )
        return before_training("units_alike", "note", sentences, layers=[other, *twins])
    return None


def large_weights(evidence: Evidence) -> Finding | None:
    """Initial weights several times larger than those that keep the size of the signal from layer to layer."""
    kernels = evidence.facts.get("kernels", {})
    large = [
        name
        for name in kernels
        if kernels[name].get("layer") != "Embedding" and weight_gain(evidence, name) >= LARGE_GAIN
    ]
    if not large:
        return None
    gain = max(weight_gain(evidence, name) for name in large)
    sentences = (
        f"The initial weights of {span(large, evidence)} are large, with a mean magnitude of up to "
        f"{number(max(kernels[name]['mean_weight'] for name in large))}.",
        f"They make the signal about {gain:.0f} times larger in one layer, and saturate units with tanh or sigmoid.",
        "Use He normal initial weights with ReLU, Glorot uniform ones with other activations.",
    )
    return before_training("large_weights", "note", sentences, layers=large, gain=gain)


def nonfinite_initial_weights(evidence: Evidence) -> Finding | None:
    """Weights that are NaN or infinite before the first step."""
    kernels = evidence.facts.get("kernels", {})
    broken = [name for name in kernels if kernels[name].get("nonfinite")]
    if not broken:
        return None
    weights = sum(kernels[name]["nonfinite"] for name in broken)
    sentences = (
        f"Before training, there is NaN or infinity in {count(weights, 'weight')} of {span(broken, evidence)}.",
        "Every prediction that uses them is NaN or wrong, and NaN weights do not recover.",
        "Create the model again, or check the file or the training that its weights come from.",
    )
    return before_training("nonfinite_initial_weights", "error", sentences, layers=broken, weights=weights)


def learning_rate(evidence: Evidence) -> Finding | None:
    """The learning rate is far outside the range with which the optimizer usually trains."""
    rate, optimizer = evidence.facts.get("learning_rate"), evidence.facts.get("optimizer", "the optimizer")
    if rate is None or evidence.facts.get("scheduled"):
        return None
    low, high = USABLE_RATES.get(optimizer, (1e-6, 0.05))
    if low <= rate <= high:
        return None
    default, tried = default_rate(evidence), "updates_too_large" if rate > high else "weights_not_moving"
    if rate > high:
        sentences = (
            f"The learning rate of {optimizer} is {rate:g}.",
            f"{optimizer} usually trains with rates up to {high:g}; larger steps usually overshoot the minimum.",
            f"{smaller_rate(evidence)}.",
        )
    else:
        sentences = (
            f"The learning rate of {optimizer} is {rate:g}.",
            f"With a rate below {low:g} the weights hardly change, however many epochs you train.",
            f"Multiply it by {default / rate:,.0f}: {usual_rate(evidence)}." if rate else f"Set it to {default:g}.",
        )
    finding = before_training("learning_rate", "note", sentences, learning_rate=rate)
    return dataclasses.replace(finding, advice=advice_for(tried, {None}))


def nothing_trainable(evidence: Evidence) -> Finding | None:
    """No variable of the model is trainable."""
    facts = evidence.facts
    if facts.get("trainable_variables") != 0 or not facts.get("variables"):
        return None
    sentences = (
        f"None of the model's {facts['variables']} variables is trainable.",
        "Training does not change the network.",
        "Set layer.trainable = True for the layers to be trained, and compile the model again.",
    )
    return before_training("nothing_trainable", "error", sentences, variables=facts["variables"])


def heavy_dropout(evidence: Evidence) -> Finding | None:
    """A Dropout layer with a rate of 0.9 or more."""
    rate = evidence.facts.get("largest_dropout", 0.0)
    if rate < 0.9:
        return None
    sentences = (
        f"A Dropout layer drops {rate:.0%} of its inputs.",
        "Next to nothing passes during training. (Srivastava et al. 2014 drop 20 to 50 %.)",
        "Lower its rate: in Keras it is the share that is dropped, not the share that is kept.",
    )
    return before_training("heavy_dropout", "note", sentences, rate=rate)
