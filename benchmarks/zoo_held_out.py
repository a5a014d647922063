"""The half of the zoo that no threshold was chosen on: other data, other networks, written before the rules were tried on it."""

import functools

import keras
import numpy as np
from keras import initializers, layers
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine, make_blobs, make_moons
from sklearn.preprocessing import StandardScaler

from . import zoo
from .zoo import (
    ADAM,
    BREAKS,
    CIRCLES,
    DIES,
    DIGITS,
    EMPTY,
    EXPLODES,
    FLAT,
    LEAPS,
    POOL,
    ROWS,
    SATURATES,
    SWINGS,
    VANISHES,
    Task,
    chain,
    classes,
    conv,
    halves,
    mlp,
    normal,
    on_circles,
    on_digits,
    remember_first,
    residual,
    sgd,
    shuffled,
    spoil,
    uniform01,
    using,
    with_inputs,
    words,
    yes_or_no,
)  # fmt: skip

HEALTHY, FAULTY = [], []


def table(load, train, scale=True):
    """One of scikit-learn's small tables, its rows shuffled, its columns scaled unless `scale` is False."""

    @functools.cache
    def data():
        x, y = load(return_X_y=True)
        order = np.random.RandomState(0).permutation(len(x))
        x = StandardScaler().fit_transform(x) if scale else x
        return halves(x[order], y[order].astype("int32" if y.dtype.kind == "i" else "float32"), train)

    return data


def moons(**_):
    """Two crescents; takes the arguments of scikit-learn's loaders."""
    return make_moons(800, noise=0.2, random_state=5)


def blobs(**_):
    """Five clouds; takes the arguments of scikit-learn's loaders."""
    return make_blobs(800, centers=5, cluster_std=1.5, random_state=6)


def predict_next():
    """Noisy sine waves of random phase; the number to predict is the next one."""
    random = np.random.RandomState(7)
    t = np.arange(25) * 0.4 + random.uniform(0, 6, (1200, 1))
    x = np.sin(t) + random.normal(0, 0.05, t.shape)
    return halves(x[:, :-1, None], x[:, -1].astype("float32"), 800)


def predicts(share):
    """Return a criterion: a validation R2 of `share` or more has learned the task."""
    return lambda history: history["val_r2_score"][-1] >= share


MOONS = yes_or_no(table(moons, 500, scale=False), 0.9)
CANCER = yes_or_no(table(load_breast_cancer, 400), 0.93)
IRIS, WINE = classes(table(load_iris, 100), 0.85), classes(table(load_wine, 120), 0.9)
BLOBS = classes(table(blobs, 500), 0.8)
DIABETES = Task(table(load_diabetes, 300), "mse", ("r2_score",), predicts(0.3))
SINES = Task(predict_next, "mse", ("r2_score",), predicts(0.8))
TWO, THREE, FIVE, TEN = (1, "sigmoid"), (3, "softmax"), (5, "softmax"), (10, "softmax")

healthy = functools.partial(zoo.healthy, into=HEALTHY)
faulty = functools.partial(zoo.faulty, into=FAULTY)

healthy("moons: tanh 2 x 16, SGD", MOONS, mlp((2,), 2, 16, "tanh", last=TWO), sgd(0.1), 60)
healthy("moons: ReLU 4 x 16, Adam", MOONS, mlp((2,), 4, 16, "relu", "he_uniform", TWO), using("Adam", 0.003), 50)
healthy("moons: sigmoid 1 x 16, RMSprop", MOONS, mlp((2,), 1, 16, "sigmoid", last=TWO), using("RMSprop", 0.02), 80)
healthy("moons: softplus 2 x 16", MOONS, mlp((2,), 2, 16, "softplus", last=TWO), using("Adam", 0.01), 60)
healthy("moons: Adafactor", MOONS, mlp((2,), 3, 16, "relu", last=TWO), using("Adafactor", 0.02), 60)
healthy("moons: Nesterov", MOONS, mlp((2,), 3, 16, "tanh", last=TWO), sgd(0.05, nesterov=True), 60)
healthy("moons: clipped values", MOONS, mlp((2,), 3, 16, "elu", last=TWO), sgd(0.1, clipvalue=0.1), 60)
healthy("moons: batch of 4", MOONS, mlp((2,), 2, 16, "relu", last=TWO), sgd(0.02), 25, batch_size=4)
healthy(
    "moons: all samples in one batch",
    MOONS,
    mlp((2,), 2, 16, "relu", last=TWO),
    using("Adam", 0.02),
    120,
    batch_size=500,
)
healthy("moons: residual 12 x 16", MOONS, residual((2,), 12, 16, "relu", TWO), using("Adam", 0.001), 40)
healthy("cancer: ReLU 2 x 16", CANCER, mlp((30,), 2, 16, "relu", last=TWO), ADAM, 30)
healthy("cancer: logistic regression", CANCER, mlp((30,), 0, 0, None, last=TWO), sgd(0.01), 30)
healthy("cancer: tanh 5 x 16, layer normalization", CANCER, mlp((30,), 5, 16, "tanh", last=TWO, between=layers.LayerNormalization), ADAM, 25)  # fmt: skip
healthy("cancer: dropout 0.3", CANCER, mlp((30,), 2, 32, "relu", last=TWO, between=lambda: layers.Dropout(0.3)), ADAM, 40)  # fmt: skip
healthy("cancer: L2 penalty", CANCER, mlp((30,), 2, 32, "tanh", last=TWO, kernel_regularizer=keras.regularizers.L2(0.01)), ADAM, 60)  # fmt: skip
healthy("iris: tanh 2 x 8", IRIS, mlp((4,), 2, 8, "tanh", last=THREE), using("Adam", 0.01), 60, batch_size=16)
healthy("iris: slowly", IRIS, mlp((4,), 1, 8, "relu", last=THREE), sgd(0.003), 120, batch_size=16)
healthy("wine: ReLU 3 x 16", WINE, mlp((13,), 3, 16, "relu", last=THREE), using("Adam", 0.003), 40, batch_size=16)
healthy("wine: orthogonal tanh 10 x 16", WINE, mlp((13,), 10, 16, "tanh", lambda: initializers.Orthogonal(), THREE), using("Adam", 0.001), 60, batch_size=16)  # fmt: skip
healthy("blobs: ReLU 2 x 16", BLOBS, mlp((2,), 2, 16, "relu", last=FIVE), using("Adam", 0.01), 40)
healthy("blobs: softmax regression", BLOBS, mlp((2,), 0, 0, None, last=FIVE), sgd(0.03), 60)
healthy("blobs: batch normalization", BLOBS, mlp((2,), 4, 16, "relu", last=FIVE, between=layers.BatchNormalization), sgd(0.03), 40)  # fmt: skip
healthy("diabetes: linear regression", DIABETES, mlp((10,), 0, 0, None, last=(1, None)), using("Adam", 3.0), 80)
healthy("diabetes: ReLU 2 x 32", DIABETES, mlp((10,), 2, 32, "relu", last=(1, None)), using("Adam", 0.01), 60)
healthy("sines: GRU", SINES, chain((24, 1), lambda: layers.GRU(16), last=(1, None)), using("Adam", 0.005), 15)
healthy("sines: LSTM, two layers", SINES, chain((24, 1), lambda: layers.LSTM(16, return_sequences=True), lambda: layers.LSTM(16), last=(1, None)), using("Adam", 0.005), 15)  # fmt: skip
healthy("sines: convolutions", SINES, chain((24, 1), lambda: layers.Conv1D(16, 5, activation="relu"), FLAT, last=(1, None)), using("Adam", 0.003), 15)  # fmt: skip
healthy("remember 20: GRU", yes_or_no(lambda: remember_first(20)), chain((20, 1), lambda: layers.GRU(24), last=TWO), using("Adam", 0.01), 30)  # fmt: skip
healthy("words: convolutions", yes_or_no(words), chain((20,), lambda: layers.Embedding(50, 16), lambda: layers.Conv1D(16, 3, activation="relu"), layers.GlobalAveragePooling1D, last=TWO), using("Adam", 0.005), 20)  # fmt: skip
healthy("circles: tanh 4 x 15", CIRCLES, on_circles(4, 15, "tanh"), sgd(0.02))
healthy("circles: ReLU 7 x 15", CIRCLES, on_circles(7, 15, "relu", "he_normal"), sgd(0.01), 250)
healthy("circles: tanh 2 x 5, weights in [0, 1]", CIRCLES, on_circles(2, 5, "tanh", uniform01), epochs=500)
healthy("circles: SELU 12 x 15", CIRCLES, on_circles(12, 15, "selu", "lecun_normal"), using("Adam", 0.001), 200)
healthy("circles: slow, Adam 0.0005", CIRCLES, on_circles(2, 15, "tanh"), using("Adam", 0.0005), 400)
healthy("circles: Ftrl", CIRCLES, on_circles(2, 15, "tanh"), using("Ftrl", 0.1))
healthy("digits: tanh 4 x 48", DIGITS, on_digits(4, 48, "tanh"), using("Adam", 0.002), 15)
healthy("digits: ReLU 12 x 48", DIGITS, on_digits(12, 48, "relu", "he_uniform"), ADAM, 20)
healthy("digits: AdamW, warm-up", DIGITS, on_digits(3, 96, "gelu"), lambda: keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.0, 600, warmup_target=0.003, warmup_steps=100)), 18)  # fmt: skip
healthy("digits: label smoothing", Task(lambda: tuple((x, keras.utils.to_categorical(y, 10)) for x, y in zoo.digits()), keras.losses.CategoricalCrossentropy(label_smoothing=0.1), learned=zoo.knows(0.85)), on_digits(2, 96, "relu"), ADAM, 15)  # fmt: skip
healthy("digits: batch of 256", DIGITS, on_digits(2, 96, "relu"), sgd(0.1), 40, batch_size=256)
healthy("digits: SGD 0.003, slow", DIGITS, on_digits(2, 48, "relu"), sgd(0.003), 40)
healthy("digits: depthwise convolutions", DIGITS, chain((8, 8, 1), conv(16), lambda: layers.DepthwiseConv2D(3, activation="relu"), conv(32), layers.GlobalAveragePooling2D), using("Adam", 0.005), 20)  # fmt: skip
healthy("digits: five convolutions", DIGITS, chain((8, 8, 1), conv(8), conv(8), POOL, conv(16), conv(16), POOL, conv(32), FLAT), using("Adam", 0.002), 12)  # fmt: skip
healthy("digits: GRU both ways", DIGITS, chain((8, 8, 1), ROWS, lambda: layers.Bidirectional(layers.GRU(12))), using("Adam", 0.01), 15)  # fmt: skip
healthy("digits: overfitted", DIGITS, on_digits(3, 256, "relu"), using("Adam", 0.002), 60)

for depth, width in ((6, 5), (7, 8), (4, 15)):
    deep = on_circles(depth, width, "tanh", uniform01)
    faulty(f"circles: tanh {depth} x {width}, weights in [0, 1]", CIRCLES, deep, "vanishing_gradient", VANISHES)
faulty("moons: sigmoid 8 x 16", MOONS, mlp((2,), 8, 16, "sigmoid", last=TWO), "vanishing_gradient", VANISHES, sgd(0.05), 50)  # fmt: skip
faulty("wine: sigmoid 7 x 16, RMSprop", WINE, mlp((13,), 7, 16, "sigmoid", last=THREE), "vanishing_gradient", VANISHES, using("RMSprop", 0.001), 50)  # fmt: skip
faulty("digits: tanh 12 x 48, N(0, 0.02)", DIGITS, on_digits(12, 48, "tanh", normal(0.02)), "vanishing_gradient", VANISHES, epochs=20)  # fmt: skip
faulty("digits: sigmoid 5 x 48", DIGITS, on_digits(5, 48, "sigmoid"), "vanishing_gradient", VANISHES, sgd(0.02), 20)
faulty("blobs: ELU 15 x 16, N(0, 0.05)", BLOBS, mlp((2,), 15, 16, "elu", normal(0.05), FIVE), "vanishing_gradient", VANISHES, epochs=40)  # fmt: skip
faulty("digits: N(0, 0.8), leaky ReLU 7 x 64", DIGITS, on_digits(7, 64, "leaky_relu", normal(0.8)), "exploding_gradient", EXPLODES, epochs=15)  # fmt: skip
faulty("cancer: N(0, 1), linear 8 x 32", CANCER, mlp((30,), 8, 32, None, normal(1.0), TWO), "exploding_gradient", EXPLODES, epochs=30)  # fmt: skip
faulty("blobs: uniform in [0, 1], ReLU 9 x 32", BLOBS, mlp((2,), 9, 32, "relu", uniform01, FIVE), "exploding_gradient", EXPLODES, epochs=40)  # fmt: skip
faulty("diabetes: SGD 0.05, not scaled", Task(table(load_diabetes, 300, scale=False), "mse", ("r2_score",), predicts(0.3)), mlp((10,), 3, 64, "relu", last=(1, None)), "exploding_gradient", EXPLODES, sgd(0.05), 30)  # fmt: skip
faulty("cancer: a NaN in the data", yes_or_no(with_inputs(table(load_breast_cancer, 400), spoil), 0.93), mlp((30,), 2, 16, "relu", last=TWO), "nonfinite", BREAKS, ADAM, 20)  # fmt: skip
faulty("iris: logarithm of negatives", IRIS, mlp((4,), 2, 8, lambda x: keras.ops.log(x), last=THREE), "nonfinite", BREAKS, ADAM, 20)  # fmt: skip
faulty("sines: diverges", SINES, mlp((24, 1), 3, 32, "relu", last=(1, None)), "nonfinite", BREAKS, sgd(5.0), 15)
faulty("moons: ReLU 25 x 4", MOONS, mlp((2,), 25, 4, "relu", "he_uniform", TWO), "dead_units", DIES, sgd(0.05), 50)
faulty("cancer: biases of -20", CANCER, mlp((30,), 2, 16, "relu", last=TWO, bias=initializers.Constant(-20)), "dead_units", DIES, ADAM, 30)  # fmt: skip
faulty("digits: convolutions die", DIGITS, chain((8, 8, 1), conv(16), conv(16), FLAT), "dead_units", DIES + " updates_too_large exploding_gradient", sgd(3.0), 12)  # fmt: skip
faulty("wine: not scaled, tanh", classes(table(load_wine, 120, scale=False), 0.9), mlp((13,), 2, 16, "tanh", last=THREE), "saturated", SATURATES, ADAM, 40)  # fmt: skip
faulty("digits: N(0, 4), tanh 3 x 48", DIGITS, on_digits(3, 48, "tanh", normal(4.0)), "saturated", SATURATES, ADAM, 15)
faulty("cancer: not scaled, sigmoid", yes_or_no(table(load_breast_cancer, 400, scale=False), 0.93), mlp((30,), 2, 16, "sigmoid", last=TWO), "saturated", SATURATES, ADAM, 30)  # fmt: skip
STILL = "weights_not_moving loss_not_falling"
faulty("moons: SGD 0.0000001", MOONS, mlp((2,), 2, 16, "tanh", last=TWO), STILL, "accuracy_at_chance", sgd(1e-7), 30)
faulty("wine: Adam 0.00000001", WINE, mlp((13,), 2, 16, "relu", last=THREE), STILL, "accuracy_at_chance", using("Adam", 1e-8), 30)  # fmt: skip
faulty("diabetes: SGD 0.000000000001", DIABETES, mlp((10,), 1, 16, "tanh", last=(1, None)), STILL, "", sgd(1e-12), 20)
faulty("digits: loss times 0.0000001", Task(zoo.digits, lambda y, p: 1e-7 * keras.losses.sparse_categorical_crossentropy(y, p), learned=zoo.knows(0.85)), on_digits(2, 48, "relu"), STILL, "accuracy_at_chance", epochs=15)  # fmt: skip
faulty("blobs: SGD 20", BLOBS, mlp((2,), 2, 16, "tanh", last=FIVE), "updates_too_large", LEAPS, sgd(20.0), 40)
faulty(
    "cancer: Adam 2", CANCER, mlp((30,), 3, 16, "relu", last=TWO), "updates_too_large", LEAPS, using("Adam", 2.0), 30
)
faulty("digits: Nadam 1, convolutions", DIGITS, chain((8, 8, 1), conv(8), conv(8), FLAT), "updates_too_large", LEAPS, using("Nadam", 1.0), 10)  # fmt: skip
faulty("moons: batch of 1, SGD 0.5", MOONS, mlp((2,), 2, 16, "tanh", last=TWO), "loss_oscillating", SWINGS, sgd(0.5, 0.5), 30, batch_size=1)  # fmt: skip
faulty(
    "blobs: momentum 0.99", BLOBS, mlp((2,), 2, 16, "tanh", last=FIVE), "loss_oscillating", SWINGS, sgd(0.2, 0.99), 40
)
faulty(
    "circles: SGD 1, ReLU 3 x 15", CIRCLES, on_circles(3, 15, "relu"), "loss_oscillating", SWINGS, sgd(1.0, 0.5), 100
)
faulty("cancer: Adam 0.3, tanh", CANCER, mlp((30,), 2, 16, "tanh", last=TWO), "loss_oscillating", SWINGS, using("Adam", 0.3), 40)  # fmt: skip
faulty("moons: labels shuffled", yes_or_no(shuffled(table(moons, 500, scale=False)), 0.9), mlp((2,), 1, 8, "tanh", last=TWO), EMPTY, "", sgd(0.01), 40)  # fmt: skip
faulty("blobs: labels shuffled", classes(shuffled(table(blobs, 500)), 0.8), mlp((2,), 1, 16, "relu", last=FIVE), EMPTY, "", sgd(0.01), 40)  # fmt: skip
faulty("wine: all inputs alike", classes(with_inputs(table(load_wine, 120), lambda x: 0 * x + 1), 0.9), mlp((13,), 2, 16, "tanh", last=THREE), EMPTY, "", ADAM, 40)  # fmt: skip
faulty("remember 150 steps", yes_or_no(lambda: remember_first(150)), chain((150, 1), lambda: layers.SimpleRNN(16), last=TWO), "accuracy_at_chance", "loss_not_falling vanishing_gradient", using("Adam", 0.0003), 10)  # fmt: skip
faulty("moons: softmax over one unit", MOONS, mlp((2,), 2, 16, "relu", last=(1, "softmax")), "accuracy_at_chance", "", sgd(0.05), 40)  # fmt: skip
