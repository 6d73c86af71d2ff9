"""VGGSound: 309 classes of sounds in videos that show their source (Chen et al., ICASSP 2020).

Sizes: the counts per class in the authors' ``stat.csv`` add up to 199,176, 15,446 of them for test.
"""

import csv
from collections.abc import Mapping, Sequence
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

LIST = "vggsound.csv"
SPLITS = ("train", "test")
ROW = "YOUTUBE_ID,START_SECONDS,LABEL,train or test"
EXAMPLE = {"video": "FwVYUHKoLtQ", "start": 34, "split": "train", "label": "people marching"}
SAMPLE_CLASSES = (
    "airplane flyby",
    "baby crying",
    "bird chirping, tweeting",
    "cat meowing",
    "cattle, bovinae cowbell",
    "church bell ringing",
    "dog barking",
    "female speech, woman speaking",
    "people marching",
    "playing violin, fiddle",
    "thunder",
    "typing on computer keyboard",
)
"""Of the 309, those that an imitation shows."""

SOURCE = Source(
    name="vggsound",
    title="VGGSound",
    modalities=("audio", "visual"),
    address="https://www.robots.ox.ac.uk/~vgg/data/vggsound/",
    size="199,176 clips of ten seconds, 309 classes",
    licence="list CC BY 4.0; the videos belong to their makers",
    layout=(f"vggsound.csv   rows {ROW}", "video/YOUTUBEID_000034.mp4"),
    how="The list is in data/ of https://github.com/hche11/VGGSound. The clips are not "
    "distributed: fetch what is still there of them, START_SECONDS in six digits in each name.",
    counts={"official": {"train": 183730, "test": 15446}},
)


@dataclass(frozen=True)
class VGGSound:
    """Clips of VGGSound; validation is a stratified share of the training ones.

    Class ids follow the sorted labels of the whole list, present or not, as in VGGSound's own
    loader; ``class_list`` (``null`` or a file under ``root`` with a class's name in each row's
    first column, such as VGGSound's ``stat.csv``) keeps them the same for a shortened list.

    ``audio_files`` and ``visual_files`` are paths under ``root`` with the fields ``{video}``,
    ``{start}`` (seconds; ``{start:06d}`` with leading zeros), ``{split}`` and ``{label}``: videos,
    or what was extracted from them, say ``audio/{video}_{start:06d}.wav`` and a folder of frames.

    Most copies lack many videos: ``listed="present"`` leaves out, before validation is drawn, what
    is not on disk and says how many; with ``"all"`` each is an error (or is skipped, with
    ``on_error="skip"``).

    Audio (1, 257, 1004): ten seconds at 16 kHz, windows of 512 samples every 159 without padding,
    repeated where it is shorter and standardised per clip, as in VGGSound's own loader; there it
    is the logarithm of power, with a higher floor, here that of magnitude. Pictures (frames, 3,
    size, size): three frames spread over the clip, kept as JPEG. Prepared audio takes 0.5 MB a
    clip, 100 GB in all.
    """

    root: str
    listed: str = "all"
    class_list: str | None = None
    audio_files: str = "video/{video}_{start:06d}.mp4"
    visual_files: str = "video/{video}_{start:06d}.mp4"
    validation: float = 0.1
    split_seed: int = 0
    rate: int = 16000
    seconds: float = 10.0
    n_fft: int = 512
    hop: int = 159
    standardise: bool = True
    frames: int = 3
    size: int = 224
    frame_encoding: str = "jpeg"
    store: str | None = None
    on_error: str = "raise"
    source: ClassVar[Source] = SOURCE

    def __post_init__(self) -> None:
        check_choice("listed", self.listed, ("all", "present"))
        check_pattern("audio_files", self.audio_files, EXAMPLE)
        check_pattern("visual_files", self.visual_files, EXAMPLE)

    def listing(self) -> Listing:
        """Read the list, and the folders with ``listed="present"``.

        Raises:
            FileNotFoundError: a list is not under ``root``, or no clip with ``"present"``.
            ValueError: a class with too few clips to draw validation from.
        """
        rows = read_rows(list_path(SOURCE, Path(self.root) / LIST))
        classes = self.classes(rows)
        ids = {name: number for number, name in enumerate(classes)}
        paths = MediaPaths(Path(self.root), self.audio_files, self.visual_files)
        clips: list[Clip] = []
        faults: list[Issue] = []
        for number, row in enumerate(rows, start=1):
            found = clip_or_fault(row, number, ids, paths)
            if isinstance(found, Clip):
                clips.append(found)
            else:
                faults.append(found)
        clips, twice = keep_unique(clips)
        faults += twice
        if self.listed == "present":
            clips, absent = keep_present(SOURCE, clips)
            faults += absent
        clips = draw_validation(LIST, clips, self.validation, self.split_seed)
        return Listing(clips, classes, group="video", faults=faults)

    def classes(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """Return the class names in the order of their ids."""
        if self.class_list is None:
            return sorted({row[2] for row in rows if is_whole(row)})
        named = read_rows(list_path(SOURCE, Path(self.root) / self.class_list))
        return sorted({row[0] for row in named})

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
        """Write a small imitation; each of at most twelve classes has 13 clips or more.

        Raises:
            ValueError: fewer than 26 clips.
        """
        clips = plan_sample(
            plan, len(SAMPLE_CLASSES), per_class=13,
            splits=("train", "train", "train", "train", "test"),
        )  # fmt: skip
        shown = max(clip.shown for clip in clips) + 1
        for number, clip in enumerate(clips):
            path = out / "video" / f"{clip.name}_{SECONDS * number:06d}.mp4"
            write_sample_video(path, clip, shown, plan)
        with (out / LIST).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows(
                (clip.name, SECONDS * number, SAMPLE_CLASSES[clip.label], clip.split)
                for number, clip in enumerate(clips)
            )


def is_whole(row: Sequence[str]) -> bool:
    """Say whether a row has what rows of the list have."""
    return len(row) == 4 and bool(row[0]) and row[1].isdigit() and row[3] in SPLITS


def clip_or_fault(
    row: Sequence[str], number: int, ids: Mapping[str, int], paths: MediaPaths
) -> Clip | Issue:
    """Return the clip of one row, or what is wrong with the row."""
    place = f"{LIST} row {number}"
    if not is_whole(row):
        return broken_row(place, row, ",", ROW)
    video, start, label, split = row[0], int(row[1]), row[2], row[3]
    if label not in ids:
        return unknown_label(place, label, list(ids))
    fields = {"video": video, "start": start, "split": split, "label": label}
    return Clip(f"{video}_{start:06d}", ids[label], split, paths.of(fields), group=video)
