"""python -m benchmarks.probe [--output RESULTS.md]: a whole diagnosis against the published one.

Embeddings of 1,280 samples in 64 dimensions, 6 classes. Ours: clusters, corrected atoms, 100
resamples, 20 shuffles. The published one: 20 clusters and one decomposition by its solver, no
error bars. CPU seconds on one thread, the median of some runs, in the same process.
"""

import argparse
import platform
from datetime import date
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import processor
from benchmarks.probe.probes import (
    CLASSES,
    FEATURES,
    SAMPLES,
    embeddings,
    median_seconds,
    published,
)
from fusion_sched.pid import FastPID
from fusion_sched.probe import KMeansProbe


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.probe", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    output = parser.parse_args().output
    torch.set_num_threads(1)
    text = report()
    output.write_text(text, encoding="utf-8")
    print(text)


def report() -> str:
    lines = [
        "# A whole diagnosis", "",
        f"`python -m benchmarks.probe`, {date.today()}, {processor()}, one thread; torch "
        f"{torch.__version__}, Python {platform.python_version()}. {SAMPLES:,} samples, {FEATURES} "
        f"dimensions, {CLASSES} classes; CPU seconds, median.", "",
        "| embeddings | ours, with error bars | published, without | times faster |",
        "|---|---|---|---|",
    ]  # fmt: skip
    for name, spread in (("untrained (no information)", np.inf), ("half trained", 4.0),
                         ("trained", 1.5)):  # fmt: skip
        seen = embeddings(spread)
        ours = median_seconds(lambda s=seen: KMeansProbe().diagnose(s, FastPID(), {}), 5)
        theirs = median_seconds(lambda s=seen: published(s), 3)
        lines.append(f"| {name} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
