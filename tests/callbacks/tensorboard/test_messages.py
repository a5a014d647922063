"""Events that are put together from serialized parts are those that Protocol Buffers would make of the whole."""

import time

import numpy as np
import pytest
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2

from callbacks.tensorboard import messages


@pytest.mark.parametrize("step", [0, 1, 127, 128, 70_000])
@pytest.mark.parametrize("layers", [0, 1, 6, 400])
def test_an_event_is_that_of_protocol_buffers(step, layers):
    numbers, text = np.linspace(-2, 2, layers), "größe/" + "x" * 200
    before = time.time()
    other = summary_pb2.Summary.Value(tag="other", simple_value=3.0)
    parts = [messages.array("layers/a", numbers), *messages.scalars({"a": 0.0, text: -0.1}), messages.serialized(other)]
    event = event_pb2.Event.FromString(messages.event(step, parts))

    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=numbers.astype("<f4").tobytes())
    tensor.tensor_shape.dim.add(size=layers)
    value = summary_pb2.Summary.Value
    values = [value(tag="layers/a", tensor=tensor)]
    values += [value(tag="a", simple_value=0.0), value(tag=text, simple_value=-0.1), other]
    assert before <= event.wall_time <= time.time()
    summary = summary_pb2.Summary(value=values)
    expected = event_pb2.Event(wall_time=event.wall_time, step=step, summary=summary)
    assert event == expected
    assert messages.event(step, parts)[9:] == expected.SerializeToString()[9:]  # after the time, byte by byte


def test_numbers_that_float32_cannot_hold_are_infinite():
    with np.errstate(over="ignore"):
        parts = [*messages.scalars({"a": 1e300, "b": float("nan")}), messages.array("c", np.array([-1e300]))]
    a, b, c = event_pb2.Event.FromString(messages.event(1, parts)).summary.value
    assert a.simple_value == np.inf
    assert np.isnan(b.simple_value)
    assert np.frombuffer(c.tensor.tensor_content, "<f4").tolist() == [-np.inf]
