"""From a dataset of clips to the splits a run trains on."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from fusion_sched.data.clips.prepare import prepare_store
from fusion_sched.data.clips.store import Store, short_hash
from fusion_sched.data.clips.types import Clip, ClipDataset, Issue, Listing, Modality
from fusion_sched.data.clips.views import draw_views
from fusion_sched.data.memory import SPLIT_NAMES
from fusion_sched.runtime.files import naming
from fusion_sched.types import Batch, Splits

STORES = ".fusion_sched"
"""Folder of prepared data under a dataset's root, where `store` names none."""
SHOWN = 5
"""Faults that an error shows in full."""


@dataclass(frozen=True)
class Stored:
    """One split of a store. `rows` `(N,)` are its rows; `identity` is hashed with the labels
    into the split's fingerprint.
    """

    store: Store
    modalities: tuple[str, ...]
    rows: np.ndarray
    labels: Tensor
    identity: str

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, indices: list[int]) -> Batch:
        """Return stored values of these samples, not yet finished, as one batch."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        rows = self.rows[indices]
        inputs = {name: self.store.read(name, rows) for name in self.modalities}
        return Batch(inputs, self.labels[index], index)

    def fingerprint(self) -> str:
        """Return a hash over settings, clip ids, checksums of their stored values, and labels."""
        return short_hash([self.identity, *map(str, self.labels.tolist())])


def prepare_clips(
    dataset: ClipDataset, listing: Listing, workers: int | None = None
) -> tuple[Store, dict[str, Modality]]:
    """Return the dataset's store and modalities; a bar on the terminal shows the decoding."""
    modalities = dataset.readers(listing)
    folder = stores_of(dataset)
    with progress_bar(f"preparing {dataset.source.name}") as progress:
        store = prepare_store(
            folder, dataset.source.name, listing.clips, modalities, progress, workers
        )
    return store, modalities


def stores_of(dataset: ClipDataset) -> Path:
    """Return the folder of the dataset's prepared data."""
    return Path(dataset.store) if dataset.store else Path(dataset.root) / STORES


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows how many of how many are done, on standard error."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Elsewhere than on a terminal it would leave an empty line behind.
    shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def check_on_error(dataset: ClipDataset) -> None:
    """Raise `ValueError` where `on_error` is neither of its choices."""
    if dataset.on_error not in ("raise", "skip"):
        raise ValueError(f"on_error is {dataset.on_error!r}, expected 'raise' or 'skip'")


def load_clips(dataset: ClipDataset) -> Splits:
    """Return the splits of a dataset of clips; its store is made where it is missing.

    Raises
    ------
    ValueError
        Damaged clips, unless `on_error` is `"skip"`; a split without clips.
    FileNotFoundError
        The data is not under `root`.
    """
    check_on_error(dataset)
    listing = dataset.listing()
    fatal = [issue for issue in listing.issues if issue.fatal]
    if fatal and not listing.clips:
        raise ValueError(_summary(dataset, fatal))
    store, modalities = prepare_clips(dataset, listing)
    issues = [*fatal, *store.damage]
    if issues and dataset.on_error == "raise":
        raise ValueError(_summary(dataset, issues))
    damaged = {issue.clip for issue in store.damage}
    usable = [clip for clip in listing.clips if clip.id not in damaged]
    with naming(Path(vars(dataset).get("list") or dataset.root)):
        _check_splits(usable, listing.classes)
    parts = {name: _stored_split(store, modalities, usable, name) for name in SPLIT_NAMES}
    facts: dict[str, Any] = {"store": store.folder.name, **listing.facts}
    if "cross_validation" in facts:  # the pool of all samples, by what they hold
        fold = facts["cross_validation"]
        content = content_of(store, sorted(clip.id for clip in usable))
        facts["cross_validation"] = {**fold, "pool": short_hash([fold["pool"], *content])}
    odd = notes_on_files([issue for issue in store.issues if not issue.fatal])
    if odd:
        facts["notes"] = [*facts.get("notes", []), *odd]
    if issues:
        facts["left_out"] = f"{_left_out(issues, len(usable))}; see `{check_command(dataset)}`"
        facts["skipped"] = [
            {"clip": issue.clip, "kind": issue.kind, "message": issue.message} for issue in issues
        ]
    return Splits(
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        plain_train=parts["train"],
        shapes={name: modality.shape for name, modality in modalities.items()},
        classes=tuple(listing.classes),
        facts=facts,
        finish=Finish(modalities),
        augment=Augment(modalities),
        store=store.folder.parent,
    )


@dataclass(frozen=True)
class Finish:
    """Turns a batch of stored values into network inputs, on the batch's device."""

    modalities: Mapping[str, Modality]

    def __call__(self, batch: Batch) -> Batch:
        inputs = {m: self.modalities[m].finish(values) for m, values in batch.inputs.items()}
        return batch._replace(inputs=inputs)


@dataclass(frozen=True)
class Augment:
    """Changes a batch of inputs at random, every picture of a sample in the same way."""

    modalities: Mapping[str, Modality]

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with changed inputs; `generator` is on the CPU."""
        views = draw_views(len(batch.y), generator)
        inputs = {m: self.modalities[m].augment(v, views) for m, v in batch.inputs.items()}
        return batch._replace(inputs=inputs)

    def changes(self, modality: str) -> bool:
        """Whether the modality's inputs change; taken for granted where it does not say."""
        return bool(getattr(self.modalities[modality], "augmented", True))


def _stored_split(
    store: Store, modalities: Mapping[str, Modality], clips: Sequence[Clip], split: str
) -> Stored:
    """Return one split's samples, sorted by clip id."""
    chosen = sorted((clip for clip in clips if clip.split == split), key=lambda clip: clip.id)
    settings = [modality["settings"] for modality in store.meta["modalities"].values()]
    return Stored(
        store,
        tuple(modalities),
        np.array([store.rows[clip.id] for clip in chosen], dtype=np.int64),
        torch.tensor([clip.label for clip in chosen], dtype=torch.int64),
        short_hash([*settings, *content_of(store, [clip.id for clip in chosen])]),
    )


def content_of(store: Store, ids: Sequence[str]) -> list[str]:
    """Return each clip's id with the checksums of its stored values."""
    sums = [store.sums(name) for name in store.meta["modalities"]]
    rows = [store.rows[name] for name in ids]
    return [f"{n} {' '.join(str(s[row]) for s in sums)}" for n, row in zip(ids, rows, strict=True)]


def notes_on_files(issues: Sequence[Issue]) -> list[str]:
    """Return a sentence per kind of issue: how many clips, and the first of them."""
    first: dict[str, str] = {}
    for issue in issues:
        first.setdefault(issue.kind, issue.message)
    clips = Counter(issue.kind for issue in issues)
    return [f"{clips[kind]} clip(s) {kind}; the first: {text}" for kind, text in first.items()]


def _left_out(issues: Sequence[Issue], used: int) -> str:
    """Return how many samples are left out and why; one with several issues counts by the first."""
    first = {issue.clip: issue.kind for issue in reversed(issues) if issue.clip}
    kinds = Counter(first.values())
    for issue in issues:
        kinds[issue.kind] += issue.samples
    counted = ", ".join(
        f"{count} {kind.replace('no ', 'without ', 1) if kind.startswith('no ') else kind}"
        for kind, count in kinds.most_common()
        if count
    )
    return f"{kinds.total()} of {used + kinds.total()} samples ({counted})"


def check_command(dataset: ClipDataset) -> str:
    """Return the command that checks the dataset; its other settings are not in it."""
    table = vars(dataset).get("list")
    place = f"dataset.list={table}" if table else f"--root={dataset.root}"
    return f"fusion-sched data check {dataset.source.name} {shlex.quote(place)}"


def _summary(dataset: ClipDataset, issues: Sequence[Issue]) -> str:
    """Return what is wrong, how often, and what can be done."""
    kinds = Counter(issue.kind for issue in issues)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    shown = some_lines([issue.message for issue in issues])
    return (
        f"{dataset.source.title}: damaged: {counted}\n{shown}\n"
        f"See all by `{check_command(dataset)}`; "
        "correct them, or train without these clips by dataset.on_error=skip"
    )


def some_lines(messages: Sequence[str]) -> str:
    """Return the first messages, a line each, and how many more there are."""
    more = [f"… and {len(messages) - SHOWN} more"] if len(messages) > SHOWN else []
    return "\n".join(f"  {text}" for text in [*messages[:SHOWN], *more])


def _check_splits(clips: Sequence[Clip], classes: Sequence[str]) -> None:
    """Raise where a split has no clip, or a class no clip to train on."""
    counts = Counter(clip.split for clip in clips)
    empty = [name for name in SPLIT_NAMES if not counts[name]]
    if empty:
        raise ValueError(
            f"no usable clip in {', '.join(empty)}; clips by split: {dict(counts)}; "
            "correct the lists"
        )
    trained = {clip.label for clip in clips if clip.split == "train"}
    tested = {clip.label for clip in clips if clip.split == "test"}
    unseen = [classes[label] for label in sorted(tested - trained)]
    if unseen:
        raise ValueError(
            f"class(es) {', '.join(unseen[:SHOWN])} have test clips but none to train on; "
            "correct the lists"
        )
