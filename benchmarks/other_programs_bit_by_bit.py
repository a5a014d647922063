"""Programs of other people's layers, trained with and without this package's callbacks: are the weights the same?

    python -m benchmarks.other_programs_bit_by_bit
    python -m benchmarks.other_programs_bit_by_bit --only transformer lora keras_hub

It trains models of `keras.applications` with random weights on small images, a Transformer of Keras's layers, LoRA,
quantized layers, mixed precision, `keras.wrappers`, and KerasTuner's and KerasHub's where these packages are installed
(`pip install keras-tuner keras-hub`); no weights are downloaded. Each program is trained from the same seed three
times, twice as it is and once with a `GradientMonitor`, a `WeightNormMonitor` and a `Diagnosis` with an event file. If
already the two plain trainings differ, nothing can be said. All together take about an hour on two cores. The command
returns 1 if the callbacks changed a weight or a program failed with them only.
"""

import argparse
import dataclasses
import importlib
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from callbacks import Diagnosis, GradientMonitor, WeightNormMonitor

PROGRAMS: dict[str, Callable[[list], keras.Model]] = {}
"""A name to a function that takes callbacks and returns the model that it trained with them."""

APPLICATIONS = {
    "ResNet50": 32,
    "ResNet50V2": 32,
    "VGG16": 32,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "DenseNet121": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "ConvNeXtTiny": 32,
    "Xception": 71,
    "InceptionV3": 75,
    "NASNetMobile": 32,
}
"""A network of each family of `keras.applications` to the smallest width of images that it takes, or 32."""

SAMPLES, CLASSES, EPOCHS = 16, 4, 2


class NotInstalledError(Exception):
    """A program needs a package that is not installed."""


@dataclasses.dataclass(frozen=True)
class Training:
    """What is left of a training: its weights, the losses of its epochs, and what the callbacks complained about."""

    weights: list[np.ndarray]
    losses: list[float]
    complaints: list[str]


def program(function):
    """Register a program under the name of its function."""
    PROGRAMS[function.__name__] = function
    return function


def package(name):
    """Import a package that a program needs."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotInstalledError(f"needs the package {name}, which cannot be imported ({error})") from error


def images(width, samples=SAMPLES):
    """Random images and their classes."""
    random = np.random.RandomState(1)
    return random.uniform(0, 1, (samples, width, width, 3)).astype("float32"), random.randint(0, CLASSES, samples)


def rows(features=12, samples=64):
    """Random rows of a table and their classes."""
    random = np.random.RandomState(2)
    x = random.normal(size=(samples, features)).astype("float32")
    return x, np.digitize(x[:, 0] + x[:, 1], [-1, 0, 1])


def tokens(length=16, vocabulary=50, samples=32):
    """Random sequences of tokens and their classes."""
    random = np.random.RandomState(3)
    return random.randint(1, vocabulary, (samples, length)), random.randint(0, CLASSES, samples)


def fitted(model, x, y, callbacks, optimizer="adam", batch_size=8, **options):
    """Compile a classifier, train it, and return it."""
    model.compile(optimizer, "sparse_categorical_crossentropy", **options)
    model.fit(x, y, batch_size=batch_size, epochs=EPOCHS, verbose=0, callbacks=callbacks)
    return model


def application(name, width):
    """Return the program that trains a network of `keras.applications`."""

    def train(callbacks):
        network = getattr(keras.applications, name)(weights=None, input_shape=(width, width, 3), classes=CLASSES)
        return fitted(network, *images(width), callbacks, "sgd")

    return train


for _name, _width in APPLICATIONS.items():
    PROGRAMS[_name] = application(_name, _width)


def transformer_model(length=16, vocabulary=50, width=16):
    """A classifier of two Transformer encoder blocks."""
    inputs = keras.Input((length,), dtype="int32")
    x = layers.Embedding(vocabulary, width)(inputs)
    x = x + layers.Embedding(length, width)(keras.ops.arange(length))
    for _ in range(2):
        attended = layers.MultiHeadAttention(2, width // 2, dropout=0.1)(x, x)
        x = layers.LayerNormalization()(x + attended)
        hidden = layers.Dense(2 * width, "gelu")(x)
        x = layers.LayerNormalization()(x + layers.Dropout(0.1)(layers.Dense(width)(hidden)))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES, "softmax")(x))


@program
def transformer(callbacks):
    """Train the Transformer by Adam."""
    return fitted(transformer_model(), *tokens(), callbacks)


@program
def transformer_clipped(callbacks):
    """Train the Transformer with warm-up, weight decay and clipped gradients."""
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 20, warmup_target=0.003, warmup_steps=4)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.01, global_clipnorm=1.0)
    return fitted(transformer_model(), *tokens(), callbacks, optimizer)


@program
def transformer_mixed_precision(callbacks):
    """Train the Transformer in float16, with its loss scaled."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return fitted(transformer_model(), *tokens(), callbacks)
    finally:
        keras.config.set_dtype_policy(before)


@program
def convnet_bfloat16(callbacks):
    """Train a convolutional network in bfloat16; its first step builds it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        stack = [layers.Conv2D(8, 3, activation="relu"), layers.BatchNormalization(), layers.GlobalAveragePooling2D()]
        return fitted(keras.Sequential([*stack, layers.Dense(CLASSES, "softmax")]), *images(16), callbacks)
    finally:
        keras.config.set_dtype_policy(before)


def dense_model():
    """A multilayer perceptron of two hidden layers."""
    hidden = [layers.Dense(16, "relu", name=f"hidden_{number}") for number in (1, 2)]
    return keras.Sequential([keras.Input((12,)), *hidden, layers.Dense(CLASSES, "softmax", name="probabilities")])


def with_lora(model):
    """Enable LoRA in every layer that offers it."""
    for layer in model.layers:
        if hasattr(layer, "enable_lora"):
            layer.enable_lora(2)
    return model


@program
def lora_dense(callbacks):
    """Train what LoRA adds to dense layers."""
    return fitted(with_lora(dense_model()), *rows(), callbacks)


@program
def lora_after_training(callbacks):
    """Train a model, then what LoRA adds to it, with the same callbacks."""
    model = fitted(dense_model(), *rows(), callbacks)
    return fitted(with_lora(model), *rows(), callbacks)


@program
def lora_embedding_and_einsum(callbacks):
    """Train what LoRA adds to an embedding and an `EinsumDense` layer."""
    inputs = keras.Input((16,), dtype="int32")
    x = layers.Embedding(50, 16)(inputs)
    x = layers.EinsumDense("abc,cd->abd", (None, 16), activation="tanh")(x)
    x = layers.Dense(CLASSES, "softmax")(layers.GlobalMaxPooling1D()(x))
    return fitted(with_lora(keras.Model(inputs, x)), *tokens(), callbacks)


@program
def quantized_int8(callbacks):
    """Train the biases of a quantized model: its kernels are integers, and are not trained."""
    model = dense_model()
    model.quantize("int8")
    return fitted(model, *rows(), callbacks)


@program
def quantized_int8_and_lora(callbacks):
    """Train what LoRA adds to kernels of 8 bits."""
    model = with_lora(dense_model())
    model.quantize("int8")
    return fitted(model, *rows(), callbacks)


@program
def quantized_int4_and_lora(callbacks):
    """Train what LoRA adds to kernels of 4 bits."""
    model = with_lora(dense_model())
    model.quantize("int4")
    return fitted(model, *rows(), callbacks)


@program
def quantized_float8(callbacks):
    """Train kernels that are rounded to float8 in each step."""
    model = dense_model()
    model.quantize("float8")
    return fitted(model, *rows(), callbacks)


@program
def sklearn_classifier(callbacks):
    """Train a classifier of scikit-learn's kind, which copies a compiled model."""
    package("sklearn")
    x, y = rows()
    compiled = dense_model()
    compiled.compile("adam", "categorical_crossentropy")
    fit_options = {"epochs": EPOCHS, "batch_size": 16, "verbose": 0, "callbacks": callbacks}
    classifier = keras.wrappers.SKLearnClassifier(compiled, fit_kwargs=fit_options)
    return classifier.fit(x, y).model_


@program
def sklearn_pipeline(callbacks):
    """Train a regressor that ends a pipeline of scikit-learn."""
    pipelines, preprocessing = package("sklearn.pipeline"), package("sklearn.preprocessing")
    x, y = rows()

    def build(x, y):
        model = keras.Sequential([layers.Dense(16, "tanh"), layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    fit_options = {"epochs": EPOCHS, "verbose": 0, "callbacks": callbacks}
    regressor = keras.wrappers.SKLearnRegressor(build, fit_kwargs=fit_options)
    fitted_pipeline = pipelines.make_pipeline(preprocessing.StandardScaler(), regressor).fit(x, y.astype("float32"))
    return fitted_pipeline[-1].model_


@program
def keras_tuner_search(callbacks):
    """Search a learning rate; each trial trains with copies of the callbacks."""
    tuners = package("keras_tuner")
    x, y = rows()

    def build(choices):
        model = dense_model()
        model.compile(keras.optimizers.Adam(choices.Choice("rate", [0.01, 0.001])), "sparse_categorical_crossentropy")
        return model

    with tempfile.TemporaryDirectory() as folder:
        tuner = tuners.GridSearch(build, objective="loss", directory=folder, max_trials=2, seed=1)
        tuner.search(x, y, epochs=EPOCHS, verbose=0, callbacks=callbacks)
        return tuner.get_best_models(1)[0]


def backbone_classifier(backbone, pool):
    """A classifier of a KerasHub backbone's first vector, or its pooled features."""
    outputs = backbone.output["pooled_output"] if isinstance(backbone.output, dict) else pool(backbone.output)
    return keras.Model(backbone.input, layers.Dense(CLASSES, "softmax")(outputs))


def first_token(outputs):
    """The vector of the first token."""
    return outputs[:, 0]


def token_inputs(with_segments=False):
    """What KerasHub's preprocessors make of 32 random texts, and their classes."""
    x, y = tokens()
    batch = {"token_ids": x, "padding_mask": np.ones_like(x)}
    if with_segments:
        batch["segment_ids"] = np.zeros_like(x)
    return batch, y


SMALL_TEXT = {"vocabulary_size": 50, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 32}
SMALL_DECODER = {
    **{"vocabulary_size": 50, "num_layers": 2, "num_query_heads": 2, "num_key_value_heads": 1},
    **{"hidden_dim": 16, "intermediate_dim": 32},
}


@program
def keras_hub_bert(callbacks):
    """Train a classifier of BERT's pooled output."""
    backbone = package("keras_hub").models.BertBackbone(**SMALL_TEXT, max_sequence_length=16)
    return fitted(backbone_classifier(backbone, first_token), *token_inputs(with_segments=True), callbacks)


@program
def keras_hub_distil_bert(callbacks):
    """Train a classifier of DistilBERT's first vector."""
    backbone = package("keras_hub").models.DistilBertBackbone(**SMALL_TEXT, max_sequence_length=16)
    return fitted(backbone_classifier(backbone, first_token), *token_inputs(), callbacks)


@program
def keras_hub_deberta(callbacks):
    """Train a classifier of DeBERTa's first vector."""
    backbone = package("keras_hub").models.DebertaV3Backbone(**SMALL_TEXT, max_sequence_length=16, bucket_size=8)
    return fitted(backbone_classifier(backbone, first_token), *token_inputs(), callbacks)


@program
def keras_hub_bert_text_classifier(callbacks):
    """Train KerasHub's own classifier, which compiles itself."""
    models = package("keras_hub").models
    backbone = models.BertBackbone(**SMALL_TEXT, max_sequence_length=16)
    classifier = models.BertTextClassifier(backbone, num_classes=CLASSES, preprocessor=None)  # compiles itself
    x, y = token_inputs(with_segments=True)
    classifier.fit(x, y, batch_size=8, epochs=EPOCHS, verbose=0, callbacks=callbacks)
    return classifier


def causal_language_model(task, backbone, callbacks):
    """Train a KerasHub task to predict the next token."""
    model = task(backbone, preprocessor=None)
    x, _ = token_inputs()
    model.fit(x, np.roll(x["token_ids"], -1, 1), batch_size=8, epochs=EPOCHS, verbose=0, callbacks=callbacks)
    return model


@program
def keras_hub_gpt2(callbacks):
    """Train GPT-2 to predict the next token."""
    models = package("keras_hub").models
    backbone = models.GPT2Backbone(**SMALL_TEXT, max_sequence_length=16)
    return causal_language_model(models.GPT2CausalLM, backbone, callbacks)


@program
def keras_hub_llama_lora(callbacks):
    """Train what LoRA adds to a Llama that predicts the next token."""
    models = package("keras_hub").models
    backbone = models.LlamaBackbone(**SMALL_DECODER)
    backbone.enable_lora(2)
    return causal_language_model(models.LlamaCausalLM, backbone, callbacks)


@program
def keras_hub_gemma(callbacks):
    """Train Gemma, whose input and output share an embedding, to predict the next token."""
    models = package("keras_hub").models
    backbone = models.GemmaBackbone(**SMALL_DECODER, head_dim=8)
    return causal_language_model(models.GemmaCausalLM, backbone, callbacks)


@program
def keras_hub_resnet(callbacks):
    """Train a classifier of a small ResNet's features."""
    models = package("keras_hub").models
    backbone = models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
    )
    return fitted(backbone_classifier(backbone, layers.GlobalAveragePooling2D()), *images(32), callbacks)


@program
def keras_hub_vit(callbacks):
    """Train a classifier of a vision Transformer's first vector."""
    models = package("keras_hub").models
    backbone = models.ViTBackbone(
        image_shape=(32, 32, 3), patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    )
    return fitted(backbone_classifier(backbone, first_token), *images(32), callbacks)


def train(run, with_callbacks):
    """Train a program from seed 1; returns a `Training`."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    with tempfile.TemporaryDirectory() as log_dir, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        added = [GradientMonitor(), WeightNormMonitor(), Diagnosis(log_dir, histogram_freq=1, verbose=0)]
        losses = Losses()
        model = run([losses, *added] if with_callbacks else [losses])
    complaints = [str(warning.message) for warning in caught if "Training was not affected" in str(warning.message)]
    return Training([np.asarray(weight) for weight in model.get_weights()], losses.losses, complaints)


class Losses(keras.callbacks.Callback):
    """Keeps the loss of every epoch, of all copies and all calls of `fit`."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(float((logs or {}).get("loss", np.nan)))

    def __deepcopy__(self, memo: Any) -> "Losses":  # KerasTuner copies the callbacks for each trial
        copied = Losses()
        copied.losses = self.losses
        return copied


def differing_bits(one, other):
    """The number of weights whose bits differ, of how many; None where they are of other shapes."""
    if [weight.shape for weight in one] != [weight.shape for weight in other]:
        return None
    differing = sum(int((bits(a) != bits(b)).any(axis=-1).sum()) for a, b in zip(one, other, strict=True))
    return differing, sum(weight.size for weight in one)


def bits(array):
    """The bytes of each number of an array, (numbers, bytes)."""
    contiguous = np.ascontiguousarray(array).reshape(-1)
    return contiguous.view("uint8").reshape(contiguous.size, contiguous.itemsize)


def judgement(run):
    """Train a program three times; returns a sentence, whether it speaks against the callbacks, and complaints."""
    try:
        plain, again = train(run, with_callbacks=False), train(run, with_callbacks=False)
    except NotInstalledError as skipped:
        return f"skipped: {skipped}", False, []
    except Exception as error:
        return f"does not train, callbacks or not: {type(error).__name__}: {str(error)[:300]}", False, []
    try:
        watched = train(run, with_callbacks=True)
    except Exception:
        return f"fails with the callbacks:\n{traceback.format_exc()[-1500:]}", True, []
    if differing_bits(plain.weights, again.weights) != (0, sum(weight.size for weight in plain.weights)):
        return "differs from one plain training to the next", False, watched.complaints
    found = differing_bits(plain.weights, watched.weights)
    if found is None:
        return "has weights of other shapes with the callbacks", True, watched.complaints
    differing, total = found
    if differing:
        return f"{differing:,} of {total:,} weights differ", True, watched.complaints
    same_losses = np.array_equal(plain.losses, watched.losses, equal_nan=True)
    losses = "" if same_losses else f", but the losses differ: {plain.losses} and {watched.losses}"
    return f"{total:,} weights are the same{losses}", not same_losses, watched.complaints


def main(argv=None):
    """Train the programs and print a line about each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="beginnings of names of programs (default: all)")
    parser.add_argument("--list", action="store_true", help="print the names of the programs")
    arguments = parser.parse_args(argv)
    chosen = [name for name in PROGRAMS if name.startswith(tuple(arguments.only or [""]))]
    if arguments.list:
        print(*chosen, sep="\n")
        return 0
    against = []
    for name in chosen:
        began = time.perf_counter()
        sentence, speaks_against, complaints = judgement(PROGRAMS[name])
        print(f"{name:30} {sentence} ({time.perf_counter() - began:.0f} s)", flush=True)
        for complaint in dict.fromkeys(complaints):
            print(f"{'':30} {complaint}", flush=True)
        against += [name] * speaks_against
    print(f"\n{len(against)} of {len(chosen)} programs are not the same with the callbacks. {' '.join(against)}")
    return 1 if against else 0


if __name__ == "__main__":
    sys.exit(main())
