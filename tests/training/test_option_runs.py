"""Options of training in whole runs: what they change, and that each resumes bit for bit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from fusion_sched.analysis.replay import recorded_stages, replay_trace
from fusion_sched.runlog import read_trace
from fusion_sched.runtime import checkpoint
from fusion_sched.training.components import make_loaders
from tests.conftest import make_parts, of, read_events, run_once, timeless
from tests.training.test_resume import assert_same_run, train_with_stops

QUICK = (
    "dataset=synthetic", "dataset.samples=300", "probe=predictions",
    "probe.every=10", "probe.joint_every=10", "probe.resamples=2", "probe.shuffles=1",
    "controller=fixed", "controller.epochs=2", "stage1.epochs=2", "stage2.epochs=2",
    "robustness=false", "tracker=none", "encoder=mlp",
)  # fmt: skip
STOPPING = ("early_stopping.patience=2", "early_stopping.min_delta=1", "stage1.epochs=9",
            "stage2.epochs=9")  # fmt: skip
OPTIONS = {
    "early stopping": STOPPING,
    "early stopping by the loss": (*STOPPING, "early_stopping.monitor=loss"),
    "clipping": ("gradient_clip_norm=0.1",),
    "accumulation": ("accumulate_batches=3", "batch_size=32"),
    "warm-up": ("warmup_epochs=1", "scheduler@stage2.scheduler=cosine"),
    "average of the weights": ("ema_decay=0.9",),
    "label smoothing": ("label_smoothing=0.1",),
    "class weights": ("class_weights=balanced",),
    "mixup": ("mixup_alpha=0.4",),
    "modality dropout": ("modality_dropout=0.3",),
    "rates of a modality": ("+modality_optimizers.x1.lr=0.002",),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the epochs of a run without an option."""
    return of(run_once(tmp_path_factory.mktemp("plain"), *QUICK), "epoch")


@pytest.mark.parametrize("name", OPTIONS)
def test_each_changes_the_run_and_resumes_bit_for_bit(
    name: str, tmp_path: Path, plain: list[dict[str, Any]]
) -> None:
    """Stopped after every fourth event."""
    whole, folder = tmp_path / "whole", tmp_path / "run"
    epochs = of(run_once(whole, *QUICK, *OPTIONS[name]), "epoch")
    assert [timeless(e) for e in epochs] != [timeless(e) for e in plain]
    assert train_with_stops(lambda: make_parts(*QUICK, *OPTIONS[name]), folder, every=4) > 1
    assert_same_run(folder, whole)


def test_a_stage_ends_when_nothing_improves(tmp_path: Path) -> None:
    """Accuracy cannot improve by 1: the first epoch is the best, and two more are waited for."""
    options = (*QUICK, *STOPPING, "controller.epochs=9")
    events = run_once(tmp_path, *options)
    epochs = of(events, "epoch")
    assert [e["stage"] for e in epochs] == ["unimodal"] * 3 + ["joint"] * 3
    assert ["stopped" in e for e in epochs] == [False, False, True] * 2
    assert epochs[2]["stopped"] == "accuracy on validation has not improved for 2 epochs"
    assert of(events, "result")[0]["epoch"] == 5
    trace = read_trace(tmp_path)
    changes = replay_trace(trace, make_parts(*options).controller)
    assert [c.epoch for c in changes] == [epoch for epoch, _ in recorded_stages(trace)] == [-1, 2]


def test_what_is_evaluated_and_saved_is_the_average(tmp_path: Path) -> None:
    run_once(tmp_path, *QUICK, "ema_decay=0.9")
    last = checkpoint.load(tmp_path / "checkpoint" / "last.pt", torch.device("cpu"))
    best = checkpoint.load(tmp_path / "checkpoint" / last["state"]["best"], torch.device("cpu"))
    saved = load_file(tmp_path / "model" / "model.safetensors")
    trained = last["training_weights"]
    assert trained.keys() == last["model"].keys()
    assert all(not torch.equal(last["model"][name], trained[name]) for name in trained)
    assert all(torch.equal(saved[name], best["model"][name]) for name in trained)
    parts = make_parts(*QUICK, "ema_decay=0.9")
    parts.model.load_state_dict({n: saved[n] for n in trained})
    batch = parts.splits.validation.__getitems__(list(range(len(parts.splits.validation))))
    right = parts.model.eval()(batch.inputs).logits.argmax(dim=1) == batch.y
    (result,) = of(read_events(tmp_path), "result")
    assert float(right.double().mean()) == pytest.approx(result["validation"]["fused"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="float16 trains on CUDA alone")
def test_a_run_in_float16_resumes(tmp_path: Path) -> None:
    options = (*QUICK, "precision=fp16", "device=cuda")
    events = run_once(tmp_path / "whole", *options)
    losses = [e["loss"]["x1"] for e in of(events, "epoch")]
    assert losses[-1] < losses[0]
    assert train_with_stops(lambda: make_parts(*options), tmp_path / "run", every=4) > 1
    last = checkpoint.load(tmp_path / "run" / "checkpoint" / "last.pt", torch.device("cpu"))
    assert last["loss_scale"]["steps"] > 0


def test_a_few_samples_are_memorised(tmp_path: Path) -> None:
    events = run_once(
        tmp_path, "debug=overfit", "debug.samples=12", "encoder=mlp", "controller=joint",
        "probe=predictions", "probe.joint_every=500", "probe.resamples=2", "robustness=false",
        "stage2.optimizer.lr=0.1",
    )  # fmt: skip
    start, result = events[0], of(events, "result")[0]
    assert start["split_sizes"] == {"train": 12, "validation": 12, "test": 12}
    assert "validation and test as well" in start["facts"]["notes"][-1]
    last = of(events, "epoch")[-1]
    assert last["stopped"] == "every training sample was right"
    assert last["epoch"] < 299
    assert last["accuracy"]["train"]["fused"] == 1
    assert result["test"]["fused"]["accuracy"] == 1


def test_the_whole_pipeline_is_run_on_little(tmp_path: Path) -> None:
    parts = make_parts("debug=limit", "debug.samples=100", "dataset=digits_thirds")
    assert [len(s) for s in parts.splits.by_name().values()] == [100, 100, 100]
    assert (parts.stage1.epochs, parts.stage2.epochs) == (1, 1)
    loader = make_loaders(parts).train
    indices = torch.cat([batch.index for batch in loader])
    assert sorted(indices.tolist()) == list(range(100))
    again = make_parts("debug=limit", "debug.samples=100", "dataset=digits_thirds")
    assert again.splits.fingerprints() == parts.splits.fingerprints()
    other = make_parts("debug=limit", "debug.samples=99", "dataset=digits_thirds")
    assert other.splits.fingerprints()["train"] != parts.splits.fingerprints()["train"]
    events = run_once(tmp_path, "debug=limit", "probe=posterior", "controller=evidence",
                      "encoder=mlp", "robustness=false")  # fmt: skip
    assert len(of(events, "epoch")) == 2
    assert of(events, "result")


def test_steps_are_profiled(tmp_path: Path) -> None:
    profile: dict[str, Any] = {}
    run_once(tmp_path, *QUICK, "debug=profile", "debug.profile_steps=1", "batch_size=32",
             "controller.epochs=1")  # fmt: skip
    for stage in ("unimodal", "joint"):
        profile = json.loads((tmp_path / "profile" / f"{stage}.json").read_text())
        names = {event.get("name") for event in profile["traceEvents"]}
        assert "aten::addmm" in names
        assert "Self CPU" in (tmp_path / "profile" / f"{stage}.txt").read_text()
