"""A search for hyper-parameters: trials of one sweep, proposed by Optuna, judged on validation.

The record is `study.json` in the sweep's folder. A trial is a job of the sweep: its run is found by
its configuration, as in any resumed sweep, so an interrupted study goes on with the same trials.
What is proposed depends on the seed, the number of the trial, and the earlier batches alone.
"""

import shlex
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
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
from fusion_sched.commands.evaluate import ended_trace, load_splits
from fusion_sched.commands.sweep import sweep_folder
from fusion_sched.config.load import load_model
from fusion_sched.config.schema import config_dir
from fusion_sched.data.loading import Loader
from fusion_sched.models.ensembles import FittedFusion
from fusion_sched.runlog import TRACE_FILE, inside, read_trace
from fusion_sched.runtime.environment import pick_device, seed_for, shown_path
from fusion_sched.runtime.files import lock
from fusion_sched.training.epoch import predict
from fusion_sched.types import FUSED

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

OBJECTIVES = ("accuracy", "loss")
SWEEPER = "hydra/sweeper="
SEARCH = "+search="
LOCK = ".study.lock"
LOGARITHMIC_FROM = 20.0
"""An interval whose ends have this ratio is searched on a logarithmic scale, unless tagged."""
NOT_SEARCHED = ("seed", "dataset.fold", "dataset.folds", "dataset.split_seed")
"""Keys that a search may not choose: the luckiest seed or fold is no setting."""
TRIALS_BEFORE_PRUNING = 4
"""Trials that have ended before any is pruned."""
NO_OPTUNA = 'hydra/sweeper=optuna needs optuna: pip install "fusion-sched[search]"'


class PrunedTrial(Exception):
    """The running trial is worse than the median of the others at this epoch."""


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


def outcome_of(run: Path) -> Outcome:
    """Return what the running job's run has reached on validation; nothing of test is read."""
    objective = HydraConfig.get().sweeper.objective
    value = validation_of(read_trace(run)) if objective == "accuracy" else validation_loss(run)
    return Outcome(ENDED, value, run.resolve().relative_to(sweep_folder()).as_posix())


def validation_loss(run: Path) -> float:
    """Return the mean cross-entropy of the saved model's fused head on validation."""
    trace = ended_trace(run)
    network = load_model(run, _own_targets(trace.start["config"])).network
    if isinstance(network.fusion, FittedFusion):
        raise ValueError(
            f"{type(network.fusion).__name__} is fitted to the validation samples, so its loss on "
            "them is too low; expected hydra.sweeper.objective=accuracy, which is out of fold"
        )
    config = trace.start["config"]
    splits = load_splits(run, trace, _own_targets(config))
    device = pick_device(config["device"])
    samples = splits.by_name()["validation"]
    loader = Loader(samples, config["batch_size"], device=device, finish=splits.finish)
    predicted = predict(network.to(device), loader)
    return float(torch.nn.functional.cross_entropy(predicted.logits[FUSED].double(), predicted.y))


def _own_targets(config: Any) -> list[str]:
    """Return every class that the configuration of this command's own run names."""
    if isinstance(config, Mapping):
        mine = [config["_target_"]] if isinstance(config.get("_target_"), str) else []
        return mine + [name for value in config.values() for name in _own_targets(value)]
    return [name for value in config for name in _own_targets(value)] if isinstance(config, list) else []


def run_study(sweeper: Any, arguments: Sequence[str]) -> None:
    """Run, or go on with, the study of a sweeper; print its best trial at the end."""
    config: DictConfig = sweeper.config
    folder = Path(config.hydra.sweep.dir)
    space, fixed = split_space(sweeper, arguments)
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / LOCK, blocking=False):
        study = begin_study(folder, sweeper, space, fixed)
        OmegaConf.save(config, folder / "multirun.yaml")
        defaults = sweeper.hydra_context.config_loader.load_sweep_config(config, list(fixed))
        tried: set[int] = set()
        while batch := next_batch(study, space, defaults, tried):
            study.save(folder)  # what is proposed is known before it runs
            run_batch(sweeper, study, batch)
            study.save(folder)
            tried |= {trial.number for trial in batch}
            if not any(trial.state != RUNNING for trial in study.trials):
                break  # all failed, and their errors are printed at the end
        print_best(study, folder)


def split_space(
    sweeper: Any, arguments: Sequence[str]
) -> tuple[dict[str, "BaseDistribution"], list[str]]:
    """Return override key → values to search, and the overrides that all trials share.

    Raises
    ------
    ValueError
        Nothing to search, a key that no search may choose, or values that cannot be searched.
    """
    params = sweeper.settings["params"] or {}
    texts = [*(f"{key}={value}" for key, value in params.items()), *arguments]
    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    by_key = {o.get_key_element(): o for o in parser.parse_overrides(texts)}
    space = {key: distribution_of(o) for key, o in by_key.items() if o.is_sweep_override()}
    if not space:
        raise ValueError(
            "there is nothing to search: give a key several values, as in "
            "stage2.optimizer.lr=interval(1e-3,1e-1), or add +search=default"
        )
    refused = [key for key in space if key.lstrip("+") in NOT_SEARCHED]
    if refused:
        raise ValueError(
            f"{refused[0]} has several values, and a search would choose the luckiest; give it "
            "one, and train the best trial on several afterwards"
        )
    fixed = [o.input_line for key, o in by_key.items() if key not in space and o.input_line]
    return space, fixed


def distribution_of(override: Override) -> "BaseDistribution":
    """Return the values of a sweep override as Optuna samples them."""
    try:
        from optuna import distributions as of
    except ImportError as error:
        raise ImportError(NO_OPTUNA) from error

    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        low, high = float(sweep.start or 0), float(sweep.end or 0)
        unknown = sweep.tags - {"log", "linear"}
        if not low < high or unknown or ("log" in sweep.tags and low <= 0):
            raise ValueError(
                f"{override.input_line} cannot be searched: expected interval(LOW,HIGH) with LOW "
                "below HIGH, in tag(log, …), with LOW above 0, or in tag(linear, …)"
            )
        wide = low > 0 and high / low >= LOGARITHMIC_FROM
        return of.FloatDistribution(low, high, log="log" in sweep.tags or (wide and not sweep.tags))
    if isinstance(sweep, RangeSweep):
        values = [float(value) for value in sweep.range()]
        if all(value.is_integer() for value in values) and len(values) > 1:
            low, step = int(min(values)), abs(int(values[1] - values[0]))
            return of.IntDistribution(low, int(max(values)), step=step)
    return of.CategoricalDistribution(list(override.sweep_string_iterator()))


def begin_study(
    folder: Path, sweeper: Any, space: Mapping[str, "BaseDistribution"], fixed: list[str]
) -> Study:
    """Return the study of the folder, or a new one; `ValueError` where they differ."""
    asked = _asked_for(sweeper.settings, {key: str(values) for key, values in space.items()}, fixed)
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
    study: Study, space: Mapping[str, "BaseDistribution"], defaults: DictConfig, tried: set[int]
) -> list[Trial]:
    """Return the trials to run now: those that were interrupted, else new ones, at most `parallel`.

    `tried`: numbers of trials that this process has run, and that have failed if they run still.
    """
    waiting = [t for t in study.trials if t.state == RUNNING and t.number not in tried]
    if waiting:
        return waiting[: study.parallel]
    count = min(study.parallel, study.trials_wanted - len(study.trials))
    proposed = propose(study, space, defaults, count) if count > 0 else []
    study.trials += proposed
    return proposed


def propose(
    study: Study, space: Mapping[str, "BaseDistribution"], defaults: DictConfig, count: int
) -> list[Trial]:
    """Return so many new trials; the first of all takes the values that are configured."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    direction = "minimize" if study.objective == "loss" else "maximize"
    memory = optuna.create_study(direction=direction)
    for earlier in study.trials:
        memory.add_trial(_as_optuna(earlier, space))
    trials = []
    for number in range(len(study.trials), len(study.trials) + count):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            seed = seed_for(study.seed, "trial", number) % 2**32
            memory.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=count > 1)
        if number == 0:
            memory.enqueue_trial(_configured(space, defaults))
        trials.append(Trial(number, dict(memory.ask(dict(space)).params)))
    return trials


def _as_optuna(trial: Trial, space: Mapping[str, "BaseDistribution"]) -> "FrozenTrial":
    """Return a trial as Optuna keeps it; one that diverged counts as pruned: it was bad."""
    from optuna.trial import TrialState, create_trial

    states = {ENDED: TrialState.COMPLETE, RUNNING: TrialState.RUNNING}
    return create_trial(
        state=states.get(trial.state, TrialState.PRUNED), params=trial.values,
        distributions=dict(space), value=trial.objective,
    )  # fmt: skip


def _configured(space: Mapping[str, "BaseDistribution"], defaults: DictConfig) -> dict[str, Any]:
    """Return the configured values that lie in the space."""
    values = {key: OmegaConf.select(defaults, key.lstrip("+")) for key in space}
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value)
             for key, value in values.items()}  # fmt: skip
    inside_space = {}
    for key, distribution in space.items():
        value = texts[key] if hasattr(distribution, "choices") else values[key]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if (is_number or isinstance(value, str)) and _contains(distribution, value):
            inside_space[key] = value
    return inside_space


def _contains(distribution: "BaseDistribution", value: Any) -> bool:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return value in choices
    return not isinstance(value, str) and distribution._contains(float(value))


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


def pruner_of(run: Path) -> Callable[[dict[str, Any]], None]:
    """Return what is shown every event of the running trial's run, and raises `PrunedTrial`.

    The trials of earlier batches, as their traces have them, are what it is held against.
    """
    import optuna

    study = read_study(sweep_folder())
    assert study is not None, "a study is saved before its trials run"
    memory = optuna.create_study(direction="maximize")
    for trial in study.trials:
        if trial.state == ENDED:
            curve = validation_curve(read_trace(sweep_folder() / trial.folder).events)
            memory.add_trial(
                optuna.trial.create_trial(value=max(curve.values()), intermediate_values=curve)
            )
    begun = (run / TRACE_FILE).is_file()
    curve_now = validation_curve(read_trace(run).events) if begun else {}
    pruner = optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING)

    def watch(event: dict[str, Any]) -> None:
        reached = validation_curve([event])
        curve_now.update(reached)
        running = optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING, intermediate_values=curve_now
        )
        if reached and pruner.prune(memory, running):
            raise PrunedTrial

    return watch


def validation_curve(events: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """Return joint epoch → accuracy of the fused head on validation."""
    return {
        event["epoch"]: accuracy
        for event in events
        if event["event"] == "epoch"
        and (accuracy := inside(event, "accuracy", "validation", FUSED)) is not None
    }


def print_best(study: Study, folder: Path) -> None:
    """Print the best trial and the command that trains it again."""
    console = make_console(soft_wrap=True, highlight=False)
    lines = [f"study: {shown_path(folder)}, {len(study.trials)} trials ({study.summary})"]
    if study.best is not None:
        best = study.best
        values = "  ".join(overrides_of(best.values))
        lines += [
            f"best on validation: trial {best.number}, {study.objective} {best.objective:.4f}  {values}",
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
