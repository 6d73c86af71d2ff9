"""Every method on every seed: the comparison of docs/comparison.md.

    make compare      (or: python -m scripts.studies.compare_methods [--processes 2] [--trials 20])

Runs one sweep per dataset into outputs/compare, continues where it was interrupted, and writes the
tables. With trials, every method is first given as many: a study on validation, with one seed. Its
best settings are then trained on all seeds, in outputs/compare/DATASET-TRIALS. `avdigits` is
compared where it lies in $FUSION_SCHED_DATA/avdigits, or data/avdigits.
"""

import argparse
import os
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import torch

from benchmarks.machine import processor
from fusion_sched.analysis import compare, render
from fusion_sched.analysis.studies import read_study
from fusion_sched.commands.choices import list_choices
from fusion_sched.commands.search import best_overrides, search_of
from fusion_sched.commands.train import launch
from scripts.studies.runner import CHEAP, result_of, train_grid, train_methods

FOLDER = Path("outputs/compare")
TABLES = Path("docs/comparison.md")
SEEDS = range(5)
DATASETS = {
    "digits_cg": ("dataset=digits_cg",),
    "digits_parity": ("dataset=digits_parity", "dataset.samples=2000"),
    "digits_noisy": ("dataset=digits_noisy",),
    "avdigits": ("dataset=avdigits", "dataset.preset=imbalanced", "encoder=small_cnn"),
}
TITLES = {
    "digits_cg": "`digits_cg`: handwriting in grey and in colours that mislead",
    "digits_parity": "`digits_parity`: is the sum of two handwritten digits even? (2,000 pairs)",
    "digits_noisy": "`digits_noisy`: two views of handwriting with different disturbances",
    "avdigits": "`avdigits`: spoken and written digits, two speakers held out",
}
PARALLEL = 2
"""Trials that are proposed together: the same on every machine, so that the trials are, too."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--trials", type=int, default=0, help="of each method's search; 0: none")
    arguments = parser.parse_args()
    if arguments.trials < 0:
        parser.error(f"--trials is {arguments.trials}, expected 0 or more")
    started = time.perf_counter()
    runs: list[Path] = []
    tables: list[str] = []
    for name in [d for d in DATASETS if d != "avdigits" or avdigits_exists()]:
        trained = train_dataset(name, arguments.processes, arguments.trials)
        runs += trained
        tables.append(table(name, trained))
    TABLES.write_text(page(tables, runs, arguments.trials), encoding="utf-8")
    print(f"{TABLES} written, {(time.perf_counter() - started) / 60:.0f} minutes")


def train_dataset(dataset: str, processes: int, trials: int) -> list[Path]:
    """Train every method on every seed, with searched settings where there are trials."""
    overrides = DATASETS[dataset]
    methods = list(list_choices()["method"])
    if not trials:
        seeds = {"seed": SEEDS}
        return list(train_methods(FOLDER / dataset, methods, seeds, overrides, processes).values())
    runs: list[Path] = []
    for method in methods:
        place = FOLDER / f"{dataset}-search" / method
        best = search_settings(method, place, (*overrides, *CHEAP), processes, trials)
        tuned = FOLDER / f"{dataset}-{trials}"
        runs += train_grid(tuned, {"seed": SEEDS}, best, processes).values()
    return runs


def search_settings(
    method: str, folder: Path, overrides: Sequence[str], processes: int, trials: int
) -> list[str]:
    """Return the overrides of a method's best trial on validation; a study goes on where it was."""
    jobs = ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={processes}") if processes > 1 else ()
    launch([
        "-m", f"+method={method}", f"+search={search_of(method)}", *overrides, *jobs,
        f"hydra.sweeper.trials={trials}", f"hydra.sweeper.parallel={PARALLEL}",
        f"hydra.sweep.dir={folder}", "sweep.resume=true"
    ])  # fmt: skip
    study = read_study(folder)
    assert study is not None, "a sweep with this sweeper has left its record"
    return best_overrides(study)


def avdigits_exists() -> bool:
    root = Path(os.environ.get("FUSION_SCHED_DATA", "data"), "avdigits")
    if not root.is_dir():
        print(f"{root} is not there: avdigits is left out; fusion-sched data fetch avdigits")
    return root.is_dir()


def table(name: str, runs: Sequence[Path]) -> str:
    text = render(compare(runs, reference="joint"), "markdown")
    return f"## {TITLES[name]}\n\n{text.strip()}\n"


def page(tables: Sequence[str], runs: Sequence[Path], trials: int) -> str:
    tuning = (
        f"Every method was given {trials} trials, which were judged on validation with seed 0 and "
        "began with its own settings; the best is trained here on every seed."
        if trials
        else "The others run with one set of settings, tuned on nothing here."
    )
    methods = len(list_choices()["method"])
    hours = sum(result_of(run)["seconds"]["total"] for run in runs) / 3600
    return "\n".join([
        "# Every method against every other", "",
        f"`make compare`, {date.today()}, {processor()}, torch "
        f"{torch.__version__}: {methods} methods, seeds {','.join(map(str, SEEDS))}, the same "
        "number of epochs for all, the epoch chosen on validation, test labels read once. The "
        f"{len(runs)} runs took {hours:.1f} hours of one core, added up.", "",
        "What each name stands for, and where it departs from its paper: [methods.md](methods.md). "
        "Columns, tests and verdict: [compare.md](compare.md). Two methods have used `digits_cg` "
        "before: `pid`, whose rules were found partly on it, and `relearning`, which measured "
        "every 6 epochs in place of the paper's 20 (of 90), after measuring once in 30 had done "
        f"less (`balancer.every=20`). {tuning}", "",
        *tables,
    ])  # fmt: skip


if __name__ == "__main__":
    main()
