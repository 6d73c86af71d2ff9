"""From the keys of the options of training, which are off by default, to what they stand for."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LinearLR, LRScheduler, SequentialLR

from fusion_sched.training.components import StagePlan
from fusion_sched.training.debugging import few_samples, samples_to_memorise
from fusion_sched.training.early_stopping import EarlyStopping
from fusion_sched.training.options import TrainingOptions
from fusion_sched.training.parameter_groups import check_own_values
from fusion_sched.training.targets import SoftTargets, balanced_weights
from fusion_sched.types import Splits

Scheduler = Callable[[Optimizer, int], LRScheduler]
TRIAL_RATE = 0.123


def training_options(cfg: DictConfig, splits: Splits) -> TrainingOptions:
    """Return the options of a run on these data.

    Raises
    ------
    ValueError
        A value that cannot be used, or options that exclude each other.
    """
    stopping, memorise = cfg.early_stopping, cfg.debug.memorise
    if not isinstance(memorise, bool):
        raise ValueError(f"debug.memorise is {memorise!r}, expected true or false")
    if memorise and (cfg.mixup_alpha or cfg.modality_dropout):
        raise ValueError(
            f"debug=overfit trains without augmentation, and mixup_alpha is {cfg.mixup_alpha}, "
            f"modality_dropout {cfg.modality_dropout}; set both to 0"
        )
    if cfg.mixup_alpha:
        _check_mixable(splits)
    return TrainingOptions(
        early_stopping=None if stopping.patience is None else EarlyStopping(**stopping),
        gradient_clip_norm=cfg.gradient_clip_norm,
        accumulate_batches=cfg.accumulate_batches,
        ema_decay=cfg.ema_decay,
        targets=SoftTargets(
            len(splits.classes), cfg.label_smoothing, _class_weights(cfg, splits), cfg.mixup_alpha
        ),
        modality_optimizers=cast(
            dict[str, Any], OmegaConf.to_container(cfg.modality_optimizers, resolve=True)
        ),
        until_memorised=memorise,
        profile_steps=cfg.debug.profile_steps,
    )


def _class_weights(cfg: DictConfig, splits: Splits) -> tuple[float, ...]:
    given = cfg.class_weights
    if given is None:
        return ()
    if given == "balanced":
        return balanced_weights(splits.train.labels, splits.classes)
    values = list(given) if OmegaConf.is_list(given) else [given]
    if not OmegaConf.is_list(given) or not all(type(v) in (int, float) for v in values):
        raise ValueError(
            f"class_weights is {given!r}, expected null, balanced, or a list of "
            f"{len(splits.classes)} numbers, one for each class"
        )
    return tuple(float(value) for value in values)


def _check_mixable(splits: Splits) -> None:
    """Raise where an input is not made of measurements: a mean of two token ids means nothing."""
    inputs = splits.finish(splits.plain_train.__getitems__([0])).inputs
    whole = {m: str(x.dtype) for m, x in inputs.items() if not x.is_floating_point()}
    if whole:
        raise ValueError(
            f"mixup_alpha mixes floating-point inputs, and the dataset gives {whole}; set "
            "mixup_alpha=0"
        )


def check_precision(cfg: DictConfig, device: torch.device) -> None:
    """Raise where a run would train in float16 without CUDA."""
    if cfg.precision == "fp16" and device.type != "cuda":
        raise ValueError(
            f"precision=fp16 trains on CUDA alone, and the device is {device}; use "
            "precision=float32, or device=cuda on a machine that has one"
        )


def check_modality_optimizers(
    key: str, plan: StagePlan, options: TrainingOptions, modalities: Iterable[str]
) -> None:
    """Raise where a stage's optimizer or scheduler would not take a modality's own values."""
    own = options.modality_optimizers
    if not own:
        return
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = plan.optimizer([{"params": parameters[:1]},
                                {"params": parameters[1:], "lr": TRIAL_RATE}])  # fmt: skip
    check_own_values(own, modalities, optimizer)
    scheduler = plan.scheduler(optimizer, plan.epochs)
    if optimizer.param_groups[1].get("initial_lr", TRIAL_RATE) != TRIAL_RATE:
        raise ValueError(
            f"{key}.scheduler is {type(scheduler).__name__}, which gives every parameter the same "
            "learning rate, so that modality_optimizers would do nothing; use another scheduler"
        )


def warmed_up(scheduler: Scheduler, warmup_epochs: int) -> Scheduler:
    """Return a scheduler after `warmup_epochs` w: in epoch k < w the rate is (k + 1) / (w + 1)."""

    def build(optimizer: Optimizer, epochs: int) -> LRScheduler:
        if epochs <= warmup_epochs:
            raise ValueError(
                f"warmup_epochs is {warmup_epochs}, and the stage has {epochs} epochs; expected "
                "fewer"
            )
        rising = LinearLR(optimizer, 1 / (warmup_epochs + 1), total_iters=warmup_epochs)
        then = scheduler(optimizer, epochs - warmup_epochs)
        if "metrics" in inspect.signature(then.step).parameters:
            raise ValueError(
                f"warmup_epochs is {warmup_epochs}, and {type(then).__name__}, which watches the "
                "loss, cannot follow a warm-up; use another scheduler or warmup_epochs=0"
            )
        return SequentialLR(optimizer, [rising, then], milestones=[warmup_epochs])

    return build


def with_debug_epochs(cfg: DictConfig) -> DictConfig:
    """Return the configuration with `debug.epochs`, where it is set, for both stages."""
    epochs = cfg.debug.epochs
    if epochs is None:
        return cfg
    stages = {"stage1": {"epochs": epochs}, "stage2": {"epochs": epochs}}
    return cast(DictConfig, OmegaConf.merge(cfg, stages))


def debug_splits(cfg: DictConfig, splits: Splits) -> Splits:
    """Return the splits, cut to `debug.samples` where it is set."""
    samples = cfg.debug.samples
    if samples is None:
        return splits
    if samples < 2:
        raise ValueError(f"debug.samples is {samples}, expected at least 2")
    cut = samples_to_memorise if cfg.debug.memorise else few_samples
    return cut(splits, samples, cfg.seed)
