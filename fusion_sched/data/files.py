"""One's own files: folders of classes, or a table of paths, texts and numbers."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from fusion_sched.data.clips.check import shared_groups
from fusion_sched.data.clips.load import Finish
from fusion_sched.data.clips.numbers import Standardise, standardise_numbers
from fusion_sched.data.clips.source import Source
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality, ReadError
from fusion_sched.data.kinds import (
    KNOBS,
    ModalitySpec,
    kind_of_cells,
    named_specs,
    reader_of,
    value_of,
)
from fusion_sched.data.listed import Entry, ListedDataset, ListRow, check_choice, mark_repeated
from fusion_sched.data.new_files import describe_modality, read_new_files
from fusion_sched.data.samples.own_files import write_own_files
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.shares import absent_classes, draw_splits, leave_out_small
from fusion_sched.data.tables import (
    FOLD,
    GROUP,
    SPLIT,
    SPLITS,
    Table,
    class_names,
    read_folder,
    read_table,
)
from fusion_sched.runtime.files import naming
from fusion_sched.types import InputFormat, NewSamples, Splits

__all__ = ["Files"]

SOURCE = Source(
    name="files",
    title="Your own files",
    modalities=("audio", "visual", "picture", "title"),
    address="your disk",
    size="as large as they are",
    licence="yours",
    layout=("CLASS/NAME.wav, CLASS/NAME.mp4 …", "or a table of paths: dataset.list=TABLE.csv"),
    how="docs/your_files.md tells which files and columns there may be.",
    trainings=(
        "dataset=files dataset.root={out}/clips",
        "dataset=files dataset.list={out}/pictures.csv encoder=by_modality "
        "+encoder@encoder.picture=by_shape +encoder@encoder.title=text",
    ),
)


@dataclass(frozen=True)
class Files(ListedDataset):
    """A row of a table, or the files of one name in a class's folder, is a sample.

    Parameters
    ----------
    root : folder of `CLASS/NAME.EXT`; with `list` that of its paths, empty for the list's own
    list : table with a header, `.csv`, `.tsv` or `.parquet`; `split` and `fold` are read where they
        are among its columns
    label : column of the class
    group : column of whom two splits should not share; `None`: `group`, where there is one
    modalities : name → `kind`, `column`, `columns` (a pattern, of numbers), `suffix` (how the names
        of its files end, in folders of classes), and knobs of its kind
    use : these modalities alone, in this order
    video_sound : the sound track of videos is a modality `audio`
    allow_outside_root : paths may lead out of `root`
    allow_shared_groups : a group may be in two splits; without `group` single samples are drawn
    validation, test, split_seed : shares that are drawn where the list has no split
    rate, seconds, short, n_fft, hop, bands, audio_size, standardise : of sound, as `Spectrogram`
    frames, choose, size, frame_encoding, augmented : of pictures and videos, as `Frames`
    tokenizer, vocabulary, length : of text, as `Food101`
    """

    root: str = ""
    list: str | None = None
    label: str = "label"
    modalities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    use: Sequence[str] | None = None
    video_sound: bool = False
    allow_outside_root: bool = False  # type: ignore[misc]  # a setting here
    allow_shared_groups: bool = False
    validation: float = 0.2
    test: float = 0.2
    split_seed: int = 0
    rate: int = 16000
    seconds: float = 3.0
    short: str = "tile"
    n_fft: int = 512
    hop: int = 256
    bands: int | None = 64
    audio_size: tuple[int, int] | None = None
    standardise: bool = True
    frames: int = 1
    choose: str = "spread"
    size: int = 64
    frame_encoding: str = "raw"
    augmented: bool = True
    tokenizer: str | None = None
    vocabulary: int = 10_000
    length: int = 40

    source: ClassVar[Source] = SOURCE

    def __post_init__(self) -> None:
        if not self.root and self.list:
            object.__setattr__(self, "root", str(Path(self.list).parent))
        if not (self.validation > 0 and self.test > 0 and self.validation + self.test < 1):
            raise ValueError(
                f"validation is {self.validation} and test {self.test}, expected shares above 0 "
                "that leave something to train on"
            )

    @property
    def folded(self) -> bool:
        """Whether folds take the place of splits; groups alone are held out as a whole."""
        return self.folds is not None or self.fold is not None

    @property
    def grouped_by(self) -> str:  # type: ignore[override]  # a setting here
        """The column of groups."""
        return self.group or GROUP

    @cached_property
    def table(self) -> Table:
        """The list, or the folders, as rows."""
        if self.list:
            return read_table(Path(self.list))
        if not self.root:
            raise FileNotFoundError(
                "neither dataset.root nor dataset.list is set; set dataset.root to a folder of "
                "CLASS/NAME.EXT, or dataset.list to a table of files"
            )
        return read_folder(Path(self.root), self._suffixes)

    @property
    def _suffixes(self) -> Mapping[str, str]:
        return {m: own["suffix"] for m, own in self.modalities.items() if "suffix" in own}

    @cached_property
    def specs(self) -> Sequence[ModalitySpec]:
        """The modalities, in the order of their columns, or as `use` names them."""
        table, root = self.table, Path(self.root)
        no_modality = {self.label, self.grouped_by, SPLIT, FOLD, GROUP}
        columns = {c: table.cells(c) for c in table.columns if c not in no_modality}
        specs = {s.name: s for s in named_specs(self.modalities, columns, self._knobs, root)}
        taken = {column for spec in specs.values() for column in spec.columns}
        for column, cells in columns.items():
            if column not in taken and (kind := kind_of_cells(cells, root)):
                specs[column] = ModalitySpec(column, kind, (column,), {})
        if self.video_sound:
            videos = [spec for spec in specs.values() if spec.kind == "video"]
            if len(videos) != 1 or "audio" in specs:
                raise ValueError(
                    f"video_sound is set with the modalities {sorted(specs)}, {len(videos)} of "
                    "them videos, expected one video and none called audio; name the sound by "
                    "+dataset.modalities.NAME.column=… and +dataset.modalities.NAME.kind=sound"
                )
            specs["audio"] = ModalitySpec("audio", "sound", videos[0].columns, {})
        return self._used(specs)

    def _used(self, specs: Mapping[str, ModalitySpec]) -> Sequence[ModalitySpec]:
        wanted = sorted(specs, key=lambda m: self.table.columns.index(specs[m].columns[0]))
        if self.use is not None:
            wanted = [*self.use]
        unknown = [name for name in wanted if name not in specs]
        if unknown or not wanted:
            raise ValueError(
                f"no column of {self.list or self.root} is a modality {unknown or ''}: it has "
                f"{list(self.table.columns)}, of which {sorted(specs)} are modalities; name others "
                "by +dataset.modalities.NAME.column=COLUMN, or of numbers .columns=PATTERN"
            )
        return [specs[name] for name in wanted]

    @property
    def _knobs(self) -> Mapping[str, Any]:
        names = {knob for knobs in KNOBS.values() for knob in knobs}
        return {name: getattr(self, name) for name in (*names, "tokenizer", "vocabulary")}

    def entries(self) -> tuple[Sequence[str], Sequence[Entry]]:
        """Make a clip of each row."""
        table = self.table
        for column in filter(None, (self.label, self.group)):
            if column not in table.columns:
                raise ValueError(
                    f"{self.list or self.root} has no column {column!r} but "
                    f"{list(table.columns)}; set dataset.label and dataset.group to its columns"
                )
        broken = [issue.message for issue in table.issues if issue.fatal]
        if broken and not table.rows:
            raise ValueError(f"{self.list} has no whole row: {broken[0]}")
        with naming(Path(self.list or self.root)):
            classes = class_names(table.cells(self.label), self.label)
        labels = {name: number for number, name in enumerate(classes)}
        some_split = SPLIT in table.columns and any(table.cells(SPLIT))
        entries = [self._entry(row, labels, some_split) for row in table.rows]
        ids = Counter(entry.id for entry in entries if isinstance(entry, Clip))
        entries = [
            replace(entry, id=f"{entry.id} ({row.place})")
            if isinstance(entry, Clip) and ids[entry.id] > 1
            else entry
            for row, entry in zip(table.rows, entries, strict=True)
        ]
        return classes, [*table.issues, *self._left_out(), *mark_repeated(entries, _inputs, _same)]

    def _entry(self, row: ListRow, labels: Mapping[str, int], some_split: bool) -> Entry:
        cells = dict(zip(self.table.columns, row.cells, strict=True))
        values: dict[str, Path | str | tuple[float, ...]] = {}
        if self.list is None and not any(cells[c] for s in self.specs for c in s.columns):
            message = f"{row.place} is left out: it has none of {[s.name for s in self.specs]}"
            return Issue("left out", row.place, "", message, fatal=False)
        try:
            for column in (self.label, *({self.grouped_by} & cells.keys())):
                if not cells[column]:
                    raise ReadError(f"no {column}", f"no {column}")
            split = cells.get(SPLIT, "") if some_split else ""
            if some_split and split.lower() not in SPLITS:
                expected = "train, validation or test in every row, or in none"
                raise ReadError("unknown split", f"the split {split!r}, expected {expected}")
            for spec in self.specs:
                values[spec.name] = value_of(spec, cells, Path(self.root), self.allow_outside_root)
        except ReadError as error:
            message = f"{row.place} has {error}; correct it or take it out"
            return Issue(error.kind, row.place, "", message)
        files = {m: value for m, value in values.items() if isinstance(value, Path)}
        first = next((spec.columns[0] for spec in self.specs if spec.name in files), None)
        return Clip(
            row.place if first is None or self.list is None else cells[first],
            labels[cells[self.label]], SPLITS.get(split.lower(), ""), files,
            text={m: value for m, value in values.items() if isinstance(value, str)},
            numbers={m: value for m, value in values.items() if isinstance(value, tuple)},
            group=cells.get(self.grouped_by, ""), fold=cells.get(FOLD, ""),
        )  # fmt: skip

    def _left_out(self) -> Sequence[Issue]:
        """Return one issue that names the columns that nothing is read from."""
        used = {column for spec in self.specs for column in spec.columns}
        idle = [
            column for column in self.table.columns
            if column not in {*used, self.label, self.grouped_by, SPLIT, FOLD}
        ]  # fmt: skip
        if not idle:
            return []
        message = (
            f"columns {', '.join(idle)} are not used: not in dataset.use, or numbers, single words "
            "or mostly empty; where one is a modality, set +dataset.modalities.NAME.column=COLUMN, "
            "or of numbers .columns=PATTERN"
        )
        return [Issue("not used", "", "", message, fatal=False)]

    def select(
        self, clips: Sequence[Clip], classes: Sequence[str]
    ) -> tuple[Sequence[Clip], Sequence[Issue]]:
        """Draw the splits that the list does not give."""
        issues: Sequence[Issue] = []
        grouped = self.group is not None
        if not self.folded and not any(clip.split for clip in clips):
            clips, issues = leave_out_small(
                clips, classes, self.validation, self.test, grouped=grouped
            )
        if not self.folded:
            clips = draw_splits(clips, self.validation, self.test, self.split_seed, grouped=grouped)
        return clips, issues

    def listing(self) -> Listing:
        if self.group is None and not self.allow_shared_groups and GROUP in self.table.columns:
            return replace(self, group=GROUP).listing()
        listing = super().listing()
        issues = [*listing.issues, *absent_classes(listing.clips, listing.classes)]
        shared = shared_groups(listing)
        if not self.allow_shared_groups:
            issues += [
                replace(issue, fatal=True, message=f"{issue.message}; correct the column "
                        f"{SPLIT!r}, or set dataset.allow_shared_groups=true")
                for issue in shared
            ]  # fmt: skip
        return replace(listing, issues=issues)

    def readers(self, listing: Listing) -> dict[str, Modality]:
        return {spec.name: reader_of(spec, self._knobs, listing.clips) for spec in self.specs}

    def load(self) -> Splits:
        """Return the splits; numbers and arrays are standardised by the training samples.

        Raises
        ------
        ValueError
            Damaged files, unless `on_error` is `"skip"`; a group in two splits, unless
            `allow_shared_groups`.
        """
        check_choice("on_error", self.on_error, ("raise", "skip"))
        shared = [
            i for i in self.listing().issues if i.fatal and i.kind == f"shared {self.grouped_by}"
        ]
        if shared:
            raise ValueError("\n".join(issue.message for issue in shared))
        numeric = [s.name for s in self.specs if s.kind in ("array", "numbers")]
        plain = super().load()
        assert isinstance(plain.finish, Finish), "made by `load_clips`"
        splits = standardise_numbers(plain, numeric)
        moments = splits.finish.moments if isinstance(splits.finish, Standardise) else {}
        return replace(splits, preprocessing={
            spec.name: describe_modality(
                spec, plain.finish.modalities[spec.name], moments.get(spec.name)
            )
            for spec in self.specs
        })  # fmt: skip

    def read_new(self, expected: InputFormat) -> NewSamples:
        """Read samples for a trained network; `root` is a folder, or a table of files.

        Labels may be absent, and cells of modalities empty. Paths of a table are relative to its
        folder.

        Raises
        ------
        FileNotFoundError
            There is no such table or folder.
        ValueError
            No column is a modality of the network, a row is broken, or a label is no class.
        """
        return read_new_files(
            Path(self.root), self.label, self._suffixes, expected,
            allow_outside_root=self.allow_outside_root,
        )  # fmt: skip

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data: sounds and videos in folders of classes, and a list of pictures."""
        write_own_files(out, spec)


def _inputs(clip: Clip) -> Hashable:
    """Return what a clip is made of: nothing twice, unless it is numbers or words alone."""
    if not clip.files:
        return clip.id
    return (*clip.files.values(), *clip.text.values(), *clip.numbers.values())


def _same(first: Clip, clip: Clip) -> Issue:
    message = (
        f"{clip.id} is made of the same files as {first.id}, expected each sample once; take one "
        "row off the list"
    )
    return Issue("listed twice", clip.id, "", message)
