"""Downloads that licence and source allow, with checksums."""

import shutil
import tempfile
from pathlib import Path
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
            archive.extractall(folder / "unpacked")
    except BadZipFile as error:
        raise ValueError(f"{path} is not a zip archive: {error}; fetch it again") from error
    return folder / "unpacked" / part.member
