"""The user's own arrays (what is refused is tested through the command line)."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusion_sched.data.arrays import Arrays


def save(folder: Path, **arrays: np.ndarray) -> Arrays:
    np.savez(folder / "mine.npz", **arrays)
    return Arrays(root=str(folder / "mine.npz"))


def test_vectors_are_standardised_by_train_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 4
    sound = rng.normal(5, 3, (200, 6))
    sound[:, 2] = 0.1  # its deviation is a rounding error, not 0
    sound[190:, 2] = 5.0
    split = np.repeat(["train", "validation", "test"], [100, 50, 50])
    splits = save(tmp_path, sound=sound, y=y, split=split).load()
    train = splits.train.inputs["sound"]  # type: ignore[attr-defined]
    assert train.mean(dim=0).abs().max() < 1e-5
    deviation = train.std(dim=0, unbiased=False)
    assert deviation[2] == 0
    assert deviation[[0, 1, 3, 4, 5]].numpy() == pytest.approx(np.ones(5), abs=1e-5)
    test = splits.test.inputs["sound"]  # type: ignore[attr-defined]
    assert test[:, 2].abs().max() == 0
    assert test.mean(dim=0).abs().max() > 1e-3


def test_labels_may_be_any_integers(tmp_path: Path) -> None:
    y = np.tile([7, -3, 1000], 40)
    splits = save(tmp_path, sound=np.random.default_rng(0).normal(size=(120, 2)), y=y).load()
    assert splits.classes == ("-3", "7", "1000")
    assert set(splits.train.labels.tolist()) == {0, 1, 2}


def test_the_files_own_split_is_used(tmp_path: Path) -> None:
    y = np.tile([0, 1], 50)
    split = np.array(["train"] * 60 + ["validation"] * 20 + ["test"] * 20)
    pictures = np.random.default_rng(0).normal(size=(100, 3, 5, 5))
    splits = save(tmp_path, picture=pictures, y=y, split=split).load()
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [60, 20, 20]
    assert splits.shapes == {"picture": (3, 5, 5)}


def test_a_flat_array_is_one_feature(tmp_path: Path) -> None:
    y = np.tile([0, 1], 50)
    assert save(tmp_path, age=np.arange(100), y=y).load().shapes == {"age": (1,)}


def test_values_that_single_precision_cannot_hold_are_named(tmp_path: Path) -> None:
    y = np.tile([0, 1], 50)
    np.savez(tmp_path / "mine.npz", sound=np.full((100, 2), 1e200), y=y)
    with pytest.raises(ValueError, match="single precision"):
        Arrays(root=str(tmp_path / "mine.npz"), standardise=False).load()


def arrays_of(count: int = 90) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "y": np.arange(count) % 3, "audio": rng.normal(size=(count, 4)),
        "video": rng.normal(size=(count, 2, 5)),
    }  # fmt: skip


def written(folder: Path, kind: str) -> str | list[str]:
    """Write the same arrays in one of the formats, and return the root."""
    arrays = arrays_of()
    if kind == "npz":
        np.savez(folder / "a.npz", **arrays)
        return str(folder / "a.npz")
    if kind == "pt":
        torch.save({name: torch.tensor(v) for name, v in arrays.items()}, folder / "a.pt")
        return str(folder / "a.pt")
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    return str(folder) if kind == "folder" else [str(folder / f"{name}.npy") for name in arrays]


@pytest.mark.parametrize("kind", ["pt", "folder", "list"])
def test_the_same_arrays_in_another_format_are_the_same_data(tmp_path: Path, kind: str) -> None:
    (tmp_path / "npz").mkdir()
    expected = Arrays(root=written(tmp_path / "npz", "npz")).load()
    loaded = Arrays(root=written(tmp_path, kind)).load()
    assert loaded.fingerprints() == expected.fingerprints()
    assert loaded.classes == ("0", "1", "2")


COLUMNS = {"audio": "audio_*", "face": "AU*"}


def talks() -> pd.DataFrame:
    arrays = arrays_of()
    table = pd.DataFrame({f"audio_{i}": arrays["audio"][:, i] for i in range(4)})
    table["AU01"], table["AU02"] = arrays["video"][:, 0, 0], np.arange(90) % 7
    table["mood"] = np.array(["sad", "glad", "calm"])[arrays["y"]]
    table["speaker"] = np.arange(90) // 6
    return table


def test_a_table_is_read_by_patterns_of_columns(tmp_path: Path) -> None:
    talks().to_csv(tmp_path / "t.csv", index=False)
    data = Arrays(root=str(tmp_path / "t.csv"), target="mood", columns=COLUMNS, group="speaker")
    splits = data.load()
    assert splits.shapes == {"audio": (4,), "face": (2,)}
    assert splits.classes == ("calm", "glad", "sad")
    with pytest.raises(ValueError, match=r"no column fits 'AX\*'"):
        replace(data, columns={"audio": "AX*"}).load()
    with pytest.raises(ValueError, match=r"'mood' has dtype <U4.*dataset\.columns"):
        Arrays(root=str(tmp_path / "t.csv"), target="speaker").load()


def test_lists_in_cells_are_columns_side_by_side(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = talks()
    table.to_parquet(tmp_path / "t.parquet")
    lists = table.drop(columns=[f"audio_{i}" for i in range(4)])
    lists["audio_all"] = table[[f"audio_{i}" for i in range(4)]].to_numpy().tolist()
    lists["AU02"] = lists["AU02"].astype("Int64")
    lists.to_parquet(tmp_path / "lists.parquet")
    plain, of_lists = (
        Arrays(root=str(tmp_path / name), target="mood", columns=COLUMNS).load()
        for name in ("t.parquet", "lists.parquet")
    )
    assert plain.fingerprints() == of_lists.fingerprints()


@pytest.mark.parametrize(("dtype", "names"), [(str, ["a", "b"]), ("S1", ["a", "b"]),
                                              (bool, ["False", "True"])])  # fmt: skip
def test_labels_may_be_names(tmp_path: Path, dtype: type, names: list[str]) -> None:
    y = np.tile([False, True], 40) if dtype is bool else np.tile(["a", "b"], 40).astype(dtype)
    splits = save(tmp_path, sound=np.random.default_rng(0).normal(size=(80, 2)), y=y).load()
    assert splits.classes == tuple(names)
    assert set(splits.test.labels.tolist()) == {0, 1}


def test_channels_last_are_noticed_moved_and_said(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).normal(size=(80, 8, 6, 3))
    data = save(tmp_path, face=pictures, y=np.tile([0, 1], 40))
    splits = data.load()
    assert splits.shapes == {"face": (3, 8, 6)}
    (note,) = splits.facts["notes"]
    assert "dataset.layout=channels_first" in note
    same = save(tmp_path, face=np.moveaxis(pictures, 3, 1), y=np.tile([0, 1], 40)).load()
    assert same.fingerprints() == splits.fingerprints()
    assert same.facts == {}
    data = save(tmp_path, face=pictures, y=np.tile([0, 1], 40))
    assert replace(data, layout="channels_first").load().shapes == {"face": (8, 6, 3)}
    assert replace(data, layout="channels_last").load().shapes == {"face": (3, 8, 6)}
    with pytest.raises(ValueError, match="layout is 'last'"):
        replace(data, layout="last")


def test_an_array_of_running_numbers_is_said(tmp_path: Path) -> None:
    data = save(tmp_path, idx=np.arange(80), sound=np.ones((80, 2)), y=np.tile([0, 1], 40))
    assert ["'idx' holds running numbers" in note for note in data.load().facts["notes"]] == [True]


def absurd_npz(path: Path) -> None:
    np.savez(path, y=np.tile([0, 1], 40))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("sound.npy", header((80, 10**9)) + b"\0" * 640)


def header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


def absurd_npy(path: Path) -> None:
    path.write_bytes(header((10**12,)) + b"\0" * 80)


def absurd_pt(path: Path) -> None:
    torch.save({"sound": torch.zeros(1).expand(10**9), "y": torch.zeros(3)}, path)


def one_array(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.zeros((60, 5)))


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("a.npz", absurd_npz, r"a\.npz: sound\.npy declares shape \(80, 1000000000\)"),
        ("a.npy", absurd_npy, r"a\.npy declares shape \(1000000000000,\)"),
        ("a.pt", absurd_pt, r"'sound' in .*a\.pt declares shape \(1000000000,\)"),
        ("a.npz", one_array, r"a\.npz holds one array, as an \.npy does"),
    ],
)
def test_a_file_that_declares_more_than_it_holds_is_refused(
    tmp_path: Path, name: str, write: Callable[[Path], None], words: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(ValueError, match=words):
        Arrays(root=str(tmp_path / name)).load()


@pytest.mark.parametrize("shape", [(80, 0), (80, 3, 0, 0)])
def test_an_axis_of_no_length_is_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    data = save(tmp_path, sound=np.zeros(shape), y=np.tile([0, 1], 40))
    with pytest.raises(ValueError, match=r"'sound' has shape .* no values"):
        data.load()


def test_what_files_lack_or_hold_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds no \.npy file"):
        Arrays(root=str(tmp_path / "empty")).load()
    root = str(written(tmp_path, "npz"))
    with pytest.raises(ValueError, match="another file holds as well"):
        Arrays(root=[root, root]).load()
    with pytest.raises(ValueError, match="no `mood`"):
        Arrays(root=root, target="mood").load()
    with pytest.raises(ValueError, match=r"'face'.* expected|group is 'face'"):
        Arrays(root=root, group="face").load()
    table = pd.DataFrame({f"c{i}": np.arange(30.0) for i in range(9)})
    table["y"] = np.arange(30) % 3
    table.to_csv(tmp_path / "wide.csv", index=False)
    with pytest.raises(ValueError, match=r"9 columns of one number .*dataset\.columns"):
        Arrays(root=str(tmp_path / "wide.csv")).load()


@pytest.mark.parametrize("shape", [(60, 0), (60, 3, 0, 0)])
def test_an_array_without_values_is_named_with_its_file(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    file = tmp_path / "mine.npz"
    np.savez(file, a=np.zeros((60, 4)), b=np.zeros(shape), y=np.arange(60) % 3)
    with pytest.raises(ValueError, match=rf"{file}: array 'b' has shape .*, no values"):
        Arrays(str(file)).load()


def test_without_a_share_for_test_no_sample_tests(tmp_path: Path) -> None:
    y = np.arange(100) % 4
    data = save(tmp_path, sound=np.random.default_rng(0).normal(size=(100, 2)), y=y)
    splits = replace(data, test=0.0).load()
    assert [len(s) for s in splits.by_name().values()] == [80, 20, 0]
    assert np.bincount(splits.validation.labels).tolist() == [5, 5, 5, 5]
    split = np.repeat(["train", "validation"], [70, 30])
    splits = save(tmp_path, sound=np.zeros((100, 2)), y=y, split=split).load()
    assert [len(s) for s in splits.by_name().values()] == [70, 30, 0]


def test_without_a_share_for_test_groups_stay_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y, group = np.arange(100) % 2, np.arange(100) // 10
    data = save(tmp_path, who=group[:, None] + rng.normal(size=(100, 1)) / 100, y=y, group=group)
    splits = replace(data, test=0.0, standardise=False).load()
    who = [set(s.inputs["who"].round().flatten().tolist())  # type: ignore[attr-defined]
           for s in (splits.train, splits.validation)]  # fmt: skip
    assert [len(ids) for ids in who] == [8, 2]
    assert not who[0] & who[1]
    few = save(tmp_path, who=np.zeros((4, 1)), y=np.array([0, 0, 0, 1]))
    with pytest.raises(ValueError, match="expected two or more: one to validate and one to train"):
        replace(few, test=0.0).load()
