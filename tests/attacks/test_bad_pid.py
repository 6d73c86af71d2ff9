"""Sixty tables and arrays that `pid` cannot use or must warn of; scales and offsets of columns."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusion_sched.commands.pid import inspect_file
from fusion_sched.probe import KMeansProbe
from fusion_sched.probe.arrays import ArrayDiagnosis, diagnose_arrays
from fusion_sched.runtime.files import naming
from fusion_sched.types import Estimate

GENERATOR = np.random.default_rng(0)
Y = np.arange(60) % 3
SYMBOLS = GENERATOR.integers(0, 3, 60)
FLOATS = GENERATOR.normal(size=(60, 2)) + Y[:, None]
ROWS = [f"{a},{y}" for a, y in zip(SYMBOLS, Y, strict=True)]
QUICK = {"probe": "posterior", "samples": None}


def inspect(path: Path, **given: Any) -> list[Any]:
    settings = {"columns": [], "as_json": True, "target": "y", **QUICK, **given}
    with naming(path):
        return inspect_file(
            path, settings.pop("target"), settings.pop("columns"), settings.pop("as_json"),
            tables=KMeansProbe(), **settings,
        )  # fmt: skip


TABLES: dict[str, tuple[str, str]] = {
    "empty": ("", "no header"),
    "a header alone": ("a,y\n", "bad.csv"),
    "one row": ("a,y\n1,0\n", "bad.csv"),
    "blank lines": ("\n\n\n", "no header"),
    "no label": ("a,b\n" + "1,2\n0,1\n" * 20, "--target"),
    "the label alone": ("y\n" + "1\n0\n" * 20, "a modality"),
    "a name twice": ("a,a,y\n" + "1,2,0\n0,1,1\n" * 20, "more than once"),
    "a cell too many": ("a,y\n" + "\n".join(ROWS) + "\n1,0,4\n", "line 62"),
    "a cell too few": ("a,y\n" + "\n".join(ROWS) + "\n1\n", "line 62"),
    "an open quote": ('a,y\n"1,0\n2",0\n' + "\n".join(ROWS), "line 2"),
    "semicolons": ("a;y\n" + "1;0\n0;1\n" * 20, "a;y"),
    "tabs": ("a\ty\n" + "1\t0\n0\t1\n" * 20, "a\\ty"),
    "a missing label": ("a,y\n" + "\n".join(ROWS) + "\n1,\n", "'y' is empty"),
    "a missing value": ("a,y\n" + "\n".join(ROWS) + "\n,1\n", "'a' is empty"),
    "NA among numbers": ("a,y\n" + "0.5,0\n1.5,1\n" * 20 + "NA,1\n", "'a' is empty"),
    "text among numbers": ("a,y\n" + "0.5,0\n1.5,1\n" * 20 + "low,1\n", "'low'"),
    "infinity": ("a,y\n" + "0.5,0\n1.5,1\n" * 20 + "inf,1\n", "'a'"),
    "too large for a float": ("a,y\n" + "0.5,0\n1.5,1\n" * 20 + "1e999,1\n", "'a'"),
    "measured labels": ("a,y\n" + "".join(f"1,{n / 7}\n0,{n / 9}\n" for n in range(30)), "bins"),
    "labels that all differ": ("a,y\n" + "".join(f"{n % 2},{n}\n" for n in range(40)), "'y'"),
    "an index alone": ("id,y\n" + "".join(f"{n},{n % 2}\n" for n in range(40)), "'id'"),
    "unnamed symbols": (",y\n" + "1,0\n1,1\n" * 20, "no name"),
    "one class": ("a,y\n" + "0.5,1\n1.5,1\n" * 20, "one class"),
    "a slash in a name": ("a/b,y\n" + "1,0\n0,1\n" * 20, "a/b"),
    "not UTF-8": ("a,y\n\udcff,0\n" + "1,1\n" * 20, "bad.csv"),
    "zero bytes": ("a,y\n\0,0\n" + "\n".join(ROWS), "bad.csv"),
    "nine columns": ("a,b,c,d,e,f,g,h,i,y\n" + "1,0,1,0,1,0,1,0,1,0\n0,1,1,0,0,1,0,1,1,1\n" * 20,
                     "at most 8"),
    "eleven samples": ("a,y\n" + "".join(f"{n / 7},{n % 2}\n" for n in range(11)), "12"),
}  # fmt: skip

ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "other length": ({"y": Y, "a": SYMBOLS[:59]}, "59"),
    "one number": ({"y": Y, "a": np.int64(3)}, "a has shape ()"),
    "three axes": ({"y": Y, "a": np.zeros((60, 2, 2))}, "(60, 2, 2)"),
    "an axis of zero": ({"y": Y, "a": np.zeros((60, 0))}, "(60, 0)"),
    "no rows": ({"y": Y[:0], "a": SYMBOLS[:0]}, "y"),
    "NaN": ({"y": Y, "a": np.where(FLOATS > 3, np.nan, FLOATS)}, "NaN"),
    "infinity": ({"y": Y, "a": np.where(FLOATS > 3, np.inf, FLOATS)}, "infinity"),
    "complex": ({"y": Y, "a": FLOATS + 1j}, "complex"),
    "objects": ({"y": Y, "a": np.array([None] * 60)}, "objects"),
    "dates": ({"y": Y, "a": np.array(["2020-01-01"] * 60, "datetime64[D]")}, "datetime"),
    "negative labels": ({"y": Y - 1, "a": SYMBOLS}, "-1"),
    "negative symbols": ({"y": Y, "a": SYMBOLS - 1}, "-1"),
    "matrices of integers": ({"y": Y, "a": np.stack([SYMBOLS, Y], axis=1)}, "(60, 2)"),
    "labels in columns": ({"y": Y[:, None], "a": SYMBOLS}, "(60, 1)"),
    "an offset without digits": ({"y": Y, "a": (1e9 + 100 * FLOATS).astype(np.float32)}, "'a'"),
    "a joint with a negative": ({"p": np.full((2, 2, 2), -0.125)}, "non-negative"),
    "a joint of two axes": ({"p": np.full((2, 2), 0.25)}, "(2, 2)"),
    "a joint of four axes": ({"p": np.full((2, 2, 2, 2), 1 / 16)}, "(2, 2, 2, 2)"),
    "a joint that sums to two": ({"p": np.full((2, 2, 2), 0.25)}, "sums to 2"),
    "a joint of nothing": ({"p": np.zeros((2, 2, 2))}, "sums to 0"),
    "a joint with NaN": ({"p": np.full((2, 2, 2), np.nan)}, "bad.npz"),
    "an empty joint": ({"p": np.zeros((0, 2, 2))}, "(0, 2, 2)"),
    "a joint of text": ({"p": np.array([[["x"]]])}, "bad.npz"),
}

SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "an absent label": ({"target": "label"}, "'label'"),
    "an absent column": ({"columns": ["a", "voice"]}, "'voice'"),
    "a column twice": ({"columns": ["a", "a"]}, "--columns"),
    "the label as a column": ({"columns": ["y"]}, "--columns"),
    "an absent group": ({"group": "speaker"}, "'speaker'"),
    "few groups": ({"group": "b", "columns": ["a"]}, "groups"),
    "another probe": ({"probe": "magic"}, "'magic'"),
    "no samples": ({"samples": 0}, "samples is 0"),
    "a modality without a file": ({"added": ["c="]}, "'c='"),
    "a modality without a name": ({"added": ["=c.npy"]}, "'=c.npy'"),
    "a modality that is absent": ({"added": ["c=none.npy"]}, "none.npy"),
    "a pattern without a column": ({"added": ["c=w?"]}, "'w?'"),
    "a pair of one": ({"pairs": "a"}, "'a'"),
    "a pair with a stranger": ({"pairs": "a/z"}, "z"),
    "pairs and parts": ({"pairs": "all", "pointwise": Path("p.csv")}, "--pairs"),
    "parts of one modality": ({"columns": ["a"], "pointwise": Path("p.csv")}, "--pointwise"),
    "parts of another kind": ({"pointwise": Path("p.txt")}, "p.txt"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_refused(tmp_path: Path, name: str) -> None:
    text, word = TABLES[name]
    (tmp_path / "bad.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"bad\.csv") as refused:
        inspect(tmp_path / "bad.csv")
    assert word in str(refused.value)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_is_refused(tmp_path: Path, name: str) -> None:
    arrays, word = ARRAYS[name]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=r"bad\.npz") as refused:
        inspect(tmp_path / "bad.npz")
    assert word in str(refused.value)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    given, word = SETTINGS[name]
    monkeypatch.chdir(tmp_path)
    np.savez("good.npz", y=Y, a=SYMBOLS, b=(SYMBOLS + Y) % 3)
    with pytest.raises((ValueError, FileNotFoundError)) as refused:
        inspect(Path("good.npz"), **given)
    assert word in str(refused.value)


def diagnosed(**modalities: np.ndarray) -> ArrayDiagnosis:
    y = np.arange(240) % 3
    return diagnose_arrays(modalities, y, probe="posterior", samples=None, tables=KMeansProbe())


def informations(result: ArrayDiagnosis) -> list[Estimate]:
    d = result.diagnosis
    assert d.redundancy is not None
    assert d.synergy is not None
    return [*d.mi.values(), *d.unique.values(), d.joint_mi, d.redundancy, d.synergy]


@pytest.mark.slow
def test_scales_and_offsets_change_nothing() -> None:
    """Of all columns together, and of each modality by another number."""
    generator = np.random.default_rng(1)
    y = np.arange(240) % 3
    a, b = generator.normal(size=(2, 240, 3)) + np.stack([y, 0 * y])[..., None]
    plain = informations(diagnosed(a=a, b=b))
    for first, second in [((1e6, 5.0), (1e-6, -3.0)), ((-2.0, 1e4), (1e-30, 0.0)),
                          ((1e200, 0.0), (3.0, 1e3))]:  # fmt: skip
        changed = informations(diagnosed(a=first[0] * a + first[1], b=second[0] * b + second[1]))
        for before, after in zip(plain, changed, strict=True):
            assert after.value == pytest.approx(before.value, abs=2e-3)
            assert after.low == pytest.approx(before.low, abs=5e-3)
            assert after.high == pytest.approx(before.high, abs=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["copy", "symbols", "many values", "sharp", "noise"])
def test_no_information_is_above_that_of_the_label(kind: str) -> None:
    generator = np.random.default_rng(2)
    y = np.arange(240) % 3
    noise = generator.normal(size=240)
    first: dict[str, Any] = {
        "copy": y, "symbols": (y + (generator.random(240) < 0.05)) % 3,
        "many values": y * 40 + generator.integers(0, 40, 240), "sharp": y + 1e-9 * noise,
        "noise": noise,
    }  # fmt: skip
    second = generator.integers(0, 3, 240) if first[kind].dtype.kind == "i" else noise[::-1].copy()
    result = diagnosed(a=first[kind], b=second)
    most = result.diagnosis.label_entropy
    for estimate in informations(result):
        assert estimate.value <= most + 2e-3
        assert estimate.low is None or estimate.low <= most + 2e-3
    assert float(torch.tensor([e.value for e in informations(result)]).isfinite().all()) == 1
