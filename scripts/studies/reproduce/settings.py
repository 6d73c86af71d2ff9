"""Settings of a reproduction: its profile, its folder, and where data lies on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

PROFILES = ("quick", "full")


@dataclass(frozen=True)
class Settings:
    """`paths`: dataset or file → its place, where it exists; `missing`: places without it."""

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


def read_paths(file: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the places in the file that exist, and those that do not.

    Relative paths count from the working folder. Raises `FileNotFoundError` without the file,
    `ValueError` where it does not map names to paths.
    """
    if not file.is_file():
        raise FileNotFoundError(f"PATHS={file} does not exist; expected a yaml of names and paths")
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise ValueError(
            f"{file} must map each name to one path, as scripts/studies/reproduce/paths.yaml"
        )
    places = {name: Path(os.path.expandvars(place)).expanduser() for name, place in content.items()}
    present = {name: place for name, place in places.items() if place.exists()}
    return present, {name: place for name, place in places.items() if name not in present}
