"""Train on your own arrays: two methods on three folds of whole speakers, in one table.

The arrays lie in one folder, an .npy each. Names are yours, except `y` (the labels, here strings)
and `group` (whom the splits must not share). The pictures have their channels last, as many
programs write them: they are moved to where the networks expect them, and a note says so.

    python examples/own_arrays.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fusion_sched.analysis import Comparison, compare
from fusion_sched.commands.train import launch

MOODS = np.array(["calm", "glad", "sad"])


def write_arrays(folder: Path, speakers: int = 12, talks: int = 20) -> None:
    """Write a voice (N, 12), a face (N, 16, 16, 3), moods and speakers."""
    rng = np.random.default_rng(0)
    samples = speakers * talks
    mood = rng.integers(0, len(MOODS), samples)
    speaker = np.repeat(np.arange(speakers), talks)
    tone = rng.normal(size=(len(MOODS), 12))[mood] + rng.normal(size=(speakers, 12))[speaker]
    brightness = mood[:, None, None, None] / 4
    np.save(folder / "voice.npy", tone + rng.normal(size=tone.shape))
    np.save(folder / "face.npy", brightness + rng.normal(size=(samples, 16, 16, 3)))
    np.save(folder / "y.npy", MOODS[mood])
    np.save(folder / "group.npy", speaker)


def main(folder: Path, folds: int = 3) -> Comparison:
    """Write the arrays, train two short runs on each fold, and return their comparison."""
    arrays, runs = folder / "arrays", folder / "runs"
    arrays.mkdir()
    write_arrays(arrays)
    launch([
        "-m", "dataset=arrays", f"dataset.root={arrays}", "dataset.group=group",
        f"dataset.folds={folds}", f"dataset.fold={','.join(map(str, range(folds)))}",
        "controller=joint,pid", "stage1.epochs=3", "stage2.epochs=6", "encoder=mlp",
        "probe=kmeans", "probe.resamples=5", "probe.shuffles=2", "probe.every=3",
        "probe.joint_every=6",
        "robustness=false", "tracker=none", f"hydra.sweep.dir={runs}",
    ])  # fmt: skip
    return compare([runs])


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        main(Path(scratch))
