"""Kinetics-Sounds: 31 classes of Kinetics-400 that can be seen and heard.

The idea is of Arandjelovic and Zisserman (ICCV 2017); the lists are those of OGM-GE (Peng et al.,
CVPR 2022), 14,799 clips to train and 2,597 to test on. Other work has 19,000 clips and 34 classes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fusion_sched.data.clips.audio_visual import (
    SECONDS,
    MediaPaths,
    broken_row,
    check_choice,
    check_pattern,
    draw_validation,
    keep_present,
    keep_unique,
    list_path,
    plan_sample,
    spectrogram_and_frames,
    unknown_label,
    write_sample_video,
)
from fusion_sched.data.clips.check import check_clips
from fusion_sched.data.clips.files import read_rows
from fusion_sched.data.clips.imitation import SampleSpec
from fusion_sched.data.clips.load import load_clips
from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality, Report
from fusion_sched.types import Splits

CLASSES = (
    "blowing nose",
    "blowing out candles",
    "bowling",
    "chopping wood",
    "dribbling basketball",
    "laughing",
    "mowing lawn",
    "playing accordion",
    "playing bagpipes",
    "playing bass guitar",
    "playing clarinet",
    "playing drums",
    "playing guitar",
    "playing harmonica",
    "playing keyboard",
    "playing organ",
    "playing piano",
    "playing saxophone",
    "playing trombone",
    "playing trumpet",
    "playing violin",
    "playing xylophone",
    "ripping paper",
    "shoveling snow",
    "shuffling cards",
    "singing",
    "stomping grapes",
    "tap dancing",
    "tapping guitar",
    "tapping pen",
    "tickling",
)
"""Kinetics-400's names, alphabetical. The lists hold ids only and come without names: this order
is that of public loaders of the same lists, and was checked on the two clips whose class is known
from elsewhere (ids 4 and 13). A wrong name would mislabel tables, not samples."""
LISTS = {"train": "my_train.txt", "test": "my_test.txt"}
NAME = re.compile(r"(?P<video>[\w-]{11})_(?P<start>\d+)(_(?P<end>\d+))?", re.ASCII)
ROW = "VIDEOID_START_END,10,CLASSID or VIDEOID_START,10,CLASSID"
EXAMPLE = {"video": "-00nar1nEPc", "start": 33, "end": 43, "split": "train", "label": CLASSES[13]}

SOURCE = Source(
    name="kinetics_sounds",
    title="Kinetics-Sounds (the lists of OGM-GE)",
    modalities=("audio", "visual"),
    address="https://github.com/cvdfoundation/kinetics-dataset",
    size="17,396 clips of ten seconds out of Kinetics-400's 300,000",
    licence="annotations CC BY 4.0; the videos belong to their makers",
    layout=(
        f"my_train.txt, my_test.txt   rows {ROW}",
        "train/VIDEOID_000033_000043.mp4",
        "test/VIDEOID_000033_000043.mp4",
    ),
    how="Take the lists from data/KineticSound of https://github.com/GeWu-Lab/OGM-GE_CVPR2022 and "
    "the listed clips from Kinetics-400. The test list is longer than what Kinetics-400's "
    "validation part has of 31 classes (50 each): look for its clips in the test part as well.",
    counts={"ogm": {"train": 14799, "test": 2597}},
)


@dataclass(frozen=True)
class KineticsSounds:
    """Clips of Kinetics-Sounds; validation is a stratified share of the training list.

    ``audio_files`` and ``visual_files`` are paths under ``root`` with the fields ``{video}``,
    ``{start}`` and ``{end}`` (seconds; ``{start:06d}`` with leading zeros), ``{split}`` (``train``
    or ``test``) and ``{label}`` (the class's name). By default the names that Kinetics' archives
    give; with classes in folders of their own
    ``{split}/{label}/{video}_{start:06d}_{end:06d}.mp4``; what was extracted may be read instead,
    say ``{split}/{video}.wav`` and a folder of frames.

    Videos vanish from their site: ``listed="present"`` leaves out, before validation is drawn,
    what is not on disk and says how many; with ``"all"`` each is an error (or is skipped, with
    ``on_error="skip"``).

    Audio (1, 257, 1004): ten seconds at 16 kHz, windows of 512 samples every 159 without padding,
    repeated where it is shorter and standardised per clip, as OGM-GE prepares it, but of magnitude
    instead of power. Pictures (frames, 3, size, size): three frames spread over the clip.
    """

    root: str
    listed: str = "all"
    audio_files: str = "{split}/{video}_{start:06d}_{end:06d}.mp4"
    visual_files: str = "{split}/{video}_{start:06d}_{end:06d}.mp4"
    validation: float = 0.1
    split_seed: int = 0
    rate: int = 16000
    seconds: float = 10.0
    n_fft: int = 512
    hop: int = 159
    standardise: bool = True
    frames: int = 3
    size: int = 224
    frame_encoding: str = "raw"
    store: str | None = None
    on_error: str = "raise"
    source: ClassVar[Source] = SOURCE

    def __post_init__(self) -> None:
        check_choice("listed", self.listed, ("all", "present"))
        check_pattern("audio_files", self.audio_files, EXAMPLE)
        check_pattern("visual_files", self.visual_files, EXAMPLE)

    def listing(self) -> Listing:
        """Read the two lists, and the folders with ``listed="present"``.

        Raises:
            FileNotFoundError: a list is not under ``root``, or no clip with ``"present"``.
            ValueError: a class with too few clips to draw validation from.
        """
        paths = MediaPaths(Path(self.root), self.audio_files, self.visual_files)
        clips: list[Clip] = []
        faults: list[Issue] = []
        for split, name in LISTS.items():
            rows = read_rows(list_path(SOURCE, Path(self.root) / name))
            for number, row in enumerate(rows, start=1):
                found = clip_or_fault(row, f"{name} row {number}", split, paths)
                if isinstance(found, Clip):
                    clips.append(found)
                else:
                    faults.append(found)
        clips, twice = keep_unique(clips)
        faults += twice
        if self.listed == "present":
            clips, absent = keep_present(SOURCE, clips)
            faults += absent
        clips = draw_validation(LISTS["train"], clips, self.validation, self.split_seed)
        return Listing(clips, CLASSES, group="video", faults=faults)

    def modalities(self, listing: Listing) -> dict[str, Modality]:
        """Return the spectrogram and the frames."""
        return spectrogram_and_frames(self)

    def load(self) -> Splits:
        """Return the splits, from the store, which is made where it is missing."""
        return load_clips(self)

    def check(self) -> Report:
        """Read every file and report what is wrong or odd."""
        return check_clips(self)

    @staticmethod
    def write_sample(out: Path, plan: SampleSpec) -> None:
        """Write a small imitation; each class that is shown has 13 clips or more.

        Raises:
            ValueError: fewer than 26 clips.
        """
        clips = plan_sample(
            plan, len(CLASSES), per_class=13,
            splits=("train", "train", "train", "train", "test"),
        )  # fmt: skip
        shown = max(clip.shown for clip in clips) + 1
        lines: dict[str, list[str]] = {split: [] for split in LISTS}
        for number, clip in enumerate(clips):
            start, end = number % 100, number % 100 + SECONDS
            path = out / clip.split / f"{clip.name}_{start:06d}_{end:06d}.mp4"
            write_sample_video(path, clip, shown, plan)
            name = path.stem if clip.split == "train" else f"{clip.name}_{start}"
            lines[clip.split].append(f"{name},{SECONDS},{clip.label}\n")
        for split, name in LISTS.items():
            (out / name).write_text("".join(lines[split]), encoding="utf-8")


def clip_or_fault(row: Sequence[str], place: str, split: str, paths: MediaPaths) -> Clip | Issue:
    """Return the clip of one row, or what is wrong with the row."""
    name = NAME.fullmatch(row[0])
    if len(row) != 3 or name is None or not (row[1].isdigit() and row[2].isdigit()):
        return broken_row(place, row, ",", ROW)
    label = int(row[2])
    if label >= len(CLASSES):
        ids = [str(number) for number in range(len(CLASSES))]
        return unknown_label(place, row[2], ids)
    video, start = name["video"], int(name["start"])
    end = int(name["end"]) if name["end"] else start + int(row[1])
    fields = {
        "video": video, "start": start, "end": end, "split": split, "label": CLASSES[label],
    }  # fmt: skip
    return Clip(f"{video}_{start:06d}", label, split, paths.of(fields), group=video)
