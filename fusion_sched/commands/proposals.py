"""What Optuna does in a study: it proposes trials, and ends those that are behind the others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig, OmegaConf

from fusion_sched.analysis.studies import ENDED, RUNNING, Study, Trial
from fusion_sched.runlog import TRACE_FILE, inside, read_trace
from fusion_sched.runtime.environment import seed_for
from fusion_sched.types import FUSED

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

LOGARITHMIC_FROM = 20.0
"""An interval whose ends have this ratio is searched on a logarithmic scale, unless tagged."""
TRIALS_BEFORE_PRUNING = 4
"""Trials that have ended before any is pruned."""
NO_OPTUNA = 'hydra/sweeper=optuna needs optuna: pip install "fusion-sched[search]"'


class PrunedTrial(Exception):
    """The running trial is worse than the median of the others at this epoch."""


def distribution_of(override: Override) -> BaseDistribution:
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


def propose(
    study: Study, space: Mapping[str, BaseDistribution], configured: DictConfig, count: int
) -> list[Trial]:
    """Return so many new trials; the first of all takes the values that are configured."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    memory = optuna.create_study(direction="minimize" if study.objective == "loss" else "maximize")
    for earlier in study.trials:
        memory.add_trial(_as_optuna(earlier, space))
    trials = []
    for number in range(len(study.trials), len(study.trials) + count):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            seed = seed_for(study.seed, "trial", number) % 2**32
            memory.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=count > 1)
        if number == 0:
            memory.enqueue_trial(_values_in(space, configured))
        trials.append(Trial(number, dict(memory.ask(dict(space)).params)))
    return trials


def _as_optuna(trial: Trial, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """Return a trial as Optuna keeps it; one that diverged counts as pruned: it was bad."""
    from optuna.trial import TrialState, create_trial

    states = {ENDED: TrialState.COMPLETE, RUNNING: TrialState.RUNNING}
    return create_trial(
        state=states.get(trial.state, TrialState.PRUNED), params=trial.values,
        distributions=dict(space), value=trial.objective,
    )  # fmt: skip


def _values_in(space: Mapping[str, BaseDistribution], configured: DictConfig) -> dict[str, Any]:
    """Return the configured values that lie in the space."""
    values = {key: OmegaConf.select(configured, key.lstrip("+")) for key in space}
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value)
             for key, value in values.items()}  # fmt: skip
    inside_space = {}
    for key, distribution in space.items():
        value = texts[key] if hasattr(distribution, "choices") else values[key]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if (is_number or isinstance(value, str)) and _contains(distribution, value):
            inside_space[key] = value
    return inside_space


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return value in choices
    return not isinstance(value, str) and distribution._contains(float(value))


def pruner_of(study: Study, folder: Path, run: Path) -> Callable[[dict[str, Any]], None]:
    """Return what is shown every event of the running trial's run, and raises `PrunedTrial`.

    It is compared with the trials of earlier batches, as their traces in `folder` have them.
    """
    import optuna

    memory = optuna.create_study(direction="maximize")
    for trial in study.trials:
        if trial.state == ENDED:
            curve = validation_curve(read_trace(folder / trial.folder).events)
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
