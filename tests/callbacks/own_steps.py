"""Models with a `train_step` of their own, written for the backend that Keras runs on, as Keras's guides have them."""

import keras
from keras import Input, layers

BACKEND = keras.backend.backend()


class Gan(keras.Model):
    """A generator and a critic, each trained by an optimizer of its own in every step."""

    def __init__(self):
        super().__init__()
        critic = [Input((6,)), layers.Dense(4, "tanh", name="c_in"), layers.Dense(1)]
        self.generator = keras.Sequential([Input((2,)), layers.Dense(6, name="g_out")], name="generator")
        self.critic = keras.Sequential(critic, name="critic")
        self.critic_optimizer, self.generator_optimizer = keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2)
        for part, optimizer, _ in self.players:
            optimizer.build(part.trainable_variables)

    def call(self, x):
        return self.critic(x)

    def loss_of(self, x):
        return keras.ops.mean(self.critic(self.generator(x[:, :2])) - self.critic(x))

    @property
    def players(self):
        """Each part, its optimizer, and the sign of the loss that it minimizes."""
        return [(self.critic, self.critic_optimizer, 1.0), (self.generator, self.generator_optimizer, -1.0)]


if BACKEND == "tensorflow":
    import tensorflow as tf

    class OwnStep(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss}

    def gan_step(self, x):
        for part, optimizer, sign in self.players:
            with tf.GradientTape() as tape:
                loss = sign * self.loss_of(x)
            optimizer.apply_gradients(
                zip(tape.gradient(loss, part.trainable_variables), part.trainable_variables, strict=True)
            )
        return {"loss": loss}

elif BACKEND == "jax":
    import jax

    class OwnStep(keras.Model):
        def compute_loss_and_updates(self, trainable, others, x, y):
            predicted, others = self.stateless_call(trainable, others, x, training=True)
            return self.compute_loss(x, y, predicted), others

        def train_step(self, state, data):
            trainable, others, optimizer, metrics = state
            x, y = data
            gradient_of = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
            (loss, others), gradients = gradient_of(trainable, others, x, y)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
            return {"loss": loss}, (trainable, others, optimizer, metrics)

    def gan_step(self, state, x):
        trainable, others, optimizer_variables, metrics = state
        values = {id(v): value for v, value in zip(self.trainable_variables, trainable, strict=True)}
        for part, optimizer, sign in self.players:

            def loss_of(own, part=part, sign=sign, values=values):
                now = values | {id(v): value for v, value in zip(part.trainable_variables, own, strict=True)}
                mapping = [(v, now[id(v)]) for v in self.trainable_variables]
                with keras.StatelessScope(state_mapping=mapping):
                    return sign * self.loss_of(x)

            own = [values[id(v)] for v in part.trainable_variables]
            loss, gradients = jax.value_and_grad(loss_of)(own)
            # The optimizers' own variables are left alone: plain SGD does not need them.
            own, _ = optimizer.stateless_apply([v.value for v in optimizer.variables], gradients, own)
            values |= {id(v): value for v, value in zip(part.trainable_variables, own, strict=True)}
        return {"loss": loss}, ([values[id(v)] for v in self.trainable_variables], others, optimizer_variables, metrics)

else:
    import torch

    class OwnStep(keras.Model):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = self.compute_loss(x, y, self(x, training=True))
            loss.backward()
            with torch.no_grad():
                self.optimizer.apply([v.value.grad for v in self.trainable_weights], self.trainable_weights)
            return {"loss": loss}

    def gan_step(self, x):
        for part, optimizer, sign in self.players:
            self.zero_grad()
            loss = sign * self.loss_of(x)
            loss.backward()
            with torch.no_grad():
                optimizer.apply([v.value.grad for v in part.trainable_weights], part.trainable_weights)
        return {"loss": loss}


Gan.train_step = gan_step
