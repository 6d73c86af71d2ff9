"""AVE: ten-second videos of 28 audio-visual events (Tian et al., ECCV 2018)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fusion_sched.data.clips.audio_visual import (
    MediaPaths,
    broken_row,
    check_choice,
    check_pattern,
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
    "Church bell",
    "Male speech, man speaking",
    "Bark",
    "Fixed-wing aircraft, airplane",
    "Race car, auto racing",
    "Female speech, woman speaking",
    "Helicopter",
    "Violin, fiddle",
    "Flute",
    "Ukulele",
    "Frying (food)",
    "Truck",
    "Shofar",
    "Motorcycle",
    "Acoustic guitar",
    "Train horn",
    "Clock",
    "Banjo",
    "Goat",
    "Baby cry, infant cry",
    "Bus",
    "Chainsaw",
    "Cat",
    "Horse",
    "Toilet flush",
    "Rodents, rats, mice",
    "Accordion",
    "Mandolin",
)
"""In the order in which Annotations.txt first names them, the class ids of most public loaders."""
LISTS = {"train": "trainSet.txt", "validation": "valSet.txt", "test": "testSet.txt"}
ROW = "Category&VideoID&Quality&Start&End"
HEADER = ["Category", "VideoID"]
EXAMPLE = {"video": "RUhOCu3LNXM"}

SOURCE = Source(
    name="ave",
    title="AVE (Audio-Visual Event dataset)",
    modalities=("audio", "visual"),
    address="https://github.com/YapengTian/AVE-ECCV18",
    size="4,097 videos of ten seconds, 4,143 annotated events, 28 classes",
    licence="none stated; AudioSet's labels are CC BY 4.0, the videos belong to their makers",
    layout=(
        "AVE/VIDEOID.mp4",
        f"trainSet.txt, valSet.txt, testSet.txt   rows {ROW}",
    ),
    how="Follow the link to the archive in the project's README, unpack it, and set dataset.root "
    "to the unpacked AVE_Dataset.",
    counts={"rows": {"train": 3339, "validation": 402, "test": 402}},
)


@dataclass(frozen=True)
class AVE:
    """Whole videos of the AVE dataset, one label each, on its own three lists.

    ``root`` is the unpacked ``AVE_Dataset``. ``audio_files`` and ``visual_files`` are paths under
    it with the field ``{video}``: the videos themselves, or what was extracted from them, say
    ``audio/{video}.wav`` and a folder of frames ``Image-01-FPS/{video}``.

    45 videos hold two annotated events. The whole video is the sample here, so that its second row
    would be the same sample again, perhaps under another label: ``repeated="first"`` takes a
    list's first row of a video only, as the loaders of PMR (Fan et al., CVPR 2023) and of FastPID
    do; ``"keep"`` takes them all (3,339/402/402). Clips are named
    ``SPLIT/VIDEOID_CLASS_START-END``. Videos in two splits stay, and are reported.

    Audio (1, 257, 1004): ten seconds at 16 kHz, windows of 512 samples every 159 without padding,
    repeated where it is shorter and standardised per clip, as in OGM-GE's preparation of AVE
    (Peng et al., CVPR 2022); there it is the logarithm of power, with a higher floor, here that of
    magnitude. Pictures (frames, 3, size, size): ten frames spread over the video.
    """

    root: str
    repeated: str = "first"
    audio_files: str = "AVE/{video}.mp4"
    visual_files: str = "AVE/{video}.mp4"
    rate: int = 16000
    seconds: float = 10.0
    n_fft: int = 512
    hop: int = 159
    standardise: bool = True
    frames: int = 10
    size: int = 224
    frame_encoding: str = "raw"
    store: str | None = None
    on_error: str = "raise"
    source: ClassVar[Source] = SOURCE

    def __post_init__(self) -> None:
        check_choice("repeated", self.repeated, ("first", "keep"))
        check_pattern("audio_files", self.audio_files, EXAMPLE)
        check_pattern("visual_files", self.visual_files, EXAMPLE)

    def listing(self) -> Listing:
        """Read the three lists.

        Raises:
            FileNotFoundError: a list is not under ``root``.
        """
        paths = MediaPaths(Path(self.root), self.audio_files, self.visual_files)
        clips: list[Clip] = []
        faults: list[Issue] = []
        for split, name in LISTS.items():
            rows = read_rows(list_path(SOURCE, Path(self.root) / name), delimiter="&")
            for number, row in enumerate(rows, start=1):
                if number == 1 and row[:2] == HEADER:
                    continue
                found = clip_or_fault(row, f"{name} row {number}", split, paths)
                if isinstance(found, Clip):
                    clips.append(found)
                else:
                    faults.append(found)
        if self.repeated == "first":
            clips, again = first_of_each_video(clips)
            faults += again
        clips, twice = keep_unique(clips)
        return Listing(clips, CLASSES, group="video", faults=[*faults, *twice])

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
        """Write a small imitation; each class that is shown has ten clips or more.

        Raises:
            ValueError: fewer than 20 clips.
        """
        clips = plan_sample(
            plan, len(CLASSES), per_class=10,
            splits=("train", "train", "validation", "train", "test"),
        )  # fmt: skip
        shown = max(clip.shown for clip in clips) + 1
        lines: dict[str, list[str]] = {split: [] for split in LISTS}
        for clip in clips:
            write_sample_video(out / "AVE" / f"{clip.name}.mp4", clip, shown, plan)
            lines[clip.split].append(f"{CLASSES[clip.label]}&{clip.name}&good&0&10\n")
        for split, name in LISTS.items():
            (out / name).write_text("".join(lines[split]), encoding="utf-8")
        header = "Category&VideoID&Quality&StartTime&EndTime\n"
        everything = header + "".join(line for split in LISTS for line in lines[split])
        (out / "Annotations.txt").write_text(everything, encoding="utf-8")


def clip_or_fault(row: Sequence[str], place: str, split: str, paths: MediaPaths) -> Clip | Issue:
    """Return the clip of one row, or what is wrong with the row."""
    if len(row) != 5 or not row[1] or not (row[3].isdigit() and row[4].isdigit()):
        return broken_row(place, row, "&", ROW)
    category, video, _, start, end = row
    if category not in CLASSES:
        return unknown_label(place, category, CLASSES)
    label = CLASSES.index(category)
    return Clip(
        id=f"{split}/{video}_{label:02d}_{start}-{end}",
        label=label,
        split=split,
        files=paths.of({"video": video}),
        group=video,
    )


def first_of_each_video(clips: Sequence[Clip]) -> tuple[list[Clip], list[Issue]]:
    """Return each split's first clip of each video, and harmless faults for the others."""
    first: dict[tuple[str, str], Clip] = {}
    faults = []
    for clip in clips:
        known = first.setdefault((clip.split, clip.group), clip)
        if known is not clip:
            faults.append(
                Issue(
                    "repeated video", clip.id, "",
                    f"{clip.group} is {CLASSES[known.label]!r} and {CLASSES[clip.label]!r} in "
                    f"{clip.split}; the first row is taken (dataset.repeated=keep takes both)",
                    fatal=False,
                )
            )  # fmt: skip
    return list(first.values()), faults
