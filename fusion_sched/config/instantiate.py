"""From one node of a configuration to the object it names, with every value checked first."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

STAGE_LENGTHS = ("T_max", "total_iters", "total_steps")
"""Arguments of learning-rate schedulers that count epochs; `null` stands for those of the stage."""

_CONSTANT = {
    "_target_": "torch.optim.lr_scheduler.ConstantLR", "_partial_": True, "factor": 1.0,
    "total_iters": 0,
}  # fmt: skip
_STEP = {"_target_": "torch.optim.lr_scheduler.StepLR", "_partial_": True}
_COSINE = {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR", "_partial_": True,
           "T_max": None}  # fmt: skip

OLD_TARGETS: dict[str, dict[str, Any]] = {
    **{
        f"{package}.{name}": node
        for package in ("fusion_sched.schedules", "fusion_sched.training.schedules")
        for name, node in (("Constant", _CONSTANT), ("Step", _STEP), ("Cosine", _COSINE))
    },
    **{
        f"fusion_sched.trackers.{name}": {"_target_": f"fusion_sched.runlog.trackers.{name}"}
        for name in ("Nowhere", "mlflow.MLflow", "tensorboard.TensorBoard", "wandb.WandB")
    },
    "fusion_sched.models.text.PretrainedText": {
        "_target_": "fusion_sched.models.pretrained.Pretrained",
        "unfrozen": -1,
    },
    "fusion_sched.balancers.ogm.OGM": {"_target_": "fusion_sched.balancers.ogm_ge.OGM"},
    "fusion_sched.launch.SweepTable": {"_target_": "fusion_sched.commands.train.SweepTable"},
    "fusion_sched.sweep.Announced": {"_target_": "fusion_sched.commands.sweep.SweepDirCallback"},
}
"""`_target_` of a class in configurations of older versions → the keys that replace it."""


def current_node(cfg: DictConfig, key: str) -> DictConfig:
    """Return the node `key`, with targets of older versions replaced; `cfg` itself is unchanged."""
    node = OmegaConf.select(cfg, key)
    target = node.get("_target_")
    if target not in OLD_TARGETS:
        return cast(DictConfig, node)
    values = cast(dict[str, Any], OmegaConf.to_container(node, resolve=True))
    if "floor" in values:  # was a share of the learning rate
        rate = OmegaConf.select(cfg, f"{key.rpartition('.')[0]}.optimizer.lr")
        values["eta_min"] = values.pop("floor") * rate
    return OmegaConf.create({**values, **OLD_TARGETS[target]})


def make(cfg: DictConfig, key: str, **arguments: Any) -> Any:
    """Instantiate the node `key`, after holding its values against the constructor.

    Raises
    ------
    ValueError
        A target that cannot be imported, an argument it does not take, or a value it refuses.
    """
    node = current_node(cfg, key)
    if "_target_" not in node:
        raise ValueError(f"{key} has no _target_: name the class to build, or pick a choice")
    missing = sorted(OmegaConf.missing_keys(node))
    if missing:
        keys = " ".join(f"{key}.{name.removeprefix(f'{key}.')}=VALUE" for name in missing)
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
    try:
        hints = typing.get_type_hints(function)
    except NameError:  # hints of names that only a type checker imports: types stay unchecked
        hints = {}
    for name, value in values.items():
        if name not in parameters:
            raise ValueError(f"unknown key {key}.{name}; known: {sorted(parameters)}")
        if value is None and name in STAGE_LENGTHS:
            continue
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
