"""Keras programs that the rules of the diagnosis were made with: one fault each, or healthy but near one.

They look like the programs that people ask about. A docstring names the fault or, for a healthy program, what is
unusual about it and yet right.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import initializers, layers, losses, ops, optimizers
from sklearn import datasets

from benchmarks.programs import Programs

PROGRAMS = Programs()


# What counts as having learned. A NaN compares as False, so a training that ends with one has not learned.


def at_least(value, metric="accuracy"):
    """Return a criterion: the metric ends at `value` or above it."""
    return lambda history: history[metric][-1] >= value


def at_most(value, metric="loss"):
    """Return a criterion: the metric ends at `value` or below it."""
    return lambda history: history[metric][-1] <= value


# Data. Inputs are scaled unless the name says otherwise.


def standardized(x):
    """Return the columns with mean 0 and standard deviation 1."""
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")


def breast_cancer():
    """Return 569 samples of 30 measurements, and 0 (malignant) or 1."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return standardized(x), y.astype("float32")


def iris():
    """Return 150 flowers of 3 species."""
    x, y = datasets.load_iris(return_X_y=True)
    return standardized(x), y


def raw_wine():
    """Return 178 wines of 3 sorts, 13 measurements in their own units: the largest is 1680."""
    x, y = datasets.load_wine(return_X_y=True)
    return x.astype("float32"), y


def digits(scale=1 / 16):
    """Return 1200 images of 8 x 8 of the digits 0 to 9."""
    x, y = datasets.load_digits(return_X_y=True)
    return (x[:1200].reshape(-1, 8, 8, 1) * scale).astype("float32"), y[:1200]


def raw_pixels():
    """Return the digits with pixels from 0 to 255, as image files have them."""
    return digits(scale=255 / 16)


def diabetes():
    """Return 442 patients, 10 measurements, and the progress of the disease from 25 to 346."""
    x, y = datasets.load_diabetes(return_X_y=True)
    return standardized(x), y.astype("float32")


def two_circles(seed):
    """Return points on two circles, and which circle it is."""
    x, y = datasets.make_circles(600, noise=0.05, factor=0.4, random_state=seed)
    return x.astype("float32"), y.astype("float32")


def two_moons(seed):
    """Return points on two interleaved half circles, and which one it is."""
    x, y = datasets.make_moons(600, noise=0.1, random_state=seed)
    return x.astype("float32"), y.astype("float32")


def xor(seed):
    """Return points around the corners of a square, and the exclusive or of their signs."""
    rng = np.random.default_rng(seed)
    signs = rng.integers(0, 2, (500, 2))
    x = 2 * signs - 1 + rng.normal(0, 0.15, (500, 2))
    return x.astype("float32"), (signs[:, 0] ^ signs[:, 1]).astype("float32")


def customers(seed, n=800):
    """Return 8 measurements of each customer, and whether the customer left."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8)).astype("float32")
    score = x @ [1.5, -2.0, 1.0, 0.5, 0.0, 0.0, -1.0, 1.0] + x[:, 0] * x[:, 1] + rng.normal(0, 0.3, n)
    return x, (score > 0).astype("float32")


def frauds(seed, share, n=1200):
    """Return 10 measurements of each payment, and 1 for the share that are frauds; the two overlap."""
    rng = np.random.default_rng(seed)
    y = np.zeros(n, "float32")
    y[rng.choice(n, round(share * n), replace=False)] = 1
    x = rng.normal(size=(n, 10)) + 0.6 * y[:, np.newaxis]
    return x.astype("float32"), y


def waves(seed, n=800):
    """Return two inputs, and a curved function of them between -1 and 1."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 2))
    y = np.sin(3 * x[:, 0]) * np.cos(2 * x[:, 1])
    return x.astype("float32"), y.astype("float32")


def houses(seed, unit=1.0):
    """Return 5 scaled properties of each house, and its price: about 300 000 of the currency, in `unit`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(800, 5))
    price = 300_000 + 60_000 * x[:, 0] + 30_000 * x[:, 1] - 20_000 * x[:, 2] + 20_000 * np.abs(x[:, 3])
    return x.astype("float32"), (price / unit).astype("float32")


def reviews(seed, vocabulary=1000):
    """Return texts of 20 word numbers, and whether words of the first half of the vocabulary prevail."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 800)
    positive = rng.uniform(size=(800, 20)) < np.where(y, 0.75, 0.25)[:, np.newaxis]
    x = np.where(
        positive, rng.integers(1, vocabulary // 2, (800, 20)), rng.integers(vocabulary // 2, vocabulary, (800, 20))
    )
    return x.astype("int32"), y.astype("float32")


def series(seed, n=600, steps=20):
    """Return windows of a noisy sine with the value that comes next."""
    rng = np.random.default_rng(seed)
    values = np.sin(np.arange(n + steps) * 0.3) + rng.normal(0, 0.05, n + steps)
    x = np.lib.stride_tricks.sliding_window_view(values, steps)[:n]
    return x[..., np.newaxis].astype("float32"), values[steps:].astype("float32")


def bars(seed, n=500):
    """Return images of 16 x 16 with a line, and whether it is upright."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 0.3, (n, 16, 16, 1))
    y = rng.integers(0, 2, n)
    for image, upright, place in zip(x, y, rng.integers(2, 14, n), strict=True):
        if upright:
            image[:, place] += 0.7
        else:
            image[place] += 0.7
    return x.astype("float32"), y.astype("float32")


def topics(seed):
    """Return 12 measurements of each article, and which of 4 topics it has: any number of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(800, 12))
    y = x @ rng.normal(size=(12, 4)) > 0
    return x.astype("float32"), y.astype("float32")


# Softmax over one unit


@PROGRAMS.faulty("softmax over one unit", learned=at_least(0.8))
def tumours_softmax_of_one_unit():
    """The output is a softmax of a single unit, which is always 1."""
    x, y = breast_cancer()
    model = keras.Sequential()
    model.add(keras.Input((30,)))
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(8, activation="relu"))
    model.add(layers.Dense(1, activation="softmax"))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "batch_size": 32}


@PROGRAMS.faulty("softmax over one unit", learned=at_least(0.8))
def reviews_softmax_layer_over_one_unit():
    """The softmax is a layer of its own, over the one unit before it."""
    x, y = reviews(1)
    text = keras.Input((20,), dtype="int32")
    hidden = layers.GlobalAveragePooling1D()(layers.Embedding(1000, 16)(text))
    hidden = layers.Dense(16, activation="relu")(hidden)
    model = keras.Model(text, layers.Activation("softmax")(layers.Dense(1)(hidden)))
    model.compile(optimizers.RMSprop(0.005), losses.BinaryCrossentropy(), metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8, "validation_data": reviews(2)}


@PROGRAMS.healthy("softmax over one unit", learned=at_least(0.9))
def tumours_softmax_of_two_units():
    """Two classes as two units under a softmax, with class numbers for labels."""
    x, y = breast_cancer()
    model = keras.Sequential([keras.Input((30,)), layers.Dense(16, "relu"), layers.Dense(2, "softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y.astype("int32"), "epochs": 15}


@PROGRAMS.healthy("softmax over one unit", learned=at_least(0.85))
def reviews_attention_with_one_unit_per_word():
    """A layer of one unit is followed by a softmax, but over the words of the text: attention weights."""
    x, y = reviews(3)
    text = keras.Input((20,), dtype="int32")
    words = layers.Embedding(1000, 16)(text)
    weights = layers.Softmax(axis=1)(layers.Dense(1)(layers.Dense(16, activation="tanh")(words)))
    summary = layers.Flatten()(layers.Dot(axes=1)([weights, words]))
    model = keras.Model(text, layers.Dense(1, activation="sigmoid")(summary))
    model.compile(optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


# Cross-entropy of what is no probability


@PROGRAMS.faulty("cross-entropy of what is no probability", learned=at_least(0.8))
def customers_relu_output():
    """The output is a ReLU, not a probability, under binary cross-entropy."""
    x, y = customers(1)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1, "relu")])
    model.compile(optimizer=optimizers.SGD(0.1), loss="binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12}


@PROGRAMS.faulty("cross-entropy of what is no probability", learned=None)
def tumours_relu_output():
    """A ReLU as output again; with Adam it gets most of the samples right, at a large loss."""
    x, y = breast_cancer()
    model = keras.Sequential([keras.Input((30,)), layers.Dense(32, "relu"), layers.Dense(16, "relu")])
    model.add(layers.Dense(1, "relu"))
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.faulty("cross-entropy of what is no probability", learned=at_least(0.8))
def digits_without_softmax():
    """The last layer has no softmax, and the loss doesn't know that it gets logits."""
    x, y = digits()
    model = keras.Sequential()
    model.add(keras.Input((8, 8, 1)))
    model.add(layers.Conv2D(16, 3, activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(10))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y, 10), "epochs": 8, "batch_size": 32}


@PROGRAMS.faulty("cross-entropy of what is no probability", learned=None)
def moons_logits_taken_for_probabilities():
    """The last layer is linear, and BinaryCrossentropy lacks from_logits=True."""
    x, y = two_moons(1)
    point = keras.Input((2,))
    hidden = layers.Dense(32, activation="relu")(point)
    hidden = layers.Dense(32, activation="relu")(hidden)
    model = keras.Model(point, layers.Dense(1)(hidden))
    model.compile(
        optimizers.Adam(0.003), losses.BinaryCrossentropy(), metrics=[keras.metrics.BinaryAccuracy(name="accuracy")]
    )
    return model, {"x": x, "y": y, "epochs": 20}


@PROGRAMS.faulty("cross-entropy of what is no probability", learned=None)
def digits_softmax_taken_for_logits():
    """The output is a softmax, and the loss is told that it gets logits."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    )
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.faulty("cross-entropy of what is no probability", learned=None)
def iris_softmax_twice():
    """A softmax of a softmax: no class can get more than 58 %."""
    x, y = iris()
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(16, "relu"), layers.Dense(3, "softmax"), layers.Softmax()]
    )
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 20}


@PROGRAMS.healthy("cross-entropy of what is no probability", learned=at_least(0.9))
def digits_from_logits():
    """The last layer is linear, and the loss knows it."""
    x, y = digits()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 32}


@PROGRAMS.healthy("cross-entropy of what is no probability", learned=at_least(0.9))
def moons_from_logits():
    """Binary cross-entropy from logits, whose accuracy counts from 0 on."""
    x, y = two_moons(2)

    class Classifier(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(32, activation="relu")
            self.logit = layers.Dense(1)

        def call(self, inputs):
            return self.logit(self.hidden(inputs))

    model = Classifier()
    accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
    model.compile(optimizers.Adam(0.02), losses.BinaryCrossentropy(from_logits=True), metrics=[accuracy])
    return model, {"x": x, "y": y, "epochs": 20}


@PROGRAMS.healthy("cross-entropy of what is no probability", learned=at_least(0.9))
def customers_average_of_two_networks():
    """The last layer has no activation: it is the mean of two sigmoids, and so a probability."""
    x, y = customers(1)
    measurements = keras.Input((8,))
    votes = [layers.Dense(1, "sigmoid")(layers.Dense(16, "relu")(measurements)) for _ in range(2)]
    model = keras.Model(measurements, layers.Average()(votes))
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


# Categorical cross-entropy of one unit, or of sigmoids


@PROGRAMS.faulty("categorical cross-entropy of one unit, or of sigmoids", learned=at_least(0.9))
def customers_categorical_of_one_sigmoid():
    """Categorical cross-entropy of one unit is 0 whatever the unit says."""
    x, y = customers(2)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(32, activation="relu"), layers.Dense(1, "sigmoid")])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.faulty("categorical cross-entropy of one unit, or of sigmoids", learned=None)
def digits_categorical_of_sigmoids():
    """The classes exclude each other, and yet the outputs are sigmoids."""
    x, y = digits()
    model = keras.Sequential()
    model.add(keras.Input((8, 8, 1)))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="sigmoid"))
    model.compile(loss="categorical_crossentropy", optimizer=optimizers.SGD(0.1), metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 10}


@PROGRAMS.faulty("categorical cross-entropy of one unit, or of sigmoids", learned=None)
def bars_sparse_categorical_of_one_sigmoid():
    """Sparse categorical cross-entropy asks for a unit per class; there is one unit for two classes."""
    x, y = bars(1)
    model = keras.Sequential(
        [keras.Input((16, 16, 1)), layers.Conv2D(8, 3, activation="relu"), layers.GlobalMaxPooling2D()]
    )
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 5}


@PROGRAMS.healthy("categorical cross-entropy of one unit, or of sigmoids", learned=at_least(0.9, "binary_accuracy"))
def articles_with_several_topics():
    """Sigmoids, for any number of topics at once, under binary cross-entropy."""
    x, y = topics(1)
    model = keras.Sequential([keras.Input((12,)), layers.Dense(32, "relu"), layers.Dense(4, "sigmoid")])
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["binary_accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "validation_split": 0.2}


@PROGRAMS.healthy("categorical cross-entropy of one unit, or of sigmoids", learned=at_least(0.9))
def digits_one_sigmoid_against_the_rest():
    """Sigmoids for classes that exclude each other, but each is a binary cross-entropy of its own."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10, "sigmoid")]
    )
    model.compile(
        optimizers.Adam(0.005), "binary_crossentropy", metrics=[keras.metrics.CategoricalAccuracy("accuracy")]
    )
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 12}


@PROGRAMS.healthy("categorical cross-entropy of one unit, or of sigmoids", learned=at_least(0.9))
def iris_with_smoothed_labels():
    """Categorical cross-entropy of a softmax with smoothed labels: the loss can't reach 0."""
    x, y = iris()
    flower = keras.Input((4,))
    model = keras.Model(flower, layers.Dense(3, "softmax")(layers.Dense(16, "tanh")(flower)))
    model.compile(optimizers.Adam(0.02), losses.CategoricalCrossentropy(label_smoothing=0.1), metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 30}


# Binary cross-entropy of labels outside [0, 1]


@PROGRAMS.faulty("binary cross-entropy of labels outside [0, 1]", learned=at_least(0.8))
def customers_labelled_minus_one_and_one():
    """The labels are -1 and 1; a sigmoid and binary cross-entropy need 0 and 1."""
    x, y = customers(3)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": 2 * y - 1, "epochs": 15}


@PROGRAMS.faulty("binary cross-entropy of labels outside [0, 1]", learned=at_least(0.8))
def digits_of_one_sigmoid():
    """The digits 0 to 9 are the labels of one sigmoid under binary cross-entropy."""
    x, y = digits()
    model = keras.Sequential()
    model.add(keras.Input((8, 8, 1)))
    model.add(layers.Conv2D(8, 3))
    model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    model.add(layers.Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6, "batch_size": 64}


@PROGRAMS.faulty("binary cross-entropy of labels outside [0, 1]", learned=at_most(2000, "mean_squared_error"))
def autoencoder_of_raw_pixels():
    """The targets are pixels to 255 under sigmoids and binary cross-entropy; the inputs are scaled."""
    x, _ = raw_pixels()
    x = x.reshape(-1, 64)
    model = keras.Sequential([keras.Input((64,)), layers.Dense(32, "relu"), layers.Dense(64, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["mean_squared_error"])
    return model, {"x": x / 255, "y": x, "epochs": 10, "batch_size": 64}


@PROGRAMS.healthy("binary cross-entropy of labels outside [0, 1]", learned=at_most(0.03, "mean_squared_error"))
def autoencoder_of_scaled_pixels():
    """Binary cross-entropy of grey values: between 0 and 1, but mostly neither."""
    x, _ = digits()
    x = x.reshape(-1, 64)
    encoder = keras.Sequential([keras.Input((64,)), layers.Dense(32, "relu"), layers.Dense(16, "relu")], name="encoder")
    decoder = keras.Sequential([keras.Input((16,)), layers.Dense(32, "relu"), layers.Dense(64, "sigmoid")])
    image = keras.Input((64,))
    model = keras.Model(image, decoder(encoder(image)))
    model.compile(optimizers.Adam(0.005), "binary_crossentropy", metrics=["mean_squared_error"])
    return model, {"x": x, "y": x, "epochs": 15}


@PROGRAMS.healthy("binary cross-entropy of labels outside [0, 1]", learned=at_least(0.85))
def customers_with_hinge_loss():
    """Labels -1 and 1, where they belong: a tanh under the hinge loss."""
    x, y = customers(4)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1, "tanh")])

    def accuracy(y_true, y_pred):
        return ops.mean(ops.cast(ops.sign(y_pred) == y_true, "float32"))

    model.compile(optimizer=optimizers.Adam(0.01), loss="hinge", metrics=[accuracy])
    return model, {"x": x, "y": 2 * y[:, np.newaxis] - 1, "epochs": 15}


# Sparse labels that are no class numbers


@PROGRAMS.faulty("sparse labels that are no class numbers", learned=None)
def digits_labelled_from_one_to_ten():
    """The labels run from 1 to 10; 10 units have the numbers 0 to 9."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y + 1, "epochs": 5}


@PROGRAMS.faulty("sparse labels that are no class numbers", learned=None)
def iris_one_hot_labels_for_sparse_loss():
    """The labels are one-hot, and the loss is sparse."""
    x, y = iris()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 5}


@PROGRAMS.faulty("sparse labels that are no class numbers", learned=at_least(0.8))
def digits_labels_scaled_like_the_pixels():
    """The labels are divided by 255 along with the pixels, so the loss takes all for class 0."""
    x, y = raw_pixels()
    x, y = x / 255, y / 255
    image = keras.Input((8, 8, 1))
    hidden = layers.Conv2D(16, 3, activation="relu")(image)
    model = keras.Model(image, layers.Dense(10, "softmax")(layers.Flatten()(hidden)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y.astype("float32"), "epochs": 6}


@PROGRAMS.faulty("sparse labels that are no class numbers", learned=None)
def moods_labelled_minus_one_to_one():
    """Three classes are labelled -1, 0 and 1, for units 0, 1 and 2."""
    x, y = iris()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16, "relu"), layers.Dense(3)])
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    data = tf.data.Dataset.from_tensor_slices((x, y - 1)).shuffle(150).batch(16)
    return model, {"x": data, "epochs": 5}


@PROGRAMS.healthy("sparse labels that are no class numbers", learned=at_least(0.9))
def digits_labelled_from_one_with_a_spare_unit():
    """The labels run from 1 to 10 under 11 units: unit 0 is never used."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(11, "softmax")]
    )
    model.compile(optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y + 1, "epochs": 12}


@PROGRAMS.healthy("sparse labels that are no class numbers", learned=at_most(0.35))
def tagger_that_ignores_padding():
    """A label of -1 marks padding, which the loss is told to ignore."""
    rng = np.random.default_rng(5)
    x = rng.integers(1, 50, (500, 12))
    y = x % 3
    y[np.arange(12) >= rng.integers(6, 13, (500, 1))] = -1
    x[y == -1] = 0
    model = keras.Sequential(
        [keras.Input((12,), dtype="int32"), layers.Embedding(50, 16), layers.Dense(16, "relu"), layers.Dense(3)]
    )
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model.compile(optimizers.Adam(0.01), loss)
    return model, {"x": x.astype("int32"), "y": y.astype("int32"), "epochs": 10}


# Targets that the output cannot reach


@PROGRAMS.faulty("targets that the output cannot reach", learned=at_least(0.6, "r2_score"))
def temperatures_under_tanh():
    """The targets reach 50 and the output ends with a tanh, at 1."""
    x, y = waves(1)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(32, "relu"), layers.Dense(1, "tanh")])
    model.compile(optimizers.Adam(0.01), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": 20 + 30 * y[:, np.newaxis], "epochs": 15}


@PROGRAMS.faulty("targets that the output cannot reach", learned=at_most(15, "mae"))
def prices_under_sigmoid():
    """The last layer is a sigmoid, left over from a classifier; the targets go to 50."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(600, 6)).astype("float32")
    y = np.clip(25 + 8 * x[:, 0] + 5 * np.abs(x[:, 1]), 0, 50)
    model = keras.Sequential()
    model.add(keras.Input((6,)))
    model.add(layers.Dense(32, activation="relu"))
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(loss="mean_squared_error", optimizer="adam", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 16}


@PROGRAMS.faulty("targets that the output cannot reach", learned=at_least(0.8, "r2_score"))
def waves_under_relu():
    """Half of the targets are negative and the output is a ReLU."""
    x, y = waves(2)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(32, "tanh"), layers.Dense(32, "tanh")])
    model.add(layers.Dense(1, "relu"))
    model.compile(optimizers.Adam(0.005), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 20, "validation_split": 0.1}


@PROGRAMS.healthy("targets that the output cannot reach", learned=at_least(0.85, "r2_score"))
def waves_under_tanh():
    """A tanh as output, for targets between -1 and 1."""
    x, y = waves(3)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(32, "tanh"), layers.Dense(32, "tanh")])
    model.add(layers.Dense(1, "tanh"))
    model.compile(optimizers.Adam(0.01), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 25}


@PROGRAMS.healthy("targets that the output cannot reach", learned=at_least(0.8, "r2_score"))
def ratings_as_a_stretched_sigmoid():
    """A sigmoid, stretched to the range of the ratings, 0 to 50, by the layer after it."""
    x, y = waves(4)
    point = keras.Input((2,))
    hidden = layers.Dense(32, "relu")(layers.Dense(32, "relu")(point))
    model = keras.Model(point, layers.Rescaling(50.0)(layers.Dense(1, "sigmoid")(hidden)))
    model.compile(optimizers.Adam(0.005), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": 25 + 20 * y[:, np.newaxis], "epochs": 25}


@PROGRAMS.healthy("targets that the output cannot reach", learned=at_most(1.6, "mae"))
def visitors_under_softplus():
    """Counts are never negative, and neither is the output."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(800, 4)).astype("float32")
    y = rng.poisson(np.exp(0.8 + 0.5 * x[:, 0] - 0.4 * x[:, 1])).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16, "relu"), layers.Dense(1, "softplus")])
    model.compile(optimizers.Adam(0.01), "poisson", metrics=["mae"])
    return model, {"x": x, "y": y, "epochs": 15}


# Scale of the targets


@PROGRAMS.faulty("scale of the targets", learned=at_least(0.5, "r2_score"))
def house_prices_in_full_with_sgd():
    """The prices are about a million, and SGD makes steps in proportion."""
    x, y = houses(1, unit=0.3)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(32, "relu"), layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 10}


@PROGRAMS.faulty("scale of the targets", learned=at_least(0.5, "r2_score"))
def house_prices_in_full_with_adam():
    """The prices are about a million, which Adam with its small steps can't reach in time."""
    x, y = houses(2, unit=0.3)
    house = keras.Input((5,))
    hidden = layers.Dense(64, activation="relu")(house)
    hidden = layers.Dense(32, activation="relu")(hidden)
    model = keras.Model(house, layers.Dense(1)(hidden))
    model.compile(optimizer=optimizers.Adam(), loss="mean_absolute_error", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 20, "validation_split": 0.2}


@PROGRAMS.faulty("scale of the targets", learned=at_least(0.5, "r2_score"))
def share_price_of_a_day():
    """The next value of a series is about 40000, although the windows before it are scaled."""
    x, y = series(1)
    model = keras.Sequential([keras.Input((20, 1)), layers.LSTM(16), layers.Dense(1)])
    model.compile("rmsprop", "mse", metrics=["r2_score"])
    return model, {"x": x, "y": 40_000 + 5_000 * y[:, np.newaxis], "epochs": 6}


@PROGRAMS.healthy("scale of the targets", learned=at_least(0.7, "r2_score"))
def rents_in_the_thousands_with_adam():
    """The targets are in the thousands, but a wide layer and a fast Adam get there."""
    x, y = houses(3, unit=100)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(128, "relu"), layers.Dense(64, "relu"), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 30}


@PROGRAMS.healthy("scale of the targets", learned=at_least(0.8, "r2_score"))
def house_prices_unscaled_by_the_last_layer():
    """The targets are 300 000, and the last layer multiplies and shifts its inputs to that."""
    x, y = houses(4)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(32, "relu"), layers.Dense(1)])
    model.add(layers.Rescaling(scale=float(y.std()), offset=float(y.mean())))
    model.compile(optimizers.Adam(0.01), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 20}


@PROGRAMS.healthy("scale of the targets", learned=at_least(0.4, "r2_score"))
def diabetes_in_hundreds():
    """The targets go to 346, small enough for Adam."""
    x, y = diabetes()
    model = keras.Sequential([keras.Input((10,)), layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(1)])
    model.compile(optimizers.Adam(0.005), "mse", metrics=["mae", "r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 30}


# Scale of the inputs


@PROGRAMS.faulty("scale of the inputs", learned=at_least(0.85))
def wines_in_their_own_units():
    """The inputs are not scaled: proline is a thousand times as large as the hue."""
    x, y = raw_wine()
    model = keras.Sequential([keras.Input((13,)), layers.Dense(16, "relu"), layers.Dense(3, "softmax")])
    model.compile(optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 30, "batch_size": 16}


@PROGRAMS.faulty("scale of the inputs", learned=at_least(0.8))
def digits_of_raw_pixels():
    """The pixels go to 255 and were not scaled."""
    x, y = raw_pixels()
    model = keras.Sequential()
    model.add(keras.Input((8, 8, 1)))
    model.add(layers.Conv2D(16, (3, 3), activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=optimizers.SGD(0.01, momentum=0.9), metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 6, "batch_size": 32}


@PROGRAMS.faulty("scale of the inputs", learned=at_least(0.85))
def customers_with_income_in_full():
    """One column is an income of some ten thousands; it drowns the others."""
    x, y = customers(5)
    x[:, 4] = 40_000 + 10_000 * x[:, 4]
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.faulty("scale of the inputs", learned=at_least(0.85))
def customers_scaled_twice():
    """The inputs were divided by 255 twice, as if they were pixels, and are almost 0."""
    x, y = customers(6)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x / 255 / 255, "y": y, "epochs": 15}


@PROGRAMS.healthy("scale of the inputs", learned=at_least(0.9))
def digits_of_raw_pixels_with_batch_normalization():
    """Pixels to 255, normalized by the first layer."""
    x, y = raw_pixels()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.BatchNormalization(), layers.Conv2D(16, 3)])
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dense(10, "softmax"))
    model.compile(optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6}


@PROGRAMS.healthy("scale of the inputs", learned=at_least(0.9))
def wines_normalized_in_the_model():
    """The inputs are in their own units; a Normalization layer that knows them comes first."""
    x, y = raw_wine()
    normalize = layers.Normalization()
    normalize.adapt(x)
    model = keras.Sequential([keras.Input((13,)), normalize, layers.Dense(16, "relu"), layers.Dense(3, "softmax")])
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 16}


@PROGRAMS.healthy("scale of the inputs", learned=at_least(0.9))
def bars_rescaled_in_the_model():
    """Pixels to 255 as whole numbers, divided in the model."""
    x, y = bars(2)
    x = (x * 255).astype("uint8")
    image = keras.Input((16, 16, 1), dtype="uint8")
    hidden = layers.Rescaling(1 / 255)(image)
    hidden = layers.Conv2D(8, 5, activation="relu")(hidden)
    hidden = layers.GlobalMaxPooling2D()(hidden)
    model = keras.Model(image, layers.Dense(1, "sigmoid")(hidden))
    model.compile(optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.healthy("scale of the inputs", learned=at_least(0.85))
def reviews_of_large_word_numbers():
    """Inputs in the thousands, but they are numbers of words, for an embedding."""
    x, y = reviews(4, vocabulary=5000)
    model = keras.Sequential([keras.Input((20,), dtype="int32"), layers.Embedding(5000, 16), layers.Flatten()])
    model.add(layers.Dense(1, "sigmoid"))
    model.compile(optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8}


# Accuracy of a regression


@PROGRAMS.faulty("accuracy of a regression", learned=None)
def diabetes_with_accuracy():
    """The training is a regression; accuracy says nothing about it."""
    x, y = diabetes()
    model = keras.Sequential([keras.Input((10,)), layers.Dense(64, "relu"), layers.Dense(1)])
    model.compile(optimizer=optimizers.Adam(0.01), loss="mse", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 20}


@PROGRAMS.faulty("accuracy of a regression", learned=None)
def series_with_accuracy():
    """The next value of a series is predicted well, and the accuracy stays at 0."""
    x, y = series(2)
    model = keras.Sequential([keras.Input((20, 1)), layers.Flatten(), layers.Dense(32, "relu"), layers.Dense(1)])
    model.compile(loss="mae", optimizer="adam", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10, "validation_split": 0.2, "shuffle": False}


@PROGRAMS.healthy("accuracy of a regression", learned=at_least(0.9, "r2_score"))
def series_with_the_score_of_a_regression():
    """A recurrent regression, not shuffled, with metrics that fit it."""
    x, y = series(3)
    model = keras.Sequential([keras.Input((20, 1)), layers.GRU(16), layers.Dense(1)])
    model.compile(optimizers.Adam(0.02), "mse", metrics=["mae", "r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 8, "shuffle": False}


@PROGRAMS.healthy("accuracy of a regression", learned=at_least(0.9))
def digits_with_squared_error_and_accuracy():
    """The loss of a regression with accuracy, but the targets are one-hot and the outputs a softmax."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    )
    model.compile(optimizers.Adam(0.005), "mse", metrics=["accuracy"])
    return model, {"x": x, "y": keras.utils.to_categorical(y), "epochs": 12}


# No non-linearity between the layers


@PROGRAMS.faulty("no non-linearity between the layers", learned=at_least(0.8))
def circles_without_activation():
    """The hidden layers have no activation, so the network draws a straight line between the circles."""
    x, y = two_circles(1)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(32), layers.Dense(32), layers.Dense(1, "sigmoid")])
    model.compile("adam", losses.BinaryCrossentropy(), metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.faulty("no non-linearity between the layers", learned=at_least(0.95))
def xor_without_activation():
    """Two layers without an activation are one: the exclusive or is out of reach."""
    x, y = xor(1)
    model = keras.Sequential()
    model.add(keras.Input((2,)))
    model.add(layers.Dense(8))
    model.add(layers.Dense(1))
    model.add(layers.Activation("sigmoid"))
    model.compile(loss="mean_squared_error", optimizer=optimizers.SGD(0.5), metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 20, "batch_size": 8}


@PROGRAMS.faulty("no non-linearity between the layers", learned=at_least(0.75, "r2_score"))
def waves_without_activation():
    """A regression of a curved function by layers without activation, with dropout between them."""
    x, y = waves(5)
    point = keras.Input((2,))
    hidden = layers.Dropout(0.1)(layers.Dense(64)(point))
    hidden = layers.Dense(64)(hidden)
    model = keras.Model(point, layers.Dense(1)(hidden))
    model.compile(optimizers.Adam(0.003), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 15}


@PROGRAMS.healthy("no non-linearity between the layers", learned=at_least(0.9, "r2_score"))
def deep_linear_regression():
    """Linear layers only, for a linear function."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(800, 6)).astype("float32")
    y = x @ rng.normal(size=(6, 1)) + rng.normal(0, 0.1, (800, 1))
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16), layers.Dense(16), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.healthy("no non-linearity between the layers", learned=at_least(0.9))
def circles_with_activation_layers():
    """The activations are layers of their own, after batch normalization."""
    x, y = two_circles(2)
    model = keras.Sequential([keras.Input((2,))])
    for width in (32, 16):
        model.add(layers.Dense(width, use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.LeakyReLU())
    model.add(layers.Dense(1))
    model.add(layers.Activation("sigmoid"))
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.healthy("no non-linearity between the layers", learned=at_least(0.9))
def circles_with_activations_in_call():
    """The layers of a subclassed model have no activation: its `call` applies them."""
    x, y = two_circles(3)

    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(32)
            self.second = layers.Dense(32)
            self.last = layers.Dense(1)

        def call(self, inputs):
            hidden = ops.relu(self.first(inputs))
            hidden = ops.relu(self.second(hidden))
            return ops.sigmoid(self.last(hidden))

    model = Network()
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.healthy("no non-linearity between the layers", learned=at_most(0.02))
def linear_autoencoder():
    """A linear autoencoder: a principal component analysis."""
    x, _ = digits()
    x = x.reshape(-1, 64)
    model = keras.Sequential([keras.Input((64,)), layers.Dense(16), layers.Dense(64)])
    model.compile(optimizers.Adam(0.01), "mse")
    return model, {"x": x, "y": x, "epochs": 15}


# Units or layers that start alike


@PROGRAMS.faulty("units or layers that start alike", learned=at_least(0.8))
def digits_with_all_weights_zero():
    """All kernels are initialized with zeros: no hidden unit ever gets a gradient."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    model.add(layers.Dense(64, activation="relu", kernel_initializer="zeros"))
    model.add(layers.Dense(32, activation="relu", kernel_initializer="zeros"))
    model.add(layers.Dense(10, activation="softmax", kernel_initializer="zeros"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8}


@PROGRAMS.faulty("units or layers that start alike", learned=at_least(0.8))
def circles_with_constant_weights():
    """All units start with the same weights and stay alike."""
    x, y = two_circles(4)
    alike = initializers.Constant(0.1)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(32, "tanh", kernel_initializer=alike)])
    model.add(layers.Dense(32, "tanh", kernel_initializer=alike))
    model.add(layers.Dense(1, "sigmoid", kernel_initializer=alike))
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.healthy("units or layers that start alike", learned=at_least(0.9))
def digits_with_a_last_layer_of_zeros():
    """The last layer starts with zeros, so that all classes start as likely; the others don't."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu")])
    model.add(layers.Dense(10, "softmax", kernel_initializer="zeros"))
    model.compile(optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.healthy("units or layers that start alike", learned=at_least(0.9))
def tumours_logistic_regression_from_zeros():
    """A logistic regression may start with zeros: it has one unit."""
    x, y = breast_cancer()
    model = keras.Sequential([keras.Input((30,)), layers.Dense(1, "sigmoid", kernel_initializer="zeros")])
    model.compile(optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.healthy("units or layers that start alike", learned=at_least(0.9))
def digits_with_residual_blocks_of_zeros():
    """The last layer of each residual block starts with zeros: the blocks start as the identity."""
    x, y = digits()
    image = keras.Input((8, 8, 1))
    hidden = layers.Dense(32, "relu")(layers.Flatten()(image))
    for _ in range(4):
        block = layers.Dense(32, "relu")(layers.LayerNormalization()(hidden))
        hidden = layers.Add()([hidden, layers.Dense(32, kernel_initializer="zeros")(block)])
    model = keras.Model(image, layers.Dense(10, "softmax")(hidden))
    model.compile(optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


# Learning rate


@PROGRAMS.faulty("learning rate", learned=at_least(0.8))
def digits_sgd_rate_10():
    """SGD with a rate of 10 diverges."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    )
    model.compile(optimizers.SGD(learning_rate=10.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8}


@PROGRAMS.faulty("learning rate", learned=at_least(0.8))
def bars_adam_rate_1():
    """Adam with a rate of 1 throws the weights about."""
    x, y = bars(3)
    model = keras.Sequential([keras.Input((16, 16, 1)), layers.Conv2D(8, 5, activation="relu"), layers.MaxPooling2D()])
    model.add(layers.Conv2D(16, 3, activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(1, "sigmoid"))
    model.compile(optimizer=optimizers.Adam(learning_rate=1.0), loss="binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6}


@PROGRAMS.faulty("learning rate", learned=at_least(0.8))
def reviews_adam_rate_1e_8():
    """Adam with a rate of 1e-8 doesn't move."""
    x, y = reviews(5)
    model = keras.Sequential([keras.Input((20,), dtype="int32"), layers.Embedding(1000, 8), layers.LSTM(8)])
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=optimizers.Adam(1e-8), metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 5}


@PROGRAMS.faulty("learning rate", learned=at_least(0.8, "r2_score"))
def waves_rmsprop_rate_half():
    """RMSprop with a rate of 0.5 jumps around the minimum."""
    x, y = waves(6)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(1)])
    model.compile(optimizers.RMSprop(0.5), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 15}


@PROGRAMS.faulty("learning rate", learned=at_least(0.8))
def digits_rate_that_decays_at_once():
    """The schedule halves the rate at every step instead of every epoch."""
    x, y = digits()
    schedule = optimizers.schedules.ExponentialDecay(0.001, decay_steps=1, decay_rate=0.5)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    )
    model.compile(optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8}


@PROGRAMS.faulty("learning rate", learned=at_least(0.8))
def customers_sgd_rate_1e_5():
    """SGD with a rate of 1e-5 would need thousands of epochs."""
    x, y = customers(7)
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(800).batch(32)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(32, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile(optimizers.SGD(1e-5, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": data, "epochs": 10}


@PROGRAMS.healthy("learning rate", learned=at_least(0.95))
def xor_sgd_rate_1():
    """SGD with a rate of 1, which a small network with a squared error can do with."""
    x, y = xor(2)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile(optimizers.SGD(1.0), "mse", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15, "batch_size": 16}


@PROGRAMS.healthy("learning rate", learned=at_least(0.9))
def digits_adadelta_rate_1():
    """Adadelta with the rate of 1 that its authors use."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten()])
    model.add(layers.Dense(10, "softmax"))
    model.compile(optimizers.Adadelta(1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.healthy("learning rate", learned=at_least(0.8))
def digits_two_epochs():
    """Two epochs only: the loss is still falling."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(32, 3, activation="relu"), layers.Flatten()])
    model.add(layers.Dense(10, "softmax"))
    model.compile(optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 2, "batch_size": 16}


@PROGRAMS.healthy("learning rate", learned=at_least(0.9))
def digits_warm_up_and_cosine_decay():
    """The rate starts at 0, rises for a while and decays to 0 at the end."""
    x, y = digits()
    schedule = optimizers.schedules.CosineDecay(0.0, 300, warmup_target=0.01, warmup_steps=80)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "gelu"), layers.Dense(10, "softmax")]
    )
    model.compile(optimizers.AdamW(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.healthy("learning rate", learned=at_least(0.9))
def digits_fine_tuned_at_a_small_rate():
    """The rate is 1e-5, for a model that was trained before."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    )
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x[:800], y[:800], epochs=8, verbose=0)
    model.compile(optimizers.Adam(1e-5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x[800:], "y": y[800:], "epochs": 5}


# NaN or infinity in the data


@PROGRAMS.faulty("NaN or infinity in the data", learned=at_least(0.8))
def customers_with_a_missing_value():
    """One value of one row is missing: a NaN."""
    x, y = customers(8)
    x[17, 3] = np.nan
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.faulty("NaN or infinity in the data", learned=at_least(0.2, "r2_score"))
def diabetes_with_a_missing_target():
    """One of the targets is a NaN."""
    x, y = diabetes()
    y[100] = np.nan
    model = keras.Sequential([keras.Input((10,)), layers.Dense(64, "relu"), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis] / 100, "epochs": 10, "batch_size": 16}


@PROGRAMS.faulty("NaN or infinity in the data", learned=at_least(0.2, "r2_score"))
def logarithms_of_counts():
    """A column is the logarithm of counts, some of which are 0: minus infinity."""
    x, y = waves(7)
    counts = np.random.default_rng(9).poisson(3, (800, 1))
    with np.errstate(divide="ignore"):
        x = np.hstack([x, np.log(counts)]).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((x, y[:, np.newaxis])).shuffle(800).batch(32)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(32, "relu"), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01), "mse", metrics=["r2_score"])
    return model, {"x": data, "epochs": 10}


@PROGRAMS.faulty("NaN or infinity in the data", learned=at_least(0.8))
def digits_standardized_with_constant_pixels():
    """Some pixels are always 0; standardizing them divides 0 by 0."""
    x, y = digits()
    x = x.reshape(-1, 64)
    with np.errstate(invalid="ignore"):
        x = standardized(x)
    model = keras.Sequential([keras.Input((64,)), layers.Dense(64, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6}


@PROGRAMS.healthy("NaN or infinity in the data", learned=at_least(0.85))
def customers_with_filled_values():
    """A tenth of the values were missing; they were replaced by 0, with a column that says so."""
    x, y = customers(9)
    x[np.random.default_rng(10).uniform(size=x.shape) < 0.05] = np.nan
    missing = np.isnan(x)
    x = np.hstack([np.nan_to_num(x), missing]).astype("float32")
    model = keras.Sequential([keras.Input((16,)), layers.Dense(32, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.healthy("NaN or infinity in the data", learned=at_least(0.8, "r2_score"))
def series_of_different_lengths():
    """Sequences are padded with -10, which a Masking layer leaves out."""
    x, y = series(4)
    lengths = np.random.default_rng(11).integers(10, 21, len(x))
    for window, length in zip(x, lengths, strict=True):
        window[: 20 - length] = -10
    model = keras.Sequential([keras.Input((20, 1)), layers.Masking(-10.0), layers.LSTM(16), layers.Dense(1)])
    model.compile(optimizers.Adam(0.02), "mse", metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 8}


# Inputs without information


@PROGRAMS.faulty("inputs without information", learned=at_least(0.8))
def digits_divided_to_zero():
    """Whole-number division by 256 makes all inputs 0."""
    x, y = raw_pixels()
    x = x.astype("int32") // 256
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten()])
    model.add(layers.Dense(10, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 5}


@PROGRAMS.faulty("inputs without information", learned=at_least(0.8))
def the_same_image_for_every_label():
    """A loop that loads images appended the first one every time."""
    x, y = bars(4)
    x = np.array([x[0] for _ in x])
    model = keras.Sequential([keras.Input((16, 16, 1)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D()])
    model.add(layers.Flatten())
    model.add(layers.Dense(16, "relu"))
    model.add(layers.Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6}


@PROGRAMS.faulty("inputs without information", learned=at_least(0.7, "val_accuracy"))
def tumours_shuffled_without_their_labels():
    """The inputs were shuffled and the labels were not."""
    x, y = breast_cancer()
    np.random.default_rng(12).shuffle(x)
    model = keras.Sequential([keras.Input((30,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x[:400], "y": y[:400], "epochs": 15, "validation_data": (x[400:], y[400:])}


@PROGRAMS.healthy("inputs without information", learned=at_least(0.9))
def species_as_one_hot_inputs():
    """The inputs are mostly 0, with columns that never change; the rest tells the label."""
    rng = np.random.default_rng(13)
    y = rng.integers(0, 4, 600)
    x = np.zeros((600, 60), "float32")
    x[np.arange(600), 10 * y + rng.integers(0, 10, 600)] = 1
    model = keras.Sequential([keras.Input((60,)), layers.Dense(16, "relu"), layers.Dense(4, "softmax")])
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.healthy("inputs without information", learned=at_most(0.6, "distance"))
def gan_of_a_ring():
    """A generative adversarial network: its generator gets noise for inputs."""

    class Gan(keras.Model):
        def __init__(self):
            super().__init__()
            self.generator = keras.Sequential([keras.Input((4,)), layers.Dense(32, "relu"), layers.Dense(2)])
            self.discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(32, "relu"), layers.Dense(1)])
            self.generator_optimizer = optimizers.Adam(0.002, beta_1=0.5)

        def call(self, inputs):
            return self.discriminator(inputs)

        def train_step(self, data):
            size = tf.shape(data)[0]
            cross_entropy = losses.BinaryCrossentropy(from_logits=True)
            with tf.GradientTape() as tape:
                fake = self.generator(tf.random.normal((size, 4)), training=True)
                guess = self.discriminator(tf.concat([data, fake], 0), training=True)
                loss = cross_entropy(tf.concat([tf.ones((size, 1)), tf.zeros((size, 1))], 0), guess)
            weights = self.discriminator.trainable_variables
            self.optimizer.apply(tape.gradient(loss, weights), weights)
            with tf.GradientTape() as tape:
                fake = self.generator(tf.random.normal((size, 4)), training=True)
                fooled = cross_entropy(tf.ones((size, 1)), self.discriminator(fake, training=True))
            weights = self.generator.trainable_variables
            self.generator_optimizer.apply(tape.gradient(fooled, weights), weights)
            distance = tf.norm(tf.reduce_mean(data, 0) - tf.reduce_mean(fake, 0))
            return {"loss": loss, "generator_loss": fooled, "distance": distance}

    rng = np.random.default_rng(14)
    model = Gan()
    model.compile(optimizer=optimizers.Adam(0.002, beta_1=0.5))
    return model, {"x": (2 + 0.5 * rng.normal(size=(1024, 2))).astype("float32"), "epochs": 15}


# Labels in order, not shuffled


@PROGRAMS.faulty("labels in order, not shuffled", learned=at_least(0.8, "val_accuracy"))
def digits_sorted_and_not_shuffled():
    """The digits are sorted by their label, and fit is told not to shuffle."""
    x, y = digits()
    train = np.argsort(y[:1000], kind="stable")
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    )
    model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    validation = (x[1000:], y[1000:])
    return model, {"x": x[train], "y": y[train], "epochs": 8, "shuffle": False, "validation_data": validation}


@PROGRAMS.faulty("labels in order, not shuffled", learned=at_least(0.8, "val_accuracy"))
def bars_from_two_folders():
    """A dataset of the files of one folder after those of the other, not shuffled."""
    x, y = bars(5)
    order = np.argsort(y, kind="stable")
    data = tf.data.Dataset.from_tensor_slices((x[order], y[order])).batch(32)
    model = keras.Sequential([keras.Input((16, 16, 1)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D()])
    model.add(layers.Flatten())
    model.add(layers.Dense(16, "relu"))
    model.add(layers.Dense(1, "sigmoid"))
    model.compile(optimizers.SGD(0.05), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": data, "epochs": 8, "validation_data": bars(6)}


@PROGRAMS.healthy("labels in order, not shuffled", learned=at_least(0.9))
def digits_sorted_but_shuffled():
    """The digits are sorted, but fit shuffles them."""
    x, y = digits()
    order = np.argsort(y, kind="stable")
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    )
    model.compile(optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x[order], "y": y[order], "epochs": 10}


@PROGRAMS.healthy("labels in order, not shuffled", learned=at_least(0.9))
def digits_in_a_fixed_random_order():
    """Not shuffled, but the digits come in a mixed order anyhow."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten()])
    model.add(layers.Dense(10, "softmax"))
    model.compile(optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6, "shuffle": False}


# One class outnumbers the others


@PROGRAMS.faulty("one class outnumbers the others", learned=at_least(0.4, "recall"))
def frauds_one_in_a_hundred():
    """99 of 100 samples are of one class: the accuracy is 99 % without finding a fraud."""
    x, y = frauds(1, share=0.01)
    model = keras.Sequential([keras.Input((10,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.Recall(name="recall")])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.faulty("one class outnumbers the others", learned=at_least(0.4, "recall"))
def illnesses_one_in_fifty():
    """2 % of the patients are ill, and nothing makes up for it."""
    x, y = frauds(2, share=0.02)
    patient = keras.Input((10,))
    hidden = layers.Dropout(0.2)(layers.Dense(32, "relu")(patient))
    model = keras.Model(patient, layers.Dense(1, "sigmoid")(hidden))
    model.compile(
        optimizers.SGD(0.05, momentum=0.9),
        "binary_crossentropy",
        metrics=["accuracy", keras.metrics.Recall(name="recall")],
    )
    return model, {"x": x, "y": y, "epochs": 10, "validation_split": 0.2}


@PROGRAMS.healthy("one class outnumbers the others", learned=at_least(0.7, "recall"))
def frauds_with_class_weights():
    """One sample in 20 is a fraud, and weighs 19 times as much."""
    x, y = frauds(3, share=0.05)
    model = keras.Sequential([keras.Input((10,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(
        optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy", keras.metrics.Recall(name="recall")]
    )
    return model, {"x": x, "y": y, "epochs": 15, "class_weight": {0: 1.0, 1: 19.0}}


@PROGRAMS.healthy("one class outnumbers the others", learned=at_least(0.8, "recall"))
def zeros_among_digits():
    """One image in ten is a 0, but easy to tell from the others."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32, "relu"), layers.Dense(1, "sigmoid")]
    )
    model.compile(
        optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy", keras.metrics.Recall(name="recall")]
    )
    return model, {"x": x, "y": (y == 0).astype("float32"), "epochs": 10}


@PROGRAMS.healthy("one class outnumbers the others", learned=at_least(0.7, "recall"))
def illnesses_with_sample_weights():
    """The ill are few, but each sample of theirs has a larger weight."""
    x, y = frauds(4, share=0.04)
    model = keras.Sequential([keras.Input((10,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(
        optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy", keras.metrics.Recall(name="recall")]
    )
    return model, {"x": x, "y": y, "epochs": 15, "sample_weight": np.where(y == 1, 12.5, 0.52)}


# Initial weights


@PROGRAMS.faulty("initial weights", learned=at_least(0.8))
def digits_with_a_nan_weight():
    """One weight of the last layer is a NaN before the training starts, as from a damaged file."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32, "relu"), layers.Dense(10, "softmax")]
    )
    kernel, bias = model.layers[-1].get_weights()
    kernel[5, 5] = np.nan
    model.layers[-1].set_weights([kernel, bias])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6}


@PROGRAMS.faulty("initial weights", learned=None)
def digits_with_a_nan_weight_before_relu():
    """One weight is a NaN, in front of a ReLU: on most processors ReLU makes it 0, and the other units do the work."""
    x, y = digits()
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32, "relu"), layers.Dense(10, "softmax")]
    )
    kernel, bias = model.layers[1].get_weights()
    kernel[5, 5] = np.nan
    model.layers[1].set_weights([kernel, bias])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6}


@PROGRAMS.faulty("initial weights", learned=at_least(0.85))
def digits_with_huge_weights():
    """The weights start with a standard deviation of 10."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    for _ in range(3):
        model.add(layers.Dense(32, "tanh", kernel_initializer=initializers.RandomNormal(stddev=10.0)))
    model.add(layers.Dense(10, "softmax"))
    model.compile(optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.faulty("initial weights", learned=at_least(0.8))
def circles_with_tiny_weights():
    """The weights of 5 layers start so small that neither signal nor gradient gets through."""
    x, y = two_circles(5)
    model = keras.Sequential([keras.Input((2,))])
    for _ in range(5):
        model.add(layers.Dense(16, "tanh", kernel_initializer=initializers.RandomNormal(stddev=0.001)))
    model.add(layers.Dense(1, "sigmoid"))
    model.compile(optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.healthy("initial weights", learned=at_least(0.9))
def digits_with_he_initialization():
    """Five ReLU layers, initialized as they should be."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    for _ in range(5):
        model.add(layers.Dense(32, "relu", kernel_initializer="he_normal"))
    model.add(layers.Dense(10, "softmax"))
    model.compile(optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.healthy("initial weights", learned=at_least(0.9))
def circles_with_wide_uniform_weights():
    """Weights between -1 and 1 in a small network, which suits two inputs."""
    x, y = two_circles(6)
    wide = initializers.RandomUniform(-1, 1)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(16, "tanh", kernel_initializer=wide)])
    model.add(layers.Dense(1, "sigmoid"))
    model.compile(optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 20}


# Units that die or saturate


@PROGRAMS.faulty("units that die or saturate", learned=at_least(0.8))
def digits_with_biases_that_kill_relu():
    """Biases of -10 hold every ReLU at 0."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    model.add(layers.Dense(64, "relu", bias_initializer=initializers.Constant(-10.0)))
    model.add(layers.Dense(10, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8}


@PROGRAMS.faulty("units that die or saturate", learned=at_least(0.8))
def digits_with_six_layers_of_sigmoids():
    """Six layers of sigmoids: the gradients vanish before they reach the first."""
    x, y = digits()
    image = keras.Input((8, 8, 1))
    hidden = layers.Flatten()(image)
    for _ in range(6):
        hidden = layers.Dense(32, activation="sigmoid")(hidden)
    model = keras.Model(image, layers.Dense(10, activation="softmax")(hidden))
    model.compile(optimizer=optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12}


@PROGRAMS.faulty("units that die or saturate", learned=at_least(0.9))
def tumours_with_saturated_sigmoids():
    """Biases of 30 hold the hidden sigmoids at 1, where they have no slope."""
    x, y = breast_cancer()
    model = keras.Sequential([keras.Input((30,))])
    model.add(layers.Dense(16, "sigmoid", bias_initializer=initializers.Constant(30.0)))
    model.add(layers.Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.healthy("units that die or saturate", learned=at_least(0.9))
def tumours_with_two_layers_of_sigmoids():
    """Two layers of sigmoids, few enough for Adam."""
    x, y = breast_cancer()
    model = keras.Sequential([keras.Input((30,)), layers.Dense(16, "sigmoid"), layers.Dense(16, "sigmoid")])
    model.add(layers.Dense(1, "sigmoid"))
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.healthy("units that die or saturate", learned=at_least(0.9))
def digits_with_deep_residual_relu():
    """Eight blocks of ReLU layers with connections around them."""
    x, y = digits()
    image = keras.Input((8, 8, 1))
    hidden = layers.Dense(32)(layers.Flatten()(image))
    for _ in range(8):
        hidden = layers.Add()([hidden, layers.Dense(32, "relu")(layers.BatchNormalization()(hidden))])
    model = keras.Model(image, layers.Dense(10, "softmax")(hidden))
    model.compile(optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 6}


@PROGRAMS.healthy("units that die or saturate", learned=at_least(0.85))
def digits_with_much_dropout():
    """Half of the units are dropped at every step: their outputs are 0 for the moment only."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    model.add(layers.Dense(128, "relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(10, "softmax"))
    model.compile(optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12}


# The loss does not fit the task


@PROGRAMS.faulty("the loss does not fit the task", learned=at_least(0.8))
def digits_as_numbers():
    """The class numbers are predicted as numbers, with a squared error, and judged by accuracy."""
    x, y = digits()
    model = keras.Sequential()
    model.add(keras.Input((8, 8, 1)))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(1))
    model.compile(loss="mse", optimizer="adam", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.faulty("the loss does not fit the task", learned=at_least(0.8, "binary_accuracy"))
def topics_that_exclude_each_other():
    """Articles have any number of topics, but a softmax lets them have one."""
    x, y = topics(2)
    model = keras.Sequential([keras.Input((12,)), layers.Dense(32, "relu"), layers.Dense(4, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["binary_accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.faulty("the loss does not fit the task", learned=at_most(0.5, "mae"))
def ages_by_cosine_similarity():
    """The cosine similarity of single numbers sees their signs only."""
    x, y = waves(8)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(32, "relu"), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01), "cosine_similarity", metrics=["mae"])
    return model, {"x": x, "y": 5 + 3 * y[:, np.newaxis], "epochs": 15}


@PROGRAMS.faulty("the loss does not fit the task", learned=at_least(0.8))
def customers_with_the_sign_wrong():
    """The loss is the mean likelihood, and should be its negative: it falls when the network is wrong."""
    x, y = customers(10)

    def likelihood(y_true, y_pred):
        return ops.mean(y_true * ops.log(y_pred + 1e-7) + (1 - y_true) * ops.log(1 - y_pred + 1e-7), axis=-1)

    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile("adam", likelihood, metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 10}


@PROGRAMS.healthy("the loss does not fit the task", learned=at_most(0.035, "reconstruction"))
def variational_autoencoder():
    """A loss of two parts that the model adds itself, with noise inside: `compile` gets none."""

    class Sampling(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(15)

        def call(self, inputs):
            mean, log_variance = inputs
            divergence = ops.sum(ops.square(mean) + ops.exp(log_variance) - log_variance - 1, axis=-1) / 2
            self.add_loss(0.001 * ops.mean(divergence))
            return mean + ops.exp(log_variance / 2) * keras.random.normal(ops.shape(mean), seed=self.seed_generator)

    x, _ = digits()
    x = x.reshape(-1, 64)
    image = keras.Input((64,))
    hidden = layers.Dense(64, "relu")(image)
    code = Sampling()([layers.Dense(8)(hidden), layers.Dense(8)(hidden)])
    model = keras.Model(image, layers.Dense(64, "sigmoid")(layers.Dense(64, "relu")(code)))
    model.compile(optimizers.Adam(0.005), "mse", metrics=[keras.metrics.MeanSquaredError(name="reconstruction")])
    return model, {"x": x, "y": x, "epochs": 15}


@PROGRAMS.healthy("the loss does not fit the task", learned=at_least(0.8, "r2_score"))
def waves_with_huber_loss():
    """A regression with some wild targets, for which the loss was chosen."""
    x, y = waves(9)
    y[::100] += 1
    model = keras.Sequential([keras.Input((2,)), layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01), losses.Huber(0.5), metrics=["r2_score"])
    return model, {"x": x, "y": y[:, np.newaxis], "epochs": 25}


@PROGRAMS.healthy("the loss does not fit the task", learned=at_least(0.9, "benign_accuracy"))
def two_outputs_with_a_loss_each():
    """A class and a number from one network, each with its own loss."""
    x, y = breast_cancer()
    patient = keras.Input((30,))
    hidden = layers.Dense(32, "relu")(patient)
    outputs = {"benign": layers.Dense(1, "sigmoid")(hidden), "size": layers.Dense(1)(hidden)}
    model = keras.Model(patient, outputs)
    model.compile(
        optimizers.Adam(0.01),
        loss={"benign": "binary_crossentropy", "size": "mse"},
        metrics={"benign": [keras.metrics.BinaryAccuracy(name="accuracy")]},
    )
    return model, {"x": x, "y": {"benign": y, "size": x[:, :4].mean(axis=1)}, "epochs": 12}


# Nothing is trained


@PROGRAMS.faulty("nothing is trained", learned=at_least(0.8))
def digits_with_all_layers_frozen():
    """All layers were frozen, the new last one too."""
    x, y = digits()
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten()])
    model.add(layers.Dense(10, "softmax"))
    for layer in model.layers:
        layer.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 5}


@PROGRAMS.faulty("nothing is trained", learned=at_least(0.8))
def customers_without_applying_the_gradients():
    """A train_step computes the gradients and forgets to apply them."""

    class Forgetful(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
            tape.gradient(loss, self.trainable_variables)
            for metric in self.metrics:
                metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    x, y = customers(11)
    measurements = keras.Input((8,))
    hidden = layers.Dense(16, "relu")(measurements)
    model = Forgetful(measurements, layers.Dense(1, "sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8}


@PROGRAMS.faulty("nothing is trained", learned=at_least(0.8))
def circles_behind_a_stopped_gradient():
    """stop_gradient before the last layer leaves the hidden layers as they were; the last bias can't do it alone."""
    x, y = two_circles(7)
    point = keras.Input((2,))
    hidden = layers.Dense(2, "tanh")(point)
    hidden = layers.Dense(2, "tanh")(hidden)
    hidden = ops.stop_gradient(hidden)
    model = keras.Model(point, layers.Dense(1, "sigmoid")(hidden))
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 15}


@PROGRAMS.healthy("nothing is trained", learned=at_least(0.85))
def digits_on_a_frozen_base():
    """Transfer learning: the base knows the digits 0 to 4 and is frozen; the new head learns 5 to 9."""
    x, y = digits()
    base = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten()])
    first = keras.Sequential([base, layers.Dense(5, "softmax")])
    first.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    first.fit(x[y < 5], y[y < 5], epochs=5, verbose=0)
    base.trainable = False
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, layers.Dense(5, "softmax")(base(image, training=False)))
    model.compile(optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": x[y >= 5], "y": y[y >= 5] - 5, "epochs": 10}


@PROGRAMS.healthy("nothing is trained", learned=at_least(0.8))
def reviews_with_given_word_vectors():
    """The embedding is frozen, with vectors of words from elsewhere."""
    x, y = reviews(6)
    rng = np.random.default_rng(16)
    vectors = rng.normal(size=(1000, 16))
    vectors[:500, 0] += 2
    model = keras.Sequential([keras.Input((20,), dtype="int32")])
    embeddings = initializers.Constant(vectors)
    model.add(layers.Embedding(1000, 16, embeddings_initializer=embeddings, trainable=False))
    model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dense(16, "relu"))
    model.add(layers.Dense(1, "sigmoid"))
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 8}


@PROGRAMS.healthy("nothing is trained", learned=at_least(0.85))
def customers_with_a_train_step_of_their_own():
    """A train_step that clips and applies the gradients itself."""

    class Clipped(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
            gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, self.trainable_variables), 1.0)
            self.optimizer.apply(gradients, self.trainable_variables)
            for metric in self.metrics:
                metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    x, y = customers(12)
    measurements = keras.Input((8,))
    hidden = layers.Dense(16, "relu")(measurements)
    model = Clipped(measurements, layers.Dense(1, "sigmoid")(hidden))
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": x, "y": y, "epochs": 12}
