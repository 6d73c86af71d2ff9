"""Sentiment features: two rules for two classes, padding, silence, and files that are not right."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion_sched.data.clips.types import OnDisk
from fusion_sched.data.memory import InMemory
from fusion_sched.data.mosi import MOSEI, MOSI
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.types import Splits

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mosi")
    MOSI.write_sample(out, SampleSpec(clips=60, seed=0))
    return out


def content_of(root: Path, alignment: str = "aligned") -> dict[str, Any]:
    found: dict[str, Any] = pickle.loads((root / "Processed" / f"{alignment}_50.pkl").read_bytes())
    return found


def changed(sample: Path, out: Path, change: Change) -> str:
    """Write the sample's file with a change and return its root."""
    content = content_of(sample)
    change(content)
    (out / "Processed").mkdir()
    (out / "Processed" / "aligned_50.pkl").write_bytes(pickle.dumps(content))
    return str(out)


def values(splits: Splits, split: str, modality: str) -> np.ndarray:
    samples = splits.by_name()[split]
    assert isinstance(samples, InMemory)
    return samples.inputs[modality].numpy()


def test_both_datasets_and_both_alignments_load(sample: Path, tmp_path: Path) -> None:
    splits = MOSI(root=str(sample)).load()
    assert splits.shapes == {"text": (50, 768), "audio": (50, 5), "vision": (50, 20)}
    assert splits.classes == ("negative", "nonnegative")
    assert sum(len(split) for split in splits.by_name().values()) == 60
    unaligned = MOSI(root=str(sample), alignment="unaligned").load()
    assert unaligned.shapes == {"text": (50, 768), "audio": (375, 5), "vision": (500, 20)}
    MOSEI.write_sample(tmp_path, SampleSpec(clips=36))
    assert MOSEI(root=str(tmp_path)).load().shapes["audio"] == (50, 74)
    assert isinstance(MOSI(root="."), OnDisk)
    assert isinstance(MOSEI(root="."), OnDisk)


def test_a_score_of_zero_counts_by_the_rule(sample: Path) -> None:
    content = content_of(sample)
    scores = {split: content[split]["regression_labels"] for split in content}
    zeros = {split: int((found == 0).sum()) for split, found in scores.items()}
    assert sum(zeros.values()) > 0
    has0, non0 = (
        MOSI(root=str(sample), binary=rule).load()
        for rule in ("negative_nonnegative", "negative_positive")
    )
    assert has0.train.labels.tolist() == (scores["train"] >= 0).astype(int).tolist()
    assert non0.train.labels.tolist() == (scores["train"] > 0)[scores["train"] != 0].tolist()
    assert non0.classes == ("negative", "positive")
    assert non0.facts["left_out"] == {
        "train": zeros["train"], "validation": zeros["valid"], "test": zeros["test"]
    }  # fmt: skip
    assert has0.facts["left_out"] == {"train": 0, "validation": 0, "test": 0}
    for split in ("train", "validation", "test"):
        kept = scores[{"validation": "valid"}.get(split, split)] != 0
        whole = values(has0, split, "audio")
        assert np.array_equal(values(non0, split, "audio"), whole[kept])


def test_training_frames_are_standardised_and_padding_stays_zero(sample: Path) -> None:
    raw = content_of(sample)
    splits = MOSI(root=str(sample)).load()
    for modality in ("text", "audio", "vision"):
        real = raw["train"][modality].any(axis=2)
        found = values(splits, "train", modality)
        assert (found[~real] == 0).all()
        assert np.abs(found[real].mean(axis=0)).max() < 1e-5
        assert np.abs(found[real].std(axis=0) - 1).max() < 1e-5
        test = values(splits, "test", modality)
        assert (test[~raw["test"][modality].any(axis=2)] == 0).all()
    plain = MOSI(root=str(sample), standardise=False).load()
    assert np.array_equal(values(plain, "test", "vision"), raw["test"]["vision"])


def test_a_constant_feature_becomes_zero(sample: Path, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        for split in content.values():
            split["audio"][..., 1] = 7.3

    splits = MOSI(root=changed(sample, tmp_path, change)).load()
    assert (values(splits, "test", "audio")[..., 1] == 0).all()


def test_minus_infinity_in_audio_is_counted_and_silenced(sample: Path, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["valid"]["audio"][0, :2, 0] = -np.inf

    data = MOSI(root=changed(sample, tmp_path, change))
    splits = data.load()
    assert splits.facts["silent_values"] == {"train": 0, "validation": 2, "test": 0}
    assert np.isfinite(values(splits, "validation", "audio")).all()
    (issue,) = data.check().issues
    assert (issue.kind, issue.fatal) == ("silent", False)
    assert "2 audio value(s) of validation" in issue.message


@pytest.mark.parametrize(
    ("modality", "value"), [("audio", np.nan), ("audio", np.inf), ("text", -np.inf)]
)
def test_other_values_that_are_not_finite_are_refused(
    sample: Path, tmp_path: Path, modality: str, value: float
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["test"][modality][1, 0, 0] = value

    data = MOSI(root=changed(sample, tmp_path, change))
    name = content_of(sample)["test"]["id"][1]
    with pytest.raises(ValueError, match=rf"{modality} of 1 sample.s. of test.*{name[:11]}"):
        data.load()
    (issue,) = data.check().issues
    assert (issue.kind, issue.clip, issue.modality) == ("not finite", name, modality)


def test_a_video_in_two_splits_and_an_id_twice_are_reported(sample: Path, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["test"]["id"][0] = content["train"]["id"][0]

    report = MOSI(root=changed(sample, tmp_path, change)).check()
    kinds = {issue.kind: issue for issue in report.issues}
    assert set(kinds) == {"listed twice", "shared video"}
    assert "train and test (sample00000)" in kinds["shared video"].message
    assert not MOSI(root=str(sample)).check().issues


def test_the_check_counts_classes(sample: Path) -> None:
    report = MOSI(root=str(sample)).check()
    assert report.expected == {"train": 1284, "validation": 229, "test": 686}
    labels = MOSI(root=str(sample)).load().train.labels
    assert report.counts["train"] == {
        "negative": int((labels == 0).sum()), "nonnegative": int((labels == 1).sum())
    }  # fmt: skip
    assert MOSI(root=str(sample), binary="negative_positive").check().expected == {}


def drop(split: str, name: str) -> Change:
    return lambda content: content[split].pop(name)


def put(split: str, name: str, value: Any) -> Change:
    return lambda content: content[split].update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("valid"), "holds no dict 'valid'"),
        (drop("test", "vision"), r"test in .* has no \['vision'\]"),
        (put("train", "audio", np.zeros((3, 50, 5))), r"train in .* 'audio': \(3, 50, 5\)"),
        (put("train", "text", np.zeros((9, 50))), "expected features"),
        (put("train", "regression_labels", np.zeros(3)), "3 labels"),
        (put("train", "audio", [[1, 2], [3]]), "no arrays of numbers"),
        (
            lambda content: content["test"].update(audio=content["test"]["audio"][:, :, :4]),
            "audio in .* differs in size between splits",
        ),
        (
            lambda content: content["valid"]["regression_labels"].fill(np.nan),
            r"label of \d+ sample.s. of validation",
        ),
        (lambda content: content["test"]["regression_labels"].fill(3.5), "outside -3"),
        (lambda content: content["test"]["regression_labels"].fill(2), "not of both classes"),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    sample: Path, tmp_path: Path, change: Change, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        MOSI(root=changed(sample, tmp_path, change)).load()


def test_a_missing_file_and_unknown_choices_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"(?s)unaligned_50\.pkl.*data sample mosei"):
        MOSEI(root=str(tmp_path), alignment="unaligned").load()
    with pytest.raises(ValueError, match="binary is 'three'"):
        MOSI(root=".", binary="three")
    with pytest.raises(ValueError, match="alignment is 'word'"):
        MOSEI(root=".", alignment="word")
    with pytest.raises(ValueError, match="8 clips are too few"):
        MOSI.write_sample(tmp_path, SampleSpec(clips=8))


def test_a_modality_tells_as_much_as_the_plan_says(tmp_path: Path) -> None:
    MOSI.write_sample(tmp_path, SampleSpec(clips=180, strength={"audio": 1.0, "vision": 0.0}))
    splits = MOSI(root=str(tmp_path), standardise=False).load()
    labels = splits.train.labels.numpy()
    right = {}
    for modality in ("audio", "vision"):
        sums = values(splits, "train", modality).sum(axis=1)
        direction = sums[labels == 1].mean(axis=0) - sums[labels == 0].mean(axis=0)
        tested = values(splits, "test", modality).sum(axis=1) @ direction
        right[modality] = float(((tested > np.median(tested)) == splits.test.labels.numpy()).mean())
    assert right["audio"] > 0.9
    assert right["vision"] < 0.75
