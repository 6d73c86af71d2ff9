"""VGGSound: 309 classes of sounds in videos that show their source (Chen et al., ICASSP 2020).

Sizes: the counts per class in the authors' `stat.csv` add up to 199,176, 15,446 of them for test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.types import Clip
from fusion_sched.data.listed import Entry, ListRow, broken_row, list_rows, unknown_label
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.samples.videos import write_vggsound
from fusion_sched.data.videos import OnlineVideos

LIST = "vggsound.csv"
SPLITS = ("train", "test")
ROW = "YOUTUBE_ID,START_SECONDS,LABEL,train or test"
SAMPLE_CLASSES = (
    "airplane flyby", "baby crying", "bird chirping, tweeting", "cat meowing",
    "cattle, bovinae cowbell", "church bell ringing", "dog barking",
    "female speech, woman speaking", "people marching", "playing violin, fiddle", "thunder",
    "typing on computer keyboard",
)  # fmt: skip
"""Of the 309, those that sample data shows."""

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
class VGGSound(OnlineVideos):
    """Clips of VGGSound; validation is a stratified share of the training ones.

    Class ids follow the sorted labels of the whole list, on disk or not, as in VGGSound's own
    loader. The fields of a path are `{video}`, `{start}` (seconds; `{start:06d}` with leading
    zeros), `{split}` and `{label}`. Prepared audio takes 0.5 MB a clip, 100 GB in all.

    Parameters
    ----------
    class_list : `None`, or a file under `root` with a class's name in each row's first column,
        such as VGGSound's `stat.csv`, which keeps the ids the same for a shortened list
    """

    audio_files: str = "video/{video}_{start:06d}.mp4"
    visual_files: str = "video/{video}_{start:06d}.mp4"
    frame_encoding: str = "jpeg"
    class_list: str | None = None

    source: ClassVar[Source] = SOURCE
    example: ClassVar[Mapping[str, object]] = {
        "video": "FwVYUHKoLtQ", "start": 34, "split": "train", "label": "people marching",
    }  # fmt: skip
    training_list: ClassVar[str] = LIST

    def entries(self) -> tuple[Sequence[str], Sequence[Entry]]:
        """Read the list, and that of the classes where there is one."""
        rows = list_rows(SOURCE, Path(self.root) / LIST)
        if self.class_list is None:
            names = {row.cells[2] for row in rows if _is_row(row.cells)}
        else:
            named = list_rows(SOURCE, Path(self.root) / self.class_list)
            names = {row.cells[0] for row in named}
        labels = {name: label for label, name in enumerate(sorted(names))}
        return list(labels), [self._entry(row, labels) for row in rows]

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data: small videos of at most twelve classes and their list."""
        write_vggsound(out, spec, SAMPLE_CLASSES, LIST)

    def _entry(self, row: ListRow, labels: Mapping[str, int]) -> Entry:
        if not _is_row(row.cells):
            return broken_row(row, ",", ROW)
        video, start, label, split = row.cells[0], int(row.cells[1]), *row.cells[2:]
        if label not in labels:
            return unknown_label(row.place, label, labels)
        files = self.files(video=video, start=start, split=split, label=label)
        return Clip(f"{video}_{start:06d}", labels[label], split, files, group=video)


def _is_row(cells: Sequence[str]) -> bool:
    """Say whether cells are those of a row of the list."""
    return len(cells) == 4 and bool(cells[0]) and cells[1].isdigit() and cells[3] in SPLITS
