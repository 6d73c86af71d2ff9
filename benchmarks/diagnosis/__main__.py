"""python -m benchmarks.diagnosis [--full] [--output RESULTS.md]: embeddings with known truth.

1,280 samples; the k-means probe beside the posterior estimate; then bias, RMSE and coverage over
repeated samples, the level without information, and CPU seconds.
"""

import argparse
import platform
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import torch

from benchmarks.diagnosis.cases import (
    Case,
    digit_halves,
    exchangeable,
    line,
    memorised,
    mixed,
    noisy_symbols,
    planted,
    rows,
)
from benchmarks.diagnosis.trials import (
    SAMPLES,
    Trial,
    as_published,
    k_means,
    posterior,
    run,
    seconds,
)
from benchmarks.machine import processor
from fusion_sched.probe.posterior import change, estimate, tables

ATOMS = ("R", "U of a", "U of b", "S")
SMALL = 1e-3  # bits: a truth below counts as zero


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    parser.add_argument("--full", action="store_true", help="20 samples of each row instead of 2")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    text = report(options.full)
    text += f"\nThe whole benchmark took {time.process_time() - started:.0f} CPU seconds.\n"
    options.output.write_text(text, encoding="utf-8")
    print(text)


def report(full: bool) -> str:
    command = "python -m benchmarks.diagnosis" + (" --full" if full else "")
    cases = rows()
    repeats = [
        [run(case, posterior, seed) for seed in range(20 if full else 2)]
        for case in cases
        if not case.hard
    ]
    lines = [
        "# Diagnosis of embeddings with known truth", "",
        f"`{command}`, {date.today()}, {processor()}, one thread; torch {torch.__version__}, "
        f"Python {platform.python_version()}. {SAMPLES:,} samples; bits.", "",
        *_comparison(cases), *_halves(),
        *_by_case(repeats), *_coverage(repeats),
        *_sizes(cases, 10 if full else 1), *_cells(cases), *_changes(40 if full else 6),
        *_memorising(), *_levels(100 if full else 6), *_exchangeable(100 if full else 4),
        *_times(),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _comparison(cases: Sequence[Case]) -> list[str]:
    lines = [
        "## One sample of each row: R / U of a / U of b / S", "",
        "| embeddings | truth | k-means | posterior | worst atom, k-means | posterior |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for case in cases:
        old, new = run(case, k_means, 0), run(case, posterior, 0)
        lines.append(
            f"| {case.name} | {_row(case.truth)} | {_row(m.value for m in old.atoms)} | "
            f"{_row(m.value for m in new.atoms)} | {old.worst:.2f} | {new.worst:.2f} |"
        )
    return [*lines, ""]


def _halves() -> list[str]:
    embeddings, y = digit_halves(SAMPLES)
    bounds = estimate(embeddings, y, intervals=False).lower
    return [
        "## Upper and lower half of real digits: R / U of a / U of b / S", "",
        f"k-means: {_row(m.value for m in k_means(embeddings, y))}. "
        f"Posterior: {_row(m.value for m in posterior(embeddings, y))}. The truth is not known; "
        f"held out, a tells at least {bounds['a']:.2f}, b {bounds['b']:.2f}, and both "
        f"{bounds['all']:.2f} bits.", "",
    ]  # fmt: skip


def _by_case(repeats: Sequence[Sequence[Trial]]) -> list[str]:
    lines = [
        f"## Bias and RMSE of {len(repeats[0])} samples: R / U of a / U of b / S", "",
        "| embeddings | truth | bias | RMSE | intervals that hold the truth |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for trials in repeats:
        errors = np.array([t.errors for t in trials])
        covered = np.array([t.covered for t in trials]).mean(0)
        rmse = np.sqrt((errors**2).mean(0))
        shares = " / ".join(f"{100 * c:.0f}" for c in covered)
        lines.append(
            f"| {trials[0].case.name} | {_row(trials[0].case.truth)} | {_row(errors.mean(0))} | "
            f"{_row(rmse)} | {shares} % |"
        )
    worst = max(t.worst for trials in repeats for t in trials)
    return [*lines, "", f"Largest error of any atom of these: {worst:.2f}.", ""]


def _coverage(repeats: Sequence[Sequence[Trial]]) -> list[str]:
    trials = [t for some in repeats for t in some]
    lines = [
        "## Coverage of the 95 % intervals, all rows together", "",
        "| atom | truth > 0 | truth 0 |", "|---|---|---|",
    ]  # fmt: skip
    for k, atom in enumerate(ATOMS):
        shares = []
        for zero in (False, True):
            chosen = [t.covered[k] for t in trials if (t.case.truth[k] < SMALL) == zero]
            shares.append(f"{100 * np.mean(chosen):.0f} % of {len(chosen)}")
        lines.append(f"| {atom} | {shares[0]} | {shares[1]} |")
    return [*lines, ""]


SIZED = ("6 classes, mixed", "line, 6 classes", "moons, both bits", "28 symbols, 28 classes",
         "digits, mixed", "exchangeable, 6 classes")  # fmt: skip


def _sizes(cases: Sequence[Case], count: int) -> list[str]:
    lines = [
        f"## Convergence in the number of samples, each drawn {count} time(s)", "",
        "| embeddings | samples | bias R / U of a / U of b / S | worst | intervals that hold |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for case in cases:
        for samples in (400, 1280, 6000) if case.name in SIZED else ():
            trials = [run(case, posterior, 200 + seed, samples) for seed in range(count)]
            errors = np.array([t.errors for t in trials])
            share = 100 * np.mean([t.covered for t in trials])
            lines.append(
                f"| {case.name} | {samples:,} | {_row(errors.mean(0))} | "
                f"{np.abs(errors).max():.2f} | {share:.0f} % |"
            )
    return [*lines, ""]


def _cells(cases: Sequence[Case]) -> list[str]:
    """Solve for I* on fewer and more cells than are used."""
    counts = (16, 32, 64, 128)
    lines = [
        "## Convergence in the number of cells: R", "",
        "| embeddings | truth | " + " | ".join(f"{c} cells" for c in counts) + " |",
        "|---|---|" + "---|" * len(counts),
    ]  # fmt: skip
    used = tables.CELLS
    for case in cases:
        if case.name not in SIZED:
            continue
        values = []
        for count in counts:
            tables.CELLS = count
            values.append(run(case, posterior, 0).atoms[0].value)
        lines.append(
            f"| {case.name} | {case.truth[0]:.2f} | "
            + " | ".join(f"{v:.2f}" for v in values)
            + " |"
        )
    tables.CELLS = used
    return [*lines, ""]


def _changes(count: int) -> list[str]:
    """The same samples, embedded with more and with less noise."""
    joint = mixed(8, 6, 0, 1.5)
    before, after = (planted("change", joint, noise=noise) for noise in (0.9, 0.3))
    names = ("redundancy", "unique1", "unique2", "synergy")
    truth = np.zeros(4)  # the symbols can be told apart with either noise
    held = []
    for seed in range(count):
        pairs = [
            estimate(*case.samples(SAMPLES, seed), intervals=False).against_rest["a"]
            for case in (before, after)
        ]
        steps = [change(*pairs, name) for name in names]
        held.append([m.low <= t <= m.high for m, t in zip(steps, truth, strict=True)])
    shares = " / ".join(f"{100 * s:.0f}" for s in np.mean(held, 0))
    return [
        "## Change between two diagnoses of the same samples, true change 0", "",
        f"{count} samples of the row `6 classes, mixed`, first with noise .9, then .3. Intervals "
        f"of the change that hold 0, R / U of a / U of b / S: {shares} %.", "",
    ]  # fmt: skip


def _memorising() -> list[str]:
    lines = [
        "## Networks that learned by heart: I of a / I of b / I of both", "",
        "| labels | stored (training samples) | generalising (new samples) |", "|---|---|---|",
    ]  # fmt: skip
    for kind in ("random labels", "40 % of labels random"):
        cells = []
        for embeddings, y in memorised(kind, SAMPLES, 0):
            result = estimate(embeddings, y, intervals=False)
            cells.append(_row(m.value for m in (*result.mi.values(), result.joint_mi)))
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _levels(count: int) -> list[str]:
    lines = [
        f"## Without information: {count} samples", "",
        "| classes | 95th percentile of the largest atom | p of the joint information below .05 |",
        "|---|---|---|",
    ]  # fmt: skip
    for classes in (6, 28):
        largest, small = [], []
        for seed in range(count):
            generator = torch.Generator().manual_seed(1000 * classes + seed)
            a, b = torch.randn(2, SAMPLES, 64, generator=generator)
            y = torch.randint(classes, (SAMPLES,), generator=generator)
            pair = estimate({"a": a, "b": b}, y).against_rest["a"]
            names = ("redundancy", "unique1", "unique2", "synergy")
            largest.append(max(pair[name].value for name in names))
            small.append(pair["joint_mi"].p < 0.05)
        lines.append(
            f"| {classes} | {np.quantile(largest, 0.95):.3f} | {100 * np.mean(small):.0f} % |"
        )
    return [*lines, ""]


def _exchangeable(count: int) -> list[str]:
    lines = [
        f"## Exchangeable sources, whose unique information is zero: {count} samples", "",
        "| classes | mean of the larger U | intervals of U that leave out 0 |", "|---|---|---|",
    ]  # fmt: skip
    for case in (
        exchangeable("exchangeable, 6", 6, 3.5),
        exchangeable("exchangeable, 28", 28, 2.0),
    ):
        trials = [run(case, posterior, 100 + seed) for seed in range(count)]
        larger = np.mean([max(m.value for m in t.atoms[1:3]) for t in trials])
        left_out = np.mean([m.low > 0 for t in trials for m in t.atoms[1:3]])
        lines.append(f"| {case.name.split()[-1]} | {larger:.2f} | {100 * left_out:.0f} % |")
    return [*lines, ""]


def _times() -> list[str]:
    lines = [
        "## CPU seconds of a diagnosis, 64 + 64 dimensions, median of 3", "",
        "as published: 20 clusters and one decomposition by the published solver, no intervals.",
        "", "| classes | as published | k-means | posterior | no checks | from a state | "
        "from it, no checks |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for case, classes in (
        (planted("6", mixed(8, 6, 0, 1.5)), 6),
        (planted("28", noisy_symbols(28, 28, 0)), 28),
        (line("101", 101, (2.0, 5.0), 64), 101),
    ):
        embeddings, y = case.samples(SAMPLES, 0)
        state = estimate(embeddings, y).state
        taken = [
            seconds(lambda e=embeddings, y=y: as_published(e, y), 1),
            seconds(lambda e=embeddings, y=y: k_means(e, y)),
            seconds(lambda e=embeddings, y=y: estimate(e, y)),
            seconds(lambda e=embeddings, y=y: estimate(e, y, intervals=False)),
            seconds(lambda e=embeddings, y=y, s=state: estimate(e, y, state=s)),
            seconds(lambda e=embeddings, y=y, s=state: estimate(e, y, state=s, intervals=False)),
        ]
        lines.append(f"| {classes} | " + " | ".join(f"{t:.2f}" for t in taken) + " |")
    return [*lines, ""]


def _row(values) -> str:
    return " / ".join(f"{v:.2f}".replace("-0.00", "0.00") for v in values)


if __name__ == "__main__":
    main()
