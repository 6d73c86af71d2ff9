"""Many trainings, several at a time; one that has ended is kept, one that was cut off goes on."""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from scipy import stats

from fusion_sched.config.build import build
from fusion_sched.config.schema import config_dir, register
from fusion_sched.runlog import TRACE_FILE, read_trace
from fusion_sched.training.trainer import train

CHEAP = ("probe.shuffles=2", "probe.joint_every=1000", "solver.tol=1e-3", "tracker=none")
"""Neither null levels nor diagnoses of stage 2 steer a controller; samples deserve 1e-3 bit."""
SAVED = Path(".hydra", "overrides.yaml")
BLIND = ("probe.every=1000",)
"""For controllers that look at no diagnosis."""


def train_all(jobs: Mapping[Path, Sequence[str]], processes: int | None = None) -> None:
    """Train every run that has not ended, in as many processes as there are cores.

    Raises:
        ValueError: a folder holds a run with other settings.
    """
    for folder, chosen in jobs.items():
        check_settings(folder, chosen)
    wanted = [(folder, list(chosen)) for folder, chosen in jobs.items() if not has_ended(folder)]
    most = min(processes or os.cpu_count() or 1, len(wanted))
    if most < 2:  # in this process, which may have its own for reading clips
        for job in wanted:
            print(f"  {train_one(job)}", flush=True)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with multiprocessing.get_context("spawn").Pool(most) as pool:
        for number, folder in enumerate(pool.imap_unordered(train_one, wanted), start=1):
            print(f"  [{number}/{len(wanted)}] {folder}", flush=True)


def check_settings(folder: Path, chosen: Sequence[str]) -> None:
    """Raise where the folder was begun with other settings: its numbers would pass for these."""
    saved = folder / SAVED
    if saved.is_file() and list(OmegaConf.load(saved)) != list(chosen):
        raise ValueError(
            f"{folder} was trained with {' '.join(OmegaConf.load(saved))}, now expected "
            f"{' '.join(chosen)}; remove the folder to train it anew"
        )


def has_ended(folder: Path) -> bool:
    """Return whether the folder holds a run with a result."""
    return (folder / TRACE_FILE).is_file() and read_trace(folder).result is not None


def train_one(job: tuple[Path, list[str]]) -> Path:
    """Train one run as `fusion-sched train` would, without its display."""
    folder, chosen = job
    register()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", overrides=chosen)
    saved = folder / SAVED
    if not saved.is_file():
        saved.parent.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(cfg, saved.with_name("config.yaml"), resolve=True)
        OmegaConf.save(OmegaConf.create(chosen), saved)
    train(build(cfg), folder, lambda event: None)
    return folder


def result_of(folder: Path) -> dict[str, Any]:
    """Return the result event of a run that has ended."""
    result = read_trace(folder).result
    assert result is not None, f"{folder} has been trained"
    return result


def fused_accuracy(folder: Path) -> float:
    """Return the fused test accuracy, in percent."""
    return 100 * float(result_of(folder)["test"]["fused"]["accuracy"])


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval by Student's t; ``ValueError`` for a single value."""
    if len(values) < 2:
        raise ValueError(f"got {len(values)} value(s), expected at least 2 for an interval")
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    reach = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return mean, mean - reach, mean + reach
