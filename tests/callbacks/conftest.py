import pytest


@pytest.fixture
def read_tensors():
    """Reads event files back with TensorBoard's own reader: dict of tag to dict of step to array."""
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def read(directory):
        events = EventAccumulator(str(directory), size_guidance={"tensors": 0}).Reload()
        return {
            tag: {event.step: tf.make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}
            for tag in events.Tags()["tensors"]
        }

    return read
