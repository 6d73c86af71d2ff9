"""Four short runs through a launcher, and the same four in one process: are they bit for bit equal?

python -m scripts.four_runs FOLDER hydra/launcher=… [hydra.launcher.KEY=VALUE …]

FOLDER must not hold earlier runs. The launcher's sweep is then resumed, which must find nothing
left to do. Exit code 1 where anything differs.
"""

import subprocess
import sys
import time
from pathlib import Path

from fusion_sched.runlog import read_trace
from scripts.reference_runs import digest_of

RUNS = ("seed=0,1", "controller=pid,joint", "stage1.epochs=1", "stage2.epochs=1",
        "probe=kmeans", "probe.resamples=5", "probe.shuffles=2", "tracker=none")  # fmt: skip


def main() -> None:
    folder, launcher = Path(sys.argv[1]), sys.argv[2:]
    sweep(folder / "plain")
    sweep(folder / "launched", *launcher)
    plain, launched = digests(folder / "plain"), digests(folder / "launched")
    for name in sorted(plain | launched):
        verdict = "equal" if plain.get(name) == launched.get(name) else "DIFFERENT"
        print(f"{name:24} plain {plain.get(name)}  launched {launched.get(name)}  {verdict}")
    sweep(folder / "launched", *launcher, "sweep.resume=true")
    again = digests(folder / "launched")
    print("resumed: nothing was left to do" if again == launched else "resumed: DIFFERENT")
    sys.exit(0 if plain == launched == again and len(plain) == 4 else 1)


def sweep(folder: Path, *overrides: str) -> None:
    """Run the four jobs to their end; their output goes to a file beside the folder."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "fusion_sched.commands.cli", "train", "-m", *RUNS, *overrides]
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    with log.open("a", encoding="utf-8") as output:
        done = subprocess.run(
            [*command, f"hydra.sweep.dir={folder}"], stdout=output, stderr=output, check=False
        )
    print(f"{' '.join(overrides) or 'one process'}: {time.perf_counter() - started:.1f} s, "
          f"exit code {done.returncode}")  # fmt: skip
    if done.returncode != 0:
        sys.exit(log.read_text(encoding="utf-8")[-2000:])


def digests(folder: Path) -> dict[str, str]:
    """Return one digest of each run, by its controller and seed."""
    by_run = {}
    for run in (path.parent for path in folder.glob("*/trace.jsonl")):
        start = read_trace(run).start
        controller = start["config"]["controller"]["_target_"].rsplit(".")[-1]
        by_run[f"{controller} seed {start['seed']}"] = "-".join(digest_of(run).values())
    return by_run


if __name__ == "__main__":
    main()
