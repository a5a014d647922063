"""The records that an event file is made of: framed, and read as far as the file has been written.

A record is its length (8 bytes, little-endian), a checksum of the length, the data and a checksum of the data. This is
the format of TFRecord (https://www.tensorflow.org/tutorials/load_data/tfrecord).
"""

import mmap
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import google_crc32c
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2

HEADER, FOOTER = struct.Struct("<QI"), struct.Struct("<I")

TIME = re.compile(rb"\x09(.{8})", re.DOTALL)
FIRST_TAG = re.compile(
    rb"\x09.{8}"  # field 1 of an event, its time
    rb"(?:\x10([\x80-\xff]*[\x00-\x7f]))?"  # field 2, its step; left out where that is 0
    rb"\x2a[\x80-\xff]*[\x00-\x7f]"  # field 5, a summary, and its length
    rb"\x0a[\x80-\xff]*[\x00-\x7f]"  # field 1 of the summary, a value, and its length
    rb"\x0a([\x80-\xff]*[\x00-\x7f])",  # field 1 of the value, its tag, and the length of that
    re.DOTALL,
)
"""The beginning of an event: its time, and all up to the tag of its first value. Protocol Buffers are serialized in the
order of their fields."""


def framed(data: bytes) -> bytes:
    """Return `data` as a record."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, FOOTER.pack(_checksum(length)), data, FOOTER.pack(_checksum(data))))


def _checksum(data: bytes) -> int:
    """The masked CRC32C of TFRecord."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class EventFile:
    """An event file, which may still be growing.

    Attributes:
        path: the file.
        offset: how many bytes have been read.
        is_damaged: whether a record was found that is not as it was written; nothing after it is read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.is_damaged = False

    @property
    def started(self) -> float:
        """Time of the first event in seconds since 1970; 0 where there is none."""
        with self.path.open("rb") as file:
            match = TIME.match(file.read(HEADER.size + 9)[HEADER.size :])
        return float(struct.unpack("<d", match[1])[0]) if match else 0.0

    @property
    def ends_within_a_record(self) -> bool:
        """Whether there are bytes after the last whole record: one that is being written, or that never was."""
        return self.path.stat().st_size > self.offset

    def new_events(self, is_wanted: Callable[[str, int, int], bool]) -> Iterator[event_pb2.Event]:
        """Yield the events that were written since the last call.

        An event that is not wanted is skipped without being parsed, which is what makes large files fast to read.

        Args:
            is_wanted: function of the tag of an event's first value, the event's step, and its place in the file. It is
                not asked about events without a tag.
        """
        if self.is_damaged or self.path.stat().st_size <= self.offset:
            return
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            size = len(content)
            while self.offset + HEADER.size <= size:
                start = self.offset + HEADER.size
                length, checksum = HEADER.unpack_from(content, self.offset)
                if checksum != _checksum(content[self.offset : self.offset + 8]):
                    self.is_damaged = True
                    return
                if start + length + FOOTER.size > size:
                    return
                found = _tag_and_step(content, start, start + length)
                if found is None or is_wanted(*found, self.offset):
                    event = _parsed(content, start, length)
                    if event is None:
                        self.is_damaged = True
                        return
                    self.offset = start + length + FOOTER.size
                    yield event
                else:
                    self.offset = start + length + FOOTER.size

    def event_at(self, offset: int) -> event_pb2.Event | None:
        """Return the event at a place in the file that `new_events` named; None where it is damaged."""
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            length, _ = HEADER.unpack_from(content, offset)
            return _parsed(content, offset + HEADER.size, length)


def _tag_and_step(content: mmap.mmap, start: int, end: int) -> tuple[str, int] | None:
    """The tag of an event's first value, and its step; None for an event without values."""
    match = FIRST_TAG.match(content, start, min(end, start + 64))
    if match is None:
        return None
    tag_ends = match.end() + _varint(match[2])
    return content[match.end() : tag_ends].decode(errors="replace"), _varint(match[1] or b"\0")


def _varint(data: bytes) -> int:
    """The number that Protocol Buffers write like this: seven bits in a byte, the lowest first."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data))


def _parsed(content: mmap.mmap, start: int, length: int) -> event_pb2.Event | None:
    """The event between two places; None where its checksum is wrong."""
    data = content[start : start + length]
    (checksum,) = FOOTER.unpack_from(content, start + length)
    if checksum != _checksum(data):
        return None
    try:
        return event_pb2.Event.FromString(data)
    except DecodeError:
        return None
