"""What datasets share whose clips are named by lists: each adds its knobs and its rows."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fusion_sched.data.clips.check import check_clips
from fusion_sched.data.clips.files import carve_validation, read_rows
from fusion_sched.data.clips.load import load_clips
from fusion_sched.data.clips.source import Source, not_there
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality, Report
from fusion_sched.data.folds import Folded
from fusion_sched.types import Splits

__all__ = ["ListRow", "ListedDataset"]

Entry = Clip | Issue
"""What a row becomes: a clip, or what is wrong with the row."""


class ListRow(NamedTuple):
    """One row of a list.

    Parameters
    ----------
    cells : the row's cells, without blanks around them
    split : the split whose list this is; empty where the row itself names it
    place : list and number of the row, for messages
    """

    cells: Sequence[str]
    split: str
    place: str


@dataclass(frozen=True)
class ListedDataset(Folded, ABC):
    """A dataset of clips that lists name, with one or more media files each.

    A subclass is a frozen dataclass with the dataset's knobs. It defines `source`, `entries` and
    `readers`, and `select` where its lists leave something to decide.

    Parameters
    ----------
    root : folder of the dataset
    store : folder of prepared data; `None`: `.fusion_sched` under `root`
    on_error : `"raise"`, or `"skip"` to leave out clips that cannot be read
    """

    root: str
    store: str | None = None
    on_error: str = "raise"

    source: ClassVar[Source]
    allow_outside_root: ClassVar[bool] = False
    grouped_by: ClassVar[str] = ""
    """What `Clip.group` stands for, such as an actor or a video; `dataset.group` may name it."""

    @abstractmethod
    def entries(self) -> tuple[Sequence[str], Sequence[Entry]]:
        """Return the class names in the order of their ids, and what each row becomes.

        Raises
        ------
        FileNotFoundError
            A list, or a folder that is needed besides, is not there.
        """

    @abstractmethod
    def readers(self, listing: Listing) -> dict[str, Modality]:
        """Return how each modality is read, in the network's order."""

    def select(
        self, clips: Sequence[Clip], classes: Sequence[str]
    ) -> tuple[Sequence[Clip], Sequence[Issue]]:
        """Return the clips to use, each with its final split, and what is worth knowing of them."""
        return clips, []

    def listing(self) -> Listing:
        """Read the lists, no media.

        Raises
        ------
        FileNotFoundError
            A list, or a folder that is needed besides, is not there.
        ValueError
            A list that is not text in rows, or a class with too few clips for the splits.
        """
        classes, entries = self.entries()
        entries = mark_repeated(entries, lambda clip: clip.id, listed_twice)
        if not self.allow_outside_root:
            entries = [self._outside_root(e) or e if isinstance(e, Clip) else e for e in entries]
        unique = [entry for entry in entries if isinstance(entry, Clip)]
        clips, issues = self.select(unique, classes)
        of_rows = [entry for entry in entries if isinstance(entry, Issue)]
        facts: Mapping[str, Any] = {}
        if self.folded:
            clips, facts = self._fold_clips(clips)
            of_rows += [Issue("folds", "", "", note, fatal=False) for note in facts["notes"]]
        return Listing(clips, classes, self.grouped_by, [*of_rows, *issues], facts)

    def _outside_root(self, clip: Clip) -> Issue | None:
        """Return an issue where a list names a file that is not under the root."""
        root = os.path.abspath(self.root)
        for name, path in clip.files.items():
            place = os.path.abspath(path)
            if os.path.commonpath([root, place]) != root:
                message = (
                    f"{clip.id} names {path}, which is not under {self.root}; correct the list or "
                    "take the row off it"
                )
                return Issue("outside root", clip.id, name, message)
        return None

    def _fold_clips(self, clips: Sequence[Clip]) -> tuple[list[Clip], Mapping[str, Any]]:
        """Return the clips with the splits of the fold, and facts for the trace."""
        grouped = bool(self.grouped_by) and all(clip.group for clip in clips)
        folds = np.array([clip.fold for clip in clips])
        if (folds != "").any() and not (folds != "").all():
            raise ValueError(
                f"{int((folds == '').sum())} of {len(clips)} clips name no fold, such as "
                f"{clips[int(np.argmax(folds == ''))].id}; give each one a fold, or none"
            )
        splits, facts = self.draw_fold(
            np.array([clip.label for clip in clips]),
            {"clips": np.array([clip.id for clip in clips])},
            groups={self.grouped_by: np.array([c.group for c in clips])} if grouped else None,
            given=folds if (folds != "").any() else None,
            published=any(clip.split == "test" for clip in clips),
        )
        return [replace(c, split=str(s)) for c, s in zip(clips, splits, strict=True)], facts

    def load(self) -> Splits:
        """Return the splits, from the store, which is made where it is missing."""
        return load_clips(self)

    def check(self) -> Report:
        """Read every file and report what is wrong or odd."""
        return check_clips(self)


def list_rows(source: Source, path: Path, split: str = "", delimiter: str = ",") -> list[ListRow]:
    """Return a list's rows, or raise `FileNotFoundError` with where to get the data."""
    if not path.is_file():
        raise not_there(source, path)
    rows = enumerate(read_rows(path, delimiter), start=1)
    return [ListRow(cells, split, f"{path.name} row {number}") for number, cells in rows]


def mark_repeated(
    entries: Iterable[Entry], key: Callable[[Clip], Hashable], issue: Callable[[Clip, Clip], Issue]
) -> list[Entry]:
    """Return the entries, with `issue(first, clip)` in place of a clip whose key came before."""
    first: dict[Hashable, Clip] = {}

    def mark(entry: Entry) -> Entry:
        if isinstance(entry, Issue):
            return entry
        known = first.setdefault(key(entry), entry)
        return entry if known is entry else issue(known, entry)

    return [mark(entry) for entry in entries]


def listed_twice(first: Clip, clip: Clip) -> Issue:
    """Return the issue of a clip that a row has named before."""
    message = (
        f"{clip.id} is listed twice, as class {first.label} in {first.split} and as class "
        f"{clip.label} in {clip.split}; take one row off the list"
    )
    return Issue("listed twice", clip.id, "", message)


def broken_row(row: ListRow, delimiter: str, expected: str) -> Issue:
    """Return the issue of a row that is not what rows of its list are."""
    message = (
        f"{row.place} is {delimiter.join(row.cells)!r}, expected {expected}; correct it or take it "
        "off the list"
    )
    return Issue("broken row", row.place, "", message)


def unknown_label(place: str, label: str, classes: Iterable[str]) -> Issue:
    """Return the issue of a row whose class is not one of the dataset's."""
    names = list(classes)
    message = (
        f"{place} has the label {label!r}, expected one of the {len(names)} classes, such as "
        f"{names[0]!r}; correct it or take it off the list"
    )
    return Issue("unknown label", place, "", message)


def keep_present(source: Source, clips: Sequence[Clip]) -> tuple[list[Clip], list[Issue]]:
    """Return the clips whose files are all on disk, and one harmless issue that counts the others.

    Every folder is read once; files are not opened.
    """
    names: dict[str, set[str]] = {}
    present = [
        clip
        for clip in clips
        if all(_is_present(os.fspath(path), names) for path in clip.files.values())
    ]
    if not present:
        absent = [path for clip in clips[:1] for path in clip.files.values() if not path.exists()]
        raise not_there(source, absent[0].parent if absent else source.title)
    missing = len(clips) - len(present)
    message = (
        f"{missing} of {len(clips)} listed clips are not on disk and are left out "
        "(dataset.listed=present); results are not comparable with those on other copies"
    )
    return present, [Issue("not on disk", "", "", message, fatal=False)] if missing else []


def _is_present(path: str, names: dict[str, set[str]]) -> bool:
    """Say whether a path is in its folder; `names` keeps what each folder holds."""
    folder, name = os.path.split(path)
    if folder not in names:
        names[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    return name in names[folder]


def draw_validation(name: str, clips: Sequence[Clip], share: float, seed: int) -> list[Clip]:
    """Return the clips with a stratified share of the training ones made validation."""
    if not any(clip.split == "train" for clip in clips):
        raise ValueError(f"no row of {name} is a clip to train on; correct the list")
    return carve_validation(clips, share, seed)


def check_pattern(knob: str, pattern: str, example: Mapping[str, object]) -> None:
    """Raise `ValueError` where a pattern of a path uses other fields than the example has."""
    fields = ", ".join(f"{{{name}}}" for name in example)
    try:
        pattern.format(**example)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{knob} is {pattern!r}, which cannot be filled in ({error!r}); expected a path under "
            f"root with fields of {fields}"
        ) from error
    if "{video" not in pattern:
        raise ValueError(
            f"{knob} is {pattern!r}, the same file for every clip; expected {{video}} in it, and "
            f"whichever else it needs of {fields}"
        )


def check_choice(knob: str, value: str, choices: Iterable[str]) -> None:
    """Raise `ValueError` where a knob has a value that it does not know."""
    if value not in choices:
        raise ValueError(f"{knob} is {value!r}, expected one of {list(choices)}")
