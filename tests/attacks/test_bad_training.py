"""Sixty values and files that training cannot use: refused, with the key or the file and array."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fusion_sched.config.build import build
from fusion_sched.data.arrays import Arrays
from tests.conftest import make_config

VALUES: list[tuple[str, Any]] = [
    ("seed", -1), ("seed", 2**31), ("batch_size", 0), ("batch_size", -5), ("batch_size", 1),
    ("batch_size", "many"), ("threads", 0), ("threads", 10**6), ("workers", -1),
    ("stage1.epochs", 0), ("stage1.epochs", 1.5), ("stage2.epochs", -3), ("stage2.epochs", 2**31),
    ("device", "tpu"), ("device", "cuda:99"), ("precision", "float8"), ("select", "best"),
    ("role", "winner"), ("stage1.optimizer.lr", -0.1), ("stage1.optimizer.lr", float("nan")),
    ("stage2.optimizer.lr", float("inf")), ("stage1.optimizer.weight_decay", -1.0),
    ("stage1.optimizer.momentum", -0.5), ("stage1.optimizer.momentum", "much"),
    ("stage1.scheduler.factor", 5.0), ("probe.every", 0), ("probe.joint_every", -1),
    ("probe.samples", 1), ("probe.source", "tests"), ("probe.clusters", 1),
    ("probe.clusters", "many"), ("probe.max_clusters", 0), ("probe.components", 0),
    ("probe.bias", "some"), ("probe.resamples", 1), ("probe.shuffles", -1), ("probe.seed", -1),
    ("controller.threshold", -1.0), ("controller.drop", 1.5), ("controller.patience", 0),
    ("controller.min_epochs", -1), ("controller.floor_bits", -0.1), ("encoder.embedding", 0),
    ("encoder.widths", [0]), ("encoder.widths", [16, -3]), ("dataset.jitter_variance", -1.0),
    ("dataset.colour_follows", 1.5), ("dataset.validation", 0.0), ("dataset.validation", 1.0),
    ("dataset.test", 0.9), ("dataset.split_seed", -1), ("dataset.folds", 1), ("dataset.fold", 7),
    ("dataset.group", "speaker"),
]  # fmt: skip

Y = np.arange(60) % 3
FEATURES = np.random.default_rng(0).normal(size=(60, 4))
WITH_NAN = np.where(np.arange(60)[:, None] == 7, np.nan, FEATURES)
FILES: dict[str, tuple[dict[str, Any], str]] = {
    "no labels": ({"a": FEATURES}, "no `y`"),
    "no modality": ({"y": Y}, "no modality"),
    "other length": ({"y": Y, "a": FEATURES[:59]}, "'a'"),
    "one number": ({"y": Y, "a": np.float64(3)}, "'a'"),
    "an axis of zero": ({"y": Y, "a": np.zeros((60, 3, 0))}, "'a'"),
    "no rows": ({"y": Y[:0], "a": FEATURES[:0]}, "y holds 0"),
    "NaN": ({"y": Y, "a": WITH_NAN}, "row 7"),
    "infinity": ({"y": Y, "a": np.where(np.isnan(WITH_NAN), -np.inf, FEATURES)}, "row 7"),
    "complex": ({"y": Y, "a": FEATURES + 1j}, "complex"),
    "text": ({"y": Y, "a": np.array(["x"] * 60)}, "'a'"),
    "dates": ({"y": Y, "a": np.array(["2020-01-01"] * 60, "datetime64[D]")}, "'a'"),
    "objects": ({"y": Y, "a": np.array([None] * 60)}, "objects"),
    "one class": ({"y": 0 * Y, "a": FEATURES}, "1 class"),
    "measured labels": ({"y": Y + 0.5, "a": FEATURES}, "float64"),
    "labels in columns": ({"y": Y[:, None], "a": FEATURES}, "(60, 1)"),
    "a class of one sample": ({"y": np.where(np.arange(60) == 5, 9, Y), "a": FEATURES}, "'3': 1"),
    "a reserved name": ({"y": Y, "fused": FEATURES}, "'fused'"),
    "a dot in a name": ({"y": Y, "a.b": FEATURES}, "'a.b'"),
    "another split": ({"y": Y, "a": FEATURES, "split": np.array(["train"] * 60)}, "split"),
    "too few samples": ({"y": Y[:6], "a": FEATURES[:6]}, "at least 5"),
}


def _refusal(act: Callable[[], object]) -> str:
    with pytest.raises((ValueError, OSError, ImportError, OmegaConfBaseException)) as refused:
        act()
    return str(refused.value)


@pytest.mark.parametrize(("key", "value"), VALUES, ids=str)
def test_a_value_is_refused_by_its_key(key: str, value: Any) -> None:
    config = make_config("encoder=mlp")

    def set_and_build() -> None:
        OmegaConf.update(config, key, value)
        build(config)

    message = _refusal(set_and_build).replace("learning rate", "lr")  # torch's word
    assert key.rsplit(".", 1)[-1] in message, message


@pytest.mark.parametrize("name", FILES)
def test_an_array_is_refused_by_its_name_and_file(tmp_path: Path, name: str) -> None:
    arrays, word = FILES[name]
    np.savez(tmp_path / "bad.npz", **arrays)
    message = _refusal(lambda: _build_of(tmp_path / "bad.npz"))
    assert word in message, message
    if "modality is called" not in message:
        assert "bad.npz" in message


def _build_of(path: Path) -> None:
    config = make_config("encoder=mlp", "dataset=arrays", "dataset.root=x")
    config.dataset.root = str(path)
    build(config)


WRITTEN = ("npy", "npz", "csv", "pt")
RENAMED = [(own, other) for own in WRITTEN for other in (*WRITTEN, "parquet") if own != other]


@pytest.mark.parametrize(("own", "other"), RENAMED)
def test_a_file_with_the_ending_of_another_kind(tmp_path: Path, own: str, other: str) -> None:
    path = tmp_path / f"bad.{other}"
    with path.open("wb") as file:
        match own:
            case "npy":
                np.save(file, FEATURES)
            case "npz":
                np.savez(file, y=Y, a=FEATURES)
            case "csv":
                file.write(b"y,a\n" + b"0,1.5\n1,2.5\n" * 20)
            case "pt":
                torch.save({"y": torch.as_tensor(Y), "a": torch.as_tensor(FEATURES)}, file)
    assert f"bad.{other}" in _refusal(lambda: Arrays(str(path)).load())


@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_links_that_lead_to_each_other(tmp_path: Path, kind: str) -> None:
    first, second = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    first.symlink_to(second)
    second.symlink_to(first)
    assert f"a.{kind}" in _refusal(lambda: Arrays(str(first)).load())
