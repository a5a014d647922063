"""Two ways to bring the loss closer to the first layers, as Keras models that wrap a network; not a script."""

import keras
from keras import ops
from keras.layers import Dense


class DeepSupervision(keras.Model):
    """A network in which every hidden layer but the last has an output unit of its own, whose loss is added.

    After Lee et al. 2015 (Deeply-supervised nets, AISTATS, 562-570). The model returns the network's own output.

    Args:
        network: a model of dense layers, one after another, that ends in a sigmoid unit.
        weight: of each added loss.
    """

    def __init__(self, network, weight=0.3):
        super().__init__(network.inputs[0], network.outputs[0])
        self.hidden, self.heads, self.weight = dense_layers(network)[:-2], heads(network), weight

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        for layer, head in zip(self.hidden, self.heads, strict=True):
            x = layer(x)
            loss += self.weight * cross_entropy(y, head(x))
        return loss


class GreedyPretraining(keras.Model):
    """A network that learns layer by layer: first each hidden layer alone, in turn, then all of them together.

    After Bengio et al. 2007 (Greedy layer-wise training of deep networks, NIPS 19, 153-160), supervised. In its turn a
    layer learns with an output unit of its own, on what the layers before it put out; these stay as they are.

    Args:
        network: a model of dense layers, one after another, that ends in a sigmoid unit.
        steps: optimizer steps of the pre-training, shared equally among the hidden layers.
    """

    def __init__(self, network, steps):
        super().__init__(network.inputs[0], network.outputs[0])
        *self.hidden, output = dense_layers(network)
        self.heads = [*heads(network), output]
        self.steps_per_layer = steps // len(self.hidden)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        together = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return together
        alone = []
        for layer, head in zip(self.hidden, self.heads, strict=True):
            x = layer(ops.stop_gradient(x))
            alone.append(cross_entropy(y, head(x)))
        turn = ops.cast(self.optimizer.iterations // self.steps_per_layer, "int32")
        return ops.take(ops.stack([*alone, together]), ops.minimum(turn, len(alone)))


def dense_layers(network):
    """Return the dense layers of a model, input to output."""
    return [layer for layer in network.layers if isinstance(layer, Dense)]


def heads(network):
    """Return a new sigmoid unit for every hidden layer but the last."""
    made = []
    for number, layer in enumerate(dense_layers(network)[:-2], 1):
        head = Dense(1, "sigmoid", name=f"head_{number}")
        head.build(layer.output.shape)
        made.append(head)
    return made


def cross_entropy(y, prediction):
    """Return the mean binary cross-entropy."""
    return ops.mean(keras.losses.binary_crossentropy(ops.reshape(y, ops.shape(prediction)), prediction))
