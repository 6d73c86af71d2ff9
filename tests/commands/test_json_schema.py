"""The schema for editors: what composes fits it, and what is misspelt does not."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from fusion_sched.commands.choices import groups_of
from fusion_sched.commands.json_schema import experiment_schema
from tests.conftest import make_config

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema, of the extra `dev`")


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = experiment_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("path", groups_of()["experiment"], ids=lambda path: path.stem)
def test_an_experiment_and_what_it_composes_fit(validator: Any, path: Path) -> None:
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(written)] == []
    composed = OmegaConf.to_container(make_config(f"+experiment={path.stem}"))
    assert [error.message for error in validator.iter_errors(composed)] == []


MISTAKES = [
    {"controler": {"threshold": 3}},
    {"stage1": {"epoch": 3}},
    {"probe": {"evry": 3}},
    {"seed": "three"},
    {"controller": {"threshold": "high"}},
    {"defaults": [{"override /controller": "pdi"}]},
    {"defaults": [{"override /controler": "pid"}]},
]


@pytest.mark.parametrize("content", MISTAKES, ids=str)
def test_a_mistake_does_not_fit(validator: Any, content: dict[str, Any]) -> None:
    assert list(validator.iter_errors(content))


def test_comments_and_defaults_are_shown() -> None:
    properties = experiment_schema()["properties"]
    assert (
        "ratio of uniquenesses"
        in properties["controller"]["properties"]["threshold"]["description"]
    )
    assert "which weights" in properties["select"]["description"]
