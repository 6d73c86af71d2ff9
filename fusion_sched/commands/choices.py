"""The choices of every group and their keys, read from the yamls with their comments."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fusion_sched.config.schema import config_dir
from fusion_sched.runtime.files import description_of

LINE = re.compile(r"(?P<indent> *)(?P<key>[\w@/.]+):(?: (?P<value>.*?))?(?P<what> +# .*)?")
SILENT = ("_target_", "_partial_", "defaults", "hydra")
"""Keys that are not settings."""
PREFIXES = {"optimizer": "stage1.optimizer", "scheduler": "stage1.scheduler"}
"""Where a group's keys lie, if not under its own name."""
ADDED = ("method", "experiment", "search")
"""Groups without a default: a choice is added, as in `+method=pid`."""


class Key(NamedTuple):
    """A key, its default as the yaml has it, and what its comment says."""

    name: str
    default: str
    what: str


def groups_of() -> dict[str, list[Path]]:
    """Return the yamls of each group."""
    paths: dict[str, list[Path]] = {}
    for path in sorted([*config_dir().glob("*/*.yaml"), *config_dir().glob("hydra/*/*.yaml")]):
        paths.setdefault(path.parent.relative_to(config_dir()).as_posix(), []).append(path)
    return paths


def default_choices() -> dict[str, str]:
    """Return the default of each group that has one."""
    content = yaml.safe_load((config_dir() / "train.yaml").read_text(encoding="utf-8"))
    chosen: dict[str, str] = {}
    for entry in content["defaults"]:
        if isinstance(entry, dict):
            chosen |= {
                str(group).partition("@")[0]: "null" if choice is None else str(choice)
                for group, choice in entry.items()
            }
    return chosen


def summary_of(path: Path) -> str:
    """Return the first sentence of an experiment's head, and the whole head of any other."""
    text = " ".join(line.strip() for line in description_of(path))
    return re.split(r"(?<=\.) ", text)[0] if path.parent.name == "experiment" else text


@cache
def keys_of(path: Path) -> tuple[Key, ...]:
    """Read the keys of a yaml in its order, nested ones with dots, and the comments beside them.

    A comment that fills a line, below the head, belongs to the key above where it goes on with
    that one's comment in the same column, or else to the key that follows.
    """
    keys: list[Key] = []
    above: list[tuple[int, str]] = []
    before: list[str] = []
    column = -1
    in_head = True
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("#"):
            text = line.strip("# ")
            if line.index("#") == column and column > 0:
                keys[-1] = keys[-1]._replace(what=f"{keys[-1].what} {text}")
            elif not in_head:
                before.append(text)
            continue
        in_head, column = False, -1
        match = LINE.fullmatch(line)
        if match is None:  # an item of a list, or nothing
            continue
        indent = len(match["indent"])
        above = [(depth, name) for depth, name in above if depth < indent]
        names = [*(name for _, name in above), match["key"]]
        if match["value"] and names[0] not in SILENT:
            said = (match["what"] or "").strip().removeprefix("# ")
            keys.append(Key(".".join(names), match["value"].strip(), " ".join([*before, said])))
            column = line.index("#", match.start("what")) if match["what"] else -1
            before = []
        elif not match["value"]:
            above.append((indent, match["key"]))
    return tuple(keys)


def full_keys(group: str, path: Path) -> list[Key]:
    """Return the keys of a choice by their full names: `controller.threshold`."""
    prefix = PREFIXES.get(group, group.replace("/", ".")) + "."
    return [key._replace(name=prefix + key.name) for key in keys_of(path)]


def top_keys() -> tuple[Key, ...]:
    """Return the keys that are of no group."""
    return keys_of(config_dir() / "train.yaml")


def list_choices() -> dict[str, dict[str, str]]:
    """Return group → choice → what it is, for groups that are not Hydra's own."""
    return {
        group: {path.stem: summary_of(path) for path in paths}
        for group, paths in groups_of().items()
        if not group.startswith("hydra/")
    }


def settings_of(path: Path) -> list[str]:
    """Return what a method, an experiment or a search sets, as overrides."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = content.pop("defaults", [])
    chosen = [
        f"{str(group).removeprefix('override ').lstrip('/')}={choice}"
        for entry in entries
        if isinstance(entry, dict)
        for group, choice in entry.items()
    ]
    siblings = [e for e in entries if isinstance(e, str) and path.with_name(f"{e}.yaml").is_file()]
    based = [f"+{path.parent.name}={entry}" for entry in siblings]
    return [*based, *chosen, *_flat(content)]


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the settings as overrides; what only names a comparison's row is none."""
    for name, value in content.items():
        if isinstance(value, dict):
            inner = f"{prefix}{name}."
            yield from _flat(value, "" if inner == "hydra.sweeper.params." else inner)
        elif f"{prefix}{name}" not in ("method", "role"):
            yield f"{prefix}{name}={str(value).lower() if isinstance(value, bool) else value}"
