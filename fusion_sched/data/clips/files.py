"""Files of a dataset: present or not, git-lfs pointers, lists with BOM and CRLF."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion_sched.data.clips.types import Clip, ReadError
from fusion_sched.data.memory import stratified_split

LFS_HEADER = b"version https://git-lfs.github.com/spec/v1"


def check_present(path: Path) -> None:
    """Raise `ReadError` where a file is missing, empty, or a git-lfs pointer to itself."""
    if not path.is_file():
        raise ReadError("missing", f"{path} does not exist; fetch it, or take it off the list")
    with path.open("rb") as stream:
        head = stream.read(len(LFS_HEADER))
    if head == LFS_HEADER:
        raise ReadError(
            "git-lfs pointer",
            f"{path} is a git-lfs pointer, not the file itself; run `git lfs pull` in the checkout "
            "or fetch the file from a mirror",
        )
    if not head:
        raise ReadError("empty file", f"{path} holds 0 bytes; fetch it again")


def read_rows(path: Path, delimiter: str = ",") -> list[list[str]]:
    """Return the rows of a list, without byte-order mark, line ends, or empty rows.

    A row is a line: a quote that is never closed spoils its own row, not those below it.
    """
    check_present(path)
    try:
        with path.open(encoding="utf-8-sig") as stream:
            rows = [row for line in stream for row in csv.reader([line], delimiter=delimiter)]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}; save it as UTF-8") from error
    except csv.Error as error:
        raise ValueError(f"{path} is not a list of rows: {error}; fetch it again") from error
    return [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]


def split_fingerprint(ids: Iterable[str]) -> str:
    """Return a hash of a set of clip ids, whatever their order."""
    names = "\n".join(sorted(ids)).encode("utf-8", "surrogateescape")
    return hashlib.sha256(names).hexdigest()[:16]


def carve_validation(clips: Sequence[Clip], share: float, seed: int) -> list[Clip]:
    """Return the clips with a stratified share of the training ones made validation.

    Clips of one group, where groups are named, are not kept together: use it for splits that share
    groups already.
    """
    train = [number for number, clip in enumerate(clips) if clip.split == "train"]
    labels = np.array([clips[number].label for number in train])
    # stratified_split makes three parts; the two others together are what stays in training.
    parts = stratified_split(labels, share, (1 - share) / 2, seed)
    chosen = {train[i] for i in parts["validation"]}
    return [
        replace(clip, split="validation") if number in chosen else clip
        for number, clip in enumerate(clips)
    ]
