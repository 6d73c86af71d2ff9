"""The examination of a dataset on disk before hours are spent on it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

from joblib import Parallel, cpu_count, delayed

from fusion_sched.data.clips.files import split_fingerprint
from fusion_sched.data.clips.load import progress_bar
from fusion_sched.data.clips.prepare import decode
from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.types import Clip, ClipDataset, Issue, Listing, Modality, Report
from fusion_sched.data.memory import SPLIT_NAMES

CHUNK = 32


def check_clips(dataset: ClipDataset) -> Report:
    """Read every file of every clip as training would, and report what is wrong or odd."""
    listing = dataset.listing()
    modalities = dataset.modalities(listing)
    recognised = recognise(dataset.source, listing.clips)
    return Report(
        counts=count_classes(listing),
        expected=dataset.source.counts.get(recognised, {}),
        recognised=recognised,
        faults=[
            *listing.faults,
            *examine_all(dataset.source.name, listing.clips, modalities),
            *shared_groups(listing),
        ],
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
    found = split_fingerprint(clip.id for clip in clips if clip.split == "test")
    for name, known in source.fingerprints.items():
        if known == found:
            return name
    return ""


def examine_all(
    name: str, clips: Sequence[Clip], modalities: Mapping[str, Modality]
) -> list[Issue]:
    """Examine every clip, on all cores."""
    parts = [clips[start : start + CHUNK] for start in range(0, len(clips), CHUNK)]
    workers = min(cpu_count(), len(parts)) or 1
    jobs = (delayed(examine)(part, modalities) for part in parts)
    faults: list[Issue] = []
    done = 0
    with progress_bar(f"reading {name}") as progress:
        for part, found in zip(
            parts, Parallel(n_jobs=workers, return_as="generator")(jobs), strict=True
        ):
            faults += found
            done += len(part)
            progress(done, len(clips))
    return faults


def examine(clips: Sequence[Clip], modalities: Mapping[str, Modality]) -> list[Issue]:
    """Return the faults of some clips; what can be read is looked at for oddities as well."""
    faults = []
    for name, modality in modalities.items():
        for clip in clips:
            _, damage = decode([clip], name, modality)
            faults += damage or modality.remarks(clip)
    return faults


def shared_groups(listing: Listing) -> list[Issue]:
    """Return, per pair of splits, how many actors or videos they share."""
    members: dict[str, set[str]] = defaultdict(set)
    for clip in listing.clips:
        if clip.group:
            members[clip.split].add(clip.group)
    faults = []
    for first, second in combinations(SPLIT_NAMES, 2):
        shared = sorted(members[first] & members[second])
        if shared:
            some = ", ".join(shared[:3]) + (", …" if len(shared) > 3 else "")
            faults.append(
                Issue(
                    f"shared {listing.group}", "", "",
                    f"{len(shared)} {listing.group}(s) occur in both {first} and {second} ({some}):"
                    f" accuracy on {second} is not that on {listing.group}s never seen",
                    fatal=False,
                )
            )  # fmt: skip
    return faults
