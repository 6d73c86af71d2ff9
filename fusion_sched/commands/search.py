"""A search for hyper-parameters: trials of one sweep, proposed by Optuna, judged on validation.

The record is `study.json` in the sweep's folder. A trial is a job of the sweep: its run is found by
its configuration, as in any resumed sweep, so an interrupted study goes on with the same trials.
What is proposed depends on the seed, the number of the trial, and the earlier batches alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from yaml import safe_load

from fusion_sched.analysis.rows import validation_of
from fusion_sched.analysis.studies import (
    ENDED,
    RUNNING,
    SEARCH_TRIALS,
    STUDY_FILE,
    Study,
    Trial,
    read_study,
)
from fusion_sched.commands.console import make_console
from fusion_sched.commands.proposals import distribution_of, propose, pruner_of
from fusion_sched.commands.sweep import RefusedSweep, sweep_folder
from fusion_sched.config.schema import config_dir
from fusion_sched.config.targets import named_targets
from fusion_sched.data.loading import Loader
from fusion_sched.models.ensembles import FittedFusion
from fusion_sched.runlog import read_trace
from fusion_sched.runtime.environment import pick_device, shown_path
from fusion_sched.runtime.files import lock
from fusion_sched.training.epoch import predict
from fusion_sched.types import FUSED

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

OBJECTIVES = ("accuracy", "loss")
SWEEPER = "hydra/sweeper="
SEARCH = "+search="
LOCK = ".study.lock"
FAILURES = 3
"""A study whose first trials, as many as this, all fail with an error is not continued."""
NOT_SEARCHED = ("seed", "dataset.fold", "dataset.folds", "dataset.split_seed")
"""Keys that a search may not choose: the luckiest seed or fold is no setting."""


@dataclass(frozen=True)
class Outcome:
    """What a job of a study returns to the sweeper, from whatever process it ran in."""

    state: str
    objective: float | None = None
    folder: str = ""


def check_multirun(arguments: Iterable[str]) -> None:
    """Raise where a search is asked for without the flag of a sweep."""
    arguments = list(arguments)
    asked = [a for a in arguments if a.startswith((SWEEPER, SEARCH))]
    if asked and not {"-m", "--multirun"}.intersection(arguments):
        flags = ("--cfg", "-c", "--info", "-i", "--hydra-help", "--resolve")
        if not any(a.startswith(flags) for a in arguments):
            raise ValueError(f"{asked[0]} trains many runs: add -m")


def in_study() -> bool:
    """Say whether the running job is a trial."""
    hydra = HydraConfig.get()
    return hydra.mode == RunMode.MULTIRUN and "trials" in hydra.sweeper


def search_of(method: str) -> str:
    """Return the choice of `search` for a method: its own, or by whether it has a first stage."""
    if (config_dir() / "search" / f"{method}.yaml").is_file():
        return method
    content = safe_load((config_dir() / "method" / f"{method}.yaml").read_text(encoding="utf-8"))
    joint = {"override /controller": "joint"} in content["defaults"]
    return "default" if joint else "two_stages"


def pruner(run: Path) -> Callable[[dict[str, Any]], None]:
    """Return what the running trial's events are shown to: it may raise `PrunedTrial`."""
    study = read_study(sweep_folder())
    assert study is not None, "a study is saved before its trials run"
    return pruner_of(study, sweep_folder(), run)


def outcome_of(run: Path) -> Outcome:
    """Return what the running job's run has reached on validation; nothing of test is read."""
    objective = HydraConfig.get().sweeper.objective
    value = validation_of(read_trace(run)) if objective == "accuracy" else validation_loss(run)
    return Outcome(ENDED, value, run.resolve().relative_to(sweep_folder()).as_posix())


def validation_loss(run: Path) -> float:
    """Return the mean cross-entropy of the saved model's fused head on validation."""
    # pandas comes with these, which half a second of every training would go to
    from fusion_sched.commands.evaluate import ended_trace, load_splits
    from fusion_sched.config.load import load_model

    trace = ended_trace(run)
    config = trace.start["config"]
    own = [target for _, target in named_targets(config, "")]
    network = load_model(run, own).network
    if isinstance(network.fusion, FittedFusion):
        raise ValueError(
            f"{type(network.fusion).__name__} is fitted to the validation samples, so its loss on "
            "them is too low; expected hydra.sweeper.objective=accuracy, which is out of fold"
        )
    splits = load_splits(run, trace, own)
    device = pick_device(config["device"])
    samples = splits.by_name()["validation"]
    loader = Loader(samples, config["batch_size"], device=device, finish=splits.finish)
    predicted = predict(network.to(device), loader)
    return float(torch.nn.functional.cross_entropy(predicted.logits[FUSED].double(), predicted.y))


def run_study(sweeper: Any, arguments: Sequence[str]) -> None:
    """Run, or go on with, the study of a sweeper; print its best trial at the end."""
    folder = Path(sweeper.config.hydra.sweep.dir)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        swept, fixed = split_space(sweeper, arguments)
        space = {key: distribution_of(override) for key, override in swept.items()}
        study = begin_study(folder, sweeper, swept, fixed)
        alone = lock(folder / LOCK, blocking=False)
    except (ValueError, OSError, ImportError) as error:
        raise RefusedSweep(str(error)) from error
    with alone:
        loader = sweeper.hydra_context.config_loader
        configured = loader.load_sweep_config(sweeper.config, list(fixed))
        OmegaConf.save(sweeper.config, folder / "multirun.yaml")
        run_trials(sweeper, study, space, configured)
        print_best(study, folder)


def run_trials(
    sweeper: Any, study: Study, space: Mapping[str, BaseDistribution], configured: DictConfig
) -> None:
    """Run batches of trials until there are as many as wanted, or the first ones all failed."""
    folder = Path(sweeper.config.hydra.sweep.dir)
    tried: set[int] = set()
    while batch := next_batch(study, space, configured, tried):
        study.save(folder)  # what is proposed is known before it runs
        run_batch(sweeper, study, batch)
        study.save(folder)
        tried |= {trial.number for trial in batch}
        if len(tried) >= FAILURES and all(trial.state == RUNNING for trial in study.trials):
            return  # their errors are printed at the end


def split_space(sweeper: Any, arguments: Sequence[str]) -> tuple[dict[str, Override], list[str]]:
    """Return key → override with several values, and the overrides that all trials share.

    Raises
    ------
    ValueError
        Nothing to search, or a key that no search may choose.
    """
    params = sweeper.settings["params"] or {}
    texts = [*(f"{key}={value}" for key, value in params.items()), *arguments]
    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    by_key = {o.get_key_element(): o for o in parser.parse_overrides(texts)}
    swept = {key: o for key, o in by_key.items() if o.is_sweep_override()}
    if not swept:
        raise ValueError(
            "there is nothing to search: give a key several values, as in "
            "stage2.optimizer.lr=interval(1e-3,1e-1), or add +search=default"
        )
    refused = [key for key in swept if key.lstrip("+") in NOT_SEARCHED]
    if refused:
        raise ValueError(
            f"{refused[0]} has several values, and a search would choose the luckiest; give it "
            "one, and train the best trial on several afterwards"
        )
    fixed = [str(o.input_line) for key, o in by_key.items() if key not in swept]
    return swept, fixed


def begin_study(
    folder: Path, sweeper: Any, swept: Mapping[str, Override], fixed: list[str]
) -> Study:
    """Return the study of the folder, or a new one; `ValueError` where they differ."""
    texts = {key: str(o.input_line).partition("=")[2] for key, o in swept.items()}
    asked = _asked_for(sweeper.settings, texts, fixed)
    earlier = read_study(folder)
    if earlier is None:
        return asked
    if not sweeper.task.resume:
        raise FileExistsError(
            f"{folder} already holds a study; choose another hydra.sweep.dir, or go on with it by "
            "sweep.resume=true"
        )
    before, now = asdict(earlier), asdict(asked)
    before["fixed"], now["fixed"] = sorted(earlier.fixed), sorted(asked.fixed)
    different = [k for k in now if k not in ("trials", "trials_wanted") and now[k] != before[k]]
    if different:
        name = different[0]
        raise ValueError(
            f"{folder / STUDY_FILE} was begun with {name} {before[name]}, not {now[name]}: give "
            "what it began with, or another hydra.sweep.dir (the number of trials may grow)"
        )
    earlier.trials_wanted = max(asked.trials_wanted, len(earlier.trials))
    return earlier


def _asked_for(settings: Mapping[str, Any], space: dict[str, str], fixed: list[str]) -> Study:
    for key in ("trials", "parallel"):
        if not isinstance(settings[key], int) or settings[key] < 1:
            raise ValueError(f"hydra.sweeper.{key} is {settings[key]!r}, expected 1 or more")
    if settings["objective"] not in OBJECTIVES:
        raise ValueError(
            f"hydra.sweeper.objective is {settings['objective']!r}, expected one of "
            f"{list(OBJECTIVES)}: both of validation"
        )
    if not isinstance(settings["prune"], bool):
        raise ValueError(f"hydra.sweeper.prune is {settings['prune']!r}, expected true or false")
    return Study(
        settings["trials"], settings["objective"], settings["seed"], settings["parallel"],
        settings["prune"], space, fixed,
    )  # fmt: skip


def next_batch(
    study: Study, space: Mapping[str, BaseDistribution], configured: DictConfig, tried: set[int]
) -> list[Trial]:
    """Return the trials to run now: those that were interrupted, else new ones, at most `parallel`.

    `tried`: numbers of trials that this process has run, and that have failed if they run still.
    """
    waiting = [t for t in study.trials if t.state == RUNNING and t.number not in tried]
    if waiting:
        return waiting[: study.parallel]
    count = min(study.parallel, study.trials_wanted - len(study.trials))
    proposed = propose(study, space, configured, count) if count > 0 else []
    study.trials += proposed
    return proposed


def run_batch(sweeper: Any, study: Study, batch: Sequence[Trial]) -> None:
    """Train the trials by the launcher and record what became of each."""
    jobs = [[*study.fixed, *overrides_of(trial.values)] for trial in batch]
    sweeper.validate_batch_is_legal(jobs)
    returned = sweeper.launcher.launch(jobs, initial_job_idx=batch[0].number)
    for trial, job in zip(batch, returned, strict=True):
        outcome = job.return_value
        if isinstance(outcome, Outcome):
            trial.state, trial.objective = outcome.state, outcome.objective
            trial.folder = outcome.folder


def overrides_of(values: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value!r}" if isinstance(value, float) else f"{key}={value}"
            for key, value in values.items()]  # fmt: skip


def print_best(study: Study, folder: Path) -> None:
    """Print the best trial and the command that trains it again."""
    console = make_console(soft_wrap=True, highlight=False)
    lines = [f"study: {shown_path(folder)}, {len(study.trials)} trials ({study.summary})"]
    if study.best is not None:
        best = study.best
        values = "  ".join(overrides_of(best.values))
        lines += [
            f"best on validation: trial {best.number}, {study.objective} {best.objective:.4f}",
            f"  {values}",
            f"train it again: fusion-sched train {shlex.join(best_overrides(study))}",
        ]
    for line in lines:
        console.print(line, markup=False)


def best_overrides(study: Study) -> list[str]:
    """Return the overrides of the best trial, with the number of trials that it was chosen from."""
    if study.best is None:
        raise ValueError(f"no trial has ended ({study.summary}); go on by sweep.resume=true")
    fixed = [o for o in study.fixed if not o.startswith(SEARCH)]
    return [*fixed, *overrides_of(study.best.values), f"{SEARCH_TRIALS}={len(study.trials)}"]
