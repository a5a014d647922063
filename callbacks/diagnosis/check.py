"""`check`: finds what is wrong with a compiled model and its data before training."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from .._batch_statistics import array_statistics, joined
from ..batches import named_arrays
from ..evidence import ArrayFacts, Evidence
from ..model_facts import model_facts
from .finding import Finding
from .rules import diagnose

MAX_BATCHES = 1000
"""Largest number of batches of a dataset that are read."""


def check(model: keras.Model, x: Any, y: Any = None, sample_weight: Any = None) -> list[Finding]:
    """Return what is wrong with a compiled model and all of its data, without training.

    `Diagnosis` finds the same during training, from the batches of the first epoch. This function reads every sample,
    in the order of the arrays, and also works where `fit` would raise an exception.

    Args:
        model: a compiled model; if it is not built, fewer rules can be applied.
        x: inputs, as `model.fit` takes them: an array, or a list or dict of arrays, of shape (samples, ...); or a
            `tf.data.Dataset` or another iterable of batches, of which the first 1,000 are read.
        y: targets, likewise; None with a dataset.
        sample_weight: (samples,), likewise.

    Returns:
        A list of `Finding`, causes first; empty where nothing is wrong.

    >>> print(*check(model, x, y), sep="\\n")
    error labels_outside_0_to_1: The labels are -1, 1, and the loss is binary_crossentropy. ...
    """
    facts = model_facts(model, getattr(model, "optimizer", None)) | {"seen_all": True}
    seen: dict[tuple[str, str], Any] = {}
    shapes: dict[tuple[str, str], tuple[int, ...]] = {}
    for number, batch in enumerate(_batches(x, y, sample_weight)):
        for role, arrays in zip(("inputs", "targets", "sample_weights"), batch, strict=True):
            whole = keras.tree.map_structure(np.asarray, arrays) if arrays is not None else None
            for name, array in named_arrays(role, whole):
                found = array_statistics(array, float(number))
                seen[role, name] = joined(seen[role, name], found) if (role, name) in seen else found
                shapes[role, name] = array.shape
    for (role, name), statistics in seen.items():
        facts.setdefault(role, []).append(vars(ArrayFacts.of(name, shapes[role, name], statistics)))
    return diagnose(Evidence([], {}, facts=facts))


def _batches(x: Any, y: Any, sample_weight: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield inputs, targets and sample weights: arrays as one batch, a dataset batch by batch."""
    is_of_batches = isinstance(x, Iterable) and not isinstance(x, np.ndarray | list | tuple | dict)
    if y is not None or not is_of_batches or hasattr(x, "shape"):
        yield x, y, sample_weight
        return
    if isinstance(x, keras.utils.PyDataset):
        x = (x[i] for i in range(len(x)))
    for batch in itertools.islice(x, MAX_BATCHES):
        yield keras.utils.unpack_x_y_sample_weight(batch)
