"""The monitors in every mode of training, on the backend that Keras runs on.

What they record is compared with the backend's own automatic differentiation over a twin of the model, and the
training, bit by bit, with one without callbacks.
"""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from keras import Input, layers

from callbacks import Diagnosis, GradientMonitor
from callbacks.keras_internals import kernels
from tests.callbacks.own_steps import Gan, OwnStep
from tests.callbacks.tape import BACKEND, array, gradients_by_tape, largest_error

R = np.random.RandomState(0)
X, Y = R.normal(size=(24, 6)).astype("float32"), R.normal(size=(24, 1)).astype("float32")
IMAGES = R.normal(size=(24, 8, 8, 3)).astype("float32")
TOKENS = R.randint(0, 20, (24, 7))
BATCH = 8
STEPS = 3


def compiled(model, optimizer=None, loss="mse", **options):
    model.compile(optimizer or keras.optimizers.SGD(0.05), loss, **options)
    return model


def dense(optimizer=None, **options):
    model = keras.Sequential([Input((6,)), layers.Dense(5, "tanh"), layers.Dense(4, "relu"), layers.Dense(1)])
    return compiled(model, optimizer, **options)


def functional():
    one, two = Input((6,), name="one"), Input((6,), name="two")
    joined = layers.Concatenate()([layers.Dense(4, "tanh")(one), layers.Dense(3)(two)])
    outputs = [layers.Dense(1)(joined), layers.Dense(2, "tanh")(joined)]
    return compiled(keras.Model([one, two], outputs), loss=["mse", "mae"])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(5, "tanh"), layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))


def subclassed():
    model = Subclassed()
    model(X[:1])
    return compiled(model)


def nested_and_shared():
    encoder = keras.Sequential([layers.Dense(4, "tanh"), layers.Dense(3)], name="encoder")
    shared = layers.Dense(3, "tanh", name="shared")
    inputs = Input((6,))
    hidden = shared(shared(encoder(inputs)))
    return compiled(keras.Model(inputs, layers.Dense(1)(hidden)))


def partly_frozen():
    model = keras.Sequential([Input((6,)), layers.Dense(5, "tanh"), layers.Dense(4), layers.Dense(1)])
    model.layers[1].trainable = False
    return compiled(model)


def dropout():
    stack = [layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(1)]
    return compiled(keras.Sequential([Input((6,)), *stack]))


def convolutions(**options):
    stack = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.DepthwiseConv2D(3)]
    stack += [layers.Reshape((16, 4)), layers.Conv1D(3, 3), layers.Flatten(), layers.Dense(1)]
    return compiled(keras.Sequential([Input((8, 8, 3)), *stack]), **options)


def recurrent(**options):
    tokens = Input((7,), dtype="int32")
    hidden = layers.LSTM(4, return_sequences=True)(layers.Embedding(20, 3)(tokens))
    return compiled(keras.Model(tokens, layers.Dense(1)(layers.GRU(3)(hidden))), **options)


def attention():
    tokens = Input((7,), dtype="int32")
    vectors = layers.Embedding(20, 4)(tokens)
    mixed = layers.MultiHeadAttention(2, 3)(vectors, vectors)
    hidden = layers.Dense(4, "tanh")(layers.GlobalAveragePooling1D()(mixed))
    return compiled(keras.Model(tokens, layers.Dense(1)(hidden)))


def own_step():
    inputs = Input((6,))
    return compiled(OwnStep(inputs, layers.Dense(1)(layers.Dense(4, "tanh")(inputs))))


def optimizer(name, **options):
    return lambda: dense(getattr(keras.optimizers, name)(0.01, **options))


def generator(x, y):
    for start in range(0, len(x), BATCH):
        yield x[start : start + BATCH], y[start : start + BATCH]


def dataset(x, y):
    if BACKEND == "torch":
        import torch

        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y)), BATCH)
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)


@dataclasses.dataclass
class Case:
    """A mode of training: a function that builds the model, its data, and how `fit` gets them."""

    build: object
    x: object = dataclasses.field(default_factory=lambda: X)
    y: object = dataclasses.field(default_factory=lambda: Y)
    feed: object = None  # a function that makes of x and y what `fit` is given; None gives it the arrays
    epochs: int = 2
    weights: dict = dataclasses.field(default_factory=dict)  # arguments of `fit`

    def fit(self, model, callbacks):
        if self.feed:
            return model.fit(self.feed(self.x, self.y), epochs=self.epochs, verbose=0, callbacks=callbacks)
        options = {"batch_size": BATCH, "shuffle": False, "epochs": self.epochs, "verbose": 0, **self.weights}
        return model.fit(self.x, self.y, callbacks=callbacks, **options)

    @property
    def sample_weight(self):
        """What `fit` weighs each sample by, of whatever kind `weights` are; None where all weigh the same."""
        if "class_weight" in self.weights:
            return np.where(self.y[:, 0] > 0, self.weights["class_weight"][1], self.weights["class_weight"][0])
        return self.weights.get("sample_weight")


UNEVEN = {"x": X[:20], "y": Y[:20]}  # the last batch of an epoch is smaller

CASES = {
    "Sequential": Case(dense, **UNEVEN),
    "functional, 2 inputs, 2 outputs": Case(functional, [X, -X], [Y, np.hstack([Y, -Y])]),
    "subclassed": Case(subclassed),
    "nested and shared layers": Case(nested_and_shared),
    "partly frozen": Case(partly_frozen),
    "Dropout": Case(dropout),
    "Conv2D, DepthwiseConv2D, Conv1D, BatchNormalization": Case(convolutions, IMAGES),
    "Embedding, LSTM, GRU": Case(recurrent, TOKENS),
    "MultiHeadAttention": Case(attention, TOKENS),
    "custom train_step": Case(own_step),
    "jit_compile=True": Case(lambda: dense(jit_compile=True), **UNEVEN),
    "jit_compile=True, convolutions": Case(lambda: convolutions(jit_compile=True), IMAGES),
    "jit_compile=False": Case(lambda: dense(jit_compile=False)),
    "run_eagerly": Case(lambda: dense(run_eagerly=True), **UNEVEN),
    "run_eagerly, Embedding": Case(lambda: recurrent(run_eagerly=True), TOKENS),
    "steps_per_execution=2": Case(lambda: dense(steps_per_execution=2), **UNEVEN),
    "tf.data or DataLoader": Case(dense, feed=dataset),
    "generator": Case(dense, feed=generator, epochs=1),
    "sample_weight": Case(dense, weights={"sample_weight": np.linspace(0, 2, 24)}),
    "class_weight": Case(dense, y=(Y > 0).astype("float32"), weights={"class_weight": {0: 0.3, 1: 2.0}}),
    "SGD momentum": Case(optimizer("SGD", momentum=0.9)),
    "Adam": Case(optimizer("Adam")),
    "AdamW, weight decay": Case(optimizer("AdamW", weight_decay=0.1)),
    "RMSprop": Case(optimizer("RMSprop")),
    "Lion": Case(optimizer("Lion")),
    "Adafactor": Case(optimizer("Adafactor")),
    "EMA": Case(optimizer("SGD", use_ema=True, ema_overwrite_frequency=2)),
    "clipnorm": Case(optimizer("SGD", clipnorm=0.3)),
    "global_clipnorm": Case(optimizer("SGD", global_clipnorm=0.3)),
    "clipvalue": Case(optimizer("SGD", clipvalue=0.1)),
    "gradient accumulation": Case(optimizer("SGD", gradient_accumulation_steps=2)),
    "loss_scale_factor": Case(optimizer("SGD", loss_scale_factor=1024.0)),
}

NOT_ON = {
    "torch": {
        "steps_per_execution=2",  # Keras refuses it
        "jit_compile=True, convolutions",  # compiled once is enough: it takes half a minute
    },
}
"""Cases that a backend does not have."""

QUICK = {"Sequential", "run_eagerly", "generator"}
"""Cases that `make check` runs too, as they need the most different code."""

THOROUGH = {
    *("RMSprop", "Lion", "Adafactor", "AdamW, weight decay", "SGD momentum"),  # an optimizer gets what Adam gets
    *("jit_compile=False", "jit_compile=True, convolutions", "run_eagerly, Embedding", "class_weight", "clipnorm"),
}
"""Cases that `make test` leaves out."""


def marks_of(name):
    slow = [] if name in QUICK else [pytest.mark.slow]
    return [pytest.mark.xdist_group(name), *slow, *([pytest.mark.thorough] if name in THOROUGH else [])]


def twin(build):
    """A model with the same initial weights and the same random numbers at every call."""
    keras.utils.set_random_seed(5)
    return build()


def kernel_values(model):
    return [array(kernel).astype("float64") for kernel in kernels(model).values()]


@dataclasses.dataclass
class Trained:
    """What a training left behind: the model, its metrics, its variables and the next random numbers."""

    model: keras.Model
    metrics: list
    variables: list
    random: list


def next_random_numbers():
    """The next number of the backend's own generator, where it has one."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return [float(tf.random.uniform(()))]
    if BACKEND == "torch":
        import torch

        return [float(torch.rand(()))]
    return []


def train(case, callbacks):
    model = twin(case.build)
    history = case.fit(model, callbacks).history
    variables = [array(variable) for variable in [*model.variables, *model.optimizer.variables]]
    random = [np.random.rand(), float(keras.random.uniform(())), *next_random_numbers()]
    return Trained(model, list(history.values()), variables, random)


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=marks_of(name)) for name in CASES if name not in NOT_ON.get(BACKEND, ())],
)
def watched(request):
    """A case, its training with a diagnosis, its monitors, and the kernels before it and after each of its epochs."""
    case, ends = CASES[request.param], []
    look = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: ends.append(kernel_values(look.model)))
    look.on_epoch_end = lambda epoch, logs: ends.append(kernel_values(look.model))
    diagnosis = Diagnosis(probe=case.x, verbose=0)
    monitors = [diagnosis.gradients, diagnosis.weights, diagnosis.activations]
    trained = train(case, [diagnosis, look])
    assert diagnosis.trouble is None  # one that was switched off would change nothing either
    assert diagnosis.evidence.inputs[0].samples > 0
    return case, trained, monitors, ends


def test_gradients_are_those_of_a_tape(watched, record_property):
    case, trained, (monitor, _, _), _ = watched
    if BACKEND == "torch" and case is CASES["Dropout"]:
        pytest.skip("PyTorch's dropout and Keras's loader of arrays draw from one generator")
    model = twin(case.build)
    assert monitor.layers == list(kernels(trained.model))
    assert monitor.sampled_steps_history.tolist() == [STEPS] * case.epochs
    for epoch in range(case.epochs):
        steps = gradients_by_tape(model, case.x, case.y, BATCH, case.sample_weight)
        assert len(steps) == STEPS
        error = largest_error(monitor.history, steps, epoch)
        record_property("relative_error", float(error))
        assert error < 2e-4


def test_weight_changes_are_those_of_the_kernels(watched):
    _, _, (_, monitor, _), ends = watched
    for epoch, (before, after) in enumerate(itertools.pairwise(ends)):
        change = [np.abs(new - old).sum() for old, new in zip(before, after, strict=True)]
        np.testing.assert_allclose(monitor.history["l1"][epoch], [np.abs(k).sum() for k in after], rtol=1e-6)
        np.testing.assert_allclose(monitor.history["l1_change"][epoch], change, rtol=1e-6)


def test_training_is_the_same_without_callbacks(watched):
    """Weights, optimizer state, metrics and random numbers, bit by bit."""
    case, with_diagnosis, _, _ = watched
    without = train(case, [])
    assert with_diagnosis.metrics == without.metrics
    for one, other in zip(with_diagnosis.variables, without.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    assert with_diagnosis.random == without.random


@pytest.fixture
def policy():
    yield keras.mixed_precision.set_dtype_policy
    keras.mixed_precision.set_dtype_policy("float32")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_recorded_unscaled(dtype, policy):
    policy(dtype)
    monitor = GradientMonitor(sampled_steps=None)
    twin(dense).fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[monitor])
    assert largest_error(monitor.history, gradients_by_tape(twin(dense), X, Y, BATCH)) < 2e-2  # half precision
    assert monitor.skipped_steps_history.tolist() == [0]


@pytest.mark.slow
def test_steps_skipped_by_loss_scaling_are_counted_and_left_out(policy, tmp_path, read_tensors):
    policy("mixed_float16")
    y = Y.copy()
    y[BATCH] = 1e30  # the second of three batches overflows in float16
    monitor = GradientMonitor(tmp_path, sampled_steps=None)
    twin(dense).fit(X, y, batch_size=BATCH, shuffle=False, epochs=2, verbose=0, callbacks=[monitor])
    assert monitor.skipped_steps_history.tolist() == [1, 1]
    assert monitor.sampled_steps_history.tolist() == [2, 2]
    assert (monitor.history["nonfinite"] == 0).all()
    assert np.isfinite(monitor.history["abs_mean"]).all()
    assert read_tensors(tmp_path)["gradient_skipped_steps"] == {0: 1, 1: 1}


def test_a_gan_is_recorded_optimizer_by_optimizer():
    gan = twin(Gan)
    gan.compile()
    critic = GradientMonitor(optimizer=gan.critic_optimizer)
    generator = GradientMonitor(optimizer=gan.generator_optimizer)
    before = dict(zip(kernels(gan), kernel_values(gan), strict=True))
    gan.fit(X, batch_size=24, verbose=0, callbacks=[critic, generator])
    assert [name.split("/")[0] for name in critic.layers] == ["critic", "critic"]
    assert [name.split("/")[0] for name in generator.layers] == ["generator"]
    for monitor, rate in ((critic, 0.1), (generator, 0.2)):
        for i, name in enumerate(monitor.layers):
            gradient = (before[name] - array(kernels(gan)[name])) / rate
            assert monitor.history["l2"][0, i] == pytest.approx(np.linalg.norm(gradient), rel=1e-3)


def test_train_on_batch_with_a_callback_list():
    model, monitor = twin(dense), GradientMonitor()
    callbacks = keras.callbacks.CallbackList([monitor], model=model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    for start in range(0, 24, BATCH):
        model.train_on_batch(X[start : start + BATCH], Y[start : start + BATCH])
    callbacks.on_epoch_end(0)
    callbacks.on_train_end()
    assert largest_error(monitor.history, gradients_by_tape(twin(dense), X, Y, BATCH)) < 2e-4
