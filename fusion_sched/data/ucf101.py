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

from fusion_sched.data.clips.audio_visual import (
    broken_row,
    check_choice,
    check_pattern,
    keep_unique,
    list_path,
    unknown_label,
)
from fusion_sched.data.clips.check import check_clips
from fusion_sched.data.clips.files import read_rows
from fusion_sched.data.clips.flow import Flow
from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.imitation import SampleSpec, moving_drawing, write_video
from fusion_sched.data.clips.load import load_clips
from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality, Report
from fusion_sched.types import Splits

LISTS = "ucfTrainTestlist"
VIDEO = re.compile(r"(?P<label>\w+)/(?P<video>v_\w+_g(?P<group>\d{2})_c\d{2})\.avi", re.ASCII)
ROWS = {
    "train": "ACTION/v_ACTION_gGG_cCC.avi CLASSID",
    "test": "ACTION/v_ACTION_gGG_cCC.avi, with or without CLASSID",
}
EXAMPLE = {"video": "v_YoYo_g01_c01", "label": "YoYo"}
SAMPLE_CLASSES = (
    "Archery", "Biking", "Bowling", "CleanAndJerk", "Drumming", "Fencing", "Hammering", "JumpRope",
    "Kayaking", "Lunges", "PullUps", "YoYo",
)  # fmt: skip
SAMPLE_GROUPS = 5
SAMPLE_FRAMES, SAMPLE_FPS = 15, 25

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
class UCF101:
    """Modalities ``flow`` (frames, 2, size, size) and ``visual`` (frames, 3, size, size).

    ``split``: 1, 2 or 3, as published. Of each action, whole groups of training clips are kept for
    validation: a share ``validation`` of them, at least one, drawn by ``split_seed``. Classes and
    their order are those of ``classInd.txt``.

    ``visual_files`` and ``flow_files`` are paths under ``root`` with the fields ``{label}`` and
    ``{video}``: of a video, or of a folder of frames, or for flow a folder of ``.npy`` (H, W, 2).
    With ``flow_v_files``, ``flow_files`` leads to a folder of gray pictures of horizontal and
    ``flow_v_files`` to one of vertical flow. From a video, flow is computed by dense inverse
    search. ``bound`` is the flow in pixels that becomes 1. ``choose`` says which frames are taken.
    """

    root: str
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
    store: str | None = None
    on_error: str = "raise"

    source: ClassVar[Source] = SOURCE

    def __post_init__(self) -> None:
        check_choice("split", str(self.split), list(SOURCE.counts))
        if not 0 < self.validation < 1:
            raise ValueError(f"validation is {self.validation}, expected a share in (0, 1)")
        check_pattern("visual_files", self.visual_files, EXAMPLE)
        check_pattern("flow_files", self.flow_files, EXAMPLE)
        if self.flow_v_files is not None:
            check_pattern("flow_v_files", self.flow_v_files, EXAMPLE)

    def listing(self) -> Listing:
        """Read the lists of the split.

        Raises:
            FileNotFoundError: a list is not under ``root``.
            ValueError: classes that are not numbered from 1, or an action with too few groups.
        """
        folder = Path(self.root) / LISTS
        classes = read_classes(list_path(SOURCE, folder / "classInd.txt"))
        labels = {name: label for label, name in enumerate(classes)}
        clips: list[Clip] = []
        faults: list[Issue] = []
        for split in ("train", "test"):
            name = f"{split}list{self.split:02d}.txt"
            rows = read_words(list_path(SOURCE, folder / name))
            for number, row in enumerate(rows, start=1):
                found = self.clip_or_fault(row, f"{name} row {number}", split, labels)
                if isinstance(found, Clip):
                    clips.append(found)
                else:
                    faults.append(found)
        clips, twice = keep_unique(clips)
        clips = carve_groups(clips, classes, self.validation, self.split_seed)
        return Listing(clips, classes, "group", [*faults, *twice])

    def clip_or_fault(
        self, row: Sequence[str], place: str, split: str, labels: Mapping[str, int]
    ) -> Clip | Issue:
        """Return the clip of one row, or what is wrong with the row."""
        name = VIDEO.fullmatch(row[0])
        # Rows to train on end in the class's number, rows to test on need not.
        numbers = (2,) if split == "train" else (1, 2)
        if name is None or len(row) not in numbers or not all(cell.isdigit() for cell in row[1:]):
            return broken_row(place, row, " ", ROWS[split])
        if name["label"] not in labels:
            return unknown_label(place, name["label"], list(labels))
        label = labels[name["label"]]
        if row[1:] not in ([], [str(label + 1)]):
            message = (
                f"{place} gives {row[0]} the class {row[1]}, but {name['label']} is {label + 1} in "
                "classInd.txt; take both from one archive"
            )
            return Issue("label disagrees", name["video"], "", message)
        group = f"{name['label']}_g{name['group']}"
        fields = {"video": name["video"], "label": name["label"]}
        return Clip(name["video"], label, split, self.files(fields), group=group)

    def files(self, fields: dict[str, str]) -> dict[str, Path]:
        """Return the files of the clip that has these fields."""
        root = Path(self.root)
        visual, flow = (root / p.format(**fields) for p in (self.visual_files, self.flow_files))
        if self.flow_v_files is None:
            return {"flow": flow, "visual": visual}
        flow_v = root / self.flow_v_files.format(**fields)
        return {"flow_u": flow, "flow_v": flow_v, "visual": visual}

    def modalities(self, listing: Listing) -> dict[str, Modality]:
        """Return how flow and pictures are read."""
        flow = Flow(
            name="flow", count=self.frames, size=self.size, bound=self.bound, choose=self.choose
        )
        visual = Frames(
            name="visual",
            count=self.frames,
            size=self.size,
            encoding=self.frame_encoding,
            choose=self.choose,
        )
        return {"flow": flow, "visual": visual}

    def load(self) -> Splits:
        """Return the splits, from the store, which is made where it is missing."""
        return load_clips(self)

    def check(self) -> Report:
        """Read every file and report what is wrong or odd."""
        return check_clips(self)

    @staticmethod
    def write_sample(out: Path, plan: SampleSpec) -> None:
        """Write small videos of up to twelve actions, ten or more of each, with all three lists.

        Form and colour tell the action and so does the motion, in the same clips: flow is computed
        from the videos, so that the strength of ``visual`` is that of both.

        Raises:
            ValueError: too few clips for two actions.
        """
        least = 2 * SAMPLE_GROUPS
        if plan.clips < 2 * least:
            raise ValueError(
                f"{plan.clips} clips are too few for an imitation, expected at least {2 * least}: "
                "two actions of five groups with two clips each"
            )
        classes = SAMPLE_CLASSES[: plan.clips // least]
        names = []
        for number in range(plan.clips):
            label, place = number % len(classes), number // len(classes)
            group, clip = place % SAMPLE_GROUPS + 1, place // SAMPLE_GROUPS + 1
            names.append(f"{classes[label]}/v_{classes[label]}_g{group:02d}_c{clip:02d}.avi")
            rng = np.random.default_rng([plan.seed, number])
            pictures = moving_drawing(
                label, len(classes), plan.strength_of("visual"), SAMPLE_FRAMES, 48, 64, rng
            )
            write_video(out / "UCF-101" / names[-1], pictures, SAMPLE_FPS)
        write_lists(out / LISTS, sorted(names), classes)


def read_classes(path: Path) -> tuple[str, ...]:
    """Return the actions in the order of their numbers.

    Raises:
        ValueError: the rows are not 1 … N with one name each.
    """
    rows = read_words(path)
    numbers = [row[0] for row in rows]
    names = tuple(row[-1] for row in rows)
    counted = [str(number) for number in range(1, len(rows) + 1)]
    if any(len(row) != 2 for row in rows) or numbers != counted or len(set(names)) < len(names):
        raise ValueError(
            f"{path} holds rows {[' '.join(row) for row in rows[:3]]} …, expected `1 ACTION`, "
            "`2 ACTION` and so on, no name twice; take it from the published archive"
        )
    return names


def read_words(path: Path) -> list[list[str]]:
    """Return the words of each row, however many blanks are between them and at its end."""
    return [[cell for cell in row if cell] for row in read_rows(path, delimiter=" ")]


def carve_groups(
    clips: Sequence[Clip], classes: Sequence[str], share: float, seed: int
) -> list[Clip]:
    """Return the clips with whole groups of training clips, of each class, made validation.

    Raises:
        ValueError: a class whose training clips are all of one group.
    """
    groups: dict[int, set[str]] = {}
    for clip in clips:
        if clip.split == "train":
            groups.setdefault(clip.label, set()).add(clip.group)
    chosen: set[str] = set()
    for label, found in sorted(groups.items()):
        if len(found) < 2:
            raise ValueError(
                f"the training clips of {classes[label]} are all of one group, {min(found)}; "
                "expected two or more, so that one can validate: take the whole list"
            )
        count = min(max(1, round(share * len(found))), len(found) - 1)
        rng = np.random.default_rng([seed, label])
        chosen.update(rng.permutation(sorted(found))[:count])
    return [
        replace(clip, split="validation")
        if clip.split == "train" and clip.group in chosen
        else clip
        for clip in clips
    ]


def write_lists(folder: Path, names: Sequence[str], classes: Sequence[str]) -> None:
    """Write the classes and the lists of three splits; split N tests on group N."""
    folder.mkdir()
    rows = "".join(f"{number} {name}\n" for number, name in enumerate(classes, start=1))
    (folder / "classInd.txt").write_text(rows, encoding="utf-8")
    for split in (1, 2, 3):
        lines: dict[str, list[str]] = {"train": [], "test": []}
        for name in names:
            if f"_g{split:02d}_" in name:
                lines["test"].append(f"{name}\n")
            else:
                lines["train"].append(f"{name} {classes.index(name.partition('/')[0]) + 1}\n")
        for part, found in lines.items():
            path = folder / f"{part}list{split:02d}.txt"
            path.write_text("".join(found), encoding="utf-8")
