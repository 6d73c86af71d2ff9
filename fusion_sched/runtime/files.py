"""Files that several processes share: whole writes, locks and digests."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Yield a binary file that takes the place of `path` once all of it is on the disk.

    A process that is killed, or a body that raises, leaves `path` as it was. A killed one also
    leaves a file `.NAME.PID.tmp` in the same folder. A link stays, and the file it names changes.

    Raises
    ------
    OSError
        `path` is something else than a file: a device, a pipe or a folder.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is not a regular file, expected a file's name to write to")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise  # not of this file, but of what the body does besides
        raise OSError(
            f"{_cannot_be_written(path, error)}. What was there before is unchanged"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_new(path: Path | None, overwrite: bool) -> None:
    """Raise `FileExistsError` where a file is there that is not to be replaced."""
    if path is not None and path.is_file() and not overwrite:
        raise FileExistsError(
            f"{path} exists already; choose another name, or replace it by --overwrite"
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file or folder, and what to do, in an `OSError` of the body that names none."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(path)):
            raise
        raise OSError(_cannot_be_written(path, error)) from error


def _cannot_be_written(path: Path, error: OSError) -> str:
    return f"{path} cannot be written: {error.strerror}; make room, or choose another place"


def allocate(path: Path, size: int) -> None:
    """Make a file this many bytes long, with room on the disk for all of them.

    A mapped file without it ends the process by a signal where the disk gets full.
    """
    with writing(path), path.open("ab") as file:
        if sys.platform == "linux":
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.write(bytes(size - file.tell()))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the name of a file in front of a `ValueError` that does not hold it."""
    try:
        yield
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: {error}") from error


def absent(path: Path, expected: str) -> str:
    """Return that a path does not exist, with the nearest name there, or else what was expected."""
    place = path
    while not place.parent.is_dir():
        place = place.parent
    names = [name for name in os.listdir(place.parent) if not name.startswith(".")]
    near = get_close_matches(place.name, names, n=1)
    if not near or place.exists():
        return f"{path} does not exist; {expected}"
    meant = place.parent / near[0] / path.relative_to(place)
    return f"{path} does not exist; did you mean {meant}?"


def remove_leftovers(folder: Path) -> None:
    """Delete the files of killed writers; the caller must hold the lock of the folder."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink()


def lock(path: Path, *, blocking: bool) -> AbstractContextManager[Any]:
    """Return the lock on `path`, held until it is left; the end of the process releases it too.

    Raises
    ------
    BlockingIOError
        Another holder has the lock, and `blocking` is false.
    """
    try:
        return FileLock(path).acquire(blocking=blocking)
    except Timeout as error:
        raise BlockingIOError(f"{path} is locked by another process") from error


def json_digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value, in hexadecimal; the order of keys does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def config_dir() -> Path:
    """Return the folder of the configs: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def description_of(path: Path) -> list[str]:
    """Return the lines of the comment that a yaml begins with."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if "@package" not in line:
            lines.append(line.removeprefix("#").removeprefix(" ").rstrip())
    return lines
