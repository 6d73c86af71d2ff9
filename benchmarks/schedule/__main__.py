"""python -m benchmarks.schedule [explore|confirm] [--processes 2]: `controller=evidence`, others.

Trains every row of README.md on every dataset of a part, goes on where it was interrupted, trains
the branches of each choice, and writes RESULTS.md (of `confirm`) or prints it. Datasets on disk lie
in $FUSION_SCHED_DATA, or in data; those that are not there are left out, and named.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import torch

from benchmarks.machine import processor
from benchmarks.schedule.cases import METHODS, PARTS, REFERENCE, Case
from benchmarks.schedule.results import Measured, report
from fusion_sched.commands.replay import judge_choice, train_branches
from scripts.studies.runner import train_methods

BRANCHES_FILE = "branches.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedule", description=__doc__)
    parser.add_argument("part", choices=PARTS, nargs="?", default="confirm")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, default=Path("outputs/schedule"))
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    measured: list[Measured] = []
    missing: list[str] = []
    for case in PARTS[options.part]:
        if case.on_disk and not data_folder(case.on_disk).is_dir():
            missing.append(f"{case.name} ({data_folder(case.on_disk)} is not there)")
            continue
        folder = options.folder / options.part / case.folder
        measured.append(measure(case, folder, options.processes))
        text = report(measured, header(options.part), missing)
        if options.part == "confirm":
            options.output.write_text(text, encoding="utf-8")
    print(report(measured, header(options.part), missing))


def data_folder(name: str) -> Path:
    return Path(os.environ.get("FUSION_SCHED_DATA", "data"), name)


def measure(case: Case, folder: Path, processes: int) -> Measured:
    """Train all rows of a dataset, and the branches of each run of `controller=evidence`."""
    runs = train_methods(folder, METHODS, case.grid, case.overrides, processes)
    gated = [run for (method, *_), run in runs.items() if method == REFERENCE]
    return Measured(case.name, tuple(runs.values()), [judged(run) for run in gated])


def judged(run: Path) -> dict[str, float | str]:
    """Train the branches of a run once, and return what it and the best of them have on test."""
    file = run / BRANCHES_FILE
    if not file.exists():
        choice = judge_choice(*train_branches(run))
        file.write_text(json.dumps(choice._asdict()), encoding="utf-8")
    values: dict[str, float | str] = json.loads(file.read_text(encoding="utf-8"))
    return values


def header(part: str) -> Sequence[str]:
    return (
        "# The schedule by evidence: results", "",
        f"`python -m benchmarks.schedule {part}`, {date.today()}, {processor()}, torch "
        f"{torch.__version__}, Python {platform.python_version()}. Rule, data, rows and expected "
        "result: [README.md](README.md), committed before.", "",
    )  # fmt: skip


if __name__ == "__main__":
    main()
