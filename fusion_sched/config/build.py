"""From a configuration to the parts of a run: the only place that sees both."""

import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
import torch._functorch.config
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from fusion_sched.analysis.rows import role_of
from fusion_sched.models.network import MultimodalNetwork, embedding_sizes
from fusion_sched.runtime.distributed import Processes, join_processes
from fusion_sched.runtime.environment import pick_device, seed_everything, seed_for
from fusion_sched.training.components import RunComponents, StagePlan, choose_probe_samples
from fusion_sched.types import Controller, Dataset, Splits


def build(cfg: DictConfig) -> RunComponents:
    """Make every part of a run; nothing is written and nothing trains yet.

    Raises:
        ValueError: a value that cannot be used; the message names its key.
        OSError: data that is not there.
    """
    check_values(cfg)
    torch.set_num_threads(cfg.threads)
    processes = join_processes(cfg.device == "cpu")
    device = pick_device(cfg.device, processes.local_rank)
    if cfg.batch_size < 2 * processes.count:
        raise ValueError(
            f"batch_size is {cfg.batch_size} for all {processes.count} processes together, "
            "expected at least two samples for each"
        )
    stage1, stage2 = (stage_plan(cfg, name) for name in ("stage1", "stage2"))
    controller: Controller = make(cfg, "controller")
    solver, probe = make(cfg, "solver"), make(cfg, "probe")
    splits = build_dataset(cfg).load()
    check_names(splits.shapes)
    controller.init(list(splits.shapes))  # one that cannot take these modalities says so now
    choose_probe_samples(splits, probe, cfg.seed)  # and so does a probe that wants too many
    seed_everything(seed_for(cfg.seed, "weights"))
    return RunComponents(
        splits=splits,
        model=place(cfg, build_model(cfg, splits), device, processes),
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
        config=cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True)),
    )


def build_dataset(cfg: DictConfig) -> Dataset:
    """Make the dataset alone; nothing is read yet."""
    return cast(Dataset, make(cfg, "dataset"))


def build_controller(cfg: DictConfig) -> Controller:
    """Make the controller alone."""
    return cast(Controller, make(cfg, "controller"))


def check_values(cfg: DictConfig) -> None:
    """Raise where a number anywhere is not finite, or one at the top is impossible."""
    check_finite("", OmegaConf.to_container(cfg))
    least = {
        "batch_size": 1, "threads": 1, "workers": 0, "stage1.epochs": 1, "stage2.epochs": 1,
        "seed": 0,
    }  # fmt: skip
    for key, smallest in least.items():
        value = OmegaConf.select(cfg, key)
        if not smallest <= value < 2**31:
            raise ValueError(f"{key} is {value}, expected at least {smallest} and below 2^31")
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


def build_model(cfg: DictConfig, splits: Splits) -> MultimodalNetwork:
    """Make encoders, heads and fusion for the dataset's modalities."""
    classes = len(splits.classes)
    if "_target_" not in cfg.encoder:
        unknown = sorted(set(map(str, cfg.encoder)) - set(splits.shapes))
        if unknown:
            raise ValueError(
                f"encoder names {unknown}, but the dataset's modalities are {list(splits.shapes)}"
            )
    encoders = {
        m: make(cfg, encoder_key(cfg, m, splits), shape=shape) for m, shape in splits.shapes.items()
    }
    sizes = embedding_sizes(encoders, splits.shapes)
    heads = {m: nn.Linear(size, classes) for m, size in sizes.items()}
    fusion = make(cfg, "fusion", sizes=sizes, classes=classes)
    return MultimodalNetwork(encoders, heads, fusion, cfg.precision)


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


def encoder_key(cfg: DictConfig, modality: str, splits: Splits) -> str:
    """Return where a modality's encoder is configured: one for all, or one each."""
    if "_target_" in cfg.encoder:
        return "encoder"
    if modality not in cfg.encoder:
        raise ValueError(
            f"encoder names {sorted(map(str, cfg.encoder))}, but the dataset's modalities are "
            f"{list(splits.shapes)}; set +encoder@encoder.{modality}=CHOICE or one encoder for all"
        )
    return f"encoder.{modality}"


def stage_plan(cfg: DictConfig, name: str) -> StagePlan:
    """Return a stage's epochs, optimizer and schedule."""
    optimizer = make(cfg, f"{name}.optimizer")
    try:  # torch checks an optimizer's values only when it gets parameters
        optimizer([nn.Parameter(torch.zeros(1))])
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}.optimizer: {error}") from error
    return StagePlan(cfg[name].epochs, optimizer, make(cfg, f"{name}.scheduler"))


def make(cfg: DictConfig, key: str, **arguments: Any) -> Any:
    """Instantiate the node ``key``, after holding its values against the constructor."""
    node = OmegaConf.select(cfg, key)
    if "_target_" not in node:
        raise ValueError(f"{key} has no _target_: name the class to build, or pick a choice")
    missing = sorted(OmegaConf.missing_keys(node))
    if missing:
        keys = " ".join(f"{key}.{name}=VALUE" for name in missing)
        raise ValueError(f"{key} needs a value that has no default; set {keys}")
    try:
        target = get_object(node["_target_"])
    except Exception as error:  # whatever importing a user's module raises
        raise ValueError(f"{key}: cannot import {node['_target_']!r}: {error}") from error
    values = cast(dict[str, Any], OmegaConf.to_container(node, resolve=True, throw_on_missing=True))
    check_arguments(key, target, {n: v for n, v in values.items() if not n.startswith("_")})
    try:
        return instantiate(node, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, ValueError | TypeError | OSError):
            raise ValueError(f"{key}: {cause}") from error
        raise


def check_arguments(key: str, target: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Raise where a key is not a parameter of the target, or a plain value has the wrong type."""
    parameters = inspect.signature(target).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    function = target.__init__ if inspect.isclass(target) else target
    hints = typing.get_type_hints(function)
    for name, value in values.items():
        if name not in parameters:
            raise ValueError(f"unknown key {key}.{name}; known: {sorted(parameters)}")
        if name in hints and not fits(value, hints[name]):
            expected = getattr(hints[name], "__name__", str(hints[name]))
            raise ValueError(
                f"{key}.{name} is {value!r} ({type(value).__name__}), expected {expected}"
            )


def fits(value: Any, hint: Any) -> bool:
    """Say whether a plain value may be passed for a hint made of plain types; others pass."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in typing.get_args(hint))
    if hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str):
        return isinstance(value, hint)
    if typing.get_origin(hint) in (Sequence, list, tuple):
        return isinstance(value, list)
    # Objects that a configuration cannot hold: no text stands for one of them.
    return not (isinstance(hint, type) and isinstance(value, str))
