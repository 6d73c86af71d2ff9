"""Check a dataset on disk before hours are spent on it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import numpy as np
from joblib import Parallel, cpu_count, delayed

from fusion_sched.data.clips.files import split_fingerprint
from fusion_sched.data.clips.load import progress_bar, stores_of
from fusion_sched.data.clips.prepare import CHUNK, read_modality, stored_parts
from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.store import Store, checksum, is_complete, store_name
from fusion_sched.data.clips.types import Clip, ClipDataset, Issue, Listing, Modality, Report
from fusion_sched.data.memory import SPLIT_NAMES


def check_clips(dataset: ClipDataset) -> Report:
    """Read every file of every clip as training would, and report what is wrong or odd."""
    listing = dataset.listing()
    modalities = dataset.readers(listing) if listing.clips else {}
    known = recognise(dataset.source, listing.clips)
    media = media_issues(dataset.source.name, listing.clips, modalities)
    kinds = {issue.kind for issue in listing.issues}
    shared = [issue for issue in shared_groups(listing) if issue.kind not in kinds]
    return Report(
        count_classes(listing),
        [*listing.issues, *media, *shared, *repeated_content(listing.clips)],
        dataset.source.counts.get(known, {}),
        known,
        {name: f"{type(m).__name__} {tuple(m.shape)}" for name, m in modalities.items()},
    )


def count_classes(listing: Listing) -> dict[str, dict[str, int]]:
    """Return split → class → number of clips."""
    counts = Counter((clip.split, clip.label) for clip in listing.clips)
    return {
        split: {name: counts[split, label] for label, name in enumerate(listing.classes)}
        for split in SPLIT_NAMES
    }


def recognise(source: Source, clips: Sequence[Clip]) -> str:
    """Return the name of the known split whose test clips these are, or an empty text."""
    fingerprint = split_fingerprint(clip.id for clip in clips if clip.split == "test")
    return next((n for n, known in source.fingerprints.items() if known == fingerprint), "")


def media_issues(
    name: str, clips: Sequence[Clip], modalities: Mapping[str, Modality]
) -> list[Issue]:
    """Return the issues of every clip's files, read on all cores."""
    return _on_all_cores(f"reading {name}", clips, lambda part: _issues_of(part, modalities))


def store_issues(dataset: ClipDataset) -> list[Issue]:
    """Return where prepared values are damaged, or not those that the files give now."""
    listing = dataset.listing()
    modalities = dataset.readers(listing)
    clips = sorted(listing.clips, key=lambda clip: clip.id)
    folder = stores_of(dataset) / store_name(dataset.source.name, clips, modalities)
    store = Store(folder)
    if not is_complete(store):
        message = f"{folder} holds no prepared data; there is nothing to compare with the files"
        return [Issue("nothing prepared", "", "", message, fatal=False)]
    title = f"comparing {dataset.source.name}"
    return _on_all_cores(title, clips, lambda part: _differences(part, modalities, store))


def _differences(
    clips: Sequence[Clip], modalities: Mapping[str, Modality], store: Store
) -> list[Issue]:
    issues = []
    for name, modality in modalities.items():
        for clip in clips:
            row = store.rows[clip.id]
            try:
                store.read(name, np.array([row]))
            except ValueError as error:
                issues.append(Issue("damaged store", clip.id, name, str(error)))
                continue
            (value,), _ = read_modality([clip], name, modality)
            if checksum(stored_parts(value, modality)) != int(store.sums(name)[row]):
                message = (
                    f"{name} of clip {clip.id} is not what was prepared in {store.folder}: its "
                    "file has changed, or another version of a decoder reads it; remove that "
                    "folder to prepare the dataset again"
                )
                issues.append(Issue("not as prepared", clip.id, name, message))
    return issues


def _on_all_cores(
    title: str, clips: Sequence[Clip], issues_of: Callable[[Sequence[Clip]], list[Issue]]
) -> list[Issue]:
    parts = [clips[start : start + CHUNK] for start in range(0, len(clips), CHUNK)]
    workers = min(cpu_count(), len(parts)) or 1
    jobs = (delayed(issues_of)(part) for part in parts)
    issues: list[Issue] = []
    done = 0
    with progress_bar(title) as progress:
        results = Parallel(n_jobs=workers, return_as="generator")(jobs)
        for part, of_part in zip(parts, results, strict=True):
            issues += of_part
            done += len(part)
            progress(done, len(clips))
    return issues


def _issues_of(clips: Sequence[Clip], modalities: Mapping[str, Modality]) -> list[Issue]:
    """Return the issues of some clips; of files that can be read, the warnings."""
    issues = []
    for name, modality in modalities.items():
        for clip in clips:
            _, errors = read_modality([clip], name, modality)
            issues += [e for e in errors if e.fatal] or modality.warnings(clip)
    return issues


def repeated_content(clips: Sequence[Clip]) -> list[Issue]:
    """Return an issue per file whose content is that of a file in another split."""
    places: dict[Path, tuple[str, str]] = {}
    for clip in clips:
        for name, path in clip.files.items():
            places.setdefault(path, (clip.split, name))
    sizes: dict[int, list[Path]] = defaultdict(list)
    for path in places:
        if path.is_file():
            sizes[path.stat().st_size].append(path)
    contents: dict[str, list[Path]] = defaultdict(list)
    for path in (path for of_size in sizes.values() if len(of_size) > 1 for path in of_size):
        contents[sha256(path.read_bytes()).hexdigest()].append(path)
    issues = []
    for first, *others in contents.values():
        for other in others:
            (split, name), (second, _) = places[first], places[other]
            if split != second:
                message = (
                    f"{first} in {split} and {other} in {second} are the same byte for byte: "
                    f"accuracy on {second} is in part that on known samples"
                )
                issues.append(Issue("same content", "", name, message, fatal=False))
    return issues


def shared_groups(listing: Listing) -> list[Issue]:
    """Return, per pair of splits, how many actors or videos they share."""
    members: dict[str, set[str]] = defaultdict(set)
    for clip in listing.clips:
        if clip.group:
            members[clip.split].add(clip.group)
    issues = []
    for first, second in combinations(SPLIT_NAMES, 2):
        shared = sorted(members[first] & members[second])
        if shared:
            some = ", ".join(shared[:3]) + (", …" if len(shared) > 3 else "")
            message = (
                f"{len(shared)} {listing.group}(s) occur in both {first} and {second} ({some}): "
                f"accuracy on {second} is not that on {listing.group}s never seen"
            )
            issues.append(Issue(f"shared {listing.group}", "", "", message, fatal=False))
    return issues
