"""What can be checked so far of arXiv 2509.20840, in one resumable command.

    make reproduce-paper            (PROFILE=quick, the default: 3 seeds; PROFILE=full: 10 seeds)

Trains every controller on every built-in dataset, compares them, and measures the solver against
its peers. Runs lie in outputs/reproduce/PROFILE: finished ones are kept, others go on.
"""

import os
import subprocess
import sys
from pathlib import Path

from fusion_sched.trace import TRACE_FILE, read_trace

COMMAND = Path(sys.executable).with_name("fusion-sched")
DATASETS = ("digits_cg", "digits_noisy", "digits_halves")
CONTROLLERS = ("joint", "fixed", "pid_published", "pid")
SEEDS = {"quick": 3, "full": 10}


def main() -> None:
    profile = os.environ.get("PROFILE", "quick")
    if profile not in SEEDS:
        sys.exit(f"error: PROFILE is {profile!r}, expected one of {sorted(SEEDS)}")
    folder = Path("outputs/reproduce") / profile
    for dataset in DATASETS:
        for controller in CONTROLLERS:
            for seed in range(SEEDS[profile]):
                train(folder / dataset / f"{controller}-{seed}", dataset, controller, seed)
        print(f"\n{dataset}: joint training, a fixed schedule, the published rules and ours")
        subprocess.run([COMMAND, "compare", folder / dataset], check=True)
    print("\nThe solver against its peers")
    table = folder / "solver.md"
    subprocess.run(
        [sys.executable, "-m", "benchmarks.pid", "--quick", "--output", table], check=True
    )
    print(f"runs and tables: {folder}/")


def train(run: Path, dataset: str, controller: str, seed: int) -> None:
    """Train, or go on with, one run, unless it has ended."""
    if (run / TRACE_FILE).exists() and read_trace(run).result is not None:
        return
    begun = (run / ".hydra" / "config.yaml").exists()
    fresh = [f"dataset={dataset}", f"controller={controller}", f"seed={seed}",
             f"hydra.run.dir={run}"]  # fmt: skip
    print(f"{'resuming' if begun else 'training'} {run}", flush=True)
    subprocess.run(
        [COMMAND, "train", *([f"resume={run}"] if begun else fresh)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


if __name__ == "__main__":
    main()
