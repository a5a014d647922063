"""Keras programs that the rules of the diagnosis are judged on, written without sight of these rules.

Each function is one program as people post it in questions: small data, a compiled model, the arguments of `fit`.
A faulty program has exactly one fault, named in its docstring; a healthy one comes close to a fault and learns.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from benchmarks.programs import Programs

PROGRAMS = Programs()


# ---- Data ----


def standardised(x):
    """Return `x` with mean 0 and standard deviation 1 in each column."""
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")


def mixed(x, y, seed=0):
    """Return `x` and `y` in the same random order."""
    order = np.random.default_rng(seed).permutation(len(x))
    return x[order], y[order]


def cancer():
    """Return 569 tumours: 30 measurements from 0.001 to 4000, labels 0 and 1."""
    x, y = load_breast_cancer(return_X_y=True)
    return x.astype("float32"), y.astype("float32")


def wine():
    """Return 178 wines in random order: 13 measurements from 0.1 to 1700, labels 0 to 2."""
    x, y = mixed(*load_wine(return_X_y=True))
    return x.astype("float32"), y


def iris():
    """Return 150 flowers in random order: 4 lengths from 0.1 to 8 cm, labels 0 to 2."""
    x, y = mixed(*load_iris(return_X_y=True))
    return x.astype("float32"), y


def diabetes():
    """Return 442 patients: 10 standardised measurements, and the progression of the disease from 25 to 346."""
    x, y = load_diabetes(return_X_y=True)
    return standardised(x), y.astype("float32")


def digits(first=0, last=1200):
    """Return images of 8 x 8 pixels from 0 to 1, and the digits 0 to 9."""
    x, y = load_digits(return_X_y=True)
    return (x[first:last] / 16).reshape(-1, 8, 8, 1).astype("float32"), y[first:last]


def circles(samples=800):
    """Return points in the plane; label 1 for those in the inner disc, about half of them."""
    x = np.random.default_rng(3).uniform(-1, 1, (samples, 2)).astype("float32")
    return 1.7 * x, (np.sum(x**2, axis=1) < 0.64).astype("float32")


def xor(samples=600):
    """Return points around (0, 0), (0, 1), (1, 0), (1, 1), and the exclusive or."""
    rng = np.random.default_rng(4)
    bits = rng.integers(0, 2, (samples, 2))
    return (bits + rng.normal(0, 0.1, bits.shape)).astype("float32"), (bits[:, 0] ^ bits[:, 1]).astype("float32")


def blobs(classes, samples=900, features=8, spread=1.0, seed=5):
    """Return samples around one centre per class, with the labels in random order."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (classes, features))
    y = rng.integers(0, classes, samples)
    return (centres[y] + rng.normal(0, spread, (samples, features))).astype("float32"), y


def houses(samples=800):
    """Return area, rooms, age and distance of houses, and their prices: from 50,000 to 700,000 dollars."""
    rng = np.random.default_rng(6)
    area, rooms = rng.uniform(40, 250, samples), rng.integers(1, 8, samples)
    age, distance = rng.uniform(0, 80, samples), rng.uniform(0, 30, samples)
    price = 60_000 + 2200 * area + 12_000 * rooms - 700 * age - 2500 * distance + rng.normal(0, 10_000, samples)
    return np.stack([area, rooms, age, distance], axis=1).astype("float32"), price.astype("float32")


def texts(samples=800, length=20, vocabulary=2000):
    """Return token ids, 0 for padding at the end, and the label: which half of the vocabulary has most of the words."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, 2, samples)
    frequent = rng.integers(1, 60, (samples, length)) + (vocabulary // 2) * y[:, None]
    x = np.where(rng.random((samples, length)) < 0.6, frequent, rng.integers(1, vocabulary, (samples, length)))
    x[np.arange(length) >= rng.integers(8, length + 1, samples)[:, None]] = 0
    return x.astype("int32"), y.astype("float32")


def waves(samples=600, steps=16):
    """Return windows of a noisy sine between -1 and 1, shape (samples, steps, 1), and the value after each."""
    rng = np.random.default_rng(8)
    start = rng.uniform(0, 2 * np.pi, samples)[:, None]
    values = 0.9 * np.sin(start + 0.4 * np.arange(steps + 1)) + rng.uniform(-0.05, 0.05, (samples, steps + 1))
    return values[:, :-1, None].astype("float32"), values[:, -1].astype("float32")


def bars(samples=500, size=12):
    """Return grey images with pixels from 0 to 255: a horizontal bar (0), a vertical one (1) or a diagonal one (2)."""
    rng = np.random.default_rng(9)
    x = rng.uniform(0, 80, (samples, size, size, 1))
    y = rng.integers(0, 3, samples)
    for image, label in zip(x, y, strict=True):
        place = rng.integers(1, size - 1)
        if label == 0:
            image[place] += 150
        elif label == 1:
            image[:, place] += 150
        else:
            image[np.arange(size), np.roll(np.arange(size), place)] += 150
    return x.astype("float32"), y


def tags(samples=800):
    """Return 12 measurements and 5 labels, of which none, one or several are 1."""
    rng = np.random.default_rng(10)
    x = rng.normal(0, 1, (samples, 12))
    return x.astype("float32"), (x @ rng.normal(0, 1, (12, 5)) > 0.5).astype("float32")


def rare(samples=1500, share=0.03, distance=1.0):
    """Return 6 measurements and labels of which the given share is 1; the classes overlap."""
    rng = np.random.default_rng(11)
    y = (np.arange(samples) < share * samples).astype("float32")
    return mixed((rng.normal(0, 1, (samples, 6)) + distance * y[:, None] / 2).astype("float32"), y)


# ---- Softmax over one unit ----


@PROGRAMS.faulty("softmax over one unit", lambda h: h["accuracy"][-1] >= 0.85)
def tumours_softmax_of_one_unit():
    """Softmax over a single unit is always 1."""
    x, y = cancer()
    model = keras.Sequential(
        [
            keras.Input((30,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("softmax over one unit", lambda h: h["binary_accuracy"][-1] >= 0.85)
def sentiment_with_softmax_layer():
    """A Softmax layer after one unit is always 1."""
    x, y = texts()
    tokens = keras.Input((20,), dtype="int32")
    hidden = layers.Embedding(2000, 16)(tokens)
    hidden = layers.GlobalAveragePooling1D()(hidden)
    outputs = layers.Softmax()(layers.Dense(1)(hidden))
    model = keras.Model(tokens, outputs)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(), metrics=["binary_accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("softmax over one unit", lambda h: h["mae"][-1] <= 0.15)
def progression_with_softmax():
    """A regression of targets in [0, 1] ends in softmax over one unit, which is always 1."""
    x, y = diabetes()
    model = keras.Sequential([keras.Input((10,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
    model.add(layers.Activation("softmax"))
    model.compile("rmsprop", "mse", metrics=["mae"])
    return model, {"x": x, "y": y / 346, "epochs": 15}


@PROGRAMS.healthy("softmax over one unit", lambda h: h["accuracy"][-1] >= 0.93)
def tumours_softmax_of_two_units():
    """Softmax over two units, one-hot labels, and binary cross-entropy."""
    x, y = cancer()
    model = keras.Sequential(
        [keras.Input((30,)), layers.Dense(16, activation="relu"), layers.Dense(2, activation="softmax")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": keras.utils.to_categorical(y, 2), "epochs": 20, "batch_size": 16}


@PROGRAMS.healthy("softmax over one unit", lambda h: h["accuracy"][-1] >= 0.9)
def attention_over_words():
    """Softmax over the words, not over the single score of each word."""
    x, y = texts()
    tokens = keras.Input((20,), dtype="int32")
    words = layers.Embedding(2000, 16)(tokens)
    scores = layers.Dense(1)(words)
    weights = layers.Softmax(axis=1)(scores)
    sentence = layers.Lambda(lambda pair: ops.sum(pair[0] * pair[1], axis=1), output_shape=(16,))([words, weights])
    model = keras.Model(tokens, layers.Dense(1, activation="sigmoid")(sentence))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


# ---- Cross-entropy of what is no probability ----


@PROGRAMS.faulty("cross-entropy of what is no probability", lambda h: h["accuracy"][-1] >= 0.85)
def digits_logits_taken_for_probabilities():
    """The output is linear, and the loss is not told that it gets logits."""
    x, y = digits()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("cross-entropy of what is no probability")
def circles_with_relu_output():
    """ReLU in the last layer, with binary cross-entropy: it learns unless that unit dies."""
    x, y = circles()
    model = keras.Sequential([keras.Input((2,)), layers.Dense(16, activation="relu"), layers.Dense(1), layers.ReLU()])
    model.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(), metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 20, "batch_size": 32}


@PROGRAMS.faulty("cross-entropy of what is no probability")
def tumours_with_tanh_output():
    """Tanh in the last layer, from -1 to 1, with binary cross-entropy."""
    x, y = cancer()
    inputs = keras.Input((30,))
    hidden = layers.Dense(16, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(1, activation="tanh")(hidden))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("cross-entropy of what is no probability", lambda h: h["accuracy"][-1] >= 0.85)
def wine_with_linear_output():
    """Categorical cross-entropy of three linear units."""
    x, y = wine()
    model = keras.Sequential([keras.Input((13,)), layers.Dense(16, activation="tanh"), layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.05), "categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": keras.utils.to_categorical(y), "epochs": 25, "batch_size": 16}


@PROGRAMS.healthy("cross-entropy of what is no probability", lambda h: h["accuracy"][-1] >= 0.9)
def digits_from_logits():
    """The output is linear, and the loss is told so."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, activation="relu")])
    model.add(layers.Dense(10))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32, "validation_data": digits(1200, 1797)}


@PROGRAMS.healthy("cross-entropy of what is no probability", lambda h: h["accuracy"][-1] >= 0.93)
def mean_of_two_softmaxes():
    """The mean of two networks' probabilities is a probability."""
    x, y = wine()
    inputs = keras.Input((13,))
    members = [
        keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(3), layers.Softmax()], name=f"member_{i}")
        for i in range(2)
    ]
    model = keras.Model(inputs, layers.Average()([member(inputs) for member in members]))
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "epochs": 20, "batch_size": 16}


@PROGRAMS.healthy("cross-entropy of what is no probability", lambda h: h["accuracy"][-1] >= 0.9)
def circles_with_linear_output_from_logits():
    """One linear unit, binary cross-entropy from logits, and an accuracy with threshold 0."""
    x, y = circles()
    inputs = keras.Input((2,))
    hidden = layers.Dense(32)(inputs)
    hidden = layers.LeakyReLU()(hidden)
    model = keras.Model(inputs, layers.Dense(1, activation="linear")(hidden))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=[accuracy])
    return model, {"x": x, "y": y, "epochs": 20, "batch_size": 32}


# ---- Categorical cross-entropy of one unit, or of sigmoids ----


@PROGRAMS.faulty("categorical cross-entropy of one unit, or of sigmoids", lambda h: h["accuracy"][-1] >= 0.85)
def circles_categorical_loss_of_one_unit():
    """Categorical cross-entropy of one sigmoid is 0 whatever the output."""
    x, y = circles()
    model = keras.Sequential()
    model.add(keras.Input((2,)))
    model.add(layers.Dense(32, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"])
    return model, {"x": x, "y": y[:, None], "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("categorical cross-entropy of one unit, or of sigmoids", lambda h: h["binary_accuracy"][-1] >= 0.85)
def tags_with_categorical_loss():
    """Several labels can be 1 at once, but categorical cross-entropy takes the sigmoids as one distribution."""
    x, y = tags()
    model = keras.Sequential(
        [keras.Input((12,)), layers.Dense(32, activation="relu"), layers.Dense(5, activation="sigmoid")]
    )
    model.compile("adam", keras.losses.CategoricalCrossentropy(), metrics=["binary_accuracy"])
    return model, {"x": x, "y": y, "epochs": 20, "batch_size": 32}


@PROGRAMS.faulty("categorical cross-entropy of one unit, or of sigmoids")
def digits_sigmoids_with_categorical_loss():
    """Ten sigmoids instead of softmax, with categorical cross-entropy."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32, activation="relu")])
    model.add(layers.Dense(10))
    model.add(layers.Activation("sigmoid"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("categorical cross-entropy of one unit, or of sigmoids", lambda h: h["binary_accuracy"][-1] >= 0.88)
def tags_with_binary_loss():
    """Several labels can be 1 at once: sigmoids with binary cross-entropy."""
    x, y = tags()
    model = keras.Sequential(
        [keras.Input((12,)), layers.Dense(32, activation="relu"), layers.Dense(5, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["binary_accuracy"])
    return model, {"x": x, "y": y, "epochs": 20, "batch_size": 32}


@PROGRAMS.healthy("categorical cross-entropy of one unit, or of sigmoids", lambda h: h["accuracy"][-1] >= 0.9)
def digits_sigmoids_with_binary_loss():
    """One sigmoid per digit, each against the rest: one-hot labels with binary cross-entropy."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, activation="relu")])
    model.add(layers.Dense(10, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 15, "batch_size": 32}


# ---- Binary cross-entropy of labels outside [0, 1] ----


@PROGRAMS.faulty("binary cross-entropy of labels outside [0, 1]", lambda h: h["accuracy"][-1] >= 0.8)
def iris_with_binary_loss():
    """Three classes, numbered 0 to 2, with one sigmoid and binary cross-entropy."""
    x, y = iris()
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "epochs": 25, "batch_size": 16}


@PROGRAMS.faulty("binary cross-entropy of labels outside [0, 1]", lambda h: h["accuracy"][-1] >= 0.8)
def circles_labelled_minus_one():
    """Labels -1 and 1 with binary cross-entropy."""
    x, y = circles()

    class Net(keras.Model):
        """A hidden layer and a sigmoid."""

        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(32, activation="relu")
            self.out = layers.Dense(1, activation="sigmoid")

        def call(self, inputs):
            return self.out(self.hidden(inputs))

    model = Net()
    model.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(), metrics=["accuracy"])
    return model, {"x": x, "y": 2 * y - 1, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("binary cross-entropy of labels outside [0, 1]", lambda h: h["mae"][-1] <= 25)
def autoencoder_of_unscaled_pixels():
    """The inputs are scaled to [0, 1], but the pixels to be reproduced go to 255."""
    x, _ = bars()
    flat = x.reshape(len(x), -1)
    model = keras.Sequential(
        [keras.Input((144,)), layers.Dense(24, activation="relu"), layers.Dense(144, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["mae"])
    return model, {"x": flat / 255, "y": flat, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("binary cross-entropy of labels outside [0, 1]", lambda h: h["mae"][-1] <= 0.15)
def autoencoder_of_scaled_pixels():
    """Pixels between 0 and 1 as targets of binary cross-entropy: its minimum is not 0, but it fits."""
    x, _ = digits()
    flat = x.reshape(len(x), -1)
    encoder = keras.Sequential([keras.Input((64,)), layers.Dense(16, activation="relu")], name="encoder")
    decoder = keras.Sequential([keras.Input((16,)), layers.Dense(64, activation="sigmoid")], name="decoder")
    model = keras.Sequential([encoder, decoder])
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["mae"])
    return model, {"x": flat, "y": flat, "epochs": 15, "batch_size": 32}


@PROGRAMS.healthy("binary cross-entropy of labels outside [0, 1]", lambda h: h["accuracy"][-1] >= 0.93)
def tumours_with_smooth_labels():
    """Labels smoothed to 0.05 and 0.95 inside the loss."""
    x, y = cancer()
    model = keras.Sequential(
        [keras.Input((30,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    loss = keras.losses.BinaryCrossentropy(label_smoothing=0.1)
    model.compile(keras.optimizers.Adam(0.005), loss, metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.healthy("binary cross-entropy of labels outside [0, 1]", lambda h: h["accuracy"][-1] >= 0.9)
def circles_with_hinge_loss():
    """Labels -1 and 1, as the hinge loss wants them, and tanh as output."""
    x, y = circles()
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(32, activation="relu"), layers.Dense(1, activation="tanh")]
    )

    def accuracy(y_true, y_pred):
        return ops.mean(ops.cast(ops.sign(y_pred) == y_true, "float32"))

    model.compile(keras.optimizers.Adam(0.01), "hinge", metrics=[accuracy])
    return model, {"x": x, "y": (2 * y - 1)[:, None], "epochs": 25, "batch_size": 32}


# ---- Sparse labels that are no class numbers ----


@PROGRAMS.faulty("sparse labels that are no class numbers")
def wine_labelled_from_one():
    """Labels 1 to 3 for three units: label 3 is out of range, and TensorFlow raises an error on the CPU."""
    x, y = wine()
    model = keras.Sequential(
        [keras.Input((13,)), layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y + 1, "epochs": 5, "batch_size": 16}


@PROGRAMS.faulty("sparse labels that are no class numbers", lambda h: h["accuracy"][-1] >= 0.8)
def digits_with_scaled_labels():
    """The labels were divided by 9 together with the pixels; as integers nearly all of them are 0."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten()])
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": (y / 9).astype("float32"), "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("sparse labels that are no class numbers")
def blobs_one_hot_with_sparse_loss():
    """One-hot labels with the sparse loss: the shapes do not fit, and Keras raises an error."""
    x, y = blobs(4)
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(4, activation="softmax")]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 5, "batch_size": 32}


@PROGRAMS.healthy("sparse labels that are no class numbers", lambda h: h["accuracy"][-1] >= 0.93)
def wine_labelled_from_one_with_a_spare_unit():
    """Labels 1.0 to 3.0 for four units: unit 0 is never used."""
    x, y = wine()
    model = keras.Sequential(
        [keras.Input((13,)), layers.Dense(16, activation="relu"), layers.Dense(4, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": (y + 1).astype("float32"), "epochs": 15, "batch_size": 16}


@PROGRAMS.healthy("sparse labels that are no class numbers", lambda h: h["loss"][-1] <= 0.25)
def blobs_with_unknown_labels():
    """A tenth of the labels is -1, which the loss is told to ignore."""
    x, y = blobs(4)
    y = np.where(np.random.default_rng(12).random(len(y)) < 0.1, -1, y)
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(32, activation="relu"), layers.Dense(4, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("sparse labels that are no class numbers", lambda h: h["accuracy"][-1] >= 0.93)
def segmentation_of_bars():
    """Each pixel has a label, 0 or 1, as uint8."""
    x, _ = bars(200)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2D(2, 1, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": (x > 149).astype("uint8"), "epochs": 15, "batch_size": 16}


# ---- Targets that the output cannot reach ----


@PROGRAMS.faulty("targets that the output cannot reach", lambda h: h["mse"][-1] <= 0.5)
def progression_with_relu_output():
    """The targets have mean 0, so half of them are negative, but ReLU gives no negative output."""
    x, y = diabetes()
    model = keras.Sequential(
        [keras.Input((10,)), layers.Dense(32, activation="relu"), layers.Dense(1, activation="relu")]
    )
    model.compile("adam", "mse", metrics=["mse"])
    return model, {"x": x, "y": standardised(y), "epochs": 20, "batch_size": 16}


@PROGRAMS.faulty("targets that the output cannot reach", lambda h: h["mae"][-1] <= 1.0)
def house_prices_with_sigmoid_output():
    """Prices from 0.5 to 7 (100,000 dollars), but the sigmoid ends at 1."""
    x, y = houses()
    inputs = keras.Input((4,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mean_squared_error", metrics=["mae"])
    return model, {"x": standardised(x), "y": y / 100_000, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("targets that the output cannot reach", lambda h: h["mae"][-1] <= 2)
def temperatures_with_tanh_output():
    """Temperatures around 15 degrees, but the last layer keeps tanh, the default of a recurrent layer."""
    x, y = waves()
    model = keras.Sequential([keras.Input((16, 1)), layers.GRU(16, return_sequences=True), layers.GRU(1)])
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError(), metrics=["mae"])
    return model, {"x": x, "y": 15 + 10 * y, "epochs": 8, "batch_size": 32}


@PROGRAMS.healthy("targets that the output cannot reach", lambda h: h["mae"][-1] <= 0.15)
def waves_with_tanh_output():
    """Tanh as output for targets between -1 and 1."""
    x, y = waves()
    model = keras.Sequential(
        [keras.Input((16, 1)), layers.Conv1D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(1)]
    )
    model.add(layers.Activation("tanh"))
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("targets that the output cannot reach", lambda h: h["mae"][-1] <= 0.06)
def house_prices_between_zero_and_one():
    """Prices scaled to [0, 1], with a sigmoid as output."""
    x, y = houses()
    y = (y - y.min()) / (y.max() - y.min())
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model, {"x": standardised(x), "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.healthy("targets that the output cannot reach", lambda h: h["mae"][-1] <= 0.35)
def waiting_times_with_softplus():
    """Targets from 0 upwards, many near 0, with softplus as output."""
    rng = np.random.default_rng(13)
    x = rng.normal(0, 1, (800, 5)).astype("float32")
    y = np.maximum(0, x @ np.array([1.0, -0.5, 0.8, 0, 0.3]) + 0.5 + rng.normal(0, 0.1, 800)).astype("float32")
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dense(32, activation="relu"), layers.Dense(1, activation="softplus")]
    )
    model.compile(keras.optimizers.RMSprop(0.005), "mse", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


# ---- Scale of the targets ----


@PROGRAMS.faulty("scale of the targets", lambda h: h["mae"][-1] <= 60_000)
def house_prices_in_dollars():
    """Targets of hundreds of thousands: Adam with rate 0.001 moves the outputs far too slowly."""
    x, y = houses()
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model, {"x": standardised(x), "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("scale of the targets", lambda h: h["mae"][-1] <= 20_000)
def salaries_with_sgd():
    """Targets of tens of thousands: the gradients of the squared error are so large that SGD diverges."""
    rng = np.random.default_rng(14)
    x = rng.normal(0, 1, (500, 6)).astype("float32")
    y = 50_000 + 15_000 * (x[:, 0] + 0.5 * x[:, 1] * x[:, 2])
    model = keras.Sequential([keras.Input((6,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate=0.01), loss="mean_squared_error", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.faulty("scale of the targets", lambda h: h["mae"][-1] <= 200)
def share_price_with_lstm():
    """The windows are scaled, but the price to be forecast stands around 3000."""
    x, y = waves(400)
    model = keras.Sequential([keras.Input((16, 1)), layers.LSTM(24), layers.Dense(1)])
    model.compile("adam", loss="mse", metrics=["mae"])
    data = tf.data.Dataset.from_tensor_slices((x, 3000 + 400 * y)).shuffle(400, seed=0).batch(32)
    return model, {"x": data, "epochs": 10}


@PROGRAMS.healthy("scale of the targets", lambda h: h["mae"][-1] <= 30_000)
def house_prices_scaled_inside_the_model():
    """Targets in dollars; the last layer of the model turns its output into dollars."""
    x, y = houses()
    normalization = layers.Normalization()
    normalization.adapt(x)
    dollars = layers.Normalization(axis=None, mean=float(y.mean()), variance=float(y.var()), invert=True)
    model = keras.Sequential(
        [keras.Input((4,)), normalization, layers.Dense(32, activation="relu"), layers.Dense(1), dollars]
    )
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 20, "batch_size": 32}


@PROGRAMS.healthy("scale of the targets", lambda h: h["mae"][-1] <= 100)
def rents_with_a_fitting_rate():
    """Rents around 2000: linear regression, where SGD with rate 0.05 converges whatever the scale."""
    x, y = houses()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
    return model, {"x": standardised(x), "y": y / 150, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("scale of the targets", lambda h: h["mae"][-1] <= 50)
def progression_unscaled():
    """Targets from 25 to 346 with a linear output: Adam with rate 0.01 gets there."""
    x, y = diabetes()
    model = keras.Sequential(
        [keras.Input((10,)), layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu"), layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.01), "mae", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 30, "batch_size": 32}


@PROGRAMS.healthy("scale of the targets", lambda h: h["loss"][-1] <= 0.01)
def logarithm_of_the_price():
    """The loss takes the logarithm of prices in dollars, and the output starts at their mean."""
    x, y = houses()
    inputs = keras.Input((4,))
    hidden = layers.Dense(16, activation="relu")(inputs)
    log_price = layers.Dense(1, bias_initializer=keras.initializers.Constant(float(np.log(y).mean())))(hidden)
    model = keras.Model(inputs, layers.Activation("exponential")(log_price))
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredLogarithmicError())
    return model, {"x": standardised(x), "y": y, "epochs": 20, "batch_size": 32}


# ---- Scale of the inputs ----


@PROGRAMS.faulty("scale of the inputs", lambda h: h["accuracy"][-1] >= 0.8)
def wine_unscaled():
    """Proline goes to 1700 while other measurements stay below 1."""
    x, y = wine()
    model = keras.Sequential(
        [keras.Input((13,)), layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 25, "batch_size": 16}


@PROGRAMS.faulty("scale of the inputs", lambda h: h["accuracy"][-1] >= 0.8)
def bars_with_pixels_to_255():
    """Pixels from 0 to 255 go straight into a network trained with SGD: the first steps are huge."""
    x, y = bars()
    model = keras.Sequential([keras.Input((12, 12, 1)), layers.Flatten()])
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(32, activation="relu"))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("scale of the inputs", lambda h: h["mae"][-1] <= 0.4)
def sales_with_timestamps():
    """One of the inputs is the time in seconds since 1970, about 1.6e9."""
    rng = np.random.default_rng(15)
    day = np.arange(600)
    others = rng.normal(0, 1, (600, 3))
    x = np.column_stack([1.6e9 + 86_400 * day, others]).astype("float32")
    y = (others[:, 0] - others[:, 1] + 0.1 * rng.normal(0, 1, 600)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("scale of the inputs", lambda h: h["accuracy"][-1] >= 0.8)
def tumours_unscaled_with_tanh():
    """Areas to 4000 saturate all tanh units."""
    x, y = cancer()
    inputs = keras.Input((30,))
    hidden = layers.Dense(8, activation="tanh")(inputs)
    hidden = layers.Dense(8, activation="tanh")(hidden)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.healthy("scale of the inputs", lambda h: h["accuracy"][-1] >= 0.9)
def bars_with_batch_normalization_first():
    """Pixels from 0 to 255, but the first layer normalises them."""
    x, y = bars()
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.BatchNormalization(),
            layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("scale of the inputs", lambda h: h["accuracy"][-1] >= 0.9)
def bars_with_rescaling_first():
    """Pixels from 0 to 255 as uint8, but the first layer divides them by 255."""
    x, y = bars()
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Rescaling(1.0 / 255),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x.astype("uint8"), "y": y, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("scale of the inputs", lambda h: h["accuracy"][-1] >= 0.93)
def tumours_normalised_inside_the_model():
    """Raw measurements to 4000 with an adapted Normalization layer."""
    x, y = cancer()
    normalization = layers.Normalization()
    normalization.adapt(x)
    inputs = keras.Input((30,))
    hidden = layers.Dense(16, activation="relu")(normalization(inputs))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("scale of the inputs", lambda h: h["accuracy"][-1] >= 0.9)
def iris_in_centimetres():
    """Lengths from 0.1 to 8 cm without scaling: close enough to 1."""
    x, y = iris()
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 25, "batch_size": 16}


@PROGRAMS.healthy("scale of the inputs", lambda h: h["accuracy"][-1] >= 0.9)
def token_ids_to_30000():
    """Token ids to 30000 go into an embedding, which needs no scaling."""
    x, y = texts(vocabulary=30_000)
    model = keras.Sequential(
        [
            keras.Input((20,), dtype="int32"),
            layers.Embedding(30_000, 8),
            layers.GlobalMaxPooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6, "batch_size": 32}


# ---- Accuracy of a regression ----


@PROGRAMS.faulty("accuracy of a regression")
def progression_with_accuracy():
    """Accuracy counts exact hits, which a regression has none of."""
    x, y = diabetes()
    model = keras.Sequential([keras.Input((10,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["accuracy"])
    return model, {"x": x, "y": standardised(y), "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("accuracy of a regression")
def forecast_with_accuracy():
    """A forecast of the next value is judged by accuracy."""
    x, y = waves(400)
    model = keras.Sequential([keras.Input((16, 1)), layers.SimpleRNN(16), layers.Dense(1)])
    model.compile("rmsprop", loss="mae", metrics=["acc"])
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(400, seed=0).batch(32)
    return model, {"x": data, "epochs": 6}


@PROGRAMS.healthy("accuracy of a regression", lambda h: h["accuracy"][-1] >= 0.9)
def digits_with_squared_error():
    """The mean squared error of one-hot labels is a classification, so accuracy means something."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, activation="relu")])
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("accuracy of a regression", lambda h: h["r2_score"][-1] >= 0.8)
def house_prices_with_r2():
    """A regression judged by R2."""
    x, y = houses()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "huber", metrics=[keras.metrics.R2Score()])
    return model, {"x": standardised(x), "y": standardised(y)[:, None], "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("accuracy of a regression", lambda h: h["kind_accuracy"][-1] >= 0.9 and h["length_loss"][-1] <= 0.3)
def flower_kind_and_length():
    """Two outputs: accuracy for the class, the mean absolute error for the length."""
    x, y = iris()
    inputs = keras.Input((3,), name="sizes")
    hidden = layers.Dense(32, activation="relu")(inputs)
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    length = layers.Dense(1, name="length")(hidden)
    model = keras.Model(inputs, {"kind": kind, "length": length})
    model.compile(
        keras.optimizers.Adam(0.02),
        loss={"kind": "sparse_categorical_crossentropy", "length": "mse"},
        metrics={"kind": ["accuracy"], "length": ["mae"]},
    )
    x = standardised(x)
    return model, {"x": x[:, 1:], "y": {"kind": y, "length": x[:, 0]}, "epochs": 25, "batch_size": 16}


# ---- No non-linearity between the layers ----


@PROGRAMS.faulty("no non-linearity between the layers", lambda h: h["accuracy"][-1] >= 0.85)
def circles_without_activation():
    """Hidden layers without activation are one linear layer, which cannot separate a disc."""
    x, y = circles()
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(32), layers.Dense(32), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("no non-linearity between the layers", lambda h: h["accuracy"][-1] >= 0.85)
def xor_without_activation():
    """Exclusive or with two linear layers, in a subclassed model that never calls its activation."""
    x, y = xor()

    class Net(keras.Model):
        """Two layers, and an activation that `call` leaves out."""

        def __init__(self):
            super().__init__()
            self.first = layers.Dense(8)
            self.activation = layers.ReLU()
            self.second = layers.Dense(1, activation="sigmoid")

        def call(self, inputs):
            return self.second(self.first(inputs))

    model = Net()
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("no non-linearity between the layers", lambda h: h["loss"][-1] <= 0.5)
def product_without_activation():
    """The product of two inputs with linear hidden layers; the dropout between them is no activation."""
    x = np.random.default_rng(16).normal(0, 1, (800, 2)).astype("float32")
    inputs = keras.Input((2,))
    hidden = layers.Dense(64, activation="linear")(inputs)
    hidden = layers.Dropout(0.1)(hidden)
    hidden = layers.Dense(64, activation=None)(hidden)
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    model.compile("adam", "mse")
    return model, {"x": x, "y": x[:, 0] * x[:, 1], "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("no non-linearity between the layers")
def digits_convolutions_without_activation():
    """Convolutions without activation; digits can be told apart by a linear model too."""
    x, y = digits()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3),
            layers.Conv2D(8, 3),
            layers.Flatten(),
            layers.Dense(32),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.healthy("no non-linearity between the layers", lambda h: h["loss"][-1] <= 0.35)
def linear_autoencoder():
    """A linear autoencoder with a narrow code, as in principal component analysis."""
    x, _ = wine()
    x = standardised(x)
    model = keras.Sequential([keras.Input((13,)), layers.Dense(6, name="code"), layers.Dense(13)])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model, {"x": x, "y": x, "epochs": 30, "batch_size": 16}


@PROGRAMS.healthy("no non-linearity between the layers", lambda h: h["accuracy"][-1] >= 0.95)
def xor_with_separate_activation_layers():
    """The dense layers have no activation argument; layers of their own follow."""
    x, y = xor()
    model = keras.Sequential()
    model.add(keras.Input((2,)))
    model.add(layers.Dense(16))
    model.add(layers.BatchNormalization())
    model.add(layers.PReLU())
    model.add(layers.Dense(16))
    model.add(layers.Activation("tanh"))
    model.add(layers.Dense(1))
    model.add(layers.Activation("sigmoid"))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.healthy("no non-linearity between the layers", lambda h: h["accuracy"][-1] >= 0.9)
def circles_with_activation_in_call():
    """The layers have no activation, but `call` applies one."""
    x, y = circles()

    class Net(keras.Model):
        """Two layers with a ReLU between them."""

        def __init__(self):
            super().__init__()
            self.first = layers.Dense(32)
            self.second = layers.Dense(1)

        def call(self, inputs):
            return ops.sigmoid(self.second(ops.relu(self.first(inputs))))

    model = Net()
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 20, "batch_size": 32}


@PROGRAMS.healthy("no non-linearity between the layers", lambda h: h["loss"][-1] <= 0.15)
def ratings_from_embeddings():
    """Matrix factorization: the dot product of two embeddings needs no activation."""
    rng = np.random.default_rng(17)
    user, film = rng.integers(0, 40, 1500), rng.integers(0, 30, 1500)
    y = np.sum(rng.normal(0, 1, (40, 3))[user] * rng.normal(0, 1, (30, 3))[film], axis=1) / 2
    users, films = keras.Input((), dtype="int32", name="user"), keras.Input((), dtype="int32", name="film")
    rating = layers.Dot(axes=1)([layers.Embedding(40, 6)(users), layers.Embedding(30, 6)(films)])
    model = keras.Model([users, films], rating)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model, {"x": [user, film], "y": y, "epochs": 20, "batch_size": 32}


# ---- Units or layers that start alike ----


@PROGRAMS.faulty("units or layers that start alike", lambda h: h["accuracy"][-1] >= 0.6)
def digits_with_zero_weights():
    """All kernels start at 0: with ReLU no gradient passes, and only the last bias is trained."""
    x, y = digits()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(32, activation="relu", kernel_initializer="zeros"),
            layers.Dense(10, activation="softmax", kernel_initializer="zeros"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.faulty("units or layers that start alike", lambda h: h["accuracy"][-1] >= 0.9)
def xor_with_constant_weights():
    """All weights start at 0.5, so all units of a layer stay the same unit."""
    x, y = xor()
    same = keras.initializers.Constant(0.5)
    inputs = keras.Input((2,))
    hidden = layers.Dense(16, activation="tanh", kernel_initializer=same)(inputs)
    hidden = layers.Dense(16, activation="tanh", kernel_initializer=same)(hidden)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", kernel_initializer=same)(hidden))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("units or layers that start alike")
def circles_with_one_seeded_initializer():
    """One seeded initializer gives all three hidden layers of the same shape the same weights."""
    x, y = circles()
    initializer = keras.initializers.GlorotUniform(seed=42)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(16, activation="relu")])
    for _ in range(3):
        model.add(layers.Dense(16, activation="relu", kernel_initializer=initializer))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.healthy("units or layers that start alike", lambda h: h["accuracy"][-1] >= 0.9)
def digits_with_zero_last_layer():
    """Only the last layer starts at 0, so that all classes start equally likely."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, activation="relu")])
    model.add(layers.Dense(10, activation="softmax", kernel_initializer="zeros"))
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("units or layers that start alike", lambda h: h["accuracy"][-1] >= 0.93)
def logistic_regression_from_zero():
    """Logistic regression from zero weights: a convex loss with one layer."""
    x, y = cancer()
    model = keras.Sequential([keras.Input((30,)), layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("units or layers that start alike", lambda h: h["accuracy"][-1] >= 0.9)
def residual_branches_from_zero():
    """The last layer of each residual branch starts at 0, so that the blocks start as identity."""
    x, y = blobs(5, spread=1.5)
    inputs = keras.Input((8,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    for _ in range(3):
        branch = layers.Dense(32, activation="relu")(hidden)
        branch = layers.Dense(32, kernel_initializer="zeros")(branch)
        hidden = layers.Add()([hidden, branch])
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(hidden))
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32}


# ---- Learning rate ----


@PROGRAMS.faulty("learning rate", lambda h: h["accuracy"][-1] >= 0.8)
def digits_adam_rate_one():
    """Adam with rate 1."""
    x, y = digits()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("learning rate", lambda h: h["mse"][-1] <= 0.5)
def house_prices_sgd_rate_two():
    """SGD with rate 2 and momentum diverges on scaled data."""
    x, y = houses()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(2.0, momentum=0.9), "mse", metrics=["mse"])
    return model, {"x": standardised(x), "y": standardised(y), "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("learning rate", lambda h: h["accuracy"][-1] >= 0.8)
def wine_adam_rate_tiny():
    """Adam with rate 1e-6 stands still."""
    x, y = wine()
    inputs = keras.Input((13,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))
    model.compile(keras.optimizers.Adam(1e-6), keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "epochs": 20, "batch_size": 16}


@PROGRAMS.faulty("learning rate", lambda h: h["accuracy"][-1] >= 0.8)
def blobs_rate_decays_at_once():
    """The schedule divides the rate by 10 at every second step, so that the training stops in the first epoch."""
    x, y = blobs(6, spread=1.5)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps=2, decay_rate=0.1)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(32, activation="relu")])
    model.add(layers.Dense(6, activation="softmax"))
    model.compile(keras.optimizers.SGD(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32}


@PROGRAMS.faulty("learning rate", lambda h: h["accuracy"][-1] >= 0.8)
def sentiment_sgd_rate_tiny():
    """SGD with rate 1e-5 leaves the embeddings where they are."""
    x, y = texts()
    model = keras.Sequential(
        [
            keras.Input((20,), dtype="int32"),
            layers.Embedding(2000, 16),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.SGD(1e-5), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.healthy("learning rate", lambda h: h["loss"][-1] <= 0.1)
def linear_regression_sgd_rate_high():
    """SGD with rate 0.3 on scaled linear data: below the limit where the squared error diverges."""
    x, y = houses()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.3), "mse")
    return model, {"x": standardised(x), "y": standardised(y), "epochs": 10, "batch_size": 400}


@PROGRAMS.healthy("learning rate", lambda h: h["accuracy"][-1] >= 0.93)
def tumours_adadelta_rate_one():
    """Adadelta with rate 1, as in its paper."""
    x, y = cancer()
    model = keras.Sequential(
        [keras.Input((30,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adadelta(1.0), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "epochs": 15, "batch_size": 16}


@PROGRAMS.healthy("learning rate", lambda h: h["accuracy"][-1] >= 0.9)
def blobs_with_warm_up():
    """The rate rises from 0 to 0.01 in 50 steps, then falls as a cosine."""
    x, y = blobs(6)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 300, warmup_target=0.01, warmup_steps=50)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(32, activation="relu")])
    model.add(layers.Dense(6, activation="softmax"))
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("learning rate", lambda h: h["accuracy"][-1] >= 0.9)
def digits_three_epochs():
    """Only three epochs, which are enough with a fitting rate."""
    x, y = digits()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 3, "batch_size": 16}


# ---- NaN or infinity in the data ----


@PROGRAMS.faulty("NaN or infinity in the data", lambda h: h["accuracy"][-1] >= 0.8)
def tumours_with_missing_values():
    """Some measurements are missing: NaN."""
    x, y = cancer()
    x = standardised(x)
    x[np.random.default_rng(18).random(x.shape) < 0.002] = np.nan
    model = keras.Sequential(
        [keras.Input((30,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("NaN or infinity in the data", lambda h: h["mae"][-1] <= 0.5)
def counts_with_logarithm_of_zero():
    """The logarithm of a count of 0 is minus infinity."""
    rng = np.random.default_rng(19)
    counts = rng.poisson(4, (500, 3))
    with np.errstate(divide="ignore"):
        x = np.log(counts).astype("float32")
    y = standardised(counts.sum(axis=1) + rng.normal(0, 0.5, 500))
    model = keras.Sequential([keras.Input((3,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("NaN or infinity in the data", lambda h: h["loss"][-1] <= 0.5)
def house_prices_with_missing_target():
    """One price of 800 is NaN."""
    x, y = houses()
    y = standardised(y)
    y[321] = np.nan
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mae")
    return model, {"x": standardised(x), "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.healthy("NaN or infinity in the data", lambda h: h["accuracy"][-1] >= 0.93)
def tumours_with_filled_values():
    """Missing measurements are replaced by the mean, and a second input says which."""
    x, y = cancer()
    x = standardised(x)
    missing = np.random.default_rng(18).random(x.shape) < 0.02
    x[missing] = 0
    values, flags = keras.Input((30,)), keras.Input((30,))
    hidden = layers.Dense(16, activation="relu")(layers.Concatenate()([values, flags]))
    model = keras.Model([values, flags], layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": [x, missing.astype("float32")], "y": y, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("NaN or infinity in the data", lambda h: h["mae"][-1] <= 0.3)
def masked_steps_of_waves():
    """Windows of different lengths, with -10 where there is no value, which a Masking layer hides."""
    x, y = waves(400)
    start = np.random.default_rng(20).integers(0, 8, len(x))
    x[np.arange(16)[None, :] < start[:, None]] = -10
    model = keras.Sequential([keras.Input((16, 1)), layers.Masking(-10.0), layers.GRU(16), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 16}


# ---- Inputs without information ----


@PROGRAMS.faulty("inputs without information", lambda h: h["accuracy"][-1] >= 0.6)
def bars_divided_as_integers():
    """The pixels are integers, and their integer division by 255 gives 0."""
    x, y = bars()
    x = x.astype("uint8") // 255
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("inputs without information", lambda h: h["accuracy"][-1] >= 0.7)
def texts_of_unknown_words():
    """The vocabulary was built from lower-case words and the texts are in capitals: every word has the unknown id 1."""
    x, y = texts()
    x = np.ones_like(x)
    model = keras.Sequential(
        [
            keras.Input((20,), dtype="int32"),
            layers.Embedding(2000, 16),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("inputs without information", lambda h: h["accuracy"][-1] >= 0.8)
def wine_divided_twice():
    """The standardised data were divided by 255 * 255 as well: nearly 0 for every wine."""
    x, y = wine()
    model = keras.Sequential(
        [keras.Input((13,)), layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x) / 255**2, "y": y, "epochs": 20, "batch_size": 16}


@PROGRAMS.healthy("inputs without information", lambda h: h["accuracy"][-1] >= 0.9)
def bag_of_words():
    """Word counts, most of them 0; words that occur in no text are columns of zeros."""
    tokens, y = texts(vocabulary=600)
    x = np.zeros((len(tokens), 1000), "float32")
    np.add.at(x, (np.arange(len(tokens))[:, None], tokens), 1)
    x[:, 0] = 0  # padding
    model = keras.Sequential(
        [keras.Input((1000,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("inputs without information", lambda h: h["accuracy"][-1] >= 0.95)
def four_samples_of_xor():
    """Four different samples, repeated."""
    x = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (50, 1)).astype("float32")
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(16, activation="tanh"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": (x[:, 0] != x[:, 1]).astype("float32"), "epochs": 30, "batch_size": 20}


# ---- Labels in order, not shuffled ----


@PROGRAMS.faulty("labels in order, not shuffled", lambda h: h["val_accuracy"][-1] >= 0.7)
def digits_in_order():
    """The digits are sorted by class, and shuffle=False."""
    x, y = digits()
    order = np.argsort(y, kind="stable")
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32, activation="relu")])
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 6, "batch_size": 32, "shuffle": False, "validation_data": digits(1200, 1797)}
    return model, {"x": x[order], "y": y[order], **fit}


@PROGRAMS.faulty("labels in order, not shuffled", lambda h: h["val_accuracy"][-1] >= 0.8)
def blobs_dataset_in_order():
    """A tf.data pipeline of sorted samples without `shuffle`."""
    x, y = blobs(8, spread=1.5)
    order = np.argsort(y[:700], kind="stable")
    data = tf.data.Dataset.from_tensor_slices((x[:700][order], y[:700][order])).batch(16)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu")])
    model.add(layers.Dense(8, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": data, "epochs": 3, "validation_data": (x[700:], y[700:])}


@PROGRAMS.healthy("labels in order, not shuffled", lambda h: h["val_accuracy"][-1] >= 0.85)
def digits_in_order_but_shuffled():
    """The digits are sorted by class, but `fit` shuffles them."""
    x, y = digits()
    order = np.argsort(y, kind="stable")
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32, activation="relu")])
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 8, "batch_size": 32, "shuffle": True, "validation_data": digits(1200, 1797)}
    return model, {"x": x[order], "y": y[order], **fit}


@PROGRAMS.healthy("labels in order, not shuffled", lambda h: h["accuracy"][-1] >= 0.9)
def balanced_batches():
    """No shuffling, but the classes alternate, so that every batch has as many samples of each."""
    x, y = blobs(3, samples=900)
    count = min(np.bincount(y))
    order = np.stack([np.flatnonzero(y == k)[:count] for k in range(3)], axis=1).ravel()
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu")])
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x[order], "y": y[order], "epochs": 8, "batch_size": 30, "shuffle": False}


@PROGRAMS.healthy("labels in order, not shuffled", lambda h: h["mae"][-1] <= 0.2)
def series_in_order_of_time():
    """A long series in order of time, not shuffled: each batch holds whole periods of it."""
    rng = np.random.default_rng(21)
    series = np.sin(0.4 * np.arange(1016)) + rng.normal(0, 0.05, 1016)
    data = keras.utils.timeseries_dataset_from_array(
        series[:-16, None].astype("float32"), series[16:].astype("float32"), sequence_length=16, batch_size=32
    )
    model = keras.Sequential([keras.Input((16, 1)), layers.Flatten(), layers.Dense(16, activation="relu")])
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    return model, {"x": data, "epochs": 10}


# ---- One class outnumbers the others ----


@PROGRAMS.faulty("one class outnumbers the others", lambda h: h["recall"][-1] >= 0.5)
def fraud_without_weights():
    """Of 1500 payments 3 % are fraud: the network answers "no fraud" for all."""
    x, y = rare()
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.Recall(name="recall")])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("one class outnumbers the others", lambda h: h["recall"][-1] >= 0.5)
def defects_without_weights():
    """Two defects, of 2 % of the products each, beside 96 % without; recall is that of the defects."""
    rng = np.random.default_rng(22)
    y = np.repeat([0, 1, 2], [1152, 24, 24])
    x = rng.normal(0, 1, (1200, 5)) + np.array([[0, 0, 0, 0, 0], [0.7, 0.7, 0, 0, 0], [0, 0, 0.7, 0.7, 0]])[y]
    x, y = mixed(x.astype("float32"), y)

    def recall(y_true, y_pred):
        defect = ops.cast(ops.reshape(y_true, (-1,)) > 0, "float32")
        found = ops.cast(ops.argmax(y_pred, axis=-1) > 0, "float32") * defect
        return ops.sum(found) / ops.maximum(ops.sum(defect), 1.0)

    model = keras.Sequential([keras.Input((5,)), layers.Dense(16, activation="relu")])
    model.add(layers.Dense(3, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy", recall])
    return model, {"x": x, "y": y, "epochs": 8, "batch_size": 32}


@PROGRAMS.healthy("one class outnumbers the others", lambda h: h["recall"][-1] >= 0.6)
def fraud_with_class_weights():
    """3 % of the payments are fraud, and weigh as much as the others together."""
    x, y = rare(distance=1.6)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=[keras.metrics.Recall(name="recall")])
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32, "class_weight": {0: 0.5155, 1: 16.667}}


@PROGRAMS.healthy("one class outnumbers the others", lambda h: h["recall"][-1] >= 0.85)
def rare_class_that_stands_apart():
    """8 % of the samples are of class 1, which is easy to tell apart without any weights."""
    x, y = rare(share=0.08, distance=4)
    inputs = keras.Input((6,))
    hidden = layers.Dense(16, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=[keras.metrics.Recall(name="recall")])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("one class outnumbers the others", lambda h: h["recall"][-1] >= 0.6)
def fraud_drawn_as_often():
    """The rare class is repeated until both are as frequent."""
    x, y = rare(samples=1000, distance=1.6)
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    rows = np.concatenate([negative, np.random.default_rng(23).choice(positive, len(negative))])
    data = tf.data.Dataset.from_tensor_slices((x[rows], y[rows])).shuffle(len(rows), seed=0).batch(32)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=[keras.metrics.Recall(name="recall")])
    return model, {"x": data, "epochs": 8}


# ---- Initial weights ----


@PROGRAMS.faulty("initial weights", lambda h: h["accuracy"][-1] >= 0.8)
def digits_with_large_weights():
    """Normal initial weights with standard deviation 10."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    model.add(layers.Dense(32, activation="tanh", kernel_initializer=keras.initializers.RandomNormal(stddev=10)))
    model.add(layers.Dense(32, activation="tanh", kernel_initializer=keras.initializers.RandomNormal(stddev=10)))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.faulty("initial weights", lambda h: h["accuracy"][-1] >= 0.8)
def deep_network_with_small_weights():
    """Initial weights of 0.001 in eight layers: the signal vanishes on its way."""
    x, y = blobs(4)
    model = keras.Sequential([keras.Input((8,))])
    for _ in range(8):
        small = keras.initializers.RandomNormal(stddev=0.001)
        model.add(layers.Dense(32, activation="relu", kernel_initializer=small))
    model.add(layers.Dense(4, activation="softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.faulty("initial weights", lambda h: h["accuracy"][-1] >= 0.8)
def circles_with_negative_biases():
    """The hidden biases start at -5, so that no ReLU is ever positive."""
    x, y = circles()
    inputs = keras.Input((2,))
    hidden = layers.Dense(32, activation="relu", bias_initializer=keras.initializers.Constant(-5.0))(inputs)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("initial weights", lambda h: h["accuracy"][-1] >= 0.9)
def deep_network_with_he_weights():
    """Eight layers of ReLU with He's initial weights."""
    x, y = blobs(4)
    model = keras.Sequential([keras.Input((8,))])
    for _ in range(8):
        model.add(layers.Dense(32, activation="relu", kernel_initializer="he_normal"))
    model.add(layers.Dense(4, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("initial weights", lambda h: h["recall"][-1] >= 0.8)
def bias_at_the_log_odds():
    """The last bias starts at the logarithm of the odds of a rare class, -2.4."""
    x, y = rare(share=0.08, distance=4)
    odds = keras.initializers.Constant(float(np.log(0.08 / 0.92)))
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16, activation="relu")])
    model.add(layers.Dense(1, activation="sigmoid", bias_initializer=odds))
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=[keras.metrics.Recall(name="recall")])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("initial weights", lambda h: h["accuracy"][-1] >= 0.9)
def digits_with_normal_weights():
    """Keras's "random_normal" with standard deviation 0.05, in a shallow network."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    model.add(layers.Dense(64, activation="relu", kernel_initializer="random_normal"))
    model.add(layers.Dense(10, activation="softmax", kernel_initializer="random_normal"))
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


# ---- Units that die or saturate ----


@PROGRAMS.faulty("units that die or saturate", lambda h: h["accuracy"][-1] >= 0.5)
def digits_through_deep_sigmoids():
    """Eight layers of sigmoids with SGD: the gradients vanish."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    for _ in range(8):
        model.add(layers.Dense(32, activation="sigmoid"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.faulty("units that die or saturate", lambda h: h["loss"][-1] <= 0.2)
def tumours_relu_before_sigmoid():
    """ReLU before the last sigmoid: no probability is below 0.5, and the unit dies."""
    x, y = cancer()
    model = keras.Sequential(
        [
            keras.Input((30,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="relu"),
            layers.Activation("sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.faulty("units that die or saturate", lambda h: h["loss"][-1] <= 0.3)
def wave_through_narrow_relus():
    """Ten layers of two ReLUs each: for every input some layer is dead."""
    x = np.random.default_rng(24).uniform(-2, 2, (600, 1)).astype("float32")
    model = keras.Sequential([keras.Input((1,))])
    for _ in range(10):
        model.add(layers.Dense(2, activation="relu"))
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return model, {"x": x, "y": standardised(np.sin(2 * x[:, 0])), "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("units that die or saturate", lambda h: h["accuracy"][-1] >= 0.85)
def digits_through_normalised_sigmoids():
    """Four layers of sigmoids, with batch normalization before each."""
    x, y = digits()
    inputs = keras.Input((8, 8, 1))
    hidden = layers.Flatten()(inputs)
    for _ in range(4):
        hidden = layers.Dense(32, use_bias=False)(hidden)
        hidden = layers.BatchNormalization()(hidden)
        hidden = layers.Activation("sigmoid")(hidden)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("units that die or saturate", lambda h: h["mse"][-1] <= 0.03)
def sparse_code_of_digits():
    """An activity penalty makes most ReLUs 0 for most images, on purpose."""
    x, _ = digits()
    flat = x.reshape(len(x), -1)
    sparse = keras.regularizers.L1(1e-5)
    model = keras.Sequential([keras.Input((64,)), layers.Dense(96, activation="relu", activity_regularizer=sparse)])
    model.add(layers.Dense(64))
    model.compile(keras.optimizers.Adam(0.003), "mse", metrics=["mse"])
    return model, {"x": flat, "y": flat, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("units that die or saturate", lambda h: h["accuracy"][-1] >= 0.93)
def wine_as_one_time_step():
    """A recurrent network with one time step, whose gates use sigmoid and tanh."""
    x, y = wine()
    model = keras.Sequential([keras.Input((1, 13)), layers.LSTM(16), layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x)[:, None, :], "y": y, "epochs": 15, "batch_size": 16}


# ---- The loss does not fit the task ----


@PROGRAMS.faulty("the loss does not fit the task", lambda h: h["accuracy"][-1] >= 0.6)
def digits_squared_error_of_class_numbers():
    """The mean squared error compares each of ten probabilities with the number of the class."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32, activation="relu")])
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "mse", metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")])
    return model, {"x": x, "y": y[:, None], "epochs": 10, "batch_size": 32}


@PROGRAMS.faulty("the loss does not fit the task", lambda h: h["mae"][-1] <= 0.4)
def house_prices_with_cosine_similarity():
    """The cosine of single numbers knows only their sign."""
    x, y = houses()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.005), "cosine_similarity", metrics=["mae"])
    return model, {"x": standardised(x), "y": standardised(y)[:, None], "epochs": 12, "batch_size": 32}


@PROGRAMS.faulty("the loss does not fit the task", lambda h: h["accuracy"][-1] >= 0.8)
def circles_with_divergence():
    """The Kullback-Leibler divergence of one sigmoid only asks for outputs of 1."""
    x, y = circles()
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), keras.losses.KLDivergence(), metrics=["binary_accuracy", "accuracy"])
    return model, {"x": x, "y": y[:, None], "epochs": 12, "batch_size": 32}


@PROGRAMS.faulty("the loss does not fit the task", lambda h: h["mae"][-1] <= 0.5)
def house_prices_without_square():
    """The loss of one's own is the mean difference, neither squared nor absolute: it has no minimum."""
    x, y = houses()

    def difference(y_true, y_pred):
        return ops.mean(y_true - y_pred, axis=-1)

    model = keras.Sequential([keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    model.compile("adam", loss=difference, metrics=["mae"])
    return model, {"x": standardised(x), "y": standardised(y)[:, None], "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("the loss does not fit the task", lambda h: h["mae"][-1] <= 1.6)
def counts_with_poisson_loss():
    """Counts from 0 to 20 with an exponential output and the Poisson loss."""
    rng = np.random.default_rng(25)
    x = rng.normal(0, 1, (900, 4)).astype("float32")
    y = rng.poisson(np.exp(0.8 + x @ np.array([0.6, -0.4, 0.2, 0.0]))).astype("float32")
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="exponential")]
    )
    model.compile(keras.optimizers.Adam(0.005), "poisson", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.healthy("the loss does not fit the task", lambda h: h["loss"][-1] <= 0.08)
def upper_quantile_of_waves():
    """A loss of one's own: the 0.9 quantile of the next value."""
    x, y = waves()

    def pinball(y_true, y_pred):
        error = y_true - y_pred
        return ops.mean(ops.maximum(0.9 * error, -0.1 * error), axis=-1)

    model = keras.Sequential([keras.Input((16, 1)), layers.Flatten(), layers.Dense(32, activation="relu")])
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.Adam(0.003), loss=pinball)
    return model, {"x": x, "y": y[:, None], "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("the loss does not fit the task", lambda h: h["loss"][-1] <= 0.1)
def shares_with_divergence():
    """The targets are shares of four parties, which sum to 1: softmax with the Kullback-Leibler divergence."""
    rng = np.random.default_rng(26)
    x = rng.normal(0, 1, (800, 6)).astype("float32")
    scores = np.exp(x @ rng.normal(0, 0.7, (6, 4)))
    y = (scores / scores.sum(axis=1, keepdims=True)).astype("float32")
    model = keras.Sequential([keras.Input((6,)), layers.Dense(24, activation="relu")])
    model.add(layers.Dense(4, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.005), "kl_divergence")
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32}


@PROGRAMS.healthy("the loss does not fit the task", lambda h: h["loss"][-1] <= -0.9)
def directions_with_cosine_similarity():
    """Targets of length 1 in three dimensions: the loss goes to -1."""
    rng = np.random.default_rng(27)
    x = rng.normal(0, 1, (800, 5)).astype("float32")
    y = x @ rng.normal(0, 1, (5, 3))
    y = (y / np.linalg.norm(y, axis=1, keepdims=True)).astype("float32")
    inputs = keras.Input((5,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    model = keras.Model(inputs, layers.UnitNormalization()(layers.Dense(3)(hidden)))
    model.compile(keras.optimizers.Adam(0.005), "cosine_similarity")
    return model, {"x": x, "y": y, "epochs": 12, "batch_size": 32}


# ---- Nothing is trained ----


@PROGRAMS.faulty("nothing is trained", lambda h: h["accuracy"][-1] >= 0.6)
def digits_with_everything_frozen():
    """The whole model is frozen, not only its base."""
    x, y = digits()
    base = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten()])
    model = keras.Sequential([base, layers.Dense(10, activation="softmax")])
    model.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6, "batch_size": 32}


@PROGRAMS.faulty("nothing is trained")
def blobs_with_argmax_in_the_model():
    """The model returns the class by argmax, which has no gradient; Keras raises an error."""
    x, y = blobs(3)
    inputs = keras.Input((8,))
    hidden = layers.Dense(16, activation="relu")(inputs)
    scores = layers.Dense(3, activation="softmax")(hidden)
    label = layers.Lambda(lambda s: ops.cast(ops.argmax(s, axis=-1), "float32"), output_shape=())(scores)
    model = keras.Model(inputs, label)
    model.compile("adam", "mse")
    return model, {"x": x, "y": y.astype("float32"), "epochs": 5, "batch_size": 32}


@PROGRAMS.faulty("nothing is trained", lambda h: h["accuracy"][-1] >= 0.8)
def wine_with_zero_sample_weights():
    """The sample weights were computed with integer division, 1 // number of wines of the class: all are 0."""
    x, y = wine()
    weights = 1 // np.bincount(y)[y]
    model = keras.Sequential(
        [keras.Input((13,)), layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": standardised(x), "y": y, "sample_weight": weights, "epochs": 15, "batch_size": 16}


@PROGRAMS.faulty("nothing is trained", lambda h: h["accuracy"][-1] >= 0.85)
def circles_train_step_without_update():
    """The train_step of one's own computes the gradients, but does not apply them."""
    x, y = circles()

    class Forgetful(keras.Model):
        """A model whose `train_step` leaves the weights as they are."""

        def train_step(self, data):
            inputs, targets = data
            with tf.GradientTape() as tape:
                outputs = self(inputs, training=True)
                loss = self.compute_loss(y=targets, y_pred=outputs)
            tape.gradient(loss, self.trainable_variables)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(targets, outputs)
            return {metric.name: metric.result() for metric in self.metrics}

    inputs = keras.Input((2,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    model = Forgetful(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y[:, None], "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("nothing is trained", lambda h: h["accuracy"][-1] >= 0.85)
def digits_with_frozen_base():
    """Transfer learning: the base was trained on the digits 0 to 4 and is frozen; the new head learns 5 to 9."""
    x, y = digits()
    base = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten()])
    first = keras.Sequential([base, layers.Dense(5, activation="softmax")])
    first.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    first.fit(x[y < 5], y[y < 5], epochs=3, verbose=0)
    base.trainable = False
    inputs = keras.Input((8, 8, 1))
    hidden = base(inputs, training=False)
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(hidden))
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x[y >= 5], "y": y[y >= 5] - 5, "epochs": 8, "batch_size": 32}


@PROGRAMS.healthy("nothing is trained", lambda h: h["accuracy"][-1] >= 0.9)
def circles_with_random_frozen_features():
    """Random features: the wide hidden layer is frozen on purpose, and only the last layer is trained."""
    x, y = circles()
    directions, offsets = keras.initializers.RandomNormal(stddev=1.5), keras.initializers.RandomNormal(stddev=1.5)
    model = keras.Sequential([keras.Input((2,))])
    model.add(layers.Dense(200, "relu", kernel_initializer=directions, bias_initializer=offsets, trainable=False))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 20, "batch_size": 32}


@PROGRAMS.healthy("nothing is trained", lambda h: h["loss"][-1] <= 0.8 * h["loss"][0])
def variational_autoencoder():
    """A VAE: a reconstruction error and a divergence that the sampling layer adds as a loss."""
    x, _ = digits()
    flat = x.reshape(len(x), -1)

    class Sampling(layers.Layer):
        """Draw from a normal distribution, and add its divergence from the standard one to the loss."""

        def __init__(self):
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(1)

        def call(self, inputs):
            mean, log_variance = inputs
            divergence = -0.5 * ops.mean(ops.sum(1 + log_variance - mean**2 - ops.exp(log_variance), axis=1))
            self.add_loss(0.001 * divergence)
            noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
            return mean + ops.exp(0.5 * log_variance) * noise

    images = keras.Input((64,))
    hidden = layers.Dense(32, activation="relu")(images)
    code = Sampling()([layers.Dense(4, name="mean")(hidden), layers.Dense(4, name="log_variance")(hidden)])
    hidden = layers.Dense(32, activation="relu")(code)
    model = keras.Model(images, layers.Dense(64, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return model, {"x": flat, "y": flat, "epochs": 10, "batch_size": 32}


@PROGRAMS.healthy("nothing is trained", lambda h: h["distance"][-1] <= 0.6)
def generative_adversarial_network():
    """A GAN in a train_step of its own; its two losses stay near their balance while the generator learns."""

    class GAN(keras.Model):
        """A generator of points in the plane, and a discriminator."""

        def __init__(self):
            super().__init__()
            self.generator = keras.Sequential([keras.Input((4,)), layers.Dense(16, "relu"), layers.Dense(2)])
            self.discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(16, "relu"), layers.Dense(1)])
            self.distance = keras.metrics.Mean(name="distance")
            self.generator_loss = keras.metrics.Mean(name="generator_loss")
            self.discriminator_loss = keras.metrics.Mean(name="discriminator_loss")
            self.seed_generator = keras.random.SeedGenerator(2)

        def compile(self, generator_optimizer, discriminator_optimizer):
            super().compile()
            self.generator_optimizer = generator_optimizer
            self.discriminator_optimizer = discriminator_optimizer
            self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

        def call(self, noise):
            return self.generator(noise)

        def train_step(self, real):
            noise = keras.random.normal((ops.shape(real)[0], 4), seed=self.seed_generator)
            with tf.GradientTape() as tape:
                fake = self.generator(noise)
                logits = self.discriminator(ops.concatenate([real, fake]))
                labels = ops.concatenate([ops.ones_like(real[:, :1]), ops.zeros_like(fake[:, :1])])
                d_loss = self.cross_entropy(labels, logits)
            weights = self.discriminator.trainable_variables
            self.discriminator_optimizer.apply(tape.gradient(d_loss, weights), weights)
            with tf.GradientTape() as tape:
                fake = self.generator(noise)
                g_loss = self.cross_entropy(ops.ones_like(fake[:, :1]), self.discriminator(fake))
            weights = self.generator.trainable_variables
            self.generator_optimizer.apply(tape.gradient(g_loss, weights), weights)
            self.distance.update_state(ops.norm(ops.mean(fake, axis=0) - ops.mean(real, axis=0)))
            self.generator_loss.update_state(g_loss)
            self.discriminator_loss.update_state(d_loss)
            return {m.name: m.result() for m in (self.distance, self.generator_loss, self.discriminator_loss)}

    points = np.random.default_rng(28).normal((1.5, -1.0), 0.5, (1000, 2)).astype("float32")
    model = GAN()
    model.compile(keras.optimizers.Adam(0.005, beta_1=0.5), keras.optimizers.Adam(0.005, beta_1=0.5))
    return model, {"x": points, "epochs": 15, "batch_size": 50}
