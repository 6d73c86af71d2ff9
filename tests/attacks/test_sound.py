"""Sound outside ±1: training says so once, and how many files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import Answer, read_events

Command = Callable[..., Answer]
RATE = 4000
TINY = (
    "dataset.rate=4000", "dataset.seconds=0.25", "dataset.n_fft=128", "dataset.hop=128",
    "dataset.bands=8",
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of two classes of 12 sounds each; three are floats up to 3."""
    generator = np.random.default_rng(0)
    for number in range(24):
        wave = generator.uniform(-1, 1, RATE // 4)
        path = tmp_path / "sounds" / ("high" if number % 2 else "low") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        loud = number in (3, 8, 9)
        soundfile.write(path, 3 * wave if loud else wave, RATE, subtype="FLOAT")
    return tmp_path / "sounds"


def test_training_and_prepare_say_it_once_with_the_number_of_files(
    command: Command, root: Path, tmp_path: Path
) -> None:
    prepared = command("data", "prepare", "files", *TINY, "--root", str(root), "--workers", "1")
    assert prepared.out.count("3 clip(s) outside ±1") == 1, prepared.out + prepared.err
    quick = ("probe=kmeans", "controller=joint", "fusion=concat", "encoder=mlp", "stage1.epochs=1",
             "stage2.epochs=1", "probe.resamples=5", "robustness=false")  # fmt: skip
    trained = command(
        "train", "dataset=files", f"dataset.root={root}", *TINY, *quick, "hydra.run.dir=run"
    )
    assert trained.code == 0, trained.err
    words = " ".join(trained.out.split())
    assert words.count("3 clip(s) outside ±1") == 1, words
    assert "divide the wave by its peak" in words
    (note,) = read_events(tmp_path / "run")[0]["facts"]["notes"]
    assert note.startswith("3 clip(s) outside ±1; the first: ")
    assert "Warning" not in trained.err
