"""A prepared dataset: every clip decoded once, in memory-mapped arrays, read by row.

A store's folder is named after its dataset and a hash of the settings and clip ids. It holds
`index.json` (ids in row order), `faults.json` (what could not be read, or was odd), `meta.json`,
and per modality `NAME.npy`, or `NAME.jpeg` with `NAME.offsets.npy` where pictures stay encoded,
and the checksum of each row in `NAME.sums.npy`.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion_sched.data.clips.types import Clip, Issue, Modality
from fusion_sched.data.opencv import cv2

FORMAT = 2
INDEX, ISSUES, META = "index.json", "faults.json", "meta.json"


def array_path(folder: Path, modality: str) -> Path:
    """Return the path of plain values."""
    return folder / f"{modality}.npy"


def jpeg_path(folder: Path, modality: str) -> Path:
    """Return the path of encoded pictures, one after another."""
    return folder / f"{modality}.jpeg"


def offsets_path(folder: Path, modality: str) -> Path:
    """Return the path of where each encoded picture begins, int64 `(clips · frames + 1,)`."""
    return folder / f"{modality}.offsets.npy"


def sums_path(folder: Path, modality: str) -> Path:
    """Return the path of each row's CRC-32, uint32 `(clips,)`."""
    return folder / f"{modality}.sums.npy"


@dataclass(frozen=True)
class Store:
    """A finished store. It holds paths only, so that it travels cheaply to loader processes."""

    folder: Path

    @cached_property
    def meta(self) -> dict[str, Any]:
        """Settings it was made with."""
        return read_json(self.folder / META)  # type: ignore[no-any-return]

    @cached_property
    def rows(self) -> dict[str, int]:
        """Clip id → row."""
        return {name: row for row, name in enumerate(read_json(self.folder / INDEX))}

    @cached_property
    def issues(self) -> list[Issue]:
        """What could not be read while it was made, and what was odd in files that were read."""
        return [Issue(**fields) for fields in read_json(self.folder / ISSUES)]

    @property
    def damage(self) -> list[Issue]:
        """What could not be read; those rows hold zeros."""
        return [issue for issue in self.issues if issue.fatal]

    def read(self, modality: str, rows: np.ndarray) -> Tensor:
        """Return stored values `(len(rows), *stored_shape)`.

        Raises
        ------
        ValueError
            A row that is no longer what was written.
        """
        facts = self.meta["modalities"][modality]
        if not facts["jpeg"]:
            values: np.ndarray = map_file(array_path(self.folder, modality))[rows]
            for row, value in zip(rows, values, strict=True):
                self._check(modality, row, [value])
            return torch.from_numpy(values)
        frames = facts["shape"][0]
        starts = map_file(offsets_path(self.folder, modality))
        blob = map_file(jpeg_path(self.folder, modality))
        values = np.empty((len(rows), *facts["shape"]), dtype=np.uint8)
        for place, row in enumerate(rows):
            ends = starts[row * frames : (row + 1) * frames + 1]
            pictures = [blob[a:b] for a, b in pairwise(ends)]
            self._check(modality, row, pictures)
            for frame, picture in enumerate(pictures):
                values[place, frame] = decode_jpeg(picture)
        return torch.from_numpy(values)

    def sums(self, modality: str) -> np.ndarray:
        """Return the CRC-32 of each row as it was written, uint32 `(clips,)`."""
        return map_file(sums_path(self.folder, modality))

    def _check(self, modality: str, row: int, parts: Iterable[np.ndarray]) -> None:
        written, present = int(self.sums(modality)[row]), checksum(parts)
        if present != written:
            clip = next(name for name, number in self.rows.items() if number == row)
            raise ValueError(
                f"{self.folder}: the prepared {modality} of clip {clip} has checksum "
                f"{present:08x}, expected {written:08x}; the file is damaged: remove the folder, "
                "and the next command prepares the dataset again"
            )


def is_complete(store: Store) -> bool:
    """Say whether everything is there that the store's meta data promise, in full length."""
    try:
        store.issues  # noqa: B018  (reads the file)
        return len(store.rows) == store.meta["clips"] and all(
            _is_complete_modality(store, name) for name in store.meta["modalities"]
        )
    except (OSError, ValueError, TypeError):  # absent, cut short, or not what was written
        return False


def _is_complete_modality(store: Store, name: str) -> bool:
    """Say whether one modality's files have the length that the meta data promise."""
    facts, clips = store.meta["modalities"][name], store.meta["clips"]
    if store.sums(name).shape != (clips,):
        return False
    if not facts["jpeg"]:
        values = map_file(array_path(store.folder, name))
        return values.shape == (clips, *facts["shape"]) and values.dtype == facts["dtype"]
    starts = map_file(offsets_path(store.folder, name))
    size = jpeg_path(store.folder, name).stat().st_size
    return len(starts) == clips * facts["shape"][0] + 1 and int(starts[-1]) == size


def map_file(path: Path) -> np.ndarray:
    """Map an array, or a file of bytes; once per process, and again where the file has changed."""
    return _map_version(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _map_version(path: Path, _written: int) -> np.ndarray:
    if path.suffix != ".npy":
        return np.memmap(path, dtype=np.uint8, mode="r")
    mapped: np.ndarray = np.load(path, mmap_mode="r")
    return mapped


def checksum(parts: Iterable[np.ndarray | bytes]) -> int:
    """Return the CRC-32 of some values, one after another."""
    total = 0
    for part in parts:
        content = part if isinstance(part, bytes) else np.ascontiguousarray(part).data
        total = zlib.crc32(content, total)
    return total


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def encode_jpeg(picture: np.ndarray) -> bytes:
    """Return an RGB picture `(H, W, 3)` as JPEG of quality 95."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95]
    )
    assert done, "OpenCV encodes every uint8 picture"
    return bytes(data)


def decode_jpeg(data: np.ndarray) -> np.ndarray:
    """Return the RGB picture of some JPEG bytes; grey of one colour where there are none."""
    if len(data) == 0:  # a clip that could not be read: its row is never trained on
        return np.zeros(1, dtype=np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(
            "a stored picture cannot be decoded: the store is damaged; remove its folder and "
            "prepare the dataset again"
        )
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def describe(
    dataset: str, clips: Sequence[Clip], modalities: Mapping[str, Modality]
) -> dict[str, Any]:
    """Return the meta data of a store: what it holds, of which sources, by which settings."""
    return {
        "format": FORMAT,
        "dataset": dataset,
        "clips": len(clips),
        "modalities": {
            name: {
                "settings": short_hash([repr(modality)]),
                "shape": list(modality.stored_shape),
                "dtype": modality.dtype,
                "jpeg": modality.jpeg,
            }
            for name, modality in modalities.items()
        },
        "sources": short_hash(source_state(clip) for clip in clips),
    }


def store_name(dataset: str, clips: Sequence[Clip], modalities: Mapping[str, Modality]) -> str:
    """Return the folder's name: another setting or another set of clips, another folder."""
    settings = [f"{name}={modality!r}" for name, modality in modalities.items()]
    return f"{dataset}-{short_hash([str(FORMAT), *settings, *(clip.id for clip in clips)])}"


def source_state(clip: Clip) -> str:
    """Return a text that changes when a file of the clip is written again.

    Of a folder of frames it holds the folder's own time, which changes when a frame comes or goes.
    """
    states = [f"{clip.id}|{clip.start}|{clip.seconds}|{sorted(clip.text.items())}"]
    if clip.numbers:
        states.append(str(sorted(clip.numbers.items())))
    for name, path in sorted(clip.files.items()):
        try:
            state = path.stat()
        except FileNotFoundError:
            states.append(f"{name}:absent")
            continue
        size = 0 if path.is_dir() else state.st_size
        states.append(f"{name}:{path.name}:{size}:{state.st_mtime_ns}")
    return "|".join(states)


def short_hash(parts: Any) -> str:
    """Return 16 digits of the SHA-256 over some texts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogateescape"))
        digest.update(b"\0")
    return digest.hexdigest()[:16]
