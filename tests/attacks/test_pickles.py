"""A pickle of arrays is checked before an array is built: by its types, its shape and its bytes.

Without the checks some of these end the process by a signal, so each is read in one of its own.
"""

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion_sched.data.pickles import load_pickle
from tests.processes import Forked

RECONSTRUCT: Any = np.zeros(0).__reduce__()[0]
SCALAR: Any = np.float64(0).__reduce__()[0]
FRAME: Any = np.zeros(1).__reduce_ex__(5)[0]
OBJECT_STATE = (3, "|", None, None, None, -1, -1, 63)
POINTERS = b"A" * 8


class Call:
    """Pickled as a call of a function, with a state that is set afterwards."""

    def __init__(self, function: Any, arguments: tuple[Any, ...], state: Any = None) -> None:
        self.parts = (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def dtype(name: str, state: Any = None) -> Call:
    return Call(np.dtype, (name, False, True), state)


def array(kind: Any, raw: Any, shape: Any = (1,)) -> Call:
    return Call(RECONSTRUCT, (np.ndarray, (0,), b"b"), (1, shape, kind, False, raw))


UNFLAGGED = (3, "|", None, None, None, -1, -1, 0)
ATTACKS = {
    "object without flags, raw bytes": array(dtype("O8", UNFLAGGED), POINTERS),
    "object, raw bytes": array(dtype("O8", OBJECT_STATE), POINTERS),
    "object as a field": array(dtype("O8,O8"), POINTERS * 2),
    "fields by a state": array(
        dtype("V8", (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)), POINTERS
    ),
    "numbers with another item size": array(
        dtype("f8", (3, "<", None, None, None, 1 << 20, 8, 0)), b"a"
    ),
    "text with another item size": array(
        dtype("U1", (3, "<", None, None, None, 1 << 20, 4, 8)), b"abcd"
    ),
    "more than is held": array(np.dtype("f8"), b"a" * 8, (10**12,)),
    "a list of another length": array(np.dtype("O"), [1, 2], (10**9,)),
    "a negative size": array(np.dtype("f8"), b"", (-1,)),
    "a shape with a name": array(np.dtype("f8"), b"", ("a",)),
    "made with a shape at once": Call(RECONSTRUCT, (np.ndarray, (1 << 40,), b"b")),
    "the class itself called": Call(np.ndarray, ((1 << 40,),)),
    "a scalar of pointers": Call(SCALAR, (dtype("O8", UNFLAGGED), POINTERS)),
    "a scalar of too few bytes": Call(SCALAR, (np.dtype("f8"), b"a")),
    "a buffer of pointers": Call(FRAME, (POINTERS, np.dtype("O"), (1,), "C")),
    "a buffer with another shape": Call(FRAME, (POINTERS, np.dtype("f8"), (1 << 40,), "C")),
    "many bytes from a number": Call(bytes, (1 << 40,)),
    "a buffer from a number": Call(bytearray, (1 << 40,)),
    "the state of a function": Call(RECONSTRUCT, (np.ndarray, (0,), b"b"), ({}, {"a": 1})),
}  # fmt: skip
LONG_OPCODES = {
    "bytes": pickle.BINBYTES8, "text": pickle.BINUNICODE8, "buffer": pickle.BYTEARRAY8,
    "frame": pickle.FRAME,
}  # fmt: skip


def _read_all(paths: list[Path]) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (1 << 36, resource.RLIM_INFINITY))
    for path in paths:
        print(path, flush=True)  # the last one, where the process ends here
        with pytest.raises(ValueError, match=r"bad\.pkl (was refused|is a damaged pickle)"):
            np.asarray(load_pickle(path)).tolist()


def test_each_attack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    paths = []
    for name, value in ATTACKS.items():
        for protocol in (2, 4):
            paths.append(tmp_path / f"{name} {protocol}" / "bad.pkl")
            paths[-1].parent.mkdir()
            paths[-1].write_bytes(pickle.dumps(value, protocol=protocol))
    answer = Forked(tmp_path / "runs", _read_all, paths).wait()
    assert answer.code == 0, (answer.code, answer.out.splitlines()[-1:], answer.err[-500:])


@pytest.mark.parametrize("name", LONG_OPCODES)
def test_a_length_beyond_the_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(b"\x80\x05" + LONG_OPCODES[name] + struct.pack("<Q", 1 << 37) + b"abc.")
    with pytest.raises(ValueError, match=r"bad\.pkl is a damaged pickle: .*137438953472 bytes"):
        load_pickle(path)
