"""Cross-validation: which samples train, validate and test in one fold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from fusion_sched.data.memory import SPLIT_NAMES, digest_arrays, stratified_split

__all__ = ["DrawnSplit", "Folded", "fold_splits"]

VALIDATION = 0.1
"""Share of the samples that do not test, for datasets without a knob `validation`."""
SHOWN = 5

Index = dict[str, np.ndarray]
"""Split → sorted positions of its samples."""


@dataclass(frozen=True, kw_only=True)
class Folded:
    """Knobs of every dataset for cross-validation; all `None`: the dataset's own splits.

    Parameters
    ----------
    folds : number of folds, each of which tests once; needed unless the dataset names folds
    fold : the one that tests, 0 … folds - 1
    group : what is kept whole, such as a column of speakers
    """

    folds: int | None = None
    fold: int | None = None
    group: str | None = None

    @property
    def folded(self) -> bool:
        """Whether a fold takes the place of the dataset's own splits."""
        return any(knob is not None for knob in (self.folds, self.fold, self.group))

    def draw_fold(
        self,
        labels: np.ndarray,
        content: Mapping[str, np.ndarray],
        *,
        groups: Mapping[str, np.ndarray] | None = None,
        given: np.ndarray | None = None,
        published: bool = False,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Draw the fold out of all samples.

        Parameters
        ----------
        labels : class ids `(N,)`
        content : arrays that identify the samples and are the same in every fold
        groups : name of a way to group the samples → an id per sample `(N,)`
        given : the fold of each sample `(N,)`, where the dataset names it
        published : the dataset has splits of its own, which the folds replace

        Returns
        -------
        splits : "train", "validation" or "test" for each sample `(N,)`
        facts : what the trace holds of it

        Raises
        ------
        ValueError
            Knobs that do not fit one another or the dataset.
        """
        known = groups or {}
        ids = None if self.group is None else self._chosen_groups(known)
        if self.fold is None:
            raise ValueError(
                f"dataset.folds={self.folds} and dataset.group={self.group} need dataset.fold: the "
                "fold that tests, counted from 0; in a sweep -m dataset.fold=0,1,2,…"
            )
        knobs = vars(self)
        splits = fold_splits(
            labels, self.folds, self.fold, groups=ids, given=given,
            validation=knobs.get("validation", VALIDATION), seed=knobs.get("split_seed", 0),
        )  # fmt: skip
        pool = {"labels": labels, **content}
        pool |= {} if ids is None else {"groups": ids}
        pool |= {} if given is None else {"given": given}
        facts = {
            "folds": len(_fold_names(given)) if given is not None else self.folds,
            "fold": self.fold,
            "held_out": str(self.fold if given is None else _fold_names(given)[self.fold]),
            "group": self.group,
            "pool": digest_arrays(pool),
        }
        notes = [
            f"{count} {name}(s) are in test and in another split as well: accuracy on test is not "
            f"that on a {name} never seen; dataset.group={name} keeps each in one fold"
            for name, values in known.items()
            if self.group is None and (count := _count_shared(values, splits))
        ]
        if published:
            notes.append(
                "folds are drawn from all samples, those of the dataset's own test set as well: "
                "results are not those of its published split"
            )
        return splits, {"cross_validation": facts, "notes": notes}

    def _chosen_groups(self, known: Mapping[str, np.ndarray]) -> np.ndarray:
        assert self.group is not None
        if self.group not in known:
            names = f"groups by {sorted(known)}" if known else "no groups: leave out dataset.group"
            raise ValueError(f"dataset.group is {self.group!r}, but the dataset has {names}")
        return known[self.group]


@dataclass(frozen=True, kw_only=True)
class DrawnSplit(Folded):
    """A dataset in memory without splits of its own.

    Parameters
    ----------
    validation, test : shares of all samples; 0 for `test`: no sample tests, and results are those
        on validation. With folds, or where none tests, `validation` is one part of
        `round(1 / validation)` of the samples that do not test, and `test` is not used with folds
    split_seed : seed that draws the splits or folds
    """

    validation: float = 0.2
    test: float = 0.2
    split_seed: int = 0

    def draw_index(
        self,
        labels: np.ndarray,
        content: Mapping[str, np.ndarray],
        *,
        groups: Mapping[str, np.ndarray] | None = None,
        given: np.ndarray | None = None,
        own: Callable[[], Index] | None = None,
    ) -> tuple[Index, dict[str, Any]]:
        """Return sorted positions by split, and facts for the trace; parameters as `draw_fold`.

        `own` makes the splits that the data names itself; without, they are drawn at random, with
        whole groups where `group` is set.
        """
        if self.folds is not None or self.fold is not None:
            splits, facts = self.draw_fold(
                labels, content, groups=groups, given=given, published=own is not None
            )
            return positions(splits), facts
        if own is not None:
            return own(), {}
        ids = None if self.group is None else self._chosen_groups(groups or {})
        if self.test == 0:
            units = np.arange(len(labels)) if ids is None else ids
            splits = np.full(len(labels), "train", dtype="U10")
            _carve(splits, labels, units, self.validation, self.split_seed)
            _check_trained(labels, splits, "the validation split")
            return positions(splits), {}
        if ids is None:
            return stratified_split(labels, self.validation, self.test, self.split_seed), {}
        parts = max(2, round(1 / self.test))
        return positions(fold_splits(
            labels, parts, 0, groups=ids, validation=self.validation, seed=self.split_seed
        )), {}  # fmt: skip


def positions(splits: np.ndarray) -> Index:
    """Return sorted positions `(n,)` by split, of splits by sample `(N,)`."""
    return {name: np.flatnonzero(splits == name) for name in SPLIT_NAMES}


def fold_splits(
    labels: np.ndarray,
    folds: int | None,
    fold: int,
    *,
    groups: np.ndarray | None = None,
    given: np.ndarray | None = None,
    validation: float = VALIDATION,
    seed: int = 0,
) -> np.ndarray:
    """Split all samples for one fold of a cross-validation.

    Over all folds each sample tests once. Classes are spread evenly: without groups no two folds
    differ by more than one sample of a class.

    Parameters
    ----------
    labels : class ids `(N,)`
    folds : number of folds; `None`: those of `given`
    fold : the one that tests, 0 … folds - 1
    groups : ids `(N,)` of what is kept in one split as a whole
    given : the fold of each sample `(N,)`, any names; then the next fold validates
    validation : share of the samples that do not test which validate: one part of
        `round(1 / validation)`, drawn as the folds are
    seed : of what is drawn

    Returns
    -------
    np.ndarray
        "train", "validation" or "test" for each sample `(N,)`.

    Raises
    ------
    ValueError
        A fold that there is not, a class in too few groups, or a class with nothing to train on.
    """
    labels = np.asarray(labels)
    if given is not None:
        splits = _given_splits(folds, fold, groups, np.asarray(given))
    else:
        if folds is None:
            raise ValueError(
                "dataset.folds is null and the dataset names no folds; set dataset.folds=5, say"
            )
        if folds < 2:
            raise ValueError(f"dataset.folds is {folds}, expected at least 2")
        _check_fold(fold, folds)
        units = np.arange(len(labels)) if groups is None else np.asarray(groups)
        _check_classes(labels, units, folds, groups is None)
        splits = np.full(len(labels), "train", dtype="U10")
        splits[_part(labels, units, folds, fold, seed)] = "test"
        _carve(splits, labels, units, validation, seed)
    _check_trained(labels, splits, f"dataset.fold={fold}")
    return splits


def _check_trained(labels: np.ndarray, splits: np.ndarray, origin: str) -> None:
    """Raise where a class has no training sample."""
    untrained = sorted(set(labels.tolist()) - set(labels[splits == "train"].tolist()))
    if untrained:
        raise ValueError(
            f"class id(s) {untrained[:SHOWN]} have no sample to train on with {origin}; "
            "expected groups or folds that leave some of each class: take fewer folds, or more "
            "groups"
        )


def _given_splits(
    folds: int | None, fold: int, groups: np.ndarray | None, given: np.ndarray
) -> np.ndarray:
    """Return the splits where the dataset names the folds: the next one validates."""
    names = _fold_names(given)
    if folds not in (None, len(names)):
        raise ValueError(
            f"dataset.folds is {folds}, but the dataset names {len(names)} folds "
            f"{names[:SHOWN]}; leave out dataset.folds"
        )
    if len(names) < 3:
        raise ValueError(
            f"the dataset names {len(names)} fold(s) {names}, expected at least three: one tests, "
            "the next one validates, the others train"
        )
    _check_fold(fold, len(names), names)
    if groups is not None:
        pairs = np.unique(np.stack([np.asarray(groups).astype(str), given.astype(str)]), axis=1)
        ids, counts = np.unique(pairs[0], return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f"{int((counts > 1).sum())} group(s) are in several of the folds that the dataset "
                f"names, such as {str(ids[counts > 1][0])!r}; correct the folds, or leave out "
                "dataset.group"
            )
    text = given.astype(str)
    splits = np.full(len(given), "train", dtype="U10")
    splits[text == names[fold]] = "test"
    splits[text == names[(fold + 1) % len(names)]] = "validation"
    return splits


def _fold_names(given: np.ndarray) -> list[str]:
    """Return the names of the folds in their order: by number where all are numbers."""
    names = sorted(set(np.asarray(given).astype(str).tolist()))
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names


def _check_fold(fold: int, folds: int, names: list[str] | None = None) -> None:
    if not 0 <= fold < folds:
        named = f", which stand for {names[:SHOWN]}" if names else ""
        raise ValueError(f"dataset.fold is {fold}, expected 0 … {folds - 1}{named}")


def _check_classes(labels: np.ndarray, units: np.ndarray, folds: int, alone: bool) -> None:
    """Raise where a class has fewer groups, or samples, than there are folds."""
    counts = _units_by_class(labels, units)
    scarce = {label: count for label, count in counts.items() if count < folds}
    if scarce:
        what = "sample(s)" if alone else "group(s)"
        raise ValueError(
            f"too few {what} for {folds} folds: {dict(list(scarce.items())[:SHOWN])} (class id: "
            f"{what}), expected at least {folds} of each class; take fewer folds or add samples"
        )


def _units_by_class(labels: np.ndarray, units: np.ndarray) -> dict[int, int]:
    """Return class id → number of groups with a sample of it."""
    return {int(c): len(np.unique(units[labels == c])) for c in np.unique(labels)}


def _part(labels: np.ndarray, units: np.ndarray, parts: int, number: int, seed: int) -> np.ndarray:
    """Return the positions of one of so many stratified parts with whole groups."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    settings = {"n_splits": parts, "shuffle": True, "random_state": seed}
    if len(np.unique(units)) == len(units):
        drawn = StratifiedKFold(**settings).split(labels, labels)
    else:
        drawn = StratifiedGroupKFold(**settings).split(labels, labels, units)
    positions_of_part: np.ndarray = next(islice(drawn, number, None))[1]
    return positions_of_part


def _carve(
    splits: np.ndarray, labels: np.ndarray, units: np.ndarray, validation: float, seed: int
) -> None:
    """Make a part of the training samples validation: the first that leaves each class some."""
    if not 0 < validation <= 0.5:
        raise ValueError(
            f"dataset.validation is {validation}, expected a share above 0 and up to 0.5 of the "
            "samples that do not test"
        )
    rest = np.flatnonzero(splits == "train")
    counts = _units_by_class(labels[rest], units[rest])
    parts = min(round(1 / validation), *counts.values())
    if parts < 2:
        scarce = min(counts, key=lambda label: counts[label])
        raise ValueError(
            f"class id {scarce} is in {counts[scarce]} group(s) that do not test, expected two or "
            "more: one to validate and one to train on; add samples or take more folds"
        )
    for number in range(parts):
        chosen = rest[_part(labels[rest], units[rest], parts, number, seed)]
        trained = np.setdiff1d(rest, chosen)
        if len(np.unique(labels[trained])) == len(counts):
            break
    splits[chosen] = "validation"


def _count_shared(groups: np.ndarray, splits: np.ndarray) -> int:
    """Return how many groups are in test and in another split as well."""
    test = splits == "test"
    return len(np.intersect1d(groups[test], groups[~test]))
