"""The tractable model in which effective competitive strength (ECS) is exact (docs/theory.md).

Does the initial ECS predict which modality wins in joint training? How does the error fall with
the number of classes, from scratch and after unimodal training? Is mutual information a proxy of
ECS? FOLDER/theory.json gets the numbers; FOLDER/parts keeps finished parts for an interrupted run.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from joblib import Memory
from rich.console import Console
from rich.table import Table

from fusion_sched.runtime.environment import pick_device
from scripts.studies import theory


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.studies.theory", description=__doc__)
    parser.add_argument("--profile", choices=list(theory.PROFILES), default="quick",
                        help="quick: minutes of one core; full: a GPU, or an hour")  # fmt: skip
    parser.add_argument("--output", type=Path, default=Path("outputs/theory"), metavar="FOLDER")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    memory = Memory(options.output / "parts", verbose=0)
    result = theory.run(theory.PROFILES[options.profile], pick_device(options.device), memory)
    path = options.output / "theory.json"
    path.write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
    console = Console()
    verdicts = theory.verdicts(result)
    for claim, tables in theory.tables(result).items():
        for table in tables:
            console.print(_for_terminal(table))
        console.print(f"{verdicts[claim].verdict}: {verdicts[claim].sentence}", highlight=False)
    console.print(f"numbers: {path}", highlight=False, soft_wrap=True)


def _for_terminal(table: theory.Table) -> Table:
    drawn = Table(title=table.title, title_justify="left")
    for number, name in enumerate(table.header):
        drawn.add_column(name, justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


if __name__ == "__main__":
    main()
