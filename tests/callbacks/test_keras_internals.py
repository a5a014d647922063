"""What the callbacks take from Keras's undocumented parts: the first place to look when a new Keras breaks them."""

import keras
import numpy as np
import pytest
from keras import Input, layers

from callbacks.keras_internals import (
    activation_name,
    after_call,
    before_apply,
    initializer_name,
    inner_optimizer,
    is_built,
    kernels,
    layer_of_each_variable,
    nonlinear_layers,
    nonlinearity,
    other_optimizers,
    unused_name,
)
from tests.callbacks.tape import array


def test_kernels_are_named_after_their_layers():
    encoder = keras.Sequential([layers.Dense(3, name="inner")], name="encoder")
    frozen = layers.Dense(4, name="frozen", trainable=False)
    stack = [layers.Dense(3, name="dense"), layers.LayerNormalization(), encoder, frozen]
    model = keras.Sequential([Input((5, 2)), *stack, layers.GRU(2, name="gru")])
    found = kernels(model)
    recurrent = [f"gru/gru_cell/{name}" for name in ("kernel", "recurrent_kernel", "bias")]
    assert list(found) == ["dense", "encoder/inner", *recurrent]
    assert found["dense"] is stack[0].kernel
    assert found["encoder/inner"] is encoder.layers[0].kernel
    assert layer_of_each_variable(model)[id(found["encoder/inner"])] is encoder.layers[0]


class SameNames(keras.Model):
    def __init__(self):
        super().__init__()
        self.one, self.other = layers.Dense(3, name="same"), layers.Dense(3, name="same")

    def call(self, x):
        return self.other(self.one(x))


def test_layers_of_one_name_stay_apart():
    model = SameNames()
    model(np.ones((1, 2)))
    found = kernels(model)
    assert list(found) == ["same", "same_2"]
    assert found["same"] is model.one.kernel
    assert found["same_2"] is model.other.kernel
    assert unused_name("same", ["same", "same_2"]) == "same_3"


def test_a_model_without_kernels_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="is not built"):
        kernels(keras.Sequential([layers.Dense(1)]))
    subclassed = SameNames()
    subclassed.build((None, 2))  # which builds none of its layers
    with pytest.raises(ValueError, match="is not built"):
        kernels(subclassed)
    frozen = keras.Sequential([Input((2,)), layers.Dense(1, trainable=False)])
    with pytest.raises(ValueError, match="has no kernel to watch"):
        kernels(frozen)


def test_whether_a_model_is_built():
    class NeverCalled(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(1)

    class MakesLayersLater(NeverCalled):
        def build(self, shape):
            self.later = layers.Dense(1)

    model = keras.Sequential([layers.Dense(1)])
    assert not is_built(model)
    model.build((None, 2))
    assert is_built(model)
    by_half = SameNames()
    by_half.build((None, 2))
    assert not is_built(by_half)
    assert not is_built(NeverCalled())
    for make, expected in ((NeverCalled, True), (MakesLayersLater, False)):
        model = make()
        model.inner.build((None, 2))
        assert not model.built
        assert is_built(model) == expected


def test_the_other_optimizers_of_a_model():
    model = SameNames()
    model.compile(keras.optimizers.SGD())
    model.critic_optimizer = keras.optimizers.Adam()
    assert other_optimizers(model, model.optimizer) == ["critic_optimizer"]
    assert other_optimizers(model, model.critic_optimizer) == []


def test_nonlinearities_by_name():
    for layer, name in (
        (layers.Dense(1, "tanh"), "tanh"),
        (layers.Dense(1), None),
        (layers.Activation("relu"), "relu"),
        (layers.ReLU(), "relu"),
        (layers.ReLU(negative_slope=0.1), "leaky_relu"),
        (layers.LeakyReLU(), "leakyrelu"),
        (layers.ELU(), "elu"),
        (layers.Softmax(), "softmax"),
        (layers.LSTM(1), "tanh"),
        (layers.Flatten(), None),
    ):
        assert nonlinearity(layer) == name
    assert activation_name(layers.Dense(1)) == "linear"
    assert activation_name(layers.Flatten()) is None


def test_nonlinear_layers_at_every_depth_in_order():
    encoder = keras.Sequential([layers.Dense(3, "tanh", name="inner"), layers.ReLU(name="relu")])
    recurrent = [layers.LSTM(2, return_sequences=True, name="lstm"), layers.Bidirectional(layers.GRU(2))]
    model = keras.Sequential([Input((5, 2)), encoder, *recurrent, layers.Dense(1)])
    assert [layer.name for layer in nonlinear_layers(model)] == ["inner", "relu", "lstm"]


def test_initializers_by_name():
    layer = layers.Dense(1, kernel_initializer="he_normal")
    layer.build((None, 2))
    assert initializer_name(layer, layer.kernel) == "HeNormal"
    assert initializer_name(layers.BatchNormalization(), layer.kernel) is None


def test_the_innermost_optimizer():
    sgd = keras.optimizers.SGD()
    assert inner_optimizer(sgd) is sgd
    assert inner_optimizer(keras.optimizers.LossScaleOptimizer(sgd)) is sgd


def test_what_is_replaced_on_an_instance_comes_back():
    variable = keras.Variable([[1.0]])
    optimizer, layer = keras.optimizers.SGD(1.0), layers.Dense(1)
    optimizer.build([variable])
    layer.build((None, 1))
    seen = []
    outer = before_apply(optimizer, lambda gradients, variables: seen.append(("outer", variables)))
    inner = before_apply(optimizer, lambda gradients, variables: seen.append(("inner", variables)))
    with outer:
        with inner:
            optimizer.apply([keras.ops.ones((1, 1))])  # of all variables that the optimizer knows
        optimizer.apply([keras.ops.ones((1, 1))], [variable])
    optimizer.apply([keras.ops.ones((1, 1))])
    assert [name for name, _ in seen] == ["inner", "outer", "outer"]
    assert all(variables == [variable] for _, variables in seen)
    assert float(array(variable)[0, 0]) == -2
    assert "apply" not in vars(optimizer)

    outputs = []

    def call_and_fail():
        with after_call(layer, lambda layer, output: outputs.append(output)):
            layer(keras.ops.ones((1, 1)))
            raise RuntimeError("the training fails")

    with pytest.raises(RuntimeError, match="the training fails"):
        call_and_fail()
    layer(keras.ops.ones((1, 1)))
    assert len(outputs) == 1
    assert "call" not in vars(layer)
