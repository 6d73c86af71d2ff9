"""Downloads that licence and source allow, with checksums."""

import shutil
import tempfile
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import pooch
from requests import RequestException

from fusion_sched.data.clips.source import Download, Source


def fetch(source: Source, root: Path) -> list[Path]:
    """Fetch what is missing under ``root``; return what was fetched.

    Raises:
        ValueError: nothing may be fetched by a program (the message says how to get the data), or
            a file is not the known one.
        ConnectionError: no connection to the source.
    """
    if not source.downloads:
        raise ValueError(
            f"{source.title} cannot be fetched by this program. Get it from {source.address} "
            f"({source.size}; licence: {source.licence}). {source.how}"
        )
    missing = [part for part in source.downloads if not (root / part.path).exists()]
    fetched = []
    for part in missing:
        (root / part.path).parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root) as draft:
            found = download(part, Path(draft))
            if part.member:
                found = unpack(found, part.member, Path(draft))
            shutil.move(found, root / part.path)  # whole, or not there at all
        fetched.append(root / part.path)
    return fetched


def download(part: Download, folder: Path) -> Path:
    """Fetch one file into ``folder`` and hold it against its checksum."""
    try:
        return Path(pooch.retrieve(part.url, f"sha256:{part.sha256}", fname="file", path=folder))
    except RequestException as error:
        raise ConnectionError(
            f"{part.url} cannot be fetched: {error}; get it on a machine with a connection and "
            f"put it where {part.path} is expected"
        ) from error


def unpack(archive: Path, member: str, folder: Path) -> Path:
    """Unpack a zip archive; return the folder of it that is wanted."""
    try:
        with ZipFile(archive) as content:
            content.extractall(folder / "unpacked")
    except BadZipFile as error:
        raise ValueError(f"{archive} is not a zip archive: {error}; fetch it anew") from error
    return folder / "unpacked" / member
