"""Frozen encoders run once per sample: cached features are those computed, and so are runs."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusion_sched.config.load import load_model
from fusion_sched.data.clips.features import stored_features
from fusion_sched.data.files import Files
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.models.pretrained import Pretrained
from fusion_sched.training.components import make_loaders
from fusion_sched.training.features import compute_features, feature_facts
from fusion_sched.types import Samples
from tests.conftest import make_parts, of, read_events, run_once
from tests.models.tiny_networks import WORDS, save_bert, save_vit
from tests.processes import Answer
from tests.training.test_resume import assert_same_run, train_with_stops

SHORT = ("stage1.epochs=2", "stage2.epochs=1", "probe.resamples=5", "probe.shuffles=1",
         "batch_size=16", "tracker=none")  # fmt: skip


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    save_vit(folder / "vit", size=16)
    save_bert(folder / "bert")
    return folder


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with titles of words that the small tokenizer knows."""
    folder = tmp_path_factory.mktemp("sample")
    Files.write_sample(folder, SampleSpec(clips=40))
    table = pd.read_csv(folder / "pictures.csv")
    classes = sorted(set(table["label"]))
    words = WORDS[5:]
    rng = np.random.default_rng(0)
    table["title"] = [
        f"{words[classes.index(label) % len(words)]} {rng.choice(words)} {number}"
        for number, label in enumerate(table["label"])
    ]
    table.to_csv(folder / "pictures.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def options(sample: Path, networks: Path) -> tuple[str, ...]:
    return (
        "dataset=files", f"dataset.list={sample / 'pictures.csv'}", "dataset.size=16",
        "dataset.length=8", f"dataset.tokenizer={networks / 'bert'}", "dataset.augmented=false",
        "dataset.validation=0.3", "encoder=by_modality",
        "+encoder@encoder.picture=pretrained", f"encoder.picture.model={networks / 'vit'}",
        "+encoder@encoder.title=pretrained", f"encoder.title.model={networks / 'bert'}", *SHORT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(options: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    run_once(folder, *options)
    return folder


class Unreadable:
    """A split that no input may be read of."""

    def __init__(self, samples: Samples) -> None:
        self.labels, self.fingerprint = samples.labels, samples.fingerprint

    def __len__(self) -> int:
        return len(self.labels)

    def __getitems__(self, indices: list[int]) -> None:
        raise AssertionError("an input is read")


def test_cached_features_are_those_computed(options: tuple[str, ...]) -> None:
    parts = make_parts(*options)
    loaders = make_loaders(parts)
    plain = parts.splits.test.__getitems__(list(range(len(parts.splits.test))))
    inputs = parts.splits.finish(plain).inputs
    (batch,) = [batch for batch in loaders.test if len(batch.y) == len(plain.y)]
    parts.model.eval()
    for m, encoder in parts.model.encoders.items():
        assert isinstance(encoder, Pretrained)
        assert batch.inputs[m].shape == (len(plain.y), 16)
        assert torch.equal(batch.inputs[m], encoder.features(inputs[m]))
        assert torch.equal(encoder(batch.inputs[m]), encoder(inputs[m]))


def test_stored_features_stand_for_the_files(options: tuple[str, ...], trained: Path) -> None:
    """Once they are there, neither an input is read nor a network run."""
    parts = make_parts(*options)
    splits = parts.splits
    hidden = {name: Unreadable(split) for name, split in splits.by_name().items()}
    read_only = replace(splits, **hidden, plain_train=hidden["train"])  # type: ignore[arg-type]
    cache = compute_features(read_only, parts.model, parts.device)
    assert {len(features) for features in cache.by_split.values()} == {2}
    stores = list((splits.store or trained).glob("features-*"))
    assert len([path for path in stores if path.is_dir()]) == 6, "two modalities, three splits"


def test_the_trace_says_what_is_cached(trained: Path) -> None:
    facts = of(read_events(trained), "start")[0]["facts"]["pretrained"]
    assert facts.keys() == {"picture", "title"}
    assert facts["picture"]["cached"] == ["train", "validation", "test"]
    assert facts["picture"]["kept_in"] == "folder of prepared data"


def test_augmented_pictures_are_encoded_in_each_epoch(options: tuple[str, ...]) -> None:
    parts = make_parts(*options, "dataset.augmented=true")
    fields = parts.start_fields()["facts"]
    assert fields["pretrained"]["picture"]["cached"] == ["validation", "test"]
    assert "picture: training changes its inputs at random" in fields["notes"][0]
    assert "train" in fields["pretrained"]["title"]["cached"]
    loaders = make_loaders(parts)
    training, plain = next(iter(loaders.train)).inputs, next(iter(loaders.plain_train)).inputs
    assert training["picture"].shape[1:] == (3, 16, 16)
    assert training["title"].shape[1:] == plain["picture"].shape[1:] == (16,)


def test_layers_that_train_keep_no_features(options: tuple[str, ...]) -> None:
    parts = make_parts(*options, "encoder.picture.unfrozen=1")
    assert feature_facts(parts.splits, parts.model)["pretrained"]["picture"]["cached"] == []
    assert next(iter(make_loaders(parts).train)).inputs["picture"].shape[1:] == (3, 16, 16)


def test_another_network_or_other_samples_have_other_features(
    options: tuple[str, ...], sample: Path, tmp_path: Path
) -> None:
    calls = []

    def compute() -> torch.Tensor:
        calls.append(1)
        return torch.arange(6.0).view(3, 2)

    for key in ("one", "one", "two"):
        assert torch.equal(stored_features(tmp_path, "a", key, compute), compute())
    assert len(calls) == 3 + 2, "once for each key"
    parts = make_parts(*options)
    encoder = parts.model.encoders["picture"]
    assert isinstance(encoder, Pretrained)
    before = encoder.digest()
    next(encoder.network.parameters()).data[:] += 1
    assert encoder.digest() != before


def test_damaged_features_are_an_error(tmp_path: Path) -> None:
    values = torch.arange(6.0).view(3, 2)
    stored_features(tmp_path, "a", "key", lambda: values)
    path = tmp_path / "features-a-key" / "a.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="has checksum"):
        stored_features(tmp_path, "a", "key", lambda: values)


def test_a_run_resumes_bit_for_bit(options: tuple[str, ...], trained: Path, tmp_path: Path) -> None:
    train_with_stops(lambda: make_parts(*options), tmp_path / "stopped", every=5)
    assert_same_run(tmp_path / "stopped", trained)


def test_a_saved_model_predicts_without_any_other_file(
    options: tuple[str, ...],
    sample: Path,
    networks: Path,
    tmp_path: Path,
    command: Callable[..., Answer],
) -> None:
    moved = tmp_path / "networks"
    shutil.copytree(networks, moved)
    run_once(tmp_path / "run", *(option.replace(str(networks), str(moved)) for option in options))
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    table = str(sample / "pictures.csv")
    assert command("predict", str(tmp_path / "run"), table, "--out", str(before)).code == 0
    shutil.copytree(tmp_path / "run" / "model", tmp_path / "elsewhere")
    shutil.rmtree(moved)
    shutil.rmtree(tmp_path / "run")
    answer = command("predict", str(tmp_path / "elsewhere"), table, "--out", str(after))
    assert answer.code == 0, answer.err
    assert before.read_bytes() == after.read_bytes()
    network = load_model(tmp_path / "elsewhere").network
    assert all(isinstance(encoder, Pretrained) for encoder in network.encoders.values())
