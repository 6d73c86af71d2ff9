"""Published numbers: a registry that says where each comes from, and a judge that gives reasons."""

from dataclasses import replace
from typing import Any

import pytest

from fusion_sched.analysis import compare, render
from fusion_sched.analysis.choices import choices_of
from fusion_sched.analysis.published import PublishedResult, load_registry, reasons_against
from tests.analysis.conftest import Maker

DATASETS = {
    "cremad", "ave", "kinetics_sounds", "vggsound", "ucf101", "food101", "mosi", "mosei",
}  # fmt: skip
FAIR = PublishedResult(
    dataset="cremad", source="somebody", year=2025, evidence="read in the paper",
    selection="validation", split="ogm", seeds=5, encoder="ResNet18", initial="scratch",
    values={"joint": [62.6, 5.8]},
)  # fmt: skip
START: dict[str, Any] = {
    "config": {
        "dataset": {"_target_": "x.CremaD", "split": "ogm"},
        "encoder": {"_target_": "x.ResNet18"},
    },
    "split_sizes": {"test": 744},
}


def test_every_entry_is_of_a_dataset_here_and_in_percent() -> None:
    registry = load_registry()
    assert {entry.dataset for entry in registry} == DATASETS
    assert set(choices_of("dataset")) >= DATASETS
    for entry in registry:
        assert entry.year is None or 2020 <= entry.year <= 2026
        assert entry.metric == "accuracy"
        for value in entry.values.values():
            mean, deviation = value if isinstance(value, list) else (value, 0.1)
            assert 10 < mean < 100
            assert 0 < deviation < 10


def test_known_numbers_stand_with_their_sources() -> None:
    registry = load_registry()

    def value(dataset: str, source: str, method: str) -> float | list[float]:
        (number,) = [
            e.values[method] for e in registry
            if e.dataset == dataset and e.source.startswith(source) and method in e.values
        ]  # fmt: skip
        return number

    assert value("cremad", "MCR, Table 1", "ensemble of logits") == [71.7, 2.2]
    assert value("cremad", "BalanceMM", "MMPareto") == 79.97
    assert value("cremad", "ReconBoost", "ReconBoost") == 81.11
    assert value("ucf101", "BalanceMM", "AMCo") == 86.91
    assert value("vggsound", "BalanceMM", "UMT") == 51.58


def test_a_source_of_the_same_protocol_is_comparable() -> None:
    assert reasons_against(FAIR, START) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"selection": "test"}, "epoch selected on test"),
        ({"selection": "unknown"}, "how the epoch was selected is unknown"),
        ({"split": "folds of its own"}, "other split (folds of its own, ours: ogm)"),
        ({"split": None}, "split not stated"),
        ({"seeds": 1}, "single run"),
        ({"seeds": None}, "number of seeds not stated"),
        ({"test_samples": 704}, "tested on 704 samples, ours on 744"),
        ({"encoder": "Conformer"}, "other encoder (Conformer, ours: ResNet18)"),
        ({"encoder": None}, "encoder not stated"),
        ({"initial": "ImageNet"}, "starts from ImageNet"),
        ({"initial": None}, "initial weights not stated"),
        ({"first_hand": False}, "read in the paper, not checked in the paper"),
        ({"remarks": ["sound is tiled"]}, "sound is tiled"),
    ],
)
def test_each_reason_is_given(change: dict[str, Any], reason: str) -> None:
    assert reasons_against(replace(FAIR, **change), START) == [reason]


def test_encoders_by_modality_are_another_encoder() -> None:
    encoder = {"audio": {"_target_": "x.ResNet18"}, "visual": {"_target_": "x.MLP"}}
    start = START | {"config": {**START["config"], "encoder": encoder}}
    assert reasons_against(FAIR, start) == ["other encoder (ResNet18, ours: ResNet18 and MLP)"]


def test_a_selection_that_is_none_of_the_three_is_refused() -> None:
    with pytest.raises(ValueError, match=r"somebody: selection is 'train', expected one of"):
        replace(FAIR, selection="train")


@pytest.mark.parametrize("choice", ["cremad", "cremad_ogm"])
def test_published_rows_stand_below_ours_with_reasons(make_run: Maker, choice: str) -> None:
    make_run.real[0]["modalities"] = {"audio": [1], "visual": [1]}
    run = make_run(0, 0.7, f"dataset={choice}", "encoder=resnet18")
    shown = " ".join(render(compare([run], published=True)).split())
    assert "MCR, Table 1 (NeurIPS 2025) (2025; read in the paper), not comparable: other" in shown
    assert "ensemble of logits 71.7 ± 2.2" in shown
    markdown = render(compare([run], published=True), "markdown")
    line = next(line for line in markdown.splitlines() if line.startswith("| FastPID | 83.5"))
    assert "no: epoch selected on test" in line
    assert "MCR" not in render(compare([run]))


def test_a_dataset_without_published_numbers_shows_none(make_run: Maker) -> None:
    make_run(0, 0.7)
    assert compare([make_run.folder], published=True).tables[0].published == ()
