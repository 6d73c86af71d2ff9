"""Train what is missing, then tabulate paired differences between controllers. Resumable.

FOLDER holds fsdd/ and optdigits/ for `avdigits`; without it that dataset is left out, and the table
says so.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import processor
from scripts.studies.controllers import CONTROLLERS, DATASETS
from scripts.studies.runner import CHEAP, fused_accuracy, mean_over_seeds, result_of, train_grid


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.studies.controllers", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, metavar="FOLDER")
    parser.add_argument("--runs", type=Path, default=Path("outputs/controllers"))
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    options = parser.parse_args()
    places = {"avdigits": (f"dataset.root={options.data}",)}
    lines = head(options.seeds)
    for dataset in [d for d in DATASETS if d != "avdigits" or options.data is not None]:
        runs = train_grid(
            options.runs / dataset,
            {"controller": CONTROLLERS, "seed": range(options.seeds)},
            [f"dataset={dataset}", *DATASETS[dataset], *places.get(dataset, ()), *CHEAP],
            options.jobs,
        )
        lines += section(dataset, runs, options.seeds)
    if options.data is None:
        lines += ["", "avdigits is not in this table: no --data was given."]
    text = "\n".join(lines) + "\n"
    options.output.write_text(text, encoding="utf-8")
    print(text)


def head(seeds: int) -> list[str]:
    return [
        "# Controllers side by side", "",
        f"`python -m scripts.studies.controllers --seeds {seeds}`, {time.strftime('%Y-%m-%d')}, "
        f"{processor()}, {os.cpu_count()} cores, one thread per process; torch "
        f"{torch.__version__}.",
        f"Fused test accuracy in %, mean ± deviation over {seeds} seeds, the epoch selected on "
        "validation; the same number of epochs for every controller. The differences are paired by "
        "seed, with 95 % t intervals. `pid_published`: the published rules on our diagnostics.",
    ]  # fmt: skip


def section(dataset: str, runs: dict[tuple[str, int], Path], seeds: int) -> list[str]:
    """Return the table of one dataset."""
    each = {c: [runs[c, seed] for seed in range(seeds)] for c in CONTROLLERS}
    accuracy = {c: np.array([fused_accuracy(run) for run in each[c]]) for c in CONTROLLERS}
    lines = ["", f"## {dataset}", ""]
    lines += [" ".join(DATASETS[dataset]), ""] if DATASETS[dataset] else []
    lines += ["| controller | fused | minus joint | minus fixed | epochs alone |",
              "|---|---|---|---|---|"]  # fmt: skip
    for controller, values in accuracy.items():
        differences = [
            "" if controller == other
            else "{:+.1f} [{:+.1f}, {:+.1f}]".format(*mean_over_seeds(values - accuracy[other]))
            for other in ("joint", "fixed")
        ]  # fmt: skip
        epochs = np.mean([result_of(run)["unimodal_epochs"] for run in each[controller]])
        cells = (controller, f"{values.mean():.1f} ± {values.std(ddof=1):.1f}", *differences,
                 f"{epochs:.1f}")  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
