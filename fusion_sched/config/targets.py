"""Which objects a configuration that lies in a run's folder may name.

Instantiating a `_target_` calls it, and a folder may come from somebody else. A configuration that
is composed from the command line is the user's own and is not checked.
"""

import inspect
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fusion_sched.config.instantiate import OLD_TARGETS
from fusion_sched.config.schema import config_dir

TARGET = "_target_"
ALLOW = "allow="


def split_allowed(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names that `allow=NAME` arguments give, and the arguments without them."""
    names = [a.removeprefix(ALLOW) for a in arguments if a.startswith(ALLOW)]
    return names, [a for a in arguments if not a.startswith(ALLOW)]


def check_targets(cfg: DictConfig, origin: Path, allowed: Collection[str] = ()) -> None:
    """Raise `ValueError` where a configuration names an object that is not known or allowed.

    Parameters
    ----------
    cfg : configuration as it was read
    origin : file that it was read from, for the message
    allowed : names that the user allows besides
    """
    for key, target in named_targets(OmegaConf.to_container(cfg, resolve=True), ""):
        if target not in _known_targets() and target not in allowed:
            raise ValueError(
                f"{origin} wants {key} made by {target!r}, which is no choice of fusion-sched; "
                f"a configuration from a stranger could run any program so. If it is your own, "
                f"add {ALLOW}{target}"
            )


def targets_of(cfg: DictConfig) -> list[str]:
    """Return every target that a configuration names."""
    return [target for _, target in named_targets(OmegaConf.to_container(cfg), "")]


def named_targets(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield the key and the name of every target, however deep."""
    if isinstance(value, dict):
        if TARGET in value:
            yield key, value[TARGET]
        for name, inside in value.items():
            yield from named_targets(inside, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from named_targets(inside, f"{key}[{number}]")


@cache
def _known_targets() -> frozenset[str]:
    """Return what the package's own configurations name, now or before, and torch's optimizers."""
    composed = [OmegaConf.to_container(OmegaConf.load(p)) for p in config_dir().rglob("*.yaml")]
    names = {target for _, target in named_targets(composed, "")}
    for package, kind in ((torch.optim, Optimizer), (torch.optim.lr_scheduler, LRScheduler)):
        names |= {
            f"{package.__name__}.{name}"
            for name, member in inspect.getmembers(package, inspect.isclass)
            if issubclass(member, kind)
        }
    return frozenset(names | OLD_TARGETS.keys())
