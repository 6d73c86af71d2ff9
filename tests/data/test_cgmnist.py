"""Coloured-and-gray MNIST: where colour tells the class, and files that are not right."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion_sched.data.cgmnist import CGMNIST, COLOURED, GRAY, SHA256
from fusion_sched.data.clips.types import OnDisk
from fusion_sched.data.idx import read_idx, write_idx
from fusion_sched.data.memory import InMemory
from fusion_sched.data.pickles import load_object
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.types import Splits

PUBLISHED = "mnist_10color_jitter_var_0.030.npy"
TRAIN, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cgmnist")
    CGMNIST.write_sample(out, SampleSpec(clips=240, seed=0, strength={"gray": 1.0, "colored": 1.0}))
    return out


@pytest.fixture
def copy(sample: Path, tmp_path: Path) -> Path:
    for path in sample.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def pictures(splits: Splits, split: str, modality: str) -> np.ndarray:
    samples = splits.by_name()[split]
    assert isinstance(samples, InMemory)
    mean, deviation = (
        np.reshape(v, (-1, 1, 1)) for v in {"gray": GRAY, "colored": COLOURED}[modality]
    )
    return samples.inputs[modality].numpy() * deviation + mean


def share_of_colour_that_tells(splits: Splits, split: str) -> float:
    """How often the nearest class's mean training colour is that of the picture's class."""
    colour = {s: pictures(splits, s, "colored").max(axis=(2, 3)) for s in ("train", split)}
    labels = splits.train.labels.numpy()
    centres = np.stack([colour["train"][labels == k].mean(axis=0) for k in range(10)])
    nearest = ((colour[split][:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    return float((nearest == splits.by_name()[split].labels.numpy()).mean())


def test_sizes_and_paired_views(sample: Path) -> None:
    splits = CGMNIST(root=str(sample)).load()
    assert splits.shapes == {"gray": (1, 28, 28), "colored": (3, 28, 28)}
    assert [len(split) for split in splits.by_name().values()] == [180, 20, 40]
    gray = pictures(splits, "test", "gray")
    coloured = pictures(splits, "test", "colored")
    colour = coloured.max(axis=(2, 3), keepdims=True) / gray.max(axis=(2, 3), keepdims=True)
    assert np.allclose(coloured, gray * colour, atol=1e-4), "the same digit in one colour"
    assert isinstance(CGMNIST(root="."), OnDisk)


def test_published_normalisation(sample: Path) -> None:
    raw = read_idx(sample / "t10k-images-idx3-ubyte.gz", 3)
    splits = CGMNIST(root=str(sample)).load()
    assert isinstance(splits.test, InMemory)
    found = splits.test.inputs["gray"].numpy()[:, 0]
    assert np.allclose(found, (raw / 255 - 0.1307) / 0.3081, atol=1e-5)


def test_colour_tells_the_class_in_training_only(sample: Path) -> None:
    splits = CGMNIST(root=str(sample), jitter_variance=0.005).load()
    assert share_of_colour_that_tells(splits, "train") > 0.95
    assert share_of_colour_that_tells(splits, "validation") < 0.4
    assert share_of_colour_that_tells(splits, "test") < 0.3


def test_published_colours_bias_validation_too(sample: Path) -> None:
    splits = CGMNIST(root=str(sample), colours="published").load()
    assert splits.facts == {"colours": "published"}
    assert share_of_colour_that_tells(splits, "train") > 0.5
    assert share_of_colour_that_tells(splits, "validation") > 0.5
    assert share_of_colour_that_tells(splits, "test") < 0.3
    raw = load_object(sample / PUBLISHED)["test_image"].transpose(0, 3, 1, 2) / 255
    assert np.allclose(pictures(splits, "test", "colored"), raw, atol=1e-5)


def test_everything_is_fixed_by_the_seed(sample: Path) -> None:
    first, again, other = (
        CGMNIST(root=str(sample), split_seed=seed).load().fingerprints() for seed in (0, 0, 1)
    )
    assert first == again
    assert first["train"] != other["train"]


def test_layouts_of_mnist(copy: Path) -> None:
    expected = CGMNIST(root=str(copy)).load().fingerprints()
    raw = copy / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in list(copy.glob("*.gz")):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert CGMNIST(root=str(copy)).load().fingerprints() == expected


def test_the_check_counts_and_knows_mnist(sample: Path) -> None:
    report = CGMNIST(root=str(sample)).check()
    assert report.counts["test"] == {str(digit): 4 for digit in range(10)}
    assert report.counts["validation"] == {str(digit): 2 for digit in range(10)}
    assert report.expected == {"train": 60_000, "test": 10_000}
    assert not report.issues
    assert {len(value) for value in SHA256.values()} == {64}


def test_the_wrong_kind_of_file_is_named(copy: Path) -> None:
    (copy / TRAIN).write_bytes((copy / LABELS).read_bytes())
    with pytest.raises(ValueError, match="begins with 00 00 08 01, expected 00 00 08 03"):
        CGMNIST(root=str(copy)).load()


@pytest.mark.parametrize("keep", [0, 3, 10, 100, -5])
def test_a_file_that_ends_early_is_named(copy: Path, keep: int) -> None:
    packed = (copy / TRAIN).read_bytes()
    (copy / TRAIN).write_bytes(packed[:keep])
    with pytest.raises(ValueError, match=f"{TRAIN}.*(cannot be unpacked|holds 0 bytes)"):
        CGMNIST(root=str(copy)).load()
    (copy / TRAIN).unlink()
    (copy / TRAIN[:-3]).write_bytes(gzip.decompress(packed)[:keep])
    with pytest.raises(ValueError, match=r"expected|within its header|holds 0 bytes"):
        CGMNIST(root=str(copy)).load()


def test_trailing_bytes_are_not_ignored(copy: Path) -> None:
    with (copy / "extra").open("wb") as stream:
        stream.write(gzip.decompress((copy / LABELS).read_bytes()) + b"\0")
    with pytest.raises(ValueError, match="201 bytes after its header, expected 200"):
        read_idx(copy / "extra", 1)


def test_a_label_out_of_range_is_an_issue(copy: Path) -> None:
    labels = read_idx(copy / LABELS, 1).copy()
    labels[7] = 11
    write_idx(copy / LABELS, labels)
    data = CGMNIST(root=str(copy))
    with pytest.raises(ValueError, match=r"1 label.s. above 9, the first is 11 at position 7"):
        data.load()
    (issue,) = data.check().issues
    assert (issue.kind, issue.fatal) == ("unknown label", True)


def test_pictures_and_labels_that_differ_in_number_are_named(copy: Path) -> None:
    write_idx(copy / LABELS, read_idx(copy / LABELS, 1)[:-1])
    with pytest.raises(ValueError, match=r"pictures \(200, 28, 28\) for 199 labels"):
        CGMNIST(root=str(copy)).load()


def reorder(content: dict[str, Any]) -> None:
    content["train_label"] = content["train_label"][::-1]


def to_float(content: dict[str, Any]) -> None:
    content["test_image"] = content["test_image"] / 255


def shorten(content: dict[str, Any]) -> None:
    content["test_image"] = content["test_image"][:3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (reorder, "train_label in .* do not belong together"),
        (to_float, "test_image in .* is float64"),
        (shorten, r"uint8 \(3, 28, 28, 3\), expected uint8 \(40, 28, 28, 3\)"),
        (lambda content: content.pop("test_label"), "expected a dict with"),
    ],
)
def test_published_colours_that_do_not_fit_are_named(
    copy: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    content = load_object(copy / PUBLISHED)
    change(content)
    np.save(copy / PUBLISHED, np.array(content, dtype=object), allow_pickle=True)
    data = CGMNIST(root=str(copy), colours="published")
    for read in (data.load, data.check):
        with pytest.raises(ValueError, match=message):
            read()


def test_missing_files_and_unknown_choices_say_what_to_do(copy: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"jitter_var_0\.020\.npy does not exist"):
        CGMNIST(root=str(copy), colours="published", jitter_variance=0.02).load()
    (copy / LABELS).unlink()
    with pytest.raises(FileNotFoundError, match="data fetch cgmnist"):
        CGMNIST(root=str(copy)).load()
    with pytest.raises(ValueError, match="colours is 'blue'"):
        CGMNIST(root=".", colours="blue")
    with pytest.raises(ValueError, match="jitter_variance is -1"):
        CGMNIST(root=".", jitter_variance=-1)
