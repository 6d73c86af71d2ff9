"""Where a dataset comes from, what it should hold, and what to say when it is not there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Download:
    """One file that may be fetched: where it is, its SHA-256, and where it goes under the root.

    Of a zip archive, the folder `member` becomes `path`.
    """

    url: str
    sha256: str
    path: str
    member: str = ""


@dataclass(frozen=True)
class Source:
    """A dataset's origin, in the words of its documentation.

    `name` is the choice in `conf/dataset`; `layout` lists the paths expected under the root,
    one line each; `counts` maps split → number of clips, under the name of each known way to
    split (`{"ogm": {"train": 6698, "test": 744}}`); `fingerprints` maps that name to
    `split_fingerprint` of its clip ids; `downloads` holds what licence and source allow to be
    fetched by a program. `trainings`: how to train on sample data in the folder `{out}`, where
    `dataset.root={out}` does not do.
    """

    name: str
    title: str
    modalities: Sequence[str]
    address: str
    size: str
    licence: str
    layout: Sequence[str]
    how: str
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    downloads: Sequence[Download] = ()
    trainings: Sequence[str] = ()


def not_there(source: Source, missing: Path | str) -> FileNotFoundError:
    """Return the error for missing data: where, what, and how to get it."""
    layout = "\n".join(f"    {line}" for line in source.layout)
    return FileNotFoundError(
        f"{missing} does not exist. {source.title} is expected under dataset.root as\n{layout}\n"
        f"Get it from {source.address} ({source.size}; licence: {source.licence}). {source.how}\n"
        f"Or try everything at once on sample data in the same layout:\n"
        f"    fusion-sched data sample {source.name} --out {source.name}_sample\n"
        f"and set dataset.root={source.name}_sample"
    )
