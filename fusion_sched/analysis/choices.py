"""The choices of configuration groups, by the names that a user types."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fusion_sched.runlog import inside
from fusion_sched.runlog.protocol import flatten
from fusion_sched.runtime.files import config_dir, description_of

TARGET = "_target_"
PLACES_TO_GIVE = ("name", "list", "root")
"""Keys that say where the user's files are; the first that is set counts."""
NOT_GIVEN = ("", "None", "???")


@cache
def choices_of(group: str) -> dict[str, dict[str, str]]:
    """The settings of every choice of a group, printed, without those that refer to other keys."""
    paths = sorted((config_dir() / group).glob("*.yaml"))
    settings = {path.stem: _settings(path) for path in paths}
    default = _default_of(group)
    return dict(sorted(settings.items(), key=lambda item: item[0] != default))


def _settings(path: Path) -> dict[str, str]:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    bases = [base for base in content.pop("defaults", []) if isinstance(base, str)]
    settings: dict[str, str] = {}
    for base in bases:
        settings |= {} if base == "_self_" else _settings(path.with_name(f"{base}.yaml"))
    return settings | {k: v for k, v in flatten(content).items() if "${" not in v}


@cache
def _default_of(group: str) -> str | None:
    content = yaml.safe_load((config_dir() / "train.yaml").read_text(encoding="utf-8"))
    named = [entry for entry in content["defaults"] if isinstance(entry, Mapping)]
    return next((entry[group] for entry in named if group in entry), None)


def typed_choice(group: str, settings: Mapping[str, str]) -> str | None:
    """The choice that settings of a group come from: equal to it, or else the nearest.

    Of the choices of the same class the one from which the fewest settings differ; of several such
    the default, or else the first. `None` where no choice has this class.
    """
    kin = {name: known for name, known in choices_of(group).items()
           if known.get(TARGET) == settings[TARGET]}  # fmt: skip
    differing = {
        name: sum(settings.get(key) != value for key, value in known.items())
        for name, known in kin.items()
    }
    return min(differing, key=lambda name: differing[name], default=None)


def component_name(group: str, config: Mapping[str, Any]) -> str:
    """The choice of a group as typed; of a class that no choice has, its name."""
    settings = inside(config, group)
    known = flatten(settings) if isinstance(settings, Mapping) else {}
    if TARGET not in known:
        return f"unknown {group}"
    return typed_choice(group, known) or known[TARGET].rpartition(".")[2]


def dataset_name(config: Mapping[str, Any]) -> str:
    """The dataset as typed, for the user's files with their name, as `files: clips`.

    The latter where the choice leaves it to the user to say where they are.
    """
    name = component_name("dataset", config)
    of_choice = choices_of("dataset").get(name, {})
    asked = [key for key in PLACES_TO_GIVE if of_choice.get(key) in NOT_GIVEN]
    place = next((place for key in asked if (place := config["dataset"].get(key))), None)
    if place is None:
        return name
    files = place if isinstance(place, Sequence) and not isinstance(place, str) else [place]
    return f"{name}: {', '.join(Path(str(file)).name for file in files)}"


def with_typed_choices(configs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Flat configurations whose groups hold `balancer=ogm_ge` in place of the class.

    Only of groups by whose settings the configurations differ.
    """
    groups = {key.removesuffix(f".{TARGET}") for config in configs for key in config
              if key.count(".") == 1 and key.endswith(f".{TARGET}")}  # fmt: skip
    typed = [dict(config) for config in configs]
    for group in groups:
        settings = [_of_group(group, config) for config in configs]
        if all(one == settings[0] for one in settings):
            continue
        for config, own in zip(typed, settings, strict=True):
            name = typed_choice(group, own) if own else None
            if name is not None:
                config[f"{group}.{TARGET}"] = f"{group}={name}"
    return typed


def _of_group(group: str, config: Mapping[str, str]) -> dict[str, str]:
    start = f"{group}."
    return {key.removeprefix(start): v for key, v in config.items() if key.startswith(start)}


def description_of_choice(group: str, name: str) -> str | None:
    """What a choice's yaml says of it in its first lines; `None` where there is no such choice."""
    path = config_dir() / group / f"{name}.yaml"
    return " ".join(description_of(path)) if name in choices_of(group) else None
