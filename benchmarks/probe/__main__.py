"""python -m benchmarks.probe [--output RESULTS.md]: a whole diagnosis against the published one.

Embeddings of 1,280 samples in 64 dimensions, 6 classes. Ours: clusters, corrected atoms, 100
resamples, 20 shuffles. The published one: 20 clusters and one decomposition by its solver, no
error bars. CPU seconds on one thread, the median of some runs, in the same process.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.machine import processor
from fusion_sched.clustering import cluster_all
from fusion_sched.pid import InteriorPoint, Published, decompose, joint_from_labels
from fusion_sched.probe import KMeansProbe
from fusion_sched.types import Embedded

SAMPLES, FEATURES, CLASSES = 1280, 64, 6


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
        ours = median_seconds(lambda s=seen: KMeansProbe().diagnose(s, InteriorPoint(), {}), 5)
        theirs = median_seconds(lambda s=seen: published(s), 3)
        lines.append(f"| {name} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.0f} |")
    return "\n".join(lines) + "\n"


def embeddings(spread: float) -> Embedded:
    """Class centres at unit distance with this much noise; infinite: noise alone."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, SAMPLES)
    values = {}
    for name in ("first", "second"):
        noise = rng.normal(size=(SAMPLES, FEATURES))
        centres = rng.normal(size=(CLASSES, FEATURES))
        values[name] = torch.as_tensor(noise if np.isinf(spread) else centres[y] + spread * noise)
    return Embedded(values, {}, torch.as_tensor(y))


def published(seen: Embedded) -> None:
    """Cluster and decompose once, as the published code does."""
    with threadpool_limits(1):
        arrays = {m: e.numpy() for m, e in seen.embeddings.items()}
        clustered, _ = cluster_all(arrays, 20, 5, 42, {}, starts=1)
        decompose(joint_from_labels(*clustered.own.values(), seen.y.numpy()), Published())


def median_seconds(call: Callable[[], object], runs: int) -> float:
    call()
    seconds = []
    for _ in range(runs):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
