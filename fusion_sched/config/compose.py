"""From overrides to a configuration, without Hydra's command line."""

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, open_dict

from fusion_sched.config.schema import config_dir, register

OF_THE_COMMAND = ("-", "resume=", "sweep.")
"""Beginnings of arguments that the command takes besides overrides."""


class Composed(NamedTuple):
    """The configuration of a run, and Hydra's own settings for it."""

    cfg: DictConfig
    settings: DictConfig


def compose_run(overrides: Iterable[str]) -> Composed:
    """Compose the configuration of one training, as the command does.

    Raises
    ------
    ValueError
        One string in place of several, or an argument that only the command takes.
    hydra.errors.HydraException
        An override of a key or choice that there is not.
    """
    if isinstance(overrides, str):
        raise ValueError(f"overrides is {overrides!r}, expected a list of strings: [{overrides!r}]")
    words = list(overrides)
    foreign = [word for word in words if word.startswith(OF_THE_COMMAND)]
    if foreign:
        raise ValueError(
            f"got {' '.join(foreign)}, expected overrides of one run such as 'seed=1'; sweeps and "
            "runs that go on are for the command line: fusion-sched train"
        )
    cfg = _composed(tuple(words), os.getcwd()).copy()
    settings = cfg.hydra
    own = cfg.copy()
    with open_dict(own):
        del own["hydra"]
    return Composed(own, settings)


@lru_cache(maxsize=32)
def _composed(words: tuple[str, ...], _cwd: str) -> DictConfig:
    """Compose; it takes a third of a second, which a search over folds spends on each fit."""
    register()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("train", overrides=list(words), return_hydra_config=True)
