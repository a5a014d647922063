import keras
import numpy as np
import pytest

BACKEND = keras.backend.backend()
ONLY_ON = {
    "tensorflow": [
        *("test_only_tensorflow.py", "test_distributed.py", "test_wheel.py", "test_plots.py"),
        *("tensorboard/test_tab.py", "tensorboard/test_records.py"),
    ],
    "jax": ["test_only_jax.py"],
}
"""Tests of what one backend has, and of what is the same on all of them."""

collect_ignore = [name for backend, names in ONLY_ON.items() if backend != BACKEND for name in names]


@pytest.fixture
def read_tensors():
    """Reads event files back with TensorBoard's own reader: dict of tag to dict of step to array."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    def read(directory):
        events = EventAccumulator(str(directory), size_guidance={"tensors": 0, "scalars": 0}).Reload()
        tags = events.Tags()
        return {
            tag: {event.step: make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}
            for tag in tags["tensors"]
        } | {tag: {event.step: np.array(event.value) for event in events.Scalars(tag)} for tag in tags["scalars"]}

    return read


@pytest.fixture(scope="session")
def tutorial_runs(tmp_path_factory):
    """The tutorial's deep tanh and deep ReLU networks, trained for 25 epochs: the log directory, and each `Diagnosis`.

    Tests that use it are marked as `slow`, and with `xdist_group("tutorial_runs")`, so that they are trained once.
    """
    pytest.importorskip("tensorflow", reason="the tutorials are on TensorFlow")
    from tutorials.lab import two_circles
    from tutorials.vanishing import deep_relu, deep_tanh

    from callbacks import Diagnosis

    directory, diagnoses = tmp_path_factory.mktemp("tutorial_runs"), {}
    (x_train, y_train), test = two_circles()
    for name, build_model in (("tanh", deep_tanh.build_model), ("relu", deep_relu.build_model)):
        keras.utils.set_random_seed(1)
        diagnoses[name] = Diagnosis(directory / name, probe=x_train, verbose=0)
        build_model().fit(x_train, y_train, validation_data=test, epochs=25, verbose=0, callbacks=[diagnoses[name]])
    return directory, diagnoses
