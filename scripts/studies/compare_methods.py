"""Every method on every seed: the comparison of docs/comparison.md.

    make compare      (or: PYTHONPATH=. python scripts/studies/compare_methods.py [--processes 2])

Runs one sweep per dataset into outputs/compare, goes on where it was interrupted, and writes the
tables. `avdigits` is compared where it lies in $FUSION_SCHED_DATA/avdigits, or data/avdigits.
"""

import argparse
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import torch

from benchmarks.machine import processor
from fusion_sched.commands.help import list_choices
from fusion_sched.runlog import TRACE_FILE, read_trace

COMMAND = str(Path(sys.executable).with_name("fusion-sched"))
FOLDER = Path("outputs/compare")
TABLES = Path("docs/comparison.md")
SEEDS = "0,1,2,3,4"
DATASETS = {
    "digits_cg": ("dataset=digits_cg",),
    "avdigits": ("dataset=avdigits", "dataset.preset=imbalanced", "encoder=small_cnn"),
}
TITLES = {
    "digits_cg": "`digits_cg`: handwriting in grey and in colours that mislead",
    "avdigits": "`avdigits`: spoken and written digits, two speakers held out",
}
CHEAP = ("probe.joint_every=15", "tracker=none")
"""Diagnoses of stage 2 steer nothing: few of them, so that the table is there in minutes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    processes = parser.parse_args().processes
    started = time.perf_counter()
    present = [name for name in DATASETS if name != "avdigits" or avdigits_is_there()]
    for name in present:
        train(name, processes)
    tables = [table(name) for name in present]
    TABLES.write_text(page(tables), encoding="utf-8")
    print(f"{TABLES} written, {(time.perf_counter() - started) / 60:.0f} minutes")


def avdigits_is_there() -> bool:
    root = Path(os.environ.get("FUSION_SCHED_DATA", "data"), "avdigits")
    if not root.is_dir():
        print(f"{root} is not there: avdigits is left out; fusion-sched data fetch avdigits")
    return root.is_dir()


def train(name: str, processes: int) -> None:
    methods = ",".join(list_choices()["method"])
    engine = ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={processes}")
    command = [
        COMMAND, "train", "-m", f"seed={SEEDS}", f"+method={methods}", *DATASETS[name], *CHEAP,
        *engine, f"hydra.sweep.dir={FOLDER / name}", "sweep.resume=true",
    ]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def table(name: str) -> str:
    command = [COMMAND, "compare", str(FOLDER / name), "--reference", "joint"]
    done = subprocess.run(
        [*command, "--format", "markdown"], check=True, capture_output=True, text=True
    )
    return f"## {TITLES[name]}\n\n{done.stdout.strip()}\n"


def page(tables: list[str]) -> str:
    methods = len(list_choices()["method"])
    results = [read_trace(path.parent).result for path in FOLDER.rglob(TRACE_FILE)]
    ended = [result for result in results if result is not None]
    hours = sum(result["seconds"]["total"] for result in ended) / 3600
    return "\n".join([
        "# Every method against every other", "",
        f"`make compare`, {date.today()}, {processor()}, torch "
        f"{torch.__version__}: {methods} methods, seeds {SEEDS}, the same number of epochs for "
        f"all, the epoch chosen on validation, test labels read once. The {len(ended)} runs took "
        f"{hours:.1f} hours of one core, added up.", "",
        "What each name stands for, and where it departs from its paper: [methods.md](methods.md). "
        "Columns, tests and verdict: [compare.md](compare.md). Two methods have seen `digits_cg` "
        "before: `pid`, whose rules were found partly on it, and `relearning`, which got a look "
        "every 6 epochs in place of the paper's 20 (of 90) after one look in 30 had done less "
        "(`balancer.every=20`). The others run with one set of knobs, tuned on nothing here.", "",
        *tables,
    ])  # fmt: skip


if __name__ == "__main__":
    main()
