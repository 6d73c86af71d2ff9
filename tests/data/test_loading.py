"""Batches on the device: the same whoever reads them, and the same after a resume."""

import shutil
from pathlib import Path

import pytest
import torch

from fusion_sched.config.build import build
from fusion_sched.data.loading import EpochOrder, Loader
from fusion_sched.runlog import read_trace
from fusion_sched.training.trainer import train
from fusion_sched.types import Batch, Splits
from tests.conftest import make_config, make_parts, of, read_events, run_once, timeless

SMALL = ("dataset.audio_size=[32,32]", "dataset.size=32", "encoder=small_cnn", "batch_size=16",
         "robustness=false")  # fmt: skip


def crema(root: Path, *overrides: str) -> tuple[str, ...]:
    return ("dataset=cremad", f"dataset.root={root}", *SMALL, *overrides)


@pytest.fixture(scope="module")
def splits(cremad_root: Path) -> Splits:
    return make_parts(*crema(cremad_root)).splits


def batches(splits: Splits, epoch: int = 0, workers: int = 0) -> list[Batch]:
    order = EpochOrder(range(len(splits.train)), 7)
    order.epoch = epoch
    loader = Loader(
        splits.train, 16, order, workers=workers, finish=splits.finish, augment=splits.augment
    )
    return list(loader)


def pictures(found: list[Batch]) -> dict[int, torch.Tensor]:
    """Return index → picture."""
    pairs = (zip(b.index.tolist(), b.inputs["visual"], strict=True) for b in found)
    return {index: picture for batch in pairs for index, picture in batch}


def same(one: list[Batch], other: list[Batch]) -> bool:
    return all(
        torch.equal(a.inputs[m], b.inputs[m]) and torch.equal(a.index, b.index)
        for a, b in zip(one, other, strict=True)
        for m in a.inputs
    )


def test_loader_processes_change_nothing(splits: Splits) -> None:
    assert same(batches(splits), batches(splits, workers=2))


def test_augmentation_follows_the_epoch(splits: Splits) -> None:
    assert same(batches(splits, epoch=3), batches(splits, epoch=3))
    first, second = (pictures(batches(splits, epoch)) for epoch in (0, 1))
    assert not any(torch.equal(first[i], second[i]) for i in first)


def test_only_training_pictures_are_changed(splits: Splits) -> None:
    plain = Loader(splits.train, 16, finish=splits.finish)
    changed = Loader(splits.train, 16, finish=splits.finish, augment=splits.augment)
    for one, other in zip(plain, changed, strict=True):
        assert torch.equal(one.inputs["audio"], other.inputs["audio"])
        assert not torch.equal(one.inputs["visual"], other.inputs["visual"])
        assert one.inputs["visual"].shape == (len(one.y), *splits.shapes["visual"])
        assert one.inputs["audio"].dtype == one.inputs["visual"].dtype == torch.float32


def test_a_run_with_loader_processes_is_the_same_run(cremad_root: Path, tmp_path: Path) -> None:
    settings = crema(cremad_root, "stage1.epochs=1", "stage2.epochs=1")
    alone = run_once(tmp_path / "alone", *settings)
    helped = run_once(tmp_path / "helped", *settings, "workers=1")
    for kind in ("epoch", "probe"):
        assert [timeless(e) for e in of(alone, kind)] == [timeless(e) for e in of(helped, kind)]


def test_an_augmented_run_resumes_exactly(cremad_root: Path, tmp_path: Path) -> None:
    """Stopped after its first epoch and resumed, a run on stored clips is the uninterrupted one."""
    settings = crema(cremad_root, "stage1.epochs=2", "stage2.epochs=1")
    whole = run_once(tmp_path / "whole", *settings)

    class Stop(Exception):
        pass

    def stop(event: dict[str, object]) -> None:
        if event["event"] == "epoch" and event["epoch"] == 1:
            raise Stop

    folder = tmp_path / "cut"
    folder.mkdir()
    with pytest.raises(Stop):
        train(make_parts(*settings), folder, stop)
    train(make_parts(*settings), folder, lambda _: None)
    events = read_events(folder)
    assert [timeless(e) for e in of(events, "epoch")] == [timeless(e) for e in of(whole, "epoch")]
    assert [timeless(e) for e in of(events, "result")] == [timeless(e) for e in of(whole, "result")]


def test_mixed_precision_stays_near_and_gives_float32(cremad_root: Path) -> None:
    full, mixed = (make_parts(*crema(cremad_root, f"precision={p}")) for p in ("float32", "bf16"))
    batch = next(iter(Loader(full.splits.validation, 8, finish=full.splits.finish)))
    one, other = full.model.eval()(batch.inputs), mixed.model.eval()(batch.inputs)
    assert other.logits.dtype == torch.float32
    assert {e.dtype for e in other.embeddings.values()} == {torch.float32}
    difference = (one.logits - other.logits).abs().max()
    assert 0 < difference < 0.05 * one.logits.abs().max() + 0.02


def test_a_precision_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="precision is 'fp8', expected one of"):
        make_parts("precision=fp8")


def test_channels_last_changes_the_layout_only(cremad_root: Path) -> None:
    plain = make_parts(*crema(cremad_root))
    other = make_parts(*crema(cremad_root, "channels_last=true"))
    batch = next(iter(Loader(plain.splits.validation, 8, finish=plain.splits.finish)))
    weights = other.model.encoders["visual"].layers[0].weight
    assert weights.is_contiguous(memory_format=torch.channels_last)
    expected = plain.model.eval()(batch.inputs).logits
    torch.testing.assert_close(other.model.eval()(batch.inputs).logits, expected)


def test_a_negative_number_of_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="workers is -1, expected at least 0"):
        build(make_config("workers=-1"))


def test_skipped_clips_are_in_the_trace(cremad_root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(cremad_root, tmp_path / "data"))
    victim = sorted((root / "AudioWAV").iterdir())[0]
    victim.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ValueError, match=r"(?s)1 git-lfs pointer.*git lfs pull.*on_error=skip"):
        make_parts(*crema(root))
    settings = crema(root, "dataset.on_error=skip", "stage1.epochs=1", "stage2.epochs=1")
    run_once(tmp_path / "run", *settings)
    facts = read_trace(tmp_path / "run").start["facts"]
    assert [(s["clip"], s["kind"]) for s in facts["skipped"]] == [(victim.stem, "git-lfs pointer")]
