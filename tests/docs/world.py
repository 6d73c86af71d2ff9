"""The folder in which the commands of the documentation run, with what they speak of in it."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion_sched.commands.choices import list_choices
from tests.config.test_experiments import SMALL
from tests.conftest import Answer

SHORT = (
    "stage1.epochs=1", "stage2.epochs=1", "probe.samples=200",
    "probe.joint_every=9", "robustness=false",
)  # fmt: skip
RUN, RUNS = "RUN", "RUNS"


@dataclass
class World:
    """Working folders that live as long as the session; ``folder`` is the current document's.

    Pages that write no files of their own share one folder, and what has run in it is not run
    again for another page that says the same.
    """

    shared: Path
    folder: Path = field(init=False)
    done: set[str] = field(default_factory=set)
    trained: set[tuple[Path | str, ...]] = field(default_factory=set)
    made: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.folder = self.shared
        rng = np.random.default_rng(0)
        y = rng.integers(0, 3, 200)
        np.savez(self.shared / "mine.npz", y=y, sound=rng.normal(size=(200, 4)) + y[:, None],
                 face=rng.normal(size=(200, 4)))  # fmt: skip
        write_votes(self.shared, rng)

    def enter(self, own: str) -> None:
        """Go to the folder of a document that writes files, or to the shared one."""
        self.made = set()
        self.folder = self.shared.parent / own if own else self.shared
        self.folder.mkdir(exist_ok=True)
        os.chdir(self.folder)

    def clear(self, folder: str) -> None:
        """Remove what another document has left where this one writes to."""
        path = self.folder / folder
        if path.exists() and path not in self.made:
            shutil.rmtree(path)
        self.made.add(path)


def write_votes(folder: Path, rng: np.random.Generator) -> None:
    """Write tables in the form of CREMA-D's and of what the README makes of it."""
    votes = [np.array(list("ADFHNS"))[rng.integers(0, 6, 300)] for _ in range(2)]
    emotions = np.array(["ANG", "DIS", "FEA"])[rng.integers(0, 3, 300)]
    table = pd.DataFrame({
        "FileName": [f"1001_DFA_{emotion}_XX" for emotion in emotions],
        "VoiceVote": votes[0], "FaceVote": votes[1],
    })  # fmt: skip
    table.to_csv(folder / "summaryTable.csv")
    table.assign(emotion=emotions).to_csv(folder / "votes.csv")


@dataclass
class Reader:
    """Somebody who follows a page: a world, and a way to call the command line."""

    world: World
    call: Callable[..., Answer]
    monkeypatch: pytest.MonkeyPatch
    capture: Callable[[], str]
    """Return what was printed since it was last asked."""

    def fusion_sched(self, *words: str) -> None:
        """Run ``fusion-sched`` in this process; raise with what it said where it fails."""
        answer = self.call(*words)
        if answer.code != 0:
            said = (answer.err or answer.out)[-1500:]
            raise AssertionError(f"exit code {answer.code} of {' '.join(words)}\n{said}")

    def data(self, name: str) -> Path:
        """Return the folder of an imitation of the dataset."""
        out = self.world.shared / "data" / name
        if not out.exists():
            clips = SMALL[name][0] if name in SMALL else 40
            self.fusion_sched("data", "sample", name, "--out", str(out), "--clips", str(clips))
        return out

    def run(self) -> str:
        """Return the folder of a run that has ended, relative to the page's folder."""
        folder = self.world.shared / RUN
        if not folder.exists():
            self.fusion_sched("train", *SHORT, "stage1.epochs=3", "tracker=none",
                              f"hydra.run.dir={folder}")  # fmt: skip
        return os.path.relpath(folder)

    def runs(self) -> str:
        """Return a folder of two runs."""
        folder = self.world.shared / RUNS
        if not folder.exists():
            sweep = ("-m", "controller=joint,pid", "encoder=mlp", f"hydra.sweep.dir={folder}")
            self.fusion_sched("train", *sweep, *SHORT, "tracker=none")
        return os.path.relpath(folder)


def dataset_of(words: list[str]) -> str:
    """Return the dataset on disk that a command is about, or an empty text."""
    known = set(list_choices()["dataset"]) & set(SMALL)
    names = (word.rpartition("=")[2].removesuffix("_smoke") for word in words)
    return next((name for name in names if name in known), "")
