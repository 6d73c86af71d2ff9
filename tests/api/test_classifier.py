"""The estimator: the engine of the command, every form of data, and scikit-learn's own checks."""

import pickle
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn
from torch.utils.data import DataLoader, Dataset

import fusion_sched
from fusion_sched import FusionClassifier
from fusion_sched.config.compose import compose_run
from fusion_sched.runtime.environment import seed_everything
from tests.conftest import Answer

SETTINGS = ("probe=kmeans", "probe.every=9", "probe.joint_every=9", "probe.resamples=2",
            "probe.shuffles=2", "encoder=mlp", "encoder.widths=[16]")  # fmt: skip


def quick(overrides: tuple[str, ...] = (), **arguments: Any) -> FusionClassifier:
    """An estimator whose fit takes a few tenths of a second."""
    settings = {"stage1_epochs": 1, "stage2_epochs": 5, "batch_size": 16, **arguments}
    return FusionClassifier("joint", **settings, overrides=(*SETTINGS, *overrides))


def moods(samples: int = 120) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A voice that shows one of three moods, and a face that does not; moods are strings."""
    rng = np.random.default_rng(0)
    mood = rng.integers(0, 3, samples)
    voice = rng.normal(size=(samples, 4)) + 3 * np.eye(3, 4)[mood]
    return {"voice": voice, "face": rng.normal(size=(samples, 3))}, np.array(["a", "b", "c"])[mood]


@pytest.fixture(scope="module")
def fitted() -> FusionClassifier:
    return quick().fit(*moods())


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).relu()


class Samples(Dataset[Any]):
    """Samples as one dict each, or as a pair of a dict and the label."""

    def __init__(self, paired: bool) -> None:
        self.X, self.y = moods()
        self.paired = paired

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, number: int) -> Any:
        sample = {m: torch.tensor(values[number]) for m, values in self.X.items()}
        label = str(self.y[number])
        return (sample, label) if self.paired else {**sample, "y": label}


@pytest.mark.parametrize("validation", ["a share", "a pair", "whole groups"])
def test_the_weights_are_those_of_the_command(
    tmp_path: Path, command: Callable[..., Answer], validation: str
) -> None:
    X, y = moods()
    group = np.arange(len(y)) // 10
    arrays: dict[str, np.ndarray] = {**X, "y": y}
    given: dict[str, Any] = {"validation": 0.25}
    train_X, train_y, words = X, y, ["dataset.validation=0.25"]
    if validation == "a pair":
        arrays["split"] = np.repeat(["train", "validation"], [90, 30])
        train_X, train_y = {m: v[:90] for m, v in X.items()}, y[:90]
        given["validation"] = ({m: v[90:] for m, v in X.items()}, y[90:])
    if validation == "whole groups":
        arrays["group"] = given["groups"] = group
    np.savez(tmp_path / "arrays.npz", **arrays)
    answer = command(
        "train", "dataset=arrays", "dataset.root=arrays.npz", "dataset.test=0", *words, *SETTINGS,
        "controller=joint", "stage1.epochs=1", "stage2.epochs=5", "tracker=none", "seed=3",
        "batch_size=16",
        "hydra.run.dir=ours",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    estimator = quick(random_state=3).fit(train_X, train_y, **given)
    ours = load_file(tmp_path / "ours" / "model" / "model.safetensors")
    theirs = estimator.model_.loaded.saved.tensors
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_epochs_and_batches_are_those_of_the_command() -> None:
    cfg = compose_run([]).cfg
    defaults = FusionClassifier().get_params()
    assert defaults["controller"] == cfg.controller._target_.rpartition(".")[2].lower()
    assert (defaults["stage1_epochs"], defaults["stage2_epochs"]) == (
        cfg.stage1.epochs, cfg.stage2.epochs
    )  # fmt: skip
    assert (defaults["batch_size"], defaults["random_state"]) == (cfg.batch_size, cfg.seed)


def test_it_predicts_labels_of_any_type(fitted: FusionClassifier) -> None:
    X, y = moods()
    assert fitted.classes_.tolist() == ["a", "b", "c"]
    assert fitted.score(X, y) > 0.8
    probabilities = fitted.predict_proba(X)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (fitted.classes_[probabilities.argmax(axis=1)] == fitted.predict(X)).all()
    assert {m: e.shape for m, e in fitted.embed(X).items()} == {
        "voice": (120, 64),
        "face": (120, 64),
    }
    numbers = np.searchsorted(fitted.classes_, y) * 10
    assert set(quick().fit(X, numbers).predict(X)) <= {0, 10, 20}


def test_a_sample_without_a_modality_is_predicted(fitted: FusionClassifier) -> None:
    X, _ = moods()
    X["face"][:5] = np.nan
    with pytest.warns(UserWarning, match="'face' is missing in 5 of 120 samples"):
        assert len(fitted.predict(X)) == 120


def test_a_diagnosis_and_a_trace_remain(fitted: FusionClassifier) -> None:
    assert fitted.diagnosis_.mi["voice"].value > fitted.diagnosis_.mi["face"].value
    assert len(fitted.trace_.of("epoch")) == 6
    assert "test" not in fitted.trace_.result
    page = fitted.diagnosis_._repr_html_()
    assert re.search(r"<th>unique voice</th><td>\d\.\d\d</td><td>\d\.\d\d to \d\.\d\d</td>", page)
    assert "FusionClassifier" in fitted._repr_html_()


def test_tensors_datasets_and_loaders_are_the_same_samples(fitted: FusionClassifier) -> None:
    X, y = moods()
    expected = fitted.predict(X)
    tensors = {m: torch.tensor(values) for m, values in X.items()}
    assert (quick().fit(tensors, y).predict(tensors) == expected).all()
    for samples in (Samples(paired=True), DataLoader(Samples(paired=False), 50)):
        estimator = quick().fit(samples)
        assert (estimator.predict(samples) == expected).all()
        assert estimator.score(samples) == fitted.score(X, y)
    with pytest.raises(ValueError, match="labels in y and in X as well"):
        quick().fit(Samples(paired=True), y)


def test_validation_may_be_groups_or_a_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = moods()
    groups = np.repeat(["p", "q", "r"], 40)
    estimator = quick().fit(X, y, groups=groups, validation=["q"])
    assert estimator.trace_.start["split_sizes"] == {"train": 80, "validation": 40, "test": 0}
    estimator = quick().fit(X, y, validation=Samples(paired=True))
    assert estimator.trace_.start["split_sizes"] == {"train": 120, "validation": 120, "test": 0}
    assert capsys.readouterr().out == "", "nothing is printed unless asked for"


@pytest.mark.parametrize(("given", "words"), [
    ({"validation": ["p"]}, "or, with groups, a list of some of them"),
    ({"validation": ["z"], "groups": ["p", "q"] * 60}, r"names \['z'\], which are not among"),
    ({"validation": 0.7}, "expected a share above 0 and up to 0.5"),
    ({"validation": ({"voice": np.zeros((2, 4))}, ["a", "b"])}, "validation has modalities"),
    ({"validation": (moods()), "groups": ["p", "q"] * 60}, "groups are not used"),
])  # fmt: skip
def test_validation_that_cannot_be_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        quick().fit(*moods(), **given)


def test_it_clones_and_pickles(fitted: FusionClassifier) -> None:
    X, y = moods()
    copied = clone(quick(encoders={"voice": Encoder()}, random_state=2))
    assert copied.get_params()["random_state"] == 2
    assert isinstance(copied.encoders["voice"], Encoder)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict_proba(X) == fitted.predict_proba(X)).all()
    assert cross_val_score(quick(), X["voice"], y, cv=2).mean() > 0.6


def test_random_numbers_and_threads_of_the_process_stay() -> None:
    def draw(seed: int | None = None) -> tuple[float, float, float]:
        if seed is not None:
            seed_everything(seed)
        return torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002

    threads, first, second = torch.get_num_threads(), draw(5), draw()
    assert draw(5) == first
    quick(overrides=("threads=2",)).fit(*moods())
    assert draw() == second
    assert torch.get_num_threads() == threads


def test_a_model_is_saved_and_loaded(fitted: FusionClassifier, tmp_path: Path) -> None:
    X, y = moods()
    fitted.save(tmp_path)
    model = fusion_sched.load(tmp_path)
    assert (model.predict_proba(X) == fitted.predict_proba(X)).all()
    assert model.predict(X).tolist() == fitted.predict(X).tolist()
    assert model.modalities == {"voice": (4,), "face": (3,)}
    with pytest.raises(FileExistsError, match="exists already"):
        fitted.save(tmp_path)
    numbers = quick().fit(X, np.unique(y, return_inverse=True)[1])
    numbers.save(tmp_path / "numbers")
    assert (
        fusion_sched.load(tmp_path / "numbers").predict(X).tolist() == numbers.predict(X).tolist()
    )


def test_encoders_may_be_modules(tmp_path: Path) -> None:
    X, y = moods()
    own = Encoder()
    before = own.layer.weight.detach().clone()
    estimator = quick(encoders={"voice": own}).fit(X, y)
    assert torch.equal(own.layer.weight, before), "fit trains a copy"
    assert estimator.embed(X)["voice"].shape == (120, 6)
    assert estimator.score(X, y) > 0.6
    estimator.save(tmp_path)
    with pytest.raises(ValueError, match=r"encoder of 'voice' is a module .*Encoder, and only its"):
        fusion_sched.load(tmp_path)
    model = fusion_sched.load(tmp_path, encoders={"voice": Encoder()})
    assert (model.predict_proba(X) == estimator.predict_proba(X)).all()
    with pytest.raises(ValueError, match=r"encoders names \['hand'\]"):
        quick(encoders={"hand": own}).fit(X, y)


def test_a_kept_run_is_a_run(tmp_path: Path, command: Callable[..., Answer]) -> None:
    X, y = moods()
    estimator = quick(folder=tmp_path / "run", overrides=("tracker=none",)).fit(X, y)
    np.savez(tmp_path / "new.npz", **X)
    answer = command("predict", "run", "new.npz", "--out", "table.csv")
    assert answer.code == 0, answer.err
    rows = (tmp_path / "table.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == estimator.predict(X).tolist()
    assert command("report", "run").code == 0
    answer = command("evaluate", "run")
    assert (answer.code, "given in Python and are in no file" in answer.err) == (1, True)
    with pytest.raises(FileExistsError, match="already holds"):
        estimator.fit(X, y)


@parametrize_with_checks([quick(stage2_epochs=1)])
def test_the_checks_of_scikit_learn(estimator: BaseEstimator, check: Callable[..., None]) -> None:
    """All apply to one array of features, but for `check_array_api_input`, which skips itself
    unless SCIPY_ARRAY_API is set.
    """
    check(estimator)
