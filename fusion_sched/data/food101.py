"""UPMC Food-101: pictures of 101 dishes and the titles of the pages they were found on.

Wang et al. 2015, "Recipe recognition with large multimodal food dataset" (ICME Workshops). In the
layout in which it is passed on: pictures in folders by class, titles in two lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from fusion_sched.data.clips.audio_visual import (
    broken_row,
    draw_validation,
    keep_unique,
    list_path,
    plan_sample,
    unknown_label,
)
from fusion_sched.data.clips.check import check_clips
from fusion_sched.data.clips.files import read_rows
from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.imitation import SampleSpec, moving_drawing, shown_class, write_frames
from fusion_sched.data.clips.load import load_clips
from fusion_sched.data.clips.source import Source, not_there
from fusion_sched.data.clips.text import PretrainedTokens, Tokens, build_vocabulary
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality, Report
from fusion_sched.data.clips.video import PICTURE_SUFFIXES
from fusion_sched.types import Splits

LISTS = {"train": Path("texts", "train_titles.csv"), "test": Path("texts", "test_titles.csv")}
ROW = "PICTURE.jpg,TITLE,CLASS"
SAMPLE_CLASSES = (
    "apple_pie", "beef_tartare", "cheesecake", "donuts", "edamame", "falafel", "gyoza", "hummus",
    "lasagna", "nachos", "paella", "waffles",
)  # fmt: skip
SAMPLE_WORDS = ("easy", "recipe", "best", "homemade", "quick", "with", "and", "the", "from", "blog")

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
class Food101:
    """Modalities ``text``, the title as ids, and ``image`` (3, size, size).

    Validation is a stratified share of the training list, drawn by ``split_seed``. Classes are the
    folders of ``images/train`` in alphabetical order, which ``images/test`` must have as well.

    ``tokenizer=None``: words, as ids below ``vocabulary``, the most frequent ones of the training
    titles; for the encoder ``text``. Otherwise the name or local folder of a pretrained model,
    whose tokenizer is used; for the encoder ``pretrained_text``. A title is cut after ``length``
    words or tokens.
    """

    root: str
    validation: float = 0.1
    split_seed: int = 0
    tokenizer: str | None = None
    vocabulary: int = 10_000
    length: int = 40
    size: int = 224
    frame_encoding: str = "raw"
    store: str | None = None
    on_error: str = "raise"

    source: ClassVar[Source] = SOURCE

    def listing(self) -> Listing:
        """Read both lists and the names of the folders.

        Raises:
            FileNotFoundError: a list or the pictures are not under ``root``.
            ValueError: other classes in test than in training, or a class with too few pictures
                to draw validation from.
        """
        root = Path(self.root)
        classes = read_classes(root / "images")
        labels = {name: label for label, name in enumerate(classes)}
        clips: list[Clip] = []
        faults: list[Issue] = []
        for split, name in LISTS.items():
            for number, row in enumerate(read_titles(list_path(SOURCE, root / name)), start=1):
                found = clip_or_fault(row, f"{name.name} row {number}", root, split, labels)
                if isinstance(found, Clip):
                    clips.append(found)
                else:
                    faults.append(found)
        clips, twice = keep_unique(clips)
        trained = str(root / LISTS["train"])
        clips = draw_validation(trained, clips, self.validation, self.split_seed)
        return Listing(clips, classes, faults=[*faults, *twice])

    def modalities(self, listing: Listing) -> dict[str, Modality]:
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

    def load(self) -> Splits:
        """Return the splits, from the store, which is made where it is missing."""
        return load_clips(self)

    def check(self) -> Report:
        """Read every file and report what is wrong or odd."""
        return check_clips(self)

    @staticmethod
    def write_sample(out: Path, plan: SampleSpec) -> None:
        """Write drawings with titles of up to twelve classes, twelve or more of each.

        Raises:
            ValueError: too few clips for two classes.
        """
        found = plan_sample(plan, len(SAMPLE_CLASSES), 12, ("train",) * 5 + ("test",))
        lines: dict[str, list[str]] = {split: [] for split in LISTS}
        for number, clip in enumerate(found):
            label = SAMPLE_CLASSES[clip.label]
            rng = np.random.default_rng([plan.seed, number])
            folder, name = out / "images" / clip.split / label, f"{label}_{number}.jpg"
            picture = moving_drawing(
                clip.label, len(SAMPLE_CLASSES), plan.strength_of("image"), 1, 96, 128, rng
            )
            write_frames(folder, picture, pattern=f"{label}_{{}}.jpg", first=number)
            title = draw_title(clip.label, plan.strength_of("text"), rng)
            lines[clip.split].append(f'{name},"{title}",{label}\n')
        for split, path in LISTS.items():
            (out / path).parent.mkdir(exist_ok=True)
            (out / path).write_text("".join(lines[split]), encoding="utf-8")


def read_classes(folder: Path) -> tuple[str, ...]:
    """Return the names of the class folders, in alphabetical order.

    Raises:
        FileNotFoundError: a folder of pictures is not there.
        ValueError: test has other classes than train.
    """
    found = {}
    for split in LISTS:
        if not (folder / split).is_dir():
            raise not_there(SOURCE, folder / split)
        found[split] = {path.name for path in (folder / split).iterdir() if path.is_dir()}
    different = sorted(found["train"] ^ found["test"])
    if different or not found["train"]:
        raise ValueError(
            f"{folder} has {len(found['train'])} class folders in train and {len(found['test'])} "
            f"in test, expected the same; in one of them only: {different[:5]}; unpack it anew"
        )
    return tuple(sorted(found["train"]))


def read_titles(path: Path) -> list[list[str]]:
    """Return the rows of a list of titles, without a header where it has one."""
    rows = read_rows(path)
    return [row for number, row in enumerate(rows) if number > 0 or is_picture(row[0])]


def is_picture(name: str) -> bool:
    """Say whether a cell names a picture file."""
    return Path(name).suffix.lower() in PICTURE_SUFFIXES


def clip_or_fault(
    row: Sequence[str], place: str, root: Path, split: str, labels: dict[str, int]
) -> Clip | Issue:
    """Return the clip of one row, or what is wrong with the row."""
    if len(row) != 3 or not is_picture(row[0]):
        return broken_row(place, row, ",", ROW)
    picture, title, label = row
    if label not in labels:
        return unknown_label(place, label, list(labels))
    name = Path(picture).name  # some lists have the folder as well
    path = root / "images" / split / label / name
    return Clip(f"{split}/{name}", labels[label], split, {"image": path}, text={"text": title})


def draw_title(label: int, strength: float, rng: np.random.Generator) -> str:
    """Return a title of three to eight words, one or two of which name a class."""
    shown = shown_class(label, len(SAMPLE_CLASSES), strength, rng)
    words = [str(word) for word in rng.choice(SAMPLE_WORDS, int(rng.integers(2, 7)))]
    words.insert(int(rng.integers(len(words) + 1)), SAMPLE_CLASSES[shown].replace("_", " "))
    return " ".join(words).title()
