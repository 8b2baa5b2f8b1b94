"""Reads segment files with aiokafka's record parser, which knows nothing of ours.

Prints one line a record: offset, timestamp, key, value, headers; bytes in hexadecimal, `-` for null.
Exits with 3 when aiokafka cannot be imported, or lacks what it needs for the codec of a batch (cramjam).
"""
import sys

try:
    from aiokafka.errors import UnsupportedCodecError
    from aiokafka.record.memory_records import MemoryRecords
except ImportError as error:
    print(error)
    sys.exit(3)


def text(value):
    return "-" if value is None else "x" + bytes(value).hex()


def lines(path):
    with open(path, "rb") as file:
        batches = MemoryRecords(file.read())
    while batches.has_next():
        batch = batches.next_batch()
        if not batch.validate_crc():
            sys.exit("wrong checksum in " + path)
        for record in batch:
            headers = ",".join(name + "=" + text(value) for name, value in record.headers)
            yield record.offset, record.timestamp, text(record.key), text(record.value), headers


try:
    for path in sys.argv[1:]:
        for line in lines(path):
            print(*line)
except UnsupportedCodecError as error:
    print(error)
    sys.exit(3)
