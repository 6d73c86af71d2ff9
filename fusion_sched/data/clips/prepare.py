"""Making a store: decode every clip once, in parallel, so that an interruption loses little.

The work is cut into chunks of clips. A chunk's values go into the arrays of `NAME.partial`
first, then its record `chunk-00012.json` appears; whoever comes next does the chunks without a
record. The finished folder appears under its name in one rename.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from json import JSONDecodeError
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, cpu_count, delayed

from fusion_sched.data.clips.store import (
    INDEX,
    ISSUES,
    META,
    Store,
    array_path,
    checksum,
    describe,
    encode_jpeg,
    is_complete,
    jpeg_path,
    offsets_path,
    read_json,
    store_name,
    sums_path,
)
from fusion_sched.data.clips.types import Clip, Issue, Modality, ReadError, ReadWarning
from fusion_sched.runtime.files import allocate, atomic_write, lock, remove_leftovers, writing

CHUNK = 32
"""Clips per chunk: about a second of decoding."""

Progress = Callable[[int, int], None]
"""Called with the number of clips done and the number of all clips."""


def prepare_store(
    folder: Path,
    dataset: str,
    clips: Sequence[Clip],
    modalities: Mapping[str, Modality],
    progress: Progress,
    workers: int | None = None,
) -> Store:
    """Return the store of these clips under `folder`.

    It is created if missing, finished if incomplete, and made again if its source files changed.

    Parameters
    ----------
    workers : processes that decode, all cores by default
    """
    clips = sorted(clips, key=lambda clip: clip.id)
    final = folder / store_name(dataset, clips, modalities)
    meta = describe(dataset, clips, modalities)
    if _is_current(final, meta):
        return Store(final)
    make_folder(folder)
    with lock(final.with_name(final.name + ".lock"), blocking=True):
        if not _is_current(final, meta):  # another process may have made it meanwhile
            partial = _begin(final, meta)
            if not (partial / INDEX).exists():
                _decode_all(partial, clips, modalities, progress, workers or cpu_count())
                _join_chunks(partial, clips, modalities)
            for path in partial.glob("chunk-*"):
                path.unlink()
            remove_leftovers(partial)
            shutil.rmtree(final, ignore_errors=True)  # the stale one
            partial.rename(final)
    return Store(final)


def _is_current(final: Path, meta: Mapping[str, Any]) -> bool:
    """Say whether a whole store is there, of the present sources and settings."""
    return _was_begun(final, meta) and is_complete(Store(final))


def _was_begun(folder: Path, meta: Mapping[str, Any]) -> bool:
    """Say whether a store of these sources and settings was begun in the folder."""
    try:
        return bool(read_json(folder / META) == meta)
    except (FileNotFoundError, JSONDecodeError):
        return False


def make_folder(folder: Path) -> None:
    """Make the folder of stores, or say what to do where that is not allowed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except PermissionError as error:
        raise PermissionError(
            f"prepared data cannot be written to {folder}: {error.strerror}; set dataset.store to "
            "a folder that can be written to"
        ) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise NotADirectoryError(
            f"prepared data cannot be written to {folder}: it, or a folder above it, is a file; "
            "set dataset.store to a folder"
        ) from error


def _begin(final: Path, meta: Mapping[str, Any]) -> Path:
    """Return the folder to write to: a half-written one of the same sources, or a new one."""
    partial = final.with_name(final.name + ".partial")
    if _was_begun(partial, meta):
        return partial
    shutil.rmtree(partial, ignore_errors=True)
    _check_room(final.parent, meta)
    building = final.with_name(final.name + ".new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    for name, facts in meta["modalities"].items():
        if not facts["jpeg"]:
            _create_array(array_path(building, name), facts["dtype"], meta["clips"], facts["shape"])
    write_json(building / META, meta)
    building.rename(partial)  # never a partial folder without its arrays
    return partial


def _create_array(path: Path, dtype: str, clips: int, shape: Sequence[int]) -> None:
    """Write the header of an array, and take the room that its values need."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False,
              "shape": (clips, *shape)}  # fmt: skip
    with writing(path), path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        size = file.tell() + clips * prod(shape) * np.dtype(dtype).itemsize
    allocate(path, size)


def _check_room(folder: Path, meta: Mapping[str, Any]) -> None:
    """Raise where the arrays would not fit on the disk; JPEG is taken for a sixth of its pixels."""
    needed = 0
    for facts in meta["modalities"].values():
        size = meta["clips"] * int(np.prod(facts["shape"])) * np.dtype(facts["dtype"]).itemsize
        needed += size // 6 if facts["jpeg"] else size
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"the prepared data takes {needed / 1e9:.1f} GB, but {folder} has {free / 1e9:.1f} GB "
            "left; set dataset.store to a larger disk, or dataset.frame_encoding=jpeg"
        )


def _decode_all(
    partial: Path,
    clips: Sequence[Clip],
    modalities: Mapping[str, Modality],
    progress: Progress,
    workers: int,
) -> None:
    """Decode the chunks that have no record yet."""
    starts = [s for s in range(0, len(clips), CHUNK) if not _record_path(partial, s).exists()]
    done = len(clips) - sum(len(clips[s : s + CHUNK]) for s in starts)
    progress(done, len(clips))
    jobs = (delayed(_write_chunk)(partial, s, clips[s : s + CHUNK], modalities) for s in starts)
    workers = min(workers, len(starts)) or 1
    for count in Parallel(n_jobs=workers, return_as="generator_unordered")(jobs):
        done += count
        progress(done, len(clips))


def _record_path(partial: Path, start: int) -> Path:
    """Return the record of the chunk that begins at a row; it exists once the chunk is written."""
    return partial / f"chunk-{start:08d}.json"


def _write_chunk(
    partial: Path, start: int, clips: Sequence[Clip], modalities: Mapping[str, Modality]
) -> int:
    """Decode some clips into the rows from `start`; return how many."""
    issues: list[Issue] = []
    lengths: dict[str, list[int]] = {}
    sums: dict[str, list[int]] = {}
    for name, modality in modalities.items():
        values, errors = read_modality(clips, name, modality)
        issues += errors
        stored = [stored_parts(value, modality) for value in values]
        sums[name] = [checksum(parts) for parts in stored]
        if modality.jpeg:
            lengths[name] = [len(picture) for pictures in stored for picture in pictures]
            with atomic_write(partial / f"chunk-{start:08d}.{name}.jpeg") as file:
                file.write(b"".join(picture for pictures in stored for picture in pictures))
        else:
            rows = np.lib.format.open_memmap(array_path(partial, name), mode="r+")
            for row, (value,) in enumerate(stored, start):
                rows[row] = value
            rows.flush()
    record = {
        "lengths": lengths, "sums": sums, "faults": [asdict(issue) for issue in issues],
    }  # fmt: skip
    with atomic_write(_record_path(partial, start)) as file:
        file.write(json.dumps(record).encode())
    return len(clips)


def read_modality(
    clips: Sequence[Clip], name: str, modality: Modality
) -> tuple[list[np.ndarray | None], list[Issue]]:
    """Read one modality of some clips; `None` and an issue where a file cannot be used.

    Files that are used though they are odd give an issue that is not fatal.
    """
    values: list[np.ndarray | None] = []
    issues = []
    for clip in clips:
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always", ReadWarning)
            try:
                values.append(modality.read(clip))
            except ReadError as error:
                values.append(None)
                issues.append(Issue(error.kind, clip.id, name, str(error)))
        for odd in (w.message for w in shown):
            if isinstance(odd, ReadWarning):
                issues.append(Issue(odd.kind, clip.id, name, str(odd), fatal=False))
            else:
                warnings.warn(odd, stacklevel=1)
    return values, issues


def stored_parts(value: np.ndarray | None, modality: Modality) -> list[Any]:
    """Return what a store holds of a clip: one array, or JPEG bytes by frame; `None`: unreadable.

    A clip that could not be read has zeros, or pictures of no bytes.
    """
    if modality.jpeg:
        frames = modality.stored_shape[0]
        return [b""] * frames if value is None else [encode_jpeg(picture) for picture in value]
    if value is None:
        return [np.zeros(modality.stored_shape, dtype=modality.dtype)]
    return [np.broadcast_to(value, modality.stored_shape).astype(modality.dtype)]


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, sorted, so that equal contents are equal files."""
    with atomic_write(path) as file:
        file.write(json.dumps(content, sort_keys=True, indent=1).encode())


def _join_chunks(partial: Path, clips: Sequence[Clip], modalities: Mapping[str, Modality]) -> None:
    """Join the chunks; the index is written last and says that all is there."""
    starts = range(0, len(clips), CHUNK)
    records = [read_json(_record_path(partial, start)) for start in starts]
    for name, modality in modalities.items():
        sums = [value for record in records for value in record["sums"][name]]
        _save_array(sums_path(partial, name), np.array(sums, dtype=np.uint32))
        if modality.jpeg:
            lengths = [n for record in records for n in record["lengths"][name]]
            _save_array(offsets_path(partial, name), np.cumsum([0, *lengths], dtype=np.int64))
            path = jpeg_path(partial, name)
            with writing(path), path.open("wb") as joined:
                for start in starts:
                    joined.write((partial / f"chunk-{start:08d}.{name}.jpeg").read_bytes())
    write_json(partial / ISSUES, [issue for record in records for issue in record["faults"]])
    write_json(partial / INDEX, [clip.id for clip in clips])


def _save_array(path: Path, values: np.ndarray) -> None:
    with writing(path):
        np.save(path, values)
