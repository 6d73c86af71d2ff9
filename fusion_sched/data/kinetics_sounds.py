"""Kinetics-Sounds: 31 classes of Kinetics-400 that can be seen and heard.

The idea is of Arandjelovic and Zisserman (ICCV 2017); the lists are those of OGM-GE (Peng et al.,
CVPR 2022), 14,799 clips to train and 2,597 to test on. Other work has 19,000 clips and 34 classes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.types import Clip
from fusion_sched.data.listed import Entry, ListRow, broken_row, list_rows, unknown_label
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.samples.videos import write_kinetics_sounds
from fusion_sched.data.videos import OnlineVideos

CLASSES = (
    "blowing nose", "blowing out candles", "bowling", "chopping wood", "dribbling basketball",
    "laughing", "mowing lawn", "playing accordion", "playing bagpipes", "playing bass guitar",
    "playing clarinet", "playing drums", "playing guitar", "playing harmonica",
    "playing keyboard", "playing organ", "playing piano", "playing saxophone",
    "playing trombone", "playing trumpet", "playing violin", "playing xylophone",
    "ripping paper", "shoveling snow", "shuffling cards", "singing", "stomping grapes",
    "tap dancing", "tapping guitar", "tapping pen", "tickling",
)  # fmt: skip
"""Kinetics-400's names, alphabetical. The lists hold ids only and come without names: this order
is that of public loaders of the same lists, and was checked on the two clips whose class is known
from elsewhere (ids 4 and 13). A wrong name would mislabel tables, not samples."""
LISTS = {"train": "my_train.txt", "test": "my_test.txt"}
NAME = re.compile(r"(?P<video>[\w-]{11})_(?P<start>\d+)(_(?P<end>\d+))?", re.ASCII)
ROW = "VIDEOID_START_END,10,CLASSID or VIDEOID_START,10,CLASSID"

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
class KineticsSounds(OnlineVideos):
    """Clips of Kinetics-Sounds; validation is a stratified share of the training list.

    The fields of a path are `{video}`, `{start}` and `{end}` (seconds; `{start:06d}` with leading
    zeros), `{split}` (`train` or `test`) and `{label}` (the class's name). By default the names are
    those that Kinetics' archives give. With a folder per class they are
    `{split}/{label}/{video}_{start:06d}_{end:06d}.mp4`.
    """

    audio_files: str = "{split}/{video}_{start:06d}_{end:06d}.mp4"
    visual_files: str = "{split}/{video}_{start:06d}_{end:06d}.mp4"

    source: ClassVar[Source] = SOURCE
    example: ClassVar[Mapping[str, object]] = {
        "video": "-00nar1nEPc", "start": 33, "end": 43, "split": "train", "label": CLASSES[13],
    }  # fmt: skip
    training_list: ClassVar[str] = LISTS["train"]

    def entries(self) -> tuple[Sequence[str], Sequence[Entry]]:
        root = Path(self.root)
        rows = [r for split, name in LISTS.items() for r in list_rows(SOURCE, root / name, split)]
        return CLASSES, [self._entry(row) for row in rows]

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data: small videos and both lists."""
        write_kinetics_sounds(out, spec, len(CLASSES), LISTS)

    def _entry(self, row: ListRow) -> Entry:
        name, numbers = NAME.fullmatch(row.cells[0]), row.cells[1:]
        if name is None or len(numbers) != 2 or not all(cell.isdigit() for cell in numbers):
            return broken_row(row, ",", ROW)
        duration, label = map(int, numbers)
        if label >= len(CLASSES):
            return unknown_label(row.place, numbers[1], map(str, range(len(CLASSES))))
        video, start = name["video"], int(name["start"])
        end = int(name["end"]) if name["end"] else start + duration
        files = self.files(video=video, start=start, end=end, split=row.split, label=CLASSES[label])
        return Clip(f"{video}_{start:06d}", label, row.split, files, group=video)
