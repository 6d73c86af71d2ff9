"""Features of CMU-MOSI and CMU-MOSEI in MMSA's files: reading, checking, and two classes of them.

A file is a pickled dict, split (train, valid, test) → name → array. Ids are `VIDEO$_$NUMBER`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from fusion_sched.data.clips.check import shared_groups
from fusion_sched.data.clips.types import Clip, Issue, Listing
from fusion_sched.data.folds import Folded
from fusion_sched.data.memory import InMemory
from fusion_sched.data.pickles import load_pickle
from fusion_sched.types import Splits

MODALITIES = ("text", "audio", "vision")
SPLITS = {"train": "train", "validation": "valid", "test": "test"}
"""Our name of a split → MMSA's."""
RULES: Mapping[str, tuple[str, str]] = {
    "negative_nonnegative": ("negative", "nonnegative"),
    "negative_positive": ("negative", "positive"),
}
LARGEST_SCORE = 3
"""Sentiment goes from -3 to 3."""
CHUNK = 256
"""Samples that are standardised at a time, so that no second copy of MOSEI is needed."""


class SplitFeatures(NamedTuple):
    """One split: ids, float32 features by modality `(N, frames, features)`, scores `(N,)`, and
    how many audio values were minus infinity.
    """

    ids: list[str]
    inputs: dict[str, np.ndarray]
    scores: np.ndarray
    silent: int


def load_features(path: Path, binary: str, standardise: bool, knobs: Folded) -> Splits:
    """Return the splits, in memory."""
    parts = _read_splits(path)
    fatal = [issue.message for issue in find_issues(parts) if issue.fatal]
    if fatal:
        raise ValueError("; ".join(fatal))
    facts: dict[str, Any] = {
        "binary": binary,
        "left_out": {s: int((~has_class(p.scores, binary)).sum()) for s, p in parts.items()},
        "silent_values": {s: part.silent for s, part in parts.items()},
    }
    if knobs.folded:
        parts, drawn = _fold_parts(parts, binary, knobs)
        facts |= drawn
    shapes = {m: parts["train"].inputs[m].shape[1:] for m in MODALITIES}
    if standardise:
        for modality in MODALITIES:
            standardise_in_place({s: part.inputs for s, part in parts.items()}, modality)
    splits = {split: _binary_split(part, binary, split) for split, part in parts.items()}
    return Splits(
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        plain_train=splits["train"],
        shapes=shapes,
        classes=RULES[binary],
        facts=facts,
    )


def _fold_parts(
    parts: Mapping[str, SplitFeatures], binary: str, knobs: Folded
) -> tuple[dict[str, SplitFeatures], dict[str, Any]]:
    """Return the splits of a fold of all samples that have a class, and facts for the trace."""
    scores = np.concatenate([part.scores for part in parts.values()])
    used = has_class(scores, binary)
    ids = np.array([name for part in parts.values() for name in part.ids])
    inputs = {m: np.concatenate([p.inputs[m] for p in parts.values()]) for m in MODALITIES}
    videos = np.array([name.rpartition("$_$")[0] for name in ids[used]])
    splits, facts = knobs.draw_fold(
        (scores[used] >= 0).astype(np.int64), {"ids": ids[used], "scores": scores[used]},
        groups={"video": videos}, published=True,
    )  # fmt: skip
    drawn = {}
    for name in parts:
        at = np.flatnonzero(used)[splits == name]
        chosen = {m: values[at] for m, values in inputs.items()}
        drawn[name] = SplitFeatures(ids[at].tolist(), chosen, scores[at], 0)
    return drawn, facts


def list_features(path: Path, binary: str, knobs: Folded) -> Listing:
    """Return the samples as clips without files, with everything wrong or odd about them."""
    parts = _read_splits(path)
    issues = find_issues(parts)
    if knobs.folded:
        parts, _ = _fold_parts(parts, binary, knobs)
    clips = [
        Clip(name, int(score >= 0), split, {}, group=name.rpartition("$_$")[0])
        for split, part in parts.items()
        for name, score, used in zip(
            part.ids, part.scores, has_class(part.scores, binary), strict=True
        )
        if used
    ]
    listing = Listing(clips, RULES[binary], "video")
    return Listing(clips, RULES[binary], "video", [*issues, *shared_groups(listing)])


def _read_splits(path: Path) -> dict[str, SplitFeatures]:
    content = load_pickle(path)
    parts = {}
    for split, name in SPLITS.items():
        if not isinstance(content, dict) or not isinstance(content.get(name), dict):
            raise ValueError(f"{path} holds no dict {name!r}, expected train, valid and test")
        parts[split] = _read_split(content.pop(name), f"{name} in {path}")
    for modality in MODALITIES:
        shapes = {split: part.inputs[modality].shape[1:] for split, part in parts.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(
                f"{modality} in {path} differs in size between splits: {shapes}; fetch it again"
            )
    return parts


def _read_split(content: dict[str, Any], place: str) -> SplitFeatures:
    """Return one split; `place` is for the errors.

    Audio features of minus infinity, the logarithm of silence, become 0 as in MMSA's own loader.
    """
    missing = {*MODALITIES, "id", "regression_labels"} - set(content)
    if missing:
        raise ValueError(
            f"{place} has no {sorted(missing)}, only {sorted(content)}; take the file of MMSA"
        )
    ids = [str(name) for name in content["id"]]
    try:
        scores = np.asarray(content["regression_labels"], dtype=np.float64).reshape(-1)
        inputs = {m: np.asarray(content[m], dtype=np.float32) for m in MODALITIES}
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{place} holds features or labels that are no arrays of numbers: {error}; take the "
            "file of MMSA"
        ) from error
    shapes = {m: values.shape for m, values in inputs.items()}
    if any(len(s) != 3 or s[0] != len(ids) for s in shapes.values()) or len(scores) != len(ids):
        raise ValueError(
            f"{place} holds {len(ids)} ids, {len(scores)} labels and features {shapes}, expected "
            f"features ({len(ids)}, frames, features) and a label each; fetch the file again"
        )
    silent = np.isneginf(inputs["audio"])
    if silent.any():
        inputs["audio"] = np.where(silent, np.float32(0), inputs["audio"])
    return SplitFeatures(ids, inputs, scores, int(silent.sum()))


def find_issues(parts: Mapping[str, SplitFeatures]) -> list[Issue]:
    """Return what is wrong or odd with the samples."""
    issues = []
    for split, part in parts.items():
        wrong = ~(np.abs(part.scores) <= LARGEST_SCORE)  # NaN is wrong as well
        issues += _issue_where(wrong, part, split, "label", "unknown label", "outside -3 … 3")
        for modality, values in part.inputs.items():
            broken = ~np.isfinite(values).all(axis=(1, 2))
            issues += _issue_where(broken, part, split, modality, "not finite", "NaN or infinity")
        if part.silent:
            message = f"{part.silent} audio value(s) of {split} are minus infinity and become 0"
            issues.append(Issue("silent", "", "audio", message, fatal=False))
    ids = [name for part in parts.values() for name in part.ids]
    known = set(parts["train"].ids) | set(parts["validation"].ids)
    tested = sorted(known.intersection(parts["test"].ids))
    if tested:
        message = (
            f"{len(tested)} test sample(s) are in train or valid as well, such as {tested[0]}; "
            "accuracy on them says nothing: take the file of MMSA"
        )
        issues.append(Issue("listed twice", tested[0], "", message))
    elif len(set(ids)) < len(ids):
        message = f"{len(ids) - len(set(ids))} sample id(s) repeat one that came before"
        issues.append(Issue("listed twice", "", "", message, fatal=False))
    return issues


def _issue_where(
    where: np.ndarray, part: SplitFeatures, split: str, modality: str, kind: str, what: str
) -> list[Issue]:
    """Return one issue for the samples where `where` `(N,)` holds, none if it holds nowhere."""
    if not where.any():
        return []
    first = part.ids[int(np.argmax(where))]
    message = (
        f"the {modality} of {int(where.sum())} sample(s) of {split} is {what}, first that of "
        f"{first}; fetch the file again"
    )
    return [Issue(kind, first, modality, message)]


def standardise_in_place(inputs: Mapping[str, dict[str, np.ndarray]], modality: str) -> None:
    """Standardise a modality of every split in place, by the training split's frames.

    Frames of zeros are padding: they do not count, and stay zeros. A constant feature becomes 0.
    """
    train = inputs["train"][modality]
    features = train.shape[2]
    count = sum(int(frames.any(axis=2).sum()) for frames in _chunks(train)) or 1
    total = sum((frames.sum(axis=(0, 1), dtype=np.float64) for frames in _chunks(train)),
                np.zeros(features))  # fmt: skip
    mean = total / count
    squares = np.zeros(features)
    for frames in _chunks(train):
        squares += ((frames[frames.any(axis=2)] - mean) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / count)
    constant = deviation <= 1e-6 * np.abs(mean)
    factor = np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation))
    for split in inputs.values():
        scaled = np.empty_like(split[modality])
        for old, new in zip(_chunks(split[modality]), _chunks(scaled), strict=True):
            new[:] = (old - mean) * factor * old.any(axis=2, keepdims=True)
        split[modality] = scaled


def _chunks(values: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def has_class(scores: np.ndarray, binary: str) -> np.ndarray:
    """Return which samples have a class `(N,)`."""
    return scores != 0 if binary == "negative_positive" else np.ones(len(scores), dtype=bool)


def _binary_split(part: SplitFeatures, binary: str, split: str) -> InMemory:
    """Return the samples that have a class, with 0 for a negative score and 1 for the others."""
    used = has_class(part.scores, binary)
    labels = (part.scores[used] >= 0).astype(np.int64)
    names = RULES[binary]
    if len(np.unique(labels)) < len(names):
        raise ValueError(
            f"{split} holds {len(labels)} sample(s), not of both classes {list(names)}; take the "
            "whole file"
        )
    whole = bool(used.all())
    inputs = {
        m: torch.from_numpy(values if whole else values[used]) for m, values in part.inputs.items()
    }
    return InMemory(inputs, torch.from_numpy(labels))
