"""GradientMonitor: the kernel gradients of every training step, layer by layer."""

import contextlib

import numpy as np
import tensorflow as tf

from .monitor import Monitor

SAMPLED_ELEMENTS = 4096
"""Elements of a kernel that go into a histogram, at most: a fixed random choice where it has more."""

SAMPLED_VALUES = 2**18
"""Numbers held for the histograms of an epoch, at most; 1 MiB in float32."""


class GradientMonitor(Monitor):
    """Records the gradient of every kernel at every training step of `fit`.

    It stands where the optimizer is handed the gradients, inside the compiled train step, so what it
    sees is what trains the model, on the very batches that train it: unscaled under mixed precision,
    before clipping and weight decay. Nothing is computed twice and no data is passed again.

    With a `log_dir`, TensorBoard shows a scalar `gradient_<quantity>/<layer>` an epoch, every
    `histogram_freq` epochs a histogram `<layer>/kernel_0_grad`, and at the end an image of
    `gradient_abs_mean`, layers by epochs.

    >>> gradients = GradientMonitor(log_dir="logs/run1", histogram_freq=1)
    >>> model.fit(x, y, epochs=100, callbacks=[gradients])
    >>> gradients.history["abs_mean"][-1]        # the last epoch, input to output
    >>> gradients.plot()

    Args:
        log_dir: directory for TensorBoard's event file; `None` writes nothing.
        histogram_freq: histograms are written every so many epochs; 0 writes none. A histogram
            pools the elements of the kernel's gradient over the epoch's steps (over the last ones, and
            over a fixed random choice of elements, where there are more than 4096 elements or 262,144
            numbers in all).

    Attributes:
        layers: list of str, one name for each kernel, in model order.
        epochs: list of int, the epochs recorded.
        history: dict of float arrays of shape (epochs, layers). Each step yields a figure over the
            finite elements of the kernel's gradient; an epoch's figure is, over its steps, the mean of
            `mean` (signed), `abs_mean` (magnitudes), `l2` (the norm) and `zero_fraction` (share of exact
            zeros, 0 to 1), the largest of `max` (magnitude), and the sum of `nonfinite` (the number of
            NaN or infinite elements). A kernel that got no finite gradient in an epoch has NaN.

    Raises:
        ValueError: in `fit`, if the model has no trainable kernel or no optimizer.
        RuntimeError: if Keras does not run on TensorFlow.
    """

    QUANTITIES = {
        "abs_mean": "mean |gradient|",
        "mean": "mean gradient",
        "l2": "gradient L2 norm",
        "max": "largest |gradient|",
        "zero_fraction": "share of zero gradients",
        "nonfinite": "NaN or infinite gradients",
    }
    PREFIX = "gradient"
    HISTOGRAM_SUFFIX = "_grad"

    def on_train_begin(self, logs=None):
        if self.model.optimizer is None:
            raise ValueError(f"GradientMonitor needs an optimizer: compile model {self.model.name!r} with one.")
        super().on_train_begin(logs)
        variables = list(self._kernels.values())
        self._index = {id(variable): i for i, variable in enumerate(variables)}
        # Sums over the steps of an epoch, a row each: mean, abs_mean, l2, zero_fraction, nonfinite, steps
        # with a finite gradient; the last row is a running maximum.
        self._zeros = tf.zeros((7, len(variables)))
        self._totals = tf.Variable(self._zeros, trainable=False)
        self._sample = _Sample(variables) if self.histogram_freq and self.log_dir is not None else None
        self._tap = _Tap.of(self.model)
        self._tap.listeners.append(self._see)

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self._totals.assign(self._zeros)
        if self._sample:
            self._sample.steps.assign(0)

    def on_epoch_end(self, epoch, logs=None):
        mean, abs_mean, l2, zero_fraction, nonfinite, steps, peak = self._totals.numpy().astype("float64")
        steps[steps == 0] = np.nan
        row = {
            "abs_mean": abs_mean / steps,
            "mean": mean / steps,
            "l2": l2 / steps,
            "max": np.where(np.isnan(steps), np.nan, peak),
            "zero_fraction": zero_fraction / steps,
            "nonfinite": nonfinite,
        }
        self.record(epoch, row, self._sample.read() if self.wants_histograms(epoch) else ())

    def on_train_end(self, logs=None):
        self._tap.listeners.remove(self._see)
        if not self._tap.listeners:
            self._tap.remove()
        super().on_train_end(logs)

    def _see(self, gradients, variables):
        """Adds one step's gradients to the totals; runs where the optimizer's `apply` is called."""
        seen = {
            self._index[id(variable)]: tf.convert_to_tensor(gradient)
            for gradient, variable in zip(gradients, variables, strict=True)
            if gradient is not None and id(variable) in self._index
        }
        absent = tf.zeros(7)
        figures = [_figures(seen[i]) if i in seen else absent for i in range(len(self._index))]
        step = tf.stack(figures, axis=1)
        totals = tf.concat([self._totals[:-1] + step[:-1], tf.maximum(self._totals[-1:], step[-1:])], axis=0)
        self._totals.assign(totals)
        if self._sample:
            self._sample.add(seen)


def _figures(gradient):
    """One step's figures of one gradient, shape (7,); see `GradientMonitor._totals` for the order.

    Everything is computed on the gradient divided by its largest magnitude, so that squares neither
    overflow when gradients explode nor underflow to a false zero when they vanish.
    """
    gradient = tf.cast(gradient, tf.float32)
    finite = tf.math.is_finite(gradient)
    gradient = tf.where(finite, gradient, 0.0)
    count = tf.reduce_sum(tf.cast(finite, tf.float32))
    nonfinite = tf.cast(tf.size(gradient), tf.float32) - count
    peak = tf.reduce_max(tf.abs(gradient))
    scaled = gradient / tf.where(peak > 0, peak, 1.0)
    elements = tf.maximum(count, 1.0)
    zeros = tf.reduce_sum(tf.cast(gradient == 0, tf.float32)) - nonfinite
    return tf.stack(
        [
            peak * (tf.reduce_sum(scaled) / elements),
            peak * (tf.reduce_sum(tf.abs(scaled)) / elements),
            peak * tf.sqrt(tf.reduce_sum(tf.square(scaled))),
            zeros / elements,
            nonfinite,
            tf.minimum(count, 1.0),
            peak,
        ]
    )


class _Sample:
    """The gradient elements of an epoch's last steps, for histograms: a ring of one row a step."""

    def __init__(self, variables):
        random = np.random.RandomState(0)
        sizes = [int(np.prod(variable.shape)) for variable in variables]
        self._chosen = [
            None if size <= SAMPLED_ELEMENTS else np.sort(random.choice(size, SAMPLED_ELEMENTS, replace=False))
            for size in sizes
        ]
        self._widths = [min(size, SAMPLED_ELEMENTS) for size in sizes]
        width = sum(self._widths)
        self._capacity = max(1, min(256, SAMPLED_VALUES // width))
        self._ring = tf.Variable(tf.zeros((self._capacity, width)), trainable=False)
        self.steps = tf.Variable(0, trainable=False)

    def add(self, gradients):
        pieces = []
        for i, (chosen, width) in enumerate(zip(self._chosen, self._widths, strict=True)):
            if i not in gradients:
                pieces.append(tf.fill([width], np.nan))
                continue
            flat = tf.reshape(tf.cast(gradients[i], tf.float32), [-1])
            pieces.append(flat if chosen is None else tf.gather(flat, chosen))
        self._ring.scatter_update(tf.IndexedSlices(tf.concat(pieces, axis=0), self.steps % self._capacity))
        self.steps.assign_add(1)

    def read(self):
        """For each kernel the recorded elements, shape (steps, elements)."""
        rows = self._ring.numpy()[: self.steps.numpy()]
        return np.split(rows, np.cumsum(self._widths)[:-1], axis=1)


class _Tap:
    """Stands in for `model.train_function` during one `fit` and shows every gradient to its listeners.

    Keras keeps its compiled train function from one `fit` to the next, so a recording one is compiled
    beside it and the model's own comes back at the end. The optimizer is touched only while a step
    runs. Should `fit` end with an exception, the model is put right at once if the exception passes
    through here; if not (another callback raised it), the next call notices that its `fit` is over.
    """

    @classmethod
    def of(cls, model):
        """Returns the tap of the `fit` under way, made if there is none."""
        tap = model.train_function
        if isinstance(tap, cls):
            if not tap._is_stale():
                return tap
            tap.remove()
        return cls(model)

    def __init__(self, model):
        self.listeners = []
        self._model = model
        self._fit = getattr(model, "history", None)  # Keras makes a new one for each `fit`
        self._own = model.train_function
        self._recording = None
        model.train_function = self

    def __call__(self, iterator):
        if self._is_stale():
            self.remove()
            self._model.make_train_function()
            return self._model.train_function(iterator)
        try:
            with self._intercepted_optimizer():
                if self._recording is None:
                    self._model.make_train_function(force=True)
                    self._recording, self._model.train_function = self._model.train_function, self
                return self._recording(iterator)
        except StopIteration:  # the end of the data
            raise
        except BaseException:
            self.remove()
            raise

    def remove(self):
        """Gives the model its own train function back."""
        if self._model.train_function is self:
            self._model.train_function = self._own

    def _is_stale(self):
        return getattr(self._model, "history", None) is not self._fit

    @contextlib.contextmanager
    def _intercepted_optimizer(self):
        optimizer = self._model.optimizer
        while hasattr(optimizer, "inner_optimizer"):  # LossScaleOptimizer: the inner one gets them unscaled
            optimizer = optimizer.inner_optimizer
        apply = optimizer.apply

        def recording_apply(grads, trainable_variables=None):
            grads = list(grads)
            variables = list(optimizer._trainable_variables if trainable_variables is None else trainable_variables)
            for see in self.listeners:
                see(grads, variables)
            return apply(grads, variables)

        vars(optimizer)["apply"] = recording_apply
        try:
            yield
        finally:
            del vars(optimizer)["apply"]
