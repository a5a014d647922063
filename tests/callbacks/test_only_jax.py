"""What only Keras on JAX has: distributions, transformed functions that a train step may not hand anything out of."""

import jax
import keras
import numpy as np
from keras import Input, layers

from callbacks import Diagnosis, GradientMonitor, WeightNormMonitor
from tests.callbacks.same_training import Subclassed, X, assert_same_training


def test_eight_devices_give_the_statistics_of_one(run_python):
    ran = run_python("-m", "tests.callbacks.many_devices")
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert [line.split(":")[0] for line in ran.stdout.splitlines()] == ["DataParallel", "ModelParallel"]


class InABranch(keras.Model):
    """Applies its gradients only where the loss is finite."""

    def train_step(self, state, data):
        trainable, others, optimizer, metrics = state
        x, y = data

        def loss_of(trainable):
            predicted, _ = self.stateless_call(trainable, others, x, training=True)
            return keras.ops.mean(keras.ops.square(predicted - y))

        loss, gradients = jax.value_and_grad(loss_of)(trainable)
        trainable, optimizer = jax.lax.cond(
            keras.ops.isfinite(loss),
            lambda: tuple(self.optimizer.stateless_apply(optimizer, gradients, trainable)),
            lambda: (trainable, optimizer),
        )
        return {"loss": loss}, (trainable, others, optimizer, metrics)


def test_gradients_that_cannot_leave_a_branch_end_no_training():
    def build():
        keras.utils.set_random_seed(5)
        inputs = Input((6,))
        model = InABranch(inputs, layers.Dense(1)(inputs))
        model.compile("sgd", "mse")
        return model

    weights = WeightNormMonitor()
    _, (sentence,) = assert_same_training(build, GradientMonitor(), weights)
    assert sentence.startswith("GradientMonitor recorded nothing: The train step hands over its gradients")
    assert (weights.history["l1_change"] > 0).all()


class Overriding(Subclassed):
    def make_train_function(self, force=False):
        self.train_function = self._make_function(self.train_step)


def test_a_model_that_makes_its_own_train_function_is_told_of():
    def build():
        keras.utils.set_random_seed(5)
        model = Overriding()
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    diagnosis = Diagnosis(probe=X, verbose=0)
    _, (sentence,) = assert_same_training(build, diagnosis)
    assert "Overriding makes its own train function" in sentence
    assert np.isfinite(build().predict(X, verbose=0)).all()
