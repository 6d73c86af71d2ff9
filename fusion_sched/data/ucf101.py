"""UCF-101: 101 human actions, in pictures and in their motion (optical flow).

Soomro, Zamir and Shah 2012, "UCF101: A Dataset of 101 Human Actions Classes From Videos in The
Wild": 13,320 clips v_ACTION_gGG_cCC.avi, cut from 25 longer videos (groups) of each action, and
three ways to split them in which no group is both trained and tested on.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from fusion_sched.data.clips.flow import Flow
from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality
from fusion_sched.data.listed import (
    Entry,
    ListedDataset,
    ListRow,
    broken_row,
    check_choice,
    check_pattern,
    list_rows,
    unknown_label,
)
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.samples.ucf101 import write_ucf101

LISTS = "ucfTrainTestlist"
VIDEO = re.compile(r"(?P<label>\w+)/(?P<video>v_\w+_g(?P<group>\d{2})_c\d{2})\.avi", re.ASCII)
ROWS = {
    "train": "ACTION/v_ACTION_gGG_cCC.avi CLASSID",
    "test": "ACTION/v_ACTION_gGG_cCC.avi, with or without CLASSID",
}
EXAMPLE = {"video": "v_YoYo_g01_c01", "label": "YoYo"}

SOURCE = Source(
    name="ucf101",
    title="UCF-101",
    modalities=("flow", "visual"),
    address="https://www.crcv.ucf.edu/data/UCF101.php",
    size="7 GB of videos",
    licence="none is named; the videos belong to their makers",
    layout=(
        "UCF-101/ACTION/v_ACTION_gGG_cCC.avi",
        "ucfTrainTestlist/classInd.txt                      rows CLASSID ACTION",
        "ucfTrainTestlist/trainlist01.txt … testlist03.txt",
    ),
    how="Unpack UCF101.rar and UCF101TrainTestSplits-RecognitionTask.zip there. Flow is computed "
    "from the videos, unless dataset.flow_files names extracted one.",
    counts={
        "1": {"train": 9537, "test": 3783},
        "2": {"train": 9586, "test": 3734},
        "3": {"train": 9624, "test": 3696},
    },
)


@dataclass(frozen=True)
class UCF101(ListedDataset):
    """Modalities `flow` (frames, 2, size, size) and `visual` (frames, 3, size, size).

    Classes and their order are those of `classInd.txt`.

    Parameters
    ----------
    split : 1, 2 or 3, as published
    validation : share of each action's groups of training clips that are kept for validation, at
        least one; whole groups, drawn by `split_seed`
    visual_files, flow_files : patterns of paths under `root` with the fields `{label}` and
        `{video}`: of a video, or of a folder of frames, or for flow a folder of `.npy` (H, W, 2);
        from a video, flow is computed by dense inverse search
    flow_v_files : where given, `flow_files` leads to a folder of gray pictures of horizontal and
        this to one of vertical flow
    frames, choose, size : how many frames, which ones, and their pixels a side
    bound : the flow in pixels that becomes 1
    frame_encoding : `"raw"`, or `"jpeg"` to have the store keep pictures as JPEG
    """

    split: int = 1
    validation: float = 0.1
    split_seed: int = 0
    visual_files: str = "UCF-101/{label}/{video}.avi"
    flow_files: str = "UCF-101/{label}/{video}.avi"
    flow_v_files: str | None = None
    frames: int = 3
    choose: str = "spread"
    size: int = 224
    bound: float = 20.0
    frame_encoding: str = "raw"

    source: ClassVar[Source] = SOURCE
    grouped_by: ClassVar[str] = "group"

    def __post_init__(self) -> None:
        check_choice("split", str(self.split), SOURCE.counts)
        if not 0 < self.validation < 1:
            raise ValueError(f"validation is {self.validation}, expected a share in (0, 1)")
        for knob in ("visual_files", "flow_files", "flow_v_files"):
            pattern = getattr(self, knob)
            if pattern is not None:
                check_pattern(knob, pattern, EXAMPLE)

    def entries(self) -> tuple[Sequence[str], Sequence[Entry]]:
        """Read the classes and the two lists of the split."""
        folder = Path(self.root) / LISTS
        classes = numbered_classes(folder / "classInd.txt")
        labels = {name: label for label, name in enumerate(classes)}
        rows = [
            row
            for split in ("train", "test")
            for row in read_words(folder / f"{split}list{self.split:02d}.txt", split)
        ]
        return classes, [self._entry(row, labels) for row in rows]

    def select(
        self, clips: Sequence[Clip], classes: Sequence[str]
    ) -> tuple[Sequence[Clip], Sequence[Issue]]:
        """Keep whole groups for validation."""
        return carve_groups(clips, classes, self.validation, self.split_seed), []

    def readers(self, listing: Listing) -> dict[str, Modality]:
        flow = Flow(
            name="flow", count=self.frames, size=self.size, bound=self.bound, choose=self.choose
        )
        visual = Frames(
            name="visual", count=self.frames, size=self.size, encoding=self.frame_encoding,
            choose=self.choose,
        )  # fmt: skip
        return {"flow": flow, "visual": visual}

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data: small videos of up to twelve actions and all lists."""
        write_ucf101(out, spec, LISTS)

    def _entry(self, row: ListRow, labels: Mapping[str, int]) -> Entry:
        name, numbers = VIDEO.fullmatch(row.cells[0]), row.cells[1:]
        # Rows to train on end in the class's number, rows to test on need not.
        counts = (1,) if row.split == "train" else (0, 1)
        if name is None or len(numbers) not in counts or not all(n.isdigit() for n in numbers):
            return broken_row(row, " ", ROWS[row.split])
        label, video = name["label"], name["video"]
        if label not in labels:
            return unknown_label(row.place, label, labels)
        number = labels[label] + 1
        if numbers not in ([], [str(number)]):
            message = (
                f"{row.place} gives {row.cells[0]} the class {numbers}, but {label} is {number} in "
                "classInd.txt; take both from one archive"
            )
            return Issue("label disagrees", video, "", message)
        files = self._files(label=label, video=video)
        return Clip(video, labels[label], row.split, files, group=f"{label}_g{name['group']}")

    def _files(self, **fields: str) -> dict[str, Path]:
        """Return the files of the clip that has these fields."""
        patterns = {"flow": self.flow_files, "visual": self.visual_files}
        if self.flow_v_files is not None:
            patterns = {
                "flow_u": self.flow_files, "flow_v": self.flow_v_files, "visual": self.visual_files,
            }  # fmt: skip
        return {m: Path(self.root) / pattern.format(**fields) for m, pattern in patterns.items()}


def numbered_classes(path: Path) -> tuple[str, ...]:
    """Return the actions in the order of their numbers."""
    rows = [row.cells for row in read_words(path)]
    numbers = [row[0] for row in rows]
    names = tuple(row[-1] for row in rows)
    counted = [str(number) for number in range(1, len(rows) + 1)]
    if any(len(row) != 2 for row in rows) or numbers != counted or len(set(names)) < len(names):
        raise ValueError(
            f"{path} holds rows {[' '.join(row) for row in rows[:3]]} …, expected `1 ACTION`, "
            "`2 ACTION` and so on, no name twice; take it from the published archive"
        )
    return names


def read_words(path: Path, split: str = "") -> list[ListRow]:
    """Return the words of each row, however many blanks are between them and at its end."""
    rows = list_rows(SOURCE, path, split, delimiter=" ")
    return [row._replace(cells=[cell for cell in row.cells if cell]) for row in rows]


def carve_groups(
    clips: Sequence[Clip], classes: Sequence[str], share: float, seed: int
) -> list[Clip]:
    """Return the clips with whole groups of training clips, of each class, made validation."""
    groups: dict[int, set[str]] = {}
    for clip in clips:
        if clip.split == "train":
            groups.setdefault(clip.label, set()).add(clip.group)
    chosen: set[str] = set()
    for label, names in sorted(groups.items()):
        if len(names) < 2:
            raise ValueError(
                f"the training clips of {classes[label]} are all of one group, {min(names)}; "
                "expected two or more, so that one can validate: take the whole list"
            )
        count = min(max(1, round(share * len(names))), len(names) - 1)
        rng = np.random.default_rng([seed, label])
        chosen.update(rng.permutation(sorted(names))[:count])
    return [
        replace(clip, split="validation")
        if clip.split == "train" and clip.group in chosen
        else clip
        for clip in clips
    ]
