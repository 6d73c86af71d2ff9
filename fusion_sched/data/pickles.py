"""Pickles of numpy arrays and plain containers, read without calling anything else they name.

A pickle may name any function and have it called while it is read. Published data sets come as
pickles all the same, so this reader knows the few functions that make arrays and refuses the rest.
"""

import math
import os
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.lib import format as npy

from fusion_sched.data.clips.files import check_present


class Refused(ValueError):
    """A pickle that holds something other than arrays, scalars and plain containers."""


class ArrayClass:
    """Stands for `numpy.ndarray` in a pickle, which may name it but not call it."""


def make_dtype(name: str, *_: bool) -> np.dtype[Any]:
    """Return a new dtype of plain values or objects; numpy's own ones are shared by everybody."""
    kind = np.dtype(name, copy=True) if isinstance(name, str) else None
    if kind is None or kind.kind not in KINDS:
        raise Refused(f"values of type {name!r}, expected numbers, truth values or text")
    return kind


def new_array(kind: Any, shape: tuple[int, ...], code: bytes | str) -> np.ndarray:
    """Return an empty array, which gets its shape and values by its state."""
    if kind is not ArrayClass or shape != (0,):
        raise Refused(f"an array made as {kind!r} of shape {shape!r} before its values")
    return np.zeros(0, dtype=np.int8)


def make_scalar(kind: np.dtype[Any], raw: bytes | str) -> Any:
    """Return the one value that the bytes hold."""
    check_bytes(kind, (), raw)
    scalar: Any = np.float64(0).__reduce__()[0]  # private to numpy: asked of it, not imported
    return scalar(kind, raw)


def make_bytes(content: Any = b"", encoding: str = "latin1") -> bytes:
    """Return bytes of bytes or of text; of a number they would be as many zeros."""
    if isinstance(content, str):
        return encode_latin1(content, encoding)
    if not isinstance(content, bytes | bytearray):
        raise Refused(f"bytes made of {type(content).__name__}")
    return bytes(content)


def make_bytearray(content: Any = b"", encoding: str = "latin1") -> bytearray:
    return bytearray(make_bytes(content, encoding))


def encode_latin1(text: str, encoding: str) -> bytes:
    """Return the bytes that a pickle of protocol 2 or less wrote as text."""
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"bytes in encoding {encoding!r}, expected latin1")
    return text.encode("latin1")


def array_of_buffer(
    buffer: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: str
) -> np.ndarray:
    """Return the array that a pickle of protocol 5 wrote as a buffer."""
    if order not in ("C", "F"):
        raise Refused(f"an array in order {order!r}, expected 'C' or 'F'")
    check_bytes(dtype, shape, buffer)
    flat: np.ndarray = np.frombuffer(buffer, dtype=dtype) if buffer else np.zeros(0, dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def check_bytes(kind: Any, shape: Any, raw: Any) -> None:
    """Raise where raw bytes are not the plain values of an array of this type and shape."""
    if not isinstance(kind, np.dtype) or kind.kind not in PLAIN_KINDS:
        raise Refused(f"raw bytes as {kind!r}, expected numbers, truth values or text")
    held = len(raw) if isinstance(raw, bytes | bytearray | str) else -1
    if count(shape) * kind.itemsize != held:
        raise Refused(f"an array of shape {shape} of {kind}, but {held} bytes for it")


def count(shape: Any) -> int:
    """Return how many values an array of the shape holds."""
    if not isinstance(shape, tuple) or not all(
        isinstance(size, int) and 0 <= size < 2**40 for size in shape
    ):
        raise Refused(f"an array of shape {shape!r}")
    return math.prod(shape)


def check_state(kind: Any, state: Any) -> None:
    """Raise where the state of a dtype or an array is not what numpy itself writes for it.

    numpy believes a state. With other flags or sizes it takes raw bytes for addresses.
    """
    if isinstance(kind, np.dtype):
        own = kind.__reduce__()[2]
        if not isinstance(state, tuple) or state[2:] != own[2:] or state[1] not in ORDERS:
            raise Refused(f"a dtype {kind} with the state {state!r}, expected {own!r}")
    elif isinstance(kind, np.ndarray):
        if not isinstance(state, tuple) or len(state) != 5:
            raise Refused("an array with a state that is not of five parts")
        _, shape, dtype, _, values = state
        if isinstance(dtype, np.dtype) and dtype.hasobject and isinstance(values, list):
            if count(shape) != len(values):
                raise Refused(f"an array of shape {shape}, but {len(values)} objects for it")
        else:
            check_bytes(dtype, shape, values)
    else:
        raise Refused(f"a state for {type(kind).__name__}, which has none")


PLAIN_KINDS = "biufcSU"
KINDS = f"{PLAIN_KINDS}O"
"""Kinds of dtype that are read; objects only as a list of them, each of which is checked too."""
ORDERS = ("<", ">", "|", "=")


def admitted() -> dict[tuple[str, str], Callable[..., Any]]:
    """Map module and name, as numpy 1 and 2 and Python 2 and 3 write them, to what they make."""
    known: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "ndarray"): ArrayClass,
        ("numpy", "dtype"): make_dtype,
        ("_codecs", "encode"): encode_latin1,
        ("collections", "OrderedDict"): OrderedDict,
    }
    for core in ("numpy.core", "numpy._core"):
        known[f"{core}.multiarray", "_reconstruct"] = new_array
        known[f"{core}.multiarray", "scalar"] = make_scalar
        known[f"{core}.numeric", "_frombuffer"] = array_of_buffer
    for builtins in ("builtins", "__builtin__"):
        for container in (set, frozenset, complex):
            known[builtins, container.__name__] = container
        known[builtins, "bytes"] = make_bytes
        known[builtins, "bytearray"] = make_bytearray
    return known


ADMITTED = admitted()


class BoundedStream:
    """A file of which no more is asked than it holds: a length in it may be of any size."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = os.fstat(stream.fileno()).st_size

    def read(self, size: int) -> bytes:
        if size > self._size:
            raise EOFError(f"it declares {size} bytes in one place, but the file has {self._size}")
        return self._stream.read(size)

    def readline(self) -> bytes:
        return self._stream.readline()


class ArrayUnpickler(pickle._Unpickler):
    """Reads numpy arrays, dtypes, scalars and plain containers; strings of Python 2 as latin1.

    It is the one in Python, not in C: only there a state can be checked before it is set.
    """

    dispatch: ClassVar[Any] = dict(pickle._Unpickler.dispatch)
    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(BoundedStream(stream), encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle names, where it is one of the few things that make arrays."""
        if (module, name) not in ADMITTED:
            raise Refused(
                f"it names {module}.{name}, expected only numpy arrays, scalars and plain "
                "containers; nothing of it was run"
            )
        return ADMITTED[module, name]

    def set_state(self) -> None:
        """Set the state of the object below it on the stack."""
        check_state(self.stack[-2], self.stack[-1])
        pickle._Unpickler.dispatch[pickle.BUILD[0]](self)  # type: ignore[arg-type]

    def append_bytearray(self) -> None:
        """Put a bytearray on the stack; Python's own one has the declared size unread."""
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(size)))

    dispatch[pickle.BUILD[0]] = set_state
    dispatch[pickle.BYTEARRAY8[0]] = append_bytearray


def load_pickle(path: Path) -> Any:
    """Return what a pickle of arrays and plain containers holds."""
    check_present(path)
    with path.open("rb") as stream:
        return unpickle(stream, path)


def load_object(path: Path) -> Any:
    """Return the one object that an `.npy` file holds as a pickle."""
    check_present(path)
    with path.open("rb") as stream:
        try:
            version = npy.read_magic(stream)
            read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            shape, _, dtype = read_header[version](stream)
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{path} is not an .npy file of version 1 or 2: {error}; fetch it again"
            ) from error
        if not dtype.hasobject or shape != ():
            raise ValueError(
                f"{path} holds {dtype} of shape {shape}, expected one pickled object; take the "
                "published file"
            )
        content = unpickle(stream, path)
    if not isinstance(content, np.ndarray) or content.shape != ():
        raise ValueError(f"{path} holds {type(content).__name__} behind its header; fetch it again")
    return content.item()


def unpickle(stream: BinaryIO, path: Path) -> Any:
    """Return the object at the stream's position; `path` is for the error."""
    try:
        return ArrayUnpickler(stream).load()
    except Refused as error:
        raise ValueError(f"{path} was refused: {error}; get it from its publishers") from error
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to mean
        raise ValueError(
            f"{path} is a damaged pickle: {type(error).__name__}: {error}; fetch it again"
        ) from error
