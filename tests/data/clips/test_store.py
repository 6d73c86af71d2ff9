"""Stores: the same bytes however they came about, and never stale or half written."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fusion_sched.data.clips import prepare as prepare_module
from fusion_sched.data.clips.prepare import CHUNK, prepare_store
from fusion_sched.data.clips.store import Store
from fusion_sched.data.clips.types import Clip, Issue, Modality, ReadError, Views
from tests.processes import Forked


@dataclass(frozen=True)
class Numbers:
    """A value per file: the numbers that a text file holds."""

    name: str = "numbers"
    scale: float = 1.0
    jpeg: bool = False
    dtype: str = "float32"

    @property
    def stored_shape(self) -> tuple[int, ...]:
        return (3,)

    @property
    def shape(self) -> tuple[int, ...]:
        return (3,)

    def read(self, clip: Clip) -> np.ndarray:
        try:
            return self.scale * np.loadtxt(clip.files[self.name], dtype=np.float32)
        except ValueError as error:
            raise ReadError("unreadable", f"{clip.files[self.name]}: {error}") from error

    def warnings(self, clip: Clip) -> list[Issue]:
        return []

    def finish(self, values: Tensor) -> Tensor:
        return values

    def augment(self, values: Tensor, views: Views) -> Tensor:
        return values


@dataclass(frozen=True)
class Pictures(Numbers):
    """Two pictures per file, of the colour that the numbers say."""

    name: str = "pictures"
    jpeg: bool = True
    dtype: str = "uint8"

    @property
    def stored_shape(self) -> tuple[int, ...]:
        return (2, 8, 8, 3)

    def read(self, clip: Clip) -> np.ndarray:
        return np.broadcast_to(super().read(clip).astype(np.uint8), (2, 8, 8, 3))


MODALITIES: dict[str, Modality] = {"numbers": Numbers(), "pictures": Pictures()}


def make_clips(folder: Path, count: int) -> list[Clip]:
    folder.mkdir(exist_ok=True)
    clips = []
    for number in range(count):
        path = folder / f"{number:04d}.txt"
        path.write_text(f"{number % 200} {number % 7 * 30} 100")
        files = {"numbers": path, "pictures": path}
        clips.append(Clip(f"{number:04d}", number % 2, "train", files))
    return clips


def content(store: Store) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in store.folder.iterdir()}


def quiet(done: int, total: int) -> None:
    pass


def make(folder: Path, clips: list[Clip], workers: int = 1) -> Store:
    return prepare_store(folder, "numbers", clips, MODALITIES, quiet, workers)


def test_values_come_back_by_row(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "raw", 70)
    store = make(tmp_path / "store", clips[::-1])
    rows = np.array([store.rows[f"{n:04d}"] for n in (69, 3, 3, 41)])
    expected = [[n, n % 7 * 30, 100] for n in (69, 3, 3, 41)]
    np.testing.assert_array_equal(store.read("numbers", rows), expected)
    pictures = store.read("pictures", rows)
    assert pictures.shape == (4, 2, 8, 8, 3)
    assert pictures.dtype == torch.uint8
    difference = pictures.int() - torch.tensor(expected)[:, None, None, None].int()
    assert difference.abs().max() <= 3, "what JPEG loses on one colour"


def test_as_many_processes_as_one_likes(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "raw", 3 * CHUNK + 5)
    one, two = make(tmp_path / "one", clips), make(tmp_path / "two", clips, workers=2)
    assert content(one) == content(two)


def test_a_finished_store_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = make_clips(tmp_path / "raw", 5)
    first = make(tmp_path / "store", clips)

    def forbidden(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(prepare_module, "_decode_all", forbidden)
    assert make(tmp_path / "store", clips).folder == first.folder


def test_a_changed_file_makes_it_stale(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "raw", 5)
    before = make(tmp_path / "store", clips)
    clips[2].files["numbers"].write_text("11 12 13")
    after = make(tmp_path / "store", clips)
    assert after.folder == before.folder
    np.testing.assert_array_equal(
        Store(after.folder).read("numbers", np.array([2])), [[11, 12, 13]]
    )


DAMAGE: dict[str, Callable[[Path], object]] = {
    "an array cut short": lambda f: os.truncate(f / "numbers.npy", 200),
    "no array": lambda f: (f / "numbers.npy").unlink(),
    "pictures cut short": lambda f: os.truncate(f / "pictures.jpeg", 100),
    "no index": lambda f: (f / "index.json").unlink(),
    "half an index": lambda f: os.truncate(f / "index.json", 9),
    "an empty list of issues": lambda f: os.truncate(f / "faults.json", 0),
    "half the meta data": lambda f: os.truncate(f / "meta.json", 9),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_store_is_made_again(tmp_path: Path, damage: str) -> None:
    clips = make_clips(tmp_path / "raw", 9)
    store = make(tmp_path / "store", clips)
    whole = content(store)
    DAMAGE[damage](store.folder)
    assert content(make(tmp_path / "store", clips)) == whole


def test_a_store_made_anew_is_read_again(tmp_path: Path) -> None:
    """The maps of a process are not those of the older files."""
    clips = make_clips(tmp_path / "raw", 5)
    make(tmp_path / "store", clips).read("numbers", np.array([2]))
    clips[2].files["numbers"].write_text("11 12 13")
    after = make(tmp_path / "store", clips).read("numbers", np.array([2]))
    np.testing.assert_array_equal(after, [[11, 12, 13]])


def test_another_setting_is_another_store(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "raw", 5)
    first = make(tmp_path / "store", clips)
    other = prepare_store(
        tmp_path / "store", "numbers", clips, {"numbers": Numbers(scale=2.0)}, quiet, 1
    )
    assert other.folder != first.folder
    np.testing.assert_array_equal(other.read("numbers", np.array([1])), [[2, 60, 200]])


def test_damage_becomes_an_issue_and_blank_rows(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "raw", 4)
    clips[1].files["numbers"].write_text("not a number")
    store = make(tmp_path / "store", clips)
    assert [(f.kind, f.clip, f.modality) for f in store.issues] == [
        ("unreadable", "0001", "numbers"), ("unreadable", "0001", "pictures"),
    ]  # fmt: skip
    assert not store.read("numbers", np.array([1])).any()
    assert not store.read("pictures", np.array([1])).any()
    assert store.read("pictures", np.array([2])).any()


def test_a_half_written_store_of_older_files_is_thrown_away(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "raw", 2 * CHUNK)
    interrupt_after(tmp_path / "store", clips, chunks=1)
    clips[0].files["numbers"].write_text("50 51 52")
    store = make(tmp_path / "store", clips)
    np.testing.assert_array_equal(store.read("numbers", np.array([0])), [[50, 51, 52]])


def interrupt_after(folder: Path, clips: list[Clip], chunks: int) -> None:
    """Make part of a store: stop with an error once some chunks are written."""

    def stop(done: int, total: int) -> None:
        if done >= chunks * CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_store(folder, "numbers", clips, MODALITIES, stop, 1)


@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_an_interrupted_store_goes_on_where_it_was(tmp_path: Path, chunks: int) -> None:
    clips = make_clips(tmp_path / "raw", 5 * CHUNK + 1)
    interrupt_after(tmp_path / "cut", clips, chunks)
    decoded: list[int] = []

    def count(done: int, total: int) -> None:
        decoded.append(done)

    store = prepare_store(tmp_path / "cut", "numbers", clips, MODALITIES, count, 1)
    assert decoded[0] == chunks * CHUNK
    assert content(store) == content(make(tmp_path / "whole", clips))
    assert [p.suffix for p in store.folder.parent.iterdir() if p.name != store.folder.name] == [
        ".lock"
    ]


@pytest.mark.parametrize(("workers", "records"), [(1, 1), (1, 4), (2, 1)])
def test_killed_at_any_moment(tmp_path: Path, workers: int, records: int) -> None:
    clips = make_clips(tmp_path / "raw", 12 * CHUNK)
    process = Forked(tmp_path, make_store_of, tmp_path / "raw", tmp_path / "cut", workers)
    while process.running() and len(list(tmp_path.glob("cut/*/chunk-*.json"))) < records:
        time.sleep(0.002)  # between two looks at the condition
    process.kill()
    assert content(make(tmp_path / "cut", clips)) == content(make(tmp_path / "whole", clips))


def make_store_of(raw: Path, store: Path, workers: int) -> None:
    make(store, list_clips(raw), workers)


def list_clips(folder: Path) -> list[Clip]:
    """Return the clips of files that are already there."""
    return [
        Clip(path.stem, int(path.stem) % 2, "train", {"numbers": path, "pictures": path})
        for path in sorted(folder.iterdir())
    ]


def test_too_little_room_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = make_clips(tmp_path / "raw", 3)
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"set dataset\.store"):
        make(tmp_path / "store", clips)
    assert not list((tmp_path / "store").glob("*.partial"))


@pytest.mark.parametrize("modality", ["numbers", "pictures"])
def test_a_flipped_bit_is_noticed_when_the_row_is_read(tmp_path: Path, modality: str) -> None:
    store = make(tmp_path / "store", make_clips(tmp_path, 5))
    row = np.array([3])
    store.read(modality, row)
    path = next(
        p for p in store.folder.iterdir() if p.name in (f"{modality}.npy", f"{modality}.jpeg")
    )
    content = bytearray(path.read_bytes())
    if modality == "numbers":
        content[-2 * 12 + 1] ^= 1
    else:
        offsets = np.load(store.folder / f"{modality}.offsets.npy")
        frames = store.meta["modalities"][modality]["shape"][0]
        content[(offsets[3 * frames] + offsets[4 * frames]) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=rf"prepared {modality} of clip .* has checksum .*remove"):
        store.read(modality, row)
    store.read(modality, np.array([1]))
