"""Trainings of a study: one resumable sweep, read by the values of its grid."""

from pathlib import Path

import pytest

from fusion_sched.runlog import read_trace
from scripts.studies.runner import (
    fused_accuracy,
    mean_over_seeds,
    result_of,
    train_grid,
    train_methods,
)

SHORT = ("dataset=synthetic", "dataset.samples=300", "controller=fixed", "stage1.epochs=2",
         "stage2.epochs=1", "probe.every=${controller.epochs}", "probe=kmeans", "probe.clusters=4",
         "solver.tol=1e-3", "probe.resamples=2", "probe.shuffles=2", "robustness=false",
         "tracker=none")  # fmt: skip


def test_a_grid_is_trained_once_and_only_its_own_runs_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    first = train_grid(folder, {"controller.epochs": (1,), "seed": (0,)}, SHORT)
    assert list(first) == [(1, 0)]
    before = first[1, 0].stat().st_mtime_ns, (first[1, 0] / "trace.jsonl").read_bytes()
    runs = train_grid(folder, {"controller.epochs": (2, 1), "seed": (0,)}, SHORT, processes=1)
    assert runs[1, 0] == first[1, 0]
    assert (runs[1, 0].stat().st_mtime_ns, (runs[1, 0] / "trace.jsonl").read_bytes()) == before
    for (epochs, _), run in runs.items():
        assert read_trace(run).start["config"]["controller"]["epochs"] == epochs
        assert result_of(run)["unimodal_epochs"] == epochs
        assert 0 <= fused_accuracy(run) <= 100


def test_methods_that_read_no_diagnosis_make_hardly_any(tmp_path: Path) -> None:
    short = ("dataset=synthetic", "dataset.samples=300", "stage1.epochs=2", "stage2.epochs=2")
    runs = train_methods(tmp_path, ("joint", "pid"), {"seed": (0,)}, short, processes=1)
    assert list(runs) == [("joint", 0), ("pid", 0)]
    epochs = {m: [e["epoch"] for e in read_trace(run).of("probe")] for (m, _), run in runs.items()}
    assert epochs["joint"] == [-1, 3]
    assert epochs["pid"][:3] == [-1, 0, 1]


def test_one_value_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        mean_over_seeds([3.0])
    assert mean_over_seeds([1.0, 3.0]) == pytest.approx((2.0, 2 - 12.7062, 2 + 12.7062), abs=1e-3)
    assert mean_over_seeds([2.0, 2.0]) == (2.0, 2.0, 2.0)
