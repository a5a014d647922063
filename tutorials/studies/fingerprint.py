"""The fingerprint of an experiment: a digest of all that decides a member's numbers but its seed.

Results are stored under it, so a stale one is never served and a change that decides nothing costs nothing: see
`source_code` for what counts of the code.
"""

from typing import Any

from tutorials.lab.keras_loop import build_with_seed

import joblib
import keras
import tensorflow as tf

from . import many_seeds
from .computation import computation, digest
from .experiment import Experiment, Measurement
from .source_code import sources


def fingerprint(experiment: Experiment | Measurement, epochs: int, model: keras.Model | None = None) -> str:
    """Return the digest of an experiment trained for so many epochs.

    It covers the model's configuration, the optimizer's, the data, batch size, epochs, the versions of TensorFlow and
    Keras, and the code that decides the numbers. The experiment's name and titles are no part of it.

    Args:
        experiment: an `Experiment` or a `Measurement`.
        epochs: passes over the training samples.
        model: a model that the experiment's `build_model` returned; None builds one.

    >>> fingerprint(EXPERIMENT, epochs=500)
    'd9b2c05f1a7e8c3b4f60'
    """
    facts: list[Any] = [tf.__version__, keras.__version__]
    if isinstance(experiment, Measurement):
        facts += [experiment.name, sources([experiment.measure])]
    else:
        trainer = many_seeds._ByFit if experiment.build_callbacks else many_seeds._Compiled
        facts += [computation(model or build_with_seed(experiment.build_model, 0))]
        seeds = range(3) if experiment.own_samples else range(1)
        facts += [experiment.batch_size, epochs, joblib.hash([experiment.samples(seed) for seed in seeds])]
        facts += [sources([experiment.data]) if experiment.own_samples else None]
        roots = [build_with_seed, trainer, many_seeds._beginnings, many_seeds._Examiner, many_seeds._history]
        facts += [sources(roots)]
        facts += [sources([experiment.measure, experiment.build_callbacks, experiment.transfer])]
        facts += [fingerprint(experiment.pretrained, experiment.pretrained.epochs) if experiment.pretrained else None]
    return digest(facts)
