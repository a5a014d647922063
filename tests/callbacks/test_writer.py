import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2

from callbacks.tensorboard.writer import BUCKETS, SummaryWriter, histogram


def test_histogram_is_numpys():
    values = np.random.RandomState(0).normal(size=1000)
    counts, edges = np.histogram(values, BUCKETS)
    table = histogram(values)
    np.testing.assert_array_equal(table[:, 2], counts)
    np.testing.assert_allclose(table[:, 0], edges[:-1])
    np.testing.assert_allclose(table[:, 1], edges[1:])


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
def test_histogram_of_nothing_is_empty(values):
    assert not histogram(values).any()


def test_histogram_of_one_value_and_of_the_largest_numbers():
    table = histogram([0.5, 0.5, np.nan])
    assert table[:, 2].sum() == table[-1, 2] == 2
    assert (table[:, :2] == 0.5).all()
    assert histogram(np.float32([-3e38, 0, 3e38]))[:, 2].sum() == 3
    assert histogram([0, 5e-324])[:, 2].sum() == 2


def test_what_is_written_reads_back(tmp_path, read_tensors):
    pixel = zlib.compress(b"\0\xff\xff\xff")
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)), (b"IDAT", pixel), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    writer = SummaryWriter.open(tmp_path / "new" / "run")
    writer.write(3, {"loss": 0.25}, {"h": [1.0, 2.0]}, {"picture": png})
    writer.write(4, {"loss": np.nan})
    tensors = read_tensors(tmp_path / "new" / "run")  # before it is closed: an epoch is on disk when it is over
    writer.close()
    assert tensors["loss"][3] == 0.25
    assert np.isnan(tensors["loss"][4])
    assert tensors["h"][3][:, 2].sum() == 2
    assert tensors["picture"][3].tolist() == [b"1", b"1", png]
    layout = layout_pb2.Layout.FromString(tensors["custom_scalars__config__"][0].item())
    assert [category.title for category in layout.category] == ["diagnosis", "gradients", "weights", "activations"]


def test_checksums_are_those_of_a_tfrecord(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    writer.write(0, {"loss": 1.0})
    writer.close()
    (path,) = tmp_path.iterdir()
    assert sum(1 for _ in tf.data.TFRecordDataset(str(path))) == 3  # version, layout, the event


def test_one_writer_a_directory_until_the_last_closes(tmp_path):
    first, second = SummaryWriter.open(tmp_path), SummaryWriter.open(str(tmp_path))
    assert first is second
    first.close()
    second.write(0, {"loss": 1.0})
    second.close()
    assert SummaryWriter.open(tmp_path) is not first
