"""The demo: joint training from scratch against the two-stage schedule, on real handwriting.

    make demo      (or: python scripts/demo.py [seed])

Runs `fusion-sched train` twice and ends with a table of the two.
"""

import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fusion_sched.runlog import read_trace

CONTROLLERS = ("joint", "evidence")
COMMAND = Path(sys.executable).with_name("fusion-sched")


def main() -> None:
    seed = sys.argv[1] if len(sys.argv) > 1 else "0"
    folder = Path("outputs/demo") / time.strftime("%Y-%m-%d_%H-%M-%S")
    console = Console(width=None if sys.stdout.isatty() else 100)
    started = time.perf_counter()
    for controller in CONTROLLERS:
        arguments = [f"controller={controller}", f"seed={seed}",
                     f"hydra.run.dir={folder / controller}"]  # fmt: skip
        console.rule(f"fusion-sched train {' '.join(arguments)}", align="left")
        subprocess.run([COMMAND, "train", *arguments], check=True)
    console.rule("joint training against the schedule by evidence", align="left")
    console.print(summary(folder))
    for sentence in verdict(folder):
        console.print(sentence, highlight=False)
    for controller in CONTROLLERS:
        console.print(f"{controller}: {folder / controller}/ (trace.jsonl, trace.png)")
    seconds = time.perf_counter() - started
    page = folder / "report.html"
    subprocess.run([COMMAND, "report", folder, "--output", page], check=True)
    console.print(f"two trainings in {seconds:.0f} s", highlight=False)


def summary(folder: Path) -> Table:
    results = {c: read_trace(folder / c).result for c in CONTROLLERS}
    table = Table(title="accuracy on test", title_justify="left")
    table.add_column("controller")
    names = list(results["joint"]["test"])
    for name in names:
        table.add_column(name if name == "fused" else f"{name} alone", justify="right")
    for controller, result in results.items():
        table.add_row(controller, *(f"{result['test'][n]['accuracy']:.1%}" for n in names))
    return table


def verdict(folder: Path) -> list[str]:
    """Say in words what the numbers of this run say."""
    accuracy = {
        c: {n: s["accuracy"] for n, s in read_trace(folder / c).result["test"].items()}
        for c in CONTROLLERS
    }
    joint = accuracy["joint"]
    best = max((n for n in joint if n != "fused"), key=joint.__getitem__)
    lost = 100 * (joint[best] - joint["fused"])
    gained = 100 * (accuracy["evidence"]["fused"] - joint["fused"])
    return [
        f"Trained jointly from scratch, the fused model is {abs(lost):.1f} points "
        f"{'behind' if lost > 0 else 'ahead of'} its own {best} modality.",
        f"With the schedule it is {abs(gained):.1f} points {'better' if gained > 0 else 'worse'}.",
    ]


if __name__ == "__main__":
    main()
