"""Controllers side by side: every dataset, every seed, paired differences.

python -m benchmarks.controllers [--seeds 10] [--data FOLDER] [--output RESULTS.md]: train what is
missing, then tabulate. FOLDER holds fsdd/ and optdigits/ for `avdigits`; without it that dataset
is left out, and the table says so.
"""

import argparse
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from scipy import stats

from benchmarks.machine import processor
from fusion_sched.config.build import build
from fusion_sched.config.schema import config_dir, register
from fusion_sched.runlog import TRACE_FILE, read_trace
from fusion_sched.training.trainer import train

CONTROLLERS = ("joint", "fixed", "random", "pid_published", "pid_paper", "mi", "pid_point", "pid")
FIRST = {"controller.latest": {"random"}, "controller.epochs": {"fixed"}}
DATASETS = {
    "digits_cg": [],
    "digits_noisy": [],
    "digits_halves": [],
    "synthetic": ["dataset.noise=0.5", "encoder.embedding=32"],
    "avdigits": ["dataset.preset=imbalanced", "stage1.epochs=8", "stage2.epochs=8"],
}
# Neither null levels nor diagnoses of stage 2 steer a controller, and samples deserve no more
# than 1e-3 bit: this saves time and changes no decision.
COMMON = ["probe.shuffles=2", "probe.joint_every=1000", "solver.tol=1e-3"]
BLIND = {"joint", "fixed", "random"}
"""Controllers that look at no diagnosis."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.controllers", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--runs", type=Path, default=Path("outputs/controllers"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/controllers/RESULTS.md"))
    given = parser.parse_args()
    datasets = [d for d in DATASETS if d != "avdigits" or given.data is not None]
    wanted = [
        (given.runs / d / f"{c}-{s}", overrides(d, c, s, given.data))
        for d in datasets for c in CONTROLLERS for s in range(given.seeds)
    ]  # fmt: skip
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
        for number, run in enumerate(pool.imap_unordered(train_one, wanted), start=1):
            print(f"[{number}/{len(wanted)}] {run}", flush=True)
    text = report(given.runs, datasets, given.seeds)
    given.output.write_text(text, encoding="utf-8")
    print(text)


def overrides(dataset: str, controller: str, seed: int, data: Path | None) -> list[str]:
    """Return what makes this run."""
    chosen = [f"dataset={dataset}", *DATASETS[dataset], f"controller={controller}", f"seed={seed}"]
    if dataset == "avdigits":
        chosen.append(f"dataset.root={data}")
    stage1 = next((o.split("=")[1] for o in DATASETS[dataset] if o.startswith("stage1")), "15")
    chosen += [f"{key}={stage1}" for key, who in FIRST.items() if controller in who]
    chosen += ["probe.every=1000"] if controller in BLIND else []
    return chosen + COMMON


def train_one(job: tuple[Path, list[str]]) -> Path:
    """Train one run unless it has ended; one that was interrupted goes on."""
    folder, chosen = job
    if (folder / TRACE_FILE).exists() and read_trace(folder).result is not None:
        return folder
    register()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", overrides=chosen)
    (folder / ".hydra").mkdir(parents=True, exist_ok=True)
    OmegaConf.save(cfg, folder / ".hydra" / "config.yaml", resolve=True)
    OmegaConf.save(OmegaConf.create(chosen), folder / ".hydra" / "overrides.yaml")
    train(build(cfg), folder, lambda event: None)
    return folder


def report(runs: Path, datasets: list[str], seeds: int) -> str:
    """Return the table as Markdown."""
    lines = [
        "# Controllers side by side", "",
        f"`python -m benchmarks.controllers --seeds {seeds}`, {time.strftime('%Y-%m-%d')}, "
        f"{processor()}, {os.cpu_count()} cores, one thread per process; torch "
        f"{torch.__version__}.",
        f"Fused test accuracy in %, mean ± deviation over {seeds} seeds, the epoch selected on "
        "validation; the same number of epochs for every controller. The differences are paired by "
        "seed, with 95 % t intervals. `pid_published`: the published rules on our diagnostics.",
    ]  # fmt: skip
    for dataset in datasets:
        accuracy = {c: accuracies(runs / dataset, c, seeds) for c in CONTROLLERS}
        alone = {c: stage1_epochs(runs / dataset, c, seeds) for c in CONTROLLERS}
        lines += ["", f"## {dataset}", ""]
        lines += [" ".join(DATASETS[dataset]), ""] if DATASETS[dataset] else []
        lines += ["| controller | fused | minus joint | minus fixed | epochs alone |",
                  "|---|---|---|---|---|"]  # fmt: skip
        for c in CONTROLLERS:
            values = accuracy[c]
            against = [
                "" if c == other else difference(values - accuracy[other])
                for other in ("joint", "fixed")
            ]
            lines.append(
                f"| {c} | {values.mean():.1f} ± {values.std(ddof=1):.1f} | {against[0]} | "
                f"{against[1]} | {alone[c]:.1f} |"
            )
    if "avdigits" not in datasets:
        lines += ["", "avdigits is not in this table: no --data was given."]
    return "\n".join(lines) + "\n"


def accuracies(folder: Path, controller: str, seeds: int) -> np.ndarray:
    results = [read_trace(folder / f"{controller}-{s}").result for s in range(seeds)]
    return np.array([100 * r["test"]["fused"]["accuracy"] for r in results])


def stage1_epochs(folder: Path, controller: str, seeds: int) -> float:
    results = [read_trace(folder / f"{controller}-{s}").result for s in range(seeds)]
    return float(np.mean([r["unimodal_epochs"] for r in results]))


def difference(paired: np.ndarray) -> str:
    """Return the mean difference and its 95 % interval by Student's t."""
    mean, error = paired.mean(), paired.std(ddof=1) / np.sqrt(len(paired))
    reach = float(stats.t.ppf(0.975, len(paired) - 1)) * error
    return f"{mean:+.1f} [{mean - reach:+.1f}, {mean + reach:+.1f}]"
