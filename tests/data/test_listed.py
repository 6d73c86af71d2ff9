"""What the datasets of listed clips have in common, each on its own sample data."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fusion_sched.data.ave import AVE
from fusion_sched.data.clips.check import shared_groups
from fusion_sched.data.clips.types import ClipDataset, OnDisk
from fusion_sched.data.cremad import CremaD
from fusion_sched.data.food101 import Food101
from fusion_sched.data.kinetics_sounds import KineticsSounds
from fusion_sched.data.listed import ListedDataset
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.ucf101 import UCF101
from fusion_sched.data.vggsound import SAMPLE_CLASSES, VGGSound

SMALL = {"rate": 8000, "n_fft": 126, "hop": 800, "frames": 1, "size": 32}


class Case(NamedTuple):
    """A dataset, its smallest sample, settings, and the sizes and shapes of its splits."""

    dataset: type[Any]
    fewest: int
    settings: dict[str, Any]
    sizes: list[int]
    shapes: dict[str, tuple[int, ...]]


VIDEO_SHAPES = {"audio": (1, 64, 100), "visual": (3, 32, 32)}
CASES = [
    Case(KineticsSounds, 26, SMALL, [19, 3, 4], VIDEO_SHAPES),
    Case(VGGSound, 26, SMALL, [19, 3, 4], VIDEO_SHAPES),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.dataset.__name__)
def test_sample_data_goes_from_files_to_samples(case: Case, tmp_path: Path) -> None:
    root, store = tmp_path / "root", tmp_path / "store"
    root.mkdir()
    case.dataset.write_sample(root, SampleSpec(case.fewest, seed=1))
    data = case.dataset(root=str(root), store=str(store), **case.settings)
    assert isinstance(data, ListedDataset)
    assert isinstance(data, OnDisk)
    assert isinstance(data, ClipDataset)
    report = data.check()
    assert [issue.message for issue in report.issues if issue.fatal] == []
    shown = {name for names in report.counts.values() for name, n in names.items() if n}
    assert len(shown) == 2
    assert all(report.counts[split][name] for split in report.counts for name in shown)
    splits = data.load()
    assert [len(split) for split in splits.by_name().values()] == case.sizes
    assert splits.shapes == case.shapes
    assert splits.classes == tuple(data.listing().classes)
    assert not (root / ".fusion_sched").exists()


@pytest.mark.parametrize(
    ("dataset", "fewest"),
    [(CremaD, 72), (AVE, 20), (KineticsSounds, 26), (VGGSound, 26), (UCF101, 20), (Food101, 24)],
)
def test_too_few_clips_are_refused(dataset: type[Any], fewest: int, tmp_path: Path) -> None:
    message = rf"^{fewest - 1} clips are too few for sample data, expected .*{fewest}"
    with pytest.raises(ValueError, match=message):
        dataset.write_sample(tmp_path, SampleSpec(clips=fewest - 1))
    assert not list(tmp_path.iterdir())


def test_sample_data_shows_sorted_classes() -> None:
    assert list(SAMPLE_CLASSES) == sorted(set(SAMPLE_CLASSES))


@pytest.mark.parametrize(("dataset", "frames"), [(AVE, 10), (KineticsSounds, 3), (VGGSound, 3)])
def test_inputs_are_of_the_published_shapes(dataset: type[Any], frames: int) -> None:
    modalities = dataset(root=".").readers(None)
    shapes = {name: modality.shape for name, modality in modalities.items()}
    assert shapes == {"audio": (1, 257, 1004), "visual": (frames, 3, 224, 224)}
    assert modalities["visual"].jpeg == (dataset is VGGSound)


@pytest.mark.parametrize("dataset", [KineticsSounds, VGGSound])
def test_two_clips_of_a_video_in_two_splits_are_reported(
    dataset: type[Any], tmp_path: Path
) -> None:
    if dataset is VGGSound:
        rows = [f"train-{n:05d},{n},thunder,train" for n in range(24)]
        lists = {"vggsound.csv": [*rows, "train-00000,99,thunder,test"]}
    else:
        rows = [f"train-{n:05d}_000010_000020,10,0" for n in range(24)]
        lists = {"my_train.txt": rows, "my_test.txt": ["train-00000_55,10,0"]}
    for name, listed in lists.items():
        (tmp_path / name).write_text("".join(f"{row}\n" for row in listed), encoding="utf-8")
    listing = dataset(root=str(tmp_path)).listing()
    assert len(listing.clips) == 25
    assert [issue.kind for issue in shared_groups(listing)] == ["shared video"]
