"""Events as the bytes that a file holds, made of parts that are serialized once.

Of scalars and of arrays over the layers only the numbers change from epoch to epoch. In the bytes of such a value the
numbers come last: Protocol Buffers are written field by field, in the order in which the fields are numbered (a test
compares the bytes). So the bytes before the numbers are kept, and the numbers are appended.

Numbers that float32 cannot hold become infinite, of which NumPy warns unless `np.errstate(over="ignore")` is open.
"""

import functools
import time
from collections.abc import Iterable, Mapping

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2

FLOAT32 = np.dtype("<f4")


def event(step: int, values: Iterable[bytes]) -> bytes:
    """Return a serialized event, of this moment, with values as the other functions return them."""
    start = event_pb2.Event(wall_time=time.time(), step=step).SerializeToString()
    summary = b"".join(values)
    return b"".join((start, b"\x2a", _as_varint(len(summary)), summary))  # field 5


def serialized(message: summary_pb2.Summary.Value) -> bytes:
    """Return any value, serialized as a part of an event."""
    return summary_pb2.Summary(value=[message]).SerializeToString()


def scalars(numbers: Mapping[str, float]) -> list[bytes]:
    """Return scalars by their tags, each serialized as a part of an event."""
    data, size = _float32([*numbers.values()]), FLOAT32.itemsize
    return [_scalar_prefix(tag) + data[size * i : size * (i + 1)] for i, tag in enumerate(numbers)]


def array(tag: str, numbers: np.ndarray) -> bytes:
    """Return an array of rank 1 without metadata, serialized as a part of an event."""
    return _array_prefix(tag, len(numbers)) + _float32(numbers)


def array_message(numbers: np.ndarray) -> tensor_pb2.TensorProto:
    """Return an array of rank 1 as a message."""
    message = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=_float32(numbers))
    message.tensor_shape.dim.add(size=len(numbers))
    return message


def _float32(numbers: np.ndarray | list) -> bytes:
    return np.asarray(numbers).astype(FLOAT32).tobytes()


@functools.lru_cache(maxsize=2**14)
def _scalar_prefix(tag: str) -> bytes:
    return serialized(summary_pb2.Summary.Value(tag=tag, simple_value=0.0))[: -FLOAT32.itemsize]


@functools.lru_cache(maxsize=2**10)
def _array_prefix(tag: str, count: int) -> bytes:
    message = summary_pb2.Summary.Value(tag=tag, tensor=array_message(np.zeros(count)))
    prefix_and_zeros = serialized(message)
    return prefix_and_zeros[: len(prefix_and_zeros) - FLOAT32.itemsize * count]


def _as_varint(number: int) -> bytes:
    """A number as Protocol Buffers write it: seven bits in a byte, the lowest first."""
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])
