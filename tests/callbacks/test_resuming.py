"""A training that ends with an exception, and one that another process takes up again."""

import gc

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks import Diagnosis, GradientMonitor, WeightNormMonitor
from callbacks.tensorboard import RunReader, SummaryWriter
from callbacks.train_function import TrainFunctionTap
from tests.callbacks.same_training import X, Y, eager


class Fails(keras.callbacks.Callback):
    """Raises when an epoch ends, or begins."""

    def __init__(self, epoch, error=RuntimeError, when="end"):
        super().__init__()
        setattr(self, f"on_epoch_{when}", lambda number, logs=None: self.fail(number == epoch, error))

    def fail(self, is_time, error):
        if is_time:
            raise error("no more")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("make", [GradientMonitor, WeightNormMonitor, lambda path: Diagnosis(path, verbose=0)])
def test_what_is_held_is_released_when_another_callback_raises(make, error, tmp_path):
    model, callback = eager(), make(tmp_path)
    with pytest.raises(error, match="no more"):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[callback, Fails(1, error)])
    gc.collect()
    assert not isinstance(model.train_function, TrainFunctionTap)
    assert tmp_path.resolve() not in SummaryWriter._open
    assert callback._writer is None
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    assert callback.trouble is None
    assert RunReader(tmp_path).update()


def train(directory, callbacks, epochs=6, fails=()):
    backup = keras.callbacks.BackupAndRestore(directory / "backup")
    model = eager(optimizer=keras.optimizers.Adam(0.01))
    model.fit(X, Y, epochs=epochs, shuffle=False, verbose=0, callbacks=[*callbacks, backup, *fails])


@pytest.mark.parametrize("when", ["begin", "end"])
def test_a_training_resumed_in_a_new_process_goes_on_in_the_history_and_in_tensorboard(when, tmp_path):
    """A process that is killed holds nothing, and so does a callback that is made anew."""
    log_dir = tmp_path / "run"
    make = lambda path: Diagnosis(path, histogram_freq=1, probe=X, verbose=0)  # noqa: E731
    before = make(log_dir)
    with pytest.raises(RuntimeError):
        train(tmp_path, [before], fails=[Fails(3, when=when)])
    resumed, through = make(log_dir), make(None)
    train(tmp_path, [resumed])
    train(tmp_path / "other", [through])

    for name in ("gradients", "weights", "activations"):
        monitor, expected = getattr(resumed, name), getattr(through, name)
        assert monitor.epochs == expected.epochs == [0, 1, 2, 3, 4, 5]
        assert monitor.layers == expected.layers
        for quantity, values in expected.history.items():
            np.testing.assert_allclose(monitor.history[quantity], values, rtol=1e-4, atol=1e-7, err_msg=quantity)
    assert resumed.gradients.sampled_steps_history.tolist() == [1] * 6
    assert resumed.evidence.epochs == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(resumed.evidence.metrics["loss"], through.evidence.metrics["loss"], rtol=1e-5)
    assert resumed.evidence.inputs[0].samples == len(X)

    reader = RunReader(log_dir)
    reader.update()
    evidence = reader.evidence()
    assert evidence.epochs == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(evidence.gradients.history["l2"], through.gradients.history["l2"], rtol=1e-4)
    events = EventAccumulator(str(log_dir), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    assert [event.step for event in events.Scalars("Summary/loss")] == [0, 1, 2, 3, 4, 5]


def test_an_epoch_that_was_trained_twice_counts_once(tmp_path):
    """The first process got further than its last backup."""
    model, first, second = eager(), WeightNormMonitor(tmp_path), WeightNormMonitor(tmp_path)
    model.fit(X, Y, epochs=5, verbose=0, callbacks=[first])
    model.fit(X, Y, epochs=4, initial_epoch=2, verbose=0, callbacks=[second])
    assert second.epochs == [0, 1, 2, 3]
    np.testing.assert_allclose(second.history["l1"][:2], first.history["l1"][:2], rtol=1e-6)
    reader = RunReader(tmp_path)
    reader.update()
    assert reader.evidence().epochs == [0, 1, 2, 3]
    events = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    assert [event.step for event in events.Scalars("weight_l1/one")] == [0, 1, 2, 3]


def test_what_another_model_recorded_there_is_not_taken_up(tmp_path):
    eager().fit(X, Y, epochs=2, verbose=0, callbacks=[WeightNormMonitor(tmp_path)])
    other, monitor = eager(lambda: keras.layers.Dense(1, name="other")), WeightNormMonitor(tmp_path)
    other.fit(X, Y, epochs=4, initial_epoch=2, verbose=0, callbacks=[monitor])
    assert monitor.layers == ["other"]
    assert monitor.epochs == [2, 3]
