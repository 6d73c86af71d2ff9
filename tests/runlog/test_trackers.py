"""Services that keep a run's curves: what they hold is what the trace holds."""

from pathlib import Path
from typing import Any

import pytest

from fusion_sched.runlog.trackers import results_of, scalars_of
from fusion_sched.runlog.trackers.mlflow import MLflow
from fusion_sched.runlog.trackers.tensorboard import TensorBoard
from fusion_sched.runlog.trackers.wandb import WandB
from tests.conftest import SHORT, of, run_once


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    settings = (*SHORT, "probe.samples=200", "probe=kmeans", "probe.resamples=5",
                "probe.shuffles=2", "encoder=mlp")  # fmt: skip
    return run_once(tmp_path_factory.mktemp("tracked") / "run", *settings)


def test_every_number_of_an_event_has_a_path(events: list[dict[str, Any]]) -> None:
    epoch, probe = of(events, "epoch")[-1], of(events, "probe")[-1]
    scalars = scalars_of(epoch)
    assert scalars["loss/gray"] == epoch["loss"]["gray"]
    assert scalars["accuracy/validation/fused"] == epoch["accuracy"]["validation"]["fused"]
    found = scalars_of(probe)
    assert found["probe/unique_bits/gray"] == probe["unique_bits"]["gray"]["value"]
    low, high = probe["synergy_bits"]["low"], probe["synergy_bits"]["high"]
    assert (found["probe/interval/synergy_bits/low"], found["probe/interval/synergy_bits/high"]) \
        == (low, high)  # fmt: skip
    result = of(events, "result")[0]
    assert results_of(result)["result/test/fused/accuracy"] == result["test"]["fused"]["accuracy"]
    assert scalars_of(events[0]) == results_of(events[0]) == {}


def test_tensorboard_reads_back_what_was_written(
    tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    pytest.importorskip("tensorboard", reason="needs TensorBoard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sink = TensorBoard().open(tmp_path)
    for event in events:
        sink.record(event)
    sink.close()
    log = EventAccumulator(str(tmp_path / "tensorboard"))
    log.Reload()
    curve = [(point.step, point.value) for point in log.Scalars("accuracy/validation/gray")]
    assert curve == [
        (e["epoch"] + 1, pytest.approx(e["accuracy"]["validation"]["gray"], abs=1e-6))
        for e in of(events, "epoch")
    ]
    assert log.Tags()["tensors"] == ["decision/text_summary"]


def test_mlflow_keeps_a_resumed_run_under_one_id(
    tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    pytest.importorskip("mlflow", reason="needs the extra `mlflow`")
    from mlflow import MlflowClient

    tracker = MLflow(uri=f"sqlite:///{tmp_path}/mlflow.db")
    for part in (events[: len(events) // 2], events[len(events) // 2 :]):
        sink = tracker.open(tmp_path)
        for event in part:
            sink.record(event)
        sink.close()
    client = MlflowClient(tracking_uri=tracker.uri)
    experiment = client.get_experiment_by_name("fusion-sched")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == "0"
    assert run.data.params["stage1.epochs"] == "2"
    history = client.get_metric_history(run.info.run_id, "accuracy/validation/gray")
    assert len(history) == len(of(events, "epoch"))


def test_wandb_works_offline(tmp_path: Path, events: list[dict[str, Any]]) -> None:
    pytest.importorskip("wandb", reason="needs the extra `wandb`")
    sink = WandB().open(tmp_path)
    for event in events:
        sink.record(event)
    sink.close()
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    with pytest.raises(ValueError, match="mode is 'cloud', expected"):
        WandB(mode="cloud")


@pytest.mark.parametrize(
    ("tracker", "package"),
    [(MLflow(), "mlflow"), (WandB(), "wandb"), (TensorBoard(), "tensorboard")],
)
def test_a_missing_package_is_named(
    tmp_path: Path, tracker: Any, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    monkeypatch.setattr("fusion_sched.runlog.trackers.tensorboard.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=f"(?i){package}.*tracker=none"):
        tracker.open(tmp_path)
    TensorBoard(required=False).open(tmp_path).record({"event": "start"})
