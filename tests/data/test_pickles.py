"""Pickles of arrays are read whoever wrote them; nothing else in a pickle is ever called."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion_sched.data.pickles import load_object, load_pickle

PROTOCOLS = [0, 1, 2, 3, 4, 5]


class Runs:
    """A pickle that runs a shell command when it is read as pickles usually are."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_and_containers_come_back(tmp_path: Path, protocol: int) -> None:
    stored = {
        "text": np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32),
        "turned": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "empty": np.zeros((0, 3)),
        "ids": np.array(["a$_$1", "b$_$é"]),
        "mixed": np.array([["x", 1], [None, 2.5]], dtype=object),
        "scalar": np.float32(2.5),
        "raw": [b"\x00\xff", bytearray(b"z"), "ü", 1 + 2j, {1, 2}, OrderedDict(a=1)],
        "dtype": np.dtype(">f4"),
    }
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(stored, protocol=protocol))
    found = load_pickle(path)
    assert found.keys() == stored.keys()
    for name in ("text", "turned", "empty", "ids", "mixed"):
        assert np.array_equal(found[name], stored[name]), name
        assert found[name].dtype == stored[name].dtype
    for name in ("scalar", "raw", "dtype"):
        assert found[name] == stored[name]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_that_would_run_a_command_is_refused(tmp_path: Path, protocol: int) -> None:
    marker, path = tmp_path / "was_run", tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps({"train": Runs(marker)}, protocol=protocol))
    with pytest.raises(ValueError, match=r"bad\.pkl was refused: it names (posix|nt)\.system"):
        load_pickle(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())
    assert marker.exists(), "the pickle is harmless, so the test showed nothing"


def test_what_is_not_an_array_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    for value, name in (
        (pd.DataFrame({"a": [1]}), r"pandas\."),
        (Path("x"), r"pathlib\."),
        (np.random.default_rng(0), r"numpy\.random"),
        (np.ma.masked_array([1]), r"numpy\.ma"),
    ):
        path.write_bytes(pickle.dumps(value))
        with pytest.raises(ValueError, match=f"refused: it names {name}"):
            load_pickle(path)


@pytest.mark.parametrize(
    "spelling",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.",
        b"cnumpy\nload\n.",
        b"ccopyreg\n_reconstructor\n.",
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
    ],
)
def test_other_ways_to_name_a_function_are_refused(tmp_path: Path, spelling: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(spelling)
    with pytest.raises(ValueError, match="was refused"):
        load_pickle(tmp_path / "a.pkl")


def test_pickles_of_python_2_and_numpy_1_are_read(tmp_path: Path) -> None:
    """As Python 2 wrote `{"label": array}`: str as bytes, modules by their old names."""
    values = np.array([1, 200, 255], dtype=np.uint8)
    # GLOBAL, arguments of _reconstruct, REDUCE; then the state: version, shape, dtype, order, data.
    written = (
        b"\x80\x02}U\x05label"
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x03\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x03" + values.tobytes() + b"tbs."
    )
    (tmp_path / "old.pkl").write_bytes(written)
    found = load_pickle(tmp_path / "old.pkl")
    assert np.array_equal(found["label"], values)
    assert found["label"].dtype == np.uint8


@pytest.mark.parametrize("keep", [1, 10, 40, -1])
def test_a_damaged_pickle_is_named(tmp_path: Path, keep: int) -> None:
    whole = pickle.dumps({"a": np.arange(9)})
    (tmp_path / "cut.pkl").write_bytes(whole[:keep])
    with pytest.raises(ValueError, match=r"cut\.pkl is a damaged pickle"):
        load_pickle(tmp_path / "cut.pkl")
    (tmp_path / "empty.pkl").write_bytes(b"")
    with pytest.raises(ValueError, match="holds 0 bytes"):
        load_pickle(tmp_path / "empty.pkl")


def test_an_npy_of_one_object_is_read(tmp_path: Path) -> None:
    stored = {"train_image": np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)}
    np.save(tmp_path / "a.npy", np.array(stored, dtype=object), allow_pickle=True)
    assert np.array_equal(load_object(tmp_path / "a.npy")["train_image"], stored["train_image"])


def test_an_npy_that_would_run_a_command_is_refused(tmp_path: Path) -> None:
    marker, path = tmp_path / "was_run", tmp_path / "bad.npy"
    np.save(path, np.array({"train_image": Runs(marker)}, dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="refused: it names"):
        load_object(path)
    assert not marker.exists()


def test_other_npy_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(3))
    with pytest.raises(ValueError, match="expected one pickled object"):
        load_object(path)
    np.save(path, np.array(["a", None], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        load_object(path)
    path.write_bytes(b"PK\x03\x04 a zip archive")
    with pytest.raises(ValueError, match=r"not an \.npy file"):
        load_object(path)
