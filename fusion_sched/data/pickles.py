"""Pickles of numpy arrays and plain containers, read without calling anything else they name.

A pickle may name any function and have it called while it is read. Published data sets come as
pickles all the same, so this reader knows the few functions that make arrays and refuses the rest.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from fusion_sched.data.clips.files import check_present


class Refused(ValueError):
    """A pickle that names something other than arrays, scalars and plain containers."""


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
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")


def admitted() -> dict[tuple[str, str], Callable[..., Any]]:
    """Map module and name, as numpy 1 and 2 and Python 2 and 3 write them, to what they make."""
    # Private functions of numpy that its own pickles name: asked of numpy, not imported.
    reconstruct: Any = np.zeros(0).__reduce__()[0]
    scalar: Any = np.float64(0).__reduce__()[0]
    known: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): encode_latin1,
        ("collections", "OrderedDict"): OrderedDict,
    }
    for core in ("numpy.core", "numpy._core"):
        known[f"{core}.multiarray", "_reconstruct"] = reconstruct
        known[f"{core}.multiarray", "scalar"] = scalar
        known[f"{core}.numeric", "_frombuffer"] = array_of_buffer
    for builtins in ("builtins", "__builtin__"):
        for container in (set, frozenset, bytes, bytearray, complex):
            known[builtins, container.__name__] = container
    return known


ADMITTED = admitted()


class ArrayUnpickler(pickle.Unpickler):
    """Reads numpy arrays, dtypes, scalars and plain containers; strings of Python 2 as latin1."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle names, where it is one of the few things that make arrays."""
        if (module, name) not in ADMITTED:
            raise Refused(
                f"it names {module}.{name}, expected only numpy arrays, scalars and plain "
                "containers; nothing of it was run"
            )
        return ADMITTED[module, name]


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
