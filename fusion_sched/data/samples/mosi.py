"""Sample data in the layout of CMU-MOSI and CMU-MOSEI."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fusion_sched.data.samples.spec import SampleSpec, shown_class

WORDS = 50
"""Frames of the aligned file, and of the text in both."""
VISION_FRAMES = 500
"""Of the unaligned file."""
SHOWING = 3
"""Frames of a sample that show its class; the others are noise."""
PER_VIDEO = 4
SPLITS = ("train",) * 6 + ("valid", "test", "test")
"""Split of each video in turn."""


def write_features(
    out: Path, spec: SampleSpec, features: Mapping[str, int], audio_frames: int
) -> None:
    """Write `Processed/aligned_50.pkl` and `unaligned_50.pkl`: noise in which a few frames show
    the class.

    Parameters
    ----------
    features : modality → features per frame
    audio_frames : frames of sound in the unaligned file
    """
    least = PER_VIDEO * len(SPLITS)
    if spec.clips < least:
        raise ValueError(
            f"{spec.clips} clips are too few for sample data, expected at least {least}: videos "
            "of four sentences in every split"
        )
    folder = out / "Processed"
    folder.mkdir()
    frames = {"text": WORDS, "audio": WORDS, "vision": WORDS}
    _write_file(folder / "aligned_50.pkl", spec, features, frames)
    frames |= {"audio": audio_frames, "vision": VISION_FRAMES}
    _write_file(folder / "unaligned_50.pkl", spec, features, frames)


def _write_file(
    path: Path, spec: SampleSpec, features: Mapping[str, int], frames: Mapping[str, int]
) -> None:
    """Write one file; `features` per frame and `frames` by modality."""
    rng = np.random.default_rng(spec.seed)
    patterns = {m: rng.normal(size=size) for m, size in features.items()}
    samples: dict[str, list[dict[str, Any]]] = {name: [] for name in dict.fromkeys(SPLITS)}
    for number in range(spec.clips):
        video, sentence = divmod(number, PER_VIDEO)
        sample = _draw_sample(sentence % 2, spec, frames, patterns, rng)
        sample["id"] = f"sample{video:05d}$_${sentence}"
        samples[SPLITS[video % len(SPLITS)]].append(sample)
    content = {split: _stacked(drawn) for split, drawn in samples.items()}
    path.write_bytes(pickle.dumps(content, protocol=4))


def _draw_sample(
    label: int, spec: SampleSpec, frames: Mapping[str, int], patterns: Mapping[str, np.ndarray],
    rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    """Return one sample under MMSA's names; label 0 is a negative score."""
    strong = rng.uniform(0.2, 3)
    score = -strong if label == 0 else strong * (rng.random() > 0.1)  # some are neutral
    words = int(rng.integers(8, WORDS + 1))
    sample: dict[str, Any] = {
        "raw_text": "a sentence made by a program",
        "annotations": ("Negative", "Neutral", "Positive")[int(np.sign(score)) + 1],
        "regression_labels": np.float32(round(score, 1)),
    }
    for modality, count in frames.items():
        shown = shown_class(label, 2, spec.strength_of(modality), rng)
        pattern, length = patterns[modality], count * words // WORDS
        values = np.zeros((count, len(pattern)), dtype=np.float32)
        values[:length] = rng.normal(size=(length, len(pattern)))
        showing = rng.choice(length, SHOWING, replace=False)
        # As far from the other class in all, however many features there are.
        values[showing] += (2 * shown - 1) * 4 * pattern / np.linalg.norm(pattern)
        sample[modality] = values
        sample[f"{modality}_lengths"] = length
    return sample


def _stacked(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Return MMSA's arrays and lists of some samples."""
    columns: dict[str, Any] = {name: [sample[name] for sample in samples] for name in samples[0]}
    for name in ("text", "audio", "vision", "regression_labels"):
        columns[name] = np.stack(columns[name])
    for name in ("raw_text", "annotations"):
        columns[name] = np.array(columns[name])
    del columns["text_lengths"]
    return columns
