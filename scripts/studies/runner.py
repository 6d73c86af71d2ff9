"""Trainings of a study: resumable sweeps of `fusion-sched train`, and their results."""

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from fusion_sched.analysis.runs import JOBS_FILE
from fusion_sched.commands.train import launch
from fusion_sched.runlog import read_trace

CHEAP = ("probe=kmeans", "probe.shuffles=2", "probe.joint_every=1000", "solver.tol=1e-3",
         "tracker=none")  # fmt: skip
"""Neither null levels nor diagnoses of stage 2 steer a controller; samples deserve 1e-3 bit."""


def train_grid(
    folder: Path,
    grid: Mapping[str, Sequence[Any]],
    overrides: Sequence[str] = (),
    processes: int | None = None,
) -> dict[tuple[Any, ...], Path]:
    """Train every combination of the grid's values as one resumed sweep.

    Parameters
    ----------
    folder
        The folder of the sweep. Runs in it that have ended are kept, others continue. A run counts
        only with the whole configuration that is asked for.
    grid
        Key of an override → its values.
    overrides
        What all runs have in common.
    processes
        How many runs train at once, by default as many as there are cores.

    Returns
    -------
    dict
        Values in the order of `grid` → folder of the run.
    """
    combinations = list(itertools.product(*grid.values()))
    jobs = min(processes or os.cpu_count() or 1, len(combinations))
    launcher = ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={jobs}") if jobs > 1 else ()
    swept = [f"{key}={','.join(map(str, values))}" for key, values in grid.items()]
    record = folder / JOBS_FILE  # each job that starts appends a line
    earlier = len(record.read_text(encoding="utf-8").splitlines()) if record.exists() else 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the launcher's workers
    place = (f"hydra.sweep.dir={folder}", "sweep.resume=true")
    launch(["-m", *swept, *overrides, *launcher, *place])
    lines = record.read_text(encoding="utf-8").splitlines()[earlier:]
    runs = {job["job"]: folder / job["folder"] for job in map(json.loads, lines)}
    return {values: runs[number] for number, values in enumerate(combinations)}


def result_of(run: Path) -> dict[str, Any]:
    """Return the result event of a run that has ended."""
    result = read_trace(run).result
    assert result is not None, f"{run} has been trained"
    return result


def fused_accuracy(run: Path) -> float:
    """Return the fused test accuracy, in percent."""
    return 100 * float(result_of(run)["test"]["fused"]["accuracy"])


def mean_over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval by Student's t; `ValueError` for a single value."""
    if len(values) < 2:
        raise ValueError(f"got {len(values)} value(s), expected at least 2 for an interval")
    mean = float(np.mean(values))
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return mean, mean - half, mean + half
