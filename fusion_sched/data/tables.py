"""One's own files as rows of named cells: from a table, or from folders of classes."""

import csv
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from fusion_sched.data.array_files import read_arrays
from fusion_sched.data.clips.types import Issue
from fusion_sched.data.kinds import SUFFIXES, kind_of_path
from fusion_sched.data.listed import ListRow, broken_row
from fusion_sched.runtime.files import absent

DELIMITERS = {".csv": ",", ".tsv": "\t"}
TABLES = (*DELIMITERS, ".parquet")
LABEL, SPLIT, FOLD, GROUP = "label", "split", "fold", "group"
"""Columns of a folder's table, and the columns that a list may have besides its modalities."""
SPLITS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What lists and folders call a split → its name here."""
FOLDER_COLUMNS = {
    "sound": "audio", "video": "visual", "frames": "visual", "picture": "image", "array": "array",
    "text": "text",
}  # fmt: skip
"""Kind of a file in a class's folder → the modality that it belongs to."""


class Table(NamedTuple):
    """Rows with one cell per column, empty where there is nothing, and what could not be a row."""

    columns: tuple[str, ...]
    rows: list[ListRow]
    issues: list[Issue]

    def cells(self, column: str) -> list[str]:
        place = self.columns.index(column)
        return [row.cells[place] for row in self.rows]


def read_table(path: Path) -> Table:
    """Return the rows of a table with a header: `.csv`, `.tsv` or `.parquet`.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file; it is not UTF-8 text in rows, or its header names a column twice.
    """
    suffix = path.suffix.lower()
    if not path.exists():
        raise FileNotFoundError(absent(path, "set dataset.list to a table of files"))
    if suffix not in TABLES or not path.is_file():
        raise ValueError(
            f"dataset.list is {str(path)!r}, expected a table with a header that ends in .csv, "
            ".tsv or .parquet"
        )
    header, rows, issues = (
        _read_parquet(path) if suffix == ".parquet" else _read_lines(path, DELIMITERS[suffix])
    )
    repeated = sorted(name for name, times in Counter(filter(None, header)).items() if times > 1)
    if repeated or not any(header):
        raise ValueError(
            f"{path} begins with the names {header}, expected one header of different names; "
            "rename the columns"
        )
    named = [place for place, name in enumerate(header) if name]
    if len(named) < len(header):
        message = f"{path.name} has a column without a name, which is left out"
        issues.append(Issue("left out", "", "", message, fatal=False))
    kept = [row._replace(cells=[row.cells[place] for place in named]) for row in rows]
    return Table(tuple(header[place] for place in named), kept, issues)


def _read_lines(path: Path, delimiter: str) -> tuple[list[str], list[ListRow], list[Issue]]:
    """Return header, rows and broken rows of a text; a delimiter that ends a row is no cell."""
    rows: list[ListRow] = []
    issues = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter)
        try:
            header = [cell.strip() for cell in next(reader, [])]
            end = reader.line_num
            for cells in reader:
                row = ListRow([c.strip() for c in cells], "", f"{path.name} line {end + 1}")
                lines, end = reader.line_num - end, reader.line_num
                if not any(row.cells):
                    continue
                if len(row.cells) == len(header) + 1 and not row.cells[-1]:
                    row = row._replace(cells=row.cells[:-1])
                if lines > 1 or any("\n" in cell for cell in row.cells):
                    issues.append(_line_break(row, end))
                elif len(row.cells) != len(header):
                    expected = f"{len(header)} cells as the header has"
                    issues.append(broken_row(row, delimiter, expected))
                else:
                    rows.append(row)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(
                f"{path} is not a table of UTF-8 text: {error}; save it again as UTF-8"
            ) from error
    return header, rows, issues


def _line_break(row: ListRow, end: int) -> Issue:
    message = (
        f"{row.place} opens a quote that is closed in line {end} or never, so that these lines "
        "are one row; expected a row per line: close the quote, or take it out"
    )
    return Issue("broken row", row.place, "", message)


def _read_parquet(path: Path) -> tuple[list[str], list[ListRow], list[Issue]]:
    table = pd.DataFrame(read_arrays(path, ""))
    lists = [
        str(name) for name in table if len(table) and pd.api.types.is_list_like(table[name].iloc[0])
    ]
    if lists:
        raise ValueError(
            f"{path} holds lists in {lists}, expected one text or number per cell; write them as "
            ".npy files or in a column for each number"
        )
    texts = table.astype(object).where(table.notna(), "").astype(str)
    rows = [
        ListRow([cell.strip() for cell in cells], "", f"{path.name} row {number}")
        for number, cells in enumerate(texts.itertuples(index=False), start=1)
    ]
    return [str(name) for name in table], rows, []


def read_folder(root: Path, suffixes: Mapping[str, str], *, flat: bool = False) -> Table:
    """Return a row per sample of `root/CLASS/NAME.EXT`, or of `root/SPLIT/CLASS/NAME.EXT`.

    `flat`: of `root/NAME.EXT`; the label in the rows is then the folder's name.

    Files of one name, without their endings, are a sample. `suffixes`: modality → how the names of
    its files end; other files go by their kind.

    Raises
    ------
    FileNotFoundError, ValueError
        `root` is no folder, or has no folder in it.
    """
    samples: dict[tuple[str, str, str], dict[str, str]] = {}
    issues: list[Issue] = []
    strays: Counter[str] = Counter()
    if flat and not _samples_in(root, SUFFIXES):
        _check_level(root, _subfolders(root))
    for split, folder in [("", root)] if flat else _class_folders(root):
        for entry in sorted(_visible(folder), key=lambda entry: entry.name):
            placed = list(_columns_of(entry, suffixes))
            if not placed:
                strays["folders without pictures" if entry.is_dir() else Path(entry).suffix] += 1
            for column, stem in placed:
                sample = samples.setdefault((split, folder.name, stem), {})
                path = Path(entry).relative_to(root).as_posix()
                if sample.setdefault(column, path) != path:
                    issues.append(_second_file(column, sample[column], path))
    if strays:
        counted = ", ".join(f"{count} {name or 'no ending'}" for name, count in strays.items())
        message = f"{root} holds files of no known kind, which are left out: {counted}"
        issues.append(Issue("left out", "", "", message, fatal=False))
    names = sorted({column for sample in samples.values() for column in sample})
    rows = [
        ListRow(
            [label, split, *(sample.get(name, "") for name in names)], "",
            "/".join(filter(None, (split, label, stem))),
        )
        for (split, label, stem), sample in samples.items()
    ]  # fmt: skip
    return Table((LABEL, SPLIT, *names), rows, issues)


def _class_folders(root: Path) -> list[tuple[str, Path]]:
    """Return the folders of classes, each with its split; that is empty where no folder says it."""
    if not root.exists():
        raise FileNotFoundError(
            absent(root, "set dataset.root to a folder of CLASS/NAME.EXT, or dataset.list")
        )
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root} is no folder; set dataset.root to a folder of CLASS/NAME.EXT, or dataset.list "
            "to a table of files"
        )
    folders = _subfolders(root)
    if not folders:
        raise ValueError(
            f"{root} holds no folder, expected one per class with its files: CLASS/NAME.EXT; or "
            "set dataset.list to a table of files"
        )
    classes = _with_splits(folders)
    _check_level(root, [folder for _, folder in classes])
    return classes


def _check_level(root: Path, folders: Sequence[Path]) -> None:
    """Raise where the folders of classes are rather in one of these folders."""
    lower = [folder for folder in folders if _holds_classes(folder)]
    if lower and sum(_samples_in(folder, SUFFIXES) > 0 for folder in folders) < 2:
        names = ", ".join(folder.name for folder in _subfolders(lower[0])[:3])
        raise ValueError(
            f"{root} looks one level too high: its folder {lower[0].name} holds the folders of "
            f"classes, such as {names}; did you mean dataset.root={lower[0]}?"
        )


def _with_splits(folders: Sequence[Path]) -> list[tuple[str, Path]]:
    if len(folders) < 2 or not all(folder.name.lower() in SPLITS for folder in folders):
        return [("", folder) for folder in folders]
    return [(part.name, folder) for part in folders for folder in _subfolders(part)]


def _holds_classes(folder: Path) -> bool:
    """Whether a folder has no files of samples, but two folders that each have several.

    Pictures do not count in these, as a folder of them is one sample: its frames.
    """
    if _samples_in(folder, SUFFIXES):
        return False
    single = {suffix for suffix, kind in SUFFIXES.items() if kind != "picture"}
    inside = [part for _, part in _with_splits(_subfolders(folder))]
    return sum(_samples_in(part, single) > 1 for part in inside) > 1


def _samples_in(folder: Path, suffixes: Collection[str]) -> int:
    return sum(
        entry.is_file() and Path(entry).suffix.lower() in suffixes for entry in _visible(folder)
    )


def _subfolders(folder: Path) -> list[Path]:
    return sorted(Path(entry) for entry in _visible(folder) if entry.is_dir())


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _columns_of(entry: os.DirEntry[str], suffixes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the columns that a file belongs to, each with the name of its sample."""
    name = entry.name
    ending = [s for s in suffixes.values() if name.lower().endswith(s.lower())]
    if ending:
        longest = max(ending, key=len)
        yield from ((m, name[: -len(longest)]) for m, s in suffixes.items() if s == longest)
        return
    column = FOLDER_COLUMNS.get(kind_of_path(Path(entry), entry.is_dir()), "")
    if column and column not in suffixes:
        yield column, name if entry.is_dir() else Path(name).stem


def _second_file(column: str, first: str, second: str) -> Issue:
    message = (
        f"{second} and {first} are both {column} of one sample, expected one file; take one out, "
        "or tell them apart by how their names end: +dataset.modalities.NAME.suffix=ENDING"
    )
    return Issue("two files", second, column, message)


def class_names(labels: Sequence[str], column: str) -> tuple[str, ...]:
    """Return the different labels, numbers in their order, texts in the alphabet's.

    Raises
    ------
    ValueError
        Fewer than two, or so many that they are measurements or names.
    """
    names = {label for label in labels if label}
    if len(names) < 2 or (len(names) >= 10 and 2 * len(names) > len(labels)):
        some = ", ".join(sorted(names)[:3])
        raise ValueError(
            f"{column!r} holds {len(names)} different labels in {len(labels)} rows ({some}), "
            "expected two or more classes of several samples; name its column by dataset.label"
        )
    whole = all(name.removeprefix("-").isdecimal() for name in names)
    return tuple(sorted(names, key=int) if whole else sorted(names))
