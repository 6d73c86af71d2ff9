"""Weights are chosen, and few parameters fitted, on validation; a killed run ends the same."""

from pathlib import Path

import pytest
import torch

from fusion_sched.runtime import checkpoint
from tests.conftest import make_parts, of, read_events, run_once
from tests.training.test_resume import assert_same_run, train_with_stops

QUICK = (
    "dataset=synthetic", "dataset.samples=300", "probe=predictions", "probe.every=10",
    "probe.joint_every=10", "probe.resamples=2", "probe.shuffles=1", "stage1.epochs=2",
    "stage2.epochs=3", "tracker=none",
)  # fmt: skip
WEIGHTED = (*QUICK, "+method=ensemble_weighted", "calibrate=true", "robustness=false")


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weighted")
    run_once(folder, *WEIGHTED)
    return folder


def test_each_head_is_of_its_own_best_epoch(weighted: Path) -> None:
    events = read_events(weighted)
    result = of(events, "result")[0]
    epochs = of(events, "epoch")
    for m, epoch in result["selection"]["heads"].items():
        accuracies = [event["accuracy"]["validation"][m] for event in epochs]
        assert accuracies[epoch] == max(accuracies) == result["validation"][m]
    assert result["selected_epoch"] == max(result["selection"]["heads"].values())


def test_the_deployed_weights_are_those_that_were_tested(weighted: Path) -> None:
    result = of(read_events(weighted), "result")[0]
    parts = make_parts(*WEIGHTED)
    name = result["selection"]["weights"]
    weights = checkpoint.load(weighted / "checkpoint" / name, torch.device("cpu"))
    parts.model.load_state_dict(weights["model"])
    parts.model.eval()
    batch = parts.splits.test.__getitems__(list(range(len(parts.splits.test))))
    outputs = parts.model(batch.inputs).by_head()
    for m, values in outputs.items():
        accuracy = float((values.argmax(dim=1) == batch.y).double().mean())
        assert accuracy == result["test"][m]["accuracy"]


def test_killed_and_resumed_ends_the_same(tmp_path: Path, weighted: Path) -> None:
    """Stopped after every fourth event."""
    folder = tmp_path / "run"
    assert train_with_stops(lambda: make_parts(*WEIGHTED), folder, every=4) > 2
    assert_same_run(folder, weighted)


def test_calibration_changes_confidence_alone(tmp_path: Path) -> None:
    plain = of(run_once(tmp_path / "plain", *QUICK), "result")[0]
    events = run_once(tmp_path / "calibrated", *QUICK, "calibrate=true")
    calibrated = of(events, "result")[0]
    assert calibrated["test"] == plain["test"]
    assert calibrated["selection"]["temperatures"].keys() == {"x1", "x2", "fused"}
    before, after = (r["robustness"]["calibration"] for r in (plain, calibrated))
    assert after["nll_nats"] < before["nll_nats"]
    assert "selection" not in plain


def test_a_fusion_with_heads_is_a_calibrated_mean(tmp_path: Path) -> None:
    events = run_once(tmp_path, *QUICK, "+method=fine_tuned_heads", "robustness=false")
    fitted = of(events, "result")[0]["selection"]["fusion"]
    assert fitted["temperatures"].keys() == {"x1", "x2", "fused"}
    assert fitted["weights"] == pytest.approx(dict.fromkeys(("x1", "x2", "fused"), 1 / 3))


def test_combinations_that_cannot_train_are_refused() -> None:
    with pytest.raises(ValueError, match=r"balancer=mla has no fused loss, and Concat"):
        make_parts("balancer=mla", "controller=fixed")
    with pytest.raises(ValueError, match=r"select=heads joins .* Concat"):
        make_parts("select=heads")
    with pytest.raises(ValueError, match="select is 'both', expected one of"):
        make_parts("select=both")
