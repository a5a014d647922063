"""A zoo of trainings, healthy and faulty, each labelled by how it was built; benchmarks/diagnosis.py trains them.

A label says which fault was built in (`has`: to be found) and what may follow from it (`may`: neither right nor wrong to
report). A healthy specimen has none. Nothing here knows the rules or their thresholds. Whether a training turned
out as its label says is seen from its outcome: a healthy one has learned its task, a faulty one suffers.
"""

import dataclasses
import functools
from collections.abc import Callable

from tutorials.lab import two_circles

import keras
import numpy as np
from keras import initializers, layers, optimizers
from sklearn.datasets import load_digits

HEALTHY, FAULTY = [], []


@dataclasses.dataclass(frozen=True)
class Task:
    """Data, a loss, and what counts as having learned."""

    data: Callable
    loss: object
    metrics: tuple = ("accuracy",)
    learned: Callable = lambda history: history["val_accuracy"][-1] >= 0.75
    compiled_epochs: bool = False  # trained after `whole_epochs`; plain Keras would take minutes


@dataclasses.dataclass(frozen=True)
class Specimen:
    """One training, but for its seed.

    Attributes:
        build: function that returns a new model.
        optimizer: function that returns a new optimizer.
        has: the rules that have to find something.
        may: the rules that may.
        warm_epochs: epochs trained beforehand, out of the diagnosis's sight.
    """

    name: str
    task: Task
    build: Callable
    optimizer: Callable
    epochs: int
    batch_size: int = 32
    has: frozenset = frozenset()
    may: frozenset = frozenset()
    warm_epochs: int = 0


def halves(x, y, train):
    """Return the first `train` samples and the rest: two pairs of x and y."""
    x = x.astype("float32")
    return (x[:train], y[:train]), (x[train:], y[train:])


@functools.cache
def digits(scale=1 / 16):
    """Return scikit-learn's digits, images of 8 x 8."""
    x, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(x))
    return halves(x[order].reshape(-1, 8, 8, 1) * scale, y[order].astype("int32"), 1200)


def shuffled(data):
    """Return the data with the training labels in random order."""

    def load():
        (x, y), test = data()
        return (x, np.random.RandomState(1).permutation(y)), test

    return load


def with_inputs(data, change):
    """Return the data with inputs that `change` was applied to."""

    def load():
        return tuple((change(x.copy()), y) for x, y in data())

    return load


def spoil(x, value=np.nan):
    """Put `value` in place of one input of one sample."""
    x.reshape(len(x), -1)[7, 0] = value
    return x


def is_three():
    """Return the digits with a class of their own for threes."""
    return tuple((x, (y == 3).astype("float32")) for x, y in digits())


@functools.cache
def remember_first(length):
    """Sequences of noise; the class is the sign of the first number."""
    x = np.random.RandomState(2).normal(size=(1500, length, 1))
    return halves(x, (x[:, 0, 0] > 0).astype("float32"), 1000)


@functools.cache
def words():
    """Sentences of 20 out of 50 words; the class says whether the first half of the dictionary prevails."""
    x = np.random.RandomState(3).randint(0, 50, (1500, 20))
    return halves(x, ((x < 25).mean(1) > 0.5).astype("float32"), 1000)


@functools.cache
def waves(scale=1.0, offset=0.0, linear=False):
    """A smooth function of two numbers, with a little noise."""
    random = np.random.RandomState(4)
    x = random.uniform(-1, 1, (1500, 2))
    y = x @ [1.0, -2.0] if linear else np.sin(3 * x[:, 0]) * np.cos(2 * x[:, 1])
    return halves(x, (offset + scale * (y + random.normal(0, 0.05, 1500))).astype("float32"), 1000)


def explains(history):
    """A regression has learned where it leaves a fifth of the variance, 0.06 by the mean absolute error, or less."""
    return history["val_r2_score"][-1] >= 0.8


def knows(share):
    """Return a criterion: a validation accuracy of `share` or more has learned the task."""
    return lambda history: history["val_accuracy"][-1] >= share


def classes(data, share=0.85):
    """Return the task of telling several classes apart."""
    return Task(data, "sparse_categorical_crossentropy", learned=knows(share))


def yes_or_no(data, share=0.85, **options):
    """Return the task of telling two classes apart."""
    return Task(data, "binary_crossentropy", learned=knows(share), **options)


def numbers(data, loss="mse"):
    """Return the task of predicting a number."""
    return Task(data, loss, ("r2_score",), explains)


CIRCLES = yes_or_no(two_circles, 0.75, compiled_epochs=True)
DIGITS = classes(digits)
WAVES = numbers(waves)


def mlp(
    inputs, depth, width, activation, kernel="glorot_uniform", last=(1, "sigmoid"), between=None, bias="zeros",
    before=None, **options,
):  # fmt: skip
    """A function that builds a plain network; `between` returns a layer to put after each hidden one."""

    def build():
        new = (lambda: kernel) if isinstance(kernel, str) else kernel
        stack = [before()] if before else []
        for _ in range(depth):
            stack.append(layers.Dense(width, activation, kernel_initializer=new(), bias_initializer=bias, **options))
            stack += [between()] if between else []
        units, final = last
        return keras.Sequential([keras.Input(inputs), layers.Flatten(), *stack, layers.Dense(units, final)])

    return build


def on_circles(depth, width, activation, kernel="glorot_uniform", **options):
    """Return a function that builds a plain network for the two circles."""
    return mlp((2,), depth, width, activation, kernel, **options)


def on_digits(depth, width, activation, kernel="glorot_uniform", **options):
    """Return a function that builds a plain network for the digits."""
    return mlp((8, 8, 1), depth, width, activation, kernel, last=(10, "softmax"), **options)


def on_waves(depth, width, activation, **options):
    """Return a function that builds a plain network for the waves."""
    return mlp((2,), depth, width, activation, last=(1, None), **options)


def chain(inputs, *parts, last=(10, "softmax")):
    """A function that builds a model of `parts`, each a function that returns a layer."""
    units, final = last
    return lambda: keras.Sequential([keras.Input(inputs), *[part() for part in parts], layers.Dense(units, final)])


def residual(inputs, depth, width, activation, last):
    """Return a function that builds a network of dense layers with residual connections."""

    def build():
        start = keras.Input(inputs)
        x = layers.Dense(width)(layers.Flatten()(start))
        for _ in range(depth):
            x = layers.Add()([x, layers.Dense(width, activation)(x)])
        return keras.Model(start, layers.Dense(*last)(x))

    return build


def residual_convolutions():
    """Build a network of convolutions with residual connections."""
    start = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, padding="same")(start)
    for _ in range(4):
        y = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.BatchNormalization()(x))
        x = layers.Add()([x, y])
    return keras.Model(start, layers.Dense(10, "softmax")(layers.GlobalAveragePooling2D()(x)))


def attention():
    """Build a network with an attention layer over the rows of an image."""
    start = keras.Input((8, 8, 1))
    x = layers.Dense(32)(layers.Reshape((8, 8))(start))
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 16)(x, x)]))
    x = layers.GlobalAveragePooling1D()(layers.Dense(32, "gelu")(x))
    return keras.Model(start, layers.Dense(10, "softmax")(x))


def conv(channels=16, activation="relu", **options):
    """Return a function that returns a convolution of 3 x 3."""
    return lambda: layers.Conv2D(channels, 3, padding="same", activation=activation, **options)


def uniform01():
    """Return a new initializer: uniform in [0, 1]."""
    return initializers.RandomUniform(0, 1)


def normal(deviation):
    """Return a function that returns a new normal initializer."""
    return lambda: initializers.RandomNormal(stddev=deviation)


def sgd(rate=0.01, momentum=0.9, **options):
    """Return a function that returns a new SGD."""
    return lambda: optimizers.SGD(rate, momentum=momentum, **options)


def using(optimizer, rate, **options):
    """Return a function that returns a new optimizer of this name."""
    return lambda: getattr(optimizers, optimizer)(rate, **options)


ADAM = using("Adam", 0.001)
FLAT, ROWS, POOL = layers.Flatten, lambda: layers.Reshape((8, 8)), lambda: layers.MaxPooling2D(2)


TUTORIALS = sgd()


def healthy(name, task, build, optimizer=TUTORIALS, epochs=300, into=HEALTHY, **options):
    """Add a specimen without a fault."""
    into.append(Specimen(name, task, build, optimizer, epochs, **options))


def faulty(name, task, build, has, may, optimizer=TUTORIALS, epochs=300, into=FAULTY, **options):
    """Add a specimen with the faults `has`, from which the faults `may` can follow; names with spaces between."""
    labels = {"has": frozenset(has.split()), "may": frozenset(may.split())}
    into.append(Specimen(name, task, build, optimizer, epochs, **labels, **options))


# Two circles.
healthy("tanh 1 x 5, weights in [0, 1]", CIRCLES, on_circles(1, 5, "tanh", uniform01), epochs=500)
healthy("tanh 2 x 5", CIRCLES, on_circles(2, 5, "tanh"), epochs=500)
healthy("tanh 3 x 10", CIRCLES, on_circles(3, 10, "tanh"), epochs=500)
healthy("tanh 5 x 5", CIRCLES, on_circles(5, 5, "tanh"), epochs=500)
healthy("tanh 5 x 25", CIRCLES, on_circles(5, 25, "tanh"))
healthy("tanh 8 x 10, Adam", CIRCLES, on_circles(8, 10, "tanh"), using("Adam", 0.003))
healthy("ReLU 1 x 10", CIRCLES, on_circles(1, 10, "relu", "he_uniform"))
healthy("ReLU 2 x 10", CIRCLES, on_circles(2, 10, "relu", "he_uniform"))
healthy("ReLU 5 x 5", CIRCLES, on_circles(5, 5, "relu", "he_uniform"), epochs=500)
healthy("ReLU 5 x 25", CIRCLES, on_circles(5, 25, "relu", "he_uniform"))
healthy("ReLU 10 x 25", CIRCLES, on_circles(10, 25, "relu", "he_uniform"))
healthy("ReLU 15 x 25", CIRCLES, on_circles(15, 25, "relu", "he_uniform"))
healthy("tanh 5 x 5, weights in [0, 1], Adam", CIRCLES, on_circles(5, 5, "tanh", uniform01), using("Adam", 0.01), 500)
healthy("sigmoid 1 x 10, Adam", CIRCLES, on_circles(1, 10, "sigmoid"), using("Adam", 0.01))
healthy("ELU 5 x 10", CIRCLES, on_circles(5, 10, "elu", "he_normal"))
healthy("SELU 8 x 10", CIRCLES, on_circles(8, 10, "selu", "lecun_normal"))
healthy("swish 4 x 10, Adam", CIRCLES, on_circles(4, 10, "swish"), using("Adam", 0.003))
healthy("leaky ReLU 10 x 10", CIRCLES, on_circles(10, 10, "leaky_relu", "he_uniform"))
healthy("batch normalization", CIRCLES, on_circles(5, 10, "relu", between=layers.BatchNormalization))
healthy("residual tanh 10 x 10", CIRCLES, residual((2,), 10, 10, "tanh", (1, "sigmoid")))
healthy("dropout", CIRCLES, on_circles(3, 25, "relu", between=lambda: layers.Dropout(0.2)))
healthy("L2 penalty", CIRCLES, on_circles(3, 25, "relu", kernel_regularizer=keras.regularizers.L2(0.001)))
healthy("L1 penalty", CIRCLES, on_circles(2, 25, "relu", kernel_regularizer=keras.regularizers.L1(0.001)))
healthy("Gaussian noise", CIRCLES, on_circles(3, 25, "relu", between=lambda: layers.GaussianNoise(0.1)))
healthy("RMSprop", CIRCLES, on_circles(3, 10, "tanh"), using("RMSprop", 0.003))
healthy("Adagrad", CIRCLES, on_circles(2, 10, "tanh"), using("Adagrad", 0.1))
healthy("Adadelta", CIRCLES, on_circles(2, 10, "tanh"), using("Adadelta", 1.0))
healthy("Nadam", CIRCLES, on_circles(3, 10, "relu"), using("Nadam", 0.003))
healthy("AdamW", CIRCLES, on_circles(3, 10, "relu"), using("AdamW", 0.003))
healthy("Lion", CIRCLES, on_circles(3, 10, "relu"), using("Lion", 0.001))
healthy("SGD without momentum", CIRCLES, on_circles(2, 10, "tanh"), sgd(0.1, 0.0))
healthy("slow: SGD 0.002", CIRCLES, on_circles(2, 10, "relu", "he_uniform"), sgd(0.002), 500)
healthy("slow: Adam 0.0003", CIRCLES, on_circles(3, 10, "tanh"), using("Adam", 0.0003), 500)
healthy("batch of 8", CIRCLES, on_circles(2, 10, "tanh"), sgd(0.01), 200, batch_size=8)
healthy("batch of 250", CIRCLES, on_circles(2, 10, "relu", "he_uniform"), sgd(0.1), batch_size=250)
healthy("clipped norm", CIRCLES, on_circles(5, 10, "relu", "he_uniform"), sgd(0.05, clipnorm=0.5))
healthy("weights averaged", CIRCLES, on_circles(3, 10, "relu", "he_uniform"), sgd(0.01, use_ema=True))

# Digits.
healthy("digits: ReLU 2 x 64, Adam", DIGITS, on_digits(2, 64, "relu"), ADAM, 20)
healthy("digits: tanh 2 x 64, SGD", DIGITS, on_digits(2, 64, "tanh"), sgd(0.05), 20)
healthy("digits: sigmoid 1 x 64", DIGITS, on_digits(1, 64, "sigmoid"), using("Adam", 0.003), 20)
healthy("digits: softmax regression", DIGITS, on_digits(0, 0, None), sgd(0.1), 20)
healthy("digits: ReLU 8 x 64", DIGITS, on_digits(8, 64, "relu", "he_normal"), ADAM, 20)
healthy("digits: batch normalization", DIGITS, on_digits(4, 64, "relu", between=layers.BatchNormalization), sgd(), 15)
healthy("digits: dropout 0.5", DIGITS, on_digits(2, 128, "relu", between=lambda: layers.Dropout(0.5)), ADAM, 30)
healthy("digits: layer normalization", DIGITS, on_digits(6, 64, "tanh", between=layers.LayerNormalization), ADAM, 15)
healthy("digits: ReLU 1 x 512", DIGITS, on_digits(1, 512, "relu"), ADAM, 12)
healthy("digits: GELU 3 x 64", DIGITS, on_digits(3, 64, "gelu"), ADAM, 15)
healthy(
    "digits: L1 penalty", DIGITS, on_digits(2, 64, "relu", kernel_regularizer=keras.regularizers.L1(1e-4)), ADAM, 25
)
healthy("digits: converged for long", DIGITS, on_digits(2, 64, "relu"), using("Adam", 0.003), 120)
healthy(
    "digits: rate that decays to nothing", DIGITS, on_digits(2, 64, "relu"),
    lambda: optimizers.Adam(optimizers.schedules.CosineDecay(0.003, 15 * 38)), 25,
)  # fmt: skip
healthy("digits: goes on from a trained model", DIGITS, on_digits(2, 64, "relu"), ADAM, 15, warm_epochs=30)
healthy("digits: one digit against all", yes_or_no(is_three, 0.96), mlp((8, 8, 1), 2, 32, "relu"), ADAM, 20)
healthy("digits: one digit against all, slowly", yes_or_no(is_three, 0.95), mlp((8, 8, 1), 1, 32, "tanh"), sgd(), 25)
healthy("convolutions", DIGITS, chain((8, 8, 1), conv(), conv(), FLAT), ADAM, 8)
healthy("convolutions, SGD", DIGITS, chain((8, 8, 1), conv(), POOL, conv(32), FLAT), sgd(0.03), 12)
healthy("convolutions, pooling", DIGITS, chain((8, 8, 1), conv(), POOL, conv(32), POOL, conv(32), FLAT), ADAM, 12)
healthy(
    "convolutions, batch normalization", DIGITS,
    chain((8, 8, 1), conv(), layers.BatchNormalization, conv(), layers.BatchNormalization, FLAT), ADAM, 8,
)  # fmt: skip
healthy("convolutions, residual", DIGITS, lambda: residual_convolutions(), using("Adam", 0.003), 12)
healthy(
    "separable convolutions", DIGITS,
    chain((8, 8, 1), conv(), lambda: layers.SeparableConv2D(32, 3, activation="relu"), FLAT), ADAM, 10,
)  # fmt: skip
healthy("convolutions along rows", DIGITS, chain((8, 8, 1), ROWS, lambda: layers.Conv1D(32, 3, activation="relu"), FLAT), ADAM, 15)  # fmt: skip
healthy("attention", DIGITS, lambda: attention(), using("Adam", 0.003), 40)
for cell in (layers.LSTM, layers.GRU, layers.SimpleRNN):
    recurrent = functools.partial(cell, 32)
    healthy(f"{cell.__name__} over rows", DIGITS, chain((8, 8, 1), ROWS, recurrent), using("Adam", 0.005), 15)
    one_bit = chain((10, 1), recurrent, last=(1, "sigmoid"))
    healthy(f"{cell.__name__} remembers", yes_or_no(lambda: remember_first(10)), one_bit, using("Adam", 0.005), 20)
healthy("LSTM both ways", DIGITS, chain((8, 8, 1), ROWS, lambda: layers.Bidirectional(layers.LSTM(16))), using("Adam", 0.005), 15)  # fmt: skip
EMBED = functools.partial(layers.Embedding, 50, 8)
healthy("embedding", yes_or_no(words), chain((20,), EMBED, layers.GlobalAveragePooling1D, last=(1, "sigmoid")), using("Adam", 0.01), 20)  # fmt: skip
healthy("embedding, LSTM", yes_or_no(words), chain((20,), EMBED, lambda: layers.LSTM(16), last=(1, "sigmoid")), using("Adam", 0.01), 15)  # fmt: skip

# Numbers to predict.
healthy("waves: ReLU 2 x 32", WAVES, on_waves(2, 32, "relu"), using("Adam", 0.003), 25)
healthy("waves: tanh 2 x 32, SGD", WAVES, on_waves(2, 32, "tanh"), sgd(0.02), 40)
healthy("waves: Huber loss", numbers(waves, "huber"), on_waves(2, 32, "relu"), using("Adam", 0.003), 25)
healthy("waves: absolute error", numbers(waves, "mae"), on_waves(3, 32, "swish"), using("Adam", 0.003), 25)
healthy("line: linear regression", numbers(lambda: waves(linear=True)), on_waves(0, 0, None), sgd(0.05), 20)
healthy("waves: numbers around 3", numbers(lambda: waves(1.0, 3.0)), on_waves(2, 64, "relu"), using("Adam", 0.003), 40)

# Gradients that vanish.
VANISHES = "saturated weights_not_moving loss_not_falling accuracy_at_chance"
for depth, width in ((5, 5), (8, 5), (10, 5), (6, 10), (5, 25)):
    deep = on_circles(depth, width, "tanh", uniform01)
    faulty(f"tanh {depth} x {width}, weights in [0, 1]", CIRCLES, deep, "vanishing_gradient", VANISHES)
for depth in (6, 10):
    deep = on_circles(depth, 10, "sigmoid")
    faulty(f"sigmoid {depth} x 10", CIRCLES, deep, "vanishing_gradient", VANISHES)
faulty("digits: sigmoid 6 x 64", DIGITS, on_digits(6, 64, "sigmoid"), "vanishing_gradient", VANISHES, epochs=20)
faulty("digits: sigmoid 10 x 32, Adam", DIGITS, on_digits(10, 32, "sigmoid"), "vanishing_gradient", VANISHES, ADAM, 20)
faulty("tiny weights, leaky ReLU 10 x 25", CIRCLES, on_circles(10, 25, "leaky_relu", normal(0.05)), "vanishing_gradient", VANISHES)  # fmt: skip
faulty("digits: tiny weights, tanh 6 x 64", DIGITS, on_digits(6, 64, "tanh", normal(0.02)), "vanishing_gradient", VANISHES, epochs=20)  # fmt: skip
faulty("softmax in hidden layers", DIGITS, on_digits(4, 64, "softmax"), "vanishing_gradient", VANISHES, epochs=20)
faulty("convolutions, sigmoid", DIGITS, chain((8, 8, 1), *[conv(8, "sigmoid")] * 7, FLAT), "vanishing_gradient", VANISHES, epochs=10)  # fmt: skip
# Gradients that explode.
EXPLODES = "weights_not_moving nonfinite updates_too_large loss_oscillating loss_not_falling accuracy_at_chance dead_units saturated"
faulty("digits: N(0, 1), ReLU 6 x 64", DIGITS, on_digits(6, 64, "relu", normal(1.0)), "exploding_gradient", EXPLODES, epochs=15)  # fmt: skip
faulty("digits: N(0, 0.5), ReLU 8 x 64", DIGITS, on_digits(8, 64, "relu", normal(0.5)), "exploding_gradient", EXPLODES, epochs=15)  # fmt: skip
faulty("N(0, 1), ReLU 12 x 25", CIRCLES, on_circles(12, 25, "relu", normal(1.0)), "exploding_gradient", EXPLODES, epochs=100)  # fmt: skip
faulty("N(0, 1), ReLU 12 x 25, clipped", CIRCLES, on_circles(12, 25, "relu", normal(1.0)), "exploding_gradient", EXPLODES, sgd(clipnorm=1.0), 100)  # fmt: skip
faulty("digits: N(0, 1), ELU 6 x 64, Adam", DIGITS, on_digits(6, 64, "elu", normal(1.0)), "exploding_gradient", EXPLODES, ADAM, 15)  # fmt: skip
faulty("numbers around 10,000", numbers(lambda: waves(2000.0, 10000.0)), on_waves(2, 32, "relu"), "exploding_gradient", EXPLODES, epochs=15)  # fmt: skip
faulty("residual, N(0, 1)", DIGITS, residual((8, 8, 1), 8, 64, lambda x: keras.ops.relu(4 * x), (10, "softmax")), "exploding_gradient", EXPLODES, epochs=15)  # fmt: skip
GROWING = functools.partial(layers.SimpleRNN, 32, activation="relu", recurrent_initializer=initializers.Identity(1.6))
faulty("recurrent weights 1.6", yes_or_no(lambda: remember_first(30)), chain((30, 1), GROWING, last=(1, "sigmoid")), "exploding_gradient", EXPLODES, epochs=15)  # fmt: skip
# Numbers that are no numbers.
BREAKS = "exploding_gradient updates_too_large loss_not_falling accuracy_at_chance loss_oscillating dead_units saturated weights_not_moving"
SPOILED, ENDLESS = (with_inputs(digits, lambda x, value=value: spoil(x, value)) for value in (np.nan, np.inf))
faulty("a NaN in the data", classes(SPOILED), on_digits(2, 64, "relu"), "nonfinite", BREAKS, epochs=12)
faulty("an infinity in the data", classes(ENDLESS), on_digits(2, 64, "tanh"), "nonfinite", BREAKS, epochs=12)
faulty("diverges", WAVES, on_waves(2, 32, "relu"), "nonfinite", BREAKS, sgd(10.0), 15)
faulty("logarithm of zero", Task(digits, lambda y, p: -keras.ops.log(keras.ops.relu(p[:, :1] - 0.12)), learned=knows(0.85)), on_digits(2, 64, "relu"), "nonfinite", BREAKS, epochs=12)  # fmt: skip
faulty("root of a negative", DIGITS, on_digits(2, 64, lambda x: keras.ops.sqrt(x)), "nonfinite", BREAKS, epochs=12)
# Units that are dead.
DIES = "loss_not_falling accuracy_at_chance weights_not_moving vanishing_gradient"
for depth in (15, 20, 30):
    deep = on_circles(depth, 5, "relu", "he_uniform")
    faulty(f"ReLU {depth} x 5", CIRCLES, deep, "dead_units", DIES)
LOW = initializers.Constant(-10)
faulty("biases of -10", CIRCLES, on_circles(3, 10, "relu", bias=LOW), "dead_units", DIES)
faulty("digits: biases of -10", DIGITS, on_digits(3, 64, "relu", bias=LOW), "dead_units", DIES, epochs=15)
faulty("convolutions, biases of -10", DIGITS, chain((8, 8, 1), conv(), conv(16, bias_initializer=LOW), FLAT), "dead_units", DIES, ADAM, 8)  # fmt: skip
faulty("digits: rate that kills", DIGITS, on_digits(3, 64, "relu"), "dead_units", DIES + " updates_too_large exploding_gradient nonfinite", sgd(5.0), 15)  # fmt: skip
faulty("weights in [-1, 0]", DIGITS, on_digits(3, 64, "relu", lambda: initializers.RandomUniform(-1, 0)), "dead_units", DIES, epochs=15)  # fmt: skip
# Units that are saturated.
SATURATES = "vanishing_gradient loss_not_falling accuracy_at_chance weights_not_moving loss_oscillating updates_too_large exploding_gradient"
RAW = classes(with_inputs(digits, lambda x: 1600 * x))
faulty("inputs not scaled, tanh", RAW, on_digits(2, 16, "tanh"), "saturated", SATURATES, epochs=15)
faulty("inputs not scaled, sigmoid", RAW, on_digits(3, 16, "sigmoid"), "saturated", SATURATES, epochs=15)
faulty("N(0, 3), tanh 4 x 64", DIGITS, on_digits(4, 64, "tanh", normal(3.0)), "saturated", SATURATES, epochs=15)
faulty("N(0, 10), sigmoid 2 x 64", DIGITS, on_digits(2, 64, "sigmoid", normal(10.0)), "saturated", SATURATES, epochs=15)
faulty("rate that saturates", DIGITS, on_digits(3, 64, "tanh"), "saturated updates_too_large", SATURATES, sgd(10.0), 15)
# Weights that do not move.
FROZEN = "weights_not_moving loss_not_falling accuracy_at_chance"
faulty("SGD 0.00000001", CIRCLES, on_circles(2, 10, "relu", "he_uniform"), "weights_not_moving loss_not_falling", "accuracy_at_chance", sgd(1e-8))  # fmt: skip
faulty("digits: Adam 0.000000001", DIGITS, on_digits(2, 64, "relu"), "weights_not_moving loss_not_falling", "accuracy_at_chance", using("Adam", 1e-9), 15)  # fmt: skip
faulty("digits: SGD 0.0000001, tanh", DIGITS, on_digits(3, 64, "tanh"), "weights_not_moving loss_not_falling", "accuracy_at_chance", sgd(1e-7), 15)  # fmt: skip
faulty(
    "waves: SGD 0.00000001", WAVES, on_waves(2, 32, "tanh"), "weights_not_moving loss_not_falling", "", sgd(1e-8), 15
)
faulty(
    "all weights zero", DIGITS, on_digits(3, 64, "relu", "zeros"), FROZEN, "dead_units vanishing_gradient", epochs=15
)
faulty("softmax over one unit", CIRCLES, mlp((2,), 2, 10, "relu", last=(1, "softmax")), "accuracy_at_chance", "", epochs=100)  # fmt: skip
# Updates that are too large.
LEAPS = "exploding_gradient loss_oscillating loss_not_falling accuracy_at_chance dead_units saturated nonfinite vanishing_gradient weights_not_moving"
faulty("digits: Adam 1", DIGITS, on_digits(2, 64, "relu"), "updates_too_large", LEAPS, using("Adam", 1.0), 15)
faulty("digits: Adam 10, tanh", DIGITS, on_digits(2, 64, "tanh"), "updates_too_large", LEAPS, using("Adam", 10.0), 15)
faulty("Adam 3", CIRCLES, on_circles(3, 10, "tanh"), "updates_too_large", LEAPS, using("Adam", 3.0), 100)
faulty("convolutions, RMSprop 1", DIGITS, chain((8, 8, 1), conv(), conv(), FLAT), "updates_too_large", LEAPS, using("RMSprop", 1.0), 8)  # fmt: skip
faulty("SGD 10", CIRCLES, on_circles(3, 10, "tanh"), "updates_too_large", LEAPS, sgd(10.0), 100)
# A loss that goes up and down.
SWINGS = (
    "vanishing_gradient updates_too_large exploding_gradient accuracy_at_chance dead_units saturated loss_not_falling"
)
faulty("Adam 0.3", CIRCLES, on_circles(2, 10, "tanh"), "updates_too_large", LEAPS, using("Adam", 0.3), 200)
faulty("digits: momentum 0.99", DIGITS, on_digits(2, 64, "tanh"), "loss_oscillating", SWINGS, sgd(0.3, 0.99), 25)
faulty("batch of 2, SGD 0.3", CIRCLES, on_circles(2, 10, "tanh"), "loss_oscillating", SWINGS, sgd(0.3, 0.5), 100, batch_size=2)  # fmt: skip
faulty("digits: Adam 0.1, tanh", DIGITS, on_digits(2, 64, "tanh"), "loss_oscillating", SWINGS, using("Adam", 0.1), 30)
# Nothing to learn.
EMPTY = "loss_not_falling accuracy_at_chance"
faulty("labels shuffled", dataclasses.replace(CIRCLES, data=shuffled(two_circles)), on_circles(2, 5, "tanh"), EMPTY, "", epochs=200)  # fmt: skip
faulty("digits: all inputs alike", classes(with_inputs(digits, lambda x: 0 * x + 1)), on_digits(2, 64, "relu"), EMPTY, "dead_units", epochs=15)  # fmt: skip
faulty("digits: all inputs zero", classes(with_inputs(digits, lambda x: 0 * x)), on_digits(2, 64, "tanh"), EMPTY, "weights_not_moving vanishing_gradient", epochs=15)  # fmt: skip
faulty("words: labels shuffled, batch of 250", yes_or_no(shuffled(words)), chain((20,), EMBED, layers.GlobalAveragePooling1D, last=(1, "sigmoid")), "accuracy_at_chance", "loss_not_falling", using("Adam", 0.0003), 30, batch_size=250)  # fmt: skip
faulty("remember 200 steps", yes_or_no(lambda: remember_first(200)), chain((200, 1), lambda: layers.SimpleRNN(16), last=(1, "sigmoid")), "accuracy_at_chance", "loss_not_falling vanishing_gradient", using("Adam", 0.0003), 8)  # fmt: skip
