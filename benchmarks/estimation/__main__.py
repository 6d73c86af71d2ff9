"""python -m benchmarks.estimation [--quick]: estimates of planted joints against the truth."""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import torch

from benchmarks.estimation.candidates import candidate_errors
from benchmarks.estimation.planted import Planted, from_joint, planted_joints, refined
from benchmarks.estimation.report import (
    LIMITS,
    SHORT,
    Sizes,
    shape_table,
    table,
    target_lines,
    worst_row,
)
from benchmarks.estimation.trials import (
    ATOMS,
    Score,
    coverage_of_change,
    half_independent,
    run_trials,
)
from benchmarks.machine import processor
from fusion_sched.estimation import BIASES, Settings, clusters_for, estimate

RESULTS = Path(__file__).with_name("RESULTS.md")
SIZES = [(6, 500), (6, 1280), (6, 6698), (28, 500), (28, 1280), (28, 6698)]  # classes, samples
PUBLISHED = 20  # clusters per modality in the published code
SPARSE = [(14, 28, 6698), (12, 6, 1280), (20, 6, 1280), (20, 28, 6698)]


def main() -> None:
    """Run everything and write RESULTS.md; --quick: less of it, written only with --output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 trials, two sizes")
    parser.add_argument("--output", type=Path, default=None, help=f"default: {RESULTS.name} here")
    given = parser.parse_args()
    quick, output = given.quick, given.output or (None if given.quick else RESULTS)
    torch.set_num_threads(1)
    started = time.perf_counter()
    lines: list[str] = []
    for line in _lines(quick):
        print(line, flush=True)
        lines.append(line)
    lines.append(f"The whole run took {(time.perf_counter() - started) / 60:.0f} minutes.\n")
    if output is not None:
        output.write_text("\n".join(lines), encoding="utf-8")


def _lines(quick: bool) -> Iterator[str]:
    few = 5 if quick else 20
    yield from _heading(quick)
    yield from _speed()
    scores: dict[Sizes, dict[str, dict[str, Score]]] = {}
    planted: dict[Sizes, list[Planted]] = {}
    for classes, samples in LIMITS if quick else SIZES:
        sizes = (clusters_for(samples, classes), classes, samples)
        trials = 10 if quick else 200 if (classes, samples) in LIMITS else 40
        planted[sizes] = planted_joints(sizes[0], classes)
        scores[sizes] = {
            joint.name: run_trials(joint, samples, trials, Settings(shuffles=4), BIASES)
            for joint in planted[sizes]
        }
    default = Settings().bias
    chosen = {z: {s: b[default] for s, b in by.items()} for z, by in scores.items()}
    yield from ["## Targets, at default settings", "", *target_lines(chosen, planted)]
    if not quick:
        yield from [
            "200 trials at the sizes with a target for bias and RMSE, 40 at the others.",
            "",
        ]
    yield from _corrections(scores, planted, few)
    yield from _shapes(chosen, planted)
    yield from _sparse(few, quick)
    yield from _candidates(few, quick)
    yield from _changes(3 * few)


def _heading(quick: bool) -> list[str]:
    return [
        "# Estimates of planted joints",
        "",
        f"`OMP_NUM_THREADS=1 python -m benchmarks.estimation{' --quick' if quick else ''}`, "
        f"{date.today()}, one thread of {processor()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, numpy {np.__version__}. All in bits but the log ratio.",
        "",
    ]


def _speed() -> list[str]:
    """CPU seconds of one default probe's statistics; the median of five."""
    rows = []
    for clusters, classes, samples in [(8, 6, 1280), (20, 6, 1280), (8, 28, 6698), (20, 28, 6698)]:
        rng = np.random.default_rng(0)
        y = rng.integers(0, classes, samples)
        x1, x2 = (
            np.where(rng.random(samples) < s, y % clusters, rng.integers(0, clusters, samples))
            for s in (0.5, 0.3)
        )
        seconds = []
        for _ in range(5):
            before = time.process_time()
            estimate(x1, x2, y)
            seconds.append(time.process_time() - before)
        rows.append(
            [f"{clusters} x {clusters}", str(classes), f"{samples:,}", f"{np.median(seconds):.2f}"]
        )
    text = "`estimate` with default settings (100 resamples, 20 shuffles, as many null draws):"
    return [
        "## Time",
        "",
        text,
        "",
        *table(["clusters", "classes", "samples", "CPU seconds"], rows),
    ]


def _corrections(
    scores: dict[Sizes, dict[str, dict[str, Score]]], planted: dict[Sizes, list[Planted]], few: int
) -> Iterator[str]:
    yield "## Corrections compared"
    yield ""
    yield (
        "Worst bias and worst RMSE of each atom over the shapes, and the range of its interval's "
        f"coverage. `published` is 20 clusters and the plug-in estimate ({few} trials of the "
        "same joints with their symbols split)."
    )
    for sizes, by_shape in scores.items():
        yield from ["", f"### {_title(sizes)}", ""]
        fine = [refined(joint, PUBLISHED) for joint in planted[sizes]]
        published = [
            run_trials(j, sizes[2], few, Settings(shuffles=1, resamples=30), ["none"])["none"]
            for j in fine
        ]
        rows = [worst_row("published", published)]
        rows += [worst_row(bias, [s[bias] for s in by_shape.values()]) for bias in BIASES]
        yield from table(["bias", *(SHORT[a] for a in ATOMS), "coverage"], rows)


def _shapes(
    chosen: dict[Sizes, dict[str, Score]], planted: dict[Sizes, list[Planted]]
) -> Iterator[str]:
    yield "## Every shape at default settings"
    yield ""
    yield "Each cell: truth: bias, RMSE (sampling error of an unbiased estimate), coverage."
    for sizes, by_shape in chosen.items():
        yield from ["", f"### {_title(sizes)}", ""]
        yield from shape_table(planted[sizes], list(by_shape.values()), sizes[2])


def _sparse(few: int, quick: bool) -> Iterator[str]:
    yield from ["## Fewer samples per cell than `clusters_for` allows", ""]
    rows = []
    for sizes in SPARSE[:1] if quick else SPARSE:
        joints = planted_joints(*sizes[:2])
        scores = [
            run_trials(j, sizes[2], few, Settings(shuffles=1), BIASES[:1])[BIASES[0]]
            for j in joints
        ]
        rows.append(worst_row(_title(sizes), scores))
    yield from table([f"{few} trials", *(SHORT[a] for a in ATOMS), "coverage"], rows)


def _candidates(few: int, quick: bool) -> Iterator[str]:
    yield from ["## Entropies and bootstraps by themselves", ""]
    yield (
        "Bias, RMSE over the trials of I(X1,X2;Y) from each entropy without the smoothed joint's "
        "correction, and of I* with two simpler bootstraps of 20 draws."
    )
    for sizes in [(8, 6, 1280)] if quick else [(8, 6, 1280), (12, 6, 1280), (8, 28, 6698)]:
        joints = planted_joints(*sizes[:2])
        errors = [candidate_errors(j, sizes[2], 2 * few) for j in joints]
        yield from ["", f"### {_title(sizes)}", ""]
        yield from table(
            ["estimator", *(j.name for j in joints)],
            [
                [
                    name,
                    *(
                        f"{e[name].mean():+.3f}, {np.sqrt((e[name] ** 2).mean()):.3f}"
                        for e in errors
                    ),
                ]
                for name in errors[0]
            ],
        )


def _changes(trials: int) -> Iterator[str]:
    yield from ["## Change between two probes of the same samples", ""]
    yield (
        f"Coverage of `change` in {trials} trials, and its standard error relative to that of "
        "independent errors, when half of the samples change their clusters (8 clusters, "
        "6 classes, 1,280 samples)."
    )
    yield ""
    rows = []
    for joint in (
        j for j in planted_joints(8, 6) if j.name in ("mixed", "medium", "sharp", "dense")
    ):
        after = from_joint(joint.name, half_independent(joint))
        found = coverage_of_change(joint, after, 1280, trials)
        cells = [f"{100 * c:.0f} %, {w:.2f}" for c, w in found.values()]
        rows.append([joint.name, *cells])
    yield from table(["shape", *(SHORT[a] for a in ATOMS)], rows)


def _title(sizes: Sizes) -> str:
    clusters, classes, samples = sizes
    per_cell = samples / (clusters * clusters * classes)
    return f"{clusters} clusters, {classes} classes, {samples:,} samples: {per_cell:.1f} per cell"


if __name__ == "__main__":
    main()
