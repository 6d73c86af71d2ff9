"""Files of the IDX format, in which MNIST is published: a header and unsigned bytes."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from fusion_sched.data.clips.files import check_present

UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the array uint8 of an IDX file, gzipped where its name ends in `.gz`.

    The header is two zero bytes, a type, the number of dimensions, and each length as 32 bits,
    most significant byte first.
    """
    check_present(path)
    data = read_bytes(path)
    header = 4 + 4 * dimensions
    expected = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if data[:4] != expected:
        raise ValueError(
            f"{path} begins with {data[:4].hex(' ')}, expected {expected.hex(' ')}: an IDX file of "
            f"bytes with {dimensions} dimension(s); fetch it again"
        )
    if len(data) < header:
        raise ValueError(f"{path} ends within its header; fetch it again")
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    if len(data) - header != math.prod(shape):
        raise ValueError(
            f"{path} holds {len(data) - header} bytes after its header, expected "
            f"{' × '.join(map(str, shape))} = {math.prod(shape)}; fetch it again"
        )
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape)


def read_bytes(path: Path) -> bytes:
    """Return the file's content, unpacked."""
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as stream:
            return stream.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be unpacked: {error}; fetch it again") from error


def write_idx(path: Path, values: np.ndarray) -> None:
    """Write an array uint8 as an IDX file, gzipped where its name ends in `.gz`."""
    header = bytes([0, 0, UNSIGNED_BYTE, values.ndim])
    content = header + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    # The time is left out, so that the same array gives the same file.
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
