"""The records of event files: TensorFlow and TensorBoard read ours, and we read theirs."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto import event_pb2, summary_pb2

from callbacks.tensorboard.records import EventFile, framed


def event(step, *tags):
    values = [summary_pb2.Summary.Value(tag=tag, simple_value=1) for tag in tags]
    return event_pb2.Event(wall_time=5.5, step=step, summary=summary_pb2.Summary(value=values))


def records(*events):
    return [framed(one.SerializeToString()) for one in events]


def every(tag, step, offset):
    return True


def steps(file, is_wanted=every):
    return [one.step for one in file.new_events(is_wanted)]


def test_other_readers_find_in_our_records_what_was_put_in(tmp_path):
    path = tmp_path / "events"
    data = [b"", b"\0", np.random.RandomState(0).bytes(5000)]
    path.write_bytes(b"".join(map(framed, data)))
    assert list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()) == data
    path.write_bytes(b"".join(records(event(0, "a"), event(7, "b"))))
    assert [(one.step, one.summary.value[0].tag) for one in EventFileLoader(str(path)).Load()] == [(0, "a"), (7, "b")]


def test_what_tensorflow_wrote_is_read(tmp_path):
    path = tmp_path / "records"
    events = [event_pb2.Event(file_version="brain.Event:2", wall_time=2.5), event(0, "a", "b"), event(300, "c")]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one in events:
            writer.write(one.SerializeToString())
    file = EventFile(path)
    assert [*file.new_events(every)] == events
    assert (file.started, file.is_damaged, file.ends_within_a_record) == (2.5, False, False)

    with tf.summary.create_file_writer(str(tmp_path / "summary")).as_default():
        for step in (0, 1000):
            tf.summary.scalar("loss", 0.25, step)
            tf.summary.histogram("h", [1.0, 2.0], step)
    (path,) = (tmp_path / "summary").iterdir()
    asked = []
    file = EventFile(path)
    steps(file, lambda *found: asked.append(found[:2]))
    assert asked == [("loss", 0), ("h", 0), ("loss", 1000), ("h", 1000)]


def test_an_event_that_is_not_wanted_is_skipped_and_found_again_at_its_place(tmp_path):
    tags = ["a", "größe_層", "long" * 100, "d", "a"]
    events = [event(step, tag, "second") for step, tag in zip((0, 1, 300, 2**40, 4), tags, strict=True)]
    path = tmp_path / "events"
    parts = records(event_pb2.Event(wall_time=1, file_version="brain.Event:2"), *events)
    path.write_bytes(b"".join(parts))
    file, asked = EventFile(path), []

    def is_wanted(*found):
        asked.append(found)
        return found[0] == "a"

    assert [*file.new_events(is_wanted)][1:] == [events[0], events[4]]
    assert [(tag, step) for tag, step, _ in asked] == [(one.summary.value[0].tag, one.step) for one in events]
    assert [offset for _, _, offset in asked] == np.cumsum([len(part) for part in parts])[:-1].tolist()
    assert [file.event_at(offset) for _, _, offset in asked] == events
    assert file.offset == path.stat().st_size


def test_what_is_skipped_is_not_parsed(tmp_path):
    path = tmp_path / "events"
    whole = records(event(0, "a"), event(1, "skipped", "value"), event(2, "a"))
    path.write_bytes(b"".join(whole).replace(b"value", b"?????"))
    file, places = EventFile(path), {}

    def is_wanted(tag, step, offset):
        places[step] = offset
        return tag == "a"

    assert steps(file, is_wanted) == [0, 2]
    assert not file.is_damaged
    assert file.event_at(places[1]) is None
    assert file.event_at(places[2]) == event(2, "a")


def test_a_growing_file_is_read_on_from_where_it_ended(tmp_path):
    path = tmp_path / "events"
    path.touch()
    file, read = EventFile(path), []
    assert (steps(file), file.started, file.ends_within_a_record) == ([], 0.0, False)
    whole, ends = b"", []
    for record in records(event(0, "a"), event(1, "skipped"), event(2, "a")):
        whole += record
        ends.append(len(whole))
    for size in range(1, len(whole) + 1):  # byte by byte
        path.write_bytes(whole[:size])
        found = steps(file, lambda tag, *_: tag == "a")
        assert len(found) == (size in (ends[0], ends[2]))
        assert file.ends_within_a_record == (size not in ends)
        read += found
    assert read == [0, 2]
    assert not file.is_damaged


def test_a_damaged_record_ends_the_reading_wherever_the_damage_is(tmp_path):
    path = tmp_path / "events"
    first, second, third = records(event(0, "a"), event(1, "a"), event(2, "a"))
    (length,) = struct.unpack_from("<Q", second)
    assert length + 16 == len(second)  # that many bytes of data; the rest are the length and two checksums
    for place in range(len(second)):
        spoiled = bytearray(second)
        spoiled[place] ^= 1
        path.write_bytes(first + spoiled + third)
        file = EventFile(path)
        assert steps(file) == [0]
        assert (file.is_damaged, file.offset) == (True, len(first))
        path.write_bytes(first + spoiled + 2 * third)
        assert steps(file) == []


@pytest.mark.parametrize("data", [b"no protocol buffer", b"\x2a\x05\x0a"])
def test_a_record_that_is_no_event_is_damage(tmp_path, data):
    path = tmp_path / "events"
    path.write_bytes(framed(data))
    file = EventFile(path)
    assert steps(file) == []
    assert file.is_damaged
