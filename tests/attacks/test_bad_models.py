"""Sixty damages of a model and of new samples: `predict`, `evaluate` and `export` name the file."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion_sched.commands.evaluate import print_scores
from fusion_sched.commands.export import export_model
from fusion_sched.commands.predict import write_predictions
from fusion_sched.models.saved import DESCRIPTION_FILE, MODEL_DIR, WEIGHTS_FILE
from tests.conftest import run_once

QUICK = ("encoder=mlp", "stage1.epochs=1", "stage2.epochs=1", "probe.resamples=5",
         "probe.shuffles=1", "robustness=false", "tracker=none")  # fmt: skip
ABSENT = "absent: the key is taken away"
DESCRIPTIONS: list[tuple[str, Any]] = [
    ("format", ABSENT), ("format", 99), ("format", "one"), ("architecture", ABSENT),
    ("architecture", None), ("architecture", []), ("architecture", {}),
    ("architecture", {"encoder": {"_target_": "os.system"}}),
    ("architecture.encoder._target_", "builtins.eval"), ("architecture.encoder._target_", 5),
    ("architecture.encoder.embedding", -1), ("architecture.encoder.embedding", 7),
    ("architecture.encoder.widths", "wide"), ("architecture.fusion", None),
    ("architecture.fusion._target_", "fusion_sched.models.fusion.Nothing"),
    ("architecture.precision", "float8"), ("architecture.calibrate", "maybe"),
    ("classes", ABSENT), ("classes", []), ("classes", ["one"]), ("classes", 3), ("classes", None),
    ("modalities", ABSENT), ("modalities", []), ("modalities", {}), ("modalities.a", "wide"),
    ("modalities.a.shape", [-4]), ("modalities.a.shape", "4"), ("modalities.a.shape", [5]),
    ("modalities.a.dtype", "float99"), ("modalities.a.dtype", 3),
    ("preprocessing", ABSENT), ("preprocessing", []), ("preprocessing", None),
    ("weights", ABSENT), ("weights", {}), ("weights", "abc"), ("weights.sha256", "0" * 64),
    ("weights.sha256", 7), ("dataset", "arrays"), ("dataset", []),
    ("dataset._target_", "shutil.rmtree"),
]  # fmt: skip
FEATURES = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 3
SAMPLES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "new.npz"), "no modality": ({"y": Y}, "at least one modality"),
    "other names": ({"c": FEATURES}, "at least one modality"),
    "another width": ({"a": FEATURES[:, :3], "b": FEATURES}, "'a'"),
    "more axes": ({"a": FEATURES[..., None], "b": FEATURES}, "'a'"),
    "other lengths": ({"a": FEATURES[:50], "b": FEATURES}, "60"),
    "no rows": ({"a": FEATURES[:0], "b": FEATURES[:0]}, "new.npz"),
    "infinity": ({"a": np.where(FEATURES > 2, np.inf, FEATURES), "b": FEATURES}, "'a'"),
    "text": ({"a": FEATURES.astype(str), "b": FEATURES}, "'a'"),
    "complex": ({"a": FEATURES + 1j, "b": FEATURES}, "'a'"),
    "objects": ({"a": np.array([None] * 60), "b": FEATURES}, "new.npz"),
    "all missing": ({"a": np.nan * FEATURES, "b": np.nan * FEATURES}, "no modality"),
    "an unknown class": ({"a": FEATURES, "b": FEATURES, "y": Y + 7}, "class"),
    "labels of another length": ({"a": FEATURES, "b": FEATURES, "y": Y[:9]}, "y"),
    "labels in columns": ({"a": FEATURES, "b": FEATURES, "y": Y[:, None]}, "y"),
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    np.savez(folder / "mine.npz", y=Y, a=FEATURES + Y[:, None], b=FEATURES[::-1])
    run_once(folder / "run", *QUICK, "dataset=arrays", f"dataset.root={folder / 'mine.npz'}")
    return folder / "run" / MODEL_DIR


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "model"))


def predict(model: Path, data: Path) -> list[str]:
    return write_predictions(model, str(data), data.with_name("out.csv"), None, [])


def score(model: Path, data: Path) -> list[Any]:
    return print_scores(model, None, str(data), True, [])


@pytest.mark.parametrize(("key", "value"), DESCRIPTIONS, ids=str)
def test_a_description_is_named(model: Path, tmp_path: Path, key: str, value: Any) -> None:
    np.savez(tmp_path / "new.npz", a=FEATURES, b=FEATURES)
    path = model / DESCRIPTION_FILE
    whole = json.loads(path.read_text())
    place = whole
    *above, last = key.split(".")
    for name in above:
        place = place[name]
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    path.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=r"model\.(json|safetensors)"):
        predict(model, tmp_path / "new.npz")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", [DESCRIPTION_FILE, WEIGHTS_FILE])
@pytest.mark.parametrize("damage", ["absent", "empty", "cut", "changed", "a folder"])
def test_a_damaged_file_is_named(model: Path, tmp_path: Path, name: str, damage: str) -> None:
    path = model / name
    content = path.read_bytes()
    path.unlink()
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "changed":
            path.write_bytes(content[:-9] + b"x" + content[-8:])
        case "a folder":
            path.mkdir()
    for act in (
        lambda: predict(model, tmp_path / "new.npz"),
        lambda: export_model(model, "safetensors", tmp_path / "out", []),
        lambda: score(model, tmp_path / "new.npz"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=r"model\.(json|safetensors)"):
            act()


@pytest.mark.parametrize("name", SAMPLES)
def test_new_samples_are_named(model: Path, tmp_path: Path, name: str) -> None:
    arrays, word = SAMPLES[name]
    np.savez(tmp_path / "new.npz", **arrays)
    act = score if "y" in arrays and len(arrays) > 1 else predict
    with pytest.raises(ValueError, match=r"new\.npz") as refused:
        act(model, tmp_path / "new.npz")
    assert word in str(refused.value)
