"""Datasets of the package `datasets`: saved folders, folders of pictures or sounds, hub names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.store import short_hash
from fusion_sched.data.clips.types import Issue
from fusion_sched.data.files import Files
from fusion_sched.data.kinds import SUFFIXES
from fusion_sched.data.listed import ListRow
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.tables import SPLIT, SPLITS, Table

__all__ = ["HuggingFace"]

MEDIA = ("Image", "Audio", "Video")
BEGINNINGS = {
    b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg",
    b"ID3": ".mp3", b"\xff\xfb": ".mp3",
}  # fmt: skip
"""First bytes of a file → how its name ends."""


@dataclass(frozen=True)
class HuggingFace(Files):
    """Its columns of pictures, sounds, texts and numbers are those of a list, as `Files` reads it.

    Parameters
    ----------
    name : folder that `save_to_disk` wrote, folder of pictures or sounds, or a name on the hub
    config : one of several under that name
    """

    name: str = ""
    config: str | None = None
    allow_outside_root: bool = True  # type: ignore[misc]  # a setting of `Files`

    source: ClassVar[Source] = Source(
        name="huggingface",
        title="Dataset of the package datasets",
        modalities=(),
        address="the hub of Hugging Face, or your disk",
        size="as large as it is",
        licence="its card says it",
        layout=("dataset.name=NAME, or dataset.name=FOLDER of save_to_disk",),
        how="docs/your_files.md tells which columns are read.",
    )

    @cached_property
    def table(self) -> Table:
        """One row per sample of every split; bytes are written to files under `root`."""
        parts = load_parts(self.name, self.config)
        first = next(iter(parts.values()))
        kinds = {column: type(feature).__name__ for column, feature in first.features.items()}
        kept = [c for c, kind in kinds.items() if kind in (*MEDIA, "ClassLabel", "Value")]
        issues = [
            Issue("not used", "", "", f"column {c!r} holds {kind}, which is not read", fatal=False)
            for c, kind in kinds.items()
            if c not in kept
        ]
        folder = Path(self.root) / f"media-{short_hash([self.name, str(self.config)])}"
        rows = []
        for split, part in parts.items():
            named = split if len(parts) > 1 else ""
            encoded = _undecoded(part.select_columns(kept), kinds)
            for number, sample in enumerate(encoded):
                cells = [
                    _cell(sample[c], first.features[c], folder / split / c / f"{number:07d}")
                    for c in kept
                ]
                rows.append(ListRow([named, *cells], "", f"{self.name} {split} {number}"))
        return Table((SPLIT, *kept), rows, issues)

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        raise ValueError(
            "there is no sample data of dataset=huggingface; try dataset=files, by "
            "`fusion-sched data sample files --out FOLDER`"
        )


def load_parts(name: str, config: str | None) -> Mapping[str, Any]:
    """Return split → `datasets.Dataset`; one split is called train.

    Raises
    ------
    ValueError
        The package is not installed, or a split has a name that is not known.
    OSError
        There is no such dataset, or no connection.
    """
    try:
        from datasets import Dataset, load_dataset, load_from_disk
    except ImportError as error:
        raise ValueError(
            "dataset=huggingface needs the package datasets, which is not installed; "
            'pip install "fusion-sched[huggingface]"'
        ) from error
    saved = any((Path(name) / file).is_file() for file in ("dataset_dict.json", "state.json"))
    content = load_from_disk(name) if saved else load_dataset(name, config)
    parts = {"train": content} if isinstance(content, Dataset) else dict(content)
    unknown = [split for split in parts if split not in SPLITS]
    if unknown and len(parts) > 1:
        raise ValueError(
            f"{name} has the splits {list(parts)}, expected some of {list(SPLITS)}; save the "
            "splits you mean under these names with save_to_disk"
        )
    return parts


def _undecoded(part: Any, kinds: Mapping[str, str]) -> Any:
    """Return the dataset with pictures and sounds as their files or bytes."""
    for column in part.column_names:
        if kinds[column] in MEDIA:
            part = part.cast_column(column, type(part.features[column])(decode=False))
    return part


def _cell(value: Any, feature: Any, path: Path) -> str:
    """Return a value as the cell of a list; bytes are written to `path` with an ending."""
    if value is None:
        return ""
    if hasattr(feature, "int2str"):
        return str(feature.int2str(value)) if value >= 0 else ""  # -1: not labelled
    if not isinstance(value, Mapping):
        return str(value)
    if value["bytes"] is None:
        return str(Path(value["path"]).resolve())
    data: bytes = value["bytes"]
    path = path.with_suffix(_ending(value["path"], data, path))
    if not path.is_file() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return str(path.resolve())


def _ending(name: str | None, data: bytes, path: Path) -> str:
    suffix = Path(name or "").suffix.lower()
    if suffix in SUFFIXES:
        return suffix
    endings: Sequence[str] = [e for begin, e in BEGINNINGS.items() if data.startswith(begin)]
    if not endings:
        raise ValueError(
            f"sample {int(path.name)} of column {path.parent.name!r} begins with {data[:4]!r}, "
            f"expected a file of one of {sorted(set(BEGINNINGS.values()))}"
        )
    return endings[0]
