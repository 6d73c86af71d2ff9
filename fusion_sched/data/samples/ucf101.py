"""Sample data in the layout of UCF-101."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fusion_sched.data.samples.files import write_video
from fusion_sched.data.samples.signals import moving_drawing
from fusion_sched.data.samples.spec import SampleSpec

ACTIONS = (
    "Archery", "Biking", "Bowling", "CleanAndJerk", "Drumming", "Fencing", "Hammering", "JumpRope",
    "Kayaking", "Lunges", "PullUps", "YoYo",
)  # fmt: skip
GROUPS = 5
FRAMES, FPS = 15, 25


def write_ucf101(out: Path, spec: SampleSpec, lists: str) -> None:
    """Write small videos of up to twelve actions, ten or more of each, and all lists.

    Form and colour show the action and so does the motion, in the same clips: flow is computed
    from the videos, so that the strength of `visual` is that of both.
    """
    per_action = 2 * GROUPS
    if spec.clips < 2 * per_action:
        raise ValueError(
            f"{spec.clips} clips are too few for sample data, expected at least {2 * per_action}: "
            "two actions of five groups with two clips each"
        )
    actions = ACTIONS[: spec.clips // per_action]
    names = []
    for number in range(spec.clips):
        label, place = number % len(actions), number // len(actions)
        group, clip = place % GROUPS + 1, place // GROUPS + 1
        names.append(f"{actions[label]}/v_{actions[label]}_g{group:02d}_c{clip:02d}.avi")
        rng = np.random.default_rng([spec.seed, number])
        pictures = moving_drawing(
            label, len(actions), spec.strength_of("visual"), FRAMES, 48, 64, rng
        )
        write_video(out / "UCF-101" / names[-1], pictures, FPS)
    _write_splits(out / lists, sorted(names), actions)


def _write_splits(folder: Path, names: Sequence[str], actions: Sequence[str]) -> None:
    """Write the classes and the lists of three splits; split N tests on group N."""
    folder.mkdir()
    rows = "".join(f"{number} {name}\n" for number, name in enumerate(actions, start=1))
    (folder / "classInd.txt").write_text(rows, encoding="utf-8")
    for split in (1, 2, 3):
        test = [name for name in names if f"_g{split:02d}_" in name]
        train = [
            f"{name} {actions.index(name.partition('/')[0]) + 1}"
            for name in names
            if name not in test
        ]
        for part, listed in (("train", train), ("test", test)):
            path = folder / f"{part}list{split:02d}.txt"
            path.write_text("".join(f"{row}\n" for row in listed), encoding="utf-8")
