"""AVE: ten-second videos of 28 audio-visual events (Tian et al., ECCV 2018)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.types import Clip, Issue
from fusion_sched.data.listed import (
    Entry,
    ListRow,
    broken_row,
    check_choice,
    list_rows,
    mark_repeated,
    unknown_label,
)
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.samples.videos import write_ave
from fusion_sched.data.videos import VideoDataset

CLASSES = (
    "Church bell", "Male speech, man speaking", "Bark", "Fixed-wing aircraft, airplane",
    "Race car, auto racing", "Female speech, woman speaking", "Helicopter", "Violin, fiddle",
    "Flute", "Ukulele", "Frying (food)", "Truck", "Shofar", "Motorcycle", "Acoustic guitar",
    "Train horn", "Clock", "Banjo", "Goat", "Baby cry, infant cry", "Bus", "Chainsaw", "Cat",
    "Horse", "Toilet flush", "Rodents, rats, mice", "Accordion", "Mandolin",
)  # fmt: skip
"""In the order in which Annotations.txt first names them, the class ids of most public loaders."""
LISTS = {"train": "trainSet.txt", "validation": "valSet.txt", "test": "testSet.txt"}
ROW = "Category&VideoID&Quality&Start&End"
HEADER = ["Category", "VideoID"]

SOURCE = Source(
    name="ave",
    title="AVE (Audio-Visual Event dataset)",
    modalities=("audio", "visual"),
    address="https://github.com/YapengTian/AVE-ECCV18",
    size="4,097 videos of ten seconds, 4,143 annotated events, 28 classes",
    licence="none stated; AudioSet's labels are CC BY 4.0, the videos belong to their makers",
    layout=("AVE/VIDEOID.mp4", f"trainSet.txt, valSet.txt, testSet.txt   rows {ROW}"),
    how="Follow the link to the archive in the project's README, unpack it, and set dataset.root "
    "to the unpacked AVE_Dataset.",
    counts={"rows": {"train": 3339, "validation": 402, "test": 402}},
)


@dataclass(frozen=True)
class AVE(VideoDataset):
    """Whole videos of the AVE dataset, one label each, on its own three lists.

    45 videos hold two annotated events. The whole video is the sample here, so that its second row
    would be the same sample again, perhaps under another label. `repeated="first"` takes a list's
    first row of a video only, as the loaders of PMR (Fan et al., CVPR 2023) and of FastPID do;
    `"keep"` takes them all (3,339/402/402). Clips are named `SPLIT/VIDEOID_CLASS_START-END`. Videos
    in two splits stay, and are reported.

    Parameters
    ----------
    root : the unpacked `AVE_Dataset`
    repeated : `"first"` or `"keep"`
    """

    audio_files: str = "AVE/{video}.mp4"
    visual_files: str = "AVE/{video}.mp4"
    frames: int = 10
    repeated: str = "first"

    source: ClassVar[Source] = SOURCE
    example: ClassVar[Mapping[str, object]] = {"video": "RUhOCu3LNXM"}

    def __post_init__(self) -> None:
        check_choice("repeated", self.repeated, ("first", "keep"))
        super().__post_init__()

    def entries(self) -> tuple[Sequence[str], Sequence[Entry]]:
        """Read the three lists."""
        entries = [
            self._entry(row)
            for split, name in LISTS.items()
            for row in list_rows(SOURCE, Path(self.root) / name, split, delimiter="&")
            if row.cells[:2] != HEADER
        ]
        if self.repeated == "first":
            entries = mark_repeated(entries, lambda clip: (clip.split, clip.group), repeated_video)
        return CLASSES, entries

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data: small videos and all lists."""
        write_ave(out, spec, CLASSES, LISTS)

    def _entry(self, row: ListRow) -> Entry:
        cells = row.cells
        if len(cells) != 5 or not cells[1] or not (cells[3].isdigit() and cells[4].isdigit()):
            return broken_row(row, "&", ROW)
        category, video, _, start, end = cells
        if category not in CLASSES:
            return unknown_label(row.place, category, CLASSES)
        label = CLASSES.index(category)
        name = f"{row.split}/{video}_{label:02d}_{start}-{end}"
        return Clip(name, label, row.split, self.files(video=video), group=video)


def repeated_video(first: Clip, clip: Clip) -> Issue:
    """Return the harmless issue of a further event in a video."""
    message = (
        f"{clip.group} is {CLASSES[first.label]!r} and {CLASSES[clip.label]!r} in {clip.split}; "
        "the first row is taken (dataset.repeated=keep takes both)"
    )
    return Issue("repeated video", clip.id, "", message, fatal=False)
