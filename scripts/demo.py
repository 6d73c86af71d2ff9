"""The demo: what to train on three datasets of real handwriting, and how that is known.

    make demo      (or: python scripts/demo.py [seed])

Trains four methods on each dataset in one process, and ends with a table, the decisions of the
default method with their reasons, and an HTML page.
"""

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

import fusion_sched
from fusion_sched.report import write_report
from fusion_sched.runlog import read_trace

DATASETS = {
    "digits_cg": ("a colour that misleads",),
    "digits_noisy": ("two imperfect views",),
    "digits_parity": ("two digits, label: is their sum even?", "dataset.samples=2000"),
}
"""Dataset → what it is, and its settings."""
METHODS = ("joint", "best_unimodal", "ensemble_calibrated", "evidence")
DEFAULT = METHODS[-1]
FEW_DIAGNOSES = ("probe=kmeans", "probe.shuffles=2", "probe.every=1000", "probe.joint_every=1000")
"""In methods that no diagnosis steers it costs time alone."""
COMMON = ("stage1.epochs=10", "stage2.epochs=10", "tracker=none", "robustness=false")


def main() -> None:
    seed = sys.argv[1] if len(sys.argv) > 1 else "0"
    folder = Path("outputs/demo") / time.strftime("%Y-%m-%d_%H-%M-%S")
    console = Console(width=None if sys.stdout.isatty() else 120)
    started = time.perf_counter()
    accuracy: dict[str, dict[str, float]] = {}
    for dataset, (what, *settings) in DATASETS.items():
        console.print(f"[bold]{dataset}[/]: {what}", highlight=False)
        accuracy[dataset] = {}
        for method in METHODS:
            overrides = [f"dataset={dataset}", *settings, f"+method={method}", f"seed={seed}",
                         *COMMON, *(() if method == DEFAULT else FEW_DIAGNOSES),
                         f"hydra.run.dir={folder / dataset / method}"]  # fmt: skip
            result = fusion_sched.train(overrides)
            accuracy[dataset][method] = result.test["fused"]["accuracy"]
            console.print(f"  {method:20} {accuracy[dataset][method]:.1%}", highlight=False)
        console.print(f"  decision: {decision(folder / dataset / DEFAULT)}", highlight=False)
    console.print(summary(accuracy))
    for dataset, of_method in accuracy.items():
        console.print(verdict(dataset, of_method), highlight=False)
    page = folder / "report.html"
    write_report([folder], page)
    seconds = time.perf_counter() - started
    console.print(f"{len(DATASETS) * len(METHODS)} trainings in {seconds:.0f} s; page: {page}")


def decision(run: Path) -> str:
    """Return the sentence by which the run decided at the hand-over."""
    chosen = [e for e in read_trace(run).of("decision") if e["to"]["stage"] == "joint"]
    return str(chosen[0]["reason"])


def summary(accuracy: dict[str, dict[str, float]]) -> Table:
    table = Table(title="accuracy on test", title_justify="left")
    table.add_column("data")
    for method in METHODS:
        table.add_column(method, justify="right")
    for dataset, of_method in accuracy.items():
        table.add_row(dataset, *(f"{of_method[method]:.1%}" for method in METHODS))
    return table


def verdict(dataset: str, accuracy: dict[str, float]) -> str:
    """Say how far the default is from the best of the others."""
    others = [method for method in METHODS if method != DEFAULT]
    best = max(others, key=lambda method: accuracy[method])
    points = 100 * (accuracy[DEFAULT] - accuracy[best])
    return f"{dataset}: {DEFAULT} is {points:+.1f} points from the best of the others, {best}"


if __name__ == "__main__":
    main()
