"""A JSON schema of the configuration: of an experiment's yaml, and of a whole configuration."""

import inspect
import types
import typing
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.utils import get_object

from fusion_sched.commands.choices import (
    PREFIXES,
    default_choices,
    groups_of,
    keys_of,
    summary_of,
    top_keys,
)
from fusion_sched.config.schema import TrainConfig

DIALECT = "http://json-schema.org/draft-07/schema#"
INTERPOLATION = {"type": "string", "pattern": r"^\$\{|^\?\?\?$"}
"""The value of another key, or a value that must still be set."""
PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
Schema = dict[str, Any]


def experiment_schema() -> Schema:
    """Return the schema of a yaml in `conf/experiment`; a composed configuration fits it, too."""
    top = {name: _of_hint(hint) for name, hint in _top_hints().items()}
    for key in top_keys():
        if key.name in top:
            top[key.name] = {**top[key.name], "description": key.what.strip()}
    for group, paths in groups_of().items():
        if group in default_choices() and group not in PREFIXES:
            top[group] = _group_schema(paths)
    stages = {stage: _stage_schema(stage) for stage in ("stage1", "stage2")}
    extra = {"defaults": _defaults_schema(), "hydra": {"type": "object"}}
    return {
        "$schema": DIALECT, "title": "fusion-sched", "type": "object",
        "properties": {**top, **stages, **extra}, "additionalProperties": False,
    }  # fmt: skip


def _top_hints() -> dict[str, Any]:
    return {
        n: h for n, h in typing.get_type_hints(TrainConfig).items() if not n.startswith("stage")
    }


def _stage_schema(stage: str) -> Schema:
    nodes = {name: _group_schema(groups_of()[name]) for name in PREFIXES}
    what = next(key.what for key in top_keys() if key.name == f"{stage}.epochs")
    epochs = {**_or_interpolation({"type": "integer"}), "description": what.strip()}
    return {
        "type": "object", "properties": {"epochs": epochs, **nodes}, "additionalProperties": False,
    }  # fmt: skip


def _group_schema(paths: Sequence[Path]) -> Schema:
    """Return the schema of a group's node: a key may have what any choice allows."""
    properties: dict[str, list[Schema]] = {}
    about: dict[str, list[str]] = {}
    open_ended = False
    for path in paths:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        hints, takes_any = _hints_of(content.get("_target_"))
        open_ended |= takes_any
        for name in {*content, *hints} - {"defaults", "_target_", "_partial_"}:
            properties.setdefault(name, []).append(_of_hint(hints.get(name, Any)))
        for key in keys_of(path):
            line = f"{path.stem}: {key.default}" + (f" ({key.what.strip()})" if key.what else "")
            about.setdefault(key.name.partition(".")[0], []).append(line)
    return {
        "type": "object",
        "properties": {
            "_target_": {"type": "string"}, "_partial_": {"type": "boolean"},
            **{n: _any_of(s, "\n".join(about.get(n, []))) for n, s in sorted(properties.items())},
        },
        "additionalProperties": open_ended,
    }  # fmt: skip


def _hints_of(target: str | None) -> tuple[dict[str, Any], bool]:
    """Return the arguments of a class with their hints, and whether it takes any others."""
    if target is None:
        return {}, True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of former names, which are choices still
        cls = get_object(target)
    parameters = inspect.signature(cls).parameters
    try:
        hints = typing.get_type_hints(cls.__init__)
    except NameError:  # names that only a type checker imports
        hints = {}
    named = {n: hints.get(n, Any) for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _of_hint(hint: Any) -> Schema:
    """Return the schema of values for a hint made of plain types; any value for others."""
    if hint in PLAIN:
        return _or_interpolation({"type": PLAIN[hint]})
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _any_of([_of_hint(part) for part in parts])
    if origin is typing.Literal:
        return _or_interpolation({"enum": list(parts)})
    return {}


def _or_interpolation(schema: Schema) -> Schema:
    return {"anyOf": [schema, INTERPOLATION]}


def _any_of(schemas: Sequence[Schema], description: str = "") -> Schema:
    """Return what fits any of the schemas; one that is empty allows every value."""
    unique: list[Schema] = []
    for schema in schemas:
        unique += [part for part in schema.get("anyOf", [schema]) if part not in unique]
    allowed: Schema = {} if {} in unique else {"anyOf": unique}
    return {**allowed, **({"description": description} if description else {})}


def _defaults_schema() -> Schema:
    """Return the schema of a defaults list: other yamls, and a choice for each group."""
    overrides: dict[str, Schema] = {}
    for group, paths in groups_of().items():
        choices = {
            "enum": [path.stem for path in paths],
            "description": "\n".join(f"{path.stem}: {summary_of(path)}" for path in paths),
        }
        places = [f"{group}@{s}.{group}" for s in ("stage1", "stage2")] if group in PREFIXES else []
        for name in places or [group]:
            overrides |= {name: choices, f"/{name}": choices, f"override /{name}": choices}
    chosen = {
        "type": "object", "properties": overrides, "maxProperties": 1,
        "patternProperties": {"^/?encoder@": {"type": "string"}}, "additionalProperties": False,
    }  # fmt: skip
    return {"type": "array", "items": {"anyOf": [{"type": "string"}, chosen]}}
