"""Trainings of a study: resumable sweeps of `fusion-sched train`, and their results."""

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

from fusion_sched.analysis.runs import JOBS_FILE
from fusion_sched.commands.train import launch
from fusion_sched.config.schema import config_dir
from fusion_sched.runlog import read_trace

CHEAP = ("probe.joint_every=1000", "robustness=false", "tracker=none")
"""Diagnoses of stage 2 steer nothing."""
UNREAD = ("probe=kmeans", "probe.every=1000", "probe.shuffles=2")
"""For methods that read no diagnosis: one at the start and one at the end."""
READS_NOTHING = ("joint", "fixed")
"""Controllers that read no diagnosis."""


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


def train_methods(
    folder: Path,
    methods: Sequence[str],
    grid: Mapping[str, Sequence[Any]],
    overrides: Sequence[str] = (),
    processes: int | None = None,
) -> dict[tuple[Any, ...], Path]:
    """Train methods by name on a grid, such as seeds; return (method, *values) → folder of the run.

    Where a method reads no diagnosis, hardly any is made.
    """
    plain = [m for m in methods if _controller_of(m) in READS_NOTHING]
    steered = [m for m in methods if m not in plain]
    runs: dict[tuple[Any, ...], Path] = {}
    for part, names, added in (("steered", steered, ()), ("plain", plain, UNREAD)):
        if names:
            common = (*overrides, *CHEAP, *added)
            runs |= train_grid(folder / part, {"+method": names, **grid}, common, processes)
    return {key: runs[key] for key in itertools.product(methods, *grid.values())}


def _controller_of(method: str) -> str:
    """Return the name of a method's controller."""
    path = config_dir() / "method" / f"{method}.yaml"
    defaults = yaml.safe_load(path.read_text(encoding="utf-8"))["defaults"]
    return str(next(d["override /controller"] for d in defaults if "override /controller" in d))


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
