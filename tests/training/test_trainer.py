"""The two stages: freezing, budgets, schedules, selection without a look at the test labels."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusion_sched.controllers import jointly, unimodal
from fusion_sched.data.loading import Batches, EpochOrder, Loader
from fusion_sched.training.components import RunComponents, make_loaders, stratified_choice
from fusion_sched.training.epoch import EpochLog, train_epoch, unimodal_backward
from fusion_sched.training.gradients import GradientStep
from fusion_sched.training.trainer import train
from fusion_sched.types import ControllerState, Decision, Observation, Stage
from tests.conftest import make_parts, of, run_once, timeless

QUICK = ("stage1.epochs=2", "stage2.epochs=2", "probe.samples=200",
         "robustness=false", "encoder=mlp")  # fmt: skip
SYNTHETIC = ("dataset=synthetic", "dataset.samples=300", *QUICK)


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return run_once(tmp_path_factory.mktemp("quick"), *QUICK)


@pytest.fixture(scope="module")
def joint_result(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return epochs and result of a run of the controller `joint`."""
    events = run_once(tmp_path_factory.mktemp("joint"), "controller=joint", *QUICK)
    return of(events, "epoch"), of(events, "result")[0]


def snapshot(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def differing(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_paused_modality_is_frozen_bit_for_bit(optimizer: str) -> None:
    """No parameter, BatchNorm statistic or optimizer state of it moves; the active one's do."""
    parts = make_parts(f"optimizer@stage1.optimizer={optimizer}", "encoder=small_cnn")
    order = EpochOrder(range(len(parts.splits.train)), 0)
    loader = Loader(parts.splits.train, 64, order)
    stepper = parts.stage1.optimizer(parts.model.parameters())
    both, one = Stage(("gray", "colored")), Stage(("gray",))
    step = GradientStep(parts.model, stepper)
    train_epoch(parts.model, loader, step, both, partial(unimodal_backward, active=both.active))
    paused = [p for part in (parts.model.encoders["colored"], parts.model.heads["colored"])
              for p in part.parameters()]  # fmt: skip
    memory = [{k: torch.as_tensor(v).clone() for k, v in stepper.state[p].items()} for p in paused]
    assert all(memory), "the optimizer must hold state for this test to mean anything"
    before = snapshot(parts.model)

    train_epoch(parts.model, loader, step, one, partial(unimodal_backward, active=one.active))

    moved = differing(before, snapshot(parts.model))
    assert all("gray" in name for name in moved)
    assert {name for name in before if "gray" in name} == moved
    for p, was in zip(paused, memory, strict=True):
        assert all(torch.equal(torch.as_tensor(stepper.state[p][k]), v) for k, v in was.items())


def train_jointly(parts: RunComponents) -> tuple[EpochLog, set[str]]:
    """Train one joint epoch; return its log and the names of what moved."""
    loader = Loader(parts.splits.train, 64, EpochOrder(range(len(parts.splits.train)), 0))
    before = snapshot(parts.model)
    stepper = parts.stage2.optimizer(parts.model.parameters())
    backward = partial(parts.balancer.backward, state={})
    step = GradientStep(parts.model, stepper)
    log = train_epoch(parts.model, loader, step, Stage(("gray", "colored"), joint=True), backward)
    return log, differing(before, snapshot(parts.model))


def test_stage_2_trains_fusion_and_everything_else() -> None:
    parts = make_parts()
    log, moved = train_jointly(parts)
    assert moved == set(parts.model.state_dict())
    assert set(log.loss) == {"gray", "colored", "fused"}


def test_a_loss_without_weight_moves_nothing() -> None:
    parts = make_parts("balancer=fused_only")
    _, moved = train_jointly(parts)
    everything = set(parts.model.state_dict())
    assert everything - moved == {name for name in everything if name.startswith("heads.")}


def test_frozen_encoders_and_their_statistics_stay_bit_for_bit() -> None:
    parts = make_parts("balancer=frozen", "encoder=small_cnn")
    _, moved = train_jointly(parts)
    assert moved == {name for name in parts.model.state_dict() if name.startswith("fusion.")}


@pytest.mark.parametrize("equal", [True, False])
def test_every_controller_gets_the_same_number_of_epochs(tmp_path: Path, equal: bool) -> None:
    options = (*SYNTHETIC, f"equal_budget={str(equal).lower()}", "stage1.epochs=3")
    lengths = {}
    for choice in ("joint", "fixed"):
        extra = ["controller.epochs=1"] if choice == "fixed" else []
        events = run_once(tmp_path / choice, f"controller={choice}", *extra, *options)
        lengths[choice] = len(of(events, "epoch"))
    assert lengths == ({"joint": 5, "fixed": 5} if equal else {"joint": 2, "fixed": 3})


def test_each_stage_has_its_own_optimizer_and_schedule(tmp_path: Path) -> None:
    events = run_once(
        tmp_path, *SYNTHETIC, "controller=fixed", "controller.epochs=2", "stage2.epochs=3",
        "stage1.optimizer.lr=0.02", "scheduler@stage1.scheduler=step",
        "stage1.scheduler.step_size=1", "stage1.scheduler.gamma=0.5", "stage2.optimizer.lr=0.01",
        "scheduler@stage2.scheduler=cosine",
    )  # fmt: skip
    rates = [event["lr"] for event in of(events, "epoch")]
    cosine = [0.01 * 0.5 * (1 + np.cos(np.pi * k / 3)) for k in range(3)]
    assert rates == pytest.approx([0.02, 0.01, *cosine])


def test_the_test_labels_cannot_influence_the_run(
    tmp_path: Path, quick_run: list[dict[str, Any]]
) -> None:
    """With other test labels everything but the score is the same: selection never sees them."""
    parts = make_parts(*QUICK)
    test = dataclasses.replace(parts.splits.test, labels=parts.splits.test.labels.roll(7))  # type: ignore[type-var]
    splits = dataclasses.replace(parts.splits, test=test)
    events: list[dict[str, Any]] = []
    train(dataclasses.replace(parts, splits=splits), tmp_path, events.append)
    kept = [[timeless(e) for e in run if e["event"] not in ("start", "result")]
            for run in (quick_run, events)]  # fmt: skip
    assert kept[0] == kept[1]
    first, second = (of(run, "result")[0] for run in (quick_run, events))
    assert first["selected_epoch"] == second["selected_epoch"]
    assert first["test"] != second["test"]


def test_result_selects_on_validation_and_names_the_optimism(joint_result: Any) -> None:
    epochs, result = joint_result
    fused = [event["accuracy"]["validation"]["fused"] for event in epochs]
    assert result["selected_epoch"] == int(np.argmax(fused))
    assert result["validation"]["fused"] == max(fused)
    gap = result["best_on_test"]["accuracy"] - result["test"]["fused"]["accuracy"]
    assert result["optimism_gap"] == pytest.approx(gap)
    assert gap >= 0


def test_confusion_and_quadrants_tell_the_same_accuracies(joint_result: Any) -> None:
    _, result = joint_result
    for head, cells in result["confusion"].items():
        right = sum(count for true, predicted, count in cells if true == predicted)
        samples = sum(count for _, _, count in cells)
        assert right / samples == pytest.approx(result["test"][head]["accuracy"])
    gray = result["quadrants"]["all"] + result["quadrants"]["only gray"]
    assert gray == pytest.approx(result["test"]["gray"]["accuracy"])


@pytest.mark.parametrize(
    ("dataset", "modalities"),
    [
        (["dataset=digits_thirds"], ["upper", "middle", "lower"]),
        (["dataset=synthetic", "dataset.samples=600", "dataset.unique=[1,0.5,0]",
          "dataset.synergy=0"], ["x1", "x2", "x3"]),
    ],
)  # fmt: skip
def test_three_modalities_train(tmp_path: Path, dataset: list[str], modalities: list[str]) -> None:
    events = run_once(tmp_path, *dataset, *QUICK)
    assert list(of(events, "probe")[0]["unique_bits"]) == modalities
    assert set(of(events, "result")[0]["test"]) == {*modalities, "fused"}


def test_one_modality_trains(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    np.savez(tmp_path / "one.npz", sound=np.eye(3)[y] + 0.1 * rng.normal(size=(90, 3)), y=y)
    root = f"dataset.root={tmp_path / 'one.npz'}"
    rates = ("stage1.optimizer.lr=0.05", "stage2.optimizer.lr=0.05", "batch_size=8")
    events = run_once(tmp_path / "run", "dataset=arrays", root, *rates, *QUICK)
    probe = of(events, "probe")[-1]
    assert "synergy_bits" not in probe
    assert probe["unique_bits"] == probe["mi_bits"]
    assert probe["seconds"].keys() == {"embed", "cluster", "solve"}
    assert of(events, "result")[0]["test"]["fused"]["accuracy"] > 0.9


class Started(Exception):
    """Stops a run at its start event, which it holds."""


def start_event(folder: Path, *overrides: str) -> dict[str, Any]:
    def stop(event: dict[str, Any]) -> None:
        raise Started(event)

    folder.mkdir()
    with pytest.raises(Started) as stopped:
        train(make_parts(*overrides), folder, stop)
    return dict(stopped.value.args[0])


def test_the_start_event_says_what_was_run(tmp_path: Path) -> None:
    options = ("dataset=synthetic", "dataset.samples=600", *QUICK)
    start = start_event(tmp_path / "a", *options)
    assert start["event"] == "start"
    assert start["facts"]["exact_pid"]["synergy_bits"] == 0.5
    assert start["split_sizes"] == {"train": 360, "validation": 120, "test": 120}
    assert start["config"]["controller"]["_target_"].endswith("PID")
    other = start_event(tmp_path / "b", *options, "dataset.split_seed=1", "seed=5")
    seed_only = start_event(tmp_path / "c", *options, "seed=5")
    assert other["fingerprint"] != start["fingerprint"]
    assert other["protocol_hash"] != start["protocol_hash"]
    assert seed_only["protocol_hash"] == start["protocol_hash"]


def test_the_same_seed_gives_the_same_trace(
    tmp_path: Path, quick_run: list[dict[str, Any]]
) -> None:
    again, other = (run_once(tmp_path / str(seed), f"seed={seed}", *QUICK) for seed in (0, 5))
    assert [timeless(e) for e in again] == [timeless(e) for e in quick_run]
    assert [timeless(e) for e in other[2:]] != [timeless(e) for e in quick_run[2:]]


def test_probe_samples_are_stratified_and_fixed() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    chosen = stratified_choice(labels, 32, seed=3)
    assert np.bincount(labels[chosen]).tolist() == [20, 10, 2]
    assert chosen == stratified_choice(labels, 32, seed=3)
    assert chosen != stratified_choice(labels, 32, seed=4)
    assert stratified_choice(labels, 500, seed=3) == list(range(160))


@pytest.mark.parametrize("count", [1, 2, 8, 9, 16, 17])
def test_no_batch_of_one_and_no_sample_left_out(count: int) -> None:
    batches = list(Batches(range(count), 8))
    assert [i for batch in batches for i in batch] == list(range(count))
    assert len(batches) == len(Batches(range(count), 8))
    assert all(len(batch) > 1 for batch in batches) or count == 1


def test_diagnoses_of_the_joint_stage_have_a_rate_of_their_own(tmp_path: Path) -> None:
    events = run_once(tmp_path, *QUICK, "controller=joint", "probe.joint_every=3")
    assert [e["epoch"] for e in of(events, "probe")] == [-1, 2, 3]


@pytest.mark.parametrize("probe", ["kmeans", "predictions", "published"])
def test_other_probes_train(tmp_path: Path, probe: str) -> None:
    short = ("stage1.epochs=1", "stage2.epochs=1", "encoder=mlp", "robustness=false")
    rates = ("probe.every=1", "probe.joint_every=1", "probe.resamples=5")
    events = run_once(tmp_path, f"probe={probe}", *rates, *short)
    assert len(of(events, "probe")) == 1 + len(of(events, "epoch"))


def test_a_held_out_slice_is_not_trained_on(tmp_path: Path) -> None:
    loaders = make_loaders(make_parts("probe.source=held_out", "probe.samples=200"))
    trained = {int(i) for batch in loaders.train for i in batch.index}
    probed = {int(i) for batch in loaders.probe for i in batch.index}
    assert (len(trained), len(probed)) == (877, 200)
    assert not trained & probed
    assert len(make_loaders(make_parts("probe.source=held_out")).probe.order) == 1077 // 5


@dataclasses.dataclass(frozen=True)
class Forgetful:
    """Asks for weights back that it never asked to keep."""

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        return {}, Decision(unimodal(modalities), "alone")

    def step(self, state: ControllerState, seen: Observation) -> tuple[ControllerState, Decision]:
        return state, Decision(jointly(["gray", "colored"]), "back", restore=True)


def test_weights_that_were_not_kept_cannot_be_restored(tmp_path: Path) -> None:
    parts = dataclasses.replace(make_parts(*QUICK), controller=Forgetful())
    with pytest.raises(ValueError, match="Forgetful wants weights restored"):
        train(parts, tmp_path, lambda event: None)
