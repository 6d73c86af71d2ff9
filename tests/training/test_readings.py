"""Two readings: a diagnosis of training samples, and one of samples never trained on."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusion_sched.analysis.replay import replay_trace
from fusion_sched.controllers import jointly, unimodal
from fusion_sched.probe import PosteriorProbe
from fusion_sched.runlog import diagnosis_from, read_trace
from fusion_sched.training.components import RunComponents, make_loaders
from fusion_sched.training.epoch import embed
from fusion_sched.training.trainer import train
from fusion_sched.types import (
    NEAR_THRESHOLD,
    STAGE_END,
    ControllerState,
    Decision,
    Observation,
)
from tests.conftest import make_parts, of, read_events, run_once
from tests.training.test_resume import assert_same_run, train_with_stops

BOTH = ("dataset=synthetic", "dataset.samples=300", "probe=posterior", "probe.source=both",
        "stage1.epochs=2", "stage2.epochs=3", "robustness=false", "tracker=none")  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("both")
    run_once(folder, *BOTH)
    return folder


def test_the_choice_has_the_defaults_of_the_class() -> None:
    parts = make_parts("dataset=synthetic", "probe=posterior")
    assert parts.probe == PosteriorProbe()
    assert (parts.probe.source, parts.probe.joint_every) == ("both", 5)


def test_both_readings_are_in_the_trace(both: Path) -> None:
    probes = of(read_events(both), "probe")
    assert [p["epoch"] for p in probes] == [-1, 0, 1, 4], "of stage 2 the last epoch"
    for probe in probes:
        stored, generalising = diagnosis_from(probe), diagnosis_from(probe["generalising"])
        assert (stored.samples, generalising.samples) == (180, 60)
        assert "generalising" in probe["seconds"]
        for name, difference in probe["stored_minus_generalising_bits"].items():
            one, two = stored.mi[name], generalising.mi[name]
            assert difference["value"] == pytest.approx(one.value - two.value)
            assert difference["se"] == pytest.approx(np.hypot(one.se, two.se))
            assert difference["low"] < difference["value"] < difference["high"]
    assert probes[1]["generalising"]["change"].keys() == probes[1]["change"].keys()


def test_one_reading_has_no_second(tmp_path: Path) -> None:
    quick = [option for option in BOTH if not option.startswith("probe.source")]
    probe = of(run_once(tmp_path, *quick, "probe.source=train"), "probe")[-1]
    assert not probe.keys() & {"generalising", "stored_minus_generalising_bits"}


def test_a_run_with_both_readings_resumes_bit_for_bit(tmp_path: Path, both: Path) -> None:
    """Stopped after every sixth event."""
    folder = tmp_path / "run"
    assert train_with_stops(lambda: make_parts(*BOTH), folder, every=6) > 2
    assert_same_run(folder, both)


@dataclass(frozen=True)
class Recorder:
    """Hands over in the last epoch of stage 1, for the reason that it has seen these readings."""

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        return {"seen": []}, Decision(unimodal(modalities), "alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        readings = observation.diagnosis, observation.generalising
        values = [d and d.joint_mi.value for d in readings]
        state = {"seen": [*state["seen"], values]}
        names = ["x1", "x2"]
        stage = jointly(names) if observation.last else unimodal(names)
        return state, Decision(stage, str(state["seen"]))


def test_a_controller_sees_both_readings_in_training_and_in_replay(tmp_path: Path) -> None:
    parts = dataclasses.replace(make_parts(*BOTH), controller=Recorder())
    train(parts, tmp_path, lambda event: None)
    events = read_events(tmp_path)
    expected = [
        [p["joint_mi_bits"]["value"], p["generalising"]["joint_mi_bits"]["value"]]
        for p in of(events, "probe")[:3]
    ]
    assert of(events, "decision")[-1]["reason"] == str(expected)
    replayed = replay_trace(read_trace(tmp_path), Recorder())
    assert replayed[-1].decision.reason == str(expected)


def test_held_out_chooses_its_size_and_says_it(tmp_path: Path) -> None:
    events = run_once(tmp_path, *BOTH, "probe.source=held_out")
    assert {p["samples"] for p in of(events, "probe")} == {180 // 5}
    assert of(events, "start")[0]["split_sizes"]["train"] == 180


def test_three_modalities_have_both_readings(tmp_path: Path) -> None:
    probe = of(run_once(tmp_path, *BOTH, "dataset.unique=[1,0.5,0]", "dataset.synergy=0"), "probe")
    assert probe[-1]["stored_minus_generalising_bits"].keys() == {"x1", "x2", "x3"}
    assert probe[-1]["generalising"]["pairs"].keys() == {"x1/x2", "x1/x3", "x2/x3"}


@pytest.fixture
def noise(tmp_path: Path) -> list[str]:
    """Two modalities of noise, whose labels are random: what is learned is learned by heart."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    np.savez(
        tmp_path / "noise.npz", a=rng.normal(size=(300, 30)), b=rng.normal(size=(300, 30)), y=y
    )
    return ["dataset=arrays", f"dataset.root={tmp_path / 'noise.npz'}", "stage1.epochs=20",
            "stage2.epochs=1", "stage1.optimizer.lr=0.03", "batch_size=16", "controller=fixed",
            "controller.epochs=20", "probe=posterior", "probe.every=20", "probe.source=both",
            "robustness=false",
            "tracker=none"]  # fmt: skip


def test_what_is_learned_by_heart_is_stored_and_does_not_generalise(
    tmp_path: Path, noise: list[str]
) -> None:
    before, after, _ = of(run_once(tmp_path / "run", *noise), "probe")
    for name in ("a", "b"):
        assert before["stored_minus_generalising_bits"][name]["low"] < 0.1
        assert after["mi_bits"][name]["low"] > 0.5
        assert after["generalising"]["mi_bits"][name]["low"] < 0.1
        assert after["stored_minus_generalising_bits"][name]["low"] > 0.3


@pytest.mark.parametrize("on_device", [True, False])
def test_a_probe_gets_the_same_values_wherever_it_computes(on_device: bool) -> None:
    parts = make_parts(*BOTH)
    loader = make_loaders(parts).probe
    here, there = embed(parts.model, loader, on_device), embed(parts.model, loader)
    assert torch.equal(here.y, there.y)
    for name, values in here.embeddings.items():
        assert values.device == loader.device
        assert torch.equal(values, there.embeddings[name])


@dataclass(frozen=True)
class Near:
    """Hands over in the last epoch of stage 1; says how far its threshold is after each epoch."""

    distances: tuple[float | None, ...]

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        return {}, Decision(unimodal(modalities), "alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        names = ["x1", "x2"]
        if observation.last:
            return state, Decision(jointly(names), "the last one")
        distance = self.distances[observation.epoch + 1]
        return state, Decision(unimodal(names), "on", threshold_distance=distance)


ONE = [option for option in BOTH if not option.startswith(("probe.", "stage1"))]


def checks_of(events: list[dict[str, Any]]) -> list[str | None]:
    """Why each diagnosis has checks; no diagnosis has null levels without a reason."""
    probes = of(events, "probe")
    assert all(("null" in p["joint_mi_bits"]) == ("checks" in p) for p in probes)
    assert all("low" in p["joint_mi_bits"] for p in probes)
    return [p.get("checks") for p in probes]


def test_checks_come_by_rhythm_near_a_threshold_and_at_the_end_of_a_stage(tmp_path: Path) -> None:
    parts = make_parts(*ONE, "stage1.epochs=8", "stage2.epochs=3", "probe.joint_every=1")
    near = Near((9.0, 9.0, 0.4, None, 0.6, 0.0, 9.0, 9.0))
    train(dataclasses.replace(parts, controller=near), tmp_path, lambda event: None)
    first = ["rhythm", None, None, NEAR_THRESHOLD, None, "rhythm", NEAR_THRESHOLD, None]
    assert checks_of(read_events(tmp_path)) == [*first, STAGE_END, None, None, STAGE_END]


def test_a_distance_holds_until_the_next_diagnosis(tmp_path: Path) -> None:
    """Epochs without a diagnosis decide on nothing new."""
    parts = make_parts(*ONE, "stage1.epochs=6", "stage2.epochs=1", "probe.every=2")
    near = Near((9.0, 0.1, 0.1, 9.0, 9.0, 9.0))
    train(dataclasses.replace(parts, controller=near), tmp_path, lambda event: None)
    assert checks_of(read_events(tmp_path)) == [
        "rhythm", None, NEAR_THRESHOLD, STAGE_END, STAGE_END
    ]  # fmt: skip


def test_one_knob_has_all_checks(tmp_path: Path) -> None:
    events = run_once(tmp_path, *BOTH, "probe.checks_every=1", "probe.joint_every=1")
    assert checks_of(events) == ["rhythm"] * 6
    assert all("null" in p["generalising"]["joint_mi_bits"] for p in of(events, "probe"))


def test_checks_change_no_estimate(tmp_path: Path, both: Path) -> None:
    often = run_once(tmp_path, *BOTH, "probe.checks_every=1")
    for one, other in zip(of(often, "probe"), of(read_events(both), "probe"), strict=True):
        assert one["joint_mi_bits"]["value"] == other["joint_mi_bits"]["value"]
        assert one["synergy_bits"]["se"] == other["synergy_bits"]["se"]


def test_what_was_near_a_threshold_is_known_after_a_resume(tmp_path: Path) -> None:
    options = (*ONE, "probe.source=train", "stage1.epochs=4", "stage2.epochs=1")
    near = Near((9.0, 0.1, 9.0, 9.0))

    def make() -> RunComponents:
        return dataclasses.replace(make_parts(*options), controller=near)

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    whole.mkdir()
    train(make(), whole, lambda event: None)
    assert NEAR_THRESHOLD in checks_of(read_events(whole))
    assert train_with_stops(make, stopped, every=4) > 2
    assert_same_run(stopped, whole)


def test_the_diagnosis_says_what_it_rests_on(both: Path) -> None:
    probe = of(read_events(both), "probe")[-1]
    assert probe["lower_bits"].keys() == probe["models"].keys() == {"x1", "x2", "all"}
    for name, classes in probe["class_unique_bits"].items():
        labels = make_loaders(make_parts(*BOTH)).probe.raw.dataset.labels
        shares = torch.bincount(labels).double() / len(labels)
        total = sum(float(shares[int(c)]) * bits for c, bits in classes.items())
        assert total == pytest.approx(probe["unique_bits"][name]["value"])
    assert sum(probe["quadrants"].values()) == pytest.approx(1)
