"""What differs between the backends of Keras: a module for TensorFlow, JAX and PyTorch each, with the same names.

A train step is a TensorFlow graph, a function that JAX traces, or Python that PyTorch runs. Whatever is recorded in a
step is a pure function in `keras.ops`; these modules know how a step is reached and where its results are kept:

- `Recording`: the train function of one `fit` whose steps are recorded; makes `Sampler`s and `Accumulator`s.
- `Sampler`: counts the steps of an epoch and tells which of them are looked at.
- `Accumulator`: joins what is computed in each of these steps to one value, which is read when the epoch ends.
- `listen_to_gradients`, `listen_to_batches`: contexts that hand a step's gradients and its batch to a function.
- `compiled`: makes a reading of a function of variables' values, called once an epoch, that returns a NumPy array;
  `Recording.reading` makes one of samplers and accumulators, and `together` one function of several readings.
- and some functions on tensors that `keras.ops` does not have.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import keras

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}

if keras.backend.backend() not in BACKENDS:
    raise RuntimeError(
        f"These callbacks need Keras on {', '.join(list(BACKENDS.values())[:-1])} or PyTorch, but Keras runs on "
        f"{keras.backend.backend()}: set KERAS_BACKEND to {', '.join(list(BACKENDS)[:-1])} or torch before Keras is "
        "imported."
    )

if TYPE_CHECKING:
    from . import tensorflow as _backend
else:
    _backend = import_module(f".{keras.backend.backend()}", __name__)

END_OF_DATA = _backend.END_OF_DATA
READS_TOGETHER = _backend.READS_TOGETHER
Accumulator = _backend.Accumulator
Recording = _backend.Recording
Sampler = _backend.Sampler
array_of = _backend.array_of
compiled = _backend.compiled
dense = _backend.dense
elements_at = _backend.elements_at
have_values = _backend.have_values
host_reading = _backend.host_reading
is_batch_array = _backend.is_batch_array
listen_to_batches = _backend.listen_to_batches
listen_to_gradients = _backend.listen_to_gradients
once_computed = _backend.once_computed
outside_the_step = _backend.outside_the_step
sums_and_nonfinite = _backend.sums_and_nonfinite
together = _backend.together
