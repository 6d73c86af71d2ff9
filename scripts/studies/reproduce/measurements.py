"""The numbers of a study, with the date, the machine and the revision of each."""

import json
import os
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from joblib import Memory

from benchmarks.machine import processor
from fusion_sched.runlog import TRACE_FILE, read_trace
from fusion_sched.runtime.environment import git_revision


class Measurements:
    """The numbers of one study by key.

    What is measured is kept in `cache/STUDY`, by function and arguments: an interrupted study
    continues. What is read from a run is read each time: the run is kept.
    """

    def __init__(self, folder: Path, study: str) -> None:
        self.path = folder / f"{study}.json"
        self.memory = Memory(folder / "cache" / study, verbose=0)
        self.parts: dict[str, dict[str, Any]] = {}

    def measure(self, key: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Add the value of a function, called now unless it has been before."""
        self.parts[key] = self.memory.cache(_measured)(function, arguments)

    def read(self, key: str, run: Path, function: Callable[[Path], Any]) -> None:
        """Add what a function returns for a run that has ended."""
        start = read_trace(run).start
        self.parts[key] = {
            "value": _json_value(function(run)),
            "date": date.fromtimestamp((run / TRACE_FILE).stat().st_mtime).isoformat(),
            "machine": f"{start['device']}, torch {start['versions']['torch']}",
            "git": start["git"],
        }

    def write(self) -> None:
        """Write all parts to the study's file."""
        text = json.dumps({"parts": self.parts}, indent=1, allow_nan=False)
        self.path.write_text(text, encoding="utf-8")

    @property
    def values(self) -> dict[str, Any]:
        """Every key's value."""
        return {key: part["value"] for key, part in self.parts.items()}

    @property
    def seconds(self) -> float:
        """Seconds that the measurements took, trainings not counted."""
        return sum(part.get("seconds", 0.0) for part in self.parts.values())


def _measured(function: Callable[..., Any], arguments: tuple[Any, ...]) -> dict[str, Any]:
    print(f"  {function.__module__.rpartition('.')[2]}: {function.__name__}"
          f"({', '.join(map(str, arguments))})", flush=True)  # fmt: skip
    started = time.perf_counter()
    value = _json_value(function(*arguments))
    return {
        "value": value, "seconds": round(time.perf_counter() - started, 2),
        "date": date.today().isoformat(), "machine": machine(), "git": git_revision(),
    }  # fmt: skip


def _json_value(value: Any) -> Any:
    """Return the value as a JSON file gives it back; infinity and NaN are an error."""
    return json.loads(json.dumps(value, allow_nan=False))


def machine() -> str:
    """Return the processor, the device and the torch of this machine."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{processor()}, {os.cpu_count()} cores, {device}, torch {torch.__version__}"
