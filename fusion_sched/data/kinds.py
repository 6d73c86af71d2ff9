"""Kinds of modality in one's own files: which there are, how they are told apart and read."""

import fnmatch
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from fusion_sched.data.clips.audio import SOUND_SUFFIXES, VIDEO_SUFFIXES
from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.numbers import Numbers, read_npy
from fusion_sched.data.clips.spectrogram import Spectrogram
from fusion_sched.data.clips.text import PretrainedTokens, Tokens, build_vocabulary
from fusion_sched.data.clips.types import Clip, Modality, ReadError
from fusion_sched.data.clips.video import PICTURE_SUFFIXES
from fusion_sched.data.clips.wave import Wave

FRAME_KNOBS = ("frames", "choose", "size", "frame_encoding", "augmented")
KNOBS: Mapping[str, Sequence[str]] = {
    "sound": ("rate", "seconds", "short", "n_fft", "hop", "bands", "audio_size", "standardise"),
    "wave": ("rate", "seconds", "short", "standardise"),
    "picture": ("size", "frame_encoding", "augmented"),
    "video": FRAME_KNOBS,
    "frames": FRAME_KNOBS,
    "array": (),
    "text": ("length",),
    "numbers": (),
}
"""Kind → the settings that a modality of it may have for itself alone."""
SUFFIXES = {
    **dict.fromkeys(SOUND_SUFFIXES, "sound"), **dict.fromkeys(PICTURE_SUFFIXES, "picture"),
    **dict.fromkeys(VIDEO_SUFFIXES, "video"), ".npy": "array", ".txt": "text",
}  # fmt: skip
LOOKED_AT = 20
"""Cells without a known ending that are looked up as folders."""


@dataclass(frozen=True)
class ModalitySpec:
    """What a modality is made of: columns of a table, one unless they are numbers."""

    name: str
    kind: str
    columns: tuple[str, ...]
    knobs: Mapping[str, Any]


def kind_of_path(path: Path, is_folder: bool) -> str:
    """Return the kind of a file, or of a folder with pictures in it; empty for others."""
    if not is_folder:
        return SUFFIXES.get(path.suffix.lower(), "")
    names = os.listdir(path)
    return "frames" if any(PurePath(n).suffix.lower() in PICTURE_SUFFIXES for n in names) else ""


def kind_of_cells(cells: Sequence[str], root: Path) -> str:
    """Return the kind of a column; empty for numbers and for words, which may be anything.

    Paths are known by their endings and folders by being there; text has two words or more on
    average and is seldom repeated.
    """
    filled = [cell for cell in cells if cell]
    if 2 * len(filled) < len(cells) or not filled:
        return ""
    endings = Counter(SUFFIXES.get(PurePath(cell).suffix.lower(), "") for cell in filled)
    kind, count = endings.most_common(1)[0]
    if kind and 2 * count > len(filled):
        return kind
    if all((root / cell).is_dir() for cell in filled[:LOOKED_AT]):
        return "frames"
    if all(_is_number(cell) for cell in filled):
        return ""
    words = sum(len(cell.split()) for cell in filled) / len(filled)
    return "text" if words >= 2 and 2 * len(set(filled)) > len(filled) else ""


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def named_specs(
    given: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, Sequence[str]],
    defaults: Mapping[str, Any],
    root: Path,
) -> Iterator[ModalitySpec]:
    """Yield the modalities that the settings name.

    Parameters
    ----------
    given : name → `kind`, `column` or `columns`, `suffix`, and knobs of the kind
    columns : name → cells, of the columns that may be modalities
    defaults : knob → the value that all modalities have, whose type is expected
    root : folder of relative paths
    """
    for name, settings in given.items():
        key = f"dataset.modalities.{name}"
        own = dict(settings)
        own.pop("suffix", None)
        kind, pattern = own.pop("kind", None), own.pop("columns", None)
        if pattern is None:
            chosen = [own.pop("column", name)]
        else:
            patterns = [pattern] if isinstance(pattern, str) else pattern
            chosen = [c for c in columns if any(fnmatch.fnmatchcase(c, p) for p in patterns)]
            kind = kind or "numbers"
        absent = [column for column in chosen if column not in columns]
        if absent or not chosen:
            raise ValueError(
                f"{key} names the column {(absent or [pattern])[0]!r}, expected one of "
                f"{sorted(columns)}; set {key}.column, or {key}.columns to a pattern"
            )
        kind = kind or kind_of_cells(columns[chosen[0]], root) or _kind_of_words(columns[chosen[0]])
        if kind not in KNOBS:
            raise ValueError(f"{key}.kind is {kind!r}, expected one of {list(KNOBS)}")
        if len(chosen) > 1 and kind != "numbers":
            raise ValueError(f"{key}.columns names {chosen}, expected one column for kind={kind}")
        for knob, value in own.items():
            _check_knob(key, kind, knob, value, defaults)
        yield ModalitySpec(name, kind, tuple(chosen), own)


def _kind_of_words(cells: Sequence[str]) -> str:
    return "numbers" if all(_is_number(cell) for cell in cells if cell) else "text"


def _check_knob(
    key: str, kind: str, knob: str, value: object, defaults: Mapping[str, object]
) -> None:
    """Raise where a kind has no such knob, or the value is of another type than the default."""
    if knob not in KNOBS[kind]:
        known = ["kind", "column", "columns", "suffix", *KNOBS[kind]]
        raise ValueError(f"unknown key {key}.{knob}; known for kind={kind}: {known}")
    default = defaults[knob]
    if default is None or value is None or type(value) is type(default):
        return
    if not (isinstance(default, float) and type(value) is int):
        raise ValueError(f"{key}.{knob} is {value!r}, expected {type(default).__name__}")


def value_of(
    spec: ModalitySpec, cells: Mapping[str, str], root: Path, allow_outside_root: bool
) -> Path | str | tuple[float, ...]:
    """Return what a row gives to a modality: a path, a text or numbers.

    Raises
    ------
    ReadError
        "no partner", "not a number", "outside root", or what is wrong with a file of text.
    """
    if spec.kind == "numbers":
        for column in spec.columns:
            if not _is_number(cells[column]):
                message = f"{cells[column]!r} in column {column!r}, expected a finite number"
                raise ReadError("not a number", message)
        return tuple(float(cells[column]) for column in spec.columns)
    cell = cells[spec.columns[0]]
    is_file = spec.kind != "text" or PurePath(cell).suffix.lower() == ".txt"
    if not is_file:
        return cell
    if not cell:
        raise ReadError("no partner", f"no {spec.name}")
    path = Path(os.path.normpath(root / cell))
    if not allow_outside_root and not path.is_relative_to(os.path.normpath(root)):
        raise ReadError(
            "outside root",
            f"the path {cell!r}, which leaves {root}; set dataset.root to a folder above all "
            "files, or dataset.allow_outside_root=true",
        )
    return path if spec.kind != "text" else _read_text(path)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(
            "unreadable", f"the file {path}, which is no UTF-8 text: {error}"
        ) from error


def reader_of(spec: ModalitySpec, knobs: Mapping[str, Any], clips: Sequence[Clip]) -> Modality:
    """Return how the modality is read; `knobs` are those of all modalities."""
    own = {**knobs, **spec.knobs}
    if spec.kind == "sound":
        size = own["audio_size"]
        return Spectrogram(
            name=spec.name, rate=own["rate"], seconds=own["seconds"], n_fft=own["n_fft"],
            hop=own["hop"], size=None if size is None else (size[0], size[1]),
            standardise=own["standardise"], short=own["short"], bands=own["bands"],
        )  # fmt: skip
    if spec.kind == "wave":
        return Wave(spec.name, own["rate"], own["seconds"], own["short"], own["standardise"])
    if spec.kind in ("picture", "video", "frames"):
        return Frames(
            name=spec.name, count=1 if spec.kind == "picture" else own["frames"], size=own["size"],
            encoding=own["frame_encoding"], choose=own["choose"], augmented=own["augmented"],
        )  # fmt: skip
    if spec.kind == "text":
        if own["tokenizer"] is not None:
            return PretrainedTokens(name=spec.name, model=own["tokenizer"], length=own["length"])
        texts = (clip.text[spec.name] for clip in clips if clip.split == "train")
        words = build_vocabulary(texts, own["vocabulary"])
        return Tokens(name=spec.name, vocabulary=words, length=own["length"])
    if spec.kind == "numbers":
        return Numbers(spec.name, (len(spec.columns),))
    return Numbers(spec.name, _shape_of_first([clip.files[spec.name] for clip in clips]))


def _shape_of_first(paths: Sequence[Path]) -> tuple[int, ...]:
    """Return the shape of the first array that can be read."""
    for path in paths:
        try:
            return read_npy(path).shape
        except ReadError:
            continue
    raise ValueError(
        f"none of {len(paths)} files such as {paths[0] if paths else None} is a .npy array of "
        "numbers; save them by numpy.save"
    )
