"""From a configuration to the parts of a run: the only place that sees both."""

import copy
import math
import os
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, cast

import torch
import torch._functorch.config
from omegaconf import DictConfig, OmegaConf
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fusion_sched.analysis.rows import role_of
from fusion_sched.config.instantiate import STAGE_LENGTHS, make
from fusion_sched.config.options import (
    Scheduler,
    check_modality_optimizers,
    check_precision,
    debug_splits,
    training_options,
    warmed_up,
    with_debug_epochs,
)
from fusion_sched.controllers.bandit import Bandit
from fusion_sched.controllers.evidence import Evidence
from fusion_sched.models.network import MultimodalNetwork, embedding_sizes
from fusion_sched.probe import KMeansProbe
from fusion_sched.runtime.distributed import Processes, join_processes
from fusion_sched.runtime.environment import pick_device, seed_everything, seed_for
from fusion_sched.training.components import RunComponents, StagePlan, choose_probe_samples
from fusion_sched.training.epoch import step_scheduler
from fusion_sched.training.selection import check_selection
from fusion_sched.types import Controller, Dataset, Splits

MOST_THREADS = max(256, os.cpu_count() or 1)
"""Of one process; with more, torch ends by a signal where the system refuses them."""


GIVEN = "given"
"""Key of an encoder that is no target but a module given in Python: the name of its class."""
Modules = Mapping[str, nn.Module]


def build(
    cfg: DictConfig, splits: Splits | None = None, encoders: Modules | None = None
) -> RunComponents:
    """Make every part of a run; nothing is written and nothing trains yet.

    `splits` takes the place of what the dataset loads; `encoders` are the modules that
    `configure_encoders` has named in the configuration.

    Raises
    ------
    ValueError
        A value that cannot be used; the message names its key.
    OSError
        Data that is not there.
    """
    cfg = with_debug_epochs(cfg)
    check_values(cfg)
    torch.set_num_threads(cfg.threads)
    processes = join_processes(cfg.device)
    device = pick_device(cfg.device, processes.local_rank)
    check_precision(cfg, device)
    if cfg.batch_size < 2 * processes.count:
        raise ValueError(
            f"batch_size is {cfg.batch_size} for all {processes.count} processes together, "
            "expected at least two samples for each"
        )
    stage1, stage2 = (stage_plan(cfg, name) for name in ("stage1", "stage2"))
    controller: Controller = make(cfg, "controller")
    solver, probe = make(cfg, "solver"), make(cfg, "probe")
    if isinstance(controller, Bandit | Evidence):
        controller.check_source(probe.source)
    splits = debug_splits(cfg, build_dataset(cfg).load() if splits is None else splits)
    options = training_options(cfg, splits)
    check_names(splits.shapes)
    controller.init(list(splits.shapes))  # raises now where it cannot take these modalities
    choose_probe_samples(splits, probe, cfg.seed)  # raises now where there are too few
    seed_everything(seed_for(cfg.seed, "weights"))
    model = build_model(cfg, splits.shapes, len(splits.classes), encoders)
    check_trainable(cfg, model)
    for key, stage in (("stage1", stage1), ("stage2", stage2)):
        check_modality_optimizers(key, stage, options, model.modalities)
    if isinstance(probe, KMeansProbe):
        probe.check_sizes({m: cast(nn.Linear, h).in_features for m, h in model.heads.items()})
    return RunComponents(
        splits=splits,
        model=place(cfg, model, device, processes),
        probe=probe,
        solver=solver,
        controller=controller,
        stage1=stage1,
        stage2=stage2,
        balancer=make(cfg, "balancer"),
        equal_budget=cfg.equal_budget,
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        device=device,
        processes=processes,
        tracker=make(cfg, "tracker"),
        robustness=cfg.robustness,
        workers=cfg.workers,
        select=cfg.select,
        config=cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True)),
        options=options,
    )


def build_dataset(cfg: DictConfig) -> Dataset:
    """Make the dataset alone; nothing is read yet."""
    return cast(Dataset, make(cfg, "dataset"))


def build_controller(cfg: DictConfig) -> Controller:
    return cast(Controller, make(cfg, "controller"))


def check_values(cfg: DictConfig) -> None:
    """Raise where a number anywhere is not finite, or one at the top is impossible."""
    check_finite("", OmegaConf.to_container(cfg))
    least = {
        "batch_size": 1, "threads": 1, "workers": 0, "stage1.epochs": 1, "stage2.epochs": 1,
        "seed": 0, "accumulate_batches": 1, "warmup_epochs": 0, "debug.profile_steps": 0,
    }  # fmt: skip
    for key, smallest in least.items():
        value = OmegaConf.select(cfg, key)
        if not smallest <= value < 2**31:
            raise ValueError(f"{key} is {value}, expected at least {smallest} and below 2^31")
    for key in ("threads", "workers"):
        if cfg[key] > MOST_THREADS:
            raise ValueError(
                f"{key} is {cfg[key]}, expected at most {MOST_THREADS}; this machine has "
                f"{os.cpu_count()} cores"
            )
    for key in ("equal_budget", "robustness", "calibrate", "channels_last", "compile"):
        if not isinstance(cfg[key], bool):
            raise ValueError(f"{key} is {cfg[key]!r}, expected true or false")
    if cfg.role:
        role_of(cfg)  # raises where there is no such role


def check_finite(key: str, value: Any) -> None:
    """Raise where a configured number is NaN or infinite."""
    if isinstance(value, dict):
        for name, inside in value.items():
            check_finite(f"{key}.{name}" if key else str(name), inside)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{key} is {value}, expected a finite number")


def check_names(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise where a modality's name cannot name a part of a network."""
    for name in shapes:
        if (
            not name
            or set(name) & set("./[]")
            or name in ("fused", "y")
            or hasattr(nn.ModuleDict, name)
        ):
            raise ValueError(
                f"a modality is called {name!r}, which is reserved or holds one of . / [ ]; rename "
                "it"
            )


def configure_encoders(cfg: DictConfig, modules: Modules, modalities: Collection[str]) -> None:
    """Name modules in the configuration as the encoders of their modalities."""
    unknown = sorted(set(modules) - set(modalities))
    if unknown:
        raise ValueError(f"encoders names {unknown}, but the modalities are {list(modalities)}")
    nodes: dict[str, Any] = {
        m: {GIVEN: f"{type(module).__module__}.{type(module).__qualname__}"}
        for m, module in modules.items()
    }
    for m in modalities:
        if m not in modules:
            nodes[m] = OmegaConf.to_container(
                OmegaConf.select(cfg, encoder_key(cfg, m, modalities))
            )
    cfg.encoder = {m: nodes[m] for m in modalities}


def build_model(
    cfg: DictConfig,
    shapes: Mapping[str, tuple[int, ...]],
    classes: int,
    modules: Modules | None = None,
) -> MultimodalNetwork:
    """Make encoders, heads and fusion for modalities of these shapes; modules are copied."""
    if "_target_" not in cfg.encoder:
        unknown = sorted(set(map(str, cfg.encoder)) - set(shapes))
        if unknown:
            raise ValueError(
                f"encoder names {unknown}, but the dataset's modalities are {list(shapes)}"
            )
    encoders = {
        m: _copied(cfg, m, modules or {})
        if GIVEN in OmegaConf.select(cfg, encoder_key(cfg, m, shapes))
        else make(cfg, encoder_key(cfg, m, shapes), shape=shape)
        for m, shape in shapes.items()
    }
    sizes = embedding_sizes(encoders, shapes)
    heads = {m: nn.Linear(size, classes) for m, size in sizes.items()}
    fusion = make(cfg, "fusion", sizes=sizes, classes=classes)
    dropout = cfg.get("modality_dropout", 0.0)  # a saved model has none: it does not train
    return MultimodalNetwork(encoders, heads, fusion, cfg.precision, cfg.calibrate, dropout)


def _copied(cfg: DictConfig, modality: str, modules: Modules) -> nn.Module:
    """Return a copy of the module that the configuration names for a modality."""
    name = cfg.encoder[modality][GIVEN]
    if modality not in modules:
        raise ValueError(
            f"the encoder of {modality!r} is a module that was given in Python, {name}, and only "
            f"its weights are saved; give one as well: fusion_sched.load(PATH, "
            f"encoders={{{modality!r}: …}})"
        )
    return copy.deepcopy(modules[modality]).cpu()


def check_trainable(cfg: DictConfig, model: MultimodalNetwork) -> None:
    """Raise where balancer, fusion and selection do not go together."""
    make(cfg, "balancer").check(model)
    check_selection(cfg.select, model)


def place(
    cfg: DictConfig, model: MultimodalNetwork, device: torch.device, processes: Processes
) -> MultimodalNetwork:
    """Put the model on the device, in the layout and with the compiler that are asked for."""
    model = model.to(device)
    if processes.count > 1 and device.type == "cuda":  # torch has no such layer for CPUs
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    if cfg.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if cfg.compile:
        # Some balancers go back through an encoder twice, which donated buffers forbid.
        torch._functorch.config.donated_buffer = False
        for encoder in model.encoders.values():
            encoder.compile()  # in place, so that parameter names stay as they are
    return model


def encoder_key(cfg: DictConfig, modality: str, shapes: Collection[str]) -> str:
    """Return where a modality's encoder is configured: one for all, or one each."""
    if "_target_" in cfg.encoder:
        return "encoder"
    if modality not in cfg.encoder:
        raise ValueError(
            f"encoder names {sorted(map(str, cfg.encoder))}, but the dataset's modalities are "
            f"{list(shapes)}; set +encoder@encoder.{modality}=CHOICE or one encoder for all"
        )
    return f"encoder.{modality}"


def stage_plan(cfg: DictConfig, name: str) -> StagePlan:
    """Return a stage's epochs, optimizer and learning-rate scheduler."""
    optimizer = make(cfg, f"{name}.optimizer")
    epochs = cfg[name].epochs
    scheduler: Scheduler = partial(_scheduler, make(cfg, f"{name}.scheduler"))
    if cfg.warmup_epochs:
        scheduler = warmed_up(scheduler, cfg.warmup_epochs)
    key = f"{name}.optimizer"
    try:  # torch checks the values of both only in use
        trial = optimizer([nn.Parameter(torch.zeros(1))])
        check_rates(trial)
        key = f"{name}.scheduler"
        schedule = scheduler(trial, epochs)
        trial.step()
        step_scheduler(schedule, 0.0)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise ValueError(f"{key}: {error}") from error
    return StagePlan(epochs, optimizer, scheduler)


def check_rates(optimizer: Optimizer) -> None:
    """Raise where an optimizer would not move the weights, or throw them away at once."""
    for group in optimizer.param_groups:
        if group.get("lr") == 0:
            raise ValueError("lr is 0, expected a number above 0: with 0 no weight ever changes")
        momentum = group.get("momentum", 0)
        if not 0 <= momentum < 1:
            raise ValueError(
                f"momentum is {momentum}, expected at least 0 and below 1: with more, steps grow "
                "without end"
            )


def _scheduler(factory: partial[LRScheduler], optimizer: Optimizer, epochs: int) -> LRScheduler:
    """Return the scheduler, and those it is made of, with the stage's epochs where none are set."""
    given: dict[str, Any] = {
        name: epochs
        for name, value in factory.keywords.items()
        if value is None and name in STAGE_LENGTHS
    }
    if "schedulers" in factory.keywords:
        inner = factory.keywords["schedulers"]
        given["schedulers"] = [_scheduler(part, optimizer, epochs) for part in inner]
    return factory(optimizer=optimizer, **given)
