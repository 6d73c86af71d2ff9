"""Four short runs through a launcher, and the same four in one process: are they bit for bit equal?

python scripts/four_runs.py FOLDER hydra/launcher=… [hydra.launcher.KEY=VALUE …]

FOLDER must not hold earlier runs. The launcher's sweep is then asked to go on, which must find
nothing left to do. Exit code 1 where anything differs.
"""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from fusion_sched.runlog import read_trace
from fusion_sched.runtime import checkpoint

RUNS = ("seed=0,1", "controller=pid,joint", "stage1.epochs=1", "stage2.epochs=1",
        "probe.resamples=5", "probe.shuffles=2", "tracker=none")  # fmt: skip
CLOCK = ("time", "seconds", "samples_per_second", "run", "probe_share", "peak_memory_bytes")
"""Fields of an event that depend on the clock, the process or the folder's name."""


def main() -> None:
    folder, launcher = Path(sys.argv[1]), sys.argv[2:]
    sweep(folder / "plain")
    sweep(folder / "launched", *launcher)
    plain, launched = fingerprints(folder / "plain"), fingerprints(folder / "launched")
    for name in sorted(plain | launched):
        verdict = "equal" if plain.get(name) == launched.get(name) else "DIFFERENT"
        print(f"{name:24} plain {plain.get(name)}  launched {launched.get(name)}  {verdict}")
    sweep(folder / "launched", *launcher, "sweep.resume=true")
    again = fingerprints(folder / "launched")
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


def fingerprints(folder: Path) -> dict[str, str]:
    """Return a hash of weights, optimizer and trace of each run, by its controller and seed."""
    found = {}
    for run in (path.parent for path in folder.glob("*/trace.jsonl")):
        trace = read_trace(run)
        digest = hashlib.sha256()
        for event in trace.events:
            told = {name: value for name, value in event.items() if name not in CLOCK}
            digest.update(json.dumps(told, sort_keys=True).encode())
        last = checkpoint.load(run / "checkpoint" / checkpoint.LAST, torch.device("cpu"))
        best = checkpoint.load(run / "checkpoint" / last["state"]["best"], torch.device("cpu"))
        for model in (last["model"], best["model"]):
            for name, values in model.items():
                digest.update(name.encode() + values.numpy().tobytes())
        controller = trace.start["config"]["controller"]["_target_"].rsplit(".")[-1]
        found[f"{controller} seed {trace.start['seed']}"] = digest.hexdigest()[:16]
    return found


if __name__ == "__main__":
    main()
