"""GradientMonitor: the kernel gradients of every training step, layer by layer."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from .monitor import Monitor, kernels

ELEMENTS_AN_EPOCH = 25_000_000
"""Gradient elements that are looked at in an epoch, about, unless `sampled_steps` says otherwise.

Looking costs some 1 to 2 ns an element on a CPU core, so this bounds it to some hundredths of a second an epoch.
"""

FEWEST_STEPS, MOST_STEPS = 16, 100
"""Steps that are looked at in an epoch, unless `sampled_steps` says otherwise: 100 estimate a mean to a tenth of the
steps' standard deviation, and 16, for large kernels, to a quarter of it.
"""

SAMPLED_ELEMENTS = 4096
"""Elements of a kernel that go into a histogram, at most: a fixed random choice where it has more."""

SAMPLED_VALUES = 2**18
"""Numbers held for the histograms of an epoch, at most; 1 MiB in float32."""


class GradientMonitor(Monitor):
    """Records the gradient of every kernel while `fit` trains.

    It stands where the optimizer is handed the gradients, inside the compiled train step, so what it
    sees is what trains the model, on the very batches that train it: unscaled under mixed precision,
    summed over the replicas of a distribution strategy, before clipping and weight decay. Nothing is
    computed twice, no data is passed again, and the training is the same bit by bit.

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
            pools the elements of the kernel's gradient over the epoch's sampled steps (over the last
            ones, and over a fixed random choice of elements, where there are more than 4096 elements or
            262,144 numbers in all).
        sampled_steps: steps of an epoch that are looked at, at most, evenly spaced from the first. "auto"
            takes 100, or where the kernels are large as many as 25 million gradient elements allow, but 16 at
            least: with a million weights 25. `None` looks at every step. (While the number of steps is
            unknown, as in the first epoch on a generator, all are looked at. Under a distribution strategy
            with several replicas they always are.)
        optimizer: the optimizer to listen to, for models that train with several; `None` takes
            `model.optimizer`.

    Attributes:
        layers: list of str, one name for each kernel that the optimizer is handed, in model order.
        epochs: list of int, the epochs recorded.
        history: dict of float arrays of shape (epochs, layers). Each sampled step yields a figure over
            the finite elements of the kernel's gradient; an epoch's figure is, over these steps, the mean
            of `mean` (signed), `abs_mean` (magnitudes), `l2` (the norm) and `zero_fraction` (share of
            exact zeros, 0 to 1), the largest of `max` (magnitude), and the sum of `nonfinite` (the number
            of NaN or infinite elements). Where the optimizer clips, `clipped_fraction` is the share of
            steps in which it shortened this gradient. A kernel that got no finite gradient in an epoch has
            NaN. With gradient accumulation, each micro-batch is a step. Clipping is not watched then, nor under
            a distribution strategy, whose replicas each clip their own part.
        sampled_steps_history: int array of shape (epochs,), the steps looked at.
        skipped_steps_history: int array of shape (epochs,), the steps that loss scaling dropped
            because of a gradient that was not finite; they are in no other figure.

    Raises:
        ValueError: if an argument makes no sense; in `fit`, if the model has no trainable kernel or
            no optimizer.
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

    def __init__(self, log_dir=None, histogram_freq=0, sampled_steps="auto", optimizer=None):
        super().__init__(log_dir, histogram_freq)
        number = isinstance(sampled_steps, int) and sampled_steps >= 1
        if not number and sampled_steps not in ("auto", None):
            raise ValueError(
                "sampled_steps must be a whole number of steps, 1 or more, None for every step, or 'auto', "
                f"not {sampled_steps!r}."
            )
        if not isinstance(optimizer, keras.optimizers.Optimizer | None):
            raise ValueError(f"optimizer must be a Keras optimizer of the model, or None, not {optimizer!r}.")
        self.sampled_steps = sampled_steps
        self.optimizer = optimizer

    @property
    def sampled_steps_history(self):
        """Int array of shape (epochs,): the steps looked at."""
        return np.array([row["sampled_steps"] for row in self._rows], int)

    @property
    def skipped_steps_history(self):
        """Int array of shape (epochs,): the steps that loss scaling dropped."""
        return np.array([row.get("skipped_steps", 0) for row in self._rows], int)

    def on_train_begin(self, logs=None):
        if (self.optimizer or self.model.optimizer) is None:
            raise ValueError(f"GradientMonitor needs an optimizer: compile model {self.model.name!r} with one.")
        self._kernels = kernels(self.model)
        variables = list(self._kernels.values())
        self._index = {id(variable): i for i, variable in enumerate(variables)}
        self._handed = set()  # indices of the kernels that `apply` was called with; known once a step was traced
        self._outer = self.optimizer or self.model.optimizer
        self._inner = self._outer
        while hasattr(self._inner, "inner_optimizer"):  # LossScaleOptimizer hands its inner one unscaled gradients
            self._inner = self._inner.inner_optimizer
        strategy = self.model.distribute_strategy
        self._replicas = strategy.num_replicas_in_sync
        self._clips = _clips(self._inner) if self._replicas == 1 else None
        self.quantities = self.QUANTITIES | ({"clipped_fraction": "share of steps clipped"} if self._clips else {})
        self.begin(list(self._kernels))
        with strategy.scope():
            # Sums over the sampled steps of an epoch, a row each: mean, abs_mean, l2, zero_fraction,
            # nonfinite, clipped, steps with a finite gradient; the last row is a running maximum.
            self._no_totals, self._no_counts = tf.zeros((8, len(variables))), tf.zeros(3, tf.int32)
            self._totals = _variable(self._no_totals)
            # Steps that the optimizer was asked for, that reached it, and that were looked at.
            self._counts = _variable(self._no_counts)
            self._every, self._stride = 1, _variable(tf.constant(1))
            self._sample = _Sample(variables) if self.histogram_freq and self.log_dir is not None else None
        self._limit = self.sampled_steps
        if self._limit == "auto":
            elements = sum(int(np.prod(variable.shape)) for variable in variables)
            self._limit = min(max(ELEMENTS_AN_EPOCH // elements, FEWEST_STEPS), MOST_STEPS)
        self._set_stride((getattr(self, "params", None) or {}).get("steps"))
        self._tap = _Tap.of(self.model)
        self._tap.listeners.append(self)

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self._totals.assign(self._no_totals)
        self._counts.assign(self._no_counts)

    def on_epoch_end(self, epoch, logs=None):
        if self._handed and len(self._handed) < len(self.layers):
            self.layers = [name for i, name in enumerate(self._kernels) if i in self._handed]
        columns = sorted(self._handed) or range(len(self.layers))
        totals = self._totals.numpy().astype("float64")[:, columns]
        mean, abs_mean, l2, zero_fraction, nonfinite, clipped, steps, peak = totals
        asked, reached, sampled = (int(count) for count in self._counts.numpy())
        steps[steps == 0] = np.nan
        row = {
            "abs_mean": abs_mean / steps,
            "mean": mean / steps,
            "l2": l2 / steps,
            "max": np.where(np.isnan(steps), np.nan, peak),
            "zero_fraction": zero_fraction / steps,
            "nonfinite": nonfinite,
        }
        counts = {"sampled_steps": sampled}
        if self._clips:
            row["clipped_fraction"] = clipped / steps
        if self._inner is not self._outer:
            counts["skipped_steps"] = asked - reached
        samples = self._sample.read(sampled) if self.wants_histograms(epoch) else []
        self.record(epoch, row, [samples[i] for i in columns] if samples else [], counts)
        self._set_stride(reached)

    def on_train_end(self, logs=None):
        self._tap.leave(self)
        super().on_train_end(logs)

    def _set_stride(self, steps):
        """Spaces the sampled steps of the next epoch, given how many steps it is expected to have."""
        every = -(-(steps or 1) // (self._limit or steps or 1))
        if every != self._every:
            self._every = every
            self._stride.assign(every)

    def count(self, gradients, variables):
        """Counts a step that loss scaling may still drop; runs where its `apply` is called."""
        with _once_computed(gradients):
            self._counts.assign_add([1, 0, 0])

    def see(self, gradients, variables):
        """Looks at one step's gradients if it is one of the sampled; runs where `apply` is called."""
        seen = {}
        for gradient, variable in zip(gradients, variables, strict=True):
            if id(variable) in self._index:
                self._handed.add(self._index[id(variable)])
                if gradient is not None:
                    seen[self._index[id(variable)]] = gradient
        everything = [gradient for gradient in gradients if gradient is not None]
        if self._replicas > 1:
            context = tf.distribute.get_replica_context()
            seen = {i: context.all_reduce("sum", tf.convert_to_tensor(g)) for i, g in seen.items()}
        with _once_computed(everything):
            if self._replicas > 1 or self._limit is None:
                self._add(seen, everything)
            else:
                due = tf.equal(self._counts[1] % self._stride, 0)
                tf.cond(due, lambda: self._add(seen, everything), lambda: tf.constant(0))
            self._counts.assign_add([0, 1, 0])

    def _add(self, seen, everything):
        """Adds the figures of one step to the totals."""
        scale = self._inner.loss_scale_factor or 1.0  # where it is set, the optimizer divides by it
        seen = {i: tf.cast(tf.convert_to_tensor(g), tf.float32) / scale for i, g in seen.items()}
        figures = tf.zeros((len(self._index), 7))
        if seen:
            rows = tf.transpose(_figures(list(seen.values())))
            figures = tf.tensor_scatter_nd_update(figures, [[i] for i in seen], rows)
        mean, abs_mean, l2, zero_fraction, nonfinite, steps, peak = tf.unstack(figures, axis=1)
        clipped = tf.zeros_like(peak)
        if self._clips == "clipvalue":
            clipped = tf.cast(peak > self._inner.clipvalue, tf.float32)
        elif self._clips == "clipnorm":
            clipped = tf.cast(l2 > self._inner.clipnorm, tf.float32)
        elif self._clips == "global_clipnorm":
            norm = tf.linalg.global_norm(everything) / scale
            clipped = steps * tf.cast(norm > self._inner.global_clipnorm, tf.float32)
        sums = tf.stack([mean, abs_mean, l2, zero_fraction, nonfinite, clipped, steps])
        totals = tf.concat([self._totals[:-1] + sums, tf.maximum(self._totals[-1:], peak[None])], axis=0)
        self._totals.assign(totals)
        if self._sample:
            self._sample.add(self._counts[2], seen)
        self._counts.assign_add([0, 0, 1])
        return tf.constant(0)


def _once_computed(gradients):
    """A context whose operations wait for the gradients.

    At the end of data of unknown length TensorFlow starts one more step, and what does not wait for its batch
    runs all the same. (Keras's own `optimizer.iterations` is one too high after such an epoch.)
    """
    present = [gradient for gradient in gradients if gradient is not None]
    return tf.control_dependencies(tf.nest.flatten(present, expand_composites=True))


def _clips(optimizer):
    """The name of the way in which an optimizer clips each step's gradients, or None."""
    if optimizer.gradient_accumulation_steps:
        return None
    return next((way for way in ("clipnorm", "global_clipnorm", "clipvalue") if getattr(optimizer, way)), None)


def _variable(value):
    """A variable that each replica keeps for itself, and whose value is the first replica's."""
    return tf.Variable(
        value,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def _figures(gradients):
    """One step's figures of each gradient: mean, abs_mean, l2, zero_fraction, nonfinite, 1, largest; shape (7, n).

    The quick way reads each gradient five times. Where an element is not finite, or a square could overflow or
    underflow, all go the careful way, which takes twice as long.
    """
    gradients = [tf.reshape(gradient, [-1]) for gradient in gradients]
    magnitudes = [tf.abs(gradient) for gradient in gradients]
    totals = tf.stack([tf.reduce_sum(magnitude) for magnitude in magnitudes])
    peaks = tf.stack([tf.reduce_max(magnitude) for magnitude in magnitudes])
    harmless = tf.math.is_finite(totals) & ((peaks == 0) | (peaks > 1e-12) & (peaks < 1e12))

    def quickly():
        sizes = tf.cast(tf.stack([tf.size(gradient) for gradient in gradients]), tf.float32)
        sums = tf.stack([tf.reduce_sum(gradient) for gradient in gradients])
        norms = tf.stack([tf.sqrt(2 * tf.nn.l2_loss(gradient)) for gradient in gradients])
        zeros = sizes - tf.stack([tf.reduce_sum(tf.sign(magnitude)) for magnitude in magnitudes])
        none = tf.zeros_like(totals)
        return tf.stack([sums / sizes, totals / sizes, norms, zeros / sizes, none, none + 1, peaks])

    return tf.cond(
        tf.reduce_all(harmless),
        quickly,
        lambda: tf.stack([_careful_figures(gradient) for gradient in gradients], axis=1),
    )


def _careful_figures(gradient):
    """The figures of one gradient, over its finite elements; shape (7,).

    Everything is computed on the gradient divided by its largest magnitude, so that squares neither
    overflow when gradients explode nor underflow to a false zero when they vanish.
    """
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
        self._ring = _variable(tf.zeros((self._capacity, width)))

    def add(self, step, gradients):
        """Keeps the gradients of the epoch's `step`-th sampled step, a dict of kernel index to tensor."""
        pieces = []
        for i, (chosen, width) in enumerate(zip(self._chosen, self._widths, strict=True)):
            if i not in gradients:
                pieces.append(tf.fill([width], np.nan))
                continue
            flat = tf.reshape(gradients[i], [-1])
            pieces.append(flat if chosen is None else tf.gather(flat, chosen))
        row = tf.concat(pieces, axis=0)[None]
        self._ring.assign(tf.tensor_scatter_nd_update(self._ring, [[step % self._capacity]], row))

    def read(self, steps):
        """For each kernel the elements of the last of `steps` sampled steps, shape (steps, elements)."""
        rows = self._ring.numpy()[:steps]
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
            with contextlib.ExitStack() as taps:
                for monitor in self.listeners:
                    if monitor._outer is not monitor._inner:
                        taps.enter_context(before_apply(monitor._outer, monitor.count))
                    taps.enter_context(before_apply(monitor._inner, monitor.see))
                if self._recording is None:
                    self._model.make_train_function(force=True)
                    self._recording, self._model.train_function = self._model.train_function, self
                return self._recording(iterator)
        except (StopIteration, tf.errors.OutOfRangeError):  # the end of the data
            raise
        except BaseException:
            self.remove()
            raise

    def leave(self, listener):
        """Ends the recording for one listener, and for the model with the last."""
        self.listeners.remove(listener)
        if not self.listeners:
            self.remove()

    def remove(self):
        """Gives the model its own train function back."""
        if self._model.train_function is self:
            self._model.train_function = self._own

    def _is_stale(self):
        return getattr(self._model, "history", None) is not self._fit


@contextlib.contextmanager
def before_apply(optimizer, look):
    """While open, calls `look(gradients, variables)` wherever `optimizer.apply` is called."""
    apply, patched = optimizer.apply, vars(optimizer).get("apply")

    def looked_at_apply(grads, trainable_variables=None):
        grads = list(grads)
        variables = list(optimizer._trainable_variables if trainable_variables is None else trainable_variables)
        look(grads, variables)
        return apply(grads, variables)

    # Straight into the instance's dictionary: Keras tracks what is assigned in the ordinary way.
    vars(optimizer)["apply"] = looked_at_apply
    try:
        yield
    finally:
        del vars(optimizer)["apply"]
        if patched is not None:
            vars(optimizer)["apply"] = patched
