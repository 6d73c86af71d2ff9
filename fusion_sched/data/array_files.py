"""Arrays and tables in files: .csv, .npy, .npz, .parquet and .pt, for training and diagnoses."""

import csv
import math
import pickle
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo, is_zipfile

import numpy as np
import pandas as pd
import torch
from numpy.lib.format import MAGIC_PREFIX

from fusion_sched.runtime.files import absent

IN_MEMORY = "(arrays in memory)"
"""Stands for the file where arrays were given in Python."""
NO_NAME = "(unnamed) "
"""What a column without a name is called, before its place counted from 1."""
MOST_DEFLATED = 1032
"""Bytes that one byte of a deflated file can stand for, at most."""
BYTES_OF_CELL = 8
MOST_UNPACKED, UNPACKED_UNCHECKED = 100, 2**28
"""Bytes that one byte of any file may stand for, and bytes below which that is not asked."""

Columns = dict[str, Any]
"""Name → an array, a tensor, or a column of a table."""


def read_files(root: str | Sequence[str]) -> Columns:
    """Return arrays by name from a file, from several, or from a folder of .npy files.

    Raises
    ------
    FileNotFoundError
        A file that is not there, or a folder without .npy files.
    ValueError
        A file that cannot be read, or a name in two files.
    """
    if root == IN_MEMORY:
        raise ValueError(
            "the arrays of this run were given in Python and are in no file; name one that holds "
            "such arrays, as by --data"
        )
    if isinstance(root, str) and Path(root).is_dir():
        paths = sorted(Path(root).glob("*.npy"))
        if not paths:
            raise FileNotFoundError(
                f"{root} holds no .npy file, expected one per modality and y.npy; or set "
                f"dataset.root to a file, one of {sorted(READERS)}"
            )
    else:
        paths = [Path(path) for path in ([root] if isinstance(root, str) else root)]
    columns: Columns = {}
    for path in paths:
        content = read_arrays(path, path.stem)
        repeated = sorted(set(content) & set(columns))
        if repeated:
            raise ValueError(f"{path} holds {repeated}, which another file holds as well")
        columns |= content
    return columns


def read_arrays(path: Path, name: str) -> Columns:
    """Return arrays by name from a file; a single array of an .npy gets the name given."""
    if not path.exists():
        raise FileNotFoundError(absent(path, f"expected a file, one of {sorted(READERS)}"))
    if path.suffix not in READERS or not path.is_file():
        raise ValueError(f"{path} ends in {path.suffix!r}, expected one of {sorted(READERS)}")
    try:
        content = READERS[path.suffix](path)
    except MemoryError as error:
        raise ValueError(f"{path} needs more memory than there is; take a part of it") from error
    return content if isinstance(content, dict) else {name: content}


def plain_array(values: Any, name: str) -> np.ndarray:
    """Return what a file holds under a name as an array: of numbers, or of strings (N,)."""
    if isinstance(values, torch.Tensor):
        return values.detach().numpy()
    if not isinstance(values, pd.Series):
        array = np.asarray(values)
        return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    if len(values) and isinstance(values.iloc[0], list | np.ndarray):
        return stack_cells(values, name)
    missing = values.isna().to_numpy()
    if missing.any():
        raise ValueError(
            f"column {name!r} is empty in {int(missing.sum())} row(s), the first is row "
            f"{int(np.argmax(missing))}; fill or drop them"
        )
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        kind = values.dtype.name.lower().replace("boolean", "bool")  # Int64, Float64, boolean
        return values.to_numpy(dtype=np.dtype(kind))
    return values.astype(str).str.strip().to_numpy(dtype=str)


def stack_cells(cells: "pd.Series[Any]", name: str) -> np.ndarray:
    """Return cells that hold a list each as one array (N, features)."""
    try:
        return np.stack([np.asarray(cell, dtype=np.float64) for cell in cells])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"column {name!r} holds lists that are not all of one length and of numbers: {error}"
        ) from error


def _read_csv(path: Path) -> Columns:
    """Return the columns of a table with a header."""
    try:
        header, trailing = _checked_header(path)
        table = pd.read_csv(
            path, keep_default_na=False, na_values=[""], skipinitialspace=True, skiprows=1,
            header=None, names=[*header, *[f"{NO_NAME}trailing"] * trailing], index_col=False,
            encoding="utf-8-sig", low_memory=False,
        )  # fmt: skip
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a .csv table: {error}") from error
    empty = [n for n in header if n.startswith(NO_NAME) and bool(table[n].isna().all())]
    return {name: table[name] for name in header if name not in empty}


def _checked_header(path: Path) -> tuple[list[str], bool]:
    """Names of the columns, and whether a comma ends the rows.

    Raises `ValueError` for names that occur twice, rows with another number of cells, and cells
    with line breaks.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, skipinitialspace=True)
        header = [name.strip() for name in next(rows, [])]
        if not any(header):
            raise ValueError(f"{path} has no header, expected the names of the columns in line 1")
        if rows.line_num > 1:
            raise ValueError(f"{path}: the header has a line break in it; expected one line")
        repeated = sorted({name for name in header if name and header.count(name) > 1})
        if repeated:
            raise ValueError(f"{path} names {repeated} more than once; rename these columns")
        last, trailing = rows.line_num, False
        for row in rows:
            if rows.line_num > last + 1:
                raise ValueError(
                    f"{path}, line {last + 1}: a quote that opens here is closed in line "
                    f"{rows.line_num}; expected one row per line, drop the column or the quotes"
                )
            last = rows.line_num
            extra = len(row) == len(header) + 1 and not row[-1]
            trailing |= extra
            if row and len(row) != len(header) and not extra:
                raise ValueError(
                    f"{path}, line {last}: {len(row)} cells, but the header has {len(header)}; "
                    "quote cells that hold a comma"
                )
    return [name or f"{NO_NAME}{place}" for place, name in enumerate(header, start=1)], trailing


def _read_parquet(path: Path) -> Columns:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(f"{path}: reading .parquet needs pyarrow; pip install pyarrow") from error
    try:
        declared = pyarrow.parquet.read_metadata(path)
        groups = (declared.row_group(place) for place in range(declared.num_row_groups))
        # A value that repeats takes no room in the file, and eight bytes per row in memory.
        cells = BYTES_OF_CELL * declared.num_rows * declared.num_columns
        _check_unpacked(path, max(cells, sum(group.total_byte_size for group in groups)))
        table = pd.read_parquet(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"{path} cannot be read as .parquet: {error}; save it again") from error
    return {str(name): table[name] for name in table.columns}


def _read_npy(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as stream:
            _check_declared(stream, path.stat().st_size, path)
        return np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: {error}; expected one plain array saved by np.save") from error


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return every array of the file; objects that need unpickling are refused."""
    with path.open("rb") as stream:
        if stream.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX:
            raise ValueError(f"{path} holds one array, as an .npy does; rename it to end in .npy")
    try:
        _check_archive(path)
        with ZipFile(path) as archive:
            for member in archive.infolist():
                _check_member(archive, member)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except DAMAGED_ARCHIVE as error:
        raise ValueError(f"{path} is not a readable .npz file: {error}; save it again") from error
    except ValueError as error:
        raise ValueError(
            f"{path}: {error}; expected plain numeric arrays, save them without objects"
        ) from error


DAMAGED_ARCHIVE = (BadZipFile, zlib.error, EOFError, RuntimeError, struct.error, KeyError, OSError)
"""What reading a damaged, encrypted or unusual archive raises, but for `ValueError`."""


def _check_archive(path: Path) -> None:
    """Raise where the members of an archive are far larger than the archive."""
    with ZipFile(path) as archive:
        _check_unpacked(path, sum(member.file_size for member in archive.infolist()))


def _check_unpacked(path: Path, unpacked: int) -> None:
    """Raise where a small file stands for so many bytes that reading it could fill the memory."""
    held = path.stat().st_size
    if unpacked > max(UNPACKED_UNCHECKED, MOST_UNPACKED * held):
        raise ValueError(
            f"{path} has {held:,} bytes and unpacks to {unpacked:,}, more than {MOST_UNPACKED} "
            "times as many; save it uncompressed if it is your own"
        )


def _check_member(archive: ZipFile, member: ZipInfo) -> None:
    """Raise where an array of an archive, or its packed size, cannot be as large as declared."""
    factor = 1 if member.compress_type == ZIP_STORED else MOST_DEFLATED
    if member.file_size > factor * (member.compress_size + 1):
        raise ValueError(
            f"{member.filename} declares {member.file_size:,} bytes but {member.compress_size:,} "
            "are stored, which cannot be; the file is damaged"
        )
    with archive.open(member) as stream:
        _check_declared(stream, member.file_size, Path(member.filename))


def _check_declared(stream: IO[bytes], size: int, name: Path) -> None:
    """Raise where the header of an array declares more than `size` bytes of a file can hold."""
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0}.get(version)  # fmt: skip
    if read is None:
        raise ValueError(f"{name} has numpy format {version}, of arrays with named fields")
    shape, _, dtype = read(stream)
    declared, held = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if not dtype.hasobject and (declared > held or min(shape, default=0) < 0):
        raise ValueError(
            f"{name} declares shape {shape} of {dtype}, {declared:,} bytes, but holds {held:,}; "
            "the file is damaged or was written with a wrong header, save it again"
        )


def _read_pt(path: Path) -> Columns:
    try:
        if is_zipfile(path):
            _check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, *DAMAGED_ARCHIVE) as error:
        raise ValueError(
            f"{path} cannot be read as tensors ({(str(error) or repr(error)).splitlines()[0]}); "
            "expected torch.save of a dict of tensors"
        ) from error
    if not isinstance(content, Mapping) or not all(
        isinstance(value, torch.Tensor | list) for value in content.values()
    ):
        raise ValueError(f"{path} holds {type(content).__name__}, expected a dict of tensors")
    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            _check_tensor(value, f"{name!r} in {path}")
    return {
        str(name): value.float() if getattr(value, "dtype", None) == torch.bfloat16 else value
        for name, value in content.items()
    }


def _check_tensor(value: torch.Tensor, name: str) -> None:
    """Raise where a tensor is not dense, or declares more values than are stored."""
    if value.layout != torch.strided or value.is_meta or value.is_quantized:
        raise ValueError(f"{name} is a tensor of {value.layout} on {value.device}, expected dense")
    declared, held = value.numel() * value.element_size(), value.untyped_storage().nbytes()
    if declared > held:
        raise ValueError(
            f"{name} declares shape {tuple(value.shape)} of {value.dtype}, {declared:,} bytes, but "
            f"{held:,} are stored; save it by .contiguous(), or the file is damaged"
        )


READERS: dict[str, Callable[[Path], Any]] = {
    ".csv": _read_csv, ".npz": read_npz, ".npy": _read_npy, ".parquet": _read_parquet,
    ".pt": _read_pt,
}  # fmt: skip
