"""Datasets of the package `datasets`, on disk."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion_sched.data.files import Files
from fusion_sched.data.huggingface import HuggingFace
from fusion_sched.data.opencv import cv2
from fusion_sched.data.samples.files import write_frames
from fusion_sched.data.samples.spec import SampleSpec

TINY: dict[str, Any] = {"size": 8, "seconds": 0.1, "n_fft": 128, "hop": 128, "bands": 8}


def test_a_saved_folder_with_pictures_inside(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra `huggingface`")
    pictures = [
        cv2.imencode(".png", np.full((8, 8, 3), n, np.uint8))[1].tobytes() for n in range(20)
    ]
    columns = {
        "image": [{"bytes": data, "path": None} for data in pictures],
        "title": [f"{('red', 'blue')[n % 2]} picture {n}" for n in range(20)],
        "label": [n % 2 for n in range(20)],
        "tags": [["a", "b"]] * 20,
    }
    features = datasets.Features({
        "image": datasets.Image(), "title": datasets.Value("string"),
        "label": datasets.ClassLabel(names=["blue", "red"]),
        "tags": datasets.Sequence(datasets.Value("string")),
    })  # fmt: skip
    datasets.Dataset.from_dict(columns, features).save_to_disk(tmp_path / "saved")
    data = HuggingFace(name=str(tmp_path / "saved"), root=str(tmp_path / "root"), **TINY)
    listing = data.listing()
    assert listing.classes == ("blue", "red")
    assert [issue.message for issue in listing.issues if "tags" in issue.message]
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
