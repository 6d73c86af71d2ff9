"""python -m benchmarks.growth [--quick]: CPU seconds by epochs, runs and rows; writes RESULTS.md.

CPU time, because machines are shared. The exponent is that of the last two sizes: 1 is linear, 2
quadratic; where a fixed part dominates it is lower.
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
import torch

from benchmarks.growth.traces import lengthened, train_short_run, with_settings, write_trace
from benchmarks.machine import processor
from fusion_sched.analysis import compare
from fusion_sched.commands.pid import inspect_file
from fusion_sched.probe import KMeansProbe
from fusion_sched.report import write_report
from fusion_sched.runlog import read_trace

EPOCHS, RUNS, ROWS = (100, 1000, 10_000), (10, 100, 1000), (1000, 10_000, 100_000, 1_000_000)
FEATURES, CLASSES, SYMBOLS = 32, 4, 6
QUICK = {"epochs": (100, 1000), "runs": (10, 100), "rows": (1000, 10_000)}

Cell = float
Row = tuple[str, dict[int, Cell]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing written")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sizes = QUICK if arguments.quick else {"epochs": EPOCHS, "runs": RUNS, "rows": ROWS}
    with tempfile.TemporaryDirectory() as folder:
        text = report(Path(folder), sizes)
    print(text)
    if not arguments.quick:
        arguments.output.write_text(text, encoding="utf-8")


def report(folder: Path, sizes: dict[str, tuple[int, ...]]) -> str:
    events = train_short_run(folder / "short")
    parts = [
        ("epochs", "Epochs of one run, with a diagnosis every five", by_epochs),
        ("runs", "Runs of four epochs: ten seeds of each setting, untagged", by_runs),
        ("rows", f"Rows of an .npz: two modalities of {FEATURES} floats, or of {SYMBOLS} symbols "
         f"each, {CLASSES} classes; at most 20,000 rows of floats are diagnosed", by_rows),
    ]  # fmt: skip
    lines = [
        "# Growth", "",
        f"`python -m benchmarks.growth`, {date.today()}, {processor()}, one thread, Python "
        f"{platform.python_version()}, torch {torch.__version__}. CPU seconds, once each. "
        "Exponent: between the last two sizes; 1 is linear.",
    ]  # fmt: skip
    for name, title, measure in parts:
        rows = measure(folder, events, sizes[name])
        lines += ["", f"## {title}", "", *table(name, sizes[name], rows)]
    return "\n".join(lines) + "\n"


def by_epochs(folder: Path, events: list, sizes: tuple[int, ...]) -> list[Row]:
    read, compared, written = {}, {}, {}
    for size in sizes:
        run = write_trace(folder / f"epochs{size}", lengthened(events, size))
        read[size] = cpu_seconds(lambda run=run: read_trace(run))
        compared[size] = cpu_seconds(lambda run=run: compare([run]))
        written[size] = cpu_seconds(lambda run=run: write_report([run], folder / "page.html"))
    return [("read the trace", read), ("compare", compared), ("report", written)]


def by_runs(folder: Path, events: list, sizes: tuple[int, ...]) -> list[Row]:
    compared, written = {}, {}
    for size in sizes:
        runs = folder / f"runs{size}"
        for number in range(size):
            write_trace(runs / str(number), with_settings(events, number))
        compared[size] = cpu_seconds(lambda runs=runs: compare([runs]))
        written[size] = cpu_seconds(lambda runs=runs: write_report([runs], folder / "page.html"))
    return [("compare", compared), ("report", written)]


def by_rows(folder: Path, _: list, sizes: tuple[int, ...]) -> list[Row]:
    generator = np.random.default_rng(0)
    floats, symbols = {}, {}
    for size in sizes:
        y = generator.integers(0, CLASSES, size)
        path = folder / "floats.npz"
        measured = generator.normal(size=(2, size, FEATURES)).astype(np.float32)
        measured[..., 0] += y
        np.savez(path, y=y, a=measured[0], b=measured[1])
        floats[size] = cpu_seconds(lambda path=path: diagnose(path))
        path = folder / "symbols.npz"
        a, b = (y + generator.integers(0, 3, (2, size))) % SYMBOLS
        np.savez(path, y=y, a=a, b=b)
        symbols[size] = cpu_seconds(lambda path=path: diagnose(path))
    return [("pid, floats", floats), ("pid, symbols", symbols)]


def diagnose(path: Path) -> None:
    inspect_file(path, "y", [], as_json=True, probe="posterior", samples=20_000,
                 tables=KMeansProbe())  # fmt: skip


def cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def table(name: str, sizes: tuple[int, ...], rows: list[Row]) -> list[str]:
    header = ["", *(f"{size:,} {name}" for size in sizes), "exponent"]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for what, seconds in rows:
        exponents = [log(seconds[b] / seconds[a]) / log(b / a) for a, b in pairwise(sizes)]
        cells = [what, *(f"{seconds[size]:.2f}" for size in sizes), f"{exponents[-1]:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
