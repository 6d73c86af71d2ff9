"""Splits drawn by their shares, of samples or of whole groups."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fusion_sched.data.clips.files import carve_validation
from fusion_sched.data.clips.types import Clip, Issue
from fusion_sched.data.folds import fold_splits
from fusion_sched.data.memory import SPLIT_NAMES, least_per_class, stratified_split


def draw_splits(
    clips: Sequence[Clip], validation: float, test: float, seed: int, *, grouped: bool
) -> Sequence[Clip]:
    """Return the clips, each with a split, where none or only training and test are given.

    Stratified by class; `grouped`: no group gets into two parts.
    """
    given = {clip.split for clip in clips}
    if "validation" in given or not clips:
        return clips
    if "train" in given:
        return (_carve_groups if grouped else carve_validation)(clips, validation, seed)
    labels = np.array([clip.label for clip in clips])
    if grouped:
        splits = fold_splits(
            labels, _parts(clips, test), 0, groups=np.array([clip.group for clip in clips]),
            validation=validation / (1 - test), seed=seed,
        )  # fmt: skip
        return [replace(clip, split=str(name)) for clip, name in zip(clips, splits, strict=True)]
    index = stratified_split(labels, validation, test, seed)
    names = {int(place): name for name, places in index.items() for place in places}
    return [replace(clip, split=names[place]) for place, clip in enumerate(clips)]


def _carve_groups(clips: Sequence[Clip], share: float, seed: int) -> list[Clip]:
    """Return the clips with about a share of the training ones, in whole groups, to validate."""
    train = [clip for clip in clips if clip.split == "train"]
    splits = fold_splits(
        np.array([clip.label for clip in train]), _parts(train, share), 0,
        groups=np.array([clip.group for clip in train]), validation=0.5, seed=seed,
    )  # fmt: skip
    chosen = {clip.id for clip, name in zip(train, splits, strict=True) if name == "test"}
    return [replace(c, split="validation") if c.id in chosen else c for c in clips]


def _parts(clips: Sequence[Clip], share: float) -> int:
    """Return into how many parts of whole groups to cut, one of which is about the share."""
    groups: dict[int, set[str]] = defaultdict(set)
    for clip in clips:
        groups[clip.label].add(clip.group)
    return max(2, min(round(1 / share), *(len(of_class) for of_class in groups.values())))


def leave_out_small(
    clips: Sequence[Clip], classes: Sequence[str], validation: float, test: float, *, grouped: bool
) -> tuple[list[Clip], list[Issue]]:
    """Return the clips of the classes that are large enough to be split, and what is not."""
    # One group or one sample at least to each split.
    units = {(clip.label, clip.group if grouped else clip.id) for clip in clips}
    counts = Counter(label for label, _ in units)
    least = 3 if grouped else least_per_class(validation, test)
    small = {label for label in range(len(classes)) if counts[label] < least}
    what = "group(s)" if grouped else f"sample(s), with validation={validation:g}, test={test:g}"
    issues = [
        Issue(
            "small class", "", "",
            f"class {classes[label]!r} has {counts[label]}, expected at least {least} {what}; add "
            "some, take the class out, or name a column `split`",
            samples=sum(clip.label == label for clip in clips),
        )
        for label in sorted(small)
    ]  # fmt: skip
    return [clip for clip in clips if clip.label not in small], issues


def absent_classes(clips: Sequence[Clip], classes: Sequence[str]) -> list[Issue]:
    """Return an issue per class that a split lacks: fatal where it is the one to train on."""
    present = {(clip.split, clip.label) for clip in clips}
    issues = []
    for label in sorted({clip.label for clip in clips}):
        lacking = [split for split in SPLIT_NAMES if (split, label) not in present]
        if lacking:
            message = f"class {classes[label]!r} has no sample in {' and '.join(lacking)}"
            issues.append(Issue("small class", "", "", message, fatal="train" in lacking))
    return issues
