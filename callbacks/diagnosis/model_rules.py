"""Rules about the compiled model: what can be said before the first step.

The kinds of fault are those of the studies of deep-learning programs: Zhang et al., ISSTA 2018; Humbatova et al., ICSE
2020 (a taxonomy); Schoop et al., CHI 2021 (UMLAUT); Nikanjam et al., TOSEM 2021 (NeuraLint); Cao et al., ICSE 2022
(DeepFD). What people also do on purpose is a note.
"""

import dataclasses

from ..evidence import Evidence
from .cures import advice_for
from .finding import Finding, before_training, count, default_rate, smaller_rate, span

PROBABILITIES = ("sigmoid", "softmax", "hard_sigmoid", "sparse_sigmoid", "sparsemax")
"""Activations whose outputs lie between 0 and 1."""

NO_PROBABILITIES = {
    *("linear", "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "tanh"),
    *("softplus", "softsign", "exponential", "hard_tanh", "tanh_shrink"),
}
"""Activations with outputs below 0 or above 1."""

CATEGORICAL = ("categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy")
BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
CROSS_ENTROPIES = CATEGORICAL + BINARY

DISTANCES = (
    *("mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "mean_squared_logarithmic_error"),
    "mean_absolute_percentage_error",
)
"""Losses of a regression: distances between a number and its prediction."""

USABLE_RATES = {
    "SGD": (1e-6, 1.0),
    "Adagrad": (1e-6, 1.0),
    "Adadelta": (1e-5, 10.0),
    "Ftrl": (1e-6, 1.0),
    "Lion": (1e-8, 0.01),
    "Muon": (1e-6, 0.3),
}
"""Learning rates with which an optimizer usually trains; (1e-7, 0.05) for those not named, which divide by the size of
the gradients. (Bengio 2012, section 3.2: 1e-6 to 1 for stochastic gradient descent; Kingma and Ba 2015: 0.001.)"""


def softmax_over_one_unit(evidence: Evidence) -> Finding | None:
    """The last layer has one unit and a softmax, whose answer is always 1."""
    output = evidence.output
    if output.get("activation") != "softmax" or output.get("units") != 1:
        return None
    sentences = (
        "The last layer has a softmax over a single unit.",
        "Softmax divides by the sum over the units, so the answer to every input is 1, and all gradients are 0.",
        "Use sigmoid for a single unit, or one unit for each class.",
    )
    finding = before_training("softmax_over_one_unit", "error", sentences, units=1)
    return dataclasses.replace(finding, advice=advice_for("softmax_over_one_unit", {None}))


def categorical_loss_of_one_unit(evidence: Evidence) -> Finding | None:
    """A categorical cross-entropy of a single unit: with one class there is nothing to tell apart."""
    output = evidence.output
    if output.get("loss") not in CATEGORICAL or output.get("units") != 1 or output.get("activation") == "softmax":
        return None
    sentences = (
        f"The loss is {output['loss']}, and the last layer has a single unit.",
        "It divides each answer by the sum over the classes; with one class that is always 1, and nothing is learned.",
        "Use binary_crossentropy with a sigmoid for two classes, or one unit for each class, with softmax.",
    )
    return before_training("categorical_loss_of_one_unit", "error", sentences, units=1)


def no_probabilities(evidence: Evidence) -> Finding | None:
    """A cross-entropy of answers that are no probabilities: linear without `from_logits`, ReLU, tanh."""
    output = evidence.output
    activation, loss, units = output.get("activation"), output.get("loss"), output.get("units")
    if loss not in CROSS_ENTROPIES or activation not in NO_PROBABILITIES:
        return None
    if output.get("from_logits") and activation in ("linear", "tanh_shrink", "elu", "selu", "leaky_relu", "prelu"):
        return None
    wanted = "softmax" if loss in CATEGORICAL and units != 1 else "sigmoid"
    if output.get("from_logits"):
        bounded = "never below 0" if activation not in ("tanh", "softsign", "hard_tanh") else "between -1 and 1 only"
        sentences = (
            f"The loss is {loss} of logits, and the last layer's activation is {activation}.",
            f"Logits may be any number, and these are {bounded}: many probabilities can never be answered.",
            "Make the last layer linear.",
        )
    else:
        sentences = (
            f"The loss is {loss}, and the last layer's activation is {activation}.",
            "A cross-entropy takes the logarithm of probabilities; answers below 0 or above 1 are cut off, and there "
            "no gradient passes.",
            f"Give the last layer the activation {wanted}"
            + (", or the loss from_logits=True." if activation == "linear" else "."),
        )
    return before_training("no_probabilities", "error", sentences)


def logits_of_probabilities(evidence: Evidence) -> Finding | None:
    """`from_logits=True` after a sigmoid or a softmax: Keras on TensorFlow corrects it where it can see the logits."""
    output = evidence.output
    if not output.get("from_logits") or output.get("activation") not in PROBABILITIES:
        return None
    sentences = (
        f"The loss was given from_logits=True, and the last layer's activation is {output['activation']}.",
        "If the activation is applied twice, gradients are small and no answer is certain.",
        "Leave out from_logits=True, or make the last layer linear.",
    )
    return before_training("logits_of_probabilities", "note", sentences)


def categorical_loss_of_sigmoids(evidence: Evidence) -> Finding | None:
    """A categorical cross-entropy of sigmoids: the classes do not compete."""
    output = evidence.output
    if output.get("loss") not in CATEGORICAL or output.get("activation") not in ("sigmoid", "hard_sigmoid"):
        return None
    if (output.get("units") or 0) < 2 or output.get("from_logits"):
        return None
    sentences = (
        f"The loss is {output['loss']}, and the last layer has {output['units']} sigmoids.",
        "This loss takes the answers for the shares of classes that exclude each other; sigmoids answer for each "
        "class by itself.",
        "Use softmax for classes that exclude each other, or binary_crossentropy where several may be right.",
    )
    return before_training("categorical_loss_of_sigmoids", "warning", sentences, units=output["units"])


def binary_loss_of_softmax(evidence: Evidence) -> Finding | None:
    """A binary cross-entropy of a softmax: with two classes it is the same thing, with more it is another."""
    output = evidence.output
    if output.get("loss") not in BINARY or output.get("activation") != "softmax" or (output.get("units") or 0) < 2:
        return None
    sentences = (
        f"The loss is {output['loss']}, and the last layer is a softmax over {output['units']} units.",
        'This loss takes each class for a question of its own, and metrics=["accuracy"] then counts every class that '
        "is rightly not named as a success.",
        "Use categorical_crossentropy for classes that exclude each other, or sigmoids where several may be right.",
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
        "Accuracy counts the predictions that equal the target to the last digit, which numbers hardly ever do; it "
        "says nothing about a regression.",
        "Watch mean_absolute_error or r2_score; if the targets are classes, use sigmoid or softmax with a "
        "cross-entropy.",
    )
    return before_training("accuracy_of_a_regression", "note", sentences)


def no_nonlinearity(evidence: Evidence) -> Finding | None:
    """Several layers with weights and no non-linearity between them are one linear layer."""
    kernels = evidence.facts.get("kernels", {})
    if evidence.facts.get("nonlinear") is not False or len(kernels) < 2:
        return None
    sentences = (
        f"There is no non-linearity between the {len(kernels)} layers with weights.",
        "A linear function of a linear function is linear: the network can learn no more than a single layer.",
        'Give the hidden layers an activation, such as "relu".',
    )
    return before_training("no_nonlinearity", "note", sentences, layers=[*kernels][:-1], kernels=len(kernels))


def units_alike(evidence: Evidence) -> Finding | None:
    """All units of a hidden layer begin with the same weights, and so stay the same; or two layers begin alike."""
    kernels = evidence.facts.get("kernels", {})
    hidden = [*kernels][:-1]
    alike = [name for name in hidden if kernels[name].get("units_alike")]
    twins = [name for name in kernels if kernels[name].get("same_as")]
    if alike:
        value = kernels[alike[0]].get("mean_weight", 0.0)
        of_them = "All units of a layer begin with the same weights"
        sentences = (
            f"{of_them}{', which are 0' if value == 0 else ''}: {span(alike, evidence)}.",
            "Units that begin alike get the same gradient and stay alike: the layer is no better than a single unit"
            + (", and behind weights of 0 no gradient passes." if value == 0 else "."),
            "Use random initial weights: He normal with ReLU, Glorot uniform with tanh, sigmoid and others.",
        )
        return before_training("units_alike", "note", sentences, layers=alike)
    if twins:
        one, other = twins[0], kernels[twins[0]]["same_as"]
        sentences = (
            f"{one} begins with the very weights of {other}.",
            "In Keras 3 an initializer object draws the same numbers each time it is used for the same shape.",
            "Make a new initializer for each layer.",
        )
        return before_training("units_alike", "note", sentences, layers=[other, *twins])
    return None


def nonfinite_initial_weights(evidence: Evidence) -> Finding | None:
    """Weights that are NaN or infinite before the first step."""
    kernels = evidence.facts.get("kernels", {})
    broken = [name for name in kernels if kernels[name].get("nonfinite")]
    if not broken:
        return None
    weights = sum(kernels[name]["nonfinite"] for name in broken)
    sentences = (
        f"{span(broken, evidence)} begins with {count(weights, 'NaN or infinite weight')}.",
        "Every prediction that uses them is NaN or wrong, and NaN weights do not recover.",
        "Build the model anew, or see where the weights that it was given come from.",
    )
    return before_training("nonfinite_initial_weights", "error", sentences, layers=broken, weights=weights)


def learning_rate(evidence: Evidence) -> Finding | None:
    """The learning rate is far outside what the optimizer usually trains with."""
    rate, optimizer = evidence.facts.get("learning_rate"), evidence.facts.get("optimizer", "the optimizer")
    if rate is None or evidence.facts.get("scheduled"):
        return None
    low, high = USABLE_RATES.get(optimizer, (1e-7, 0.05))
    if low <= rate <= high:
        return None
    default, tried = default_rate(evidence), "updates_too_large" if rate > high else "weights_not_moving"
    if rate > high:
        sentences = (
            f"The learning rate of {optimizer} is {rate:g}.",
            f"It usually trains with rates up to {high:g}; with larger ones a step undoes what was learned.",
            f"{smaller_rate(evidence)}.",
        )
    else:
        sentences = (
            f"The learning rate of {optimizer} is {rate:g}.",
            f"Rates below {low:g} hardly change the weights in any number of epochs.",
            f"Multiply it by {default / rate:,.0f}: the default of {optimizer} is {default:g}."
            if rate
            else f"Set it to the default of {optimizer}, {default:g}.",
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
        "Training changes nothing.",
        "Set trainable = True for the layers to train, and compile the model again.",
    )
    return before_training("nothing_trainable", "error", sentences, variables=facts["variables"])


def heavy_dropout(evidence: Evidence) -> Finding | None:
    """A layer drops nine units in ten or more."""
    rate = evidence.facts.get("largest_dropout", 0.0)
    if rate < 0.9:
        return None
    sentences = (
        f"A Dropout layer drops {rate:.0%} of its inputs.",
        "Next to nothing passes while the network trains. (Srivastava et al. 2014 use 20 to 50 %.)",
        "Lower its rate; it is the share that is dropped, not the share that is kept.",
    )
    return before_training("heavy_dropout", "note", sentences, rate=rate)
