"""What a study stands on: its profile, its folder, where data lies, and parts that are kept.

A part is measured once and lies in the study's JSON file from then on, so that an interrupted
reproduction goes on where it was; delete the file to measure anew. What is read off a training is
read each time: the run is what is kept.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.machine import processor
from fusion_sched.runtime.environment import git_revision
from fusion_sched.runtime.files import atomic_write

PROFILES = ("quick", "full")


@dataclass(frozen=True)
class Bench:
    """One reproduction under way.

    ``paths``: dataset or file → where it lies on this machine, only what is there; ``missing``:
    the places that were looked at in vain.
    """

    profile: str
    folder: Path
    paths: Mapping[str, Path]
    missing: Mapping[str, Path]

    @property
    def quick(self) -> bool:
        """Whether everything must be over in 20 minutes of two cores."""
        return self.profile == "quick"

    @property
    def runs(self) -> Path:
        """The folder of all trainings."""
        return self.folder / "runs"

    def seeds(self, quick: int, full: int) -> range:
        """Return the seeds of this profile."""
        return range(quick if self.quick else full)

    def file(self, study: str) -> Path:
        """Return where a study's numbers lie."""
        return self.folder / f"{study}.json"


@dataclass
class Notebook:
    """The parts of one study, on disk after each."""

    path: Path
    parts: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> "Notebook":
        """Return the notebook at this path, empty where there is none."""
        if not path.exists():
            return cls(path, {})
        try:
            return cls(path, json.loads(path.read_text(encoding="utf-8"))["parts"])
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is not what this command writes ({error}); delete it to measure anew"
            ) from error

    def part(self, key: str, measure: Callable[[], Any]) -> Any:
        """Return the part of this name, measured now unless it has been before."""
        if key not in self.parts:
            print(f"  {self.path.stem}: {key}", flush=True)
            started = time.perf_counter()
            value = measure()
            self.keep(key, value, time.perf_counter() - started)
        return self.parts[key]["value"]

    def read(self, key: str, off: Callable[[], Any]) -> None:
        """Note what is read off a training; the date of an unchanged value stays."""
        started = time.perf_counter()
        value = json.loads(json.dumps(off(), allow_nan=False))
        if key not in self.parts or self.parts[key]["value"] != value:
            self.keep(key, value, time.perf_counter() - started)

    def keep(self, key: str, value: Any, seconds: float) -> None:
        """Write a part, with when and where it was measured."""
        part = {
            "value": value,
            "seconds": round(seconds, 2),
            "date": date.today().isoformat(),
            "machine": machine(),
            "git": git_revision(),
        }
        parts = {**self.parts, key: part}
        text = json.dumps({"parts": parts}, indent=1, allow_nan=False)
        with atomic_write(self.path) as file:
            file.write(text.encode())
        self.parts = parts

    def values(self) -> dict[str, Any]:
        """Return every part's value."""
        return {key: part["value"] for key, part in self.parts.items()}

    @property
    def seconds(self) -> float:
        """Seconds that all parts took to measure."""
        return sum(part["seconds"] for part in self.parts.values())


def machine() -> str:
    """Return what measured: processor, device and torch."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{processor()}, {os.cpu_count()} cores, {device}, torch {torch.__version__}"


def read_paths(file: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return what the file names and is there, and what is not.

    Relative paths count from the working folder.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no mapping of names to paths.
    """
    if not file.is_file():
        raise FileNotFoundError(f"PATHS={file} does not exist; expected a yaml of names and paths")
    named = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(named, dict) or not all(isinstance(v, str) for v in named.values()):
        raise ValueError(
            f"{file} must map each name to one path, as scripts/studies/reproduce/paths.yaml"
        )
    places = {name: Path(os.path.expandvars(place)).expanduser() for name, place in named.items()}
    present = {name: place for name, place in places.items() if place.exists()}
    return present, {name: place for name, place in places.items() if name not in present}
