"""Datasets of the package `datasets`, on disk."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion_sched.data.files import Files
from fusion_sched.data.huggingface import HuggingFace
from fusion_sched.data.samples.files import write_frames
from fusion_sched.data.samples.spec import SampleSpec

TINY: dict[str, Any] = {"size": 8, "seconds": 0.1, "n_fft": 128, "hop": 128, "bands": 8}


def test_a_saved_folder_with_pictures_inside(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra `huggingface`")
    rows = ["file_name,title,label"]
    for number in range(20):
        colour = ("blue", "red")[number % 2]
        picture = np.full((1, 8, 8, 3), number, np.uint8)
        write_frames(tmp_path / "own" / colour, picture, first=number)
        rows.append(f"{colour}/{number:05d}.jpg,{colour} picture {number},{colour}")
    (tmp_path / "own" / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    made = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "own"))
    made["train"].save_to_disk(tmp_path / "saved")  # the pictures themselves are in it
    data = HuggingFace(name=str(tmp_path / "saved"), root=str(tmp_path / "root"), **TINY)
    listing = data.listing()
    assert listing.classes == ("blue", "red")
    picture = listing.clips[0].files["image"]
    assert picture.is_relative_to(tmp_path / "root")
    assert picture.read_bytes() == (tmp_path / "own" / "blue" / "00000.jpg").read_bytes()
    splits = data.load()
    assert splits.shapes == {"image": (3, 8, 8), "title": (40,)}
    assert [len(split) for split in splits.by_name().values()] == [12, 4, 4]
    again = HuggingFace(name=str(tmp_path / "saved"), root=str(tmp_path / "root"), **TINY).load()
    assert again.fingerprints() == splits.fingerprints()


def test_a_folder_of_pictures_with_its_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets", reason="needs the extra `huggingface`")
    for number in range(24):
        part = ("train", "train", "validation", "test")[number // 2 % 4]
        write_frames(
            tmp_path / "own" / part / "ab"[number % 2], np.full((1, 8, 8, 3), number, np.uint8),
            first=number,
        )  # fmt: skip
    data = HuggingFace(name=str(tmp_path / "own"), root=str(tmp_path / "root"), **TINY)
    report = data.check()
    assert report.counts["test"] == {"a": 3, "b": 3}
    assert not [issue for issue in report.issues if issue.fatal]
    assert len(data.load().train) == 12


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no sample data of dataset=huggingface"):
        HuggingFace.write_sample(tmp_path, SampleSpec())
    try:
        import datasets  # noqa: F401
    except ImportError:
        with pytest.raises(ValueError, match=r"pip install .fusion-sched\[huggingface\]"):
            HuggingFace(name=str(tmp_path)).listing()
    assert issubclass(HuggingFace, Files)
