"""Runs of controller=evidence: kept weights, a choice at the hand-over, one deployed network."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from fusion_sched.analysis.replay import recorded_stages, replay_trace
from fusion_sched.analysis.runs import find_runs
from fusion_sched.controllers.evidence import Evidence
from fusion_sched.runlog import read_trace
from fusion_sched.runtime import checkpoint
from fusion_sched.training.branches import branches_of, hand_over_of, train_branch
from fusion_sched.training.components import make_loaders
from fusion_sched.training.epoch import evaluate
from fusion_sched.types import DEPLOYABLE
from tests.conftest import make_parts, of, read_events, run_once
from tests.training.test_resume import assert_same_run, interrupted_after

QUICK = ("+method=evidence", "dataset=synthetic", "dataset.samples=300", "dataset.synergy=0",
         "dataset.redundancy=1.0", "stage1.epochs=4", "stage2.epochs=2", "robustness=false",
         "tracker=none", "probe.checks_every=99", "controller.patience=1",
         "controller.rise_bits=0.05")  # fmt: skip
JOINT = (*QUICK, "controller.near_zero=0")
ENSEMBLE = (*QUICK, "controller.near_zero=1")
POOLED = (
    *QUICK,
    "controller.near_zero=0",
    "controller.rise_bits=0.01",
    "dataset.redundancy=0.5",
    "seed=3",
)

RUNS = [("joint_run", JOINT), ("ensemble_run", ENSEMBLE), ("pooled_run", POOLED)]


@pytest.fixture(scope="module")
def joint_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that chose joint training."""
    folder = tmp_path_factory.mktemp("joint")
    run_once(folder, *JOINT)
    return folder


@pytest.fixture(scope="module")
def ensemble_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that chose the ensemble."""
    folder = tmp_path_factory.mktemp("ensemble")
    run_once(folder, *ENSEMBLE)
    return folder


@pytest.fixture(scope="module")
def pooled_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that chose the mean of joint training and what was kept before it."""
    folder = tmp_path_factory.mktemp("pooled")
    run_once(folder, *POOLED)
    assert of(read_events(folder), "decision")[-1]["pooled"]
    return folder


def test_joint_training_and_the_kept_heads_are_compared(joint_run: Path) -> None:
    events = read_events(joint_run)
    moments = [e["moment"] for e in of(events, "held_out")]
    assert moments[-2:] == ["hand-over", "end"]
    assert set(moments[:-2]) == {"epoch"}
    first, second = [d for d in of(events, "decision") if d["to"]["stage"] == "joint"]
    assert first["restored"]
    assert first["to"]["active"] == ["x1", "x2"]
    end = of(events, "held_out")[-1]["information_bits"]
    best = max(end, key=lambda name: end[name]["value"])
    assert second["reason"].startswith(f"{DEPLOYABLE[best]} is deployed")
    assert second["epoch"] == of(events, "epoch")[-1]["epoch"]
    assert of(events, "epoch")[-1]["stage"] == "joint"


def test_an_ensemble_ends_the_run_at_the_hand_over(ensemble_run: Path) -> None:
    events = read_events(ensemble_run)
    decision = of(events, "decision")[-1]
    assert decision["to"] == {"stage": "joint", "active": []}
    assert decision["ensemble"]
    assert {e["stage"] for e in of(events, "epoch")} == {"unimodal"}
    result = of(events, "result")[0]
    assert result["selected_epoch"] == result["epoch"] == decision["epoch"]
    assert result["best_on_test"]["accuracy"] == result["test"]["fused"]["accuracy"]


@pytest.mark.parametrize(("name", "options"), RUNS)
def test_the_best_weights_are_the_deployed_network(
    name: str, options: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(name)
    parts = make_parts(*options)
    last = checkpoint.load(folder / "checkpoint" / "last.pt", torch.device("cpu"))
    best = checkpoint.load(folder / "checkpoint" / last["state"]["best"], torch.device("cpu"))
    parts.model.load_state_dict(best["model"])
    result = of(read_events(folder), "result")[0]
    loaders = make_loaders(parts)
    accuracy = evaluate(parts.model, loaders.test).accuracy()
    assert accuracy == {m: scores["accuracy"] for m, scores in result["test"].items()}
    assert evaluate(parts.model, loaders.validation).accuracy() == result["validation"]


def test_each_modality_is_restored_to_its_own_epoch(ensemble_run: Path) -> None:
    last = checkpoint.load(ensemble_run / "checkpoint" / "last.pt", torch.device("cpu"))
    state = last["state"]
    over = checkpoint.load(ensemble_run / "checkpoint" / state["hand_over"], torch.device("cpu"))[
        "model"
    ]
    for m, name in state["kept"].items():
        assert name == f"kept-{state['controller']['best_epoch'][m] + 1:04d}.pt"
        kept = checkpoint.load(ensemble_run / "checkpoint" / name, torch.device("cpu"))["model"]
        own = [k for k in kept if k.startswith((f"encoders.{m}.", f"heads.{m}."))]
        assert own
        assert all(torch.equal(kept[k], over[k]) for k in own)


@pytest.mark.parametrize(("name", "options"), RUNS)
def test_interrupted_and_resumed_it_is_the_same_run(
    name: str, options: tuple[str, ...], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole: Path = request.getfixturevalue(name)
    seed = random.randrange(10**6)
    print(f"random seed of this test: {seed}")
    events = len(read_events(whole))
    first = random.Random(seed).randrange(2, events - 1)
    folder = tmp_path / "run"
    assert not interrupted_after(folder, options, first)
    ended = interrupted_after(folder, options, max(1, events - first - 1))
    assert ended or interrupted_after(folder, options, 10**6)
    assert_same_run(folder, whole)


@pytest.mark.parametrize("name", ["joint_run", "ensemble_run", "pooled_run"])
def test_replay_decides_the_same(name: str, request: pytest.FixtureRequest) -> None:
    trace = read_trace(request.getfixturevalue(name))
    controller = Evidence(**{k: v for k, v in trace.start["config"]["controller"].items()
                             if k != "_target_"})  # fmt: skip
    mine = [
        (s.epoch, s.decision.stage.name, list(s.decision.stage.active), s.decision.ensemble)
        for s in replay_trace(trace, controller)
    ]
    theirs = [
        (epoch, to["stage"], to["active"], to.get("ensemble", False))
        for epoch, to in recorded_stages(trace)
    ]
    assert mine == theirs


def test_replay_of_other_thresholds(joint_run: Path) -> None:
    steps = replay_trace(read_trace(joint_run), Evidence(patience=1, near_zero=1.0, rise_bits=0.05))
    assert steps[-1].decision.ensemble
    assert not steps[-1].decision.stage.active


def test_the_branch_that_was_taken_ends_as_the_run_did(joint_run: Path) -> None:
    trace = read_trace(joint_run)
    event = hand_over_of(trace)
    branches = branches_of(("x1", "x2"), tuple(event["fused"]))
    assert list(branches) == [
        "x1 alone", "x2 alone", "ensemble of x1, x2", "joint training of x1, x2"
    ]  # fmt: skip
    name = "joint training of x1, x2"
    train_branch(make_parts(*JOINT), joint_run, event, name, branches[name])
    epochs = [of(read_events(f), "epoch") for f in (joint_run, branch_folder(joint_run, name))]
    joint = [[e["loss"] for e in run if e["stage"] == "joint"] for run in epochs]
    assert joint[0] == joint[1]
    with pytest.raises(ValueError, match="delete it to train this branch again"):
        train_branch(make_parts(*JOINT), joint_run, event, name, branches[name])
    assert find_runs([joint_run]) == [joint_run.resolve()], (
        "a branch is no run of its own in a table"
    )


def branch_folder(run: Path, name: str) -> Path:
    return run / "branches" / name.replace(", ", "-").replace(" ", "-")


def test_a_run_without_a_choice_has_no_branches(short_runs: Path) -> None:
    with pytest.raises(ValueError, match="no choice at a hand-over"):
        hand_over_of(read_trace(short_runs / "pid0"))
    with pytest.raises(ValueError, match="no held_out event of a hand-over"):
        replay_trace(read_trace(short_runs / "pid0"), AlwaysMeasures())


class AlwaysMeasures(Evidence):
    """Ends stage 1 at once."""

    def step(self, state: Any, observation: Any) -> Any:
        return self._go_on({**state, "active": []}, observation, "", ())


def test_a_probe_of_training_samples_is_refused_while_the_run_is_built() -> None:
    with pytest.raises(ValueError, match=r"set probe=posterior probe\.source=both"):
        make_parts("controller=evidence")
