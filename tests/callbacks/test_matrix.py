"""GradientMonitor in every way of training, held against an eager `tf.GradientTape` over a twin of the model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import Input, layers

from callbacks import GradientMonitor, WeightNormMonitor
from callbacks.keras_internals import kernels

R = np.random.RandomState(0)
X, Y = R.normal(size=(24, 6)).astype("float32"), R.normal(size=(24, 1)).astype("float32")
IMAGES = R.normal(size=(24, 8, 8, 3)).astype("float32")
TOKENS = R.randint(0, 20, (24, 7))
BATCH = 8


def dense(**compiled):
    model = keras.Sequential([Input((6,)), layers.Dense(5, "tanh"), layers.Dense(4, "relu"), layers.Dense(1)])
    return ready(model, **compiled)


def ready(model, optimizer=None, loss="mse", **compiled):
    model.compile(optimizer or keras.optimizers.SGD(0.05), loss, **compiled)
    return model


def functional():
    one, two = Input((6,), name="one"), Input((6,), name="two")
    joined = layers.Concatenate()([layers.Dense(4, "tanh")(one), layers.Dense(3)(two)])
    return ready(
        keras.Model([one, two], [layers.Dense(1)(joined), layers.Dense(2, "tanh")(joined)]), loss=["mse", "mae"]
    )


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(5, "tanh"), layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))


def subclassed():
    model = Subclassed()
    model(X[:1])
    return ready(model)


def nested_and_shared():
    encoder = keras.Sequential([layers.Dense(4, "tanh"), layers.Dense(3)], name="encoder")
    shared = layers.Dense(3, "tanh", name="shared")
    inputs = Input((6,))
    hidden = shared(shared(encoder(inputs)))
    return ready(keras.Model(inputs, layers.Dense(1)(hidden)))


def partly_frozen():
    model = keras.Sequential([Input((6,)), layers.Dense(5, "tanh"), layers.Dense(4), layers.Dense(1)])
    model.layers[1].trainable = False
    return ready(model)


def convolutions():
    stack = [Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()]
    stack += [
        layers.DepthwiseConv2D(3),
        layers.Reshape((16, 4)),
        layers.Conv1D(3, 3),
        layers.Flatten(),
        layers.Dense(1),
    ]
    return ready(keras.Sequential(stack))


def recurrent():
    tokens = Input((7,), dtype="int32")
    hidden = layers.LSTM(4, return_sequences=True)(layers.Embedding(20, 3)(tokens))
    return ready(keras.Model(tokens, layers.Dense(1)(layers.GRU(3)(hidden))))


def attention():
    tokens = Input((7,), dtype="int32")
    vectors = layers.Embedding(20, 4)(tokens)
    mixed = layers.MultiHeadAttention(2, 3)(vectors, vectors)
    return ready(keras.Model(tokens, layers.Dense(1)(layers.GlobalAveragePooling1D()(mixed))))


class OwnStep(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


def own_step():
    inputs = Input((6,))
    return ready(OwnStep(inputs, layers.Dense(1)(layers.Dense(4, "tanh")(inputs))))


def optimizer(name, **options):
    return lambda: dense(optimizer=getattr(keras.optimizers, name)(0.01, **options))


def generator(x, y):
    for start in range(0, len(x), BATCH):
        yield x[start : start + BATCH], y[start : start + BATCH]


def dataset(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)


# name: (function that builds the model, x, y, arguments of fit; "feed" makes its data from x and y)
CASES = {
    "functional, 2 inputs, 2 outputs": (functional, [X, -X], [Y, np.hstack([Y, -Y])], {}),
    "subclassed": (subclassed, X, Y, {}),
    "nested and shared layers": (nested_and_shared, X, Y, {}),
    "partly frozen": (partly_frozen, X, Y, {}),
    "Conv2D, DepthwiseConv2D, Conv1D, BatchNormalization": (convolutions, IMAGES, Y, {}),
    "Embedding, LSTM, GRU": (recurrent, TOKENS, Y, {}),
    "MultiHeadAttention": (attention, TOKENS, Y, {}),
    "custom train_step": (own_step, X, Y, {}),
    "jit_compile=True": (lambda: dense(jit_compile=True), X, Y, {}),
    "jit_compile=True, convolutions": (lambda: ready(convolutions(), jit_compile=True), IMAGES, Y, {}),
    "jit_compile=False": (lambda: dense(jit_compile=False), X, Y, {}),
    "run_eagerly": (lambda: dense(run_eagerly=True), X, Y, {}),
    "run_eagerly, Embedding": (lambda: ready(recurrent(), run_eagerly=True), TOKENS, Y, {}),
    "steps_per_execution=2": (lambda: dense(steps_per_execution=2), X, Y, {}),
    "tf.data": (dense, X, Y, {"feed": dataset}),
    "generator": (dense, X, Y, {"feed": generator}),
    "sample_weight": (dense, X, Y, {"sample_weight": np.linspace(0, 2, 24)}),
    "class_weight": (dense, X, (Y > 0).astype("float32"), {"class_weight": {0: 0.3, 1: 2.0}}),
    "SGD momentum": (optimizer("SGD", momentum=0.9), X, Y, {}),
    "Adam": (optimizer("Adam"), X, Y, {}),
    "AdamW, weight decay": (optimizer("AdamW", weight_decay=0.1), X, Y, {}),
    "RMSprop": (optimizer("RMSprop"), X, Y, {}),
    "Lion": (optimizer("Lion"), X, Y, {}),
    "Adafactor": (optimizer("Adafactor"), X, Y, {}),
    "EMA": (optimizer("SGD", use_ema=True, ema_overwrite_frequency=2), X, Y, {}),
    "clipnorm": (optimizer("SGD", clipnorm=0.3), X, Y, {}),
    "global_clipnorm": (optimizer("SGD", global_clipnorm=0.3), X, Y, {}),
    "clipvalue": (optimizer("SGD", clipvalue=0.1), X, Y, {}),
    "gradient accumulation": (optimizer("SGD", gradient_accumulation_steps=2), X, Y, {}),
    "loss_scale_factor": (optimizer("SGD", loss_scale_factor=1024.0), X, Y, {}),
}


def by_tape(model, x, y, weights=None):
    """The gradients of every kernel in one epoch of steps, as float64: a list of steps, each a list of kernels."""
    watched = {id(kernel) for kernel in kernels(model).values()}
    steps = []
    for start in range(0, len(keras.tree.flatten(x)[0]), BATCH):
        cut = lambda part, start=start: tf.constant(part[start : start + BATCH])  # noqa: E731
        batch, target = keras.tree.map_structure(cut, x), keras.tree.map_structure(cut, y)
        with tf.GradientTape() as tape:
            predicted = model(batch, training=True)
            weight = None if weights is None else cut(weights)
            loss = model.compute_loss(batch, target, predicted, sample_weight=weight)
            scaled = model.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, model.trainable_variables)
        by = float(scaled / loss)
        pairs = list(zip(gradients, model.trainable_variables, strict=True))
        arrays = [tf.convert_to_tensor(g).numpy().astype("float64") / by for g, v in pairs if id(v) in watched]
        steps.append(arrays)
        model.optimizer.apply_gradients(pairs)
    return steps


FIGURES = {
    "mean": lambda steps: np.mean([g.mean() for g in steps]),
    "abs_mean": lambda steps: np.mean([np.abs(g).mean() for g in steps]),
    "l2": lambda steps: np.mean([np.linalg.norm(g) for g in steps]),
    "max": lambda steps: np.max([np.abs(g).max() for g in steps]),
    "zero_fraction": lambda steps: np.mean([(g == 0).mean() for g in steps]),
}


def largest_error(history, steps):
    """The largest difference of one epoch's figures from those of `steps`, relative to the kernel's own.

    Gradients below 1e-6 are rounding (the bias of attention's keys has none at all), and compared as absolute numbers.
    """
    worst = 0
    for i in range(len(steps[0])):
        kernel = [step[i] for step in steps]
        largest = max(FIGURES["max"](kernel), 1e-6)
        sizes = {"l2": max(FIGURES["l2"](kernel), 1e-6), "zero_fraction": 1 if largest > 1e-6 else np.inf}
        for name, figure in FIGURES.items():
            worst = max(worst, abs(history[name][0, i] - figure(kernel)) / sizes.get(name, largest))
    return worst


def twin(build):
    keras.utils.set_random_seed(5)
    return build()


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_a_tape(name, capsys):
    build, x, y, options = CASES[name]
    options = dict(options)
    feed = options.pop("feed", None)
    data = {"x": feed(x, y)} if feed else {"x": x, "y": y, "batch_size": BATCH, "shuffle": False}
    monitor, weights, ends = GradientMonitor(sampled_steps=None), WeightNormMonitor(), []
    model = twin(build)
    before = [kernel.numpy() for kernel in kernels(model).values()]
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: ends.extend(k.numpy() for k in kernels(model).values())
    )
    model.fit(**data, **options, verbose=0, callbacks=[monitor, weights, look])

    sample_weights = options.get("sample_weight")
    if "class_weight" in options:
        sample_weights = np.where(y[:, 0] > 0, options["class_weight"][1], options["class_weight"][0])
    reference = twin(build)
    steps = by_tape(reference, x, y, sample_weights)
    error = largest_error(monitor.history, steps)
    with capsys.disabled():
        print(f"\n    {name}: largest relative error {error:.1e}", end="")
    assert monitor.layers == list(kernels(model))
    assert monitor.sampled_steps_history.tolist() == [len(steps)] == [3]
    assert error < 2e-4
    after = [kernel.astype("float64") for kernel in ends]
    l1 = [np.abs(kernel).sum() for kernel in after]
    change = [np.abs(new - old).sum() for new, old in zip(after, before, strict=True)]
    np.testing.assert_allclose(weights.history["l1"][0], l1, rtol=1e-6)
    np.testing.assert_allclose(weights.history["l1_change"][0], change, rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_nothing_changes(name):
    """Weights, optimizer state, metrics and random streams, bit by bit, over two epochs, dropout included."""
    build, x, y, options = CASES[name]
    options = {key: value for key, value in options.items() if key != "feed"}

    def train(callbacks):
        model = twin(build)
        history = model.fit(x, y, batch_size=BATCH, epochs=2, **options, verbose=0, callbacks=callbacks)
        state = [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
        return (
            list(history.history.values()),
            state,
            np.random.rand(),
            float(tf.random.uniform(())),
            float(keras.random.uniform(())),
        )

    plain = train([])
    watched = train([GradientMonitor(), WeightNormMonitor()])
    assert plain[0] == watched[0]
    assert all(map(np.array_equal, plain[1], watched[1]))
    assert plain[2:] == watched[2:]


@pytest.mark.parametrize(("clip", "limit"), [("clipnorm", 0.5), ("global_clipnorm", 1.5), ("clipvalue", 0.3)])
def test_share_of_clipped_steps(clip, limit):
    build = optimizer("SGD", **{clip: limit})
    monitor = GradientMonitor(sampled_steps=None)
    twin(build).fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[monitor])
    model = twin(build)
    wanted = []
    for start in range(0, 24, BATCH):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(X, Y[start : start + BATCH], model(X[start : start + BATCH], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        kernel_gradients = [g.numpy() for g in gradients if len(g.shape) == 2]
        whole = np.sqrt(sum((g.numpy() ** 2).sum() for g in gradients))
        size = {
            "clipnorm": np.linalg.norm,
            "global_clipnorm": lambda g, n=whole: n,
            "clipvalue": lambda g: np.abs(g).max(),
        }
        wanted.append([size[clip](g) > limit for g in kernel_gradients])
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    shares = np.mean(wanted, axis=0)
    assert shares.max() > 0
    assert shares.min() < 1
    np.testing.assert_allclose(monitor.history["clipped_fraction"][0], shares, rtol=1e-6)


def test_no_clipping_no_clipped_fraction():
    monitor = GradientMonitor()
    twin(dense).fit(X, Y, verbose=0, callbacks=[monitor])
    assert "clipped_fraction" not in monitor.history


@pytest.fixture
def policy():
    yield keras.mixed_precision.set_dtype_policy
    keras.mixed_precision.set_dtype_policy("float32")


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_recorded_unscaled(dtype, policy, capsys):
    policy(dtype)
    monitor = GradientMonitor(sampled_steps=None)
    twin(dense).fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[monitor])
    error = largest_error(monitor.history, by_tape(twin(dense), X, Y))
    with capsys.disabled():
        print(f"\n    {dtype}: largest relative error {error:.1e}", end="")
    assert error < 2e-2  # half precision
    assert monitor.skipped_steps_history.tolist() == [0]


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


class Gan(keras.Model):
    def __init__(self):
        super().__init__()
        self.generator = keras.Sequential([Input((2,)), layers.Dense(6, name="g_out")], name="generator")
        self.critic = keras.Sequential(
            [Input((6,)), layers.Dense(4, "tanh", name="c_in"), layers.Dense(1)], name="critic"
        )
        self.critic_optimizer, self.generator_optimizer = keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2)

    def call(self, x):
        return self.critic(x)

    def train_step(self, x):
        noise = x[:, :2]
        for part, maker in ((self.critic, self.critic_optimizer), (self.generator, self.generator_optimizer)):
            sign = 1.0 if part is self.critic else -1.0
            with tf.GradientTape() as tape:
                loss = sign * tf.reduce_mean(self.critic(self.generator(noise)) - self.critic(x))
            maker.apply_gradients(
                zip(tape.gradient(loss, part.trainable_variables), part.trainable_variables, strict=True)
            )
        return {"loss": loss}


def test_a_gan_is_recorded_optimizer_by_optimizer():
    keras.utils.set_random_seed(1)
    gan = Gan()
    gan.compile()
    critic, generator = (
        GradientMonitor(optimizer=gan.critic_optimizer),
        GradientMonitor(optimizer=gan.generator_optimizer),
    )
    before = {name: kernel.numpy() for name, kernel in kernels(gan).items()}
    gan.fit(X, batch_size=24, verbose=0, callbacks=[critic, generator])
    assert [name.split("/")[0] for name in critic.layers] == ["critic", "critic"]
    assert [name.split("/")[0] for name in generator.layers] == ["generator"]
    for monitor, rate in ((critic, 0.1), (generator, 0.2)):
        for i, name in enumerate(monitor.layers):
            gradient = (before[name] - kernels(gan)[name].numpy()) / rate
            assert monitor.history["l2"][0, i] == pytest.approx(np.linalg.norm(gradient), rel=1e-3)


def test_layers_unfrozen_between_two_fits_are_recorded():
    model = twin(partly_frozen)
    monitor = GradientMonitor()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[monitor])
    assert len(monitor.layers) == 2
    model.layers[1].trainable = True
    ready(model)
    model.fit(X, Y, epochs=4, initial_epoch=2, verbose=0, callbacks=[monitor])
    assert len(monitor.layers) == 3
    assert monitor.history["l2"].shape == (2, 3)
    assert (monitor.history["l2"] > 0).all()


def test_train_on_batch_with_a_callback_list():
    model, monitor = twin(dense), GradientMonitor()
    listed = keras.callbacks.CallbackList([monitor], model=model)
    listed.on_train_begin()
    listed.on_epoch_begin(0)
    for start in range(0, 24, BATCH):
        model.train_on_batch(X[start : start + BATCH], Y[start : start + BATCH])
    listed.on_epoch_end(0)
    listed.on_train_end()
    assert largest_error(monitor.history, by_tape(twin(dense), X, Y)) < 2e-4


def test_sampled_steps_are_evenly_spaced():
    monitor, every = GradientMonitor(sampled_steps=2), GradientMonitor(sampled_steps=None)
    x, y = np.tile(X, (2, 1)), np.tile(Y, (2, 1))  # 6 steps, of which 0 and 3 are looked at
    keras.utils.set_random_seed(5)
    model = dense(optimizer=keras.optimizers.SGD(0.0))
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[monitor, every])
    assert monitor.sampled_steps_history.tolist() == [2]
    assert every.sampled_steps_history.tolist() == [6]
    steps = by_tape(twin(lambda: dense(optimizer=keras.optimizers.SGD(0.0))), x, y)
    assert largest_error(monitor.history, [steps[0], steps[3]]) < 2e-4
    assert largest_error(every.history, steps) < 2e-4


def test_sampling_learns_the_number_of_steps_from_a_generator():
    monitor = GradientMonitor(sampled_steps=3)
    data = tf.data.Dataset.from_generator(
        lambda: iter([(X, Y)] * 10),
        output_signature=(tf.TensorSpec((24, 6), tf.float32), tf.TensorSpec((24, 1), tf.float32)),
    )
    twin(dense).fit(data, epochs=3, verbose=0, callbacks=[monitor])
    assert monitor.sampled_steps_history.tolist() == [10, 3, 3]


def test_by_default_as_many_steps_are_seen_as_the_size_of_the_kernels_allows():
    def sampled(units, batch_size):
        model = keras.Sequential([Input((6,)), layers.Dense(units), layers.Dense(1)])
        monitor = GradientMonitor()
        x, y = np.tile(X, (10, 1)), np.tile(Y, (10, 1))
        ready(model).fit(x, y, batch_size=batch_size, verbose=0, callbacks=[monitor])
        return monitor.sampled_steps_history.tolist()

    assert sampled(100, 4) == [60]  # all
    assert sampled(100, 2) == [60]  # at most 100, so every second of 120
    assert sampled(100_000, 4) == [30]  # 700,000 elements: 35 steps at most, so every second of 60


@pytest.mark.parametrize("bad", [0, -1, 1.5, "all"])
def test_bad_sampled_steps(bad):
    with pytest.raises(ValueError, match="sampled_steps must be"):
        GradientMonitor(sampled_steps=bad)
    with pytest.raises(ValueError, match="optimizer must be a Keras optimizer"):
        GradientMonitor(optimizer="adam")
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="is not built"):
        model.fit(X, Y, verbose=0, callbacks=[GradientMonitor()])
