"""Any scheduler of torch can be named; without a length of its own it gets the stage's."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from fusion_sched.config.build import build, stage_plan
from fusion_sched.training.trainer import train
from tests.conftest import make_config, of, run_once

TORCH = "torch.optim.lr_scheduler"
QUICK = (
    "encoder=mlp",
    "probe.samples=100",
    "probe=kmeans",
    "probe.resamples=2",
    "probe.shuffles=1",
)


def plan(**scheduler: Any) -> Any:
    cfg = make_config("stage2.optimizer.lr=0.1")
    cfg.stage2.scheduler = {"_partial_": True, **scheduler}
    return stage_plan(cfg, "stage2")


def rates(epochs: int, **scheduler: Any) -> list[float]:
    """Return the learning rate of each epoch of a stage."""
    stage = plan(**scheduler)
    optimizer = stage.optimizer([torch.nn.Parameter(torch.zeros(1))])
    schedule = stage.scheduler(optimizer, epochs)
    seen = []
    for _ in range(epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


@pytest.mark.parametrize(
    ("target", "values", "expected"),
    [
        ("ConstantLR", {"factor": 1.0, "total_iters": 0}, [0.1, 0.1, 0.1, 0.1]),
        ("StepLR", {"step_size": 2, "gamma": 0.5}, [0.1, 0.1, 0.05, 0.05]),
        ("MultiStepLR", {"milestones": [1, 3], "gamma": 0.5}, [0.1, 0.05, 0.05, 0.025]),
        ("ExponentialLR", {"gamma": 0.5}, [0.1, 0.05, 0.025, 0.0125]),
        ("CosineAnnealingLR", {"T_max": None}, [0.1, 0.0853553, 0.05, 0.0146447]),
        ("CosineAnnealingLR", {"T_max": 2}, [0.1, 0.05, 0.0, 0.05]),
        ("PolynomialLR", {"total_iters": None}, [0.1, 0.075, 0.05, 0.025]),
        ("LinearLR", {"start_factor": 0.5, "total_iters": 2}, [0.05, 0.075, 0.1, 0.1]),
        ("CosineAnnealingWarmRestarts", {"T_0": 2}, [0.1, 0.05, 0.1, 0.05]),
    ],
)
def test_rates_by_hand(target: str, values: dict[str, Any], expected: list[float]) -> None:
    assert rates(4, _target_=f"{TORCH}.{target}", **values) == pytest.approx(expected, abs=1e-6)


def test_warm_up_and_then_a_cosine() -> None:
    parts = [
        {"_target_": f"{TORCH}.LinearLR", "_partial_": True, "start_factor": 0.5, "total_iters": 2},
        {"_target_": f"{TORCH}.CosineAnnealingLR", "_partial_": True, "T_max": 2},
    ]
    found = rates(4, _target_=f"{TORCH}.SequentialLR", schedulers=parts, milestones=[2])
    assert found == pytest.approx([0.05, 0.075, 0.1, 0.05])


def test_one_that_takes_the_number_of_all_steps() -> None:
    given, filled = (
        rates(10, _target_=f"{TORCH}.OneCycleLR", max_lr=0.2, total_steps=steps)
        for steps in (10, None)
    )
    assert filled == given
    assert max(filled) == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize(
    ("scheduler", "word"),
    [
        ({"_target_": f"{TORCH}.StepLR", "step_size": 0}, "stage2.scheduler"),
        ({"_target_": f"{TORCH}.StepLR", "stepsize": 3}, "stage2.scheduler.stepsize"),
        ({"_target_": f"{TORCH}.StepLR"}, "stage2.scheduler.*step_size"),
        ({"_target_": f"{TORCH}.PolynomialLR", "total_iters": 2.5}, "total_iters is 2.5"),
    ],
)
def test_a_scheduler_that_cannot_be_made_is_named(scheduler: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        plan(**scheduler)


def test_the_cosine_covers_the_epochs_that_stage_1_left_over(tmp_path: Path) -> None:
    """With equal budgets the joint stage is longer where the unimodal one was shorter."""
    events = run_once(
        tmp_path, "controller=fixed", "controller.epochs=1", "stage1.epochs=3", "stage2.epochs=1",
        "scheduler@stage2.scheduler=cosine", "robustness=false", *QUICK,
    )  # fmt: skip
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    whole = CosineAnnealingLR(optimizer, 3)
    expected = []
    for _ in range(3):
        expected.append(whole.get_last_lr()[0])
        optimizer.step()
        whole.step()
    assert [e["lr"] for e in of(events, "epoch") if e["stage"] == "joint"] == expected


def test_one_that_watches_the_loss(tmp_path: Path) -> None:
    """A loss that cannot fall by 99 % in an epoch lets the rate fall after every one."""
    cfg = make_config(
        "controller=joint", "stage1.epochs=1", "stage2.epochs=3", "robustness=false", *QUICK
    )
    cfg.stage2.scheduler = {
        "_target_": f"{TORCH}.ReduceLROnPlateau", "_partial_": True, "factor": 0.5, "patience": 0,
        "threshold": 0.99,
    }  # fmt: skip
    events: list[dict[str, Any]] = []
    train(build(cfg), tmp_path, events.append)
    rates = [e["lr"] for e in of(events, "epoch")]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.0025])
