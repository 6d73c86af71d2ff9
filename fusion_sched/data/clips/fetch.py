"""Downloads that licence and source allow, with checksums."""

import shutil
import stat
import tempfile
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

import pooch
from requests import RequestException

from fusion_sched.data.clips.source import Download, Source


def fetch_source(source: Source, root: Path) -> list[Path]:
    """Fetch what is missing under `root`; return what was fetched.

    Raises
    ------
    ValueError
        Nothing may be fetched by a program (the message says how to get the data), or a file is
        not the known one.
    ConnectionError
        No connection to the source.
    """
    if not source.downloads:
        raise ValueError(
            f"{source.title} cannot be fetched by this program. Get it from {source.address} "
            f"({source.size}; licence: {source.licence}). {source.how}"
        )
    missing = [part for part in source.downloads if not (root / part.path).exists()]
    for part in missing:
        (root / part.path).parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root) as draft:
            # Whole, or not there at all.
            shutil.move(_download(part, Path(draft)), root / part.path)
    return [root / part.path for part in missing]


MOST_UNPACKED = 100
"""Bytes that one byte of a fetched archive may unpack to; media are hardly packed at all."""


def check_members(archive: ZipFile, origin: str) -> None:
    """Raise where an archive would write outside its folder, makes links, or fills the disk."""
    packed = sum(member.compress_size for member in archive.infolist())
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MOST_UNPACKED * packed:
        raise ValueError(
            f"{origin} unpacks from {packed:,} to {unpacked:,} bytes, more than {MOST_UNPACKED} "
            "times as many; nothing of it was unpacked"
        )
    for member in archive.infolist():
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            raise ValueError(
                f"{origin} holds {member.filename!r}, which leads out of its folder; nothing of it "
                "was unpacked"
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(
                f"{origin} holds the link {member.filename!r}, expected files; nothing of it was "
                "unpacked"
            )


def _download(part: Download, folder: Path) -> Path:
    """Fetch one file into `folder` and check it against its checksum; unpack it where needed."""
    try:
        path = pooch.retrieve(part.url, f"sha256:{part.sha256}", fname="file", path=folder)
    except RequestException as error:
        raise ConnectionError(
            f"{part.url} cannot be fetched: {error}; get it on a machine with a connection and "
            f"put it where {part.path} is expected"
        ) from error
    if not part.member:
        return Path(path)
    try:
        with ZipFile(path) as archive:
            check_members(archive, part.url)
            archive.extractall(folder / "unpacked")
    except BadZipFile as error:
        raise ValueError(f"{path} is not a zip archive: {error}; fetch it again") from error
    return folder / "unpacked" / part.member
