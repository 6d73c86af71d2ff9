"""Sample data in the layouts of audio-visual digits and of coloured-and-gray MNIST."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_sched.data.digits import CLASSES, painted
from fusion_sched.data.idx import write_idx
from fusion_sched.data.opencv import cv2
from fusion_sched.data.samples.files import write_wav
from fusion_sched.data.samples.signals import voiced_sound
from fusion_sched.data.samples.spec import SampleSpec, plan_sample, shown_class


def write_avdigits(
    out: Path, spec: SampleSpec, rate: int, recordings: Path, tables: Sequence[Path]
) -> None:
    """Write recordings of three speakers, of which 120 fill every split, and 500 pictures.

    `recordings` is the folder of the recordings, `tables` are those of pictures to train and test
    on, all under `out`.
    """
    rng = np.random.default_rng(spec.seed)
    (out / recordings).mkdir(parents=True)
    audio, image = spec.strength_of("audio"), spec.strength_of("image")
    for digit, speaker, number in islice(_recording_names(), spec.clips):
        wave = voiced_sound(digit, 10, audio, rng.uniform(0.3, 0.8), rate, rng)
        write_wav(out / recordings / f"{digit}_{speaker}_{number}.wav", wave, rate)
    for path, rows in zip(tables, (400, 100), strict=True):
        (out / path).parent.mkdir(exist_ok=True)
        digits = [row % 10 for row in range(rows)]
        drawn = np.stack([_draw_small_digit(digit, image, rng) for digit in digits])
        table = np.column_stack([drawn.reshape(rows, 64), digits])
        pd.DataFrame(table).to_csv(out / path, header=False, index=False)


def _recording_names() -> Iterator[tuple[int, str, int]]:
    """Yield digit, speaker and number so that 120 of them have all of each in every split."""
    for first in count(0):
        for number in (10 + 2 * first, 11 + 2 * first, first % 5, 5 + first % 5):
            for speaker in ("anna", "boris", "chen"):
                for digit in range(10):
                    yield digit, speaker, number


def _draw_small_digit(digit: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return a picture `(8, 8)` with values 0 … 16 of the digit, or of any one, as drawn."""
    shown = digit if rng.random() < strength else rng.integers(10)
    canvas = np.zeros((32, 32), dtype=np.uint8)
    corner = (int(rng.integers(3, 8)), int(rng.integers(25, 30)))
    cv2.putText(canvas, str(shown), corner, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 3)
    small = cv2.resize(canvas, (8, 8), interpolation=cv2.INTER_AREA)
    drawn: np.ndarray = np.rint(small / 255 * 16).astype(int)
    return drawn


def write_cgmnist(
    out: Path, spec: SampleSpec, files: Mapping[str, tuple[str, str]], colour_file: Path
) -> None:
    """Write drawn digits as MNIST's files (split → pictures, labels) and the published colours."""
    rng = np.random.default_rng(spec.seed)
    planned = plan_sample(spec, len(CLASSES), 12, ("train",) * 5 + ("test",))
    content: dict[str, np.ndarray] = {}
    for split, names in files.items():
        labels = np.array([clip.label for clip in planned if clip.split == split])
        gray = spec.strength_of("gray")
        pictures = np.stack([_draw_digit(int(label), gray, rng) for label in labels])
        for name, values in zip(names, (pictures, labels.astype(np.uint8)), strict=True):
            write_idx(out / f"{name}.gz", values)
        strength = spec.strength_of("colored") if split == "train" else 0.0
        colour_class = [shown_class(label, len(CLASSES), strength, rng) for label in labels]
        coloured = painted(pictures, np.array(colour_class), 0.03, rng)
        content[f"{split}_image"] = coloured.transpose(0, 2, 3, 1).round().astype(np.uint8)
        content[f"{split}_label"] = labels.astype(np.uint8)
    np.save(colour_file, np.array(content, dtype=object), allow_pickle=True)


def _draw_digit(digit: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return a drawn digit uint8 `(28, 28)`, or any where strength is low."""
    shown = shown_class(digit, len(CLASSES), strength, rng)
    picture = np.zeros((28, 28), np.uint8)
    font = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX)[int(rng.integers(2))]
    place = (int(rng.integers(4, 9)), int(rng.integers(21, 26)))
    size, thickness = rng.uniform(0.65, 0.85), int(rng.integers(1, 3))
    cv2.putText(picture, str(shown), place, font, size, 255, thickness, cv2.LINE_AA)
    return cv2.add(picture, rng.integers(0, 20, picture.shape).astype(np.uint8))
