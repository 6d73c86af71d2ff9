"""State of the art? The schedule against other methods on the data that is here."""

from pathlib import Path
from typing import Any

import numpy as np

from fusion_sched.analysis import compare
from fusion_sched.analysis.grid import caption, grid_of
from fusion_sched.report.html.document import Table, Text
from fusion_sched.runlog import read_trace
from scripts.studies.compare_methods import DATASETS
from scripts.studies.reproduce.claim import ABSTRACT, Claim, Finding, Values, Verdict
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings
from scripts.studies.reproduce.studies.datasets import command_for
from scripts.studies.runner import fused_accuracy, result_of, train_methods

OURS = ("evidence", "pid")
"""The default of this program, and a rule of the paper's kind."""
SCHEDULES = ("pid", "pid_paper", "pid_published", "pid_point", "mi", "random")
REFERENCES = ("joint", "fine_tuned", "unimodal", "best_unimodal")
METHODS = {
    "quick": ("evidence", *SCHEDULES, *REFERENCES, "ogm_ge", "mla"),
    "full": ("evidence", *SCHEDULES, *REFERENCES, "fine_tuned_heads", "ensemble_calibrated",
             "multi_loss", "frozen", "ogm_ge", "agm", "pmr", "mmpareto", "gblending", "mla",
             "relearning", "greedy", "pid_ogm_ge"),
}  # fmt: skip
SEEDS = (3, 10)
"""In the profiles quick and full."""


def datasets(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the datasets of `make compare` that are here, and their overrides."""
    built_in = {name: chosen for name, chosen in DATASETS.items() if name != "avdigits"}
    if "avdigits" not in settings.paths:
        return built_in
    root = f"dataset.root={settings.paths['avdigits']}"
    return {**built_in, "avdigits": (*DATASETS["avdigits"], root)}


def run(settings: Settings, numbers: Measurements) -> None:
    """Train every method on every dataset and seed."""
    for data, chosen in datasets(settings).items():
        runs = train_methods(settings.runs / "methods" / data, METHODS[settings.profile],
                             {"seed": settings.seeds(*SEEDS)}, chosen)  # fmt: skip
        for (method, seed), folder in runs.items():
            numbers.read(f"{data} | {method} | {seed}", folder, summary_of)


def summary_of(folder: Path) -> dict[str, Any]:
    """Return what the claims need of a run: accuracies in percent by epoch, and the end."""
    trace = read_trace(folder)
    fused = {
        e["epoch"]: 100 * e["accuracy"]["validation"]["fused"]
        for e in trace.of("epoch") if "fused" in e["accuracy"]["validation"]
    }  # fmt: skip
    return {
        "accuracy": fused_accuracy(folder),
        "unimodal_epochs": result_of(folder)["unimodal_epochs"],
        "fused_validation": [[epoch + 1, value] for epoch, value in fused.items()],
        "run": str(folder),
    }


def accuracies(settings: Settings, values: Values, data: str, method: str) -> np.ndarray:
    """Return the test accuracy of each seed, in percent."""
    seeds = settings.seeds(*SEEDS)
    return np.array([values[f"{data} | {method} | {s}"]["accuracy"] for s in seeds])


def places(settings: Settings) -> list[Path]:
    """Return the folders of the runs."""
    return [settings.runs / "methods" / data for data in datasets(settings)]


def conclude(settings: Settings, values: Values) -> Finding:
    """Say for each dataset where the schedule stands."""
    sentences = []
    for data in datasets(settings):
        means = {m: accuracies(settings, values, data, m).mean()
                 for m in METHODS[settings.profile]}  # fmt: skip
        ranked = sorted(means, key=means.__getitem__, reverse=True)
        best = next(m for m in ranked if m not in OURS)
        stand = ", ".join(f"{m} {means[m]:.1f} % (place {ranked.index(m) + 1} of {len(ranked)})"
                          for m in OURS)  # fmt: skip
        sentences.append(f"{data}: {stand}; best other {best} {means[best]:.1f} %")
    blocks = [
        block for data in datasets(settings)
        for block in comparison([Path(v["run"]) for k, v in values.items()
            if k.startswith(f"{data} |")])
    ]  # fmt: skip
    asked = command_for(settings, "cremad", METHODS["full"])
    sentence = (
        f"On the data here: {'. '.join(sentences)}. The claim is one about the paper's benchmarks: "
        f"{asked}"
    )
    return Finding(Verdict.NEEDS, sentence, blocks, places(settings))


def comparison(runs: list[Path]) -> list[Table | Text]:
    """Return the comparison of the runs on one dataset, with its tests."""
    blocks: list[Table | Text] = []
    for table in compare(runs, reference="joint").tables:
        grid = grid_of(table, False)
        blocks.append(Table(list(grid.headers), [list(row) for row in grid.rows],
                            f"{table.heading}. {caption(table)}"))  # fmt: skip
        blocks.append(Text([*(f"{sentence}." for sentence in table.verdict), *table.notes]))
    return blocks


CLAIM = Claim(
    name="methods",
    title="Against other methods, on data at hand",
    claim="State-of-the-art performance on diverse benchmarks.",
    source=ABSTRACT,
    ran="Built-in handwriting (and spoken digits where they lie in their place): two schedules "
    "(evidence, the default here, and pid, a rule of the paper's kind), the reference rows and "
    "other methods, the same number of epochs for each, the epoch chosen on validation. All "
    "methods are compared by make compare.",
    holds_if="the schedule has the highest mean on the paper's benchmarks",
    measure=run,
    conclude=conclude,
)
