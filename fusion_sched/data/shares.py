"""Splits drawn by their shares, of samples or of whole groups."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from fusion_sched.data.clips.files import carve_validation
from fusion_sched.data.clips.types import Clip, Issue
from fusion_sched.data.memory import SPLIT_NAMES, least_per_class, stratified_split


def draw_splits(
    clips: Sequence[Clip], validation: float, test: float, seed: int
) -> Sequence[Clip]:
    """Return the clips, each with a split, where none or only training and test are given.

    Stratified by class. Where groups are named, no group gets into two parts.
    """
    given = {clip.split for clip in clips}
    if "validation" in given or not clips:
        return clips
    grouped = any(clip.group for clip in clips)
    if "train" in given:
        draw = _draw_groups if grouped else carve_validation
        return draw(clips, validation, seed)
    clips = [replace(clip, split="train") for clip in clips]
    if grouped:
        clips = _draw_groups(clips, test, seed, "test")
        return _draw_groups(clips, validation / (1 - test), seed)
    index = stratified_split(np.array([clip.label for clip in clips]), validation, test, seed)
    names = {int(place): name for name, places in index.items() for place in places}
    return [replace(clip, split=names[place]) for place, clip in enumerate(clips)]


def _draw_groups(
    clips: Sequence[Clip], share: float, seed: int, name: str = "validation"
) -> list[Clip]:
    """Return the clips with about a share of the training ones, in whole groups, made `name`."""
    train = [place for place, clip in enumerate(clips) if clip.split == "train"]
    labels = [clips[place].label for place in train]
    groups = [clips[place].group for place in train]
    if len(set(groups)) < 2:
        raise ValueError(
            f"{len(set(groups))} group(s) are left to draw {name} from, expected two or more; name "
            "more groups, or a column `split`"
        )
    parts = max(2, min(round(1 / share), len(set(groups)), max(Counter(labels).values())))
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Classes with fewer samples than parts are reported by name, as issues.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        chosen = next(iter(folds.split(labels, labels, groups)))[1]
    drawn = {train[place] for place in chosen}
    return [
        replace(clip, split=name) if place in drawn else clip for place, clip in enumerate(clips)
    ]


def leave_out_small(
    clips: Sequence[Clip], classes: Sequence[str], validation: float, test: float
) -> tuple[list[Clip], list[Issue]]:
    """Return the clips of the classes that are large enough to be split, and what is not."""
    counts = Counter(clip.label for clip in clips)
    least = least_per_class(validation, test)
    small = {label for label, count in counts.items() if count < least}
    issues = [
        Issue(
            "small class", "", "",
            f"class {classes[label]!r} has {counts[label]} sample(s), expected at least {least} "
            f"for validation={validation:g} and test={test:g}; add some, take the class out, or "
            "raise the shares",
        )
        for label in sorted(small)
    ]  # fmt: skip
    return [clip for clip in clips if clip.label not in small], issues


def absent_classes(clips: Sequence[Clip], classes: Sequence[str]) -> list[Issue]:
    """Return an issue per class that a split lacks: fatal where it is the one to train on."""
    present = {(clip.split, clip.label) for clip in clips}
    used = sorted({clip.label for clip in clips})
    issues = []
    for label in used:
        lacking = [split for split in SPLIT_NAMES if (split, label) not in present]
        if lacking:
            message = f"class {classes[label]!r} has no sample in {' and '.join(lacking)}"
            issues.append(Issue("small class", "", "", message, fatal="train" in lacking))
    return issues
