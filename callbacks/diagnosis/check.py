"""`check`: what is wrong with a compiled model and its data, before it is trained."""

from typing import Any

import keras
import numpy as np

from .._batch_statistics import array_statistics
from ..batches import named_arrays
from ..evidence import ArrayFacts, Evidence
from ..model_facts import model_facts
from .finding import Finding
from .rules import diagnose


def check(model: keras.Model, x: Any, y: Any = None, sample_weight: Any = None) -> list[Finding]:
    """Return what is wrong with a compiled model and all of its data, without training.

    `Diagnosis` says the same while it trains, from the batches of the first epoch. This function sees every sample, in
    the order of the arrays, also where Keras would refuse to train.

    Args:
        model: a compiled model; of one that is not built less can be told.
        x: inputs, as `model.fit` takes them: an array, or a list or dict of arrays, of shape (samples, ...).
        y: targets, likewise.
        sample_weight: (samples,), likewise.

    Returns:
        A list of `Finding`, causes first; empty where nothing is wrong.

    >>> print(*check(model, x, y), sep="\\n")
    error labels_outside_0_to_1: The labels are -1, 1, and the loss is binary_crossentropy. ...
    """
    facts = model_facts(model, getattr(model, "optimizer", None)) | {"seen_all": True}
    for role, arrays in (("inputs", x), ("targets", y), ("sample_weights", sample_weight)):
        whole = keras.tree.map_structure(np.asarray, arrays) if arrays is not None else None
        facts[role] = [
            vars(ArrayFacts.of(name, array.shape, array_statistics(array))) for name, array in named_arrays(role, whole)
        ]
    return diagnose(Evidence([], {}, facts=facts))
