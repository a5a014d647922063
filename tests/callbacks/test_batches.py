"""What is seen of the batches that train a model, against NumPy on the same arrays."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from callbacks import Diagnosis
from callbacks._batch_statistics import ArrayStatistics, array_statistics, joined, no_statistics
from callbacks.evidence import ArrayFacts
from tests.callbacks.tape import array

R = np.random.RandomState(1)


def facts(*batches):
    """The facts of an array that was seen in batches."""
    shape = batches[0].shape
    nothing = no_statistics(shape[-1] if len(shape) > 1 and shape[-1] <= 64 else 1)
    seen = ArrayStatistics(*map(ops.convert_to_tensor, nothing))
    for number, batch in enumerate(batches):
        seen = joined(seen, array_statistics(ops.convert_to_tensor(batch), float(number)))
    return ArrayFacts.of("inputs", shape, ArrayStatistics(*map(ops.convert_to_numpy, seen)))


@pytest.mark.parametrize("shape", [(50, 3), (50, 5, 4), (50,), (50, 70), (50, 1)])
def test_statistics_of_batches_are_those_of_the_whole(shape):
    x = (1000 + R.normal(size=shape)).astype("float32")
    seen = facts(x[:20], x[20:40], x[40:])
    rows = x.reshape(-1, shape[-1] if len(shape) > 1 and shape[-1] <= 64 else 1)
    np.testing.assert_allclose(seen.mean, rows.mean(axis=0, dtype="float64"), rtol=1e-6)
    np.testing.assert_allclose(seen.std, rows.std(axis=0, dtype="float64"), rtol=1e-3)
    np.testing.assert_array_equal(seen.lowest, rows.min(axis=0))
    np.testing.assert_array_equal(seen.highest, rows.max(axis=0))
    assert (seen.samples, seen.batches, seen.nonfinite, seen.first_nonfinite) == (50, 3, 0, None)
    assert seen.fractional == np.sum(rows != rows.round())
    spreads = [np.ptp(part.reshape(len(part), -1), axis=0).max() for part in (x[:20], x[20:40], x[40:])]
    assert seen.spread == pytest.approx(max(spreads))


def test_the_first_element_that_is_not_finite_is_remembered_with_its_place():
    x = R.normal(size=(30, 4)).astype("float32")
    x[13, 2], x[17, 0], x[25, 1] = np.nan, np.inf, np.nan
    seen = facts(x[:10], x[10:20], x[20:])
    assert (seen.nonfinite, seen.first_nonfinite) == (3, [1, 3, 2])
    finite = np.where(np.isfinite(x), x, np.nan)
    np.testing.assert_allclose(seen.mean, np.nanmean(finite, axis=0), rtol=1e-5)
    np.testing.assert_allclose(seen.std, np.nanstd(finite, axis=0), rtol=1e-4)
    nothing = facts(np.full((5, 2), np.nan, "float32"))
    assert (nothing.nonfinite, nothing.first_nonfinite, nothing.mean) == (10, [0, 0, 0], [0, 0])


def test_labels_are_counted():
    labels = R.randint(0, 5, 40)
    seen = facts(labels[:15], labels[15:])
    assert seen.shares == {str(i): np.mean(labels == i) for i in range(5)}
    assert facts(2 * (labels > 2) - 1).shares == {"1": np.mean(labels > 2), "-1": np.mean(labels <= 2)}
    assert facts(labels + 0.5).shares == {}
    assert facts(1000 * labels).shares == {}
    one_hot = np.eye(5)[labels]
    assert facts(one_hot).is_one_hot
    assert facts(one_hot).shares == pytest.approx({str(i): np.mean(labels == i) for i in range(5)})
    assert not facts(np.ones((4, 3))).is_one_hot


def test_batches_of_one_label_are_counted():
    labels = np.repeat([0, 1, 2], 8)
    assert facts(labels[:8], labels[8:16], labels[16:]).uniform_batches == 3
    assert facts(labels[4:12], labels[12:20]).uniform_batches == 0
    assert facts(labels[:1]).uniform_batches == 0  # of a single sample nothing can be said


def trained(callbacks=(), x=None, y=None, **options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, "tanh"), layers.Dropout(0.2), layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], **options)
    history = model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=list(callbacks)).history
    return history, [array(variable) for variable in [*model.variables, *model.optimizer.variables]]


@pytest.fixture(scope="module")
def data():
    x = R.normal(size=(70, 4)).astype("float32")
    return {"x": x, "y": (x[:, 0] > 0).astype(int)}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.slow
def test_the_training_is_the_same_bit_by_bit(data, jit_compile):
    plain_history, plain = trained(**data, jit_compile=jit_compile)
    diagnosis = Diagnosis(verbose=0)
    history, watched = trained([diagnosis], **data, jit_compile=jit_compile)
    assert diagnosis.trouble is None  # one that was switched off would change nothing either
    assert diagnosis.evidence.inputs[0].samples == 70
    assert history == plain_history
    for one, other in zip(plain, watched, strict=True):
        np.testing.assert_array_equal(one, other)


def test_all_data_of_the_first_epoch_are_seen(data):
    """The last batch is smaller than the others, and later epochs add nothing to what was seen of the data."""
    diagnosis = Diagnosis(verbose=0)
    trained([diagnosis], **data)
    (inputs,), (targets,) = diagnosis.evidence.inputs, diagnosis.evidence.targets
    assert (inputs.samples, inputs.batches, targets.samples) == (70, 5, 70)
    np.testing.assert_allclose(inputs.mean, data["x"].mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(inputs.highest, data["x"].max(axis=0))
    assert targets.shares["1"] == pytest.approx(data["y"].mean())
    predictions = diagnosis.evidence.predictions
    assert predictions.layers == ["predictions"]
    assert predictions.history["spread"].shape == (3, 1)
    assert (predictions.history["lowest"] > 0).all()
    assert (predictions.history["highest"] > predictions.history["lowest"]).all()


def test_weights_of_classes_are_seen_as_sample_weights(data):
    diagnosis = Diagnosis(verbose=0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.fit(**data, class_weight={0: 1.0, 1: 5.0}, epochs=1, verbose=0, callbacks=[diagnosis])
    (weights,) = diagnosis.evidence.sample_weights
    assert (weights.minimum, weights.maximum) == (1, 5)
    assert diagnosis.evidence.chance_loss is None
