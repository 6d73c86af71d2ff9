"""Options of training: warm-up by its formula, and what is refused before anything trains."""

import dataclasses
from typing import Any

import pytest
import torch

from fusion_sched.config.build import build, build_dataset, stage_plan
from fusion_sched.config.options import training_options
from fusion_sched.types import Batch
from tests.conftest import make_config, make_parts

TORCH = "torch.optim.lr_scheduler"
SYNTHETIC = ("dataset=synthetic", "dataset.samples=300", "encoder=mlp", "probe.samples=100")


def rates(epochs: int, *overrides: str) -> list[float]:
    """Return the learning rate of each epoch of stage 2."""
    plan = stage_plan(make_config("stage2.optimizer.lr=0.1", *overrides), "stage2")
    optimizer = plan.optimizer([torch.nn.Parameter(torch.zeros(1))])
    schedule = plan.scheduler(optimizer, epochs)
    values = []
    for _ in range(epochs):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return values


@pytest.mark.parametrize(
    ("scheduler", "after"),
    [
        ("constant", [1, 1, 1, 1]),
        ("cosine", [1, 0.853553, 0.5, 0.146447]),  # over the four epochs that are left
        ("step", [1, 1, 1, 1]),
    ],
)
def test_the_rate_rises_linearly_and_then_the_scheduler_begins(
    scheduler: str, after: list[float]
) -> None:
    found = rates(7, "warmup_epochs=3", f"scheduler@stage2.scheduler={scheduler}")
    assert found == pytest.approx([0.1 * f for f in (0.25, 0.5, 0.75, *after)], abs=1e-6)
    assert rates(3, "warmup_epochs=1")[0] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["warmup_epochs=15"], "stage1.scheduler: warmup_epochs is 15, and the stage has 15 epo"),
        (["precision=fp16"], "precision=fp16 trains on CUDA alone, and the device is cpu"),
        (["early_stopping.patience=0"], "early_stopping.patience is 0, expected at least 1"),
        (["early_stopping.patience=1", "early_stopping.monitor=f1"], "monitor is 'f1', expected"),
        (["gradient_clip_norm=0"], "gradient_clip_norm is 0.0, expected a number above 0"),
        (["accumulate_batches=0"], "accumulate_batches is 0, expected at least 1"),
        (["ema_decay=1"], "ema_decay is 1.0, expected a number between 0 and 1"),
        (["label_smoothing=1"], "label_smoothing is 1.0, expected"),
        (["class_weights=[1,2]"], "class_weights has 2 numbers, expected one for each of 16"),
        (["class_weights=equal"], "class_weights is 'equal', expected null, balanced, or a list"),
        (["mixup_alpha=-1"], "mixup_alpha is -1.0, expected 0 or more"),
        (["modality_dropout=0.2", "fusion=average"], "Average has no parameter"),
        (["modality_dropout=0.2", "balancer=ogm_ge"], "set modality_dropout=0 or use balancer="),
        (["+modality_optimizers.x3.lr=0.1"], "names 'x3', but the dataset's modalities are"),
        (["+modality_optimizers.x1.rate=0.1"], "has ['rate'], expected some of"),
        (["+modality_optimizers.x1.lr=fast"], "x1.lr is 'fast', expected a number"),
        (["debug=overfit", "mixup_alpha=1"], "debug=overfit trains without augmentation"),
        (["debug.samples=1"], "debug.samples is 1, expected at least 2"),
    ],
)
def test_what_cannot_be_used_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        make_parts(*SYNTHETIC, *overrides)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("scheduler", "overrides", "message"),
    [
        ({"_target_": f"{TORCH}.ReduceLROnPlateau"}, ["warmup_epochs=1"],
         "ReduceLROnPlateau, which watches the loss, cannot follow a warm-up"),
        ({"_target_": f"{TORCH}.OneCycleLR", "max_lr": 0.1, "total_steps": None},
         ["+modality_optimizers.x1.lr=0.1"],
         "OneCycleLR, which gives every parameter the same learning rate"),
    ],
)  # fmt: skip
def test_schedulers_that_an_option_does_not_go_with(
    scheduler: dict[str, Any], overrides: list[str], message: str
) -> None:
    cfg = make_config(*SYNTHETIC, *overrides)
    cfg.stage2.scheduler = {"_partial_": True, **scheduler}
    with pytest.raises(ValueError, match=message):
        build(cfg)


def test_mixup_of_token_ids_is_refused() -> None:
    def as_ids(batch: Batch) -> Batch:
        return batch._replace(inputs={m: x.long() for m, x in batch.inputs.items()})

    cfg = make_config(*SYNTHETIC, "mixup_alpha=1")
    splits = dataclasses.replace(build_dataset(cfg).load(), finish=as_ids)
    with pytest.raises(ValueError, match="mixes floating-point inputs, and the dataset gives"):
        training_options(cfg, splits)
