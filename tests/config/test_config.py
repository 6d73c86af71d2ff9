"""Every yaml composes, names a class that exists, and sets only what it takes."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from fusion_sched.analysis.rows import role_of
from fusion_sched.commands.choices import list_choices
from fusion_sched.config.instantiate import check_arguments, fits
from fusion_sched.config.schema import TrainConfig, config_dir
from tests.conftest import make_config, make_parts

GROUPS = sorted(
    p
    for p in config_dir().glob("*/*.yaml")
    if p.parent.name not in ("debug", "experiment", "method", "search")
    and not p.read_text(encoding="utf-8").startswith("# Former name")
)
EXPERIMENTS = sorted(config_dir().glob("experiment/*.yaml"))
GIVEN = {"shape", "sizes", "classes", "params", "optimizer", "epochs"}
"""Arguments that the program passes, not the configuration."""
NOT_FOR_PICTURES = {"by_modality", "text", "pretrained", "gru"}
"""Choices that the default dataset cannot take; their experiments build them."""


def _node_of(path: Path) -> dict[str, Any]:
    """Return what a choice holds, with that of the choices it begins with."""
    node = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(node, dict)
    bases = [_node_of(path.with_name(f"{base}.yaml")) for base in node.pop("defaults", [])]
    return {str(k): v for part in (*bases, node) for k, v in part.items()}


@pytest.mark.parametrize("path", GROUPS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_choice_binds_to_its_class(path: Path) -> None:
    node = _node_of(path)
    if path.stem == "by_modality":
        assert node == {}
        return
    target = get_object(node["_target_"])
    values = {k: v for k, v in node.items() if not k.startswith("_")}
    fixed = {k: v for k, v in values.items() if not str(v).startswith(("???", "${"))}
    check_arguments(path.stem, target, fixed)
    parameters = inspect.signature(target).parameters
    assert set(values) <= set(parameters), "a dead key"
    if str(node["_target_"]).startswith("fusion_sched."):
        assert set(parameters) - set(values) <= GIVEN, "a knob that no yaml shows"


@pytest.mark.parametrize("path", GROUPS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_yaml_defaults_are_those_of_the_class(path: Path) -> None:
    node = _node_of(path)
    target = str(node.get("_target_", ""))
    others = [p for p in GROUPS if f"_target_: {target}\n" in p.read_text()]
    if not target.startswith("fusion_sched.") or len(others) > 1:
        return
    for name, parameter in inspect.signature(get_object(node["_target_"])).parameters.items():
        if (
            parameter.default is not parameter.empty
            and name in node
            and not str(node[name]).startswith(("${", "???"))
        ):
            default = {} if "factory" in str(parameter.default) else parameter.default
            assert node[name] == (list(default) if isinstance(default, tuple) else default), name


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: p.stem)
def test_every_experiment_composes_and_tells_how_it_is_run(path: Path) -> None:
    assert make_config(f"+experiment={path.stem}").dataset
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert header[0] == "# @package _global_"
    assert any(line.startswith("# Command:  fusion-sched ") for line in header)
    assert any(line.startswith("# Expected: ") for line in header)
    assert "TODO" not in "".join(header)


@pytest.mark.parametrize("name", list_choices()["method"])
def test_every_method_has_its_name_and_the_role_of_its_components(name: str) -> None:
    config = make_config(f"+method={name}")
    assert config.method == name
    assert config.role == role_of({**config, "role": ""}) != ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "group", ["controller", "balancer", "tracker", "solver", "fusion", "encoder"]
)
def test_every_choice_of_a_group_builds(group: str) -> None:
    for choice in set(list_choices()[group]) - NOT_FOR_PICTURES:
        needs = {
            "mla": ["fusion=average"], "unimodal": ["fusion=average"],
            "reconboost": ["fusion=average"],
            "evidence": ["probe=posterior", "probe.source=both"],
            "bandit": ["probe=posterior", "probe.source=both"],
        }  # fmt: skip
        make_parts(f"{group}={choice}", *needs.get(choice, []))


def test_one_encoder_per_modality() -> None:
    parts = make_parts(
        "encoder=by_modality", "+encoder@encoder.gray=mlp", "+encoder@encoder.colored=small_cnn",
        "encoder.gray.embedding=5",
    )  # fmt: skip
    kinds = {m: type(e).__name__ for m, e in parts.model.encoders.items()}
    assert kinds == {"gray": "MLP", "colored": "SmallCNN"}
    assert parts.model.heads["gray"].in_features == 5


def test_every_choice_has_a_line_for_the_help() -> None:
    for group, choices in list_choices().items():
        assert all(choices.values()), group


def test_top_level_keys_are_frozen() -> None:
    """A new key needs a caller; it is added here on purpose."""
    assert set(make_config()) == set(TrainConfig.__dataclass_fields__) == {
        "dataset", "encoder", "fusion", "probe", "solver", "controller", "balancer", "tracker",
        "method", "role", "stage1", "stage2", "equal_budget", "robustness", "batch_size", "seed",
        "device", "threads", "workers", "precision", "channels_last", "compile",
        "select", "calibrate", "early_stopping", "gradient_clip_norm", "accumulate_batches",
        "warmup_epochs", "ema_decay", "label_smoothing", "class_weights", "mixup_alpha",
        "modality_dropout", "modality_optimizers", "debug", "search_trials",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [(1, float, True), (True, float, False), (1.5, int, False), (True, int, False),
     ("a", str, True), (1, int | str, True), (None, int | None, True), (None, int, False),
     ([1], list[int], True)],
)  # fmt: skip
def test_fits(value: object, hint: object, expected: bool) -> None:
    assert fits(value, hint) is expected
