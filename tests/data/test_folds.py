"""Folds: each sample tests once, groups stay whole, classes are spread; in every dataset."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_sched.data.arrays import Arrays
from fusion_sched.data.avdigits import TEST_PICTURES, TRAINING_PICTURES, AVDigits
from fusion_sched.data.cgmnist import CGMNIST
from fusion_sched.data.clips.types import Clip
from fusion_sched.data.cremad import CremaD
from fusion_sched.data.digits import ColoredGrayDigits, DigitParts, NoisyDigits
from fusion_sched.data.folds import Folded, fold_splits
from fusion_sched.data.memory import InMemory, digest_arrays
from fusion_sched.data.mosi import MOSI
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.synthetic import Synthetic
from fusion_sched.types import Splits


@st.composite
def classes_and_folds(draw: st.DrawFn) -> tuple[np.ndarray, int, int]:
    folds = draw(st.integers(2, 6))
    counts = draw(st.lists(st.integers(2 * folds, 30), min_size=2, max_size=4))
    labels = np.repeat(np.arange(len(counts)), counts)
    seed = draw(st.integers(0, 1000))
    return np.random.default_rng(seed).permutation(labels), folds, seed


@settings(max_examples=20, deadline=None)
@given(classes_and_folds())
def test_each_sample_tests_once_and_classes_are_within_one(
    case: tuple[np.ndarray, int, int],
) -> None:
    labels, folds, seed = case
    splits = np.stack([fold_splits(labels, folds, f, seed=seed) for f in range(folds)])
    assert ((splits == "test").sum(axis=0) == 1).all()
    for label in set(labels.tolist()):
        counts = (splits[:, labels == label] == "test").sum(axis=1)
        assert counts.max() - counts.min() <= 1
        for split in ("train", "validation"):
            assert (splits[:, labels == label] == split).any(axis=1).all()


@settings(max_examples=20, deadline=None)
@given(classes_and_folds(), st.integers(0, 100))
def test_groups_stay_whole_and_each_tests_once(
    case: tuple[np.ndarray, int, int], draw: int
) -> None:
    labels, folds, seed = case
    # Two groups or more a fold, with samples of each class.
    groups = np.empty(len(labels), dtype=int)
    for label in set(labels.tolist()):
        groups[labels == label] = np.arange((labels == label).sum()) % (2 * folds)
    groups = np.random.default_rng(draw).permutation(2 * folds)[groups]
    splits = np.stack(
        [fold_splits(labels, folds, f, groups=groups, seed=seed) for f in range(folds)]
    )
    assert ((splits == "test").sum(axis=0) == 1).all()
    for group in set(groups.tolist()):
        assert all(len(set(of_fold)) == 1 for of_fold in splits[:, groups == group].tolist())
    assert all({"train", "validation", "test"} == set(of_fold) for of_fold in splits.tolist())


def test_the_share_of_validation_is_of_what_does_not_test() -> None:
    labels = np.tile([0, 1], 500)
    assert Counter(fold_splits(labels, 5, 0, validation=0.25).tolist()) == {
        "test": 200, "validation": 200, "train": 600,
    }  # fmt: skip


def test_a_given_fold_is_respected_and_the_next_one_validates() -> None:
    given_folds = np.array(["10", "2", "3", "10", "2", "3"])
    labels = np.array([0, 0, 0, 1, 1, 1])
    splits = [fold_splits(labels, None, f, given=given_folds).tolist() for f in range(3)]
    assert splits[0] == ["train", "test", "validation"] * 2
    assert splits[2] == ["test", "validation", "train"] * 2, "10 comes after 3"


CLASSES = np.tile([0, 1], 10)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a fold too many": ({"fold": 5}, r"dataset\.fold is 5, expected 0 … 4"),
    "a negative fold": ({"fold": -1}, r"dataset\.fold is -1, expected 0 … 4"),
    "one fold": ({"folds": 1}, "expected at least 2"),
    "no folds": ({"folds": None}, "the dataset names no folds"),
    "few samples of a class": ({"folds": 11}, r"too few sample\(s\) for 11 folds: \{0: 10"),
    "few groups of a class": ({"groups": CLASSES}, r"too few group\(s\) for 5 folds: \{0: 1"),
    "other folds": ({"given": np.arange(20) % 3}, r"is 5, but the dataset names 3 folds"),
    "two given folds": ({"folds": 2, "given": np.arange(20) % 2}, "expected at least three"),
    "a given fold too many": ({"folds": 4, "fold": 4, "given": np.arange(20) // 5},
                              r"is 4, expected 0 … 3, which stand for \['0'"),
    "a group in two given folds": (
        {"folds": 4, "given": np.arange(20) % 4, "groups": np.arange(20) // 2},
        r"10 group\(s\) are in several of the folds that the dataset names, such as '0'",
    ),
    "no class left": ({"folds": 4, "given": np.repeat([0, 1, 2, 3], 5),
                       "labels": np.repeat([0, 1], 10)}, "no sample to train on"),
    "a share": ({"validation": 0.7}, "up to 0.5"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_named(name: str) -> None:
    changes, words = WRONG[name]
    arguments = {"labels": CLASSES, "folds": 5, "fold": 0} | changes
    labels, folds, fold = (arguments.pop(key) for key in ("labels", "folds", "fold"))
    with pytest.raises(ValueError, match=words):
        fold_splits(labels, folds, fold, **arguments)


def test_knobs_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"folds=5 .* need dataset\.fold"):
        DigitParts(folds=5).load()
    with pytest.raises(ValueError, match=r"'speaker', but the dataset has no groups"):
        DigitParts(folds=5, fold=0, group="speaker").load()


def in_memory(splits: Splits) -> list[InMemory]:
    parts = list(splits.by_name().values())
    assert all(isinstance(part, InMemory) for part in parts)
    return parts  # type: ignore[return-value]


MADE: dict[str, Callable[[Path], Folded]] = {
    "grey and colour": lambda root: ColoredGrayDigits(folds=3, fold=0),
    "noisy": lambda root: NoisyDigits(folds=3, fold=0),
    "thirds": lambda root: DigitParts(parts=3, folds=3, fold=0),
    "synthetic": lambda root: Synthetic(samples=300, folds=3, fold=0),
    "mosi": lambda root: write(MOSI, root, 90, group="video"),
    "cgmnist": lambda root: write(CGMNIST, root, 240),
}


def write(dataset: type[Any], root: Path, clips: int, **knobs: Any) -> Any:
    dataset.write_sample(root, SampleSpec(clips=clips, seed=0))
    return dataset(root=str(root), folds=3, fold=0, **knobs)


@pytest.mark.parametrize("name", MADE)
def test_a_dataset_in_memory_pools_its_samples(name: str, tmp_path: Path) -> None:
    dataset: Any = MADE[name](tmp_path)
    loaded = [replace(dataset, fold=fold).load() for fold in range(3)]
    samples = {sum(map(len, splits.by_name().values())) for splits in loaded}
    assert samples == {sum(len(splits.test) for splits in loaded)}, "each tests once"
    facts = [splits.facts["cross_validation"] for splits in loaded]
    assert len({of_fold["pool"] for of_fold in facts}) == 1
    assert [of_fold["fold"] for of_fold in facts] == [0, 1, 2]
    assert len({splits.fingerprints()["test"] for splits in loaded}) == 3
    published = name in ("mosi", "cgmnist")
    assert any("published split" in note for note in loaded[0].facts["notes"]) == published


def test_the_colour_misleads_in_each_fold_alone() -> None:
    splits = ColoredGrayDigits(jitter_variance=0.0, folds=4, fold=3).load()
    train, _, test = in_memory(splits)
    for part, tied in ((train, True), (test, False)):
        brightest = part.inputs["colored"].amax(dim=(2, 3))
        hue = (brightest / brightest.norm(dim=1, keepdim=True)).round(decimals=2)
        colours = [len(hue[part.labels == k].unique(dim=0)) for k in range(10)]
        assert (max(colours) <= 3) == tied


def test_spoken_digits_fold_by_speaker_and_no_picture_is_in_two_splits(tmp_path: Path) -> None:
    data = write(AVDigits, tmp_path, 120, group="speaker")
    for path in (TRAINING_PICTURES, TEST_PICTURES):  # a number in the corner of each
        rows = np.loadtxt(tmp_path / path, delimiter=",", dtype=int)
        number = np.arange(len(rows)) + 2000 * (path == TEST_PICTURES)
        rows[:, :3] = np.stack([number // 256, number // 16 % 16, number % 16], axis=1)
        np.savetxt(tmp_path / path, rows, delimiter=",", fmt="%d")
    splits = data.load()
    parts = in_memory(splits)
    assert len(splits.test) == 40, "one speaker of three"
    pictures = [{p.tobytes() for p in part.inputs["image"].numpy()} for part in parts]
    assert sum(map(len, pictures)) == len(set.union(*pictures)), "none is in two splits"


def test_published_colours_cannot_be_pooled() -> None:
    with pytest.raises(ValueError, match="colours=generated"):
        CGMNIST(root=".", colours="published", folds=5, fold=0)


def save(folder: Path, **arrays: np.ndarray) -> Arrays:
    np.savez(folder / "mine.npz", **arrays)
    return Arrays(root=str(folder / "mine.npz"))


def talks(count: int = 240) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, count)
    return {"y": y, "sound": rng.normal(size=(count, 4)) + y[:, None], "id": np.arange(count) // 10}


def test_arrays_are_standardised_by_the_training_fold_alone(tmp_path: Path) -> None:
    data = replace(save(tmp_path, **talks()), folds=4, fold=1, group="id")
    train, _, test = in_memory(data.load())
    assert set(train.inputs) == {"sound"}, "what groups the samples is no modality"
    assert train.inputs["sound"].mean(dim=0).abs().max() < 1e-6
    assert test.inputs["sound"].mean(dim=0).abs().max() > 1e-3


def test_whole_groups_are_drawn_without_folds_too(tmp_path: Path) -> None:
    arrays = talks()
    data = save(tmp_path, **{**arrays, "sound": arrays["id"].astype(float)})
    parts = in_memory(replace(data, group="id", standardise=False).load())
    ids = [set(part.inputs["sound"].flatten().tolist()) for part in parts]
    assert set.union(*ids) == set(range(24))
    assert sum(map(len, ids)) == 24, "no group is in two splits"
    arrays["group"] = arrays.pop("id")
    by_name = in_memory(save(tmp_path, **{**arrays, "sound": arrays["group"] * 1.0}).load())
    assert [len(part) for part in by_name] == [len(part) for part in parts]


def test_folds_that_the_file_names_are_used(tmp_path: Path) -> None:
    arrays = talks() | {"fold": np.arange(240) % 4}
    data = save(tmp_path, **arrays)
    splits = replace(data, fold=3).load()
    assert [len(part) for part in splits.by_name().values()] == [120, 60, 60]
    facts = splits.facts["cross_validation"]
    assert (facts["folds"], facts["held_out"]) == (4, "3")
    assert any("dataset.fold=0" in note for note in data.load().facts["notes"])


def test_a_changed_array_is_another_comparison(tmp_path: Path) -> None:
    arrays = talks()
    pools = []
    for factor in (1.0, 2.0):
        data = replace(save(tmp_path, **{**arrays, "sound": arrays["sound"] * factor}), folds=4)
        pools.append(replace(data, fold=0).load().facts["cross_validation"]["pool"])
    assert pools[0] != pools[1]


def test_listed_clips_fold_by_actor(cremad_root: Path) -> None:
    data = CremaD(root=str(cremad_root), folds=2, fold=0, group="actor")
    listings = [replace(data, fold=fold).listing() for fold in range(2)]
    tested = [{clip.id for clip in of.clips if clip.split == "test"} for of in listings]
    assert not tested[0] & tested[1]
    assert len(tested[0] | tested[1]) == len(listings[0].clips)
    for listing in listings:
        splits: dict[str, set[str]] = {}
        for clip in listing.clips:
            splits.setdefault(clip.group, set()).add(clip.split)
        assert all(len(names) == 1 for names in splits.values())
        assert any("published split" in issue.message for issue in listing.issues)
    with pytest.raises(ValueError, match=r"groups by \['actor'\]"):
        replace(data, group="sentence").listing()
    alone = replace(data, group=None).listing()
    assert any("dataset.group=actor keeps" in note for note in alone.facts["notes"])
    assert CremaD(root=str(cremad_root)).listing().facts == {}


def test_a_fold_that_a_list_names_is_kept(cremad_root: Path) -> None:
    data = CremaD(root=str(cremad_root), fold=1)

    def named(clip: Clip) -> Clip:
        return replace(clip, fold=str(int(clip.group) % 3))

    clips = [named(clip) for clip in CremaD(root=str(cremad_root)).listing().clips]
    folded, facts = data._fold_clips(clips)
    assert {clip.fold for clip in folded if clip.split == "test"} == {"1"}
    assert {clip.fold for clip in folded if clip.split == "validation"} == {"2"}
    assert facts["cross_validation"]["folds"] == 3
    with pytest.raises(ValueError, match=r"1 of .* clips name no fold"):
        data._fold_clips([replace(clips[0], fold=""), *clips[1:]])


def test_a_digest_depends_on_names_shapes_and_values() -> None:
    values = np.arange(6.0)
    digests = {
        digest_arrays({"a": values}), digest_arrays({"b": values}),
        digest_arrays({"a": values.reshape(2, 3)}), digest_arrays({"a": values + 1}),
    }  # fmt: skip
    assert len(digests) == 4
