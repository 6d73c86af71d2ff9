"""UPMC Food-101: pictures of 101 dishes and the titles of the pages they come from.

Wang et al. 2015, "Recipe recognition with large multimodal food dataset" (ICME Workshops). In the
layout in which it is passed on: pictures in folders by class, titles in two lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.source import Source, not_there
from fusion_sched.data.clips.text import PretrainedTokens, Tokens, build_vocabulary
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality
from fusion_sched.data.clips.video import PICTURE_SUFFIXES
from fusion_sched.data.listed import (
    Entry,
    ListedDataset,
    ListRow,
    broken_row,
    draw_validation,
    list_rows,
    unknown_label,
)
from fusion_sched.data.samples.food101 import write_food101
from fusion_sched.data.samples.spec import SampleSpec

LISTS = {"train": Path("texts", "train_titles.csv"), "test": Path("texts", "test_titles.csv")}
ROW = "PICTURE.jpg,TITLE,CLASS"

SOURCE = Source(
    name="food101",
    title="UPMC Food-101",
    modalities=("text", "image"),
    address="https://www.kaggle.com/datasets/gianmarco96/upmcfood101",
    size="6 GB, 90,704 pictures with titles",
    licence="none is named; pictures and titles belong to their makers",
    layout=(
        "images/train/CLASS/CLASS_12.jpg",
        "images/test/CLASS/CLASS_7.jpg",
        f"texts/train_titles.csv, texts/test_titles.csv   rows {ROW}",
    ),
    how="Unpack it there.",
    counts={"upmc": {"train": 67_988, "test": 22_716}},
)


@dataclass(frozen=True)
class Food101(ListedDataset):
    """Modalities `text`, the title as ids, and `image` (3, size, size).

    Classes are the folders of `images/train` in alphabetical order, which `images/test` must have
    as well.

    Parameters
    ----------
    validation : share of the training list that is kept for validation, stratified
    split_seed : seed that draws it
    tokenizer : `None`: words as ids below `vocabulary`, the most frequent ones of the training
        titles, for the encoder `text`; otherwise the name or local folder of a pretrained model,
        whose tokenizer is used, for the encoder `pretrained`
    length : words or tokens after which a title is cut
    size : pixels of a picture's side
    frame_encoding : `"raw"`, or `"jpeg"` to have the store keep pictures as JPEG
    """

    validation: float = 0.1
    split_seed: int = 0
    tokenizer: str | None = None
    vocabulary: int = 10_000
    length: int = 40
    size: int = 224
    frame_encoding: str = "raw"

    source: ClassVar[Source] = SOURCE

    def entries(self) -> tuple[Sequence[str], Sequence[Entry]]:
        """Read both lists and the names of the class folders."""
        root = Path(self.root)
        classes = class_folders(root / "images")
        labels = {name: label for label, name in enumerate(classes)}
        rows = [r for split, name in LISTS.items() for r in list_rows(SOURCE, root / name, split)]
        # A list may begin with a header.
        rows = [r for r in rows if _is_picture(r.cells[0]) or not r.place.endswith(" row 1")]
        return classes, [self._entry(row, labels) for row in rows]

    def select(
        self, clips: Sequence[Clip], classes: Sequence[str]
    ) -> tuple[Sequence[Clip], Sequence[Issue]]:
        name = str(Path(self.root) / LISTS["train"])
        return draw_validation(name, clips, self.validation, self.split_seed), []

    def readers(self, listing: Listing) -> dict[str, Modality]:
        """Return how titles and pictures are read; the vocabulary is that of training titles."""
        text: Modality
        if self.tokenizer is not None:
            text = PretrainedTokens(name="text", model=self.tokenizer, length=self.length)
        else:
            titles = (clip.text["text"] for clip in listing.clips if clip.split == "train")
            words = build_vocabulary(titles, self.vocabulary)
            text = Tokens(name="text", vocabulary=words, length=self.length)
        image = Frames(name="image", count=1, size=self.size, encoding=self.frame_encoding)
        return {"text": text, "image": image}

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data: drawings and titles of up to twelve classes, and both lists."""
        write_food101(out, spec, LISTS)

    def _entry(self, row: ListRow, labels: Mapping[str, int]) -> Entry:
        if len(row.cells) != 3 or not _is_picture(row.cells[0]):
            return broken_row(row, ",", ROW)
        picture, title, label = row.cells
        if label not in labels:
            return unknown_label(row.place, label, labels)
        name = Path(picture).name  # some lists have the folder as well
        path = Path(self.root) / "images" / row.split / label / name
        return Clip(
            f"{row.split}/{name}", labels[label], row.split, {"image": path}, text={"text": title}
        )


def class_folders(folder: Path) -> tuple[str, ...]:
    """Return the names of the class folders, in alphabetical order."""
    names = {}
    for split in LISTS:
        if not (folder / split).is_dir():
            raise not_there(SOURCE, folder / split)
        names[split] = {path.name for path in (folder / split).iterdir() if path.is_dir()}
    different = sorted(names["train"] ^ names["test"])
    if different or not names["train"]:
        raise ValueError(
            f"{folder} has {len(names['train'])} class folders in train and {len(names['test'])} "
            f"in test, expected the same; in one of them only: {different[:5]}; unpack it again"
        )
    return tuple(sorted(names["train"]))


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in PICTURE_SUFFIXES
