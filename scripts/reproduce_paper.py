"""What can be checked so far of arXiv 2509.20840, in one resumable command.

    make reproduce-paper            (PROFILE=quick, the default: 2 seeds; PROFILE=full: 10 seeds)

Every controller on every built-in dataset, the diagnostic against planted truths, and the solver
against its peers. Everything lies in outputs/reproduce/PROFILE: trainings that have ended are
kept, others go on. DATA=FOLDER (with fsdd/ and optdigits/) adds the audio-visual digits.
"""

import os
import subprocess
import sys
from pathlib import Path

SEEDS = {"quick": 2, "full": 10}


def main() -> None:
    profile = os.environ.get("PROFILE", "quick")
    if profile not in SEEDS:
        sys.exit(f"error: PROFILE is {profile!r}, expected one of {sorted(SEEDS)}")
    folder = Path("outputs/reproduce") / profile
    folder.mkdir(parents=True, exist_ok=True)
    quick = ["--quick"] if profile == "quick" else []
    data = ["--data", os.environ["DATA"]] if "DATA" in os.environ else []
    seeds = str(SEEDS[profile])
    section(folder, "controllers", "--seeds", seeds, "--runs", folder / "runs", *data)
    section(folder, "pid", *quick)
    section(folder, "estimation", *quick)
    print(f"tables: {folder}/*.md, runs: {folder}/runs")


def section(folder: Path, benchmark: str, *arguments: str | Path) -> None:
    """Run one benchmark and write its table, unless it has been written."""
    table = folder / f"{benchmark}.md"
    if table.exists():
        print(f"{table} is there already; delete it to measure anew")
        return
    print(f"measuring {table}", flush=True)
    unfinished = table.with_suffix(".unfinished")
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", *arguments, "--output", unfinished]
    subprocess.run(command, check=True)
    unfinished.rename(table)


if __name__ == "__main__":
    main()
