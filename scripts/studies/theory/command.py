"""Behind ``fusion-sched theory``: run what is missing, keep it after each part, show tables."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from fusion_sched.runtime.environment import pick_device
from fusion_sched.runtime.files import atomic_write
from scripts.studies import theory

FILE = "theory.json"


def study(
    profile: str, folder: Path, device: str, show: Callable[[str], None]
) -> Iterator[Table | str]:
    """Run the studies of a profile into ``folder`` and yield their tables and verdicts.

    Raises:
        ValueError: the folder holds a result of another profile, or no result that can be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE

    def save(result: dict[str, Any]) -> None:
        with atomic_write(path) as file:
            file.write(json.dumps(result, allow_nan=False).encode())
        show(theory.progress(result))

    done = read(path)
    result = theory.run(theory.PROFILES[profile], pick_device(device), done, save)
    if result != done:
        save(result)
    verdicts = theory.verdicts(result)
    for claim, tables in theory.tables(result).items():
        yield from map(drawn, tables)
        yield f"{verdicts[claim].verdict}: {verdicts[claim].sentence}"
    yield f"numbers: {path}"


def read(path: Path) -> dict[str, Any] | None:
    """Return an earlier result, ``None`` where there is none."""
    if not path.exists():
        return None
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not readable ({error}); delete it to start anew") from error
    if not isinstance(found, dict) or not found.keys() >= {"knobs", "parts", "summary"}:
        raise ValueError(f"{path} is not a result of this command; delete it to start anew")
    return found


def drawn(table: theory.Table) -> Table:
    """Return a table for the terminal."""
    found = Table(title=table.title, title_justify="left")
    for number, name in enumerate(table.header):
        found.add_column(name, justify="right" if number else "left")
    for row in table.rows:
        found.add_row(*row)
    return found
