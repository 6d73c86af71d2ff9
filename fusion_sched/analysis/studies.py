"""The record of a search for hyper-parameters: its trials, and which one is best on validation."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fusion_sched.runtime.files import atomic_write

STUDY_FILE = "study.json"
"""In the folder of a study, beside the folders of its trials."""
SEARCH_TRIALS = "search_trials"
"""Key of a configuration: number of trials of the search that chose its settings."""
RUNNING, ENDED, PRUNED, DIVERGED = "running", "ended", "pruned", "diverged"
STATES = (RUNNING, ENDED, PRUNED, DIVERGED)


@dataclass
class Trial:
    """One set of hyper-parameters and what became of it.

    `values`: override key → value. `objective`: on validation, of a trial that has ended.
    `folder`: of its run, below that of the study.
    """

    number: int
    values: dict[str, Any]
    state: str = RUNNING
    objective: float | None = None
    folder: str = ""


@dataclass
class Study:
    """A search: its setting, and its trials in the order in which they were proposed.

    `space`: override key → values as on the command line. `fixed`: the other overrides.
    """

    trials_wanted: int
    objective: str
    seed: int
    parallel: int
    prune: bool
    space: dict[str, str]
    fixed: list[str]
    trials: list[Trial] = field(default_factory=list)

    @property
    def best(self) -> Trial | None:
        """The best trial on validation, the first of equal ones; `None` before one has ended."""
        sign = -1 if self.objective == "loss" else 1
        ended = [trial for trial in self.trials if trial.objective is not None]
        return max(ended, key=lambda trial: sign * float(trial.objective or 0), default=None)

    def count(self, state: str) -> int:
        return sum(trial.state == state for trial in self.trials)

    @property
    def summary(self) -> str:
        """How many trials there were, and what became of them."""
        parts = [f"{n} {state}" for state in STATES if (n := self.count(state))]
        left = self.trials_wanted - len(self.trials)
        return ", ".join([*parts, *([f"{left} not begun"] if left > 0 else [])])

    def save(self, folder: Path) -> None:
        with atomic_write(folder / STUDY_FILE) as file:
            file.write(json.dumps(asdict(self), indent=1).encode())


def read_study(folder: Path) -> Study | None:
    """Return the study in a folder, `None` where there is none; `ValueError` for a damaged one."""
    file = folder / STUDY_FILE
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        trials = [Trial(**trial) for trial in content.pop("trials")]
        return Study(**content, trials=trials)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{file} is not the record of a study: {error}; bring it back") from error


def without_other_trials(folder: Path, runs: Iterable[Path]) -> list[Path]:
    """Return the runs below a folder without the trials of studies that are not the best.

    Which trial is best has been decided on validation; the test results of the others would only
    tempt to choose again. The runs of a study of which no trial has ended all stay.
    """
    studies = {file.parent: read_study(file.parent) for file in folder.rglob(STUDY_FILE)}
    hidden = {
        place: place / study.best.folder for place, study in studies.items() if study and study.best
    }
    return [
        run
        for run in runs
        if all(run == best or place not in run.parents for place, best in hidden.items())
    ]


def trials_of(run: Path, config: dict[str, Any]) -> int:
    """Return the number of trials by which the settings of a run were chosen, 0 for none."""
    study = next((s for place in run.parents[:2] if (s := read_study(place))), None)
    is_best = study is not None and study.best is not None and run.name == study.best.folder
    return len(study.trials) if study and is_best else int(config.get(SEARCH_TRIALS, 0))


def study_notes(runs: Iterable[Path]) -> list[str]:
    """Return a sentence for each study that holds one of the runs."""
    places = dict.fromkeys(place for run in runs for place in run.parents[:2])
    studies = {place: study for place in places if (study := read_study(place)) is not None}
    return [
        f"{place} is a study of {len(study.trials)} trials ({study.summary}): {_best_of(study)}"
        for place, study in studies.items()
    ]


def _best_of(study: Study) -> str:
    if study.best is None:
        return "none has ended yet"
    values = ", ".join(f"{key}={value}" for key, value in study.best.values.items())
    return (
        f"trial {study.best.number} is the best on validation ({study.objective} "
        f"{study.best.objective:.4g}; {values}); the others are in no table that does not name "
        "their own folders"
    )


def tuning_note(trials: dict[str, int]) -> list[str]:
    """Return a sentence on which rows were tuned, where any was; `trials`: row → number."""
    if not any(trials.values()):
        return []
    by_number: dict[int, list[str]] = {}
    for name, number in trials.items():
        by_number.setdefault(number, []).append(name)
    parts = [
        f"{', '.join(names)}: " + (f"tuned with {n} trials on validation" if n else "not tuned")
        for n, names in sorted(by_number.items(), reverse=True)
    ]
    unequal = "; rows with more trials have an advantage" if len(by_number) > 1 else ""
    return [f"{'; '.join(parts)}{unequal}"]
