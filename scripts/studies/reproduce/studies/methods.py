"""State of the art? The schedule against other methods on the data that is here."""

from pathlib import Path

from fusion_sched.analysis import compare
from fusion_sched.analysis.cells import caption, grid_of
from fusion_sched.report.html.document import Table, Text
from scripts.studies.reproduce.bench import Bench, Notebook
from scripts.studies.reproduce.claim import ABSTRACT, Claim, Told, Values, Verdict
from scripts.studies.reproduce.studies.datasets import command_for
from scripts.studies.reproduce.training import (
    BLIND,
    CHEAP,
    fused_accuracy,
    mean_and_interval,
    train_all,
)

METHODS = {
    "quick": ("pid", "joint", "fine_tuned", "unimodal", "ogm_ge", "mla"),
    "full": ("pid", "joint", "multi_loss", "fine_tuned", "frozen", "unimodal", "ogm_ge", "agm",
             "pmr", "mmpareto", "gblending", "mla", "relearning", "greedy", "pid_ogm_ge"),
}  # fmt: skip
BUILT_IN = {"digits_cg": ("dataset=digits_cg",), "digits_halves": ("dataset=digits_halves",)}
LOOKING = ("pid", "pid_ogm_ge")


def datasets(bench: Bench) -> dict[str, tuple[str, ...]]:
    """Return the data sets that are here, and what selects them."""
    if "avdigits" not in bench.paths:
        return BUILT_IN
    spoken = ("dataset=avdigits", f"dataset.root={bench.paths['avdigits']}",
              "dataset.preset=imbalanced", "encoder=small_cnn")  # fmt: skip
    return {**BUILT_IN, "avdigits": spoken}


def folders(bench: Bench) -> dict[tuple[str, str, int], Path]:
    """Return the folder of each run."""
    return {
        (data, method, seed): bench.runs / "methods" / data / f"{method}-{seed}"
        for data in datasets(bench) for method in METHODS[bench.profile]
        for seed in bench.seeds(3, 5)
    }  # fmt: skip


def run(bench: Bench, notebook: Notebook) -> None:
    """Train every method on every dataset and seed."""
    chosen = datasets(bench)
    runs = folders(bench)
    train_all({
        folder: [*chosen[data], f"+method={method}", f"seed={seed}", *CHEAP,
                 *(() if method in LOOKING else BLIND)]
        for (data, method, seed), folder in runs.items()
    })  # fmt: skip
    for (data, method, seed), folder in runs.items():
        notebook.read(f"{data} | {method} | {seed}", lambda f=folder: fused_accuracy(f))


def tell(bench: Bench, values: Values) -> Told:
    """Say for each dataset where the schedule stands."""
    sentences = []
    for data in datasets(bench):
        means = {
            m: mean_and_interval([values[f"{data} | {m} | {s}"] for s in bench.seeds(3, 5)])[0]
            for m in METHODS[bench.profile]
        }
        ranked = sorted(means, key=means.__getitem__, reverse=True)
        best = next(m for m in ranked if m != "pid")
        sentences.append(f"{data}: pid {means['pid']:.1f} %, place {ranked.index('pid') + 1} of "
                         f"{len(ranked)}; best other {best} {means[best]:.1f} %")  # fmt: skip
    tables = [t for data in datasets(bench) for t in table(bench, data)]
    asked = command_for(bench, "cremad").replace("controller=pid,joint", "+method=" + ",".join(
        METHODS["full"]))  # fmt: skip
    sentence = (
        f"On the data here: {'. '.join(sentences)}. The claim is one about the paper's benchmarks: "
        f"{asked}"
    )
    return Told(Verdict.NEEDS, sentence, tables,
                [bench.runs / "methods" / data for data in datasets(bench)])  # fmt: skip


def table(bench: Bench, data: str) -> list[Table | Text]:
    """Return the comparison of the runs on one dataset, with its tests."""
    found = compare([bench.runs / "methods" / data], reference="joint")
    blocks: list[Table | Text] = []
    for one in found.tables:
        grid = grid_of(one, False)
        blocks.append(Table(list(grid.headers), [list(row) for row in grid.rows],
                            f"{one.heading}. {caption(one)}"))  # fmt: skip
        said = [*(f"{sentence}." for sentence in one.verdict), *one.notes]
        blocks.append(Text(said))
    return blocks


CLAIM = Claim(
    name="methods",
    title="Against other methods, on data at hand",
    claim="State-of-the-art performance on diverse benchmarks.",
    source=ABSTRACT,
    ran="Built-in handwriting (and spoken digits where they lie in their place): the schedule, the "
    "reference rows and other methods, the same number of epochs for each, the epoch chosen on "
    "validation. A full comparison of 22 methods is make compare.",
    holds_if="the schedule has the highest mean on the paper's benchmarks",
    measure=run,
    tell=tell,
)
