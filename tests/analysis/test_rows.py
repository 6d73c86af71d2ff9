"""Rows are named by what differs, as shortly as keeps them apart; each has a role."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fusion_sched.analysis.choices import dataset_name
from fusion_sched.analysis.rows import name_rows, role_of, short_key
from fusion_sched.runlog import Trace
from fusion_sched.runtime.files import config_dir
from tests.analysis.conftest import plain_config


def trace(seed: int = 1, **config: Any) -> Trace:
    return Trace(Path("x"), [{"event": "start", "config": {"seed": seed, "a": 1, **config}}], [])


def controlled(target: str, **knobs: Any) -> Trace:
    return trace(controller={"_target_": target, **knobs})


def test_choices_by_class_and_settings_by_the_end_of_their_key() -> None:
    rows = [controlled("x.PID", drop=0.8), controlled("x.PID", drop=0.5), controlled("x.Joint")]
    assert name_rows(rows) == ["PID drop=0.8", "PID drop=0.5", "Joint"]
    assert name_rows(rows[:1] * 2) == ["all runs", "all runs"]


def test_keys_are_as_long_as_they_must_be() -> None:
    keys = ["stage1.optimizer.lr", "stage2.optimizer.lr", "batch_size"]
    assert short_key("batch_size", keys) == "batch_size"
    assert short_key("stage1.optimizer.lr", keys) == "stage1.optimizer.lr"
    assert short_key("stage1.optimizer.lr", keys[::2]) == "lr"


def test_settings_that_follow_a_choice_are_left_out() -> None:
    def row(fusion: str, weight: float) -> Trace:
        return trace(fusion={"_target_": fusion}, balancer={"_target_": "x.W", "weight": weight})

    assert name_rows([row("x.Concat", 1.0), row("x.Average", 0.0)]) == ["Concat", "Average"]
    both = [row("x.Concat", 1.0), row("x.Concat", 0.0), row("x.Average", 0.0)]
    assert name_rows(both) == ["Concat weight=1.0", "Concat weight=0.0", "Average weight=0.0"]


def test_a_seed_inside_a_component_makes_no_row() -> None:
    def row(seed: int) -> Trace:
        return trace(seed, controller={"_target_": "x.Random", "seed": seed})

    assert name_rows([row(0), row(1)]) == ["all runs", "all runs"]


def test_where_and_how_fast_it_ran_makes_no_row() -> None:
    here = trace(
        role="joint", device="cpu", threads=1, workers=0, dataset={"root": "a"}, tracker={"b": 1}
    )
    there = trace(device="cuda", threads=4, workers=2, dataset={"root": "b"}, tracker={"b": 2})
    assert name_rows([here, there]) == ["all runs", "all runs"]
    assert len(set(name_rows([trace(precision="bf16"), trace(precision="float32")]))) == 2


def test_classes_of_one_name_stay_two_rows() -> None:
    names = name_rows([controlled("x.Random"), controlled("y.Random")])
    assert names == ["controller._target_=x.Random", "controller._target_=y.Random"]
    groups = trace(controller={"_target_": "x.Same"}, balancer={"_target_": "x.Other"})
    other = trace(controller={"_target_": "x.Else"}, balancer={"_target_": "x.Same"})
    assert name_rows([groups, other]) == ["Other controller=Same", "balancer=Same Else"]


def test_a_tag_names_the_row_and_what_differs_within_it_follows() -> None:
    rows = [
        trace(method="ours", drop=0.8), trace(method="ours", drop=0.5), trace(method="joint"),
        trace(method="", drop=0.1),
    ]  # fmt: skip
    assert name_rows(rows)[:3] == ["ours drop=0.8", "ours drop=0.5", "joint"]
    assert name_rows(rows)[3] == "drop=0.1"


@pytest.mark.parametrize(
    ("overrides", "role"),
    [
        (["controller=joint"], "joint"),
        (["controller=joint", "balancer=fused_only"], "joint"),
        (["controller=fixed"], "fixed"),
        (["controller=fixed", "balancer=frozen"], "frozen"),
        (["balancer=unimodal", "fusion=average", "controller=joint"], "ensemble"),
        (["controller=fixed", "balancer=unimodal", "fusion=average"], "ensemble"),
        (["controller=joint", "balancer=unimodal"], "other"),
        (["controller=joint", "balancer=frozen"], "other"),
        (["controller=joint", "controller._target_=my.Joint"], "schedule"),
        (["controller=random"], "other"),
        (["controller=pid"], "schedule"),
        (["controller=mi", "balancer=uniform"], "schedule"),
    ],
)
def test_without_a_role_the_components_say_it(overrides: list[str], role: str) -> None:
    assert role_of(plain_config(*overrides)) == role


def test_a_role_that_is_set_counts() -> None:
    assert role_of(plain_config("controller=pid", "role=other")) == "other"
    assert role_of({"controller": {"_target_": "fusion_sched.controllers.joint.Joint"}}) == "other"
    with pytest.raises(ValueError, match=r"role is 'jont', expected one of \['joint'"):
        role_of({"role": "jont"})


def test_rows_are_called_what_was_typed() -> None:
    def balanced(name: str, alpha: float = 0.3) -> Trace:
        settings = yaml.safe_load((config_dir() / "balancer" / f"{name}.yaml").read_text())
        if name == "ogm_ge":
            settings["alpha"] = alpha
        return trace(balancer=settings)

    rows = [balanced(name) for name in ("none", "ogm", "ogm_ge", "mla")]
    assert name_rows(rows) == [f"balancer={n}" for n in ("none", "ogm", "ogm_ge", "mla")]
    assert name_rows([rows[2], balanced("ogm_ge", 0.5)])[1] == "alpha=0.5"
    names = name_rows([rows[0], rows[2], balanced("ogm_ge", 0.5)])
    assert names[1:] == ["balancer=ogm_ge alpha=0.3", "balancer=ogm_ge alpha=0.5"]


def test_methods_with_probes_of_their_own_are_called_by_the_method_alone() -> None:
    def tagged(method: str, seed: int, **probe: Any) -> Trace:
        return trace(seed, method=method, probe={"_target_": "x.Probe", **probe})

    rows = [tagged("pid", s, samples=200, k=8) for s in (0, 1)]
    rows += [tagged("evidence", s, samples=900) for s in (0, 1)]
    assert name_rows(rows) == ["pid", "pid", "evidence", "evidence"]


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["dataset=digits_halves"], "digits_halves"),
        (["dataset=digits_parity", "dataset.synergy=0.5"], "digits_parity"),
        (["dataset=cremad_ogm", "dataset.root=/data/a"], "cremad_ogm"),
        (["dataset=files", "dataset.root=/data/clips"], "files: clips"),
        (["dataset=files", "dataset.list=/data/clips.csv"], "files: clips.csv"),
        (["dataset=arrays", "dataset.root=[/data/a.npy,/data/b.npy]"], "arrays: a.npy, b.npy"),
        (["dataset=huggingface", "dataset.name=someone/songs"], "huggingface: songs"),
    ],
)
def test_a_dataset_is_called_what_was_typed(overrides: list[str], name: str) -> None:
    assert dataset_name(plain_config(*overrides)) == name


def test_a_dataset_of_a_class_of_ones_own_is_called_by_it() -> None:
    assert dataset_name({"dataset": {"_target_": "mine.Songs", "root": "/data"}}) == "Songs"
    assert dataset_name({}) == "unknown dataset"
